/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What the files of this room share among themselves.
 */

#ifndef DISKSTACK_LAYERED_IMPL_H
#define DISKSTACK_LAYERED_IMPL_H

#include "base/align.h"
#include "layered/layered-cache.h"
#include "layered/layered.h"

#define CLUSTER_SHIFT 16 /* from bytes to clusters */

/* Bytes of [SECTOR, SECTOR+NSECTORS) that the bottom has. */
static inline uint64_t
bottom_count (const struct layered *ld, uint64_t sector, uint64_t nsectors)
{
  const uint64_t start = sector << ld->sector_shift;
  const uint64_t end = (sector + nsectors) << ld->sector_shift;

  return start >= ld->bottom_size ? 0 : min_u64 (end, ld->bottom_size) - start;
}

/* Sectors of [SECTOR, SECTOR+NSECTORS) that show at member LEVEL, from
 * SECTOR on.
 */
static inline uint64_t
visible_count (const struct layered *ld, unsigned level, uint64_t sector,
               uint64_t nsectors)
{
  const uint64_t visible = ld->visible[level];

  return sector >= visible ? 0 : min_u64 (nsectors, visible - sector);
}

/* Read [SECTOR, SECTOR+NSECTORS) as it looks from member LEVEL down. */
extern int layered_read_from (struct layered *ld, struct store *bottom,
                              unsigned level, char *buf, uint64_t sector,
                              uint32_t nsectors, int *err);

/* layered_cache of [SECTOR, LIMIT), as it looks from member LEVEL down. */
extern int layered_cache_from (struct layered *ld, struct store *bottom,
                               unsigned level, uint64_t sector, uint64_t limit,
                               int *err);

/* layered-write.c: the operations as they go to member LEVEL and on from
 * there, at once; LEVEL may be nlayers.  layered_flush_from makes durable
 * what completed at LEVEL and below.
 */
extern int layered_write_from (struct layered *ld, struct store *bottom,
                               unsigned level, const void *buf, uint64_t sector,
                               uint32_t nsectors, unsigned flags, int *err);
extern int layered_zero_from (struct layered *ld, struct store *bottom,
                              unsigned level, uint64_t sector,
                              uint64_t nsectors, unsigned flags, int *err);
extern int layered_flush_from (struct layered *ld, struct store *bottom,
                               unsigned level, int *err);

/* layered-fetch.c: misses of read caches, single-flight, in parallel, and
 * readahead.  The stack has one fetch object from layered_create to
 * layered_close; start and stop bracket the time in which it may use own
 * threads and own_bottom.  Stop returns when no thread is left.
 */
extern struct layered_fetch *layered_fetch_create (struct layered *ld);
extern void layered_fetch_free (struct layered_fetch *f);
extern int layered_fetch_start (struct layered *ld, int *err);
extern void layered_fetch_stop (struct layered *ld);

#endif /* DISKSTACK_LAYERED_IMPL_H */
