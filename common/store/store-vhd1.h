/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The store over a fixed VHD in another store: the disk is the first
 * part of the file, the footer its end.  The footer is not part of the
 * disk: no request reaches it.
 */

#ifndef DISKSTACK_STORE_VHD1_H
#define DISKSTACK_STORE_VHD1_H

#include "store/store.h"
#include "vhd/vhd-size.h"

struct store_vhd1_options {
  const char *name; /* of the image, for messages and the description */
  enum vhd_size_rule size_rule;
};

/* The disk in INNER, which it owns from now on.  Its id is that of the
 * footer, unless that is all zeroes.  Returns NULL after log_error, with
 * errno = EINVAL if INNER is not a sound VHD, EOPNOTSUPP if it is a
 * sound one that is not fixed (image-vhd1.h); INNER is still the caller's then.
 */
extern struct store *store_vhd1_create (struct store *inner,
                                        const struct store_vhd1_options *o);

/* Make INNER a fixed VHD of all but its last 512 bytes, new, with an id
 * of its own, by writing a durable footer there.  Whole sectors, at most
 * VHD_MAX_SIZE.  Returns 0, or -1 after log_error, which calls it NAME.
 */
extern int store_vhd1_format (struct store *inner, const char *name);

/* Write COUNT bytes at OFFSET, which is the end of the file or beyond, and
 * by that make the file longer; so that never, whatever happens, it is
 * longer without them.  Returns 0, or -1 with *err.
 */
typedef int (*store_vhd1_append) (void *opaque, const void *buf, size_t count,
                                  uint64_t offset, int *err);

/* Make the disk in INNER, a fixed VHD and resizable, SIZE bytes large;
 * durable when it returns, and never anything but the old or the new size.
 * What is new reads as zeroes.  What a smaller one has no more is lost.
 * Returns 0, or -1 after log_error, which calls it NAME, with errno.
 */
extern int store_vhd1_resize (struct store *inner, uint64_t size,
                              const char *name, store_vhd1_append append,
                              void *opaque);

#endif /* DISKSTACK_STORE_VHD1_H */
