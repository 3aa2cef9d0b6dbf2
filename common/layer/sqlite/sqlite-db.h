/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The SQLite database of a layer file: its schema, and getting rows in
 * and out.  The only user of SQLite, with sqlite-vfs.c.
 */

#ifndef DISKSTACK_SQLITE_DB_H
#define DISKSTACK_SQLITE_DB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/uuid.h"
#include "layer/sqlite/layer-sqlite.h"
#include "store/store.h"

struct sqlite_db;

/* Where the log is and where to begin to read it. */
struct sqlite_db_log {
  bool exists;
  struct uuid id;
  uint64_t offset, length; /* bytes, in the file */
  uint64_t position;       /* bytes into the log, of the first batch */
  uint64_t sequence;       /* its number */
};

/* Open the database in FILE, which stays the caller's.  With CREATE,
 * make it first.  NAME is for messages and must live on.  NULL after
 * log_error.
 */
extern struct sqlite_db *sqlite_db_open (struct store *file, const char *name,
                                         bool create);
extern void sqlite_db_close (struct sqlite_db *db);

/* Each of these returns 0, or -1 after log_error. */

extern int sqlite_db_begin (struct sqlite_db *db);
extern int sqlite_db_commit (struct sqlite_db *db);

/* Give up what is open since begin. */
extern void sqlite_db_rollback (struct sqlite_db *db);

extern int sqlite_db_put_identity (struct sqlite_db *db,
                                   const struct layer_sqlite_identity *id);
extern int sqlite_db_get_identity (struct sqlite_db *db,
                                   struct layer_sqlite_identity *id);
extern int sqlite_db_put_log (struct sqlite_db *db,
                              const struct sqlite_db_log *log);
extern int sqlite_db_get_log (struct sqlite_db *db, struct sqlite_db_log *log);

/* See to it, in the transaction that is open, that the file says that it
 * may have marks, so that a program that knows of none refuses it.
 */
extern int sqlite_db_put_marks (struct sqlite_db *db);

/* The transaction that did that is committed. */
extern bool sqlite_db_has_marks (const struct sqlite_db *db);

/* Replace the row of index page PAGE; with N = 0 delete it. */
extern int sqlite_db_put_page (struct sqlite_db *db, uint64_t page,
                               const void *runs, size_t n);

/* Call FN for every row, in order of pages; a -1 of FN ends it. */
extern int sqlite_db_each_page (struct sqlite_db *db,
                                int (*fn) (void *opaque, uint64_t page,
                                           const uint8_t *runs, size_t n),
                                void *opaque);

/* SQLite's own check: *TROUBLE is NULL or what it found, to be freed. */
extern int sqlite_db_check (struct sqlite_db *db, char **trouble);

/* Has a sync of the file failed?  Then nobody knows what is in it. */
extern bool sqlite_db_sync_failed (const struct sqlite_db *db);

/* Bytes of the file, from its start, that the database needs. */
extern uint64_t sqlite_db_file_end (struct sqlite_db *db);

/* Bytes that the database and its journal take. */
extern uint64_t sqlite_db_used (const struct sqlite_db *db);

#endif /* DISKSTACK_SQLITE_DB_H */
