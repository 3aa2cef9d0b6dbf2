/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Dynamic and differencing VHDs as images.  Fixed ones are no images:
 * store-vhd1.h.
 */

#ifndef DISKSTACK_IMAGE_VHD1_H
#define DISKSTACK_IMAGE_VHD1_H

#include "image/image-options.h"
#include "image/image.h"
#include "vhd/vhd-footer.h"

/* Which footer of INNER counts, and what it says: the end (512 or 511
 * bytes), else the copy at the start (*FROM_HEAD).  Returns VHD_OK with a
 * footer of any type, another status (with *F what was found, for
 * messages), or -1 with *err if INNER cannot be read.
 */
extern int vhd1_find_footer (struct store *inner, struct vhd_footer *f,
                             bool *from_head, int *err);

/* The image in INNER, which it owns from now on.  NULL after log_error
 * with errno = EINVAL (not a sound dynamic or differencing VHD) or what
 * reading gave; INNER is still the caller's then.  Writable: what is
 * damaged and has a good copy is mended, leftovers of a crash are cut
 * off.
 */
extern struct image *image_vhd1_open (struct store *inner,
                                      const struct image_open_options *o);

/* Make the empty INNER (size 0, resizable) a VHD of the type, all ids new,
 * durable; fixed ones too: then its size becomes the disk's and the
 * footer's.  Returns 0, or -1 after log_error with errno.
 */
extern int image_vhd1_format (struct store *inner,
                              const struct image_create_options *o);

#endif /* DISKSTACK_IMAGE_VHD1_H */
