/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See vhd-header.h.
 */

#include <config.h>

#include <string.h>

#include "base/align.h"
#include "vhd/vhd-footer.h"
#include "vhd/vhd-header.h"

#define CHECKSUM_FIELD offsetof (struct vhd_header_disk, checksum)

static void
locator_from_disk (const struct vhd_locator_disk *d, struct vhd_locator *l)
{
  memcpy (l->platform, d->platform, sizeof l->platform);
  l->space = be32_get (d->space);
  l->length = be32_get (d->length);
  l->reserved = be32_get (d->reserved);
  l->offset = be64_get (d->offset);
}

static void
locator_to_disk (const struct vhd_locator *l, struct vhd_locator_disk *d)
{
  memcpy (d->platform, l->platform, sizeof d->platform);
  d->space = be32_put (l->space);
  d->length = be32_put (l->length);
  d->reserved = be32_put (l->reserved);
  d->offset = be64_put (l->offset);
}

static void
from_disk (const struct vhd_header_disk *d, struct vhd_header *h)
{
  h->next = be64_get (d->next);
  h->bat_offset = be64_get (d->bat_offset);
  h->version = be32_get (d->version);
  h->nentries = be32_get (d->nentries);
  h->block_size = be32_get (d->block_size);
  memcpy (h->parent_id.b, d->parent_id, sizeof h->parent_id.b);
  h->parent_timestamp = be32_get (d->parent_timestamp);
  h->reserved = be32_get (d->reserved);
  memcpy (h->parent_name, d->parent_name, sizeof h->parent_name);
  for (unsigned i = 0; i < VHD_LOCATORS; i++)
    locator_from_disk (&d->locator[i], &h->locator[i]);
  memcpy (h->reserved_2, d->reserved_2, sizeof h->reserved_2);
}

enum vhd_status
vhd_header_parse (const void *p, struct vhd_header *h)
{
  struct vhd_header_disk d;

  memset (h, 0, sizeof *h);
  memcpy (&d, p, sizeof d);
  if (memcmp (d.cookie, VHD_HEADER_COOKIE, sizeof d.cookie) != 0)
    return VHD_NO_HEADER;
  from_disk (&d, h);
  if (be32_get (d.checksum) != vhd_checksum (&d, sizeof d, CHECKSUM_FIELD))
    return VHD_HEADER_CHECKSUM;
  if (h->version >> 16 != VHD_HEADER_VERSION_1 >> 16)
    return VHD_HEADER_VERSION;
  if (!is_power_of_2 (h->block_size) || h->block_size < VHD_BLOCK_SIZE_MIN ||
      h->block_size > VHD_BLOCK_SIZE_MAX)
    return VHD_BAD_BLOCK_SIZE;
  return VHD_OK;
}

void
vhd_header_serialise (const struct vhd_header *h, void *p)
{
  struct vhd_header_disk d = {
    .next = be64_put (h->next),
    .bat_offset = be64_put (h->bat_offset),
    .version = be32_put (h->version),
    .nentries = be32_put (h->nentries),
    .block_size = be32_put (h->block_size),
    .parent_timestamp = be32_put (h->parent_timestamp),
    .reserved = be32_put (h->reserved),
  };

  memcpy (d.cookie, VHD_HEADER_COOKIE, sizeof d.cookie);
  memcpy (d.parent_id, h->parent_id.b, sizeof d.parent_id);
  memcpy (d.parent_name, h->parent_name, sizeof d.parent_name);
  for (unsigned i = 0; i < VHD_LOCATORS; i++)
    locator_to_disk (&h->locator[i], &d.locator[i]);
  memcpy (d.reserved_2, h->reserved_2, sizeof d.reserved_2);
  d.checksum = be32_put (vhd_checksum (&d, sizeof d, CHECKSUM_FIELD));
  memcpy (p, &d, sizeof d);
}

struct vhd_header
vhd_header_new (uint64_t size, uint32_t block_size, uint64_t bat_offset)
{
  return (struct vhd_header){
    .next = UINT64_MAX,
    .bat_offset = bat_offset,
    .version = VHD_HEADER_VERSION_1,
    .nentries = (uint32_t) DIV_ROUND_UP (size, block_size),
    .block_size = block_size,
  };
}

uint32_t
vhd_bitmap_size (uint32_t block_size)
{
  const uint32_t nsectors = block_size / VHD_SECTOR_SIZE;

  return ROUND_UP (DIV_ROUND_UP (nsectors, 8), VHD_SECTOR_SIZE);
}

uint64_t
vhd_bat_size (uint64_t n)
{
  return ROUND_UP (n * 4, VHD_SECTOR_SIZE);
}
