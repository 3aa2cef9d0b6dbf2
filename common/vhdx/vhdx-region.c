/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See vhdx-region.h.
 */

#include <config.h>

#include <stdlib.h>
#include <string.h>

#include "base/align.h"
#include "base/checked.h"
#include "vhdx/vhdx-checksum.h"
#include "vhdx/vhdx-guid.h"
#include "vhdx/vhdx-region.h"

#define REGION_SIGNATURE "regi"
#define REGION_REQUIRED 1u

_Static_assert(sizeof (struct vhdx_region_head_disk) +
                   VHDX_REGION_MAX * sizeof (struct vhdx_region_disk) <=
                 VHDX_REGION_SIZE,
               "all regions fit into the table");

static struct vhdx_region_head_disk
get_head (const void *table)
{
  struct vhdx_region_head_disk head;

  memcpy (&head, table, sizeof head);
  return head;
}

static struct vhdx_region_disk
get_entry (const void *table, unsigned index)
{
  struct vhdx_region_disk d;

  memcpy (&d,
          (const uint8_t *) table + sizeof (struct vhdx_region_head_disk) +
            index * sizeof d,
          sizeof d);
  return d;
}

struct vhdx_region
vhdx_region_get (const void *table, unsigned index)
{
  const struct vhdx_region_disk d = get_entry (table, index);
  struct vhdx_region r = {
    .offset = le64_get (d.offset),
    .length = le32_get (d.length),
    .required = le32_get (d.flags) & REGION_REQUIRED,
  };

  memcpy (r.id.b, d.id, sizeof r.id.b);
  return r;
}

enum vhdx_status
vhdx_region_verify (const void *table)
{
  const struct vhdx_region_head_disk head = get_head (table);

  if (memcmp (head.signature, REGION_SIGNATURE, sizeof head.signature) != 0)
    return VHDX_NO_REGION_TABLE;
  if (le32_get (head.checksum) != vhdx_checksum (table, VHDX_REGION_SIZE))
    return VHDX_REGION_CHECKSUM;
  if (le32_get (head.count) > VHDX_REGION_MAX)
    return VHDX_REGION_COUNT;
  return VHDX_OK;
}

enum vhdx_status
vhdx_region_choose (const void *first, const void *second,
                    struct vhdx_region_copies *c)
{
  memset (c, 0, sizeof *c);
  c->status[0] = vhdx_region_verify (first);
  c->status[1] = vhdx_region_verify (second);
  c->differ = memcmp (first, second, VHDX_REGION_SIZE) != 0;
  if (c->status[0] != VHDX_OK && c->status[1] != VHDX_OK)
    return VHDX_REGIONS_BAD;
  c->current = c->status[0] != VHDX_OK;
  return VHDX_OK;
}

/* One entry alone. */
static enum vhdx_status
check_entry (const struct vhdx_region *r, uint32_t flags, uint64_t file_size)
{
  uint64_t rounded;

  if (flags & ~REGION_REQUIRED)
    return VHDX_REGION_FLAGS;
  if (uuid_is_nil (&r->id))
    return VHDX_REGION_ID;
  if (!IS_ALIGNED (r->offset, VHDX_MIB) || !IS_ALIGNED (r->length, VHDX_MIB))
    return VHDX_REGION_ALIGNMENT;
  /* The last bytes of a file may be missing if they would be zero. */
  if (!checked_add (file_size, VHDX_MIB - 1, &rounded))
    rounded = UINT64_MAX;
  rounded = ROUND_DOWN (rounded, VHDX_MIB);
  if (r->length == 0 || r->offset < VHDX_HEADER_AREA ||
      !range_inside (r->offset, r->length, rounded))
    return VHDX_REGION_PLACE;
  return VHDX_OK;
}

static enum vhdx_status
note_known (const struct vhdx_region *region, struct vhdx_regions *r)
{
  if (uuid_equal (&region->id, &vhdx_guid_bat))
    r->bat = *region;
  else if (uuid_equal (&region->id, &vhdx_guid_metadata))
    r->metadata = *region;
  else if (region->required)
    return VHDX_REGION_UNKNOWN;
  return VHDX_OK;
}

static int
compare_ids (const void *a, const void *b)
{
  return memcmp (((const struct vhdx_region_disk *) a)->id,
                 ((const struct vhdx_region_disk *) b)->id, 16);
}

static int
compare_offsets (const void *a, const void *b)
{
  const uint64_t x = le64_get (((const struct vhdx_region_disk *) a)->offset);
  const uint64_t y = le64_get (((const struct vhdx_region_disk *) b)->offset);

  return x < y ? -1 : x > y;
}

static enum vhdx_status
fail_for (const struct vhdx_region_disk *d, enum vhdx_status status,
          struct vhdx_regions *r)
{
  memcpy (r->bad.id.b, d->id, sizeof r->bad.id.b);
  r->bad.offset = le64_get (d->offset);
  r->bad.length = le32_get (d->length);
  r->bad.required = le32_get (d->flags) & REGION_REQUIRED;
  return status;
}

static bool
overlaps_log (const struct vhdx_header *h, uint64_t offset, uint32_t length)
{
  return h->log_length != 0 && offset < h->log_offset + h->log_length &&
         h->log_offset < offset + length;
}

/* Every entry is sound alone, so nothing overflows. */
static enum vhdx_status
check_overlaps (const void *table, const struct vhdx_header *h,
                struct vhdx_regions *r)
{
  struct vhdx_region_disk sorted[VHDX_REGION_MAX];
  uint64_t end = 0;

  for (unsigned i = 0; i < r->count; i++)
    sorted[i] = get_entry (table, i);
  qsort (sorted, r->count, sizeof sorted[0], compare_ids);
  for (unsigned i = 1; i < r->count; i++)
    if (compare_ids (&sorted[i - 1], &sorted[i]) == 0)
      return fail_for (&sorted[i], VHDX_REGION_TWICE, r);

  qsort (sorted, r->count, sizeof sorted[0], compare_offsets);
  for (unsigned i = 0; i < r->count; i++) {
    const uint64_t offset = le64_get (sorted[i].offset);
    const uint32_t length = le32_get (sorted[i].length);

    if (offset < end || overlaps_log (h, offset, length))
      return fail_for (&sorted[i], VHDX_REGION_OVERLAP, r);
    end = offset + length;
  }
  return VHDX_OK;
}

enum vhdx_status
vhdx_region_parse (const void *table, const struct vhdx_header *h,
                   uint64_t file_size, struct vhdx_regions *r)
{
  const struct vhdx_region_head_disk head = get_head (table);
  enum vhdx_status status;

  memset (r, 0, sizeof *r);
  r->count = le32_get (head.count);
  if (le32_get (head.reserved) != 0)
    return VHDX_REGION_FLAGS;
  for (unsigned i = 0; i < r->count; i++) {
    const struct vhdx_region_disk d = get_entry (table, i);
    const struct vhdx_region region = vhdx_region_get (table, i);

    status = check_entry (&region, le32_get (d.flags), file_size);
    if (status == VHDX_OK)
      status = note_known (&region, r);
    if (status != VHDX_OK)
      return fail_for (&d, status, r);
  }
  status = check_overlaps (table, h, r);
  if (status != VHDX_OK)
    return status;
  if (r->bat.length == 0)
    return VHDX_REGION_NO_BAT;
  if (r->metadata.length == 0)
    return VHDX_REGION_NO_METADATA;
  return VHDX_OK;
}

void
vhdx_region_serialise (const struct vhdx_region *regions, unsigned count,
                       void *p)
{
  struct vhdx_region_head_disk head = { .count = le32_put (count) };
  uint8_t *entry = (uint8_t *) p + sizeof head;

  memset (p, 0, VHDX_REGION_SIZE);
  for (unsigned i = 0; i < count; i++) {
    struct vhdx_region_disk d = {
      .offset = le64_put (regions[i].offset),
      .length = le32_put (regions[i].length),
      .flags = le32_put (regions[i].required ? REGION_REQUIRED : 0),
    };

    memcpy (d.id, regions[i].id.b, sizeof d.id);
    memcpy (entry + i * sizeof d, &d, sizeof d);
  }
  memcpy (head.signature, REGION_SIGNATURE, sizeof head.signature);
  memcpy (p, &head, sizeof head);
  head.checksum = le32_put (vhdx_checksum (p, VHDX_REGION_SIZE));
  memcpy (p, &head, sizeof head);
}
