/* SPDX-License-Identifier: BSD-3-Clause
 *
 * vhdx-layout: places as Windows chooses them, which the parsers accept;
 * limits.
 */

#include <config.h>

#include <check.h>
#include <string.h>

#include "base/align.h"
#include "support/main.h"
#include "vhdx/vhdx-layout.h"

#define MIB ((uint64_t) 1 << 20)
#define TIB ((uint64_t) 1 << 40)

static const struct vhdx_metadata usual = {
  .block_size = 32 << 20,
  .size = 127 * 1024 * MIB,
  .sector_size = 512,
  .physical_sector_size = 4096,
};

START_TEST (as_windows)
{
  static const struct uuid file = { "file write id 16" };
  static const struct uuid data = { "data write id 16" };
  static uint8_t table[VHDX_REGION_SIZE];
  struct vhdx_region_copies copies;
  struct vhdx_regions r;
  struct vhdx_header h;
  struct vhdx_layout l;

  ck_assert_int_eq (vhdx_layout_of (&usual, &l), VHDX_OK);
  ck_assert_uint_eq (l.log_offset, MIB);
  ck_assert_uint_eq (l.log_length, MIB);
  ck_assert_uint_eq (l.metadata.offset, 2 * MIB);
  ck_assert_uint_eq (l.bat.offset, 3 * MIB);
  ck_assert_uint_eq (l.bat.length, MIB);
  ck_assert_uint_eq (l.data_offset, 4 * MIB);

  h = vhdx_layout_header (&l, 7, &file, &data);
  ck_assert_uint_eq (h.sequence, 7);
  ck_assert (uuid_equal (&h.file_write_id, &file));
  ck_assert (uuid_equal (&h.data_write_id, &data));
  ck_assert (uuid_is_nil (&h.log_id));
  ck_assert_int_eq (vhdx_header_check (&h, l.data_offset), VHDX_OK);
  vhdx_layout_regions (&l, table);
  ck_assert_int_eq (vhdx_region_choose (table, table, &copies), VHDX_OK);
  ck_assert_int_eq (vhdx_region_parse (table, &h, l.data_offset, &r), VHDX_OK);
  ck_assert (r.bat.required && r.metadata.required);
  /* The BAT is first, as in files of Windows. */
  ck_assert_uint_eq (vhdx_region_get (table, 0).offset, 3 * MIB);
  ck_assert_int_eq (vhdx_bat_check (&l.geometry, r.bat.length), VHDX_OK);
}
END_TEST

START_TEST (large_tables)
{
  static const struct {
    uint64_t size;
    uint32_t block_size;
    bool has_parent;
    uint64_t bat;
  } cases[] = {
    { 64 * TIB, 1 << 20, true, 513 * MIB },
    { 64 * TIB, 1 << 20, false, 513 * MIB },
    { 64 * TIB, 256 << 20, false, 3 * MIB },
    { 64 * TIB, 32 << 20, false, 17 * MIB },
    { 131072 * MIB - 512, 1 << 20, false, 2 * MIB },
    { 131040 * MIB, 1 << 20, false, MIB }, /* 131071 entries with 31 */
  };

  for (size_t i = 0; i < ARRAY_SIZE (cases); i++) {
    struct vhdx_metadata m = usual;
    struct vhdx_layout l;

    m.size = cases[i].size;
    m.block_size = cases[i].block_size;
    m.has_parent = cases[i].has_parent;
    ck_assert_int_eq (vhdx_layout_of (&m, &l), VHDX_OK);
    ck_assert_msg (l.bat.length == cases[i].bat, "%zu: %u", i, l.bat.length);
    ck_assert_int_eq (vhdx_bat_check (&l.geometry, l.bat.length), VHDX_OK);
  }
}
END_TEST

START_TEST (limits)
{
  static const struct {
    uint64_t size;
    uint32_t block_size, sector_size, physical_sector_size;
    enum vhdx_status status;
  } cases[] = {
    { 512, 1 << 20, 512, 512, VHDX_OK },
    { 64 * TIB, 256 << 20, 4096, 4096, VHDX_OK },
    { 0, 1 << 20, 512, 512, VHDX_DISK_SIZE },
    { 513, 1 << 20, 512, 512, VHDX_DISK_SIZE },
    { 512, 1 << 20, 4096, 4096, VHDX_DISK_SIZE },
    { 64 * TIB + 512, 1 << 20, 512, 512, VHDX_DISK_SIZE },
    { UINT64_MAX - 511, 1 << 20, 512, 512, VHDX_DISK_SIZE },
    { 512, 512 << 10, 512, 512, VHDX_BLOCK_SIZE },
    { 512, 512 << 20, 512, 512, VHDX_BLOCK_SIZE },
    { 512, 3 << 20, 512, 512, VHDX_BLOCK_SIZE },
    { 512, 0, 512, 512, VHDX_BLOCK_SIZE },
    { 512, 1 << 20, 1024, 4096, VHDX_SECTOR_SIZE },
    { 512, 1 << 20, 0, 4096, VHDX_SECTOR_SIZE },
    { 512, 1 << 20, 512, 2048, VHDX_PHYSICAL_SECTOR_SIZE },
  };

  for (size_t i = 0; i < ARRAY_SIZE (cases); i++) {
    const struct vhdx_metadata m = {
      .size = cases[i].size,
      .block_size = cases[i].block_size,
      .sector_size = cases[i].sector_size,
      .physical_sector_size = cases[i].physical_sector_size,
    };
    struct vhdx_layout l;

    ck_assert_int_eq (vhdx_layout_of (&m, &l), cases[i].status);
    ck_assert (cases[i].status == VHDX_OK || l.data_offset == 0);
  }
}
END_TEST

int
main (void)
{
  const TTest *const tests[] = { as_windows, large_tables, limits };

  return test_main ("vhdx-layout", tests, ARRAY_SIZE (tests));
}
