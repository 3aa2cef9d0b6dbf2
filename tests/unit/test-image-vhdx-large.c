/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Disks of 64 TiB, whose table of blocks takes long to read: what is in
 * use is only looked for when something is to be changed.
 */

#include <config.h>

#include <errno.h>

#include "support/alloc-fault.h"
#include "support/main.h"
#include "support/nth-fault.h"
#include "support/store-fault.h"
#include "unit/vhdx-file.h"

#define LARGE (UINT64_C (64) << 40)
#define FAR (LARGE - 7 * MIB)

/* With a block at its start and one far behind. */
static struct store *
make (void)
{
  const struct image_create_options o = vhdx_options (LARGE, MIB, false);
  struct store *s = vhdx_make_file (&o);
  struct image *i = vhdx_must_open (store_fault_borrow (s), false);
  uint8_t buf[4096];
  int err;

  memset (buf, 'a', sizeof buf);
  ck_assert_int_eq (image_write (i, buf, sizeof buf, 0, 0, &err), 0);
  memset (buf, 'b', sizeof buf);
  ck_assert_int_eq (image_write (i, buf, sizeof buf, FAR, 0, &err), 0);
  image_close (i);
  return s;
}

static uint8_t
byte_at (struct image *i, uint64_t offset)
{
  uint8_t buf[512];
  int err;

  ck_assert_int_eq (image_read (i, buf, 512, offset, NULL, NULL, &err), 0);
  return buf[0];
}

static int
write_at (struct image *i, uint64_t offset, int *err)
{
  uint8_t buf[4096];

  memset (buf, 'c', sizeof buf);
  return image_write (i, buf, sizeof buf, offset, 0, err);
}

/* Index in the BAT. */
static uint64_t
index_of (uint64_t offset)
{
  const uint64_t block = offset / MIB;

  return block + block / (VHDX_CHUNK_SECTORS * 512 / MIB);
}

START_TEST (opened_and_closed)
{
  struct store *s = make ();
  struct mem_image *before = mem_image_copy (store_mem_image (s));
  struct store *way = store_fault_borrow (s);
  struct image *i = vhdx_must_open (way, false);
  uint64_t where = 0;
  int err;

  ck_assert_uint_eq (byte_at (i, 0), 'a');
  ck_assert_uint_eq (byte_at (i, FAR), 'b');
  ck_assert_uint_eq (byte_at (i, FAR + MIB), 0);
  ck_assert_uint_eq (image_used (i), 2 * MIB);
  ck_assert_int_eq (image_flush (i, &err), 0);
  image_close (i);
  ck_assert (mem_image_equal (before, store_mem_image (s), &where));
  mem_image_free (before);
  store_close (s);
}
END_TEST

/* New blocks are where nothing is. */
START_TEST (changed)
{
  struct store *s = make ();
  struct image *i = vhdx_must_open (store_fault_borrow (s), false);
  const uint64_t size = store_size (s);
  int err;

  ck_assert_int_eq (write_at (i, 5 * MIB, &err), 0);
  ck_assert_uint_eq (image_used (i), 3 * MIB);
  image_close (i);
  ck_assert_uint_eq (store_size (s), size + MIB);
  i = vhdx_must_open (store_fault_borrow (s), false);
  ck_assert_uint_eq (byte_at (i, 0), 'a');
  ck_assert_uint_eq (byte_at (i, 5 * MIB), 'c');
  ck_assert_uint_eq (byte_at (i, FAR), 'b');
  image_close (i);
  store_close (s);
}
END_TEST

START_TEST (compacted_first)
{
  struct store *s = make ();
  struct image *i = vhdx_must_open (store_fault_borrow (s), false);
  const uint64_t size = store_size (s);
  int err;

  ck_assert_int_eq (image_discard (i, MIB, 0, &err), 0);
  image_close (i);
  i = vhdx_must_open (store_fault_borrow (s), false);
  ck_assert_int_eq (image_compact (i, NULL, NULL, &err), 0);
  image_close (i);
  ck_assert_uint_eq (store_size (s), size - MIB);
  i = vhdx_must_open (store_fault_borrow (s), true);
  ck_assert_uint_eq (byte_at (i, 0), 0);
  ck_assert_uint_eq (byte_at (i, FAR), 'b');
  image_close (i);
  store_close (s);
}
END_TEST

/* What is wrong is found before anything is changed. */
START_TEST (overlap)
{
  struct store *s = make ();
  struct mem_image *before;
  struct image *i;
  uint64_t where = 0;
  int err;

  vhdx_poke_entry (s, 1, vhdx_peek_entry (s, index_of (FAR)));
  before = mem_image_copy (store_mem_image (s));
  i = vhdx_must_open (store_fault_borrow (s), false);
  ck_assert_uint_eq (byte_at (i, 0), 'a');
  for (int k = 0; k < 2; k++) {
    ck_assert_int_eq (write_at (i, k * MIB, &err), -1);
    ck_assert_int_eq (err, EIO);
    ck_assert_int_eq (image_zero (i, MIB, 0, 0, &err), -1);
    ck_assert_int_eq (err, EIO);
  }
  ck_assert_int_eq (image_compact (i, NULL, NULL, &err), -1);
  ck_assert_int_eq (err, EIO);
  ck_assert (log_memory_contains ("blocks 1 and 67108857 overlap"));
  ck_assert_uint_eq (byte_at (i, 0), 'a');
  image_close (i);
  ck_assert (mem_image_equal (before, store_mem_image (s), &where));
  mem_image_free (before);
  store_close (s);
}
END_TEST

/* A failure while it is looked for ends all changes, and harms nothing. */
static void
fail_all (bool allocations)
{
  struct store *s = make ();
  struct nth_fault f = NTH_FAULT_INIT;

  while (nth_fault_next (&f)) {
    struct store *way = store_fault_borrow (s);
    struct image *i = vhdx_must_open (way, false);
    int err, r;

    if (allocations)
      alloc_fault_nth (f.n);
    else
      store_fault_nth (way, STORE_OPS_ALL, f.n);
    r = write_at (i, 0, &err);
    f.fired = allocations ? alloc_fault_stop () : store_fault_fired (way);
    store_fault_reset (way);
    if (r == -1)
      ck_assert (err == EIO || (allocations && err == ENOMEM));
    ck_assert (byte_at (i, FAR) == 'b');
    image_close (i);
    i = vhdx_must_open (store_fault_borrow (s), true);
    ck_assert (byte_at (i, 0) == 'a' || byte_at (i, 0) == 'c');
    image_close (i);
  }
  store_close (s);
}

START_TEST (operations_fail)
{
  fail_all (false);
}
END_TEST

START_TEST (allocations_fail)
{
  fail_all (true);
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("image-vhdx-large");
  TCase *c = test_case (suite, "large");

  tcase_add_test (c, opened_and_closed);
  tcase_add_test (c, changed);
  tcase_add_test (c, compacted_first);
  tcase_add_test (c, overlap);
  tcase_add_test (c, operations_fail);
  tcase_add_test (c, allocations_fail);
  return test_run (suite);
}
