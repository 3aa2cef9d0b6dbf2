/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Read traces: what is written is read back, and each thing that can be
 * wrong with a text is found.
 */

#include <config.h>

#include <check.h>
#include <string.h>

#include "base/align.h"
#include "base/read-trace.h"
#include "support/main.h"
#include "support/must.h"

#define HEADER "diskstack-read-trace 1 1048676 512\n"

START_TEST (comes_back)
{
  static const uint64_t ranges[][2] = {
    { 0, 4096 }, { INT64_MAX - 511, 511 }, { 1 << 20, 512 }, { 0, INT64_MAX }
  };
  char text[READ_TRACE_LINE_MAX * 5];
  struct read_trace t;
  uint64_t offset, count;
  size_t n;

  n = read_trace_put_begin (text, INT64_MAX, 512);
  for (size_t i = 0; i < ARRAY_SIZE (ranges); i++)
    n += read_trace_put_range (text + n, ranges[i][0], ranges[i][1]);
  ck_assert_int_eq (read_trace_begin (&t, text, n), READ_TRACE_OK);
  ck_assert_uint_eq (t.size, INT64_MAX);
  ck_assert_uint_eq (t.sector_size, 512);
  for (size_t i = 0; i < ARRAY_SIZE (ranges); i++) {
    ck_assert_int_eq (read_trace_next (&t, &offset, &count), READ_TRACE_OK);
    ck_assert_uint_eq (offset, ranges[i][0]);
    ck_assert_uint_eq (count, ranges[i][1]);
    ck_assert_uint_eq (t.line, i + 2);
  }
  ck_assert_int_eq (read_trace_next (&t, &offset, &count), READ_TRACE_END);
  ck_assert_int_eq (read_trace_next (&t, &offset, &count), READ_TRACE_END);
}
END_TEST

static const struct {
  const char *text;
  enum read_trace_status status; /* of the first line that is not fine */
} cases[] = {
  { "", READ_TRACE_NO_TRACE },
  { "diskstack-read-trac", READ_TRACE_NO_TRACE },
  { "diskstack-read-trace 1 1048576 51", READ_TRACE_CUT },
  { "diskstack-read-trace 1 1048576 512", READ_TRACE_CUT },
  { "diskstack-read-trace 2 1048576 512\n", READ_TRACE_VERSION },
  { "diskstack-read-trace x 1048576 512\n", READ_TRACE_SYNTAX },
  { "diskstack-read-trace 1 0 512\n", READ_TRACE_SIZE },
  { "diskstack-read-trace 1 9223372036854775808 512\n", READ_TRACE_NUMBER },
  { "diskstack-read-trace 1 1048576 0\n", READ_TRACE_SECTOR_SIZE },
  { "diskstack-read-trace 1 1048576 256\n", READ_TRACE_SECTOR_SIZE },
  { "diskstack-read-trace 1 1048576 768\n", READ_TRACE_SECTOR_SIZE },
  { "diskstack-read-trace 1 1048576 131072\n", READ_TRACE_SECTOR_SIZE },
  { "diskstack-read-trace 1 1048576 4294967808\n", READ_TRACE_SECTOR_SIZE },
  { HEADER, READ_TRACE_END },
  { HEADER "0 512\n512 512\n", READ_TRACE_END },
  { HEADER "1048576 100\n", READ_TRACE_END },
  { HEADER "0 512\n512 51", READ_TRACE_CUT },
  { HEADER "0 512\n512 512", READ_TRACE_CUT },
  { HEADER "0 512\n5", READ_TRACE_CUT },
  { HEADER "0 512\n\n", READ_TRACE_SYNTAX },
  { HEADER "0  512\n", READ_TRACE_SYNTAX },
  { HEADER " 0 512\n", READ_TRACE_SYNTAX },
  { HEADER "0 512 \n", READ_TRACE_SYNTAX },
  { HEADER "0 512\r\n", READ_TRACE_SYNTAX },
  { HEADER "0\t512\n", READ_TRACE_SYNTAX },
  { HEADER "00 512\n", READ_TRACE_SYNTAX },
  { HEADER "0 0512\n", READ_TRACE_SYNTAX },
  { HEADER "+0 512\n", READ_TRACE_SYNTAX },
  { HEADER "-512 512\n", READ_TRACE_SYNTAX },
  { HEADER "9223372036854775808 512\n", READ_TRACE_NUMBER },
  { HEADER "0 99999999999999999999999\n", READ_TRACE_NUMBER },
  { HEADER "0 0\n", READ_TRACE_EMPTY },
  { HEADER "1 512\n", READ_TRACE_ALIGNMENT },
  { HEADER "0 100\n", READ_TRACE_ALIGNMENT },
  { HEADER "1048576 101\n", READ_TRACE_OUTSIDE },
  { HEADER "1049088 512\n", READ_TRACE_OUTSIDE },
  { HEADER "1024 9223372036854775807\n", READ_TRACE_OUTSIDE },
};

START_TEST (each_trouble)
{
  const size_t n = strlen (cases[_i].text);
  char *text = must_malloc (n + 1); /* not a byte more than is its own */
  struct read_trace t;
  uint64_t offset, count;
  enum read_trace_status status;

  memcpy (text, cases[_i].text, n);
  status = read_trace_begin (&t, text, n);
  while (status == READ_TRACE_OK)
    status = read_trace_next (&t, &offset, &count);
  ck_assert_msg (status == cases[_i].status, "\"%s\" %s", cases[_i].text,
                 read_trace_status_string (status));
  free (text);
}
END_TEST

START_TEST (too_many)
{
  const size_t most = READ_TRACE_RANGES_MAX;
  char *text = must_malloc (strlen (HEADER) + 6 * (most + 1) + 1);
  struct read_trace t;
  uint64_t offset, count;
  size_t n = 0;

  strcpy (text, HEADER);
  for (size_t i = 0; i <= most; i++)
    memcpy (text + strlen (HEADER) + 6 * i, "0 512\n", 6);
  ck_assert_int_eq (
    read_trace_begin (&t, text, strlen (HEADER) + 6 * (most + 1)),
    READ_TRACE_OK);
  while (read_trace_next (&t, &offset, &count) == READ_TRACE_OK)
    n++;
  ck_assert_uint_eq (n, most);
  ck_assert_int_eq (read_trace_next (&t, &offset, &count), READ_TRACE_TOO_MANY);
  free (text);
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("read-trace");
  TCase *c = test_case (suite, "read-trace");

  tcase_add_test (c, comes_back);
  tcase_add_loop_test (c, each_trouble, 0, ARRAY_SIZE (cases));
  tcase_add_test (c, too_many);
  return test_run (suite);
}
