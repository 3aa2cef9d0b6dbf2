/* SPDX-License-Identifier: BSD-3-Clause
 *
 * store-image over an image in memory: what comes from the image, what
 * from the parent, and what is said of both.
 */

#include <config.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/align.h"
#include "image/store-image.h"
#include "support/alloc-fault.h"
#include "support/image-fake.h"
#include "support/main.h"
#include "support/rng.h"
#include "support/store-fault.h"
#include "support/store-mem.h"
#include "support/store-trace.h"

#define SECTOR 512u
#define BLOCK 4096u
#define SIZE 65536u

#define DATA 0u
#define HOLE (EXTENT_HOLE | EXTENT_ZERO)

static struct store *s, *inner, *parent;
static struct image *image;
static uint8_t disk[IMAGE_FAKE_MAX]; /* what it should show */
static struct rng rng;
static int err;

static struct image_info
a_child (void)
{
  return (struct image_info){
    .format = "vhdx",
    .size = SIZE,
    .sector_size = SECTOR,
    .physical_sector_size = 4096,
    .block_size = BLOCK,
    .parent = { .exists = true },
  };
}

/* Over a parent of PARENT_SIZE bytes, of which all is a hole that reads
 * as zeroes; 0: none.
 */
static void
open_store (struct image_info info, uint64_t parent_size, bool no_zero)
{
  struct store_mem_options o = store_mem_defaults (IMAGE_FAKE_MAX);

  rng_init (&rng, 7);
  memset (disk, 0, sizeof disk);
  inner = store_fault_create (store_mem_create (&o));
  image = image_fake_create ("folder/disk.vhdx", &info, inner, no_zero);
  o = store_mem_defaults (parent_size);
  parent = parent_size > 0 ? store_fault_create (store_mem_create (&o)) : NULL;
  s = store_image_create (image, parent);
  ck_assert_ptr_nonnull (s);
}

static void
close_store (void)
{
  ck_assert_uint_eq (image_fake_visitors (image), 0);
  store_close (s);
}

static void
write_child (uint64_t offset, uint64_t count)
{
  rng_fill (&rng, disk + offset, count);
  ck_assert_int_eq (store_write (s, disk + offset, count, offset, 0, &err), 0);
}

/* Of what the child has it shows nothing. */
static void
write_parent (uint64_t offset, uint64_t count)
{
  rng_fill (&rng, disk + offset, count);
  ck_assert_int_eq (store_write (parent, disk + offset, count, offset, 0, &err),
                    0);
}

static void
check_disk (void)
{
  static uint8_t back[IMAGE_FAKE_MAX];
  const uint64_t size = store_size (s);

  memset (back, 0x5a, size);
  ck_assert_int_eq (store_read (s, back, size, 0, &err), 0);
  ck_assert (memcmp (back, disk, size) == 0);
}

struct piece {
  uint64_t end;
  uint32_t type;
};

static void
check_extents (const struct piece *p, size_t n, unsigned flags)
{
  struct extent_list l;

  extent_list_init (&l, 0, p[n - 1].end, flags & STORE_REQ_ONE);
  ck_assert_int_eq (store_extents (s, p[n - 1].end, 0, flags, &l, &err), 0);
  ck_assert_uint_eq (l.len, flags & STORE_REQ_ONE ? 1 : n);
  for (size_t i = 0; i < l.len; i++) {
    ck_assert_uint_eq (l.v[i].offset + l.v[i].count, p[i].end);
    ck_assert_uint_eq (l.v[i].type, p[i].type);
  }
  extent_list_fini (&l);
}

START_TEST (what_it_is)
{
  struct image_info info = a_child ();

  info.has_id = true;
  memset (&info.id, 0xab, sizeof info.id);
  open_store (info, SIZE, false);
  ck_assert_str_eq (s->description,
                    "disk.vhdx: differencing VHDX, "
                    "disk-id=abababab-abab-abab-abab-abababababab");
  ck_assert_uint_eq (store_size (s), SIZE);
  ck_assert_uint_eq (s->info.sector_size, SECTOR);
  ck_assert_uint_eq (s->info.align, SECTOR);
  ck_assert_uint_eq (s->info.physical_sector_size, 4096);
  ck_assert_uint_eq (s->info.preferred, BLOCK);
  ck_assert (s->info.trim && s->info.zero && s->info.fast_zero);
  ck_assert (s->info.extents && s->info.cache && s->info.fua);
  ck_assert (!s->info.read_only && s->info.has_id);
  ck_assert_ptr_eq (store_image_get (s), image);
  ck_assert_ptr_null (store_image_get (parent));
  close_store ();

  info.parent.exists = info.has_id = false;
  info.keeps_blocks = info.read_only = true;
  info.format = "vhd1";
  info.block_size = 2 << 20;
  open_store (info, 0, false);
  ck_assert_str_eq (s->description, "disk.vhdx: fixed VHD");
  ck_assert_uint_eq (s->info.preferred, 65536);
  ck_assert (s->info.read_only && !s->info.trim && !s->info.zero);
  close_store ();

  info.keeps_blocks = false;
  open_store (info, 0, false);
  ck_assert_str_eq (s->description, "disk.vhdx: dynamic VHD");
  close_store ();
}
END_TEST

START_TEST (falls_through)
{
  /* A parent that ends before the child, inside a block. */
  open_store (a_child (), SIZE - BLOCK - SECTOR, false);
  check_disk ();
  write_parent (0, SIZE - BLOCK - SECTOR);
  check_disk ();
  write_child (SECTOR, 3 * SECTOR);
  write_child (2 * BLOCK - SECTOR, BLOCK);
  write_child (SIZE - 3 * SECTOR, SECTOR);
  check_disk ();
  ck_assert_int_eq (store_zero (s, BLOCK, 8 * BLOCK, 0, &err), 0);
  memset (disk + 8 * BLOCK, 0, BLOCK);
  ck_assert_int_eq (store_trim (s, BLOCK, 9 * BLOCK, 0, &err), 0);
  memset (disk + 9 * BLOCK, 0, BLOCK);
  check_disk ();
  close_store ();

  /* None, and one that is longer. */
  open_store (a_child (), 0, false);
  write_child (BLOCK, BLOCK);
  check_disk ();
  close_store ();
  open_store (a_child (), 2 * SIZE, false);
  write_parent (0, 2 * SIZE);
  write_child (BLOCK, BLOCK);
  check_disk ();
  close_store ();
}
END_TEST

START_TEST (extents_of_both)
{
  const struct piece all[] = {
    { SECTOR, HOLE },           /* of the parent */
    { 2 * SECTOR, DATA },       /* of the child */
    { 2 * BLOCK, HOLE },        /* parent */
    { 3 * BLOCK + 512, DATA },  /* parent, then child */
    { 3 * BLOCK + 1024, HOLE }, /* zero in the child */
    { 5 * BLOCK, DATA },        /* parent */
    { SIZE, HOLE },             /* zero over data, and behind the parent */
  };

  open_store (a_child (), 6 * BLOCK, false);
  write_parent (2 * BLOCK, 4 * BLOCK);
  write_child (SECTOR, SECTOR);
  write_child (3 * BLOCK, 512);
  ck_assert_int_eq (store_zero (s, 512, 3 * BLOCK + 512, 0, &err), 0);
  ck_assert_int_eq (store_zero (s, BLOCK, 5 * BLOCK, 0, &err), 0);
  check_extents (all, ARRAY_SIZE (all), 0);
  check_extents (all, 1, STORE_REQ_ONE);
  check_extents (all, 3, 0);
  close_store ();
}
END_TEST

/* What the file has as a hole that is zero, in the middle of data. */
START_TEST (extents_of_the_file)
{
  const struct piece all[] = {
    { BLOCK, DATA },
    { 2 * BLOCK, HOLE },
    { 3 * BLOCK + SECTOR, DATA },
    { SIZE, HOLE },
  };
  const struct piece no_holes[] = { { 3 * BLOCK + SECTOR, DATA },
                                    { SIZE, HOLE } };
  const uint64_t place = IMAGE_FAKE_MAX - 2 * BLOCK;

  open_store (a_child (), 0, false);
  write_child (0, 3 * BLOCK + SECTOR);
  ck_assert_int_eq (store_zero (inner, BLOCK, place, STORE_MAY_TRIM, &err), 0);
  check_extents (all, ARRAY_SIZE (all), 0);
  inner->info.extents = false;
  check_extents (no_holes, ARRAY_SIZE (no_holes), 0);
  inner->info.extents = true;
  /* Unknown content is data. */
  ck_assert_int_eq (store_trim (inner, BLOCK, place, 0, &err), 0);
  check_extents (no_holes, ARRAY_SIZE (no_holes), 0);
  close_store ();
}
END_TEST

/* Nothing is stored for zeroes where there are none but zeroes. */
START_TEST (zero_over_zero)
{
  open_store (a_child (), SIZE, true);
  write_parent (4 * BLOCK, BLOCK);
  ck_assert_int_eq (store_zero (s, 4 * BLOCK, 0, STORE_FAST_ZERO, &err), 0);
  ck_assert_uint_eq (image_used (image), 0);
  ck_assert_uint_eq (image_fake_flushes (image), 0);
  ck_assert_int_eq (store_zero (s, BLOCK, 0, STORE_FUA, &err), 0);
  ck_assert_uint_eq (image_fake_flushes (image), 1);
  ck_assert_uint_eq (image_used (image), 0);

  /* Something to hide in the parent, something to replace in the child. */
  ck_assert_int_eq (store_zero (s, 2 * BLOCK, 4 * BLOCK, STORE_FAST_ZERO, &err),
                    -1);
  ck_assert_int_eq (err, EOPNOTSUPP);
  ck_assert_int_eq (store_zero (s, 2 * BLOCK, 4 * BLOCK, 0, &err), 0);
  memset (disk + 4 * BLOCK, 0, BLOCK);
  check_disk ();
  write_child (BLOCK, SECTOR);
  ck_assert_int_eq (store_zero (s, BLOCK, BLOCK, 0, &err), 0);
  memset (disk + BLOCK, 0, SECTOR);
  check_disk ();

  /* What cannot be told is not taken for zero. */
  store_fault_all (parent, STORE_OP_BIT (STORE_OP_EXTENTS), EIO);
  ck_assert_int_eq (store_zero (s, BLOCK, 8 * BLOCK, 0, &err), 0);
  ck_assert_uint_eq (image_used (image), 4 * BLOCK);
  close_store ();
}
END_TEST

START_TEST (grows_over_a_longer_parent)
{
  open_store (a_child (), 2 * SIZE, false);
  write_parent (0, 2 * SIZE);
  ck_assert_int_eq (store_resize (s, 3 * SIZE, &err), 0);
  memset (disk + SIZE, 0, SIZE);
  ck_assert_uint_eq (store_size (s), 3 * SIZE);
  check_disk ();
  ck_assert_int_eq (store_resize (s, SIZE / 2, &err), 0);
  ck_assert_uint_eq (store_size (s), SIZE / 2);
  check_disk ();
  ck_assert_int_eq (store_resize (s, 2 * IMAGE_FAKE_MAX, &err), -1);
  ck_assert_int_eq (err, EOPNOTSUPP);
  close_store ();

  /* What would show cannot be hidden. */
  open_store (a_child (), 2 * SIZE, true);
  write_parent (0, 2 * SIZE);
  store_fault_all (inner, STORE_OP_BIT (STORE_OP_WRITE), ENOSPC);
  ck_assert_int_eq (store_resize (s, 2 * SIZE, &err), -1);
  ck_assert_int_eq (err, ENOSPC);
  ck_assert_uint_eq (store_size (s), SIZE);
  ck_assert_uint_eq (image_size (image), SIZE);
  check_disk ();
  close_store ();
}
END_TEST

START_TEST (failures)
{
  uint8_t buf[2 * BLOCK];
  struct extent_list l;

  open_store (a_child (), SIZE, false);
  write_child (BLOCK, BLOCK);
  store_fault_all (inner, STORE_OP_BIT (STORE_OP_READ), ESHUTDOWN);
  ck_assert_int_eq (store_read (s, buf, sizeof buf, 0, &err), -1);
  ck_assert_int_eq (err, ESHUTDOWN);
  store_fault_reset (inner);
  store_fault_all (parent, STORE_OPS_ALL, EIO);
  ck_assert_int_eq (store_read (s, buf, sizeof buf, 0, &err), -1);
  ck_assert_int_eq (err, EIO);
  ck_assert_int_eq (store_read (s, buf, BLOCK, BLOCK, &err), 0);
  ck_assert_int_eq (store_cache (s, sizeof buf, 0, &err), -1);
  extent_list_init (&l, 0, SIZE, false);
  ck_assert_int_eq (store_extents (s, SIZE, 0, 0, &l, &err), -1);
  extent_list_fini (&l);
  store_fault_reset (parent);

  image_fake_break (image, 0);
  ck_assert_int_eq (store_read (s, buf, sizeof buf, 0, &err), -1);
  ck_assert_int_eq (store_cache (s, sizeof buf, 0, &err), -1);
  store_uncache (s, sizeof buf, 0);
  extent_list_init (&l, 0, SIZE, false);
  ck_assert_int_eq (store_extents (s, SIZE, 0, 0, &l, &err), -1);
  extent_list_fini (&l);
  ck_assert_int_eq (store_zero (s, BLOCK, 0, 0, &err), 0);
  close_store ();
}
END_TEST

START_TEST (cache_goes_where_the_data_is)
{
  open_store (a_child (), SIZE - BLOCK, false);
  write_child (0, SECTOR);
  ck_assert_int_eq (store_zero (s, SECTOR, SECTOR, 0, &err), 0);
  store_fault_reset (inner);
  store_fault_reset (parent);
  ck_assert_int_eq (store_cache (s, SIZE, 0, &err), 0);
  ck_assert_uint_eq (store_fault_count (inner, STORE_OP_BIT (STORE_OP_CACHE)),
                     1);
  ck_assert_uint_eq (store_fault_count (parent, STORE_OP_BIT (STORE_OP_CACHE)),
                     1);
  close_store ();
}
END_TEST

START_TEST (no_memory)
{
  struct store_mem_options o = store_mem_defaults (IMAGE_FAKE_MAX);
  const struct image_info info = a_child ();

  inner = store_mem_create (&o);
  image = image_fake_create ("disk.vhdx", &info, inner, false);
  for (unsigned n = 1; n <= 2; n++) {
    alloc_fault_nth (n);
    s = store_image_create (image, NULL);
    ck_assert (alloc_fault_stop ());
    ck_assert_ptr_null (s);
    ck_assert_int_eq (errno, ENOMEM);
  }
  image_close (image);
}
END_TEST

int
main (void)
{
  const TTest *const tests[] = {
    what_it_is,      falls_through,
    extents_of_both, extents_of_the_file,
    zero_over_zero,  grows_over_a_longer_parent,
    failures,        cache_goes_where_the_data_is,
    no_memory,
  };

  return test_main ("store-image", tests, ARRAY_SIZE (tests));
}
