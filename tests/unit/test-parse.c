/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Numbers that people write, and numbers written for people.
 */

#include <config.h>

#include <check.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/align.h"
#include "base/parse.h"
#include "support/main.h"

START_TEST (sizes)
{
  static const struct {
    const char *text;
    uint64_t value;
  } cases[] = {
    { "0", 0 },
    { "1", 1 },
    { "007", 7 },
    { "512b", 512 },
    { "3s", 1536 },
    { "1k", 1024 },
    { "1K", 1024 },
    { "2m", 2 << 20 },
    { "2M", 2 << 20 },
    { "3g", UINT64_C (3) << 30 },
    { "3G", UINT64_C (3) << 30 },
    { "4t", UINT64_C (4) << 40 },
    { "4T", UINT64_C (4) << 40 },
    { "5p", UINT64_C (5) << 50 },
    { "5P", UINT64_C (5) << 50 },
    { "7e", UINT64_C (7) << 60 },
    { "7E", UINT64_C (7) << 60 },
    { "9223372036854775807", INT64_MAX },
    { "9223372036854775807b", INT64_MAX },
    { "18014398509481983s", (UINT64_C (1) << 63) - 512 },
  };

  for (size_t i = 0; i < ARRAY_SIZE (cases); i++) {
    uint64_t r = 12345;

    ck_assert_msg (parse_size (cases[i].text, &r), "%s", cases[i].text);
    ck_assert_uint_eq (r, cases[i].value);
  }
}
END_TEST

START_TEST (not_sizes)
{
  static const char *const texts[] = {
    "",
    " ",
    "k",
    "-1",
    "+1",
    "0x10",
    "1.5G",
    "1 K",
    " 1",
    "1 ",
    "1KB",
    "1kk",
    "1q",
    "1S",
    "1B",
    "one",
    "1\n",
    "9223372036854775808",
    "8E",
    "18446744073709551615",
    "18446744073709551616",
    "18014398509481984s",
    "99999999999999999999999999999999",
    "9007199254740992k",
    "1e3",
  };

  for (size_t i = 0; i < ARRAY_SIZE (texts); i++) {
    uint64_t r;

    ck_assert_msg (!parse_size (texts[i], &r), "'%s'", texts[i]);
  }
}
END_TEST

START_TEST (times)
{
  static const struct {
    const char *text;
    uint32_t ms;
  } cases[] = {
    { "0", 0 },      { "1", 1000 },
    { "1.5", 1500 }, { "0.05", 50 },
    { "0.001", 1 },  { "12.345", 12345 },
    { "007", 7000 }, { "4294967.295", UINT32_MAX },
  };
  static const char *const wrong[] = {
    "",    "-1",   ".5",  "1.",    "1.x",         "1.2345",
    "1s",  " 1",   "1,5", "1.2.3", "4294967.296", "99999999999999999999999",
    "1e3", "0x10",
  };
  uint32_t ms;

  for (size_t i = 0; i < ARRAY_SIZE (cases); i++) {
    ck_assert_msg (parse_milliseconds (cases[i].text, &ms), "%s",
                   cases[i].text);
    ck_assert_uint_eq (ms, cases[i].ms);
  }
  for (size_t i = 0; i < ARRAY_SIZE (wrong); i++)
    ck_assert_msg (!parse_milliseconds (wrong[i], &ms), "%s", wrong[i]);
}
END_TEST

START_TEST (for_people)
{
  static const struct {
    uint64_t bytes;
    const char *text;
  } cases[] = {
    { 0, "0 bytes" },
    { 1, "1 byte" },
    { 512, "512 bytes" },
    { 1023, "1023 bytes" },
    { 1024, "1 KiB" },
    { 1536, "1.5 KiB" },
    { 10 << 20, "10 MiB" },
    { (1 << 20) - 1, "1 MiB" },
    { 1000 << 10, "1000 KiB" },
    { UINT64_C (99990) << 10, "97.6 MiB" },
    { UINT64_C (3) << 29, "1.5 GiB" },
    { UINT64_C (100) << 30, "100 GiB" },
    { UINT64_C (2040) << 30, "1.99 TiB" },
    { UINT64_C (1) << 40, "1 TiB" },
    { UINT64_C (1) << 50, "1 PiB" },
    { UINT64_C (1) << 60, "1 EiB" },
    { INT64_MAX, "8 EiB" },
    { UINT64_MAX, "16 EiB" },
  };

  for (size_t i = 0; i < ARRAY_SIZE (cases); i++) {
    char out[32];

    format_size (cases[i].bytes, out, sizeof out);
    ck_assert_str_eq (out, cases[i].text);
  }
}
END_TEST

/* Never more than fits, always ended. */
START_TEST (short_buffer)
{
  for (size_t n = 1; n < 12; n++) {
    char out[16];

    memset (out, 'x', sizeof out);
    format_size (512, out, n);
    ck_assert_uint_lt (strlen (out), n);
    ck_assert_int_eq (out[n], 'x');
  }
}
END_TEST

int
main (void)
{
  const TTest *const tests[] = { sizes, not_sizes, times, for_people,
                                 short_buffer };

  return test_main ("parse", tests, ARRAY_SIZE (tests));
}
