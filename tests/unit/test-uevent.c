/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Events of the kernel.
 */

#include <config.h>

#include "base/align.h"
#include "device/uevent.h"
#include "support/main.h"

static const struct {
  const char *text;
  size_t n;
  enum uevent_status status;
  struct uevent expected; /* if that is OK */
} cases[] = {
#define CASE(text, ...)            \
  {                                \
    text, sizeof text, __VA_ARGS__ \
  }
  CASE ("change@/a\0ACTION=change\0SUBSYSTEM=block\0RESIZE=1\0MAJOR=7\0MINOR=3",
        UEVENT_OK,
        { .block = true, .has_number = true, .major = 7, .minor = 3 }),
  CASE ("remove@/a\0SUBSYSTEM=block\0MAJOR=259\0MINOR=1048575", UEVENT_OK,
        { .block = true,
          .removed = true,
          .has_number = true,
          .major = 259,
          .minor = 1048575 }),
  CASE ("removed@/a\0SUBSYSTEM=blocks\0MAJOR=1", UEVENT_OK, { .major = 1 }),
  CASE ("add@/a\0MINOR=1", UEVENT_OK, { .minor = 1 }),
  CASE ("add@/a", UEVENT_OK, { 0 }),
  CASE ("add@/a\0MAJORS=x\0MAJO=x\0=x\0SUBSYSTEM=", UEVENT_OK, { 0 }),
  CASE ("add/a\0SUBSYSTEM=block", UEVENT_NO_ACTION, { 0 }),
  CASE ("add@/a\0SUBSYSTEM", UEVENT_NO_VALUE, { 0 }),
  CASE ("add@/a\0\0MAJOR=1", UEVENT_NO_VALUE, { 0 }),
  CASE ("add@/a\0MAJOR=", UEVENT_NO_NUMBER, { 0 }),
  CASE ("add@/a\0MAJOR=-1", UEVENT_NO_NUMBER, { 0 }),
  CASE ("add@/a\0MINOR=1048576", UEVENT_NO_NUMBER, { 0 }),
  CASE ("add@/a\0MINOR=1 ", UEVENT_NO_NUMBER, { 0 }),
  { "add@/a\0MINOR=1", 14, UEVENT_NO_END, { 0 } },
  { "", 0, UEVENT_NO_END, { 0 } },
};

START_TEST (each_case)
{
  struct uevent u;

  ck_assert_int_eq (uevent_parse (cases[_i].text, cases[_i].n, &u),
                    cases[_i].status);
  ck_assert_ptr_nonnull (uevent_status_string (cases[_i].status));
  if (cases[_i].status != UEVENT_OK)
    return;
  ck_assert_int_eq (u.block, cases[_i].expected.block);
  ck_assert_int_eq (u.removed, cases[_i].expected.removed);
  ck_assert_int_eq (u.has_number, cases[_i].expected.has_number);
  ck_assert_uint_eq (u.major, cases[_i].expected.major);
  ck_assert_uint_eq (u.minor, cases[_i].expected.minor);
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("uevent");
  TCase *c = test_case (suite, "uevent");

  tcase_add_loop_test (c, each_case, 0, ARRAY_SIZE (cases));
  return test_run (suite);
}
