/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See extents.h.
 */

#include <config.h>

#include <errno.h>
#include <stdlib.h>

#include "base/align.h"
#include "base/extents.h"

void
extent_list_init (struct extent_list *l, uint64_t start, uint64_t end, bool one)
{
  *l = (struct extent_list){ .start = start, .end = end, .one = one };
}

void
extent_list_fini (struct extent_list *l)
{
  free (l->v);
  l->v = NULL;
  l->len = l->cap = 0;
}

uint64_t
extent_list_next (const struct extent_list *l)
{
  if (l->len == 0)
    return l->start;
  return l->v[l->len - 1].offset + l->v[l->len - 1].count;
}

/* ONE asks for the first extent in full, so a list with one extent in
 * it can still grow; extent_list_add closes it by setting END.
 */
bool
extent_list_full (const struct extent_list *l)
{
  return extent_list_next (l) >= l->end || l->len >= EXTENTS_MAX;
}

static int
reserve (struct extent_list *l, int *err)
{
  size_t cap = l->cap ? l->cap * 2 : 16;
  struct extent *v;

  if (l->len < l->cap)
    return 0;
  v = realloc (l->v, cap * sizeof *v);
  if (v == NULL) {
    *err = ENOMEM;
    return -1;
  }
  l->v = v;
  l->cap = cap;
  return 0;
}

int
extent_list_add (struct extent_list *l, uint64_t count, uint32_t type, int *err)
{
  uint64_t next = extent_list_next (l);

  if (count == 0 || extent_list_full (l))
    return 0;
  count = min_u64 (count, l->end - next);

  if (l->len > 0 && l->v[l->len - 1].type == type) {
    l->v[l->len - 1].count += count;
    return 0;
  }
  if (l->len > 0 && l->one) {
    l->end = next;
    return 0;
  }
  if (reserve (l, err) == -1)
    return -1;
  l->v[l->len++] =
    (struct extent){ .offset = next, .count = count, .type = type };
  return 0;
}
