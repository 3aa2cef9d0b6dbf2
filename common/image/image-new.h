/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Making the file of a new image.  A differencing one names its parent by
 * its identity, by the way from the folder of the new file to it, and by
 * where it is on this host.
 */

#ifndef DISKSTACK_IMAGE_NEW_H
#define DISKSTACK_IMAGE_NEW_H

#include "image/image-chain.h"
#include "image/image-options.h"
#include "store/host-file.h"

struct image_new_options {
  enum image_format_id format;
  struct host_file_options file; /* with a path, which must not exist */
  /* For IMAGE_DIFFERENCING: the path of the parent, an image of the same
   * format.
   */
  const char *parent;
  /* name and parent are filled in here.  With a parent size 0 is the
   * parent's, and so are the sector sizes if they are 0; a smaller size,
   * or another sector size, is refused.
   */
  struct image_create_options create;
};

/* Make it, durably.  The file is open and has no lock.  NULL after
 * log_error with errno; no file is left then.
 */
extern struct host_file *image_new (const struct image_new_options *o);

/* The same in the file F, which is empty and open for writing, and has or
 * will have the path of O.  0, or -1 after log_error with errno.
 */
extern int image_new_over (struct host_file *f,
                           const struct image_new_options *o);

#endif /* DISKSTACK_IMAGE_NEW_H */
