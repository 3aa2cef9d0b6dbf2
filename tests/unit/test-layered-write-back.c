/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Write-back and bounds, one rule of docs/write-back.md at a time, over a
 * RAM layer and a disk in memory whose operations fail, or stop in the
 * middle, when a test says so.
 */

#include <config.h>

#include <check.h>
#include <errno.h>
#include <sched.h>
#include <string.h>

#include "layered/layered-cache-impl.h"
#include "support/layer-mem.h"
#include "support/main.h"
#include "support/rng.h"
#include "support/store-fault.h"
#include "support/store-trace.h"
#include "write-back-stack.h"

enum { SECTOR = 512, MIB = 1 << 20, CLUSTER = LAYER_CLUSTER };

static uint8_t buf[2 * MIB], got[2 * MIB];

static void
put (struct wb_stack *t, uint64_t offset, size_t count, int fill)
{
  memset (buf, fill, count);
  ck_assert_int_eq (store_write (t->s, buf, count, offset, 0, &t->err), 0);
}

static void
expect (struct store *s, uint64_t offset, size_t count, int fill)
{
  int err;

  ck_assert_int_eq (store_read (s, got, count, offset, &err), 0);
  for (size_t i = 0; i < count; i++)
    ck_assert_msg (got[i] == fill, "byte %zu is %#x and not %#x", i, got[i],
                   fill);
}

/* Nothing is below that no flush covered. */
static void
expect_durable (struct wb_stack *t)
{
  /* An entry to look back from. */
  ck_assert_int_eq (store_read (t->fault, got, 512, 0, &t->err), 0);
  ck_assert (
    trace_durable_before (t->trace, trace_len (t->trace) - 1, 0, t->size));
}

START_TEST (a_write_stays_until_a_flush)
{
  struct wb_stack t = { .write_back = true };

  wb_build (&t, MIB);
  put (&t, 4096, 4096, 0x11);
  expect (t.mem, 4096, 4096, WB_OLD);
  expect (t.s, 4096, 4096, 0x11);
  ck_assert_uint_eq (layered_dirty (t.ld, 0), 4096);
  ck_assert_int_eq (store_flush (t.s, &t.err), 0);
  expect (t.mem, 4096, 4096, 0x11);
  expect (t.mem, 0, 4096, WB_OLD);
  ck_assert_uint_eq (layered_dirty (t.ld, 0), 0);
  expect_durable (&t);
  wb_close (&t);
}
END_TEST

START_TEST (neighbours_go_down_in_one_request)
{
  struct wb_stack t = { .write_back = true };

  wb_build (&t, MIB);
  for (unsigned i = 0; i < 64; i++)
    put (&t, i * 4096, 4096, 0x20 + i);
  trace_clear (t.trace);
  ck_assert_int_eq (store_flush (t.s, &t.err), 0);
  ck_assert_uint_eq (store_fault_count (t.fault, STORE_OP_BIT (STORE_OP_WRITE)),
                     1);
  wb_close (&t);
}
END_TEST

START_TEST (fua_is_durable_below)
{
  struct wb_stack t = { .write_back = true };

  wb_build (&t, MIB);
  put (&t, 0, 4096, 1);
  memset (buf, 7, 512);
  ck_assert_int_eq (store_write (t.s, buf, 512, 2 * CLUSTER, STORE_FUA, &t.err),
                    0);
  expect (t.mem, 2 * CLUSTER, 512, 7);
  expect_durable (&t);
  wb_close (&t);
}
END_TEST

START_TEST (a_failed_write_below_keeps_the_data)
{
  struct wb_stack t = { .write_back = true };

  wb_build (&t, MIB);
  put (&t, 0, 8192, 3);
  put (&t, 3 * CLUSTER, 512, 4);
  store_fault_all (t.fault, STORE_OP_BIT (STORE_OP_WRITE), EIO);
  ck_assert_int_eq (store_flush (t.s, &t.err), -1);
  ck_assert_int_eq (t.err, EIO);
  ck_assert_int_eq (store_flush (t.s, &t.err), -1);
  ck_assert_uint_ge (count_get (&t.ld->counters[0].clean_errors), 2);
  expect (t.s, 0, 8192, 3);
  ck_assert_uint_eq (layered_dirty (t.ld, 0), 8192 + 512);
  store_fault_reset (t.fault);
  ck_assert_int_eq (store_flush (t.s, &t.err), 0);
  expect (t.mem, 0, 8192, 3);
  expect (t.mem, 3 * CLUSTER, 512, 4);
  wb_close (&t);
}
END_TEST

/* The flush may have lost what was written: write it again. */
START_TEST (a_failed_flush_below_makes_it_dirty_again)
{
  struct wb_stack t = { .write_back = true };

  wb_build (&t, MIB);
  put (&t, 0, 512, 3);
  store_fault_all (t.fault, STORE_OP_BIT (STORE_OP_FLUSH), EIO);
  ck_assert_int_eq (store_flush (t.s, &t.err), -1);
  store_fault_reset (t.fault);
  memset (buf, 0x77, 512); /* what the medium lost */
  ck_assert_int_eq (store_write (t.mem, buf, 512, 0, 0, &t.err), 0);
  ck_assert_uint_eq (layered_dirty (t.ld, 0), 512);
  ck_assert_int_eq (store_flush (t.s, &t.err), 0);
  expect (t.mem, 0, 512, 3);
  wb_close (&t);
}
END_TEST

/* Every operation below fails once, at every point, and nothing is lost. */
START_TEST (the_nth_operation_below_fails)
{
  const unsigned kinds =
    STORE_OP_BIT (STORE_OP_WRITE) | STORE_OP_BIT (STORE_OP_FLUSH) |
    STORE_OP_BIT (STORE_OP_ZERO) | STORE_OP_BIT (STORE_OP_READ);
  bool fired = true;

  for (uint64_t nth = 1; fired; nth++) {
    struct wb_stack t = { .write_back = true,
                          .read_cache = true,
                          .max = 512 * 1024 };
    struct rng rng;
    int wrong = 0;

    rng_init (&rng, nth);
    wb_build (&t, 2 * MIB);
    store_fault_nth (t.fault, kinds, nth);
    for (unsigned i = 0; i < 120; i++) {
      const uint64_t n = 1 + rng_below (&rng, 64);
      const uint64_t s = rng_below (&rng, 2 * MIB / SECTOR - n);

      wrong += wb_random_op (&t, &rng, s, n) == -1;
    }
    fired = store_fault_fired (t.fault);
    ck_assert_int_le (wrong, fired ? 1 : 0);
    store_fault_reset (t.fault);
    wb_check (&t);
    ck_assert_int_eq (layered_commit (t.ld, t.way, &t.err), 0);
    wb_check_below (&t);
    wb_close (&t);
    ck_assert_uint_lt (nth, 2000);
  }
}
END_TEST

/* A hook that lets the test act while a request is below. */
struct act {
  struct wb_stack *t;
  unsigned kinds;
  bool done; /* act after the operation instead of before */
  void (*fn) (struct wb_stack *t);
  int busy;
};

static int
act_hook (void *opaque, const struct store_op *op, bool done)
{
  struct act *a = opaque;

  if (a->busy == 0 && done == a->done && (a->kinds & STORE_OP_BIT (op->kind))) {
    a->busy = 1;
    a->fn (a->t);
  }
  return 0;
}

static void
write_newer (struct wb_stack *t)
{
  memset (buf + MIB, 0x55, 512);
  ck_assert_int_eq (store_write (t->s, buf + MIB, 512, 0, 0, &t->err), 0);
}

/* What flies is not clean when it lands, if it was written meanwhile. */
START_TEST (a_write_while_it_flies_is_dirty)
{
  struct wb_stack t = { .write_back = true };
  struct act a = { &t, STORE_OP_BIT (STORE_OP_WRITE), true, write_newer, 0 };

  wb_build (&t, MIB);
  put (&t, 0, 512, 0x44);
  store_fault_set_hook (t.fault, act_hook, &a);
  ck_assert_int_eq (store_flush (t.s, &t.err), 0);
  ck_assert_int_eq (a.busy, 1);
  ck_assert_uint_eq (layered_dirty (t.ld, 0), 512);
  expect (t.mem, 0, 512, 0x44);
  expect (t.s, 0, 512, 0x55);
  ck_assert_int_eq (store_flush (t.s, &t.err), 0);
  expect (t.mem, 0, 512, 0x55);
  wb_close (&t);
}
END_TEST

static void
write_clean_and_evict (struct wb_stack *t)
{
  write_newer (t);
  ck_assert_int_eq (layered_commit (t->ld, t->way, &t->err), 0);
  ck_assert (cache_shrink (t->ld->cache[0], t->way, 100 * CLUSTER, true));
  ck_assert_uint_gt (count_get (&t->ld->counters[0].evicted), 0);
}

/* Who read old content below must not store it after the newer was
 * written, moved down and evicted.
 */
START_TEST (what_is_stale_is_not_populated)
{
  struct wb_stack t = { .write_back = true, .read_cache = true, .max = MIB };
  struct act a = { &t, STORE_OP_BIT (STORE_OP_READ), true,
                   write_clean_and_evict, 0 };

  wb_build (&t, MIB);
  store_fault_set_hook (t.fault, act_hook, &a);
  ck_assert_int_eq (store_read (t.s, got, 512, 0, &t.err), 0);
  ck_assert_int_eq (a.busy, 1);
  expect (t.s, 0, 512, 0x55);
  wb_close (&t);
}
END_TEST

START_TEST (a_bound_is_kept)
{
  struct wb_stack t = { .write_back = true, .read_cache = true, .max = MIB };
  struct rng rng;

  wb_build (&t, 16 * MIB);
  rng_init (&rng, 1);
  for (unsigned i = 0; i < 3000; i++) {
    const uint64_t n = 1 + rng_below (&rng, 200);

    ck_assert_int_eq (
      wb_random_op (&t, &rng, rng_below (&rng, 16 * MIB / SECTOR - n), n), 0);
    ck_assert_uint_le (layered_used (t.ld, 0), MIB);
  }
  ck_assert_uint_gt (count_get (&t.ld->counters[0].evicted), 100);
  wb_check (&t);
  ck_assert_int_eq (layered_commit (t.ld, t.way, &t.err), 0);
  wb_check_below (&t);
  wb_close (&t);
}
END_TEST

/* The client is not told of a cache that is too small. */
START_TEST (no_room_falls_through)
{
  struct wb_stack t = { .write_back = true, .max = 128 * 1024 };

  wb_build (&t, 4 * MIB);
  put (&t, 0, MIB, 0x31);
  expect (t.s, 0, MIB, 0x31);
  ck_assert_uint_ge (count_get (&t.ld->counters[0].fell_through), MIB);
  expect (t.mem, 0, MIB, 0x31);
  put (&t, 4096, 4096, 0x32);
  put (&t, 0, MIB, 0x33);
  expect (t.s, 0, MIB, 0x33);
  ck_assert_uint_eq (layered_dirty (t.ld, 0), 0);
  wb_close (&t);
}
END_TEST

START_TEST (long_zeroes_go_below)
{
  struct wb_stack t = { .write_back = true };

  wb_build (&t, 4 * MIB);
  put (&t, MIB, 4096, 0x31);
  ck_assert_int_eq (store_zero (t.s, 2 * MIB, MIB / 2, STORE_MAY_TRIM, &t.err),
                    0);
  expect (t.s, MIB / 2, 2 * MIB, 0);
  expect (t.mem, MIB / 2, 2 * MIB, 0);
  ck_assert_uint_eq (layered_dirty (t.ld, 0), 0);
  ck_assert_int_eq (store_zero (t.s, 8192, 512, 0, &t.err), 0);
  expect (t.s, 512, 8192, 0);
  expect (t.mem, 512, 8192, WB_OLD);
  ck_assert_int_eq (store_flush (t.s, &t.err), 0);
  expect (t.mem, 512, 8192, 0);
  wb_close (&t);
}
END_TEST

static void
read_meanwhile (struct wb_stack *t)
{
  struct layer *l = t->ld->member[0].layer;
  uint64_t end;

  ck_assert_int_eq (store_read (t->s, got, 4096, MIB, &t->err), 0);
  ck_assert_int_eq (l->ops->state (l, MIB / SECTOR, MIB / SECTOR + 8, &end),
                    LAYER_ABSENT);
}

/* What goes past a durable layer must find nothing cached there, without
 * a mark, by who reads while it is below: a crash would bring that back.
 */
START_TEST (what_is_passed_by_is_not_cached)
{
  const struct layer_info info = { .nsectors = 4 * MIB / SECTOR,
                                   .sector_size = SECTOR,
                                   .physical_sector_size = SECTOR,
                                   .no_overwrite = true,
                                   .keeps_dirty = true };
  const struct layered_member m = { .layer = layer_mem_create (&info),
                                    .write_back = true,
                                    .read_cache = true };
  struct wb_stack t = { .age = 0 };
  struct act a = { &t, STORE_OP_BIT (STORE_OP_ZERO), false, read_meanwhile, 0 };

  wb_build_members (&t, 4 * MIB, &m, 1);
  store_fault_set_hook (t.fault, act_hook, &a);
  ck_assert_int_eq (store_zero (t.s, 2 * MIB, MIB / 2, 0, &t.err), 0);
  ck_assert_int_eq (a.busy, 1);
  expect (t.s, 2 * MIB, MIB / 2, 0);
  wb_close (&t);
}
END_TEST

START_TEST (age_moves_it_down)
{
  struct wb_stack t = { .write_back = true, .age = 5 };

  wb_build (&t, MIB);
  wb_start (&t);
  put (&t, 0, 4096, 0x61);
  while (layered_dirty (t.ld, 0) > 0)
    sched_yield ();
  ck_assert_int_eq (layered_stop (t.ld, &t.err), 0);
  expect (t.mem, 0, 4096, 0x61);
  wb_close (&t);
}
END_TEST

START_TEST (a_stop_moves_it_down)
{
  struct wb_stack t = { .write_back = true, .age = 1000000 };

  wb_build (&t, MIB);
  wb_start (&t);
  put (&t, 0, 4096, 0x61);
  store_fault_all (t.fault, STORE_OP_BIT (STORE_OP_WRITE), ENOSPC);
  wb_stop_fails (&t, ENOSPC);
  store_fault_reset (t.fault);
  wb_start (&t);
  ck_assert_int_eq (layered_stop (t.ld, &t.err), 0);
  expect (t.mem, 0, 4096, 0x61);
  wb_close (&t);
}
END_TEST

/* Threads that share clusters, each with sectors of its own. */

#if defined __SANITIZE_THREAD__ || defined __SANITIZE_ADDRESS__
enum { THREADS = 4, ROUNDS = 400 }; /* each takes up to twenty times as long */
#else
enum { THREADS = 4, ROUNDS = 1500 };
#endif

struct crowd {
  struct wb_stack *t;
  uint64_t seed;
};

static void
one_of_the_crowd (void *opaque, unsigned index)
{
  struct crowd *c = opaque;
  const uint64_t nsectors = c->t->size / SECTOR;
  struct rng rng;

  rng_init (&rng, c->seed + index);
  for (unsigned i = 0; i < ROUNDS; i++) {
    const uint64_t s = rng_below (&rng, nsectors / 8 / THREADS) * 8 * THREADS;

    wb_random_op (c->t, &rng, s + 8 * index, 1 + rng_below (&rng, 8));
  }
}

static void
run_crowd (struct wb_stack *t, bool faults)
{
  struct crowd c = { t, rng_seed ("crowd") };

  wb_build (t, 4 * MIB);
  wb_start (t);
  if (faults)
    store_fault_set (t->fault, &(struct store_fault_plan){
                                 .kinds = STORE_OP_BIT (STORE_OP_WRITE) |
                                          STORE_OP_BIT (STORE_OP_FLUSH),
                                 .nth = 40 });
  threads_run (THREADS, one_of_the_crowd, &c);
  store_fault_reset (t->fault);
  wb_check (t);
  ck_assert_int_eq (layered_stop (t->ld, &t->err), 0);
  wb_check_below (t);
  wb_close (t);
}

START_TEST (a_crowd_on_a_bounded_write_back_cache)
{
  struct wb_stack t = {
    .write_back = true, .read_cache = true, .max = MIB, .age = 2
  };

  run_crowd (&t, false);
}
END_TEST

START_TEST (a_crowd_on_a_cache_that_is_too_small)
{
  struct wb_stack t = {
    .write_back = true, .read_cache = true, .max = 200 * 1024, .age = 2
  };

  run_crowd (&t, false);
}
END_TEST

START_TEST (a_crowd_on_a_write_back_layer)
{
  struct wb_stack t = { .write_back = true, .age = 1 };

  run_crowd (&t, true);
}
END_TEST

START_TEST (a_crowd_on_a_bounded_write_through_cache)
{
  struct wb_stack t = {
    .write_through = true, .read_cache = true, .max = MIB, .age = 2
  };

  run_crowd (&t, false);
}
END_TEST

START_TEST (a_crowd_on_two_write_back_layers)
{
  struct wb_stack t = {
    .write_back = true, .read_cache = true, .max = MIB, .second = true, .age = 2
  };

  run_crowd (&t, true);
}
END_TEST

/* Stacks of one to four layers with whatever they may be. */

#if defined __SANITIZE_THREAD__ || defined __SANITIZE_ADDRESS__
enum { MOST = 4, STACKS = 15 };
#else
enum { MOST = 4, STACKS = 60 };
#endif

static struct layer *
some_layer (struct rng *rng, uint64_t size, uint64_t max)
{
  const struct layer_info info = { .nsectors = size / SECTOR,
                                   .sector_size = SECTOR,
                                   .physical_sector_size = SECTOR,
                                   .no_overwrite = true,
                                   .keeps_dirty = rng_one_in (rng, 2) };

  return rng_one_in (rng, 2) ? wb_layer (size, max) : layer_mem_create (&info);
}

static struct layered_member
some_member (struct rng *rng, uint64_t size, bool *written)
{
  struct layered_member m = { .read_cache = rng_one_in (rng, 2) };

  if (*written && rng_below (rng, 5) > 0) {
    m.write_back = rng_one_in (rng, 2);
    m.write_through = !m.write_back;
  }
  if ((m.write_back || m.write_through || (!*written && m.read_cache)) &&
      rng_below (rng, 3) > 0)
    m.max = (1 + rng_below (rng, 4)) * MIB / 4;
  m.layer = some_layer (rng, size, m.max);
  *written = *written && (m.write_back || m.write_through);
  return m;
}

/* A layer without marks that is write-through keeps what failed below. */
static bool
may_be_ahead (const struct layered_member *m, unsigned n)
{
  for (unsigned i = 0; i < n; i++) {
    if (m[i].write_through && m[i].max == 0)
      return true;
  }
  return false;
}

START_TEST (generated_stacks)
{
  const uint64_t seed = rng_seed ("generated_stacks");

  for (unsigned i = 0; i < STACKS; i++) {
    struct wb_stack t = { .age = 1 };
    struct layered_member m[MOST];
    bool written = true, faults;
    unsigned n;
    struct rng rng;

    rng_init (&rng, seed + i);
    n = 1 + rng_below (&rng, MOST);
    for (unsigned k = 0; k < n; k++)
      m[k] = some_member (&rng, 2 * MIB, &written);
    wb_build_members (&t, 2 * MIB, m, n);
    if (rng_one_in (&rng, 2))
      wb_start (&t);
    faults = rng_one_in (&rng, 3);
    for (unsigned k = 0; k < 200; k++) {
      const uint64_t count = 1 + rng_below (&rng, 300);
      const uint64_t s = rng_below (&rng, 2 * MIB / SECTOR - count);

      if (faults && rng_one_in (&rng, 20))
        store_fault_nth (t.fault, STORE_OPS_ALL, 1 + rng_below (&rng, 10));
      ck_assert (wb_random_op (&t, &rng, s, count) == 0 || faults);
    }
    store_fault_reset (t.fault);
    wb_check (&t);
    ck_assert_int_eq (layered_commit (t.ld, t.way, &t.err), 0);
    if (t.ld->reaches_bottom && !(faults && may_be_ahead (m, n)))
      wb_check_below (&t);
    ck_assert_int_eq (layered_stop (t.ld, &t.err), 0);
    wb_close (&t);
  }
}
END_TEST

int
main (void)
{
  const TTest *const rules[] = {
    a_write_stays_until_a_flush,
    neighbours_go_down_in_one_request,
    fua_is_durable_below,
    a_failed_write_below_keeps_the_data,
    a_failed_flush_below_makes_it_dirty_again,
    the_nth_operation_below_fails,
    a_write_while_it_flies_is_dirty,
    what_is_stale_is_not_populated,
    a_bound_is_kept,
    no_room_falls_through,
    long_zeroes_go_below,
    what_is_passed_by_is_not_cached,
    age_moves_it_down,
    a_stop_moves_it_down,
    a_crowd_on_a_bounded_write_back_cache,
    a_crowd_on_a_cache_that_is_too_small,
    a_crowd_on_a_write_back_layer,
    a_crowd_on_a_bounded_write_through_cache,
    a_crowd_on_two_write_back_layers,
    generated_stacks,
  };

  return test_main ("layered-write-back", rules, ARRAY_SIZE (rules));
}
