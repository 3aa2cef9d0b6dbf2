/* SPDX-License-Identifier: BSD-3-Clause
 *
 * How often which value came, of any values: latencies in nanoseconds,
 * mostly.  Of fixed size; any thread adds, without a lock, while others
 * look.
 *
 * Buckets are log-linear: each power of two is cut into 16 equal ones,
 * and values below 32 have one each.  So a value is known to 1/16 of
 * itself (6.25 %), from a nanosecond to centuries.
 */

#ifndef DISKSTACK_HISTOGRAM_H
#define DISKSTACK_HISTOGRAM_H

#include <stdatomic.h>
#include <stdint.h>

#define HISTOGRAM_BUCKETS (61 * 16)

/* Starts as zeroes. */
struct histogram {
  _Atomic uint64_t max;
  _Atomic uint64_t bucket[HISTOGRAM_BUCKETS];
};

/* What a histogram held.  It is read while others add: each value that
 * was added before is in it, those added meanwhile may be.
 */
struct histogram_snapshot {
  uint64_t count;
  uint64_t sum; /* as exact as the buckets; UINT64_MAX if it is more */
  uint64_t max; /* exact */
  uint64_t bucket[HISTOGRAM_BUCKETS];
};

/* Any thread. */
extern void histogram_add (struct histogram *h, uint64_t value);

extern void histogram_read (const struct histogram *h,
                            struct histogram_snapshot *s);

/* The least value that at least MILLIONTHS of all values do not exceed
 * (990000: the 99th percentile), or up to 6.25 % more; never more than
 * the largest.  0 if there are none.  MILLIONTHS is at most 1000000.
 */
extern uint64_t histogram_percentile (const struct histogram_snapshot *s,
                                      uint32_t millionths);

#endif /* DISKSTACK_HISTOGRAM_H */
