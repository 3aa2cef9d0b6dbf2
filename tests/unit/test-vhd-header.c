/* SPDX-License-Identifier: BSD-3-Clause
 *
 * vhd-header and vhd-batmap: every check, on a header that is right but
 * for one thing; nothing is lost; what is written.
 */

#include <config.h>

#include <check.h>
#include <string.h>

#include "base/align.h"
#include "support/main.h"
#include "vhd/vhd-batmap.h"
#include "vhd/vhd-header.h"

#define CHECKSUM 0x24

static struct vhd_header header;
static uint8_t bytes[VHD_HEADER_SIZE];

static void
put32 (size_t at, uint32_t value)
{
  const be32 v = be32_put (value);

  memcpy (bytes + at, &v, sizeof v);
}

static void
repair_checksum (void)
{
  put32 (CHECKSUM, vhd_checksum (bytes, sizeof bytes, CHECKSUM));
}

static void
start (void)
{
  header = vhd_header_new (UINT64_C (40) << 20, 2 << 20, 1536);
  vhd_header_serialise (&header, bytes);
}

static enum vhd_status
parse (void)
{
  return vhd_header_parse (bytes, &header);
}

/* What Windows 8 wrote for a disk of 40 MiB; what follows is zero. */
START_TEST (as_windows_writes_it)
{
  static const uint8_t by_windows[] = {
    0x63, 0x78, 0x73, 0x70, 0x61, 0x72, 0x73, 0x65, 0xff, 0xff,
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00,
    0x00, 0x00, 0x06, 0x00, 0x00, 0x01, 0x00, 0x00, 0x00, 0x00,
    0x00, 0x14, 0x00, 0x20, 0x00, 0x00, 0xff, 0xff, 0xf4, 0x63
  };
  uint8_t expected[VHD_HEADER_SIZE] = { 0 };

  start ();
  memcpy (expected, by_windows, sizeof by_windows);
  ck_assert_mem_eq (bytes, expected, sizeof bytes);
}
END_TEST

START_TEST (nothing_is_lost)
{
  uint8_t out[VHD_HEADER_SIZE];

  start ();
  for (size_t i = 8; i < sizeof bytes; i++)
    bytes[i] = (uint8_t) (i * 7 + 1);
  put32 (0x18, VHD_HEADER_VERSION_1 + 3);
  put32 (0x20, 4096);
  repair_checksum ();
  ck_assert_int_eq (parse (), VHD_OK);
  vhd_header_serialise (&header, out);
  ck_assert_mem_eq (out, bytes, sizeof out);
}
END_TEST

START_TEST (members)
{
  start ();
  put32 (0x14, 0x12345600);
  put32 (0x10, 1);
  put32 (0x1c, 77);
  bytes[0x28] = 9;
  put32 (0x38, 88);
  memcpy (bytes + 0x40, "\0p", 2);
  memcpy (bytes + 0x240 + 24, "W2ru", 4);
  put32 (0x240 + 28, 99);
  put32 (0x240 + 32, 22);
  put32 (0x240 + 44, 0x3000);
  repair_checksum ();
  ck_assert_int_eq (parse (), VHD_OK);
  ck_assert_uint_eq (header.next, UINT64_MAX);
  ck_assert_uint_eq (header.bat_offset, UINT64_C (0x112345600));
  ck_assert_uint_eq (header.nentries, 77);
  ck_assert_uint_eq (header.block_size, 2 << 20);
  ck_assert_uint_eq (header.parent_id.b[0], 9);
  ck_assert_uint_eq (header.parent_timestamp, 88);
  ck_assert_uint_eq (header.parent_name[1], 'p');
  ck_assert_mem_eq (header.locator[1].platform, "W2ru", 4);
  ck_assert_uint_eq (header.locator[1].space, 99);
  ck_assert_uint_eq (header.locator[1].length, 22);
  ck_assert_uint_eq (header.locator[1].offset, 0x3000);
}
END_TEST

START_TEST (checks)
{
  static const struct {
    size_t at;
    uint32_t value;
    bool sealed; /* with the right checksum */
    enum vhd_status status;
  } cases[] = {
    { 0x00, 0x63787370, true, VHD_OK },
    { 0x00, 0x63787371, true, VHD_NO_HEADER },
    { 0x00, 0x63787371, false, VHD_NO_HEADER },
    { 0x3fc, 1, false, VHD_HEADER_CHECKSUM },
    { 0x3fc, 1, true, VHD_OK },
    { 0x18, 0x00020000, false, VHD_HEADER_CHECKSUM },
    { 0x18, 0x00020000, true, VHD_HEADER_VERSION },
    { 0x18, 0, true, VHD_HEADER_VERSION },
    { 0x18, 0x0001ffff, true, VHD_OK },
    { 0x20, 0, true, VHD_BAD_BLOCK_SIZE },
    { 0x20, 256, true, VHD_BAD_BLOCK_SIZE },
    { 0x20, 512, true, VHD_OK },
    { 0x20, 513, true, VHD_BAD_BLOCK_SIZE },
    { 0x20, 3 << 20, true, VHD_BAD_BLOCK_SIZE },
    { 0x20, 256 << 20, true, VHD_OK },
    { 0x20, 512 << 20, true, VHD_BAD_BLOCK_SIZE },
    { 0x20, UINT32_C (1) << 31, true, VHD_BAD_BLOCK_SIZE },
  };
  static const struct vhd_header nothing;

  for (size_t i = 0; i < ARRAY_SIZE (cases); i++) {
    start ();
    put32 (cases[i].at, cases[i].value);
    if (cases[i].sealed)
      repair_checksum ();
    ck_assert_int_eq (parse (), cases[i].status);
    if (cases[i].status == VHD_NO_HEADER)
      ck_assert_mem_eq (&header, &nothing, sizeof nothing);
  }
}
END_TEST

START_TEST (bitmaps_and_tables)
{
  ck_assert_uint_eq (vhd_bitmap_size (512), 512);
  ck_assert_uint_eq (vhd_bitmap_size (4096), 512);
  ck_assert_uint_eq (vhd_bitmap_size (2 << 20), 512);
  ck_assert_uint_eq (vhd_bitmap_size (4 << 20), 1024);
  ck_assert_uint_eq (vhd_bitmap_size (16 << 20), 4096);
  ck_assert_uint_eq (vhd_bitmap_size (256 << 20), 65536);
  ck_assert_uint_eq (vhd_bat_size (0), 0);
  ck_assert_uint_eq (vhd_bat_size (1), 512);
  ck_assert_uint_eq (vhd_bat_size (128), 512);
  ck_assert_uint_eq (vhd_bat_size (129), 1024);
  ck_assert_uint_eq (vhd_bat_size (UINT32_MAX), UINT64_C (4) << 32);
}
END_TEST

START_TEST (who_has_a_batmap)
{
  static const struct {
    char creator[5];
    uint32_t version;
    bool possible;
  } cases[] = {
    { "tap", 0x00000001, false },  { "tap", 0x00010001, true },
    { "tap", 0x00010003, true },   { "win ", 0x000a0000, false },
    { "tap ", 0x00010003, false },
  };

  for (size_t i = 0; i < ARRAY_SIZE (cases); i++) {
    struct vhd_footer f = { .creator_version = cases[i].version };

    memcpy (f.creator, cases[i].creator, 4);
    ck_assert (vhd_batmap_possible (&f) == cases[i].possible);
  }
}
END_TEST

START_TEST (batmaps)
{
  static const struct {
    uint64_t offset;
    uint32_t nsectors, nentries;
    enum vhd_status status;
  } cases[] = {
    { 2560, 1, 20, VHD_OK },
    { 2560, 1, 4096, VHD_OK },
    { 2560, 1, 4097, VHD_BATMAP_OUTSIDE },
    { 2560, 0, 20, VHD_BATMAP_OUTSIDE },
    { 2561, 1, 20, VHD_BATMAP_OUTSIDE },
    { 7680, 1, 20, VHD_OK },
    { 8192, 1, 20, VHD_BATMAP_OUTSIDE },
    { 7680, 2, 20, VHD_BATMAP_OUTSIDE },
    { UINT64_MAX - 511, UINT32_MAX, 20, VHD_BATMAP_OUTSIDE },
  };

  start ();
  ck_assert_uint_eq (vhd_batmap_place (&header), 2048);
  for (size_t i = 0; i < ARRAY_SIZE (cases); i++) {
    struct vhd_batmap b = { .offset = cases[i].offset,
                            .count = (uint64_t) cases[i].nsectors * 512,
                            .version = 0x00010002,
                            .checksum = 0x12345678,
                            .rest = { 1, [0x1e3] = 2 } };
    uint8_t sector[VHD_BATMAP_SIZE], again[VHD_BATMAP_SIZE];
    struct vhd_batmap out;

    header.nentries = cases[i].nentries;
    vhd_batmap_serialise (&b, sector);
    ck_assert_int_eq (vhd_batmap_parse (sector, &header, 8192, &out),
                      cases[i].status);
    vhd_batmap_serialise (&out, again);
    ck_assert_mem_eq (again, sector, sizeof sector);
    sector[3] = 'x';
    ck_assert_int_eq (vhd_batmap_parse (sector, &header, 8192, &out),
                      VHD_NO_BATMAP);
  }
}
END_TEST

int
main (void)
{
  const TTest *const tests[] = {
    as_windows_writes_it, nothing_is_lost,  members, checks,
    bitmaps_and_tables,   who_has_a_batmap, batmaps,
  };

  return test_main ("vhd-header", tests, ARRAY_SIZE (tests));
}
