/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The operations of image/image.h over an array of states in memory, for
 * tests of what stands on images: linked before the engine, it takes its
 * place.  The data is in another store, in blocks that lie there in the
 * order that is the reverse of the disk's, so that nobody mistakes an
 * offset for a place.
 */

#ifndef DISKSTACK_TEST_IMAGE_FAKE_H
#define DISKSTACK_TEST_IMAGE_FAKE_H

#include "image/image.h"

/* An image that has nothing, as INFO says (which is copied without the
 * paths of the parent), called NAME; it owns INNER, which has
 * IMAGE_FAKE_MAX bytes.  NO_ZERO: zeroes are stored.  Never NULL.
 */
extern struct image *image_fake_create (const char *name,
                                        const struct image_info *info,
                                        struct store *inner, bool no_zero);

/* The most that an image may be resized to, and what INNER must have. */
#define IMAGE_FAKE_MAX (UINT64_C (4) << 20)

/* From now on image_map fails with EIO from OFFSET on; UINT64_MAX: no
 * more.
 */
extern void image_fake_break (struct image *i, uint64_t offset);

/* How many flushes, and visits that have not left. */
extern unsigned image_fake_flushes (const struct image *i);
extern unsigned image_fake_visitors (const struct image *i);

#endif /* DISKSTACK_TEST_IMAGE_FAKE_H */
