/* SPDX-License-Identifier: BSD-3-Clause
 *
 * vhd-layout: where structures may be, where they are, and that a block
 * is never put over one.
 */

#include <config.h>

#include <check.h>
#include <string.h>

#include "base/align.h"
#include "support/main.h"
#include "vhd/vhd-layout.h"
#include "vhd/vhd-size.h"

#define SIZE (UINT64_C (40) << 20)

static const struct uuid id = { { 1 } };
static struct vhd_footer footer;
static struct vhd_header header;
static struct vhd_layout layout;

static void
start (void)
{
  footer = vhd_footer_new (VHD_TYPE_DIFFERENCING, SIZE, VHD_EPOCH, &id);
  header = vhd_header_new (SIZE, 2 << 20, 8192);
}

static void
set_locator (unsigned i, const char *platform, uint64_t offset, uint32_t space,
             uint32_t length)
{
  struct vhd_locator *l = &header.locator[i];

  memcpy (l->platform, platform, 4);
  l->offset = offset;
  l->space = space;
  l->length = length;
}

/* As Windows 10 makes them; the table there is behind a locator. */
START_TEST (windows)
{
  const struct vhd_region *a, *b;

  start ();
  set_locator (0, "W2ku", 4096, 4096, 66);
  set_locator (1, "W2ru", 12288, 65536, 20);
  ck_assert_int_eq (vhd_layout_check (&header, SIZE, 81408), VHD_OK);
  vhd_layout_make (&footer, &header, NULL, &layout);
  ck_assert_uint_eq (layout.n, 5);
  ck_assert_uint_eq (layout.region[2].offset, 8192);
  ck_assert_uint_eq (layout.region[2].count, 512);
  ck_assert (!vhd_layout_overlap (&layout, &a, &b));
  ck_assert_uint_eq (vhd_layout_end (&layout), 77824);
}
END_TEST

START_TEST (xen)
{
  const struct vhd_batmap batmap = { .offset = 2560, .count = 512 };
  const struct vhd_region *a, *b;

  start ();
  header.bat_offset = 1536;
  set_locator (0, "MacX", 3072, 512, 17);
  set_locator (1, "W2ku", 3584, 512, 20);
  set_locator (2, "W2ru", 4096, 1, 20); /* in sectors */
  vhd_layout_make (&footer, &header, &batmap, &layout);
  ck_assert_uint_eq (layout.n, 8);
  ck_assert (!vhd_layout_overlap (&layout, &a, &b));
  ck_assert_uint_eq (vhd_layout_end (&layout), 4608);

  /* A table that is longer than where the map is. */
  header.nentries = 257;
  vhd_layout_make (&footer, &header, &batmap, &layout);
  ck_assert (vhd_layout_overlap (&layout, &a, &b));
  ck_assert_str_eq (a->name, "the block table");
  ck_assert_str_eq (b->name, "the batmap");
}
END_TEST

START_TEST (checks)
{
  static const struct {
    uint64_t size, bat_offset;
    uint32_t nentries;
    enum vhd_status status;
  } cases[] = {
    { SIZE, 8192, 20, VHD_OK },
    { SIZE, 8192, 19, VHD_BAT_TOO_SMALL },
    { SIZE + 512, 8192, 20, VHD_BAT_TOO_SMALL },
    { SIZE + 512, 8192, 21, VHD_OK },
    { 0, 8192, 0, VHD_OK },
    { VHD_MAX_SIZE, 8192, UINT32_MAX, VHD_BAT_OUTSIDE },
    { VHD_MAX_SIZE + 512, 8192, UINT32_MAX, VHD_TOO_LARGE },
    { SIZE, 8193, 20, VHD_BAT_OUTSIDE },
    { SIZE, 16384 - 512, 128, VHD_OK },
    { SIZE, 16384 - 512, 129, VHD_BAT_OUTSIDE },
    { SIZE, 16384, 20, VHD_BAT_OUTSIDE },
    { SIZE, UINT64_MAX - 511, 20, VHD_BAT_OUTSIDE },
  };

  for (size_t i = 0; i < ARRAY_SIZE (cases); i++) {
    start ();
    header.bat_offset = cases[i].bat_offset;
    header.nentries = cases[i].nentries;
    ck_assert_int_eq (vhd_layout_check (&header, cases[i].size, 16384),
                      cases[i].status);
  }
}
END_TEST

START_TEST (locators)
{
  static const struct {
    char platform[5];
    uint64_t offset;
    uint32_t space, length;
    enum vhd_status status;
    uint64_t end; /* of the layout, in a file of 16384 bytes */
  } cases[] = {
    { "W2ru", 12288, 512, 20, VHD_OK, 12800 },
    { "W2ru", 12300, 512, 20, VHD_OK, 13312 },
    { "W2ru", 16384 - 20, 512, 20, VHD_OK, 16896 },
    { "W2ru", 16384 - 19, 512, 20, VHD_LOCATOR_OUTSIDE, 16896 },
    { "W2ru", UINT64_MAX, 512, 20, VHD_LOCATOR_OUTSIDE, 8704 },
    { "W2ru", UINT64_MAX, 512, 0, VHD_OK, 8704 },
    { "W2ru", 12288, UINT32_MAX, 20, VHD_OK, 12288 + 65536 },
    { "", UINT64_MAX, 512, 20, VHD_OK, 8704 },
    { "Qxyz", 12288, 512, 20, VHD_OK, 12800 },
  };

  for (size_t i = 0; i < ARRAY_SIZE (cases); i++) {
    start ();
    set_locator (3, cases[i].platform, cases[i].offset, cases[i].space,
                 cases[i].length);
    ck_assert_int_eq (vhd_layout_check (&header, SIZE, 16384), cases[i].status);
    vhd_layout_make (&footer, &header, NULL, &layout);
    ck_assert_uint_eq (vhd_layout_end (&layout), cases[i].end);
  }
}
END_TEST

START_TEST (overlaps)
{
  static const uint64_t places[] = { 0, 512, 1024, 1535, 8192, 8703 };
  const struct vhd_region *a, *b;

  for (size_t i = 0; i < ARRAY_SIZE (places); i++) {
    start ();
    set_locator (7, "MacX", places[i], 1, 1);
    vhd_layout_make (&footer, &header, NULL, &layout);
    ck_assert (vhd_layout_overlap (&layout, &a, &b));
    ck_assert_str_eq (b->name, "a parent locator");
  }
  set_locator (7, "MacX", 10000, 1, 1);
  set_locator (6, "W2ru", 10000, 1, 1);
  vhd_layout_make (&footer, &header, NULL, &layout);
  ck_assert (!vhd_layout_overlap (&layout, &a, &b));
}
END_TEST

int
main (void)
{
  const TTest *const tests[] = {
    windows, xen, checks, locators, overlaps,
  };

  return test_main ("vhd-layout", tests, ARRAY_SIZE (tests));
}
