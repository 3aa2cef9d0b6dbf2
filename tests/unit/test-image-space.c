/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The space of an image's file, and the sets of ranges that it is made of,
 * against arrays of units.
 */

#include <config.h>

#include <errno.h>
#include <string.h>

#include "base/align.h"
#include "image/image-ranges.h"
#include "image/image-space.h"
#include "support/main.h"
#include "support/rng.h"

/* ------------------------------------------------------------------ */
/* Ranges */

#define N 200

static void
check_ranges (const struct image_ranges *r, const bool *model)
{
  uint64_t start, end, at = 0, total = 0, last = 0;

  while (image_ranges_next (r, at, &start, &end)) {
    quick_assert (start >= at && start < end);
    for (uint64_t k = at; k < N; k++)
      if (k < end)
        quick_assert (model[k] == (k >= start));
    quick_assert (end == N || !model[end]);
    total += end - start;
    at = last = end;
  }
  for (; at < N; at++)
    quick_assert (!model[at]);
  quick_assert (r->total == total);
  quick_assert (image_ranges_last (r, &start, &end) == (total > 0));
  quick_assert (total == 0 || end == last);
}

static void
check_fit (const struct image_ranges *r, const bool *model, struct rng *rng)
{
  const uint64_t count = 1 + rng_below (rng, 12);
  const uint64_t align = UINT64_C (1) << rng_below (rng, 4);
  const uint64_t data_at = rng_below (rng, 5), max = rng_below (rng, N + 20);
  uint64_t place, k;
  bool found;

  for (k = 0; k + count <= N && k <= max; k++) {
    bool all = (k + data_at) % align == 0;

    for (uint64_t n = k; all && n < k + count; n++)
      all = model[n];
    if (all)
      break;
  }
  found = k + count <= N && k <= max;
  quick_assert (image_ranges_fit (r, count, data_at, align, max, &place) ==
                found);
  quick_assert (!found || place == k);
}

START_TEST (test_ranges)
{
  struct rng rng;
  bool model[N] = { false };
  struct image_ranges r = { .root = NULL };

  rng_init (&rng, rng_seed ("test-image-space"));
  for (unsigned n = 0; n < 20000; n++) {
    const uint64_t start = rng_below (&rng, N);
    const uint64_t end =
      start + rng_below (&rng, rng_one_in (&rng, 4) ? 60 : 9);
    const bool add = rng_one_in (&rng, 2);

    if (end > N)
      continue;
    quick_assert (
      (add ? image_ranges_add : image_ranges_remove) (&r, start, end));
    for (uint64_t k = start; k < end; k++)
      model[k] = add;
    quick_assert (image_ranges_contain (&r, start, end) == add || start == end);
    check_ranges (&r, model);
    check_fit (&r, model, &rng);
  }
  image_ranges_free (&r);
}
END_TEST

/* ------------------------------------------------------------------ */
/* Space */

struct file {
  uint64_t end;
  uint64_t reserved;
  unsigned grows;
  uint64_t refuse_above; /* ENOSPC */
  struct image_space *space;
  bool give_back; /* what was reserved before */
};

static int
grow (void *opaque, uint64_t end, uint64_t *reserved, int *err)
{
  struct file *f = opaque;

  f->grows++;
  quick_assert (end > f->end);
  if (end > f->refuse_above) {
    *err = ENOSPC;
    return -1;
  }
  if (f->give_back) {
    uint64_t place;
    bool zero;
    int e;

    image_space_release (f->space, f->end - f->reserved, f->reserved, false);
    /* Nobody has it before the growth is over. */
    quick_assert (image_space_alloc_below (f->space, f->reserved, 0, 512,
                                           UINT64_MAX, &place, &zero,
                                           &e) == -1 &&
                  e == ENOSPC);
  }
  f->end = end;
  *reserved = f->reserved;
  return 0;
}

static struct image_space *
make (struct file *f, uint64_t unit, uint64_t limit, uint64_t step)
{
  const struct image_space_options o = {
    .unit = unit,
    .limit = limit,
    .end = f->end - f->reserved,
    .step = step,
    .grow = grow,
    .opaque = f,
  };

  f->space = image_space_create (&o);
  return f->space;
}

START_TEST (test_claims)
{
  struct file f = { .end = 100 * 512 };
  struct image_space *s = make (&f, 512, 1 << 20, 0);

  ck_assert_int_eq (image_space_claim (s, 0, 1), 1);
  ck_assert_int_eq (image_space_claim (s, 511, 2), 0);
  ck_assert_int_eq (image_space_claim (s, 512, 512), 1);
  ck_assert_int_eq (image_space_claim (s, 5000, 100), 1);
  ck_assert_int_eq (image_space_claim (s, 5100, 1), 0);
  ck_assert_int_eq (image_space_claim (s, UINT64_MAX - 5, 100), 0);
  ck_assert_uint_eq (image_space_used_end (s), 5120);
  ck_assert_uint_eq (image_space_used (s), 3 * 512);
  /* Behind the end: it becomes longer. */
  ck_assert_int_eq (image_space_claim (s, 200 * 512, 512), 1);
  ck_assert_uint_eq (image_space_used_end (s), 201 * 512);
  image_space_free (s);
}
END_TEST

/* What of a range is free is claimed, in one step. */
START_TEST (test_claim_free)
{
  struct file f = { .end = 100 * 512 };
  struct image_space *s = make (&f, 512, 1 << 20, 0);

  ck_assert_int_eq (image_space_claim (s, 2 * 512, 512), 1);
  ck_assert_int_eq (image_space_claim (s, 5 * 512, 512), 1);
  ck_assert_int_eq (image_space_claim_free (s, 512 + 1, 6 * 512), 0);
  ck_assert_uint_eq (image_space_used (s), 7 * 512);
  for (uint64_t k = 0; k < 9; k++)
    ck_assert_int_eq (image_space_claim (s, k * 512, 512), k == 0 || k == 8);
  /* Nothing of it, and beyond the end. */
  ck_assert_int_eq (image_space_claim_free (s, 0, 9 * 512), 0);
  ck_assert_int_eq (image_space_claim_free (s, 99 * 512, 3 * 512), 0);
  ck_assert_uint_eq (image_space_used_end (s), 102 * 512);
  ck_assert_uint_eq (image_space_used (s), 12 * 512);
  image_space_free (s);
}
END_TEST

/* The lowest place, aligned, is taken first; new space is zero, old space
 * is not.
 */
START_TEST (test_lowest_first)
{
  struct file f = { .end = 8192, .refuse_above = UINT64_MAX };
  struct image_space *s = make (&f, 512, UINT64_C (1) << 40, 65536);
  uint64_t place;
  bool zero;
  int err;

  ck_assert_int_eq (image_space_claim (s, 0, 4096), 1);
  image_space_set_end (s, 8192);
  ck_assert_int_eq (image_space_alloc (s, 1024, 512, 4096, &place, &zero, &err),
                    0);
  ck_assert_uint_eq (place, 8192 - 512);
  ck_assert (!zero);
  ck_assert_uint_eq (f.end, 8192 + 65536);
  ck_assert_int_eq (image_space_alloc (s, 1024, 512, 4096, &place, &zero, &err),
                    0);
  ck_assert_uint_eq (place, 3 * 4096 - 512);
  ck_assert (zero);
  ck_assert_uint_eq (f.grows, 1);
  image_space_release (s, place, 1024, true);
  ck_assert_int_eq (image_space_alloc (s, 1024, 512, 4096, &place, &zero, &err),
                    0);
  ck_assert_uint_eq (place, 3 * 4096 - 512);
  ck_assert (zero);
  image_space_release (s, place, 1024, false);
  ck_assert_int_eq (
    image_space_alloc_below (s, 1024, 0, 512, 8192, &place, &zero, &err), 0);
  ck_assert_uint_eq (place, 4096);
  ck_assert_int_eq (
    image_space_alloc_below (s, 4096, 0, 512, 9000, &place, &zero, &err), -1);
  ck_assert_int_eq (err, ENOSPC);
  image_space_free (s);
}
END_TEST

/* Growing by less when much cannot be had, and not at all in the end. */
START_TEST (test_no_space)
{
  struct file f = { .end = 4096, .refuse_above = 3 * 4096 };
  struct image_space *s = make (&f, 4096, UINT64_C (1) << 40, 1 << 20);
  uint64_t place;
  bool zero;
  int err;

  ck_assert_int_eq (image_space_claim (s, 0, 4096), 1);
  for (unsigned k = 1; k < 3; k++) {
    ck_assert_int_eq (image_space_alloc (s, 4096, 0, 1, &place, &zero, &err),
                      0);
    ck_assert_uint_eq (place, k * 4096);
    ck_assert (zero);
  }
  ck_assert_int_eq (image_space_alloc (s, 4096, 0, 1, &place, &zero, &err), -1);
  ck_assert_int_eq (err, ENOSPC);
  ck_assert_uint_eq (f.end, 3 * 4096);
  image_space_free (s);
}
END_TEST

START_TEST (test_limit)
{
  struct file f = { .end = 4096, .refuse_above = UINT64_MAX };
  struct image_space *s = make (&f, 4096, 3 * 4096, 1 << 20);
  uint64_t place;
  bool zero;
  int err;

  ck_assert_int_eq (image_space_claim (s, 0, 4096), 1);
  ck_assert_int_eq (image_space_alloc (s, 4096, 0, 1, &place, &zero, &err), 0);
  /* Begins below. */
  ck_assert_int_eq (image_space_alloc (s, 8192, 0, 1, &place, &zero, &err), 0);
  ck_assert_uint_eq (place, 2 * 4096);
  ck_assert_int_eq (image_space_alloc (s, 4096, 0, 1, &place, &zero, &err), -1);
  ck_assert_int_eq (err, ENOSPC);
  image_space_free (s);
}
END_TEST

/* A footer moves with the end: where it was is free, but not zero. */
START_TEST (test_reserved)
{
  struct file f = {
    .end = 4096 + 512,
    .reserved = 512,
    .refuse_above = UINT64_MAX,
    .give_back = true,
  };
  struct image_space *s = make (&f, 512, UINT64_C (1) << 40, 4096);
  uint64_t place, last = 4096 - 512;
  bool zero;
  int err;

  ck_assert_int_eq (image_space_claim (s, 0, 4096), 1);
  for (unsigned k = 0; k < 100; k++) {
    const uint64_t footer = f.end - 512;

    ck_assert_int_eq (image_space_alloc (s, 512, 0, 512, &place, &zero, &err),
                      0);
    ck_assert_uint_eq (place, last + 512);
    ck_assert_uint_lt (place, f.end - 512);
    ck_assert (zero == (place != footer));
    last = place;
    ck_assert_uint_eq (image_space_used_end (s), last + 512);
  }
  image_space_free (s);
}
END_TEST

/* Random allocations never overlap, and what is said to be zero is. */
START_TEST (test_random)
{
  enum { UNITS = 400, LIVE = 40 };
  struct file f = { .end = 512 * 4, .refuse_above = 512 * UNITS };
  struct image_space *s = make (&f, 512, UINT64_C (1) << 40, 4096);
  struct {
    uint64_t place, count;
  } live[LIVE] = { { 0, 0 } };
  bool used[UNITS] = { false }, dirty[UNITS] = { false };
  struct rng rng;

  rng_init (&rng, rng_seed ("test-image-space"));
  for (unsigned k = 0; k < 4; k++)
    dirty[k] = true;
  for (unsigned n = 0; n < 20000; n++) {
    const unsigned k = rng_below (&rng, LIVE);
    bool zero;
    int err;

    if (live[k].count > 0) {
      const bool clean = rng_one_in (&rng, 2);

      image_space_release (s, live[k].place, live[k].count, clean);
      for (uint64_t u = 0; u < live[k].count / 512; u++) {
        used[live[k].place / 512 + u] = false;
        dirty[live[k].place / 512 + u] = !clean;
      }
      live[k].count = 0;
      continue;
    }
    live[k].count = 512 * (1 + rng_below (&rng, 20));
    if (image_space_alloc (s, live[k].count, 512, 1024, &live[k].place, &zero,
                           &err) == -1) {
      quick_assert (err == ENOSPC);
      live[k].count = 0;
      continue;
    }
    quick_assert (live[k].place % 1024 == 512);
    quick_assert (live[k].place + live[k].count <= f.end);
    for (uint64_t u = 0; u < live[k].count / 512; u++) {
      quick_assert (!used[live[k].place / 512 + u]);
      used[live[k].place / 512 + u] = true;
      quick_assert (!zero || !dirty[live[k].place / 512 + u]);
    }
  }
  image_space_free (s);
}
END_TEST

int
main (void)
{
  const TTest *const tests[] = {
    test_ranges,   test_claims, test_claim_free, test_lowest_first,
    test_no_space, test_limit,  test_reserved,   test_random,
  };

  return test_main ("image-space", tests, ARRAY_SIZE (tests));
}
