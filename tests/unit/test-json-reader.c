/* SPDX-License-Identifier: BSD-3-Clause
 *
 * JSON that is read, and JSON that is none.
 */

#include <config.h>

#include <check.h>
#include <string.h>

#include "base/align.h"
#include "base/buffer.h"
#include "base/json-reader.h"
#include "support/alloc-fault.h"
#include "support/main.h"

static struct json_document d;

static void
parse (const char *text)
{
  size_t where;
  const enum json_status status = json_parse (&d, text, strlen (text), &where);

  ck_assert_msg (status == JSON_OK, "%s: %s at %zu", text,
                 json_status_string (status), where);
  ck_assert_uint_eq (where, strlen (text));
}

static void
fails (const char *text, size_t n, enum json_status expected, size_t place)
{
  size_t where;
  const enum json_status status = json_parse (&d, text, n, &where);

  ck_assert_msg (status == expected && where == place, "%s: %s at %zu", text,
                 json_status_string (status), where);
  ck_assert_ptr_null (d.text);
  ck_assert_ptr_null (d.value);
}

START_TEST (structure)
{
  const struct json_value *v, *a;
  uint64_t n;

  parse (" { \"a\" : [ 1, {\"b\":\"c\"}, [] , true,false ,null],\r\n"
         "\t\"x\": {}, \"a\": 2, \"big\": 18446744073709551615 } ");
  v = json_root (&d);
  ck_assert_int_eq (v->type, JSON_OBJECT);
  a = json_get (&d, v, "a"); /* the first */
  ck_assert_int_eq (a->type, JSON_ARRAY);
  a = json_first (&d, a);
  ck_assert (json_read_number (a, &n));
  ck_assert_uint_eq (n, 1);
  a = json_next (&d, a);
  ck_assert_str_eq (json_read_string (json_get (&d, a, "b")), "c");
  a = json_next (&d, a);
  ck_assert_int_eq (a->type, JSON_ARRAY);
  ck_assert_ptr_null (json_first (&d, a));
  a = json_next (&d, a);
  ck_assert (json_is_true (a));
  a = json_next (&d, a);
  ck_assert_int_eq (a->type, JSON_FALSE);
  ck_assert (!json_is_true (a));
  a = json_next (&d, a);
  ck_assert_int_eq (a->type, JSON_NULL);
  ck_assert_ptr_null (json_next (&d, a));
  ck_assert (json_read_number (json_get (&d, v, "big"), &n));
  ck_assert_uint_eq (n, UINT64_MAX);
  ck_assert_ptr_null (json_first (&d, json_get (&d, v, "x")));

  /* What is not there, or of another type. */
  ck_assert_ptr_null (json_get (&d, v, "b"));
  ck_assert_ptr_null (json_get (&d, json_get (&d, v, "a"), "b"));
  ck_assert_ptr_null (json_get (&d, NULL, "b"));
  ck_assert_ptr_null (json_first (&d, NULL));
  ck_assert_ptr_null (json_next (&d, NULL));
  ck_assert (!json_read_number (v, &n) && !json_read_number (NULL, &n));
  ck_assert_ptr_null (json_read_string (v));
  ck_assert_ptr_null (json_read_string (NULL));
  ck_assert (!json_is_true (NULL));
  json_fini (&d);
}
END_TEST

START_TEST (strings)
{
  static const struct {
    const char *json, *text;
  } cases[] = {
    { "\"\"", "" },
    { "\"a\\\"\\\\\\/\\b\\f\\n\\r\\tz\"", "a\"\\/\b\f\n\r\tz" },
    { "\"\\u0041\\u00e4\\u20AC\\uD83d\\ude00\"",
      "A\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80" },
    { "\"\xc3\xa4\xf0\x9f\x98\x80\x7f\"", "\xc3\xa4\xf0\x9f\x98\x80\x7f" },
  };

  for (size_t i = 0; i < ARRAY_SIZE (cases); i++) {
    parse (cases[i].json);
    ck_assert_str_eq (json_read_string (json_root (&d)), cases[i].text);
    json_fini (&d);
  }
}
END_TEST

/* Valid, and not integers that fit. */
START_TEST (other_numbers)
{
  static const char *const cases[] = {
    "-1", "1.5", "1e3", "0E+1", "-0", "18446744073709551616", "0.0e-10",
  };
  uint64_t n;

  for (size_t i = 0; i < ARRAY_SIZE (cases); i++) {
    parse (cases[i]);
    ck_assert_int_eq (json_root (&d)->type, JSON_NUMBER);
    ck_assert_msg (!json_read_number (json_root (&d), &n), "%s", cases[i]);
    json_fini (&d);
  }
}
END_TEST

START_TEST (errors)
{
  static const struct {
    const char *text;
    size_t where;
    enum json_status status;
  } cases[] = {
    { "", 0, JSON_SYNTAX },
    { " ", 1, JSON_SYNTAX },
    { "{", 1, JSON_SYNTAX },
    { "[1", 2, JSON_SYNTAX },
    { "[1,]", 3, JSON_SYNTAX },
    { "[1 2]", 3, JSON_SYNTAX },
    { "{\"a\"}", 4, JSON_SYNTAX },
    { "{\"a\":1,}", 7, JSON_SYNTAX },
    { "{a:1}", 1, JSON_SYNTAX },
    { "[1}", 2, JSON_SYNTAX },
    { "nul", 0, JSON_SYNTAX },
    { "True", 0, JSON_SYNTAX },
    { "-", 1, JSON_SYNTAX },
    { "+1", 0, JSON_SYNTAX },
    { "1.", 2, JSON_SYNTAX },
    { "1e", 2, JSON_SYNTAX },
    { ".5", 0, JSON_SYNTAX },
    { "01", 1, JSON_MORE },
    { "1 1", 2, JSON_MORE },
    { "{} x", 3, JSON_MORE },
    { "\"abc", 4, JSON_SYNTAX },
    { "\"a\nb\"", 2, JSON_BAD_STRING },
    { "\"\\", 2, JSON_BAD_STRING },
    { "\"\\x\"", 2, JSON_BAD_STRING },
    { "\"\\u12g4\"", 3, JSON_BAD_STRING },
    { "\"\\u12", 3, JSON_BAD_STRING },
    { "\"\\u0000\"", 3, JSON_BAD_STRING },
    { "\"\\udc00\"", 3, JSON_BAD_STRING },
    { "\"\\ud800\"", 7, JSON_BAD_STRING },
    { "\"\\ud800\\u0041\"", 7, JSON_BAD_STRING },
    { "\"\xff\"", 1, JSON_BAD_STRING },
    { "\"\xc0\x80\"", 1, JSON_BAD_STRING },
  };

  for (size_t i = 0; i < ARRAY_SIZE (cases); i++)
    fails (cases[i].text, strlen (cases[i].text), cases[i].status,
           cases[i].where);
  fails ("1\0", 2, JSON_MORE, 1);
  fails ("\"a\0b\"", 5, JSON_SYNTAX, 2);
}
END_TEST

START_TEST (bounds)
{
  char deep[2 * JSON_DEPTH_MAX + 2];
  struct buffer wide = { NULL };

  memset (deep, '[', JSON_DEPTH_MAX);
  memset (deep + JSON_DEPTH_MAX, ']', JSON_DEPTH_MAX);
  deep[2 * JSON_DEPTH_MAX] = '\0';
  parse (deep);
  json_fini (&d);
  memset (deep, '[', sizeof deep);
  fails (deep, sizeof deep, JSON_TOO_DEEP, JSON_DEPTH_MAX + 1);

  buffer_putc (&wide, '[');
  for (unsigned i = 0; i < JSON_VALUES_MAX - 2; i++)
    buffer_puts (&wide, "7,");
  buffer_puts (&wide, "7]");
  parse (buffer_text (&wide));
  json_fini (&d);
  wide.len--;
  buffer_puts (&wide, ",7]");
  fails (wide.data, wide.len, JSON_TOO_LARGE, wide.len - 2);
  buffer_fini (&wide);
}
END_TEST

START_TEST (no_memory)
{
  char text[2000];
  bool failed = true;

  memset (text, ',', sizeof text);
  text[0] = '[';
  for (size_t i = 1; i < sizeof text; i += 2)
    text[i] = '7';
  text[sizeof text - 1] = ']';
  for (unsigned nth = 1; failed; nth++) {
    enum json_status status;
    size_t where;

    alloc_fault_nth (nth);
    status = json_parse (&d, text, sizeof text - 1, &where);
    failed = alloc_fault_stop ();
    ck_assert (!failed || status == JSON_NO_MEMORY);
    ck_assert (failed || nth > 3);
    json_fini (&d);
  }
}
END_TEST

int
main (void)
{
  const TTest *const tests[] = { structure, strings, other_numbers,
                                 errors,    bounds,  no_memory };

  return test_main ("json-reader", tests, ARRAY_SIZE (tests));
}
