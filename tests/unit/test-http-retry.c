/* SPDX-License-Identifier: BSD-3-Clause
 *
 * When what failed is tried again, by the times of the requests.
 */

#include <config.h>

#include <check.h>
#include <errno.h>
#include <inttypes.h>
#include <sched.h>
#include <stdlib.h>

#include "base/align.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "support/threads.h"
#include "unit/http-rig.h"

#define REQUESTS_MAX 100
#define BASE 40u /* milliseconds */

static struct rig rig;
static _Atomic uint64_t times[REQUESTS_MAX]; /* milliseconds */

static int
note_time (void *opaque, const struct http_server_request *r)
{
  quick_assert (r->number < REQUESTS_MAX);
  atomic_store (&times[r->number], clock_ns () / CLOCK_MILLISECOND);
  return rig_choose (opaque, r);
}

static void
setup (void)
{
  rig_start (&rig, true);
  http_server_set (rig.server, note_time, &rig);
  rig.o.timeout = 10000;
}

static void
teardown (void)
{
  rig_stop (&rig);
}

/* Between the request N, and the next. */
static uint64_t
gap (unsigned n)
{
  return atomic_load (&times[n + 1]) - atomic_load (&times[n]);
}

/* The delays that were said, of all tries. */
static unsigned
said (unsigned *ms, unsigned max)
{
  static const char again[] = ": again in ";
  CLEANUP_FREE char *text = log_memory_text ();
  unsigned n = 0;

  for (const char *p = text; n < max && (p = strstr (p, again)) != NULL; n++) {
    p += strlen (again);
    ms[n] = strtoul (p, NULL, 10);
  }
  return n;
}

/* Twice as much each time, from 80% to 130% of that, and it is kept to. */
START_TEST (doubles)
{
  unsigned ms[8];

  rig.o.retries = 4;
  rig.o.retry_delay = BASE;
  rig_open_good (&rig);
  rig_fault (&rig, HTTP_FAULT_STATUS + 503, 100);
  ck_assert_int_eq (rig_read (&rig, 0, 1000, 1000), EIO);
  ck_assert_uint_eq (http_server_requests (rig.server), 1 + 5);
  ck_assert_uint_eq (said (ms, 8), 4);
  for (unsigned i = 0; i < 4; i++) {
    ck_assert_uint_ge (ms[i], (BASE << i) * 80 / 100);
    ck_assert_uint_le (ms[i], (BASE << i) * 130 / 100);
    ck_assert_uint_ge (gap (1 + i) + 5, ms[i]); /* by a coarse clock */
    ck_assert_uint_lt (gap (1 + i), ms[i] + 5000);
  }
}
END_TEST

/* Who failed together does not come back together. */
START_TEST (by_chance)
{
  unsigned ms[20];
  bool differs = false;

  rig.o.retry_delay = BASE;
  rig_open_good (&rig);
  for (unsigned i = 0; i < 20; i++) {
    rig_fault (&rig, HTTP_FAULT_STATUS + 503, 1);
    ck_assert_int_eq (rig_read (&rig, 0, 1000, 1000), 0);
  }
  ck_assert_uint_eq (said (ms, 20), 20);
  for (unsigned i = 1; i < 20; i++)
    differs |= ms[i] != ms[0];
  ck_assert (differs);
}
END_TEST

/* The server says when, if that is longer. */
START_TEST (retry_after)
{
  rig_open_good (&rig);
  http_server_retry_after (rig.server, 1);
  rig_fault (&rig, HTTP_FAULT_STATUS + (_i == 0 ? 429 : 503), 1);
  ck_assert_int_eq (rig_read (&rig, 0, 1000, 1000), 0);
  ck_assert_uint_eq (http_server_requests (rig.server), 3);
  ck_assert_uint_ge (gap (1), 990);
  ck_assert_uint_lt (gap (1), 6000);
}
END_TEST

/* A connection that dies before it answers says nothing of the server's load.
 * (After the first one, libcurl tries again itself.)
 */
START_TEST (at_once)
{
  rig.o.retry_delay = 5000;
  rig_open_good (&rig);
  rig_fault (&rig, HTTP_FAULT_CLOSE, 2);
  ck_assert_int_eq (rig_read (&rig, 0, 1000, 1000), 0);
  ck_assert_uint_eq (http_server_requests (rig.server), 1 + 3);
  ck_assert_uint_lt (gap (2), 3000);
  /* But that is no way to go on. */
  rig.o.retry_delay = BASE;
  rig.o.retries = 2;
  rig_close (&rig);
  rig_open_good (&rig);
  log_memory_clear ();
  rig_fault (&rig, HTTP_FAULT_CLOSE, 100);
  ck_assert_int_eq (rig_read (&rig, 0, 1000, 1000), EIO);
  ck_assert (log_memory_contains (": again at once"));
  ck_assert (log_memory_contains (": again in "));
}
END_TEST

static void
waits_in_vain (void *opaque, unsigned index)
{
  if (index == 0)
    quick_assert (rig_read (&rig, 0, 1000, 1000) == EIO);
  else {
    while (!log_memory_contains (": again in 60000 ms"))
      sched_yield ();
    http_client_end (rig.client);
  }
}

START_TEST (a_minute_at_most)
{
  rig_open_good (&rig);
  http_server_retry_after (rig.server, 61);
  rig_fault (&rig, HTTP_FAULT_STATUS + 503, 100);
  ck_assert_int_eq (rig_read (&rig, 0, 1000, 1000), EIO);
  ck_assert (log_memory_contains ("is busy for more than a minute"));
  ck_assert_uint_eq (http_server_requests (rig.server), 2);
  http_server_retry_after (rig.server, 60);
  threads_run (2, waits_in_vain, NULL);
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("http-retry");
  TCase *c = test_case (suite, "http-retry");

  tcase_add_checked_fixture (c, setup, teardown);
  tcase_add_test (c, doubles);
  tcase_add_test (c, by_chance);
  tcase_add_loop_test (c, retry_after, 0, 2);
  tcase_add_test (c, a_minute_at_most);
  tcase_add_test (c, at_once);
  return test_run (suite);
}
