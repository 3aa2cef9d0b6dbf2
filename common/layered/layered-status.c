/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See layered-status.h.  Requests go through the list of disks one by
 * one; the one that they are at is held by its count of users, not by
 * the lock, as a commit may take long.  Removing waits for the users.
 */

#include <config.h>

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/align.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/json-writer.h"
#include "layered/layered-map.h"
#include "layered/layered-status.h"

struct disk {
  struct disk *next;
  struct layered *ld;
  char *export_name;
  bool has_id;
  struct uuid id;
  unsigned users;
  bool leaving;
};

struct layered_status_disks {
  struct control *control;
  pthread_mutex_t lock;
  pthread_cond_t left; /* the last user of a disk */
  struct disk *disks;
};

/* ------------------------------------------------------------------ */
/* Disks */

/* The disk after D, or the first one, with a user more; D has one less.
 * NULL: there is no other.
 */
static struct disk *
next_disk (struct layered_status_disks *s, struct disk *d)
{
  struct disk *next;

  LOCK_SCOPE (&s->lock);
  next = d == NULL ? s->disks : d->next;
  while (next != NULL && next->leaving)
    next = next->next;
  if (next != NULL)
    next->users++;
  if (d != NULL && --d->users == 0)
    pthread_cond_broadcast (&s->left);
  return next;
}

int
layered_status_add (struct layered_status_disks *s, struct layered *ld,
                    const char *export_name, const struct uuid *id)
{
  struct disk *d, **p;

  if (s == NULL)
    return 0;
  d = calloc (1, sizeof *d);
  if (d == NULL)
    return -1;
  d->ld = ld;
  d->export_name = strdup (export_name);
  if (d->export_name == NULL) {
    free (d);
    errno = ENOMEM;
    return -1;
  }
  d->has_id = id != NULL;
  if (id != NULL)
    d->id = *id;
  atomic_store_explicit (&ld->timed, true, memory_order_relaxed);
  LOCK_SCOPE (&s->lock);
  for (p = &s->disks; *p != NULL; p = &(*p)->next)
    ;
  *p = d;
  return 0;
}

void
layered_status_remove (struct layered_status_disks *s, struct layered *ld)
{
  struct disk *d, **p;

  if (s == NULL)
    return;
  {
    LOCK_SCOPE (&s->lock);
    for (d = s->disks; d != NULL && d->ld != ld; d = d->next)
      ;
    if (d == NULL)
      return;
    d->leaving = true;
    while (d->users > 0)
      pthread_cond_wait (&s->left, &s->lock);
    for (p = &s->disks; *p != d; p = &(*p)->next)
      ;
    *p = d->next;
  }
  free (d->export_name);
  free (d);
}

/* ------------------------------------------------------------------ */
/* What is said */

static void
put_counters (struct json_writer *w, const struct layered_counters *c)
{
  const uint64_t hit = count_get (&c->hit), miss = count_get (&c->miss);

  json_number (w, "hit", hit);
  json_number (w, "miss", miss);
  if (hit + miss > 0)
    json_decimal (w, "hit-ratio",
                  (uint64_t) ((unsigned __int128) hit * 10000 / (hit + miss)),
                  4);
  json_number (w, "populated", count_get (&c->populated));
  json_number (w, "populate-failures", count_get (&c->populate_failures));
  json_number (w, "written", count_get (&c->written));
  json_number (w, "zeroed", count_get (&c->zeroed));
  json_number (w, "cleaned", count_get (&c->cleaned));
  json_number (w, "clean-errors", count_get (&c->clean_errors));
  json_number (w, "evicted", count_get (&c->evicted));
  json_number (w, "fell-through", count_get (&c->fell_through));
}

/* One of the numbers of all parts. */
static void
put_row (struct json_writer *w, const char *name, const uint8_t *first,
         unsigned n)
{
  json_begin_row (w, name);
  for (unsigned i = 0; i < n; i++)
    json_number (w, NULL, first[i * sizeof (struct layered_map_part)]);
  json_end_row (w);
}

static void
put_map (struct json_writer *w, struct layered *ld, unsigned level)
{
  struct layered_map_part map[LAYERED_MAP_PARTS];
  const unsigned n = layered_map_parts (ld);

  layered_map_read (ld, level, map);
  json_begin_object (w, "map");
  put_row (w, "data", &map[0].data, n);
  put_row (w, "zero", &map[0].zero, n);
  put_row (w, "dirty", &map[0].dirty, n);
  json_end_object (w);
}

static void
put_layer (struct json_writer *w, struct layered *ld, unsigned level)
{
  const struct layered_member *m = &ld->member[level];

  json_begin_object (w, NULL);
  json_number (w, "layer", level + 1);
  json_string (w, "kind", m->layer->ops->name);
  json_bool (w, "read-only", m->layer->info.read_only);
  json_bool (w, "read-cache", m->read_cache);
  json_bool (w, "write-through", m->write_through);
  json_bool (w, "write-back", m->write_back);
  if (m->max != 0)
    json_number (w, "max", m->max);
  if (m->max != 0 || m->layer->ops->used != NULL)
    json_number (w, "used", layered_used (ld, level));
  json_number (w, "dirty", layered_dirty (ld, level));
  put_counters (w, &ld->counters[level]);
  put_map (w, ld, level);
  json_end_object (w);
}

static void
put_latency (struct json_writer *w, const char *name, const struct histogram *h)
{
  static const struct {
    const char *name;
    uint32_t millionths;
  } percentiles[] = {
    { "p50", 500000 },
    { "p90", 900000 },
    { "p99", 990000 },
    { "p99.9", 999000 },
  };
  struct histogram_snapshot s;

  histogram_read (h, &s);
  json_begin_object (w, name);
  json_number (w, "count", s.count);
  json_number (w, "sum", s.sum);
  for (size_t i = 0; i < ARRAY_SIZE (percentiles); i++)
    json_number (w, percentiles[i].name,
                 histogram_percentile (&s, percentiles[i].millionths));
  json_number (w, "max", s.max);
  json_end_object (w);
}

static void
put_bottom (struct json_writer *w, const struct layered *ld)
{
  const struct layered_fetch_counters *c = &ld->fetch_counters;

  json_begin_object (w, "bottom");
  json_number (w, "size", ld->bottom_size);
  json_number (w, "requests", count_get (&c->requests));
  json_number (w, "bytes", count_get (&c->bytes));
  json_number (w, "shared", count_get (&c->shared));
  json_number (w, "readahead", count_get (&c->readahead));
  json_end_object (w);
}

static void
put_hydration (struct json_writer *w, const struct layered_progress *p)
{
  json_begin_object (w, "hydration");
  json_bool (w, "active",
             atomic_load_explicit (&p->active, memory_order_relaxed));
  json_bool (w, "finished",
             atomic_load_explicit (&p->finished, memory_order_relaxed));
  json_number (w, "done", count_get (&p->done));
  json_number (w, "total", count_get (&p->total));
  json_number (w, "rate", count_get (&p->rate));
  json_end_object (w);
}

static void
put_disk (struct json_writer *w, const struct disk *d)
{
  struct layered *ld = d->ld;
  char text[UUID_STRLEN + 1];

  json_begin_object (w, NULL);
  json_string (w, "export", d->export_name);
  if (d->has_id) {
    uuid_format (&d->id, text);
    json_string (w, "id", text);
  }
  json_number (w, "size", ld->size);
  json_number (w, "sector-size", UINT64_C (1) << ld->sector_shift);
  json_bool (w, "read-only", ld->read_only);
  json_begin_array (w, "layers");
  for (unsigned i = 0; i < ld->nlayers; i++)
    put_layer (w, ld, i);
  json_end_array (w);
  if (ld->bottom_size > 0)
    put_bottom (w, ld);
  json_begin_object (w, "latency");
  put_latency (w, "read", &ld->latency.read);
  put_latency (w, "write", &ld->latency.write);
  put_latency (w, "flush", &ld->latency.flush);
  json_end_object (w);
  put_hydration (w, &ld->hydration);
  json_end_object (w);
}

static int
answer_status (void *opaque, const char *arguments, struct buffer *out)
{
  struct layered_status_disks *s = opaque;
  struct json_writer w = { .out = out };

  json_begin_object (&w, NULL);
  json_string (&w, "version", PACKAGE_VERSION);
  json_number (&w, "milliseconds", clock_ns () / CLOCK_MILLISECOND);
  json_begin_array (&w, "disks");
  for (struct disk *d = next_disk (s, NULL); d != NULL; d = next_disk (s, d))
    put_disk (&w, d);
  json_end_array (&w);
  json_end_object (&w);
  json_finish (&w);
  return 0;
}

/* ------------------------------------------------------------------ */
/* What is done */

/* The reason of a failure goes to OUT. */
static int
commit (const struct disk *d, struct buffer *out)
{
  int err;

  if (d->ld->reaches_bottom && d->ld->own_bottom == NULL) {
    buffer_printf (out,
                   "export \"%s\": the stack has no connection of its own to "
                   "the disk below",
                   d->export_name);
    return -1;
  }
  if (layered_commit (d->ld, NULL, &err) == -1) {
    errno = err;
    buffer_printf (out, "export \"%s\": %m", d->export_name);
    return -1;
  }
  return 0;
}

/* All disks, or those of one export. */
static int
answer_commit (void *opaque, const char *arguments, struct buffer *out)
{
  struct layered_status_disks *s = opaque;
  bool found = arguments[0] == '\0';
  int r = 0;

  for (struct disk *d = next_disk (s, NULL); d != NULL; d = next_disk (s, d)) {
    if (arguments[0] != '\0' && strcmp (arguments, d->export_name) != 0)
      continue;
    found = true;
    if (r == 0) /* then just let go of what follows */
      r = commit (d, out);
  }
  if (!found) {
    buffer_printf (out, "there is no export \"%s\"", arguments);
    return -1;
  }
  if (r == 0)
    buffer_puts (out, "done\n");
  return r;
}

static int
add_handlers (struct layered_status_disks *s)
{
  if (control_add (s->control, "status", answer_status, s) == -1)
    return -1;
  if (control_add (s->control, "commit", answer_commit, s) == 0)
    return 0;
  control_remove (s->control, "status");
  return -1;
}

struct layered_status_disks *
layered_status_start (struct control *c)
{
  struct layered_status_disks *s = calloc (1, sizeof *s);

  if (s == NULL)
    return NULL;
  s->control = c;
  pthread_mutex_init (&s->lock, NULL);
  pthread_cond_init (&s->left, NULL);
  if (add_handlers (s) == -1) {
    const int saved = errno;

    s->control = NULL;
    layered_status_stop (s);
    errno = saved;
    return NULL;
  }
  return s;
}

void
layered_status_stop (struct layered_status_disks *s)
{
  if (s == NULL)
    return;
  if (s->control != NULL) {
    control_remove (s->control, "status");
    control_remove (s->control, "commit");
  }
  pthread_cond_destroy (&s->left);
  pthread_mutex_destroy (&s->lock);
  free (s);
}
