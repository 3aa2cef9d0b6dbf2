/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Random operations on presence sets of several sizes, each compared
 * with the same on a byte for each bit, while memory is reclaimed all
 * the time.  SEED in the environment runs one sequence again.
 */

#include <config.h>

#include <check.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/align.h"
#include "presence-model.h"
#include "presence/presence.h"

#define BIT(n) (UINT64_C (1) << (n))

struct size {
  uint64_t nbits;
  unsigned steps;
};

static const struct size sizes[] = {
  { 1, 200 },
  { 64, 2000 },
  { 1000, 5000 },
  { BIT (14), 20000 },
  { 100000, 20000 },
  { BIT (20) + 17, 10000 },
  { 3 * BIT (20), 2000 },
  { BIT (24) + BIT (15) + 3, 300 },
};

struct run {
  uint64_t seed, rnd, nbits;
  unsigned step;
  uint8_t *model;
  struct presence *p;
};

#define REQUIRE(r, cond)                                                       \
  do {                                                                         \
    if (!(cond))                                                               \
      ck_abort_msg ("%s at step %u of %" PRIu64 " bits; SEED=%" PRIu64, #cond, \
                    (r)->step, (r)->nbits, (r)->seed);                         \
  } while (0)

static uint64_t
below (struct run *r, uint64_t n)
{
  return random_next (&r->rnd) % n;
}

/* A position up to NBITS, often at a border or beside it. */
static uint64_t
random_pos (struct run *r)
{
  static const unsigned shifts[] = { 3, 6, 10, 14, 18, 22 };
  uint64_t pos = below (r, r->nbits + 1);
  uint64_t border = BIT (shifts[below (r, ARRAY_SIZE (shifts))]);

  if (below (r, 2) == 0)
    pos = ROUND_DOWN (pos, border);
  switch (below (r, 8)) {
  case 0:
    return min_u64 (pos + 1, r->nbits);
  case 1:
    return pos - (pos > 0);
  case 2:
    return below (r, 20) == 0 ? r->nbits : pos;
  default:
    return pos;
  }
}

/* A range, mostly short.  May be empty. */
static void
random_range (struct run *r, uint64_t *start, uint64_t *n)
{
  static const unsigned shifts[] = { 0, 3, 3, 5, 6, 7, 10, 11, 14, 15, 18, 23 };

  *start = random_pos (r);
  *n = BIT (shifts[below (r, ARRAY_SIZE (shifts))]);
  if (below (r, 2) == 0)
    *n = 1 + below (r, *n);
  *n = min_u64 (*n, r->nbits - *start);
}

/* Change nothing but what is behind the bits. */
static void
step_reclaim (struct run *r)
{
  const size_t memory = presence_memory (r->p);

  presence_reclaim (r->p);
  REQUIRE (r, presence_memory (r->p) == memory);
  REQUIRE (r, presence_memory_spare (r->p) <= memory);
  /* Nobody was in the way: all is found at once. */
  REQUIRE (r, presence_reclaim (r->p) == 0);
}

static void
step_change (struct run *r)
{
  uint64_t start, n, fresh;
  int64_t told;

  random_range (r, &start, &n);
  switch (below (r, 3)) {
  case 0:
    REQUIRE (r, presence_set (r->p, start, n) == 0);
    memset (r->model + start, 1, n);
    break;
  case 1:
    REQUIRE (r, presence_clear (r->p, start, n) == 0);
    memset (r->model + start, 0, n);
    break;
  case 2:
    fresh = n - model_count (r->model, start, n);
    told = presence_test_and_set (r->p, start, n);
    REQUIRE (r, told == fresh);
    memset (r->model + start, 1, n);
    break;
  }
}

static void
check_words (struct run *r)
{
  uint64_t words[40], start = ROUND_DOWN (random_pos (r), 64);
  size_t nwords = below (r, ARRAY_SIZE (words) + 1);

  presence_get_words (r->p, start, words, nwords);
  for (size_t i = 0; i < nwords * 64; i++) {
    bool want = start + i < r->nbits && r->model[start + i];

    REQUIRE (r, (words[i / 64] >> i % 64 & 1) == want);
  }
}

static void
step_check (struct run *r)
{
  const uint8_t *m = r->model;
  uint64_t start, n, end, run_end;
  bool value = below (r, 2);

  random_range (r, &start, &n);
  end = start + n;
  REQUIRE (r, presence_all (r->p, start, n) ==
                (model_find (m, start, end, false) == end));
  REQUIRE (r, presence_any (r->p, start, n) ==
                (model_find (m, start, end, true) < end));
  REQUIRE (r, presence_count (r->p, start, n) == model_count (m, start, n));
  REQUIRE (r, presence_find (r->p, start, end, value) ==
                model_find (m, start, end, value));
  if (n > 0) {
    REQUIRE (r, presence_test (r->p, start) == m[start]);
    REQUIRE (r, presence_run (r->p, start, end, &run_end) == m[start]);
    REQUIRE (r, run_end == model_find (m, start, end, !m[start]));
  }
  check_words (r);
}

static uint64_t
seed_get (void)
{
  const char *s = getenv ("SEED");

  if (s != NULL && *s != '\0')
    return strtoull (s, NULL, 0);
  return (uint64_t) time (NULL);
}

START_TEST (random_steps)
{
  struct run r = { .seed = seed_get (), .nbits = sizes[_i].nbits };

  r.rnd = r.seed;
  r.model = calloc (r.nbits, 1);
  r.p = presence_create (r.nbits);
  ck_assert (r.model != NULL && r.p != NULL);

  for (; r.step < sizes[_i].steps; r.step++) {
    step_change (&r);
    if (below (&r, 4) == 0)
      step_reclaim (&r);
    step_check (&r);
    if (r.step % 100 == 0)
      REQUIRE (&r, model_differs (r.model, r.p, 0, r.nbits) == r.nbits);
  }
  REQUIRE (&r, model_differs (r.model, r.p, 0, r.nbits) == r.nbits);
  presence_free (r.p);
  free (r.model);
}
END_TEST

int
main (void)
{
  Suite *s = suite_create ("presence-random");
  TCase *tc = tcase_create ("random");
  SRunner *sr;
  char seed[24];
  int failed;

  /* The same in all children, and known when one fails. */
  snprintf (seed, sizeof seed, "%" PRIu64, seed_get ());
  setenv ("SEED", seed, 1);
  printf ("SEED=%s\n", seed);
  fflush (stdout);

  tcase_set_timeout (tc, 600);
  tcase_add_loop_test (tc, random_steps, 0, ARRAY_SIZE (sizes));
  suite_add_tcase (s, tc);
  sr = srunner_create (s);
  srunner_run_all (sr, CK_ENV);
  failed = srunner_ntests_failed (sr);
  srunner_free (sr);
  return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
