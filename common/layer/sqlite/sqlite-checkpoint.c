/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Checkpoints: put the blocks in their places, sync the file, commit the
 * index, forget what is not needed any more.  In this order:
 *
 * 1. Note the log's end; take the places in quarantine.
 * 2. Write every block that is newer than its place; `placed' says so.
 * 3. Describe the pages of the index that changed.
 * 4. Sync the file: all that step 3 speaks of is durable.
 * 5. Commit the rows, and the log's end of step 1 as its beginning.
 * 6. Forget blocks that did not change since step 2 and are in no later
 *    batch, move the log's tail, let the places be used again that no
 *    later batch has.
 *
 * Requests go on during all of it.  A thread does checkpoints when the
 * log is half full, when there are many blocks, and some seconds after a
 * change.
 */

#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "layer/sqlite/sqlite-impl.h"

/* Seconds after which a change is put in its place. */
#define INTERVAL 5

/* Look this often whether there is much to do; nanoseconds. */
#define POLL 100000000

/* A checkpoint begins when there are more blocks, or clusters with
 * changes in memory, than this.  (The log asks for one by itself.)
 */
#define MANY_BLOCKS ((32u << 20) / BLOCK)
#define MANY_CLUSTERS 65536

/* Rows in one transaction. */
#define ROWS_AT_ONCE 4096

/* Step 2. */

struct numbers {
  uint64_t *v;
  size_t len, cap;
};

static int
add_number (struct numbers *n, uint64_t v)
{
  if (n->len == n->cap) {
    const size_t cap = n->cap ? n->cap * 2 : 1024;
    uint64_t *p = realloc (n->v, cap * sizeof *p);

    if (p == NULL)
      return -1;
    n->v = p;
    n->cap = cap;
  }
  n->v[n->len++] = v;
  return 0;
}

static int
compare_numbers (const void *a, const void *b)
{
  const uint64_t x = *(const uint64_t *) a, y = *(const uint64_t *) b;

  return x < y ? -1 : x > y;
}

/* The clusters that have blocks, in the order of the disk, so that new
 * places are, too.
 */
static int
list_clusters (struct sqlite_layer *l, struct numbers *n, int *err)
{
  for (unsigned i = 0; i < NSHARDS; i++) {
    struct shard *s = &l->shard[i];
    RDLOCK_SCOPE (&s->lock);

    for (unsigned b = 0; b < SHARD_BUCKETS; b++) {
      for (struct cluster *c = s->bucket[b]; c != NULL; c = c->next) {
        if (c->blocks != NULL && add_number (n, c->number) == -1) {
          *err = ENOMEM;
          return -1;
        }
      }
    }
  }
  if (n->len > 0)
    qsort (n->v, n->len, sizeof *n->v, compare_numbers);
  return 0;
}

/* Write sectors [LO, HI) of blocks of C, all valid, to PLACE. */
static int
write_run (struct sqlite_layer *l, const struct cluster *c, uint64_t place,
           unsigned lo, unsigned hi, int *err)
{
  struct iovec iov[CLUSTER_BLOCKS];
  const uint64_t offset =
    sdb_place_offset (place) + ((uint64_t) lo << l->sector_shift);
  const uint64_t sector = (c->number << l->cluster_shift) + lo;
  const unsigned n = hi - lo;
  int niov = 0;

  for (unsigned end; lo < hi; lo = end, niov++) {
    const unsigned i = lo / l->block_sectors, base = i * l->block_sectors;

    end = min_u64 (base + l->block_sectors, hi);
    iov[niov].iov_base =
      c->blocks->data[i] + ((size_t) (lo - base) << l->sector_shift);
    iov[niov].iov_len = (size_t) (end - lo) << l->sector_shift;
  }
  atomic_store (&l->unsynced_checkpoint, true);
  if (store_writev (l->file, iov, niov, offset, 0, err) == -1) {
    errno = *err;
    log_error ("%s: write %u sectors of disk sector %" PRIu64
               " at file offset %" PRIu64 ": %m",
               l->name, n, sector, offset);
    return -1;
  }
  return layer_bits_set_data (&l->placed, sector, n, err);
}

/* Is sector LO of C in a block that is newer than its place? */
static bool
is_unplaced (const struct sqlite_layer *l, const struct cluster *c, unsigned lo)
{
  const unsigned i = lo / l->block_sectors;

  return (c->blocks->unplaced >> i & 1) &&
         (c->blocks->valid[i] >> (lo % l->block_sectors) & 1);
}

static int
place_blocks (struct sqlite_layer *l, struct cluster *c, uint64_t place,
              int *err)
{
  unsigned lo = 0, hi;

  while (lo < l->cluster_sectors) {
    if (!is_unplaced (l, c, lo)) {
      lo++;
      continue;
    }
    for (hi = lo + 1; hi < l->cluster_sectors && is_unplaced (l, c, hi);)
      hi++;
    if (write_run (l, c, place, lo, hi, err) == -1)
      return -1;
    lo = hi;
  }
  c->blocks->unplaced = 0;
  return 0;
}

static int
place_cluster (struct sqlite_layer *l, uint64_t number, int *err)
{
  struct cluster *c;
  uint64_t place;
  bool fresh;
  WRLOCK_SCOPE (&shard_of (l, number)->lock);

  c = sqlite_cluster_find (l, number);
  if (c == NULL || c->blocks == NULL || c->blocks->unplaced == 0)
    return 0;
  if (presence_set (l->index_dirty, number / PAGE_CLUSTERS, 1) == -1) {
    *err = ENOMEM;
    return -1;
  }
  if (sqlite_is_marked (l, number) && sqlite_place_lacks_mark (l, number) &&
      sqlite_move_place (l, number, err) == -1)
    return -1;
  place = entry_place (entry_load (l, number));
  fresh = place == 0;
  if (fresh && sqlite_space_alloc (l, 1, &place, err) == -1)
    return -1;
  if (fresh)
    sqlite_map_set_place (l, number, place);
  if (atomic_load (&l->log.bulk_pending) &&
      sqlite_map_changed (l, number, err) == -1)
    return -1;
  return place_blocks (l, c, place, err);
}

static int
place_all (struct sqlite_layer *l, int *err)
{
  struct numbers n = { .v = NULL };
  int r = list_clusters (l, &n, err);

  for (size_t i = 0; r == 0 && i < n.len; i++)
    r = place_cluster (l, n.v[i], err);
  free (n.v);
  return r;
}

/* Step 3. */

/* Rows to be written: pages, and where their runs are in `runs'. */
struct rows {
  struct row {
    uint64_t page;
    size_t start, length;
  } * v;
  size_t len, cap;
  uint8_t *runs;
  size_t runs_len, runs_cap;
};

static void
free_rows (struct rows *r)
{
  free (r->v);
  free (r->runs);
}

static int
reserve_row (struct rows *r, int *err)
{
  if (r->len == r->cap) {
    const size_t cap = r->cap ? r->cap * 2 : 64;
    struct row *v = realloc (r->v, cap * sizeof *v);

    if (v == NULL)
      goto no_memory;
    r->v = v;
    r->cap = cap;
  }
  if (r->runs_cap - r->runs_len < PAGE_CLUSTERS * SDB_RUN_MAX) {
    const size_t cap = r->runs_cap * 2 + PAGE_CLUSTERS * SDB_RUN_MAX;
    uint8_t *v = realloc (r->runs, cap);

    if (v == NULL)
      goto no_memory;
    r->runs = v;
    r->runs_cap = cap;
  }
  return 0;

no_memory:
  *err = ENOMEM;
  return -1;
}

static void
mark_described (struct sqlite_layer *l, uint64_t number)
{
  struct cluster *c = sqlite_cluster_find (l, number);

  if (c != NULL)
    c->described = true;
}

/* The row of PAGE; an empty one if all of it is absent. */
static int
describe_page (struct sqlite_layer *l, struct rows *r, uint64_t page, int *err)
{
  const uint64_t first = page * PAGE_CLUSTERS;
  const uint64_t end = min_u64 (first + PAGE_CLUSTERS, l->nclusters);
  struct sdb_run run = { .nclusters = 0 }, next;
  struct row *row;
  uint8_t *p;

  if (reserve_row (r, err) == -1)
    return -1;
  p = r->runs + r->runs_len;
  for (uint64_t c = first; c < end; c++) {
    WRLOCK_SCOPE (&shard_of (l, c)->lock);

    sqlite_map_describe (l, c, &next);
    mark_described (l, c);
    if (run.nclusters > 0 && !sdb_run_join (&run, &next)) {
      p += sdb_run_put (p, &run, l->cluster_sectors);
      run.nclusters = 0;
    }
    if (run.nclusters == 0)
      run = next;
  }
  if (run.kind != SDB_ABSENT || run.dirty || run.nclusters < end - first)
    p += sdb_run_put (p, &run, l->cluster_sectors);
  row = &r->v[r->len++];
  row->page = page;
  row->start = r->runs_len;
  row->length = (size_t) (p - r->runs) - r->runs_len;
  r->runs_len += row->length;
  return 0;
}

/* A page that changes while it is described is described again next
 * time: its mark is cleared first.
 */
static int
describe_pages (struct sqlite_layer *l, struct rows *r, int *err)
{
  uint64_t page = 0;

  while ((page = presence_find (l->index_dirty, page, l->npages, true)) <
         l->npages) {
    if (presence_clear (l->index_dirty, page, 1) == -1) {
      *err = ENOMEM;
      return -1;
    }
    if (describe_page (l, r, page, err) == -1) {
      presence_set (l->index_dirty, page, 1);
      return -1;
    }
    page++;
  }
  return 0;
}

static void
mark_rows_dirty (struct sqlite_layer *l, const struct rows *r)
{
  for (size_t i = 0; i < r->len; i++)
    presence_set (l->index_dirty, r->v[i].page, 1);
}

/* Step 5.  Rows may be there before the log's beginning moves: replay
 * sets what it sets again.
 */
static int
commit_rows (struct sqlite_layer *l, const struct rows *r,
             const struct sqlite_db_log *log)
{
  const bool marks = atomic_load (&l->marks);

  if (sqlite_db_begin (l->db) == -1 ||
      (marks && sqlite_db_put_marks (l->db) == -1))
    return -1;
  for (size_t i = 0; i < r->len; i++) {
    const struct row *row = &r->v[i];

    if (sqlite_db_put_page (l->db, row->page, r->runs + row->start,
                            row->length) == -1)
      return -1;
    if (i % ROWS_AT_ONCE == ROWS_AT_ONCE - 1 &&
        (sqlite_db_commit (l->db) == -1 || sqlite_db_begin (l->db) == -1))
      return -1;
  }
  if (sqlite_db_put_log (l->db, log) == -1 || sqlite_db_commit (l->db) == -1)
    return -1;
  sqlite_note_commit (l);
  return 0;
}

/* Step 6. */

/* Free the blocks of C that are in their place and that no batch from
 * FIRST on has.  One that changed since it was logged is still wanted by
 * the log unless QUIET: a batch may have the map of C as it was before
 * the block, which recovery must not be left with.
 */
static void
forget_blocks (struct sqlite_layer *l, struct cluster *c, uint64_t first,
               bool quiet)
{
  for (unsigned i = 0; i < CLUSTER_BLOCKS && c->blocks != NULL; i++) {
    const struct blocks *b = c->blocks;
    const uint16_t wanted =
      (uint16_t) (b->unplaced | (quiet ? 0 : b->unlogged));

    if (b->data[i] != NULL && !(wanted >> i & 1) && b->logged[i] < first)
      sqlite_block_free (l, c, i);
  }
}

/* Take off the dirty list what has nothing to be logged any more. */
static void
prune_dirty (struct shard *s)
{
  struct cluster **p = &s->dirty;

  while (*p != NULL) {
    struct cluster *c = *p;

    if (c->map_dirty || (c->blocks != NULL && c->blocks->unlogged != 0)) {
      p = &c->dirty_next;
      continue;
    }
    *p = c->dirty_next;
    c->queued = false;
  }
}

/* With QUIET, no batch from FIRST on was begun, and the log need not be
 * told of changes that the index has.
 */
static void
forget_shard (struct sqlite_layer *l, struct shard *s, uint64_t first,
              bool quiet)
{
  struct cluster *c, *next;
  WRLOCK_SCOPE (&s->lock);

  for (unsigned b = 0; b < SHARD_BUCKETS; b++) {
    for (c = s->bucket[b]; c != NULL; c = c->next) {
      if (quiet && c->described)
        c->map_dirty = false;
      sqlite_mark_settle (l, c, quiet && c->described);
      forget_blocks (l, c, first, quiet);
    }
  }
  prune_dirty (s);
  for (unsigned b = 0; b < SHARD_BUCKETS; b++) {
    for (c = s->bucket[b]; c != NULL; c = next) {
      next = c->next;
      sqlite_cluster_drop_if_idle (l, c);
    }
  }
}

static void
forget_all (struct sqlite_layer *l, uint64_t first, bool quiet)
{
  for (unsigned i = 0; i < NSHARDS; i++)
    forget_shard (l, &l->shard[i], first, quiet);
}

/* Only when it is over may a batch do without a sync of its own. */
static int
sync_places (struct sqlite_layer *l, int *err)
{
  if (sqlite_sync (l, err) == -1)
    return -1;
  atomic_store (&l->unsynced_checkpoint, false);
  return 0;
}

/* The log when nothing is left in it and no more will come. */
static void
give_up_log (struct sqlite_layer *l, struct sqlite_db_log *log)
{
  if (!log->exists)
    return;
  for (uint64_t p = 0; p < log->length / SDB_CLUSTER; p++)
    sqlite_space_free (l, log->offset / SDB_CLUSTER + p);
  log->exists = false;
}

/* Steps 3 to 5, all or nothing: the marks that are cleared come back. */
static int
write_rows (struct sqlite_layer *l, const struct sqlite_db_log *log, int *err)
{
  struct rows rows = { .v = NULL };
  struct presence_hold hold;
  int r;

  /* So that setting them again cannot fail. */
  presence_hold (l->index_dirty, &hold);
  r = describe_pages (l, &rows, err);
  if (r == 0)
    r = sync_places (l, err);
  if (r == 0) {
    r = commit_rows (l, &rows, log);
    if (r == -1) {
      sqlite_db_rollback (l->db);
      *err = ENOSPC;
      if (sqlite_db_sync_failed (l->db))
        atomic_store (&l->failed, *err = EIO);
    }
  }
  if (r == -1)
    mark_rows_dirty (l, &rows);
  presence_release (l->index_dirty, &hold);
  free_rows (&rows);
  return r;
}

static int
checkpoint (struct sqlite_layer *l, bool last, int *err)
{
  struct log_moment begin;
  struct freed_list quarantine;
  int r;

  *err = atomic_load (&l->failed);
  if (*err != 0)
    return -1;
  atomic_store (&l->changed, false);
  sqlite_log_moment (l, &begin);
  if (last)
    give_up_log (l, &begin.state);
  sqlite_space_take_quarantine (l, &quarantine);

  r = place_all (l, err);
  if (r == 0)
    r = write_rows (l, &begin.state, err);
  if (r == -1) {
    sqlite_space_return_quarantine (l, &quarantine);
    sqlite_ckpt_note_change (l);
  }
  else {
    forget_all (l, begin.state.sequence, sqlite_log_quiet_since (l, &begin));
    sqlite_log_move_tail (l, begin.state.position);
    sqlite_space_release (l, &quarantine, begin.ended);
  }
  return r;
}

int
sqlite_checkpoint (struct sqlite_layer *l, bool last, int *err)
{
  int r;
  LOCK_SCOPE (&l->ckpt.running);

  r = checkpoint (l, last, err);
#ifdef DEBUG_CHECKS
  if (last && r == 0) {
    char *trouble = sqlite_check_invariants (l);

    if (trouble != NULL) {
      log_error ("%s: %s", l->name, trouble);
      abort ();
    }
  }
#endif
  return r;
}

/* The thread. */

static bool
much_to_do (struct sqlite_layer *l)
{
  return atomic_load (&l->nblocks) > MANY_BLOCKS ||
         atomic_load (&l->nclusters_in_memory) > MANY_CLUSTERS;
}

/* Sleep until there is something to do.  With the lock.  While nothing
 * changes nobody wakes up.
 */
static void
wait_for_work (struct sqlite_layer *l)
{
  struct ckpt *k = &l->ckpt;
  struct timespec now;
  time_t due = 0;

  while (!k->stop && !k->wanted && !much_to_do (l)) {
    if (!atomic_load (&l->changed)) {
      due = 0;
      pthread_cond_wait (&k->wake, &k->lock);
      continue;
    }
    clock_gettime (CLOCK_MONOTONIC, &now);
    if (due == 0)
      due = now.tv_sec + INTERVAL;
    if (now.tv_sec >= due)
      return;
    now.tv_nsec += POLL;
    if (now.tv_nsec >= 1000000000) {
      now.tv_nsec -= 1000000000;
      now.tv_sec++;
    }
    pthread_cond_timedwait (&k->wake, &k->lock, &now);
  }
}

static void *
checkpoint_thread (void *opaque)
{
  struct sqlite_layer *l = opaque;
  struct ckpt *k = &l->ckpt;
  LOCK_SCOPE (&k->lock);

  for (;;) {
    int err = 0;

    wait_for_work (l);
    if (k->stop)
      return NULL;
    k->wanted = false;
    k->begun++;
    pthread_mutex_unlock (&k->lock);
    if (sqlite_checkpoint (l, false, &err) == 0)
      err = 0;
    pthread_mutex_lock (&k->lock);
    k->ended = k->begun;
    k->error = err;
    pthread_cond_broadcast (&k->done);
    /* Not again at once: it would fail again. */
    if (err != 0 && !k->stop && !k->wanted) {
      struct timespec until;

      clock_gettime (CLOCK_MONOTONIC, &until);
      until.tv_sec++;
      pthread_cond_timedwait (&k->wake, &k->lock, &until);
    }
  }
}

void
sqlite_ckpt_note_change (struct sqlite_layer *l)
{
  if (!atomic_load_explicit (&l->changed, memory_order_relaxed) &&
      !atomic_exchange (&l->changed, true)) {
    LOCK_SCOPE (&l->ckpt.lock);
    pthread_cond_signal (&l->ckpt.wake);
  }
}

void
sqlite_ckpt_wake (struct sqlite_layer *l)
{
  struct ckpt *k = &l->ckpt;
  LOCK_SCOPE (&k->lock);

  k->wanted = true;
  pthread_cond_signal (&k->wake);
}

int
sqlite_ckpt_wait (struct sqlite_layer *l, int *err)
{
  struct ckpt *k = &l->ckpt;
  LOCK_SCOPE (&k->lock);
  const uint64_t target = k->begun + 1;

  if (!k->has_thread) {
    pthread_mutex_unlock (&k->lock);
    const int r = sqlite_checkpoint (l, false, err);
    pthread_mutex_lock (&k->lock);
    return r;
  }
  while (k->ended < target) {
    k->wanted = true;
    pthread_cond_signal (&k->wake);
    pthread_cond_wait (&k->done, &k->lock);
  }
  *err = k->error;
  return *err == 0 ? 0 : -1;
}

int
sqlite_ckpt_init (struct sqlite_layer *l)
{
  struct ckpt *k = &l->ckpt;
  pthread_condattr_t attr;

  pthread_condattr_init (&attr);
  pthread_condattr_setclock (&attr, CLOCK_MONOTONIC);
  pthread_mutex_init (&k->lock, NULL);
  pthread_mutex_init (&k->running, NULL);
  pthread_cond_init (&k->wake, &attr);
  pthread_cond_init (&k->done, NULL);
  pthread_condattr_destroy (&attr);
  return 0;
}

int
sqlite_ckpt_start (struct sqlite_layer *l)
{
  const int err = pthread_create (&l->ckpt.thread, NULL, checkpoint_thread, l);

  errno = err;
  l->ckpt.has_thread = err == 0;
  return err == 0 ? 0 : -1;
}

void
sqlite_ckpt_stop (struct sqlite_layer *l)
{
  struct ckpt *k = &l->ckpt;

  if (!k->has_thread)
    return;
  pthread_mutex_lock (&k->lock);
  k->stop = true;
  pthread_cond_signal (&k->wake);
  pthread_mutex_unlock (&k->lock);
  pthread_join (k->thread, NULL);
  k->has_thread = false;
}

void
sqlite_ckpt_fini (struct sqlite_layer *l)
{
  struct ckpt *k = &l->ckpt;

  pthread_cond_destroy (&k->wake);
  pthread_cond_destroy (&k->done);
  pthread_mutex_destroy (&k->running);
  pthread_mutex_destroy (&k->lock);
}
