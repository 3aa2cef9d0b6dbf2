/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See vhd-geometry.h.
 */

#include <config.h>

#include "base/align.h"
#include "vhd/vhd-geometry.h"

#define MAX_CYLINDERS 65535
#define MAX_HEADS 16
#define MAX_SECTORS 255

/* What interrupt 13h of a PC's firmware can count to. */
#define BIOS_CYLINDERS 1024
#define BIOS_SECTORS 63

/* Steps of the specification: longer tracks until the cylinders fit. */
static struct vhd_geometry
small_geometry (uint32_t nsectors)
{
  uint32_t sectors = 17, tracks = nsectors / 17;
  uint32_t heads = max_u64 (DIV_ROUND_UP (tracks, BIOS_CYLINDERS), 4);

  if (tracks >= heads * BIOS_CYLINDERS || heads > MAX_HEADS) {
    sectors = 31;
    heads = MAX_HEADS;
    tracks = nsectors / sectors;
  }
  if (tracks >= heads * BIOS_CYLINDERS) {
    sectors = BIOS_SECTORS;
    heads = MAX_HEADS;
    tracks = nsectors / sectors;
  }
  return (struct vhd_geometry){ tracks / heads, heads, sectors };
}

struct vhd_geometry
vhd_geometry_of_size (uint64_t size)
{
  const uint32_t nsectors =
    min_u64 (size / VHD_SECTOR_SIZE, MAX_CYLINDERS * MAX_HEADS * MAX_SECTORS);

  if (nsectors < MAX_CYLINDERS * MAX_HEADS * BIOS_SECTORS)
    return small_geometry (nsectors);
  return (struct vhd_geometry){ nsectors / MAX_SECTORS / MAX_HEADS, MAX_HEADS,
                                MAX_SECTORS };
}

uint64_t
vhd_geometry_size (const struct vhd_geometry *g)
{
  return (uint64_t) g->cylinders * g->heads * g->sectors * VHD_SECTOR_SIZE;
}

bool
vhd_geometry_is_largest (const struct vhd_geometry *g)
{
  return g->cylinders == MAX_CYLINDERS && g->heads == MAX_HEADS &&
         g->sectors == MAX_SECTORS;
}
