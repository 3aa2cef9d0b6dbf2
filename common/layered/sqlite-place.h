/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Where a layer-sqlite layer is kept, as it is configured: in a file, or
 * in a directory of caches, in the file that a key or the id of the disk
 * below names.  A file that exists is opened and locked before the server
 * listens; its name may mean another file later.
 */

#ifndef DISKSTACK_SQLITE_PLACE_H
#define DISKSTACK_SQLITE_PLACE_H

#include <stdbool.h>

#include "layered/sqlite-file.h"

/* What follows an image's name, or a key, in the name of its layer. */
#define SQLITE_PLACE_SUFFIX ".dbhd"

struct sqlite_place {
  char *path; /* absolute, owned: of the file, or of the directory */
  bool is_directory;
  const char *key;         /* NULL: the id of the disk */
  const char *key_option;  /* how to give a key, for a message */
  struct host_file *early; /* opened by sqlite_place_ready; or NULL */
};

/* Say what is wrong with the place before the server listens.  A file
 * may be missing if the folder is there.  0, or -1 after log_error.
 */
extern int sqlite_place_ready (struct sqlite_place *p);

/* sqlite_file_open at the place, over BELOW. */
extern struct layer *sqlite_place_open (const struct sqlite_place *p,
                                        const struct layer_sqlite_options *o,
                                        const struct layer_below *below);

/* Free what P owns. */
extern void sqlite_place_fini (struct sqlite_place *p);

#endif /* DISKSTACK_SQLITE_PLACE_H */
