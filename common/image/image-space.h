/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Which bytes of an image's file are in use, and which of the free ones
 * are known to be zero; the file grows through it, in large steps.
 *
 * Positions are multiples of the unit (VHD 512, VHDX 1 MiB).  Thread
 * safe; its lock is held across the growth of the file only.
 */

#ifndef DISKSTACK_IMAGE_SPACE_H
#define DISKSTACK_IMAGE_SPACE_H

#include <stdbool.h>
#include <stdint.h>

struct image_space;

struct image_space_options {
  uint64_t unit;  /* bytes, a power of two */
  uint64_t limit; /* no position at or beyond it; ENOSPC */
  uint64_t end;   /* bytes of the file now, without what is reserved */
  uint64_t step;  /* the file grows by this much at least, if it can, and
                   * by an eighth of what it has if that is more, up to
                   * 1 GiB */
  /* Make the file END bytes long; what is new reads as zero, but for the
   * last *RESERVED bytes, which are not to be used.  Returns 0, or -1
   * with *err.
   */
  int (*grow) (void *opaque, uint64_t end, uint64_t *reserved, int *err);
  void *opaque;
};

extern struct image_space *
image_space_create (const struct image_space_options *o); /* NULL: ENOMEM */
extern void image_space_free (struct image_space *s);

/* Mark [START, START+COUNT) as used, rounded out to units; beyond the end
 * the space becomes longer.  1, 0 if some of it is used already, -1 with
 * errno = ENOMEM.
 */
extern int image_space_claim (struct image_space *s, uint64_t start,
                              uint64_t count);

/* The same, but what of it is used already stays so.  0, or -1 with errno =
 * ENOMEM.
 */
extern int image_space_claim_free (struct image_space *s, uint64_t start,
                                   uint64_t count);

/* Where the last used unit ends. */
extern uint64_t image_space_used_end (const struct image_space *s);

/* Bytes in use, and what is pending. */
extern uint64_t image_space_used (const struct image_space *s);

/* After the claims: the file was cut at END, what is free before is not
 * known to be zero, what comes after will be.
 */
extern void image_space_set_end (struct image_space *s, uint64_t end);

/* COUNT bytes, units, at *PLACE, such that *PLACE + DATA_AT is a multiple
 * of ALIGN, a power of two; the lowest free ones, or the file grows.
 * *ZERO: they read as zero.  ENOSPC, ENOMEM or what grow says.
 */
extern int image_space_alloc (struct image_space *s, uint64_t count,
                              uint64_t data_at, uint64_t align, uint64_t *place,
                              bool *zero, int *err);

/* The same, but only below LIMIT and without growing: for compacting. */
extern int image_space_alloc_below (struct image_space *s, uint64_t count,
                                    uint64_t data_at, uint64_t align,
                                    uint64_t limit, uint64_t *place, bool *zero,
                                    int *err);

/* Give back what was allocated or claimed; ZERO: it reads as zero.  Never
 * fails: what cannot be noted for lack of memory stays used.
 */
extern void image_space_release (struct image_space *s, uint64_t place,
                                 uint64_t count, bool zero);

#endif /* DISKSTACK_IMAGE_SPACE_H */
