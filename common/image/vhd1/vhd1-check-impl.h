/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What the parts of the check of a VHD share.
 */

#ifndef DISKSTACK_VHD1_CHECK_IMPL_H
#define DISKSTACK_VHD1_CHECK_IMPL_H

#include "image/image-check-impl.h"
#include "store/vhd1-footers.h"
#include "vhd/vhd-layout.h"
#include "vhd/vhd-size.h"

struct vhd1_checking {
  struct image_checker k;
  struct store *inner;
  enum vhd_size_rule rule;
  struct vhd1_footers footers;
  struct vhd_footer footer; /* the one that counts */
  uint64_t footer_at;       /* where it is; the end of the file if lost */
  struct vhd_header header;
  uint64_t size; /* of the disk */
  uint32_t bitmap_size;
  bool has_batmap;
  bool batmap_wrong;
  struct vhd_batmap batmap;
  struct image_check_space space;
};

/* All that follow return 0, 1 if what comes next makes no sense any more,
 * or -1 with *err, logged.
 */

/* vhd1-check-bat.c: the BAT, bitmaps and the batmap; adds blocks to
 * v->space.
 */
extern int vhd1_check_bat (struct vhd1_checking *v, int *err);

/* vhd1-check-parent.c */
extern int vhd1_check_parent (struct vhd1_checking *v, int *err);

#endif /* DISKSTACK_VHD1_CHECK_IMPL_H */
