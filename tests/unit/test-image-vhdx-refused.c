/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What is refused of VHDX files, and how that is said; what is only read.
 */

#include <config.h>

#include <errno.h>

#include "support/main.h"
#include "unit/vhdx-file-open.h"

static void
no_identifier (struct store *s)
{
  vhdx_poke (s, "VHDXFILE", 8, 0);
}

static void
too_short (struct store *s)
{
  int err;

  ck_assert_int_eq (store_resize (s, MIB - 512, &err), 0);
}

static void
bad_headers (struct store *s)
{
  vhdx_poke (s, "x", 1, VHDX_HEADER_OFFSET (0) + 100);
  vhdx_poke (s, "x", 1, VHDX_HEADER_OFFSET (1));
}

static void
change_headers (struct store *s, void (*change) (struct vhdx_header *h))
{
  for (unsigned k = 0; k < 2; k++) {
    struct vhdx_header h = vhdx_peek_header (s, k);

    change (&h);
    vhdx_poke_header (s, k, &h);
  }
}

static void
set_version (struct vhdx_header *h)
{
  h->version = 2;
}

static void
bad_version (struct store *s)
{
  change_headers (s, set_version);
}

static void
set_log_version (struct vhdx_header *h)
{
  h->log_version = 1;
  h->log_id.b[3] = 1;
}

static void
bad_log_version (struct store *s)
{
  change_headers (s, set_log_version);
}

static void
move_log (struct vhdx_header *h)
{
  h->log_offset = UINT64_C (1) << 40;
}

static void
log_outside (struct store *s)
{
  change_headers (s, move_log);
}

static void
set_log_id (struct vhdx_header *h)
{
  h->log_id.b[0] = 1;
}

static void
log_without_entries (struct store *s)
{
  change_headers (s, set_log_id);
}

static void
change_regions (struct store *s,
                unsigned (*change) (struct vhdx_region *r, unsigned count))
{
  struct vhdx_region regions[8];
  uint8_t *table = must_malloc (VHDX_REGION_SIZE);

  vhdx_peek (s, table, VHDX_REGION_SIZE, VHDX_REGION_OFFSET (0));
  for (unsigned k = 0; k < 2; k++)
    regions[k] = vhdx_region_get (table, k);
  vhdx_region_serialise (regions, change (regions, 2), table);
  for (unsigned k = 0; k < 2; k++)
    vhdx_poke (s, table, VHDX_REGION_SIZE, VHDX_REGION_OFFSET (k));
  free (table);
}

static unsigned
add_region (struct vhdx_region *r, unsigned count)
{
  r[count] = (struct vhdx_region){ .id = { { 1, 2, 3 } },
                                   .offset = 4 * MIB,
                                   .length = MIB };
  return count + 1;
}

static unsigned
add_required_region (struct vhdx_region *r, unsigned count)
{
  count = add_region (r, count);
  r[count - 1].required = true;
  return count;
}

static void
required_region (struct store *s)
{
  extend (s);
  change_regions (s, add_required_region);
}

static unsigned
no_metadata (struct vhdx_region *r, unsigned count)
{
  if (uuid_equal (&r[0].id, &vhdx_guid_metadata))
    r[0] = r[1];
  return 1;
}

static void
without_metadata (struct store *s)
{
  change_regions (s, no_metadata);
}

static void
bad_regions (struct store *s)
{
  vhdx_poke (s, "x", 1, VHDX_REGION_OFFSET (0) + 1000);
  vhdx_poke (s, "x", 1, VHDX_REGION_OFFSET (1));
}

static void
bad_metadata (struct store *s)
{
  vhdx_poke (s, "x", 1, vhdx_peek_regions (s).metadata.offset);
}

/* The entry of the metadata table for ID, as it is there. */
static uint64_t
find_item (struct store *s, const struct uuid *id)
{
  const uint64_t table = vhdx_peek_regions (s).metadata.offset;
  struct vhdx_metadata_entry_disk e;

  for (unsigned k = 1; k < 10; k++) {
    vhdx_peek (s, &e, sizeof e, table + k * sizeof e);
    if (memcmp (e.id, id->b, sizeof e.id) == 0)
      return table + k * sizeof e;
  }
  ck_abort_msg ("no such item");
}

static void
rename_item (struct store *s, const struct uuid *from, const struct uuid *to)
{
  vhdx_poke (s, to->b, 16, find_item (s, from));
}

static void
required_item (struct store *s)
{
  rename_item (s, &vhdx_guid_disk_id, &(struct uuid){ { 9, 8, 7 } });
}

static void
incomplete_file (struct store *s)
{
  rename_item (s, &vhdx_guid_disk_id, &vhdx_guid_incomplete);
}

static void
no_sector_size (struct store *s)
{
  rename_item (s, &vhdx_guid_sector_size, &vhdx_guid_geometry);
}

/* Overwrite the value of an item. */
static void
poke_item (struct store *s, const struct uuid *id, const void *p, size_t n)
{
  struct vhdx_metadata_entry_disk e;

  vhdx_peek (s, &e, sizeof e, find_item (s, id));
  vhdx_poke (s, p, n,
             vhdx_peek_regions (s).metadata.offset + le32_get (e.offset));
}

static void
odd_block_size (struct store *s)
{
  const le32 size = le32_put (3 << 20);

  poke_item (s, &vhdx_guid_file_parameters, &size, sizeof size);
}

static void
parent_without_locator (struct store *s)
{
  const le32 v[2] = { le32_put (MIB), le32_put (2) };

  poke_item (s, &vhdx_guid_file_parameters, v, sizeof v);
}

static void
huge_disk (struct store *s)
{
  const le64 size = le64_put (UINT64_C (60) << 40);

  poke_item (s, &vhdx_guid_disk_size, &size, sizeof size);
}

static void
bad_locator (struct store *s)
{
  poke_item (s, &vhdx_guid_parent_locator, "xxxx", 4);
}

static const struct vhdx_log_entry log_entry = { .sequence = 100 };

static void
file_that_shrank (struct store *s)
{
  struct vhdx_log_entry e = log_entry;

  e.flushed_offset = e.last_offset = 40 * MIB;
  vhdx_poke_log (s, e, NULL, 0);
}

static void
ambiguous (struct store *s)
{
  struct vhdx_header h = vhdx_peek_header (s, 0);

  h.data_write_id.b[0] ^= 1;
  vhdx_poke_header (s, 1, &h);
}

static void
drop_log (struct vhdx_header *h)
{
  h->log_length = 0;
}

static void
no_log (struct store *s)
{
  change_headers (s, drop_log);
}

static void
overlapping_blocks (struct store *s)
{
  vhdx_poke_entry (s, 1, vhdx_peek_entry (s, 3));
}

static void
block_over_log (struct store *s)
{
  vhdx_poke_entry (s, 1, vhdx_entry_encode (VHDX_BLOCK_FULLY_PRESENT, MIB));
}

static void
block_beyond_end (struct store *s)
{
  vhdx_poke_entry (s, 1,
                   vhdx_entry_encode (VHDX_BLOCK_FULLY_PRESENT, 1000 * MIB));
}

static void
reserved_state (struct store *s)
{
  vhdx_poke_entry (s, 1, 5);
}

static void
reserved_bits (struct store *s)
{
  vhdx_poke_entry (s, 1, vhdx_peek_entry (s, 3) | 8);
}

static void
partial_without_parent (struct store *s)
{
  vhdx_poke_entry (s, 1,
                   vhdx_entry_encode (VHDX_BLOCK_PARTIALLY_PRESENT, 5 * MIB));
  extend (s);
  extend (s);
}

static void
partial_without_bitmap (struct store *s)
{
  extend (s);
  vhdx_poke_entry (s, 1,
                   vhdx_entry_encode (VHDX_BLOCK_PARTIALLY_PRESENT, 4 * MIB));
}

static void
bitmap_beyond_end (struct store *s)
{
  vhdx_poke_entry (s, 4096,
                   vhdx_entry_encode (VHDX_BLOCK_FULLY_PRESENT, 500 * MIB));
}

static void
bitmap_over_bat (struct store *s)
{
  vhdx_poke_entry (s, 4096,
                   vhdx_entry_encode (VHDX_BLOCK_FULLY_PRESENT, 3 * MIB));
}

static void
bitmap_state (struct store *s)
{
  vhdx_poke_entry (s, 4096, vhdx_entry_encode (VHDX_BLOCK_ZERO, 0));
}

struct refusal {
  void (*spoil) (struct store *s);
  const char *message;
  bool only_writing; /* reading is fine */
  bool child;
};

static const struct refusal refusals[] = {
  { no_identifier, "does not begin as a VHDX" },
  { too_short, "short" },
  { bad_headers, "the first has a header with a wrong checksum" },
  { bad_version, "version 2" },
  { bad_log_version, "log: version 1" },
  { log_outside, "1048576 bytes at 1099511627776" },
  { log_without_entries, "the log of 1048576 bytes at 1048576" },
  { file_that_shrank, "bytes of 41943040" },
  { required_region, "region {00030201-0000-0000-0000-000000000000}" },
  { without_metadata, "metadata" },
  { bad_regions, "the first has a region table with a wrong checksum" },
  { bad_metadata, "metadata" },
  { required_item, "item {00070809-0000-0000-0000-000000000000}" },
  { incomplete_file, "item {71cc85f0-1b69-4e28-9558-c3bf83ae75d3}" },
  { no_sector_size, "lacks" },
  { odd_block_size, "block" },
  { huge_disk, "1048576 bytes for 65970697666560 in blocks of 1048576" },
  { parent_without_locator, "parent" },
  { bad_locator, "parent locator", .child = true },
  { ambiguous, "has two headers with the number", .only_writing = true },
  { no_log, "has no log", .only_writing = true },
  { overlapping_blocks, "blocks 1 and 3 overlap", .only_writing = true },
  { block_over_log, "block 1 at 1048576 overlaps", .only_writing = true },
  { block_beyond_end, "at 1 of the BAT is beyond", .only_writing = true },
  { reserved_state, "entry 0x5 at 1 of the BAT", .only_writing = true },
  { reserved_bits, "at 1 of the BAT", .only_writing = true },
  { partial_without_parent, "at 1 of the BAT", .only_writing = true },
  { partial_without_bitmap, "at 4096 of the BAT is that of a sector bitmap",
    .only_writing = true, .child = true },
  { bitmap_beyond_end, "at 4096 of the BAT is beyond", .only_writing = true,
    .child = true },
  { bitmap_over_bat, "a sector bitmap, 1048576 bytes at 3145728, overlaps",
    .only_writing = true, .child = true },
  { bitmap_state, "entry 0x2 at 4096 of the BAT", .only_writing = true,
    .child = true },
};

START_TEST (refused)
{
  const struct refusal *r = &refusals[_i];
  struct store *s = r->child ? make (true) : make_with_data ();
  struct mem_image *before;
  uint64_t where = 0;

  r->spoil (s);
  before = mem_image_copy (store_mem_image (s));
  for (int read_only = 0; read_only < 2; read_only++) {
    struct store *way = store_fault_borrow (s);
    struct image *i;

    log_memory_clear ();
    errno = 0;
    i = vhdx_try_open (way, read_only);
    if (read_only && r->only_writing) {
      ck_assert_ptr_nonnull (i);
      image_close (i);
      continue;
    }
    ck_assert_ptr_null (i);
    ck_assert (errno == EINVAL || errno == EOPNOTSUPP);
    store_close (way);
    if (log_memory_errors () != 1 || !log_memory_contains (r->message) ||
        !log_memory_contains ("error: " VHDX_NAME ": ")) {
      log_memory_print ();
      ck_abort_msg ("%d: not refused as expected: %s", _i, r->message);
    }
  }
  ck_assert (mem_image_equal (before, store_mem_image (s), &where));
  mem_image_free (before);
  store_close (s);
}
END_TEST

/* What is bad for writing gives errors where it is read, and nowhere
 * else.
 */
START_TEST (bad_entries_are_read_as_errors)
{
  static void (*const spoils[]) (struct store *) = {
    block_beyond_end, reserved_state, reserved_bits, partial_without_parent
  };

  for (size_t k = 0; k < ARRAY_SIZE (spoils); k++) {
    struct store *s = make_with_data ();
    struct image *i;
    uint8_t buf[512];
    int err;

    spoils[k](s);
    i = vhdx_must_open (s, true);
    ck_assert_int_eq (image_read (i, buf, 512, MIB, NULL, NULL, &err), -1);
    ck_assert_int_eq (err, EIO);
    ck_assert_int_eq (image_read (i, buf, 512, 3 * MIB, NULL, NULL, &err), 0);
    ck_assert_int_eq (buf[0], 'd');
    image_close (i);
  }
}
END_TEST

START_TEST (partial_without_bitmap_is_an_error)
{
  struct store *s = make (true);
  struct image *i;
  uint8_t buf[512];
  int err;

  partial_without_bitmap (s);
  i = vhdx_must_open (s, true);
  ck_assert_int_eq (image_read (i, buf, 512, MIB, NULL, NULL, &err), -1);
  ck_assert_int_eq (err, EIO);
  image_close (i);
}
END_TEST

/* Regions that nobody knows stay, and are not allocated. */
START_TEST (unknown_region)
{
  struct store *s = make (false);
  uint8_t mark[4096], buf[4096];
  struct image *i;
  int err;

  extend (s);
  change_regions (s, add_region);
  memset (mark, 'm', sizeof mark);
  vhdx_poke (s, mark, sizeof mark, 4 * MIB);
  i = vhdx_must_open (store_fault_borrow (s), false);
  for (unsigned k = 0; k < 9; k++)
    ck_assert_int_eq (image_write (i, buf, 512, k * MIB, 0, &err), 0);
  image_close (i);
  vhdx_peek (s, buf, sizeof buf, 4 * MIB);
  ck_assert (memcmp (buf, mark, sizeof buf) == 0);
  ck_assert_uint_eq (vhdx_peek_regions (s).count, 3);
  store_close (s);
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("image-vhdx-refused");
  TCase *c = test_case (suite, "refused");

  tcase_add_loop_test (c, refused, 0, (int) ARRAY_SIZE (refusals));
  tcase_add_test (c, bad_entries_are_read_as_errors);
  tcase_add_test (c, partial_without_bitmap_is_an_error);
  tcase_add_test (c, unknown_region);
  return test_run (suite);
}
