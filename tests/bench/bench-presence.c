/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Presence sets beside a flat bitmap, which has one bit for each sector
 * of the disk, no threads and a search by words: the fastest simple
 * thing, where it fits into memory.  Each figure is the median of
 * several runs, those of the two alternating.
 *
 *     make bench-presence
 */

#include <config.h>

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/align.h"
#include "bench-presence.h"
#include "flat-bitmap.h"
#include "presence/presence.h"

#define RUNS 7
#define NQUERIES BIT (20)

struct bench {
  const char *name;
  uint64_t nbits;
  void (*prepare) (struct bench *); /* before each run, not measured */
  struct presence *p;
  uint64_t *flat;
  uint64_t *queries; /* multiples of 8 */
  uint64_t result;   /* so that nothing is optimised away */
};

static uint64_t rnd = 1;

uint64_t
random_below (uint64_t n)
{
  uint64_t z = rnd += UINT64_C (0x9e3779b97f4a7c15);

  z = (z ^ (z >> 30)) * UINT64_C (0xbf58476d1ce4e5b9);
  z = (z ^ (z >> 27)) * UINT64_C (0x94d049bb133111eb);
  return (z ^ (z >> 31)) % n;
}

void *
check_alloc (void *ptr)
{
  if (ptr == NULL) {
    perror ("bench-presence");
    exit (EXIT_FAILURE);
  }
  return ptr;
}

void
check_ok (int64_t r)
{
  if (r == -1)
    check_alloc (NULL);
}

/* ------------------------------------------------------------------ */
/* Time */

static double
now (void)
{
  struct timespec ts;

  clock_gettime (CLOCK_MONOTONIC, &ts);
  return (double) ts.tv_sec * 1e9 + (double) ts.tv_nsec;
}

static int
compare (const void *a, const void *b)
{
  const double *x = a, *y = b;

  return (*x > *y) - (*x < *y);
}

/* The medians, in nanoseconds, of RUNS runs of each. */
static void
measure (struct bench *b, void (*set) (struct bench *),
         void (*flat) (struct bench *), double *set_ns, double *flat_ns)
{
  double s[RUNS], f[RUNS], start;

  for (unsigned i = 0; i < RUNS; i++) {
    if (b->prepare != NULL)
      b->prepare (b);
    start = now ();
    set (b);
    s[i] = now () - start;
    start = now ();
    flat (b);
    f[i] = now () - start;
  }
  qsort (s, RUNS, sizeof *s, compare);
  qsort (f, RUNS, sizeof *f, compare);
  *set_ns = s[RUNS / 2];
  *flat_ns = f[RUNS / 2];
}

#define EACH_QUERY(name, expression)          \
  static void name (struct bench *b)          \
  {                                           \
    for (uint64_t i = 0; i < NQUERIES; i++) { \
      uint64_t at = b->queries[i];            \
      b->result += (expression);              \
    }                                         \
  }

EACH_QUERY (set_tests, presence_test (b->p, at))
EACH_QUERY (flat_tests, flat_test (b->flat, at))
EACH_QUERY (set_alls, presence_all (b->p, at, 8))
EACH_QUERY (flat_alls, flat_all (b->flat, at, 8))
EACH_QUERY (set_sets, presence_set (b->p, at, 8))
EACH_QUERY (flat_sets, (flat_change (b->flat, at, 8, true), 0))
EACH_QUERY (set_flips,
            presence_clear (b->p, at, 8) + presence_set (b->p, at, 8))
EACH_QUERY (flat_flips, (flat_change (b->flat, at, 8, false),
                         flat_change (b->flat, at, 8, true), 0))

static void
set_runs (struct bench *b)
{
  for (uint64_t pos = 0, end; pos < b->nbits; pos = end, b->result++)
    presence_run (b->p, pos, b->nbits, &end);
}

static void
flat_runs (struct bench *b)
{
  for (uint64_t pos = 0, end; pos < b->nbits; pos = end, b->result++)
    flat_run (b->flat, pos, b->nbits, &end);
}

static void
set_count (struct bench *b)
{
  b->result += presence_count (b->p, 0, b->nbits);
}

static void
flat_count (struct bench *b)
{
  for (uint64_t i = 0; i < b->nbits / 64; i++)
    b->result += __builtin_popcountll (b->flat[i]);
}

/* Over leaves that exist: the first and the last sector stay out. */
static void
set_clear_range (struct bench *b)
{
  check_ok (presence_clear (b->p, 1, b->nbits - 2));
}

static void
flat_clear_range (struct bench *b)
{
  flat_change (b->flat, 1, b->nbits - 2, false);
}

static void
set_set_range (struct bench *b)
{
  check_ok (presence_set (b->p, 1, b->nbits - 2));
}

static void
flat_set_range (struct bench *b)
{
  flat_change (b->flat, 1, b->nbits - 2, true);
}

static void
prepare_clear (struct bench *b)
{
  set_clear_range (b);
  flat_clear_range (b);
}

static void
prepare_set (struct bench *b)
{
  set_set_range (b);
  flat_set_range (b);
}

/* ------------------------------------------------------------------ */

static void
bench_begin (struct bench *b, const char *name, uint64_t nbits)
{
  *b = (struct bench){ .name = name, .nbits = nbits };
  b->p = check_alloc (presence_create (nbits));
  b->flat = check_alloc (calloc (nbits / 64, sizeof *b->flat));
  b->queries = check_alloc (calloc (NQUERIES, sizeof *b->queries));
}

static void
bench_end (struct bench *b)
{
  presence_free (b->p);
  free (b->flat);
  free (b->queries);
}

static void
change_both (struct bench *b, uint64_t start, uint64_t n, bool value)
{
  check_ok (value ? presence_set (b->p, start, n) :
                    presence_clear (b->p, start, n));
  flat_change (b->flat, start, n, value);
}

static void
print_ns (struct bench *b, const char *what, void (*set) (struct bench *),
          void (*flat) (struct bench *))
{
  double s, f;

  measure (b, set, flat, &s, &f);
  printf ("  %-22s %-28s %9.2f %9.2f  %6.2f\n", b->name, what,
          s / (double) NQUERIES, f / (double) NQUERIES, s / f);
}

/* Random 4K requests in the first SPAN sectors, half of which are set. */
static void
bench_queries (const char *name, uint64_t span)
{
  struct bench b;

  bench_begin (&b, name, BIT (31));
  for (uint64_t i = 0; i < NQUERIES; i++)
    change_both (&b, random_below (span / 8) * 8, 8, i % 2);
  for (uint64_t i = 0; i < NQUERIES; i++)
    b.queries[i] = random_below (span / 8) * 8;
  print_ns (&b, "test", set_tests, flat_tests);
  print_ns (&b, "all, 8 sectors", set_alls, flat_alls);
  set_sets (&b);
  print_ns (&b, "set, 8 that are set", set_sets, flat_sets);
  print_ns (&b, "clear and set, 8", set_flips, flat_flips);
  bench_end (&b);
}

/* ------------------------------------------------------------------ */

static void
fill_nothing (struct bench *b)
{
}

static void
fill_all (struct bench *b)
{
  change_both (b, 0, b->nbits, true);
}

static void
fill_by_4k (struct bench *b)
{
  for (uint64_t i = 0; i < b->nbits; i += 8)
    change_both (b, i, 8, true);
}

static void
fill_and_clear (struct bench *b)
{
  fill_by_4k (b);
  change_both (b, 0, b->nbits, false);
}

/* The leaves are made in an order that has nothing to do with the disk. */
static void
fill_scattered (struct bench *b)
{
  uint64_t nleaves = b->nbits / 1024;

  for (uint64_t i = 0; i < nleaves; i++)
    change_both (b, i * 0x9e3779b1 % nleaves * 1024, 1, true);
  fill_by_4k (b);
}

static void
fill_1_in_8 (struct bench *b)
{
  for (uint64_t i = 0; i < b->nbits; i += 8)
    change_both (b, i, 1, true);
}

static void
fill_half (struct bench *b)
{
  for (uint64_t i = 0; i < b->nbits; i++)
    if (random_below (2) == 0)
      change_both (b, i, 1, true);
}

static void
fill_random_runs (struct bench *b)
{
  uint64_t pos = 0;
  bool value = false;

  while (pos < b->nbits) {
    uint64_t n = min_u64 (1 + random_below (400), b->nbits - pos);

    change_both (b, pos, n, value);
    value = !value;
    pos += n;
  }
}

static void
bench_pattern (const char *name, uint64_t nbits, void (*fill) (struct bench *))
{
  double s, f, nruns, bytes = (double) nbits / 8;
  struct bench b;

  bench_begin (&b, name, nbits);
  fill (&b);
  b.result = 0;
  set_runs (&b);
  nruns = (double) b.result;
  measure (&b, set_runs, flat_runs, &s, &f);
  printf ("  %-32s %10.0f %10.3g %10.3g %9.4g %9.4g  %6.3f\n", name, nruns,
          nruns / s * 1e9, nruns / f * 1e9, bytes / s, bytes / f, s / f);
  bench_end (&b);
}

static void
bench_bulk (uint64_t nbits)
{
  static const struct {
    const char *name;
    void (*prepare) (struct bench *);
    void (*set) (struct bench *);
    void (*flat) (struct bench *);
  } table[] = {
    { "count", NULL, set_count, flat_count },
    { "clear what is set", prepare_set, set_clear_range, flat_clear_range },
    { "clear again", prepare_clear, set_clear_range, flat_clear_range },
    { "set what is clear", prepare_clear, set_set_range, flat_set_range },
    { "set again", prepare_set, set_set_range, flat_set_range },
  };
  double s, f, bytes = (double) nbits / 8;
  struct bench b;

  bench_begin (&b, "bulk", nbits);
  fill_half (&b);
  for (unsigned i = 0; i < ARRAY_SIZE (table); i++) {
    b.prepare = table[i].prepare;
    measure (&b, table[i].set, table[i].flat, &s, &f);
    printf ("  %-32s %9.4g %9.4g  %6.2f\n", table[i].name, bytes / s, bytes / f,
            s / f);
  }
  bench_end (&b);
}

int
main (void)
{
  setvbuf (stdout, NULL, _IOLBF, 0);
  printf ("one call, random 4K requests on 1 TiB: ns\n"
          "  %-22s %-28s %9s %9s  %6s\n",
          "in", "what", "set", "flat", "ratio");
  bench_queries ("one leaf (512 KiB)", BIT (10));
  bench_queries ("1 GiB", BIT (21));
  bench_queries ("1 TiB", BIT (31));

  printf ("\nall runs of a disk, found one by one: runs/s, GB/s of bitmap\n"
          "  %-32s %10s %10s %10s %9s %9s  %6s\n",
          "pattern", "runs", "set /s", "flat /s", "set GB/s", "flat GB/s",
          "ratio");
  bench_pattern ("8 GiB empty", BIT (24), fill_nothing);
  bench_pattern ("8 GiB full", BIT (24), fill_all);
  bench_pattern ("8 GiB set by 4K, cleared", BIT (24), fill_and_clear);
  bench_pattern ("8 GiB full, set by 4K", BIT (24), fill_by_4k);
  bench_pattern ("8 GiB 1 in 8", BIT (24), fill_1_in_8);
  bench_pattern ("8 GiB random 50 %", BIT (24), fill_half);
  bench_pattern ("8 GiB random runs", BIT (24), fill_random_runs);
  bench_pattern ("1 TiB full", BIT (31), fill_all);
  bench_pattern ("1 TiB full, set by 4K", BIT (31), fill_by_4k);
  bench_pattern ("1 TiB full, set in no order", BIT (31), fill_scattered);
  bench_pattern ("1 TiB random runs", BIT (31), fill_random_runs);

  printf ("\nall of 8 GiB at once, leaves exist: GB/s of bitmap\n"
          "  %-32s %9s %9s  %6s\n",
          "what", "set", "flat", "ratio");
  bench_bulk (BIT (24));

  bench_memory_all ();
  return EXIT_SUCCESS;
}
