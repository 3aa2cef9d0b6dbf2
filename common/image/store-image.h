/* SPDX-License-Identifier: BSD-3-Clause
 *
 * An image over its parent, as a store: what the image does not have is
 * read from the parent, or is zero where there is none or where the
 * parent is shorter.
 */

#ifndef DISKSTACK_STORE_IMAGE_H
#define DISKSTACK_STORE_IMAGE_H

#include "image/image.h"
#include "store/store.h"

/* The store, which owns IMAGE and PARENT (NULL if the image has none, and
 * only then) from now on.  info.align is the sector size.  Extents tell
 * of data, zeroes and what falls through, and inside of blocks what INNER
 * says are holes.  NULL with errno = ENOMEM; both are still the caller's
 * then.
 */
extern struct store *store_image_create (struct image *image,
                                         struct store *parent);

/* The image of a store made by this; NULL if S is another. */
extern struct image *store_image_get (struct store *s);

#endif /* DISKSTACK_STORE_IMAGE_H */
