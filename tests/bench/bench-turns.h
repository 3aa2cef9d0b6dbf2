/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Numbers of subjects that take turns.
 */

#ifndef DISKSTACK_BENCH_TURNS_H
#define DISKSTACK_BENCH_TURNS_H

#include <stdint.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"

/* Nanoseconds of the processor that this thread had. */
static inline double
bench_cpu_ns (void)
{
  return (double) clock_read (CLOCK_THREAD_CPUTIME_ID);
}

static inline int
bench_compare (const void *a, const void *b)
{
  const double *x = a, *y = b;

  return (*x > *y) - (*x < *y);
}

/* Of N values, which are sorted. */
static inline double
bench_median (double *values, size_t n)
{
  qsort (values, n, sizeof *values, bench_compare);
  return values[n / 2];
}

#endif /* DISKSTACK_BENCH_TURNS_H */
