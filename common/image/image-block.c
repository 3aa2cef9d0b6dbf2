/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Changes of one block, whose lock is held: space for it, and the moment
 * when its entry and its bits change in memory.
 */

#include <config.h>

#include <errno.h>
#include <stdlib.h>

#include "base/align.h"
#include "image/image-core.h"

#define NO_SPACE_TRIES 16

uint32_t
image_block_end (const struct image *i, uint64_t block)
{
  const uint64_t start = block << i->block_shift;
  const uint64_t size = image_size (i);

  return (uint32_t) (min_u64 (size - start, i->core->block_size) >>
                     i->sector_shift);
}

struct image_piece
image_piece_at (const struct image *i, uint64_t offset, uint64_t end)
{
  const uint64_t block = offset >> i->block_shift;
  const uint64_t within = offset & (i->core->block_size - 1);
  const uint64_t count = min_u64 (end - offset, i->core->block_size - within);

  return (struct image_piece){
    .block = block,
    .offset = offset,
    .within = within,
    .count = count,
    .start = (uint32_t) (within >> i->sector_shift),
    .end = (uint32_t) ((within + count) >> i->sector_shift),
    .whole =
      within == 0 &&
      offset + count == min_u64 (image_size (i), (block + 1) << i->block_shift),
  };
}

/* ------------------------------------------------------------------ */
/* Space */

static int
alloc (struct image *i, struct image_space_new *n, int *err)
{
  const struct image_core *c = i->core;
  uint64_t start;

  if (image_space_alloc (i->space, c->footprint, c->data_at, c->data_align,
                         &start, &n->zero, err) == -1)
    return -1;
  n->place = start + c->data_at;
  return 0;
}

/* After *ERR, with FREES pending before what failed: once more?  What was
 * given up and is not free yet may be enough, if nobody else gets it.
 */
static bool
once_more (struct image *i, uint64_t frees, unsigned *tries, int *err)
{
  if (*err != ENOSPC || ++*tries > NO_SPACE_TRIES ||
      (frees == 0 && atomic_load (&i->core->nfrees) == 0))
    return false;
  return image_reclaim (i, err) == 0;
}

int
image_new_space (struct image *i, struct image_space_new *n, int *err)
{
  unsigned tries = 0;
  uint64_t frees;

  do {
    frees = atomic_load (&i->core->nfrees);
    if (alloc (i, n, err) == 0)
      return 0;
  } while (once_more (i, frees, &tries, err));
  return -1;
}

void
image_drop_space (struct image *i, const struct image_space_new *n)
{
  image_space_release (i->space, n->place - i->core->data_at,
                       i->core->footprint, false);
}

int
image_zero_rest (struct image *i, const struct image_space_new *n,
                 uint64_t start, uint64_t end, int *err)
{
  const uint64_t size = i->core->block_size;

  if (n->zero)
    return 0;
  if (store_zero (i->inner, start, n->place, STORE_MAY_TRIM, err) == -1)
    return -1;
  return store_zero (i->inner, size - end, n->place + end, STORE_MAY_TRIM, err);
}

/* ------------------------------------------------------------------ */
/* Entries */

/* The page of BLOCK's entry, to change. */
static struct pages_page *
entry_page (struct image *i, uint64_t block, int *err)
{
  return pages_get_own (
    &i->core->bat, bat_page_of (i, i->format->entry_index (i, block)), err);
}

static void
put_raw (struct image *i, struct pages_page *p, uint64_t index, uint64_t raw)
{
  image_mark (i, &i->core->bat, p);
  entry_store (i, p, index, raw);
}

static void
put_entry (struct image *i, struct pages_page *p, uint64_t block,
           enum image_block_state state, uint64_t place, bool trim)
{
  put_raw (i, p, i->format->entry_index (i, block),
           i->format->put_entry (i, state, place, trim));
}

int
image_get_raw_entry (struct image *i, uint64_t index, uint64_t *raw, int *err)
{
  return raw_get (i, index, raw, err);
}

int
image_set_raw_entry (struct image *i, uint64_t index, uint64_t raw, int *err)
{
  struct pages_page *p =
    pages_get_own (&i->core->bat, bat_page_of (i, index), err);

  if (p == NULL)
    return -1;
  image_publish_begin (i);
  put_raw (i, p, index, raw);
  image_publish_end (i);
  return 0;
}

/* ------------------------------------------------------------------ */
/* Space that is given up */

static struct image_pending *
new_pending (const struct image *i, uint64_t block, const struct image_entry *e,
             int *err)
{
  struct image_pending *p = malloc (sizeof *p);

  if (p == NULL) {
    *err = ENOMEM;
    return NULL;
  }
  *p = (struct image_pending){
    .start = e->place - i->core->data_at,
    .count = i->core->footprint,
    .lock = block % IMAGE_BLOCK_LOCKS,
    .bits = e->state == BLOCK_BITS,
  };
  return p;
}

/* Within the publication that takes the space away. */
static void
pend (struct image *i, struct image_pending *p)
{
  struct image_core *c = i->core;

  pthread_mutex_lock (&c->pending_lock);
  p->next = c->pending;
  c->pending = p;
  atomic_fetch_add (&c->npending, 1);
  atomic_fetch_add (&c->nfrees, 1);
  if (p->bits)
    atomic_fetch_add (&c->pending_bits[p->lock], 1);
  pthread_mutex_unlock (&c->pending_lock);
}

static bool
has_space (const struct image_entry *e)
{
  return e->state == BLOCK_FULL || e->state == BLOCK_BITS;
}

/* ------------------------------------------------------------------ */
/* Changes of state */

static int
create_bits (struct image *i, uint64_t block, int *err)
{
  unsigned tries = 0;
  uint64_t frees;

  /* A commit may become durable in pieces, bitmaps first.  New bits must
   * not come to be those of the place that the block had before.
   */
  if (atomic_load (&i->core->pending_bits[block % IMAGE_BLOCK_LOCKS]) > 0 &&
      image_flush (i, err) == -1)
    return -1;
  do {
    frees = atomic_load (&i->core->nfrees);
    if (i->format->bits_create (i, block, err) == 0)
      return 0;
  } while (once_more (i, frees, &tries, err));
  return -1;
}

/* BLOCK, which is not BLOCK_BITS, is going to be. */
static int
prepare_bits (struct image *i, uint64_t block, int *err)
{
  if (i->format->bits_create != NULL && create_bits (i, block, err) == -1)
    return -1;
  return image_bits_prepare (i, block, 0, block_sectors (i), err);
}

static int
try_publish_new (struct image *i, uint64_t block,
                 const struct image_space_new *n, bool full, uint32_t start,
                 uint32_t end, int *err)
{
  const struct image_format *f = i->format;
  const bool bits = !full || !f->has_full;
  /* Otherwise block_init has written them. */
  const bool mark = f->block_init == NULL;
  struct pages_page *p = entry_page (i, block, err);

  if (p == NULL)
    return -1;
  if (bits && prepare_bits (i, block, err) == -1)
    return -1;
  if (f->block_init != NULL &&
      f->block_init (i, n->place, full, start, end - start, err) == -1)
    return -1;
  image_publish_begin (i);
  if (bits) {
    if (full)
      start = 0, end = block_sectors (i);
    image_bits_put (i, block, 0, start, false, mark);
    image_bits_put (i, block, end, block_sectors (i), false, mark);
    image_bits_put (i, block, start, end, true, mark);
  }
  put_entry (i, p, block, bits ? BLOCK_BITS : BLOCK_FULL, n->place, false);
  image_publish_end (i);
  return 0;
}

int
image_publish_new (struct image *i, uint64_t block,
                   const struct image_space_new *n, bool full, uint32_t start,
                   uint32_t end, int *err)
{
  if (try_publish_new (i, block, n, full, start, end, err) == -1) {
    image_drop_space (i, n);
    return -1;
  }
  atomic_fetch_add (&i->core->used, i->core->footprint);
  return 0;
}

int
image_publish_gone (struct image *i, uint64_t block,
                    const struct image_entry *old, enum image_block_state state,
                    bool trim, int *err)
{
  struct pages_page *p = entry_page (i, block, err);
  struct image_pending *pending = NULL;

  if (p == NULL)
    return -1;
  if (has_space (old)) {
    pending = new_pending (i, block, old, err);
    if (pending == NULL)
      return -1;
  }
  image_publish_begin (i);
  put_entry (i, p, block, state, 0, trim);
  if (pending != NULL)
    pend (i, pending);
  image_publish_end (i);
  if (pending != NULL)
    atomic_fetch_sub (&i->core->used, i->core->footprint);
  return 0;
}

/* Are all sectors of BLOCK there, once [START, END) are? */
static int
becomes_full (struct image *i, uint64_t block, uint32_t start, uint32_t end,
              bool *full, int *err)
{
  const uint32_t all = image_block_end (i, block);
  uint32_t run_end;
  bool set;

  *full = i->format->has_full;
  if (*full && start > 0) {
    if (image_bits_run (i, block, 0, start, &set, &run_end, err) == -1)
      return -1;
    *full = set && run_end == start;
  }
  if (*full && end < all) {
    if (image_bits_run (i, block, end, all, &set, &run_end, err) == -1)
      return -1;
    *full = set && run_end == all;
  }
  return 0;
}

int
image_set_bits (struct image *i, uint64_t block, const struct image_entry *e,
                uint32_t start, uint32_t end, int *err)
{
  struct pages_page *p = entry_page (i, block, err);
  bool full;

  if (p == NULL || image_bits_prepare (i, block, start, end, err) == -1 ||
      becomes_full (i, block, start, end, &full, err) == -1)
    return -1;
  image_publish_begin (i);
  image_bits_put (i, block, start, end, true, true);
  if (full)
    put_entry (i, p, block, BLOCK_FULL, e->place, false);
  image_publish_end (i);
  return 0;
}

int
image_publish_holes (struct image *i, uint64_t block,
                     const struct image_entry *old, uint32_t start,
                     uint32_t end, int *err)
{
  const bool convert = old->state == BLOCK_FULL;
  struct pages_page *p = entry_page (i, block, err);

  if (p == NULL ||
      (convert ? prepare_bits (i, block, err) :
                 image_bits_prepare (i, block, start, end, err)) == -1)
    return -1;
  image_publish_begin (i);
  if (convert) {
    image_bits_put (i, block, 0, start, true, true);
    image_bits_put (i, block, end, block_sectors (i), true, true);
  }
  image_bits_put (i, block, start, end, false, true);
  if (convert)
    put_entry (i, p, block, BLOCK_BITS, old->place, false);
  image_publish_end (i);
  return 0;
}

int
image_publish_moved (struct image *i, uint64_t block,
                     const struct image_entry *old,
                     const struct image_space_new *n, int *err)
{
  struct pages_page *p = entry_page (i, block, err);
  struct image_pending *pending = NULL;

  if (p != NULL)
    pending = new_pending (i, block, old, err);
  if (pending == NULL) {
    image_drop_space (i, n);
    return -1;
  }
  /* Its bits stay what they are. */
  pending->bits = false;
  image_publish_begin (i);
  put_entry (i, p, block, old->state, n->place, false);
  pend (i, pending);
  image_publish_end (i);
  return 0;
}
