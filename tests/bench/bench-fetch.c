/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A cold sequential read of MIB mebibytes in requests of 64 KiB, one after
 * the other, over a disk that takes MS milliseconds for each read: without
 * a layer, through a read cache, through one with threads; and then what a
 * read of 4 KiB costs that finds all in the cache.  Prints seconds and
 * reads of the disk.
 *
 *   bench-fetch [MIB [MS]]
 */

#include <config.h>

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/align.h"
#include "layer/layer-ram.h"
#include "layered/layered-impl.h"
#include "support/must.h"
#include "support/rng.h"
#include "support/store-fault.h"
#include "support/store-mem.h"

enum { SECTOR = 512, REQUEST = 65536, SMALL = 4096, ROUNDS = 2000000 };

static double
now (clockid_t clock)
{
  struct timespec ts;

  clock_gettime (clock, &ts);
  return ts.tv_sec + ts.tv_nsec / 1e9;
}

static void
check (int r, const char *what)
{
  if (r == 0)
    return;
  fprintf (stderr, "bench-fetch: %s failed\n", what);
  exit (EXIT_FAILURE);
}

/* A stack over BOTTOM with a read cache, or without any layer. */
static struct layered *
make_stack (struct store *bottom, bool cache)
{
  const struct layer_ram_options ram = { .size = store_size (bottom),
                                         .sector_size = SECTOR };
  const struct layer_below nothing = { .export_name = "" };
  const struct layered_bottom lb = { .exists = true,
                                     .size = store_size (bottom),
                                     .info = bottom->info };
  struct layered_member member = { .read_cache = true };
  enum layered_status status;
  struct layered *ld;
  unsigned which;

  if (cache)
    member.layer = layer_ram_create (&ram, &nothing);
  ld = layered_create (&member, cache, &lb, 0, true, &status, &which);
  check (ld == NULL, "layered_create");
  return ld;
}

/* Delays come with a plan. */
static void
make_slow (struct store *bottom, unsigned msec)
{
  const struct store_fault_plan plan = { .kinds = STORE_OP_BIT (STORE_OP_READ),
                                         .delay = msec * 1000 };

  store_fault_reset (bottom);
  store_fault_set (bottom, &plan);
}

static void
read_all (struct layered *ld, struct store *bottom)
{
  static char buf[REQUEST];
  int err;

  for (uint64_t s = 0; s < ld->nsectors; s += REQUEST / SECTOR)
    check (layered_read (ld, bottom, buf, s, REQUEST / SECTOR, &err),
           "layered_read");
}

/* Nanoseconds of the processor for a read that finds everything. */
static double
hit (struct layered *ld, struct store *bottom)
{
  const double start = now (CLOCK_THREAD_CPUTIME_ID);
  char buf[SMALL];
  int err;

  for (uint64_t i = 0; i < ROUNDS; i++)
    check (layered_read (ld, bottom, buf,
                         i * 7919 % (ld->size / SMALL) * (SMALL / SECTOR),
                         SMALL / SECTOR, &err),
           "layered_read");
  return (now (CLOCK_THREAD_CPUTIME_ID) - start) / ROUNDS * 1e9;
}

static void
measure (const char *what, struct store *bottom, bool cache, bool threads)
{
  struct layered *ld = make_stack (bottom, cache);
  double start;
  int err;

  ld->own_bottom = bottom;
  if (threads)
    check (layered_fetch_start (ld, &err), "layered_fetch_start");
  start = now (CLOCK_MONOTONIC);
  read_all (ld, bottom);
  printf ("%-20s %8.3f s %6llu reads", what, now (CLOCK_MONOTONIC) - start,
          (unsigned long long) store_fault_count (
            bottom, STORE_OP_BIT (STORE_OP_READ)));
  if (cache)
    printf (", a hit of 4 KiB %.0f ns", hit (ld, bottom));
  printf ("\n");
  layered_fetch_stop (ld);
  ld->own_bottom = NULL;
  layered_close (ld);
}

int
main (int argc, char *argv[])
{
  const uint64_t mib = argc > 1 ? strtoull (argv[1], NULL, 0) : 64;
  const unsigned msec = argc > 2 ? strtoul (argv[2], NULL, 0) : 10;
  const struct store_mem_options o = store_mem_defaults (mib << 20);
  struct store *bottom = store_fault_create (store_mem_create (&o));
  static char buf[REQUEST];
  struct rng rng;
  int err;

  rng_init (&rng, 1);
  for (uint64_t offset = 0; offset < mib << 20; offset += REQUEST) {
    rng_fill (&rng, buf, sizeof buf);
    check (store_write (bottom, buf, sizeof buf, offset, 0, &err),
           "store_write");
  }
  make_slow (bottom, msec);
  measure ("no layer", bottom, false, false);
  make_slow (bottom, msec);
  measure ("cache", bottom, true, false);
  make_slow (bottom, msec);
  measure ("cache with threads", bottom, true, true);
  store_close (bottom);
  return EXIT_SUCCESS;
}
