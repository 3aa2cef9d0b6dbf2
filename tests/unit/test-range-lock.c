/* SPDX-License-Identifier: BSD-3-Clause
 *
 * range-lock: overlapping holds exclude each other if one is exclusive,
 * others do not wait, and no order of requests locks up (the time limit
 * of the test would tell).
 */

#include <config.h>

#include <check.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/align.h"
#include "store/range-lock.h"
#include "support/alloc-fault.h"
#include "support/main.h"
#include "support/rng.h"
#include "support/threads.h"

/* Take and release a range in a thread of its own. */
struct attempt {
  struct range_lock *l;
  uint64_t start, end;
  bool exclusive;
  _Atomic bool *may_succeed; /* or NULL */
};

static void *
attempt_main (void *v)
{
  struct attempt *a = v;
  struct range_hold h;

  range_lock_acquire (a->l, &h, a->start, a->end, a->exclusive);
  if (a->may_succeed != NULL)
    ck_assert (*a->may_succeed);
  range_lock_release (a->l, &h);
  return NULL;
}

static void
attempt_now (struct range_lock *l, uint64_t start, uint64_t end, bool exclusive)
{
  struct attempt a = {
    .l = l, .start = start, .end = end, .exclusive = exclusive
  };
  pthread_t t;

  ck_assert_int_eq (pthread_create (&t, NULL, attempt_main, &a), 0);
  pthread_join (t, NULL);
}

#define G ((uint64_t) RANGE_LOCK_GRANULE)

/* What does not conflict does not wait, also in the same shard. */
START_TEST (no_conflict)
{
  struct range_lock *l = range_lock_create ();
  struct range_hold h;

  range_lock_acquire (l, &h, 1000, 2000, true);
  attempt_now (l, 0, 1000, true);
  attempt_now (l, 2000, 2001, true);
  attempt_now (l, 2000, UINT64_MAX, true);
  attempt_now (l, RANGE_LOCK_SHARDS * G, RANGE_LOCK_SHARDS * G + 5000, true);
  range_lock_release (l, &h);

  range_lock_acquire (l, &h, 0, 500 * G, false);
  attempt_now (l, 0, 500 * G, false);
  attempt_now (l, 7, 8, false);
  attempt_now (l, 500 * G, 501 * G, true);
  range_lock_release (l, &h);

  range_lock_acquire (l, &h, UINT64_MAX - 1, UINT64_MAX, true);
  attempt_now (l, 0, UINT64_MAX - 1, true);
  range_lock_release (l, &h);
  range_lock_free (l);
}
END_TEST

/* What conflicts waits for the release. */
START_TEST (conflict)
{
  static const struct {
    uint64_t start, end;
    bool exclusive;
    uint64_t start2, end2;
    bool exclusive2;
  } cases[] = {
    { 0, 1, true, 0, 1, true },
    { 0, 1, true, 0, 1, false },
    { 0, 1, false, 0, 1, true },
    { 100, 200, true, 199, 300, true },
    { 100, 200, true, 0, 101, false },
    { 0, UINT64_MAX, true, 77 * G, 77 * G + 1, false },
    { 77 * G, 77 * G + 1, false, 0, UINT64_MAX, true },
    { G - 1, G + 1, true, G, 2 * G, true },
    { G - 1, G + 1, true, 0, G, true },
    { 63 * G, 65 * G, true, 64 * G, 64 * G + 1, true },
    { 0, 64 * G, true, 64 * G - 1, 65 * G, true },
  };

  for (size_t i = 0; i < ARRAY_SIZE (cases); i++) {
    struct range_lock *l = range_lock_create ();
    _Atomic bool released = false;
    struct attempt a = {
      .l = l,
      .start = cases[i].start2,
      .end = cases[i].end2,
      .exclusive = cases[i].exclusive2,
      .may_succeed = &released,
    };
    struct range_hold h;
    pthread_t t;

    range_lock_acquire (l, &h, cases[i].start, cases[i].end,
                        cases[i].exclusive);
    ck_assert_int_eq (pthread_create (&t, NULL, attempt_main, &a), 0);
    for (unsigned k = 0; k < 200; k++)
      sched_yield ();
    released = true;
    range_lock_release (l, &h);
    pthread_join (t, NULL);
    range_lock_free (l);
  }
}
END_TEST

/* Many threads on few bytes: each cell counts who holds it. */
enum { CELLS = 300, EXCLUSIVE = 1000 };

struct crowd {
  struct range_lock *l;
  uint64_t cell; /* bytes */
  uint64_t seed;
  unsigned rounds;
  _Atomic int holders[CELLS];
};

static void
crowd_enter (struct crowd *c, unsigned lo, unsigned hi, bool exclusive)
{
  for (unsigned i = lo; i < hi; i++) {
    const int before =
      atomic_fetch_add (&c->holders[i], exclusive ? EXCLUSIVE : 1);

    if (exclusive)
      quick_assert (before == 0);
    else
      quick_assert (before < EXCLUSIVE);
  }
}

static void
crowd_leave (struct crowd *c, unsigned lo, unsigned hi, bool exclusive)
{
  for (unsigned i = lo; i < hi; i++)
    atomic_fetch_sub (&c->holders[i], exclusive ? EXCLUSIVE : 1);
}

static void
crowd_member (void *opaque, unsigned index)
{
  struct crowd *c = opaque;
  struct rng rng;

  rng_init (&rng, c->seed + index);
  for (unsigned i = 0; i < c->rounds; i++) {
    const unsigned lo = rng_below (&rng, CELLS);
    const unsigned most = rng_one_in (&rng, 4) ? CELLS : 8;
    const unsigned hi = lo + 1 + rng_below (&rng, min_u64 (most, CELLS - lo));
    const bool exclusive = rng_one_in (&rng, 2);
    struct range_hold h;

    range_lock_acquire (c->l, &h, lo * c->cell, hi * c->cell, exclusive);
    crowd_enter (c, lo, hi, exclusive);
    if (rng_one_in (&rng, 4))
      sched_yield ();
    crowd_leave (c, lo, hi, exclusive);
    range_lock_release (c->l, &h);
  }
}

/* Cells in one shard, one cell in a shard, and more granules than shards. */
START_TEST (crowd)
{
  static const uint64_t cells[] = { 1, 4096, G / 2, G, 3 * G + 512 };
  struct crowd c = { .seed = rng_seed ("range-lock"), .rounds = 2000 };

  c.cell = cells[_i];
  c.l = range_lock_create ();
  threads_run (8, crowd_member, &c);
  for (unsigned i = 0; i < CELLS; i++)
    ck_assert_int_eq (c.holders[i], 0);
  range_lock_free (c.l);
}
END_TEST

START_TEST (no_memory)
{
  struct range_lock *l;

  alloc_fault_nth (1);
  l = range_lock_create ();
  ck_assert (alloc_fault_stop ());
  ck_assert_ptr_null (l);
  range_lock_free (NULL);
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("range-lock");
  TCase *c = test_case (suite, "range-lock");

  tcase_add_test (c, no_conflict);
  tcase_add_test (c, conflict);
  tcase_add_loop_test (c, crowd, 0, 5);
  tcase_add_test (c, no_memory);
  return test_run (suite);
}
