/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The front door of stores: defaults, the splitting of FUA, vectors and
 * zeroes.  What holds for every store is in the conformance suite; here
 * is what an implementation gets to see.
 */

#include <config.h>

#include <check.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/align.h"
#include "store/store.h"
#include "support/alloc-fault.h"
#include "support/main.h"
#include "support/store-fault.h"
#include "support/store-mem.h"
#include "support/store-trace.h"

#define SIZE (8 * 1024 * 1024)

struct watched {
  struct store *s; /* a trace */
  struct store *faulty, *mem;
  struct trace *t;
  int err;
};

/* A store over memory whose operations are recorded. */
static void
watch (struct watched *w, const struct store_mem_options *o)
{
  w->mem = store_mem_create (o);
  w->faulty = store_fault_create (w->mem);
  w->s = store_trace_create (w->faulty, &w->t);
  w->err = 0;
}

static void
unwatch (struct watched *w)
{
  store_close (w->s);
  trace_free (w->t);
}

static void
expect_op (const struct watched *w, size_t i, enum store_op_kind kind,
           uint64_t offset, uint64_t count, unsigned flags)
{
  const struct trace_entry e = trace_get (w->t, i);

  if (e.op.kind != kind || e.op.offset != offset || e.op.count != count ||
      e.op.flags != flags) {
    trace_print (w->t);
    ck_abort_msg ("operation %zu: expected %s %llu+%llu flags %u", i,
                  store_op_name (kind), (unsigned long long) offset,
                  (unsigned long long) count, flags);
  }
}

START_TEST (defaults_of_info)
{
  struct store_mem_options o = { .size = SIZE };
  struct store *s = store_mem_create (&o);

  ck_assert_uint_eq (s->info.sector_size, 512);
  ck_assert_uint_eq (s->info.physical_sector_size, 512);
  ck_assert_uint_eq (s->info.align, 1);
  ck_assert_uint_eq (s->info.preferred, 4096);
  ck_assert_uint_eq (store_size (s), SIZE);
  store_close (s);
  o.info.sector_size = 4096;
  s = store_mem_create (&o);
  ck_assert_uint_eq (s->info.physical_sector_size, 4096);
  store_close (s);
  store_close (NULL);
}
END_TEST

START_TEST (description)
{
  struct store *s = store_mem_create (&(struct store_mem_options){ .size = 1 });
  int r;

  ck_assert_ptr_null (s->description);
  ck_assert_int_eq (store_describe (s, "disk %d", 1), 0);
  ck_assert_str_eq (s->description, "disk 1");
  ck_assert_int_eq (store_describe (s, "after %s", s->description), 0);
  ck_assert_str_eq (s->description, "after disk 1");
  alloc_fault_nth (1);
  r = store_describe (s, "no memory");
  ck_assert (alloc_fault_stop ());
  ck_assert_int_eq (r, -1);
  ck_assert_str_eq (s->description, "after disk 1");
  store_close (s);
}
END_TEST

/* With info.fua it is passed on, and no flush follows. */
START_TEST (fua_native)
{
  struct store_mem_options o = store_mem_defaults (SIZE);
  char buf[1024] = { 1 };
  const struct iovec iov = { .iov_base = buf, .iov_len = 1024 };
  struct watched w;

  watch (&w, &o);
  ck_assert_int_eq (store_write (w.s, buf, 1024, 512, STORE_FUA, &w.err), 0);
  ck_assert_int_eq (store_trim (w.s, 512, 0, STORE_FUA, &w.err), 0);
  ck_assert_int_eq (
    store_zero (w.s, 512, 0, STORE_FUA | STORE_MAY_TRIM, &w.err), 0);
  ck_assert_uint_eq (trace_len (w.t), 3);
  expect_op (&w, 0, STORE_OP_WRITE, 512, 1024, STORE_FUA);
  expect_op (&w, 1, STORE_OP_TRIM, 0, 512, STORE_FUA);
  expect_op (&w, 2, STORE_OP_ZERO, 0, 512, STORE_FUA | STORE_MAY_TRIM);
  /* Vectors have only the default here: a flush after all of them. */
  ck_assert_int_eq (store_writev (w.s, &iov, 1, 0, STORE_FUA, &w.err), 0);
  expect_op (&w, 3, STORE_OP_WRITE, 0, 1024, 0);
  expect_op (&w, 4, STORE_OP_FLUSH, 0, 0, 0);
  unwatch (&w);
}
END_TEST

/* Without it, a flush follows, and its failure is that of the whole. */
START_TEST (fua_split)
{
  struct store_mem_options o = store_mem_defaults (SIZE);
  char buf[1024] = { 1 };
  struct watched w;

  o.info.fua = false;
  watch (&w, &o);
  ck_assert_int_eq (store_write (w.s, buf, 1024, 512, STORE_FUA, &w.err), 0);
  expect_op (&w, 0, STORE_OP_WRITE, 512, 1024, 0);
  expect_op (&w, 1, STORE_OP_FLUSH, 0, 0, 0);
  ck_assert_int_eq (store_trim (w.s, 512, 0, STORE_FUA, &w.err), 0);
  expect_op (&w, 2, STORE_OP_TRIM, 0, 512, 0);
  expect_op (&w, 3, STORE_OP_FLUSH, 0, 0, 0);
  ck_assert_int_eq (
    store_zero (w.s, 512, 0, STORE_FUA | STORE_FAST_ZERO, &w.err), 0);
  expect_op (&w, 4, STORE_OP_ZERO, 0, 512, STORE_FAST_ZERO);
  expect_op (&w, 5, STORE_OP_FLUSH, 0, 0, 0);
  ck_assert (trace_durable_before (w.t, 5, 0, SIZE) == false);

  store_fault_all (w.faulty, STORE_OP_BIT (STORE_OP_FLUSH), ENOSPC);
  ck_assert_int_eq (store_write (w.s, buf, 512, 0, STORE_FUA, &w.err), -1);
  ck_assert_int_eq (w.err, ENOSPC);
  ck_assert_int_eq (store_write (w.s, buf, 512, 0, 0, &w.err), 0);
  /* After a failed write there is no flush. */
  trace_clear (w.t);
  store_fault_all (w.faulty, STORE_OPS_ALL, EIO);
  ck_assert_int_eq (store_write (w.s, buf, 512, 0, STORE_FUA, &w.err), -1);
  ck_assert_int_eq (w.err, EIO);
  ck_assert_uint_eq (trace_len (w.t), 1);
  unwatch (&w);
}
END_TEST

/* Only what is written is inside sectors: one write for each element as
 * long as they meet at sectors, else one for all.
 */
START_TEST (vectors)
{
  struct store_mem_options o = store_mem_defaults (SIZE);
  char a[512], b[1024], c[100], d[412], back[2048];
  const struct iovec whole[] = {
    { a, 512 }, { b, 1024 }, { a, 0 }, { d, 412 }
  };
  const struct iovec cut[] = { { c, 100 }, { d, 412 }, { a, 0 }, { b, 1024 } };
  const struct iovec cut_back[] = { { back, 7 }, { back + 7, 1529 } };
  struct watched w;

  memset (a, 'a', sizeof a);
  memset (b, 'b', sizeof b);
  memset (c, 'c', sizeof c);
  memset (d, 'd', sizeof d);
  watch (&w, &o);
  ck_assert_int_eq (store_writev (w.s, whole, 4, 512, 0, &w.err), 0);
  ck_assert_uint_eq (trace_len (w.t), 3);
  expect_op (&w, 0, STORE_OP_WRITE, 512, 512, 0);
  expect_op (&w, 1, STORE_OP_WRITE, 1024, 1024, 0);
  expect_op (&w, 2, STORE_OP_WRITE, 2048, 412, 0);
  trace_clear (w.t);

  ck_assert_int_eq (store_writev (w.s, cut, 4, 1024, STORE_FUA, &w.err), 0);
  ck_assert_uint_eq (trace_len (w.t), 2);
  expect_op (&w, 0, STORE_OP_WRITE, 1024, 1536, 0);
  expect_op (&w, 1, STORE_OP_FLUSH, 0, 0, 0);
  trace_clear (w.t);

  ck_assert_int_eq (store_readv (w.s, cut_back, 2, 1024, &w.err), 0);
  ck_assert_uint_eq (trace_len (w.t), 1);
  expect_op (&w, 0, STORE_OP_READ, 1024, 1536, 0);
  ck_assert_mem_eq (back, c, 100);
  ck_assert_mem_eq (back + 100, d, 412);
  ck_assert_mem_eq (back + 512, b, 1024);
  unwatch (&w);
}
END_TEST

/* Lengths whose sum is small modulo 2^64. */
START_TEST (vectors_wrap)
{
  struct store_mem_options o = store_mem_defaults (SIZE);
  char buf[512];
  const struct iovec iov[] = { { buf, 512 },
                               { buf, SIZE_MAX - 511 },
                               { buf, 512 } };
  struct watched w;

  watch (&w, &o);
  ck_assert_int_eq (store_readv (w.s, iov, 3, 0, &w.err), -1);
  ck_assert_int_eq (w.err, EINVAL);
  ck_assert_int_eq (store_writev (w.s, iov, 3, 0, 0, &w.err), -1);
  ck_assert_int_eq (w.err, ENOSPC);
  ck_assert_int_eq (store_writev (w.s, iov, 2, 0, 0, &w.err), -1);
  ck_assert_int_eq (w.err, ENOSPC);
  ck_assert_uint_eq (trace_len (w.t), 0);
  unwatch (&w);
}
END_TEST

START_TEST (vectors_no_memory)
{
  struct store_mem_options o = store_mem_defaults (SIZE);
  char buf[1024];
  const struct iovec iov[] = { { buf, 100 }, { buf + 100, 924 } };
  struct watched w;
  int r;

  watch (&w, &o);
  alloc_fault_nth (1);
  r = store_readv (w.s, iov, 2, 0, &w.err);
  ck_assert (alloc_fault_stop ());
  ck_assert_int_eq (r, -1);
  ck_assert_int_eq (w.err, ENOMEM);
  memset (buf, 1, sizeof buf);
  w.err = 0;
  alloc_fault_nth (1);
  r = store_writev (w.s, iov, 2, 0, 0, &w.err);
  ck_assert (alloc_fault_stop ());
  ck_assert_int_eq (r, -1);
  ck_assert_int_eq (w.err, ENOMEM);
  unwatch (&w);
}
END_TEST

/* A store that cannot zero gets zeroes written, in pieces that meet at
 * sectors; FAST_ZERO is refused instead.
 */
START_TEST (zero_by_writing)
{
  struct store_mem_options o = store_mem_defaults (SIZE);
  const uint64_t offset = 1000, count = 3 * 1024 * 1024;
  char *buf = malloc (SIZE), *expected = malloc (SIZE);
  struct trace_entry last;
  struct watched w;

  if (_i == 0)
    o.info.zero = o.info.fast_zero = false;
  else
    o.zero_unsupported = true;
  memset (expected, 'x', SIZE);
  watch (&w, &o);
  ck_assert_int_eq (store_write (w.s, expected, SIZE, 0, 0, &w.err), 0);
  trace_clear (w.t);
  ck_assert_int_eq (store_zero (w.s, count, offset, STORE_FAST_ZERO, &w.err),
                    -1);
  ck_assert_int_eq (w.err, EOPNOTSUPP);
  ck_assert_int_eq (
    store_zero (w.s, count, offset, STORE_FUA | STORE_MAY_TRIM, &w.err), 0);
  for (size_t i = 0; i < trace_len (w.t); i++) {
    const struct trace_entry e = trace_get (w.t, i);

    if (e.op.kind == STORE_OP_WRITE)
      ck_assert (IS_ALIGNED (e.op.offset, 512) || e.op.offset == offset);
  }
  /* Durable in the end.  (One that exists and refuses is below the
   * trace, and its own front door has done the same.)
   */
  last = trace_get (w.t, trace_len (w.t) - 1);
  ck_assert (last.op.kind == (_i == 0 ? STORE_OP_FLUSH : STORE_OP_ZERO));
  memset (expected + offset, 0, count);
  ck_assert_int_eq (store_read (w.s, buf, SIZE, 0, &w.err), 0);
  ck_assert_mem_eq (buf, expected, SIZE);
  free (buf);
  free (expected);
  unwatch (&w);
}
END_TEST

START_TEST (zero_no_memory)
{
  struct store_mem_options o = { .size = SIZE };
  struct watched w;
  int r;

  watch (&w, &o);
  alloc_fault_nth (1);
  r = store_zero (w.s, 512, 0, 0, &w.err);
  ck_assert (alloc_fault_stop ());
  ck_assert_int_eq (r, -1);
  ck_assert_int_eq (w.err, ENOMEM);
  ck_assert_uint_eq (trace_len (w.t), 0);
  unwatch (&w);
}
END_TEST

/* What a store leaves out. */
START_TEST (nothing_there)
{
  struct store_mem_options o = { .size = SIZE };
  struct extent_list l;
  struct watched w;

  watch (&w, &o);
  ck_assert_int_eq (store_trim (w.s, SIZE, 0, STORE_FUA, &w.err), 0);
  ck_assert_int_eq (store_cache (w.s, SIZE, 0, &w.err), 0);
  ck_assert_uint_eq (trace_len (w.t), 0);
  ck_assert_int_eq (store_resize (w.s, 2 * SIZE, &w.err), -1);
  ck_assert_int_eq (w.err, EOPNOTSUPP);
  extent_list_init (&l, 100, 200, false);
  ck_assert_int_eq (store_extents (w.s, 100, 100, 0, &l, &w.err), 0);
  ck_assert_uint_eq (l.len, 1);
  ck_assert_uint_eq (l.v[0].count, 100);
  ck_assert_uint_eq (l.v[0].type, 0);
  extent_list_fini (&l);
  unwatch (&w);
}
END_TEST

/* Nothing that is out of range, unaligned or empty reaches the store. */
START_TEST (nothing_passes)
{
  struct store_mem_options o = store_mem_defaults (SIZE);
  char buf[4096];
  const struct iovec iov = { buf, 512 };
  struct extent_list l;
  struct watched w;

  o.info.align = 4096;
  watch (&w, &o);
  ck_assert_int_eq (store_read (w.s, buf, 512, 0, &w.err), -1);
  ck_assert_int_eq (w.err, EINVAL);
  ck_assert_int_eq (store_read (w.s, buf, 4096, 512, &w.err), -1);
  ck_assert_int_eq (w.err, EINVAL);
  ck_assert_int_eq (store_write (w.s, buf, 512, 0, 0, &w.err), -1);
  ck_assert_int_eq (w.err, EINVAL);
  ck_assert_int_eq (store_readv (w.s, &iov, 1, 0, &w.err), -1);
  ck_assert_int_eq (w.err, EINVAL);
  ck_assert_int_eq (store_writev (w.s, &iov, 1, 0, 0, &w.err), -1);
  ck_assert_int_eq (w.err, EINVAL);
  ck_assert_int_eq (store_trim (w.s, 512, 0, 0, &w.err), -1);
  ck_assert_int_eq (w.err, EINVAL);
  ck_assert_int_eq (store_zero (w.s, 512, 0, 0, &w.err), -1);
  ck_assert_int_eq (w.err, EINVAL);
  ck_assert_int_eq (store_cache (w.s, 512, 0, &w.err), -1);
  ck_assert_int_eq (w.err, EINVAL);
  extent_list_init (&l, 512, SIZE, false);
  ck_assert_int_eq (store_extents (w.s, 4096, 512, 0, &l, &w.err), -1);
  ck_assert_int_eq (w.err, EINVAL);
  ck_assert_int_eq (store_read (w.s, buf, 0, 4096, &w.err), 0);
  ck_assert_int_eq (store_write (w.s, buf, 0, 4096, STORE_FUA, &w.err), 0);
  ck_assert_int_eq (store_writev (w.s, &iov, 0, 4096, STORE_FUA, &w.err), 0);
  ck_assert_uint_eq (trace_len (w.t), 0);
  unwatch (&w);
}
END_TEST

/* The end of the disk counts as aligned. */
START_TEST (odd_end)
{
  struct store_mem_options o = store_mem_defaults (10000);
  char buf[8192];
  struct watched w;

  o.info.align = 4096;
  watch (&w, &o);
  ck_assert_int_eq (store_read (w.s, buf, 10000 - 8192, 8192, &w.err), 0);
  ck_assert_int_eq (store_write (w.s, buf, 10000 - 4096, 4096, 0, &w.err), 0);
  ck_assert_int_eq (store_read (w.s, buf, 10000 - 8193, 8192, &w.err), -1);
  ck_assert_int_eq (w.err, EINVAL);
  unwatch (&w);
}
END_TEST

/* Any range, by one aligned read around it; what is outside is refused. */
START_TEST (read_any)
{
  struct store_mem_options o = store_mem_defaults (10000);
  char all[10000], buf[10000];
  struct watched w;

  for (size_t i = 0; i < sizeof all; i++)
    all[i] = (char) (i * 7 % 251);
  o.info.align = 4096;
  watch (&w, &o);
  mem_image_write (store_mem_image (w.mem), all, sizeof all, 0);
  ck_assert_int_eq (store_read_any (w.s, buf, 4096, 4096, &w.err), 0);
  ck_assert_mem_eq (buf, all + 4096, 4096);
  expect_op (&w, 0, STORE_OP_READ, 4096, 4096, 0);
  ck_assert_int_eq (store_read_any (w.s, buf, 3, 4095, &w.err), 0);
  ck_assert_mem_eq (buf, all + 4095, 3);
  expect_op (&w, 1, STORE_OP_READ, 0, 8192, 0);
  ck_assert_int_eq (store_read_any (w.s, buf, 100, 9900, &w.err), 0);
  ck_assert_mem_eq (buf, all + 9900, 100);
  expect_op (&w, 2, STORE_OP_READ, 8192, 10000 - 8192, 0);
  ck_assert_int_eq (store_read_any (w.s, buf, 2, 9999, &w.err), -1);
  ck_assert_int_eq (w.err, EINVAL);
  ck_assert_int_eq (store_read_any (w.s, buf, 1, UINT64_MAX, &w.err), -1);
  ck_assert_int_eq (w.err, EINVAL);
  store_fault_nth (w.faulty, STORE_OP_BIT (STORE_OP_READ), 1);
  ck_assert_int_eq (store_read_any (w.s, buf, 3, 1, &w.err), -1);
  ck_assert_int_eq (w.err, EIO);
  alloc_fault_nth (1);
  ck_assert_int_eq (store_read_any (w.s, buf, 3, 1, &w.err), -1);
  ck_assert (alloc_fault_stop ());
  ck_assert_int_eq (w.err, ENOMEM);
  unwatch (&w);
}
END_TEST

START_TEST (read_only)
{
  struct store_mem_options o = store_mem_defaults (SIZE);
  char buf[512] = { 0 };
  struct watched w;

  o.info.read_only = true;
  watch (&w, &o);
  /* EPERM comes before anything that is wrong with the range. */
  ck_assert_int_eq (store_write (w.s, buf, 512, UINT64_MAX, 0, &w.err), -1);
  ck_assert_int_eq (w.err, EPERM);
  ck_assert_int_eq (store_flush (w.s, &w.err), 0);
  ck_assert_uint_eq (trace_len (w.t), 0);
  unwatch (&w);
}
END_TEST

START_TEST (resize)
{
  struct store_mem_options o = store_mem_defaults (SIZE);
  struct watched w;

  watch (&w, &o);
  ck_assert_int_eq (store_resize (w.s, (uint64_t) INT64_MAX + 1, &w.err), -1);
  ck_assert_int_eq (w.err, EINVAL);
  ck_assert_int_eq (store_resize (w.s, UINT64_MAX, &w.err), -1);
  ck_assert_int_eq (w.err, EINVAL);
  ck_assert_uint_eq (trace_len (w.t), 0);
  ck_assert_int_eq (store_resize (w.s, INT64_MAX, &w.err), 0);
  ck_assert_uint_eq (store_size (w.s), INT64_MAX);
  store_fault_all (w.faulty, STORE_OPS_ALL, ENOSPC);
  ck_assert_int_eq (store_resize (w.s, 100, &w.err), -1);
  ck_assert_int_eq (w.err, ENOSPC);
  ck_assert_uint_eq (store_size (w.s), INT64_MAX);
  unwatch (&w);
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("store");
  TCase *c = test_case (suite, "store");

  tcase_add_test (c, defaults_of_info);
  tcase_add_test (c, description);
  tcase_add_test (c, fua_native);
  tcase_add_test (c, fua_split);
  tcase_add_test (c, vectors);
  tcase_add_test (c, vectors_wrap);
  tcase_add_test (c, vectors_no_memory);
  tcase_add_loop_test (c, zero_by_writing, 0, 2);
  tcase_add_test (c, zero_no_memory);
  tcase_add_test (c, nothing_there);
  tcase_add_test (c, nothing_passes);
  tcase_add_test (c, odd_end);
  tcase_add_test (c, read_any);
  tcase_add_test (c, read_only);
  tcase_add_test (c, resize);
  return test_run (suite);
}
