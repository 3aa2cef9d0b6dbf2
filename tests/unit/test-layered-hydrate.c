/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Hydration: everything that is lacking is fetched and nothing else, when
 * nobody is disturbed, as often as it takes.
 */

#include <config.h>

#include <check.h>
#include <errno.h>

#include "layer/layer-ram.h"
#include "layered/layered-hydrate.h"
#include "support/log-memory.h"
#include "support/threads.h"
#include "unit/layered-rig.h"

#define SIZE (UINT64_C (5) * RIG_MIB + 300) /* ends inside of a sector */
#define SIZE_UP ROUND_UP (SIZE, RIG_SECTOR)

static void
start (struct rig *r, uint64_t rate)
{
  ck_assert_int_eq (layered_hydrate_start (r->ld, rate, &r->err), 0);
}

static void
finish (struct rig *r)
{
  rig_wait (&r->ld->hydration.finished, true);
  layered_hydrate_stop (r->ld);
  ck_assert (!r->ld->hydration.active);
  ck_assert (!r->ld->clients.watched);
  ck_assert_uint_eq (r->ld->hydration.done, r->ld->hydration.total);
  ck_assert_uint_eq (r->ld->hydration.total, ROUND_UP (r->size, RIG_SECTOR));
}

/* Nothing of what is below is needed any more. */
static void
check_independent (struct rig *r)
{
  store_fault_reset (r->client_bottom);
  store_fault_all (r->client_bottom, STORE_OPS_ALL, EIO);
  rig_check (r);
}

START_TEST (fills_what_is_lacking)
{
  const uint64_t seed = rng_seed ("layered-hydrate");
  struct rig r;
  uint64_t present = 0;

  rig_build_cache (&r, seed, SIZE, 0);
  /* By clients: written in the cache, read into it, zeroed. */
  for (unsigned i = 0; i < 3; i++) {
    const uint64_t offset = i * RIG_MIB + 512 * rng_below (&r.rng, 1000);
    const uint64_t count = 512 * (1 + rng_below (&r.rng, 1000));

    if (i == 0) {
      rng_fill (&r.rng, r.disk + offset, count);
      ck_assert_int_eq (
        store_write (r.client, r.disk + offset, count, offset, 0, &r.err), 0);
    }
    else if (i == 1) {
      ck_assert_int_eq (store_cache (r.client, count, offset, &r.err), 0);
    }
    else {
      memset (r.disk + offset, 0, count);
      ck_assert_int_eq (store_zero (r.client, count, offset, 0, &r.err), 0);
    }
    present += count;
  }
  start (&r, 0);
  finish (&r);
  ck_assert_uint_eq (rig_traced (&r, RIG_READ), SIZE - present);
  for (size_t i = 0; i < trace_len (r.trace); i++)
    ck_assert_uint_le (trace_get (r.trace, i).op.count, RIG_MIB);
  check_independent (&r);

  /* Again: there is nothing to do. */
  trace_clear (r.trace);
  start (&r, 0);
  finish (&r);
  ck_assert_uint_eq (trace_len (r.trace), 0);
  rig_tear_down (&r);
}
END_TEST

/* What is in layers below does not lack; what is in those above does. */
START_TEST (other_layers)
{
  const struct layered_member m[] = {
    { .layer = rig_layer (SIZE) },
    { .layer = rig_layer (SIZE), .read_cache = true, .max = 1 << 20 },
    { .layer = rig_layer (SIZE), .read_cache = true },
    { .layer = rig_layer (SIZE) },
  };
  struct rig r;

  rig_build (&r, 2, SIZE, m, 4);
  ck_assert_int_eq (store_write (r.client, r.disk, RIG_MIB, 0, 0, &r.err), 0);
  ck_assert_int_eq (m[3].layer->ops->write (m[3].layer, r.disk + 2 * RIG_MIB,
                                            2 * RIG_MIB / RIG_SECTOR,
                                            RIG_MIB / RIG_SECTOR, 0, &r.err),
                    0);
  start (&r, 0);
  finish (&r);
  ck_assert_int_ge (trace_find (r.trace, 0, RIG_READ, 0, RIG_MIB), 0);
  ck_assert_int_eq (trace_find (r.trace, 0, RIG_READ, 2 * RIG_MIB, RIG_MIB),
                    -1);
  ck_assert_uint_eq (rig_traced (&r, RIG_READ), SIZE - RIG_MIB);
  check_independent (&r);
  rig_tear_down (&r);
}
END_TEST

START_TEST (goes_on_where_it_was)
{
  struct rig r;

  rig_build_cache (&r, 3, SIZE, 0);
  start (&r, 1000); /* the first request takes up a quarter of an hour */
  rig_wait_done (&r, RIG_MIB);
  ck_assert (r.ld->hydration.active);
  layered_hydrate_stop (r.ld);
  ck_assert (!r.ld->hydration.active);
  ck_assert (!r.ld->hydration.finished);
  ck_assert_uint_eq (r.ld->hydration.done, RIG_MIB);
  layered_hydrate_stop (r.ld); /* does nothing */

  trace_clear (r.trace);
  start (&r, 0);
  finish (&r);
  ck_assert_uint_eq (rig_traced (&r, RIG_READ), SIZE - RIG_MIB);
  check_independent (&r);
  rig_tear_down (&r);
}
END_TEST

START_TEST (bandwidth)
{
  const double before = rig_now ();
  struct rig r;

  rig_build_cache (&r, 4, SIZE, 0);
  start (&r, 20 * RIG_MIB);
  finish (&r);
  /* The last request is not waited for. */
  ck_assert_double_ge (rig_now () - before, 5.0 / 20);
  check_independent (&r);
  rig_tear_down (&r);
}
END_TEST

/* While a client waits, seven eighths of the time are left to it; and yet
 * it is done some time.
 */
START_TEST (clients_come_first)
{
  const struct store_fault_plan slow = { .kinds = RIG_READ, .delay = 5000 };
  struct layered_clients *request;
  double before;
  struct rig r;

  rig_build_cache (&r, 5, SIZE, 0);
  store_fault_set (r.faulty, &slow);
  before = rig_now ();
  r.ld->clients.watched = true; /* as if it had begun already */
  request = layered_clients_enter (&r.ld->clients);
  start (&r, 0);
  finish (&r);
  /* Six requests and the five pauses between them. */
  ck_assert_double_ge (rig_now () - before, (6 + 5 * 7) * 0.005);
  layered_clients_leave (&request);
  check_independent (&r);
  rig_tear_down (&r);
}
END_TEST

/* A part that cannot be read is left for later. */
START_TEST (errors_below)
{
  const struct store_fault_plan bad = { .kinds = RIG_READ,
                                        .nth = 1,
                                        .persistent = true,
                                        .on_range = true,
                                        .offset = 1 * RIG_MIB + 9000,
                                        .count = 1 };
  struct rig r;

  log_memory_clear ();
  rig_build_cache (&r, 6, SIZE, 0);
  store_fault_set (r.faulty, &bad);
  start (&r, 0);
  rig_wait_done (&r, SIZE_UP - RIG_MIB);
  ck_assert (!r.ld->hydration.finished);
  ck_assert_uint_eq (log_memory_errors (), 1);
  ck_assert (log_memory_contains ("hydrate: offset=1048576 count=1048576: "
                                  "cannot be read: Input/output error"));
  store_fault_reset (r.faulty);
  finish (&r);
  ck_assert_uint_eq (log_memory_errors (), 1);
  ck_assert (log_memory_contains ("is not needed any more"));
  check_independent (&r);
  rig_tear_down (&r);
}
END_TEST

/* It can be stopped while it waits to try again. */
START_TEST (stops_after_failure)
{
  struct rig r;

  rig_build_cache (&r, 7, SIZE, 0);
  store_fault_all (r.faulty, RIG_READ, EIO);
  start (&r, 0);
  while (store_fault_count (r.faulty, RIG_READ) < 2)
    sched_yield ();
  layered_hydrate_stop (r.ld);
  ck_assert (!r.ld->hydration.finished);
  ck_assert_uint_eq (r.ld->hydration.done, 0);
  rig_tear_down (&r);
}
END_TEST

/* A cache that does not take what was read is not full. */
START_TEST (cache_is_full)
{
  const struct layer_below nothing = { .export_name = "" };
  const struct layer_ram_options o = { .size = SIZE_UP,
                                       .sector_size = RIG_SECTOR,
                                       .max = 2 * RIG_MIB };
  const struct layered_member m = { .layer = layer_ram_create (&o, &nothing),
                                    .read_cache = true };
  struct rig r;

  log_memory_clear ();
  rig_build (&r, 8, SIZE, &m, 1);
  start (&r, 0);
  while (!log_memory_contains ("cannot be kept"))
    sched_yield ();
  layered_hydrate_stop (r.ld);
  ck_assert (!r.ld->hydration.finished);
  ck_assert_uint_ge (r.ld->hydration.done, RIG_MIB);
  rig_check (&r);
  rig_tear_down (&r);
}
END_TEST

/* Each read makes the cache give up the first cluster. */
static int
evict (void *opaque, const struct store_op *op, bool done)
{
  struct rig *r = opaque;
  struct layer *l = r->ld->member[0].layer;
  int err;

  quick_assert (l->ops->discard (l, 0, 128, &err) == 0);
  count_add (&r->ld->counters[0].evicted, 1);
  return 0;
}

START_TEST (cache_evicts)
{
  struct rig r;

  log_memory_clear ();
  rig_build_cache (&r, 11, SIZE, SIZE_UP);
  store_fault_set_hook (r.faulty, evict, &r);
  start (&r, 0);
  rig_wait (&r.ld->hydration.active, false);
  layered_hydrate_stop (r.ld);
  ck_assert (!r.ld->hydration.finished);
  ck_assert_uint_eq (log_memory_errors (), 1);
  ck_assert (log_memory_contains ("its bound is too small"));
  ck_assert_uint_eq (rig_traced (&r, RIG_READ), SIZE); /* once */
  store_fault_set_hook (r.faulty, NULL, NULL);
  rig_tear_down (&r);
}
END_TEST

static void
refuse (struct rig *r, int expected)
{
  ck_assert_int_eq (layered_hydrate_start (r->ld, 0, &r->err), -1);
  ck_assert_int_eq (r->err, expected);
  ck_assert (!r->ld->hydration.active);
}

START_TEST (refusals)
{
  const struct layered_member plain = { .layer = rig_layer (SIZE) };
  struct store *own;
  struct rig r;

  rig_build (&r, 9, SIZE, &plain, 1);
  refuse (&r, EOPNOTSUPP);
  rig_tear_down (&r);

  rig_build_cache (&r, 9, SIZE, SIZE_UP - 1);
  refuse (&r, ENOSPC);
  rig_tear_down (&r);

  rig_build_cache (&r, 9, SIZE, SIZE_UP);
  own = r.ld->own_bottom;
  r.ld->own_bottom = NULL;
  refuse (&r, EINVAL);
  r.ld->own_bottom = own;
  start (&r, 1000);
  ck_assert_int_eq (layered_hydrate_start (r.ld, 0, &r.err), -1);
  ck_assert_int_eq (r.err, EINVAL);
  layered_hydrate_stop (r.ld);
  rig_tear_down (&r);
}
END_TEST

/* Clients read and write, each its own part, meanwhile. */
static void
client (void *opaque, unsigned index)
{
  struct rig *r = opaque;
  const uint64_t part = SIZE / 4, start = index * part;
  struct rng rng;
  int err;

  rng_init (&rng, index + 77);
  for (unsigned i = 0; i < 150; i++) {
    const uint64_t count = 1 + rng_below (&rng, 20000);
    const uint64_t offset = start + rng_below (&rng, part - count);
    uint8_t buf[20000];

    if (rng_one_in (&rng, 2)) {
      rng_fill (&rng, r->disk + offset, count);
      quick_assert (
        store_write (r->client, r->disk + offset, count, offset, 0, &err) == 0);
    }
    else {
      quick_assert (store_read (r->client, buf, count, offset, &err) == 0);
      quick_assert (memcmp (buf, r->disk + offset, count) == 0);
    }
  }
}

START_TEST (beside_clients)
{
  struct rig r;

  rig_build_cache (&r, rng_seed ("layered-hydrate-clients"), SIZE, 0);
  start (&r, 0);
  threads_run (4, client, &r);
  rig_wait (&r.ld->hydration.finished, true);
  layered_hydrate_stop (r.ld);
  check_independent (&r);
  rig_tear_down (&r);
}
END_TEST

int
main (void)
{
  const TTest *const tests[] = {
    fills_what_is_lacking, other_layers, goes_on_where_it_was, bandwidth,
    clients_come_first,    errors_below, stops_after_failure,  cache_is_full,
    cache_evicts,          refusals,     beside_clients,
  };

  return test_main ("layered-hydrate", tests, ARRAY_SIZE (tests));
}
