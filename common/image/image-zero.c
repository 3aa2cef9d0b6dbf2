/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Zeroing, trimming and discarding, block by block.
 */

#include <config.h>

#include <errno.h>

#include "base/align.h"
#include "base/cleanup.h"
#include "image/image-core.h"

enum kind { ZERO, TRIM, DISCARD };

/* ------------------------------------------------------------------ */
/* In place */

static int
zero_at (struct image *i, uint64_t place, uint64_t count, int *err)
{
  return store_zero (i->inner, count, place, STORE_MAY_TRIM, err);
}

static int
trim_at (struct image *i, uint64_t place, uint64_t count, int *err)
{
  if (!i->inner->info.trim)
    return 0;
  return store_trim (i->inner, count, place, 0, err);
}

/* Do AT to what is in the file of the piece: runs of bits. */
static int
each_set (struct image *i, const struct image_piece *p,
          const struct image_entry *e,
          int (*at) (struct image *i, uint64_t place, uint64_t count, int *err),
          int *err)
{
  uint32_t start = p->start, end;
  bool set;

  for (; start < p->end; start = end) {
    if (image_bits_run (i, p->block, start, p->end, &set, &end, err) == -1)
      return -1;
    if (set && at (i, e->place + ((uint64_t) start << i->sector_shift),
                   (uint64_t) (end - start) << i->sector_shift, err) == -1)
      return -1;
  }
  return 0;
}

/* ------------------------------------------------------------------ */
/* Zero, with the lock of the block */

/* Hide the parent's data by zeroes in the file. */
static int
zero_new (struct image *i, const struct image_piece *p, int *err)
{
  struct image_space_new n;

  if (image_new_space (i, &n, err) == -1)
    return -1;
  if (!n.zero && zero_at (i, n.place, i->core->block_size, err) == -1) {
    image_drop_space (i, &n);
    return -1;
  }
  return image_publish_new (i, p->block, &n, p->whole, p->start, p->end, err);
}

static int
zero_bits (struct image *i, const struct image_piece *p,
           const struct image_entry *e, int *err)
{
  /* What is absent is zero. */
  if (!has_parent (i))
    return each_set (i, p, e, zero_at, err);
  if (zero_at (i, e->place + p->within, p->count, err) == -1)
    return -1;
  return image_set_bits (i, p->block, e, p->start, p->end, err);
}

static int
zero_part (struct image *i, const struct image_piece *p,
           const struct image_entry *e, int *err)
{
  switch (e->state) {
  case BLOCK_FULL:
    return zero_at (i, e->place + p->within, p->count, err);
  case BLOCK_BITS:
    return zero_bits (i, p, e, err);
  case BLOCK_ABSENT:
    return has_parent (i) ? zero_new (i, p, err) : 0;
  default:
    return 0;
  }
}

/* The block reads as zero by what its entry says. */
static int
zero_whole (struct image *i, const struct image_piece *p,
            const struct image_entry *e, bool trim, int *err)
{
  /* Without a parent an absent block is zero as it is. */
  if (e->state == BLOCK_ZERO || (e->state == BLOCK_ABSENT && !has_parent (i)))
    return 0;
  return image_publish_gone (
    i, p->block, e, i->format->has_zero ? BLOCK_ZERO : BLOCK_ABSENT, trim, err);
}

static int
zero_piece (struct image *i, const struct image_piece *p,
            const struct image_entry *e, int *err)
{
  return p->whole && can_free (i) ? zero_whole (i, p, e, false, err) :
                                    zero_part (i, p, e, err);
}

/* ------------------------------------------------------------------ */
/* Trim */

static int
trim_piece (struct image *i, const struct image_piece *p,
            const struct image_entry *e, int *err)
{
  if (p->whole && can_free (i))
    return zero_whole (i, p, e, true, err);
  switch (e->state) {
  case BLOCK_FULL:
    return trim_at (i, e->place + p->within, p->count, err);
  case BLOCK_BITS:
    return each_set (
      i, p, e, p->whole && !i->info.keeps_blocks ? zero_at : trim_at, err);
  default:
    return 0;
  }
}

/* ------------------------------------------------------------------ */
/* Discard */

/* Of a block that is zero over a parent, some stays. */
static int
discard_zero (struct image *i, const struct image_piece *p, int *err)
{
  struct image_entry e = { .state = BLOCK_FULL };
  struct image_space_new n;

  if (image_new_space (i, &n, err) == -1)
    return -1;
  if (!n.zero && zero_at (i, n.place, i->core->block_size, err) == -1) {
    image_drop_space (i, &n);
    return -1;
  }
  e.place = n.place;
  if (image_publish_new (i, p->block, &n, true, 0, block_sectors (i), err) ==
      -1)
    return -1;
  return image_publish_holes (i, p->block, &e, p->start, p->end, err);
}

/* Is nothing set in BLOCK but [START, END)? */
static int
nothing_else (struct image *i, const struct image_piece *p, bool *nothing,
              int *err)
{
  const uint32_t all = image_block_end (i, p->block);
  uint32_t end;
  bool set = false;

  *nothing = true;
  if (p->start > 0) {
    if (image_bits_run (i, p->block, 0, p->start, &set, &end, err) == -1)
      return -1;
    *nothing = !set && end == p->start;
  }
  if (*nothing && p->end < all) {
    if (image_bits_run (i, p->block, p->end, all, &set, &end, err) == -1)
      return -1;
    *nothing = !set && end == all;
  }
  return 0;
}

static int
discard_part (struct image *i, const struct image_piece *p,
              const struct image_entry *e, int *err)
{
  bool nothing;

  switch (e->state) {
  case BLOCK_BITS:
    if (nothing_else (i, p, &nothing, err) == -1)
      return -1;
    if (nothing && !i->info.keeps_blocks)
      return image_publish_gone (i, p->block, e, BLOCK_ABSENT, false, err);
    return image_publish_holes (i, p->block, e, p->start, p->end, err);
  case BLOCK_FULL:
    if (!has_parent (i))
      return zero_at (i, e->place + p->within, p->count, err);
    return image_publish_holes (i, p->block, e, p->start, p->end, err);
  case BLOCK_ZERO:
    return has_parent (i) ? discard_zero (i, p, err) : 0;
  default:
    return 0;
  }
}

static int
discard_piece (struct image *i, const struct image_piece *p,
               const struct image_entry *e, int *err)
{
  if (!p->whole || i->info.keeps_blocks)
    return discard_part (i, p, e, err);
  if (e->state == BLOCK_ABSENT)
    return 0;
  return image_publish_gone (i, p->block, e, BLOCK_ABSENT, false, err);
}

/* ------------------------------------------------------------------ */

static int
remove_piece (struct image *i, enum kind kind, const struct image_piece *p,
              int *err)
{
  LOCK_SCOPE (image_block_lock (i, p->block));
  struct image_entry e;
  uint64_t raw;

  if (image_get_entry (i, p->block, &e, &raw, err) == -1)
    return -1;
  switch (kind) {
  case ZERO:
    return zero_piece (i, p, &e, err);
  case TRIM:
    return trim_piece (i, p, &e, err);
  default:
    return discard_piece (i, p, &e, err);
  }
}

/* How far from OFFSET on there are no blocks, if that is as it should be. */
static uint64_t
nothing_until (struct image *i, enum kind kind, uint64_t offset, uint64_t end)
{
  const uint64_t block = offset >> i->block_shift;
  struct image_entry e;
  uint64_t raw;
  int ignored;

  if ((has_parent (i) && kind != DISCARD) ||
      image_get_entry (i, block, &e, &raw, &ignored) == -1 ||
      e.state != BLOCK_ABSENT)
    return offset;
  return min_u64 (image_absent_until (i, block) << i->block_shift, end);
}

static int
remove_range (struct image *i, enum kind kind, uint64_t offset, uint64_t end,
              int *err)
{
  while (offset < end) {
    const uint64_t next = nothing_until (i, kind, offset, end);
    struct image_piece p;

    if (next > offset) {
      offset = next;
      continue;
    }
    p = image_piece_at (i, offset, end);
    if (remove_piece (i, kind, &p, err) == -1)
      return -1;
    offset += p.count;
    image_end_change (i);
  }
  return 0;
}

/* Can [OFFSET, END) be zeroed without that data is written? */
static int
check_fast (struct image *i, uint64_t offset, uint64_t end, int *err)
{
  if (i->inner->info.fast_zero)
    return 0;
  while (offset < end) {
    const struct image_piece p = image_piece_at (i, offset, end);
    struct image_entry e;
    uint64_t raw;

    if (image_get_entry (i, p.block, &e, &raw, err) == -1)
      return -1;
    if (!(p.whole && can_free (i)) && e.state != BLOCK_ZERO &&
        !(e.state == BLOCK_ABSENT && !has_parent (i))) {
      *err = EOPNOTSUPP;
      return -1;
    }
    offset += p.count;
  }
  return 0;
}

static int
remove_all (struct image *i, enum kind kind, uint64_t count, uint64_t offset,
            unsigned flags, int *err)
{
  int r;

  if (image_begin_change (i, err) == -1)
    return -1;
  r = remove_range (i, kind, offset, offset + count, err);
  return image_finish (i, flags, r, err);
}

int
image_zero (struct image *i, uint64_t count, uint64_t offset, unsigned flags,
            int *err)
{
  if ((flags & IMAGE_FAST) && check_fast (i, offset, offset + count, err) == -1)
    return -1;
  return remove_all (i, ZERO, count, offset, flags, err);
}

int
image_trim (struct image *i, uint64_t count, uint64_t offset, unsigned flags,
            int *err)
{
  return remove_all (i, TRIM, count, offset, flags, err);
}

int
image_discard (struct image *i, uint64_t count, uint64_t offset, int *err)
{
  return remove_all (i, DISCARD, count, offset, 0, err);
}
