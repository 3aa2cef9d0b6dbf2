/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The main function of a libcheck program.
 */

#ifndef DISKSTACK_TEST_MAIN_H
#define DISKSTACK_TEST_MAIN_H

#include <check.h>
#include <stdlib.h>

/* ck_assert, for loops: that one writes to a file even when all is well. */
#define quick_assert(cond)                           \
  do {                                               \
    if (!(cond))                                     \
      ck_abort_msg ("Assertion '%s' failed", #cond); \
  } while (0)

/* Seconds that one test function may take.  Sanitizers and valgrind
 * multiply it with CK_TIMEOUT_MULTIPLIER.
 */
#define TEST_TIMEOUT 60

/* A case of SUITE with our timeout. */
static inline TCase *
test_case (Suite *suite, const char *name)
{
  TCase *c = tcase_create (name);

  tcase_set_timeout (c, TEST_TIMEOUT);
  suite_add_tcase (suite, c);
  return c;
}

/* Run SUITE, which is freed; the exit status for main. */
static inline int
test_run (Suite *suite)
{
  SRunner *runner = srunner_create (suite);
  int failed;

  srunner_run_all (runner, CK_ENV);
  failed = srunner_ntests_failed (runner);
  srunner_free (runner);
  return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* A program whose tests are all of one kind. */
static inline int
test_main (const char *name, const TTest *const *tests, size_t n)
{
  Suite *suite = suite_create (name);
  TCase *c = test_case (suite, name);

  for (size_t i = 0; i < n; i++)
    tcase_add_test (c, tests[i]);
  return test_run (suite);
}

#endif /* DISKSTACK_TEST_MAIN_H */
