/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Percentiles beside those of a sorted array, the ends of the range, and
 * many threads.
 */

#include <config.h>

#include <check.h>
#include <stdlib.h>

#include "base/align.h"
#include "base/histogram.h"
#include "support/main.h"
#include "support/rng.h"
#include "support/threads.h"

static struct histogram h;
static struct histogram_snapshot s;

START_TEST (empty)
{
  histogram_read (&h, &s);
  ck_assert_uint_eq (s.count, 0);
  ck_assert_uint_eq (s.sum, 0);
  ck_assert_uint_eq (s.max, 0);
  ck_assert_uint_eq (histogram_percentile (&s, 0), 0);
  ck_assert_uint_eq (histogram_percentile (&s, 1000000), 0);
}
END_TEST

/* One value alone: it is all percentiles, exactly, as it is the largest;
 * below another one it is known to 1/16.
 */
START_TEST (one_value)
{
  static const uint64_t values[] = {
    0,
    1,
    15,
    16,
    17,
    31,
    32,
    33,
    63,
    64,
    1000,
    1023,
    1024,
    1u << 31,
    UINT64_C (1) << 62,
    UINT64_MAX / 2,
    UINT64_MAX - 1,
    UINT64_MAX,
  };

  for (size_t i = 0; i < ARRAY_SIZE (values); i++) {
    const uint64_t v = values[i];
    uint64_t p;

    h = (struct histogram){ 0 };
    histogram_add (&h, v);
    histogram_read (&h, &s);
    ck_assert_uint_eq (s.count, 1);
    ck_assert_uint_eq (s.max, v);
    ck_assert_uint_eq (histogram_percentile (&s, 0), v);
    ck_assert_uint_eq (histogram_percentile (&s, 500000), v);
    ck_assert_uint_eq (histogram_percentile (&s, 1000000), v);
    histogram_add (&h, UINT64_MAX);
    histogram_read (&h, &s);
    p = histogram_percentile (&s, 500000);
    ck_assert_uint_ge (p, v);
    ck_assert_uint_le (p - v, v / 16);
    ck_assert_uint_eq (histogram_percentile (&s, 500001), UINT64_MAX);
    ck_assert_uint_ge (s.sum, UINT64_MAX / 17 * 16);
  }
}
END_TEST

static int
compare (const void *a, const void *b)
{
  const uint64_t x = *(const uint64_t *) a, y = *(const uint64_t *) b;

  return x < y ? -1 : x > y;
}

/* Of all magnitudes. */
START_TEST (percentiles)
{
  enum { N = 20000 };
  static const uint32_t asked[] = { 0,      1,      10000,  500000, 900000,
                                    990000, 999000, 999999, 1000000 };
  static uint64_t v[N];
  struct rng rng;
  double sum = 0;

  rng_init (&rng, 20);
  for (unsigned i = 0; i < N; i++) {
    v[i] = rng_below (&rng, UINT64_C (1) << rng_below (&rng, 40));
    sum += (double) v[i];
    histogram_add (&h, v[i]);
  }
  qsort (v, N, sizeof v[0], compare);
  histogram_read (&h, &s);
  ck_assert_uint_eq (s.count, N);
  ck_assert_uint_eq (s.max, v[N - 1]);
  ck_assert ((double) s.sum > 0.96 * sum && (double) s.sum < 1.04 * sum);
  for (size_t i = 0; i < ARRAY_SIZE (asked); i++) {
    const uint64_t rank =
      max_u64 (1, DIV_ROUND_UP ((uint64_t) N * asked[i], 1000000));
    const uint64_t exact = v[rank - 1];
    const uint64_t p = histogram_percentile (&s, asked[i]);

    ck_assert_uint_ge (p, exact);
    ck_assert_uint_le (p, exact + exact / 16);
  }
}
END_TEST

enum { THREADS = 4, EACH = 20000 };

static void
add_some (void *opaque, unsigned index)
{
  struct histogram_snapshot *own = malloc (sizeof *own);

  for (unsigned i = 0; i < EACH; i++) {
    histogram_add (&h, (uint64_t) index * EACH + i);
    if (i % 5000 != 0)
      continue;
    histogram_read (&h, own);
    quick_assert (own->count > i && own->count <= THREADS * EACH);
    quick_assert (histogram_percentile (own, 1000000) <
                  THREADS * EACH * 17 / 16);
  }
  free (own);
}

START_TEST (threads)
{
  threads_run (THREADS, add_some, NULL);
  histogram_read (&h, &s);
  ck_assert_uint_eq (s.count, THREADS * EACH);
  ck_assert_uint_eq (s.max, THREADS * EACH - 1);
  ck_assert_uint_ge (histogram_percentile (&s, 500000), THREADS * EACH / 2 - 1);
  ck_assert_uint_le (histogram_percentile (&s, 500000),
                     THREADS * EACH / 2 * 17 / 16);
}
END_TEST

int
main (void)
{
  const TTest *const tests[] = { empty, one_value, percentiles, threads };

  return test_main ("histogram", tests, ARRAY_SIZE (tests));
}
