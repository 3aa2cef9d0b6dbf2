/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Ranges of numbers that are free: of addresses that a device may use, and
 * of memory that it can reach.
 */

#ifndef DISKSTACK_FREE_RANGES_H
#define DISKSTACK_FREE_RANGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct free_range {
  uint64_t first, last; /* both are in it */
};

/* Starts as zeroes. */
struct free_ranges {
  struct free_range *range; /* ascending, neither overlapping nor touching */
  size_t n, cap;
  size_t pieces; /* that were added, or taken and not given back */
};

extern void free_ranges_fini (struct free_ranges *f);

/* Add [FIRST, LAST], of which nothing was added before.  Returns 0, or -1
 * with errno = ENOMEM.
 */
extern int free_ranges_add (struct free_ranges *f, uint64_t first,
                            uint64_t last);

/* Take SIZE, not 0, at a multiple of ALIGN, a power of two: the lowest.
 * False if there is none, or no memory to remember it.
 */
extern bool free_ranges_take (struct free_ranges *f, uint64_t size,
                              uint64_t align, uint64_t *first);

/* Give back what was taken, as a whole.  Cannot fail. */
extern void free_ranges_give (struct free_ranges *f, uint64_t first,
                              uint64_t size);

#endif /* DISKSTACK_FREE_RANGES_H */
