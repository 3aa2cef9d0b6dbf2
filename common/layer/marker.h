/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Which sectors of one read request are there already.  A layer marks
 * what it filled; the engine hands what is left to the next layer.  A
 * request that is satisfied in one piece, the usual case, costs two
 * numbers; only a fragmented one allocates a bitmap.
 */

#ifndef DISKSTACK_MARKER_H
#define DISKSTACK_MARKER_H

#include <stdbool.h>
#include <stdint.h>

/* Requests of up to this many sectors need no allocation. */
#define MARKER_INLINE_WORDS 4

struct marker {
  uint64_t sector;   /* first sector of the request */
  uint32_t nsectors; /* its length */
  uint32_t nmarked;
  /* While bits is NULL, the marked sectors are [lo, hi), relative. */
  uint32_t lo, hi;
  uint64_t *bits;
  uint64_t inline_bits[MARKER_INLINE_WORDS];
  bool failed; /* no memory for the bitmap */
};

/* Nothing of [SECTOR, SECTOR+NSECTORS) is marked. */
extern void marker_init (struct marker *m, uint64_t sector, uint32_t nsectors);
extern void marker_fini (struct marker *m);

/* Mark [SECTOR, SECTOR+NSECTORS), absolute sectors inside the request.
 * Marking twice is harmless.  On lack of memory the marker turns failed
 * and its other contents are unspecified; the engine checks once.
 */
extern void marker_set (struct marker *m, uint64_t sector, uint32_t nsectors);

static inline bool
marker_full (const struct marker *m)
{
  return m->nmarked == m->nsectors;
}

/* Find the first run of unmarked sectors at or after *SECTOR
 * (absolute): true with *SECTOR and *NSECTORS set, or false if there is
 * none up to the end of the request.
 */
extern bool marker_next_unset (const struct marker *m, uint64_t *sector,
                               uint32_t *nsectors);

#endif /* DISKSTACK_MARKER_H */
