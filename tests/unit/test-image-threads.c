/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Many threads in one image at once, each with sectors of its own, all in
 * the same blocks: what a thread has done to its sectors is what it finds
 * there.  And requests that meet in awkward moments.
 */

#include <config.h>

#include <semaphore.h>
#include <time.h>

#include "image-rig.h"
#include "support/threads.h"

#define SECTOR 512
#define BLOCK 16384
#define SIZE (24 * BLOCK)
#define THREADS 6
#define NSECTORS (SIZE / SECTOR)

static const struct test_format formats[] = {
  { TEST_SHARED, false, false, 9, 14, SIZE, 0, 0, 8192 },
  { TEST_SHARED, true, false, 9, 14, SIZE, 0, 0, 8192 },
  { TEST_IN_FRONT, false, false, 9, 14, SIZE, 0, 0, 8192 },
  { TEST_IN_FRONT, true, false, 9, 14, SIZE, 0, 0, 8192 },
};

struct shared {
  struct rig r;
  uint64_t seed;
  unsigned nops;
};

/* ------------------------------------------------------------------ */
/* Sectors that lie between those of others */

static void
check_own (struct shared *s, unsigned index, uint8_t *buf)
{
  struct rig *r = &s->r;
  int err;

  for (uint64_t k = index; k < NSECTORS; k += THREADS) {
    quick_assert (image_read (r->image, buf, SECTOR, k * SECTOR,
                              r->f.parent ? rig_absent : NULL, r, &err) == 0);
    if (memcmp (buf, r->model + k * SECTOR, SECTOR) != 0)
      ck_abort_msg ("thread %u: sector %" PRIu64 " is 0x%02x, not 0x%02x",
                    index, k, buf[0], r->model[k * SECTOR]);
  }
}

static void
interleaved (void *opaque, unsigned index)
{
  struct shared *s = opaque;
  struct rig *r = &s->r;
  struct rng rng;
  uint8_t buf[SECTOR], all[8 * SECTOR];
  int err;

  rng_init (&rng, s->seed + index);
  for (unsigned k = 0; k < s->nops; k++) {
    const uint64_t sector =
      rng_below (&rng, NSECTORS / THREADS) * THREADS + index;
    uint8_t *model = r->model + sector * SECTOR;

    switch (rng_below (&rng, 9)) {
    case 0 ... 2:
      rng_fill (&rng, buf, SECTOR);
      quick_assert (image_write (r->image, buf, SECTOR, sector * SECTOR,
                                 rng_one_in (&rng, 30) ? IMAGE_FUA : 0,
                                 &err) == 0);
      memcpy (model, buf, SECTOR);
      break;
    case 3:
    case 4:
      quick_assert (image_zero (r->image, SECTOR, sector * SECTOR, 0, &err) ==
                    0);
      memset (model, 0, SECTOR);
      break;
    case 5:
    case 6:
      quick_assert (image_discard (r->image, SECTOR, sector * SECTOR, &err) ==
                    0);
      memcpy (model, r->parent + sector * SECTOR, SECTOR);
      break;
    case 7:
      /* Whatever there is of others. */
      quick_assert (image_read (r->image, all, sizeof all,
                                ROUND_DOWN (sector * SECTOR, sizeof all),
                                r->f.parent ? rig_absent : NULL, r, &err) == 0);
      break;
    default:
      if (rng_one_in (&rng, 20))
        quick_assert (image_flush (r->image, &err) == 0);
      else if (rng_one_in (&rng, 20))
        check_own (s, index, buf);
    }
  }
  check_own (s, index, buf);
}

static void
run (const struct test_format *f, void (*fn) (void *opaque, unsigned index),
     unsigned nops)
{
  struct shared *s = must_calloc (1, sizeof *s);

  s->seed = rng_seed ("test-image-threads");
  s->nops = nops;
  rig_init (&s->r, f, s->seed, NULL);
  threads_run (THREADS, fn, s);
  rig_check (&s->r);
  rig_reopen (&s->r);
  rig_check (&s->r);
  rig_fini (&s->r);
  free (s);
}

START_TEST (test_interleaved)
{
  run (&formats[_i], interleaved, 3000);
}
END_TEST

/* ------------------------------------------------------------------ */
/* Whole blocks that come and go, so that space goes round */

static void
whole (void *opaque, unsigned index)
{
  struct shared *s = opaque;
  struct rig *r = &s->r;
  struct rng rng;
  uint8_t *buf = must_malloc (BLOCK);
  int err;

  rng_init (&rng, s->seed + index);
  for (unsigned k = 0; k < s->nops; k++) {
    const uint64_t block = rng_below (&rng, 4) * THREADS + index;
    uint8_t *model = r->model + block * BLOCK;

    switch (rng_below (&rng, 6)) {
    case 0:
    case 1:
      rng_fill (&rng, buf, BLOCK);
      quick_assert (
        image_write (r->image, buf, BLOCK, block * BLOCK, 0, &err) == 0);
      memcpy (model, buf, BLOCK);
      break;
    case 2:
      quick_assert (image_zero (r->image, BLOCK, block * BLOCK, 0, &err) == 0);
      memset (model, 0, BLOCK);
      break;
    case 3:
      quick_assert (image_discard (r->image, BLOCK, block * BLOCK, &err) == 0);
      memcpy (model, r->parent + block * BLOCK, BLOCK);
      break;
    case 4:
      if (rng_one_in (&rng, 4))
        quick_assert (image_flush (r->image, &err) == 0);
      break;
    default:
      quick_assert (image_read (r->image, buf, BLOCK, block * BLOCK,
                                r->f.parent ? rig_absent : NULL, r, &err) == 0);
      quick_assert (memcmp (buf, model, BLOCK) == 0);
    }
  }
  free (buf);
}

START_TEST (test_whole)
{
  struct test_format f = formats[_i];

  /* So little that they wait for each other's. */
  f.limit = _i % 2 ? 30 * BLOCK : 0;
  run (&f, whole, 1500);
}
END_TEST

/* ------------------------------------------------------------------ */
/* Everybody reads what somebody makes, frees and makes again: all of one
 * version, or what is below, never anything else.
 */
static void
versions (void *opaque, unsigned index)
{
  struct shared *s = opaque;
  struct rig *r = &s->r;
  uint8_t *buf = must_malloc (BLOCK);
  int err;

  for (unsigned k = 0; k < s->nops; k++) {
    const uint64_t block = k % 3;

    if (index == 0) {
      /* Each sector says where it is. */
      for (uint64_t n = 0; n < BLOCK / SECTOR; n++)
        memset (buf + n * SECTOR, (int) (1 + block * 64 + n), SECTOR);
      quick_assert (image_write (r->image, buf, k % 2 ? BLOCK : 5 * SECTOR,
                                 block * BLOCK, 0, &err) == 0);
      quick_assert (image_flush (r->image, &err) == 0);
      quick_assert (image_discard (r->image, BLOCK, block * BLOCK, &err) == 0);
      if (k % 3 == 0)
        quick_assert (image_flush (r->image, &err) == 0);
      continue;
    }
    quick_assert (image_read (r->image, buf, BLOCK, block * BLOCK,
                              r->f.parent ? rig_absent : NULL, r, &err) == 0);
    for (uint64_t n = 0; n < BLOCK / SECTOR; n++) {
      const uint8_t *p = buf + n * SECTOR;

      if (p[0] == 1 + block * 64 + n)
        quick_assert (memcmp (p, p + 1, SECTOR - 1) == 0);
      else
        quick_assert (
          memcmp (p, r->parent + block * BLOCK + n * SECTOR, SECTOR) == 0);
    }
  }
  free (buf);
}

START_TEST (test_versions)
{
  struct shared *s = must_calloc (1, sizeof *s);

  s->nops = 1500;
  rig_init (&s->r, &formats[_i], 3, NULL);
  threads_run (THREADS, versions, s);
  rig_check (&s->r);
  rig_fini (&s->r);
  free (s);
}
END_TEST

/* ------------------------------------------------------------------ */
/* Fills never win over writes */

static void
fill_or_write (void *opaque, unsigned index)
{
  struct shared *s = opaque;
  struct rig *r = &s->r;
  uint8_t buf[SECTOR];
  int err;

  memset (buf, index % 2 ? 'w' : 'f', SECTOR);
  for (uint64_t k = 0; k < NSECTORS; k++)
    quick_assert (image_write (r->image, buf, SECTOR, k * SECTOR,
                               index % 2 ? 0 : IMAGE_NO_OVERWRITE, &err) == 0);
}

START_TEST (test_fill)
{
  struct shared *s = must_calloc (1, sizeof *s);

  rig_init (&s->r, &formats[_i], 3, NULL);
  threads_run (THREADS, fill_or_write, s);
  memset (s->r.model, 'w', SIZE);
  rig_check (&s->r);
  rig_fini (&s->r);
  free (s);
}
END_TEST

/* ------------------------------------------------------------------ */
/* A write that is on its way when its block goes */

struct slow {
  struct rig r;
  sem_t there, go;
  uint64_t place;
  _Atomic bool armed;
};

static int
hold (void *opaque, const struct store_op *op, bool done)
{
  struct slow *s = opaque;

  if (!done && op->kind == STORE_OP_WRITE && op->offset == s->place &&
      atomic_exchange (&s->armed, false)) {
    sem_post (&s->there);
    sem_wait (&s->go);
  }
  return 0;
}

static void
slow_write (void *opaque, unsigned index)
{
  struct slow *s = opaque;
  struct rig *r = &s->r;
  uint8_t *buf;
  int err;

  if (index == 0) {
    buf = must_malloc (BLOCK);
    memset (buf, 's', BLOCK);
    quick_assert (image_write (r->image, buf, BLOCK, 0, 0, &err) == 0);
    free (buf);
    return;
  }
  sem_wait (&s->there);
  rig_discard (r, BLOCK, 0);
  rig_flush (r);
  rig_flush (r);
  /* Would any of these get the place, it would be overwritten. */
  for (unsigned k = 1; k < 20; k++)
    rig_write (r, BLOCK, k * BLOCK, 0);
  sem_post (&s->go);
}

START_TEST (test_write_to_what_goes)
{
  struct slow *s = must_calloc (1, sizeof *s);
  struct rig *r = &s->r;
  uint64_t count = BLOCK;
  enum image_state state;
  struct image_visit v;
  int err;

  sem_init (&s->there, 0, 0);
  sem_init (&s->go, 0, 0);
  rig_init (r, &formats[_i], 3, NULL);
  rig_write (r, BLOCK, 0, 0);
  rig_flush (r);
  image_enter (r->image, &v);
  ck_assert_int_eq (image_map (r->image, 0, &count, &state, &s->place, &err),
                    0);
  image_leave (r->image, &v);
  atomic_store (&s->armed, true);
  store_fault_set_hook (r->fault, hold, s);
  threads_run (2, slow_write, s);
  rig_check (r);
  rig_reopen (r);
  rig_check (r);
  rig_fini (r);
  sem_destroy (&s->there);
  sem_destroy (&s->go);
  free (s);
}
END_TEST

/* ------------------------------------------------------------------ */
/* Flushes that come together share what they do */

static void
write_and_flush (void *opaque, unsigned index)
{
  struct shared *s = opaque;
  uint8_t *buf = must_malloc (BLOCK);
  int err;

  memset (buf, 'a' + (int) index, BLOCK);
  for (unsigned k = 0; k < 4; k++) {
    quick_assert (image_write (s->r.image, buf, BLOCK,
                               (k * THREADS + index) * BLOCK, 0, &err) == 0);
    quick_assert (image_flush (s->r.image, &err) == 0);
  }
  free (buf);
}

static int
slow_flush (void *opaque, const struct store_op *op, bool done)
{
  struct timespec ts = { .tv_nsec = 5 * 1000 * 1000 };

  if (!done && op->kind == STORE_OP_FLUSH)
    nanosleep (&ts, NULL);
  return 0;
}

START_TEST (test_flush_together)
{
  struct shared *s = must_calloc (1, sizeof *s);
  unsigned commits;

  rig_init (&s->r, &formats[2], 3, NULL);
  store_fault_set_hook (s->r.fault, slow_flush, NULL);
  threads_run (THREADS, write_and_flush, s);
  commits = test_format_counts (s->r.image)->commits;
  ck_assert_uint_ge (commits, 4);
  ck_assert_uint_le (commits, 12);
  rig_fini (&s->r);
  free (s);
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("image-threads");
  TCase *c = test_case (suite, "threads");

  tcase_add_loop_test (c, test_interleaved, 0, 4);
  tcase_add_loop_test (c, test_whole, 0, 4);
  tcase_add_loop_test (c, test_versions, 0, 4);
  tcase_add_loop_test (c, test_fill, 0, 4);
  tcase_add_loop_test (c, test_write_to_what_goes, 0, 4);
  tcase_add_test (c, test_flush_together);
  return test_run (suite);
}
