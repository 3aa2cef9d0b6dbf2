/* SPDX-License-Identifier: BSD-3-Clause
 *
 * image-vhd1: which damage is mended, for reading and for writing; what
 * is kept right for Xen; where blocks and the end of the file go
 */

#include <config.h>

#include <errno.h>

#include "base/align.h"
#include "support/alloc-fault.h"
#include "support/main.h"
#include "support/nth-fault.h"
#include "support/store-trace.h"
#include "unit/image-vhd1-file.h"

/* ------------------------------------------------------------------ */
/* Mending */

static void
end_damaged (struct store *file)
{
  file_write (file, "x", 1, store_size (file) - 100);
}

static void
end_gone (struct store *file)
{
  file_resize (file, store_size (file) - 4096);
}

/* As after a crash while it was extended. */
static void
end_longer (struct store *file)
{
  file_resize (file, store_size (file) + 100000);
}

static void
end_shorter (struct store *file)
{
  file_resize (file, store_size (file) - 100);
}

static void
head_damaged (struct store *file)
{
  file_write (file, "x", 1, 100);
}

static void
head_zero (struct store *file)
{
  static const uint8_t zeroes[512];

  file_write (file, zeroes, sizeof zeroes, 0);
}

static void
head_other (struct store *file)
{
  struct vhd_footer f = file_footer (file, true);

  f.current_size -= 512;
  file_set_footer (file, &f, true);
}

static void
space_behind (struct store *file)
{
  struct vhd_footer f = file_footer (file, false);

  file_resize (file, store_size (file) + 3 * MIB);
  file_set_footer (file, &f, false);
}

START_TEST (mended)
{
  static const struct {
    void (*spoil) (struct store *file);
    const char *message;
  } cases[] = {
    { end_damaged, "the footer is damaged or missing" },
    { end_gone, "the footer is damaged or missing" },
    { end_longer, "the footer is damaged or missing" },
    { end_shorter, "the footer is damaged or missing" },
    { head_damaged, "the copy of the footer at the start of the file is "
                    "damaged" },
    { head_zero, "the copy of the footer at the start" },
    { head_other, "the footer and its copy at the start of the file differ" },
    { space_behind, "" },
  };

  for (size_t k = 0; k < ARRAY_SIZE (cases); k++) {
    struct store *file = filled (false), *sound = filled (false);
    const uint64_t size = store_size (file);
    struct vhd_footer head, end;
    struct mem_image *before;
    struct image *i;
    uint64_t where;

    cases[k].spoil (file);
    before = mem_image_copy (store_mem_image (file));
    i = must_open (file, true);
    ck_assert (log_memory_contains (cases[k].message));
    ck_assert_uint_eq (image_size (i), DISK);
    ck_assert (is_filled (i));
    image_close (i);
    ck_assert (mem_image_equal (before, store_mem_image (file), &where));

    i = must_open (file, false);
    ck_assert (is_filled (i));
    ck_assert_uint_eq (store_size (file), size);
    head = file_footer (file, true);
    end = file_footer (file, false);
    ck_assert (vhd_footer_equal (&head, &end));
    ck_assert_uint_eq (end.current_size, DISK);
    image_close (i);
    check_filled (file);
    mem_image_free (before);
    store_close (file);
    store_close (sound);
  }
}
END_TEST

/* Made shorter by a byte, as they were long ago. */
static void
make_old (struct store *file)
{
  ck_assert_uint_eq (file_footer (file, false).reserved[426], 0);
  file_resize (file, store_size (file) - 1);
}

START_TEST (old_footer)
{
  struct store *file = filled (false);
  const uint64_t size = store_size (file);
  struct image *i;

  make_old (file);
  check_filled (file);
  ck_assert (log_memory_contains ("has an old footer of 511 bytes"));
  ck_assert_uint_eq (store_size (file), size - 1);
  i = must_open (file, false);
  must_write (i, 7 * BLOCK, BLOCK, 4);
  image_close (i);
  ck_assert_uint_eq (store_size (file) % 512, 0);
  ck_assert_uint_eq (file_footer (file, false).current_size, DISK);
  i = must_open (file, true);
  ck_assert (!log_memory_contains ("old footer"));
  ck_assert (reads_as (i, 7 * BLOCK, BLOCK, 4));
  image_close (i);
  store_close (file);
}
END_TEST

/* What is missing behind the end of the disk is nobody's; it is made up
 * when the file is written to.
 */
START_TEST (short_last_block)
{
  struct store *file = filled (false);
  const struct vhd_footer f = file_footer (file, false);
  const uint64_t data = (uint64_t) file_entry (file, 64) * 512 + 512;
  struct image *i;

  file_resize (file, data + 1024);
  file_set_footer (file, &f, false);
  i = must_open (file, true);
  ck_assert (is_filled (i));
  image_close (i);
  i = must_open (file, false);
  ck_assert (is_filled (i));
  must_write (i, 7 * BLOCK, BLOCK, 4);
  image_close (i);
  ck_assert_uint_ge (store_size (file), data + BLOCK + BLOCK);
  i = must_open (file, true);
  ck_assert (reads_as (i, 7 * BLOCK, BLOCK, 4));
  ck_assert (reads_as (i, DISK - 512, 512, 3));
  image_close (i);
  store_close (file);
}
END_TEST

/* A file that was cut off reads as zeroes there, and is not written to. */
START_TEST (cut_off)
{
  struct store *file = filled (false);
  const uint64_t data = (uint64_t) file_entry (file, 3) * 512 + 512;
  struct image *i;

  file_set_entry (file, 64, VHD_BAT_UNUSED);
  file_resize (file, data + 4096 + 100);
  i = must_open (file, true);
  ck_assert (reads_as (i, 0, 512, 1));
  ck_assert (reads_as (i, 3 * BLOCK + 512, 4096 - 512, 2));
  ck_assert (reads_as (i, 3 * BLOCK + 4096, BLOCK - 4096, 0));
  image_close (i);
  ck_assert_ptr_null (try_open (file, false));
  ck_assert (log_memory_contains ("is beyond the end of the file"));
  store_close (file);
}
END_TEST

/* ------------------------------------------------------------------ */
/* Xen */

static void
make_xen (struct store *file, uint32_t version, uint32_t checksum)
{
  struct vhd_footer f = file_footer (file, false);
  struct vhd_batmap b = {
    .offset = 2560, .count = 512, .version = 0x00010002, .checksum = checksum
  };
  uint8_t map[512] = { 0x90, [511] = 7 }, bytes[VHD_BATMAP_SIZE];

  memcpy (f.creator, "tap", 4);
  f.creator_version = version;
  file_set_footer (file, &f, true);
  file_set_footer (file, &f, false);
  vhd_batmap_serialise (&b, bytes);
  file_write (file, bytes, sizeof bytes, 2048);
  file_write (file, map, sizeof map, 2560);
}

/* The batmap is left alone until something changes, and says nothing
 * from then on.
 */
START_TEST (batmap)
{
  static const uint8_t zeroes[512];
  struct store *file = filled (false);
  uint8_t bytes[512], map[512];
  struct vhd_header h;
  struct vhd_batmap b;
  struct image *i;

  make_xen (file, 0x00010003, ~UINT32_C (0x97));
  check_filled (file);
  file_read (file, map, sizeof map, 2560);
  ck_assert_uint_eq (map[0], 0x90);

  i = must_open (file, false);
  must_write (i, 512, 512, 9);
  image_close (i);
  h = file_header (file);
  file_read (file, bytes, sizeof bytes, 2048);
  ck_assert_int_eq (vhd_batmap_parse (bytes, &h, store_size (file), &b),
                    VHD_OK);
  ck_assert_uint_eq (b.checksum, 0xffffffff);
  ck_assert_uint_eq (b.version, 0x00010002);
  file_read (file, map, sizeof map, 2560);
  ck_assert_mem_eq (map, zeroes, sizeof map);
  ck_assert_mem_eq (file_footer (file, false).creator, "tap", 4);
  store_close (file);
}
END_TEST

/* Its place is not taken by blocks, either. */
START_TEST (batmap_in_the_way)
{
  struct store *file = vhd1_file (DISK, BLOCK, false);
  struct vhd_footer f = file_footer (file, true);
  struct vhd_header h;
  struct image *i;

  file_resize (file, 4096);
  file_set_footer (file, &f, false);
  make_xen (file, 0x00010003, 0);
  h = file_header (file);
  i = must_open (file, false);
  for (uint64_t k = 0; k < NBLOCKS; k++)
    must_write (i, k * BLOCK, 512, 1);
  image_close (i);
  for (uint64_t k = 0; k < NBLOCKS; k++)
    ck_assert_uint_ge (file_entry (file, k), 3072 / 512);
  ck_assert_uint_eq (h.nentries, NBLOCKS);
  store_close (file);
}
END_TEST

/* The first tools of all count bits from the other end. */
START_TEST (bits_from_the_low_end)
{
  struct store *file = filled (true);
  uint8_t bits[512];
  struct image *i;

  make_xen (file, 0x00000001, 0);
  i = must_open (file, false);
  ck_assert (is_state (i, 7 * 512, 512, IMAGE_DATA));
  ck_assert (is_state (i, 0, 7 * 512, IMAGE_ABSENT));
  must_write (i, 9 * BLOCK + 3 * 512, 512, 5);
  image_close (i);
  file_read (file, bits, sizeof bits, (uint64_t) file_entry (file, 9) * 512);
  ck_assert_uint_eq (bits[0], 1 << 3);
  store_close (file);
}
END_TEST

/* ------------------------------------------------------------------ */

/* Blocks go where Windows would put them if the first is aligned, as ours
 * is; behind those of others that are not, none is.
 */
START_TEST (alignment)
{
  struct store *file = vhd1_file (DISK, BLOCK, false);
  struct vhd_footer f = file_footer (file, false);
  struct image *i = must_open (file, false);

  must_write (i, 0, 512, 1);
  must_write (i, BLOCK, 512, 1);
  image_close (i);
  ck_assert_uint_eq (file_entry (file, 0), 7);
  ck_assert_uint_eq (file_entry (file, 1), 7 + (BLOCK + 4096) / 512);
  ck_assert_uint_eq (store_size (file), 4096 + BLOCK + 4096 + BLOCK + 512);

  /* As QEMU makes it. */
  file_set_entry (file, 0, 4);
  file_set_entry (file, 1, VHD_BAT_UNUSED);
  file_resize (file, 2048 + BLOCK + 512 + 512);
  file_set_footer (file, &f, false);
  i = must_open (file, false);
  must_write (i, BLOCK, 512, 1);
  image_close (i);
  ck_assert_uint_eq (file_entry (file, 0), 4);
  ck_assert_uint_eq (file_entry (file, 1), 4 + (BLOCK + 512) / 512);
  ck_assert_uint_eq (store_size (file), 2048 + 2 * (BLOCK + 512) + 512);
  store_close (file);
}
END_TEST

/* A footer is durable before the one that it stands for goes. */
START_TEST (end_moves_in_order)
{
  const unsigned writes = STORE_OP_BIT (STORE_OP_WRITE);
  const unsigned changes = STORE_OPS_CHANGE & ~STORE_OP_BIT (STORE_OP_RESIZE);
  const struct image_open_options o = { .name = NAME };
  struct store *file = vhd1_file (DISK, BLOCK, false);
  struct trace *t;
  struct store *s = store_trace_create (store_fault_borrow (file), &t);
  struct image *i = image_vhd1_open (s, &o);
  uint64_t at;
  long k;

  ck_assert_ptr_nonnull (i);
  must_write (i, 0, 512, 1);
  at = store_size (file) - 512; /* there is more room than needed */
  ck_assert_uint_gt (at, 4096 + BLOCK + 4096);
  k = trace_find (t, 0, changes, 2560 - 512, 512);
  ck_assert_int_ge (k, 0);
  ck_assert_int_ge (trace_find (t, 0, writes, at, 512), 0);
  ck_assert_int_lt (trace_find (t, 0, writes, at, 512), k);
  ck_assert (trace_durable_before (t, (size_t) k, at, 512));

  trace_clear (t);
  image_close (i);
  ck_assert_uint_eq (store_size (file), 4096 + BLOCK + 512);
  at = store_size (file) - 512;
  for (k = 0; trace_get (t, (size_t) k).op.kind != STORE_OP_RESIZE;)
    k++;
  ck_assert_int_ge (trace_find (t, 0, writes, at, 512), 0);
  ck_assert_int_lt (trace_find (t, 0, writes, at, 512), k);
  ck_assert (trace_durable_before (t, (size_t) k, at, 512));
  trace_free (t);
  store_close (file);
}
END_TEST

/* Where the footer was there is nothing left of it, as with Xen, whose
 * next block does not begin there.
 */
START_TEST (old_end_is_cleared)
{
  static const uint8_t zeroes[512];
  struct store *file = filled (false);
  const uint64_t end = store_size (file) - 512;
  struct image *i = must_open (file, false);
  uint8_t bytes[512];

  must_write (i, 9 * BLOCK, 512, 4);
  image_close (i);
  ck_assert_uint_eq (file_entry (file, 9), (end + 4096 - 512) / 512);
  file_read (file, bytes, sizeof bytes, end);
  ck_assert_mem_eq (bytes, zeroes, sizeof bytes);
  ck_assert_uint_eq (store_size (file), end + 4096 + BLOCK + 512);
  store_close (file);
}
END_TEST

START_TEST (full_bitmaps)
{
  struct store *file = vhd1_file (DISK, BLOCK, false);
  struct image *i = must_open (file, false);
  uint8_t bits[512], ones[512];

  must_write (i, 2 * BLOCK + 512, 512, 1);
  image_close (i);
  memset (ones, 0xff, sizeof ones);
  file_read (file, bits, sizeof bits, (uint64_t) file_entry (file, 2) * 512);
  ck_assert_mem_eq (bits, ones, sizeof bits);
  store_close (file);
}
END_TEST

START_TEST (every_operation_fails)
{
  struct nth_fault n = NTH_FAULT_INIT;
  struct store *file = filled (true);

  head_damaged (file);
  space_behind (file);
  while (nth_fault_next (&n)) {
    const struct image_open_options o = { .name = NAME };
    struct store_mem_options m = store_mem_defaults (store_size (file));
    struct store *copy = store_mem_create (&m), *way;
    static uint8_t all[4 * MIB];
    struct image *i;

    file_read (file, all, store_size (file), 0);
    file_write (copy, all, store_size (file), 0);
    way = store_fault_borrow (copy);
    log_memory_clear ();
    store_fault_nth (way, STORE_OPS_ALL & ~STORE_OP_BIT (STORE_OP_EXTENTS),
                     n.n);
    i = image_vhd1_open (way, &o);
    n.fired = store_fault_fired (way);
    ck_assert ((i == NULL) == n.fired);
    ck_assert_uint_eq (log_memory_errors (), n.fired ? 1 : 0);
    if (i == NULL)
      store_close (way);
    image_close (i);
    check_filled (copy);
    store_close (copy);
  }
  store_close (file);
}
END_TEST

START_TEST (every_allocation_fails)
{
  struct nth_fault n = NTH_FAULT_INIT;
  struct store *file = filled (true);

  while (nth_fault_next (&n)) {
    const struct image_open_options o = { .name = NAME };
    struct store *way = store_fault_borrow (file);
    struct image *i;

    alloc_fault_nth (n.n);
    i = image_vhd1_open (way, &o);
    n.fired = alloc_fault_stop ();
    ck_assert ((i == NULL) == n.fired);
    if (i == NULL)
      store_close (way);
    image_close (i);
  }
  check_filled (file);
  store_close (file);
}
END_TEST

int
main (void)
{
  const TTest *const tests[] = {
    mended,
    old_footer,
    short_last_block,
    cut_off,
    batmap,
    batmap_in_the_way,
    bits_from_the_low_end,
    alignment,
    end_moves_in_order,
    old_end_is_cleared,
    full_bitmaps,
    every_operation_fails,
    every_allocation_fails,
  };

  return test_main ("image-vhd1-mend", tests, ARRAY_SIZE (tests));
}
