/* SPDX-License-Identifier: BSD-3-Clause
 *
 * store-vhd1: that requests pass as they are and the footer is out of
 * their reach; faults while a VHD is opened or made.
 */

#include <config.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/align.h"
#include "support/alloc-fault.h"
#include "support/log-memory.h"
#include "support/main.h"
#include "support/nth-fault.h"
#include "support/store-fault.h"
#include "support/store-trace.h"
#include "unit/vhd1-file.h"

static void
request_each_kind (struct store *s)
{
  char a[4096], b[1024];
  const struct iovec iov[] = { { a, sizeof a }, { b, sizeof b } };
  struct extent_list l;
  int err;

  memset (a, 1, sizeof a);
  memset (b, 2, sizeof b);
  ck_assert_int_eq (store_read (s, a, 700, SIZE - 700, &err), 0);
  ck_assert_int_eq (store_write (s, a, 700, SIZE - 700, STORE_FUA, &err), 0);
  ck_assert_int_eq (store_readv (s, iov, 2, 100, &err), 0);
  ck_assert_int_eq (store_writev (s, iov, 2, 100, 0, &err), 0);
  ck_assert_int_eq (store_zero (s, 4096, 8192, STORE_MAY_TRIM, &err), 0);
  ck_assert_int_eq (store_zero (s, 1, 1, STORE_FAST_ZERO, &err), 0);
  ck_assert_int_eq (store_trim (s, SIZE, 0, STORE_FUA, &err), 0);
  extent_list_init (&l, 512, SIZE, true);
  ck_assert_int_eq (store_extents (s, SIZE - 512, 512, STORE_REQ_ONE, &l, &err),
                    0);
  extent_list_fini (&l);
  ck_assert_int_eq (store_cache (s, SIZE, 0, &err), 0);
  ck_assert_int_eq (store_flush (s, &err), 0);
}

/* One request below for each above, the same. */
START_TEST (passed_as_they_are)
{
  static const struct store_op expected[] = {
    { STORE_OP_READ, SIZE - 700, 700, 0, 0 },
    { STORE_OP_WRITE, SIZE - 700, 700, STORE_FUA, 0 },
    { STORE_OP_READ, 100, 5120, 0, 0 },
    { STORE_OP_WRITE, 100, 5120, 0, 0 },
    { STORE_OP_ZERO, 8192, 4096, STORE_MAY_TRIM, 0 },
    { STORE_OP_ZERO, 1, 1, STORE_FAST_ZERO, 0 },
    { STORE_OP_TRIM, 0, SIZE, STORE_FUA, 0 },
    { STORE_OP_EXTENTS, 512, SIZE - 512, STORE_REQ_ONE, 0 },
    { STORE_OP_CACHE, 0, SIZE, 0, 0 },
    { STORE_OP_FLUSH, 0, 0, 0, 0 },
  };
  const struct vhd_footer f = good_footer ();
  struct trace *t;
  struct store *s = open_good (store_trace_create (make_file (&f, 512, 1), &t));

  trace_clear (t);
  request_each_kind (s);
  ck_assert_uint_eq (trace_len (t), ARRAY_SIZE (expected));
  for (size_t i = 0; i < ARRAY_SIZE (expected); i++) {
    const struct store_op op = trace_get (t, i).op;

    ck_assert_int_eq (op.kind, expected[i].kind);
    ck_assert_uint_eq (op.offset, expected[i].offset);
    ck_assert_uint_eq (op.count, expected[i].count);
    ck_assert_uint_eq (op.flags, expected[i].flags);
  }
  store_close (s);
  trace_free (t);
}
END_TEST

/* Anything that reaches into the footer is refused as a whole. */
static void
reach_for_footer (struct store *s, uint64_t offset, uint64_t count)
{
  static char buf[2048];
  struct extent_list l;
  int err = 0;

  ck_assert_int_eq (store_read (s, buf, count, offset, &err), -1);
  ck_assert_int_eq (err, EINVAL);
  ck_assert_int_eq (store_write (s, buf, count, offset, 0, &err), -1);
  ck_assert_int_eq (err, ENOSPC);
  ck_assert_int_eq (store_zero (s, count, offset, 0, &err), -1);
  ck_assert_int_eq (err, ENOSPC);
  ck_assert_int_eq (store_trim (s, count, offset, 0, &err), -1);
  ck_assert_int_eq (err, EINVAL);
  ck_assert_int_eq (store_cache (s, count, offset, &err), -1);
  ck_assert_int_eq (err, EINVAL);
  extent_list_init (&l, offset, offset + count, false);
  ck_assert_int_eq (store_extents (s, count, offset, 0, &l, &err), -1);
  ck_assert_int_eq (err, EINVAL);
  extent_list_fini (&l);
  ck_assert_int_eq (store_resize (s, SIZE + 512, &err), -1);
  ck_assert_int_eq (err, EOPNOTSUPP);
  ck_assert_int_eq (store_resize (s, 0, &err), -1);
  ck_assert_int_eq (err, EOPNOTSUPP);
}

/* Over stores of any alignment, also where the end of the disk and the
 * footer share a unit.
 */
START_TEST (footer_is_out_of_reach)
{
  static const uint32_t aligns[] = { 1, 512, 4096, 65536, 131072 };
  static const unsigned lengths[] = { 511, 512 };
  const uint32_t align = aligns[_i / 2];
  const unsigned length = lengths[_i % 2];
  const struct vhd_footer f = good_footer ();
  struct store *m = make_file (&f, length, align), *s = open_good (m);
  uint8_t before[512], after[512];

  mem_image_read (store_mem_image (m), before, length, SIZE);
  ck_assert_uint_eq (s->info.align, align > SIZE ? 1 : align);
  if (s->info.align == 1)
    request_each_kind (s);
  for (uint64_t offset = SIZE - align; offset <= SIZE && align <= 512;
       offset += align == 1 ? 1 : 512) {
    reach_for_footer (s, offset, align == 1 ? 2 : 1024);
    if (offset == SIZE)
      reach_for_footer (s, offset, 1);
  }
  mem_image_read (store_mem_image (m), after, length, SIZE);
  ck_assert_mem_eq (after, before, length);
  store_close (s);
}
END_TEST

START_TEST (read_only)
{
  const struct vhd_footer f = good_footer ();
  struct store *m = make_file (&f, 512, 1), *s;
  int err;

  m->info.read_only = true;
  s = open_good (m);
  ck_assert (s->info.read_only);
  ck_assert_int_eq (store_write (s, "x", 1, 0, 0, &err), -1);
  ck_assert_int_eq (err, EPERM);
  store_close (s);
}
END_TEST

/* ------------------------------------------------------------------ */
/* Faults */

START_TEST (faults_while_opening)
{
  static const uint32_t aligns[] = { 1, 4096, 131072 };
  const struct vhd_footer f = good_footer ();
  struct nth_fault n = NTH_FAULT_INIT;

  while (nth_fault_next (&n)) {
    struct store *faulty = store_fault_create (make_file (&f, 512, aligns[_i]));
    struct store *s;

    log_memory_clear ();
    store_fault_nth (faulty, STORE_OPS_ALL, n.n);
    s = store_vhd1_create (faulty, &options);
    n.fired = store_fault_fired (faulty);
    if (n.fired) {
      ck_assert_ptr_null (s);
      ck_assert_int_eq (errno, EIO);
      ck_assert (log_memory_contains ("reading the VHD footer"));
    }
    else
      ck_assert_ptr_nonnull (s);
    store_close (s != NULL ? s : faulty);
  }
}
END_TEST

START_TEST (no_memory_while_opening)
{
  static const uint32_t aligns[] = { 1, 4096, 131072 };
  const struct vhd_footer f = good_footer ();
  struct nth_fault n = NTH_FAULT_INIT;

  while (nth_fault_next (&n)) {
    struct store *m = make_file (&f, 512, aligns[_i]), *s;

    errno = 0;
    alloc_fault_nth (n.n);
    s = store_vhd1_create (m, &options);
    n.fired = alloc_fault_stop ();
    if (n.fired) {
      ck_assert_ptr_null (s);
      ck_assert_int_eq (errno, ENOMEM);
    }
    else
      ck_assert_ptr_nonnull (s);
    store_close (s != NULL ? s : m);
  }
}
END_TEST

/* ------------------------------------------------------------------ */
/* Making one */

START_TEST (format)
{
  struct store_mem_options o = store_mem_defaults (SIZE + 512);
  struct store *m = store_mem_create (&o), *s;
  const time_t now = time (NULL);
  uint8_t footer[VHD_FOOTER_SIZE];
  struct vhd_footer f;

  ck_assert_int_eq (store_vhd1_format (m, "x"), 0);
  mem_image_read (store_mem_image (m), footer, 512, SIZE);
  ck_assert_int_eq (vhd_footer_parse (footer, 512, &f), VHD_OK);
  ck_assert_uint_eq (f.current_size, SIZE);
  ck_assert_uint_eq (f.original_size, SIZE);
  ck_assert_int_ge (f.timestamp, now - VHD_EPOCH);
  ck_assert_int_le (f.timestamp, now - VHD_EPOCH + 600);
  ck_assert_uint_eq (f.id.b[6] >> 4, 4);
  s = open_good (m);
  ck_assert_uint_eq (store_size (s), SIZE);
  store_close (s);
}
END_TEST

START_TEST (format_bad_sizes)
{
  static const uint64_t sizes[] = { 0, 511, 513, 1023, VHD_MAX_SIZE + 1024 };

  for (size_t i = 0; i < ARRAY_SIZE (sizes); i++) {
    struct store_mem_options o = store_mem_defaults (sizes[i]);
    struct store *m = store_mem_create (&o);

    log_memory_clear ();
    ck_assert_int_eq (store_vhd1_format (m, "x"), -1);
    ck_assert_int_eq (errno, EINVAL);
    ck_assert (log_memory_contains ("bytes cannot be made a VHD"));
    store_close (m);
  }
}
END_TEST

START_TEST (format_faults)
{
  struct store_mem_options o = store_mem_defaults (SIZE + 512);
  struct nth_fault n = NTH_FAULT_INIT;

  o.info.fua = false; /* so that there is a flush, too */
  while (nth_fault_next (&n)) {
    struct store *faulty = store_fault_create (store_mem_create (&o));
    int r;

    store_fault_nth (faulty, STORE_OPS_ALL, n.n);
    r = store_vhd1_format (faulty, "x");
    n.fired = store_fault_fired (faulty);
    ck_assert_int_eq (r, n.fired ? -1 : 0);
    if (n.fired)
      ck_assert_int_eq (errno, EIO);
    store_close (faulty);
  }
  ck_assert_uint_eq (n.n, 3); /* a write and a flush, and then neither */
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("store-vhd1-requests");
  TCase *c = test_case (suite, "requests");

  tcase_add_test (c, passed_as_they_are);
  tcase_add_loop_test (c, footer_is_out_of_reach, 0, 10);
  tcase_add_test (c, read_only);
  c = test_case (suite, "faults");
  tcase_add_loop_test (c, faults_while_opening, 0, 3);
  tcase_add_loop_test (c, no_memory_while_opening, 0, 3);
  c = test_case (suite, "format");
  tcase_add_test (c, format);
  tcase_add_test (c, format_bad_sizes);
  tcase_add_test (c, format_faults);
  return test_run (suite);
}
