/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Reading down the stack, and prefetch.
 *
 * Each level reads what it has and asks the level below for each run
 * that it lacks; what a read cache lacks, layered-fetch.c brings.  The
 * request's buffer is nbdkit's own and stable, so what is stored is what
 * was read.
 */

#include <config.h>

#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "layered/layered-fetch.h"
#include "layered/layered-record.h"

static int
read_bottom (struct layered *ld, struct store *bottom, char *buf,
             uint64_t sector, uint32_t nsectors, int *err)
{
  const uint64_t count = (uint64_t) nsectors << ld->sector_shift;
  const uint64_t n = bottom_count (ld, sector, nsectors);

  memset (buf + n, 0, count - n);
  if (ld->fetch != NULL) {
    count_add (&ld->fetch_counters.requests, 1);
    count_add (&ld->fetch_counters.bytes, n);
  }
  return store_read (bottom, buf, n, sector << ld->sector_shift, err);
}

/* The sectors that layer LEVEL did not have. */
static int
read_missing (struct layered *ld, struct store *bottom, unsigned level,
              char *buf, const struct marker *m, int *err)
{
  uint64_t sector = m->sector;
  uint32_t n;

  while (marker_next_unset (m, &sector, &n)) {
    char *run = buf + ((sector - m->sector) << ld->sector_shift);

    if (layered_read_from (ld, bottom, level + 1, run, sector, n, err) == -1)
      return -1;
    sector += n;
  }
  return 0;
}

static void
count_read (struct layered *ld, unsigned level, const struct marker *m)
{
  const uint64_t hit = (uint64_t) m->nmarked << ld->sector_shift;
  const uint64_t all = (uint64_t) m->nsectors << ld->sector_shift;

  if (hit > 0)
    count_add (&ld->counters[level].hit, hit);
  if (hit < all)
    count_add (&ld->counters[level].miss, all - hit);
}

/* A layer may be read without a lock while sectors are discarded, so that
 * zeroes come as data: what was lost meanwhile is read again.
 */
int
layered_look (struct layered *ld, unsigned level, char *buf, uint64_t sector,
              uint32_t nsectors, struct marker *m, cache_moment *moment,
              int *err)
{
  struct layer *l = ld->member[level].layer;
  struct layered_cache *c = ld->cache[level];
  const bool loses = c != NULL || is_filled (ld, level);

  for (;; marker_fini (m)) {
    marker_init (m, sector, nsectors);
    *moment = loses ? layered_cache_moment (c) : 0;
    if (l->ops->read (l, buf, sector, nsectors, m, err) == -1)
      return -1;
    if (m->failed) {
      *err = ENOMEM;
      return -1;
    }
    if (!loses || m->nmarked == 0)
      return 0;
    atomic_thread_fence (memory_order_acquire);
    if (!layered_cache_lost (c, sector, nsectors, *moment))
      return 0;
  }
}

static int
read_layer (struct layered *ld, struct store *bottom, unsigned level, char *buf,
            uint64_t sector, uint32_t nsectors, int *err)
{
  struct layered_cache *c = ld->cache[level];
  CLEANUP (marker_fini) struct marker m;
  cache_moment moment;

  if (layered_look (ld, level, buf, sector, nsectors, &m, &moment, err) == -1)
    return -1;
  count_read (ld, level, &m);
  if (c != NULL && m.nmarked > 0)
    layered_cache_touch (c, sector, nsectors);
  if (marker_full (&m))
    return 0;
  if (is_filled (ld, level))
    return layered_fetch_missing (ld, bottom, level, buf, &m, moment, err);
  return read_missing (ld, bottom, level, buf, &m, err);
}

int
layered_read_from (struct layered *ld, struct store *bottom, unsigned level,
                   char *buf, uint64_t sector, uint32_t nsectors, int *err)
{
  const uint32_t n = visible_count (ld, level, sector, nsectors);

  memset (buf + ((uint64_t) n << ld->sector_shift), 0,
          (uint64_t) (nsectors - n) << ld->sector_shift);
  if (n == 0)
    return 0;
  if (level == ld->nlayers)
    return read_bottom (ld, bottom, buf, sector, n, err);
  return read_layer (ld, bottom, level, buf, sector, n, err);
}

int
layered_read (struct layered *ld, struct store *bottom, void *buf,
              uint64_t sector, uint32_t nsectors, int *err)
{
  layered_record_read (ld, sector, nsectors);
  if (ld->fetch != NULL &&
      layered_readahead_is_due (ld->fetch, sector, nsectors))
    layered_readahead_go_on (ld, sector, nsectors);
  return layered_read_from (ld, bottom, 0, buf, sector, nsectors, err);
}

/* Prefetch [SECTOR, END), absent from cache LEVEL; so much at once that
 * all threads have something to do.
 */
static int
prefetch (struct layered *ld, struct store *bottom, unsigned level,
          uint64_t sector, uint64_t end, int *err)
{
  const uint64_t step = fetch_most (ld) * fetch_parallel (ld);

  for (; sector < end; sector += min_u64 (step, end - sector)) {
    const cache_moment moment = layered_cache_moment (ld->cache[level]);
    CLEANUP (marker_fini) struct marker m;

    marker_init (&m, sector, min_u64 (step, end - sector));
    if (layered_fetch_missing (ld, bottom, level, NULL, &m, moment, err) == -1)
      return -1;
  }
  return 0;
}

int
layered_cache_from (struct layered *ld, struct store *bottom, unsigned level,
                    uint64_t sector, uint64_t limit, int *err)
{
  uint64_t end;

  limit = min_u64 (limit, ld->visible[level]);
  if (sector >= limit)
    return 0;
  if (level == ld->nlayers)
    return store_cache (bottom, bottom_count (ld, sector, limit - sector),
                        sector << ld->sector_shift, err);
  for (; sector < limit; sector = end) {
    struct layer *l = ld->member[level].layer;

    if (l->ops->state (l, sector, limit, &end) != LAYER_ABSENT)
      continue;
    if ((is_filled (ld, level) ?
           prefetch (ld, bottom, level, sector, end, err) :
           layered_cache_from (ld, bottom, level + 1, sector, end, err)) == -1)
      return -1;
  }
  return 0;
}

int
layered_cache (struct layered *ld, struct store *bottom, uint64_t sector,
               uint64_t nsectors, int *err)
{
  return layered_cache_from (ld, bottom, 0, sector, sector + nsectors, err);
}
