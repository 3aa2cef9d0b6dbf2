/* SPDX-License-Identifier: BSD-3-Clause
 *
 * vhdx-check: a file that is right but for one thing, and the rule that
 * says so; several things at once; what cannot be read; mending.
 */

#include <config.h>

#include <errno.h>

#include "base/align.h"
#include "image/vhdx/image-vhdx.h"
#include "image/vhdx/vhdx-check.h"
#include "support/alloc-fault.h"
#include "support/log-memory.h"
#include "support/main.h"
#include "support/nth-fault.h"
#include "support/store-fault.h"
#include "unit/check-findings.h"
#include "unit/vhdx-pieces.h"

static struct vhdx_pieces file;
static struct image_check_result result;
static struct findings found;

static const char *
check (struct store *s)
{
  const struct image_check c = { findings_add, &found };
  int err;

  memset (&found, 0, sizeof found);
  ck_assert_int_eq (vhdx_check (s, "x.vhdx", &c, &result, &err), 0);
  return found.rules;
}

static const char *
check_file (void)
{
  struct store *s = vhdx_pieces_store (&file);
  const char *rules = check (s);

  store_close (s);
  return rules;
}

START_TEST (nothing_wrong)
{
  vhdx_pieces_init (&file, false);
  ck_assert_str_eq (check_file (), "");
  ck_assert_uint_eq (result.size, 6 * MIB - 512);
  ck_assert_uint_eq (result.nblocks, 6);
  ck_assert_uint_eq (result.allocated, 4);
  ck_assert_uint_eq (result.used, 8 * MIB);
  ck_assert_uint_eq (result.leaked, 0);
  vhdx_pieces_init (&file, true);
  ck_assert_str_eq (check_file (), "");
  ck_assert_uint_eq (result.allocated, 3);
  ck_assert_uint_eq (result.used, 8 * MIB);
}
END_TEST

/* ------------------------------------------------------------------ */
/* Entries of the BAT */

START_TEST (entries)
{
  static const struct {
    bool child;
    unsigned index;
    uint64_t raw;
    const char *rules;
  } cases[] = {
    { false, 4, 0, "note leak" },
    { false, 3, 0, "warning leak-end*" },
    { false, 1, 0x500006, "error overlap" },
    { false, 1, 0x500003, "note overlap-kept" },
    { false, 1, 0x900003, "note kept-space" },
    { false, 1, 0x300006, "error overlap" },
    { false, 1, 0x100006, "error overlap" },
    { false, 1, 0x800006, "error bat-beyond-end" },
    { false, 1, 0xfffffffffff00006, "error bat-beyond-end" },
    { false, 1, 6, "error bat-entry" },
    { false, 1, 4, "error bat-entry" },
    { false, 1, 5, "error bat-entry" },
    { false, 1, 10, "error bat-entry" },
    { false, 3, 0x700007, "error bat-entry, warning leak-end*" },
    { false, 5, 3, "" },
    { false, 5, 0x900000, "" }, /* a hint */
    { true, 4096, 0, "error bitmap-missing, note leak" },
    { true, 4096, 0x600007, "error bat-entry, note leak" },
    { true, 4096, 0x900006, "error bat-beyond-end, note leak" },
    { true, 4096, 0x500006, "error overlap" },
    { true, 3, 0, "note bits-stale, warning leak-end*" },
    { true, 1, 0x500007, "note bits-none, error overlap" },
    { true, 6, 0x500006, "note bat-spare" },
    { true, 4095, 1, "note bat-spare" },
  };

  for (size_t i = 0; i < ARRAY_SIZE (cases); i++) {
    vhdx_pieces_init (&file, cases[i].child);
    file.bat[cases[i].index] = cases[i].raw;
    check_file ();
    /* The bitmap is looked at only if it is where it should be. */
    if (i == 19)
      ck_assert_ptr_nonnull (strstr (found.rules, "error overlap"));
    else
      ck_assert_msg (strcmp (found.rules, cases[i].rules) == 0, "%zu: %s", i,
                     found.rules);
  }
}
END_TEST

START_TEST (all_bits)
{
  struct store *s;

  vhdx_pieces_init (&file, true);
  s = vhdx_pieces_store (&file);
  mem_image_fill (store_mem_image (s), 0xff, 256, 6 * MIB + 3 * 256);
  ck_assert_str_eq (check (s), "note bits-all");
  /* Of the last block, those behind the end of the disk do not count. */
  mem_image_fill (store_mem_image (s), 0xfe, 1, 6 * MIB + 4 * 256 - 1);
  ck_assert_str_eq (check (s), "");
  store_close (s);
  file.bat[5] = vhdx_entry_encode (VHDX_BLOCK_PARTIALLY_PRESENT, 8 * MIB);
  file.size = 9 * MIB;
  s = vhdx_pieces_store (&file);
  mem_image_fill (store_mem_image (s), 0xff, 255, 6 * MIB + 5 * 256);
  mem_image_fill (store_mem_image (s), 0x7f, 1, 6 * MIB + 6 * 256 - 1);
  ck_assert_str_eq (check (s), "note bits-all");
  mem_image_fill (store_mem_image (s), 0x3f, 1, 6 * MIB + 6 * 256 - 1);
  ck_assert_str_eq (check (s), "");
  store_close (s);
}
END_TEST

/* The last block may be cut where the disk ends, in whole MiB. */
START_TEST (short_last_block)
{
  vhdx_pieces_init (&file, false);
  file.metadata.block_size = 2 * MIB;
  file.metadata.size = 5 * MIB - 512;
  vhdx_pieces_set_locator (&file, NULL, 0);
  memset (file.bat, 0, sizeof file.bat);
  file.bat[0] = vhdx_entry_encode (VHDX_BLOCK_FULLY_PRESENT, 4 * MIB);
  file.bat[2] = vhdx_entry_encode (VHDX_BLOCK_FULLY_PRESENT, 6 * MIB);
  file.size = 7 * MIB;
  ck_assert_str_eq (check_file (), "");
  file.bat[2] = 0;
  file.bat[1] = vhdx_entry_encode (VHDX_BLOCK_FULLY_PRESENT, 6 * MIB);
  ck_assert_str_eq (check_file (), "error bat-beyond-end, warning leak-end*");
}
END_TEST

/* ------------------------------------------------------------------ */
/* Headers and regions */

START_TEST (first_mib)
{
  struct store *s;

  vhdx_pieces_init (&file, false);
  s = vhdx_pieces_store (&file);
  mem_image_fill (store_mem_image (s), 'V', 1, 0);
  ck_assert_str_eq (check (s), "fatal identifier");
  mem_image_fill (store_mem_image (s), 'v', 1, 0);

  mem_image_fill (store_mem_image (s), 1, 1, VHDX_HEADER_OFFSET (1) + 500);
  ck_assert_str_eq (check (s), "warning header-copy*");
  mem_image_fill (store_mem_image (s), 1, 1, VHDX_HEADER_OFFSET (0) + 500);
  ck_assert_str_eq (check (s), "fatal headers");
  mem_image_fill (store_mem_image (s), 0, 1, VHDX_HEADER_OFFSET (1) + 500);
  ck_assert_str_eq (check (s), "warning header-copy*");
  mem_image_fill (store_mem_image (s), 0, 1, VHDX_HEADER_OFFSET (0) + 500);

  mem_image_fill (store_mem_image (s), 1, 1, VHDX_REGION_OFFSET (0) + 500);
  ck_assert_str_eq (check (s), "warning region-table-copy*");
  mem_image_fill (store_mem_image (s), 1, 1, VHDX_REGION_OFFSET (1) + 500);
  ck_assert_str_eq (check (s), "fatal region-tables");

  mem_image_resize (store_mem_image (s), MIB - 1);
  store_close (s);
  vhdx_pieces_init (&file, false);
  file.size = 8 * MIB;
  s = store_mem_create (&(struct store_mem_options){ .size = MIB - 1 });
  ck_assert_str_eq (check (s), "fatal too-short");
  store_close (s);
}
END_TEST

START_TEST (headers)
{
  vhdx_pieces_init (&file, false);
  file.header[0].sequence = file.header[1].sequence;
  ck_assert_str_eq (check_file (), "");
  file.header[0].data_write_id.b[4] ^= 1;
  ck_assert_str_eq (check_file (), "error headers-ambiguous");

  vhdx_pieces_init (&file, false);
  file.header[1].version = 2;
  ck_assert_str_eq (check_file (), "fatal header");
  vhdx_pieces_init (&file, false);
  file.header[1].log_offset = 512; /* and the rest is looked at */
  file.bat[1] = 5;
  ck_assert_str_eq (check_file (), "fatal header, error bat-entry");
  vhdx_pieces_init (&file, false);
  file.header[1].log_length = 0;
  file.header[1].log_offset = 0;
  ck_assert_str_eq (check_file (), "note no-log");
}
END_TEST

START_TEST (regions)
{
  struct vhdx_region r[4];

  vhdx_pieces_init (&file, false);
  r[0] = file.layout.bat;
  r[1] = file.layout.metadata;
  r[2] = (struct vhdx_region){ .id = { "none of us knows" },
                               .offset = 8 * MIB,
                               .length = MIB };
  vhdx_region_serialise (r, 3, file.region_table[0]);
  file.size = 9 * MIB;
  ck_assert_str_eq (check_file (),
                    "warning region-tables-differ*, note region-unknown");
  ck_assert_uint_eq (result.used, 9 * MIB);
  memcpy (file.region_table[1], file.region_table[0], VHDX_REGION_SIZE);
  ck_assert_str_eq (check_file (), "note region-unknown");
  file.bat[1] = 0x800006; /* in it */
  ck_assert_str_eq (check_file (), "note region-unknown, error overlap");
  r[2].required = true;
  vhdx_region_serialise (r, 3, file.region_table[0]);
  memcpy (file.region_table[1], file.region_table[0], VHDX_REGION_SIZE);
  ck_assert_str_eq (check_file (), "fatal region");
}
END_TEST

/* ------------------------------------------------------------------ */
/* Metadata */

START_TEST (items)
{
  const uint32_t item = 65536;

  vhdx_pieces_init (&file, false);
  file.metadata_region[0] = 'M';
  ck_assert_str_eq (check_file (), "fatal metadata-table");

  /* Two values are wrong, and both are told. */
  vhdx_pieces_init (&file, false);
  file.metadata_region[item + 2] = 3;
  file.metadata_region[item + 17] = 3;
  ck_assert_str_eq (check_file (), "fatal metadata-item, fatal metadata-item");

  vhdx_pieces_init (&file, false);
  file.metadata_region[item + 8] = 1;
  ck_assert_str_eq (check_file (), "fatal metadata-item");

  vhdx_pieces_init (&file, false);
  file.metadata.size = 8192 * MIB; /* more blocks than 1 MiB has entries */
  file.metadata.size *= 32;
  vhdx_pieces_set_locator (&file, NULL, 0);
  ck_assert_str_eq (check_file (), "fatal bat-short");

  vhdx_pieces_init (&file, false);
  file.metadata.sector_size = 4096;
  file.metadata.size = 6 * MIB;
  file.metadata.physical_sector_size = 512;
  memset (&file.metadata.id, 0, sizeof file.metadata.id);
  vhdx_pieces_set_locator (&file, NULL, 0);
  ck_assert_str_eq (check_file (), "note physical-sector-size, note no-id");
}
END_TEST

START_TEST (unknown_items)
{
  vhdx_pieces_init (&file, false);
  file.metadata_region[10] = 6;
  memcpy (file.metadata_region + 32 + 5 * 32, "none of us knows", 16);
  ck_assert_str_eq (check_file (), "note metadata-unknown");
  file.metadata_region[32 + 5 * 32 + 24] = VHDX_META_REQUIRED;
  ck_assert_str_eq (check_file (), "fatal metadata-table");
}
END_TEST

START_TEST (locators)
{
  const struct vhdx_locator_pair *pathless = &vhdx_pieces_pairs[0];

  vhdx_pieces_init (&file, true);
  vhdx_pieces_set_locator (&file, vhdx_pieces_pairs + 1, 1);
  ck_assert_str_eq (check_file (), "fatal locator");
  vhdx_pieces_set_locator (&file, pathless, 1);
  ck_assert_str_eq (check_file (), "warning locator-no-path");
  vhdx_pieces_set_locator (&file, NULL, 0);
  ck_assert_str_eq (check_file (), "fatal metadata-item");
  vhdx_pieces_init (&file, false);
  vhdx_pieces_set_locator (&file, vhdx_pieces_pairs, 2);
  ck_assert_str_eq (check_file (), "note locator-unused");
}
END_TEST

/* ------------------------------------------------------------------ */
/* The log, and the length of the file */

/* A page of the BAT in the log names a block that is not there yet. */
START_TEST (dirty)
{
  le64 page[512];
  struct store *s;

  vhdx_pieces_init (&file, false);
  for (unsigned i = 0; i < 512; i++)
    page[i] = le64_put (file.bat[i]);
  page[5] = le64_put (0x800006);
  s = vhdx_pieces_store (&file);
  vhdx_pieces_log (&file, s, (uint8_t *) page, 3 * MIB, 9 * MIB);
  ck_assert_str_eq (check (s), "warning log-dirty*");
  ck_assert_uint_eq (result.allocated, 5);
  ck_assert_uint_eq (result.used, 9 * MIB);

  vhdx_pieces_log (&file, s, (uint8_t *) page, 3 * MIB, 8 * MIB);
  ck_assert_str_eq (check (s), "warning log-dirty*, error bat-beyond-end");

  mem_image_fill (store_mem_image (s), 1, 1, MIB + 2000);
  ck_assert_str_eq (check (s), "fatal log");
  store_close (s);
  file.size += MIB;
  s = vhdx_pieces_store (&file);
  vhdx_pieces_log (&file, s, (uint8_t *) page, 3 * MIB, 9 * MIB);
  mem_image_resize (store_mem_image (s), 8 * MIB);
  ck_assert_int_eq (store_resize (s, 8 * MIB, &(int){ 0 }), 0);
  ck_assert_str_eq (check (s), "fatal log-truncated");
  store_close (s);
}
END_TEST

START_TEST (odd_length)
{
  vhdx_pieces_init (&file, false);
  file.size = 8 * MIB - 512;
  ck_assert_str_eq (check_file (), "note file-size");
  file.size = 7 * MIB + 512;
  ck_assert_str_eq (check_file (), "note file-size");
  file.size = 7 * MIB;
  ck_assert_str_eq (check_file (), "error bat-beyond-end");
}
END_TEST

/* What is a hole takes no space, so it is not lost. */
START_TEST (holes)
{
  struct store *s;

  vhdx_pieces_init (&file, false);
  file.bat[3] = file.bat[4] = 0;
  s = vhdx_pieces_store (&file);
  ck_assert_str_eq (check (s), "warning leak-end*");
  ck_assert_uint_eq (result.leaked, 2 * MIB);
  mem_image_punch (store_mem_image (s), MIB, 6 * MIB);
  ck_assert_str_eq (check (s), "warning leak-end*");
  ck_assert_uint_eq (result.leaked, MIB);
  mem_image_punch (store_mem_image (s), MIB, 7 * MIB);
  ck_assert_str_eq (check (s), "");
  store_close (s);
}
END_TEST

START_TEST (too_many)
{
  vhdx_pieces_init (&file, true);
  for (unsigned i = 6; i < 1006; i++)
    file.bat[i] = 5;
  check_file ();
  ck_assert_uint_eq (result.count[IMAGE_NOTE], 1000);
  ck_assert_uint_eq (found.n, IMAGE_CHECK_PER_RULE);
  ck_assert_str_eq (found.last, "and 969 more of that");
}
END_TEST

/* ------------------------------------------------------------------ */
/* Failures */

static int
check_for_failure (struct store *s, int *err)
{
  const struct image_check c = { findings_add, &found };

  memset (&found, 0, sizeof found);
  return vhdx_check (s, "x.vhdx", &c, &result, err);
}

/* With a log, and a length that is not whole MiB. */
static struct store *
store_with_all (void)
{
  static uint8_t page[VHDX_LOG_SECTOR] = { 1 };
  struct store *s;

  vhdx_pieces_init (&file, true);
  file.size = 8 * MIB - 512;
  s = vhdx_pieces_store (&file);
  vhdx_pieces_log (&file, s, page, MIB - 4096, 8 * MIB);
  return s;
}

START_TEST (reading_fails)
{
  struct nth_fault f = NTH_FAULT_INIT;

  while (nth_fault_next (&f)) {
    struct store *s = store_fault_create (store_with_all ());
    int err = 0, r;

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
END_TEST

START_TEST (memory_fails)
{
  struct nth_fault f = NTH_FAULT_INIT;

  while (nth_fault_next (&f)) {
    struct store *s = store_with_all ();
    int err = 0, r;

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

/* Mend S, which must be as good as new then.  It is a borrowed store's. */
static void
check_mended (struct store *s, uint64_t size)
{
  log_memory_clear ();
  ck_assert_int_eq (vhdx_repair (store_fault_borrow (s), "x.vhdx"), 0);
  ck_assert_uint_eq (log_memory_errors (), 0);
  ck_assert_str_eq (check (s), "");
  ck_assert_uint_eq (store_size (s), size);
  store_close (s);
}

START_TEST (mended)
{
  struct store *s;

  for (unsigned i = 0; i < 2; i++) {
    vhdx_pieces_init (&file, true);
    s = vhdx_pieces_store (&file);
    mem_image_fill (store_mem_image (s), 1, 1, VHDX_HEADER_OFFSET (i) + 500);
    check_mended (s, 8 * MIB);
    s = vhdx_pieces_store (&file);
    mem_image_fill (store_mem_image (s), 0, 512, VHDX_REGION_OFFSET (i));
    check_mended (s, 8 * MIB);
  }
  vhdx_pieces_init (&file, false);
  file.bat[3] = file.bat[4] = 0;
  check_mended (vhdx_pieces_store (&file), 6 * MIB);
  vhdx_pieces_init (&file, false);
  check_mended (vhdx_pieces_store (&file), 8 * MIB);
}
END_TEST

START_TEST (log_applied)
{
  le64 page[512];
  struct store *s;

  vhdx_pieces_init (&file, false);
  for (unsigned i = 0; i < 512; i++)
    page[i] = le64_put (file.bat[i]);
  page[5] = le64_put (0x800006);
  s = vhdx_pieces_store (&file);
  vhdx_pieces_log (&file, s, (uint8_t *) page, 3 * MIB, 9 * MIB);
  check_mended (s, 9 * MIB);
  ck_assert_uint_eq (result.allocated, 5);
}
END_TEST

START_TEST (not_mended)
{
  struct store *s;
  struct mem_image *before;
  uint64_t where;

  vhdx_pieces_init (&file, false);
  file.bat[1] = 0x500006;
  file.bat[3] = 0;
  s = vhdx_pieces_store (&file);
  mem_image_fill (store_mem_image (s), 1, 1, VHDX_HEADER_OFFSET (0) + 500);
  before = mem_image_copy (store_mem_image (s));
  log_memory_clear ();
  ck_assert_int_eq (vhdx_repair (store_fault_borrow (s), "x.vhdx"), -1);
  ck_assert_int_eq (errno, EINVAL);
  ck_assert (log_memory_contains ("cannot be mended: "));
  ck_assert (mem_image_equal (before, store_mem_image (s), &where));
  mem_image_free (before);
  store_close (s);
}
END_TEST

/* Whatever fails, what was there before still is. */
START_TEST (mending_fails)
{
  struct nth_fault f = NTH_FAULT_INIT;

  while (nth_fault_next (&f)) {
    struct store *s, *mem;
    int r;

    vhdx_pieces_init (&file, false);
    file.bat[3] = 0;
    mem = vhdx_pieces_store (&file);
    mem_image_fill (store_mem_image (mem), 1, 1, VHDX_HEADER_OFFSET (1) + 500);
    mem_image_fill (store_mem_image (mem), 1, 1, VHDX_REGION_OFFSET (0) + 500);
    s = store_fault_create (mem);
    store_fault_nth (s, STORE_OPS_ALL, f.n);
    r = vhdx_repair (store_fault_borrow (s), "x.vhdx");
    f.fired = store_fault_fired (s);
    store_fault_reset (s);
    ck_assert (r == 0 || f.fired);
    check (s);
    ck_assert_uint_eq (result.count[IMAGE_ERROR] + result.count[IMAGE_FATAL],
                       0);
    ck_assert_uint_eq (result.allocated, 3);
    ck_assert (f.fired || found.n == 0);
    store_close (s);
  }
}
END_TEST

int
main (void)
{
  const TTest *const tests[] = {
    nothing_wrong, entries,    all_bits,    short_last_block, first_mib,
    headers,       regions,    items,       unknown_items,    locators,
    dirty,         odd_length, holes,       too_many,         reading_fails,
    memory_fails,  mended,     log_applied, not_mended,       mending_fails,
  };

  return test_main ("vhdx-check", tests, ARRAY_SIZE (tests));
}
