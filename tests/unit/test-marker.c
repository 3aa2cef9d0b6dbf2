/* SPDX-License-Identifier: BSD-3-Clause
 *
 * marker: beside an array of booleans, in the form of two numbers, of an
 * inline bitmap and of an allocated one.
 */

#include <config.h>

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "base/align.h"
#include "layer/marker.h"
#include "support/alloc-fault.h"
#include "support/main.h"
#include "support/rng.h"

#define MAX 1000

/* What marker_next_unset must find, from the array. */
static void
check_against (const struct marker *m, const bool *set, uint32_t n,
               uint64_t base)
{
  uint32_t marked = 0;

  for (uint32_t i = 0; i < n; i++)
    marked += set[i];
  ck_assert_uint_eq (m->nmarked, marked);
  ck_assert_int_eq (marker_full (m), marked == n);
  for (uint32_t from = 0; from < n; from++) {
    uint64_t sector = base + from;
    uint32_t count = 12345, lo = from, hi;

    while (lo < n && set[lo])
      lo++;
    for (hi = lo; hi < n && !set[hi]; hi++)
      ;
    quick_assert (marker_next_unset (m, &sector, &count) == (lo < n));
    if (lo < n) {
      quick_assert (sector == base + lo);
      quick_assert (count == hi - lo);
    }
  }
}

START_TEST (plain)
{
  struct marker m;
  uint64_t sector = 1000;
  uint32_t n;

  marker_init (&m, 1000, 8);
  ck_assert (!marker_full (&m));
  ck_assert (marker_next_unset (&m, &sector, &n));
  ck_assert_uint_eq (sector, 1000);
  ck_assert_uint_eq (n, 8);
  marker_set (&m, 1000, 0);
  ck_assert_uint_eq (m.nmarked, 0);
  marker_set (&m, 1000, 8);
  ck_assert (marker_full (&m));
  ck_assert (!marker_next_unset (&m, &sector, &n));
  marker_set (&m, 1000, 8);
  ck_assert_uint_eq (m.nmarked, 8);
  marker_fini (&m);
}
END_TEST

/* Growing in both directions, overlapping, costs no bitmap. */
START_TEST (one_run)
{
  struct marker m;

  marker_init (&m, 0, 1 << 20);
  alloc_fault_from (1);
  marker_set (&m, 5000, 100);
  marker_set (&m, 5100, 100);
  marker_set (&m, 4900, 100);
  marker_set (&m, 4950, 200);
  ck_assert (!alloc_fault_stop ());
  ck_assert (!m.failed);
  ck_assert_ptr_null (m.bits);
  ck_assert_uint_eq (m.nmarked, 300);
  marker_fini (&m);
}
END_TEST

START_TEST (model)
{
  struct rng rng;

  rng_init (&rng, rng_seed ("marker"));
  for (unsigned run = 0; run < 1000; run++) {
    const uint32_t n = 1 + rng_below (&rng, run % 2 ? 300 : MAX);
    const uint64_t base =
      rng_one_in (&rng, 3) ? rng_next (&rng) / 2 : rng_below (&rng, 1000);
    const unsigned steps = 1 + rng_below (&rng, 12);
    bool set[MAX] = { false };
    struct marker m;

    marker_init (&m, base, n);
    for (unsigned k = 0; k < steps; k++) {
      const uint32_t lo = rng_below (&rng, n);
      const uint32_t count =
        rng_below (&rng, min_u64 (n - lo, rng_one_in (&rng, 3) ? 400 : 5) + 1);

      marker_set (&m, base + lo, count);
      memset (set + lo, true, count);
    }
    check_against (&m, set, n, base);
    /* A bitmap that needs no memory takes none. */
    ck_assert (n > 64 * MARKER_INLINE_WORDS || m.bits == NULL ||
               m.bits == m.inline_bits);
    marker_fini (&m);
  }
}
END_TEST

/* The longest request that there can be, in pieces. */
START_TEST (longest)
{
  const uint32_t n = UINT32_MAX;
  struct marker m;
  uint64_t sector = 7;
  uint32_t count;

  marker_init (&m, 7, n);
  marker_set (&m, 7, 1);
  marker_set (&m, 7 + (uint64_t) n - 1, 1);
  if (m.failed) { /* half a gigabyte was too much */
    marker_fini (&m);
    return;
  }
  ck_assert_uint_eq (m.nmarked, 2);
  ck_assert (marker_next_unset (&m, &sector, &count));
  ck_assert_uint_eq (sector, 8);
  ck_assert_uint_eq (count, n - 2);
  sector = 7 + (uint64_t) n - 1;
  ck_assert (!marker_next_unset (&m, &sector, &count));
  marker_fini (&m);
}
END_TEST

START_TEST (no_memory)
{
  struct marker m;

  marker_init (&m, 0, 10000);
  alloc_fault_nth (1);
  marker_set (&m, 0, 1); /* takes none */
  marker_set (&m, 100, 1);
  ck_assert (alloc_fault_stop ());
  ck_assert (m.failed);
  marker_set (&m, 200, 1); /* harmless */
  ck_assert (m.failed);
  marker_fini (&m);
}
END_TEST

int
main (void)
{
  const TTest *const tests[] = { plain, one_run, model, longest, no_memory };

  return test_main ("marker", tests, ARRAY_SIZE (tests));
}
