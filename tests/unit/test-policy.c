/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The policy of eviction: what is held, in which order it goes, what is
 * spared, and how much memory that takes.
 */

#include <config.h>

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/align.h"
#include "policy/policy-table.h"
#include "policy/policy.h"
#include "support/main.h"
#include "support/must.h"
#include "support/rng.h"

#define BIT(n) (UINT64_C (1) << (n))
#define RANGE 1024

static struct policy *
create (uint64_t nclusters)
{
  struct policy *p = policy_create (nclusters);

  ck_assert_ptr_nonnull (p);
  return p;
}

static void
insert (struct policy *p, uint64_t first, uint64_t n)
{
  for (uint64_t i = first; i < first + n; i++)
    quick_assert (policy_insert (p, i) == 0);
}

static uint64_t
victim (struct policy *p)
{
  uint64_t cluster = UINT64_MAX;

  quick_assert (policy_victim (p, &cluster));
  quick_assert (!policy_has (p, cluster));
  return cluster;
}

static uint64_t
count_held (const struct policy *p, uint64_t first, uint64_t n)
{
  uint64_t r = 0;

  for (uint64_t i = first; i < first + n; i++)
    r += policy_has (p, i);
  return r;
}

/* As a cache of CAPACITY clusters: CLUSTER is read, in NREADS pieces. */
static void
read_cluster (struct policy *p, uint64_t capacity, uint64_t cluster,
              unsigned nreads)
{
  if (!policy_has (p, cluster)) {
    while (policy_count (p) >= capacity)
      victim (p);
    quick_assert (policy_insert (p, cluster) == 0);
    nreads--;
  }
  for (unsigned i = 0; i < nreads; i++)
    policy_hit (p, cluster);
}

START_TEST (empty)
{
  static const uint64_t sizes[] = { 0, 1, RANGE, RANGE + 1, BIT (30) };

  for (size_t i = 0; i < ARRAY_SIZE (sizes); i++) {
    const uint64_t n = sizes[i], last = n - 1;
    struct policy *p = create (n);
    uint64_t cluster;

    ck_assert_uint_eq (policy_count (p), 0);
    ck_assert (!policy_victim (p, &cluster));
    if (n > 0) {
      ck_assert (!policy_has (p, last));
      policy_hit (p, last);
      policy_remove (p, last);
      ck_assert (!policy_has (p, last));
      ck_assert_uint_eq (policy_count (p), 0);
      ck_assert_int_eq (policy_insert (p, last), 0);
      ck_assert (policy_has (p, last));
      ck_assert_uint_eq (policy_count (p), 1);
      ck_assert_uint_eq (victim (p), last);
      ck_assert_uint_eq (policy_count (p), 0);
      ck_assert (!policy_victim (p, &cluster));
    }
    policy_free (p);
  }
  policy_free (NULL);
}
END_TEST

/* What was never used goes in the order in which it came. */
START_TEST (first_in_first_out)
{
  struct policy *p = create (10 * RANGE);

  for (uint64_t i = 0; i < 3000; i++)
    insert (p, i * 7 % 10007, 1);
  insert (p, 0, 1); /* held already */
  ck_assert_uint_eq (policy_count (p), 3000);
  for (uint64_t i = 0; i < 3000; i++)
    quick_assert (victim (p) == i * 7 % 10007);
  ck_assert_uint_eq (policy_count (p), 0);
  policy_free (p);
}
END_TEST

/* What was used goes after all that was not. */
START_TEST (used_stays)
{
  struct policy *p = create (RANGE);

  insert (p, 0, 1000);
  for (uint64_t i = 0; i < 900; i += 9)
    for (unsigned k = 0; k < 2; k++)
      policy_hit (p, i);
  for (uint64_t i = 0; i < 800; i++)
    quick_assert (victim (p) % 9 != 0);
  ck_assert_uint_eq (count_held (p, 0, 900), 100);
  for (uint64_t i = 0; i < 200; i++)
    victim (p);
  ck_assert_uint_eq (policy_count (p), 0);
  policy_free (p);
}
END_TEST

/* What is used while it is new, and never again, is not in use. */
START_TEST (used_at_once)
{
  struct policy *p = create (RANGE);

  for (uint64_t i = 0; i < 1000; i++)
    read_cluster (p, 1000, i, 16);
  /* But for the last ones. */
  for (uint64_t i = 0; i < 900; i++)
    quick_assert (victim (p) == i);
  policy_free (p);
}
END_TEST

/* A scan in small requests drives out nothing that is in use, though it
 * is not used meanwhile; but for the last that came before the scan.  The
 * loop runs once for each size of cache.
 */
START_TEST (scan)
{
  static const uint64_t sizes[] = { 20, 100, 1000, 20000 };
  const uint64_t capacity = sizes[_i], nhot = capacity / 2;
  struct policy *p = create (BIT (20));

  for (unsigned round = 0; round < 4; round++)
    for (uint64_t i = 0; i < nhot; i++)
      read_cluster (p, capacity, i * 3, 1);
  for (uint64_t i = 0; i < 10 * capacity; i++)
    read_cluster (p, capacity, 100000 + i, 16);
  for (uint64_t i = 0; i < nhot - min_u64 (16, nhot / 8 + 1); i++)
    quick_assert (policy_has (p, i * 3));
  policy_free (p);
}
END_TEST

/* A ghost comes back into the main queue, and stays longer than others. */
START_TEST (ghost)
{
  struct policy *p = create (4 * RANGE);
  uint64_t cluster;

  insert (p, 0, 1000);
  cluster = victim (p);
  ck_assert_uint_eq (cluster, 0);
  insert (p, cluster, 1);
  insert (p, 2000, 1000);
  for (unsigned i = 0; i < 1700; i++)
    quick_assert (victim (p) != cluster);
  ck_assert (policy_has (p, cluster));
  policy_free (p);
}
END_TEST

/* As many are remembered as are held, and no more. */
START_TEST (ghosts_expire)
{
  struct policy *p = create (BIT (20));

  for (uint64_t i = 0; i < 5000; i++)
    read_cluster (p, 1000, i, 1);
  /* Held are 4000 to 4999, remembered 3000 to 3999: 2000 is new again,
   * and goes first.  3500 stays.
   */
  read_cluster (p, 1000, 2000, 1);
  read_cluster (p, 1000, 3500, 1);
  for (uint64_t i = 0; i < 999; i++)
    victim (p);
  ck_assert (!policy_has (p, 2000));
  ck_assert (policy_has (p, 3500));
  policy_free (p);
}
END_TEST

/* Whoever asks and gives back, one by one or many at once, sees all of
 * them before long; also when nothing new comes.
 */
START_TEST (give_back)
{
  static const unsigned batches[] = { 1, 3, 64, 500 };
  enum { N = 700 };

  for (size_t k = 0; k < ARRAY_SIZE (batches); k++) {
    struct policy *p = create (RANGE);
    bool seen[N] = { false };
    uint64_t victims[N];
    unsigned nseen = 0;

    insert (p, 0, N);
    for (uint64_t i = 0; i < N; i += 2) {
      policy_hit (p, i);
      policy_hit (p, i);
    }
    for (unsigned i = 0; i < 3 * N; i += batches[k]) {
      for (unsigned v = 0; v < batches[k]; v++) {
        victims[v] = victim (p);
        nseen += !seen[victims[v]];
        seen[victims[v]] = true;
      }
      for (unsigned v = 0; v < batches[k]; v++) {
        quick_assert (policy_return (p, victims[v]) == 0);
        quick_assert (policy_has (p, victims[v]));
        quick_assert (policy_return (p, victims[v]) == 0);
      }
      quick_assert (policy_count (p) == N);
    }
    ck_assert_uint_eq (nseen, N);
    policy_free (p);
  }
}
END_TEST

/* All at once, which needs no memory; and in between one is inserted. */
START_TEST (give_all_back)
{
  static const uint64_t strides[] = { 1, 30, 200, 1024, 5000 };
  enum { N = 3000 };

  for (size_t k = 0; k < ARRAY_SIZE (strides); k++) {
    struct policy *p = create (N * strides[k]);
    static uint64_t victims[N];

    for (uint64_t i = 0; i < N; i++)
      insert (p, i * strides[k], 1);
    for (unsigned i = 0; i < N; i++)
      victims[i] = victim (p);
    insert (p, victims[7], 1);
    for (unsigned i = 0; i < N; i++)
      quick_assert (policy_return (p, victims[i]) == 0);
    ck_assert_uint_eq (policy_count (p), N);
    for (uint64_t i = 0; i < N; i++)
      quick_assert (policy_has (p, i * strides[k]));
    policy_free (p);
  }
}
END_TEST

START_TEST (removed)
{
  struct policy *p = create (4 * RANGE);
  size_t memory;

  insert (p, 0, 2000);
  for (uint64_t i = 1; i < 2000; i += 2) {
    policy_remove (p, i);
    policy_remove (p, i);
    quick_assert (!policy_has (p, i));
  }
  ck_assert_uint_eq (policy_count (p), 1000);
  insert (p, 1, 1);
  ck_assert_uint_eq (policy_count (p), 1001);
  for (unsigned i = 0; i < 1001; i++) {
    const uint64_t cluster = victim (p);

    quick_assert (cluster % 2 == 0 || cluster == 1);
  }
  ck_assert_uint_eq (policy_count (p), 0);

  /* Again and again: nothing piles up. */
  memory = policy_memory (p);
  for (unsigned i = 0; i < 100000; i++) {
    insert (p, i % 3, 1);
    insert (p, i * UINT64_C (31) % 4000, 1);
    policy_remove (p, i % 3);
    policy_remove (p, i * UINT64_C (31) % 4000);
  }
  ck_assert_uint_eq (policy_count (p), 0);
  ck_assert_uint_le (policy_memory (p), memory);
  policy_free (p);
}
END_TEST

/* From one cluster of a range to all of them and back, in no order. */
START_TEST (dense)
{
  struct policy *p = create (3 * RANGE);
  bool held[3 * RANGE] = { false };
  struct rng rng;

  rng_init (&rng, rng_seed ("dense"));
  for (unsigned i = 0; i < 40000; i++) {
    const uint64_t c = rng_below (&rng, 3 * RANGE);

    /* Now it becomes more, now less. */
    if (rng_below (&rng, 10000) < (i / 10000 % 2 == 0 ? 8000 : 2000)) {
      insert (p, c, 1);
      held[c] = true;
    }
    else {
      policy_remove (p, c);
      held[c] = false;
    }
    if (i % 64 == 0)
      for (uint64_t k = 0; k < 3 * RANGE; k++)
        quick_assert (policy_has (p, k) == held[k]);
  }
  policy_free (p);
}
END_TEST

/* ------------------------------------------------------------------ */
/* Memory, on a disk of 64 TiB */

#define DISK BIT (30)
#define ROOT (DISK / RANGE * 8)
#define HELD 16384
#define MEMORY_MAX (24 << 20)

static uint64_t
place (unsigned how, struct rng *rng, uint64_t i)
{
  switch (how) {
  case 0: /* anywhere */
    return rng_below (rng, DISK);
  case 1: /* in order */
    return i % DISK;
  case 2: /* some 3, 5, 20, 29, 33, 40 of each range */
    return i * 341 % DISK;
  case 3:
    return i * 205 % DISK;
  case 4:
    return i * 51 % DISK;
  case 5:
    return i * 35 % DISK;
  case 6:
    return i * 31 % DISK;
  case 7:
    return i * 25 % DISK;
  default: /* one after the other */
    return place ((unsigned) (i / 60000) % 8, rng, i);
  }
}

START_TEST (bounded)
{
  struct policy *p = create (DISK);
  size_t most = 0, early = 0;
  const uint64_t n = _i == 8 ? 960000 : 400000;
  struct rng rng;

  rng_init (&rng, rng_seed ("memory"));
  for (uint64_t i = 0; i < n; i++) {
    read_cluster (p, HELD, place ((unsigned) _i, &rng, i), 1);
    if (rng_one_in (&rng, 50))
      policy_remove (p, place ((unsigned) _i, &rng, i - i % 100));
    most = max_u64 (most, policy_memory (p));
    if (i == n / 2)
      early = most;
  }
  printf ("way %d: %zu bytes, %.1f for each held\n", _i, most,
          (double) (most - ROOT) / HELD);
  ck_assert_uint_le (most, MEMORY_MAX);
  /* Held; ghosts and what was one, two for each; and the removed. */
  ck_assert_uint_le (most - ROOT, POLICY_BYTES * HELD * 3.2 + 20000);
  /* The second half of the way needs what the first did. */
  ck_assert_uint_le (most, early + early / 100);
  policy_free (p);
}
END_TEST

/* A range that has few again has given its line or page to the next. */
START_TEST (cells_go_around)
{
  static const struct {
    uint64_t many, few, nranges;
  } forms[] = { { 5, 3, 1000 }, { 33, 28, 200 }, { 1024, 0, 50 } };

  for (size_t k = 0; k < ARRAY_SIZE (forms); k++) {
    const uint64_t n = forms[k].nranges;
    struct policy_table t;
    size_t memory = 0;

    ck_assert_int_eq (policy_table_init (&t, 40 * n * RANGE), 0);
    for (uint64_t range = 0; range < 40 * n; range++) {
      for (uint64_t i = 0; i < forms[k].many; i++)
        quick_assert (policy_table_set (&t, range * RANGE + i, 16 + i % 16) ==
                      0);
      if (range == 3 * n)
        memory = policy_table_memory (&t);
      if (range >= n)
        for (uint64_t i = forms[k].few; i < forms[k].many; i++)
          policy_table_set (&t, (range - n) * RANGE + i, 0);
    }
    /* (Pages that became lines are lines, each more of them.) */
    if (forms[k].few != 28)
      ck_assert_uint_eq (policy_table_memory (&t), memory);
    ck_assert_uint_lt (t.pages.ncells, 2 * n);
    for (uint64_t range = 0; range < 39 * n; range++)
      for (uint64_t i = 0; i < forms[k].many; i++)
        quick_assert (policy_table_get (&t, range * RANGE + i) ==
                      (i < forms[k].few ? 16 + i % 16 : 0));
    policy_table_fini (&t);
  }
}
END_TEST

/* The root's word for a line or page is one that was never there: or who
 * reads a cell could not tell that it had gone and come back.
 */
START_TEST (words_differ)
{
  enum { N = 500 };
  static uint64_t words[2 * N];
  struct policy_table t;

  ck_assert_int_eq (policy_table_init (&t, RANGE), 0);
  for (unsigned n = 0; n < 2 * N; n += 2) {
    for (uint64_t i = 0; i < 5; i++)
      quick_assert (policy_table_set (&t, i, STATE_HELD) == 0);
    words[n] = t.root[0];
    for (uint64_t i = 5; i < 33; i++)
      quick_assert (policy_table_set (&t, i, STATE_HELD) == 0);
    words[n + 1] = t.root[0];
    for (uint64_t i = 0; i < 33; i++)
      quick_assert (policy_table_set (&t, i, 0) == 0);
    ck_assert_uint_eq (t.root[0], 0);
  }
  for (unsigned i = 0; i < 2 * N; i++)
    for (unsigned k = 0; k < i; k++)
      quick_assert (words[i] != words[k]);
  policy_table_fini (&t);
}
END_TEST

/* Much is held, and then little. */
START_TEST (gives_memory_back)
{
  struct policy *p = create (BIT (20));
  size_t memory;

  insert (p, 0, 200000);
  memory = policy_memory (p);
  for (uint64_t i = 0; i < 199900; i++)
    policy_remove (p, i);
  ck_assert_uint_lt (policy_memory (p), memory / 4);
  policy_free (p);
}
END_TEST

int
main (void)
{
  const TTest *const tests[] = {
    empty,
    first_in_first_out,
    used_stays,
    used_at_once,
    ghost,
    ghosts_expire,
    give_back,
    give_all_back,
    removed,
    dense,
    gives_memory_back,
    cells_go_around,
    words_differ,
  };
  Suite *s = suite_create ("policy");
  TCase *c = test_case (s, "policy");

  for (size_t i = 0; i < ARRAY_SIZE (tests); i++)
    tcase_add_test (c, tests[i]);
  tcase_add_loop_test (c, scan, 0, 4);
  tcase_add_loop_test (c, bounded, 0, 9);
  return test_run (s);
}
