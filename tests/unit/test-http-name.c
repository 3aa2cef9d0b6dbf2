/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Names below URLs, and names that would lead out.
 */

#include <config.h>

#include <check.h>
#include <errno.h>

#include "base/align.h"
#include "http/http-name.h"
#include "support/alloc-fault.h"
#include "support/main.h"

START_TEST (below)
{
  static const struct {
    const char *base, *name, *url;
  } cases[] = {
    { "https://h/c", "a.vhd", "https://h/c/a.vhd" },
    { "https://h/c/", "a/b", "https://h/c/a/b" },
    { "https://h", "a", "https://h/a" },
    { "https://h/c?sig=x&y=/", "a", "https://h/c/a?sig=x&y=/" },
    { "https://h/c/?s#f", "a", "https://h/c/a?s" },
    { "https://h/c#f", "...", "https://h/c/..." },
    { "https://h/c", "a?b#c d", "https://h/c/a%3Fb%23c%20d" },
    { "https://h/c", "%2e%2e/x", "https://h/c/%252e%252e/x" },
    { "https://h/c", "\xc3\xa9:@&=+;", "https://h/c/%C3%A9%3A%40%26%3D%2B%3B" },
  };

  for (size_t i = 0; i < ARRAY_SIZE (cases); i++) {
    char *url = http_name_below (cases[i].base, cases[i].name);

    ck_assert_str_eq (url, cases[i].url);
    free (url);
  }
}
END_TEST

START_TEST (out)
{
  static const char *const names[] = {
    "",     ".",  "..",   "../a", "a/..", "a/../b", "a/./b", "/a",
    "a//b", "a/", "a\\b", "..\\", "a\nb", "\x7f",   "\x01",
  };

  for (size_t i = 0; i < ARRAY_SIZE (names); i++) {
    errno = 0;
    ck_assert_msg (http_name_below ("https://h/c", names[i]) == NULL, "%s",
                   names[i]);
    ck_assert_int_eq (errno, EINVAL);
  }
}
END_TEST

START_TEST (no_memory)
{
  char *r;

  alloc_fault_nth (1);
  r = http_name_below ("https://h/c", "a");
  alloc_fault_stop ();
  ck_assert_ptr_null (r);
  ck_assert_int_eq (errno, ENOMEM);
}
END_TEST

int
main (void)
{
  const TTest *const tests[] = { below, out, no_memory };

  return test_main ("http-name", tests, ARRAY_SIZE (tests));
}
