/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See glue-plugin.h.  Invariants:
 *
 * 1. There is one glue_export for a name, and its store is open as long
 *    as it is in the list.
 * 2. users counts the handles; a store is closed only when there are
 *    none, so the data callbacks need no lock.
 */

#include <config.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/align.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "glue/glue-plugin.h"
#include "glue/glue-store.h"
#include "store/store-align.h"

struct glue_export {
  struct glue_export *next;
  struct glue_exports *all;
  char *name;
  bool writable;       /* as it was asked for; the store may be read-only */
  struct store *store; /* takes any alignment */
  uint32_t align;      /* what the store below that wants */
  unsigned users;
};

struct glue_handle {
  struct glue_export *export;
  struct store *store; /* of the export */
  bool readonly;
};

/* ------------------------------------------------------------------ */
/* The registry */

static struct glue_export **
find_export (struct glue_exports *all, const char *name)
{
  struct glue_export **p = &all->list;

  while (*p != NULL && strcmp ((*p)->name, name) != 0)
    p = &(*p)->next;
  return p;
}

static void
close_export (struct glue_export **p)
{
  struct glue_export *e = *p;

  *p = e->next;
  store_close (e->store);
  free (e->name);
  free (e);
}

/* Open the store of E, under an aligning one if it needs that.  (One is
 * enough for all connections, so it has the range lock to itself.)
 */
static int
open_store (struct glue_export *e)
{
  struct store *s = e->all->open_store (e->name, !e->writable), *aligned;

  if (s == NULL)
    return -1;
  e->store = s;
  e->align = s->info.align;
  if (e->align == 1)
    return 0;
  aligned = store_align_create (s, NULL);
  if (aligned == NULL) {
    log_error ("export \"%s\": %m", e->name);
    store_close (s);
    return -1;
  }
  e->store = aligned;
  return 0;
}

static struct glue_export *
open_export (struct glue_exports *all, const char *name, bool readonly)
{
  struct glue_export *e = calloc (1, sizeof *e);

  if (e == NULL || (e->name = strdup (name)) == NULL) {
    free (e);
    errno = ENOMEM;
    log_error ("export \"%s\": %m", name);
    return NULL;
  }
  e->all = all;
  e->writable = !readonly;
  if (open_store (e) == -1) {
    free (e->name);
    free (e);
    return NULL;
  }
  e->next = all->list;
  all->list = e;
  return e;
}

/* The export NAME with a store that is good for READONLY or not. */
static struct glue_export *
get_export (struct glue_exports *all, const char *name, bool readonly)
{
  struct glue_export **p = find_export (all, name);

  if (*p != NULL && !readonly && !(*p)->writable) {
    if ((*p)->users > 0) {
      log_error ("export \"%s\": is in use read-only, so it cannot be opened "
                 "for writing now",
                 name);
      errno = EBUSY;
      return NULL;
    }
    close_export (p);
    p = find_export (all, name);
  }
  return *p != NULL ? *p : open_export (all, name, readonly);
}

int
glue_plugin_preopen (struct glue_exports *all, const char *name)
{
  LOCK_SCOPE (&all->lock);
  return get_export (all, name, true) != NULL ? 0 : -1;
}

void *
glue_plugin_open (struct glue_exports *all, const char *name, int readonly)
{
  struct glue_handle *h = malloc (sizeof *h);

  if (h == NULL) {
    log_error ("export \"%s\": %m", name);
    return NULL;
  }
  LOCK_SCOPE (&all->lock);
  h->readonly = readonly;
  h->export = get_export (all, name, readonly);
  if (h->export == NULL) {
    free (h);
    return NULL;
  }
  h->export->users++;
  h->store = h->export->store;
  return h;
}

void
glue_plugin_close (void *handle)
{
  struct glue_handle *h = handle;
  struct glue_export *e = h->export;

  free (h);
  LOCK_SCOPE (&e->all->lock);
  if (--e->users == 0 && e->all->close_idle)
    close_export (find_export (e->all, e->name));
}

void
glue_plugin_refresh (struct glue_exports *all)
{
  int err;

  LOCK_SCOPE (&all->lock);
  for (struct glue_export *e = all->list; e != NULL; e = e->next)
    store_refresh (e->store, &err); /* which has said why not */
}

void
glue_plugin_unload (struct glue_exports *all)
{
  LOCK_SCOPE (&all->lock);
  while (all->list != NULL)
    close_export (&all->list);
}

/* ------------------------------------------------------------------ */
/* What the export is */

static struct store *
to_store (void *handle)
{
  return ((struct glue_handle *) handle)->store;
}

int64_t
glue_plugin_get_size (void *handle)
{
  return (int64_t) store_size (to_store (handle));
}

const char *
glue_plugin_export_description (void *handle)
{
  return to_store (handle)->description;
}

int
glue_plugin_block_size (void *handle, uint32_t *minimum, uint32_t *preferred,
                        uint32_t *maximum)
{
  const struct glue_handle *h = handle;

  glue_store_block_size (h->store, h->export->align, minimum, preferred,
                         maximum);
  return 0;
}

int
glue_plugin_can_write (void *handle)
{
  const struct glue_handle *h = handle;

  return !h->readonly && !h->store->info.read_only;
}

int
glue_plugin_can_flush (void *handle)
{
  return 1;
}

int
glue_plugin_is_rotational (void *handle)
{
  return to_store (handle)->info.rotational;
}

int
glue_plugin_can_trim (void *handle)
{
  return to_store (handle)->info.trim;
}

/* Always: store_zero writes zeroes where the store cannot zero.  Left to
 * nbdkit before 1.44, long requests would be done in part only.
 */
int
glue_plugin_can_zero (void *handle)
{
  return 1;
}

int
glue_plugin_can_fast_zero (void *handle)
{
  return to_store (handle)->info.fast_zero;
}

int
glue_plugin_can_extents (void *handle)
{
  return to_store (handle)->info.extents;
}

/* Where the store has none, store.c flushes. */
int
glue_plugin_can_fua (void *handle)
{
  return NBDKIT_FUA_NATIVE;
}

int
glue_plugin_can_multi_conn (void *handle)
{
  return to_store (handle)->info.shared_flush;
}

int
glue_plugin_can_cache (void *handle)
{
  return to_store (handle)->info.cache ? NBDKIT_CACHE_NATIVE :
                                         NBDKIT_CACHE_NONE;
}

/* ------------------------------------------------------------------ */
/* Data */

/* The result R of an operation as nbdkit wants it.  (By a pointer: the
 * arguments of a call may be looked at before the operation is done.)
 */
static int
finish (int r, const int *err)
{
  if (r == -1)
    nbdkit_set_error (*err);
  return r;
}

int
glue_plugin_pread (void *handle, void *buf, uint32_t count, uint64_t offset,
                   uint32_t flags)
{
  int err = 0;

  return finish (store_read (to_store (handle), buf, count, offset, &err),
                 &err);
}

int
glue_plugin_pwrite (void *handle, const void *buf, uint32_t count,
                    uint64_t offset, uint32_t flags)
{
  int err = 0;

  return finish (store_write (to_store (handle), buf, count, offset,
                              glue_store_flags (flags), &err),
                 &err);
}

int
glue_plugin_flush (void *handle, uint32_t flags)
{
  int err = 0;

  return finish (store_flush (to_store (handle), &err), &err);
}

int
glue_plugin_trim (void *handle, uint32_t count, uint64_t offset, uint32_t flags)
{
  int err = 0;

  return finish (store_trim (to_store (handle), count, offset,
                             glue_store_flags (flags), &err),
                 &err);
}

/* EOPNOTSUPP would make nbdkit write zeroes itself, wrongly: see
 * glue_plugin_can_zero.  It comes only if zeroing was to be fast.
 */
int
glue_plugin_zero (void *handle, uint32_t count, uint64_t offset, uint32_t flags)
{
  int err = 0;
  const int r = store_zero (to_store (handle), count, offset,
                            glue_store_flags (flags), &err);

  if (r == -1 && err == EOPNOTSUPP && !(flags & NBDKIT_FLAG_FAST_ZERO))
    err = EIO;
  return finish (r, &err);
}

int
glue_plugin_extents (void *handle, uint32_t count, uint64_t offset,
                     uint32_t flags, struct nbdkit_extents *extents)
{
  int err = 0;

  return finish (
    glue_store_extents (to_store (handle), count, offset, flags, extents, &err),
    &err);
}

int
glue_plugin_cache (void *handle, uint32_t count, uint64_t offset,
                   uint32_t flags)
{
  int err = 0;

  return finish (store_cache (to_store (handle), count, offset, &err), &err);
}
