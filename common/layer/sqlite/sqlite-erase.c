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
erase_bits (struct layer_bits *b, uint64_t sector, uint64_t n, bool absent,
            int *err)
{
  return (absent ? layer_bits_set_absent : layer_bits_set_zero) (b, sector, n,
                                                                 err);
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

/* Erase [SECTOR, END), within CLUSTER; with its lock. */
static int
erase_in_cluster (struct sqlite_layer *l, uint64_t cluster, uint64_t sector,
                  uint64_t end, bool absent, int *err)
{
  const uint64_t base = cluster << l->cluster_shift;
  struct cluster *c = sqlite_cluster_get (l, cluster, err);

  /* The bits first: what can fail must not come after what cannot be
   * undone.
   */
  if (c == NULL ||
      erase_bits (&l->placed, sector, end - sector, absent, err) == -1 ||
      sqlite_map_changed (l, cluster, err) == -1)
    return -1;
  sqlite_blocks_erase (l, c, sector - base, end - base);
  /* The map record that will say so makes the log forget what it has of
   * this cluster's blocks: log again what is left of them.
   */
  free_place_if_unused (l, cluster);
  return 0;
}

static int
erase_clusters (struct sqlite_layer *l, uint64_t sector, uint64_t limit,
                bool absent, int *err)
{
  while (sector < limit) {
    const uint64_t cluster = sector >> l->cluster_shift;
    const uint64_t end = min_u64 ((cluster + 1) << l->cluster_shift, limit);
    WRLOCK_SCOPE (&shard_of (l, cluster)->lock);

    if (erase_in_cluster (l, cluster, sector, end, absent, err) == -1)
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
      sqlite_cluster_drop_if_idle (l, c);
    }
  }
}

static void
free_places (struct sqlite_layer *l, uint64_t first, uint64_t end)
{
  for (uint64_t c = first; c < end; c++) {
    uint64_t place;

    if (atomic_load (&l->page[c / PAGE_CLUSTERS]) == NULL) {
      c |= PAGE_CLUSTERS - 1;
      continue;
    }
    place = entry_place (entry_load (l, c));
    if (place != 0) {
      sqlite_map_set_place (l, c, 0);
      sqlite_space_free (l, place);
    }
  }
}

static int
erase_bulk_locked (struct sqlite_layer *l, uint64_t first, uint64_t end,
                   bool absent, int *err)
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
  if (sqlite_log_add_bulk (l, first, end - first, absent, err) == -1 ||
      erase_bits (&l->placed, sector, n, absent, err) == -1)
    return -1;
  for (unsigned i = 0; i < NSHARDS; i++)
    drop_clusters (l, &l->shard[i], first, end);
  free_places (l, first, end);
  sqlite_ckpt_note_change (l);
  return 0;
}

static int
erase_bulk (struct sqlite_layer *l, uint64_t first, uint64_t end, bool absent,
            int *err)
{
  int r;
  LOCK_SCOPE (&l->log.bulk_lock);

  sqlite_lock_shards (l, 0, NSHARDS - 1, true);
  r = erase_bulk_locked (l, first, end, absent, err);
  sqlite_unlock_shards (l, 0, NSHARDS - 1);
  return r;
}

static int
erase (struct sqlite_layer *l, uint64_t sector, uint64_t nsectors, bool absent,
       int *err)
{
  const uint64_t limit = sector + nsectors;
  const uint64_t first = DIV_ROUND_UP (sector, l->cluster_sectors);
  const uint64_t end =
    limit == l->layer.info.nsectors ? l->nclusters : limit >> l->cluster_shift;

  *err = atomic_load_explicit (&l->failed, memory_order_relaxed);
  if (*err != 0)
    return -1;
  if (end <= first || end - first < BULK_CLUSTERS)
    return erase_clusters (l, sector, limit, absent, err);
  if (erase_clusters (l, sector, first << l->cluster_shift, absent, err) ==
        -1 ||
      erase_bulk (l, first, end, absent, err) == -1)
    return -1;
  return erase_clusters (l, end << l->cluster_shift, limit, absent, err);
}

int
sqlite_zero (struct layer *base, uint64_t sector, uint64_t nsectors,
             unsigned flags, int *err)
{
  struct sqlite_layer *l = to_sqlite (base);

  if (erase (l, sector, nsectors, false, err) == -1)
    return -1;
  return flags & LAYER_FUA ? sqlite_log_flush (l, err) : 0;
}

int
sqlite_discard (struct layer *base, uint64_t sector, uint64_t nsectors,
                int *err)
{
  return erase (to_sqlite (base), sector, nsectors, true, err);
}
