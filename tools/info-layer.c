/* SPDX-License-Identifier: BSD-3-Clause
 *
 * diskstack info of the files of layer-sqlite.
 */

#include <config.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "info.h"
#include "layered/sqlite-file.h"
#include "sector-db/sdb-header.h"

static enum sdb_status
read_header (struct host_file *f, struct sdb_header *h)
{
  uint8_t start[SDB_HEADER_SIZE];
  const ssize_t n = pread (host_file_fd (f), start, sizeof start, 0);

  return sdb_header_parse (start, n < 0 ? 0 : (size_t) n, h);
}

/* A layer of a later version, or one that is damaged behind the name of
 * its kind, is one.
 */
static bool
probe (const struct info_source *s)
{
  struct sdb_header h = { 0 };

  return s->file != NULL && (read_header (s->file, &h) == SDB_OK ||
                             h.application_id == SDB_APPLICATION_ID);
}

static void
report_below (struct report *r, const struct layer_sqlite_identity *id)
{
  report_group (r, "disk-below");
  report_bytes (r, "size", id->below_size);
  if (id->below_sector_size != 0)
    report_bytes (r, "sector-size", id->below_sector_size);
  if (id->has_disk_id)
    report_uuid (r, "disk-id", &id->disk_id);
  if (id->export_name[0] != '\0')
    report_text (r, "export-name", id->export_name);
  report_end_group (r);
}

static void
report_layer (struct report *r, const struct layer_sqlite_report *lr)
{
  const struct layer_sqlite_identity *id = &lr->identity;

  report_uuid (r, "layer-id", &id->layer_id);
  report_time (r, "created", id->created);
  report_bytes (r, "size", id->size);
  report_bytes (r, "sector-size", id->sector_size);
  if (id->has_below)
    report_below (r, id);
  report_bytes (r, "data", lr->data_sectors * id->sector_size);
  report_bytes (r, "zeroes", lr->zero_sectors * id->sector_size);
  report_bytes (r, "data-in-file", lr->used_clusters * 65536);
  report_number (r, "dirty-clusters", lr->dirty_clusters);
  report_bool (r, "closed", lr->closed);
  report_number (r, "log-batches", lr->log_batches);
  report_bytes (r, "memory-when-open", lr->memory);
}

/* Each line of TEXT, which is changed. */
static void
log_lines (const char *path, char *text)
{
  char *rest, *line;

  for (line = strtok_r (text, "\n", &rest); line != NULL;
       line = strtok_r (NULL, "\n", &rest))
    log_error ("%s: %s", path, line);
}

static void
report (struct info_source *s, struct report *r)
{
  struct host_file *f = s->file;
  const struct layer_sqlite_options o = { .read_only = true };
  struct layer_sqlite_report lr;
  struct sdb_header h = { 0 };
  struct layer *l;
  int err;

  read_header (f, &h);
  report_number (r, "format-version", h.user_version);
  l = sqlite_file_open_host (f, &o, NULL);
  if (l == NULL)
    return; /* it said why */
  if (layer_sqlite_inspect (l, &lr, &err) == 0) {
    report_layer (r, &lr);
    if (lr.trouble != NULL)
      log_lines (s->name, lr.trouble);
    free (lr.trouble);
  }
  layer_close (l);
}

const struct info_kind info_layer = {
  .name = "layer-sqlite",
  .probe = probe,
  .report = report,
};
