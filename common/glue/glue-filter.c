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

#include <stdlib.h>
#include <string.h>

#include "base/align.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "glue/glue-disk.h"
#include "glue/glue-filter.h"
#include "glue/glue-store.h"
#include "glue/store-next.h"
#include "layered/store-layered.h"

struct handle {
  struct glue_filter_instance *instance;
  char *export_name; /* below */
  char *client;      /* or NULL */
  struct glue_disk *disk;
  bool is_user; /* has not left the disk */
  struct store *bottom;
  struct store *store; /* owns bottom */
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

  if (i == NULL ||
      (f->config_complete != NULL && f->config_complete (i->config) == -1))
    return -1;
  return next (nxdata);
}

/* Comes once for each instance and does not say for which, so the first
 * call does them all.
 */
int
glue_filter_get_ready (struct glue_filter *f, int thread_model)
{
  LOCK_SCOPE (&f->lock);
  for (struct glue_filter_instance *i = f->instances; i != NULL; i = i->next) {
    i->parallel = thread_model == NBDKIT_THREAD_MODEL_PARALLEL;
    if (!i->ready && f->get_ready != NULL && f->get_ready (i->config) == -1)
      return -1;
    i->ready = true;
  }
  return 0;
}

int
glue_filter_after_fork (struct glue_filter *f, nbdkit_backend *backend)
{
  struct glue_filter_instance *i = get_instance (f, backend);

  if (i == NULL)
    return -1;
  return f->after_fork != NULL ? f->after_fork (i->config) : 0;
}

void
glue_filter_cleanup (struct glue_filter *f, nbdkit_backend *backend)
{
  struct glue_filter_instance *i = get_instance (f, backend);

  if (i == NULL)
    return;
  glue_disks_close (i);
  glue_over_close (i);
  if (f->cleanup != NULL)
    f->cleanup (i->config);
}

void
glue_filter_unload (struct glue_filter *f)
{
  LOCK_SCOPE (&f->lock);
  while (f->instances != NULL) {
    struct glue_filter_instance *i = f->instances;

    f->instances = i->next;
    glue_disks_close (i);
    glue_over_close (i);
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
  if (v == -1) {
    log_error ("%s=%s: must be true or false", key, value);
    return -1;
  }
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
  if (v <= 0) {
    log_error ("%s=%s: must be a size%s", key, value,
               v == 0 ? " larger than 0" : "");
    return -1;
  }
  *seen = true;
  *r = (uint64_t) v;
  return 1;
}

int
glue_filter_sector_size (const char *key, const char *value, uint32_t max,
                         bool *seen, uint64_t *r)
{
  const int taken = glue_filter_size (key, value, seen, r);

  if (taken == 1 && (*r < 512 || *r > max || !is_power_of_2 (*r))) {
    log_error ("%s=%s: must be a power of two from 512 to %u", key, value, max);
    return -1;
  }
  return taken;
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

static void
free_handle (struct handle *h)
{
  free (h->client);
  free (h->export_name);
  free (h);
}

static struct handle *
new_handle (struct glue_filter_instance *i, const char *export_name)
{
  struct handle *h = calloc (1, sizeof *h);

  if (h == NULL) {
    log_error ("out of memory");
    return NULL;
  }
  h->instance = i;
  if (i->filter->meet_client != NULL)
    h->export_name =
      i->filter->meet_client (i->config, export_name, &h->client);
  else if ((h->export_name = strdup (export_name)) == NULL)
    log_error ("out of memory");
  if (h->export_name != NULL)
    return h;
  free_handle (h);
  return NULL;
}

void *
glue_filter_open (struct glue_filter *f, nbdkit_next_open *next,
                  nbdkit_context *context, int readonly, const char *exportname)
{
  struct glue_filter_instance *i =
    get_instance (f, nbdkit_context_get_backend (context));
  struct handle *h = i != NULL ? new_handle (i, exportname) : NULL;

  if (h == NULL)
    return NULL;
  if (next (context, f->below_read_only (i->config, readonly),
            h->export_name) == -1) {
    free_handle (h);
    return NULL;
  }
  return h;
}

/* The stack of this connection over BOTTOM, which it owns. */
static int
open_stack (struct handle *h, struct store *bottom, bool readonly)
{
  h->disk = glue_disk_get (h->instance, bottom, h->export_name, readonly);
  if (h->disk == NULL) {
    store_close (bottom);
    return -1;
  }
  h->is_user = true;
  h->bottom = glue_disk_align (h->disk, bottom);
  if (h->bottom == NULL)
    return -1;
  if (glue_disk_resume (h->instance, h->disk, h->bottom) == -1) {
    store_close (h->bottom);
    return -1;
  }
  h->store = store_layered_create (h->disk->stack, h->bottom);
  if (h->store == NULL) {
    log_error ("out of memory");
    store_close (h->bottom);
    return -1;
  }
  return 0;
}

int
glue_filter_prepare (nbdkit_next *next, void *handle, int readonly)
{
  struct handle *h = handle;
  struct store *bottom = store_next_create (next);

  if (bottom == NULL)
    return -1;
  if (h->instance->filter->over != NULL) {
    h->store =
      glue_over_open (h->instance, bottom, h->export_name, h->client, readonly);
    if (h->store == NULL)
      return -1;
  }
  else if (open_stack (h, bottom, readonly) == -1)
    return -1;
  if (readonly)
    h->store->info.read_only = true;
  return 0;
}

/* What is below can be used for the last time. */
int
glue_filter_finalize (nbdkit_next *next, void *handle)
{
  struct handle *h = handle;

  if (h->is_user && h->store != NULL) {
    h->is_user = false;
    glue_disk_leave (h->instance, h->disk, h->bottom);
  }
  return 0;
}

void
glue_filter_close (void *handle)
{
  struct handle *h = handle;

  store_close (h->store);
  if (h->is_user)
    glue_disk_leave (h->instance, h->disk, NULL);
  if (h->disk != NULL)
    glue_disk_put (h->instance, h->disk);
  free_handle (h);
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

/* Of sectors of 512 bytes nothing is said, as that is what everybody
 * expects, and a client that goes by bytes may do so: libnbd's refuse to
 * send what is smaller than the minimum.
 */
int
glue_filter_block_size (nbdkit_next *next, void *handle, uint32_t *minimum,
                        uint32_t *preferred, uint32_t *maximum)
{
  const struct handle *h = handle;
  const uint32_t sector_size = h->disk != NULL ?
                                 UINT32_C (1) << h->disk->stack->sector_shift :
                                 h->store->info.sector_size;

  glue_store_block_size (h->store, sector_size > 512 ? sector_size : 1, minimum,
                         preferred, maximum);
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
