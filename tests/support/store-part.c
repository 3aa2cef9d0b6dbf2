/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See store-part.h.
 */

#include <config.h>

#include "base/align.h"
#include "support/must.h"
#include "support/store-part.h"

struct store_part {
  struct store store;
  struct store *inner;
  uint64_t start;
};

static struct store_part *
to_part (struct store *s)
{
  return container_of (s, struct store_part, store);
}

static void
part_close (struct store *s)
{
  free (to_part (s));
}

static int
part_read (struct store *s, void *buf, size_t count, uint64_t offset, int *err)
{
  struct store_part *p = to_part (s);

  return store_read (p->inner, buf, count, p->start + offset, err);
}

static int
part_write (struct store *s, const void *buf, size_t count, uint64_t offset,
            unsigned flags, int *err)
{
  struct store_part *p = to_part (s);

  return store_write (p->inner, buf, count, p->start + offset, flags, err);
}

static int
part_flush (struct store *s, int *err)
{
  return store_flush (to_part (s)->inner, err);
}

static int
part_trim (struct store *s, uint64_t count, uint64_t offset, unsigned flags,
           int *err)
{
  struct store_part *p = to_part (s);

  return store_trim (p->inner, count, p->start + offset, flags, err);
}

static int
part_zero (struct store *s, uint64_t count, uint64_t offset, unsigned flags,
           int *err)
{
  struct store_part *p = to_part (s);

  return store_zero (p->inner, count, p->start + offset, flags, err);
}

static int
part_extents (struct store *s, uint64_t count, uint64_t offset, unsigned flags,
              struct extent_list *out, int *err)
{
  struct store_part *p = to_part (s);
  struct extent_list l;
  int r;

  extent_list_init (&l, p->start + offset, p->start + offset + count, out->one);
  r = store_extents (p->inner, count, p->start + offset, flags, &l, err);
  for (size_t i = 0; i < l.len && r == 0; i++)
    r = extent_list_add (out, l.v[i].count, l.v[i].type, err);
  extent_list_fini (&l);
  return r;
}

static const struct store_ops part_ops = {
  .name = "part",
  .close = part_close,
  .read = part_read,
  .write = part_write,
  .flush = part_flush,
  .trim = part_trim,
  .zero = part_zero,
  .extents = part_extents,
};

struct store *
store_part_create (struct store *inner, uint64_t offset, uint64_t size)
{
  struct store_part *p = must_calloc (1, sizeof *p);

  p->inner = inner;
  p->start = offset;
  store_init (&p->store, &part_ops, &inner->info, size);
  return &p->store;
}
