/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See sqlite-vfs.h.  SQLite sees two files.  The database's size is what
 * was written of it; the journal always exists and is as long as the
 * stripes in the file have room for: journal_mode=PERSIST clears its
 * header when it is done with it, and stops at the first header that is
 * not valid when it reads it, so the rest does not matter.
 *
 * There are no locks: whoever opened the file holds the one that counts.
 */

#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/align.h"
#include "base/log.h"
#include "layer/sqlite/sqlite-vfs.h"
#include "sector-db/sdb-layout.h"

/* Grow the file by this much at once. */
#define GROW_BYTES SDB_STRIPE_0

struct vfs_file {
  sqlite3_file base;
  struct sqlite_vfs *v;
  enum sdb_stream stream;
};

static struct vfs_file *
to_file (sqlite3_file *f)
{
  return container_of (f, struct vfs_file, base);
}

static uint64_t *
size_of (struct vfs_file *f)
{
  return f->stream == SDB_DATABASE ? &f->v->database_size : &f->v->journal_size;
}

static void
say (struct vfs_file *f, const char *what, uint64_t count, uint64_t offset,
     int err)
{
  errno = err;
  log_error ("%s: %s: %s %" PRIu64 " bytes at %" PRIu64 ": %m", f->v->name,
             f->stream == SDB_DATABASE ? "database" : "journal", what, count,
             offset);
}

static int
file_close (sqlite3_file *base)
{
  return SQLITE_OK;
}

/* What the file does not reach to reads as zeroes. */
static int
read_piece (struct vfs_file *f, char *dst, uint64_t n, uint64_t offset)
{
  const uint64_t size = store_size (f->v->file);
  const uint64_t here = offset >= size ? 0 : min_u64 (n, size - offset);
  int err;

  memset (dst + here, 0, n - here);
  if (store_read (f->v->file, dst, here, offset, &err) == -1) {
    say (f, "read", n, offset, err);
    return SQLITE_IOERR_READ;
  }
  return SQLITE_OK;
}

static int
file_read (sqlite3_file *base, void *buf, int amount, sqlite3_int64 offset)
{
  struct vfs_file *f = to_file (base);
  const uint64_t size = *size_of (f);
  uint64_t logical = (uint64_t) offset, count = (uint64_t) amount;
  char *dst = buf;
  int rc = SQLITE_OK;

  if (logical + count > size) {
    const uint64_t have = logical >= size ? 0 : size - logical;

    memset (dst + have, 0, count - have);
    count = have;
    rc = SQLITE_IOERR_SHORT_READ;
  }
  while (count > 0) {
    uint64_t run, n;
    const uint64_t at = sdb_stream_offset (f->stream, logical, &run);

    n = min_u64 (run, count);
    if (read_piece (f, dst, n, at) != SQLITE_OK)
      return SQLITE_IOERR_READ;
    dst += n;
    logical += n;
    count -= n;
  }
  return rc;
}

static int
write_piece (struct vfs_file *f, const char *src, uint64_t n, uint64_t offset)
{
  const uint64_t end = offset + n;
  int err;

  if ((end > store_size (f->v->file) &&
       store_resize (f->v->file, ROUND_UP (end, GROW_BYTES), &err) == -1) ||
      store_write (f->v->file, src, n, offset, 0, &err) == -1) {
    say (f, "write", n, offset, err);
    return err == ENOSPC ? SQLITE_FULL : SQLITE_IOERR_WRITE;
  }
  return SQLITE_OK;
}

static int
file_write (sqlite3_file *base, const void *buf, int amount,
            sqlite3_int64 offset)
{
  struct vfs_file *f = to_file (base);
  uint64_t logical = (uint64_t) offset, count = (uint64_t) amount;
  const char *src = buf;

  while (count > 0) {
    uint64_t run, n;
    const uint64_t at = sdb_stream_offset (f->stream, logical, &run);
    int rc;

    n = min_u64 (run, count);
    rc = write_piece (f, src, n, at);
    if (rc != SQLITE_OK)
      return rc;
    src += n;
    logical += n;
    count -= n;
  }
  *size_of (f) = max_u64 (*size_of (f), logical);
  return SQLITE_OK;
}

static int
file_truncate (sqlite3_file *base, sqlite3_int64 size)
{
  struct vfs_file *f = to_file (base);

  if (f->stream == SDB_DATABASE)
    f->v->database_size = (uint64_t) size;
  return SQLITE_OK;
}

static int
file_sync (sqlite3_file *base, int flags)
{
  struct vfs_file *f = to_file (base);
  int err;

  if (store_flush (f->v->file, &err) == -1) {
    f->v->sync_failed = true;
    say (f, "sync", 0, 0, err);
    return SQLITE_IOERR_FSYNC;
  }
  return SQLITE_OK;
}

static int
file_size (sqlite3_file *base, sqlite3_int64 *size)
{
  *size = (sqlite3_int64) *size_of (to_file (base));
  return SQLITE_OK;
}

static int
file_lock (sqlite3_file *base, int level)
{
  return SQLITE_OK;
}

static int
file_check_reserved_lock (sqlite3_file *base, int *result)
{
  *result = 0;
  return SQLITE_OK;
}

static int
file_control (sqlite3_file *base, int op, void *arg)
{
  return SQLITE_NOTFOUND;
}

/* A torn write may damage the sector that it is in and no other. */
static int
file_sector_size (sqlite3_file *base)
{
  return 4096;
}

static int
file_device_characteristics (sqlite3_file *base)
{
  return SQLITE_IOCAP_POWERSAFE_OVERWRITE;
}

static const sqlite3_io_methods file_methods = {
  .iVersion = 1,
  .xClose = file_close,
  .xRead = file_read,
  .xWrite = file_write,
  .xTruncate = file_truncate,
  .xSync = file_sync,
  .xFileSize = file_size,
  .xLock = file_lock,
  .xUnlock = file_lock,
  .xCheckReservedLock = file_check_reserved_lock,
  .xFileControl = file_control,
  .xSectorSize = file_sector_size,
  .xDeviceCharacteristics = file_device_characteristics,
};

static struct sqlite_vfs *
to_vfs (sqlite3_vfs *vfs)
{
  return container_of (vfs, struct sqlite_vfs, vfs);
}

static int
vfs_open (sqlite3_vfs *vfs, const char *path, sqlite3_file *base, int flags,
          int *out_flags)
{
  struct vfs_file *f = to_file (base);

  memset (f, 0, sizeof *f);
  if ((flags & (SQLITE_OPEN_MAIN_DB | SQLITE_OPEN_MAIN_JOURNAL)) == 0)
    return SQLITE_CANTOPEN;
  f->v = to_vfs (vfs);
  f->stream = flags & SQLITE_OPEN_MAIN_DB ? SDB_DATABASE : SDB_JOURNAL;
  f->base.pMethods = &file_methods;
  if (out_flags != NULL)
    *out_flags = flags;
  return SQLITE_OK;
}

/* Write zeroes over the start of the journal: it is gone then. */
static int
vfs_delete (sqlite3_vfs *vfs, const char *path, int sync_dir)
{
  struct vfs_file f = { .v = to_vfs (vfs), .stream = SDB_JOURNAL };
  char zeroes[28] = { 0 };
  int rc = file_write (&f.base, zeroes, sizeof zeroes, 0);

  return rc == SQLITE_OK && sync_dir ? file_sync (&f.base, 0) : rc;
}

/* The journal is there if there is something at its start. */
static int
vfs_access (sqlite3_vfs *vfs, const char *path, int flags, int *result)
{
  struct vfs_file f = { .v = to_vfs (vfs), .stream = SDB_JOURNAL };
  char start[8] = { 0 };
  int rc;

  *result = 0;
  if (strstr (path, "-journal") == NULL)
    return SQLITE_OK;
  rc = file_read (&f.base, start, sizeof start, 0);
  if (rc != SQLITE_OK && rc != SQLITE_IOERR_SHORT_READ)
    return rc;
  *result = start[0] != 0;
  return SQLITE_OK;
}

static int
vfs_full_pathname (sqlite3_vfs *vfs, const char *path, int n, char *out)
{
  snprintf (out, n, "%s", path);
  return SQLITE_OK;
}

int
sqlite_vfs_register (struct sqlite_vfs *v, struct store *file, const char *name,
                     uint64_t size)
{
  sqlite3_vfs *def = sqlite3_vfs_find (NULL);

  if (def == NULL) {
    log_error ("%s: SQLite does not start", name);
    return -1;
  }
  memset (v, 0, sizeof *v);
  snprintf (v->vfs_name, sizeof v->vfs_name, "diskstack-%p", (void *) v);
  v->file = file;
  v->name = name;
  v->database_size = size;
  v->journal_size = sdb_stream_size (SDB_JOURNAL, store_size (file));
  v->vfs = *def;
  v->vfs.iVersion = 1;
  v->vfs.szOsFile = sizeof (struct vfs_file);
  v->vfs.mxPathname = 64;
  v->vfs.pNext = NULL;
  v->vfs.zName = v->vfs_name;
  v->vfs.pAppData = def->pAppData;
  v->vfs.xOpen = vfs_open;
  v->vfs.xDelete = vfs_delete;
  v->vfs.xAccess = vfs_access;
  v->vfs.xFullPathname = vfs_full_pathname;
  if (sqlite3_vfs_register (&v->vfs, 0) != SQLITE_OK) {
    log_error ("%s: SQLite does not take a VFS", name);
    return -1;
  }
  return 0;
}

void
sqlite_vfs_unregister (struct sqlite_vfs *v)
{
  sqlite3_vfs_unregister (&v->vfs);
}
