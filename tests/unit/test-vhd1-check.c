/* SPDX-License-Identifier: BSD-3-Clause
 *
 * vhd1-check: a file that is right but for one thing, and the rule that
 * says so; what cannot be read; mending.
 */

#include <config.h>

#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/align.h"
#include "image/vhd1/image-vhd1.h"
#include "image/vhd1/vhd1-check.h"
#include "support/alloc-fault.h"
#include "support/log-memory.h"
#include "support/main.h"
#include "support/nth-fault.h"
#include "support/store-fault.h"
#include "support/store-mem.h"
#include "unit/check-findings.h"
#include "vhd/vhd-batmap.h"
#include "vhd/vhd-footer.h"
#include "vhd/vhd-header.h"
#include "vhd/vhd-layout.h"
#include "vhd/vhd-locator.h"

/* Footer, header, BAT at 1536, Xen's batmap at 2048 and 2560, a locator at
 * 3072; blocks of 128 KiB with bitmaps of a sector: block 0 at 4096, block
 * 2 behind it; the footer.  The disk has 6 blocks less two sectors.
 */
#define BLOCK_SIZE (128u << 10)
#define FOOTPRINT (BLOCK_SIZE + 512)
#define BLOCK_0 UINT64_C (4096)
#define BLOCK_2 (BLOCK_0 + FOOTPRINT)
#define END (BLOCK_2 + FOOTPRINT)
#define DISK_SIZE (6 * UINT64_C (131072) - 1024)

struct pieces {
  struct vhd_footer footer, head;
  struct vhd_header header;
  be32 bat[128];
  struct vhd_batmap batmap;
  bool has_batmap;
  uint8_t map[512];
  uint8_t bitmap[2][512];
  uint64_t end;
};

static struct pieces p;
static struct image_check_result result;
static struct findings found;

static void
put_entry (unsigned block, uint64_t offset)
{
  p.bat[block] = be32_put ((uint32_t) (offset / 512));
}

static void
start (enum vhd_type type)
{
  static const struct uuid id = { { "id of this disk!" } };

  memset (&p, 0, sizeof p);
  p.footer = vhd_footer_fixed (DISK_SIZE, VHD_EPOCH + 1000, &id);
  p.footer.type = type;
  p.footer.data_offset = 512;
  p.head = p.footer;
  p.header = vhd_header_new (DISK_SIZE, BLOCK_SIZE, 1536);
  memset (p.bat, 0xff, sizeof p.bat);
  put_entry (0, BLOCK_0);
  put_entry (2, BLOCK_2);
  p.end = END;
  memset (p.bitmap, 0xff, 32);
  memset (p.bitmap[1], 0xff, 32);
  if (type == VHD_TYPE_DIFFERENCING) {
    p.header.parent_id = (struct uuid){ { "the parent's id!" } };
    memcpy (p.header.locator[0].platform, "W2ru", 4);
    p.header.locator[0].space = 512;
    p.header.locator[0].length = 20;
    p.header.locator[0].offset = 3072;
  }
}

/* As Xen 1.3: block 0 is full, of block 2 a sector is missing. */
static void
start_xen (void)
{
  start (VHD_TYPE_DYNAMIC);
  memcpy (p.footer.creator, "tap", 4);
  p.footer.creator_version = 0x00010003;
  p.head = p.footer;
  p.has_batmap = true;
  p.map[0] = 0x80;
  p.bitmap[1][5] = 0xf7;
  p.batmap = (struct vhd_batmap){ .offset = 2560,
                                  .count = 512,
                                  .version = 0x00010002,
                                  .checksum = ~UINT32_C (0x80) };
}

static struct store *
make_store (void)
{
  const struct store_mem_options o = store_mem_defaults (p.end + 512);
  struct store *s = store_mem_create (&o);
  struct mem_image *m = store_mem_image (s);
  uint8_t bytes[VHD_HEADER_SIZE];

  mem_image_fill (m, 0x33, p.end - 4096, 4096);
  vhd_footer_serialise (&p.head, bytes);
  mem_image_write (m, bytes, 512, 0);
  vhd_footer_serialise (&p.footer, bytes);
  mem_image_write (m, bytes, 512, p.end);
  vhd_header_serialise (&p.header, bytes);
  mem_image_write (m, bytes, sizeof bytes, 512);
  mem_image_write (m, p.bat, sizeof p.bat, 1536);
  if (p.has_batmap) {
    vhd_batmap_serialise (&p.batmap, bytes);
    mem_image_write (m, bytes, 512, 2048);
    mem_image_write (m, p.map, 512, 2560);
  }
  if (p.footer.type == VHD_TYPE_DIFFERENCING)
    mem_image_write (m, ".\0\\\0p\0.\0v\0h\0d\0x\0y\0z\0", 20, 3072);
  mem_image_write (m, p.bitmap[0], 512, BLOCK_0);
  mem_image_write (m, p.bitmap[1], 512, BLOCK_2);
  return s;
}

static const char *
check (struct store *s)
{
  const struct image_check c = { findings_add, &found };
  int err;

  memset (&found, 0, sizeof found);
  ck_assert_int_eq (
    vhd1_check (s, "x.vhd", VHD_SIZE_CURRENT, &c, &result, &err), 0);
  return found.rules;
}

static const char *
check_pieces (void)
{
  struct store *s = make_store ();
  const char *rules = check (s);

  store_close (s);
  return rules;
}

START_TEST (nothing_wrong)
{
  start (VHD_TYPE_DYNAMIC);
  ck_assert_str_eq (check_pieces (), "");
  ck_assert_uint_eq (result.size, DISK_SIZE);
  ck_assert_uint_eq (result.nblocks, 6);
  ck_assert_uint_eq (result.allocated, 2);
  ck_assert_uint_eq (result.used, 2048 + 2 * FOOTPRINT);
  start (VHD_TYPE_DIFFERENCING);
  ck_assert_str_eq (check_pieces (), "");
  start_xen ();
  ck_assert_str_eq (check_pieces (), "");
}
END_TEST

START_TEST (fixed)
{
  static const struct uuid id = { { "id of this disk!" } };

  start (VHD_TYPE_DYNAMIC);
  p.footer = vhd_footer_fixed (p.end, VHD_EPOCH, &id);
  ck_assert_str_eq (check_pieces (), "");
  p.footer = vhd_footer_fixed (p.end + 512, VHD_EPOCH, &id);
  ck_assert_str_eq (check_pieces (), "fatal size");
}
END_TEST

START_TEST (footers)
{
  struct store *s;

  start (VHD_TYPE_DYNAMIC);
  p.head.timestamp++;
  ck_assert_str_eq (check_pieces (), "warning footers-differ*");
  start (VHD_TYPE_DYNAMIC);
  s = make_store ();
  mem_image_fill (store_mem_image (s), 1, 1, 100);
  ck_assert_str_eq (check (s), "warning footer-copy*");
  mem_image_fill (store_mem_image (s), 1, 1, END + 100);
  ck_assert_str_eq (check (s), "fatal footer-none");
  mem_image_fill (store_mem_image (s), 0, 1, 100);
  ck_assert_str_eq (check (s), "warning footer*");
  store_close (s);
}
END_TEST

START_TEST (oddities)
{
  struct store *s;

  start (VHD_TYPE_DYNAMIC);
  p.footer.saved_state = 1;
  p.footer.geometry.heads++;
  p.footer.reserved[40] = 1;
  memset (&p.footer.id, 0, sizeof p.footer.id);
  p.head = p.footer;
  ck_assert_str_eq (check_pieces (), "note footer-reserved, note saved-state, "
                                     "note no-id, note geometry");

  start (VHD_TYPE_DYNAMIC);
  s = make_store ();
  ck_assert_int_eq (store_resize (s, END + 511, &(int){ 0 }), 0);
  ck_assert_str_eq (check (s), "note footer-old");
  store_close (s);

  start (VHD_TYPE_DYNAMIC);
  p.header.next = 4096;
  ck_assert_str_eq (check_pieces (), "note header-next");
}
END_TEST

START_TEST (headers)
{
  start (VHD_TYPE_DYNAMIC);
  p.footer.data_offset = p.head.data_offset = 513;
  ck_assert_str_eq (check_pieces (), "fatal header");
  p.footer.data_offset = p.head.data_offset = END - 512;
  ck_assert_str_eq (check_pieces (), "fatal header");
  p.footer.data_offset = p.head.data_offset = 1024;
  ck_assert_str_eq (check_pieces (), "fatal header");
  start (VHD_TYPE_DYNAMIC);
  p.header.block_size++;
  ck_assert_str_eq (check_pieces (), "fatal header");
  start (VHD_TYPE_DYNAMIC);
  p.header.nentries = 5;
  ck_assert_str_eq (check_pieces (), "fatal header");
  start (VHD_TYPE_DYNAMIC);
  p.header.bat_offset = 512;
  ck_assert_ptr_nonnull (strstr (check_pieces (), "error overlap"));
}
END_TEST

START_TEST (blocks)
{
  static const struct {
    unsigned block;
    uint64_t offset;
    const char *rules;
  } cases[] = {
    { 0, UINT64_C (512) * VHD_BAT_UNUSED, "note leak" },
    { 2, UINT64_C (512) * VHD_BAT_UNUSED, "warning leak-end*" },
    { 1, BLOCK_0, "error overlap" },
    { 1, 0, "error overlap, error overlap, error overlap, error overlap" },
    { 1, BLOCK_2 + 512, "error bat-beyond-end" },
    { 1, UINT64_C (512) * 0xfffffffe, "error bat-beyond-end" },
    { 5, BLOCK_2 + 1024, "error overlap" }, /* its last sectors are not there */
    { 5, BLOCK_2 + 1536, "error bat-beyond-end" },
  };

  for (size_t i = 0; i < ARRAY_SIZE (cases); i++) {
    start (VHD_TYPE_DYNAMIC);
    put_entry (cases[i].block, cases[i].offset);
    check_pieces ();
    ck_assert_msg (strcmp (found.rules, cases[i].rules) == 0, "%zu: %s", i,
                   found.rules);
  }
}
END_TEST

START_TEST (spare_entries)
{
  start (VHD_TYPE_DYNAMIC);
  p.header.nentries = 10;
  ck_assert_str_eq (check_pieces (), "");
  put_entry (6, BLOCK_0);
  ck_assert_str_eq (check_pieces (), "note bat-spare, note overlap-kept");
  put_entry (6, UINT64_C (1) << 33);
  ck_assert_str_eq (check_pieces (), "note bat-spare");
}
END_TEST

START_TEST (bitmaps)
{
  start (VHD_TYPE_DIFFERENCING);
  memset (p.bitmap[0], 0, sizeof p.bitmap[0]);
  ck_assert_str_eq (check_pieces (), "note bits-none");
  start (VHD_TYPE_DYNAMIC);
  memset (p.bitmap[0], 0, sizeof p.bitmap[0]);
  ck_assert_str_eq (check_pieces (), "");
}
END_TEST

START_TEST (batmaps)
{
  start_xen ();
  p.batmap.checksum++;
  ck_assert_str_eq (check_pieces (), "warning batmap-checksum*");
  p.batmap.checksum = ~(uint32_t) (int8_t) 0x80; /* as version 1.1 summed */
  ck_assert_str_eq (check_pieces (), "");

  start_xen ();
  p.bitmap[0][31] = 0xfe;
  ck_assert_str_eq (check_pieces (), "warning batmap*");
  start_xen ();
  p.map[0] = 0xc0; /* block 1 is not there */
  p.batmap.checksum = ~UINT32_C (0xc0);
  ck_assert_str_eq (check_pieces (), "warning batmap*");
  start_xen ();
  p.batmap.offset = 513;
  ck_assert_str_eq (check_pieces (), "note batmap-outside");
  start_xen ();
  p.batmap.offset = BLOCK_0;
  p.batmap.checksum = ~(uint32_t) (32 * 0xff);
  ck_assert_ptr_nonnull (strstr (check_pieces (), "error overlap"));
}
END_TEST

/* Of the last block, only bits of the disk count. */
START_TEST (last_block)
{
  start_xen ();
  put_entry (2, UINT64_C (512) * VHD_BAT_UNUSED);
  put_entry (5, BLOCK_2);
  p.map[0] = 0x84;
  p.batmap.checksum = ~UINT32_C (0x84);
  p.bitmap[1][5] = 0xff;
  p.bitmap[1][31] = 0xfc;
  ck_assert_str_eq (check_pieces (), "");
  p.bitmap[1][31] = 0xf8;
  ck_assert_str_eq (check_pieces (), "warning batmap*");
}
END_TEST

START_TEST (parents)
{
  start (VHD_TYPE_DIFFERENCING);
  p.header.locator[0].length = 19;
  ck_assert_str_eq (check_pieces (), "warning locator, warning locator-none");
  ck_assert_int_eq (vhd_parent_name_encode (&p.header, "p.vhd"), VHD_OK);
  ck_assert_str_eq (check_pieces (), "warning locator");
  p.header.locator[0].length = 100000; /* so far it may grow, too */
  ck_assert_str_eq (check_pieces (), "warning locator, error overlap");
  memset (&p.header.parent_id, 0, sizeof p.header.parent_id);
  memset (&p.header.locator, 0, sizeof p.header.locator);
  ck_assert_str_eq (check_pieces (), "warning parent-id");
  memcpy (p.header.locator[0].platform, "Mac ", 4);
  p.header.locator[0].length = 20;
  p.header.locator[0].offset = 3072;
  ck_assert_str_eq (check_pieces (), "note locator-unknown, warning parent-id");
}
END_TEST

/* ------------------------------------------------------------------ */

static int
check_for_failure (struct store *s, int *err)
{
  const struct image_check c = { findings_add, &found };

  memset (&found, 0, sizeof found);
  return vhd1_check (s, "x.vhd", VHD_SIZE_CURRENT, &c, &result, err);
}

static void
fail_each_read (bool xen)
{
  struct nth_fault f = NTH_FAULT_INIT;

  while (nth_fault_next (&f)) {
    struct store *s;
    int err = 0, r;

    if (xen)
      start_xen ();
    else
      start (VHD_TYPE_DIFFERENCING);
    put_entry (0, UINT64_C (512) * VHD_BAT_UNUSED);
    s = store_fault_create (make_store ());
    log_memory_clear ();
    store_fault_nth (s, STORE_OPS_ALL, f.n);
    r = check_for_failure (s, &err);
    f.fired = store_fault_fired (s);
    ck_assert_int_eq (r, f.fired ? -1 : 0);
    ck_assert_int_eq (err, f.fired ? EIO : 0);
    ck_assert_uint_eq (log_memory_errors (), f.fired);
    store_close (s);
  }
}

START_TEST (reading_fails)
{
  fail_each_read (false);
  fail_each_read (true);
}
END_TEST

START_TEST (memory_fails)
{
  struct nth_fault f = NTH_FAULT_INIT;

  while (nth_fault_next (&f)) {
    struct store *s;
    int err = 0, r;

    start (VHD_TYPE_DIFFERENCING);
    put_entry (0, UINT64_C (512) * VHD_BAT_UNUSED);
    s = make_store ();
    log_memory_clear ();
    alloc_fault_nth (f.n);
    r = check_for_failure (s, &err);
    f.fired = alloc_fault_stop ();
    ck_assert_int_eq (r, f.fired ? -1 : 0);
    ck_assert_int_eq (err, f.fired ? ENOMEM : 0);
    ck_assert_uint_eq (log_memory_errors (), f.fired);
    store_close (s);
  }
}
END_TEST

/* ------------------------------------------------------------------ */
/* Mending */

static void
check_mended (struct store *s)
{
  log_memory_clear ();
  ck_assert_int_eq (
    vhd1_repair (store_fault_borrow (s), "x.vhd", VHD_SIZE_CURRENT), 0);
  ck_assert_uint_eq (log_memory_errors (), 0);
  ck_assert_str_eq (check (s), "");
  store_close (s);
}

START_TEST (mended)
{
  struct store *s;

  start (VHD_TYPE_DYNAMIC);
  s = make_store ();
  mem_image_fill (store_mem_image (s), 1, 1, 100);
  check_mended (s);
  s = make_store ();
  mem_image_fill (store_mem_image (s), 1, 1, END + 100);
  check_mended (s);
  p.head.timestamp++;
  check_mended (make_store ());
  start (VHD_TYPE_DIFFERENCING);
  put_entry (2, UINT64_C (512) * VHD_BAT_UNUSED);
  check_mended (make_store ());
  start (VHD_TYPE_DYNAMIC);
  check_mended (make_store ());
}
END_TEST

START_TEST (batmap_mended)
{
  start_xen ();
  p.bitmap[0][31] = 0xfe;
  check_mended (make_store ());
  start_xen ();
  p.batmap.checksum++;
  check_mended (make_store ());
}
END_TEST

START_TEST (not_mended)
{
  struct store *s;
  struct mem_image *before;
  uint64_t where;

  start (VHD_TYPE_DYNAMIC);
  put_entry (1, BLOCK_0);
  s = make_store ();
  mem_image_fill (store_mem_image (s), 1, 1, 100);
  before = mem_image_copy (store_mem_image (s));
  log_memory_clear ();
  ck_assert_int_eq (
    vhd1_repair (store_fault_borrow (s), "x.vhd", VHD_SIZE_CURRENT), -1);
  ck_assert_int_eq (errno, EINVAL);
  ck_assert (log_memory_contains ("cannot be mended: "));
  ck_assert (mem_image_equal (before, store_mem_image (s), &where));
  mem_image_free (before);
  store_close (s);
}
END_TEST

START_TEST (mending_fails)
{
  struct nth_fault f = NTH_FAULT_INIT;

  while (nth_fault_next (&f)) {
    struct store *s;
    int r;

    start_xen ();
    p.bitmap[0][31] = 0xfe;
    put_entry (2, UINT64_C (512) * VHD_BAT_UNUSED);
    p.head.timestamp++;
    s = store_fault_create (make_store ());
    store_fault_nth (s, STORE_OPS_ALL, f.n);
    r = vhd1_repair (store_fault_borrow (s), "x.vhd", VHD_SIZE_CURRENT);
    f.fired = store_fault_fired (s);
    store_fault_reset (s);
    ck_assert (r == 0 || f.fired);
    check (s);
    ck_assert_uint_eq (result.count[IMAGE_ERROR] + result.count[IMAGE_FATAL],
                       0);
    ck_assert_uint_eq (result.allocated, 1);
    ck_assert (f.fired || found.n == 0);
    store_close (s);
  }
}
END_TEST

int
main (void)
{
  const TTest *const tests[] = {
    nothing_wrong, fixed,         footers,      oddities, headers,
    blocks,        spare_entries, bitmaps,      batmaps,  last_block,
    parents,       reading_fails, memory_fails, mended,   batmap_mended,
    not_mended,    mending_fails,
  };

  return test_main ("vhd1-check", tests, ARRAY_SIZE (tests));
}
