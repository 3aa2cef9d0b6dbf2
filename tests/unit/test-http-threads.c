/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Who drives a client, whose turn it is, and how things end.
 */

#include <config.h>

#include <check.h>
#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <sched.h>

#include "base/align.h"
#include "support/threads.h"
#include "unit/http-both-ways.h"

/* ------------------------------------------------------------------ */

static unsigned
threads_now (void)
{
  DIR *d = opendir ("/proc/self/task");
  unsigned n = 0;

  while (readdir (d) != NULL)
    n++;
  closedir (d);
  return n;
}

START_TEST (thread_comes_late_and_goes)
{
  const unsigned before = threads_now ();

  rig.client = http_client_create (&rig.o);
  ck_assert_uint_eq (threads_now (), before);
  rig_close (&rig);
  open_good ();
  rig_close (&rig);
  /* The server has one more, for the connection. */
  ck_assert_uint_le (threads_now (), before + 1);
}
END_TEST

static atomic_int ended;

static void
ignore_body (struct http_range *r, const void *data, size_t n)
{
}

static void
note_end (struct http_range *r, int err)
{
  quick_assert (err == ESHUTDOWN || err == 0);
  atomic_fetch_add (&ended, 1);
}

START_TEST (closes_in_the_middle)
{
  static struct http_range range[100];

  rig.o.timeout = 60000;
  open_good ();
  rig_fault (&rig, HTTP_FAULT_STALL, 1000);
  for (unsigned i = 0; i < 100; i++) {
    range[i] = (struct http_range){ .object = rig.object,
                                    .offset = i,
                                    .count = 1000,
                                    .ahead = i % 2,
                                    .body = ignore_body,
                                    .done = note_end };
    http_range_begin (&range[i]);
  }
  http_object_close (rig.object);
  rig.object = NULL;
  ck_assert_int_eq (atomic_load (&ended), 100);
}
END_TEST

static void
reads_in_vain (void *opaque, unsigned index)
{
  if (index < 4)
    quick_assert (read_part (index * 70000, 5000, 65536) == EIO);
  else {
    while (http_server_requests (rig.server) < 3)
      sched_yield ();
    ck_assert (http_client_is_busy (rig.client));
    http_client_end (rig.client);
  }
}

/* What waits for a silent server, or for its turn, ends, and so does what comes
 * later.
 */
START_TEST (ends_at_once)
{
  rig.o.timeout = 600000;
  rig.o.connections = 2;
  open_good ();
  while (http_client_is_busy (rig.client)) /* for a moment still */
    sched_yield ();
  rig_fault (&rig, HTTP_FAULT_STALL, 1000);
  threads_run (5, reads_in_vain, NULL);
  ck_assert_int_eq (read_part (0, 5000, 65536), EIO);
}
END_TEST

/* ------------------------------------------------------------------ */

#define CROWD 4
#define CROWD_READS 200

static atomic_uint crowd_done, done_before;

/* Each of the crowd asks again as soon as it has an answer. */
static void
once_more (struct http_range *r, int err)
{
  quick_assert (err == 0);
  if (atomic_fetch_add (&crowd_done, 1) + CROWD < CROWD_READS)
    http_range_begin (r);
}

static void
note_turn (struct http_range *r, int err)
{
  quick_assert (err == 0);
  atomic_store (&done_before, atomic_load (&crowd_done) + 1);
}

static int
slow (void *opaque, const struct http_server_request *r)
{
  poll (NULL, 0, 2);
  return HTTP_FAULT_NONE;
}

/* What is read ahead of one file is not held up by those who want another for
 * as long as there are any.
 */
START_TEST (shares)
{
  static struct http_range crowd[CROWD], ahead;
  struct http_object *other;

  rig.o.connections = 2;
  rig.o.timeout = 10000;
  open_good ();
  other = http_object_open (rig.client, http_server_url (rig.server));
  http_server_set (rig.server, slow, NULL);
  for (unsigned i = 0; i < CROWD; i++) {
    crowd[i] = (struct http_range){ .object = rig.object,
                                    .offset = i * 512,
                                    .count = 512,
                                    .body = ignore_body,
                                    .done = once_more };
    http_range_begin (&crowd[i]);
  }
  ahead = (struct http_range){ .object = other,
                               .count = 512,
                               .ahead = true,
                               .body = ignore_body,
                               .done = note_turn };
  http_range_begin (&ahead);
  while (atomic_load (&crowd_done) < CROWD_READS)
    sched_yield ();
  http_object_close (other);
  ck_assert_uint_gt (atomic_load (&done_before), 0);
  ck_assert_uint_lt (atomic_load (&done_before), CROWD_READS / 4);
}
END_TEST

/* ------------------------------------------------------------------ */

struct watched_range {
  struct http_range range;
  atomic_bool done;
  pthread_t by;
};

static void
note_thread (struct http_range *r, int err)
{
  struct watched_range *w = container_of (r, struct watched_range, range);

  quick_assert (err == 0);
  w->by = pthread_self ();
  atomic_store (&w->done, true);
}

static bool
is_done (void *opaque)
{
  struct watched_range *w = opaque;

  return atomic_load (&w->done);
}

static void
watch (struct watched_range *w)
{
  *w = (struct watched_range){ .range = { .object = rig.object,
                                          .offset = 1000,
                                          .count = 100,
                                          .body = ignore_body,
                                          .done = note_thread } };
}

/* Who waits, in a process where SIGPIPE is ignored, is who drives, unless the
 * thread does just then; what he does not wait for is done without him.
 */
START_TEST (drives)
{
  struct watched_range w;
  bool has_driven = false;

  open_good ();
  for (unsigned i = 0; i < 1000 && !has_driven; i++) {
    watch (&w);
    http_range_queue (&w.range);
    has_driven = http_client_drive (rig.client, is_done, &w);
    while (!is_done (&w))
      sched_yield ();
  }
  ck_assert (has_driven && pthread_equal (w.by, pthread_self ()));
  watch (&w);
  http_range_begin (&w.range);
  while (!is_done (&w))
    sched_yield ();
  ck_assert (!pthread_equal (w.by, pthread_self ()));
}
END_TEST

START_TEST (does_not_drive)
{
  struct watched_range w = {
    .range = { .count = 1, .body = ignore_body, .done = note_thread }
  };

  open_good ();
  w.range.object = rig.object;
  http_range_queue (&w.range);
  ck_assert_int_eq (http_client_drive (rig.client, is_done, &w), false);
  while (!is_done (&w))
    sched_yield ();
}
END_TEST

int
main (void)
{
  const TTest *const tests[] = {
    thread_comes_late_and_goes,
    closes_in_the_middle,
    ends_at_once,
    shares,
  };
  Suite *suite = suite_create ("http-threads");
  TCase *kinds[2];

  both_ways (suite, kinds, tests, ARRAY_SIZE (tests));
  tcase_add_test (kinds[0], drives);
  tcase_add_test (kinds[1], does_not_drive);
  return test_run (suite);
}
