/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See disk-copy.h.
 */

#include <config.h>

#include <errno.h>
#include <string.h>

#include "base/align.h"
#include "base/bytes.h"
#include "disk-copy.h"

/* Zeroes are left out where so many are in one piece: less would cut the
 * copy into crumbs for the sake of little.
 */
#define ZERO_RUN (UINT64_C (32) << 10)

/* ------------------------------------------------------------------ */
/* Copying */

static int
write_run (const struct disk_copy *c, struct disk_piece *p, uint64_t from,
           uint64_t to, int *err)
{
  if (from == to)
    return 0;
  p->step = "writing";
  return store_write (c->to, p->buf + from, to - from, p->offset + from, 0,
                      err);
}

static int
copy_piece (void *opaque, struct disk_piece *p, int *err)
{
  const struct disk_copy *c = opaque;
  uint64_t start = 0, at = 0;

  p->step = "reading";
  if (store_read (c->from, p->buf, p->count, p->offset, err) == -1)
    return -1;
  /* Runs are cut at places of the disk, not of the piece. */
  while (at < p->count) {
    const uint64_t end = min_u64 (
      ROUND_DOWN (p->offset + at, ZERO_RUN) + ZERO_RUN - p->offset, p->count);

    if (bytes_are_zero (p->buf + at, end - at)) {
      if (write_run (c, p, start, at, err) == -1)
        return -1;
      start = end;
    }
    at = end;
  }
  return write_run (c, p, start, at, err);
}

static bool
on_progress (void *opaque, uint64_t done)
{
  const struct disk_copy *c = opaque;

  return c->progress == NULL || c->progress (c->opaque, done);
}

int
disk_copy (const struct disk_copy *c, struct disk_walk_failure *f, int *err)
{
  const struct disk_walk w = {
    .disk = c->from,
    .end = store_size (c->from),
    .piece = copy_piece,
    .progress = on_progress,
    .opaque = (void *) c,
  };
  int r = disk_walk (&w, f, err);

  if (r != 1)
    return r;
  *f = (struct disk_walk_failure){ "flushing", 0, w.end };
  return store_flush (c->to, err) == 0 ? 1 : -1;
}

/* ------------------------------------------------------------------ */
/* Comparing */

/* FROM and TO of the disk have other bytes at most. */
static int
differs (struct disk_piece *p, uint64_t offset, uint64_t count, int *err)
{
  p->step = "comparing: the copy differs";
  p->offset = offset;
  p->count = count;
  *err = EIO;
  return -1;
}

static int
compare_data (const struct disk_copy *c, struct disk_piece *p, int *err)
{
  uint64_t first = 0, last = p->count;

  p->step = "reading";
  if (store_read (c->from, p->buf, p->count, p->offset, err) == -1)
    return -1;
  p->step = "reading back";
  if (store_read (c->to, p->other, p->count, p->offset, err) == -1)
    return -1;
  if (memcmp (p->buf, p->other, p->count) == 0)
    return 0;
  while (p->buf[first] == p->other[first])
    first++;
  while (p->buf[last - 1] == p->other[last - 1])
    last--;
  return differs (p, p->offset + first, last - first, err);
}

/* What must be zero, and is not told to be. */
static int
read_zeroes (const struct disk_copy *c, struct disk_piece *p, uint64_t offset,
             uint64_t count, int *err)
{
  for (; count > 0; offset += DISK_PIECE) {
    const uint64_t n = min_u64 (count, DISK_PIECE);

    p->step = "reading back";
    if (store_read (c->to, p->other, n, offset, err) == -1)
      return -1;
    if (!bytes_are_zero (p->other, n))
      return differs (p, offset, n, err);
    count -= n;
  }
  return 0;
}

static int
compare_zeroes (const struct disk_copy *c, struct disk_piece *p,
                uint64_t offset, uint64_t end, int *err)
{
  struct extent_list e;
  int r = 0;

  while (r == 0 && offset < end) {
    extent_list_init (&e, offset, end, false);
    p->step = "looking for data in the copy";
    r = store_extents (c->to, end - offset, offset, 0, &e, err);
    for (size_t i = 0; r == 0 && i < e.len; i++) {
      if (!(e.v[i].type & EXTENT_ZERO))
        r = read_zeroes (c, p, e.v[i].offset, e.v[i].count, err);
      offset += e.v[i].count;
    }
    extent_list_fini (&e);
  }
  return r;
}

static int
compare_piece (void *opaque, struct disk_piece *p, int *err)
{
  const struct disk_copy *c = opaque;

  return p->data ? compare_data (c, p, err) :
                   compare_zeroes (c, p, p->offset, p->offset + p->count, err);
}

int
disk_compare (const struct disk_copy *c, struct disk_walk_failure *f, int *err)
{
  const struct disk_walk w = {
    .disk = c->from,
    .end = store_size (c->from),
    .zeroes = true,
    .piece = compare_piece,
    .progress = on_progress,
    .opaque = (void *) c,
  };
  const uint64_t rest = store_size (c->to) - w.end;
  char buf[DISK_COPY_REST];
  int r = disk_walk (&w, f, err);

  if (r != 1 || rest == 0)
    return r;
  *f = (struct disk_walk_failure){ "reading back", w.end, rest };
  if (store_read (c->to, buf, rest, w.end, err) == -1)
    return -1;
  if (bytes_are_zero (buf, rest))
    return 1;
  f->step = "comparing: the copy does not end with zeroes";
  *err = EIO;
  return -1;
}
