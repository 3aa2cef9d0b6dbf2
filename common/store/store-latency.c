/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See store-latency.h.
 */

#include <config.h>

#include <errno.h>
#include <stdlib.h>

#include "base/align.h"
#include "store/store-latency.h"

struct store_latency {
  struct store store;
  struct store_latency_options o;
  struct store *inner;
};

static struct store_latency *
to_latency (struct store *s)
{
  return container_of (s, struct store_latency, store);
}

static int
wait_for (const struct store_latency_options *o, enum latency_op op,
          uint64_t count, uint64_t offset, int *err)
{
  const uint64_t ns = latency_device_start (o->device, op, count, offset);

  return ns > 0 ? o->sleep (ns, err) : 0;
}

static void
latency_close (struct store *s)
{
  struct store_latency *l = to_latency (s);
  int err;

  wait_for (&l->o, LATENCY_CLOSE, 0, 0, &err);
  store_close (l->inner);
  free (l);
}

static int
latency_read (struct store *s, void *buf, size_t count, uint64_t offset,
              int *err)
{
  struct store_latency *l = to_latency (s);

  if (wait_for (&l->o, LATENCY_READ, count, offset, err) == -1)
    return -1;
  return store_read (l->inner, buf, count, offset, err);
}

static int
latency_write (struct store *s, const void *buf, size_t count, uint64_t offset,
               unsigned flags, int *err)
{
  struct store_latency *l = to_latency (s);

  if (wait_for (&l->o, LATENCY_WRITE, count, offset, err) == -1)
    return -1;
  return store_write (l->inner, buf, count, offset, flags, err);
}

static int
latency_flush (struct store *s, int *err)
{
  struct store_latency *l = to_latency (s);

  if (wait_for (&l->o, LATENCY_FLUSH, 0, 0, err) == -1)
    return -1;
  return store_flush (l->inner, err);
}

static int
latency_trim (struct store *s, uint64_t count, uint64_t offset, unsigned flags,
              int *err)
{
  struct store_latency *l = to_latency (s);

  if (wait_for (&l->o, LATENCY_TRIM, count, offset, err) == -1)
    return -1;
  return store_trim (l->inner, count, offset, flags, err);
}

static int
latency_zero (struct store *s, uint64_t count, uint64_t offset, unsigned flags,
              int *err)
{
  struct store_latency *l = to_latency (s);

  if (l->o.no_fast_zero && (flags & STORE_FAST_ZERO)) {
    *err = EOPNOTSUPP;
    return -1;
  }
  if (wait_for (&l->o, LATENCY_ZERO, count, offset, err) == -1)
    return -1;
  return store_zero (l->inner, count, offset, flags, err);
}

static int
latency_extents (struct store *s, uint64_t count, uint64_t offset,
                 unsigned flags, struct extent_list *out, int *err)
{
  struct store_latency *l = to_latency (s);

  if (wait_for (&l->o, LATENCY_EXTENTS, count, offset, err) == -1)
    return -1;
  return store_extents (l->inner, count, offset, flags, out, err);
}

static int
latency_cache (struct store *s, uint64_t count, uint64_t offset, int *err)
{
  struct store_latency *l = to_latency (s);

  if (wait_for (&l->o, LATENCY_CACHE, count, offset, err) == -1)
    return -1;
  return store_cache (l->inner, count, offset, err);
}

static void
latency_uncache (struct store *s, uint64_t count, uint64_t offset)
{
  store_uncache (to_latency (s)->inner, count, offset);
}

static int
latency_resize (struct store *s, uint64_t size, int *err)
{
  return store_resize (to_latency (s)->inner, size, err);
}

static const struct store_ops latency_ops = {
  .name = "latency",
  .close = latency_close,
  .read = latency_read,
  .write = latency_write,
  .flush = latency_flush,
  .trim = latency_trim,
  .zero = latency_zero,
  .extents = latency_extents,
  .cache = latency_cache,
  .uncache = latency_uncache,
  .resize = latency_resize,
};

struct store *
store_latency_create (const struct store_latency_options *o,
                      struct store *inner)
{
  struct store_latency *l = calloc (1, sizeof *l);
  int err = ENOMEM;

  if (l == NULL || wait_for (o, LATENCY_OPEN, 0, 0, &err) == -1)
    goto fail;
  store_init (&l->store, &latency_ops, &inner->info, store_size (inner));
  if (inner->description != NULL &&
      store_describe (&l->store, "%s", inner->description) == -1) {
    err = ENOMEM;
    goto fail;
  }
  l->o = *o;
  l->inner = inner;
  return &l->store;

fail:
  free (l);
  errno = err;
  return NULL;
}
