/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The file in memory that libcryptsetup is shown instead of a disk.
 */

#ifndef DISKSTACK_LUKS_COPY_H
#define DISKSTACK_LUKS_COPY_H

#include <stdint.h>

#include "store/store.h"

struct luks_copy {
  int fd;
  char path[32]; /* by which libcryptsetup can open it */
};

/* SIZE bytes of zeroes.  Returns 0, or -1 with *err. */
extern int luks_copy_init (struct luks_copy *c, uint64_t size, int *err);
extern void luks_copy_fini (struct luks_copy *c);

/* Copy [START, END), or as much of it as the disk has, from or to the
 * disk.  Returns 0, or -1 with *err.
 */
extern int luks_copy_load (const struct luks_copy *c, struct store *s,
                           uint64_t start, uint64_t end, int *err);
extern int luks_copy_save (const struct luks_copy *c, struct store *s,
                           uint64_t start, uint64_t end, int *err);

#endif /* DISKSTACK_LUKS_COPY_H */
