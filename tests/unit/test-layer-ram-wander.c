/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A RAM layer whose contents wander over a large disk: what it needs is
 * what it holds, not where it has been.
 */

#include <config.h>

#include <check.h>
#include <stdio.h>
#include <string.h>

#include "base/align.h"
#include "layer/layer-ram.h"
#include "support/log-memory.h"
#include "support/main.h"
#include "support/rng.h"

#define SIZE (UINT64_C (64) << 40)
#define CLUSTER (64 * 1024)
#define SECTORS (CLUSTER / 512)
#define WINDOW 64
#define ROUNDS 100000

static char data[CLUSTER];

static void
check_cluster (struct layer *l, uint64_t sector)
{
  static char buf[CLUSTER];
  struct marker m;
  int err;

  marker_init (&m, sector, SECTORS);
  ck_assert_int_eq (l->ops->read (l, buf, sector, SECTORS, &m, &err), 0);
  ck_assert (marker_full (&m));
  marker_fini (&m);
  quick_assert (memcmp (buf, data, CLUSTER) == 0);
}

START_TEST (wander)
{
  const struct layer_ram_options o = { .size = SIZE, .sector_size = 512 };
  struct layer *l = layer_ram_create (&o, NULL);
  uint64_t at[WINDOW], empty, most = 0, end;
  struct rng rng;
  int err;

  rng_init (&rng, rng_seed ("layer-ram-wander"));
  if (l == NULL)
    log_memory_print ();
  ck_assert_ptr_nonnull (l);
  empty = layer_ram_memory (l);
  memset (data, 0xa5, sizeof data);
  for (unsigned i = 0; i < ROUNDS; i++) {
    uint64_t *slot = &at[i % WINDOW];

    if (i >= WINDOW)
      quick_assert (l->ops->discard (l, *slot, SECTORS, &err) == 0);
    *slot = rng_below (&rng, SIZE / CLUSTER) * SECTORS;
    quick_assert (l->ops->write (l, data, *slot, SECTORS, 0, &err) == 0);
    if (i % 1000 == 0) {
      check_cluster (l, *slot);
      most = max_u64 (most, layer_ram_memory (l));
    }
  }
  most = max_u64 (most, layer_ram_memory (l));
  printf ("%llu bytes when empty, at most %llu\n", (unsigned long long) empty,
          (unsigned long long) most);
  /* The window, and in each of three sets six times its nodes. */
  ck_assert_uint_le (most, empty + WINDOW * (CLUSTER + 3 * 6 * 512));

  for (unsigned i = 0; i < WINDOW; i++)
    quick_assert (l->ops->discard (l, at[i], SECTORS, &err) == 0);
  ck_assert_int_eq (l->ops->state (l, 0, SIZE / 512, &end), LAYER_ABSENT);
  ck_assert_uint_eq (end, SIZE / 512);
  ck_assert_uint_le (layer_ram_memory (l), empty + WINDOW * 3 * 6 * 512);
  layer_close (l);
}
END_TEST

int
main (void)
{
  const TTest *const tests[] = { wander };

#ifdef __SANITIZE_THREAD__
  puts ("SKIP: ThreadSanitizer leaves no room for a disk of 64 TiB");
  return 77;
#endif
  return test_main ("layer-ram-wander", tests, ARRAY_SIZE (tests));
}
