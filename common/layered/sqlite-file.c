/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See sqlite-file.h.
 */

#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "layer/layer-ram.h"
#include "layered/sqlite-file.h"
#include "layered/store-layered.h"
#include "sector-db/sdb-header.h"
#include "store/store-file.h"

/* Opening. */

/* FILE, which is read-only, with a RAM layer that takes what recovery
 * writes.  Takes ownership of FILE either way.
 */
static struct store *
with_ram (struct store *file)
{
  const struct layer_below below = { .exists = true,
                                     .size = store_size (file),
                                     .sector_size = 512,
                                     .export_name = "" };
  const struct layered_bottom bottom = { .exists = true,
                                         .size = store_size (file),
                                         .info = file->info };
  const struct layer_ram_options ram = { .size = 0 };
  struct layered_member member = { .layer = NULL };
  enum layered_status status;
  struct layered *ld = NULL;
  struct store *s = NULL;
  unsigned which;

  member.layer = layer_ram_create (&ram, &below);
  if (member.layer != NULL)
    ld = layered_create (&member, 1, &bottom, store_size (file), false, &status,
                         &which);
  if (ld == NULL)
    layer_close (member.layer);
  else
    s = store_layered_create_owning (ld, file);
  if (s == NULL) {
    layered_close (ld);
    store_close (file);
    log_error ("out of memory");
  }
  return s;
}

struct layer *
sqlite_file_open_host (struct host_file *f,
                       const struct layer_sqlite_options *o,
                       const struct layer_below *below)
{
  const struct store_file_options options = { .read_only = o->read_only };
  struct layer_sqlite_options lo = *o;
  struct store *file;
  struct layer *l;

  lo.name = host_file_path (f);
  if (!o->read_only && !host_file_is_writable (f)) {
    log_error ("%s: no permission to write; serve the disk read-only", lo.name);
    errno = EACCES;
    return NULL;
  }
  file = store_file_create (f, &options);
  if (file != NULL && o->read_only)
    file = with_ram (file);
  if (file == NULL)
    return NULL;
  l = layer_sqlite_open (file, &lo, below);
  if (l == NULL) {
    store_close (file);
    errno = EINVAL;
  }
  return l;
}

int
sqlite_file_check (struct host_file *f)
{
  uint8_t start[SDB_HEADER_SIZE];
  enum sdb_status status;
  struct sdb_header h;
  ssize_t n;

  n = pread (host_file_fd (f), start, sizeof start, 0);
  if (n == -1) {
    log_error ("%s: read: %m", host_file_path (f));
    return -1;
  }
  status = sdb_header_parse (start, (size_t) n, &h);
  if (status != SDB_OK) {
    log_error ("%s: the file %s", host_file_path (f),
               sdb_status_string (status));
    return -1;
  }
  return 0;
}

/* Making. */

/* Make a complete layer in TEMP. */
static int
make_layer (const char *temp, const struct layer_sqlite_options *o,
            const struct layer_below *below)
{
  const struct host_file_options ho = { .path = temp, .fd = -1 };
  const struct store_file_options so = { .read_only = false };
  struct host_file *f = host_file_create (&ho, 0);
  struct store *file;
  int r = -1;

  if (f == NULL)
    return -1;
  file = store_file_create (f, &so);
  if (file != NULL)
    r = layer_sqlite_format (file, o, below);
  store_close (file);
  host_file_unref (f);
  return r;
}

/* Make the name durable. */
static int
sync_directory (const char *path)
{
  CLEANUP_FREE char *dir = strdup (path);
  CLEANUP_CLOSE int fd = -1;
  char *slash;

  if (dir == NULL)
    return -1;
  slash = strrchr (dir, '/');
  if (slash == dir)
    slash[1] = '\0';
  else if (slash != NULL)
    *slash = '\0';
  fd = open (slash ? dir : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  return fd == -1 || fsync (fd) == -1 ? -1 : 0;
}

static int
create (const char *path, const struct layer_sqlite_options *o,
        const struct layer_below *below)
{
  CLEANUP_FREE char *temp = NULL;
  struct uuid random;
  char text[UUID_STRLEN + 1];
  int r = -1;

  if (uuid_random (&random) == -1) {
    log_error ("%s: getrandom: %m", path);
    return -1;
  }
  uuid_format (&random, text);
  if (asprintf (&temp, "%s.%s.tmp", path, text) == -1) {
    temp = NULL;
    log_error ("%s: out of memory", path);
    return -1;
  }
  if (make_layer (temp, o, below) == 0) {
    /* Somebody else may have been faster: then theirs it is. */
    r = link (temp, path) == 0 || errno == EEXIST ? 0 : -1;
    if (r == -1)
      log_error ("%s: link: %m", path);
    else if (sync_directory (path) == -1) {
      log_error ("%s: sync of its directory: %m", path);
      r = -1;
    }
  }
  unlink (temp);
  return r;
}

struct layer *
sqlite_file_open (const char *path, const struct layer_sqlite_options *o,
                  const struct layer_below *below)
{
  const struct host_file_options ho = { .path = path, .fd = -1 };
  struct layer_sqlite_options lo = *o;
  struct host_file *f;
  struct layer *l;

  lo.name = path;
  if (!o->read_only && access (path, F_OK) == -1 && errno == ENOENT &&
      create (path, &lo, below) == -1) {
    errno = EIO;
    return NULL;
  }
  f = host_file_open (&ho);
  if (f == NULL)
    return NULL;
  l = sqlite_file_open_host (f, o, below);
  host_file_unref (f);
  return l;
}
