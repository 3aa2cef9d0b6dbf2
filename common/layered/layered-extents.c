/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What is allocated: the layers' own sectors, and through their absent
 * ones what the bottom says.  Each function here continues OUT where it
 * ends; a caller sees by that whether the answer was short.
 */

#include <config.h>

#include "layered/layered-impl.h"

/* Answer up to sector LIMIT with a hole that reads as zeroes. */
static int
add_hole (const struct layered *ld, uint64_t limit, struct extent_list *out,
          int *err)
{
  const uint64_t end = limit << ld->sector_shift;
  const uint64_t next = extent_list_next (out);

  if (end <= next)
    return 0;
  return extent_list_add (out, end - next, EXTENT_HOLE | EXTENT_ZERO, err);
}

/* One question to the bottom about the bytes up to END. */
static int
ask_bottom (struct store *bottom, uint64_t end, unsigned flags,
            struct extent_list *out, int *err)
{
  const uint64_t next = extent_list_next (out);
  struct extent_list answer;
  int r;

  extent_list_init (&answer, next, end, flags & STORE_REQ_ONE);
  r = store_extents (bottom, end - next, next, flags, &answer, err);
  for (size_t i = 0; r == 0 && i < answer.len; i++)
    r = extent_list_add (out, answer.v[i].count, answer.v[i].type, err);
  extent_list_fini (&answer);
  return r;
}

/* What the bottom has before sector LIMIT, then nothing. */
static int
bottom_extents (struct layered *ld, struct store *bottom, uint64_t limit,
                unsigned flags, struct extent_list *out, int *err)
{
  const uint64_t end =
    min_u64 (min_u64 (limit << ld->sector_shift, ld->bottom_size), out->end);

  while (!extent_list_full (out) && extent_list_next (out) < end) {
    if (ask_bottom (bottom, end, flags, out, err) == -1)
      return -1;
  }
  return extent_list_full (out) ? 0 : add_hole (ld, limit, out, err);
}

/* Answer from sector SECTOR, where OUT ends, to LIMIT, as it looks from
 * member LEVEL down.
 */
static int
extents_from (struct layered *ld, struct store *bottom, unsigned level,
              uint64_t sector, uint64_t limit, unsigned flags,
              struct extent_list *out, int *err)
{
  const uint64_t visible = min_u64 (limit, ld->visible[level]);
  uint64_t end;
  int r;

  if (level == ld->nlayers)
    return bottom_extents (ld, bottom, limit, flags, out, err);

  for (; sector < visible && !extent_list_full (out); sector = end) {
    struct layer *l = ld->member[level].layer;

    switch (l->ops->state (l, sector, visible, &end)) {
    case LAYER_DATA:
      r = extent_list_add (out, (end - sector) << ld->sector_shift, 0, err);
      break;
    case LAYER_ZERO:
      r = add_hole (ld, end, out, err);
      break;
    default:
      r = extents_from (ld, bottom, level + 1, sector, end, flags, out, err);
      break;
    }
    if (r == -1)
      return -1;
  }
  return extent_list_full (out) ? 0 : add_hole (ld, limit, out, err);
}

int
layered_extents (struct layered *ld, struct store *bottom, uint64_t sector,
                 uint64_t nsectors, unsigned flags, struct extent_list *out,
                 int *err)
{
  return extents_from (ld, bottom, 0, sector, sector + nsectors, flags, out,
                       err);
}
