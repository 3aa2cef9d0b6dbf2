/* SPDX-License-Identifier: BSD-3-Clause
 *
 * vhd-geometry: what Windows, VirtualBox and Xen wrote for a size, and
 * what holds for every size.
 */

#include <config.h>

#include <check.h>
#include <inttypes.h>
#include <stdlib.h>

#include "base/align.h"
#include "support/main.h"
#include "support/rng.h"
#include "vhd/vhd-geometry.h"

START_TEST (known)
{
  static const struct {
    uint64_t size;
    struct vhd_geometry g;
  } cases[] = {
    { 0, { 0, 4, 17 } },
    { 511, { 0, 4, 17 } },
    { 2 << 20, { 60, 4, 17 } },                   /* Xen */
    { 4 << 20, { 120, 4, 17 } },                  /* Windows, Xen */
    { 40 << 20, { 963, 5, 17 } },                 /* Windows, VirtualBox */
    { 1 << 30, { 2080, 16, 63 } },                /* Windows */
    { UINT64_C (127) << 30, { 65278, 16, 255 } }, /* Virtual PC */
    { UINT64_C (2040) << 30, { 65535, 16, 255 } },
    { UINT64_MAX, { 65535, 16, 255 } },
  };

  for (size_t i = 0; i < ARRAY_SIZE (cases); i++) {
    const struct vhd_geometry g = vhd_geometry_of_size (cases[i].size);

    ck_assert_msg (
      g.cylinders == cases[i].g.cylinders && g.heads == cases[i].g.heads &&
        g.sectors == cases[i].g.sectors,
      "%" PRIu64 ": %u/%u/%u", cases[i].size, g.cylinders, g.heads, g.sectors);
  }
}
END_TEST

/* The last size with a kind of track, and the first with the next.  One
 * step of the specification is odd: a disk that fills 4 heads to the last
 * of 1024 cylinders gets longer tracks, a larger one a fifth head.
 */
START_TEST (steps)
{
  static const struct {
    uint64_t nsectors;
    unsigned heads, sectors;
  } cases[] = {
    { 17 * 4 * 1024 - 1, 4, 17 },    { 17 * 4 * 1024, 16, 31 },
    { 17 * (4 * 1024 + 1), 5, 17 },  { 17 * 16 * 1024 - 1, 16, 17 },
    { 17 * 16 * 1024, 16, 31 },      { 31 * 16 * 1024 - 1, 16, 31 },
    { 31 * 16 * 1024, 16, 63 },      { 63 * 16 * 1024, 16, 63 },
    { 63 * 16 * 65535 - 1, 16, 63 }, { 63 * 16 * 65535, 16, 255 },
    { 255 * 16 * 65535, 16, 255 },
  };

  for (size_t i = 0; i < ARRAY_SIZE (cases); i++) {
    const struct vhd_geometry g =
      vhd_geometry_of_size (cases[i].nsectors * VHD_SECTOR_SIZE);

    ck_assert_msg (g.heads == cases[i].heads && g.sectors == cases[i].sectors,
                   "case %zu: %u/%u/%u", i, g.cylinders, g.heads, g.sectors);
  }
}
END_TEST

static void
check_size (uint64_t size)
{
  const struct vhd_geometry g = vhd_geometry_of_size (size);
  const uint64_t covered = vhd_geometry_size (&g);
  const uint64_t cylinder = g.heads * g.sectors * VHD_SECTOR_SIZE;

  quick_assert (covered <= size);
  quick_assert (g.heads >= 4 && g.heads <= 16);
  quick_assert (vhd_geometry_is_largest (&g) || size - covered < cylinder);
}

START_TEST (any)
{
  struct rng rng;

  rng_init (&rng, rng_seed ("vhd-geometry"));
  for (uint64_t n = 0; n < 300000; n++)
    check_size (n * VHD_SECTOR_SIZE);
  for (unsigned i = 0; i < 1000000; i++)
    check_size (rng_next (&rng) >> rng_below (&rng, 64));
}
END_TEST

START_TEST (size)
{
  static const struct vhd_geometry largest = { 65535, 16, 255 };
  static const struct vhd_geometry all_ones = { 65535, 255, 255 };
  static const struct vhd_geometry none[] = {
    { 0, 16, 63 }, { 1000, 0, 63 }, { 1000, 16, 0 }, { 0, 0, 0 }
  };

  ck_assert_uint_eq (vhd_geometry_size (&largest), UINT64_C (136899993600));
  ck_assert (vhd_geometry_is_largest (&largest));
  ck_assert_uint_eq (vhd_geometry_size (&all_ones), UINT64_C (2181843648000));
  ck_assert (!vhd_geometry_is_largest (&all_ones));
  for (size_t i = 0; i < ARRAY_SIZE (none); i++)
    ck_assert_uint_eq (vhd_geometry_size (&none[i]), 0);
}
END_TEST

int
main (void)
{
  const TTest *const tests[] = { known, steps, any, size };

  return test_main ("vhd-geometry", tests, ARRAY_SIZE (tests));
}
