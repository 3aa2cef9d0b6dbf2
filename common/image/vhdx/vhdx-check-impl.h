/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What the parts of the check of a VHDX share.
 */

#ifndef DISKSTACK_VHDX_CHECK_IMPL_H
#define DISKSTACK_VHDX_CHECK_IMPL_H

#include "image/image-check-impl.h"
#include "vhdx/vhdx-bat.h"
#include "vhdx/vhdx-header.h"
#include "vhdx/vhdx-metadata.h"
#include "vhdx/vhdx-region.h"

struct vhdx_checking {
  struct image_checker k;
  /* The file; then over it what its log changes, and zeroes up to whole
   * MiB.
   */
  struct store *file, *inner;
  struct vhdx_headers headers;
  struct vhdx_header header; /* the current one */
  struct vhdx_regions regions;
  uint8_t *region_table; /* VHDX_REGION_SIZE bytes */
  struct vhdx_metadata metadata;
  struct vhdx_bat bat;
  struct image_check_space space;
};

/* All that follow return 0, 1 if what comes next makes no sense any more,
 * or -1 with *err, logged.
 */

/* vhdx-check-log.c: put what the log changes over the file. */
extern int vhdx_check_log (struct vhdx_checking *v, int *err);

/* vhdx-check-metadata.c */
extern int vhdx_check_metadata (struct vhdx_checking *v, int *err);

/* vhdx-check-bat.c: all entries and bitmaps; adds what they name to
 * v->space.
 */
extern int vhdx_check_bat (struct vhdx_checking *v, int *err);

#endif /* DISKSTACK_VHDX_CHECK_IMPL_H */
