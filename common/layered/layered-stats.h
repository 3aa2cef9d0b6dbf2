/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What a stack counts.  Counters only grow, are changed by any thread
 * (relaxed; use the helpers) and read one by one: a snapshot is not of
 * one moment.
 */

#ifndef DISKSTACK_LAYERED_STATS_H
#define DISKSTACK_LAYERED_STATS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/histogram.h"

/* Of one layer.  Bytes unless it says otherwise. */
struct layered_counters {
  _Atomic uint64_t hit, miss;         /* of reads that came to the layer */
  _Atomic uint64_t populated;         /* stored in it after a miss */
  _Atomic uint64_t populate_failures; /* calls */
  _Atomic uint64_t written;           /* by clients or from the layer above */
  _Atomic uint64_t zeroed;
  _Atomic uint64_t cleaned;      /* moved down */
  _Atomic uint64_t clean_errors; /* calls */
  _Atomic uint64_t evicted;      /* clusters */
  _Atomic uint64_t fell_through; /* written below as there was no room */
};

/* Of reads from what is below the lowest layer. */
struct layered_fetch_counters {
  _Atomic uint64_t requests, bytes; /* to the bottom */
  _Atomic uint64_t shared;          /* readers who waited for another's */
  _Atomic uint64_t readahead;       /* bytes fetched ahead of time */
};

/* Nanoseconds that requests of clients took in the stack, if it is timed. */
struct layered_latency {
  struct histogram read, write, flush;
};

/* How far something is that takes long: bringing the whole disk into a
 * layer.
 */
struct layered_progress {
  _Atomic uint64_t done, total; /* bytes */
  _Atomic uint64_t rate;        /* bytes in a second, lately */
  _Atomic bool active, finished;
};

static inline void
count_add (_Atomic uint64_t *counter, uint64_t n)
{
  atomic_fetch_add_explicit (counter, n, memory_order_relaxed);
}

static inline uint64_t
count_get (const _Atomic uint64_t *counter)
{
  return atomic_load_explicit (counter, memory_order_relaxed);
}

#endif /* DISKSTACK_LAYERED_STATS_H */
