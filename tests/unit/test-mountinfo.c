/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Lines of /proc/self/mountinfo, and names in them.
 */

#include <config.h>

#include <string.h>

#include "base/align.h"
#include "device/mountinfo.h"
#include "support/main.h"

static const struct {
  const char *line;
  enum mountinfo_status status;
  unsigned major, minor;
  const char *place;
} cases[] = {
  { "36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw\n",
    MOUNTINFO_OK, 98, 0, "/mnt2" },
  { "25 1 7:12 / /a\\040b\\134c\\011\\012 rw - ext4 /dev/loop0 rw\n",
    MOUNTINFO_OK, 7, 12, "/a b\\c\t\n" },
  { "25 1 7:12 / /\\9\\04\\08x", MOUNTINFO_OK, 7, 12, "/\\9\\04\\08x" },
  { "25 1 7:12 /", MOUNTINFO_TOO_SHORT, 0, 0, NULL },
  { "25 1 7:12 /\n", MOUNTINFO_TOO_SHORT, 0, 0, NULL },
  { "", MOUNTINFO_TOO_SHORT, 0, 0, NULL },
  { "25 1 7-12 / /", MOUNTINFO_NO_NUMBER, 0, 0, NULL },
  { "25 1 7:x / /", MOUNTINFO_NO_NUMBER, 0, 0, NULL },
  { "25 1 7:1x / /", MOUNTINFO_NO_NUMBER, 0, 0, NULL },
  { "25 1 :1 / /", MOUNTINFO_NO_NUMBER, 0, 0, NULL },
  { "25 1 99999999999:1 / /", MOUNTINFO_NO_NUMBER, 0, 0, NULL },
};

START_TEST (each_case)
{
  struct mountinfo m;

  ck_assert_int_eq (mountinfo_parse (cases[_i].line, &m), cases[_i].status);
  ck_assert_ptr_nonnull (mountinfo_status_string (cases[_i].status));
  if (cases[_i].status != MOUNTINFO_OK)
    return;
  ck_assert_uint_eq (m.major, cases[_i].major);
  ck_assert_uint_eq (m.minor, cases[_i].minor);
  ck_assert_str_eq (m.place, cases[_i].place);
}
END_TEST

START_TEST (long_places)
{
  char line[MOUNTINFO_PATH_MAX + 64] = "1 2 3:4 / /";
  const size_t n = strlen (line) - 1;
  struct mountinfo m;

  memset (line + n, 'x', MOUNTINFO_PATH_MAX);
  ck_assert_int_eq (mountinfo_parse (line, &m), MOUNTINFO_TOO_LONG);
  line[n + MOUNTINFO_PATH_MAX - 1] = '\0';
  ck_assert_int_eq (mountinfo_parse (line, &m), MOUNTINFO_OK);
  ck_assert_uint_eq (strlen (m.place), MOUNTINFO_PATH_MAX - 1);
}
END_TEST

START_TEST (fields)
{
  char out[4];

  ck_assert_uint_eq (mountinfo_field ("a\\040b\tx", out, sizeof out), 3);
  ck_assert_str_eq (out, "a b");
  ck_assert_uint_eq (mountinfo_field ("abcd", out, sizeof out), 4);
  ck_assert_uint_eq (mountinfo_field ("\n", out, sizeof out), 0);
  ck_assert_str_eq (out, "");
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("mountinfo");
  TCase *c = test_case (suite, "mountinfo");

  tcase_add_loop_test (c, each_case, 0, ARRAY_SIZE (cases));
  tcase_add_test (c, long_places);
  tcase_add_test (c, fields);
  return test_run (suite);
}
