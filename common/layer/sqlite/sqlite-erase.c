/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Zero and discard.  Up to a mebibyte goes cluster by cluster; of more,
 * the whole clusters go at once, with all shards locked, and into the
 * log as one record.
 */

#include <config.h>

#include <errno.h>

#include "base/cleanup.h"
#include "layer/sqlite/sqlite-impl.h"

#define BULK_CLUSTERS PIECE_CLUSTERS

static int
reserve_bits (struct sqlite_layer *l, uint64_t sector, uint64_t n, bool absent,
              int *err)
{
  return layer_bits_reserve (&l->placed, absent ? LAYER_ABSENT : LAYER_ZERO,
                             sector, n, err);
}

/* After reserve_bits. */
static void
erase_bits (struct sqlite_layer *l, uint64_t sector, uint64_t n, bool absent)
{
  int err;

  (absent ? layer_bits_set_absent : layer_bits_set_zero) (&l->placed, sector, n,
                                                          &err);
}

/* Give up the place of CLUSTER if no sector of it is data any more. */
static void
free_place_if_unused (struct sqlite_layer *l, uint64_t cluster)
{
  const uint64_t place = entry_place (entry_load (l, cluster));
  const uint64_t base = cluster << l->cluster_shift;
  const uint64_t limit =
    min_u64 (base + l->cluster_sectors, l->layer.info.nsectors);
  uint64_t end;

  if (place == 0)
    return;
  for (uint64_t s = base; s < limit; s = end) {
    if (layer_bits_state (&l->placed, s, limit, &end) == LAYER_DATA)
      return;
  }
  sqlite_map_set_place (l, cluster, 0);
  sqlite_space_free (l, place);
}

/* What becomes of a range. */
struct erasure {
  bool absent;
  bool dirty; /* LAYER_DIRTY */
};

/* Nothing is left of a cluster that is discarded whole, nor its mark. */
static bool
loses_mark (struct sqlite_layer *l, uint64_t cluster, uint64_t sector,
            uint64_t end, bool absent)
{
  const uint64_t base = cluster << l->cluster_shift;

  return absent && sector == base &&
         end == min_u64 (base + l->cluster_sectors, l->layer.info.nsectors) &&
         sqlite_is_marked (l, cluster);
}

static int
reserve_marks (struct sqlite_layer *l, uint64_t cluster, uint64_t n, int *err)
{
  if (presence_reserve (l->dirty, cluster, n) == 0)
    return 0;
  *err = ENOMEM;
  return -1;
}

/* What is reserved of bits and marks stays reserved from hold to
 * release.
 */
struct erase_hold {
  struct layer_bits_hold bits;
  struct presence_hold marks;
};

static void
hold (struct sqlite_layer *l, struct erase_hold *h)
{
  layer_bits_hold (&l->placed, &h->bits);
  presence_hold (l->dirty, &h->marks);
}

static void
release (struct sqlite_layer *l, struct erase_hold *h)
{
  presence_release (l->dirty, &h->marks);
  layer_bits_release (&l->placed, &h->bits);
}

/* Erase [SECTOR, END), within CLUSTER; with its lock and a hold. */
static int
erase_held (struct sqlite_layer *l, uint64_t cluster, uint64_t sector,
            uint64_t end, struct erasure how, int *err)
{
  const uint64_t base = cluster << l->cluster_shift;
  const bool absent = how.absent;
  const bool unmark = loses_mark (l, cluster, sector, end, absent);

  /* First what can fail.  The map record that will tell the log makes it
   * forget what it has of this cluster's blocks; what is left of them
   * goes with it.
   */
  if (reserve_bits (l, sector, end - sector, absent, err) == -1 ||
      (unmark && reserve_marks (l, cluster, 1, err) == -1) ||
      (how.dirty && sqlite_mark (l, cluster, err) == -1) ||
      sqlite_map_changed (l, cluster, err) == -1)
    return -1;
  if (unmark)
    sqlite_unmark (l, cluster);
  erase_bits (l, sector, end - sector, absent);
  sqlite_blocks_erase (l, sqlite_cluster_find (l, cluster), sector - base,
                       end - base);
  free_place_if_unused (l, cluster);
  return 0;
}

static int
erase_in_cluster (struct sqlite_layer *l, uint64_t cluster, uint64_t sector,
                  uint64_t end, struct erasure how, int *err)
{
  struct erase_hold h;
  int r;

  hold (l, &h);
  r = erase_held (l, cluster, sector, end, how, err);
  release (l, &h);
  return r;
}

static int
erase_clusters (struct sqlite_layer *l, uint64_t sector, uint64_t limit,
                struct erasure how, int *err)
{
  while (sector < limit) {
    const uint64_t cluster = sector >> l->cluster_shift;
    const uint64_t end = min_u64 ((cluster + 1) << l->cluster_shift, limit);
    WRLOCK_SCOPE (&shard_of (l, cluster)->lock);

    if (erase_in_cluster (l, cluster, sector, end, how, err) == -1)
      return -1;
    sector = end;
  }
  return 0;
}

/* Forget all blocks of [FIRST, END); with all locks. */
static void
drop_clusters (struct sqlite_layer *l, struct shard *s, uint64_t first,
               uint64_t end)
{
  for (unsigned b = 0; b < SHARD_BUCKETS; b++) {
    struct cluster *c, *next;

    for (c = s->bucket[b]; c != NULL; c = next) {
      next = c->next;
      if (c->number < first || c->number >= end)
        continue;
      sqlite_blocks_erase (l, c, 0, l->cluster_sectors);
      c->map_dirty = false;
      c->mark_batch = 0;
      sqlite_cluster_drop_if_idle (l, c);
    }
  }
}

static void
free_places (struct sqlite_layer *l, uint64_t first, uint64_t end)
{
  for (uint64_t c = first; (c = sqlite_map_next (l, c)) < end; c++) {
    const uint64_t place = entry_place (entry_load (l, c));

    if (place != 0) {
      sqlite_map_set_place (l, c, 0);
      sqlite_space_free (l, place);
    }
  }
}

/* The marks of [FIRST, END) as they are: runs that have one, and not.
 * Without NOTE only counts them.
 */
static size_t
keep_marks (struct sqlite_layer *l, uint64_t first, uint64_t end, bool note)
{
  size_t nruns = 0;
  uint64_t next;

  for (; first < end; first = next, nruns++) {
    const bool marked = presence_run (l->dirty, first, end, &next);

    if (note)
      sqlite_log_add_bulk (l, &(struct bulk){ .cluster = first,
                                              .n = next - first,
                                              .marked = marked });
  }
  return nruns;
}

/* Tell the log, and change the marks, after what can fail. */
static int
reserve_bulk (struct sqlite_layer *l, uint64_t first, uint64_t end,
              struct erasure how, int *err)
{
  const bool keep = !how.absent && !how.dirty;

  if (sqlite_log_reserve_bulk (l, keep ? keep_marks (l, first, end, false) : 1,
                               err) == -1)
    return -1;
  return how.dirty ||
             (how.absent && presence_any (l->dirty, first, end - first)) ?
           reserve_marks (l, first, end - first, err) :
           0;
}

static void
note_bulk (struct sqlite_layer *l, uint64_t first, uint64_t end,
           struct erasure how)
{
  const uint64_t n = end - first;

  if (!how.absent && !how.dirty) {
    keep_marks (l, first, end, true);
    return;
  }
  if (how.dirty) {
    atomic_store (&l->marks, true);
    presence_set (l->dirty, first, n);
  }
  else if (presence_any (l->dirty, first, n))
    presence_clear (l->dirty, first, n);
  sqlite_log_add_bulk (
    l, &(struct bulk){
         .cluster = first, .n = n, .absent = how.absent, .marked = how.dirty });
}

static int
erase_bulk_locked (struct sqlite_layer *l, uint64_t first, uint64_t end,
                   struct erasure how, int *err)
{
  const uint64_t sector = first << l->cluster_shift;
  const uint64_t n =
    min_u64 (end << l->cluster_shift, l->layer.info.nsectors) - sector;
  const uint64_t page = first / PAGE_CLUSTERS;

  if (presence_set (l->index_dirty, page,
                    (end - 1) / PAGE_CLUSTERS - page + 1) == -1) {
    *err = ENOMEM;
    return -1;
  }
  if (reserve_bits (l, sector, n, how.absent, err) == -1 ||
      reserve_bulk (l, first, end, how, err) == -1)
    return -1;
  note_bulk (l, first, end, how);
  erase_bits (l, sector, n, how.absent);
  for (unsigned i = 0; i < NSHARDS; i++)
    drop_clusters (l, &l->shard[i], first, end);
  free_places (l, first, end);
  sqlite_ckpt_note_change (l);
  return 0;
}

static int
erase_bulk (struct sqlite_layer *l, uint64_t first, uint64_t end,
            struct erasure how, int *err)
{
  struct erase_hold h;
  int r;
  LOCK_SCOPE (&l->log.bulk_lock);

  sqlite_lock_shards (l, 0, NSHARDS - 1, true);
  hold (l, &h);
  r = erase_bulk_locked (l, first, end, how, err);
  release (l, &h);
  sqlite_unlock_shards (l, 0, NSHARDS - 1);
  return r;
}

static int
erase (struct sqlite_layer *l, uint64_t sector, uint64_t nsectors,
       struct erasure how, int *err)
{
  const uint64_t limit = sector + nsectors;
  const uint64_t first = DIV_ROUND_UP (sector, l->cluster_sectors);
  const uint64_t end =
    limit == l->layer.info.nsectors ? l->nclusters : limit >> l->cluster_shift;

  *err = atomic_load_explicit (&l->failed, memory_order_relaxed);
  if (*err != 0)
    return -1;
  if (end <= first || end - first < BULK_CLUSTERS)
    return erase_clusters (l, sector, limit, how, err);
  if (erase_clusters (l, sector, first << l->cluster_shift, how, err) == -1 ||
      erase_bulk (l, first, end, how, err) == -1)
    return -1;
  return erase_clusters (l, end << l->cluster_shift, limit, how, err);
}

int
sqlite_zero (struct layer *base, uint64_t sector, uint64_t nsectors,
             unsigned flags, int *err)
{
  struct sqlite_layer *l = to_sqlite (base);

  const struct erasure how = { .dirty = flags & LAYER_DIRTY };

  if (erase (l, sector, nsectors, how, err) == -1)
    return -1;
  return flags & LAYER_FUA ? sqlite_log_flush (l, err) : 0;
}

int
sqlite_discard (struct layer *base, uint64_t sector, uint64_t nsectors,
                int *err)
{
  const struct erasure how = { .absent = true };

  return erase (to_sqlite (base), sector, nsectors, how, err);
}
