/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See store-striped.h.  Here is what a disk can be made of; the requests
 * are in store-striped-io.c and store-striped-extents.c.
 */

#include <config.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "store/store-align.h"
#include "store/store-striped-impl.h"

/* Threads that wait for members.  Requests that find none do everything
 * themselves, one member after the other.
 */
#define THREADS 64

static void
striped_free (struct striped *s)
{
  task_pool_free (s->pool);
  for (unsigned i = 0; i < s->map.count; i++)
    free (s->member[i].name);
  free (s);
}

static void
striped_close (struct store *store)
{
  struct striped *s = to_striped (store);

  for (unsigned i = 0; i < s->map.count; i++)
    store_close (s->member[i].store);
  striped_free (s);
}

static const struct store_ops striped_ops = {
  .name = "striped",
  .close = striped_close,
  .read = striped_read,
  .write = striped_write,
  .flush = striped_flush,
  .trim = striped_trim,
  .zero = striped_zero,
  .extents = striped_extents,
  .cache = striped_cache,
  .uncache = striped_uncache,
};

/* ------------------------------------------------------------------ */
/* What goes together */

/* Of which each member has this much or more. */
static uint64_t
smallest (const struct store_striped_options *o)
{
  uint64_t size = INT64_MAX;

  for (unsigned i = 0; i < o->count; i++)
    size = min_u64 (size, store_size (o->member[i].store));
  return size > o->data_offset ? size - o->data_offset : 0;
}

static int
check_member (const struct store_striped_options *o, unsigned i)
{
  const struct store *first = o->member[0].store, *s = o->member[i].store;
  const char *name = o->member[i].name;

  if (s->info.sector_size != first->info.sector_size)
    log_error ("striped: member %u (%s) has sectors of %u bytes, and member "
               "1 (%s) of %u: all must have the same",
               i + 1, name, s->info.sector_size, o->member[0].name,
               first->info.sector_size);
  else if (!o->allow_unequal && store_size (s) != store_size (first))
    log_error ("striped: member %u (%s) has %llu bytes, and member 1 (%s) "
               "has %llu: all must have the same, or unequal ones must be "
               "allowed",
               i + 1, name, (unsigned long long) store_size (s),
               o->member[0].name, (unsigned long long) store_size (first));
  else
    return 0;
  return -1;
}

static int
check_map (const struct store_striped_options *o, struct stripe_map *map)
{
  const uint32_t sector_size =
    o->count > 0 ? o->member[0].store->info.sector_size : 512;
  const enum stripe_status status =
    stripe_map_init (map, o->count, o->chunk, smallest (o), sector_size);
  const uint64_t row = o->count * o->chunk;

  if (status == STRIPE_BAD_CHUNK)
    log_error ("striped: a stripe size of %llu bytes is not a multiple of the "
               "members' sector size, %u",
               (unsigned long long) o->chunk, sector_size);
  else if (status == STRIPE_TOO_SMALL)
    log_error ("striped: the smallest member has room for %llu bytes, which "
               "is less than one stripe of %llu",
               (unsigned long long) smallest (o),
               (unsigned long long) o->chunk);
  else if (status != STRIPE_OK)
    log_error ("striped: the disk %s", stripe_status_string (status));
  else if (o->size > stripe_map_size (map))
    log_error ("striped: the members have room for %llu bytes, not for %llu",
               (unsigned long long) stripe_map_size (map),
               (unsigned long long) o->size);
  else if (!IS_ALIGNED (o->size, row))
    log_error ("striped: a size of %llu bytes is not a multiple of %llu, one "
               "stripe on each member",
               (unsigned long long) o->size, (unsigned long long) row);
  else
    return 0;
  return -1;
}

static int
check (const struct store_striped_options *o, struct stripe_map *map)
{
  errno = EINVAL;
  for (unsigned i = 0; i < o->count; i++) {
    if (check_member (o, i) == -1)
      return -1;
  }
  if (check_map (o, map) == -1)
    return -1;
  if (o->size != 0)
    map->rows = o->size / (o->count * o->chunk);
  return 0;
}

int
store_striped_check (const struct store_striped_options *o, uint64_t *size)
{
  struct stripe_map map;

  if (check (o, &map) == -1)
    return -1;
  *size = stripe_map_size (&map);
  return 0;
}

/* ------------------------------------------------------------------ */
/* Making it */

/* What holds for all members, or for any of them. */
static struct store_info
join_info (const struct store_striped_options *o)
{
  struct store_info r = o->member[0].store->info;

  for (unsigned i = 1; i < o->count; i++) {
    const struct store_info *m = &o->member[i].store->info;

    r.physical_sector_size =
      max_u64 (r.physical_sector_size, m->physical_sector_size);
    r.align = max_u64 (r.align, m->align);
    r.preferred = max_u64 (r.preferred, m->preferred);
    r.read_only |= m->read_only;
    r.rotational |= m->rotational;
    r.fua &= m->fua;
    r.trim |= m->trim;
    r.zero &= m->zero;
    r.fast_zero &= m->fast_zero;
    r.extents |= m->extents;
    r.cache |= m->cache;
    r.shared_flush &= m->shared_flush;
  }
  r.has_id = o->id != NULL;
  r.id = o->id != NULL ? *o->id : (struct uuid){ { 0 } };
  return r;
}

/* A member that wants more alignment than chunks have gets its own. */
static int
align_members (const struct store_striped_options *o)
{
  for (unsigned i = 0; i < o->count; i++) {
    struct store_striped_member *m = &o->member[i];
    struct store *aligned;

    if (IS_ALIGNED (o->chunk, m->store->info.align) &&
        IS_ALIGNED (o->data_offset, m->store->info.align))
      continue;
    aligned = store_align_create (m->store, NULL);
    if (aligned == NULL)
      return -1;
    m->store = aligned;
  }
  return 0;
}

static int
describe (struct store *s, const struct store_striped_options *o)
{
  char id[UUID_STRLEN + 1];

  uuid_format (&s->info.id, id);
  return store_describe (s, "striped over %u, %llu bytes each in turn%s%s",
                         o->count, (unsigned long long) o->chunk,
                         s->info.has_id ? ", disk-id=" : "",
                         s->info.has_id ? id : "");
}

static int
fill_in (struct striped *s, const struct store_striped_options *o)
{
  for (unsigned i = 0; i < o->count; i++) {
    s->member[i].name = strdup (o->member[i].name);
    if (s->member[i].name == NULL)
      return -1;
  }
  s->pool = task_pool_create (THREADS);
  return s->pool != NULL ? describe (&s->store, o) : -1;
}

static struct striped *
create (const struct store_striped_options *o, const struct stripe_map *map)
{
  struct striped *s = calloc (1, sizeof *s + o->count * sizeof s->member[0]);
  struct store_info info;

  if (s == NULL)
    return NULL;
  s->map = *map;
  s->data_offset = o->data_offset;
  atomic_init (&s->sleepy, STRIPED_SLEEPY_ALL);
  if (align_members (o) == 0) {
    info = join_info (o);
    store_init (&s->store, &striped_ops, &info, stripe_map_size (map));
    if (fill_in (s, o) == 0)
      return s;
  }
  striped_free (s);
  return NULL;
}

struct store *
store_striped_create (const struct store_striped_options *o)
{
  struct stripe_map map;
  struct striped *s;

  if (check (o, &map) == -1)
    return NULL;
  s = create (o, &map);
  if (s == NULL) {
    errno = ENOMEM;
    log_error ("striped: %m");
    return NULL;
  }
  for (unsigned i = 0; i < o->count; i++)
    s->member[i].store = o->member[i].store;
  return &s->store;
}
