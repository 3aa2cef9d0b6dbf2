/* SPDX-License-Identifier: BSD-3-Clause
 *
 * diskstack commit of a layer file: what to open, and what to say.
 */

#include <config.h>

#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "commit-impl.h"
#include "layered/sqlite-file.h"

/* ------------------------------------------------------------------ */
/* Opening */

static int
open_disk (struct commit *c)
{
  const struct disk_options o = { .search = &c->search };
  struct disk d;

  if (disk_open (&d, c->disk_spec, &o) == 0) {
    c->disk = disk_store (&d, c->dry_run);
    disk_close (&d);
  }
  if (c->disk != NULL)
    return 0;
  if (errno == EBUSY)
    log_error ("commit: %s is in use: end the server that has it first",
               c->disk_spec);
  return -1;
}

/* The disk is compared with what the layer has recorded of it.  How a
 * server cut it into sectors, and under which name it exported it, cannot
 * be known here.
 */
static int
open_file (struct commit *c)
{
  const struct host_file_options ho = { .path = c->layer_path };
  const struct layer_sqlite_options o = { .read_only = c->dry_run,
                                          .force = c->force };
  const struct layer_below below = { .exists = store_size (c->disk) > 0,
                                     .size = store_size (c->disk),
                                     .has_id = c->disk->info.has_id,
                                     .id = c->disk->info.id };
  struct host_file *f = host_file_open (&ho);

  if (f == NULL)
    return -1;
  errno = 0;
  if (sqlite_file_check (f) == 0)
    c->layer = sqlite_file_open_host (f, &o, &below);
  if (c->layer == NULL && errno == EBUSY)
    log_error ("commit: %s is in use: end the server that has it first",
               c->layer_path);
  host_file_unref (f);
  return c->layer != NULL ? 0 : -1;
}

int
commit_open_layer (struct commit *c)
{
  return open_disk (c) == -1 ? -1 : open_file (c);
}
