/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What is read in what order.  The same in each run of the program.
 */

#include <config.h>

#include <math.h>
#include <stdlib.h>

#include "base/align.h"
#include "bench-policy.h"
#include "support/must.h"
#include "support/rng.h"

/* How often each is read on average, at least; and in all. */
#define ROUNDS 8
#define READS_MIN 2000000

static struct rng rng;

static void
begin (struct trace *t, uint64_t nclusters, uint64_t n)
{
  rng_init (&rng, nclusters);
  t->nclusters = nclusters;
  t->n = max_u64 (n, READS_MIN);
  t->clusters = must_malloc (t->n * sizeof *t->clusters);
}

/* The numbers below N in no order. */
static uint32_t *
shuffled (uint64_t n)
{
  uint32_t *v = must_malloc (n * sizeof *v);

  for (uint64_t i = 0; i < n; i++) {
    const uint64_t k = rng_below (&rng, i + 1);

    v[i] = v[k];
    v[k] = (uint32_t) i;
  }
  return v;
}

/* The cluster of rank R, from 1, is read in proportion to 1 / R^EXPONENT. */
static void
zipf (struct trace *t, uint64_t nclusters, double exponent)
{
  double *sum = must_malloc ((nclusters + 1) * sizeof *sum);
  uint32_t *of_rank;

  begin (t, nclusters, ROUNDS * nclusters);
  of_rank = shuffled (nclusters);
  sum[0] = 0;
  for (uint64_t r = 1; r <= nclusters; r++)
    sum[r] = sum[r - 1] + pow ((double) r, -exponent);
  for (size_t i = 0; i < t->n; i++) {
    const double x =
      (double) (rng_next (&rng) >> 11) * 0x1p-53 * sum[nclusters];
    uint64_t low = 0, high = nclusters - 1;

    /* The first whose sum is beyond X. */
    while (low < high) {
      const uint64_t mid = (low + high) / 2;

      if (sum[mid + 1] > x)
        high = mid;
      else
        low = mid + 1;
    }
    t->clusters[i] = of_rank[low];
  }
  free (of_rank);
  free (sum);
}

static void
zipf_09 (struct trace *t, uint64_t nclusters, uint64_t capacity)
{
  zipf (t, nclusters, 0.9);
}

static void
zipf_12 (struct trace *t, uint64_t nclusters, uint64_t capacity)
{
  zipf (t, nclusters, 1.2);
}

/* HOT of 100 reads are of a set that is SIZE % of the cache, the others go
 * through ten times the cache again and again, REPEAT for each cluster.
 */
static void
scan_and_hot (struct trace *t, uint64_t capacity, unsigned size, unsigned hot,
              unsigned repeat)
{
  const uint64_t scan = 10 * capacity, nhot = capacity * size / 100;
  uint64_t next = 0;
  uint32_t *order;

  begin (t, scan + nhot, 15 * scan);
  order = shuffled (scan + nhot);
  for (size_t i = 0; i < t->n; i++)
    t->clusters[i] = order[rng_below (&rng, nhot)];
  /* The hot ones are anywhere; the scan is in the order of the disk, and
   * meets them too.
   */
  for (size_t i = 0; i < t->n; i++)
    if (rng_below (&rng, 100) >= hot)
      t->clusters[i] = (uint32_t) (next++ / repeat % t->nclusters);
  free (order);
}

static void
scan_hot (struct trace *t, uint64_t nclusters, uint64_t capacity)
{
  scan_and_hot (t, capacity, 50, 80, 1);
}

static void
scan_hot_4k (struct trace *t, uint64_t nclusters, uint64_t capacity)
{
  scan_and_hot (t, capacity, 80, 50, 16);
}

static void
scan_hot_large (struct trace *t, uint64_t nclusters, uint64_t capacity)
{
  scan_and_hot (t, capacity, 80, 50, 1);
}

/* A tenth more than the cache, again and again. */
static void
loop (struct trace *t, uint64_t nclusters, uint64_t capacity)
{
  const uint64_t n = capacity + capacity / 10;

  begin (t, n, 40 * n);
  for (size_t i = 0; i < t->n; i++)
    t->clusters[i] = (uint32_t) (i % n);
}

const struct trace_kind trace_kinds[TRACE_KINDS] = {
  { "Zipf 0.9", zipf_09 },
  { "Zipf 1.2", zipf_12 },
  { "scan and hot set", scan_hot },
  { "scan and large hot set", scan_hot_large },
  { "the same in 4K reads", scan_hot_4k },
  { "loop", loop },
};
