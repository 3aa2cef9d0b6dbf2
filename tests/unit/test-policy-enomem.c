/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The policy when memory runs out: an insertion says so and changes
 * nothing; nothing else needs any.
 */

#include <config.h>

#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/align.h"
#include "policy/policy-table.h"
#include "policy/policy.h"
#include "support/alloc-fault.h"
#include "support/main.h"
#include "support/nth-fault.h"
#include "support/rng.h"

#define RANGE 1024
#define NCLUSTERS (8 * RANGE)

struct run {
  struct policy *p;
  bool held[NCLUSTERS];
  uint64_t n;
  bool failed; /* an insertion did */
};

static void
check_run (const struct run *r)
{
  quick_assert (policy_count (r->p) == r->n);
  for (uint64_t i = 0; i < NCLUSTERS; i++)
    quick_assert (policy_has (r->p, i) == r->held[i]);
}

/* An insertion; if it fails, all is as it was, and it works the next time.
 */
static void
insert (struct run *r, uint64_t cluster)
{
  errno = 0;
  if (policy_insert (r->p, cluster) == -1) {
    quick_assert (errno == ENOMEM && !r->failed);
    r->failed = true;
    check_run (r);
    quick_assert (policy_insert (r->p, cluster) == 0);
  }
  r->n += !r->held[cluster];
  r->held[cluster] = true;
}

static uint64_t
victim (struct run *r)
{
  uint64_t cluster;

  quick_assert (policy_victim (r->p, &cluster) && r->held[cluster]);
  r->held[cluster] = false;
  r->n--;
  return cluster;
}

static void
removal (struct run *r, uint64_t cluster)
{
  policy_remove (r->p, cluster);
  r->n -= r->held[cluster];
  r->held[cluster] = false;
}

/* Ranges that are nearly empty, that have some, that are full; all forms
 * of the table, up and down, and the blocks of the queues.
 */
static void
steps (struct run *r)
{
  for (uint64_t i = 0; i < 2 * RANGE; i++)
    insert (r, i * 401 % (2 * RANGE));
  for (uint64_t range = 2; range < 8; range++)
    for (uint64_t i = 0; i < 6 * range; i++)
      insert (r, range * RANGE + i * 7);
  for (uint64_t i = 0; i < NCLUSTERS; i += 5)
    policy_hit (r->p, i);
  for (unsigned i = 0; i < 1500; i++)
    victim (r);
  for (uint64_t i = 0; i < NCLUSTERS; i += 3)
    removal (r, i);
  for (uint64_t i = 0; i < NCLUSTERS; i += 41)
    insert (r, i);
}

START_TEST (each_allocation)
{
  struct nth_fault f = NTH_FAULT_INIT;

  while (nth_fault_next (&f)) {
    struct run *r = calloc (1, sizeof *r);

    ck_assert_ptr_nonnull (r);
    alloc_fault_nth (f.n);
    errno = 0;
    r->p = policy_create (NCLUSTERS);
    if (r->p != NULL)
      steps (r);
    f.fired = alloc_fault_stop ();
    if (r->p == NULL)
      ck_assert (f.fired && errno == ENOMEM);
    else
      check_run (r);
    policy_free (r->p);
    free (r);
  }
  printf ("%u allocations\n", (unsigned) f.n - 1);
  ck_assert_uint_gt (f.n, 50);
}
END_TEST

/* All victims are returned when there is no memory at all; how many that
 * are, how they lie and what happened before makes no difference.
 */
START_TEST (no_memory_to_return)
{
  struct rng rng;

  rng_init (&rng, rng_seed ("return"));
  for (unsigned round = 0; round < 300; round++) {
    static struct run run;
    static uint64_t victims[NCLUSTERS];
    struct run *r = &run;
    const uint64_t span = 1 + rng_below (&rng, NCLUSTERS);
    const uint64_t ninserts = 1 + rng_below (&rng, 2 * span);
    uint64_t n = 0, held;

    memset (r, 0, sizeof *r);
    r->p = policy_create (NCLUSTERS);
    ck_assert_ptr_nonnull (r->p);
    for (uint64_t i = 0; i < ninserts; i++) {
      insert (r, rng_below (&rng, span));
      policy_hit (r->p, rng_below (&rng, span));
      if (rng_one_in (&rng, 3))
        victim (r);
      if (rng_one_in (&rng, 5))
        removal (r, rng_below (&rng, span));
    }

    held = r->n;
    alloc_fault_from (1);
    for (unsigned again = 0; again < 3; again++) {
      n = held > 0 ? rng_below (&rng, held + 1) : 0;
      for (uint64_t i = 0; i < n; i++)
        victims[i] = victim (r);
      for (uint64_t i = 0; i < n; i++) {
        quick_assert (policy_return (r->p, victims[i]) == 0);
        r->held[victims[i]] = true;
        r->n++;
      }
    }
    alloc_fault_stop ();
    check_run (r);
    policy_free (r->p);
  }
}
END_TEST

/* What is removed while there is no memory is gone all the same. */
START_TEST (no_memory_to_remove)
{
  static struct run run;
  struct run *r = &run;

  r->p = policy_create (NCLUSTERS);
  ck_assert_ptr_nonnull (r->p);
  for (uint64_t i = 0; i < NCLUSTERS; i++)
    insert (r, i);
  alloc_fault_from (1);
  for (uint64_t i = 0; i < NCLUSTERS; i++)
    if (i % 100 != 0)
      removal (r, i);
  alloc_fault_stop ();
  check_run (r);
  for (uint64_t i = 0; i < NCLUSTERS; i++)
    removal (r, i);
  check_run (r);
  policy_free (r->p);
}
END_TEST

/* More pages at once than there are lines that they could become: they
 * stay pages, and become lines when there is memory.
 */
START_TEST (no_memory_to_fold)
{
  enum { NRANGES = 40, MANY = 60 };
  struct policy_table t;
  size_t memory;

  ck_assert_int_eq (policy_table_init (&t, NRANGES * RANGE), 0);
  for (uint64_t c = 0; c < NRANGES * RANGE; c++)
    if (c % RANGE < MANY)
      quick_assert (policy_table_set (&t, c, STATE_HELD) == 0);
  memory = policy_table_memory (&t);

  alloc_fault_from (1);
  for (uint64_t c = 0; c < NRANGES * RANGE; c++)
    if (c % RANGE < MANY - 25)
      quick_assert (policy_table_set (&t, c, 0) == 0);
  quick_assert (alloc_fault_stop ());
  ck_assert_uint_eq (policy_table_memory (&t), memory);
  for (uint64_t c = 0; c < NRANGES * RANGE; c++)
    quick_assert ((policy_table_get (&t, c) != 0) ==
                  (c % RANGE >= MANY - 25 && c % RANGE < MANY));

  for (uint64_t range = 0; range < NRANGES; range++)
    quick_assert (policy_table_set (&t, range * RANGE + MANY - 1, 0) == 0);
  ck_assert_uint_gt (policy_table_memory (&t), memory);
  for (uint64_t c = 0; c < NRANGES * RANGE; c++)
    quick_assert (policy_table_set (&t, c, 0) == 0);
  for (uint64_t c = 0; c < NRANGES * RANGE; c++)
    quick_assert (policy_table_get (&t, c) == 0);
  policy_table_fini (&t);
}
END_TEST

/* So late that it was forgotten, and there is no memory. */
START_TEST (return_too_late)
{
  static struct run run;
  struct run *r = &run;
  uint64_t late;

  r->p = policy_create (NCLUSTERS);
  ck_assert_ptr_nonnull (r->p);
  for (uint64_t i = 0; i < 100; i++)
    insert (r, i * 10);
  late = victim (r);
  /* Others in the same range take all the room that there is. */
  for (uint64_t i = 0; i < 3000; i++) {
    victim (r);
    insert (r, RANGE + i);
  }
  for (uint64_t i = 0; i < 5 * RANGE; i++)
    insert (r, 2 * RANGE + i);
  alloc_fault_from (1);
  for (unsigned i = 0; i < 4; i++) {
    const int n = policy_insert (r->p, 100 + i);

    if (n == 0) {
      r->held[100 + i] = true;
      r->n++;
    }
  }
  errno = 0;
  if (policy_return (r->p, late) == 0) {
    r->held[late] = true;
    r->n++;
  }
  else
    ck_assert_int_eq (errno, ENOMEM);
  alloc_fault_stop ();
  check_run (r);
  ck_assert_int_eq (policy_return (r->p, late), 0);
  ck_assert (policy_has (r->p, late));
  policy_free (r->p);
}
END_TEST

int
main (void)
{
  const TTest *const tests[] = {
    each_allocation,   no_memory_to_return, no_memory_to_remove,
    no_memory_to_fold, return_too_late,
  };

  return test_main ("policy-enomem", tests, ARRAY_SIZE (tests));
}
