/* SPDX-License-Identifier: BSD-3-Clause
 *
 * utf16: what is well-formed comes back the same, in both orders; what is
 * not is refused, each in its way.
 */

#include <config.h>

#include <check.h>
#include <stdint.h>
#include <string.h>

#include "base/align.h"
#include "base/utf16.h"
#include "support/main.h"

/* The bytes are big-endian; the other order is made of them. */
static const struct {
  const char *text;
  const char *bytes;
  size_t count;
} good[] = {
  { "", "", 0 },
  { "a", "\0a", 2 },
  { ".\\b", "\0.\0\\\0b", 6 },
  { "\xc3\xa9", "\x00\xe9", 2 },                 /* e acute */
  { "\xdf\xbf", "\x07\xff", 2 },                 /* the last of two bytes */
  { "\xe0\xa0\x80", "\x08\x00", 2 },             /* the first of three */
  { "\xed\x9f\xbf", "\xd7\xff", 2 },             /* before surrogates */
  { "\xee\x80\x80", "\xe0\x00", 2 },             /* behind them */
  { "\xef\xbf\xbf", "\xff\xff", 2 },             /* the last of three */
  { "\xf0\x90\x80\x80", "\xd8\x00\xdc\x00", 4 }, /* the first of four */
  { "\xef\xbb\xbf", "\xfe\xff\xfe\xff", 4 },     /* a mark that is kept */
  { "x\xf4\x8f\xbf\xbfy", "\0x\xdb\xff\xdf\xff\0y", 8 }, /* the last */
};

static void
swap (const char *in, size_t count, char *out)
{
  for (size_t i = 0; i < count; i++)
    out[i] = i + 1 < count || count % 2 == 0 ? in[i ^ 1] : in[i];
}

START_TEST (both_ways)
{
  for (size_t i = 0; i < ARRAY_SIZE (good); i++) {
    for (int order = UTF16_LE; order <= UTF16_BE; order++) {
      char bytes[16], text[16], out[16];
      size_t count;

      memcpy (bytes, good[i].bytes, good[i].count);
      if (order == UTF16_LE)
        swap (good[i].bytes, good[i].count, bytes);
      ck_assert_int_eq (
        utf16_decode (bytes, good[i].count, order, text, sizeof text),
        UTF16_OK);
      ck_assert_str_eq (text, good[i].text);
      ck_assert_int_eq (
        utf16_encode (good[i].text, order, out, sizeof out, &count), UTF16_OK);
      ck_assert_uint_eq (count, good[i].count);
      ck_assert_mem_eq (out, bytes, count);
    }
  }
}
END_TEST

START_TEST (marks_and_terminators)
{
  char text[16];

  ck_assert_int_eq (utf16_decode ("\xff\xfe"
                                  "a\0b\0\0\0\0",
                                  10, UTF16_LE, text, 16),
                    UTF16_OK);
  ck_assert_str_eq (text, "ab");
  ck_assert_int_eq (utf16_decode ("\xfe\xff\0a", 4, UTF16_BE, text, 16),
                    UTF16_OK);
  ck_assert_str_eq (text, "a");
  ck_assert_int_eq (utf16_decode ("\0\0\0\0", 4, UTF16_LE, text, 16), UTF16_OK);
  ck_assert_str_eq (text, "");
  /* The mark of the other order is a character that there is not. */
  ck_assert_int_eq (utf16_decode ("\xfe\xff"
                                  "a\0",
                                  4, UTF16_LE, text, 16),
                    UTF16_OK);
  ck_assert_str_eq (text, "\xef\xbf\xbe"
                          "a");
}
END_TEST

START_TEST (bad)
{
  static const struct {
    const char *bytes; /* big-endian */
    size_t count;
    enum utf16_status status;
  } cases[] = {
    { "\0", 1, UTF16_ODD },
    { "\0a\0", 3, UTF16_ODD },
    { "\xdc\x00", 2, UTF16_UNPAIRED },
    { "\xd8\x00", 2, UTF16_UNPAIRED },
    { "\xd8\x00\0a", 4, UTF16_UNPAIRED },
    { "\xd8\x00\xd8\x00", 4, UTF16_UNPAIRED },
    { "\0a\0\0\0b", 6, UTF16_ZERO },
  };

  for (size_t i = 0; i < ARRAY_SIZE (cases); i++) {
    char text[8] = "unset";

    ck_assert_int_eq (
      utf16_decode (cases[i].bytes, cases[i].count, UTF16_BE, text, 8),
      cases[i].status);
    ck_assert_str_eq (text, "");
  }
}
END_TEST

/* For each room there is, just enough and one less. */
START_TEST (room)
{
  for (size_t i = 0; i < ARRAY_SIZE (good); i++) {
    const size_t n = strlen (good[i].text) + 1;
    char text[16], bytes[16];
    size_t count = 1;

    ck_assert_int_eq (
      utf16_decode (good[i].bytes, good[i].count, UTF16_BE, text, n), UTF16_OK);
    if (n == 1)
      continue;
    ck_assert_int_eq (
      utf16_decode (good[i].bytes, good[i].count, UTF16_BE, text, n - 1),
      UTF16_TOO_LONG);
    ck_assert_str_eq (text, "");
    ck_assert_int_eq (
      utf16_encode (good[i].text, UTF16_BE, bytes, good[i].count, &count),
      UTF16_OK);
    ck_assert_int_eq (
      utf16_encode (good[i].text, UTF16_BE, bytes, good[i].count - 1, &count),
      UTF16_TOO_LONG);
    ck_assert_uint_eq (count, 0);
  }
}
END_TEST

START_TEST (bad_utf8)
{
  static const char *const cases[] = {
    "\x80", "a\xc0\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xc3",
  };

  for (size_t i = 0; i < ARRAY_SIZE (cases); i++) {
    char bytes[16];
    size_t count = 1;

    ck_assert_int_eq (
      utf16_encode (cases[i], UTF16_LE, bytes, sizeof bytes, &count),
      UTF16_BAD_UTF8);
    ck_assert_uint_eq (count, 0);
  }
}
END_TEST

int
main (void)
{
  const TTest *const tests[] = {
    both_ways, marks_and_terminators, bad, room, bad_utf8,
  };

  return test_main ("utf16", tests, ARRAY_SIZE (tests));
}
