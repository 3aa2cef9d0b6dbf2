/* SPDX-License-Identifier: BSD-3-Clause
 *
 * uuid: text and back, what is refused, and version 4.
 */

#include <config.h>

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "base/align.h"
#include "base/uuid.h"
#include "support/main.h"

static const struct uuid example = { { 0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd,
                                       0xef, 0x01, 0x23, 0x45, 0x67, 0x89, 0xab,
                                       0xcd, 0xef } };

START_TEST (text)
{
  char out[UUID_STRLEN + 1];
  struct uuid u;

  memset (out, 'x', sizeof out);
  uuid_format (&example, out);
  ck_assert_str_eq (out, "01234567-89ab-cdef-0123-456789abcdef");
  ck_assert (uuid_parse (out, &u));
  ck_assert (uuid_equal (&u, &example));
}
END_TEST

START_TEST (accepted)
{
  static const char *const texts[] = {
    "01234567-89AB-CDEF-0123-456789abcdef",
    "0123456789abcdef0123456789abcdef",
    "0123456789ABCDEF0123456789ABCDEF",
  };

  for (size_t i = 0; i < ARRAY_SIZE (texts); i++) {
    struct uuid u;

    memset (&u, 0xff, sizeof u);
    ck_assert_msg (uuid_parse (texts[i], &u), "%s", texts[i]);
    ck_assert (uuid_equal (&u, &example));
  }
}
END_TEST

START_TEST (refused)
{
  static const char *const texts[] = {
    "",
    "-",
    "0",
    "0123456789abcdef0123456789abcde",        /* 31 digits */
    "0123456789abcdef0123456789abcdef0",      /* 33 */
    "0123456789abcdef0123456789abcdef ",      /* a space */
    " 0123456789abcdef0123456789abcdef",      /* before */
    "0123456789abcdeg0123456789abcdef",       /* not a digit */
    "01234567-89ab-cdef-0123-456789abcde",    /* 35 characters */
    "01234567-89ab-cdef-0123-456789abcdef0",  /* 37 */
    "0123456789ab-cdef-0123-456789abcdef",    /* a dash short */
    "01234567-89ab-cdef-0123456789abcdef-",   /* elsewhere */
    "01234567+89ab-cdef-0123-456789abcdef",   /* not a dash */
    "{01234567-89ab-cdef-0123-456789abcdef}", /* braces */
    "0123456789abcdef0123456789abcdef----",   /* 36 without dashes */
    "01234567-89ab-cdef-0123-456789abcd-f",
    "------------------------------------",
  };

  for (size_t i = 0; i < ARRAY_SIZE (texts); i++) {
    struct uuid u;

    ck_assert_msg (!uuid_parse (texts[i], &u), "%s", texts[i]);
  }
}
END_TEST

START_TEST (nil)
{
  const struct uuid zero = { { 0 } };

  ck_assert (uuid_is_nil (&zero));
  ck_assert (!uuid_is_nil (&example));
  for (unsigned bit = 0; bit < 128; bit++) {
    struct uuid u = { { 0 } };

    u.b[bit / 8] = (uint8_t) (1u << bit % 8);
    ck_assert (!uuid_is_nil (&u));
    ck_assert (!uuid_equal (&u, &zero));
  }
}
END_TEST

START_TEST (random_v4)
{
  struct uuid all = { { 0 } }, last = { { 0 } };

  for (unsigned i = 0; i < 200; i++) {
    struct uuid u;

    ck_assert_int_eq (uuid_random (&u), 0);
    ck_assert_uint_eq (u.b[6] >> 4, 4);
    ck_assert_uint_eq (u.b[8] >> 6, 2);
    ck_assert (!uuid_equal (&u, &last));
    last = u;
    for (unsigned k = 0; k < 16; k++)
      all.b[k] |= u.b[k];
  }
  /* Every free bit was set at least once. */
  for (unsigned k = 0; k < 16; k++)
    ck_assert_uint_eq (all.b[k], k == 6 ? 0x4f : k == 8 ? 0xbf : 0xff);
}
END_TEST

int
main (void)
{
  const TTest *const tests[] = { text, accepted, refused, nil, random_v4 };

  return test_main ("uuid", tests, ARRAY_SIZE (tests));
}
