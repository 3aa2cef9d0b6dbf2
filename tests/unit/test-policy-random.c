/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Random operations on a policy and on a simple model of it: they choose
 * the same victims.
 */

#include <config.h>

#include <check.h>
#include <stdlib.h>

#include "base/align.h"
#include "policy-model.h"
#include "policy/policy.h"
#include "support/main.h"
#include "support/must.h"
#include "support/rng.h"

/* How far apart the model's clusters are on the disk; and how many there
 * are, are held, are taken at once.
 */
static const struct setup {
  uint64_t stride, span, held, batch;
  unsigned steps;
} setups[] = {
  { 1, 6000, 500, 1, 8000 },    { 1, 300, 100, 20, 8000 },
  { 30, 2000, 400, 64, 6000 },  { 1000, 1000, 300, 10, 6000 },
  { 170, 6000, 2000, 5, 8000 }, { 40, 60, 20, 3, 20000 },
  { 5000, 5, 2, 2, 3000 },      { 1 << 18, 4000, 1000, 30, 6000 },
};

struct run {
  const struct setup *setup;
  struct policy *p;
  struct model *m;
  struct rng rng;
};

/* Often the same ones, and runs of new ones. */
static uint64_t
choose (struct run *r, unsigned step)
{
  const uint64_t span = r->setup->span;

  if (rng_one_in (&r->rng, 3))
    return rng_below (&r->rng, 1 + span / 8);
  if (rng_one_in (&r->rng, 2))
    return step % span;
  return rng_below (&r->rng, span);
}

/* Take some, keep some of them. */
static void
evict (struct run *r)
{
  static uint64_t victims[MODEL_MAX];
  const uint64_t n = 1 + rng_below (&r->rng, r->setup->batch);
  uint64_t cluster, want, taken = 0;

  for (uint64_t i = 0; i < n; i++) {
    const bool any = policy_victim (r->p, &cluster);

    quick_assert (any == model_victim (r->m, &want));
    if (!any)
      break;
    quick_assert (cluster == want * r->setup->stride);
    victims[taken++] = want;
  }
  for (uint64_t i = 0; i < taken; i++)
    if (rng_one_in (&r->rng, 4)) {
      quick_assert (policy_return (r->p, victims[i] * r->setup->stride) == 0);
      model_return (r->m, victims[i]);
    }
}

static void
step (struct run *r, unsigned i)
{
  const uint64_t c = choose (r, i), at = c * r->setup->stride;

  quick_assert (policy_has (r->p, at) == r->m->c[c].held);
  switch (rng_below (&r->rng, 8)) {
  case 0:
    if (rng_one_in (&r->rng, 3)) {
      policy_remove (r->p, at);
      model_remove (r->m, c);
    }
    break;
  case 1:
    quick_assert (policy_return (r->p, at) == 0);
    model_return (r->m, c);
    break;
  case 2:
  case 3:
  case 4:
    policy_hit (r->p, at);
    model_hit (r->m, c);
    break;
  default:
    quick_assert (policy_insert (r->p, at) == 0);
    model_insert (r->m, c);
    break;
  }
  while (policy_count (r->p) > r->setup->held)
    evict (r);
  quick_assert (policy_count (r->p) == model_held (r->m));
}

START_TEST (same_victims)
{
  struct run r = { .setup = &setups[_i] };

  rng_init (&r.rng, rng_seed ("policy"));
  r.m = must_calloc (1, sizeof *r.m);
  r.p = policy_create (r.setup->span * r.setup->stride);
  ck_assert_ptr_nonnull (r.p);
  for (unsigned i = 0; i < r.setup->steps; i++)
    step (&r, i);
  for (uint64_t i = 0; i < r.setup->span; i++)
    quick_assert (policy_has (r.p, i * r.setup->stride) == r.m->c[i].held);
  policy_free (r.p);
  free (r.m);
}
END_TEST

int
main (void)
{
  Suite *s = suite_create ("policy-random");

  tcase_add_loop_test (test_case (s, "random"), same_victims, 0,
                       ARRAY_SIZE (setups));
  return test_run (s);
}
