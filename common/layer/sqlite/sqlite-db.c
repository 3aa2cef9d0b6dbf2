/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See sqlite-db.h.  Two tables (docs/format-sector-db.md section 3):
 * meta, a row for each fact, and map, a row of runs for each index page.
 */

#include <config.h>

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <sqlite3.h>

#include "base/align.h"
#include "base/bytes.h"
#include "base/log.h"
#include "layer/sqlite/sqlite-db.h"
#include "layer/sqlite/sqlite-vfs.h"
#include "sector-db/sdb-header.h"
#include "sector-db/sdb-layout.h"

#define STRINGIFY_2(x) #x
#define STRINGIFY(x) STRINGIFY_2 (x)

enum statement { PUT_META, GET_META, PUT_PAGE, DELETE_PAGE, NSTATEMENTS };

struct sqlite_db {
  struct sqlite_vfs vfs;
  const char *name;
  sqlite3 *db;
  sqlite3_stmt *stmt[NSTATEMENTS];
  uint32_t version;       /* that was committed */
  uint32_t version_to_be; /* in the open transaction */
};

static const char *const sql[NSTATEMENTS] = {
  [PUT_META] = "INSERT OR REPLACE INTO meta (key, value) VALUES (?1, ?2)",
  [GET_META] = "SELECT value FROM meta WHERE key = ?1",
  [PUT_PAGE] = "INSERT OR REPLACE INTO map (page, runs) VALUES (?1, ?2)",
  [DELETE_PAGE] = "DELETE FROM map WHERE page = ?1",
};

static const char settings[] = "PRAGMA page_size = " STRINGIFY (
  SDB_PAGE_SIZE_BYTES) ";"
                       "PRAGMA locking_mode = EXCLUSIVE;"
                       "PRAGMA temp_store = MEMORY;"
                       "PRAGMA trusted_schema = OFF;"
                       "PRAGMA cell_size_check = ON;"
                       "PRAGMA synchronous = FULL;"
                       "PRAGMA journal_mode = PERSIST;";

#define CREATE_MAP \
  "CREATE TABLE map (page INTEGER PRIMARY KEY, runs BLOB NOT NULL)"
#define CREATE_META \
  "CREATE TABLE meta (key TEXT PRIMARY KEY, value) WITHOUT ROWID"

static const char schema[] = "BEGIN;" CREATE_META ";" CREATE_MAP ";COMMIT;";

/* Whether the schema is that and nothing else: no view instead of a
 * table, no trigger, nothing that would run what a stranger wrote.
 */
static const char schema_is_ours[] =
  "SELECT count (*) = 2 AND sum (sql IN ('" CREATE_MAP "', '" CREATE_META "'))"
  " = 2 FROM sqlite_schema";

static int
db_error (struct sqlite_db *db, const char *what)
{
  log_error ("%s: %s: %s", db->name, what, sqlite3_errmsg (db->db));
  return -1;
}

static int
exec (struct sqlite_db *db, const char *what, const char *text)
{
  if (sqlite3_exec (db->db, text, NULL, NULL, NULL) != SQLITE_OK)
    return db_error (db, what);
  return 0;
}

static int
set_version (struct sqlite_db *db, int version)
{
  char text[96];

  sqlite3_snprintf (sizeof text, text,
                    "PRAGMA application_id = %d; PRAGMA user_version = %d;",
                    SDB_APPLICATION_ID, version);
  return exec (db, "cannot write its version", text);
}

/* Bytes of the database, as its header has it. */
static uint64_t
database_size (struct store *file)
{
  uint8_t start[SDB_HEADER_SIZE];
  struct sdb_header h;
  int err;

  if (store_size (file) < sizeof start ||
      store_read (file, start, sizeof start, 0, &err) == -1)
    return 0;
  sdb_header_parse (start, sizeof start, &h);
  return (uint64_t) h.page_count * SDB_PAGE_SIZE_BYTES;
}

static int
check_schema (struct sqlite_db *db)
{
  sqlite3_stmt *stmt;
  bool ours = false;
  int rc;

  if (sqlite3_prepare_v2 (db->db, schema_is_ours, -1, &stmt, NULL) != SQLITE_OK)
    return db_error (db, "cannot read its schema");
  rc = sqlite3_step (stmt);
  if (rc == SQLITE_ROW)
    ours = sqlite3_column_int (stmt, 0) == 1;
  sqlite3_finalize (stmt);
  if (rc != SQLITE_ROW)
    return db_error (db, "cannot read its schema");
  if (!ours)
    log_error ("%s: its tables are not those of a layer", db->name);
  return ours ? 0 : -1;
}

/* The version after the journal was rolled back, if there was one. */
static int
get_version (struct sqlite_db *db)
{
  sqlite3_stmt *stmt;
  int rc;

  if (sqlite3_prepare_v2 (db->db, "PRAGMA user_version", -1, &stmt, NULL) !=
      SQLITE_OK)
    return db_error (db, "cannot read its version");
  rc = sqlite3_step (stmt);
  if (rc == SQLITE_ROW)
    db->version = db->version_to_be = (uint32_t) sqlite3_column_int (stmt, 0);
  sqlite3_finalize (stmt);
  return rc == SQLITE_ROW ? 0 : db_error (db, "cannot read its version");
}

static int
prepare (struct sqlite_db *db)
{
  for (unsigned i = 0; i < NSTATEMENTS; i++) {
    if (sqlite3_prepare_v3 (db->db, sql[i], -1, SQLITE_PREPARE_PERSISTENT,
                            &db->stmt[i], NULL) != SQLITE_OK)
      return db_error (db, "cannot read its tables");
  }
  return 0;
}

struct sqlite_db *
sqlite_db_open (struct store *file, const char *name, bool create)
{
  const uint64_t size = create ? 0 : database_size (file);
  struct sqlite_db *db = calloc (1, sizeof *db);

  if (db == NULL) {
    log_error ("%s: out of memory", name);
    return NULL;
  }
  db->name = name;
  if (sqlite_vfs_register (&db->vfs, file, name, size) == -1) {
    free (db);
    return NULL;
  }
  if (sqlite3_open_v2 ("layer", &db->db,
                       SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX |
                         SQLITE_OPEN_EXRESCODE,
                       db->vfs.vfs_name) != SQLITE_OK) {
    db_error (db, "cannot open its database");
    goto failed;
  }
  if (exec (db, "cannot set up its database", settings) == -1 ||
      (create && (set_version (db, SDB_VERSION_FIRST) == -1 ||
                  exec (db, "cannot make its tables", schema) == -1)) ||
      check_schema (db) == -1 || get_version (db) == -1 || prepare (db) == -1)
    goto failed;
  return db;

failed:
  sqlite_db_close (db);
  return NULL;
}

void
sqlite_db_close (struct sqlite_db *db)
{
  if (db == NULL)
    return;
  for (unsigned i = 0; i < NSTATEMENTS; i++)
    sqlite3_finalize (db->stmt[i]);
  sqlite3_close (db->db);
  sqlite_vfs_unregister (&db->vfs);
  free (db);
}

int
sqlite_db_begin (struct sqlite_db *db)
{
  return exec (db, "cannot begin a transaction", "BEGIN IMMEDIATE");
}

int
sqlite_db_commit (struct sqlite_db *db)
{
  if (exec (db, "cannot commit", "COMMIT") == -1)
    return -1;
  db->version = db->version_to_be;
  return 0;
}

void
sqlite_db_rollback (struct sqlite_db *db)
{
  if (!sqlite3_get_autocommit (db->db))
    sqlite3_exec (db->db, "ROLLBACK", NULL, NULL, NULL);
  db->version_to_be = db->version;
}

/* Run a statement that returns no row. */
static int
run (struct sqlite_db *db, sqlite3_stmt *stmt, const char *what)
{
  const int rc = sqlite3_step (stmt);
  const int r = rc == SQLITE_DONE ? 0 : db_error (db, what);

  sqlite3_reset (stmt);
  sqlite3_clear_bindings (stmt);
  return r;
}

static int
put_blob (struct sqlite_db *db, const char *key, const void *value, size_t n)
{
  sqlite3_stmt *stmt = db->stmt[PUT_META];

  sqlite3_bind_text (stmt, 1, key, -1, SQLITE_STATIC);
  sqlite3_bind_blob (stmt, 2, value, (int) n, SQLITE_STATIC);
  return run (db, stmt, key);
}

static int
put_text (struct sqlite_db *db, const char *key, const char *value)
{
  sqlite3_stmt *stmt = db->stmt[PUT_META];

  sqlite3_bind_text (stmt, 1, key, -1, SQLITE_STATIC);
  sqlite3_bind_text (stmt, 2, value, -1, SQLITE_STATIC);
  return run (db, stmt, key);
}

static int
put_int (struct sqlite_db *db, const char *key, uint64_t value)
{
  sqlite3_stmt *stmt = db->stmt[PUT_META];

  sqlite3_bind_text (stmt, 1, key, -1, SQLITE_STATIC);
  sqlite3_bind_int64 (stmt, 2, (sqlite3_int64) value);
  return run (db, stmt, key);
}

/* Copies the value of KEY with FN, given its statement; 1 if it is there,
 * 0 if not, -1 after log_error.
 */
static int
get (struct sqlite_db *db, const char *key,
     int (*fn) (sqlite3_stmt *stmt, void *out, size_t n), void *out, size_t n)
{
  sqlite3_stmt *stmt = db->stmt[GET_META];
  int rc, r = 0;

  sqlite3_bind_text (stmt, 1, key, -1, SQLITE_STATIC);
  rc = sqlite3_step (stmt);
  if (rc == SQLITE_ROW) {
    r = 1;
    if (fn (stmt, out, n) == -1) {
      log_error ("%s: meta: \"%s\" has a value of the wrong kind", db->name,
                 key);
      r = -1;
    }
  }
  else if (rc != SQLITE_DONE)
    r = db_error (db, key);
  sqlite3_reset (stmt);
  sqlite3_clear_bindings (stmt);
  return r;
}

static int
copy_int (sqlite3_stmt *stmt, void *out, size_t n)
{
  const sqlite3_int64 v = sqlite3_column_int64 (stmt, 0);

  if (sqlite3_column_type (stmt, 0) != SQLITE_INTEGER || v < 0)
    return -1;
  *(uint64_t *) out = (uint64_t) v;
  return 0;
}

static int
copy_blob (sqlite3_stmt *stmt, void *out, size_t n)
{
  if (sqlite3_column_type (stmt, 0) != SQLITE_BLOB ||
      (size_t) sqlite3_column_bytes (stmt, 0) != n)
    return -1;
  memcpy (out, sqlite3_column_blob (stmt, 0), n);
  return 0;
}

static int
copy_text (sqlite3_stmt *stmt, void *out, size_t n)
{
  const char *text = (const char *) sqlite3_column_text (stmt, 0);

  if (sqlite3_column_type (stmt, 0) != SQLITE_TEXT || text == NULL ||
      strlen (text) >= n)
    return -1;
  memcpy (out, text, strlen (text) + 1);
  return 0;
}

/* The same, for what must be there. */
static int
need_int (struct sqlite_db *db, const char *key, uint64_t *out)
{
  const int r = get (db, key, copy_int, out, sizeof *out);

  if (r == 0)
    log_error ("%s: meta: \"%s\" is missing", db->name, key);
  return r == 1 ? 0 : -1;
}

static int
need_uuid (struct sqlite_db *db, const char *key, struct uuid *out)
{
  const int r = get (db, key, copy_blob, out->b, sizeof out->b);

  if (r == 0)
    log_error ("%s: meta: \"%s\" is missing", db->name, key);
  return r == 1 ? 0 : -1;
}

int
sqlite_db_put_identity (struct sqlite_db *db,
                        const struct layer_sqlite_identity *id)
{
  if (put_blob (db, "layer-id", id->layer_id.b, sizeof id->layer_id.b) == -1 ||
      put_int (db, "size", id->size) == -1 ||
      put_int (db, "sector-size", id->sector_size) == -1 ||
      put_int (db, "cluster-size", SDB_CLUSTER) == -1 ||
      put_int (db, "created", (uint64_t) id->created) == -1)
    return -1;
  if (!id->has_below)
    return 0;
  if (put_int (db, "below-size", id->below_size) == -1 ||
      put_int (db, "below-sector-size", id->below_sector_size) == -1 ||
      put_text (db, "below-export-name", id->export_name) == -1)
    return -1;
  return id->has_disk_id ?
           put_blob (db, "below-disk-id", id->disk_id.b, sizeof id->disk_id.b) :
           0;
}

static int
get_below (struct sqlite_db *db, struct layer_sqlite_identity *id)
{
  uint64_t sector_size = 0;
  int r =
    get (db, "below-size", copy_int, &id->below_size, sizeof id->below_size);

  id->has_below = r == 1;
  if (r != 1)
    return r;
  if (get (db, "below-sector-size", copy_int, &sector_size,
           sizeof sector_size) == -1)
    return -1;
  id->below_sector_size = (uint32_t) min_u64 (sector_size, UINT32_MAX);
  r = get (db, "below-export-name", copy_text, id->export_name,
           sizeof id->export_name);
  if (r == -1)
    return -1;
  r = get (db, "below-disk-id", copy_blob, id->disk_id.b, sizeof id->disk_id.b);
  id->has_disk_id = r == 1;
  return r == -1 ? -1 : 0;
}

int
sqlite_db_get_identity (struct sqlite_db *db, struct layer_sqlite_identity *id)
{
  uint64_t sector_size, cluster_size, created;

  memset (id, 0, sizeof *id);
  if (need_uuid (db, "layer-id", &id->layer_id) == -1 ||
      need_int (db, "size", &id->size) == -1 ||
      need_int (db, "sector-size", &sector_size) == -1 ||
      need_int (db, "cluster-size", &cluster_size) == -1 ||
      need_int (db, "created", &created) == -1 || get_below (db, id) == -1)
    return -1;
  if ((sector_size != 512 && sector_size != 1024 && sector_size != 2048 &&
       sector_size != 4096) ||
      cluster_size != SDB_CLUSTER || id->size == 0 ||
      id->size > LAYER_SQLITE_SIZE_MAX || !IS_ALIGNED (id->size, sector_size)) {
    log_error ("%s: meta: impossible size %" PRIu64 ", sector size %" PRIu64
               " or cluster size %" PRIu64,
               db->name, id->size, sector_size, cluster_size);
    return -1;
  }
  id->sector_size = (uint32_t) sector_size;
  id->created = (int64_t) created;
  return 0;
}

int
sqlite_db_put_log (struct sqlite_db *db, const struct sqlite_db_log *log)
{
  if (put_int (db, "log-length", log->exists ? log->length : 0) == -1)
    return -1;
  if (!log->exists)
    return 0;
  return put_blob (db, "log-id", log->id.b, sizeof log->id.b) == -1 ||
             put_int (db, "log-offset", log->offset) == -1 ||
             put_int (db, "log-position", log->position) == -1 ||
             put_int (db, "log-sequence", log->sequence) == -1 ?
           -1 :
           0;
}

int
sqlite_db_get_log (struct sqlite_db *db, struct sqlite_db_log *log)
{
  memset (log, 0, sizeof *log);
  if (get (db, "log-length", copy_int, &log->length, sizeof log->length) == -1)
    return -1;
  log->exists = log->length != 0;
  if (!log->exists)
    return 0;
  return need_uuid (db, "log-id", &log->id) == -1 ||
             need_int (db, "log-offset", &log->offset) == -1 ||
             need_int (db, "log-position", &log->position) == -1 ||
             need_int (db, "log-sequence", &log->sequence) == -1 ?
           -1 :
           0;
}

int
sqlite_db_put_marks (struct sqlite_db *db)
{
  if (db->version_to_be >= SDB_VERSION)
    return 0;
  if (set_version (db, SDB_VERSION) == -1)
    return -1;
  db->version_to_be = SDB_VERSION;
  return 0;
}

bool
sqlite_db_has_marks (const struct sqlite_db *db)
{
  return db->version >= SDB_VERSION;
}

int
sqlite_db_put_page (struct sqlite_db *db, uint64_t page, const void *runs,
                    size_t n)
{
  sqlite3_stmt *stmt = db->stmt[n == 0 ? DELETE_PAGE : PUT_PAGE];

  sqlite3_bind_int64 (stmt, 1, (sqlite3_int64) page);
  if (n > 0)
    sqlite3_bind_blob (stmt, 2, runs, (int) n, SQLITE_STATIC);
  return run (db, stmt, "cannot write the map");
}

int
sqlite_db_each_page (struct sqlite_db *db,
                     int (*fn) (void *opaque, uint64_t page,
                                const uint8_t *runs, size_t n),
                     void *opaque)
{
  sqlite3_stmt *stmt;
  int rc, r = 0;

  if (sqlite3_prepare_v2 (db->db, "SELECT page, runs FROM map ORDER BY page",
                          -1, &stmt, NULL) != SQLITE_OK)
    return db_error (db, "cannot read the map");
  while (r == 0 && (rc = sqlite3_step (stmt)) == SQLITE_ROW) {
    r = fn (opaque, (uint64_t) sqlite3_column_int64 (stmt, 0),
            sqlite3_column_blob (stmt, 1),
            (size_t) sqlite3_column_bytes (stmt, 1));
  }
  if (r == 0 && rc != SQLITE_DONE)
    r = db_error (db, "cannot read the map");
  sqlite3_finalize (stmt);
  return r;
}

int
sqlite_db_check (struct sqlite_db *db, char **trouble)
{
  sqlite3_stmt *stmt;
  const char *text;
  int r = 0;

  *trouble = NULL;
  if (sqlite3_prepare_v2 (db->db, "PRAGMA integrity_check (10)", -1, &stmt,
                          NULL) != SQLITE_OK)
    return db_error (db, "cannot check the database");
  if (sqlite3_step (stmt) == SQLITE_ROW) {
    text = (const char *) sqlite3_column_text (stmt, 0);
    if (text != NULL && strcmp (text, "ok") != 0)
      *trouble = strdup (text);
  }
  else
    r = db_error (db, "cannot check the database");
  sqlite3_finalize (stmt);
  return r;
}

bool
sqlite_db_sync_failed (const struct sqlite_db *db)
{
  return db->vfs.sync_failed;
}

uint64_t
sqlite_db_file_end (struct sqlite_db *db)
{
  uint64_t run;
  const uint64_t size = db->vfs.database_size;

  return size == 0 ? 0 : sdb_stream_offset (SDB_DATABASE, size - 1, &run) + 1;
}

uint64_t
sqlite_db_used (const struct sqlite_db *db)
{
  const uint64_t n = db->vfs.database_size;

  /* Of a journal that was there before only the room is known. */
  return n + min_u64 (db->vfs.journal_size, 2 * n);
}
