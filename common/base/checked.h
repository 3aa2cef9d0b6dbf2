/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Arithmetic on numbers that came from outside.  Every offset + length
 * read from an image, a server or a parameter goes through here.
 */

#ifndef DISKSTACK_CHECKED_H
#define DISKSTACK_CHECKED_H

#include <stdbool.h>
#include <stdint.h>

/* *R = A + B; true unless it overflowed (then *R is unspecified). */
static inline bool
checked_add (uint64_t a, uint64_t b, uint64_t *r)
{
  return !__builtin_add_overflow (a, b, r);
}

/* *R = A * B; true unless it overflowed (then *R is unspecified). */
static inline bool
checked_mul (uint64_t a, uint64_t b, uint64_t *r)
{
  return !__builtin_mul_overflow (a, b, r);
}

/* Is [OFFSET, OFFSET+COUNT) inside [0, SIZE)?  Never wraps. */
static inline bool
range_inside (uint64_t offset, uint64_t count, uint64_t size)
{
  return count <= size && offset <= size - count;
}

#endif /* DISKSTACK_CHECKED_H */
