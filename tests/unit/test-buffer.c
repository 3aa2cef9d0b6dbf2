/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Bytes that grow, up to a bound or to the end of memory.
 */

#include <config.h>

#include <check.h>
#include <stdio.h>
#include <string.h>

#include "base/align.h"
#include "base/buffer.h"
#include "support/alloc-fault.h"
#include "support/main.h"

START_TEST (grows)
{
  struct buffer b = { NULL };

  ck_assert_str_eq (buffer_text (&b), "");
  buffer_puts (&b, "");
  for (unsigned i = 0; i < 10000; i++) {
    buffer_printf (&b, "%05u", i);
    buffer_putc (&b, ' ');
  }
  ck_assert (!buffer_failed (&b));
  ck_assert_uint_eq (b.len, 60000);
  ck_assert_uint_eq (strlen (buffer_text (&b)), b.len);
  for (unsigned i = 0; i < 10000; i++) {
    char expected[8];

    snprintf (expected, sizeof expected, "%05u ", i);
    quick_assert (memcmp (b.data + 6 * i, expected, 6) == 0);
  }
  buffer_clear (&b);
  ck_assert_str_eq (buffer_text (&b), "");
  buffer_add (&b, "a\0b", 3);
  ck_assert_uint_eq (b.len, 3);
  ck_assert_mem_eq (b.data, "a\0b", 4);
  buffer_fini (&b);
  ck_assert_ptr_null (b.data);
}
END_TEST

/* What does not fit is left out whole, and so is all that follows. */
START_TEST (bound)
{
  struct buffer b = { .max = 300 };

  for (unsigned i = 0; i < 30; i++)
    buffer_puts (&b, "0123456789");
  ck_assert (!buffer_failed (&b));
  buffer_putc (&b, 'x');
  ck_assert (buffer_failed (&b));
  ck_assert_uint_eq (b.len, 300);
  buffer_fini (&b);
  ck_assert_uint_eq (b.max, 300);

  buffer_printf (&b, "%0301d", 7);
  buffer_putc (&b, 'x');
  ck_assert (buffer_failed (&b));
  ck_assert_uint_eq (b.len, 0);
  buffer_clear (&b);
  buffer_putc (&b, 'x');
  ck_assert (!buffer_failed (&b));
  ck_assert_str_eq (buffer_text (&b), "x");
  buffer_fini (&b);
}
END_TEST

START_TEST (no_memory)
{
  for (unsigned nth = 1; nth <= 3; nth++) {
    struct buffer b = { NULL };
    bool failed;

    alloc_fault_nth (nth);
    for (unsigned i = 0; i < 100; i++)
      buffer_puts (&b, "0123456789");
    failed = alloc_fault_stop ();
    ck_assert (failed);
    ck_assert (buffer_failed (&b));
    ck_assert_uint_lt (b.len, 1000);
    ck_assert_uint_eq (strlen (buffer_text (&b)), b.len);
    buffer_fini (&b);
    ck_assert (!buffer_failed (&b));
  }
}
END_TEST

int
main (void)
{
  const TTest *const tests[] = { grows, bound, no_memory };

  return test_main ("buffer", tests, ARRAY_SIZE (tests));
}
