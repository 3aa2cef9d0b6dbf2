/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See vhdx-bat.h.
 */

#include <config.h>

#include "base/align.h"
#include "vhdx/vhdx-bat.h"

/* A disk has 64 TiB at most, so nothing overflows. */
struct vhdx_bat
vhdx_bat_of (uint64_t size, uint32_t block_size, uint32_t sector_size,
             bool has_parent)
{
  struct vhdx_bat b = {
    .block_size = block_size,
    .sector_size = sector_size,
    .has_parent = has_parent,
    .nblocks = DIV_ROUND_UP (size, block_size),
    .chunk_ratio = VHDX_CHUNK_SECTORS * sector_size / block_size,
  };

  b.nchunks = DIV_ROUND_UP (b.nblocks, b.chunk_ratio);
  if (has_parent)
    b.nentries = b.nchunks * (b.chunk_ratio + 1);
  else if (b.nblocks > 0)
    b.nentries = vhdx_bat_block_index (&b, b.nblocks - 1) + 1;
  return b;
}

enum vhdx_status
vhdx_bat_check (const struct vhdx_bat *b, uint64_t length)
{
  return b->nentries <= length / sizeof (uint64_t) ? VHDX_OK : VHDX_BAT_SHORT;
}

static enum vhdx_status
check_state (const struct vhdx_bat *b, unsigned state, bool bitmap)
{
  switch (state) {
  case VHDX_BLOCK_NOT_PRESENT:
  case VHDX_BLOCK_FULLY_PRESENT:
    return VHDX_OK;
  case VHDX_BLOCK_UNDEFINED:
  case VHDX_BLOCK_ZERO:
  case VHDX_BLOCK_UNMAPPED:
    return bitmap ? VHDX_ENTRY_STATE : VHDX_OK;
  case VHDX_BLOCK_PARTIALLY_PRESENT:
    return bitmap || !b->has_parent ? VHDX_ENTRY_PARTIAL : VHDX_OK;
  default:
    return VHDX_ENTRY_STATE;
  }
}

enum vhdx_status
vhdx_entry_check (const struct vhdx_bat *b, const struct vhdx_entry *e,
                  bool bitmap)
{
  const enum vhdx_status status = check_state (b, e->state, bitmap);

  if (e->reserved)
    return VHDX_ENTRY_RESERVED;
  if (status != VHDX_OK)
    return status;
  if (vhdx_entry_has_data (e) && e->offset < VHDX_HEADER_AREA)
    return VHDX_ENTRY_PLACE;
  return VHDX_OK;
}

const char *
vhdx_block_state_name (unsigned state)
{
  static const char *const names[] = {
    "not present",  "undefined",    "zero",          "unmapped",
    "reserved (4)", "reserved (5)", "fully present", "partially present",
  };

  return state < ARRAY_SIZE (names) ? names[state] : "impossible";
}
