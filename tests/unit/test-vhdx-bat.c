/* SPDX-License-Identifier: BSD-3-Clause
 *
 * vhdx-bat: how many entries there are and which is whose; what an entry
 * says and may say.
 */

#include <config.h>

#include <check.h>
#include <string.h>

#include "base/align.h"
#include "support/main.h"
#include "vhdx/vhdx-bat.h"

#define MIB ((uint64_t) 1 << 20)
#define TIB ((uint64_t) 1 << 40)

START_TEST (geometry)
{
  static const struct {
    uint64_t size;
    uint32_t block_size, sector_size;
    bool has_parent;
    uint64_t ratio, nblocks, nchunks, nentries;
  } cases[] = {
    { 512, 1 << 20, 512, false, 4096, 1, 1, 1 },
    { 4 * MIB, 2 << 20, 512, true, 2048, 2, 1, 2049 }, /* as Windows' */
    { 4 * MIB, 2 << 20, 512, false, 2048, 2, 1, 2 },
    { 4096 * MIB, 1 << 20, 512, false, 4096, 4096, 1, 4096 },
    { 4096 * MIB + 512, 1 << 20, 512, false, 4096, 4097, 2, 4098 },
    { 4096 * MIB + 512, 1 << 20, 512, true, 4096, 4097, 2, 8194 },
    { 64 * TIB, 1 << 20, 512, false, 4096, 1 << 26, 1 << 14,
      (1 << 26) + (1 << 14) - 1 },
    { 64 * TIB, 256 << 20, 4096, true, 128, 1 << 18, 1 << 11,
      (1 << 18) + (1 << 11) },
    { 127 * MIB, 32 << 20, 4096, false, 1024, 4, 1, 4 },
    { 64 * MIB, 256 << 20, 512, true, 16, 1, 1, 17 },
  };

  for (size_t i = 0; i < ARRAY_SIZE (cases); i++) {
    const struct vhdx_bat b =
      vhdx_bat_of (cases[i].size, cases[i].block_size, cases[i].sector_size,
                   cases[i].has_parent);

    ck_assert_uint_eq (b.chunk_ratio, cases[i].ratio);
    ck_assert_uint_eq (b.nblocks, cases[i].nblocks);
    ck_assert_uint_eq (b.nchunks, cases[i].nchunks);
    ck_assert_uint_eq (b.nentries, cases[i].nentries);
    ck_assert_int_eq (vhdx_bat_check (&b, 8 * b.nentries), VHDX_OK);
    ck_assert_int_eq (vhdx_bat_check (&b, 8 * b.nentries - 1), VHDX_BAT_SHORT);
  }
}
END_TEST

/* Every entry is one block's or one bitmap's. */
START_TEST (indexes)
{
  const struct vhdx_bat b = vhdx_bat_of (100 * 1024 * MIB, 64 << 20, 512, true);
  uint64_t index = 0;

  for (uint64_t chunk = 0; chunk < b.nchunks; chunk++) {
    for (uint64_t k = 0; k < b.chunk_ratio; k++, index++) {
      quick_assert (vhdx_bat_block_index (&b, chunk * b.chunk_ratio + k) ==
                    index);
      quick_assert (!vhdx_bat_is_bitmap (&b, index));
    }
    quick_assert (vhdx_bat_bitmap_index (&b, chunk) == index);
    quick_assert (vhdx_bat_is_bitmap (&b, index));
    index++;
  }
  ck_assert_uint_eq (index, b.nentries);
}
END_TEST

START_TEST (bits)
{
  struct vhdx_entry e = vhdx_entry_decode (0x500007);

  ck_assert_uint_eq (e.state, VHDX_BLOCK_PARTIALLY_PRESENT);
  ck_assert_uint_eq (e.offset, 5 * MIB);
  ck_assert (!e.reserved);
  ck_assert_uint_eq (vhdx_entry_encode (VHDX_BLOCK_PARTIALLY_PRESENT, 5 * MIB),
                     0x500007);

  e = vhdx_entry_decode (UINT64_MAX);
  ck_assert_uint_eq (e.state, 7);
  ck_assert_uint_eq (e.offset, UINT64_MAX - MIB + 1);
  ck_assert (e.reserved);
  for (unsigned bit = 0; bit < 64; bit++) {
    e = vhdx_entry_decode (UINT64_C (1) << bit);
    ck_assert (e.reserved == (bit >= 3 && bit < 20));
    ck_assert ((e.state != 0) == (bit < 3));
    ck_assert ((e.offset != 0) == (bit >= 20));
  }
}
END_TEST

START_TEST (checks)
{
  static const struct {
    uint64_t raw;
    enum vhdx_status alone, child, bitmap;
  } cases[] = {
    { 0, VHDX_OK, VHDX_OK, VHDX_OK },
    { 0x300000, VHDX_OK, VHDX_OK, VHDX_OK }, /* a hint */
    { 1, VHDX_OK, VHDX_OK, VHDX_ENTRY_STATE },
    { 0x300001, VHDX_OK, VHDX_OK, VHDX_ENTRY_STATE },
    { 2, VHDX_OK, VHDX_OK, VHDX_ENTRY_STATE },
    { 3, VHDX_OK, VHDX_OK, VHDX_ENTRY_STATE },
    { 0x300003, VHDX_OK, VHDX_OK, VHDX_ENTRY_STATE },
    { 4, VHDX_ENTRY_STATE, VHDX_ENTRY_STATE, VHDX_ENTRY_STATE },
    { 0x300005, VHDX_ENTRY_STATE, VHDX_ENTRY_STATE, VHDX_ENTRY_STATE },
    { 0x300006, VHDX_OK, VHDX_OK, VHDX_OK },
    { 0x100006, VHDX_OK, VHDX_OK, VHDX_OK },
    { 6, VHDX_ENTRY_PLACE, VHDX_ENTRY_PLACE, VHDX_ENTRY_PLACE },
    { 0x300007, VHDX_ENTRY_PARTIAL, VHDX_OK, VHDX_ENTRY_PARTIAL },
    { 7, VHDX_ENTRY_PARTIAL, VHDX_ENTRY_PLACE, VHDX_ENTRY_PARTIAL },
    { 0x300008, VHDX_ENTRY_RESERVED, VHDX_ENTRY_RESERVED, VHDX_ENTRY_RESERVED },
    { 0x380006, VHDX_ENTRY_RESERVED, VHDX_ENTRY_RESERVED, VHDX_ENTRY_RESERVED },
  };
  const struct vhdx_bat alone = vhdx_bat_of (MIB, 1 << 20, 512, false);
  const struct vhdx_bat child = vhdx_bat_of (MIB, 1 << 20, 512, true);

  for (size_t i = 0; i < ARRAY_SIZE (cases); i++) {
    const struct vhdx_entry e = vhdx_entry_decode (cases[i].raw);

    ck_assert_int_eq (vhdx_entry_check (&alone, &e, false), cases[i].alone);
    ck_assert_int_eq (vhdx_entry_check (&child, &e, false), cases[i].child);
    ck_assert_int_eq (vhdx_entry_check (&child, &e, true), cases[i].bitmap);
    ck_assert_int_eq (vhdx_entry_check (&alone, &e, true), cases[i].bitmap);
  }
}
END_TEST

START_TEST (names)
{
  for (unsigned i = 0; i < 9; i++)
    for (unsigned k = 0; k < i; k++)
      ck_assert_str_ne (vhdx_block_state_name (i), vhdx_block_state_name (k));
  ck_assert_str_eq (vhdx_block_state_name (6), "fully present");
}
END_TEST

int
main (void)
{
  const TTest *const tests[] = { geometry, indexes, bits, checks, names };

  return test_main ("vhdx-bat", tests, ARRAY_SIZE (tests));
}
