/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Ranges that are taken and given back: at their edges, without memory, and
 * compared with a map of all numbers.
 */

#include <config.h>

#include <string.h>

#include "base/align.h"
#include "support/alloc-fault.h"
#include "support/main.h"
#include "support/rng.h"
#include "vfio/free-ranges.h"

static uint64_t
must_take (struct free_ranges *f, uint64_t size, uint64_t align)
{
  uint64_t first;

  ck_assert (free_ranges_take (f, size, align, &first));
  ck_assert (IS_ALIGNED (first, align));
  return first;
}

/* As an IOMMU of 39 bits has them, with the window of the interrupts. */
START_TEST (addresses)
{
  struct free_ranges f = { .range = NULL };
  const uint64_t chunk = UINT64_C (1) << 21;
  uint64_t first;

  ck_assert_int_eq (free_ranges_add (&f, 0x100000, 0xfedfffff), 0);
  ck_assert_int_eq (free_ranges_add (&f, 0xfef00000, 0x7fffffffff), 0);
  ck_assert_uint_eq (must_take (&f, chunk, chunk), 0x200000);
  ck_assert_uint_eq (must_take (&f, 4096, 4096), 0x100000);
  /* Not over the window. */
  ck_assert_uint_eq (must_take (&f, UINT64_C (1) << 32, chunk), 0xff000000);
  ck_assert (!free_ranges_take (&f, UINT64_C (1) << 39, 4096, &first));
  free_ranges_give (&f, 0x100000, 4096);
  free_ranges_give (&f, 0xff000000, UINT64_C (1) << 32);
  free_ranges_give (&f, 0x200000, chunk);
  ck_assert_uint_eq (f.n, 2);
  ck_assert_uint_eq (f.pieces, 2);
  ck_assert_uint_eq (f.range[0].first, 0x100000);
  ck_assert_uint_eq (f.range[1].last, 0x7fffffffff);
  free_ranges_fini (&f);
}
END_TEST

START_TEST (last_number)
{
  struct free_ranges f = { .range = NULL };
  uint64_t first;

  ck_assert_int_eq (free_ranges_add (&f, UINT64_MAX - 8191, UINT64_MAX), 0);
  ck_assert (!free_ranges_take (&f, 8193, 1, &first));
  ck_assert (!free_ranges_take (&f, UINT64_MAX, 1, &first));
  ck_assert (!free_ranges_take (&f, 1, UINT64_C (1) << 63, &first));
  ck_assert_uint_eq (must_take (&f, 4096, 4096), UINT64_MAX - 8191);
  ck_assert_uint_eq (must_take (&f, 4096, 4096), UINT64_MAX - 4095);
  ck_assert (!free_ranges_take (&f, 1, 1, &first));
  free_ranges_give (&f, UINT64_MAX - 4095, 4096);
  free_ranges_give (&f, UINT64_MAX - 8191, 4096);
  ck_assert_uint_eq (f.n, 1);
  free_ranges_fini (&f);
}
END_TEST

#define NUMBERS 2048

START_TEST (against_a_map)
{
  struct free_ranges f = { .range = NULL };
  struct rng rng;
  struct {
    uint64_t first, size;
  } taken[256];
  size_t n = 0;
  char used[NUMBERS] = "";

  rng_init (&rng, rng_seed ("free-ranges"));
  ck_assert_int_eq (free_ranges_add (&f, 1024, NUMBERS - 1), 0);
  ck_assert_int_eq (free_ranges_add (&f, 0, 511), 0);
  memset (used + 512, 1, 512);
  for (int i = 0; i < 20000; i++) {
    if (n < ARRAY_SIZE (taken) && rng_below (&rng, 2) == 0) {
      const uint64_t size = 1 + rng_below (&rng, 40);
      uint64_t first;

      if (!free_ranges_take (&f, size, 1u << rng_below (&rng, 6), &first))
        continue;
      for (uint64_t k = first; k < first + size; k++) {
        quick_assert (!used[k]);
        used[k] = 1;
      }
      taken[n].first = first;
      taken[n++].size = size;
    }
    else if (n > 0) {
      const size_t k = rng_below (&rng, n);

      free_ranges_give (&f, taken[k].first, taken[k].size);
      memset (used + taken[k].first, 0, taken[k].size);
      taken[k] = taken[--n];
    }
    quick_assert (f.n <= f.pieces && f.pieces <= f.cap);
  }
  while (n-- > 0)
    free_ranges_give (&f, taken[n].first, taken[n].size);
  ck_assert_uint_eq (f.n, 2);
  free_ranges_fini (&f);
}
END_TEST

START_TEST (no_memory)
{
  struct free_ranges f = { .range = NULL };
  uint64_t first[8], more;
  bool r;
  int a;

  alloc_fault_nth (1);
  a = free_ranges_add (&f, 0, 99);
  alloc_fault_stop ();
  ck_assert_int_eq (a, -1);
  ck_assert_int_eq (free_ranges_add (&f, 0, 99), 0);
  for (size_t i = 0; i < ARRAY_SIZE (first) - 1; i++)
    first[i] = must_take (&f, 1, 2);
  alloc_fault_nth (1);
  r = free_ranges_take (&f, 1, 2, &more);
  for (size_t i = 0; i < ARRAY_SIZE (first) - 1; i++)
    free_ranges_give (&f, first[i], 1);
  alloc_fault_stop ();
  ck_assert (!r);
  ck_assert_uint_eq (f.n, 1);
  ck_assert_uint_eq (f.range[0].last, 99);
  free_ranges_fini (&f);
}
END_TEST

int
main (void)
{
  const TTest *const tests[] = { addresses, last_number, against_a_map,
                                 no_memory };

  return test_main ("free-ranges", tests, ARRAY_SIZE (tests));
}
