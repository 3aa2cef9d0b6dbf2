/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See store-align.h.  The one place in the suite with a head-body-tail
 * loop.  An aligned write holds its range shared; an unaligned one holds
 * the aligned ranges of its edges exclusively while it reads, changes
 * and writes them, so that it can never write back what another request
 * has replaced meanwhile.  A request whose edges are unaligned holds
 * its whole range exclusively: simple, and such clients are rare.  Where
 * changes are ordered, every change holds its range exclusively.
 *
 * What is unaligned is changed by whole sectors, even where the inner
 * store takes less: a sector that was written in two pieces could be
 * found with only one of them.
 */

#include <config.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/align.h"
#include "base/cleanup.h"
#include "store/store-align.h"

struct store_align {
  struct store store;
  struct store *inner;
  struct range_lock *locks;
  struct range_lock *own_locks;
  bool ordered;
};

/* One request, cut where units of the inner store begin and end. */
struct cut {
  uint64_t start, end;  /* the request */
  uint64_t outer_start; /* start rounded down */
  uint64_t outer_end;   /* end rounded up, not beyond the disk */
  uint64_t body_start;  /* start rounded up, at most body_end */
  uint64_t body_end;    /* end rounded down (or the disk's end) */
};

static struct store_align *
to_align (struct store *s)
{
  return container_of (s, struct store_align, store);
}

/* What the inner store takes, and what a change must not tear. */
static uint64_t
read_unit (const struct store_align *a)
{
  return a->inner->info.align;
}

static uint64_t
write_unit (const struct store_align *a)
{
  return max_u64 (a->inner->info.align, a->inner->info.sector_size);
}

static void
cut_request (const struct store_align *a, uint64_t unit, uint64_t count,
             uint64_t offset, struct cut *c)
{
  const uint64_t size = store_size (a->inner);

  c->start = offset;
  c->end = offset + count;
  c->outer_start = ROUND_DOWN (c->start, unit);
  c->outer_end = min_u64 (ROUND_UP (c->end, unit), size);
  c->body_start = ROUND_UP (c->start, unit);
  c->body_end = c->end == size ? c->end : ROUND_DOWN (c->end, unit);
  if (c->body_start >= c->body_end)
    c->body_start = c->body_end = c->end;
}

static bool
is_aligned (const struct cut *c)
{
  return c->start == c->outer_start && c->end == c->outer_end;
}

/* Are there whole units in it?  If not, it is all head. */
static bool
has_body (const struct cut *c)
{
  return c->body_start < c->body_end;
}

/* The unaligned piece before the body: [start, head_end). */
static uint64_t
head_end (const struct cut *c)
{
  return c->body_start;
}

/* The units around an edge, as they are now.  NULL on failure. */
static char *
read_outer (struct store_align *a, const struct cut *c, int *err)
{
  const size_t n = c->outer_end - c->outer_start;
  char *outer = malloc (n);

  if (outer == NULL) {
    *err = ENOMEM;
    return NULL;
  }
  if (store_read (a->inner, outer, n, c->outer_start, err) == -1) {
    free (outer);
    return NULL;
  }
  return outer;
}

static void
align_close (struct store *s)
{
  struct store_align *a = to_align (s);

  store_close (a->inner);
  range_lock_free (a->own_locks);
  free (a);
}

/* Read [start, end), an edge within at most two units. */
static int
read_edge (struct store_align *a, char *dst, uint64_t start, uint64_t end,
           int *err)
{
  CLEANUP_FREE char *outer = NULL;
  struct cut c;

  if (start == end)
    return 0;
  cut_request (a, read_unit (a), end - start, start, &c);
  outer = read_outer (a, &c, err);
  if (outer == NULL)
    return -1;
  memcpy (dst, outer + (start - c.outer_start), end - start);
  return 0;
}

static int
align_read (struct store *s, void *buf, size_t count, uint64_t offset, int *err)
{
  struct store_align *a = to_align (s);
  char *const dst = buf;
  struct cut c;

  cut_request (a, read_unit (a), count, offset, &c);
  if (is_aligned (&c))
    return store_read (a->inner, buf, count, offset, err);
  if (read_edge (a, dst, c.start, head_end (&c), err) == -1)
    return -1;
  if (has_body (&c) &&
      store_read (a->inner, dst + (c.body_start - c.start),
                  c.body_end - c.body_start, c.body_start, err) == -1)
    return -1;
  return read_edge (a, dst + (c.body_end - c.start), c.body_end, c.end, err);
}

/* Change [start, end), an edge within at most two units, to SRC, or to
 * zeroes if it is NULL.
 */
static int
write_edge (struct store_align *a, const char *src, uint64_t start,
            uint64_t end, unsigned flags, int *err)
{
  CLEANUP_FREE char *outer = NULL;
  struct cut c;

  if (start == end)
    return 0;
  cut_request (a, write_unit (a), end - start, start, &c);
  outer = read_outer (a, &c, err);
  if (outer == NULL)
    return -1;
  if (src != NULL)
    memcpy (outer + (start - c.outer_start), src, end - start);
  else
    memset (outer + (start - c.outer_start), 0, end - start);
  return store_write (a->inner, outer, c.outer_end - c.outer_start,
                      c.outer_start, flags, err);
}

static int
write_cut (struct store_align *a, const char *src, const struct cut *c,
           unsigned flags, int *err)
{
  if (write_edge (a, src, c->start, head_end (c), flags, err) == -1)
    return -1;
  if (has_body (c) && store_write (a->inner, src + (c->body_start - c->start),
                                   c->body_end - c->body_start, c->body_start,
                                   flags, err) == -1)
    return -1;
  return write_edge (a, src + (c->body_end - c->start), c->body_end, c->end,
                     flags, err);
}

/* Cut a request that changes something, and hold its range. */
static void
hold_for_change (struct store_align *a, uint64_t count, uint64_t offset,
                 struct cut *c, struct range_hold *hold)
{
  cut_request (a, read_unit (a), count, offset, c);
  if (!is_aligned (c))
    cut_request (a, write_unit (a), count, offset, c);
  range_lock_acquire (a->locks, hold, c->outer_start, c->outer_end,
                      a->ordered || !is_aligned (c));
}

static int
align_write (struct store *s, const void *buf, size_t count, uint64_t offset,
             unsigned flags, int *err)
{
  struct store_align *a = to_align (s);
  struct range_hold hold;
  struct cut c;
  int r;

  hold_for_change (a, count, offset, &c, &hold);
  if (is_aligned (&c))
    r = store_write (a->inner, buf, count, offset, flags, err);
  else
    r = write_cut (a, buf, &c, flags, err);
  range_lock_release (a->locks, &hold);
  return r;
}

static int
align_flush (struct store *s, int *err)
{
  return store_flush (to_align (s)->inner, err);
}

static int
zero_cut (struct store_align *a, const struct cut *c, unsigned flags, int *err)
{
  const unsigned fua = flags & STORE_FUA;

  /* The body first: if it cannot be fast, nothing may have been done. */
  if (has_body (c)) {
    if (store_zero (a->inner, c->body_end - c->body_start, c->body_start, flags,
                    err) == -1)
      return -1;
  }
  else if ((flags & STORE_FAST_ZERO) && !a->inner->info.fast_zero) {
    *err = EOPNOTSUPP;
    return -1;
  }
  if (write_edge (a, NULL, c->start, head_end (c), fua, err) == -1)
    return -1;
  return write_edge (a, NULL, c->body_end, c->end, fua, err);
}

static int
align_zero (struct store *s, uint64_t count, uint64_t offset, unsigned flags,
            int *err)
{
  struct store_align *a = to_align (s);
  struct range_hold hold;
  struct cut c;
  int r;

  hold_for_change (a, count, offset, &c, &hold);
  r = zero_cut (a, &c, flags, err);
  range_lock_release (a->locks, &hold);
  return r;
}

/* Only whole units can be trimmed; the rest stays as it is. */
static int
align_trim (struct store *s, uint64_t count, uint64_t offset, unsigned flags,
            int *err)
{
  struct store_align *a = to_align (s);
  struct range_hold hold;
  struct cut c;
  int r;

  cut_request (a, read_unit (a), count, offset, &c);
  if (!has_body (&c))
    return 0;
  range_lock_acquire (a->locks, &hold, c.body_start, c.body_end, a->ordered);
  r =
    store_trim (a->inner, c.body_end - c.body_start, c.body_start, flags, err);
  range_lock_release (a->locks, &hold);
  return r;
}

/* An unaligned question is put from the start of the unit; what lies
 * before the question is cut off the answer.
 */
static int
extents_from_unit (struct store_align *a, const struct cut *c,
                   struct extent_list *out, int *err)
{
  struct extent_list inner;
  int r;

  /* Not one only: that one might end before the question starts. */
  extent_list_init (&inner, c->outer_start, c->outer_end, false);
  r = store_extents (a->inner, c->outer_end - c->outer_start, c->outer_start, 0,
                     &inner, err);
  for (size_t i = 0; r == 0 && i < inner.len; i++) {
    const struct extent *e = &inner.v[i];
    const uint64_t start = max_u64 (e->offset, c->start);

    if (e->offset + e->count > start)
      r = extent_list_add (out, e->offset + e->count - start, e->type, err);
  }
  extent_list_fini (&inner);
  /* A short answer may not reach the question at all. */
  if (r == 0 && extent_list_next (out) == c->start)
    r =
      extent_list_add (out, min_u64 (c->body_start, c->end) - c->start, 0, err);
  return r;
}

static int
align_extents (struct store *s, uint64_t count, uint64_t offset, unsigned flags,
               struct extent_list *out, int *err)
{
  struct store_align *a = to_align (s);
  struct cut c;

  cut_request (a, read_unit (a), count, offset, &c);
  if (c.start == c.outer_start)
    return store_extents (a->inner, count, offset, flags, out, err);
  return extents_from_unit (a, &c, out, err);
}

static int
align_cache (struct store *s, uint64_t count, uint64_t offset, int *err)
{
  struct store_align *a = to_align (s);
  struct cut c;

  cut_request (a, read_unit (a), count, offset, &c);
  return store_cache (a->inner, c.outer_end - c.outer_start, c.outer_start,
                      err);
}

static void
align_uncache (struct store *s, uint64_t count, uint64_t offset)
{
  struct store_align *a = to_align (s);
  struct cut c;

  cut_request (a, read_unit (a), count, offset, &c);
  store_uncache (a->inner, c.outer_end - c.outer_start, c.outer_start);
}

static int
align_resize (struct store *s, uint64_t size, int *err)
{
  return store_resize (to_align (s)->inner, size, err);
}

static int
align_refresh (struct store *s, uint64_t *size, int *err)
{
  struct store *inner = to_align (s)->inner;

  if (store_refresh (inner, err) == -1)
    return -1;
  *size = store_size (inner);
  return 0;
}

static const struct store_ops align_ops = {
  .name = "align",
  .close = align_close,
  .read = align_read,
  .write = align_write,
  .flush = align_flush,
  .trim = align_trim,
  .zero = align_zero,
  .extents = align_extents,
  .cache = align_cache,
  .uncache = align_uncache,
  .resize = align_resize,
  .refresh = align_refresh,
};

struct store *
store_align_create (struct store *inner, struct range_lock *locks)
{
  struct store_align *a = calloc (1, sizeof *a);
  struct store_info info = inner->info;

  if (a == NULL)
    return NULL;
  info.align = 1;
  store_init (&a->store, &align_ops, &info, store_size (inner));
  a->locks = locks;
  if (locks == NULL)
    a->locks = a->own_locks = range_lock_create ();
  if (a->locks == NULL ||
      (inner->description != NULL &&
       store_describe (&a->store, "%s", inner->description) == -1)) {
    range_lock_free (a->own_locks);
    free (a);
    errno = ENOMEM;
    return NULL;
  }
  a->inner = inner;
  return &a->store;
}

void
store_align_order_changes (struct store *s)
{
  to_align (s)->ordered = true;
}
