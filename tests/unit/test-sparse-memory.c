/* SPDX-License-Identifier: BSD-3-Clause
 *
 * sparse-memory: what is counted, what is given back, and when large
 * units are taken.
 */

#include <config.h>

#include <check.h>
#include <errno.h>
#include <string.h>

#include "base/align.h"
#include "layer/sparse-memory.h"
#include "support/main.h"

#define PAGE 4096
#define UNIT SPARSE_MEMORY_UNIT
#define PIECE SPARSE_MEMORY_PIECE
#define KIB 1024

static struct sparse_memory m;

static void
init (uint64_t size, uint64_t max)
{
  memset (&m, 0, sizeof m);
  ck_assert_int_eq (sparse_memory_init (&m, size, max), 0);
}

static void
fill (uint64_t offset, uint64_t count)
{
  int err = 0;
  char *p = sparse_memory_take (&m, offset, count, 0, &err);

  ck_assert_ptr_nonnull (p);
  ck_assert_ptr_eq (p, sparse_memory_at (&m, offset));
  memset (p, 0xa5, count);
}

static void
expect (uint64_t offset, uint64_t count, char byte)
{
  const char *p = sparse_memory_at (&m, offset);

  for (uint64_t i = 0; i < count; i++)
    quick_assert (p[i] == byte);
}

START_TEST (nothing_at_first)
{
  init (5 * PIECE + 512, 0);
  ck_assert_ptr_null (sparse_memory_at (&m, 0));
  ck_assert_ptr_null (sparse_memory_at (&m, 5 * PIECE + 511));
  /* Two sets, each of which costs 5 KiB. */
  ck_assert_uint_lt (sparse_memory_used (&m), 10 * KIB);
  sparse_memory_fini (&m);
}
END_TEST

START_TEST (pages_are_counted)
{
  init (3 * PIECE, 0);
  fill (PIECE - 512, 512);
  ck_assert_uint_eq (m.npages, 1);
  fill (PIECE - 4096, 4096);
  ck_assert_uint_eq (m.npages, 1);
  fill (PIECE + 100, PAGE);
  ck_assert_uint_eq (m.npages, 3);
  expect (PIECE, 100, 0);
  expect (PIECE + 100, PAGE, (char) 0xa5);
  sparse_memory_fini (&m);
}
END_TEST

START_TEST (a_limit)
{
  int err = 0;

  init (PIECE, 64 * KIB);
  fill (0, 40 * KIB);
  ck_assert_ptr_null (sparse_memory_take (&m, 512 * KIB, 40 * KIB, 0, &err));
  ck_assert_int_eq (err, ENOSPC);
  ck_assert_uint_eq (m.npages, 10);
  /* What is elsewhere counts, too; what is there already does not. */
  ck_assert_ptr_null (sparse_memory_take (&m, 512 * KIB, PAGE, 60 * KIB, &err));
  ck_assert_ptr_nonnull (sparse_memory_take (&m, 0, 40 * KIB, 60 * KIB, &err));
  sparse_memory_drop (&m, 0, 40 * KIB);
  ck_assert_uint_eq (m.npages, 0);
  fill (512 * KIB, 40 * KIB);
  sparse_memory_fini (&m);
}
END_TEST

START_TEST (dropping)
{
  init (2 * PIECE + 512, 0);
  fill (PIECE - UNIT, UNIT);
  fill (PIECE, 64 * KIB);
  /* Not what is beside it, and across pieces. */
  sparse_memory_drop (&m, PIECE - 6 * KIB, PIECE + 5 * KIB);
  expect (PIECE - UNIT, UNIT - 6 * KIB, (char) 0xa5);
  expect (PIECE - 6 * KIB, 6 * KIB, 0);
  expect (PIECE, 5 * KIB, 0);
  expect (PIECE + 5 * KIB, 59 * KIB, (char) 0xa5);
  ck_assert_uint_eq (m.npages, UNIT / PAGE - 1 + 15);
  /* Inside one page. */
  sparse_memory_drop (&m, PIECE + 6 * KIB, PIECE + 7 * KIB);
  expect (PIECE + 5 * KIB, KIB, (char) 0xa5);
  expect (PIECE + 6 * KIB, KIB, 0);
  expect (PIECE + 7 * KIB, KIB, (char) 0xa5);
  /* The end of the disk, inside a page. */
  fill (2 * PIECE, 512);
  sparse_memory_drop (&m, 2 * PIECE, 2 * PIECE + 512);
  expect (2 * PIECE, 512, 0);
  /* What was never there. */
  sparse_memory_drop (&m, 0, UNIT);
  sparse_memory_drop (&m, 0, m.size);
  ck_assert_uint_eq (m.npages, 0);
  sparse_memory_fini (&m);
}
END_TEST

START_TEST (units_for_those_who_write_in_order)
{
  init (PIECE + UNIT / 2, 0);
  ck_assert (!sparse_memory_wants_unit (&m, 0));
  ck_assert (!sparse_memory_wants_unit (&m, UNIT));
  fill (UNIT - 64 * KIB, 64 * KIB);
  ck_assert (!sparse_memory_wants_unit (&m, UNIT));
  fill (UNIT - 256 * KIB, 192 * KIB);
  ck_assert (sparse_memory_wants_unit (&m, UNIT));
  /* Not if something is there, nor where the disk ends inside it. */
  fill (UNIT + 100 * KIB, 1);
  ck_assert (!sparse_memory_wants_unit (&m, UNIT));
  fill (PIECE - 512 * KIB, 512 * KIB);
  ck_assert (!sparse_memory_wants_unit (&m, PIECE));
  sparse_memory_fini (&m);
}
END_TEST

START_TEST (a_unit_is_counted_and_given_back)
{
  init (PIECE, 0);
  fill (UNIT / 2, UNIT / 2);
  ck_assert (sparse_memory_wants_unit (&m, UNIT));
  sparse_memory_take_unit (&m, UNIT, 0);
  ck_assert_uint_eq (m.npages, UNIT / PAGE * 3 / 2);
  expect (UNIT, UNIT, 0);
  fill (UNIT + 100, 1000);
  ck_assert_uint_eq (m.npages, UNIT / PAGE * 3 / 2);
  sparse_memory_drop (&m, UNIT, 2 * UNIT - PAGE);
  ck_assert_uint_eq (m.npages, UNIT / PAGE / 2 + 1);
  expect (UNIT, UNIT, 0);
  fill (UNIT, 64 * KIB);
  expect (UNIT, 64 * KIB, (char) 0xa5);
  sparse_memory_fini (&m);
}
END_TEST

/* One that is too much is not taken, and nothing is lost. */
START_TEST (a_unit_and_a_limit)
{
  init (PIECE, 3 * KIB * KIB);
  fill (UNIT / 2, UNIT / 2);
  sparse_memory_take_unit (&m, UNIT, UNIT);
  ck_assert_uint_eq (m.npages, UNIT / PAGE / 2);
  fill (UNIT, 64 * KIB);
  ck_assert_uint_eq (m.npages, UNIT / PAGE / 2 + 16);
  sparse_memory_fini (&m);
}
END_TEST

int
main (void)
{
  const TTest *const tests[] = {
    nothing_at_first,
    pages_are_counted,
    a_limit,
    dropping,
    units_for_those_who_write_in_order,
    a_unit_is_counted_and_given_back,
    a_unit_and_a_limit,
  };

  return test_main ("sparse-memory", tests, ARRAY_SIZE (tests));
}
