/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See vhd-footer.h.
 */

#include <config.h>

#include <string.h>

#include "base/align.h"
#include "vhd/vhd-footer.h"

#define CHECKSUM_FIELD offsetof (struct vhd_footer_disk, checksum)

uint32_t
vhd_checksum (const void *p, size_t length, size_t field)
{
  const uint8_t *bytes = p;
  uint32_t sum = 0;

  for (size_t i = 0; i < length; i++) {
    if (i < field || i >= field + sizeof (be32))
      sum += bytes[i];
  }
  return ~sum;
}

/* Old versions of Xen's tools set "hidden" in a footer that they had
 * written before, and left the checksum as it was.
 */
static bool
is_stale_checksum (const struct vhd_footer_disk *d, uint32_t computed)
{
  const uint32_t version = be32_get (d->creator_version);
  const uint8_t hidden = d->reserved[0];

  return memcmp (d->creator, "tap", 4) == 0 &&
         (version == 0x00000001 || version == 0x00010001) && hidden != 0 &&
         be32_get (d->checksum) == computed + hidden;
}

bool
vhd_footer_equal (const struct vhd_footer *a, const struct vhd_footer *b)
{
  uint8_t x[VHD_FOOTER_SIZE], y[VHD_FOOTER_SIZE];

  vhd_footer_serialise (a, x);
  vhd_footer_serialise (b, y);
  return memcmp (x, y, sizeof x) == 0;
}

static void
from_disk (const struct vhd_footer_disk *d, struct vhd_footer *f)
{
  f->features = be32_get (d->features);
  f->version = be32_get (d->version);
  f->data_offset = be64_get (d->data_offset);
  f->timestamp = be32_get (d->timestamp);
  memcpy (f->creator, d->creator, sizeof f->creator);
  f->creator_version = be32_get (d->creator_version);
  memcpy (f->creator_os, d->creator_os, sizeof f->creator_os);
  f->original_size = be64_get (d->original_size);
  f->current_size = be64_get (d->current_size);
  f->geometry.cylinders = be16_get (d->cylinders);
  f->geometry.heads = d->heads;
  f->geometry.sectors = d->sectors;
  f->type = be32_get (d->type);
  memcpy (f->id.b, d->id, sizeof f->id.b);
  f->saved_state = d->saved_state;
  memcpy (f->reserved, d->reserved, sizeof f->reserved);
}

enum vhd_status
vhd_footer_parse (const void *p, size_t length, struct vhd_footer *f)
{
  struct vhd_footer_disk d;
  uint32_t computed;

  memset (f, 0, sizeof *f);
  if (length < VHD_FOOTER_OLD_SIZE)
    return VHD_TOO_SHORT;
  length = min_u64 (length, VHD_FOOTER_SIZE);
  memset (&d, 0, sizeof d); /* the last byte, if it is an old one */
  memcpy (&d, p, length);
  if (memcmp (d.cookie, VHD_COOKIE, sizeof d.cookie) != 0)
    return VHD_NO_COOKIE;

  from_disk (&d, f);
  f->length = length;
  computed = vhd_checksum (&d, sizeof d, CHECKSUM_FIELD);
  f->stale_checksum = is_stale_checksum (&d, computed);
  if (be32_get (d.checksum) != computed && !f->stale_checksum)
    return VHD_BAD_CHECKSUM;
  if (f->version >> 16 != VHD_VERSION >> 16)
    return VHD_BAD_VERSION;
  if (f->type != VHD_TYPE_FIXED && f->type != VHD_TYPE_DYNAMIC &&
      f->type != VHD_TYPE_DIFFERENCING)
    return VHD_BAD_TYPE;
  if (!IS_ALIGNED (f->current_size, VHD_SECTOR_SIZE))
    return VHD_BAD_SIZE;
  return VHD_OK;
}

/* The cookie cannot be in both places, as it does not begin with the
 * letter that is its second.
 */
enum vhd_status
vhd_footer_find (const void *tail, size_t n, struct vhd_footer *f)
{
  enum vhd_status status = vhd_footer_parse (tail, n, f);

  if (status == VHD_NO_COOKIE && n == VHD_FOOTER_SIZE)
    status =
      vhd_footer_parse ((const uint8_t *) tail + 1, VHD_FOOTER_OLD_SIZE, f);
  return status;
}

void
vhd_footer_serialise (const struct vhd_footer *f, void *p)
{
  struct vhd_footer_disk d = {
    .features = be32_put (f->features),
    .version = be32_put (f->version),
    .data_offset = be64_put (f->data_offset),
    .timestamp = be32_put (f->timestamp),
    .creator_version = be32_put (f->creator_version),
    .original_size = be64_put (f->original_size),
    .current_size = be64_put (f->current_size),
    .cylinders = be16_put (f->geometry.cylinders),
    .heads = f->geometry.heads,
    .sectors = f->geometry.sectors,
    .type = be32_put (f->type),
    .saved_state = f->saved_state,
  };

  memcpy (d.cookie, VHD_COOKIE, sizeof d.cookie);
  memcpy (d.creator, f->creator, sizeof d.creator);
  memcpy (d.creator_os, f->creator_os, sizeof d.creator_os);
  memcpy (d.id, f->id.b, sizeof d.id);
  memcpy (d.reserved, f->reserved, sizeof d.reserved);
  d.checksum = be32_put (vhd_checksum (&d, sizeof d, CHECKSUM_FIELD));
  memcpy (p, &d, sizeof d);
}

uint32_t
vhd_timestamp (int64_t unix_time)
{
  if (unix_time < VHD_EPOCH)
    return 0;
  return min_u64 ((uint64_t) unix_time - VHD_EPOCH, UINT32_MAX);
}

/* The creator is Windows 10 because that is what other programs know:
 * of one that they do not know, some take the size from the geometry,
 * and so lose the end of the disk.
 */
struct vhd_footer
vhd_footer_new (enum vhd_type type, uint64_t size, int64_t unix_time,
                const struct uuid *id)
{
  return (struct vhd_footer){
    .features = VHD_FEATURE_RESERVED,
    .version = VHD_VERSION,
    .data_offset =
      type == VHD_TYPE_FIXED ? VHD_NO_DATA_OFFSET : VHD_FOOTER_SIZE,
    .timestamp = vhd_timestamp (unix_time),
    .creator = { 'w', 'i', 'n', ' ' },
    .creator_version = 0x000a0000,
    .creator_os = { 'W', 'i', '2', 'k' },
    .original_size = size,
    .current_size = size,
    .geometry = vhd_geometry_of_size (size),
    .type = type,
    .id = *id,
    .length = VHD_FOOTER_SIZE,
  };
}

struct vhd_footer
vhd_footer_fixed (uint64_t size, int64_t unix_time, const struct uuid *id)
{
  return vhd_footer_new (VHD_TYPE_FIXED, size, unix_time, id);
}
