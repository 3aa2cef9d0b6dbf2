/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See image-ranges.h.
 */

#include <config.h>

#include <stdlib.h>

#include "base/align.h"
#include "base/checked.h"
#include "image/image-ranges.h"

struct image_range {
  struct image_range *left, *right;
  uint64_t start, end;
  uint64_t longest; /* of this one and all below */
  uint64_t priority;
};

static uint64_t
longest_of (const struct image_range *n)
{
  return n == NULL ? 0 : n->longest;
}

static void
update (struct image_range *n)
{
  n->longest = max_u64 (n->end - n->start,
                        max_u64 (longest_of (n->left), longest_of (n->right)));
}

/* The ranges of N that start before KEY, and the others. */
static void
split (struct image_range *n, uint64_t key, struct image_range **before,
       struct image_range **after)
{
  if (n == NULL)
    *before = *after = NULL;
  else if (n->start < key) {
    split (n->right, key, &n->right, after);
    update (n);
    *before = n;
  }
  else {
    split (n->left, key, before, &n->left);
    update (n);
    *after = n;
  }
}

/* All of A is before all of B. */
static struct image_range *
join (struct image_range *a, struct image_range *b)
{
  if (a == NULL)
    return b;
  if (b == NULL)
    return a;
  if (a->priority > b->priority) {
    a->right = join (a->right, b);
    update (a);
    return a;
  }
  b->left = join (a, b->left);
  update (b);
  return b;
}

static struct image_range *
last_of (struct image_range *n)
{
  while (n != NULL && n->right != NULL)
    n = n->right;
  return n;
}

static struct image_range *
new_range (struct image_ranges *r, uint64_t start, uint64_t end)
{
  struct image_range *n = malloc (sizeof *n);

  if (n == NULL)
    return NULL;
  r->random = r->random * UINT64_C (6364136223846793005) + 1442695040888963407;
  *n = (struct image_range){
    .start = start,
    .end = end,
    .longest = end - start,
    .priority = r->random >> 16,
  };
  return n;
}

static void
free_all (struct image_range *n)
{
  if (n == NULL)
    return;
  free_all (n->left);
  free_all (n->right);
  free (n);
}

void
image_ranges_free (struct image_ranges *r)
{
  free_all (r->root);
  r->root = NULL;
  r->total = 0;
}

static uint64_t
total_of (const struct image_range *n)
{
  return n == NULL ?
           0 :
           n->end - n->start + total_of (n->left) + total_of (n->right);
}

bool
image_ranges_add (struct image_ranges *r, uint64_t start, uint64_t end)
{
  struct image_range *before, *inside, *after, *last, *n;

  if (start >= end)
    return true;
  n = new_range (r, start, end);
  if (n == NULL)
    return false;
  split (r->root, start, &before, &inside);
  /* What begins before and touches, or reaches in. */
  last = last_of (before);
  if (last != NULL && last->end >= start) {
    struct image_range *first = inside;

    split (before, last->start, &before, &last);
    inside = join (last, first);
    n->start = last->start;
  }
  split (inside, end, &inside, &after);
  last = last_of (inside);
  if (last != NULL)
    n->end = max_u64 (end, last->end);
  /* What begins right behind. */
  split (after, n->end + 1, &last, &after);
  inside = join (inside, last);
  if (last != NULL)
    n->end = last->end;
  update (n);
  r->total += n->end - n->start - total_of (inside);
  free_all (inside);
  r->root = join (join (before, n), after);
  return true;
}

bool
image_ranges_remove (struct image_ranges *r, uint64_t start, uint64_t end)
{
  struct image_range *before, *inside, *after, *first, *last;
  struct image_range *rest = NULL;
  uint64_t s, e;

  if (start >= end || !image_ranges_next (r, start, &s, &e) || s >= end)
    return true;
  if (s < start && e > end) {
    rest = new_range (r, end, e);
    if (rest == NULL)
      return false;
  }
  split (r->root, start, &before, &inside);
  split (inside, end, &inside, &after);
  first = last_of (before);
  if (first != NULL && first->end > start) {
    split (before, first->start, &before, &first);
    r->total -= min_u64 (first->end, end) - start;
    first->end = start;
    update (first);
    before = join (before, first);
  }
  r->total -= total_of (inside);
  last = last_of (inside);
  if (last != NULL && last->end > end) {
    split (inside, last->start, &inside, &rest);
    r->total += rest->end - end;
    rest->start = end;
    update (rest);
  }
  free_all (inside);
  r->root = join (join (before, rest), after);
  return true;
}

bool
image_ranges_next (const struct image_ranges *r, uint64_t offset,
                   uint64_t *start, uint64_t *end)
{
  const struct image_range *n = r->root, *found = NULL;

  while (n != NULL) {
    if (n->end > offset) {
      found = n;
      n = n->left;
    }
    else
      n = n->right;
  }
  if (found == NULL)
    return false;
  *start = found->start;
  *end = found->end;
  return true;
}

bool
image_ranges_contain (const struct image_ranges *r, uint64_t start,
                      uint64_t end)
{
  uint64_t s, e;

  return image_ranges_next (r, start, &s, &e) && s <= start && e >= end;
}

bool
image_ranges_last (const struct image_ranges *r, uint64_t *start, uint64_t *end)
{
  const struct image_range *n = last_of (r->root);

  if (n == NULL)
    return false;
  *start = n->start;
  *end = n->end;
  return true;
}

struct wish {
  uint64_t count, data_at, align, max;
};

/* The lowest place at or after START that is aligned. */
static bool
aligned (const struct wish *w, uint64_t start, uint64_t *place)
{
  uint64_t data;

  if (!checked_add (start, w->data_at, &data) ||
      !checked_add (data, w->align - 1, &data))
    return false;
  *place = (data & ~(w->align - 1)) - w->data_at;
  return true;
}

static bool
fit (const struct image_range *n, const struct wish *w, uint64_t *place)
{
  while (n != NULL && n->longest >= w->count) {
    if (fit (n->left, w, place))
      return true;
    if (n->start > w->max)
      return false;
    if (n->end - n->start >= w->count && aligned (w, n->start, place) &&
        *place <= w->max && range_inside (*place, w->count, n->end))
      return true;
    n = n->right;
  }
  return false;
}

bool
image_ranges_fit (const struct image_ranges *r, uint64_t count,
                  uint64_t data_at, uint64_t align, uint64_t max,
                  uint64_t *place)
{
  const struct wish w = {
    .count = count, .data_at = data_at, .align = align, .max = max
  };

  return fit (r->root, &w, place);
}
