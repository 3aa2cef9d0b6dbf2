/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See free-ranges.h.  Invariant: cap is never less than pieces.  A piece
 * that was added is at most one range, and each that was taken out splits
 * at most one more, so n never exceeds pieces, and giving back needs no
 * memory.
 */

#include <config.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "vfio/free-ranges.h"

void
free_ranges_fini (struct free_ranges *f)
{
  free (f->range);
  *f = (struct free_ranges){ .range = NULL };
}

/* Be ready for one more piece. */
static int
reserve (struct free_ranges *f)
{
  const size_t cap = f->cap == 0 ? 8 : 2 * f->cap;
  struct free_range *range;

  if (f->pieces < f->cap)
    return 0;
  range = realloc (f->range, cap * sizeof *range);
  if (range == NULL)
    return -1;
  f->range = range;
  f->cap = cap;
  return 0;
}

/* The first range that ends at NUMBER or after it. */
static size_t
find (const struct free_ranges *f, uint64_t number)
{
  size_t i = 0;

  while (i < f->n && f->range[i].last < number)
    i++;
  return i;
}

static void
insert (struct free_ranges *f, size_t i, uint64_t first, uint64_t last)
{
  memmove (&f->range[i + 1], &f->range[i], (f->n - i) * sizeof f->range[0]);
  f->range[i] = (struct free_range){ first, last };
  f->n++;
}

static void
erase (struct free_ranges *f, size_t i)
{
  f->n--;
  memmove (&f->range[i], &f->range[i + 1], (f->n - i) * sizeof f->range[0]);
}

/* Put [FIRST, LAST] among the others, as one with those that it touches. */
static void
merge (struct free_ranges *f, uint64_t first, uint64_t last)
{
  const size_t i = find (f, first);
  const bool below = i > 0 && f->range[i - 1].last + 1 == first;
  const bool above = i < f->n && last + 1 == f->range[i].first;

  if (below && above) {
    f->range[i - 1].last = f->range[i].last;
    erase (f, i);
  }
  else if (below)
    f->range[i - 1].last = last;
  else if (above)
    f->range[i].first = first;
  else
    insert (f, i, first, last);
}

int
free_ranges_add (struct free_ranges *f, uint64_t first, uint64_t last)
{
  if (reserve (f) == -1)
    return -1;
  f->pieces++;
  merge (f, first, last);
  return 0;
}

/* Where SIZE would be in R. */
static bool
fits (const struct free_range *r, uint64_t size, uint64_t align,
      uint64_t *first, uint64_t *last)
{
  if (!checked_add (r->first, align - 1, first))
    return false;
  *first &= ~(align - 1);
  return checked_add (*first, size - 1, last) && *last <= r->last;
}

bool
free_ranges_take (struct free_ranges *f, uint64_t size, uint64_t align,
                  uint64_t *first)
{
  uint64_t last = 0;
  size_t i = 0;
  struct free_range r;

  while (i < f->n && !fits (&f->range[i], size, align, first, &last))
    i++;
  if (i == f->n || reserve (f) == -1)
    return false;
  f->pieces++;
  r = f->range[i];
  erase (f, i);
  if (last < r.last)
    insert (f, i, last + 1, r.last);
  if (r.first < *first)
    insert (f, i, r.first, *first - 1);
  return true;
}

void
free_ranges_give (struct free_ranges *f, uint64_t first, uint64_t size)
{
  merge (f, first, first + size - 1);
  f->pieces--;
}
