/* SPDX-License-Identifier: BSD-3-Clause
 *
 * layer-sqlite: files that are refused, each with the reason, and disks
 * that a layer does not belong to.
 */

#include <config.h>

#include <check.h>

#include "base/bytes.h"
#include "layer/sqlite/sqlite-impl.h"
#include "layer/sqlite/sqlite-vfs.h"
#include "sector-db/sdb-header.h"
#include "support/log-memory.h"
#include "support/main.h"
#include "support/store-fault.h"
#include "support/store-mem.h"

#define SIZE (UINT64_C (40) * SDB_CLUSTER)

static const struct layer_below nothing = { .exists = false,
                                            .export_name = "" };

static struct layer_sqlite_options
options (void)
{
  return (struct layer_sqlite_options){ .name = "open.dbhd",
                                        .size = SIZE,
                                        .sector_size = 512 };
}

static struct store *
make_file (const struct layer_below *below)
{
  const struct store_mem_options o = store_mem_defaults (0);
  const struct layer_sqlite_options lo = options ();
  struct store *file = store_mem_create (&o);

  ck_assert_int_eq (layer_sqlite_format (file, &lo, below), 0);
  return file;
}

static struct layer *
try_open (struct store *file, const struct layer_sqlite_options *o,
          const struct layer_below *below)
{
  struct store *handle = store_fault_borrow (file);
  struct layer *l;

  log_memory_clear ();
  l = layer_sqlite_open (handle, o, below);
  if (l == NULL)
    store_close (handle);
  return l;
}

/* It is refused, and what is said about that contains TEXT. */
static void
must_refuse_with (struct store *file, const struct layer_sqlite_options *o,
                  const struct layer_below *below, const char *text)
{
  ck_assert_ptr_null (try_open (file, o, below));
  if (!log_memory_contains (text) || !log_memory_contains ("open.dbhd")) {
    log_memory_print ();
    ck_abort_msg ("refused without saying \"%s\"", text);
  }
}

static void
must_refuse (struct store *file, const char *text)
{
  const struct layer_sqlite_options o = options ();

  must_refuse_with (file, &o, &nothing, text);
}

static void
must_accept (struct store *file, const struct layer_sqlite_options *o,
             const struct layer_below *below)
{
  struct layer *l = try_open (file, o, below);

  if (l == NULL)
    log_memory_print ();
  ck_assert_ptr_nonnull (l);
  layer_close (l);
}

static void
overwrite (struct store *file, uint64_t offset, const void *bytes, size_t n)
{
  int err;

  ck_assert_int_eq (store_write (file, bytes, n, offset, 0, &err), 0);
}

/* Files of others. */

START_TEST (foreign)
{
  struct store *file = make_file (&nothing);
  const be32 version = be32_put (SDB_VERSION + 1);
  int err;

  overwrite (file, 0x3c, &version, sizeof version);
  must_refuse (file, "has a later format");
  overwrite (file, 0x44, "GPKG", 4);
  must_refuse (file, "of another program");
  overwrite (file, 0, "conectix", 8);
  must_refuse (file, "is not an SQLite database");
  ck_assert_int_eq (store_resize (file, 99, &err), 0);
  must_refuse (file, "is too short");
  ck_assert_int_eq (store_resize (file, 0, &err), 0);
  must_refuse (file, "is too short");
  store_close (file);
}
END_TEST

/* Run SQL in the database of FILE, with none of our checks. */
static void
run_sql (struct store *file, const char *sql)
{
  struct sqlite_vfs vfs;
  sqlite3 *db;
  be32 pages;
  int err;

  ck_assert_int_eq (store_read (file, &pages, sizeof pages, 0x1c, &err), 0);
  ck_assert_int_eq (sqlite_vfs_register (&vfs, file, "test",
                                         UINT64_C (4096) * be32_get (pages)),
                    0);
  ck_assert_int_eq (
    sqlite3_open_v2 ("layer", &db, SQLITE_OPEN_READWRITE, vfs.vfs_name),
    SQLITE_OK);
  ck_assert_int_eq (sqlite3_exec (db,
                                  "PRAGMA locking_mode = EXCLUSIVE;"
                                  "PRAGMA journal_mode = PERSIST;",
                                  NULL, NULL, NULL),
                    SQLITE_OK);
  if (sqlite3_exec (db, sql, NULL, NULL, NULL) != SQLITE_OK)
    ck_abort_msg ("%s: %s", sql, sqlite3_errmsg (db));
  sqlite3_close (db);
  sqlite_vfs_unregister (&vfs);
}

/* With runs that say what is given of the first clusters, the rest of
 * the 40 absent.
 */
#define MAP(runs) "INSERT INTO map VALUES (0, x'" runs "')"
#define META(key, value) \
  "UPDATE meta SET value = " value " WHERE key = '" key "'"

static const struct {
  const char *sql, *text;
} damages[] = {
  { "CREATE TABLE more (x)", "tables are not those" },
  { "CREATE TRIGGER t AFTER INSERT ON map BEGIN DELETE FROM meta; END",
    "tables are not those" },
  { "DROP TABLE map; CREATE VIEW map AS WITH RECURSIVE r (page, runs) AS "
    "(SELECT 0, x'00' UNION ALL SELECT page + 1, runs FROM r) "
    "SELECT page, runs FROM r",
    "tables are not those" },
  { "DROP TABLE map", "tables are not those" },
  { "DELETE FROM meta WHERE key = 'layer-id'", "\"layer-id\" is missing" },
  { "DELETE FROM meta WHERE key = 'size'", "\"size\" is missing" },
  { META ("size", "'big'"), "\"size\" has a value of the wrong kind" },
  { META ("size", "-512"), "\"size\" has a value of the wrong kind" },
  { META ("size", "0"), "impossible size 0" },
  { META ("size", "777"), "impossible size 777" },
  { META ("size", "9223372036854775296"), "impossible size" },
  { META ("size", "1125899906843136"), "impossible size" },
  { META ("sector-size", "8192"), "sector size 8192" },
  { META ("sector-size", "768"), "sector size 768" },
  { META ("cluster-size", "4096"), "cluster size 4096" },
  { META ("layer-id", "x'00'"), "\"layer-id\" has a value of the wrong kind" },
  { META ("log-length", "4096"), "\"log-id\" is missing" },
  /* The map: cut off, of an unknown kind, too long, too short. */
  { MAP ("00"), "map page 0: the file has a record that is cut off" },
  { MAP ("0828"), "has a record of an unknown kind" },
  { MAP ("0029"), "has sectors beyond the end of the disk" },
  { MAP ("0027"), "has a run of a wrong number of clusters" },
  { MAP ("0028") "; UPDATE map SET page = 1", "beyond the end of the disk" },
  { MAP ("0028") "; UPDATE map SET page = -1", "beyond the end of the disk" },
  { MAP ("020101"
         "0027"),
    "has data where a layer cannot have any" },
  /* Beyond the end of the file, and twice the same place. */
  { MAP ("0201ffff7f"
         "0027"),
    "the end of the file" },
  { MAP ("0201ffffffffffff7f"
         "0027"),
    "has data where a layer cannot have any" },
  { MAP ("020140"
         "020140"
         "0026"),
    "the end of the file" },
};

START_TEST (damaged)
{
  struct store *file = make_file (&nothing);
  const struct layer_sqlite_options any = { .name = "open.dbhd" };

  run_sql (file, damages[_i].sql);
  must_refuse_with (file, &any, &nothing, damages[_i].text);
  store_close (file);
}
END_TEST

/* Two clusters in one place; a log over a cluster; a log that is not in
 * the file.
 */
START_TEST (overlapping)
{
  static const struct {
    const char *sql, *text;
  } t[] = {
    { MAP ("020140"
           "020140"
           "0026"),
      "another cluster is there, too" },
    { MAP ("020240"
           "020141"
           "0025"),
      "another cluster is there, too" },
    { MAP (
        "020140"
        "0027") "; INSERT OR REPLACE INTO meta VALUES ('log-length', 1048576),"
                "('log-id', zeroblob (16)), ('log-offset', 4194304),"
                "('log-position', 0), ('log-sequence', 1)",
      "another cluster is there, too" },
    { "INSERT OR REPLACE INTO meta VALUES ('log-length', 1048576),"
      "('log-id', zeroblob (16)), ('log-offset', 4198400),"
      "('log-position', 0), ('log-sequence', 1)",
      "impossible log" },
    { "INSERT OR REPLACE INTO meta VALUES ('log-length', 1048576),"
      "('log-id', zeroblob (16)), ('log-offset', 1048576),"
      "('log-position', 0), ('log-sequence', 1)",
      "impossible log" },
    { "INSERT OR REPLACE INTO meta VALUES ('log-length', 1048576),"
      "('log-id', zeroblob (16)), ('log-offset', 67108864),"
      "('log-position', 0), ('log-sequence', 1)",
      "impossible log" },
  };

  for (size_t i = 0; i < ARRAY_SIZE (t); i++) {
    struct store *file = make_file (&nothing);
    int err;

    ck_assert_int_eq (store_resize (file, 8 << 20, &err), 0);
    run_sql (file, t[i].sql);
    must_refuse (file, t[i].text);
    store_close (file);
  }
}
END_TEST

static uint32_t
version_of (struct store *file)
{
  be32 v;
  int err;

  ck_assert_int_eq (store_read (file, &v, sizeof v, 0x3c, &err), 0);
  return be32_get (v);
}

/* A program that knows of no marks may open a file that never had any, and
 * must not open another: from the moment that there is one, in its log.
 */
START_TEST (version)
{
  struct store *file = make_file (&nothing);
  const struct layer_sqlite_options o = options ();
  struct layer *l = try_open (file, &o, &nothing);
  char buf[512];
  int err;

  memset (buf, 7, sizeof buf);
  ck_assert_ptr_nonnull (l);
  ck_assert_int_eq (l->ops->write (l, buf, 3, 1, LAYER_FUA, &err), 0);
  ck_assert_int_eq (layer_sqlite_checkpoint (l, &err), 0);
  ck_assert_uint_eq (version_of (file), 1);
  ck_assert_int_eq (l->ops->write (l, buf, 9, 1, LAYER_FUA | LAYER_DIRTY, &err),
                    0);
  ck_assert_uint_eq (version_of (file), 2);
  layer_close (l);
  must_accept (file, &o, &nothing);
  store_close (file);
}
END_TEST

/* Clusters that are marked, in a row of the map. */
START_TEST (marked_rows)
{
  struct store *file = make_file (&nothing);
  const struct layer_sqlite_options o = options ();
  struct layer *l;
  int err;

  ck_assert_int_eq (store_resize (file, 8 << 20, &err), 0);
  run_sql (file, MAP ("0403"
                      "0001"
                      "060240"
                      "0102"
                      "0504"
                      "001c"));
  l = try_open (file, &o, &nothing);
  ck_assert_ptr_nonnull (l);
  for (uint64_t c = 0; c < 40; c++)
    ck_assert_int_eq (l->ops->next_dirty (l, c, c + 1) == c,
                      c < 3 || c == 4 || c == 5 || (c >= 8 && c < 12));
  ck_assert_uint_eq (l->ops->next_dirty (l, 6, 40), 8);
  ck_assert_uint_eq (l->ops->next_dirty (l, 12, 40), 40);
  layer_close (l);
  store_close (file);
}
END_TEST

/* How long the log is that a bound allows. */
START_TEST (log_of_bound)
{
  static const struct {
    uint64_t max, log;
  } t[] = { { 0, 64 },       { 1 << 20, 1 },    { 8 << 20, 1 },
            { 31 << 20, 3 }, { 256 << 20, 32 }, { UINT64_C (1) << 40, 64 } };

  for (size_t i = 0; i < ARRAY_SIZE (t); i++) {
    struct store *file = make_file (&nothing);
    struct layer_sqlite_options o = options ();
    struct layer *l;

    o.max = t[i].max;
    l = try_open (file, &o, &nothing);
    ck_assert_ptr_nonnull (l);
    ck_assert_uint_eq (to_sqlite (l)->log.length, t[i].log << 20);
    layer_close (l);
    store_close (file);
  }
}
END_TEST

START_TEST (new_meta_keys)
{
  struct store *file = make_file (&nothing);
  const struct layer_sqlite_options o = options ();

  run_sql (file, "INSERT INTO meta VALUES ('colour', 'blue')");
  must_accept (file, &o, &nothing);
  store_close (file);
}
END_TEST

START_TEST (too_large)
{
  const struct store_mem_options mem = store_mem_defaults (0);
  struct store *file = store_mem_create (&mem);
  struct layer_sqlite_options o = options ();

  o.size = LAYER_SQLITE_SIZE_MAX + 512;
  log_memory_clear ();
  ck_assert_int_eq (layer_sqlite_format (file, &o, &nothing), -1);
  ck_assert (log_memory_contains ("too large"));
  o.size = LAYER_SQLITE_SIZE_MAX;
  ck_assert_int_eq (layer_sqlite_format (file, &o, &nothing), 0);
  store_close (file);
}
END_TEST

START_TEST (not_as_asked)
{
  struct store *file = make_file (&nothing);
  struct layer_sqlite_options o = options ();

  o.size = SIZE + 512;
  must_refuse_with (file, &o, &nothing, "asked for");
  o = options ();
  o.sector_size = 4096;
  must_refuse_with (file, &o, &nothing, "asked for");
  o.sector_size = 0;
  o.size = 0;
  must_accept (file, &o, &nothing);
  store_close (file);
}
END_TEST

/* Which disk it belongs to. */

static const struct layer_below disk = {
  .exists = true,
  .size = SIZE,
  .sector_size = 512,
  .has_id = true,
  .id = { .b = "a disk of ours." },
  .export_name = "one",
};

START_TEST (another_disk)
{
  struct store *file = make_file (&disk);
  struct layer_below other[4] = { disk, disk, disk, nothing };
  static const char *const texts[] = {
    "its size was 2621440 bytes, now it is 2621952", "its id was",
    "now it is none", "there was a disk below it, now there is none"
  };
  struct layer_sqlite_options o = options ();
  struct layer_below renamed = disk;

  other[0].size += 512;
  other[1].id.b[0] ^= 1;
  other[2].has_id = false;
  for (unsigned i = 0; i < ARRAY_SIZE (other); i++) {
    o.force = false;
    must_refuse_with (file, &o, &other[i], texts[i]);
    o.force = true;
    must_accept (file, &o, &other[i]);
    ck_assert (log_memory_contains (texts[i]));
    ck_assert (log_memory_contains ("as it is forced"));
  }
  o.force = false;
  /* The id says it, whatever the name. */
  renamed.export_name = "two";
  must_accept (file, &o, &renamed);
  must_accept (file, &o, &disk);
  store_close (file);
}
END_TEST

START_TEST (another_name)
{
  struct layer_below first = disk, second;
  struct layer_sqlite_options o = options ();
  struct store *file;

  first.has_id = false;
  second = first;
  second.export_name = "two";
  file = make_file (&first);
  must_accept (file, &o, &first);
  must_refuse_with (file, &o, &second,
                    "its export name was \"one\", now it is \"two\"");
  must_refuse_with (file, &o, &disk, "its id was none");
  store_close (file);
  file = make_file (&nothing);
  must_refuse_with (file, &o, &first, "nothing was below it, now there is one");
  store_close (file);
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("layer-sqlite-open");
  TCase *c = test_case (suite, "open");

  tcase_add_test (c, foreign);
  tcase_add_loop_test (c, damaged, 0, ARRAY_SIZE (damages));
  tcase_add_test (c, overlapping);
  tcase_add_test (c, version);
  tcase_add_test (c, marked_rows);
  tcase_add_test (c, log_of_bound);
  tcase_add_test (c, new_meta_keys);
  tcase_add_test (c, too_large);
  tcase_add_test (c, not_as_asked);
  tcase_add_test (c, another_disk);
  tcase_add_test (c, another_name);
  return test_run (suite);
}
