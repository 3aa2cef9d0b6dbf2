/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See vhd-batmap.h.
 */

#include <config.h>

#include <string.h>

#include "base/align.h"
#include "base/checked.h"
#include "vhd/vhd-batmap.h"

/* Version 1.1 has one unless it got a file from 0.1. */
bool
vhd_batmap_possible (const struct vhd_footer *f)
{
  return memcmp (f->creator, "tap", 4) == 0 && f->creator_version > 0x00000001;
}

uint64_t
vhd_batmap_place (const struct vhd_header *h)
{
  return h->bat_offset + vhd_bat_size (h->nentries);
}

enum vhd_status
vhd_batmap_parse (const void *p, const struct vhd_header *h, uint64_t file_size,
                  struct vhd_batmap *b)
{
  struct vhd_batmap_disk d;

  memset (b, 0, sizeof *b);
  memcpy (&d, p, sizeof d);
  if (memcmp (d.cookie, VHD_BATMAP_COOKIE, sizeof d.cookie) != 0)
    return VHD_NO_BATMAP;
  b->offset = be64_get (d.offset);
  b->count = (uint64_t) be32_get (d.nsectors) * VHD_SECTOR_SIZE;
  b->version = be32_get (d.version);
  b->checksum = be32_get (d.checksum);
  memcpy (b->rest, d.rest, sizeof b->rest);
  if (!IS_ALIGNED (b->offset, VHD_SECTOR_SIZE) ||
      !range_inside (b->offset, b->count, file_size) ||
      b->count < DIV_ROUND_UP ((uint64_t) h->nentries, 8))
    return VHD_BATMAP_OUTSIDE;
  return VHD_OK;
}

void
vhd_batmap_serialise (const struct vhd_batmap *b, void *p)
{
  struct vhd_batmap_disk d = {
    .offset = be64_put (b->offset),
    .nsectors = be32_put ((uint32_t) (b->count / VHD_SECTOR_SIZE)),
    .version = be32_put (b->version),
    .checksum = be32_put (b->checksum),
  };

  memcpy (d.cookie, VHD_BATMAP_COOKIE, sizeof d.cookie);
  memcpy (d.rest, b->rest, sizeof d.rest);
  memcpy (p, &d, sizeof d);
}
