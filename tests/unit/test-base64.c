/* SPDX-License-Identifier: BSD-3-Clause
 *
 * base64: the vectors of RFC 4648, and what is refused.
 */

#include <config.h>

#include <check.h>
#include <stdint.h>
#include <string.h>

#include "base/align.h"
#include "base/base64.h"
#include "support/main.h"

START_TEST (vectors)
{
  static const struct {
    const char *text, *encoded;
  } cases[] = {
    { "", "" },
    { "f", "Zg==" },
    { "fo", "Zm8=" },
    { "foo", "Zm9v" },
    { "foob", "Zm9vYg==" },
    { "fooba", "Zm9vYmE=" },
    { "foobar", "Zm9vYmFy" },
    { "\xfb\xff\xbf", "+/+/" },
  };

  for (size_t i = 0; i < ARRAY_SIZE (cases); i++) {
    const size_t n = strlen (cases[i].text);
    char encoded[BASE64_SIZE (6)], decoded[6];
    size_t len;

    base64_encode (cases[i].text, n, encoded);
    ck_assert_str_eq (encoded, cases[i].encoded);
    ck_assert_uint_lt (strlen (encoded), BASE64_SIZE (n));
    ck_assert (
      base64_decode (encoded, strlen (encoded), decoded, sizeof decoded, &len));
    ck_assert_uint_eq (len, n);
    ck_assert_mem_eq (decoded, cases[i].text, n);
  }
}
END_TEST

START_TEST (every_byte)
{
  uint8_t bytes[256], decoded[256];
  char encoded[BASE64_SIZE (sizeof bytes)];
  size_t len;

  for (size_t i = 0; i < sizeof bytes; i++)
    bytes[i] = (uint8_t) (i * 7 + 3);
  base64_encode (bytes, sizeof bytes, encoded);
  ck_assert (
    base64_decode (encoded, strlen (encoded), decoded, sizeof decoded, &len));
  ck_assert_uint_eq (len, sizeof bytes);
  ck_assert_mem_eq (decoded, bytes, len);
  /* One byte too few. */
  ck_assert (!base64_decode (encoded, strlen (encoded), decoded,
                             sizeof decoded - 1, &len));
}
END_TEST

START_TEST (refused)
{
  static const char *const cases[] = {
    "Z",    "Zg",   "Zg=",  "====", "=Zg=", "Zg=v",     "Zm9v=",  "Z===",
    "Zh==", "Zm9=", "Zm-v", "Zm_v", "Zm9 ", "Zg==Zm9v", "Zm9v\n",
  };
  char out[16];
  size_t len;

  for (size_t i = 0; i < ARRAY_SIZE (cases); i++)
    ck_assert_msg (
      !base64_decode (cases[i], strlen (cases[i]), out, sizeof out, &len), "%s",
      cases[i]);
  ck_assert (!base64_decode ("Zm\0v", 4, out, sizeof out, &len));
}
END_TEST

int
main (void)
{
  const TTest *const tests[] = { vectors, every_byte, refused };

  return test_main ("base64", tests, ARRAY_SIZE (tests));
}
