/* SPDX-License-Identifier: BSD-3-Clause
 *
 * VHDX files as images, of all types.
 */

#ifndef DISKSTACK_IMAGE_VHDX_H
#define DISKSTACK_IMAGE_VHDX_H

#include "image/image-options.h"
#include "image/image.h"

/* The image in INNER, which it owns from now on.  A log that was not
 * applied is: in the file if it is opened writable, in memory if not.
 * NULL after log_error with errno; INNER is still the caller's then.
 */
extern struct image *image_vhdx_open (struct store *inner,
                                      const struct image_open_options *o);

/* Make the empty INNER (size 0, resizable) a VHDX, all ids new, durable,
 * the file identifier last.  Returns 0, or -1 after log_error with errno.
 */
extern int image_vhdx_format (struct store *inner,
                              const struct image_create_options *o);

#endif /* DISKSTACK_IMAGE_VHDX_H */
