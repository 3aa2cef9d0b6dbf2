/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Flushes, in rounds: whoever comes first becomes the leader of a round
 * and makes everything durable that completed before it began; who
 * comes during a round waits for the next one, which one of them leads.
 *
 * A round collects what changed, shard by shard, into batches, and
 * writes each batch to the log with one durable write.  If anything was
 * written to places, the file is synced before a batch is written, as
 * the batch's map records may refer to it.
 */

#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "layer/sqlite/sqlite-impl.h"

/* Bytes of records and of data in one batch.  The records end where the
 * data begins once their length is known, so the header moves, not the
 * data.
 */
#define BATCH_RECORDS (64u << 10)
#define BATCH_DATA (2u << 20)
#define BATCH_BUFFER (BATCH_RECORDS + BATCH_DATA)

int
sqlite_log_init (struct sqlite_layer *l)
{
  struct log *g = &l->log;

  pthread_mutex_init (&g->bulk_lock, NULL);
  pthread_mutex_init (&g->lock, NULL);
  pthread_cond_init (&g->done, NULL);
  return 0;
}

void
sqlite_log_fini (struct sqlite_layer *l)
{
  struct log *g = &l->log;

  free (g->bulk.v);
  free (g->batch);
  pthread_mutex_destroy (&g->bulk_lock);
  pthread_mutex_destroy (&g->lock);
  pthread_cond_destroy (&g->done);
}

int
sqlite_sync (struct sqlite_layer *l, int *err)
{
  *err = atomic_load (&l->failed);
  if (*err != 0)
    return -1;
  if (store_flush (l->file, err) == 0)
    return 0;
  errno = *err;
  log_error ("%s: sync: %m; what was written since the last successful one "
             "may be lost, so nothing more is written",
             l->name);
  *err = EIO;
  atomic_store (&l->failed, EIO);
  return -1;
}

int
sqlite_log_reserve_bulk (struct sqlite_layer *l, size_t nmore, int *err)
{
  struct bulk_list *list = &l->log.bulk;
  LOCK_SCOPE (&l->log.lock);

  if (list->cap - list->len < nmore) {
    const size_t cap = list->cap * 2 + nmore + 16;
    struct bulk *v = realloc (list->v, cap * sizeof *v);

    if (v == NULL) {
      *err = ENOMEM;
      return -1;
    }
    list->v = v;
    list->cap = cap;
  }
  return 0;
}

void
sqlite_log_add_bulk (struct sqlite_layer *l, const struct bulk *b)
{
  struct bulk_list *list = &l->log.bulk;
  LOCK_SCOPE (&l->log.lock);

  list->v[list->len++] = *b;
  atomic_store (&l->log.bulk_pending, true);
}

static struct bulk_list
take_bulk (struct log *g)
{
  struct bulk_list list;
  LOCK_SCOPE (&g->lock);

  list = g->bulk;
  g->bulk = (struct bulk_list){ .v = NULL };
  return list;
}

/* The ring. */

/* All with ckpt.running. */

void
sqlite_note_commit (struct sqlite_layer *l)
{
  atomic_store (&l->marks_recorded, sqlite_db_has_marks (l->db));
  atomic_store (&l->db_used, sqlite_db_used (l->db));
}

static int
give_up_commit (struct sqlite_layer *l)
{
  sqlite_db_rollback (l->db);
  if (sqlite_db_sync_failed (l->db))
    atomic_store (&l->failed, EIO);
  return -1;
}

static int
record_log (struct sqlite_layer *l, const struct sqlite_db_log *state)
{
  if (sqlite_db_begin (l->db) == 0 && sqlite_db_put_log (l->db, state) == 0 &&
      sqlite_db_commit (l->db) == 0) {
    sqlite_note_commit (l);
    return 0;
  }
  return give_up_commit (l);
}

/* Before the first batch with a mark: the file says that it has some. */
static int
record_marks (struct sqlite_layer *l, int *err)
{
  LOCK_SCOPE (&l->ckpt.running);

  if (sqlite_db_begin (l->db) == 0 && sqlite_db_put_marks (l->db) == 0 &&
      sqlite_db_commit (l->db) == 0) {
    sqlite_note_commit (l);
    return 0;
  }
  *err = EIO;
  return give_up_commit (l);
}

/* Make the log: a stretch of the file, and rows that say where it is. */
static int
create_log (struct sqlite_layer *l, int *err)
{
  struct log *g = &l->log;
  struct sqlite_db_log state = { .exists = true, .length = g->length };
  uint64_t place;

  if (uuid_random (&state.id) == -1) {
    *err = errno;
    return -1;
  }
  if (sqlite_space_alloc_log (l, g->length / SDB_CLUSTER, &place, err) == -1)
    return -1;
  state.offset = sdb_place_offset (place);
  state.sequence = 1;
  /* A checkpoint writes down again what it knows of the log: none may
   * begin between the rows that say that there is one and g->exists.
   */
  LOCK_SCOPE (&l->ckpt.running);
  if (record_log (l, &state) == -1) {
    sqlite_space_unalloc (l, place, g->length / SDB_CLUSTER);
    *err = EIO;
    return -1;
  }
  g->id = state.id;
  g->offset = state.offset;
  g->sequence = 1;
  g->head = 0;
  LOCK_SCOPE (&g->lock);
  g->done_sequence = g->done_head = g->tail = 0;
  g->exists = true;
  atomic_store (&g->done_good, 0);
  atomic_store (&l->log_reserved, 0);
  return 0;
}

/* Wait until LENGTH bytes fit behind the head, skipping what is left of
 * the ring if they do not fit there in one piece.
 */
static int
make_room (struct sqlite_layer *l, uint64_t length, int *err)
{
  struct log *g = &l->log;
  const uint64_t to_end = g->length - g->head % g->length;

  if (to_end < length)
    g->head += to_end;
  for (;;) {
    pthread_mutex_lock (&g->lock);
    const bool fits = g->head + length - g->tail <= g->length;
    pthread_mutex_unlock (&g->lock);

    if (fits)
      return 0;
    if (sqlite_ckpt_wait (l, err) == -1)
      return -1;
  }
}

/* Batches. */

static char *
records_start (struct log *g)
{
  return g->batch + SDB_BATCH_HEADER_SIZE;
}

/* Sync the file if what the batch says or what clients were told depends
 * on it: writes of clients to places, a file that grew, and, for map
 * records, what a checkpoint has written to places.
 */
static int
sync_before_batch (struct sqlite_layer *l, int *err)
{
  struct log *g = &l->log;
  bool grew;

  pthread_mutex_lock (&l->space.lock);
  grew = g->grew;
  g->grew = false;
  pthread_mutex_unlock (&l->space.lock);
  if (!atomic_exchange (&l->unsynced, false) && !grew &&
      !(g->has_map && atomic_load (&l->unsynced_checkpoint)))
    return 0;
  return sqlite_sync (l, err);
}

/* The same when there is no batch. */
static int
sync_writes (struct sqlite_layer *l, int *err)
{
  return atomic_exchange (&l->unsynced, false) ? sqlite_sync (l, err) : 0;
}

static void
clear_batch (struct log *g)
{
  g->nrecords = g->records_length = g->data_length = 0;
  g->has_map = g->has_marks = false;
}

/* Write the batch that was collected, durably.  Whether it succeeds or
 * not, its number is used up: a batch that failed may be on the medium
 * all the same.
 */
static int
write_batch (struct sqlite_layer *l, int *err)
{
  struct log *g = &l->log;
  struct sdb_batch b = {
    .log_id = g->id,
    .sequence = g->sequence,
    .nrecords = g->nrecords,
    .records_length = g->records_length,
    .data_offset = sdb_batch_data_offset (g->records_length),
    .data_length = g->data_length,
  };
  char *start = g->batch + BATCH_RECORDS - b.data_offset;
  bool half_full;
  int r;

  if (g->nrecords == 0)
    return sync_writes (l, err);
  if (g->has_marks && !atomic_load (&l->marks_recorded) &&
      record_marks (l, err) == -1)
    return -1;
  b.length = ROUND_UP (b.data_offset + b.data_length, SDB_LOG_UNIT);
  memmove (start + SDB_BATCH_HEADER_SIZE, records_start (g), g->records_length);
  sdb_batch_seal ((uint8_t *) start, &b);
  if (sync_before_batch (l, err) == -1 || make_room (l, b.length, err) == -1)
    return -1;
  r = store_write (l->file, start, b.length, g->offset + g->head % g->length,
                   STORE_FUA, err);
  if (r == 0) {
    g->head += b.length;
    atomic_store (&g->done_good, b.sequence);
  }
  else {
    errno = *err;
    log_error ("%s: write %" PRIu32 " bytes to the log: %m", l->name, b.length);
  }
  g->sequence++;
  clear_batch (g);
  pthread_mutex_lock (&g->lock);
  g->done_sequence = b.sequence;
  g->done_head = g->head;
  half_full = g->head - g->tail > g->length / 2;
  pthread_mutex_unlock (&g->lock);
  if (half_full)
    sqlite_ckpt_wake (l);
  return r;
}

/* Is there room in the batch for one cluster, whatever it has? */
static bool
batch_full (const struct log *g)
{
  const size_t most_records = SDB_RECORD_MAX * 64;

  return SDB_BATCH_HEADER_SIZE + g->records_length + most_records >
           BATCH_RECORDS ||
         g->data_length + SDB_CLUSTER > min_u64 (BATCH_DATA, g->length / 4);
}

static void
add_record (struct sqlite_layer *l, const struct sdb_record *r)
{
  struct log *g = &l->log;

  g->records_length += sdb_record_put (
    (uint8_t *) records_start (g) + g->records_length, r, l->cluster_sectors);
  g->nrecords++;
  g->has_map = g->has_map || r->type == SDB_RECORD_MAP;
  g->has_marks = g->has_marks || r->run.dirty;
}

static void
add_data (struct sqlite_layer *l, const struct cluster *c, unsigned lo,
          unsigned hi)
{
  struct log *g = &l->log;
  const struct sdb_record r = {
    .type = SDB_RECORD_DATA,
    .sector = (c->number << l->cluster_shift) + lo,
    .nsectors = hi - lo,
  };

  add_record (l, &r);
  sqlite_blocks_get (l, c, lo, hi, g->batch + BATCH_RECORDS + g->data_length);
  g->data_length += (size_t) (hi - lo) << l->sector_shift;
}

/* Of the blocks of C in SET, as bits, the valid sectors. */
static void
add_blocks (struct sqlite_layer *l, struct cluster *c, uint16_t set)
{
  for (; set != 0; set &= set - 1) {
    const unsigned i = (unsigned) __builtin_ctz (set);
    const unsigned base = i * l->block_sectors;
    unsigned lo = base, hi;

    for (; lo < base + l->block_sectors; lo = hi) {
      bool in;

      hi = sqlite_blocks_run (l, c, lo, base + l->block_sectors, true, &in);
      if (in)
        add_data (l, c, lo, hi);
    }
    c->blocks->logged[i] = l->log.sequence;
    if (c->blocks->unlogged & (1u << i))
      atomic_fetch_sub (&l->nunlogged, 1);
    c->blocks->unlogged &= (uint16_t) ~(1u << i);
  }
}

/* Put what the log must know of C into the batch.  A map record makes
 * replay forget the cluster's blocks, so they follow it, but for those
 * that are in their place: the map record tells of these.
 */
static void
add_cluster (struct sqlite_layer *l, struct cluster *c)
{
  uint16_t set = c->blocks ? c->blocks->unlogged : 0;

  if (c->map_dirty) {
    struct sdb_record r = { .type = SDB_RECORD_MAP, .cluster = c->number };

    sqlite_map_describe (l, c->number, &r.run);
    add_record (l, &r);
    c->map_dirty = false;
    if (c->mark_batch == MARK_NOT_LOGGED)
      c->mark_batch = l->log.sequence;
    if (c->blocks)
      set |= c->blocks->unplaced;
  }
  add_blocks (l, c, set);
}

static int
collect_bulk (struct sqlite_layer *l, const struct bulk_list *list, int *err)
{
  for (size_t i = 0; i < list->len; i++) {
    const struct sdb_record r = {
      .type = SDB_RECORD_MAP,
      .cluster = list->v[i].cluster,
      .run = { .kind = list->v[i].absent ? SDB_ABSENT : SDB_ZERO,
               .nclusters = list->v[i].n,
               .dirty = list->v[i].marked },
    };

    if (batch_full (&l->log) && write_batch (l, err) == -1)
      return -1;
    add_record (l, &r);
  }
  return 0;
}

/* The dirty list of shard I, now ours.  Its clusters stay `queued', so
 * nobody frees them or puts them on another list.
 */
static struct cluster *
take_dirty (struct sqlite_layer *l, unsigned i)
{
  struct shard *s = &l->shard[i];
  struct cluster *list;
  WRLOCK_SCOPE (&s->lock);

  list = s->dirty;
  s->dirty = NULL;
  return list;
}

static void
put_back (struct sqlite_layer *l, unsigned i, struct cluster *list)
{
  struct shard *s = &l->shard[i];
  WRLOCK_SCOPE (&s->lock);

  while (list != NULL) {
    struct cluster *c = list;

    list = c->dirty_next;
    c->queued = false;
    sqlite_cluster_queue (l, c);
  }
}

static struct cluster *
collect_one (struct sqlite_layer *l, struct cluster *c)
{
  struct cluster *next = c->dirty_next;
  WRLOCK_SCOPE (&shard_of (l, c->number)->lock);

  c->queued = false;
  add_cluster (l, c);
  sqlite_cluster_drop_if_idle (l, c);
  return next;
}

static int
collect_shard (struct sqlite_layer *l, unsigned i, int *err)
{
  struct cluster *list = take_dirty (l, i);

  while (list != NULL) {
    if (batch_full (&l->log) && write_batch (l, err) == -1) {
      put_back (l, i, list);
      return -1;
    }
    list = collect_one (l, list);
  }
  return 0;
}

static int
start_batch (struct sqlite_layer *l, int *err)
{
  struct log *g = &l->log;

  if (g->batch == NULL)
    g->batch = aligned_alloc (SDB_LOG_UNIT, BATCH_BUFFER);
  if (g->batch == NULL) {
    *err = ENOMEM;
    return -1;
  }
  clear_batch (g);
  return g->exists ? 0 : create_log (l, err);
}

static int
collect_shards (struct sqlite_layer *l, int *err)
{
  for (unsigned w = 0; w < NSHARDS / 64; w++) {
    uint64_t bits = atomic_exchange (&l->dirty_shards[w], 0);

    for (; bits != 0; bits &= bits - 1) {
      if (collect_shard (l, w * 64 + (unsigned) __builtin_ctzll (bits), err) ==
          -1) {
        atomic_fetch_or (&l->dirty_shards[w], bits);
        return -1;
      }
    }
  }
  return 0;
}

/* The bulk changes go first: what came after them is in the shards. */
static int
collect_and_write (struct sqlite_layer *l, int *err)
{
  struct bulk_list bulk = take_bulk (&l->log);
  int r = -1;

  if (start_batch (l, err) == 0 && collect_bulk (l, &bulk, err) == 0 &&
      collect_shards (l, err) == 0)
    r = write_batch (l, err);
  free (bulk.v);
  return r;
}

static bool
anything_dirty (const struct sqlite_layer *l)
{
  bool dirty = atomic_load (&l->log.bulk_pending);

  for (unsigned w = 0; w < NSHARDS / 64; w++)
    dirty = dirty || atomic_load (&l->dirty_shards[w]) != 0;
  return dirty;
}

/* Make what completed so far durable.  What a failed batch held is not
 * known to the log any more; from then on only a checkpoint, which puts
 * everything in its place, can make a flush true.
 */
static int
do_round (struct sqlite_layer *l, int *err)
{
  struct log *g = &l->log;
  LOCK_SCOPE (&g->bulk_lock);

  *err = atomic_load (&l->failed);
  if (*err != 0)
    return -1;
  if (!g->incomplete && !anything_dirty (l))
    return sync_writes (l, err);
  if (g->incomplete || collect_and_write (l, err) == -1) {
    g->incomplete = true;
    if (sqlite_ckpt_wait (l, err) == -1)
      return -1;
    free (take_bulk (g).v);
    g->incomplete = false;
  }
  /* Nobody can have added to bulk meanwhile. */
  atomic_store (&g->bulk_pending, false);
  return 0;
}

static void
lead (struct sqlite_layer *l)
{
  struct log *g = &l->log;
  const uint64_t round = ++g->started;
  int err = 0;

  g->running = true;
  pthread_mutex_unlock (&g->lock);
  if (do_round (l, &err) == 0)
    err = 0;
  pthread_mutex_lock (&g->lock);
  g->running = false;
  g->ended = round;
  g->error = err;
  pthread_cond_broadcast (&g->done);
}

int
sqlite_log_flush (struct sqlite_layer *l, int *err)
{
  struct log *g = &l->log;
  LOCK_SCOPE (&g->lock);
  const uint64_t target = g->started + 1;

  while (g->ended < target) {
    if (g->running)
      pthread_cond_wait (&g->done, &g->lock);
    else
      lead (l);
  }
  /* A later round that succeeded has made up for an earlier one. */
  *err = g->error;
  return *err == 0 ? 0 : -1;
}

/* For checkpoints. */

uint64_t
sqlite_log_round (struct sqlite_layer *l)
{
  LOCK_SCOPE (&l->log.lock);

  return l->log.started;
}

void
sqlite_log_moment (struct sqlite_layer *l, struct log_moment *m)
{
  struct log *g = &l->log;
  LOCK_SCOPE (&g->lock);

  *m = (struct log_moment){
    .state = { .exists = g->exists,
               .id = g->id,
               .offset = g->offset,
               .length = g->length,
               .position = g->done_head,
               .sequence = g->done_sequence + 1 },
    .started = g->started,
    .ended = g->ended,
    .nbulk = g->bulk.len,
  };
}

bool
sqlite_log_quiet_since (struct sqlite_layer *l, const struct log_moment *m)
{
  struct log *g = &l->log;
  LOCK_SCOPE (&g->lock);

  if (m->ended != m->started || g->started != m->started ||
      g->bulk.len != m->nbulk)
    return false;
  g->bulk.len = 0;
  atomic_store (&g->bulk_pending, false);
  return true;
}

void
sqlite_log_move_tail (struct sqlite_layer *l, uint64_t tail)
{
  struct log *g = &l->log;
  LOCK_SCOPE (&g->lock);

  g->tail = tail;
}
