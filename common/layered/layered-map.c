/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See layered-map.h.  Each part is cut into pieces, and each piece is
 * walked for a few runs.  What was walked stands for all of the piece:
 * where the runs are long that is exact, where they are short there are
 * many like them.
 */

#include <config.h>

#include "layered/layered-impl.h"
#include "layered/layered-map.h"

#define PIECES 16
#define RUNS 8

static unsigned
cluster_shift (const struct layered *ld)
{
  return CLUSTER_SHIFT - ld->sector_shift;
}

static uint64_t
nclusters (const struct layered *ld)
{
  return DIV_ROUND_UP (ld->nsectors, UINT64_C (1) << cluster_shift (ld));
}

/* Where the I-th of N pieces of [START, END) begins. */
static uint64_t
cut (uint64_t start, uint64_t end, unsigned i, unsigned n)
{
  return start + (uint64_t) ((unsigned __int128) (end - start) * i / n);
}

unsigned
layered_map_parts (const struct layered *ld)
{
  return (unsigned) min_u64 (LAYERED_MAP_PARTS, nclusters (ld));
}

static uint64_t
first_cluster (const struct layered *ld, unsigned part)
{
  return cut (0, nclusters (ld), part, layered_map_parts (ld));
}

/* Add to SHARE, by state, how much of piece [START, END) is what. */
static void
look_at_piece (struct layer *l, uint64_t start, uint64_t end, double share[3])
{
  uint64_t seen[3] = { 0 }, sector = start;

  for (unsigned i = 0; i < RUNS && sector < end; i++) {
    uint64_t next;
    const enum layer_state state = l->ops->state (l, sector, end, &next);

    seen[state] += next - sector;
    sector = next;
  }
  for (unsigned i = 0; i < 3; i++)
    share[i] +=
      (double) seen[i] / (double) (sector - start) * (double) (end - start);
}

/* Clusters of piece [START, END) that are dirty. */
static double
dirty_of_piece (const struct layered_cache *c, uint64_t start, uint64_t end)
{
  uint64_t cluster = start, dirty = 0;

  for (unsigned i = 0; i < RUNS && cluster < end; i++) {
    cluster = layered_cache_next_dirty (c, cluster, end);
    if (cluster == end)
      break;
    dirty++;
    cluster++;
  }
  return (double) dirty / (double) (cluster - start) * (double) (end - start);
}

/* All or nothing only if it is so. */
static uint8_t
percent (double share, uint64_t all)
{
  const double p = 100 * share / (double) all;

  if (share <= 0)
    return 0;
  return p < 1 ? 1 : p < 99.9999999 ? (uint8_t) p : 100;
}

static void
read_part (struct layered *ld, unsigned level, unsigned part,
           struct layered_map_part *out)
{
  const uint64_t first = first_cluster (ld, part);
  const uint64_t last = first_cluster (ld, part + 1);
  const uint64_t start = first << cluster_shift (ld);
  const uint64_t end = min_u64 (last << cluster_shift (ld), ld->nsectors);
  const uint64_t visible = min_u64 (end, ld->visible[level]);
  double share[3] = { 0 }, dirty = 0;

  for (unsigned i = 0; i < PIECES; i++) {
    const uint64_t a = cut (start, end, i, PIECES);
    const uint64_t b = min_u64 (cut (start, end, i + 1, PIECES), visible);
    const uint64_t c = cut (first, last, i, PIECES);
    const uint64_t d = cut (first, last, i + 1, PIECES);

    if (a < b)
      look_at_piece (ld->member[level].layer, a, b, share);
    if (c < d && ld->cache[level] != NULL)
      dirty += dirty_of_piece (ld->cache[level], c, d);
  }
  *out = (struct layered_map_part){
    .data = percent (share[LAYER_DATA], end - start),
    .zero = percent (share[LAYER_ZERO], end - start),
    .dirty = percent (dirty, last - first),
  };
}

void
layered_map_read (struct layered *ld, unsigned level,
                  struct layered_map_part out[LAYERED_MAP_PARTS])
{
  const unsigned n = layered_map_parts (ld);

  for (unsigned i = 0; i < n; i++)
    read_part (ld, level, i, &out[i]);
}
