/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Random operations on images of all shapes, against a flat array of
 * bytes; flushed and opened again in between.
 */

#include <config.h>

#include "image-rig.h"

static const struct test_format shapes[] = {
  { TEST_SHARED, false, false, 9, 14, 300 * 1024 + 512, 0, 0, 0 },
  { TEST_SHARED, true, false, 9, 14, 300 * 1024 + 512, 0, 0, 0 },
  { TEST_SHARED, true, false, 9, 20, 3 * 1024 * 1024 + 1024, 0, 0, 4096 },
  { TEST_SHARED, true, false, 12, 16, 20 * 65536 + 4096, 0, 0, 0 },
  { TEST_SHARED, false, true, 9, 14, 200 * 1024, 0, 0, 0 },
  { TEST_IN_FRONT, false, false, 9, 12, 64 * 1024 + 512, 0, 0, 0 },
  { TEST_IN_FRONT, true, false, 9, 12, 64 * 1024 + 1536, 0, 0, 512 },
  { TEST_IN_FRONT, true, false, 9, 9, 16 * 1024, 0, 0, 0 },
  { TEST_IN_FRONT, true, false, 9, 17, 1000 * 1024 + 512, 0, 0, 0 },
  { TEST_IN_FRONT, true, false, 9, 22, 9 * 1024 * 1024 + 512, 0, 0, 0 },
  { TEST_IN_FRONT, false, false, 9, 17, 1000 * 1024, 0, 0, 0 },
};

#define NOPS 1500

/* Some sectors; whole blocks now and then. */
static void
choose (struct rig *r, uint64_t *count, uint64_t *offset)
{
  const uint64_t size = r->f.size;
  const uint64_t sector = UINT64_C (1) << r->f.sector_shift;
  const uint64_t block = UINT64_C (1) << r->f.block_shift;
  const uint64_t unit = rng_one_in (&r->rng, 3) ? block : sector;
  const uint64_t n = DIV_ROUND_UP (size, unit);
  const uint64_t first = rng_below (&r->rng, n);
  const uint64_t most = rng_one_in (&r->rng, 4) ? 3 * block / unit + 1 : 20;

  *offset = first * unit;
  *count = min_u64 ((1 + rng_below (&r->rng, most)) * unit, size - *offset);
}

static void
one_operation (struct rig *r)
{
  uint64_t count, offset;
  const unsigned fua = rng_one_in (&r->rng, 10) ? IMAGE_FUA : 0;

  choose (r, &count, &offset);
  switch (rng_below (&r->rng, 12)) {
  case 0 ... 3:
    rig_write (r, count, offset, fua);
    break;
  case 4:
    rig_write (r, count, offset, fua | IMAGE_NO_OVERWRITE);
    break;
  case 5:
  case 6:
    rig_zero (r, count, offset, fua);
    break;
  case 7:
    rig_trim (r, count, offset);
    break;
  case 8:
  case 9:
    rig_discard (r, count, offset);
    break;
  case 10:
    rig_flush (r);
    break;
  default:
    if (rng_one_in (&r->rng, 8))
      rig_reopen (r);
  }
}

START_TEST (test_random)
{
  const struct test_format *f = &shapes[_i];
  struct rig r;

  rig_init (&r, f, rng_seed ("test-image-random"), NULL);
  for (unsigned k = 0; k < NOPS; k++) {
    one_operation (&r);
    if (k % 16 == 0 || r.f.size < 100000)
      rig_check (&r);
  }
  rig_reopen (&r);
  rig_check (&r);
  rig_fini (&r);
  ck_assert_uint_eq (log_memory_errors (), 0);
}
END_TEST

/* Nothing is lost of the space: what was all discarded leaves a file as
 * short as it was.
 */
START_TEST (test_space_comes_back)
{
  const struct test_format *f = &shapes[_i];
  struct rig r;
  uint64_t before;

  rig_init (&r, f, rng_seed ("test-image-random"), NULL);
  rig_close (&r);
  before = store_size (r.file);
  rig_open (&r);
  for (unsigned k = 0; k < 200; k++)
    one_operation (&r);
  if (!f->keeps_blocks) {
    rig_discard (&r, f->size, 0);
    ck_assert_uint_eq (image_used (r.image), 0);
    rig_reopen (&r);
    rig_check (&r);
    rig_close (&r);
    /* Bitmaps of several blocks stay, wherever they are. */
    if (f->flavour == TEST_IN_FRONT || !f->parent)
      ck_assert_uint_eq (store_size (r.file), before);
  }
  rig_fini (&r);
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("image-random");
  TCase *c = test_case (suite, "random");

  tcase_add_loop_test (c, test_random, 0, ARRAY_SIZE (shapes));
  tcase_add_loop_test (c, test_space_comes_back, 0, ARRAY_SIZE (shapes));
  return test_run (suite);
}
