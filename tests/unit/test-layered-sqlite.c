/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Threads on a stack whose layer is in a file, write-back and bounded, with
 * checkpoints, evictions and space that comes back while they work.
 */

#include <config.h>

#include <check.h>
#include <stdio.h>

#include "base/align.h"
#include "layer/sqlite/layer-sqlite.h"
#include "support/main.h"
#include "write-back-stack.h"

enum { MIB = 1 << 20, SIZE = 6 * MIB, THREADS = 4, ROUNDS = 600 };

static struct layer *
sqlite_layer (struct store *file, uint64_t max)
{
  const struct layer_below below = {
    .exists = true, .size = SIZE, .sector_size = WB_SECTOR, .export_name = ""
  };
  const struct layer_sqlite_options o = { .name = "layer", .max = max };
  struct layer *l;

  ck_assert_int_eq (layer_sqlite_format (file, &o, &below), 0);
  l = layer_sqlite_open (file, &o, &below);
  ck_assert_ptr_nonnull (l);
  return l;
}

struct crowd {
  struct wb_stack *t;
  uint64_t seed;
};

/* Each has sectors of its own, in clusters that all share. */
static void
one_of_the_crowd (void *opaque, unsigned index)
{
  struct crowd *c = opaque;
  struct rng rng;

  rng_init (&rng, c->seed + index);
  for (unsigned i = 0; i < ROUNDS; i++) {
    const uint64_t n = 1 + rng_below (&rng, rng_one_in (&rng, 3) ? 100 : 10);
    const uint64_t stripe = rng_below (&rng, SIZE / WB_SECTOR / 100 / THREADS);

    wb_random_op (c->t, &rng, (stripe * THREADS + index) * 100, n);
  }
}

START_TEST (a_crowd)
{
  const struct store_mem_options o = store_mem_defaults (0);
  const uint64_t max = 4 * MIB;
  const struct layered_member m = { .layer =
                                      sqlite_layer (store_mem_create (&o), max),
                                    .write_back = true,
                                    .read_cache = true,
                                    .max = max };
  struct wb_stack t = { .age = 20 };
  struct crowd c = { &t, rng_seed ("crowd") };

  wb_build_members (&t, SIZE, &m, 1);
  wb_start (&t);
  threads_run (THREADS, one_of_the_crowd, &c);
  wb_check (&t);
  ck_assert_int_eq (layered_stop (t.ld, &t.err), 0);
  wb_check_below (&t);
  wb_close (&t);
}
END_TEST

int
main (void)
{
  const TTest *const tests[] = { a_crowd };

  return test_main ("layered-sqlite", tests, ARRAY_SIZE (tests));
}
