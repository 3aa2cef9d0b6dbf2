/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See glue-disk.h.
 */

#include <config.h>

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "glue/glue-disk.h"
#include "glue/store-next.h"
#include "store/store-align.h"

/* The end of a stack. */

/* Say what could not be moved down, layer by layer; WHY is 0 if it was
 * not tried.
 */
static void
report_dirty (const struct layered *ld, int why, bool the_end)
{
  const char *reason = why ? strerror (why) : "it was not tried";

  for (unsigned i = 0; i < ld->nlayers; i++) {
    const struct layer *l = ld->member[i].layer;
    const uint64_t n = layered_dirty (ld, i);

    if (n == 0)
      continue;
    if (the_end && !l->info.keeps_dirty)
      log_error ("layer %u (%s): DATA IS LOST: %" PRIu64 " bytes that were "
                 "written could not be moved down: %s",
                 i + 1, l->ops->name, n, reason);
    else
      log_error ("layer %u (%s): %" PRIu64 " bytes could not be moved down "
                 "and stay in the layer: %s",
                 i + 1, l->ops->name, n, reason);
  }
}

/* The disk is in no list any more. */
static void
close_disk (struct glue_filter_instance *i, struct glue_disk *d)
{
  const struct glue_filter *f = i->filter;
  int err = d->commit_error;

  if (d->has_services && f->stop_services != NULL)
    f->stop_services (i->config, d->stack);
  if (d->stack != NULL && f->moves_down) {
    layered_stop (d->stack, &err);
    report_dirty (d->stack, err, true);
  }
  layered_close (d->stack);
  free (d->export_name);
  free (d);
}

void
glue_disks_close (struct glue_filter_instance *i)
{
  LOCK_SCOPE (&i->lock);
  while (i->disks != NULL) {
    struct glue_disk *d = i->disks;

    i->disks = d->next;
    close_disk (i, d);
  }
}

/* The start. */

struct store *
glue_disk_align (const struct glue_disk *d, struct store *bottom)
{
  struct store *aligned;

  if (bottom->info.align <= UINT32_C (1) << d->stack->sector_shift)
    return bottom;
  aligned = store_align_create (bottom, d->stack->bottom_locks);
  if (aligned == NULL) {
    log_error ("out of memory");
    store_close (bottom);
  }
  return aligned;
}

/* A way down for the stack alone, or NULL. */
static struct store *
open_own_bottom (const struct glue_filter_instance *i,
                 const struct glue_disk *d)
{
  struct store *s = store_next_open (
    i->backend, i->filter->below_read_only (i->config, d->read_only));

  if (s != NULL && store_size (s) != d->stack->bottom_size) {
    log_error ("the disk below shows different sizes: %" PRIu64 " and %" PRIu64
               " bytes",
               d->stack->bottom_size, store_size (s));
    store_close (s);
    s = NULL;
  }
  return s != NULL ? glue_disk_align (d, s) : NULL;
}

/* A stack that cannot be started works without threads of its own.  One
 * with nothing below it does not care for how that is used.
 */
static void
start_stack (const struct glue_filter_instance *i, struct glue_disk *d)
{
  struct store *own = NULL;
  int err;

  if (d->stack->bottom_size > 0) {
    if (!i->parallel || *d->export_name != '\0')
      return;
    own = open_own_bottom (i, d);
  }
  if (own != NULL || d->stack->bottom_size == 0) {
    if (layered_start (d->stack, own, &err) == 0) {
      d->started = true;
      return;
    }
    log_error ("threads cannot be started: %s", strerror (err));
    store_close (own);
  }
  log_error ("going on without threads for the layers: clients do their "
             "work");
}

/* What a stack over BOTTOM needs to know of it. */
static struct layered *
build_stack (const struct glue_filter_instance *i, const struct store *bottom,
             const char *export_name, bool read_only)
{
  const struct layer_below below = {
    .exists = store_size (bottom) > 0,
    .size = store_size (bottom),
    .sector_size = bottom->info.sector_size,
    .has_id = bottom->info.has_id,
    .id = bottom->info.id,
    .export_name = export_name,
  };
  const struct layered_bottom lb = { .exists = below.exists,
                                     .size = below.size,
                                     .info = bottom->info };

  return i->filter->build (i->config, &below, &lb, read_only);
}

static struct glue_disk *
build_disk (struct glue_filter_instance *i, const struct store *bottom,
            const char *export_name, bool read_only)
{
  const struct glue_filter *f = i->filter;
  struct glue_disk *d = calloc (1, sizeof *d);

  if (d == NULL || (d->export_name = strdup (export_name)) == NULL) {
    free (d);
    log_error ("out of memory");
    return NULL;
  }
  d->has_id = bottom->info.has_id;
  d->id = bottom->info.id;
  d->read_only = read_only;
  d->stack = build_stack (i, bottom, export_name, read_only);
  if (d->stack != NULL && f->moves_down)
    start_stack (i, d);
  d->has_services = d->stack != NULL &&
                    (f->start_services == NULL ||
                     f->start_services (i->config, d->stack, export_name) == 0);
  if (!d->has_services) {
    close_disk (i, d);
    return NULL;
  }
  d->next = i->disks;
  i->disks = d;
  return d;
}

/* Connections. */

static bool
same_disk (const struct glue_disk *d, const struct store *bottom,
           const char *export_name)
{
  if (bottom->info.has_id != d->has_id)
    return false;
  if (d->has_id)
    return uuid_equal (&bottom->info.id, &d->id);
  return strcmp (export_name, d->export_name) == 0;
}

/* Take an idle disk that is open read-only away: it is wanted writable
 * now.  With i->lock.
 */
static int
forget_disk (struct glue_filter_instance *i, struct glue_disk *d)
{
  struct glue_disk **p;

  if (d->connections > 0) {
    log_error ("the disk is in use read-only");
    return -1;
  }
  for (p = &i->disks; *p != d; p = &(*p)->next)
    ;
  *p = d->next;
  close_disk (i, d);
  return 0;
}

struct glue_disk *
glue_disk_get (struct glue_filter_instance *i, const struct store *bottom,
               const char *export_name, bool read_only)
{
  struct glue_disk *d;

  LOCK_SCOPE (&i->lock);
  for (d = i->disks; d != NULL; d = d->next) {
    if (same_disk (d, bottom, export_name))
      break;
  }
  if (d != NULL && store_size (bottom) != d->stack->bottom_size) {
    log_error ("the disk below changed its size, from %" PRIu64 " to %" PRIu64
               " bytes, under a layer",
               d->stack->bottom_size, store_size (bottom));
    return NULL;
  }
  if (d != NULL && d->read_only && !read_only) {
    if (forget_disk (i, d) == -1)
      return NULL;
    d = NULL;
  }
  if (d == NULL)
    d = build_disk (i, bottom, export_name, read_only);
  if (d != NULL) {
    d->connections++;
    d->users++;
  }
  return d;
}

int
glue_disk_resume (struct glue_filter_instance *i, struct glue_disk *d,
                  struct store *bottom)
{
  int err;

  LOCK_SCOPE (&i->lock);
  if (d->resumed || d->read_only)
    return 0;
  if (layered_resume (d->stack, bottom, &err) == -1) {
    log_error ("what a layer has and the disk below lacks, since a crash, "
               "cannot be written there: %s",
               strerror (err));
    return -1;
  }
  d->resumed = true;
  return 0;
}

static bool
was_last_user (struct glue_filter_instance *i, struct glue_disk *d)
{
  LOCK_SCOPE (&i->lock);
  return --d->users == 0;
}

void
glue_disk_leave (struct glue_filter_instance *i, struct glue_disk *d,
                 struct store *bottom)
{
  int err = 0;

  if (!was_last_user (i, d) || bottom == NULL || !i->filter->moves_down ||
      d->started || d->read_only)
    return;
  if (layered_commit (d->stack, bottom, &err) == -1)
    report_dirty (d->stack, err, false);

  LOCK_SCOPE (&i->lock);
  d->commit_error = err;
}

void
glue_disk_put (struct glue_filter_instance *i, struct glue_disk *d)
{
  LOCK_SCOPE (&i->lock);
  d->connections--;
}
