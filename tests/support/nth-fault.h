/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The loop that finds every error path: do the same thing again and
 * again with its first, second, third... operation failing, until a run
 * in which none failed.
 *
 *   struct nth_fault f = NTH_FAULT_INIT;
 *
 *   while (nth_fault_next (&f)) {
 *     ... build everything afresh ...
 *     store_fault_nth (faulty, STORE_OPS_ALL, f.n);    (or alloc_fault_nth)
 *     r = the thing that is tested;
 *     f.fired = store_fault_fired (faulty);            (or alloc_fault_fired)
 *     ... if f.fired, expect a clean failure, else success ...
 *   }
 *
 * NTH_FAULT_STEP=3 in the environment: every third only, and only in every
 * third of the cases that nth_fault_case counts, where all take too long.
 */

#ifndef DISKSTACK_TEST_NTH_FAULT_H
#define DISKSTACK_TEST_NTH_FAULT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

struct nth_fault {
  uint64_t n;   /* which operation is to fail in this run, from 1 */
  uint64_t max; /* more runs than this: something never comes clean */
  bool fired;   /* set by the test: did it fail? */
};

#define NTH_FAULT_INIT                  \
  {                                     \
    .n = 0, .max = 20000, .fired = true \
  }

static inline uint64_t
nth_fault_step (void)
{
  const char *s = getenv ("NTH_FAULT_STEP");
  const uint64_t step = s != NULL ? strtoull (s, NULL, 10) : 1;

  return step > 0 ? step : 1;
}

/* Is the case with number K to be tried? */
static inline bool
nth_fault_case (uint64_t k)
{
  return k % nth_fault_step () == 0;
}

static inline bool
nth_fault_next (struct nth_fault *f)
{
  if (!f->fired)
    return false;
  f->n += f->n == 0 ? 1 : nth_fault_step ();
  if (f->n > f->max) {
    fprintf (stderr, "nth_fault: still failing after %llu runs\n",
             (unsigned long long) f->max);
    abort ();
  }
  f->fired = false;
  return true;
}

#endif /* DISKSTACK_TEST_NTH_FAULT_H */
