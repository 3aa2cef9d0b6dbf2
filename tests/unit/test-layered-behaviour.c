/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What a flat stack of layers does, one behaviour to a test, each with the
 * name of what it must do.
 */

#include <config.h>

#include <check.h>
#include <errno.h>
#include <string.h>

#include "base/align.h"
#include "layered/layered-impl.h"
#include "layered/store-layered.h"
#include "support/layer-mem.h"
#include "support/main.h"
#include "support/store-mem.h"

enum { SECTOR = 512, N = 2048 };

static struct store *bottom, *s;
static struct layered *ld;
static struct layer *layer[3];
static uint8_t buf[N * SECTOR];
static int err;

static struct layer *
make_layer (uint64_t nsectors, uint32_t physical, uint8_t id)
{
  const struct layer_info info = { .nsectors = nsectors,
                                   .sector_size = SECTOR,
                                   .physical_sector_size = physical,
                                   .no_overwrite = true,
                                   .has_id = id != 0,
                                   .id = { { id } } };

  return layer_mem_create (&info);
}

/* Sector I of the disk below is full of I % 255 + 1. */
static void
stack (const struct layered_member *m, unsigned n, bool read_only)
{
  const struct store_mem_options o = store_mem_defaults (N * SECTOR);
  struct layered_bottom lb = { .exists = true, .size = N * SECTOR };
  enum layered_status status;
  unsigned which;

  bottom = store_mem_create (&o);
  for (unsigned i = 0; i < N; i++)
    memset (buf + i * SECTOR, i % 255 + 1, SECTOR);
  ck_assert_int_eq (store_write (bottom, buf, sizeof buf, 0, 0, &err), 0);
  lb.info = bottom->info;
  for (unsigned i = 0; i < n; i++)
    layer[i] = m[i].layer;
  ld = layered_create (m, n, &lb, 0, read_only, &status, &which);
  ck_assert_msg (ld != NULL, "%s", layered_status_string (status));
  /* Sector by sector. */
  layered_tune (
    ld, &(struct layered_tuning){ .fetch = SECTOR, .readahead = UINT32_MAX });
  s = store_layered_create_owning (ld, bottom);
}

static void
read_sectors (uint64_t sector, uint64_t n)
{
  ck_assert_int_eq (store_read (s, buf, n * SECTOR, sector * SECTOR, &err), 0);
}

static void
write_sector (uint64_t sector, uint8_t fill)
{
  memset (buf, fill, SECTOR);
  ck_assert_int_eq (store_write (s, buf, SECTOR, sector * SECTOR, 0, &err), 0);
}

static uint64_t
present (struct layer *l)
{
  uint64_t n = 0, end;

  for (uint64_t i = 0; i < l->info.nsectors; i = end) {
    if (l->ops->state (l, i, l->info.nsectors, &end) != LAYER_ABSENT)
      n += end - i;
  }
  return n;
}

START_TEST (a_read_cache_keeps_just_what_was_read)
{
  const struct layered_member m = { .layer = make_layer (N, SECTOR, 0),
                                    .read_cache = true };

  stack (&m, 1, true);
  for (unsigned k = 0; k < 2; k++) {
    for (unsigned i = 0; i < 10; i += 2)
      read_sectors (i, 1);
  }
  ck_assert_uint_eq (present (layer[0]), 5);
  read_sectors (1, 15);
  for (unsigned i = 0; i < 15; i++)
    ck_assert_int_eq (buf[i * SECTOR], i + 2);
  ck_assert_uint_eq (present (layer[0]), 16);
  store_close (s);
}
END_TEST

START_TEST (a_hit_below_a_diff_is_copied_out)
{
  const struct layered_member m[] = {
    { .layer = make_layer (N, SECTOR, 0) },
    { .layer = make_layer (N, SECTOR, 0), .read_cache = true },
  };

  stack (m, 2, false);
  read_sectors (3, 1); /* into the cache */
  write_sector (2, 0xd2);
  read_sectors (0, 5);
  ck_assert_int_eq (buf[2 * SECTOR], 0xd2);
  ck_assert_int_eq (buf[3 * SECTOR], 4);
  ck_assert_int_eq (buf[4 * SECTOR], 5);
  store_close (s);
}
END_TEST

START_TEST (a_populate_never_overwrites)
{
  const struct layered_member m = { .layer = make_layer (N, SECTOR, 0),
                                    .read_cache = true };

  stack (&m, 1, false);
  write_sector (7, 0xaa);
  read_sectors (0, 16);
  read_sectors (7, 1);
  ck_assert_int_eq (buf[0], 0xaa);
  store_close (s);
}
END_TEST

START_TEST (a_write_stops_at_the_first_that_is_not_write_through)
{
  const struct layered_member m[] = {
    { .layer = make_layer (N, SECTOR, 0), .write_through = true },
    { .layer = make_layer (N, SECTOR, 0) },
    { .layer = make_layer (N, SECTOR, 0) },
  };

  stack (m, 3, false);
  write_sector (5, 0x55);
  ck_assert_uint_eq (present (layer[0]), 1);
  ck_assert_uint_eq (present (layer[1]), 1);
  ck_assert_uint_eq (present (layer[2]), 0);
  ck_assert_int_eq (store_read (bottom, buf, SECTOR, 5 * SECTOR, &err), 0);
  ck_assert_int_eq (buf[0], 6);
  store_close (s);
}
END_TEST

START_TEST (what_an_upper_layer_does_not_reach_is_zero)
{
  const struct layered_member m[] = {
    { .layer = make_layer (N, SECTOR, 0) },
    { .layer = make_layer (100, SECTOR, 0) },
  };

  stack (m, 2, false);
  read_sectors (90, 20);
  for (unsigned i = 0; i < 20; i++)
    ck_assert_int_eq (buf[i * SECTOR], i < 10 ? 91 + i : 0);
  /* And a run that starts far beyond. */
  read_sectors (1000, 8);
  ck_assert_int_eq (buf[0], 0);
  store_close (s);
}
END_TEST

/* A zero is remembered where there is something below, and forgotten where
 * there is not, also in one request.
 */
START_TEST (an_unmap_is_split_at_the_end_of_what_is_below)
{
  const struct layered_member m[] = {
    { .layer = make_layer (N, SECTOR, 0) },
    { .layer = make_layer (100, SECTOR, 0) },
  };
  uint64_t end;

  stack (m, 2, false);
  write_sector (99, 1);
  write_sector (100, 1);
  ck_assert_int_eq (
    store_zero (s, 20 * SECTOR, 90 * SECTOR, STORE_MAY_TRIM, &err), 0);
  ck_assert_int_eq (layer[0]->ops->state (layer[0], 90, N, &end), LAYER_ZERO);
  ck_assert_uint_eq (end, 100);
  ck_assert_int_eq (layer[0]->ops->state (layer[0], 100, N, &end),
                    LAYER_ABSENT);
  store_close (s);
}
END_TEST

START_TEST (a_trim_in_the_middle_does_not_show_what_is_below)
{
  const struct layered_member m = { .layer = make_layer (N, SECTOR, 0) };

  stack (&m, 1, false);
  write_sector (50, 9);
  ck_assert_int_eq (store_trim (s, SECTOR, 50 * SECTOR, 0, &err), 0);
  read_sectors (50, 1);
  ck_assert_int_eq (buf[0], 0);
  /* What was never written may stay as it was. */
  ck_assert_int_eq (store_trim (s, SECTOR, 60 * SECTOR, 0, &err), 0);
  read_sectors (60, 1);
  ck_assert_int_eq (buf[0], 61);
  store_close (s);
}
END_TEST

START_TEST (the_id_is_the_first_from_the_top)
{
  const struct layered_member m[] = {
    { .layer = make_layer (N, SECTOR, 0) },
    { .layer = make_layer (N, SECTOR, 7) },
    { .layer = make_layer (N, SECTOR, 8) },
  };

  stack (m, 3, false);
  ck_assert (s->info.has_id);
  ck_assert_int_eq (s->info.id.b[0], 7);
  store_close (s);
}
END_TEST

START_TEST (the_physical_sector_size_is_the_largest)
{
  const struct layered_member m[] = {
    { .layer = make_layer (N, SECTOR, 0) },
    { .layer = make_layer (N, 4096, 0) },
  };

  stack (m, 2, false);
  ck_assert_uint_eq (s->info.physical_sector_size, 4096);
  ck_assert_uint_eq (s->info.sector_size, SECTOR);
  store_close (s);
}
END_TEST

START_TEST (a_read_only_disk_refuses_changes_and_fills_its_cache)
{
  const struct layered_member m = { .layer = make_layer (N, SECTOR, 0),
                                    .read_cache = true };

  stack (&m, 1, true);
  ck_assert_int_eq (store_write (s, buf, SECTOR, 0, 0, &err), -1);
  ck_assert_int_eq (err, EPERM);
  ck_assert_int_eq (store_zero (s, SECTOR, 0, 0, &err), -1);
  ck_assert_int_eq (store_trim (s, SECTOR, 0, 0, &err), -1);
  read_sectors (0, 4);
  ck_assert_uint_eq (present (layer[0]), 4);
  ck_assert_int_eq (store_flush (s, &err), 0);
  store_close (s);
}
END_TEST

int
main (void)
{
  const TTest *const tests[] = {
    a_read_cache_keeps_just_what_was_read,
    a_hit_below_a_diff_is_copied_out,
    a_populate_never_overwrites,
    a_write_stops_at_the_first_that_is_not_write_through,
    what_an_upper_layer_does_not_reach_is_zero,
    an_unmap_is_split_at_the_end_of_what_is_below,
    a_trim_in_the_middle_does_not_show_what_is_below,
    the_id_is_the_first_from_the_top,
    the_physical_sector_size_is_the_largest,
    a_read_only_disk_refuses_changes_and_fills_its_cache,
  };

  return test_main ("layered-behaviour", tests, ARRAY_SIZE (tests));
}
