/* SPDX-License-Identifier: BSD-3-Clause
 *
 * How much may be asked for beside what is wanted, by how long the line is.
 */

#include <config.h>

#include "base/align.h"
#include "http/http-pace.h"
#include "support/main.h"

static struct http_pace pace;

static void
setup (void)
{
  pace = (struct http_pace){ .first = { 0 } };
}

/* N answers without a body that tells anything. */
static void
answers (unsigned n, uint64_t first)
{
  while (n-- > 0)
    http_pace_note (&pace, first, HTTP_PACE_BODY - 1, 1000000);
}

static void
bodies (unsigned n, uint64_t first, uint64_t rest)
{
  while (n-- > 0)
    http_pace_note (&pace, first, 65536, rest);
}

START_TEST (nothing_known)
{
  ck_assert_uint_eq (http_pace_worth (&pace), UINT64_MAX);
}
END_TEST

START_TEST (first_bytes)
{
  answers (1, 32000);
  ck_assert_uint_eq (http_pace_worth (&pace), 1000000);
  answers (1, 48);
  ck_assert_uint_eq (http_pace_worth (&pace), 1500);
  answers (1, 0); /* a clock that is not so fine */
  ck_assert_uint_eq (http_pace_worth (&pace), 31);
}
END_TEST

/* Those that had to wait say nothing of the line, unless all have. */
START_TEST (best_counts)
{
  answers (1, 160);
  for (unsigned i = 0; i < 62; i++) {
    answers (1, 100000 + i);
    ck_assert_uint_eq (http_pace_worth (&pace), 5000);
  }
  answers (64, 32000);
  ck_assert_uint_eq (http_pace_worth (&pace), 5000);
  answers (64, 32000);
  ck_assert_uint_eq (http_pace_worth (&pace), 1000000);
}
END_TEST

/* Those over new connections are slow, so it takes some to believe it. */
START_TEST (slow_bytes)
{
  bodies (63, 32000, 65536); /* 1 microsecond each */
  ck_assert_uint_eq (http_pace_worth (&pace), 1000000);
  bodies (1, 32000, 65536);
  ck_assert_uint_eq (http_pace_worth (&pace), 1000);
  bodies (1, 32000, 6554);
  ck_assert_uint_lt (http_pace_worth (&pace), 10001);
  ck_assert_uint_gt (http_pace_worth (&pace), 9980);
}
END_TEST

/* Bytes are never for nothing. */
START_TEST (fast_bytes)
{
  bodies (100, 160, 0);
  ck_assert_uint_eq (http_pace_worth (&pace), 5000);
}
END_TEST

START_TEST (large_numbers)
{
  http_pace_note (&pace, UINT64_MAX, HTTP_PACE_BODY, UINT64_MAX / 1000001);
  ck_assert_uint_eq (http_pace_worth (&pace),
                     UINT32_MAX * UINT64_C (1000) / 32);
}
END_TEST

int
main (void)
{
  const TTest *const tests[] = {
    nothing_known, first_bytes, best_counts,
    slow_bytes,    fast_bytes,  large_numbers,
  };
  Suite *suite = suite_create ("http-pace");
  TCase *c = test_case (suite, "http-pace");

  tcase_add_checked_fixture (c, setup, NULL);
  for (size_t i = 0; i < ARRAY_SIZE (tests); i++)
    tcase_add_test (c, tests[i]);
  return test_run (suite);
}
