/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Numbers and runs: there and back, and each thing that can be wrong.
 */

#include <config.h>

#include <check.h>
#include <string.h>

#include "base/align.h"
#include "sector-db/sdb-map.h"
#include "support/main.h"
#include "support/rng.h"

static const uint64_t numbers[] = {
  0, 1, 127, 128, 16383, 16384, UINT32_MAX, INT64_MAX, UINT64_MAX,
};

START_TEST (number)
{
  uint8_t buf[10];
  const size_t n = sdb_put_number (buf, numbers[_i]);
  const uint8_t *p = buf;
  uint64_t v;

  ck_assert_uint_le (n, sizeof buf);
  ck_assert_int_eq (sdb_get_number (&p, buf + n, &v), SDB_OK);
  ck_assert_uint_eq (v, numbers[_i]);
  ck_assert_ptr_eq (p, buf + n);
  for (size_t cut = 0; cut < n; cut++) {
    p = buf;
    ck_assert_int_eq (sdb_get_number (&p, buf + cut, &v), SDB_TRUNCATED);
  }
}
END_TEST

START_TEST (number_too_long)
{
  uint8_t buf[12];
  const uint8_t *p = buf;
  uint64_t v;

  memset (buf, 0xff, sizeof buf);
  ck_assert_int_eq (sdb_get_number (&p, buf + sizeof buf, &v), SDB_BAD_NUMBER);
  buf[9] = 2; /* bit 64 */
  p = buf;
  ck_assert_int_eq (sdb_get_number (&p, buf + sizeof buf, &v), SDB_BAD_NUMBER);
  buf[9] = 1;
  p = buf;
  ck_assert_int_eq (sdb_get_number (&p, buf + sizeof buf, &v), SDB_OK);
  ck_assert_uint_eq (v, UINT64_MAX);
}
END_TEST

static bool
same_run (const struct sdb_run *a, const struct sdb_run *b)
{
  return a->kind == b->kind && a->dirty == b->dirty &&
         a->nclusters == b->nclusters && a->place == b->place &&
         memcmp (a->present, b->present, sizeof a->present) == 0 &&
         memcmp (a->zero, b->zero, sizeof a->zero) == 0;
}

/* A run that is right, for clusters of NSECTORS. */
static void
random_run (struct rng *rng, unsigned nsectors, struct sdb_run *r)
{
  memset (r, 0, sizeof *r);
  r->kind = (enum sdb_kind) rng_below (rng, 4);
  r->dirty = rng_one_in (rng, 2);
  r->nclusters = r->kind == SDB_MIXED ? 1 : 1 + rng_below (rng, 1024);
  if (r->kind == SDB_DATA || r->kind == SDB_MIXED)
    r->place = (1 + rng_below (rng, 9)) * SDB_PLACES_PER_SEGMENT +
               SDB_PLACES_PER_STRIPE + rng_below (rng, 2000);
  for (unsigned i = 0; r->kind == SDB_MIXED && i < nsectors; i++) {
    const uint64_t bit = UINT64_C (1) << i % 64;

    if (rng_one_in (rng, 2))
      r->present[i / 64] |= bit;
    if ((r->present[i / 64] & bit) && rng_one_in (rng, 2))
      r->zero[i / 64] |= bit;
  }
}

/* Every length of a run that is cut off is noticed. */
START_TEST (round_trip)
{
  const unsigned nsectors = 128u >> _i;
  struct rng rng;

  rng_init (&rng, rng_seed ("sdb-map"));
  for (unsigned i = 0; i < 2000; i++) {
    struct sdb_run r, back;
    uint8_t buf[SDB_RUN_MAX];
    const uint8_t *p = buf;
    size_t n;

    random_run (&rng, nsectors, &r);
    n = sdb_run_put (buf, &r, nsectors);
    quick_assert (n <= sizeof buf);
    quick_assert (sdb_run_get (&p, buf + n, nsectors, &back) == SDB_OK);
    quick_assert (p == buf + n && same_run (&r, &back));
    for (size_t cut = 0; cut < n; cut++) {
      p = buf;
      quick_assert (sdb_run_get (&p, buf + cut, nsectors, &back) ==
                    SDB_TRUNCATED);
    }
  }
}
END_TEST

#define FIRST SDB_PLACE_FIRST

/* Runs for clusters of 16 sectors that nobody may believe. */
static const struct {
  struct sdb_run run;
  enum sdb_status status;
} wrongs[] = {
  { { .kind = SDB_ZERO, .nclusters = 0 }, SDB_BAD_COUNT },
  { { .kind = SDB_MIXED, .nclusters = 2, .place = FIRST }, SDB_BAD_COUNT },
  { { .kind = SDB_DATA, .nclusters = 1, .place = 0 }, SDB_BAD_PLACE },
  { { .kind = SDB_DATA, .nclusters = 1, .place = FIRST - 1 }, SDB_BAD_PLACE },
  { { .kind = SDB_DATA, .nclusters = 4096, .place = FIRST }, SDB_BAD_PLACE },
  { { .kind = SDB_DATA, .nclusters = UINT64_MAX, .place = FIRST },
    SDB_BAD_PLACE },
  { { .kind = SDB_MIXED, .nclusters = 1, .place = 1, .present = { 1 } },
    SDB_BAD_PLACE },
  /* Data without a place. */
  { { .kind = SDB_MIXED, .nclusters = 1, .present = { 3 }, .zero = { 1 } },
    SDB_BAD_BITS },
  /* Zero, but not present. */
  { { .kind = SDB_MIXED,
      .nclusters = 1,
      .place = FIRST,
      .present = { 1 },
      .zero = { 2 } },
    SDB_BAD_BITS },
};

START_TEST (wrong)
{
  struct sdb_run back;
  uint8_t buf[SDB_RUN_MAX];
  const uint8_t *p = buf;
  const size_t n = sdb_run_put (buf, &wrongs[_i].run, 16);

  ck_assert_int_eq (sdb_run_get (&p, buf + n, 16, &back), wrongs[_i].status);
}
END_TEST

START_TEST (wrong_kind)
{
  const uint8_t buf[] = { (SDB_MIXED | SDB_KIND_DIRTY) + 1, 1, 1 };
  const uint8_t *p = buf;
  struct sdb_run back;

  ck_assert_int_eq (sdb_run_get (&p, buf + sizeof buf, 16, &back),
                    SDB_BAD_KIND);
}
END_TEST

/* A mark is a bit of the kind; without one nothing is different. */
START_TEST (mark)
{
  struct sdb_run run = { .kind = SDB_DATA, .nclusters = 2, .place = 100 };
  uint8_t plain[SDB_RUN_MAX], marked[SDB_RUN_MAX];
  const size_t n = sdb_run_put (plain, &run, 16);

  run.dirty = true;
  ck_assert_uint_eq (sdb_run_put (marked, &run, 16), n);
  ck_assert_uint_eq (plain[0], SDB_DATA);
  ck_assert_uint_eq (marked[0], SDB_DATA + 4);
  ck_assert_int_eq (memcmp (plain + 1, marked + 1, n - 1), 0);
}
END_TEST

/* All zero needs no place. */
START_TEST (mixed_without_place)
{
  const struct sdb_run r = {
    .kind = SDB_MIXED, .nclusters = 1, .present = { 5 }, .zero = { 5 }
  };
  struct sdb_run back;
  uint8_t buf[SDB_RUN_MAX];
  const uint8_t *p = buf;
  const size_t n = sdb_run_put (buf, &r, 16);

  ck_assert_int_eq (sdb_run_get (&p, buf + n, 16, &back), SDB_OK);
  ck_assert (same_run (&r, &back));
}
END_TEST

START_TEST (join)
{
  struct sdb_run zero = { .kind = SDB_ZERO, .nclusters = 3 };
  struct sdb_run data = { .kind = SDB_DATA, .nclusters = 2, .place = 100 };
  const struct sdb_run next = { .kind = SDB_DATA,
                                .nclusters = 5,
                                .place = 102 };
  const struct sdb_run far = { .kind = SDB_DATA, .nclusters = 1, .place = 108 };
  struct sdb_run last = { .kind = SDB_DATA,
                          .nclusters = 1,
                          .place = SDB_PLACES_PER_SEGMENT - 1 };
  const struct sdb_run beyond = { .kind = SDB_DATA,
                                  .nclusters = 1,
                                  .place = SDB_PLACES_PER_SEGMENT };
  const struct sdb_run dirty = {
    .kind = SDB_DATA, .dirty = true, .nclusters = 1, .place = 107
  };
  struct sdb_run mixed = { .kind = SDB_MIXED, .nclusters = 1, .place = 200 };

  ck_assert (sdb_run_join (&zero, &zero));
  ck_assert_uint_eq (zero.nclusters, 6);
  ck_assert (!sdb_run_join (&zero, &next));
  ck_assert (sdb_run_join (&data, &next));
  ck_assert_uint_eq (data.nclusters, 7);
  ck_assert (!sdb_run_join (&data, &dirty));
  ck_assert (!sdb_run_join (&data, &far));
  ck_assert (!sdb_run_join (&last, &beyond));
  ck_assert (!sdb_run_join (&mixed, &mixed));
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("sdb-map");
  TCase *c = test_case (suite, "sdb-map");

  tcase_add_loop_test (c, number, 0, ARRAY_SIZE (numbers));
  tcase_add_test (c, number_too_long);
  tcase_add_loop_test (c, round_trip, 0, 4);
  tcase_add_loop_test (c, wrong, 0, ARRAY_SIZE (wrongs));
  tcase_add_test (c, wrong_kind);
  tcase_add_test (c, mark);
  tcase_add_test (c, mixed_without_place);
  tcase_add_test (c, join);
  return test_run (suite);
}
