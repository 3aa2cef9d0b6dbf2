/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Copying a disk into a new one that reads as zero, and comparing two.
 */

#ifndef DISKSTACK_DISK_COPY_H
#define DISKSTACK_DISK_COPY_H

#include "disk-walk.h"

/* The copy may have so much more, which is zero. */
#define DISK_COPY_REST 4095

struct disk_copy {
  struct store *from, *to; /* both take any offset and count */
  bool (*progress) (void *opaque, uint64_t done);
  void *opaque;
};

/* As disk_walk.  What is zero in FROM, told or found, is not written.  The
 * copy is durable at the end.
 */
extern int disk_copy (const struct disk_copy *c, struct disk_walk_failure *f,
                      int *err);

/* As disk_walk: does TO have the same as FROM, and zeroes behind it?  EIO
 * and the place if not.
 */
extern int disk_compare (const struct disk_copy *c, struct disk_walk_failure *f,
                         int *err);

#endif /* DISKSTACK_DISK_COPY_H */
