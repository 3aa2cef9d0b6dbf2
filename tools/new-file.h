/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A file that gets its name when it is complete.  Where the file system
 * can have files without a name, whatever ends the program before leaves
 * nothing behind; elsewhere a failure does, but not the end of the
 * machine.
 */

#ifndef DISKSTACK_NEW_FILE_H
#define DISKSTACK_NEW_FILE_H

#include <stdbool.h>

#include "store/host-file.h"

struct new_file {
  const char *path;
  struct host_file *file; /* empty at first; of the path to be */
  bool named;             /* it has its name already */
};

/* PATH must not exist, and must be valid until the end.  0, or -1 after
 * log_error.
 */
extern int new_file_create (struct new_file *n, const char *path);

/* All is written and flushed: give it its name, durably.  0, or -1 after
 * log_error, when there is no such file.
 */
extern int new_file_publish (struct new_file *n);

/* Close the file, and remove it unless it was published. */
extern void new_file_end (struct new_file *n);

#endif /* DISKSTACK_NEW_FILE_H */
