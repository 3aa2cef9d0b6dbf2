/* SPDX-License-Identifier: BSD-3-Clause
 *
 * extent_list: whatever is put into it, the answer is contiguous, merged
 * and inside the question.
 */

#include <config.h>

#include <check.h>
#include <errno.h>
#include <stdlib.h>

#include "base/align.h"
#include "base/extents.h"
#include "support/alloc-fault.h"
#include "support/main.h"
#include "support/rng.h"

static void
add (struct extent_list *l, uint64_t count, uint32_t type)
{
  int err = 0;

  ck_assert_int_eq (extent_list_add (l, count, type, &err), 0);
}

static void
check_list (const struct extent_list *l)
{
  uint64_t next = l->start;

  for (size_t i = 0; i < l->len; i++) {
    ck_assert_uint_eq (l->v[i].offset, next);
    ck_assert_uint_gt (l->v[i].count, 0);
    if (i > 0)
      ck_assert_uint_ne (l->v[i].type, l->v[i - 1].type);
    next += l->v[i].count;
  }
  ck_assert_uint_le (next, l->end);
  ck_assert_uint_eq (extent_list_next (l), next);
}

START_TEST (empty)
{
  struct extent_list l;

  extent_list_init (&l, 100, 200, false);
  ck_assert_uint_eq (extent_list_next (&l), 100);
  ck_assert (!extent_list_full (&l));
  add (&l, 0, EXTENT_HOLE);
  ck_assert_uint_eq (l.len, 0);
  extent_list_fini (&l);
  extent_list_init (&l, 100, 100, false);
  ck_assert (extent_list_full (&l));
  add (&l, 10, 0);
  ck_assert_uint_eq (l.len, 0);
  extent_list_fini (&l);
}
END_TEST

START_TEST (merge_and_clamp)
{
  struct extent_list l;

  extent_list_init (&l, 100, 200, false);
  add (&l, 10, 0);
  add (&l, 20, 0);
  ck_assert_uint_eq (l.len, 1);
  ck_assert_uint_eq (l.v[0].count, 30);
  add (&l, 5, EXTENT_ZERO);
  add (&l, 1, EXTENT_HOLE | EXTENT_ZERO);
  ck_assert_uint_eq (l.len, 3);
  ck_assert (!extent_list_full (&l));
  add (&l, UINT64_MAX, EXTENT_HOLE);
  ck_assert_uint_eq (l.len, 4);
  ck_assert_uint_eq (l.v[3].offset, 136);
  ck_assert_uint_eq (l.v[3].count, 64);
  ck_assert (extent_list_full (&l));
  add (&l, 10, 0);
  add (&l, 10, EXTENT_HOLE);
  ck_assert_uint_eq (l.len, 4);
  check_list (&l);
  extent_list_fini (&l);
}
END_TEST

/* At the very end of what a number can say. */
START_TEST (extremes)
{
  struct extent_list l;

  extent_list_init (&l, UINT64_MAX - 10, UINT64_MAX, false);
  add (&l, 4, 0);
  add (&l, UINT64_MAX, EXTENT_HOLE);
  ck_assert_uint_eq (extent_list_next (&l), UINT64_MAX);
  check_list (&l);
  extent_list_fini (&l);
}
END_TEST

/* REQ_ONE: the first extent in full, and nothing of the next. */
START_TEST (only_one)
{
  struct extent_list l;

  extent_list_init (&l, 0, 100, true);
  add (&l, 10, EXTENT_HOLE);
  ck_assert (!extent_list_full (&l));
  add (&l, 10, EXTENT_HOLE);
  ck_assert (!extent_list_full (&l));
  add (&l, 10, 0);
  ck_assert (extent_list_full (&l));
  add (&l, 10, EXTENT_HOLE);
  ck_assert_uint_eq (l.len, 1);
  ck_assert_uint_eq (l.v[0].count, 20);
  ck_assert_uint_eq (l.v[0].type, EXTENT_HOLE);
  extent_list_fini (&l);
}
END_TEST

START_TEST (bounded)
{
  struct extent_list l;

  extent_list_init (&l, 0, UINT64_MAX, false);
  for (unsigned i = 0; i < EXTENTS_MAX + 100; i++)
    add (&l, 1, i % 2);
  ck_assert_uint_eq (l.len, EXTENTS_MAX);
  ck_assert (extent_list_full (&l));
  check_list (&l);
  extent_list_fini (&l);
}
END_TEST

/* Beside an array of types. */
START_TEST (model)
{
  struct rng rng;

  rng_init (&rng, rng_seed ("extents"));
  for (unsigned run = 0; run < 2000; run++) {
    enum { MAX = 300 };
    const uint64_t start = rng_below (&rng, 1000);
    const uint64_t size = rng_below (&rng, MAX);
    uint8_t type_of[MAX];
    uint64_t pos = 0;
    struct extent_list l;

    extent_list_init (&l, start, start + size, false);
    while (pos < size || rng_one_in (&rng, 2)) {
      const uint64_t count = rng_below (&rng, 60);
      const uint32_t type = rng_below (&rng, 4);

      for (uint64_t i = 0; i < count && pos < size; i++)
        type_of[pos++] = (uint8_t) type;
      add (&l, count, type);
      ck_assert_uint_eq (extent_list_next (&l), start + pos);
    }
    check_list (&l);
    for (size_t i = 0; i < l.len; i++) {
      for (uint64_t k = 0; k < l.v[i].count; k++)
        ck_assert_uint_eq (type_of[l.v[i].offset - start + k], l.v[i].type);
    }
    extent_list_fini (&l);
  }
}
END_TEST

/* No memory: said so, and the list is as it was. */
START_TEST (no_memory)
{
  struct extent_list l;
  int err = 0, r;

  extent_list_init (&l, 0, 1000, false);
  alloc_fault_nth (1);
  r = extent_list_add (&l, 1, 0, &err);
  ck_assert (alloc_fault_stop ());
  ck_assert_int_eq (r, -1);
  ck_assert_int_eq (err, ENOMEM);
  ck_assert_uint_eq (l.len, 0);
  for (unsigned i = 0; i < 16; i++)
    add (&l, 1, i % 2);
  alloc_fault_nth (1);
  r = extent_list_add (&l, 1, 0, &err);
  ck_assert (alloc_fault_stop ());
  ck_assert_int_eq (r, -1);
  ck_assert_uint_eq (l.len, 16);
  add (&l, 1, 0);
  check_list (&l);
  extent_list_fini (&l);
}
END_TEST

int
main (void)
{
  const TTest *const tests[] = {
    empty, merge_and_clamp, extremes, only_one, bounded, model, no_memory,
  };

  return test_main ("extents", tests, ARRAY_SIZE (tests));
}
