/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Presence sets when memory runs out.  The same operations are done
 * again and again, and each time another allocation fails, the first,
 * the second and so on until there are no more.  Whichever it is, the
 * operation says ENOMEM, each bit of its range has the old or the new
 * value, no other bit changes, and it works when it is tried again.
 *
 * The room allocates with calloc alone; the linker replaces it here.
 */

#include <config.h>

#include <check.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/align.h"
#include "presence-model.h"
#include "presence/presence.h"

#define BIT(n) (UINT64_C (1) << (n))
#define LEAF BIT (10)
#define LOW BIT (14)
#define HIGH BIT (22)
#define NBITS (4 * HIGH + 3 * LOW + 77)

extern void *__real_calloc (size_t n, size_t size);
extern void *__wrap_calloc (size_t n, size_t size);

/* How many calls of calloc succeed before one fails; 0 = all do. */
static unsigned fail_at;

void *
__wrap_calloc (size_t n, size_t size)
{
  if (fail_at > 0 && --fail_at == 0) {
    errno = ENOMEM;
    return NULL;
  }
  return __real_calloc (n, size);
}

enum op { SET, CLEAR, TEST_AND_SET };

struct step {
  enum op op;
  uint64_t start, n;
  /* Done so often, each time so much further on. */
  unsigned repeat;
  uint64_t stride;
};

static const struct step steps[] = {
  { SET, 5, 1, 1, 0 },
  { SET, HIGH - 10, 20, 1, 0 },
  { SET, LOW, 3 * LOW, 1, 0 },
  { CLEAR, LOW + 100, LOW, 1, 0 },
  /* Many small nodes. */
  { TEST_AND_SET, 10 * LOW + 70, 8, 300, 3 * LOW + LEAF },
  /* All present; split it again. */
  { SET, 0, NBITS, 1, 0 },
  { CLEAR, 3, 500 * LOW, 1, 0 },
  { CLEAR, 600 * LOW + 9, 8, 300, LOW },
  { TEST_AND_SET, 1, NBITS - 1, 1, 0 },
  { CLEAR, LOW - 1, 2 * HIGH / 3, 1, 0 },
};

static int64_t
do_step (struct presence *p, enum op op, uint64_t start, uint64_t n)
{
  errno = 0;
  switch (op) {
  case SET:
    return presence_set (p, start, n);
  case CLEAR:
    return presence_clear (p, start, n);
  case TEST_AND_SET:
    return presence_test_and_set (p, start, n);
  }
  abort ();
}

/* The operation failed: [START, START+N) of P is the model's or new, and
 * all else is the model's.
 */
static void
check_failed (const struct presence *p, const uint8_t *model, uint64_t start,
              uint64_t n, bool value)
{
  uint64_t end = start + n, pos, run_end;

  ck_assert_int_eq (errno, ENOMEM);
  pos = model_differs (model, p, 0, start);
  ck_assert_uint_eq (pos, start);
  pos = model_differs (model, p, end, NBITS);
  ck_assert_uint_eq (pos, NBITS);

  for (pos = start; pos < end; pos = run_end)
    if (presence_run (p, pos, end, &run_end) != value &&
        model_differs (model, p, pos, run_end) < run_end)
      ck_abort_msg ("a bit at or after %llu changed the wrong way",
                    (unsigned long long) pos);
}

/* Returns whether it ran to the end with no failure. */
static bool
run_steps (uint8_t *model, unsigned nth, bool reclaim)
{
  struct presence *p;
  bool failed = false;

  fail_at = nth;
  p = presence_create (NBITS);
  if (p == NULL) {
    ck_assert_int_eq (errno, ENOMEM);
    return false;
  }
  memset (model, 0, NBITS);

  for (size_t i = 0; i < ARRAY_SIZE (steps); i++) {
    const struct step *s = &steps[i];
    bool value = s->op != CLEAR;

    for (unsigned k = 0; k < s->repeat; k++) {
      uint64_t start = s->start + k * s->stride;

      if (do_step (p, s->op, start, s->n) == -1) {
        ck_assert (!failed);
        failed = true;
        check_failed (p, model, start, s->n, value);
        if (do_step (p, s->op, start, s->n) == -1)
          ck_abort_msg ("failed again");
      }
      memset (model + start, value, s->n);
      if (reclaim)
        presence_reclaim (p);
    }
    ck_assert_uint_eq (model_differs (model, p, 0, NBITS), NBITS);
  }
  presence_free (p);
  /* The allocation that failed was not just tried again. */
  ck_assert (failed == (fail_at == 0));
  return !failed;
}

START_TEST (each_allocation)
{
  uint8_t *model = malloc (NBITS);
  unsigned nth = 1;

  ck_assert_ptr_nonnull (model);
  while (!run_steps (model, nth, _i))
    nth++;
  fail_at = 0;
  printf ("%u allocations\n", nth - 1);
  ck_assert_uint_gt (nth, _i ? 5 : 10);
  free (model);
}
END_TEST

/* Ranges to reserve, and what is done around them before they change. */
static const struct {
  uint64_t start, n;
} reserved[] = {
  { 5, 1 },
  { LEAF, LEAF },
  { LEAF + 3, 2 * LEAF },
  { LOW - 1, 2 },
  { HIGH - 70, 3 * LOW },
  { 2 * HIGH + 100, NBITS - 2 * HIGH - 100 },
  { 0, NBITS },
  { NBITS - 1, 1 },
};

/* A change of [START, START+N) that must need no memory. */
static void
change_reserved (struct presence *p, uint8_t *model, uint64_t start, uint64_t n,
                 bool value)
{
  fail_at = 1;
  if ((value ? presence_set : presence_clear) (p, start, n) == -1)
    ck_abort_msg ("reserved, and failed all the same");
  ck_assert_uint_eq (fail_at, 1);
  fail_at = 0;
  memset (model + start, value, n);
  ck_assert_uint_eq (model_differs (model, p, 0, NBITS), NBITS);
}

/* Another thread reclaims: it must not get what is reserved. */
static void *
reclaim_thread (void *arg)
{
  presence_reclaim (arg);
  presence_reclaim (arg);
  return NULL;
}

/* Then take what there is to spare, so that nothing is left for who
 * reserved it: until there is a new chunk.  Where all is VALUE but
 * perhaps near BUSY.
 */
static void
reclaim_and_use_up (struct presence *p, uint8_t *model, uint64_t busy,
                    bool value)
{
  const size_t memory = presence_memory (p);
  pthread_t thread;

  ck_assert_int_eq (pthread_create (&thread, NULL, reclaim_thread, p), 0);
  pthread_join (thread, NULL);
  for (uint64_t at = LEAF / 2; presence_memory (p) == memory; at += LEAF) {
    ck_assert_uint_lt (at, NBITS);
    if (at / LOW == busy / LOW)
      continue;
    ck_assert_int_eq ((value ? presence_clear : presence_set) (p, at, 1), 0);
    model[at] = !value;
  }
}

/* With everything around it FULL or EMPTY, whose nodes it needs. */
static void
reserve_and_change (uint8_t *model, bool around, uint64_t start, uint64_t n)
{
  struct presence *p = presence_create (NBITS);
  struct presence_hold hold;
  unsigned nth = 0;

  ck_assert_ptr_nonnull (p);
  memset (model, around, NBITS);
  if (around)
    ck_assert_int_eq (presence_set (p, 0, NBITS), 0);
  presence_hold (p, &hold);
  do {
    fail_at = ++nth;
    errno = 0;
    if (presence_reserve (p, start, n) == 0)
      break;
    ck_assert_int_eq (errno, ENOMEM);
    ck_assert_uint_eq (model_differs (model, p, 0, NBITS), NBITS);
  } while (nth < 100);
  fail_at = 0;
  ck_assert_uint_eq (model_differs (model, p, 0, NBITS), NBITS);

  reclaim_and_use_up (p, model, start, around);
  change_reserved (p, model, start, n, !around);
  change_reserved (p, model, start, n, around);
  /* What happens to others does not matter. */
  memset (model, !around, NBITS);
  ck_assert_int_eq ((around ? presence_clear : presence_set) (p, 0, NBITS), 0);
  reclaim_and_use_up (p, model, start, !around);
  change_reserved (p, model, start, n, around);
  presence_release (p, &hold);
  presence_reclaim (p);
  ck_assert_uint_eq (model_differs (model, p, 0, NBITS), NBITS);
  presence_free (p);
}

START_TEST (reserve)
{
  uint8_t *model = malloc (NBITS);

  ck_assert_ptr_nonnull (model);
  for (size_t i = 0; i < ARRAY_SIZE (reserved); i++) {
    reserve_and_change (model, false, reserved[i].start, reserved[i].n);
    reserve_and_change (model, true, reserved[i].start, reserved[i].n);
  }
  free (model);
}
END_TEST

int
main (void)
{
  Suite *s = suite_create ("presence-enomem");
  TCase *tc = tcase_create ("enomem");
  SRunner *sr;
  int failed;

  tcase_set_timeout (tc, 600);
  tcase_add_loop_test (tc, each_allocation, 0, 2);
  tcase_add_test (tc, reserve);
  suite_add_tcase (s, tc);
  sr = srunner_create (s);
  srunner_run_all (sr, CK_ENV);
  failed = srunner_ntests_failed (sr);
  srunner_free (sr);
  return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
