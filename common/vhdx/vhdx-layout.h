/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Where things are in a new VHDX: as Windows puts them.  The log at 1 MiB,
 * the metadata at 2 MiB, the BAT at 3 MiB, then blocks.
 */

#ifndef DISKSTACK_VHDX_LAYOUT_H
#define DISKSTACK_VHDX_LAYOUT_H

#include "vhdx/vhdx-bat.h"
#include "vhdx/vhdx-header.h"
#include "vhdx/vhdx-metadata.h"
#include "vhdx/vhdx-region.h"
#include "vhdx/vhdx-status.h"

#define VHDX_LOG_LENGTH (1u << 20)
#define VHDX_BLOCK_SIZE_DYNAMIC (32u << 20) /* the defaults of Windows */
#define VHDX_BLOCK_SIZE_DIFFERENCING (2u << 20)

struct vhdx_layout {
  uint64_t log_offset;
  uint32_t log_length;
  struct vhdx_region bat, metadata;
  uint64_t data_offset; /* behind all of that: the size of an empty file */
  struct vhdx_bat geometry;
};

/* The layout for the disk that M describes (the members from the items).
 * VHDX_BLOCK_SIZE, VHDX_DISK_SIZE, VHDX_SECTOR_SIZE,
 * VHDX_PHYSICAL_SECTOR_SIZE.
 */
extern enum vhdx_status vhdx_layout_of (const struct vhdx_metadata *m,
                                        struct vhdx_layout *l);

/* The region table as VHDX_REGION_SIZE bytes at P. */
extern void vhdx_layout_regions (const struct vhdx_layout *l, void *p);

/* A header of a clean file; sequence and ids are the caller's. */
extern struct vhdx_header vhdx_layout_header (const struct vhdx_layout *l,
                                              uint64_t sequence,
                                              const struct uuid *file_write_id,
                                              const struct uuid *data_write_id);

#endif /* DISKSTACK_VHDX_LAYOUT_H */
