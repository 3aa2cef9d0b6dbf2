/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See store-overlay.h.  While changes are collected they are a list in
 * the order of their time.  Sealing makes of it the list of segments,
 * sorted and disjoint: the places where a change begins or ends cut the
 * disk into pieces, and the changes, the last one first, take the pieces
 * that nobody has taken; "who has not been taken from here on" is a
 * union-find, so that changes which cover each other again and again do
 * not cost their product.
 */

#include <config.h>

#include <assert.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/align.h"
#include "base/cleanup.h"
#include "store/store-overlay.h"

struct change {
  uint64_t start, end;
  uint8_t *page; /* owned; NULL: zeroes */
};

struct store_overlay {
  struct store store;
  struct store *inner;
  /* In the order of time; once it is sealed, of place. */
  struct change *v;
  size_t len, cap;
  bool sealed;
};

static struct store_overlay *
to_overlay (struct store *s)
{
  return container_of (s, struct store_overlay, store);
}

/* ------------------------------------------------------------------ */
/* Requests */

/* The first segment that ends behind OFFSET. */
static size_t
find_segment (const struct store_overlay *o, uint64_t offset)
{
  size_t low = 0, high = o->len;

  while (low < high) {
    const size_t mid = low + (high - low) / 2;

    if (o->v[mid].end > offset)
      high = mid;
    else
      low = mid + 1;
  }
  return low;
}

/* What is at OFFSET: the segment there, or NULL, and in *END where that
 * ends, at most LIMIT.
 */
static const struct change *
segment_at (const struct store_overlay *o, uint64_t offset, uint64_t limit,
            uint64_t *end)
{
  const size_t i = find_segment (o, offset);

  *end = limit;
  if (i == o->len)
    return NULL;
  if (o->v[i].start > offset) {
    *end = min_u64 (limit, o->v[i].start);
    return NULL;
  }
  *end = min_u64 (limit, o->v[i].end);
  return &o->v[i];
}

/* From below, where what is behind its end is zero. */
static int
read_inner (struct store_overlay *o, uint8_t *buf, size_t count,
            uint64_t offset, int *err)
{
  const uint64_t size = store_size (o->inner);
  const size_t n = offset < size ? min_u64 (count, size - offset) : 0;

  if (n > 0 && store_read (o->inner, buf, n, offset, err) == -1)
    return -1;
  memset (buf + n, 0, count - n);
  return 0;
}

static int
overlay_read (struct store *s, void *buf, size_t count, uint64_t offset,
              int *err)
{
  struct store_overlay *o = to_overlay (s);
  const uint64_t limit = offset + count;
  uint8_t *p = buf;

  while (offset < limit) {
    uint64_t end;
    const struct change *c = segment_at (o, offset, limit, &end);
    const size_t n = end - offset;

    if (c == NULL) {
      if (read_inner (o, p, n, offset, err) == -1)
        return -1;
    }
    else if (c->page != NULL)
      memcpy (p, c->page + (offset - c->start), n);
    else
      memset (p, 0, n);
    p += n;
    offset = end;
  }
  return 0;
}

static int
inner_extents (struct store_overlay *o, uint64_t count, uint64_t offset,
               unsigned flags, struct extent_list *out, int *err)
{
  const uint64_t size = store_size (o->inner);

  if (offset >= size)
    return extent_list_add (out, count, EXTENT_HOLE | EXTENT_ZERO, err);
  return store_extents (o->inner, min_u64 (count, size - offset), offset, flags,
                        out, err);
}

static int
overlay_extents (struct store *s, uint64_t count, uint64_t offset,
                 unsigned flags, struct extent_list *out, int *err)
{
  struct store_overlay *o = to_overlay (s);
  const uint64_t limit = offset + count;

  while (offset < limit && !extent_list_full (out)) {
    uint64_t end;
    const struct change *c = segment_at (o, offset, limit, &end);
    const uint32_t type =
      c != NULL && c->page == NULL ? EXTENT_HOLE | EXTENT_ZERO : 0;
    const int r = c != NULL ?
                    extent_list_add (out, end - offset, type, err) :
                    inner_extents (o, end - offset, offset, flags, out, err);

    if (r == -1)
      return -1;
    offset = extent_list_next (out);
  }
  return 0;
}

static void
overlay_free (struct store_overlay *o)
{
  for (size_t i = 0; i < o->len; i++)
    free (o->v[i].page);
  free (o->v);
  free (o);
}

static void
overlay_close (struct store *s)
{
  struct store_overlay *o = to_overlay (s);

  store_close (o->inner);
  overlay_free (o);
}

static const struct store_ops overlay_ops = {
  .name = "overlay",
  .close = overlay_close,
  .read = overlay_read,
  .extents = overlay_extents,
};

/* ------------------------------------------------------------------ */
/* Collecting changes */

struct store *
store_overlay_create (struct store *inner)
{
  struct store_info info = inner->info;
  struct store_overlay *o = calloc (1, sizeof *o);

  assert (IS_ALIGNED (STORE_OVERLAY_PAGE, info.align));
  if (o == NULL)
    return NULL;
  info.read_only = true;
  info.fua = info.trim = info.zero = info.fast_zero = info.cache = false;
  info.extents = true;
  o->inner = inner;
  store_init (&o->store, &overlay_ops, &info, store_size (inner));
  return &o->store;
}

struct store *
store_overlay_dissolve (struct store *s)
{
  struct store_overlay *o = to_overlay (s);
  struct store *inner = o->inner;

  free (s->description);
  overlay_free (o);
  return inner;
}

/* Room for one more. */
static int
make_room (struct store_overlay *o)
{
  const size_t cap = o->cap ? 2 * o->cap : 64;
  struct change *v;

  if (o->len < o->cap)
    return 0;
  v = realloc (o->v, cap * sizeof *v);
  if (v == NULL)
    return -1;
  o->v = v;
  o->cap = cap;
  return 0;
}

int
store_overlay_data (struct store *s, const void *page, uint64_t offset,
                    int *err)
{
  struct store_overlay *o = to_overlay (s);
  uint8_t *copy;

  assert (!o->sealed && IS_ALIGNED (offset, STORE_OVERLAY_PAGE));
  copy = make_room (o) == 0 ? malloc (STORE_OVERLAY_PAGE) : NULL;
  if (copy == NULL) {
    *err = ENOMEM;
    return -1;
  }
  memcpy (copy, page, STORE_OVERLAY_PAGE);
  o->v[o->len++] = (struct change){ .start = offset,
                                    .end = offset + STORE_OVERLAY_PAGE,
                                    .page = copy };
  return 0;
}

int
store_overlay_zero (struct store *s, uint64_t count, uint64_t offset, int *err)
{
  struct store_overlay *o = to_overlay (s);
  struct change *last = o->len > 0 ? &o->v[o->len - 1] : NULL;

  assert (!o->sealed && IS_ALIGNED (offset | count, STORE_OVERLAY_PAGE));
  if (count == 0)
    return 0;
  if (last != NULL && last->page == NULL && last->end == offset) {
    last->end += count;
    return 0;
  }
  if (make_room (o) == -1) {
    *err = ENOMEM;
    return -1;
  }
  o->v[o->len++] = (struct change){ .start = offset, .end = offset + count };
  return 0;
}

/* ------------------------------------------------------------------ */
/* Sealing */

/* The disk, cut where changes begin and end: piece I reaches from cut I
 * to cut I + 1.
 */
struct pieces {
  uint64_t *cut;
  size_t ncuts;
  size_t *taken; /* number of the change that has it, plus 1; or 0 */
  size_t *next;  /* union-find: a piece that was not taken, from here on */
};

static int
compare_cuts (const void *a, const void *b)
{
  const uint64_t x = *(const uint64_t *) a, y = *(const uint64_t *) b;

  return x < y ? -1 : x > y;
}

static void
pieces_fini (struct pieces *p)
{
  free (p->cut);
  free (p->taken);
  free (p->next);
}

static int
pieces_init (struct pieces *p, const struct store_overlay *o)
{
  size_t n = 0;

  *p = (struct pieces){ .cut = calloc (2 * o->len, sizeof *p->cut),
                        .taken = calloc (2 * o->len, sizeof *p->taken),
                        .next = calloc (2 * o->len, sizeof *p->next) };
  if (p->cut == NULL || p->taken == NULL || p->next == NULL) {
    pieces_fini (p);
    return -1;
  }
  for (size_t i = 0; i < o->len; i++) {
    p->cut[2 * i] = o->v[i].start;
    p->cut[2 * i + 1] = o->v[i].end;
  }
  qsort (p->cut, 2 * o->len, sizeof *p->cut, compare_cuts);
  for (size_t i = 0; i < 2 * o->len; i++) {
    if (i == 0 || p->cut[i] != p->cut[n - 1])
      p->cut[n++] = p->cut[i];
  }
  p->ncuts = n;
  for (size_t i = 0; i < n; i++)
    p->next[i] = i;
  return 0;
}

static size_t
index_of_cut (const struct pieces *p, uint64_t cut)
{
  const uint64_t *found =
    bsearch (&cut, p->cut, p->ncuts, sizeof *p->cut, compare_cuts);

  return (size_t) (found - p->cut);
}

static size_t
first_free (struct pieces *p, size_t i)
{
  while (p->next[i] != i) {
    p->next[i] = p->next[p->next[i]];
    i = p->next[i];
  }
  return i;
}

/* The last change takes first. */
static void
take_all (struct pieces *p, const struct store_overlay *o)
{
  for (size_t i = o->len; i-- > 0;) {
    const size_t end = index_of_cut (p, o->v[i].end);
    size_t k = index_of_cut (p, o->v[i].start);

    for (; (k = first_free (p, k)) < end; k++) {
      p->taken[k] = i + 1;
      p->next[k] = k + 1;
    }
  }
}

/* Put what was taken into SEGMENTS; pages move from the changes.  Two
 * pieces of a page cannot be: changes are whole pages.
 */
static size_t
gather (const struct pieces *p, struct change *v, struct change *segments)
{
  size_t n = 0;

  for (size_t k = 0; k + 1 < p->ncuts; k++) {
    const size_t i = p->taken[k];
    const uint64_t start = p->cut[k], end = p->cut[k + 1];

    if (i == 0)
      continue;
    if (n > 0 && v[i - 1].page == NULL && segments[n - 1].page == NULL &&
        segments[n - 1].end == start)
      segments[n - 1].end = end;
    else
      segments[n++] = (struct change){ .start = start,
                                       .end = end,
                                       .page = steal_ptr (&v[i - 1].page) };
  }
  return n;
}

int
store_overlay_seal (struct store *s, uint64_t size, int *err)
{
  struct store_overlay *o = to_overlay (s);
  struct change *segments;
  struct pieces p;
  size_t n;

  assert (!o->sealed && size <= INT64_MAX);
  if (o->len > 0) {
    if (pieces_init (&p, o) == -1) {
      *err = ENOMEM;
      return -1;
    }
    segments = calloc (p.ncuts, sizeof *segments);
    if (segments == NULL) {
      pieces_fini (&p);
      *err = ENOMEM;
      return -1;
    }
    take_all (&p, o);
    n = gather (&p, o->v, segments);
    pieces_fini (&p);
    for (size_t i = 0; i < o->len; i++)
      free (o->v[i].page);
    free (o->v);
    o->v = segments;
    o->len = o->cap = n;
  }
  o->sealed = true;
  atomic_store (&s->size_, size);
  return 0;
}
