/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Rounding, powers of two, minimum and maximum.
 */

#ifndef DISKSTACK_ALIGN_H
#define DISKSTACK_ALIGN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* clang-format off */
#define ROUND_DOWN(x, a) ((x) / (a) * (a))
#define ROUND_UP(x, a) (DIV_ROUND_UP (x, a) * (a))
#define DIV_ROUND_UP(x, a) (((x) + (a) - 1) / (a))
#define IS_ALIGNED(x, a) ((x) % (a) == 0)

#define ARRAY_SIZE(a) (sizeof (a) / sizeof ((a)[0]))

#define container_of(p, type, member) \
  ((type *) ((char *) (p) - offsetof (type, member)))
/* clang-format on */

static inline bool
is_power_of_2 (uint64_t x)
{
  return x != 0 && (x & (x - 1)) == 0;
}

/* The exponent of X, a power of two. */
static inline unsigned
log2_of (uint64_t x)
{
  return (unsigned) __builtin_ctzll (x);
}

static inline uint64_t
min_u64 (uint64_t a, uint64_t b)
{
  return a < b ? a : b;
}

static inline uint64_t
max_u64 (uint64_t a, uint64_t b)
{
  return a > b ? a : b;
}

#endif /* DISKSTACK_ALIGN_H */
