/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A set of bytes as disjoint ranges that do not touch: a treap by their
 * starts, where each node knows the longest range at or below it, so that
 * the lowest place with room is found without looking at what is too
 * short.  Not thread-safe.
 */

#ifndef DISKSTACK_IMAGE_RANGES_H
#define DISKSTACK_IMAGE_RANGES_H

#include <stdbool.h>
#include <stdint.h>

struct image_range;

struct image_ranges {
  struct image_range *root;
  uint64_t total;  /* bytes in the set */
  uint64_t random; /* state of the priorities */
};

/* All zero is the empty set, too. */
extern void image_ranges_free (struct image_ranges *r);

/* Add or remove [START, END), whatever of it is in the set.  False if
 * there is no memory; nothing has changed then.
 */
extern bool image_ranges_add (struct image_ranges *r, uint64_t start,
                              uint64_t end);
extern bool image_ranges_remove (struct image_ranges *r, uint64_t start,
                                 uint64_t end);

/* Is all of [START, END) in the set? */
extern bool image_ranges_contain (const struct image_ranges *r, uint64_t start,
                                  uint64_t end);

/* The first range that ends behind OFFSET. */
extern bool image_ranges_next (const struct image_ranges *r, uint64_t offset,
                               uint64_t *start, uint64_t *end);

/* The last range. */
extern bool image_ranges_last (const struct image_ranges *r, uint64_t *start,
                               uint64_t *end);

/* The lowest PLACE such that [PLACE, PLACE + COUNT) is in the set, PLACE +
 * DATA_AT is a multiple of ALIGN and PLACE <= MAX.
 */
extern bool image_ranges_fit (const struct image_ranges *r, uint64_t count,
                              uint64_t data_at, uint64_t align, uint64_t max,
                              uint64_t *place);

#endif /* DISKSTACK_IMAGE_RANGES_H */
