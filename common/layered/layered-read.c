/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Reading down the stack, populating read caches, and prefetch.
 *
 * Each level reads what it has and asks the level below for each run
 * that it lacks; a cache then stores just that run.  The request's
 * buffer is nbdkit's own and stable, so what is stored is what was read.
 */

#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "layered/layered-impl.h"

/* Prefetch reads this much at once. */
#define PREFETCH_BYTES (1024 * 1024)

static int
read_bottom (struct layered *ld, struct store *bottom, char *buf,
             uint64_t sector, uint32_t nsectors, int *err)
{
  const uint64_t count = (uint64_t) nsectors << ld->sector_shift;
  const uint64_t n = bottom_count (ld, sector, nsectors);

  memset (buf + n, 0, count - n);
  return store_read (bottom, buf, n, sector << ld->sector_shift, err);
}

/* Keep what was read for layer LEVEL.  That it could not be kept is not
 * the reader's problem.
 */
static void
populate (struct layered *ld, unsigned level, const char *buf, uint64_t sector,
          uint32_t nsectors)
{
  struct layer *l = ld->member[level].layer;
  int err;

  /* Zeroes from beyond the end of what is below are not worth a row. */
  if (sector >= ld->visible[level + 1])
    return;
  nsectors = min_u64 (nsectors, ld->visible[level + 1] - sector);
  if (l->info.read_only ||
      l->ops->write (l, buf, sector, nsectors, LAYER_NO_OVERWRITE, &err) == 0)
    return;
  errno = err;
  if (atomic_fetch_add (&ld->populate_failures, 1) == 0)
    log_error ("%s: cannot cache %" PRIu32 " sectors at sector %" PRIu64
               ": %m (reads go on without; said once)",
               l->ops->name, nsectors, sector);
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
    if (ld->member[level].read_cache)
      populate (ld, level, run, sector, n);
    sector += n;
  }
  return 0;
}

static int
read_layer (struct layered *ld, struct store *bottom, unsigned level, char *buf,
            uint64_t sector, uint32_t nsectors, int *err)
{
  struct layer *l = ld->member[level].layer;
  CLEANUP (marker_fini) struct marker m;

  marker_init (&m, sector, nsectors);
  if (l->ops->read (l, buf, sector, nsectors, &m, err) == -1)
    return -1;
  if (m.failed) {
    *err = ENOMEM;
    return -1;
  }
  return marker_full (&m) ? 0 : read_missing (ld, bottom, level, buf, &m, err);
}

int
layered_read_from (struct layered *ld, struct store *bottom, unsigned level,
                   char *buf, uint64_t sector, uint32_t nsectors, int *err)
{
  const uint64_t visible = ld->visible[level];
  const uint32_t n =
    sector >= visible ? 0 : min_u64 (nsectors, visible - sector);

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
  return layered_read_from (ld, bottom, 0, buf, sector, nsectors, err);
}

/* Prefetch [SECTOR, END), absent from cache LEVEL. */
static int
prefetch (struct layered *ld, struct store *bottom, unsigned level,
          uint64_t sector, uint64_t end, int *err)
{
  const uint32_t step = PREFETCH_BYTES >> ld->sector_shift;
  CLEANUP_FREE char *buf = malloc (PREFETCH_BYTES);

  if (buf == NULL) {
    *err = ENOMEM;
    return -1;
  }
  for (; sector < end; sector += min_u64 (step, end - sector)) {
    const uint32_t n = min_u64 (step, end - sector);

    if (layered_read_from (ld, bottom, level, buf, sector, n, err) == -1)
      return -1;
  }
  return 0;
}

static int
cache_from (struct layered *ld, struct store *bottom, unsigned level,
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
    if ((ld->member[level].read_cache && !l->info.read_only ?
           prefetch (ld, bottom, level, sector, end, err) :
           cache_from (ld, bottom, level + 1, sector, end, err)) == -1)
      return -1;
  }
  return 0;
}

int
layered_cache (struct layered *ld, struct store *bottom, uint64_t sector,
               uint64_t nsectors, int *err)
{
  return cache_from (ld, bottom, 0, sector, sector + nsectors, err);
}
