/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The policy while several threads read: of most use when it is built
 * with ThreadSanitizer.  The table's forms change all the time, and what
 * does not change is always read right.
 */

#include <config.h>

#include <check.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/align.h"
#include "base/cleanup.h"
#include "policy/policy-table.h"
#include "policy/policy.h"
#include "support/main.h"
#include "support/rng.h"
#include "support/threads.h"

#define RANGE 1024
#define RANGES 6
#define NCLUSTERS (RANGES * RANGE)
#define READERS 3

struct round {
  struct policy_table table;
  struct policy *policy;
  pthread_mutex_t lock;
  atomic_bool end;
  atomic_uint errors;
  atomic_ullong reads;
  uint64_t seed;
};

/* In each range two are always held, and two never; in the next range it
 * is the other way round, so that a cell which has gone from one range to
 * another has the wrong answer.
 */
#define STEP 512

static uint64_t
always_at (uint64_t first)
{
  return first + 70 + first / RANGE % 2;
}

static uint64_t
never_at (uint64_t first)
{
  return first + 71 - first / RANGE % 2;
}

static bool
always (uint64_t cluster)
{
  return cluster == always_at (ROUND_DOWN (cluster, STEP));
}

static bool
never (uint64_t cluster)
{
  return cluster == never_at (ROUND_DOWN (cluster, STEP));
}

/* More and fewer around all borders, in one range after the other: the
 * cells go around.
 */
static void
change_table (struct round *r, struct rng *rng)
{
  static const unsigned most[] = { 5, 12, 40, 36 };

  for (unsigned i = 0; i < 6000; i++) {
    const uint64_t first = rng_below (rng, RANGES) * RANGE;
    const uint64_t n = most[rng_below (rng, ARRAY_SIZE (most))];
    const unsigned state = rng_one_in (rng, 2) ? 0 : STATE_HELD;

    for (uint64_t k = 0; k < n; k++) {
      const uint64_t c = first + k * 25;

      if (!always (c) && !never (c) &&
          policy_table_set (&r->table, c, state) == -1)
        abort ();
    }
  }
}

static void
table_thread (void *opaque, unsigned index)
{
  struct round *r = opaque;
  unsigned long long n = 0;
  struct rng rng;

  rng_init (&rng, r->seed + index);
  if (index == 0) {
    change_table (r, &rng);
    atomic_store (&r->end, true);
    return;
  }
  while (!atomic_load_explicit (&r->end, memory_order_relaxed)) {
    const uint64_t at = rng_below (&rng, NCLUSTERS / STEP) * STEP;

    n++;
    r->errors += !(policy_table_get (&r->table, always_at (at)) & STATE_HELD);
    r->errors += policy_table_get (&r->table, never_at (at)) != 0;
    policy_table_hit (&r->table, always_at (at));
    policy_table_hit (&r->table, never_at (at));
    policy_table_hit (&r->table, at + rng_below (&rng, 20) * 25);
  }
  r->reads += n;
}

START_TEST (table)
{
  static struct round round;
  struct round *r = &round;

  r->seed = rng_seed ("table");
  ck_assert_int_eq (policy_table_init (&r->table, NCLUSTERS), 0);
  for (uint64_t c = 0; c < NCLUSTERS; c++)
    if (always (c))
      ck_assert_int_eq (policy_table_set (&r->table, c, STATE_HELD), 0);
  threads_run (1 + READERS, table_thread, r);
  printf ("%llu reads\n", (unsigned long long) r->reads);
  ck_assert_uint_eq (r->errors, 0);
  for (uint64_t c = 0; c < NCLUSTERS; c++) {
    if (always (c))
      ck_assert (policy_table_get (&r->table, c) & STATE_HELD);
    if (never (c))
      ck_assert_uint_eq (policy_table_get (&r->table, c), 0);
  }
  policy_table_fini (&r->table);
}
END_TEST

/* One of the writers, which take turns. */
static void
write_policy (struct round *r, struct rng *rng)
{
  uint64_t cluster = rng_below (rng, NCLUSTERS), victim;
  LOCK_SCOPE (&r->lock);

  if (never (cluster))
    cluster += 2;
  if (rng_one_in (rng, 10))
    policy_remove (r->policy, cluster);
  else
    r->errors += policy_insert (r->policy, cluster) != 0;
  while (policy_count (r->policy) > 300) {
    r->errors += !policy_victim (r->policy, &victim);
    if (rng_one_in (rng, 5))
      r->errors += policy_return (r->policy, victim) != 0;
  }
}

static void
policy_thread (void *opaque, unsigned index)
{
  struct round *r = opaque;
  struct rng rng;

  rng_init (&rng, r->seed + index);
  for (unsigned i = 0; i < 20000; i++)
    if (index < 2)
      write_policy (r, &rng);
    else {
      const uint64_t c = rng_below (&rng, NCLUSTERS);

      policy_hit (r->policy, c);
      r->errors += policy_has (r->policy, c) && never (c);
    }
}

START_TEST (policy)
{
  static struct round round = { .lock = PTHREAD_MUTEX_INITIALIZER };
  struct round *r = &round;
  uint64_t n = 0, cluster;

  r->seed = rng_seed ("policy");
  r->policy = policy_create (NCLUSTERS);
  ck_assert_ptr_nonnull (r->policy);
  threads_run (2 + READERS, policy_thread, r);
  ck_assert_uint_eq (r->errors, 0);

  /* What was counted is what is there, each once. */
  for (uint64_t c = 0; c < NCLUSTERS; c++)
    n += policy_has (r->policy, c);
  ck_assert_uint_eq (n, policy_count (r->policy));
  for (; policy_victim (r->policy, &cluster); n--)
    ck_assert (!policy_has (r->policy, cluster));
  ck_assert_uint_eq (n, 0);
  policy_free (r->policy);
}
END_TEST

int
main (void)
{
  const TTest *const tests[] = { table, policy };

  return test_main ("policy-threads", tests, ARRAY_SIZE (tests));
}
