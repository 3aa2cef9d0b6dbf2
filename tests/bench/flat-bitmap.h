/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A flat bitmap for the benchmarks to compare with: one bit for each
 * sector, one thread, words of 64 bits.  The functions are not inline,
 * as those of a presence set are not.
 */

#ifndef DISKSTACK_BENCH_FLAT_BITMAP_H
#define DISKSTACK_BENCH_FLAT_BITMAP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/align.h"

#define NOINLINE __attribute__ ((noinline))

static NOINLINE bool
flat_test (const uint64_t *w, uint64_t bit)
{
  return w[bit / 64] >> bit % 64 & 1;
}

static NOINLINE uint64_t
flat_find (const uint64_t *w, uint64_t pos, uint64_t limit, bool value)
{
  uint64_t skip = value ? 0 : UINT64_MAX, i = pos / 64, x;

  if (pos >= limit)
    return limit;
  x = (w[i] ^ skip) & (UINT64_MAX << pos % 64);
  while (x == 0) {
    if (++i * 64 >= limit)
      return limit;
    x = w[i] ^ skip;
  }
  return min_u64 (i * 64 + __builtin_ctzll (x), limit);
}

static NOINLINE bool
flat_all (const uint64_t *w, uint64_t start, uint64_t n)
{
  uint64_t mask;

  if (start % 64 + n > 64)
    return flat_find (w, start, start + n, false) == start + n;
  mask = (UINT64_MAX >> (64 - n)) << start % 64;
  return (w[start / 64] & mask) == mask;
}

static NOINLINE bool
flat_run (const uint64_t *w, uint64_t pos, uint64_t limit, uint64_t *end)
{
  bool value = flat_test (w, pos);

  *end = flat_find (w, pos, limit, !value);
  return value;
}

static NOINLINE void
flat_change (uint64_t *w, uint64_t start, uint64_t n, bool value)
{
  for (uint64_t end = start + n, next; start < end; start = next) {
    uint64_t mask;

    next = min_u64 (ROUND_DOWN (start, 64) + 64, end);
    mask = (UINT64_MAX >> (64 - (next - start))) << start % 64;
    if (value)
      w[start / 64] |= mask;
    else
      w[start / 64] &= ~mask;
  }
}

#endif /* DISKSTACK_BENCH_FLAT_BITMAP_H */
