/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Writing.  What is there already is written where it is, without a lock,
 * in a visit.  For what is not there, each block by itself, its lock is
 * taken, the state looked at again, the data written, and only then made
 * visible.
 */

#include <config.h>

#include <errno.h>

#include "base/align.h"
#include "base/cleanup.h"
#include "image/image-core.h"

struct write {
  struct image *i;
  const char *buf; /* for START */
  uint64_t start;
  unsigned flags;
  bool flush; /* FUA has to flush */
};

static const void *
data_for (const struct write *w, uint64_t offset)
{
  return w->buf + (offset - w->start);
}

/* ------------------------------------------------------------------ */
/* What is there */

/* Write as much of [OFFSET, END) as is there; *DONE bytes. */
static int
write_present (struct write *w, uint64_t offset, uint64_t end, uint64_t *done,
               int *err)
{
  struct image *i = w->i;
  const uint64_t start = offset;
  struct image_run run;

  for (; offset < end; offset += run.count) {
    unsigned flags = 0;

    if (image_run_at (i, offset, end, &run, err) == -1)
      return -1;
    if (run.state != IMAGE_DATA)
      break;
    if (w->flags & IMAGE_FUA) {
      if (i->inner->info.fua && image_is_settled (i))
        flags = STORE_FUA;
      else
        w->flush = true;
    }
    if (store_write (i->inner, data_for (w, offset), run.count, run.place,
                     flags, err) == -1)
      return -1;
  }
  *done = offset - start;
  return 0;
}

/* ------------------------------------------------------------------ */
/* What is not there, with the lock of the block */

/* A block without space gets some. */
static int
write_new (struct write *w, const struct image_piece *p, bool zero, int *err)
{
  struct image *i = w->i;
  const bool full = p->whole || zero;
  struct image_space_new n;

  if (image_new_space (i, &n, err) == -1)
    return -1;
  if ((full &&
       image_zero_rest (i, &n, p->within, p->within + p->count, err) == -1) ||
      store_write (i->inner, data_for (w, p->offset), p->count,
                   n.place + p->within, 0, err) == -1) {
    image_drop_space (i, &n);
    return -1;
  }
  return image_publish_new (i, p->block, &n, full, p->start, p->end, err);
}

static int
write_bits (struct write *w, const struct image_piece *p,
            const struct image_entry *e, uint32_t start, uint32_t end, int *err)
{
  struct image *i = w->i;
  const uint64_t within = (uint64_t) start << i->sector_shift;
  const uint64_t count = (uint64_t) (end - start) << i->sector_shift;

  if (store_write (i->inner, data_for (w, p->offset - p->within + within),
                   count, e->place + within, 0, err) == -1)
    return -1;
  return image_set_bits (i, p->block, e, start, end, err);
}

/* Only those sectors that are absent. */
static int
fill_bits (struct write *w, const struct image_piece *p,
           const struct image_entry *e, int *err)
{
  uint32_t start = p->start, end;
  bool set;

  for (; start < p->end; start = end) {
    if (image_bits_run (w->i, p->block, start, p->end, &set, &end, err) == -1)
      return -1;
    if (!set && write_bits (w, p, e, start, end, err) == -1)
      return -1;
  }
  return 0;
}

static int
write_piece (struct write *w, const struct image_piece *p, int *err)
{
  struct image *i = w->i;
  const bool fill = w->flags & IMAGE_NO_OVERWRITE;
  LOCK_SCOPE (image_block_lock (i, p->block));
  struct image_entry e;
  uint64_t raw;

  if (image_get_entry (i, p->block, &e, &raw, err) == -1)
    return -1;
  switch (e.state) {
  case BLOCK_FULL:
    if (fill)
      return 0;
    return store_write (i->inner, data_for (w, p->offset), p->count,
                        e.place + p->within, 0, err);
  case BLOCK_BITS:
    if (fill)
      return fill_bits (w, p, &e, err);
    return write_bits (w, p, &e, p->start, p->end, err);
  case BLOCK_ZERO:
    return fill ? 0 : write_new (w, p, true, err);
  default:
    return write_new (w, p, !has_parent (i), err);
  }
}

/* ------------------------------------------------------------------ */

static int
write_range (struct write *w, uint64_t offset, uint64_t end, int *err)
{
  while (offset < end) {
    uint64_t done = 0;
    struct image_piece p;

    if (!(w->flags & IMAGE_NO_OVERWRITE)) {
      struct image_visit v;
      int r;

      image_enter (w->i, &v);
      r = write_present (w, offset, end, &done, err);
      image_leave (w->i, &v);
      if (r == -1)
        return -1;
      offset += done;
      if (offset == end)
        break;
    }
    p = image_piece_at (w->i, offset, end);
    if (w->flags & IMAGE_FUA)
      w->flush = true;
    if (write_piece (w, &p, err) == -1)
      return -1;
    offset += p.count;
  }
  return 0;
}

int
image_write (struct image *i, const void *buf, uint64_t count, uint64_t offset,
             unsigned flags, int *err)
{
  struct write w = { .i = i, .buf = buf, .start = offset, .flags = flags };
  int r;

  if (image_begin_change (i, err) == -1)
    return -1;
  r = write_range (&w, offset, offset + count, err);
  return image_finish (i, w.flush ? flags : 0, r, err);
}
