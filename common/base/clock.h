/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The time since some moment in nanoseconds, which never goes back.
 */

#ifndef DISKSTACK_CLOCK_H
#define DISKSTACK_CLOCK_H

#include <stdint.h>
#include <time.h>

#define CLOCK_SECOND UINT64_C (1000000000)
#define CLOCK_MILLISECOND UINT64_C (1000000)

static inline uint64_t
clock_read (clockid_t id)
{
  struct timespec ts;

  clock_gettime (id, &ts);
  return (uint64_t) ts.tv_sec * CLOCK_SECOND + (uint64_t) ts.tv_nsec;
}

static inline uint64_t
clock_ns (void)
{
  return clock_read (CLOCK_MONOTONIC);
}

/* As of the last tick: cheap, and some milliseconds late. */
static inline uint64_t
clock_coarse_ns (void)
{
  return clock_read (CLOCK_MONOTONIC_COARSE);
}

#endif /* DISKSTACK_CLOCK_H */
