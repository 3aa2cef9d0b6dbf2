/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The three states of sectors: every change from every state, beside an
 * array, and with each allocation failing in turn.
 */

#include <config.h>

#include <check.h>
#include <errno.h>
#include <string.h>

#include "base/align.h"
#include "layer/layer-bits.h"
#include "support/alloc-fault.h"
#include "support/main.h"
#include "support/nth-fault.h"
#include "support/rng.h"

enum { N = 5000 };

struct subject {
  struct layer_bits bits;
  uint8_t state[N];
};

static void
open_subject (struct subject *t)
{
  memset (t, 0, sizeof *t);
  ck_assert_int_eq (layer_bits_init (&t->bits, N), 0);
}

static int
set (struct layer_bits *b, enum layer_state to, uint64_t sector, uint64_t n,
     int *err)
{
  switch (to) {
  case LAYER_DATA:
    return layer_bits_set_data (b, sector, n, err);
  case LAYER_ZERO:
    return layer_bits_set_zero (b, sector, n, err);
  default:
    return layer_bits_set_absent (b, sector, n, err);
  }
}

static void
change (struct subject *t, enum layer_state to, uint64_t sector, uint64_t n)
{
  int err;

  ck_assert_int_eq (set (&t->bits, to, sector, n, &err), 0);
  memset (t->state + sector, (int) to, n);
}

static void
check (const struct subject *t)
{
  uint64_t end;

  for (uint64_t s = 0; s < N; s = end) {
    const enum layer_state state = layer_bits_state (&t->bits, s, N, &end);

    quick_assert (end > s && end <= N);
    for (uint64_t i = s; i < end; i++)
      quick_assert (t->state[i] == state);
    quick_assert (layer_bits_all_data (&t->bits, s, end - s) ==
                  (state == LAYER_DATA));
    /* A sector that is absent is never left marked zero. */
    quick_assert (state != LAYER_ABSENT ||
                  !presence_any (t->bits.zero, s, end - s));
  }
}

static void
random_range (struct rng *rng, uint64_t *sector, uint64_t *n)
{
  *n = 1 + rng_below (rng, rng_one_in (rng, 3) ? N : 200);
  *sector = rng_below (rng, N - *n + 1);
  if (rng_one_in (rng, 3))
    *sector = ROUND_DOWN (*sector, 1024);
}

START_TEST (random_changes)
{
  struct subject t;
  struct rng rng;
  uint64_t sector, n;

  open_subject (&t);
  check (&t);
  rng_init (&rng, rng_seed ("layer-bits"));
  for (unsigned i = 0; i < 2000; i++) {
    random_range (&rng, &sector, &n);
    change (&t, (enum layer_state) rng_below (&rng, 3), sector, n);
    check (&t);
  }
  layer_bits_fini (&t.bits);
}
END_TEST

/* A run of words: what bits say, over sectors that were absent. */
START_TEST (words)
{
  const uint64_t present[] = { 0x00ff00ff00ff00ff, 0, UINT64_MAX };
  const uint64_t zero[] = { 0x00f000ff00000003, 0, 0x8000000000000001 };
  struct subject t;
  int err;

  open_subject (&t);
  ck_assert_int_eq (layer_bits_set_words (&t.bits, 128, present, zero,
                                          ARRAY_SIZE (present), &err),
                    0);
  for (unsigned i = 0; i < 64 * ARRAY_SIZE (present); i++) {
    if (present[i / 64] >> i % 64 & 1)
      t.state[128 + i] = zero[i / 64] >> i % 64 & 1 ? LAYER_ZERO : LAYER_DATA;
  }
  check (&t);
  layer_bits_fini (&t.bits);
}
END_TEST

/* States to change: in large pieces, which need nodes to be changed in
 * part.
 */
static void
fill (struct subject *t, unsigned variant)
{
  if (variant & 1)
    change (t, LAYER_ZERO, 0, N);
  if (variant & 2)
    change (t, LAYER_DATA, 1024, 2048);
  if (variant & 4)
    change (t, LAYER_DATA, 0, 1024);
}

/* A change fails and nothing is changed, or it succeeds. */
START_TEST (change_no_memory)
{
  const enum layer_state to = (enum layer_state) (_i % 3);
  struct nth_fault f = NTH_FAULT_INIT;
  int err, r;

  while (nth_fault_next (&f)) {
    struct subject t;

    open_subject (&t);
    fill (&t, (unsigned) _i / 3);
    err = 0;
    alloc_fault_nth (f.n);
    r = set (&t.bits, to, 1000, 3000, &err);
    f.fired = alloc_fault_stop ();
    if (r == 0)
      memset (t.state + 1000, (int) to, 3000);
    else
      ck_assert (f.fired && err == ENOMEM);
    check (&t);
    layer_bits_fini (&t.bits);
  }
}
END_TEST

/* What is reserved cannot fail. */
START_TEST (reserved)
{
  const enum layer_state to = (enum layer_state) (_i % 3);
  struct nth_fault f = NTH_FAULT_INIT;
  int err, r;

  while (nth_fault_next (&f)) {
    struct layer_bits_hold hold;
    struct subject t;

    open_subject (&t);
    fill (&t, (unsigned) _i / 3);
    layer_bits_hold (&t.bits, &hold);
    err = 0;
    alloc_fault_nth (f.n);
    r = layer_bits_reserve (&t.bits, to, 1000, 3000, &err);
    f.fired = alloc_fault_stop ();
    check (&t);
    if (r == -1)
      ck_assert (f.fired && err == ENOMEM);
    else {
      /* The hold is in the way. */
      ck_assert_uint_eq (presence_reclaim (t.bits.present), 0);
      ck_assert_uint_eq (presence_reclaim (t.bits.zero), 0);
      alloc_fault_from (1);
      r = set (&t.bits, to, 1000, 3000, &err);
      alloc_fault_stop ();
      ck_assert_int_eq (r, 0);
      memset (t.state + 1000, (int) to, 3000);
      check (&t);
    }
    layer_bits_release (&t.bits, &hold);
    layer_bits_fini (&t.bits);
  }
}
END_TEST

START_TEST (init_no_memory)
{
  struct nth_fault f = NTH_FAULT_INIT;

  while (nth_fault_next (&f)) {
    struct layer_bits b;
    int r;

    errno = 0;
    alloc_fault_nth (f.n);
    r = layer_bits_init (&b, N);
    f.fired = alloc_fault_stop ();
    ck_assert_int_eq (r, f.fired ? -1 : 0);
    if (r == -1)
      ck_assert_int_eq (errno, ENOMEM);
    else
      layer_bits_fini (&b);
  }
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("layer-bits");
  TCase *c = test_case (suite, "layer-bits");

  tcase_add_test (c, random_changes);
  tcase_add_test (c, words);
  tcase_add_loop_test (c, change_no_memory, 0, 3 * 8);
  tcase_add_loop_test (c, reserved, 0, 3 * 8);
  tcase_add_test (c, init_no_memory);
  return test_run (suite);
}
