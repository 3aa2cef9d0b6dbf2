/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Group commit: whoever asks is served by an fdatasync that began after
 * that, and those who come again and again by the same one.  (What becomes
 * of failures is in test-host-file.c, too.)
 */

#include <config.h>

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/align.h"
#include "store/file-sync.h"
#include "support/main.h"
#include "support/rng.h"

static atomic_uint begun, ended; /* fdatasyncs */
static atomic_uint microseconds; /* that each takes */
static atomic_bool failing;
static _Atomic uint64_t busy; /* nanoseconds in them */

static uint64_t
nanoseconds (void)
{
  struct timespec t;

  clock_gettime (CLOCK_MONOTONIC, &t);
  return (uint64_t) t.tv_sec * 1000000000 + (uint64_t) t.tv_nsec;
}

extern int __wrap_fdatasync (int fd);

int
__wrap_fdatasync (int fd)
{
  const uint64_t start = nanoseconds ();

  ck_assert_uint_eq (atomic_fetch_add (&begun, 1), atomic_load (&ended));
  usleep (atomic_load (&microseconds));
  atomic_fetch_add (&ended, 1);
  busy += nanoseconds () - start;
  errno = EIO;
  return atomic_load (&failing) ? -1 : 0;
}

static struct file_sync sync_;

static void
set_up (void)
{
  begun = ended = 0;
  microseconds = 0;
  failing = false;
  file_sync_init (&sync_);
}

static void
tear_down (void)
{
  file_sync_fini (&sync_);
}

/* Ask, and be served by one that began since. */
static void
ask (void)
{
  const unsigned before = atomic_load (&begun);

  ck_assert_int_eq (file_sync (&sync_, 0), FILE_SYNC_DONE);
  ck_assert_uint_gt (atomic_load (&ended), before);
}

static void
run_threads (void *(*fn) (void *), unsigned n)
{
  pthread_t threads[16];

  ck_assert_uint_le (n, ARRAY_SIZE (threads));
  for (unsigned i = 0; i < n; i++)
    ck_assert_int_eq (
      pthread_create (&threads[i], NULL, fn, (void *) (uintptr_t) i), 0);
  for (unsigned i = 0; i < n; i++)
    ck_assert_int_eq (pthread_join (threads[i], NULL), 0);
}

/* ------------------------------------------------------------------ */

#define TIMES 100

static void *
ask_often (void *opaque)
{
  for (unsigned i = 0; i < TIMES; i++) {
    usleep (200);
    ask ();
  }
  return NULL;
}

/* Two threads, each of which comes back while the other is served, would
 * be served in turn.
 */
START_TEST (waits_for_others)
{
  microseconds = 4000;
  run_threads (ask_often, 2);
  ck_assert_uint_ge (begun, TIMES);
  ck_assert_uint_lt (begun, TIMES * 3 / 2);
}
END_TEST

static void *
write_often (void *opaque)
{
  for (unsigned i = 0; i < TIMES; i++) {
    file_sync_announce (&sync_);
    do
      usleep (200);
    while (begun != ended);
    file_sync_arrive (&sync_);
    ask ();
  }
  return NULL;
}

/* Nor are those whose writes a device keeps until it has flushed. */
START_TEST (waits_for_writers)
{
  microseconds = 4000;
  run_threads (write_often, 2);
  ck_assert_uint_lt (begun, TIMES * 3 / 2);
}
END_TEST

static void *
ask_twice (void *opaque)
{
  file_sync_announce (&sync_);
  usleep (100);
  file_sync_arrive (&sync_);
  ask ();
  ask ();
  return NULL;
}

/* Who comes alone afterwards is not kept, and nor is anybody by one who
 * has announced himself and does not come.
 */
START_TEST (does_not_wait_long)
{
  uint64_t start;

  microseconds = 2000;
  run_threads (ask_twice, 8);
  file_sync_announce (&sync_);
  busy = 0;
  start = nanoseconds ();
  for (unsigned i = 0; i < 200; i++)
    ask ();
  /* (Twice as long again if all were waited for.) */
  ck_assert_uint_lt (nanoseconds () - start, 2 * busy);
  file_sync_arrive (&sync_);
}
END_TEST

static uint64_t seed;

static void *
ask_at_random (void *opaque)
{
  struct rng rng;

  rng_init (&rng, seed + (uintptr_t) opaque);
  for (unsigned i = 0; i < 300; i++) {
    const bool announced = rng_below (&rng, 2) == 0;

    if (announced)
      file_sync_announce (&sync_);
    if (rng_below (&rng, 3) == 0)
      usleep (rng_below (&rng, 500));
    if (announced)
      file_sync_arrive (&sync_);
    ask ();
  }
  return NULL;
}

START_TEST (serves_all)
{
  seed = rng_seed ("file-sync");
  microseconds = 100;
  run_threads (ask_at_random, 12);
  ck_assert_uint_eq (begun, ended);
  ck_assert_uint_lt (begun, 12 * 300);
}
END_TEST

static void *
ask_until_it_fails (void *opaque)
{
  enum file_sync_result r;

  do {
    file_sync_announce (&sync_);
    usleep (50);
    file_sync_arrive (&sync_);
    r = file_sync (&sync_, 0);
  } while (r == FILE_SYNC_DONE);
  return NULL;
}

/* By the next fdatasync, or by somebody else. */
static void *
fail_soon (void *by_itself)
{
  usleep (3000);
  if (by_itself != NULL)
    failing = true;
  else
    file_sync_set_failed (&sync_);
  return NULL;
}

/* Nobody sleeps for ever, whoever finds out. */
START_TEST (failure_wakes_all)
{
  pthread_t other;

  for (unsigned i = 0; i < 20; i++) {
    tear_down ();
    set_up ();
    microseconds = 500;
    ck_assert_int_eq (
      pthread_create (&other, NULL, fail_soon, i % 2 ? &other : NULL), 0);
    run_threads (ask_until_it_fails, 8);
    ck_assert_int_eq (pthread_join (other, NULL), 0);
    ck_assert (file_sync_has_failed (&sync_));
  }
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("file-sync");
  TCase *c = test_case (suite, "file-sync");

  tcase_add_checked_fixture (c, set_up, tear_down);
  tcase_add_test (c, waits_for_others);
  tcase_add_test (c, waits_for_writers);
  tcase_add_test (c, does_not_wait_long);
  tcase_add_test (c, serves_all);
  tcase_add_test (c, failure_wakes_all);
  return test_run (suite);
}
