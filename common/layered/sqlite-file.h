/* SPDX-License-Identifier: BSD-3-Clause
 *
 * From a path to a layer-sqlite layer: making the file so that nobody
 * ever sees half of one, and opening it read-only without touching it.
 */

#ifndef DISKSTACK_SQLITE_FILE_H
#define DISKSTACK_SQLITE_FILE_H

#include <stdbool.h>

#include "layer/layer.h"
#include "layer/sqlite/layer-sqlite.h"
#include "store/host-file.h"

/* Open PATH, a layer over BELOW.  If it does not exist, make it first,
 * unless O->read_only: in a temporary file beside it that gets the name
 * when it is complete, so that of processes that do this at once all
 * open the same file.  O->name is ignored.  NULL after log_error; errno
 * is EBUSY if another process has the file open.  BELOW may be NULL if
 * the file exists, to look at it whatever disk it belongs to.
 */
extern struct layer *sqlite_file_open (const char *path,
                                       const struct layer_sqlite_options *o,
                                       const struct layer_below *below);

/* The same for a file that is open already; takes a reference. */
extern struct layer *
sqlite_file_open_host (struct host_file *f,
                       const struct layer_sqlite_options *o,
                       const struct layer_below *below);

/* Is F, which exists, the file of a layer?  0, or -1 after log_error. */
extern int sqlite_file_check (struct host_file *f);

#endif /* DISKSTACK_SQLITE_FILE_H */
