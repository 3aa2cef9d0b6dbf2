/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See histogram.h.  The number of a bucket is the place of the highest
 * bit, then the four bits that follow it.
 */

#include <config.h>

#include <stddef.h>

#include "base/align.h"
#include "base/checked.h"
#include "base/histogram.h"

#define SUB_BITS 4
#define SUB (1u << SUB_BITS)

static unsigned
bucket_of (uint64_t value)
{
  unsigned shift;

  if (value < SUB)
    return (unsigned) value;
  shift = 63 - SUB_BITS - (unsigned) __builtin_clzll (value);
  return shift * SUB + (unsigned) (value >> shift);
}

static unsigned
shift_of (unsigned bucket)
{
  return bucket < 2 * SUB ? 0 : bucket / SUB - 1;
}

static uint64_t
lowest_of (unsigned bucket)
{
  const unsigned shift = shift_of (bucket);

  return (uint64_t) (bucket - shift * SUB) << shift;
}

static uint64_t
width_of (unsigned bucket)
{
  return UINT64_C (1) << shift_of (bucket);
}

void
histogram_add (struct histogram *h, uint64_t value)
{
  uint64_t max = atomic_load_explicit (&h->max, memory_order_relaxed);

  while (value > max &&
         !atomic_compare_exchange_weak_explicit (
           &h->max, &max, value, memory_order_relaxed, memory_order_relaxed))
    ;
  atomic_fetch_add_explicit (&h->bucket[bucket_of (value)], 1,
                             memory_order_relaxed);
}

void
histogram_read (const struct histogram *h, struct histogram_snapshot *s)
{
  s->count = s->sum = 0;
  for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
    const uint64_t n =
      atomic_load_explicit (&h->bucket[i], memory_order_relaxed);
    uint64_t sum;

    s->bucket[i] = n;
    s->count += n;
    if (!checked_mul (lowest_of (i) + width_of (i) / 2, n, &sum) ||
        !checked_add (s->sum, sum, &s->sum))
      s->sum = UINT64_MAX;
  }
  s->max = atomic_load_explicit (&h->max, memory_order_relaxed);
}

uint64_t
histogram_percentile (const struct histogram_snapshot *s, uint32_t millionths)
{
  /* Rounded up; the first value is the least for all below. */
  const uint64_t rank = max_u64 (
    1, (uint64_t) (((unsigned __int128) s->count * millionths + 999999) /
                   1000000));
  uint64_t n = 0;

  for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
    n += s->bucket[i];
    /* The largest may come late if another thread adds just now. */
    if (n >= rank)
      return min_u64 (lowest_of (i) + (width_of (i) - 1),
                      max_u64 (s->max, lowest_of (i)));
  }
  return 0;
}
