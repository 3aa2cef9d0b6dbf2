/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Values of HTTP header fields: good ones, and each way to be bad.
 */

#include <config.h>

#include <check.h>
#include <string.h>

#include "base/align.h"
#include "http/http-header.h"
#include "support/main.h"

START_TEST (fields)
{
  struct http_field f;
  const char *line = "eTaG: \t\"a: b\" \r\n";

  ck_assert_int_eq (http_field_parse (line, strlen (line), &f), HTTP_HEADER_OK);
  ck_assert (http_field_is (&f, "etag") && !http_field_is (&f, "eta"));
  ck_assert_uint_eq (f.value_length, 6);
  ck_assert_int_eq (memcmp (f.value, "\"a: b\"", 6), 0);
  ck_assert_int_eq (http_field_parse ("x:", 2, &f), HTTP_HEADER_OK);
  ck_assert_uint_eq (f.value_length, 0);
  ck_assert_int_eq (http_field_parse ("x", 1, &f), HTTP_HEADER_NO_FIELD);
  ck_assert_int_eq (http_field_parse (":x", 2, &f), HTTP_HEADER_NO_FIELD);
  ck_assert_int_eq (http_field_parse ("a b: x", 6, &f), HTTP_HEADER_NO_FIELD);
  ck_assert_int_eq (http_field_parse ("", 0, &f), HTTP_HEADER_NO_FIELD);
}
END_TEST

START_TEST (content_range)
{
  static const struct {
    const char *value;
    enum http_header_status status;
    uint64_t first, last, total;
  } cases[] = {
    { "bytes 0-511/1024", HTTP_HEADER_OK, 0, 511, 1024 },
    { "Bytes 512-512/513", HTTP_HEADER_OK, 512, 512, 513 },
    { "bytes 5-9/*", HTTP_HEADER_OK, 5, 9, 0 },
    { "bytes */77", HTTP_HEADER_OK, 0, 0, 77 },
    { "bytes 0-9223372036854775806/9223372036854775807", HTTP_HEADER_OK, 0,
      INT64_MAX - 1, INT64_MAX },
    { "bytes */*", HTTP_HEADER_NUMBER },
    { "bytes 1-0/2", HTTP_HEADER_ORDER },
    { "bytes 0-2/2", HTTP_HEADER_TOTAL },
    { "bytes 0-0/0", HTTP_HEADER_TOTAL },
    { "bytes 0-9223372036854775808/*", HTTP_HEADER_NUMBER },
    { "bytes 0-18446744073709551616/*", HTTP_HEADER_NUMBER },
    { "bytes -1-2/3", HTTP_HEADER_NUMBER },
    { "bytes 1-2/3 ", HTTP_HEADER_NUMBER },
    { "bytes 1-2/3x", HTTP_HEADER_NUMBER },
    { "bytes 1-2", HTTP_HEADER_NUMBER },
    { "bytes 1/2", HTTP_HEADER_NUMBER },
    { "bytes", HTTP_HEADER_UNIT },
    { "bytes=0-1/2", HTTP_HEADER_UNIT },
    { "pages 0-1/2", HTTP_HEADER_UNIT },
    { "", HTTP_HEADER_UNIT },
  };

  for (size_t i = 0; i < ARRAY_SIZE (cases); i++) {
    struct http_content_range r;

    ck_assert_msg (http_content_range_parse (cases[i].value,
                                             strlen (cases[i].value),
                                             &r) == cases[i].status,
                   "%s", cases[i].value);
    if (cases[i].status != HTTP_HEADER_OK)
      continue;
    ck_assert_uint_eq (r.first, cases[i].first);
    ck_assert_uint_eq (r.last, cases[i].last);
    ck_assert_uint_eq (r.total, cases[i].total);
    ck_assert_int_eq (r.has_total, cases[i].total != 0);
    ck_assert_int_eq (r.has_range, strchr (cases[i].value, '-') != NULL);
  }
}
END_TEST

START_TEST (etag)
{
  static const struct {
    const char *value;
    bool good, strong;
  } cases[] = {
    { "\"abc\"", true, true },
    { "\"\"", true, true },
    { "W/\"abc\"", true, false },
    { "\"0x8D\\\"", true, true },
    { "abc", false },
    { "\"", false },
    { "\"a\"b\"", false },
    { "\"a b\"", false },
    { "w/\"abc\"", false },
    { "", false },
    { "W/", false },
    { "\"\x7f\"", false },
  };

  for (size_t i = 0; i < ARRAY_SIZE (cases); i++) {
    bool strong;
    const enum http_header_status s =
      http_etag_parse (cases[i].value, strlen (cases[i].value), &strong);

    ck_assert_msg ((s == HTTP_HEADER_OK) == cases[i].good, "%s",
                   cases[i].value);
    if (cases[i].good)
      ck_assert_int_eq (strong, cases[i].strong);
  }
}
END_TEST

START_TEST (dates)
{
  static const struct {
    const char *value;
    int64_t seconds; /* -1: bad */
  } cases[] = {
    { "Sun, 06 Nov 1994 08:49:37 GMT", 784111777 },
    { "Thu, 01 Jan 1970 00:00:00 GMT", 0 },
    { "Thu, 29 Feb 2024 23:59:60 GMT", 1709251200 },
    { "Sun, 06 Nov 1994 08:49:37", -1 },
    { "Sunday, 06-Nov-94 08:49:37 GMT", -1 },
    { "Sun, 32 Nov 1994 08:49:37 GMT", -1 },
    { "Sun, 00 Nov 1994 08:49:37 GMT", -1 },
    { "Sun, 06 Nov 1994 24:49:37 GMT", -1 },
    { "Sun, 6 Nov 1994 08:49:37 GMT", -1 },
    { "", -1 },
  };

  for (size_t i = 0; i < ARRAY_SIZE (cases); i++) {
    int64_t r;
    const enum http_header_status s =
      http_date_parse (cases[i].value, strlen (cases[i].value), &r);

    ck_assert_msg ((s == HTTP_HEADER_OK) == (cases[i].seconds >= 0), "%s",
                   cases[i].value);
    if (s == HTTP_HEADER_OK)
      ck_assert_int_eq (r, cases[i].seconds);
  }
}
END_TEST

START_TEST (retry_after)
{
  const char *date = "Sun, 06 Nov 1994 08:49:37 GMT";
  uint64_t n;

  ck_assert_int_eq (http_retry_after_parse ("120", 3, 0, &n), HTTP_HEADER_OK);
  ck_assert_uint_eq (n, 120);
  ck_assert_int_eq (http_retry_after_parse (date, strlen (date), 784111770, &n),
                    HTTP_HEADER_OK);
  ck_assert_uint_eq (n, 7);
  ck_assert_int_eq (http_retry_after_parse (date, strlen (date), 784111778, &n),
                    HTTP_HEADER_OK);
  ck_assert_uint_eq (n, 0);
  ck_assert_int_eq (http_retry_after_parse ("1.5", 3, 0, &n),
                    HTTP_HEADER_NUMBER);
  ck_assert_int_eq (http_retry_after_parse ("soon", 4, 0, &n),
                    HTTP_HEADER_DATE);
}
END_TEST

int
main (void)
{
  const TTest *const tests[] = { fields, content_range, etag, dates,
                                 retry_after };

  for (int s = HTTP_HEADER_OK; s <= HTTP_HEADER_DATE; s++) {
    if (strcmp (http_header_status_string (s), "unknown") == 0)
      return EXIT_FAILURE;
  }
  return test_main ("http-header", tests, ARRAY_SIZE (tests));
}
