/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See glue-filter.h.  Life of the objects here:
 *
 * - an instance from the first key (or config_complete) that comes with
 *   its backend pointer until unload;
 * - a disk, that is one stack, from the first connection to it until
 *   cleanup, so that what is in memory outlives connections;
 * - a handle as long as its connection: it points to a disk and owns the
 *   store that joins the stack with the connection's way down.
 */

#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/align.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "glue/glue-filter.h"
#include "glue/glue-store.h"
#include "glue/store-next.h"
#include "layered/store-layered.h"
#include "store/store-align.h"

/* One stack, of one disk below. */
struct disk {
  struct disk *next;
  char *export_name;
  bool has_id;
  struct uuid id;
  bool read_only;
  unsigned connections;
  struct layered *stack;
};

struct glue_filter_instance {
  struct glue_filter_instance *next;
  struct glue_filter *filter;
  nbdkit_backend *backend;
  void *config;
  bool ready;
  pthread_mutex_t lock; /* for disks */
  struct disk *disks;
};

struct handle {
  struct glue_filter_instance *instance;
  char *export_name;
  struct disk *disk;
  struct store *store;
};

/* Configuration. */

/* The instance of BACKEND, made if it is new.  With f->lock. */
static struct glue_filter_instance *
find_instance (struct glue_filter *f, nbdkit_backend *backend)
{
  struct glue_filter_instance *i;

  for (i = f->instances; i != NULL; i = i->next) {
    if (i->backend == backend)
      return i;
  }
  i = calloc (1, sizeof *i);
  if (i == NULL || (i->config = calloc (1, f->config_size)) == NULL) {
    free (i);
    log_error ("out of memory");
    return NULL;
  }
  i->filter = f;
  i->backend = backend;
  pthread_mutex_init (&i->lock, NULL);
  i->next = f->instances;
  f->instances = i;
  return i;
}

static struct glue_filter_instance *
get_instance (struct glue_filter *f, nbdkit_backend *backend)
{
  LOCK_SCOPE (&f->lock);
  return find_instance (f, backend);
}

int
glue_filter_config (struct glue_filter *f, nbdkit_next_config *next,
                    nbdkit_backend *nxdata, const char *key, const char *value)
{
  struct glue_filter_instance *i = get_instance (f, nxdata);

  if (i == NULL)
    return -1;
  switch (f->config (i->config, key, value)) {
  case -1:
    return -1;
  case 0:
    return next (nxdata, key, value);
  default:
    return 0;
  }
}

int
glue_filter_config_complete (struct glue_filter *f,
                             nbdkit_next_config_complete *next,
                             nbdkit_backend *nxdata)
{
  struct glue_filter_instance *i = get_instance (f, nxdata);

  if (i == NULL || f->config_complete (i->config) == -1)
    return -1;
  return next (nxdata);
}

/* Comes once for each instance and does not say for which, so the first
 * call does them all.
 */
int
glue_filter_get_ready (struct glue_filter *f)
{
  LOCK_SCOPE (&f->lock);
  for (struct glue_filter_instance *i = f->instances; i != NULL; i = i->next) {
    if (!i->ready && f->get_ready != NULL && f->get_ready (i->config) == -1)
      return -1;
    i->ready = true;
  }
  return 0;
}

static void
close_disks (struct glue_filter_instance *i)
{
  LOCK_SCOPE (&i->lock);
  while (i->disks != NULL) {
    struct disk *d = i->disks;

    i->disks = d->next;
    layered_close (d->stack);
    free (d->export_name);
    free (d);
  }
}

void
glue_filter_cleanup (struct glue_filter *f, nbdkit_backend *backend)
{
  struct glue_filter_instance *i = get_instance (f, backend);

  if (i != NULL)
    close_disks (i);
}

void
glue_filter_unload (struct glue_filter *f)
{
  LOCK_SCOPE (&f->lock);
  while (f->instances != NULL) {
    struct glue_filter_instance *i = f->instances;

    f->instances = i->next;
    close_disks (i);
    if (f->free_config != NULL)
      f->free_config (i->config);
    pthread_mutex_destroy (&i->lock);
    free (i->config);
    free (i);
  }
}

int
glue_filter_bool (const char *key, const char *value, bool *seen, bool *r)
{
  int v;

  if (*seen)
    return 0;
  v = nbdkit_parse_bool (value);
  if (v == -1)
    return -1;
  *seen = true;
  *r = v;
  return 1;
}

int
glue_filter_size (const char *key, const char *value, bool *seen, uint64_t *r)
{
  int64_t v;

  if (*seen)
    return 0;
  v = nbdkit_parse_size (value);
  if (v == -1)
    return -1;
  if (v == 0) {
    log_error ("%s: must not be 0", key);
    return -1;
  }
  *seen = true;
  *r = (uint64_t) v;
  return 1;
}

int
glue_filter_string (const char *value, const char **r)
{
  if (*r != NULL)
    return 0;
  *r = value;
  return 1;
}

static struct layered *
stack (const char *name, const struct layered_member *members, unsigned n,
       const struct layered_bottom *bottom, bool read_only)
{
  enum layered_status status;
  unsigned which;
  struct layered *ld = layered_create (members, n, bottom, bottom->size,
                                       read_only, &status, &which);

  if (ld == NULL)
    log_error ("%s: %s %s", name, which < n ? "the layer" : "the disk below",
               layered_status_string (status));
  return ld;
}

struct layered *
glue_filter_stack (const char *name, struct layer *l, bool read_cache,
                   bool write_through, const struct layered_bottom *bottom,
                   bool read_only)
{
  const struct layered_member member = { .layer = l,
                                         .read_cache = read_cache,
                                         .write_through = write_through };
  struct layered *ld;

  if (l == NULL)
    return NULL;
  ld = stack (name, &member, 1, bottom, read_only);
  if (ld == NULL)
    layer_close (l);
  return ld;
}

struct layered *
glue_filter_bare_stack (const char *name, const struct layered_bottom *bottom,
                        bool read_only)
{
  return stack (name, NULL, 0, bottom, read_only);
}

/* Connections. */

void *
glue_filter_open (struct glue_filter *f, nbdkit_next_open *next,
                  nbdkit_context *context, int readonly, const char *exportname)
{
  struct glue_filter_instance *i =
    get_instance (f, nbdkit_context_get_backend (context));
  struct handle *h;

  if (i == NULL || next (context, f->below_read_only (i->config, readonly),
                         exportname) == -1)
    return NULL;
  h = calloc (1, sizeof *h);
  if (h == NULL || (h->export_name = strdup (exportname)) == NULL) {
    free (h);
    log_error ("out of memory");
    return NULL;
  }
  h->instance = i;
  return h;
}

static bool
same_disk (const struct disk *d, const struct store *bottom,
           const char *export_name)
{
  if (bottom->info.has_id != d->has_id)
    return false;
  if (d->has_id)
    return uuid_equal (&bottom->info.id, &d->id);
  return strcmp (export_name, d->export_name) == 0;
}

static struct disk *
build_disk (struct glue_filter_instance *i, const struct store *bottom,
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
  struct disk *d = calloc (1, sizeof *d);

  if (d == NULL || (d->export_name = strdup (export_name)) == NULL) {
    free (d);
    log_error ("out of memory");
    return NULL;
  }
  d->stack = i->filter->build (i->config, &below, &lb, read_only);
  if (d->stack == NULL) {
    free (d->export_name);
    free (d);
    return NULL;
  }
  d->has_id = below.has_id;
  d->id = below.id;
  d->read_only = read_only;
  d->next = i->disks;
  i->disks = d;
  return d;
}

/* Take an idle disk that is open read-only away: it is wanted writable
 * now.  With i->lock.
 */
static int
forget_disk (struct glue_filter_instance *i, struct disk *d)
{
  struct disk **p;

  if (d->connections > 0) {
    log_error ("the disk is in use read-only");
    return -1;
  }
  for (p = &i->disks; *p != d; p = &(*p)->next)
    ;
  *p = d->next;
  layered_close (d->stack);
  free (d->export_name);
  free (d);
  return 0;
}

/* The disk that this connection wants, connected. */
static struct disk *
get_disk (struct glue_filter_instance *i, const struct store *bottom,
          const char *export_name, bool read_only)
{
  struct disk *d;

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
  if (d != NULL)
    d->connections++;
  return d;
}

static void
put_disk (struct glue_filter_instance *i, struct disk *d)
{
  LOCK_SCOPE (&i->lock);
  d->connections--;
}

int
glue_filter_prepare (nbdkit_next *next, void *handle, int readonly)
{
  struct handle *h = handle;
  struct store *bottom = store_next_create (next);

  if (bottom == NULL)
    return -1;
  h->disk = get_disk (h->instance, bottom, h->export_name, readonly);
  if (h->disk == NULL)
    goto failed;
  if (bottom->info.align > UINT32_C (1) << h->disk->stack->sector_shift) {
    struct store *aligned =
      store_align_create (bottom, h->disk->stack->bottom_locks);

    if (aligned == NULL)
      goto no_memory;
    bottom = aligned;
  }
  h->store = store_layered_create (h->disk->stack, bottom);
  if (h->store == NULL)
    goto no_memory;
  if (readonly)
    h->store->info.read_only = true;
  return 0;

no_memory:
  log_error ("out of memory");
failed:
  store_close (bottom);
  return -1;
}

void
glue_filter_close (void *handle)
{
  struct handle *h = handle;

  store_close (h->store);
  if (h->disk != NULL)
    put_disk (h->instance, h->disk);
  free (h->export_name);
  free (h);
}

static struct store *
store_of (void *handle)
{
  return ((struct handle *) handle)->store;
}

int64_t
glue_filter_get_size (nbdkit_next *next, void *handle)
{
  return (int64_t) store_size (store_of (handle));
}

const char *
glue_filter_export_description (nbdkit_next *next, void *handle)
{
  return store_of (handle)->description;
}

int
glue_filter_block_size (nbdkit_next *next, void *handle, uint32_t *minimum,
                        uint32_t *preferred, uint32_t *maximum)
{
  const struct handle *h = handle;

  glue_store_block_size (h->store, UINT32_C (1) << h->disk->stack->sector_shift,
                         minimum, preferred, maximum);
  return 0;
}

int
glue_filter_can_write (nbdkit_next *next, void *handle)
{
  return !store_of (handle)->info.read_only;
}

int
glue_filter_can_flush (nbdkit_next *next, void *handle)
{
  return 1;
}

int
glue_filter_is_rotational (nbdkit_next *next, void *handle)
{
  return store_of (handle)->info.rotational;
}

int
glue_filter_can_trim (nbdkit_next *next, void *handle)
{
  return store_of (handle)->info.trim;
}

/* A store always zeroes, by writing if need be. */
int
glue_filter_can_zero (nbdkit_next *next, void *handle)
{
  return NBDKIT_ZERO_NATIVE;
}

/* It also always knows at once when it cannot be fast. */
int
glue_filter_can_fast_zero (nbdkit_next *next, void *handle)
{
  return 1;
}

int
glue_filter_can_extents (nbdkit_next *next, void *handle)
{
  return 1;
}

int
glue_filter_can_fua (nbdkit_next *next, void *handle)
{
  return NBDKIT_FUA_NATIVE;
}

int
glue_filter_can_multi_conn (nbdkit_next *next, void *handle)
{
  return store_of (handle)->info.shared_flush;
}

int
glue_filter_can_cache (nbdkit_next *next, void *handle)
{
  return store_of (handle)->info.cache ? NBDKIT_CACHE_NATIVE :
                                         NBDKIT_CACHE_EMULATE;
}

/* Requests. */

int
glue_filter_pread (nbdkit_next *next, void *handle, void *buf, uint32_t count,
                   uint64_t offset, uint32_t flags, int *err)
{
  return store_read (store_of (handle), buf, count, offset, err);
}

int
glue_filter_pwrite (nbdkit_next *next, void *handle, const void *buf,
                    uint32_t count, uint64_t offset, uint32_t flags, int *err)
{
  return store_write (store_of (handle), buf, count, offset,
                      glue_store_flags (flags), err);
}

int
glue_filter_flush (nbdkit_next *next, void *handle, uint32_t flags, int *err)
{
  return store_flush (store_of (handle), err);
}

int
glue_filter_trim (nbdkit_next *next, void *handle, uint32_t count,
                  uint64_t offset, uint32_t flags, int *err)
{
  return store_trim (store_of (handle), count, offset, glue_store_flags (flags),
                     err);
}

int
glue_filter_zero (nbdkit_next *next, void *handle, uint32_t count,
                  uint64_t offset, uint32_t flags, int *err)
{
  return store_zero (store_of (handle), count, offset, glue_store_flags (flags),
                     err);
}

int
glue_filter_extents (nbdkit_next *next, void *handle, uint32_t count,
                     uint64_t offset, uint32_t flags,
                     struct nbdkit_extents *extents, int *err)
{
  return glue_store_extents (store_of (handle), count, offset, flags, extents,
                             err);
}

int
glue_filter_cache (nbdkit_next *next, void *handle, uint32_t count,
                   uint64_t offset, uint32_t flags, int *err)
{
  return store_cache (store_of (handle), count, offset, err);
}
