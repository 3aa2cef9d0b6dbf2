/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See store-mem.h.  One mutex around everything: each operation is
 * atomic, which is more than the contract asks for.
 */

#include <config.h>

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include "base/align.h"
#include "base/cleanup.h"
#include "support/must.h"
#include "support/store-mem.h"

struct store_mem {
  struct store store;
  struct store_ops ops; /* which ones there are depends on the options */
  struct store_mem_options o;
  pthread_mutex_t lock;
  struct mem_image *image;
};

static struct store_mem *
to_mem (struct store *s)
{
  return container_of (s, struct store_mem, store);
}

static void
mem_close (struct store *s)
{
  struct store_mem *m = to_mem (s);

  mem_image_free (m->image);
  pthread_mutex_destroy (&m->lock);
  free (m);
}

static int
mem_read (struct store *s, void *buf, size_t count, uint64_t offset, int *err)
{
  struct store_mem *m = to_mem (s);

  LOCK_SCOPE (&m->lock);
  mem_image_read (m->image, buf, count, offset);
  return 0;
}

static int
mem_write (struct store *s, const void *buf, size_t count, uint64_t offset,
           unsigned flags, int *err)
{
  struct store_mem *m = to_mem (s);

  LOCK_SCOPE (&m->lock);
  mem_image_write (m->image, buf, count, offset);
  return 0;
}

static int
mem_trim (struct store *s, uint64_t count, uint64_t offset, unsigned flags,
          int *err)
{
  struct store_mem *m = to_mem (s);

  LOCK_SCOPE (&m->lock);
  if (m->o.trim_fill == 0)
    mem_image_punch (m->image, count, offset);
  else
    mem_image_fill (m->image, m->o.trim_fill, count, offset);
  return 0;
}

static int
mem_zero (struct store *s, uint64_t count, uint64_t offset, unsigned flags,
          int *err)
{
  struct store_mem *m = to_mem (s);

  if (m->o.zero_unsupported ||
      ((flags & STORE_FAST_ZERO) && !m->o.info.fast_zero)) {
    *err = EOPNOTSUPP;
    return -1;
  }
  LOCK_SCOPE (&m->lock);
  if (flags & STORE_MAY_TRIM)
    mem_image_punch (m->image, count, offset);
  else
    mem_image_fill (m->image, 0, count, offset);
  return 0;
}

static int
mem_extents (struct store *s, uint64_t count, uint64_t offset, unsigned flags,
             struct extent_list *out, int *err)
{
  struct store_mem *m = to_mem (s);
  const uint64_t end = offset + count;

  LOCK_SCOPE (&m->lock);
  while (offset < end && !extent_list_full (out)) {
    uint64_t next;
    const bool hole = mem_image_is_hole (m->image, offset, end, &next);

    if (extent_list_add (out, next - offset,
                         hole ? EXTENT_HOLE | EXTENT_ZERO : 0, err) == -1)
      return -1;
    offset = next;
  }
  return 0;
}

static int
mem_cache (struct store *s, uint64_t count, uint64_t offset, int *err)
{
  return 0;
}

static int
mem_resize (struct store *s, uint64_t size, int *err)
{
  struct store_mem *m = to_mem (s);

  LOCK_SCOPE (&m->lock);
  mem_image_resize (m->image, size);
  return 0;
}

struct store_mem_options
store_mem_defaults (uint64_t size)
{
  return (struct store_mem_options){
    .size = size,
    .info = { .fua = true,
              .trim = true,
              .zero = true,
              .fast_zero = true,
              .extents = true,
              .cache = true },
    .resize = true,
    .trim_fill = STORE_MEM_TRIMMED,
  };
}

struct store *
store_mem_create (const struct store_mem_options *o)
{
  struct store_mem *m = must_calloc (1, sizeof *m);

  m->o = *o;
  m->ops = (struct store_ops){
    .name = "mem",
    .close = mem_close,
    .read = mem_read,
    .write = mem_write,
    .trim = o->info.trim ? mem_trim : NULL,
    .zero = o->info.zero || o->zero_unsupported ? mem_zero : NULL,
    .extents = o->info.extents ? mem_extents : NULL,
    .cache = o->info.cache ? mem_cache : NULL,
    .resize = o->resize ? mem_resize : NULL,
  };
  pthread_mutex_init (&m->lock, NULL);
  m->image = mem_image_create (o->size);
  store_init (&m->store, &m->ops, &o->info, o->size);
  return &m->store;
}

struct mem_image *
store_mem_image (struct store *s)
{
  return to_mem (s)->image;
}
