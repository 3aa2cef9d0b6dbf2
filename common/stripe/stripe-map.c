/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See stripe-map.h.
 */

#include <config.h>

#include "base/align.h"
#include "base/checked.h"
#include "stripe/stripe-map.h"

enum stripe_status
stripe_map_init (struct stripe_map *m, unsigned count, uint64_t chunk,
                 uint64_t member_size, uint32_t sector_size)
{
  uint64_t size;

  if (count == 0)
    return STRIPE_NO_MEMBERS;
  if (count > STRIPE_MAX_MEMBERS)
    return STRIPE_MANY_MEMBERS;
  if (chunk == 0 || !IS_ALIGNED (chunk, sector_size))
    return STRIPE_BAD_CHUNK;
  *m = (struct stripe_map){ .count = count,
                            .chunk = chunk,
                            .rows = member_size / chunk };
  if (m->rows == 0)
    return STRIPE_TOO_SMALL;
  if (!checked_mul (m->rows * chunk, count, &size) || size > INT64_MAX)
    return STRIPE_TOO_LARGE;
  return STRIPE_OK;
}

/* Bytes of one chunk on each member. */
static uint64_t
row_size (const struct stripe_map *m)
{
  return m->count * m->chunk;
}

uint64_t
stripe_map_size (const struct stripe_map *m)
{
  return m->rows * row_size (m);
}

struct stripe_place
stripe_map_find (const struct stripe_map *m, uint64_t offset)
{
  const uint64_t chunk = offset / m->chunk, inside = offset % m->chunk;

  return (struct stripe_place){
    .member = chunk % m->count,
    .offset = chunk / m->count * m->chunk + inside,
    .left = m->chunk - inside,
  };
}

uint64_t
stripe_map_disk (const struct stripe_map *m, unsigned member, uint64_t offset)
{
  return offset / m->chunk * row_size (m) + member * m->chunk +
         offset % m->chunk;
}

/* How many bytes MEMBER has of those before OFFSET. */
static uint64_t
before (const struct stripe_map *m, unsigned member, uint64_t offset)
{
  const uint64_t in_row = offset % row_size (m);
  const uint64_t start = member * m->chunk;

  return offset / row_size (m) * m->chunk +
         (in_row > start ? min_u64 (in_row - start, m->chunk) : 0);
}

struct stripe_range
stripe_map_member (const struct stripe_map *m, unsigned member, uint64_t offset,
                   uint64_t count)
{
  const uint64_t start = before (m, member, offset);

  return (struct stripe_range){
    .offset = start,
    .count = before (m, member, offset + count) - start,
  };
}

unsigned
stripe_map_pieces (const struct stripe_map *m, unsigned member, uint64_t offset,
                   struct stripe_range *r, struct stripe_piece *v, unsigned max)
{
  unsigned n = 0;

  while (n < max && r->count > 0) {
    v[n].at = stripe_map_disk (m, member, r->offset) - offset;
    v[n].count = min_u64 (r->count, m->chunk - r->offset % m->chunk);
    r->offset += v[n].count;
    r->count -= v[n].count;
    n++;
  }
  /* A disk of one member is in one piece in memory, too. */
  if (m->count == 1 && n > 0) {
    v[0].count = v[n - 1].at + v[n - 1].count - v[0].at;
    n = 1;
  }
  return n;
}
