/* SPDX-License-Identifier: BSD-3-Clause
 *
 * JSON as it is written: nesting, numbers, and strings of any bytes.
 */

#include <config.h>

#include <check.h>
#include <stdio.h>
#include <string.h>

#include "base/align.h"
#include "base/json-writer.h"
#include "base/utf8.h"
#include "support/main.h"

static struct buffer out;

static struct json_writer
start (void)
{
  buffer_fini (&out);
  return (struct json_writer){ .out = &out };
}

START_TEST (nesting)
{
  struct json_writer w = start ();

  json_begin_object (&w, NULL);
  json_string (&w, "a", "b");
  json_begin_object (&w, "empty");
  json_end_object (&w);
  json_begin_array (&w, "none");
  json_end_array (&w);
  json_begin_array (&w, "list");
  json_number (&w, NULL, 1);
  json_begin_object (&w, NULL);
  json_bool (&w, "yes", true);
  json_bool (&w, "no", false);
  json_end_object (&w);
  json_null (&w, NULL);
  json_end_array (&w);
  json_begin_row (&w, "row");
  json_number (&w, NULL, 1);
  json_begin_row (&w, NULL);
  json_number (&w, NULL, 2);
  json_number (&w, NULL, 3);
  json_end_row (&w);
  json_number (&w, NULL, 4);
  json_end_row (&w);
  json_null (&w, "last");
  json_end_object (&w);
  json_finish (&w);
  ck_assert_str_eq (buffer_text (&out), "{\n"
                                        "  \"a\": \"b\",\n"
                                        "  \"empty\": {},\n"
                                        "  \"none\": [],\n"
                                        "  \"list\": [\n"
                                        "    1,\n"
                                        "    {\n"
                                        "      \"yes\": true,\n"
                                        "      \"no\": false\n"
                                        "    },\n"
                                        "    null\n"
                                        "  ],\n"
                                        "  \"row\": [1, [2, 3], 4],\n"
                                        "  \"last\": null\n"
                                        "}\n");
  buffer_fini (&out);
}
END_TEST

START_TEST (numbers)
{
  struct json_writer w = start ();

  json_begin_row (&w, NULL);
  json_number (&w, NULL, 0);
  json_number (&w, NULL, UINT64_MAX);
  json_decimal (&w, NULL, 12345, 4);
  json_decimal (&w, NULL, 7, 3);
  json_decimal (&w, NULL, 7, 0);
  json_decimal (&w, NULL, UINT64_MAX, 6);
  json_end_row (&w);
  ck_assert_str_eq (buffer_text (&out),
                    "[0, 18446744073709551615, 1.2345, 0.007, 7, "
                    "18446744073709.551615]");
  buffer_fini (&out);
}
END_TEST

START_TEST (strings)
{
  static const struct {
    const char *value, *expected;
  } cases[] = {
    { "", "" },
    { "plain text / ~", "plain text / ~" },
    { "\"\\", "\\\"\\\\" },
    { "\1\t\n\x1f\x7f", "\\u0001\\u0009\\u000a\\u001f\\u007f" },
    { "\xc3\xa4 \xe2\x82\xac \xf0\x9f\x98\x80",
      "\xc3\xa4 \xe2\x82\xac \xf0\x9f\x98\x80" },
    { "a\xff"
      "b",
      "a" UTF8_REPLACEMENT "b" },
    { "\xc0\x80", UTF8_REPLACEMENT UTF8_REPLACEMENT }, /* overlong */
    { "\xed\xa0\x80",
      UTF8_REPLACEMENT UTF8_REPLACEMENT UTF8_REPLACEMENT }, /* surrogate */
    { "\xf4\x90\x80\x80", UTF8_REPLACEMENT UTF8_REPLACEMENT UTF8_REPLACEMENT
                            UTF8_REPLACEMENT },        /* beyond U+10FFFF */
    { "\xe2\x82", UTF8_REPLACEMENT UTF8_REPLACEMENT }, /* cut off */
  };

  for (size_t i = 0; i < ARRAY_SIZE (cases); i++) {
    struct json_writer w = start ();
    char expected[100];

    json_string (&w, NULL, cases[i].value);
    snprintf (expected, sizeof expected, "\"%s\"", cases[i].expected);
    ck_assert_str_eq (buffer_text (&out), expected);
    w = start ();
    json_begin_row (&w, NULL);
    json_null (&w, cases[i].value);
    json_end_row (&w);
    snprintf (expected, sizeof expected, "[\"%s\": null]", cases[i].expected);
    ck_assert_str_eq (buffer_text (&out), expected);
  }
  buffer_fini (&out);
}
END_TEST

int
main (void)
{
  const TTest *const tests[] = { nesting, numbers, strings };

  return test_main ("json-writer", tests, ARRAY_SIZE (tests));
}
