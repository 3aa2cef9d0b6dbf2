/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Memory for a disk of which little is written.  It is reserved, piece by
 * piece as it is first written, as ordinary private memory at fixed
 * distances: the processor's page tables are the map from the disk to
 * memory, the kernel finds pages as they are touched, and gets them back
 * when they are dropped.
 *
 * Pages of 4096 bytes are counted from before they are first written
 * until they are given back; those that are counted are `resident'.  Who
 * writes in order gets units of 2 MiB at once, as one page of the
 * processor where the kernel has one, which costs a third; then all of
 * the unit is counted.
 *
 * Locks are the user's: no two calls that change overlapping ranges, or
 * that take a unit and change something in it, at the same time.
 * sparse_memory_at needs none, and what it returns stays mapped.
 */

#ifndef DISKSTACK_SPARSE_MEMORY_H
#define DISKSTACK_SPARSE_MEMORY_H

#include <stdbool.h>
#include <stdint.h>

#include "presence/presence.h"

#define SPARSE_MEMORY_UNIT (UINT64_C (2) << 20)
#define SPARSE_MEMORY_PIECE (UINT64_C (1) << 30)

struct sparse_memory {
  uint64_t size;             /* bytes of the disk */
  uint64_t max;              /* most bytes of memory; 0: any */
  struct presence *resident; /* pages */
  struct presence *large;    /* units that were taken */
  _Atomic unsigned nlarge;   /* runs of them */
  _Atomic uint64_t npages;   /* resident */
  _Atomic (char *) *piece;
  size_t npieces;
};

/* Nothing in it.  0, or -1 with errno = ENOMEM; sparse_memory_fini is
 * right after both.
 */
extern int sparse_memory_init (struct sparse_memory *m, uint64_t size,
                               uint64_t max);
extern void sparse_memory_fini (struct sparse_memory *m);

/* Bytes in use, with the bookkeeping. */
extern uint64_t sparse_memory_used (const struct sparse_memory *m);

/* The memory of byte OFFSET of the disk, up to the end of its piece, or
 * NULL if nothing in the piece was written.
 */
extern char *sparse_memory_at (const struct sparse_memory *m, uint64_t offset);

/* The same to write the COUNT bytes there, which lie in one piece: counts
 * their pages.  NULL with *err = ENOMEM, or ENOSPC if there would be
 * more than max bytes, of which OTHER are not in this memory.
 */
extern char *sparse_memory_take (struct sparse_memory *m, uint64_t offset,
                                 uint64_t count, uint64_t other, int *err);

/* Does a write to the unit at UNIT, a multiple of SPARSE_MEMORY_UNIT, go
 * on in order from what is before it, so that all of the unit will be
 * needed?  False if anything is resident in it.
 */
extern bool sparse_memory_wants_unit (const struct sparse_memory *m,
                                      uint64_t unit);

/* Make the unit resident if it can be; if not nothing is lost. */
extern void sparse_memory_take_unit (struct sparse_memory *m, uint64_t unit,
                                     uint64_t other);

/* Give back the whole pages of [START, END), bytes, and zero what is left
 * of resident pages at the edges.
 */
extern void sparse_memory_drop (struct sparse_memory *m, uint64_t start,
                                uint64_t end);

#endif /* DISKSTACK_SPARSE_MEMORY_H */
