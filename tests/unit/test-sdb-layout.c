/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Where things are in a layer file: the two streams and the clusters
 * cover it without overlapping.
 */

#include <config.h>

#include <check.h>

#include "base/align.h"
#include "sector-db/sdb-layout.h"
#include "support/main.h"

/* What a byte of the file is, by the table of the format's description. */
enum owner { DATABASE, JOURNAL, CLUSTER };

static enum owner
owner_of (uint64_t offset)
{
  const uint64_t at = offset % SDB_SEGMENT;
  const uint64_t mib = UINT64_C (1) << 20;

  if (offset < SDB_SEGMENT)
    return at < 3 * mib ? DATABASE : at < 4 * mib ? JOURNAL : CLUSTER;
  return at < mib / 2 ? DATABASE : at < mib ? JOURNAL : CLUSTER;
}

/* Walk a stream: its runs are where they should be, in order. */
static void
walk (enum sdb_stream stream, enum owner owner)
{
  uint64_t logical = 0, last = 0;

  for (unsigned i = 0; i < 50; i++) {
    uint64_t run, rest;
    const uint64_t offset = sdb_stream_offset (stream, logical, &run);

    ck_assert_uint_gt (run, 0);
    ck_assert (i == 0 || offset > last);
    ck_assert_int_eq (owner_of (offset), owner);
    ck_assert_int_eq (owner_of (offset + run - 1), owner);
    ck_assert_int_ne (owner_of (offset + run), owner);
    ck_assert (offset == 0 || owner_of (offset - 1) != owner);
    /* In the middle of the run, too. */
    ck_assert_uint_eq (sdb_stream_offset (stream, logical + 4096, &rest),
                       offset + 4096);
    ck_assert_uint_eq (rest, run - 4096);
    /* And the size of the stream in a file that ends there. */
    ck_assert_uint_eq (sdb_stream_size (stream, offset), logical);
    ck_assert_uint_eq (sdb_stream_size (stream, offset + 1), logical + 1);
    ck_assert_uint_eq (sdb_stream_size (stream, offset + run), logical + run);
    ck_assert_uint_eq (sdb_stream_size (stream, offset + run + 1),
                       logical + run);
    last = offset;
    logical += run;
  }
}

START_TEST (database)
{
  walk (SDB_DATABASE, DATABASE);
}
END_TEST

START_TEST (journal)
{
  walk (SDB_JOURNAL, JOURNAL);
}
END_TEST

START_TEST (places)
{
  for (uint64_t p = 0; p < 5 * SDB_PLACES_PER_SEGMENT; p++) {
    const bool is_cluster = owner_of (sdb_place_offset (p)) == CLUSTER;
    const uint64_t next = sdb_place_skip_stripe (p);

    quick_assert (sdb_places_valid (p, 1) == is_cluster);
    quick_assert (is_cluster == (next == p));
    quick_assert (next >= p && sdb_places_valid (next, 1));
    quick_assert (is_cluster || !sdb_places_valid (next - 1, 1));
  }
}
END_TEST

/* Runs of places do not go over a stripe, or beyond the end of files. */
START_TEST (runs)
{
  const uint64_t segment = SDB_PLACES_PER_SEGMENT;

  ck_assert (!sdb_places_valid (SDB_PLACE_FIRST, 0));
  ck_assert (sdb_places_valid (SDB_PLACE_FIRST, segment - SDB_PLACE_FIRST));
  ck_assert (
    !sdb_places_valid (SDB_PLACE_FIRST, segment - SDB_PLACE_FIRST + 1));
  ck_assert (!sdb_places_valid (SDB_PLACE_FIRST - 1, 2));
  ck_assert (sdb_places_valid (2 * segment - 1, 1));
  ck_assert (!sdb_places_valid (2 * segment - 1, 2));
  ck_assert (!sdb_places_valid (SDB_PLACE_FIRST, UINT64_MAX));
  ck_assert (sdb_places_valid (SDB_PLACE_LIMIT - 1, 1));
  ck_assert (!sdb_places_valid (SDB_PLACE_LIMIT - 1, 2));
  ck_assert (!sdb_places_valid (SDB_PLACE_LIMIT, 1));
  ck_assert (!sdb_places_valid (UINT64_MAX, 1));
}
END_TEST

int
main (void)
{
  const TTest *const tests[] = { database, journal, places, runs };

  return test_main ("sdb-layout", tests, ARRAY_SIZE (tests));
}
