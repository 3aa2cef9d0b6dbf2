/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See vhd-layout.h.
 */

#include <config.h>

#include "base/align.h"
#include "base/checked.h"
#include "vhd/vhd-layout.h"
#include "vhd/vhd-locator.h"
#include "vhd/vhd-size.h"

static bool
has_content (const struct vhd_locator *l)
{
  return vhd_locator_platform (l) != VHD_PLATFORM_NONE && l->length > 0;
}

enum vhd_status
vhd_layout_check (const struct vhd_header *h, uint64_t size, uint64_t file_size)
{
  if (size > VHD_MAX_SIZE)
    return VHD_TOO_LARGE;
  if (h->nentries < DIV_ROUND_UP (size, h->block_size))
    return VHD_BAT_TOO_SMALL;
  if (!IS_ALIGNED (h->bat_offset, VHD_SECTOR_SIZE) ||
      !range_inside (h->bat_offset, vhd_bat_size (h->nentries), file_size))
    return VHD_BAT_OUTSIDE;
  for (unsigned i = 0; i < VHD_LOCATORS; i++) {
    const struct vhd_locator *l = &h->locator[i];

    if (has_content (l) && !range_inside (l->offset, l->length, file_size))
      return VHD_LOCATOR_OUTSIDE;
  }
  return VHD_OK;
}

/* [OFFSET, END), rounded out to sectors. */
static struct vhd_region *
add (struct vhd_layout *l, const char *name, uint64_t offset, uint64_t end)
{
  const uint64_t start = ROUND_DOWN (offset, VHD_SECTOR_SIZE);
  struct vhd_region *r = &l->region[l->n++];

  *r = (struct vhd_region){
    .name = name,
    .offset = start,
    .count = ROUND_UP (end - start, VHD_SECTOR_SIZE),
  };
  return r;
}

/* What it has does not depend on where the file ends, which changes. */
static void
add_locator (struct vhd_layout *l, const struct vhd_locator *locator)
{
  const uint64_t space = min_u64 (vhd_locator_space (locator), VHD_LOCATOR_MAX);
  uint64_t end;

  if (has_content (locator) &&
      checked_add (locator->offset, max_u64 (space, locator->length), &end) &&
      end <= INT64_MAX)
    add (l, "a parent locator", locator->offset, end)->is_locator = true;
}

void
vhd_layout_make (const struct vhd_footer *f, const struct vhd_header *h,
                 const struct vhd_batmap *b, struct vhd_layout *l)
{
  l->n = 0;
  add (l, "the copy of the footer", 0, VHD_FOOTER_SIZE);
  add (l, "the dynamic header", f->data_offset,
       f->data_offset + VHD_HEADER_SIZE);
  add (l, "the block table", h->bat_offset,
       h->bat_offset + vhd_bat_size (h->nentries))
    ->is_table = true;
  if (b != NULL) {
    const uint64_t place = vhd_batmap_place (h);

    add (l, "the header of the batmap", place, place + VHD_BATMAP_SIZE)
      ->is_table = true;
    add (l, "the batmap", b->offset, b->offset + b->count)->is_table = true;
  }
  for (unsigned i = 0; i < VHD_LOCATORS; i++)
    add_locator (l, &h->locator[i]);
}

static bool
overlap (const struct vhd_region *a, const struct vhd_region *b)
{
  return a->offset < b->offset + b->count && b->offset < a->offset + a->count;
}

bool
vhd_layout_overlap (const struct vhd_layout *l, const struct vhd_region **a,
                    const struct vhd_region **b)
{
  for (unsigned i = 1; i < l->n; i++) {
    for (unsigned j = 0; j < i; j++) {
      *a = &l->region[j];
      *b = &l->region[i];
      if (overlap (*a, *b) && !((*a)->is_locator && (*b)->is_locator))
        return true;
    }
  }
  return false;
}

uint64_t
vhd_layout_end (const struct vhd_layout *l)
{
  uint64_t end = 0;

  for (unsigned i = 0; i < l->n; i++)
    end = max_u64 (end, l->region[i].offset + l->region[i].count);
  return end;
}
