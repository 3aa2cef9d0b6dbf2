/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Pictures of layers: exact where that is promised, near elsewhere, and
 * soon done on the largest disk.
 */

#include <config.h>

#include <check.h>
#include <string.h>
#include <time.h>

#include "base/align.h"
#include "layer/layer-ram.h"
#include "layered/layered-map.h"
#include "support/main.h"
#include "support/must.h"
#include "support/rng.h"

enum { SECTOR = 512, CLUSTER = 65536 / SECTOR };

static struct layered *ld;
static struct layered_map_part map[LAYERED_MAP_PARTS];

/* Of two layers in memory, with nothing below. */
static void
make (uint64_t top, uint64_t lower)
{
  const struct layer_below nothing = { .export_name = "" };
  const struct layer_ram_options o[2] = {
    { .size = top * SECTOR, .sector_size = SECTOR },
    { .size = lower * SECTOR, .sector_size = SECTOR },
  };
  const struct layered_member m[2] = {
    { .layer = layer_ram_create (&o[0], &nothing) },
    { .layer = layer_ram_create (&o[1], &nothing) },
  };
  enum layered_status status;
  unsigned which;

  ld = layered_create (m, 2, &(struct layered_bottom){ .exists = false }, 0,
                       false, &status, &which);
  ck_assert_ptr_nonnull (ld);
}

static void
zero (unsigned level, uint64_t sector, uint64_t n)
{
  struct layer *l = ld->member[level].layer;
  int err;

  ck_assert_int_eq (l->ops->zero (l, sector, n, 0, &err), 0);
}

static void
write_some (unsigned level, uint64_t sector, uint32_t n)
{
  struct layer *l = ld->member[level].layer;
  char *buf = must_malloc ((size_t) n * SECTOR);
  int err;

  memset (buf, 0x5a, (size_t) n * SECTOR);
  ck_assert_int_eq (l->ops->write (l, buf, sector, n, 0, &err), 0);
  free (buf);
}

static void
is (unsigned part, unsigned data, unsigned zeroes)
{
  ck_assert_msg (map[part].data == data && map[part].zero == zeroes,
                 "part %u: %u %u", part, map[part].data, map[part].zero);
}

START_TEST (exact)
{
  make (1024 * CLUSTER, 512 * CLUSTER); /* parts of 4 clusters */
  ck_assert_uint_eq (layered_map_parts (ld), LAYERED_MAP_PARTS);
  layered_map_read (ld, 0, map);
  for (unsigned i = 0; i < LAYERED_MAP_PARTS; i++)
    is (i, 0, 0);
  zero (0, 8 * CLUSTER, 4 * CLUSTER);
  write_some (0, 12 * CLUSTER, 2 * CLUSTER);
  zero (0, 14 * CLUSTER, CLUSTER);
  write_some (0, 1023 * CLUSTER, CLUSTER);
  write_some (0, 16 * CLUSTER, 1);           /* next to nothing */
  zero (0, 20 * CLUSTER, 4 * CLUSTER - 1);   /* nearly all */
  write_some (0, 24 * CLUSTER, 4 * CLUSTER); /* all, */
  zero (0, 24 * CLUSTER + 77, 1);            /* nearly */
  layered_map_read (ld, 0, map);
  is (1, 0, 0);
  is (2, 0, 100);
  is (3, 50, 25);
  is (4, 1, 0);
  is (5, 0, 99);
  is (6, 99, 1);
  is (7, 0, 0);
  is (255, 25, 0);
  ck_assert_uint_eq (map[3].dirty, 0);

  /* What a shorter layer does not reach is absent. */
  zero (1, 0, 512 * CLUSTER);
  layered_map_read (ld, 1, map);
  for (unsigned i = 0; i < LAYERED_MAP_PARTS; i++)
    is (i, 0, i < LAYERED_MAP_PARTS / 2 ? 100 : 0);
  layered_close (ld);
}
END_TEST

START_TEST (small)
{
  make (1, 1);
  ck_assert_uint_eq (layered_map_parts (ld), 1);
  layered_map_read (ld, 0, map);
  is (0, 0, 0);
  write_some (0, 0, 1);
  layered_map_read (ld, 0, map);
  is (0, 100, 0);
  layered_close (ld);

  make (3 * CLUSTER + 1, 7);
  ck_assert_uint_eq (layered_map_parts (ld), 4);
  write_some (0, CLUSTER, CLUSTER / 2);
  write_some (0, 3 * CLUSTER, 1);
  layered_map_read (ld, 0, map);
  is (0, 0, 0);
  is (1, 50, 0);
  is (2, 0, 0);
  is (3, 100, 0);
  layered_map_read (ld, 1, map);
  is (0, 0, 0);
  layered_close (ld);
}
END_TEST

/* Of a third of the sectors, one by one. */
START_TEST (scattered)
{
  struct rng rng;

  rng_init (&rng, 5);
  make (256 * 16 * CLUSTER, CLUSTER);
  for (uint64_t s = 0; s < ld->nsectors / 32; s++) {
    if (rng_one_in (&rng, 3))
      write_some (0, s, 1);
  }
  layered_map_read (ld, 0, map);
  for (unsigned i = 0; i < 8; i++) {
    ck_assert_uint_ge (map[i].data, 15);
    ck_assert_uint_le (map[i].data, 55);
  }
  is (8, 0, 0);
  layered_close (ld);
}
END_TEST

/* 64 TiB: by parts full, empty and with a sector here and there. */
START_TEST (huge)
{
  const uint64_t part = (UINT64_C (64) << 40) / SECTOR / LAYERED_MAP_PARTS;
  struct timespec a, b;
  double ms;

  make (part * LAYERED_MAP_PARTS, part * LAYERED_MAP_PARTS);
  for (unsigned i = 0; i < LAYERED_MAP_PARTS; i += 2)
    zero (0, i * part, part);
  for (unsigned i = 0; i < 1000; i++)
    zero (0, 5 * part + (uint64_t) i * CLUSTER * 3, CLUSTER);
  clock_gettime (CLOCK_MONOTONIC, &a);
  layered_map_read (ld, 0, map);
  clock_gettime (CLOCK_MONOTONIC, &b);
  ms = (double) (b.tv_sec - a.tv_sec) * 1e3 +
       (double) (b.tv_nsec - a.tv_nsec) / 1e6;
  printf ("64 TiB: %.1f ms\n", ms);
  ck_assert (ms < 5000); /* even on a machine that is busy */
  for (unsigned i = 0; i < LAYERED_MAP_PARTS; i += 2)
    is (i, 0, 100);
  ck_assert_uint_ge (map[5].zero, 1);
  is (7, 0, 0);
  layered_close (ld);
}
END_TEST

int
main (void)
{
  const TTest *const tests[] = { exact, small, scattered, huge };

  return test_main ("layered-map", tests, ARRAY_SIZE (tests));
}
