/* SPDX-License-Identifier: BSD-3-Clause
 *
 * store-overlay: what is read through any heap of changes, against a flat
 * array; extents; lack of memory.
 */

#include <config.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/align.h"
#include "store/store-overlay.h"
#include "support/alloc-fault.h"
#include "support/main.h"
#include "support/must.h"
#include "support/nth-fault.h"
#include "support/rng.h"
#include "support/store-fault.h"
#include "support/store-mem.h"

#define PAGE STORE_OVERLAY_PAGE

/* A store below of SIZE bytes; a copy of them at MODEL. */
static struct store *
make_inner (struct rng *rng, uint64_t size, uint8_t *model)
{
  const struct store_mem_options o = store_mem_defaults (size);
  struct store *inner = store_mem_create (&o);
  int err;

  rng_fill (rng, model, size);
  ck_assert_int_eq (store_write (inner, model, size, 0, 0, &err), 0);
  return inner;
}

static void
check_equal (struct store *s, const uint8_t *model, uint64_t size)
{
  uint8_t *buf = must_malloc (size);
  int err;

  ck_assert_uint_eq (store_size (s), size);
  ck_assert_int_eq (store_read (s, buf, size, 0, &err), 0);
  ck_assert (memcmp (buf, model, size) == 0);
  free (buf);
}

START_TEST (nothing_changed)
{
  uint8_t model[3 * PAGE + 512];
  struct rng rng;
  struct store *s;
  int err;

  rng_init (&rng, 1);
  s = store_overlay_create (make_inner (&rng, sizeof model, model));
  ck_assert_int_eq (store_overlay_seal (s, sizeof model, &err), 0);
  check_equal (s, model, sizeof model);
  ck_assert (s->info.read_only);
  ck_assert_int_eq (store_write (s, model, 512, 0, 0, &err), -1);
  ck_assert_int_eq (err, EPERM);
  ck_assert_int_eq (store_flush (s, &err), 0);
  store_close (s);
}
END_TEST

/* Many heaps of changes that cover each other, beyond the end of what is
 * below too; reads that begin and end anywhere.
 */
START_TEST (random_changes)
{
  enum { PAGES = 40, SIZE = PAGES * PAGE };
  uint8_t *model = must_malloc (SIZE), *buf = must_malloc (SIZE);
  struct rng rng;
  int err;

  rng_init (&rng, rng_seed ("test-store-overlay"));
  for (int round = 0; round < 300; round++) {
    const uint64_t below = 512 * (1 + rng_below (&rng, SIZE / 512));
    struct store *s;

    memset (model, 0, SIZE);
    s = store_overlay_create (make_inner (&rng, below, model));
    for (uint64_t n = rng_below (&rng, 60); n > 0; n--) {
      const uint64_t first = rng_below (&rng, PAGES);

      if (rng_one_in (&rng, 3)) {
        const uint64_t count = PAGE * rng_below (&rng, PAGES - first + 1);

        memset (model + first * PAGE, 0, count);
        ck_assert_int_eq (store_overlay_zero (s, count, first * PAGE, &err), 0);
      }
      else {
        rng_fill (&rng, model + first * PAGE, PAGE);
        ck_assert_int_eq (
          store_overlay_data (s, model + first * PAGE, first * PAGE, &err), 0);
      }
    }
    ck_assert_int_eq (store_overlay_seal (s, SIZE, &err), 0);
    check_equal (s, model, SIZE);
    for (int i = 0; i < 50; i++) {
      const uint64_t offset = rng_below (&rng, SIZE);
      const uint64_t count = rng_below (&rng, SIZE - offset + 1);

      ck_assert_int_eq (store_read (s, buf, count, offset, &err), 0);
      ck_assert (memcmp (buf, model + offset, count) == 0);
    }
    store_close (s);
  }
  free (model);
  free (buf);
}
END_TEST

/* Changes that all cover each other do not cost their product. */
START_TEST (many_zeroes)
{
  enum { N = 200000 };
  struct rng rng;
  uint8_t model[PAGE], buf[PAGE];
  struct store *s;
  int err;

  rng_init (&rng, 2);
  s = store_overlay_create (make_inner (&rng, sizeof model, model));
  for (uint64_t i = 0; i < N; i++) {
    const uint64_t at = (1 + i) * PAGE, n = (uint64_t) 2 * (N - i) * PAGE;

    ck_assert_int_eq (store_overlay_zero (s, n, at, &err), 0);
  }
  ck_assert_int_eq (store_overlay_data (s, model, N * (uint64_t) PAGE, &err),
                    0);
  ck_assert_int_eq (store_overlay_seal (s, UINT64_C (1) << 40, &err), 0);
  ck_assert_int_eq (store_read (s, buf, sizeof buf, N * (uint64_t) PAGE, &err),
                    0);
  ck_assert (memcmp (buf, model, sizeof buf) == 0);
  ck_assert_int_eq (store_read (s, buf, sizeof buf, 0, &err), 0);
  ck_assert (memcmp (buf, model, sizeof buf) == 0);
  ck_assert_int_eq (store_read (s, buf, sizeof buf, 7 * PAGE, &err), 0);
  memset (model, 0, sizeof model);
  ck_assert (memcmp (buf, model, sizeof buf) == 0);
  store_close (s);
}
END_TEST

START_TEST (extents)
{
  static const struct extent expected[] = {
    { 0, PAGE, 0 },         { PAGE, 2 * PAGE, EXTENT_HOLE | EXTENT_ZERO },
    { 3 * PAGE, PAGE, 0 },  { 4 * PAGE, 16 * PAGE, EXTENT_HOLE | EXTENT_ZERO },
    { 20 * PAGE, PAGE, 0 }, { 21 * PAGE, 11 * PAGE, EXTENT_HOLE | EXTENT_ZERO },
  };
  uint8_t model[4 * PAGE];
  struct extent_list l;
  struct rng rng;
  struct store *s;
  int err;

  rng_init (&rng, 3);
  s = store_overlay_create (make_inner (&rng, sizeof model, model));
  ck_assert_int_eq (store_overlay_zero (s, 2 * PAGE, PAGE, &err), 0);
  ck_assert_int_eq (store_overlay_data (s, model, 20 * PAGE, &err), 0);
  ck_assert_int_eq (store_overlay_seal (s, 32 * PAGE, &err), 0);
  extent_list_init (&l, 0, 32 * PAGE, false);
  while (!extent_list_full (&l)) {
    const uint64_t next = extent_list_next (&l);

    ck_assert_int_eq (store_extents (s, 32 * PAGE - next, next, 0, &l, &err),
                      0);
  }
  ck_assert_uint_eq (l.len, ARRAY_SIZE (expected));
  for (size_t i = 0; i < l.len; i++) {
    ck_assert_uint_eq (l.v[i].offset, expected[i].offset);
    ck_assert_uint_eq (l.v[i].count, expected[i].count);
    ck_assert_uint_eq (l.v[i].type, expected[i].type);
  }
  extent_list_fini (&l);
  store_close (s);
}
END_TEST

START_TEST (failing_reads)
{
  uint8_t model[4 * PAGE], buf[4 * PAGE];
  struct rng rng;
  struct store *fault, *s;
  int err;

  rng_init (&rng, 4);
  fault = store_fault_create (make_inner (&rng, sizeof model, model));
  s = store_overlay_create (fault);
  ck_assert_int_eq (store_overlay_zero (s, PAGE, PAGE, &err), 0);
  ck_assert_int_eq (store_overlay_seal (s, sizeof model, &err), 0);
  store_fault_nth (fault, STORE_OP_BIT (STORE_OP_READ), 2);
  ck_assert_int_eq (store_read (s, buf, sizeof buf, 0, &err), -1);
  ck_assert_int_eq (err, EIO);
  ck_assert_int_eq (store_read (s, buf, sizeof buf, 0, &err), 0);
  store_close (s);
}
END_TEST

/* Whatever allocation fails, what is below comes back unharmed. */
START_TEST (no_memory)
{
  struct nth_fault f = NTH_FAULT_INIT;

  while (nth_fault_next (&f)) {
    uint8_t model[4 * PAGE];
    struct rng rng;
    struct store *inner, *s;
    int err = 0, r = -1;

    rng_init (&rng, 5);
    inner = make_inner (&rng, sizeof model, model);
    alloc_fault_nth (f.n);
    s = store_overlay_create (inner);
    if (s != NULL && store_overlay_data (s, model, 2 * PAGE, &err) == 0 &&
        store_overlay_zero (s, 2 * PAGE, PAGE, &err) == 0)
      r = store_overlay_seal (s, sizeof model, &err);
    f.fired = alloc_fault_stop ();
    ck_assert_int_eq (r, f.fired ? -1 : 0);
    if (s != NULL && f.fired)
      ck_assert_int_eq (err, ENOMEM);
    if (s != NULL)
      ck_assert_ptr_eq (store_overlay_dissolve (s), inner);
    check_equal (inner, model, sizeof model);
    store_close (inner);
  }
  ck_assert_uint_gt (f.n, 5);
}
END_TEST

int
main (void)
{
  const TTest *const tests[] = { nothing_changed, random_changes, many_zeroes,
                                 extents,         failing_reads,  no_memory };

  return test_main ("store-overlay", tests, ARRAY_SIZE (tests));
}
