/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See vhdx-layout.h.
 */

#include <config.h>

#include <string.h>

#include "base/align.h"
#include "vhdx/vhdx-guid.h"
#include "vhdx/vhdx-layout.h"

enum vhdx_status
vhdx_layout_of (const struct vhdx_metadata *m, struct vhdx_layout *l)
{
  struct vhdx_metadata checked = *m;
  enum vhdx_status status;

  memset (l, 0, sizeof *l);
  /* Where the locator will be is not known yet. */
  checked.item[VHDX_ITEM_PARENT_LOCATOR].exists = true;
  status = vhdx_metadata_check (&checked);
  if (status != VHDX_OK)
    return status;

  l->geometry =
    vhdx_bat_of (m->size, m->block_size, m->sector_size, m->has_parent);
  l->log_offset = VHDX_HEADER_AREA;
  l->log_length = VHDX_LOG_LENGTH;
  l->metadata = (struct vhdx_region){
    .id = vhdx_guid_metadata,
    .offset = l->log_offset + l->log_length,
    .length = VHDX_MIB,
    .required = true,
  };
  l->bat = (struct vhdx_region){
    .id = vhdx_guid_bat,
    .offset = l->metadata.offset + l->metadata.length,
    .length =
      (uint32_t) ROUND_UP (l->geometry.nentries * sizeof (uint64_t), VHDX_MIB),
    .required = true,
  };
  l->data_offset = l->bat.offset + l->bat.length;
  return VHDX_OK;
}

void
vhdx_layout_regions (const struct vhdx_layout *l, void *p)
{
  const struct vhdx_region regions[] = { l->bat, l->metadata };

  vhdx_region_serialise (regions, ARRAY_SIZE (regions), p);
}

struct vhdx_header
vhdx_layout_header (const struct vhdx_layout *l, uint64_t sequence,
                    const struct uuid *file_write_id,
                    const struct uuid *data_write_id)
{
  return (struct vhdx_header){
    .sequence = sequence,
    .file_write_id = *file_write_id,
    .data_write_id = *data_write_id,
    .version = VHDX_VERSION,
    .log_length = l->log_length,
    .log_offset = l->log_offset,
  };
}
