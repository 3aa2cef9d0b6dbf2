/* SPDX-License-Identifier: BSD-3-Clause
 *
 * VHD as the engine sees it.  An entry of the BAT is the sector of the
 * block's bitmap, which has the data right behind it; a block is there or
 * not, and what is full has a bitmap of ones.
 */

#include <config.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/align.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "image/vhd1/vhd1-impl.h"

/* Entries are big-endian, whatever the host has. */
static uint64_t
from_raw (uint64_t raw)
{
  const uint32_t word = (uint32_t) raw;
  be32 e;

  memcpy (e.b, &word, sizeof e.b);
  return be32_get (e);
}

static uint64_t
to_raw (uint64_t sector)
{
  const be32 e = be32_put ((uint32_t) sector);
  uint32_t word;

  memcpy (&word, e.b, sizeof word);
  return word;
}

/* ------------------------------------------------------------------ */
/* Entries */

static bool
is_over_structure (const struct vhd1 *v, uint64_t start, uint64_t end)
{
  if (start >= v->layout_end)
    return false;
  for (unsigned k = 0; k < v->layout.n; k++) {
    const struct vhd_region *r = &v->layout.region[k];

    if (start < r->offset + r->count && r->offset < end)
      return true;
  }
  return false;
}

/* The file may end inside of the data; the engine reads zeroes there. */
static struct image_entry
get_entry (const struct image *i, uint64_t block, uint64_t raw)
{
  const struct vhd1 *v = to_vhd1 (i);
  const uint64_t sector = from_raw (raw);
  const uint64_t start = sector * VHD_SECTOR_SIZE;
  const uint64_t data = start + v->bitmap_size;

  if (sector == VHD_BAT_UNUSED)
    return (struct image_entry){ BLOCK_ABSENT, 0 };
  if (is_over_structure (v, start, data + v->header.block_size) ||
      data > atomic_load_explicit (&v->footer_at, memory_order_relaxed))
    return (struct image_entry){ BLOCK_BAD, 0 };
  return (struct image_entry){ BLOCK_BITS, data };
}

static uint64_t
put_entry (const struct image *i, enum image_block_state state, uint64_t place,
           bool trim)
{
  if (state != BLOCK_BITS)
    return to_raw (VHD_BAT_UNUSED);
  return to_raw ((place - to_vhd1 (i)->bitmap_size) / VHD_SECTOR_SIZE);
}

static uint64_t
entry_index (const struct image *i, uint64_t block)
{
  return block;
}

/* ------------------------------------------------------------------ */
/* Bitmaps */

/* The engine has the entry already, so this finds it. */
static int
bits_place (struct image *i, uint64_t page, uint64_t *place, int *err)
{
  const uint64_t pages =
    (i->info.block_size >> i->sector_shift) / i->bits_page_sectors;
  const uint64_t block = page / pages;
  struct image_entry e;
  uint64_t raw;

  if (image_get_raw_entry (i, block, &raw, err) == -1)
    return -1;
  e = get_entry (i, block, raw);
  *place = e.state != BLOCK_BITS ?
             0 :
             e.place - to_vhd1 (i)->bitmap_size +
               page % pages * (uint64_t) i->bits_page_size;
  return 0;
}

static uint64_t
block_footprint (const struct image *i, uint64_t *data_at)
{
  *data_at = to_vhd1 (i)->bitmap_size;
  return *data_at + i->info.block_size;
}

static void
set_bits (const struct image *i, uint8_t *bits, uint32_t start, uint32_t count)
{
  for (uint32_t k = start; k < start + count; k++)
    bits[k / 8] |=
      (uint8_t) (i->format->bits_msb_first ? 0x80 >> k % 8 : 1 << k % 8);
}

/* Also the padding behind the bits of a small block is set if it is full,
 * as with Windows.
 */
static int
block_init (struct image *i, uint64_t place, bool full, uint32_t start,
            uint32_t count, int *err)
{
  const uint32_t size = to_vhd1 (i)->bitmap_size;
  CLEANUP_FREE uint8_t *bits = malloc (size);

  if (bits == NULL) {
    *err = ENOMEM;
    return -1;
  }
  memset (bits, full ? 0xff : 0, size);
  if (!full)
    set_bits (i, bits, start, count);
  return image_inner_write (i, bits, size, place - size,
                            "the bitmap of a new block", err);
}

/* ------------------------------------------------------------------ */
/* Changes */

/* Xen's batmap is a hint that must not be wrong: all zeroes never is, as
 * it says nothing.  If the power fails in between, the checksum is wrong,
 * and the next time it will be found so again.
 */
static int
reset_batmap (struct image *i, int *err)
{
  struct vhd1 *v = to_vhd1 (i);
  uint8_t bytes[VHD_BATMAP_SIZE];

  if (store_zero (i->inner, v->batmap.count, v->batmap.offset, 0, err) == -1) {
    errno = *err;
    log_error ("%s: clearing the batmap: %m", i->name);
    return -1;
  }
  v->batmap.checksum = VHD_BATMAP_CHECKSUM_ZEROES;
  vhd_batmap_serialise (&v->batmap, bytes);
  if (image_inner_write (i, bytes, sizeof bytes, vhd_batmap_place (&v->header),
                         "the header of the batmap", err) == -1)
    return -1;
  return vhd1_flush (i, "the batmap", err);
}

static int
first_change (struct image *i, int *err)
{
  struct vhd1 *v = to_vhd1 (i);

  if (v->has_batmap && reset_batmap (i, err) == -1)
    return -1;
  v->changed = true;
  return 0;
}

/* What they name is durable, and sectors are written whole: each page may
 * be written in place, in any order.
 */
static int
commit (struct image *i, struct image_page *pages, unsigned npages, int *err)
{
  for (unsigned k = 0; k < npages; k++) {
    if (image_inner_write (i, pages[k].data, pages[k].count, pages[k].offset,
                           "the block table or a bitmap", err) == -1)
      return -1;
  }
  return vhd1_flush (i, "the block table", err);
}

static void
free_own (struct image *i)
{
  free (i->own);
}

#define VHD1_FORMAT(msb_first)                                             \
  {                                                                        \
    .name = "vhd1", .entry_size = sizeof (be32), .get_entry = get_entry,   \
    .put_entry = put_entry, .entry_index = entry_index, .has_zero = false, \
    .has_full = false, .bits_msb_first = (msb_first),                      \
    .bits_place = bits_place, .block_footprint = block_footprint,          \
    .block_init = block_init, .first_change = first_change,                \
    .set_parent = vhd1_set_parent, .commit = commit, .grow = vhd1_grow,    \
    .close_clean = vhd1_close_clean, .resize = vhd1_resize,                \
    .free_own = free_own,                                                  \
  }

const struct image_format vhd1_format = VHD1_FORMAT (true);

/* Xen's tools of version 0.1 count bits from the other end. */
const struct image_format vhd1_format_lsb = VHD1_FORMAT (false);
