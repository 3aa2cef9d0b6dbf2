/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What the files of this room share among themselves.
 */

#ifndef DISKSTACK_LAYERED_IMPL_H
#define DISKSTACK_LAYERED_IMPL_H

#include "base/align.h"
#include "layered/layered.h"

/* Bytes of [SECTOR, SECTOR+NSECTORS) that the bottom has. */
static inline uint64_t
bottom_count (const struct layered *ld, uint64_t sector, uint64_t nsectors)
{
  const uint64_t start = sector << ld->sector_shift;
  const uint64_t end = (sector + nsectors) << ld->sector_shift;

  return start >= ld->bottom_size ? 0 : min_u64 (end, ld->bottom_size) - start;
}

/* Read [SECTOR, SECTOR+NSECTORS) as it looks from member LEVEL down. */
extern int layered_read_from (struct layered *ld, struct store *bottom,
                              unsigned level, char *buf, uint64_t sector,
                              uint32_t nsectors, int *err);

#endif /* DISKSTACK_LAYERED_IMPL_H */
