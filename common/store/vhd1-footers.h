/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Finding the footer of a VHD in a store: at the end, of 512 bytes or of
 * 511, and the copy that dynamic and differencing ones begin with.
 */

#ifndef DISKSTACK_VHD1_FOOTERS_H
#define DISKSTACK_VHD1_FOOTERS_H

#include "store/store.h"
#include "vhd/vhd-footer.h"

struct vhd1_footers {
  enum vhd_status end_status, head_status;
  struct vhd_footer end;
  /* Not looked for, and all zeroes with VHD_NO_COOKIE, if END is sound
   * and fixed: then a guest's data is there.
   */
  struct vhd_footer head;
};

/* Read both.  0, or -1 with *err if INNER cannot be read. */
extern int vhd1_footers_read (struct store *inner, struct vhd1_footers *f,
                              int *err);

/* The footer that counts: the one at the end if it is one at all, else a
 * sound copy that is not a fixed disk's.  Returns what is wrong with the
 * end if there is neither; **WHICH is the end's then.
 */
extern enum vhd_status vhd1_footers_choose (const struct vhd1_footers *f,
                                            const struct vhd_footer **which);

/* The same as a phrase's detail: the numbers that belong to a STATUS that
 * is the reason to refuse a file of FILE_SIZE bytes, " (1.2)", or "".
 */
extern void vhd1_footers_detail (enum vhd_status status,
                                 const struct vhd_footer *f, uint64_t file_size,
                                 char *out, size_t n);

/* log_debug of what is odd about F, but no reason to refuse the file. */
extern void vhd1_footers_mention (const struct vhd_footer *f, const char *name);

#endif /* DISKSTACK_VHD1_FOOTERS_H */
