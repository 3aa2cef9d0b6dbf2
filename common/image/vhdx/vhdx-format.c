/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A VHDX as the engine of images sees it.
 *
 * Entries that have no data but name space all the same (the block was
 * unmapped, and might have it again) are ZERO; that space is not used by
 * us as long as the image is open, see vhdx-claim.c, and what we write for
 * such a block names it no more.
 */

#include <config.h>

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/align.h"
#include "base/checked.h"
#include "base/log.h"
#include "image/vhdx/vhdx-impl.h"

/* ------------------------------------------------------------------ */
/* Entries */

/* Is all of BLOCK that the disk shows inside the file at PLACE?  The last
 * bytes of a file may be missing up to a whole MiB.
 */
static bool
is_in_file (const struct image *i, uint64_t block, uint64_t place)
{
  const uint64_t start = block << i->block_shift, size = i->size;
  const uint64_t block_size = UINT64_C (1) << i->block_shift;
  const uint64_t shown =
    start < size ? min_u64 (block_size, size - start) : block_size;

  return range_inside (place, shown,
                       ROUND_UP (store_size (i->inner), VHDX_MIB));
}

static struct image_entry
get_entry (const struct image *i, uint64_t block, uint64_t raw)
{
  const struct vhdx_entry e = vhdx_entry_decode (raw);
  struct image_entry entry = { .state = BLOCK_BAD };

  if (raw == 0)
    entry.state = BLOCK_ABSENT;
  else if (vhdx_entry_check (&to_vhdx (i)->bat, &e, false) != VHDX_OK)
    return entry;
  else if (!vhdx_entry_has_data (&e))
    entry.state = e.state == VHDX_BLOCK_NOT_PRESENT ? BLOCK_ABSENT : BLOCK_ZERO;
  else if (is_in_file (i, block, e.offset)) {
    entry.state = e.state == VHDX_BLOCK_FULLY_PRESENT ? BLOCK_FULL : BLOCK_BITS;
    entry.place = e.offset;
  }
  return entry;
}

static uint64_t
put_entry (const struct image *i, enum image_block_state state, uint64_t place,
           bool trim)
{
  switch (state) {
  case BLOCK_ABSENT:
    return vhdx_entry_encode (VHDX_BLOCK_NOT_PRESENT, 0);
  case BLOCK_ZERO:
    return vhdx_entry_encode (trim ? VHDX_BLOCK_UNMAPPED : VHDX_BLOCK_ZERO, 0);
  case BLOCK_FULL:
    return vhdx_entry_encode (VHDX_BLOCK_FULLY_PRESENT, place);
  case BLOCK_BITS:
    return vhdx_entry_encode (VHDX_BLOCK_PARTIALLY_PRESENT, place);
  case BLOCK_BAD:
    break;
  }
  abort ();
}

static uint64_t
entry_index (const struct image *i, uint64_t block)
{
  return vhdx_bat_block_index (&to_vhdx (i)->bat, block);
}

static uint64_t
block_footprint (const struct image *i, uint64_t *data_at)
{
  *data_at = 0;
  return UINT64_C (1) << i->block_shift;
}

/* ------------------------------------------------------------------ */
/* Commits */

static int
first_change (struct image *i, int *err)
{
  return image_vhdx_renew (to_vhdx (i), true, err);
}

static int
commit (struct image *i, struct image_page *pages, unsigned npages, int *err)
{
  struct image_vhdx *v = to_vhdx (i);

  if (image_vhdx_begin (v, err) == -1)
    return -1;
  return vhdx_journal_write (&v->journal, pages, npages, err);
}

static int
grow (struct image *i, uint64_t end, uint64_t *reserved, int *err)
{
  *reserved = 0;
  if (store_resize (i->inner, end, err) == 0)
    return 0;
  /* Whatever holds the file is full. */
  if (*err == EOPNOTSUPP || *err == EFBIG || *err == EINVAL)
    *err = ENOSPC;
  return -1;
}

/* The log must be at its end before the file is cut: what it would change
 * might be behind the cut, and it relies on the length of the file.
 */
static int
close_clean (struct image *i, uint64_t used, int *err)
{
  struct image_vhdx *v = to_vhdx (i);

  used = ROUND_UP (used, VHDX_MIB);
  if (image_vhdx_end (v, err) == -1)
    return -1;
  if (used >= store_size (i->inner))
    return 0;
  if (store_resize (i->inner, used, err) == -1)
    return *err == EOPNOTSUPP ? 0 : -1;
  return store_flush (i->inner, err);
}

static void
free_own (struct image *i)
{
  image_vhdx_free (i->own);
}

const struct image_format image_vhdx_format_ops = {
  .name = "vhdx",
  .entry_size = 8,
  .get_entry = get_entry,
  .put_entry = put_entry,
  .entry_index = entry_index,
  .has_zero = true,
  .has_full = true,
  .bits_msb_first = false,
  .bits_place = image_vhdx_bits_place,
  .bits_create = image_vhdx_bits_create,
  .block_footprint = block_footprint,
  .claim = image_vhdx_claim,
  .first_change = first_change,
  .set_link_id = image_vhdx_set_link_id,
  .set_parent = image_vhdx_set_parent,
  .commit = commit,
  .grow = grow,
  .close_clean = close_clean,
  .resize = image_vhdx_resize,
  .free_own = free_own,
};
