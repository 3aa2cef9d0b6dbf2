/* SPDX-License-Identifier: BSD-3-Clause
 *
 * layer-image over an image in memory: what the layer suite, which runs
 * over real images, cannot show.
 */

#include <config.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/align.h"
#include "base/cleanup.h"
#include "layer/layer-image.h"
#include "support/alloc-fault.h"
#include "support/image-fake.h"
#include "support/log-memory.h"
#include "support/main.h"
#include "support/rng.h"
#include "support/store-fault.h"
#include "support/store-mem.h"

#define SECTOR 512u
#define BLOCK 4096u
#define PER_BLOCK (BLOCK / SECTOR)
#define NSECTORS 64u

static struct store *inner;
static struct image *image;
static struct layer *l;
static struct rng rng;
static int err;

static struct image_info
a_child (const char *format)
{
  return (struct image_info){
    .format = format,
    .size = NSECTORS * SECTOR,
    .sector_size = SECTOR,
    .physical_sector_size = 4096,
    .block_size = BLOCK,
    .has_id = true,
    .id = { { 7 } },
    .parent = { .exists = true, .id = { { 8 } } },
  };
}

static void
make_image (struct image_info info, bool no_zero)
{
  struct store_mem_options o = store_mem_defaults (IMAGE_FAKE_MAX);

  rng_init (&rng, 9);
  inner = store_fault_create (store_mem_create (&o));
  image = image_fake_create ("child", &info, inner, no_zero);
}

static void
open_layer (struct image_info info, bool no_zero)
{
  make_image (info, no_zero);
  l = layer_image_create (image);
  ck_assert_ptr_nonnull (l);
}

static void
close_layer (void)
{
  ck_assert_uint_eq (image_fake_visitors (image), 0);
  layer_close (l);
}

START_TEST (what_it_is)
{
  struct image_info info = a_child ("vhdx");

  open_layer (info, false);
  ck_assert_uint_eq (l->info.nsectors, NSECTORS);
  ck_assert_uint_eq (l->info.sector_size, SECTOR);
  ck_assert_uint_eq (l->info.physical_sector_size, 4096);
  ck_assert (!l->info.read_only && l->info.no_overwrite);
  ck_assert (!l->info.keeps_dirty && l->ops->next_dirty == NULL);
  ck_assert (l->info.has_id && uuid_equal (&l->info.id, &info.id));
  close_layer ();

  /* The id of the disk below, not of the file. */
  info.format = "vhd1";
  info.read_only = true;
  open_layer (info, true);
  ck_assert (l->info.read_only);
  ck_assert (l->info.has_id && uuid_equal (&l->info.id, &info.parent.id));
  close_layer ();
  memset (&info.parent.id, 0, sizeof info.parent.id);
  open_layer (info, true);
  ck_assert (!l->info.has_id);
  close_layer ();
}
END_TEST

START_TEST (refused)
{
  struct image_info info = a_child ("vhdx");

  info.parent.exists = false;
  make_image (info, false);
  ck_assert_ptr_null (layer_image_create (image));
  ck_assert_int_eq (errno, EINVAL);
  ck_assert (log_memory_contains ("child: is not a differencing image"));
  image_close (image);

  make_image (a_child ("vhdx"), false);
  alloc_fault_nth (1);
  l = layer_image_create (image);
  ck_assert (alloc_fault_stop ());
  ck_assert_ptr_null (l);
  ck_assert_int_eq (errno, ENOMEM);
  image_close (image);
}
END_TEST

/* Of each sector: its state, and by a read whether it is there and what
 * is in it.
 */
static void
check_sector (uint64_t sector, enum layer_state state, const uint8_t *data)
{
  uint8_t buf[SECTOR], untouched[SECTOR];
  CLEANUP (marker_fini) struct marker m;
  uint64_t end;

  memset (untouched, 0x5a, sizeof untouched);
  memset (buf, 0x5a, sizeof buf);
  ck_assert_int_eq (l->ops->state (l, sector, NSECTORS, &end), state);
  ck_assert_uint_gt (end, sector);
  marker_init (&m, sector, 1);
  ck_assert_int_eq (l->ops->read (l, buf, sector, 1, &m, &err), 0);
  ck_assert (marker_full (&m) == (state != LAYER_ABSENT));
  ck_assert (memcmp (buf, state == LAYER_ABSENT ? untouched : data, SECTOR) ==
             0);
}

START_TEST (states)
{
  static const uint8_t zeroes[SECTOR];
  uint8_t data[4 * SECTOR], other[6 * SECTOR];

  for (unsigned no_zero = 0; no_zero <= 1; no_zero++) {
    open_layer (a_child ("vhdx"), no_zero);
    rng_fill (&rng, data, sizeof data);
    rng_fill (&rng, other, sizeof other);
    ck_assert_int_eq (
      l->ops->write (l, data, PER_BLOCK - 2, 4, LAYER_FUA, &err), 0);
    ck_assert_int_eq (l->ops->zero (l, PER_BLOCK + 2, 1, LAYER_FUA, &err), 0);
    ck_assert_int_eq (
      l->ops->write (l, other, PER_BLOCK - 3, 6, LAYER_NO_OVERWRITE, &err), 0);
    check_sector (PER_BLOCK - 4, LAYER_ABSENT, NULL);
    check_sector (PER_BLOCK - 3, LAYER_DATA, other);
    for (unsigned i = 0; i < 4; i++)
      check_sector (PER_BLOCK - 2 + i, LAYER_DATA, data + i * SECTOR);
    check_sector (PER_BLOCK + 2, no_zero ? LAYER_DATA : LAYER_ZERO, zeroes);
    ck_assert_uint_gt (l->ops->used (l), 0);
    ck_assert_int_eq (l->ops->discard (l, 0, NSECTORS, &err), 0);
    ck_assert_uint_eq (l->ops->used (l), 0);
    check_sector (PER_BLOCK, LAYER_ABSENT, NULL);
    ck_assert_int_eq (l->ops->flush (l, &err), 0);
    ck_assert_uint_eq (image_fake_flushes (image), 1);
    close_layer ();
  }
}
END_TEST

/* A map that cannot be read hides what is below. */
START_TEST (broken_map)
{
  uint8_t buf[2 * BLOCK];
  CLEANUP (marker_fini) struct marker m;
  uint64_t end;

  open_layer (a_child ("vhdx"), false);
  image_fake_break (image, BLOCK);
  ck_assert_int_eq (l->ops->state (l, 0, NSECTORS, &end), LAYER_ABSENT);
  ck_assert_uint_eq (end, PER_BLOCK);
  ck_assert_int_eq (l->ops->state (l, PER_BLOCK + 1, NSECTORS, &end),
                    LAYER_DATA);
  ck_assert_uint_eq (end, 2 * PER_BLOCK);
  ck_assert_int_eq (l->ops->state (l, PER_BLOCK + 1, PER_BLOCK + 2, &end),
                    LAYER_DATA);
  ck_assert_uint_eq (end, PER_BLOCK + 2);
  marker_init (&m, 0, 2 * PER_BLOCK);
  ck_assert_int_eq (l->ops->read (l, buf, 0, 2 * PER_BLOCK, &m, &err), -1);
  ck_assert_int_eq (err, EIO);
  close_layer ();
}
END_TEST

START_TEST (broken_file)
{
  uint8_t buf[BLOCK];
  CLEANUP (marker_fini) struct marker m;

  open_layer (a_child ("vhdx"), false);
  rng_fill (&rng, buf, sizeof buf);
  ck_assert_int_eq (l->ops->write (l, buf, 0, PER_BLOCK, 0, &err), 0);
  store_fault_all (inner, STORE_OPS_ALL, ESHUTDOWN);
  marker_init (&m, 0, PER_BLOCK);
  ck_assert_int_eq (l->ops->read (l, buf, 0, PER_BLOCK, &m, &err), -1);
  ck_assert_int_eq (err, ESHUTDOWN);
  ck_assert_int_eq (l->ops->write (l, buf, 0, PER_BLOCK, 0, &err), -1);
  ck_assert_int_eq (l->ops->flush (l, &err), -1);
  close_layer ();
}
END_TEST

int
main (void)
{
  const TTest *const tests[] = {
    what_it_is, refused, states, broken_map, broken_file,
  };

  return test_main ("layer-image", tests, ARRAY_SIZE (tests));
}
