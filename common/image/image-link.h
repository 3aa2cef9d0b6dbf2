/* SPDX-License-Identifier: BSD-3-Clause
 *
 * One file of a chain, opened, and whether it is the parent that another
 * one names.
 */

#ifndef DISKSTACK_IMAGE_LINK_H
#define DISKSTACK_IMAGE_LINK_H

#include "image/image-chain.h"

struct image_link {
  const char *name;    /* of the file, whose it is */
  struct image *image; /* owned; or */
  struct store *fixed; /* a fixed VHD, owned */
  /* Known also when it is closed: what a child must name, the time it was
   * changed (seconds since 1970), and its sectors.
   */
  struct uuid id;
  int64_t changed;
  uint32_t sector_size;
};

/* Open F as O says.  0, or -1 after log_error with errno. */
extern int image_link_open (struct host_file *f, enum image_format_id format,
                            enum vhd_size_rule rule,
                            const struct store_file_options *o,
                            struct image_link *l);

/* The same in INNER, which is owned in any case; NAME is of the file. */
extern int image_link_open_store (struct store *inner, const char *name,
                                  enum image_format_id format,
                                  enum vhd_size_rule rule,
                                  struct image_link *l);

/* Close what it owns; keeps errno. */
extern void image_link_close (struct image_link *l);

/* Is PARENT, which may be closed, the one that CHILD was made for?  0, or
 * -1 after log_error with errno = EINVAL.
 */
extern int image_link_check (const struct image_link *child,
                             const struct image_link *parent);

#endif /* DISKSTACK_IMAGE_LINK_H */
