/* SPDX-License-Identifier: BSD-3-Clause
 *
 * One rig for the tests of a program, each of which runs twice: when who waits
 * may drive the client, and when only its own thread does.
 */

#ifndef DISKSTACK_TEST_HTTP_BOTH_WAYS_H
#define DISKSTACK_TEST_HTTP_BOTH_WAYS_H

#include "unit/http-rig.h"

static struct rig rig;

static inline int
read_part (uint64_t offset, size_t count, size_t part)
{
  return rig_read (&rig, offset, count, part);
}

static inline void
open_good (void)
{
  rig_open_good (&rig);
}

static inline void
setup (void)
{
  rig_start (&rig, true);
}

static inline void
setup_threaded (void)
{
  rig_start (&rig, false);
}

static inline void
teardown (void)
{
  rig_stop (&rig);
}

/* The two cases of SUITE, with the N TESTS in both. */
static inline void
both_ways (Suite *suite, TCase *kind[2], const TTest *const *tests, size_t n)
{
  kind[0] = test_case (suite, "who waits drives");
  kind[1] = test_case (suite, "the thread drives");
  tcase_add_checked_fixture (kind[0], setup, teardown);
  tcase_add_checked_fixture (kind[1], setup_threaded, teardown);
  for (size_t i = 0; i < n; i++) {
    tcase_add_test (kind[0], tests[i]);
    tcase_add_test (kind[1], tests[i]);
  }
}

#endif /* DISKSTACK_TEST_HTTP_BOTH_WAYS_H */
