/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What a read cache lacks is fetched once, in units, and nobody gets
 * anything older than what was there when the read began.
 */

#include <config.h>

#include <errno.h>

#include "fetch-stack.h"
#include "support/alloc-fault.h"

/* Sectors of a small disk that ends inside its last sector. */
enum { SMALL = 5 * UNIT + 7 };
#define SMALL_SIZE (SMALL * SECTOR - 100)

/* What the cache object would say: has anything been lost? */
static atomic_bool lost, lost_once;

extern bool __wrap_layered_cache_lost (const struct layered_cache *c,
                                       uint64_t sector, uint64_t nsectors,
                                       cache_moment moment);
extern void __wrap_layered_cache_populate (struct layered *ld, unsigned level,
                                           struct store *bottom,
                                           const void *buf, uint64_t sector,
                                           uint32_t nsectors,
                                           cache_moment moment);
extern void __real_layered_cache_populate (struct layered *ld, unsigned level,
                                           struct store *bottom,
                                           const void *buf, uint64_t sector,
                                           uint32_t nsectors,
                                           cache_moment moment);

bool
__wrap_layered_cache_lost (const struct layered_cache *c, uint64_t sector,
                           uint64_t nsectors, cache_moment moment)
{
  return atomic_exchange (&lost_once, false) || lost;
}

void
__wrap_layered_cache_populate (struct layered *ld, unsigned level,
                               struct store *bottom, const void *buf,
                               uint64_t sector, uint32_t nsectors,
                               cache_moment moment)
{
  if (!lost)
    __real_layered_cache_populate (ld, level, bottom, buf, sector, nsectors,
                                   moment);
}

static int
no_room (struct layer *l, const void *buf, uint64_t sector, uint32_t nsectors,
         unsigned flags, int *err)
{
  *err = ENOSPC;
  return -1;
}

/* N clients want [SECTOR, SECTOR+NSECTORS) at once. */
static void
crowd (struct fetch_stack *t, unsigned n, uint64_t sector, uint32_t nsectors)
{
  struct one_read one[64];

  gate_close (&t->gate, 1, false);
  one_read_start (&one[0], t, sector, nsectors);
  gate_await (&t->gate, 1);
  for (unsigned i = 1; i < n; i++)
    one_read_start (&one[i], t, sector, nsectors);
  fetch_stack_await_joined (t, n - 1);
  gate_open (&t->gate);
  for (unsigned i = 0; i < n; i++)
    ck_assert (one_read_end (&one[i]));
}

/* 64 clients, one read; of a part of a unit, of a whole one, which comes
 * straight into the first client's memory, and where nothing can be kept.
 */
START_TEST (one_flight)
{
  struct fetch_stack t;

  fetch_stack_open (&t, SMALL_SIZE, _i & 4, false);
  if (_i & 1)
    t.ops.write = no_room;
  crowd (&t, 64, _i & 2 ? UNIT : UNIT + 3, _i & 2 ? UNIT : 8);
  ck_assert_uint_eq (fetch_stack_reads (&t), 1);
  ck_assert_uint_eq (count_get (&t.ld->fetch_counters.shared), 63);
  ck_assert_uint_eq (count_get (&t.ld->fetch_counters.requests), 1);
  ck_assert_uint_eq (count_get (&t.ld->fetch_counters.bytes), UNIT * SECTOR);
  fetch_stack_check (&t, UNIT, UNIT);
  ck_assert_uint_eq (fetch_stack_reads (&t), _i & 1 ? 2 : 1);
  ck_assert (TAILQ_EMPTY (&t.ld->fetch->table[0]));
  fetch_stack_close (&t);
}
END_TEST

/* Misses that overlap fetch only what is not on its way. */
START_TEST (overlap)
{
  struct one_read first, second;
  struct fetch_stack t;

  fetch_stack_open (&t, SMALL_SIZE, false, false);
  gate_close (&t.gate, 2, false);
  one_read_start (&first, &t, UNIT, 2 * UNIT);
  gate_await (&t.gate, 1);
  one_read_start (&second, &t, 10, 4 * UNIT - 10);
  gate_await (&t.gate, 2);
  gate_open (&t.gate);
  ck_assert (one_read_end (&first));
  ck_assert (one_read_end (&second));
  ck_assert_uint_eq (fetch_stack_reads (&t), 3);
  ck_assert_uint_eq (count_get (&t.ld->fetch_counters.bytes),
                     4 * UNIT * SECTOR);
  fetch_stack_close (&t);
}
END_TEST

/* A write while the flight is in the air, which has read already. */
static void
write_meanwhile (struct fetch_stack *t, struct one_read *early, char *new)
{
  int err;

  gate_close (&t->gate, 1, true);
  one_read_start (early, t, 0, UNIT);
  gate_await (&t->gate, 1);
  memset (new, 0x7e, 4 * SECTOR);
  ck_assert_int_eq (layered_write (t->ld, t->bottom, new, 8, 4, 0, &err), 0);
}

/* The sectors that were written come from the layer, the others from the
 * flight.
 */
START_TEST (write_then_join)
{
  char new[4 * SECTOR], *expected;
  struct one_read early, late;
  struct fetch_stack t;

  fetch_stack_open (&t, SMALL_SIZE, _i, true);
  write_meanwhile (&t, &early, new);
  one_read_start (&late, &t, 0, UNIT);
  fetch_stack_await_joined (&t, 1);
  gate_open (&t.gate);
  ck_assert (one_read_end (&early));
  expected = must_malloc (UNIT * SECTOR);
  memcpy (expected, t.disk, UNIT * SECTOR);
  memcpy (expected + 8 * SECTOR, new, sizeof new);
  pthread_join (late.thread, NULL);
  ck_assert_int_eq (late.r, 0);
  ck_assert (memcmp (late.buf, expected, UNIT * SECTOR) == 0);
  free (late.buf);
  free (expected);
  ck_assert_uint_eq (fetch_stack_reads (&t), 1);
  fetch_stack_close (&t);
}
END_TEST

/* Written, evicted, and the flight that read before the write is still
 * in the air: it is of no use.
 */
START_TEST (write_lose_then_read)
{
  char new[4 * SECTOR], buf[4 * SECTOR];
  struct one_read early;
  struct fetch_stack t;
  int err;

  fetch_stack_open (&t, SMALL_SIZE, false, true);
  write_meanwhile (&t, &early, new);
  lost = true;
  ck_assert_int_eq (t.ops.discard (t.layer, 8, 4, &err), 0);
  ck_assert_int_eq (layered_read (t.ld, t.bottom, buf, 8, 4, &err), 0);
  ck_assert (memcmp (buf, new, sizeof new) == 0);
  ck_assert_uint_eq (fetch_stack_reads (&t), 2);
  gate_open (&t.gate);
  ck_assert (one_read_end (&early));
  fetch_stack_close (&t);
}
END_TEST

/* The flight landed between the look at the layer and the plan. */
static struct fetch_stack *landing;
static int (*mem_read) (struct layer *l, void *buf, uint64_t sector,
                        uint32_t nsectors, struct marker *m, int *err);

static int
read_then_land (struct layer *l, void *buf, uint64_t sector, uint32_t nsectors,
                struct marker *m, int *err)
{
  struct fetch_stack *t = landing;

  if (t != NULL) {
    landing = NULL;
    fetch_stack_check (t, 0, UNIT);
    return 0; /* as it looked before that */
  }
  return mem_read (l, buf, sector, nsectors, m, err);
}

START_TEST (landed_meanwhile)
{
  struct fetch_stack t;

  fetch_stack_open (&t, SMALL_SIZE, false, false);
  mem_read = t.ops.read;
  t.ops.read = read_then_land;
  landing = &t;
  fetch_stack_check (&t, 3, 10);
  ck_assert_uint_eq (fetch_stack_reads (&t), 1);
  fetch_stack_close (&t);
}
END_TEST

/* What is present is evicted while it is read: it comes as zeroes. */
static int
read_while_lost (struct layer *l, void *buf, uint64_t sector, uint32_t nsectors,
                 struct marker *m, int *err)
{
  struct fetch_stack *t = landing;
  const int r = mem_read (l, buf, sector, nsectors, m, err);

  if (t == NULL)
    return r;
  landing = NULL;
  lost_once = true;
  memset (buf, 0, nsectors * SECTOR);
  return t->ops.discard (l, sector, nsectors, err);
}

START_TEST (lost_meanwhile)
{
  struct fetch_stack t;

  fetch_stack_open (&t, SMALL_SIZE, false, false);
  fetch_stack_check (&t, 0, UNIT);
  mem_read = t.ops.read;
  t.ops.read = read_while_lost;
  landing = &t;
  fetch_stack_check (&t, 3, 10);
  ck_assert_uint_eq (fetch_stack_reads (&t), 2);
  fetch_stack_close (&t);
}
END_TEST

/* All who wanted exactly what cannot be read are told; nobody tries again
 * for them.
 */
START_TEST (failed_for_all)
{
  struct one_read one[8];
  struct fetch_stack t;

  fetch_stack_open (&t, SMALL_SIZE, false, false);
  gate_damage (&t.gate, UNIT, 1);
  gate_close (&t.gate, 1, false);
  one_read_start (&one[0], &t, UNIT, UNIT);
  gate_await (&t.gate, 1);
  for (unsigned i = 1; i < 8; i++)
    one_read_start (&one[i], &t, UNIT, UNIT);
  fetch_stack_await_joined (&t, 7);
  gate_open (&t.gate);
  for (unsigned i = 0; i < 8; i++) {
    ck_assert (!one_read_end (&one[i]));
    ck_assert_int_eq (one[i].r, -1);
    ck_assert_int_eq (one[i].err, ENXIO);
  }
  ck_assert_uint_eq (fetch_stack_reads (&t), 1);
  /* It is tried anew for those who come later. */
  gate_damage (&t.gate, 0, 0);
  fetch_stack_check (&t, 0, SMALL);
  fetch_stack_close (&t);
}
END_TEST

/* A neighbour that was fetched along with it cannot be read: that is
 * nothing to who did not ask for it.
 */
START_TEST (failed_neighbour)
{
  struct one_read first, second, bad;
  struct fetch_stack t;

  fetch_stack_open (&t, SMALL_SIZE, false, false);
  gate_damage (&t.gate, 20, 1);
  gate_close (&t.gate, 1, false);
  one_read_start (&first, &t, 8, 8);
  gate_await (&t.gate, 1);
  one_read_start (&second, &t, 100, 3);
  one_read_start (&bad, &t, 16, 8);
  fetch_stack_await_joined (&t, 2);
  gate_open (&t.gate);
  ck_assert (one_read_end (&first));
  ck_assert (one_read_end (&second));
  ck_assert (!one_read_end (&bad));
  ck_assert_int_eq (bad.err, ENXIO);
  ck_assert_uint_eq (fetch_stack_reads (&t), 4);
  fetch_stack_close (&t);
}
END_TEST

/* The reads of the disk that [START, END) must cause where HAS is present:
 * runs that are less than a unit apart in one, rounded out to units over
 * what is absent.
 */
static unsigned
expect_reads (const bool *has, uint64_t start, uint64_t end,
              struct store_op *out)
{
  unsigned n = 0;

  for (uint64_t s = start; s < end; s++) {
    uint64_t lo = s, hi, e;

    if (has[s])
      continue;
    for (hi = e = s + 1; e < end && e - hi < UNIT; e++) {
      if (!has[e])
        hi = e + 1;
    }
    s = hi;
    while (lo % UNIT != 0 && !has[lo - 1])
      lo--;
    while (hi % UNIT != 0 && hi < SMALL && !has[hi])
      hi++;
    out[n++] = (struct store_op){ .offset = lo * SECTOR,
                                  .count = min_u64 (hi * SECTOR, SMALL_SIZE) -
                                           lo * SECTOR };
  }
  return n;
}

static void
check_reads (struct fetch_stack *t, const struct store_op *expected, unsigned n)
{
  quick_assert (trace_len (t->trace) == n);
  for (unsigned i = 0; i < n; i++) {
    const struct store_op op = trace_get (t->trace, i).op;

    quick_assert (op.kind == STORE_OP_READ);
    quick_assert (op.offset == expected[i].offset);
    quick_assert (op.count == expected[i].count);
  }
}

/* Every alignment, and every presence: what is read below is known. */
START_TEST (rounding)
{
  struct rng rng;

  rng_init (&rng, rng_seed ("layered-fetch-rounding"));
  for (unsigned i = 0; i < 2000; i++) {
    const uint64_t start = rng_below (&rng, SMALL);
    const uint64_t end = start + 1 + rng_below (&rng, SMALL - start);
    struct store_op expected[SMALL];
    struct fetch_stack t;
    bool has[SMALL] = { false };
    int err;

    fetch_stack_open (&t, SMALL_SIZE, i & 1, false);
    for (unsigned k = rng_below (&rng, 6); k > 0; k--) {
      const uint64_t s = rng_below (&rng, SMALL);
      const uint64_t n =
        1 +
        rng_below (&rng, min_u64 (SMALL - s, rng_one_in (&rng, 2) ? 300 : 9));

      memset (has + s, true, n);
      ck_assert_int_eq (
        t.ops.write (t.layer, t.disk + s * SECTOR, s, n, 0, &err), 0);
    }
    fetch_stack_check (&t, start, end - start);
    check_reads (&t, expected, expect_reads (has, start, end, expected));
    fetch_stack_close (&t);
  }
}
END_TEST

/* A layer that is full is not asked to take more than is read. */
START_TEST (full_is_not_rounded)
{
  struct fetch_stack t;

  fetch_stack_open (&t, SMALL_SIZE, false, false);
  t.ops.write = no_room;
  fetch_stack_check (&t, 3, 1);
  fetch_stack_check (&t, 5, 1);
  ck_assert_uint_eq (trace_get (t.trace, 0).op.count, UNIT * SECTOR);
  ck_assert_uint_eq (trace_get (t.trace, 1).op.count, SECTOR);
  ck_assert_uint_ge (count_get (&t.ld->counters[0].populate_failures), 2);
  fetch_stack_close (&t);
}
END_TEST

START_TEST (counters)
{
  struct fetch_stack t;

  fetch_stack_open (&t, SMALL_SIZE, false, false);
  fetch_stack_check (&t, 0, 8);
  fetch_stack_check (&t, 4, UNIT);
  ck_assert_uint_eq (count_get (&t.ld->counters[0].miss), (8 + 4) * SECTOR);
  ck_assert_uint_eq (count_get (&t.ld->counters[0].hit), (UNIT - 4) * SECTOR);
  ck_assert_uint_eq (count_get (&t.ld->fetch_counters.bytes),
                     2 * UNIT * SECTOR);
  fetch_stack_close (&t);
}
END_TEST

/* Whatever memory there is not, the data comes. */
START_TEST (no_memory)
{
  bool failed = true;

  for (unsigned n = 1; failed; n++) {
    char *buf = must_malloc (3 * UNIT * SECTOR);
    struct fetch_stack t;
    int r, err;

    fetch_stack_open (&t, SMALL_SIZE, false, false);
    fetch_stack_check (&t, 2 * UNIT + 3, 1);
    if (_i)
      alloc_fault_from (n);
    else
      alloc_fault_nth (n);
    r = layered_read (t.ld, t.bottom, buf, 5, 3 * UNIT, &err);
    failed = alloc_fault_stop ();
    ck_assert_int_eq (r, 0);
    ck_assert (memcmp (buf, t.disk + 5 * SECTOR, 3 * UNIT * SECTOR) == 0);
    fetch_stack_close (&t);
    free (buf);
  }
}
END_TEST

START_TEST (no_memory_to_start)
{
  struct fetch_stack t;
  int r, err = 0;

  fetch_stack_open (&t, SMALL_SIZE, false, false);
  t.ld->own_bottom = t.bottom;
  alloc_fault_nth (1);
  r = layered_fetch_start (t.ld, &err);
  ck_assert (alloc_fault_stop ());
  ck_assert_int_eq (r, -1);
  ck_assert_int_eq (err, ENOMEM);
  fetch_stack_check (&t, 0, SMALL);
  fetch_stack_close (&t);
}
END_TEST

/* Brought into the cache, in any case only once. */
START_TEST (prefetch)
{
  struct fetch_stack t;
  int err;

  fetch_stack_open (&t, SMALL_SIZE, false, false);
  if (_i)
    fetch_stack_start (&t);
  ck_assert_int_eq (layered_cache (t.ld, t.bottom, 10, SMALL - 10, &err), 0);
  fetch_stack_check (&t, 0, SMALL);
  ck_assert_uint_eq (count_get (&t.ld->fetch_counters.bytes), SMALL_SIZE);
  ck_assert_int_eq (layered_cache (t.ld, t.bottom, 0, SMALL, &err), 0);
  ck_assert_uint_eq (count_get (&t.ld->fetch_counters.bytes), SMALL_SIZE);
  fetch_stack_close (&t);

  fetch_stack_open (&t, SMALL_SIZE, false, false);
  if (_i)
    fetch_stack_start (&t);
  gate_damage (&t.gate, 2 * UNIT + 1, 1);
  ck_assert_int_eq (layered_cache (t.ld, t.bottom, 0, SMALL, &err), -1);
  ck_assert_int_eq (err, ENXIO);
  fetch_stack_close (&t);
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("layered-fetch");
  TCase *c = test_case (suite, "layered-fetch");

  tcase_add_loop_test (c, one_flight, 0, 8);
  tcase_add_test (c, overlap);
  tcase_add_loop_test (c, write_then_join, 0, 2);
  tcase_add_test (c, write_lose_then_read);
  tcase_add_test (c, landed_meanwhile);
  tcase_add_test (c, lost_meanwhile);
  tcase_add_test (c, failed_for_all);
  tcase_add_test (c, failed_neighbour);
  tcase_add_test (c, rounding);
  tcase_add_test (c, full_is_not_rounded);
  tcase_add_test (c, counters);
  tcase_add_loop_test (c, no_memory, 0, 2);
  tcase_add_test (c, no_memory_to_start);
  tcase_add_loop_test (c, prefetch, 0, 2);
  return test_run (suite);
}
