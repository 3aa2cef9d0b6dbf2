/* SPDX-License-Identifier: BSD-3-Clause
 *
 * An SQLite VFS that keeps one database and its rollback journal in the
 * stripes of a layer file.
 */

#ifndef DISKSTACK_SQLITE_VFS_H
#define DISKSTACK_SQLITE_VFS_H

#include <stdbool.h>
#include <stdint.h>

#include <sqlite3.h>

#include "store/store.h"

struct sqlite_vfs {
  sqlite3_vfs vfs;
  char vfs_name[48];
  struct store *file;
  const char *name;       /* for messages */
  uint64_t database_size; /* bytes, logical */
  uint64_t journal_size;  /* bytes, logical */
  bool sync_failed;       /* at least once */
};

/* Register a VFS over FILE under a name of its own, V->vfs_name.  The
 * database in it is SIZE bytes long.  Returns 0, or -1 after log_error.
 */
extern int sqlite_vfs_register (struct sqlite_vfs *v, struct store *file,
                                const char *name, uint64_t size);
extern void sqlite_vfs_unregister (struct sqlite_vfs *v);

#endif /* DISKSTACK_SQLITE_VFS_H */
