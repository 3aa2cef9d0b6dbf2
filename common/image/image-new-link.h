/* SPDX-License-Identifier: BSD-3-Clause
 *
 * How a differencing image that is being made, or gets another parent, is
 * to name that parent: by its identity, by the way from the folder of the
 * child to it, and by where it is on this host.
 */

#ifndef DISKSTACK_IMAGE_NEW_LINK_H
#define DISKSTACK_IMAGE_NEW_LINK_H

#include "image/image-chain.h"
#include "image/image-options.h"

/* The parent stays open, and locked against writers: so what the child
 * says of it is true for so long.
 */
struct image_new_link {
  struct image_create_parent create; /* owned */
  uint64_t size;                     /* bytes of the disk */
  uint32_t sector_size;
  uint32_t physical_sector_size; /* 0: it does not say */

  /* Private. */
  struct host_file *file;
  struct store *store; /* a fixed VHD; or */
  struct image *image; /* anything else */
  char *relative, *absolute;
};

/* PARENT, of which a reference is taken, seen from the path CHILD, which
 * need not exist.  The parents that it may have are not looked at.  0, or
 * -1 after log_error with errno.
 */
extern int image_new_link_open (struct image_new_link *p,
                                struct host_file *parent,
                                enum image_format_id format, const char *child);
extern void image_new_link_close (struct image_new_link *p);

#endif /* DISKSTACK_IMAGE_NEW_LINK_H */
