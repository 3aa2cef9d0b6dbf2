/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Making, opening and closing a layer file.  sqlite-impl.h is the map of
 * this folder.
 */

#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/checked.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "layer/layer-geometry.h"
#include "layer/sqlite/sqlite-impl.h"
#include "sector-db/sdb-header.h"

/* Making. */

static int
make_identity (const struct layer_sqlite_options *o,
               const struct layer_below *below,
               struct layer_sqlite_identity *id)
{
  struct layer_info info;

  memset (id, 0, sizeof *id);
  if (layer_geometry (o->name, o->size, o->sector_size, below, &info) == -1)
    return -1;
  if (info.sector_size > LAYER_SQLITE_SECTOR_SIZE_MAX) {
    log_error ("%s: sector size %" PRIu32 " is more than %u", o->name,
               info.sector_size, LAYER_SQLITE_SECTOR_SIZE_MAX);
    return -1;
  }
  if (info.nsectors > LAYER_SQLITE_SIZE_MAX / info.sector_size) {
    log_error ("%s: a disk of %" PRIu64 " bytes is too large, the most is "
               "%" PRIu64,
               o->name, info.nsectors * info.sector_size,
               LAYER_SQLITE_SIZE_MAX);
    return -1;
  }
  if (uuid_random (&id->layer_id) == -1) {
    log_error ("%s: getrandom: %m", o->name);
    return -1;
  }
  id->size = info.nsectors * info.sector_size;
  id->sector_size = info.sector_size;
  id->created = time (NULL);
  id->has_below = below->exists;
  if (below->exists) {
    id->below_size = below->size;
    id->below_sector_size = below->sector_size;
    id->has_disk_id = below->has_id;
    id->disk_id = below->id;
    if (strlen (below->export_name) > LAYER_SQLITE_NAME_MAX) {
      log_error ("%s: the export name is too long", o->name);
      return -1;
    }
    memcpy (id->export_name, below->export_name,
            strlen (below->export_name) + 1);
  }
  return 0;
}

int
layer_sqlite_format (struct store *file, const struct layer_sqlite_options *o,
                     const struct layer_below *below)
{
  struct layer_sqlite_identity id;
  const struct sqlite_db_log no_log = { .exists = false };
  struct sqlite_db *db;
  int err, r = -1;

  if (make_identity (o, below, &id) == -1)
    return -1;
  if (store_resize (file, SDB_STRIPE_0, &err) == -1) {
    errno = err;
    log_error ("%s: cannot make the file larger: %m", o->name);
    return -1;
  }
  db = sqlite_db_open (file, o->name, true);
  if (db == NULL)
    return -1;
  if (sqlite_db_begin (db) == 0 && sqlite_db_put_identity (db, &id) == 0 &&
      sqlite_db_put_log (db, &no_log) == 0 && sqlite_db_commit (db) == 0)
    r = 0;
  sqlite_db_close (db);
  if (r == 0 && store_flush (file, &err) == -1) {
    errno = err;
    log_error ("%s: sync: %m", o->name);
    r = -1;
  }
  return r;
}

/* Opening. */

static int
check_header (struct sqlite_layer *l)
{
  uint8_t start[SDB_HEADER_SIZE] = { 0 };
  const uint64_t n = min_u64 (sizeof start, store_size (l->file));
  enum sdb_status status;
  struct sdb_header h;
  int err;

  if (store_read (l->file, start, n, 0, &err) == -1) {
    errno = err;
    log_error ("%s: read: %m", l->name);
    return -1;
  }
  status = sdb_header_parse (start, n, &h);
  if (status != SDB_OK) {
    log_error ("%s: the file %s", l->name, sdb_status_string (status));
    return -1;
  }
  return 0;
}

/* A mismatch is refused, or with force only reported. */
static int __attribute__ ((format (printf, 3, 4)))
mismatch (const struct sqlite_layer *l, bool force, const char *fs, ...)
{
  char what[512];
  va_list args;

  va_start (args, fs);
  vsnprintf (what, sizeof what, fs, args);
  va_end (args);
  log_error ("%s: the layer was made for another disk: %s%s", l->name, what,
             force ? " (going on, as it is forced)" :
                     "; if you are sure, force it");
  return force ? 0 : -1;
}

static int
check_below (struct sqlite_layer *l, const struct layer_sqlite_options *o,
             const struct layer_sqlite_identity *id,
             const struct layer_below *below)
{
  char was[UUID_STRLEN + 1] = "none", is[UUID_STRLEN + 1] = "none";

  if (below == NULL)
    return 0;
  if (id->has_below != below->exists)
    return mismatch (l, o->force, "%s below it, now there is %s",
                     id->has_below ? "there was a disk" : "nothing was",
                     below->exists ? "one" : "none");
  if (!below->exists)
    return 0;
  if (id->below_size != below->size &&
      mismatch (l, o->force,
                "its size was %" PRIu64 " bytes, now it is %" PRIu64,
                id->below_size, below->size) == -1)
    return -1;
  if (id->below_sector_size != 0 && below->sector_size != 0 &&
      id->below_sector_size != below->sector_size &&
      mismatch (l, o->force,
                "its sectors had %" PRIu32 " bytes, now they have %" PRIu32,
                id->below_sector_size, below->sector_size) == -1)
    return -1;
  if (id->has_disk_id)
    uuid_format (&id->disk_id, was);
  if (below->has_id)
    uuid_format (&below->id, is);
  if (strcmp (was, is) != 0)
    return mismatch (l, o->force, "its id was %s, now it is %s", was, is);
  if (!id->has_disk_id && below->export_name != NULL &&
      strcmp (id->export_name, below->export_name) != 0)
    return mismatch (l, o->force,
                     "its export name was \"%s\", now it is \"%s\"",
                     id->export_name, below->export_name);
  return 0;
}

static int
check_asked (const struct sqlite_layer *l, const struct layer_sqlite_options *o,
             const struct layer_sqlite_identity *id)
{
  if (o->size != 0 && o->size != id->size) {
    log_error ("%s: the layer has %" PRIu64 " bytes, not the %" PRIu64
               " that are asked for",
               l->name, id->size, o->size);
    return -1;
  }
  if (o->sector_size != 0 && o->sector_size != id->sector_size) {
    log_error ("%s: the layer has sectors of %" PRIu32 " bytes, not of the "
               "%" PRIu32 " that are asked for",
               l->name, id->sector_size, o->sector_size);
    return -1;
  }
  return 0;
}

static void
set_geometry (struct sqlite_layer *l, const struct layer_sqlite_identity *id)
{
  l->layer.info = (struct layer_info){
    .nsectors = id->size / id->sector_size,
    .sector_size = id->sector_size,
    .physical_sector_size = BLOCK,
    .read_only = l->read_only,
    .no_overwrite = true,
    .keeps_dirty = true,
    .has_id = id->has_disk_id,
    .id = id->disk_id,
  };
  l->sector_shift = log2_of (id->sector_size);
  l->cluster_sectors = SDB_CLUSTER >> l->sector_shift;
  l->cluster_shift = log2_of (l->cluster_sectors);
  l->block_sectors = BLOCK >> l->sector_shift;
  l->nclusters = DIV_ROUND_UP (id->size, SDB_CLUSTER);
  l->npages = DIV_ROUND_UP (l->nclusters, PAGE_CLUSTERS);
}

/* Rows while they are read.  Clusters of one kind are often many runs,
 * as their places are not adjacent; their bits are set together.
 */
struct loading {
  struct sqlite_layer *l;
  uint64_t cluster;    /* the first whose bits are still to be set */
  struct sdb_run bits; /* nclusters 0: none */
};

static int
load_bits (struct loading *g, int *err)
{
  const uint64_t n = g->bits.nclusters;

  g->bits.nclusters = 0;
  if (n == 0 || (g->bits.kind == SDB_ABSENT && !g->bits.dirty))
    return 0;
  g->bits.nclusters = n;
  if (sqlite_map_apply_bits (g->l, g->cluster, &g->bits, err) == -1)
    return -1;
  g->bits.nclusters = 0;
  return 0;
}

static int
load_run (struct loading *g, uint64_t cluster, const struct sdb_run *run,
          int *err)
{
  if (run->place != 0 &&
      sqlite_map_apply_places (g->l, cluster, run, err) == -1)
    return -1;
  if (g->bits.nclusters > 0 && run->kind == g->bits.kind &&
      run->dirty == g->bits.dirty && run->kind != SDB_MIXED &&
      cluster == g->cluster + g->bits.nclusters) {
    g->bits.nclusters += run->nclusters;
    return 0;
  }
  if (load_bits (g, err) == -1)
    return -1;
  g->cluster = cluster;
  g->bits = *run;
  return 0;
}

static int
load_page (void *opaque, uint64_t page, const uint8_t *runs, size_t n)
{
  struct loading *g = opaque;
  struct sqlite_layer *l = g->l;
  const uint8_t *p = runs, *end = runs + n;
  uint64_t cluster, limit;
  enum sdb_status status = SDB_BAD_RANGE;
  int err = 0;

  if (page >= l->npages)
    goto bad;
  cluster = page * PAGE_CLUSTERS;
  limit = min_u64 (cluster + PAGE_CLUSTERS, l->nclusters);
  while (p < end) {
    struct sdb_run run;

    status = sdb_run_get (&p, end, l->cluster_sectors, &run);
    if (status == SDB_OK && !range_inside (cluster, run.nclusters, limit))
      status = SDB_BAD_RANGE;
    if (status != SDB_OK)
      goto bad;
    if (load_run (g, cluster, &run, &err) == -1) {
      log_error ("%s: out of memory", l->name);
      return -1;
    }
    cluster += run.nclusters;
  }
  status = SDB_BAD_COUNT;
  if (cluster == limit)
    return 0;

bad:
  log_error ("%s: map page %" PRIu64 ": the file %s", l->name, page,
             sdb_status_string (status));
  return -1;
}

static int
load_pages (struct sqlite_layer *l)
{
  struct loading g = { .l = l };
  int err;

  if (sqlite_db_each_page (l->db, load_page, &g) == -1)
    return -1;
  if (load_bits (&g, &err) == -1) {
    log_error ("%s: out of memory", l->name);
    return -1;
  }
  return 0;
}

/* What was read may be in the page cache alone, if a server was killed:
 * nobody may build on it, and no flush do without it, before it is on the
 * medium.
 */
static int
sync_what_was_read (struct sqlite_layer *l)
{
  int err;

  return l->read_only ? 0 : sqlite_sync (l, &err);
}

static int
load (struct sqlite_layer *l)
{
  struct sqlite_db_log log;

  if (sqlite_db_get_log (l->db, &log) == -1 || load_pages (l) == -1 ||
      (log.exists &&
       (sqlite_claim_log (l, &log) == -1 || sqlite_replay (l, &log) == -1)) ||
      sqlite_claim_places (l) == -1 || sync_what_was_read (l) == -1)
    return -1;
  atomic_store (&l->log_reserved,
                log.exists || l->read_only ? 0 : l->log.length);
  sqlite_note_commit (l);
  return 0;
}

static void
free_layer (struct sqlite_layer *l)
{
  sqlite_ckpt_stop (l);
  sqlite_db_close (l->db);
  sqlite_ckpt_fini (l);
  sqlite_log_fini (l);
  sqlite_map_fini (l);
  sqlite_space_fini (l);
  sqlite_arena_fini (l);
  free (l->name);
  free (l);
}

static void
sqlite_close (struct layer *base)
{
  struct sqlite_layer *l = to_sqlite (base);
  struct store *file = l->file;
  int err;

  sqlite_ckpt_stop (l);
  if (!l->read_only && atomic_load (&l->failed) == 0) {
    if (sqlite_checkpoint (l, true, &err) == 0) {
      sqlite_space_trim_file (l);
      sqlite_sync (l, &err);
    }
    else {
      errno = err;
      log_error ("%s: cannot put everything in its place at the end: %m",
                 l->name);
    }
  }
  free_layer (l);
  store_close (file);
}

static int
sqlite_flush (struct layer *base, int *err)
{
  return sqlite_log_flush (to_sqlite (base), err);
}

static enum layer_state
sqlite_state (struct layer *base, uint64_t sector, uint64_t limit,
              uint64_t *end)
{
  struct sqlite_layer *l = to_sqlite (base);
  const uint64_t clean = sqlite_find_blocks (l, sector, limit);

  if (clean > sector)
    return layer_bits_state (&l->placed, sector, clean, end);
  limit = min_u64 (ROUND_DOWN (sector, l->cluster_sectors) + l->cluster_sectors,
                   limit);
  RDLOCK_SCOPE (&shard_of (l, sector >> l->cluster_shift)->lock);
  return sqlite_state_locked (l, sector, limit, end);
}

static const struct layer_ops sqlite_ops = {
  .name = "sqlite",
  .close = sqlite_close,
  .read = sqlite_read,
  .write = sqlite_write,
  .zero = sqlite_zero,
  .discard = sqlite_discard,
  .flush = sqlite_flush,
  .state = sqlite_state,
  .used = sqlite_used,
  .reclaim = sqlite_reclaim,
  .set_dirty = sqlite_set_dirty,
  .set_clean = sqlite_set_clean,
  .next_dirty = sqlite_next_dirty,
};

static uint64_t
log_length (const struct layer_sqlite_options *o)
{
  if (o->log_length != 0)
    return o->log_length;
  if (o->max == 0)
    return LOG_LENGTH;
  return max_u64 (min_u64 (ROUND_DOWN (o->max / 8, LOG_LENGTH_MIN), LOG_LENGTH),
                  LOG_LENGTH_MIN);
}

struct layer *
layer_sqlite_open (struct store *file, const struct layer_sqlite_options *o,
                   const struct layer_below *below)
{
  struct layer_sqlite_identity id;
  struct sqlite_layer *l = calloc (1, sizeof *l);

  if (l == NULL || (l->name = strdup (o->name)) == NULL) {
    free (l);
    log_error ("%s: out of memory", o->name);
    return NULL;
  }
  l->layer.ops = &sqlite_ops;
  l->file = file;
  l->read_only = o->read_only;
  l->log.length = log_length (o);
  sqlite_ckpt_init (l);
  sqlite_log_init (l);
  pthread_mutex_init (&l->space.lock, NULL);
  pthread_mutex_init (&l->arena.lock, NULL);
  if (check_header (l) == -1 ||
      (l->db = sqlite_db_open (file, l->name, false)) == NULL ||
      sqlite_db_get_identity (l->db, &id) == -1 ||
      check_asked (l, o, &id) == -1 || check_below (l, o, &id, below) == -1)
    goto failed;
  set_geometry (l, &id);
  if (sqlite_map_init (l) == -1 || sqlite_space_init (l) == -1 ||
      sqlite_arena_init (l) == -1) {
    log_error ("%s: out of memory", l->name);
    goto failed;
  }
  if (load (l) == -1)
    goto failed;
  if (!l->read_only && sqlite_ckpt_start (l) == -1) {
    log_error ("%s: pthread_create: %m", l->name);
    goto failed;
  }
  return &l->layer;

failed:
  free_layer (l);
  return NULL;
}

/* Looking at it. */

int
layer_sqlite_checkpoint (struct layer *base, int *err)
{
  return sqlite_checkpoint (to_sqlite (base), false, err);
}

static void
count_sectors (struct sqlite_layer *l, struct layer_sqlite_report *r)
{
  const uint64_t limit = l->layer.info.nsectors;
  uint64_t end;

  for (uint64_t s = 0; s < limit; s = end) {
    switch (sqlite_state (&l->layer, s, limit, &end)) {
    case LAYER_DATA:
      r->data_sectors += end - s;
      break;
    case LAYER_ZERO:
      r->zero_sectors += end - s;
      break;
    case LAYER_ABSENT:
      break;
    }
  }
}

int
layer_sqlite_inspect (struct layer *base, struct layer_sqlite_report *r,
                      int *err)
{
  struct sqlite_layer *l = to_sqlite (base);
  struct sqlite_db_log log;
  LOCK_SCOPE (&l->ckpt.running);

  memset (r, 0, sizeof *r);
  *err = EIO;
  if (sqlite_db_get_identity (l->db, &r->identity) == -1 ||
      sqlite_db_get_log (l->db, &log) == -1 ||
      sqlite_db_check (l->db, &r->trouble) == -1)
    return -1;
  count_sectors (l, r);
  r->file_size = store_size (l->file);
  r->used_clusters = presence_count (l->space.used, 0, l->space.end) -
                     (l->log.exists ? l->log.length / SDB_CLUSTER : 0);
  r->dirty_clusters = presence_count (l->dirty, 0, l->nclusters);
  r->closed = !log.exists;
  r->log_batches = l->log.exists ? l->log.done_sequence + 1 - log.sequence : 0;
  r->memory = layer_bits_memory (&l->placed) +
              presence_memory (l->with_blocks) +
              presence_memory (l->index_dirty) + presence_memory (l->dirty) +
              presence_memory (l->space.used) + sqlite_map_memory (l) +
              atomic_load (&l->nblocks) * BLOCK +
              atomic_load (&l->nclusters_in_memory) * sizeof (struct cluster);
  if (r->trouble == NULL)
    r->trouble = sqlite_check_invariants (l);
  return 0;
}
