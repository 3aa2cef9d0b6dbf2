/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Moving blocks from the end of the file to free places nearer to its
 * start.  Alone.  A copy is durable before the entry that names it, and
 * the old place is free after that, as with everything else; so the file
 * is whole at all times.
 */

#include <config.h>

#include <errno.h>
#include <stdlib.h>

#include "base/align.h"
#include "base/bytes.h"
#include "base/cleanup.h"
#include "image/image-core.h"

/* Moves that become durable together. */
#define BATCH 256

struct place {
  uint64_t start; /* of the footprint */
  uint64_t block;
};

struct compaction {
  struct image *i;
  struct place *v;
  uint64_t n, room;
  uint8_t *buf;
};

static int
note_block (void *opaque, struct image *i, uint64_t block,
            const struct image_entry *e, int *err)
{
  struct compaction *c = opaque;

  if (c->n == c->room) {
    const uint64_t room = c->room == 0 ? 256 : c->room * 2;
    struct place *v = realloc (c->v, room * sizeof *v);

    if (v == NULL) {
      *err = ENOMEM;
      return -1;
    }
    c->v = v;
    c->room = room;
  }
  c->v[c->n++] =
    (struct place){ .start = e->place - i->core->data_at, .block = block };
  return 0;
}

static int
from_the_end (const void *a, const void *b)
{
  const struct place *x = a, *y = b;

  return x->start > y->start ? -1 : x->start < y->start;
}

/* SKIP: the new place is zero. */
static int
copy (struct image *i, uint8_t *buf, uint64_t from, uint64_t to, uint64_t count,
      bool skip, int *err)
{
  struct store *inner = i->inner;

  while (count > 0) {
    const uint64_t n = min_u64 (count, IMAGE_MOVE_PIECE);
    const uint64_t size = store_size (inner);
    const uint64_t there = from < size ? min_u64 (n, size - from) : 0;

    memset (buf, 0, n);
    if (store_read (inner, buf, there, from, err) == -1)
      return -1;
    if (!(skip && bytes_are_zero (buf, n)) &&
        store_write (inner, buf, n, to, 0, err) == -1)
      return -1;
    from += n;
    to += n;
    count -= n;
  }
  return 0;
}

int
image_move_block (struct image *i, uint64_t block, uint64_t limit, uint8_t *buf,
                  int *err)
{
  const struct image_core *core = i->core;
  struct image_space_new n;
  struct image_entry e;
  uint64_t raw, start;

  if (image_get_entry (i, block, &e, &raw, err) == -1)
    return -1;
  if ((limit == UINT64_MAX ?
         image_space_alloc (i->space, core->footprint, core->data_at,
                            core->data_align, &start, &n.zero, err) :
         image_space_alloc_below (i->space, core->footprint, core->data_at,
                                  core->data_align, limit, &start, &n.zero,
                                  err)) == -1)
    return *err == ENOSPC && limit != UINT64_MAX ? 0 : -1;
  n.place = start + core->data_at;
  /* With the bitmap, if that is in front: nothing of it is dirty. */
  if (copy (i, buf, e.place - core->data_at, start, core->footprint, n.zero,
            err) == -1) {
    image_drop_space (i, &n);
    return -1;
  }
  return image_publish_moved (i, block, &e, &n, err) == -1 ? -1 : 1;
}

static int
move_all (struct compaction *c,
          bool (*progress) (void *opaque, uint64_t done, uint64_t all),
          void *opaque, int *err)
{
  const uint64_t size = c->i->core->footprint;

  for (uint64_t k = 0; k < c->n; k++) {
    int r;

    if (progress != NULL && !progress (opaque, k * size, c->n * size))
      return 0;
    r = image_move_block (c->i, c->v[k].block, c->v[k].start, c->buf, err);
    if (r == -1)
      return -1;
    /* All that follow are nearer to the start. */
    if (r == 0)
      break;
    if (k % BATCH == BATCH - 1 && image_flush (c->i, err) == -1)
      return -1;
  }
  if (progress != NULL)
    progress (opaque, c->n * size, c->n * size);
  return 0;
}

int
image_settle (struct image *i, int *err)
{
  if (image_flush (i, err) == -1)
    return -1;
  return image_reclaim (i, err);
}

int
image_compact (struct image *i,
               bool (*progress) (void *opaque, uint64_t done, uint64_t all),
               void *opaque, int *err)
{
  struct compaction c = { .i = i };
  int r = -1;

  if (i->info.read_only || atomic_load (&i->core->failed)) {
    *err = i->info.read_only ? EPERM : EIO;
    return -1;
  }
  if (image_take_space (i, err) == -1) {
    image_fail (i);
    return -1;
  }
  c.buf = malloc (IMAGE_MOVE_PIECE);
  if (c.buf == NULL)
    *err = ENOMEM;
  else if (image_settle (i, err) == 0 &&
           image_each_block (i, note_block, &c, err) == 0) {
    if (c.n > 0)
      qsort (c.v, c.n, sizeof *c.v, from_the_end);
    r = move_all (&c, progress, opaque, err);
    if (r == 0)
      r = image_settle (i, err);
  }
  free (c.buf);
  free (c.v);
  return r;
}
