/* SPDX-License-Identifier: BSD-3-Clause
 *
 * layer-store: a store in memory as a layer.  The layer suite cannot
 * take it, as it begins with nothing and discards.
 */

#include <config.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/align.h"
#include "base/cleanup.h"
#include "layer/layer-store.h"
#include "support/alloc-fault.h"
#include "support/main.h"
#include "support/rng.h"
#include "support/store-fault.h"
#include "support/store-mem.h"

#define NSECTORS 64
#define SIZE (NSECTORS * 512)

static struct store *mem, *fault;
static struct layer *l;
static uint8_t disk[SIZE + 4096]; /* what should be in it */
static struct rng rng;
static int err;

/* A layer of SIZE + MORE bytes of INFO, full of random bytes. */
static void
open_layer (const struct store_info *info, uint64_t more)
{
  struct store_mem_options o = store_mem_defaults (SIZE + more);

  if (info != NULL)
    o.info = *info;
  rng_init (&rng, 20);
  memset (disk, 0, sizeof disk);
  rng_fill (&rng, disk, SIZE + more);
  mem = store_mem_create (&o);
  mem_image_write (store_mem_image (mem), disk, SIZE + more, 0);
  fault = store_fault_create (mem);
  l = layer_store_create (fault, false);
  ck_assert_ptr_nonnull (l);
}

/* Everything is as DISK has it, and present. */
static void
check_all (void)
{
  const uint32_t n = (uint32_t) l->info.nsectors;
  const size_t size = (size_t) n * l->info.sector_size;
  CLEANUP_FREE uint8_t *buf = malloc (size);
  CLEANUP (marker_fini) struct marker m;

  memset (buf, 0x5a, size);
  marker_init (&m, 0, n);
  ck_assert_int_eq (l->ops->read (l, buf, 0, n, &m, &err), 0);
  ck_assert (marker_full (&m) && !m.failed);
  ck_assert_int_eq (memcmp (buf, disk, size), 0);
}

static enum layer_state
state (uint64_t sector, uint64_t limit, uint64_t *end)
{
  const enum layer_state s = l->ops->state (l, sector, limit, end);

  ck_assert_uint_gt (*end, sector);
  ck_assert_uint_le (*end, limit);
  return s;
}

START_TEST (what_it_is)
{
  const struct store_info info = { .sector_size = 512,
                                   .align = 1024,
                                   .physical_sector_size = 4096,
                                   .has_id = true,
                                   .id = { { 7 } } };

  open_layer (NULL, 0);
  ck_assert_uint_eq (l->info.nsectors, NSECTORS);
  ck_assert_uint_eq (l->info.sector_size, 512);
  ck_assert (!l->info.read_only && !l->info.no_overwrite);
  ck_assert (!l->info.keeps_dirty && !l->info.has_id);
  ck_assert_uint_eq (layer_store_size (l), SIZE);
  check_all ();
  layer_close (l);

  open_layer (&info, 512);
  ck_assert_uint_eq (l->info.nsectors, NSECTORS / 2 + 1);
  ck_assert_uint_eq (l->info.sector_size, 1024);
  ck_assert_uint_eq (l->info.physical_sector_size, 4096);
  ck_assert_uint_eq (layer_store_size (l), SIZE + 512);
  ck_assert (l->info.has_id && uuid_equal (&l->info.id, &info.id));
  check_all ();
  layer_close (l);
}
END_TEST

START_TEST (read_only)
{
  struct store_mem_options o = store_mem_defaults (SIZE);

  l = layer_store_create (store_mem_create (&o), true);
  ck_assert (l->info.read_only);
  ck_assert_int_eq (l->ops->flush (l, &err), 0);
  layer_close (l);
  o.info.read_only = true;
  l = layer_store_create (store_mem_create (&o), false);
  ck_assert (l->info.read_only);
  ck_assert_int_eq (l->ops->flush (l, &err), 0);
  layer_close (l);
}
END_TEST

START_TEST (changes)
{
  uint8_t buf[3 * 512];

  open_layer (NULL, 0);
  rng_fill (&rng, buf, sizeof buf);
  ck_assert_int_eq (l->ops->write (l, buf, 5, 3, 0, &err), 0);
  memcpy (disk + 5 * 512, buf, sizeof buf);
  ck_assert_int_eq (l->ops->write (l, buf, NSECTORS - 1, 1, LAYER_FUA, &err),
                    0);
  memcpy (disk + SIZE - 512, buf, 512);
  ck_assert_int_eq (l->ops->zero (l, 20, 10, 0, &err), 0);
  memset (disk + 20 * 512, 0, 10 * 512);
  ck_assert_int_eq (l->ops->discard (l, 0, 30, &err), -1);
  ck_assert_int_eq (err, EOPNOTSUPP);
  check_all ();
  ck_assert_uint_eq (store_fault_count (fault, STORE_OP_BIT (STORE_OP_FLUSH)),
                     0);
  ck_assert_int_eq (l->ops->flush (l, &err), 0);
  ck_assert_uint_eq (store_fault_count (fault, STORE_OP_BIT (STORE_OP_FLUSH)),
                     1);
  layer_close (l);
}
END_TEST

/* FUA reaches a store that has none of its own as a flush. */
START_TEST (fua)
{
  struct store_info info = store_mem_defaults (SIZE).info;
  uint8_t buf[512];

  info.fua = false;
  open_layer (&info, 0);
  rng_fill (&rng, buf, sizeof buf);
  ck_assert_int_eq (l->ops->write (l, buf, 5, 1, LAYER_FUA, &err), 0);
  ck_assert_int_eq (l->ops->zero (l, 6, 1, LAYER_FUA, &err), 0);
  ck_assert_uint_eq (store_fault_count (fault, STORE_OP_BIT (STORE_OP_FLUSH)),
                     2);
  layer_close (l);
}
END_TEST

START_TEST (ends_inside_a_sector)
{
  uint8_t buf[2 * 512];

  open_layer (NULL, 100);
  ck_assert_uint_eq (l->info.nsectors, NSECTORS + 1);
  check_all ();
  rng_fill (&rng, buf, sizeof buf);
  ck_assert_int_eq (l->ops->write (l, buf, NSECTORS - 1, 2, 0, &err), 0);
  memcpy (disk + SIZE - 512, buf, 612);
  check_all ();
  ck_assert_int_eq (l->ops->zero (l, NSECTORS, 1, 0, &err), 0);
  memset (disk + SIZE, 0, 512);
  check_all ();
  layer_close (l);
}
END_TEST

/* R, the result of an operation of KIND, is a failure if FAULTY is it. */
static void
check_result (int r, unsigned faulty, unsigned kind)
{
  ck_assert_int_eq (r, faulty == kind ? -1 : 0);
  ck_assert (r == 0 || err == ENOSPC);
}

START_TEST (errors)
{
  const unsigned kinds[] = { STORE_OP_READ, STORE_OP_WRITE, STORE_OP_ZERO,
                             STORE_OP_FLUSH };

  for (size_t i = 0; i < ARRAY_SIZE (kinds); i++) {
    CLEANUP (marker_fini) struct marker m;
    uint8_t buf[512] = { 1 };

    open_layer (NULL, 0);
    marker_init (&m, 3, 1);
    store_fault_all (fault, STORE_OP_BIT (kinds[i]), ENOSPC);
    check_result (l->ops->read (l, buf, 3, 1, &m, &err), kinds[i],
                  STORE_OP_READ);
    ck_assert_int_eq (marker_full (&m), kinds[i] != STORE_OP_READ);
    check_result (l->ops->write (l, buf, 3, 1, 0, &err), kinds[i],
                  STORE_OP_WRITE);
    check_result (l->ops->zero (l, 3, 1, 0, &err), kinds[i], STORE_OP_ZERO);
    check_result (l->ops->flush (l, &err), kinds[i], STORE_OP_FLUSH);
    layer_close (l);
  }
}
END_TEST

START_TEST (states)
{
  const struct store_info info = { .sector_size = 8192, .extents = true };
  uint64_t end;

  open_layer (&info, 0);
  ck_assert_int_eq (state (0, 4, &end), LAYER_DATA);
  ck_assert_uint_eq (end, 4);
  /* A hole that begins and ends inside sectors. */
  mem_image_punch (store_mem_image (mem), 16384, 4096);
  memset (disk + 4096, 0, 16384);
  for (uint64_t s = 0; s < 4; s = end) {
    const enum layer_state is = state (s, 4, &end);

    for (uint64_t i = s; i < end; i++)
      ck_assert_int_eq (is, i == 1 ? LAYER_ZERO : LAYER_DATA);
  }
  ck_assert_int_eq (state (1, 2, &end), LAYER_ZERO);
  check_all ();
  /* What cannot be told is data. */
  store_fault_all (fault, STORE_OP_BIT (STORE_OP_EXTENTS), EIO);
  ck_assert_int_eq (state (1, 3, &end), LAYER_DATA);
  ck_assert_uint_eq (end, 3);
  layer_close (l);
}
END_TEST

START_TEST (states_without_extents)
{
  struct store_info info = store_mem_defaults (SIZE).info;
  uint64_t end;

  info.extents = false;
  open_layer (&info, 0);
  mem_image_punch (store_mem_image (mem), SIZE, 0);
  ck_assert_int_eq (state (3, NSECTORS, &end), LAYER_DATA);
  ck_assert_uint_eq (end, NSECTORS);
  ck_assert_uint_eq (store_fault_count (fault, STORE_OP_BIT (STORE_OP_EXTENTS)),
                     0);
  layer_close (l);
}
END_TEST

START_TEST (not_possible)
{
  struct store_mem_options o = store_mem_defaults (0);
  struct store *s = store_mem_create (&o);

  ck_assert_ptr_null (layer_store_create (s, false));
  ck_assert_int_eq (errno, EINVAL);
  store_close (s);

  o = store_mem_defaults (1 << 20);
  o.info.sector_size = o.info.physical_sector_size = 128 * 1024;
  s = store_mem_create (&o);
  ck_assert_ptr_null (layer_store_create (s, false));
  ck_assert_int_eq (errno, EINVAL);
  store_close (s);

  o = store_mem_defaults (SIZE);
  s = store_mem_create (&o);
  alloc_fault_nth (1);
  l = layer_store_create (s, false);
  alloc_fault_stop ();
  ck_assert_ptr_null (l);
  store_close (s);
}
END_TEST

int
main (void)
{
  const TTest *const tests[] = {
    what_it_is,   read_only,
    changes,      fua,
    errors,       ends_inside_a_sector,
    states,       states_without_extents,
    not_possible,
  };

  return test_main ("layer-store", tests, ARRAY_SIZE (tests));
}
