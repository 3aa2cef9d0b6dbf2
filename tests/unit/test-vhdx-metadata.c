/* SPDX-License-Identifier: BSD-3-Clause
 *
 * vhdx-metadata: a table and items that are right but for one thing, and
 * those of a new file.
 */

#include <config.h>

#include <check.h>
#include <string.h>

#include "base/align.h"
#include "base/bytes.h"
#include "support/main.h"
#include "vhdx/vhdx-guid.h"
#include "vhdx/vhdx-metadata.h"

#define MIB ((uint64_t) 1 << 20)
#define KIB64 65536u

static const struct vhdx_metadata made = {
  .block_size = 2 << 20,
  .has_parent = true,
  .size = 127 * MIB + 512,
  .sector_size = 512,
  .physical_sector_size = 4096,
  .id = { "id of this disk!" },
};
static const char locator[20] = "what the parent is";
static uint8_t region[VHDX_METADATA_NEW_SIZE];
static struct vhdx_metadata m;

static void
put32 (size_t at, uint32_t value)
{
  const le32 v = le32_put (value);

  memcpy (region + at, &v, sizeof v);
}

/* Where the entry at INDEX is. */
static size_t
entry (unsigned index)
{
  return 32 + 32 * index;
}

static void
put_count (uint16_t count)
{
  const le16 v = le16_put (count);

  memcpy (region + 10, &v, sizeof v);
}

static void
set_entry (unsigned index, const struct uuid *id, uint32_t offset,
           uint32_t length, uint32_t flags)
{
  memcpy (region + entry (index), id->b, sizeof id->b);
  put32 (entry (index) + 16, offset);
  put32 (entry (index) + 20, length);
  put32 (entry (index) + 24, flags);
}

/* A differencing disk, with six items. */
static void
start (void)
{
  vhdx_metadata_serialise (&made, locator, 20, region);
}

static enum vhdx_status
parse (void)
{
  return vhdx_metadata_parse (region, MIB, &m);
}

static enum vhdx_status
parse_all (void)
{
  enum vhdx_status status = parse ();

  for (unsigned i = 0; status == VHDX_OK && i < VHDX_ITEM_PARENT_LOCATOR; i++)
    status = vhdx_metadata_item (i, region + m.item[i].offset, &m);
  return status == VHDX_OK ? vhdx_metadata_check (&m) : status;
}

START_TEST (members)
{
  start ();
  ck_assert_int_eq (parse_all (), VHDX_OK);
  ck_assert_uint_eq (m.count, 6);
  ck_assert_uint_eq (m.nunknown, 0);
  ck_assert_uint_eq (m.block_size, 2 << 20);
  ck_assert (m.has_parent);
  ck_assert (!m.keeps_blocks);
  ck_assert_uint_eq (m.size, 127 * MIB + 512);
  ck_assert_uint_eq (m.sector_size, 512);
  ck_assert_uint_eq (m.physical_sector_size, 4096);
  ck_assert (uuid_equal (&m.id, &made.id));
  ck_assert_uint_eq (m.item[VHDX_ITEM_PARENT_LOCATOR].length, 20);
  ck_assert_mem_eq (region + m.item[VHDX_ITEM_PARENT_LOCATOR].offset, locator,
                    sizeof locator);
}
END_TEST

/* In the places where Windows 10 has them. */
START_TEST (as_windows_writes_it)
{
  static const struct {
    const struct uuid *id;
    uint32_t offset, length, flags;
  } items[] = {
    { &vhdx_guid_file_parameters, KIB64, 8, 4 },
    { &vhdx_guid_disk_size, KIB64 + 8, 8, 6 },
    { &vhdx_guid_sector_size, KIB64 + 16, 4, 6 },
    { &vhdx_guid_physical_sector_size, KIB64 + 20, 4, 6 },
    { &vhdx_guid_disk_id, KIB64 + 24, 16, 6 },
    { &vhdx_guid_parent_locator, KIB64 + 40, 20, 4 },
  };

  start ();
  ck_assert_mem_eq (region, "metadata\0\0\006\0", 12);
  for (unsigned i = 0; i < ARRAY_SIZE (items); i++) {
    const struct vhdx_metadata_entry e = vhdx_metadata_get (region, i);

    ck_assert (uuid_equal (&e.id, items[i].id));
    ck_assert_uint_eq (e.offset, items[i].offset);
    ck_assert_uint_eq (e.length, items[i].length);
    ck_assert_uint_eq (e.flags, items[i].flags);
  }
}
END_TEST

START_TEST (without_a_parent)
{
  struct vhdx_metadata fixed = made;

  fixed.has_parent = false;
  fixed.keeps_blocks = true;
  vhdx_metadata_serialise (&fixed, NULL, 0, region);
  ck_assert_int_eq (parse_all (), VHDX_OK);
  ck_assert_uint_eq (m.count, 5);
  ck_assert (!m.has_parent);
  ck_assert (m.keeps_blocks);
  ck_assert (!m.item[VHDX_ITEM_PARENT_LOCATOR].exists);

  fixed.has_parent = true;
  vhdx_metadata_serialise (&fixed, NULL, 0, region);
  ck_assert_int_eq (parse_all (), VHDX_NO_LOCATOR);
}
END_TEST

START_TEST (heads)
{
  for (unsigned i = 0; i < 32; i++) {
    enum vhdx_status expected =
      i < 8 ? VHDX_NO_METADATA_TABLE : VHDX_METADATA_FLAGS;

    if (i == 10 || i == 11)
      continue; /* the count */
    start ();
    region[i] ^= 1;
    ck_assert_int_eq (parse (), expected);
  }
  start ();
  put_count (VHDX_METADATA_MAX + 1);
  ck_assert_int_eq (parse (), VHDX_METADATA_COUNT);
  put_count (UINT16_MAX);
  ck_assert_int_eq (parse (), VHDX_METADATA_COUNT);
  put_count (7); /* one that is all zeroes */
  ck_assert_int_eq (parse (), VHDX_METADATA_ID);
}
END_TEST

START_TEST (missing)
{
  for (unsigned item = 0; item < VHDX_ITEM_COUNT; item++) {
    start ();
    region[entry (item)] ^= 1;
    put32 (entry (item) + 24, VHDX_META_VIRTUAL_DISK); /* not required */
    if (item == VHDX_ITEM_PARENT_LOCATOR) {
      ck_assert_int_eq (parse_all (), VHDX_NO_LOCATOR);
      continue;
    }
    ck_assert_int_eq (parse (), VHDX_METADATA_MISSING);
    region[entry (item)] ^= 1;
    ck_assert_mem_eq (m.bad.id.b, region + entry (item), 16);
  }
}
END_TEST

START_TEST (entries)
{
  static const struct uuid unknown = { { "no one knows me" } }, nil;
  static const struct {
    const struct uuid *id;
    uint32_t offset, length, flags;
    enum vhdx_status status;
  } cases[] = {
    { &unknown, 0x20000, 100, 0, VHDX_OK },
    { &unknown, 0x20000, 100, VHDX_META_USER, VHDX_OK },
    { &unknown, 0x20000, 100, VHDX_META_VIRTUAL_DISK, VHDX_OK },
    { &unknown, 0x20000, 100, VHDX_META_REQUIRED, VHDX_METADATA_UNKNOWN },
    { &unknown, 0x20000, 100, VHDX_META_REQUIRED | VHDX_META_USER,
      VHDX_METADATA_UNKNOWN },
    { &unknown, 0x20000, 100, 8, VHDX_METADATA_FLAGS },
    { &unknown, 0x20000, 100, 0x80000000, VHDX_METADATA_FLAGS },
    { &nil, 0x20000, 100, 0, VHDX_METADATA_ID },
    { &unknown, 0, 0, 0, VHDX_OK },
    { &unknown, 0x20000, 0, 0, VHDX_METADATA_PLACE },
    { &unknown, 0x20000, 0xe0000, 0, VHDX_OK },
    { &unknown, 0x20000, 0xe0001, 0, VHDX_METADATA_PLACE },
    { &unknown, 0x20000, 0x100001, 0, VHDX_METADATA_LENGTH },
    { &unknown, 0xffffffff, 1, 0, VHDX_METADATA_PLACE },
    { &unknown, 0xfffff, 1, 0, VHDX_OK },
    { &unknown, 0xffff, 1, 0, VHDX_METADATA_PLACE },
    { &unknown, 0, 1, 0, VHDX_METADATA_PLACE },
    { &unknown, KIB64 + 59, 1, 0, VHDX_METADATA_OVERLAP },
    { &unknown, KIB64 + 60, 1, 0, VHDX_OK },
    { &unknown, KIB64, 1, 0, VHDX_METADATA_OVERLAP },
    { &vhdx_guid_geometry, 0x20000, 4, VHDX_META_REQUIRED, VHDX_OK },
    { &vhdx_guid_pmem_label, 0x20000, 4, VHDX_META_REQUIRED, VHDX_OK },
    { &vhdx_guid_geometry, 0x20000, 4, VHDX_META_REQUIRED | VHDX_META_USER,
      VHDX_METADATA_UNKNOWN },
    { &vhdx_guid_incomplete, 0x20000, 4, 0, VHDX_METADATA_INCOMPLETE },
    { &vhdx_guid_incomplete, 0x20000, 4, VHDX_META_USER, VHDX_OK },
    { &vhdx_guid_disk_size, 0x20000, 8, 6, VHDX_METADATA_TWICE },
    { &vhdx_guid_disk_size, 0x20000, 8, VHDX_META_USER, VHDX_OK },
  };

  for (size_t i = 0; i < ARRAY_SIZE (cases); i++) {
    enum vhdx_status status;

    start ();
    put_count (7);
    set_entry (6, cases[i].id, cases[i].offset, cases[i].length,
               cases[i].flags);
    status = parse ();
    ck_assert_msg (status == cases[i].status, "%zu: %s", i,
                   vhdx_status_string (status));
    ck_assert_uint_eq (m.nunknown, status == VHDX_OK ? 1 : m.nunknown);
  }
  start ();
  put_count (7);
  set_entry (6, &unknown, 0x20000, 100, 0);
  put32 (entry (6) + 28, 1);
  ck_assert_int_eq (parse (), VHDX_METADATA_FLAGS);
}
END_TEST

START_TEST (unknown_twice)
{
  static const struct uuid unknown = { { "no one knows me" } };

  start ();
  put_count (8);
  set_entry (6, &unknown, 0x20000, 100, 0);
  set_entry (7, &unknown, 0x30000, 100, 0);
  ck_assert_int_eq (parse (), VHDX_METADATA_TWICE);
  set_entry (7, &unknown, 0x30000, 100, VHDX_META_USER);
  ck_assert_int_eq (parse (), VHDX_OK);
  ck_assert_uint_eq (m.nunknown, 2);
}
END_TEST

START_TEST (as_many_as_can_be)
{
  struct uuid id = { { "id of this disk!" } };

  start ();
  for (unsigned i = 6; i < VHDX_METADATA_MAX; i++) {
    id.b[0] = i & 0xff;
    id.b[1] = (uint8_t) (i >> 8);
    set_entry (i, &id, 0x20000 + i, 1,
               i < 6 + VHDX_METADATA_USER_MAX ? VHDX_META_USER : 0);
  }
  put_count (VHDX_METADATA_MAX);
  ck_assert_int_eq (parse (), VHDX_OK);
  put32 (entry (VHDX_METADATA_MAX - 1) + 24, VHDX_META_USER);
  ck_assert_int_eq (parse (), VHDX_METADATA_COUNT);
  put32 (entry (VHDX_METADATA_MAX - 1) + 24, 0);
  put32 (entry (VHDX_METADATA_MAX - 1) + 16, 0x20000 + 100);
  ck_assert_int_eq (parse (), VHDX_METADATA_OVERLAP);
}
END_TEST

START_TEST (flags_of_known)
{
  for (unsigned item = 0; item < VHDX_ITEM_COUNT; item++) {
    const size_t at = entry (item) + 24;
    const uint8_t good =
      item == VHDX_ITEM_FILE_PARAMETERS || item == VHDX_ITEM_PARENT_LOCATOR ?
        0 :
        VHDX_META_VIRTUAL_DISK;

    start ();
    region[at] = good; /* whether it is required does not matter */
    ck_assert_int_eq (parse (), VHDX_OK);
    region[at] ^= VHDX_META_VIRTUAL_DISK;
    ck_assert_int_eq (parse (), VHDX_ITEM_FLAGS);
  }
}
END_TEST

START_TEST (lengths_of_known)
{
  for (unsigned item = 0; item < VHDX_ITEM_COUNT; item++) {
    start ();
    region[entry (item) + 20]--;
    ck_assert_int_eq (parse (), VHDX_ITEM_LENGTH);
    region[entry (item) + 20] = 0;
    put32 (entry (item) + 16, 0);
    ck_assert_int_eq (parse (), VHDX_ITEM_LENGTH);
  }
}
END_TEST

START_TEST (values)
{
  static const struct {
    enum vhdx_item item;
    unsigned at; /* in the item */
    uint32_t value;
    enum vhdx_status status;
  } cases[] = {
    { VHDX_ITEM_FILE_PARAMETERS, 0, 1 << 20, VHDX_OK },
    { VHDX_ITEM_FILE_PARAMETERS, 0, 256 << 20, VHDX_OK },
    { VHDX_ITEM_FILE_PARAMETERS, 0, 512 << 20, VHDX_BLOCK_SIZE },
    { VHDX_ITEM_FILE_PARAMETERS, 0, 512 << 10, VHDX_BLOCK_SIZE },
    { VHDX_ITEM_FILE_PARAMETERS, 0, 3 << 20, VHDX_BLOCK_SIZE },
    { VHDX_ITEM_FILE_PARAMETERS, 0, 0, VHDX_BLOCK_SIZE },
    { VHDX_ITEM_FILE_PARAMETERS, 0, 0x80000000, VHDX_BLOCK_SIZE },
    { VHDX_ITEM_FILE_PARAMETERS, 4, 3, VHDX_OK },
    { VHDX_ITEM_FILE_PARAMETERS, 4, 4, VHDX_FILE_FLAGS },
    { VHDX_ITEM_FILE_PARAMETERS, 4, 0x80000000, VHDX_FILE_FLAGS },
    { VHDX_ITEM_DISK_SIZE, 0, 0x7f00001, VHDX_DISK_SIZE },
    { VHDX_ITEM_DISK_SIZE, 0, 0x200, VHDX_OK },
    { VHDX_ITEM_DISK_SIZE, 0, 0, VHDX_DISK_SIZE },
    { VHDX_ITEM_DISK_SIZE, 4, 0x4000, VHDX_DISK_SIZE }, /* and 127 MiB */
    { VHDX_ITEM_DISK_SIZE, 4, 0x3fff, VHDX_OK },
    { VHDX_ITEM_DISK_SIZE, 4, 0xffffffff, VHDX_DISK_SIZE },
    { VHDX_ITEM_SECTOR_SIZE, 0, 512, VHDX_OK },
    { VHDX_ITEM_SECTOR_SIZE, 0, 4096, VHDX_DISK_SIZE }, /* is odd sectors */
    { VHDX_ITEM_SECTOR_SIZE, 0, 1024, VHDX_SECTOR_SIZE },
    { VHDX_ITEM_SECTOR_SIZE, 0, 0, VHDX_SECTOR_SIZE },
    { VHDX_ITEM_PHYSICAL_SECTOR_SIZE, 0, 512, VHDX_OK },
    { VHDX_ITEM_PHYSICAL_SECTOR_SIZE, 0, 8192, VHDX_PHYSICAL_SECTOR_SIZE },
    { VHDX_ITEM_PHYSICAL_SECTOR_SIZE, 0, 0, VHDX_PHYSICAL_SECTOR_SIZE },
  };

  for (size_t i = 0; i < ARRAY_SIZE (cases); i++) {
    enum vhdx_status status;

    start ();
    ck_assert_int_eq (parse (), VHDX_OK);
    put32 (m.item[cases[i].item].offset + cases[i].at, cases[i].value);
    if (cases[i].item == VHDX_ITEM_DISK_SIZE && cases[i].at == 0)
      put32 (m.item[cases[i].item].offset + 4, 0);
    status = parse_all ();
    ck_assert_msg (status == cases[i].status, "%zu: %s", i,
                   vhdx_status_string (status));
  }
}
END_TEST

START_TEST (largest)
{
  struct vhdx_metadata large = made;

  large.size = VHDX_DISK_SIZE_MAX;
  large.sector_size = 4096;
  large.physical_sector_size = 512; /* there is such a file */
  vhdx_metadata_serialise (&large, locator, 20, region);
  ck_assert_int_eq (parse_all (), VHDX_OK);
  ck_assert_uint_eq (m.size, VHDX_DISK_SIZE_MAX);
}
END_TEST

START_TEST (new_size)
{
  uint8_t bytes[8];
  uint32_t offset;

  start ();
  ck_assert_int_eq (parse (), VHDX_OK);
  offset = vhdx_metadata_set_size (&m, 0x123456789a00, bytes);
  memcpy (region + offset, bytes, sizeof bytes);
  ck_assert_int_eq (parse_all (), VHDX_OK);
  ck_assert_uint_eq (m.size, 0x123456789a00);
}
END_TEST

int
main (void)
{
  const TTest *const tests[] = {
    members,          as_windows_writes_it,
    without_a_parent, heads,
    missing,          entries,
    unknown_twice,    as_many_as_can_be,
    flags_of_known,   lengths_of_known,
    values,           largest,
    new_size,
  };

  return test_main ("vhdx-metadata", tests, ARRAY_SIZE (tests));
}
