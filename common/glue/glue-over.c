/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See glue-over.h.
 */

#include <config.h>

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "glue/glue-disk.h"
#include "glue/glue-over.h"
#include "store/store-align.h"

struct glue_over_disk {
  struct glue_over_disk *next;
  char *export_name;
  bool has_id;
  struct uuid id;
  struct range_lock *locks; /* for the unaligned requests of all */
  void *shared;
};

static void
free_disk (struct glue_filter_instance *i, struct glue_over_disk *d)
{
  if (d->shared != NULL)
    i->filter->over->close_disk (d->shared);
  range_lock_free (d->locks);
  free (d->export_name);
  free (d);
}

void
glue_over_close (struct glue_filter_instance *i)
{
  LOCK_SCOPE (&i->lock);
  while (i->over_disks != NULL) {
    struct glue_over_disk *d = i->over_disks;

    i->over_disks = d->next;
    free_disk (i, d);
  }
}

/* A disk that says who it is may have several names. */
static bool
is_same (const struct glue_over_disk *d, const struct store *bottom,
         const char *export_name)
{
  if (d->has_id != bottom->info.has_id)
    return false;
  return d->has_id ? uuid_equal (&d->id, &bottom->info.id) :
                     strcmp (d->export_name, export_name) == 0;
}

static struct glue_over_disk *
new_disk (struct glue_filter_instance *i, struct store *bottom,
          const char *export_name, bool read_only)
{
  struct glue_over_disk *d = calloc (1, sizeof *d);

  if (d == NULL || (d->export_name = strdup (export_name)) == NULL ||
      (d->locks = range_lock_create ()) == NULL) {
    log_error ("out of memory");
    if (d != NULL)
      free_disk (i, d);
    return NULL;
  }
  d->has_id = bottom->info.has_id;
  d->id = bottom->info.id;
  d->shared = i->filter->over->open_disk (i->config, bottom, read_only);
  if (d->shared == NULL) {
    free_disk (i, d);
    return NULL;
  }
  d->next = i->over_disks;
  i->over_disks = d;
  return d;
}

static struct glue_over_disk *
get_disk (struct glue_filter_instance *i, struct store *bottom,
          const char *export_name, bool read_only)
{
  LOCK_SCOPE (&i->lock);
  for (struct glue_over_disk *d = i->over_disks; d != NULL; d = d->next) {
    if (is_same (d, bottom, export_name))
      return d;
  }
  return new_disk (i, bottom, export_name, read_only);
}

struct store *
glue_over_open (struct glue_filter_instance *i, struct store *bottom,
                const char *export_name, const char *client, bool read_only)
{
  const struct glue_over *over = i->filter->over;
  struct glue_over_disk *d = get_disk (i, bottom, export_name, read_only);
  struct store *s = NULL, *aligned;

  if (d != NULL && over->open_for_client != NULL)
    s = over->open_for_client (i->config, d->shared, client, bottom);
  else if (d != NULL)
    s = over->open_store (i->config, d->shared, bottom);
  if (s == NULL) {
    store_close (bottom);
    return NULL;
  }
  if (s->info.align == 1)
    return s;
  aligned = store_align_create (s, d->locks);
  if (aligned == NULL) {
    log_error ("out of memory");
    store_close (s);
  }
  return aligned;
}
