/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What a layer does when the medium below it fails, or when there is no
 * memory.  Each operation is repeated, on a layer with the same content,
 * with the first, second, third... operation (or allocation) under it
 * failing, until none does.  It must then fail with a reason, or do what
 * it should all the same; inside its range each sector is as it was or
 * as it should be, and everything else is as it was: now, after a power
 * cut, and after it was closed and opened again.
 */

#include <config.h>

#include <errno.h>

#include "conformance/layer-suite.h"
#include "support/alloc-fault.h"
#include "support/log-memory.h"
#include "support/nth-fault.h"
#include "support/store-fault.h"
#include "support/store-sim.h"

#define SIZE (1600 * 1024)

/* One operation that is refused somewhere on its way. */
struct attempt {
  struct layer_subject t;
  struct layer_op op;
  struct picture before, after;
  bool allocations; /* these fail, not the medium */
  const char *when; /* for messages */
};

static void
complain (const struct attempt *a, const char *what, uint64_t sector)
{
  log_memory_print ();
  ck_abort_msg ("%s: %s of %llu sectors at %llu: %s: %s, sector %llu",
                a->t.maker->name, layer_op_names[a->op.kind],
                (unsigned long long) a->op.nsectors,
                (unsigned long long) a->op.sector, a->when, what,
                (unsigned long long) sector);
}

static void
arm (const struct attempt *a, uint64_t n)
{
  if (a->allocations)
    alloc_fault_nth (n);
  else
    store_fault_nth (a->t.env.faulty, STORE_OPS_ALL, n);
}

static bool
disarm (const struct attempt *a)
{
  bool fired;

  if (a->allocations)
    return alloc_fault_stop ();
  fired = store_fault_fired (a->t.env.faulty);
  store_fault_reset (a->t.env.faulty);
  return fired;
}

static bool
is_dirty (const struct attempt *a)
{
  return a->op.kind == LAYER_OP_WRITE_DIRTY ||
         a->op.kind == LAYER_OP_WRITE_DIRTY_FUA ||
         a->op.kind == LAYER_OP_ZERO_DIRTY;
}

/* Old or new in the range, old elsewhere; nothing new without its mark. */
static void
check_picture (const struct attempt *a, const struct picture *p)
{
  for (uint64_t s = 0; s < p->nsectors; s++) {
    const bool old = picture_same (p, &a->before, s);

    if (!old && !picture_same (p, &a->after, s))
      complain (a, "neither old nor new", s);
    if (!old && is_dirty (a) && p->marked != NULL &&
        !p->marked[picture_cluster (p, s)])
      complain (a, "new, but not marked", s);
  }
  for (uint64_t c = 0; c < p->nclusters; c++) {
    if (!picture_same_mark (p, &a->before, c) &&
        !picture_same_mark (p, &a->after, c))
      complain (a, "a mark that is neither old nor new, cluster", c);
  }
}

static void
check_exactly (const struct attempt *a, const struct picture *p,
               const struct picture *should)
{
  const uint64_t s = picture_differs (p, should, 0, p->nsectors);

  if (s < p->nsectors)
    complain (a, "is not what it was or should be", s);
  for (uint64_t c = 0; c < p->nclusters; c++) {
    if (!picture_same_mark (p, should, c))
      complain (a, "a mark is not as it should be, cluster", c);
  }
}

static bool
pick_all (void *opaque, const struct store_sim_piece *p)
{
  return true;
}

static bool
pick_none (void *opaque, const struct store_sim_piece *p)
{
  return false;
}

/* The layer after a power cut; if DURABLE, it is what that says. */
static void
check_power_cut (struct attempt *a, store_sim_pick pick,
                 const struct picture *durable)
{
  struct store *const medium = a->t.env.medium;
  struct layer_env env = {
    .medium =
      store_sim_crash (medium, store_sim_position (medium), false, pick, NULL),
  };
  struct layer *l = a->t.maker->create (&env, &a->t.spec);
  struct picture p;

  if (l == NULL)
    complain (a, "does not open after a power cut", 0);
  picture_take (&p, l);
  if (durable != NULL)
    check_exactly (a, &p, durable);
  else
    check_picture (a, &p);
  picture_free (&p);
  layer_close (l);
  store_close (env.faulty);
  store_close (env.medium);
}

static void
check_power_cuts (struct attempt *a, const struct picture *durable)
{
  check_power_cut (a, pick_all, durable);
  check_power_cut (a, pick_none, durable);
}

/* The operation came back with R; what is there now? */
static void
check_layer (struct attempt *a, int r)
{
  const bool durable = r == 0 && (a->op.kind == LAYER_OP_WRITE_FUA ||
                                  a->op.kind == LAYER_OP_WRITE_DIRTY_FUA ||
                                  a->op.kind == LAYER_OP_ZERO_FUA);
  const bool persistent = a->t.maker->persistent;
  struct picture p, q;

  a->when = "now";
  picture_take (&p, a->t.l);
  if (r == 0)
    check_exactly (a, &p, &a->after);
  else
    check_picture (a, &p);
  a->when = "after the operation";
  if (persistent)
    check_power_cuts (a, durable ? &a->after : NULL);
  if (a->t.l->ops->flush (a->t.l, &a->t.err) == 0 && persistent) {
    a->when = "after a flush";
    check_power_cuts (a, &p);
  }
  if (persistent) {
    a->when = "opened again";
    layer_subject_reopen (&a->t);
    picture_take (&q, a->t.l);
    check_picture (a, &q);
    picture_free (&q);
  }
  picture_free (&p);
}

/* A layer with some content that is durable, partly in its log if it has
 * one; the same for the same I, sector size and VARIANT.
 */
static void
open_attempt (struct attempt *a, int i, unsigned variant)
{
  const struct layer_spec spec = { .quiet = true, .power_cuts = true };
  struct layer_op flush = { .kind = LAYER_OP_FLUSH };

  layer_subject_open (&a->t, i, SIZE, spec);
  rng_init (&a->t.rng, 100 + variant);
  layer_subject_random (&a->t, 10);
  if (variant % 2 == 0 && a->t.maker->persistent)
    layer_subject_reopen (&a->t);
  else {
    layer_subject_random (&a->t, 5);
    layer_subject_do (&a->t, &flush);
  }
  if (a->t.env.medium != NULL)
    store_sim_settle (a->t.env.medium);
  layer_subject_choose (&a->t, &a->op);
}

static void
take_pictures (struct attempt *a)
{
  int ignored;

  picture_take (&a->before, a->t.oracle);
  layer_op_do (a->t.oracle, &a->op, &ignored);
  picture_take (&a->after, a->t.oracle);
}

static void
close_attempt (struct attempt *a)
{
  picture_free (&a->before);
  picture_free (&a->after);
  layer_subject_close (&a->t);
}

static void
attempts_at (int i, unsigned variant, bool allocations)
{
  struct nth_fault f = NTH_FAULT_INIT;

  while (nth_fault_next (&f)) {
    struct attempt a = { .allocations = allocations, .when = "at once" };
    int r;

    open_attempt (&a, i, variant);
    take_pictures (&a);
    log_memory_clear ();
    arm (&a, f.n);
    r = layer_op_do (a.t.l, &a.op, &a.t.err);
    f.fired = disarm (&a);
    if (r == -1 && !f.fired)
      complain (&a, "failed without a fault", 0);
    if (r == -1 && a.t.err <= 0)
      complain (&a, "failed without a reason", 0);
    if (r == -1 && allocations && a.t.err != ENOMEM)
      complain (&a, "failed with another errno than ENOMEM", 0);
    check_layer (&a, r);
    close_attempt (&a);
  }
}

/* Each is another content and another operation.  All in one process: to
 * end one takes a leak checker longer than what is tested here.
 */
enum { VARIANTS = 36 };

static void
attempts (int i, bool allocations)
{
  for (unsigned v = 0; v < VARIANTS; v++) {
    if (nth_fault_case (v))
      attempts_at (i, v, allocations);
  }
}

START_TEST (faults_below)
{
  if (layer_makers[_i / 2].persistent)
    attempts (_i, false);
}
END_TEST

START_TEST (no_memory)
{
  attempts (_i, true);
}
END_TEST

/* What close does may fail, too. */
static void
close_with_fault (struct attempt *a, struct nth_fault *f)
{
  layer_subject_do (&a->t, &a->op);
  arm (a, f->n);
  layer_close (a->t.l);
  f->fired = disarm (a);
  a->t.l = a->t.maker->create (&a->t.env, &a->t.spec);
  if (a->t.l == NULL)
    complain (a, "does not open", 0);
}

static void
closes (int i, bool allocations)
{
  struct nth_fault f = NTH_FAULT_INIT;

  while (nth_fault_next (&f)) {
    struct attempt a = { .allocations = allocations, .when = "close" };
    struct picture p;

    open_attempt (&a, i, (unsigned) (f.n % 4));
    take_pictures (&a);
    close_with_fault (&a, &f);
    picture_take (&p, a.t.l);
    check_picture (&a, &p);
    picture_free (&p);
    close_attempt (&a);
  }
}

START_TEST (close_faults)
{
  if (layer_makers[_i / 2].persistent)
    closes (_i, false);
}
END_TEST

START_TEST (close_no_memory)
{
  if (layer_makers[_i / 2].persistent)
    closes (_i, true);
}
END_TEST

/* Making or opening a layer fails cleanly, and does no harm. */
static void
opens (int i, bool allocations)
{
  struct nth_fault f = NTH_FAULT_INIT;

  while (nth_fault_next (&f)) {
    struct attempt a = { .allocations = allocations, .when = "open" };

    open_attempt (&a, i, 1);
    layer_close (a.t.l);
    log_memory_clear ();
    arm (&a, f.n);
    a.t.l = a.t.maker->create (&a.t.env, &a.t.spec);
    f.fired = disarm (&a);
    if (a.t.l == NULL) {
      ck_assert (f.fired);
      ck_assert_uint_ge (log_memory_errors (), 1);
      a.t.l = a.t.maker->create (&a.t.env, &a.t.spec);
      ck_assert_ptr_nonnull (a.t.l);
    }
    if (a.t.maker->persistent)
      layer_subject_check_all (&a.t);
    layer_subject_close (&a.t);
  }
}

START_TEST (open_faults)
{
  if (layer_makers[_i / 2].persistent)
    opens (_i, false);
}
END_TEST

START_TEST (open_no_memory)
{
  opens (_i, true);
}
END_TEST

void
layer_suite_faults (Suite *suite)
{
  TCase *c = test_case (suite, "faults");
  const int n = NLAYER_SUBJECTS;

  tcase_add_loop_test (c, faults_below, 0, n);
  tcase_add_loop_test (c, no_memory, 0, n);
  tcase_add_loop_test (c, close_faults, 0, n);
  tcase_add_loop_test (c, close_no_memory, 0, n);
  tcase_add_loop_test (c, open_faults, 0, n);
  tcase_add_loop_test (c, open_no_memory, 0, n);
}
