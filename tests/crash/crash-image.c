/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Cutting the power under images: dynamic and differencing VHD and VHDX.
 * A random work load runs over a simulated medium; then for many
 * moments, and for many subsets of what had not been synced at that
 * moment:
 *
 * - the image opens read-only, without a change to the file, and every
 *   sector is what the last flush promised or what some operation since
 *   then left, with nothing from elsewhere in it;
 * - it opens writable and has the same;
 * - it does so, too, if the power fails again while it is being opened;
 * - another load goes on with it, which is cut too; and when it is
 *   closed at last, everything is there.
 *
 * CRASH_SEEDS is how many work loads to run, SEED the first,
 * CRASH_MOMENTS how many moments of each, CRASH_EACH how many subsets of
 * each kind there, CRASH_OPS how long a load is at most.
 */

#include <config.h>

#include <check.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/align.h"
#include "image-load.h"
#include "support/log-memory.h"
#include "support/main.h"
#include "support/must.h"
#include "support/store-sim.h"

/* One load and how it is cut. */
struct campaign {
  struct load load;
  struct legal legal;
  uint64_t seed;
  unsigned depth; /* 0 for a load over the remains of another */
  uint32_t *seen, *again;
};

static void run_campaign (struct campaign *c, const struct image_kind *k,
                          struct store *medium, const uint32_t *initial,
                          uint64_t nsectors, uint64_t load_seed);

static void __attribute__ ((noreturn))
give_up (const struct campaign *c, const char *what, const char *problem)
{
  log_memory_print ();
  ck_abort_msg ("SEED=%" PRIu64 ": %s: %s", c->seed, what, problem);
}

static uint64_t
image_bytes (const struct campaign *c)
{
  return c->load.nsectors * sizeof *c->seen;
}

/* What is in the image in MEDIUM, in V; how many sectors it has. */
static uint64_t
look (const struct campaign *c, struct store *medium, bool read_only,
      uint32_t *v, const char *what)
{
  struct image *i = image_kind_open (&c->load.kind, medium, read_only);
  uint64_t nsectors;
  bool r;

  if (i == NULL)
    give_up (c, what, read_only ? "does not open read-only" : "does not open");
  r = image_kind_values (&c->load.kind, i, v);
  nsectors = image_size (i) / c->load.kind.sector_size;
  image_close (i);
  if (!r)
    give_up (c, what, "has what nobody wrote");
  return nsectors;
}

static void
expect_same (const struct campaign *c, const uint32_t *v, const char *what,
             const char *when)
{
  for (uint64_t s = 0; s < c->load.nsectors; s++) {
    if (v[s] == c->seen[s])
      continue;
    fprintf (stderr, "sector %" PRIu64 " had %" PRIu32 " and has %" PRIu32 "\n",
             s, c->seen[s], v[s]);
    give_up (c, what, when);
  }
}

/* The power failed again while the image was being opened or closed:
 * MEDIUM has its steps.
 */
struct second_cut {
  struct campaign *c;
  const char *what;
};

static bool
check_second_cut (void *opaque, struct store *image, const char *what)
{
  const struct second_cut *d = opaque;
  const bool read_only = rng_one_in (&d->c->load.rng, 2);

  look (d->c, image, read_only, d->c->again, d->what);
  expect_same (d->c, d->c->again, d->what,
               "is not the same after a second power cut");
  return true;
}

static void
cut_recovery (struct campaign *c, struct store *medium, const char *what)
{
  const uint64_t end = store_sim_position (medium);
  const struct store_sim_plan plan = {
    .which = STORE_SIM_PREFIXES | STORE_SIM_MISSING | STORE_SIM_RANDOM,
    .max_each = 1,
    .seed = rng_next (&c->load.rng),
  };
  struct second_cut d = { .c = c, .what = what };

  for (unsigned n = 0; n < 3 && end > 0; n++)
    store_sim_crash_images (medium, 1 + rng_below (&c->load.rng, end), &plan,
                            check_second_cut, &d);
}

/* IMAGE is what is left after a cut. */
static bool
check_cut (void *opaque, struct store *image, const char *what)
{
  struct campaign *c = opaque;
  struct load *w = &c->load;
  uint64_t nsectors;

  log_memory_clear ();
  nsectors = look (c, image, true, c->seen, what);
  if (store_sim_position (image) != 0)
    give_up (c, what, "was changed although it was opened read-only");
  if (!legal_check (&c->legal, c->seen, nsectors, what))
    give_up (c, what, "has what may not be there");
  if (c->depth > 0 && rng_one_in (&w->rng, 8)) {
    struct campaign *next = must_calloc (1, sizeof *next);

    next->seed = c->seed;
    next->depth = c->depth - 1;
    run_campaign (next, &w->kind, image, c->seen, nsectors, rng_next (&w->rng));
    free (next);
    return true;
  }
  look (c, image, false, c->again, what);
  expect_same (c, c->again, what, "is not the same when it is writable");
  if (rng_one_in (&w->rng, 6))
    cut_recovery (c, image, what);
  look (c, image, true, c->again, what);
  expect_same (c, c->again, what, "is not the same after it was closed");
  return true;
}

static void
cut_everywhere (struct campaign *c)
{
  struct load *w = &c->load;
  const bool in_flight = rng_one_in (&w->rng, 2);
  const uint64_t moments =
    c->depth > 0 ? crash_number ("CRASH_MOMENTS", 25) : 2;
  const uint64_t end = store_sim_position (w->medium);
  const uint64_t step = max_u64 (1, end / moments);
  const struct store_sim_plan plan = {
    .which = STORE_SIM_EVERYTHING | (in_flight ? STORE_SIM_IN_FLIGHT : 0),
    .max_each = c->depth > 0 ? crash_number ("CRASH_EACH", 1) : 1,
    .seed = rng_next (&w->rng),
  };

  for (uint64_t p = 1 + rng_below (&w->rng, step); p <= end; p += step) {
    legal_find (&c->legal, p, in_flight);
    store_sim_crash_images (w->medium, p, &plan, check_cut, c);
  }
}

static bool
pick_none (void *opaque, const struct store_sim_piece *p)
{
  return false;
}

/* The image was closed: everything is there, and durable. */
static void
check_closed (struct campaign *c)
{
  struct load *w = &c->load;
  struct store *durable = store_sim_crash (
    w->medium, store_sim_position (w->medium), false, pick_none, NULL);

  memcpy (c->seen, w->now, image_bytes (c));
  look (c, durable, true, c->again, "closed, power lost");
  expect_same (c, c->again, "closed, power lost", "is not what was written");
  store_close (durable);
  look (c, w->medium, true, c->again, "closed");
  expect_same (c, c->again, "closed", "is not what was written");
  look (c, w->medium, false, c->again, "closed, opened writable");
  expect_same (c, c->again, "closed, opened writable",
               "is not what was written");
}

/* A load over MEDIUM, in which INITIAL is (NULL: nothing). */
static void
run_campaign (struct campaign *c, const struct image_kind *k,
              struct store *medium, const uint32_t *initial, uint64_t nsectors,
              uint64_t load_seed)
{
  struct load *w = &c->load;
  const unsigned most = crash_number ("CRASH_OPS", 160);

  load_init (w, k, medium, initial, nsectors,
             SECTOR_VALUE_FIRST + (c->depth > 0 ? 0 : 1000000), load_seed);
  legal_init (&c->legal, w);
  c->seen = must_malloc (image_bytes (c));
  c->again = must_malloc (image_bytes (c));
  if (!load_open (w))
    give_up (c, "before the load", "does not open");
  load_run (w, c->depth == 0 ? 12 : 10 + (unsigned) rng_below (&w->rng, most));
  if (rng_one_in (&w->rng, 2)) {
    image_close (w->image);
    cut_everywhere (c);
  }
  else {
    cut_everywhere (c);
    image_close (w->image);
  }
  check_closed (c);
  legal_fini (&c->legal);
  load_fini (w);
  free (c->seen);
  free (c->again);
}

static struct image_kind
choose_image (struct rng *rng, uint64_t seed)
{
  struct image_kind k = { .vhdx = seed % 2, .child = seed / 2 % 2 };

  k.sector_size = k.vhdx && rng_one_in (rng, 2) ? 4096 : 512;
  if (k.vhdx) {
    k.block_size = 1 << 20;
    k.size = k.block_size * (2 + rng_below (rng, 2)) +
             k.sector_size * rng_below (rng, 200);
  }
  else {
    k.block_size = UINT64_C (4096) << rng_below (rng, 5);
    k.size = k.block_size * (3 + rng_below (rng, 30)) +
             k.sector_size * rng_below (rng, 8);
  }
  /* The medium tears nothing that the disk promises whole. */
  k.medium = (struct store_info){ .sector_size = k.sector_size,
                                  .fua = rng_one_in (rng, 2),
                                  .trim = rng_one_in (rng, 2),
                                  .zero = rng_one_in (rng, 2),
                                  .extents = rng_one_in (rng, 2) };
  k.medium.fast_zero = k.medium.zero && rng_one_in (rng, 2);
  k.first_size = k.size;
  if (rng_one_in (rng, 3))
    k.first_size = ROUND_UP (k.size / (1 + rng_below (rng, 8)), 4096);
  k.first_size = min_u64 (k.first_size, k.size);
  return k;
}

static void
one_seed (uint64_t seed)
{
  struct campaign *c = must_calloc (1, sizeof *c);
  struct image_kind k;
  struct store *medium;
  struct rng rng;

  rng_init (&rng, seed);
  k = choose_image (&rng, seed);
  printf ("SEED=%" PRIu64 ": %s%s, sectors of %" PRIu32 ", blocks of %" PRIu64
          ", disk of %" PRIu64 "\n",
          seed, k.vhdx ? "vhdx" : "vhd1", k.child ? " child" : "",
          k.sector_size, k.block_size, k.size);
  fflush (stdout);
  medium = image_kind_create (&k);
  c->seed = seed;
  c->depth = 1;
  run_campaign (c, &k, medium, NULL, k.first_size / k.sector_size, seed);
  store_close (medium);
  free (c);
}

START_TEST (power_cuts)
{
  const uint64_t first = crash_number ("SEED", 1);
  const unsigned n = crash_number ("CRASH_SEEDS", 12);

  for (uint64_t seed = first; seed < first + n; seed++)
    one_seed (seed);
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("crash-image");
  TCase *c = test_case (suite, "power cuts");

  tcase_set_timeout (c, 36000);
  tcase_add_test (c, power_cuts);
  return test_run (suite);
}
