/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See sqlite-file.h.
 */

#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/log.h"
#include "layer/layer-ram.h"
#include "layered/new-file.h"
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

/* A layer that is to be made. */
struct recipe {
  const struct layer_sqlite_options *o;
  const struct layer_below *below;
};

static int
fill (struct store *file, void *opaque)
{
  const struct recipe *r = opaque;

  return layer_sqlite_format (file, r->o, r->below);
}

static int
create (const char *path, const struct layer_sqlite_options *o,
        const struct layer_below *below)
{
  struct recipe r = { o, below };

  return new_file_make (path, fill, &r);
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
