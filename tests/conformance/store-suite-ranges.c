/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What a store refuses: ranges beyond the end with any values that there
 * are, and every change when it is read-only.
 */

#include <config.h>

#include "conformance/store-suite.h"

#define SIZE (256 * 1024)

enum op { READ, READV, CACHE, EXTENTS, TRIM, WRITE, WRITEV, ZERO, NOPS };

static const char *const op_names[NOPS] = { "read",    "readv", "cache",
                                            "extents", "trim",  "write",
                                            "writev",  "zero" };

/* Any operation with any range.  For long ones there is no buffer: they
 * must be refused before it is touched.
 */
static int
do_op (struct subject *t, enum op op, uint64_t offset, uint64_t count)
{
  static char buf[SIZE];
  char *const p = count <= SIZE ? buf : NULL;
  const struct iovec iov[] = { { p, count / 2 }, { p, count - count / 2 } };
  struct extent_list l;
  int r;

  t->err = 0;
  switch (op) {
  case READ:
    return store_read (t->s, p, count, offset, &t->err);
  case READV:
    return store_readv (t->s, iov, 2, offset, &t->err);
  case CACHE:
    return store_cache (t->s, count, offset, &t->err);
  case EXTENTS:
    extent_list_init (&l, offset, UINT64_MAX, false);
    r = store_extents (t->s, count, offset, 0, &l, &t->err);
    extent_list_fini (&l);
    return r;
  case TRIM:
    return store_trim (t->s, count, offset, 0, &t->err);
  case WRITE:
    return store_write (t->s, p, count, offset, 0, &t->err);
  case WRITEV:
    return store_writev (t->s, iov, 2, offset, 0, &t->err);
  default:
    return store_zero (t->s, count, offset, 0, &t->err);
  }
}

static bool
is_change (enum op op)
{
  return op >= TRIM;
}

static void
expect_refused (struct subject *t, uint64_t offset, uint64_t count)
{
  for (enum op op = 0; op < NOPS; op++) {
    const int expected = op >= WRITE ? ENOSPC : EINVAL;
    const int r = do_op (t, op, offset, count);

    if (r != -1 || t->err != expected)
      ck_abort_msg ("%s: %s of %llu at %llu: %d, %s instead of %s",
                    t->maker->name, op_names[op], (unsigned long long) count,
                    (unsigned long long) offset, r, strerror (t->err),
                    strerror (expected));
  }
}

START_TEST (beyond_the_end)
{
  static const uint64_t big = UINT64_C (1) << 63;
  struct subject t;
  uint64_t size;

  if (!subject_open (&t, _i, SIZE))
    return;
  write_random (&t, 0, t.spec.size, 0);
  size = t.spec.size;
  {
    const uint64_t cases[][2] = {
      { size, 1 },
      { size, 512 },
      { size, 4096 },
      { size - 1, 2 },
      { size + 1, 0 },
      { size + 1, 1 },
      { 0, size + 1 },
      { 1, size },
      { 4096, size },
      { 4096, size - 4095 },
      { size / 2, UINT64_MAX },
      /* offset + count wraps around to something inside */
      { UINT64_MAX, 1 },
      { UINT64_MAX, 2 },
      { UINT64_MAX, UINT64_MAX },
      { 1, UINT64_MAX },
      { 4096, UINT64_MAX - 4095 },
      { 4096, UINT64_MAX - 4094 },
      { UINT64_MAX - 511, 512 },
      { UINT64_MAX - 511, 1024 },
      { UINT64_MAX - 4095, 8192 },
      /* or turns negative */
      { big, 1 },
      { big, 512 },
      { big, big },
      { big - 512, 512 },
      { big - 512, 1024 },
      { 0, big },
      { 512, big },
      { 0, INT64_MAX },
      { INT64_MAX, 1 },
      /* or is small in units of sectors, or in 32 bits */
      { UINT64_C (1) << 32, 512 },
      { (UINT64_C (1) << 32) - 512, 1024 },
      { 0, UINT64_C (1) << 32 },
      { 0, (UINT64_C (1) << 32) + 512 },
      { UINT64_C (1) << 41, 512 }, /* 2^32 sectors of 512 */
      { 0, UINT64_C (1) << 41 },
      { UINT64_C (1) << 55, 512 },
      { UINT64_C (511) << 55, 512 },
      { 0, UINT64_C (1) << 55 },
      { 512, UINT64_C (511) << 55 },
    };

    for (size_t i = 0; i < ARRAY_SIZE (cases); i++)
      expect_refused (&t, cases[i][0], cases[i][1]);
  }
  check_all (&t);
  subject_close (&t);
}
END_TEST

/* The last unit, and nothing at the very end, are inside. */
START_TEST (at_the_end)
{
  struct subject t;
  uint64_t last;

  if (!subject_open (&t, _i, SIZE))
    return;
  last = ROUND_DOWN (t.spec.size - 1, t.unit);
  write_random (&t, 0, t.spec.size, 0);
  write_random (&t, last, t.spec.size - last, 0);
  check_range_of (&t, last, t.spec.size - last);
  for (enum op op = 0; op < NOPS; op++) {
    ck_assert_int_eq (do_op (&t, op, last, t.spec.size - last), 0);
    ck_assert_int_eq (do_op (&t, op, 0, 0), 0);
    if (IS_ALIGNED (t.spec.size, t.unit))
      ck_assert_int_eq (do_op (&t, op, t.spec.size, 0), 0);
  }
  memset (t.oracle + last, 0, t.spec.size - last); /* zero came last */
  check_all (&t);
  subject_close (&t);
}
END_TEST

/* What a store does not take, it refuses. */
START_TEST (unaligned)
{
  struct subject t;

  if (!subject_open (&t, _i, SIZE))
    return;
  for (enum op op = 0; op < NOPS && t.unit > 1; op++) {
    ck_assert_int_eq (do_op (&t, op, t.unit / 2, t.unit), -1);
    ck_assert_int_eq (t.err, EINVAL);
    if (op == EXTENTS) /* its end may be anywhere */
      continue;
    ck_assert_int_eq (do_op (&t, op, t.unit, t.unit / 2), -1);
    ck_assert_int_eq (t.err, EINVAL);
  }
  check_all (&t);
  subject_close (&t);
}
END_TEST

START_TEST (read_only)
{
  struct subject t;

  if (!subject_open_read_only (&t, _i, SIZE))
    return;
  ck_assert (t.s->info.read_only);
  for (enum op op = 0; op < NOPS; op++) {
    const int r = do_op (&t, op, 0, 4096);

    ck_assert_int_eq (r, is_change (op) ? -1 : 0);
    ck_assert_int_eq (t.err, is_change (op) ? EPERM : t.err);
    if (is_change (op)) {
      ck_assert_int_eq (do_op (&t, op, 0, 0), -1);
      ck_assert_int_eq (t.err, EPERM);
    }
  }
  ck_assert_int_eq (store_resize (t.s, 0, &t.err), -1);
  ck_assert_int_eq (t.err, EPERM);
  ck_assert_int_eq (store_flush (t.s, &t.err), 0);
  check_all (&t);
  subject_close (&t);
}
END_TEST

void
store_suite_ranges (Suite *suite)
{
  TCase *c = test_case (suite, "ranges");

  tcase_add_loop_test (c, beyond_the_end, 0, NSUBJECTS);
  tcase_add_loop_test (c, at_the_end, 0, NSUBJECTS);
  tcase_add_loop_test (c, unaligned, 0, NSUBJECTS);
  tcase_add_loop_test (c, read_only, 0, NSUBJECTS);
}
