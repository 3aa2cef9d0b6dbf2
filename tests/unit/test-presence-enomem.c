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
run_steps (uint8_t *model, unsigned nth)
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
  while (!run_steps (model, nth))
    nth++;
  fail_at = 0;
  printf ("%u allocations\n", nth - 1);
  ck_assert_uint_gt (nth, 10);
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
  tcase_add_test (tc, each_allocation);
  suite_add_tcase (s, tc);
  sr = srunner_create (s);
  srunner_run_all (sr, CK_ENV);
  failed = srunner_ntests_failed (sr);
  srunner_free (sr);
  return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
