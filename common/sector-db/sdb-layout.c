/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See sdb-layout.h.
 */

#include <config.h>

#include "base/align.h"
#include "sector-db/sdb-layout.h"

/* The part of the stripe of segment 0, or of any other segment, that a
 * stream has: START within the segment and LENGTH.
 */
struct part {
  uint64_t start, length;
};

static struct part
part_of (enum sdb_stream stream, bool first)
{
  const uint64_t db = first ? SDB_DB_0 : SDB_DB;
  const uint64_t stripe = first ? SDB_STRIPE_0 : SDB_STRIPE;

  if (stream == SDB_DATABASE)
    return (struct part){ 0, db };
  return (struct part){ db, stripe - db };
}

uint64_t
sdb_stream_offset (enum sdb_stream stream, uint64_t logical, uint64_t *run)
{
  const struct part first = part_of (stream, true);
  const struct part other = part_of (stream, false);
  uint64_t segment;

  if (logical < first.length) {
    *run = first.length - logical;
    return first.start + logical;
  }
  logical -= first.length;
  segment = 1 + logical / other.length;
  *run = other.length - logical % other.length;
  return segment * SDB_SEGMENT + other.start + logical % other.length;
}

static uint64_t
bytes_of_part (struct part p, uint64_t size)
{
  return size <= p.start ? 0 : min_u64 (size - p.start, p.length);
}

uint64_t
sdb_stream_size (enum sdb_stream stream, uint64_t file_size)
{
  const struct part first = part_of (stream, true);
  const struct part other = part_of (stream, false);
  const uint64_t segments = file_size / SDB_SEGMENT;

  if (segments == 0)
    return bytes_of_part (first, file_size);
  return first.length + (segments - 1) * other.length +
         bytes_of_part (other, file_size % SDB_SEGMENT);
}

bool
sdb_places_valid (uint64_t place, uint64_t n)
{
  uint64_t in_segment;

  if (n == 0 || place < SDB_PLACE_FIRST || place >= SDB_PLACE_LIMIT ||
      n > SDB_PLACE_LIMIT - place)
    return false;
  in_segment = place % SDB_PLACES_PER_SEGMENT;
  return sdb_place_skip_stripe (place) == place &&
         in_segment + n <= SDB_PLACES_PER_SEGMENT;
}

uint64_t
sdb_place_skip_stripe (uint64_t place)
{
  const uint64_t segment = place / SDB_PLACES_PER_SEGMENT;
  const uint64_t first =
    segment * SDB_PLACES_PER_SEGMENT +
    (segment == 0 ? SDB_PLACE_FIRST : SDB_PLACES_PER_STRIPE);

  return max_u64 (place, first);
}
