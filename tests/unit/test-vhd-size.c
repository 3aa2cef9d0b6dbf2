/* SPDX-License-Identifier: BSD-3-Clause
 *
 * vhd-size: who means which size, what the file must hold; vhd-creator:
 * who that is.
 */

#include <config.h>

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "base/align.h"
#include "support/main.h"
#include "vhd/vhd-creator.h"
#include "vhd/vhd-size.h"

#define CURRENT (UINT64_C (41943040))
#define BY_GEOMETRY (UINT64_C (41909760)) /* 963/5/17 */

static struct vhd_footer
footer_by (const char *creator)
{
  const struct uuid id = { { 1 } };
  struct vhd_footer f = vhd_footer_fixed (CURRENT, VHD_EPOCH, &id);

  memcpy (f.creator, creator, sizeof f.creator);
  return f;
}

static uint64_t
size_of (const struct vhd_footer *f, enum vhd_size_rule rule)
{
  uint64_t size = 12345;

  ck_assert_int_eq (vhd_size (f, rule, &size), VHD_OK);
  return size;
}

START_TEST (creators)
{
  static const struct {
    char code[5];
    const char *name;
    uint64_t size;
  } cases[] = {
    { "win ", "Windows 10.0", CURRENT },
    { "vpc ", "Virtual PC 10.0", BY_GEOMETRY },
    { "vs  ", "Virtual Server 10.0", CURRENT },
    { "vbox", "VirtualBox 10.0", CURRENT },
    { "qemu", "QEMU 10.0", BY_GEOMETRY },
    { "qem2", "QEMU 10.0", CURRENT },
    { "d2v\0", "disk2vhd 10.0", CURRENT },
    { "d2v ", "disk2vhd 10.0", CURRENT },
    { "tap\0", "Xen 10.0", CURRENT },
    { "CTXS", "XenServer 10.0", CURRENT },
    { "wa\0\0", "Azure 10.0", CURRENT },
    { "WIN ", "unknown creator \"WIN \" 10.0", CURRENT },
    { "a\n\0\xff", "unknown creator \"a...\" 10.0", CURRENT },
  };

  for (size_t i = 0; i < ARRAY_SIZE (cases); i++) {
    const struct vhd_footer f = footer_by (cases[i].code);
    char name[80];

    vhd_creator_format (&f, name, sizeof name);
    ck_assert_str_eq (name, cases[i].name);
    ck_assert_uint_eq (size_of (&f, VHD_SIZE_AUTO), cases[i].size);
    ck_assert_uint_eq (size_of (&f, VHD_SIZE_CURRENT), CURRENT);
    ck_assert_uint_eq (size_of (&f, VHD_SIZE_GEOMETRY), BY_GEOMETRY);
  }
}
END_TEST

START_TEST (never_beyond_current_size)
{
  struct vhd_footer f = footer_by ("vpc ");

  f.geometry.cylinders++;
  ck_assert_uint_eq (size_of (&f, VHD_SIZE_AUTO), CURRENT);
  ck_assert_uint_eq (size_of (&f, VHD_SIZE_GEOMETRY), CURRENT);
}
END_TEST

START_TEST (largest_geometry_means_current_size)
{
  struct vhd_footer f = footer_by ("vpc ");

  f.current_size = VHD_MAX_SIZE;
  f.geometry = vhd_geometry_of_size (f.current_size);
  ck_assert_uint_eq (size_of (&f, VHD_SIZE_AUTO), VHD_MAX_SIZE);
  ck_assert_uint_eq (size_of (&f, VHD_SIZE_GEOMETRY), VHD_MAX_SIZE);
}
END_TEST

START_TEST (no_geometry)
{
  struct vhd_footer f = footer_by ("vpc ");
  uint64_t size;

  f.geometry.heads = 0;
  ck_assert_uint_eq (size_of (&f, VHD_SIZE_AUTO), CURRENT);
  ck_assert_int_eq (vhd_size (&f, VHD_SIZE_GEOMETRY, &size), VHD_NO_GEOMETRY);
}
END_TEST

static enum vhd_status
fixed (const struct vhd_footer *f, uint64_t file_size)
{
  uint64_t size;

  return vhd_size_fixed (f, file_size, VHD_SIZE_AUTO, &size);
}

START_TEST (what_the_file_must_hold)
{
  struct vhd_footer f = footer_by ("win ");

  ck_assert_int_eq (fixed (&f, CURRENT + 512), VHD_OK);
  ck_assert_int_eq (fixed (&f, CURRENT + 513), VHD_OK);
  ck_assert_int_eq (fixed (&f, UINT64_MAX), VHD_OK);
  ck_assert_int_eq (fixed (&f, CURRENT + 511), VHD_TRUNCATED);
  ck_assert_int_eq (fixed (&f, 512), VHD_TRUNCATED);
  ck_assert_int_eq (fixed (&f, 0), VHD_TRUNCATED);

  f.length = VHD_FOOTER_OLD_SIZE;
  ck_assert_int_eq (fixed (&f, CURRENT + 511), VHD_OK);
  ck_assert_int_eq (fixed (&f, CURRENT + 510), VHD_TRUNCATED);

  f.current_size = UINT64_MAX - 511;
  ck_assert_int_eq (fixed (&f, CURRENT + 512), VHD_TRUNCATED);
  ck_assert_int_eq (fixed (&f, UINT64_MAX), VHD_OK);
  f.current_size = 0;
  ck_assert_int_eq (fixed (&f, 512), VHD_OK);
}
END_TEST

/* Even if only the part that the geometry covers would be served. */
START_TEST (cut_off_disks_are_not_served_in_part)
{
  const struct vhd_footer f = footer_by ("vpc ");

  ck_assert_int_eq (fixed (&f, BY_GEOMETRY + 512), VHD_TRUNCATED);
}
END_TEST

START_TEST (other_types)
{
  struct vhd_footer f = footer_by ("win ");

  f.type = VHD_TYPE_DYNAMIC;
  ck_assert_int_eq (fixed (&f, 2560), VHD_DYNAMIC);
  f.type = VHD_TYPE_DIFFERENCING;
  ck_assert_int_eq (fixed (&f, 2560), VHD_DIFFERENCING);
}
END_TEST

int
main (void)
{
  const TTest *const tests[] = {
    creators,
    never_beyond_current_size,
    largest_geometry_means_current_size,
    no_geometry,
    what_the_file_must_hold,
    cut_off_disks_are_not_served_in_part,
    other_types,
  };

  return test_main ("vhd-size", tests, ARRAY_SIZE (tests));
}
