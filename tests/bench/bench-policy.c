/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The policy of eviction beside others: how many reads find what they
 * want, in the second half of a trace; how fast it is; and how much
 * memory a cluster takes.
 *
 *     make bench-policy
 */

#include <config.h>

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/align.h"
#include "bench-policy.h"
#include "policy/policy.h"
#include "support/must.h"
#include "support/rng.h"
#include "support/threads.h"

#define BIT(n) (UINT64_C (1) << (n))
#define DISK BIT (18) /* 16 GiB */
#define RUNS 5

/* Processor time, of all threads: others may use the machine, too. */
static double
now (void)
{
  struct timespec ts;

  clock_gettime (CLOCK_PROCESS_CPUTIME_ID, &ts);
  return (double) ts.tv_sec * 1e9 + (double) ts.tv_nsec;
}

/* ------------------------------------------------------------------ */
/* Hits */

static double
hit_ratio (const struct cache *kind, const struct trace *t, uint64_t capacity)
{
  void *cache = kind->create (t->nclusters, capacity);
  size_t hits = 0;

  for (size_t i = 0; i < t->n / 2; i++)
    kind->read (cache, t->clusters[i]);
  for (size_t i = t->n / 2; i < t->n; i++)
    hits += kind->read (cache, t->clusters[i]);
  kind->free (cache);
  return (double) hits / (double) (t->n - t->n / 2);
}

static void
hits (void)
{
  static const unsigned percents[] = { 1, 5, 25 };

  printf (
    "part of reads that hit; the cache is a part of a 16 GiB disk; best is"
    "\nwhat could be had by knowing the future\n"
    "  %-22s %6s %8s %8s %8s %8s %7s %7s %7s\n",
    "trace", "cache", cache_policy.name, cache_lru.name, cache_sweep.name,
    "best", "/LRU", "/sweep", "/best");
  for (unsigned i = 0; i < TRACE_KINDS; i++)
    for (unsigned k = 0; k < ARRAY_SIZE (percents); k++) {
      const uint64_t capacity = DISK * percents[k] / 100;
      struct trace t = { .name = trace_kinds[i].name };
      double policy, lru, sweep, best;

      trace_kinds[i].fill (&t, DISK, capacity);
      policy = hit_ratio (&cache_policy, &t, capacity);
      lru = hit_ratio (&cache_lru, &t, capacity);
      sweep = hit_ratio (&cache_sweep, &t, capacity);
      best = best_possible (&t, capacity);
      printf ("  %-22s %4u %% %8.4f %8.4f %8.4f %8.4f %7.3f %7.3f %7.3f\n",
              t.name, percents[k], policy, lru, sweep, best, policy / lru,
              policy / sweep, policy / best);
      free (t.clusters);
    }
}

/* ------------------------------------------------------------------ */
/* Time */

#define NOPS BIT (20)
#define NTHREADS 2

struct speed {
  struct policy *p;
  uint64_t *clusters; /* that are held */
  uint64_t nheld, stride;
};

static void
speed_begin (struct speed *s, uint64_t nheld, uint64_t stride)
{
  struct rng rng;

  rng_init (&rng, 1);
  *s = (struct speed){ .nheld = nheld, .stride = stride };
  s->p = policy_create (4 * nheld * stride);
  if (s->p == NULL)
    abort ();
  s->clusters = must_malloc (nheld * sizeof *s->clusters);
  for (uint64_t i = 0; i < nheld; i++) {
    s->clusters[i] = i * stride;
    if (policy_insert (s->p, s->clusters[i]) == -1)
      abort ();
  }
  for (uint64_t i = 0; i < nheld; i++) {
    const uint64_t k = rng_below (&rng, i + 1), c = s->clusters[k];

    s->clusters[k] = s->clusters[i];
    s->clusters[i] = c;
  }
}

static void
hit_all (void *opaque, unsigned index)
{
  struct speed *s = opaque;

  for (uint64_t i = 0; i < NOPS; i++)
    policy_hit (s->p, s->clusters[i % s->nheld]);
}

/* What is not held comes, in no order; what is held goes. */
static void
replace_all (struct speed *s)
{
  for (uint64_t i = 0; i < NOPS; i++) {
    const uint64_t c = (i * UINT64_C (2654435761)) % (4 * s->nheld);
    uint64_t victim;

    if (policy_has (s->p, c * s->stride))
      continue;
    if (!policy_victim (s->p, &victim) ||
        policy_insert (s->p, c * s->stride) == -1)
      abort ();
  }
}

static void
take_and_return (struct speed *s)
{
  for (uint64_t i = 0; i < NOPS; i++) {
    uint64_t victim;

    if (!policy_victim (s->p, &victim) || policy_return (s->p, victim) == -1)
      abort ();
  }
}

static int
compare (const void *a, const void *b)
{
  const double *x = a, *y = b;

  return (*x > *y) - (*x < *y);
}

static double
median (double *v)
{
  qsort (v, RUNS, sizeof *v, compare);
  return v[RUNS / 2];
}

static void
speed (const char *name, uint64_t nheld, uint64_t stride)
{
  double first[RUNS], one[RUNS], many[RUNS], replace[RUNS], back[RUNS];
  struct speed s;
  size_t memory;

  for (unsigned i = 0; i < RUNS; i++) {
    double start;

    speed_begin (&s, nheld, stride);
    start = now ();
    for (uint64_t k = 0; k < nheld; k++)
      policy_hit (s.p, s.clusters[k]);
    first[i] = (double) nheld / (now () - start);
    hit_all (&s, 0);
    start = now ();
    hit_all (&s, 0);
    one[i] = (double) NOPS / (now () - start);
    start = now ();
    threads_run (NTHREADS, hit_all, &s);
    many[i] = (double) (NOPS * NTHREADS) / (now () - start);
    start = now ();
    replace_all (&s);
    replace[i] = (double) NOPS / (now () - start);
    memory = policy_memory (s.p);
    start = now ();
    take_and_return (&s);
    back[i] = (double) NOPS / (now () - start);
    policy_free (s.p);
    free (s.clusters);
  }
  printf ("  %-22s %8" PRIu64 " %8.1f %8.1f %8.1f %8.2f %8.2f %8.1f %8.1f\n",
          name, nheld, 1e3 * median (first), 1e3 * median (one),
          1e3 * median (many), 1e3 * median (replace), 1e3 * median (back),
          (double) (memory - 4 * nheld * stride / 128) / (double) nheld,
          (double) memory / (double) nheld);
}

static void
speeds (void)
{
  printf ("\nmillions of operations in a second of processor time; bytes for "
          "each cluster held,"
          "\nwithout and with the root, for a disk of four times the span\n"
          "  %-22s %8s %8s %8s %8s %8s %8s %8s %8s\n",
          "held", "number", "1st hit", "hit", "2 thr.", "replace", "return",
          "bytes", "+ root");
  speed ("all of a region", BIT (14), 1);
  speed ("all of a region", BIT (18), 1);
  speed ("20 of 1024", BIT (14), 51);
  speed ("20 of 1024", BIT (18), 51);
  speed ("1 of 1024", BIT (14), 1024);
  speed ("1 of 1024", BIT (18), 1024);
}

int
main (void)
{
  setvbuf (stdout, NULL, _IOLBF, 0);
  hits ();
  speeds ();
  return EXIT_SUCCESS;
}
