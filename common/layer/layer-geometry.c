/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See layer-geometry.h.
 */

#include <config.h>

#include <inttypes.h>

#include "base/align.h"
#include "base/log.h"
#include "layer/layer-geometry.h"

int
layer_geometry (const char *name, uint64_t size, uint32_t sector_size,
                const struct layer_below *below, struct layer_info *info)
{
  if (sector_size == 0)
    sector_size = below->exists ? below->sector_size : 512;
  if (sector_size < 512 || sector_size > LAYER_SECTOR_SIZE_MAX ||
      !is_power_of_2 (sector_size)) {
    log_error ("%s: sector size %" PRIu32 " is not a power of two from 512 "
               "to %u",
               name, sector_size, LAYER_SECTOR_SIZE_MAX);
    return -1;
  }
  if (size != 0 && !IS_ALIGNED (size, sector_size)) {
    log_error ("%s: size %" PRIu64 " is not a multiple of the sector size, "
               "%" PRIu32,
               name, size, sector_size);
    return -1;
  }
  if (size == 0)
    size = below->exists ? ROUND_UP (below->size, (uint64_t) sector_size) : 0;
  if (size == 0) {
    log_error ("%s: the disk has no sectors: give it a size, or put it over "
               "a disk that has one",
               name);
    return -1;
  }
  info->nsectors = size / sector_size;
  info->sector_size = sector_size;
  info->physical_sector_size = sector_size;
  return 0;
}
