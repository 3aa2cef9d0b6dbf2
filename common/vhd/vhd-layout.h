/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Where everything is in the file of a dynamic or differencing VHD that
 * is no block: the order of these is free, but for the copy of the
 * footer at the start.  A writer must not put a block over any of them.
 */

#ifndef DISKSTACK_VHD_LAYOUT_H
#define DISKSTACK_VHD_LAYOUT_H

#include <stdbool.h>
#include <stdint.h>

#include "vhd/vhd-batmap.h"
#include "vhd/vhd-footer.h"
#include "vhd/vhd-header.h"

struct vhd_region {
  const char *name;       /* "the block table" */
  uint64_t offset, count; /* bytes, whole sectors */
  bool is_locator;
  bool is_table; /* the block table, or what Xen has behind it */
};

#define VHD_REGIONS (5 + VHD_LOCATORS)

struct vhd_layout {
  struct vhd_region region[VHD_REGIONS];
  unsigned n;
};

/* Is what the header H of a disk of SIZE bytes speaks of in the file,
 * which has FILE_SIZE bytes before its footer?  In this order:
 * VHD_TOO_LARGE, VHD_BAT_TOO_SMALL, VHD_BAT_OUTSIDE, VHD_LOCATOR_OUTSIDE
 * or VHD_OK.
 */
extern enum vhd_status vhd_layout_check (const struct vhd_header *h,
                                         uint64_t size, uint64_t file_size);

/* All regions, if the check says VHD_OK; B is NULL if there is no
 * batmap.  A locator that has content has VHD_LOCATOR_MAX bytes at most of
 * the space that it may take, also beyond the end of the file.
 */
extern void vhd_layout_make (const struct vhd_footer *f,
                             const struct vhd_header *h,
                             const struct vhd_batmap *b, struct vhd_layout *l);

/* Two regions that overlap, or false if there are none.  Locators may
 * share a place, which harms nobody.
 */
extern bool vhd_layout_overlap (const struct vhd_layout *l,
                                const struct vhd_region **a,
                                const struct vhd_region **b);

/* The sector behind the last region: where blocks may begin. */
extern uint64_t vhd_layout_end (const struct vhd_layout *l);

#endif /* DISKSTACK_VHD_LAYOUT_H */
