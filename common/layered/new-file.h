/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Making the file of a layer so that nobody ever sees half of one: in a
 * temporary file beside it that gets the name when it is complete and
 * durable.
 */

#ifndef DISKSTACK_NEW_FILE_H
#define DISKSTACK_NEW_FILE_H

#include "store/store.h"

/* Fill FILE, which is empty; 0, or -1 after log_error with errno. */
typedef int (*new_file_fill) (struct store *file, void *opaque);

/* Make the file PATH, whose name is durable when this returns.  Of those
 * that do it at once one wins, and the others are told that all is well.
 * Returns 0, or -1 after log_error.
 */
extern int new_file_make (const char *path, new_file_fill fill, void *opaque);

/* Is the folder there that PATH is to be made in?  0, or -1 after
 * log_error.
 */
extern int new_file_check_folder (const char *path);

#endif /* DISKSTACK_NEW_FILE_H */
