/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What the parts of bench-policy share.
 */

#ifndef DISKSTACK_BENCH_POLICY_H
#define DISKSTACK_BENCH_POLICY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A cache of at most CAPACITY of NCLUSTERS clusters, without the data. */
struct cache {
  const char *name;
  void *(*create) (uint64_t nclusters, uint64_t capacity);
  /* Read CLUSTER; was it held? */
  bool (*read) (void *cache, uint64_t cluster);
  void (*free) (void *cache);
};

extern const struct cache cache_policy, cache_lru, cache_sweep;

/* A trace is an array of clusters. */
struct trace {
  const char *name;
  uint64_t nclusters; /* all are below */
  uint32_t *clusters;
  size_t n;
};

/* NCLUSTERS are the disk, CAPACITY the cache that it is for. */
struct trace_kind {
  const char *name;
  void (*fill) (struct trace *t, uint64_t nclusters, uint64_t capacity);
};

#define TRACE_KINDS 6
extern const struct trace_kind trace_kinds[TRACE_KINDS];

/* Which part of the second half's reads could hit, at most. */
extern double best_possible (const struct trace *t, uint64_t capacity);

#endif /* DISKSTACK_BENCH_POLICY_H */
