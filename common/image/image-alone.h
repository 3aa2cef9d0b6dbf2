/* SPDX-License-Identifier: BSD-3-Clause
 *
 * An image in any store, where no parent can be looked for.
 */

#ifndef DISKSTACK_IMAGE_ALONE_H
#define DISKSTACK_IMAGE_ALONE_H

#include "image/image-chain.h"

/* The disk in the image in INNER, which is owned in any case, and whose
 * description names it.  Read-only if INNER is.  NULL after log_error with
 * errno; EINVAL if it is a differencing image.
 */
extern struct store *image_alone_store (struct store *inner,
                                        enum image_format_id format,
                                        enum vhd_size_rule size_rule);

#endif /* DISKSTACK_IMAGE_ALONE_H */
