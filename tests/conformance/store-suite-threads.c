/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Many threads in one store.  The disk is dealt out in pieces, each to
 * one thread, as small as the store takes them and in turn, so that the
 * neighbours of a byte belong to others.
 */

#include <config.h>

#include <stdatomic.h>

#include "conformance/store-suite.h"
#include "support/must.h"
#include "support/threads.h"

#define SIZE (512 * 1024)

enum { THREADS = 8 };

struct crowd {
  struct subject t;
  uint64_t piece;
  uint64_t npieces; /* for each thread */
  uint64_t seed;
  unsigned rounds;
  _Atomic unsigned working;
};

/* What all the pieces of a thread hold is kept by that thread. */
static void
work_on_pieces (struct crowd *c, unsigned index)
{
  uint8_t *mine = must_calloc (c->npieces, c->piece);
  uint8_t *back = must_malloc (c->piece);
  struct rng rng;
  int err = 0;

  rng_init (&rng, c->seed + index);
  for (unsigned i = 0; i < c->rounds; i++) {
    const uint64_t k = rng_below (&rng, c->npieces);
    const uint64_t offset = (k * THREADS + index) * c->piece;
    uint8_t *const m = mine + k * c->piece;

    switch (rng_below (&rng, 8)) {
    case 0:
      quick_assert (
        store_zero (c->t.s, c->piece, offset, STORE_MAY_TRIM, &err) == 0);
      memset (m, 0, c->piece);
      break;
    case 1:
      quick_assert (store_trim (c->t.s, c->piece, offset, 0, &err) == 0);
      quick_assert (store_read (c->t.s, m, c->piece, offset, &err) == 0);
      break;
    case 2:
    case 3:
      break;
    default:
      rng_fill (&rng, m, c->piece);
      quick_assert (store_write (c->t.s, m, c->piece, offset,
                                 rng_one_in (&rng, 50) ? STORE_FUA : 0,
                                 &err) == 0);
      break;
    }
    quick_assert (store_read (c->t.s, back, c->piece, offset, &err) == 0);
    if (memcmp (back, m, c->piece) != 0)
      ck_abort_msg ("%s: thread %u lost its piece at %llu", c->t.maker->name,
                    index, (unsigned long long) offset);
  }
  for (uint64_t k = 0; k < c->npieces; k++) {
    quick_assert (store_read (c->t.s, back, c->piece,
                              (k * THREADS + index) * c->piece, &err) == 0);
    quick_assert (memcmp (back, mine + k * c->piece, c->piece) == 0);
  }
  free (back);
  free (mine);
}

/* Meanwhile somebody asks about everything. */
static void
look_around (struct crowd *c)
{
  const uint64_t size = c->t.spec.size;
  uint8_t *buf = must_malloc (size);
  int err = 0;

  while (c->working > 0) {
    struct extent_list l;

    extent_list_init (&l, 0, size, false);
    quick_assert (store_extents (c->t.s, size, 0, 0, &l, &err) == 0);
    quick_assert (extent_list_next (&l) <= size);
    extent_list_fini (&l);
    quick_assert (store_read (c->t.s, buf, size, 0, &err) == 0);
    quick_assert (store_cache (c->t.s, size, 0, &err) == 0);
    quick_assert (store_flush (c->t.s, &err) == 0);
  }
  free (buf);
}

static void
member (void *opaque, unsigned index)
{
  struct crowd *c = opaque;

  if (index == THREADS)
    look_around (c);
  else {
    work_on_pieces (c, index);
    c->working--;
  }
}

static void
run_crowd (int i, uint64_t piece)
{
  struct crowd c = { .rounds = 120, .working = THREADS };

  if (!subject_open (&c.t, i, SIZE))
    return;
  c.piece = ROUND_UP (piece, c.t.unit);
  c.npieces = c.t.spec.size / c.piece / THREADS;
  c.seed = rng_next (&c.t.rng);
  if (c.npieces > 0)
    threads_run (THREADS + 1, member, &c);
  subject_close (&c.t);
}

START_TEST (small_pieces)
{
  run_crowd (_i, 100);
}
END_TEST

START_TEST (sectors)
{
  run_crowd (_i, 512);
}
END_TEST

START_TEST (odd_pieces)
{
  run_crowd (_i, 5000);
}
END_TEST

/* Writers of the same range: what is in the end is from one of them in
 * every sector, and what is around stays.
 */
struct fight {
  struct subject t;
  uint64_t offset, count;
  unsigned rounds;
};

static void
fighter (void *opaque, unsigned index)
{
  struct fight *f = opaque;
  uint8_t *buf = must_malloc (f->count);
  int err = 0;

  memset (buf, 1 + (int) index, f->count);
  for (unsigned i = 0; i < f->rounds; i++)
    quick_assert (store_write (f->t.s, buf, f->count, f->offset, 0, &err) == 0);
  free (buf);
}

START_TEST (overlap)
{
  struct fight f = { .rounds = 100 };
  uint8_t *back;

  if (!subject_open (&f.t, _i, SIZE))
    return;
  f.offset = max_u64 (4096, f.t.unit);
  f.count = 4 * max_u64 (4096, f.t.unit);
  write_random (&f.t, 0, f.t.spec.size, 0);
  threads_run (4, fighter, &f);
  check_range_of (&f.t, 0, f.offset);
  check_range_of (&f.t, f.offset + f.count, f.t.spec.size - f.offset - f.count);
  back = must_malloc (f.count);
  ck_assert_int_eq (store_read (f.t.s, back, f.count, f.offset, &f.t.err), 0);
  for (uint64_t i = 0; i < f.count; i++)
    quick_assert (back[i] >= 1 && back[i] <= 4);
  free (back);
  subject_close (&f.t);
}
END_TEST

void
store_suite_threads (Suite *suite)
{
  TCase *c = test_case (suite, "threads");

  tcase_add_loop_test (c, small_pieces, 0, NSUBJECTS);
  tcase_add_loop_test (c, sectors, 0, NSUBJECTS);
  tcase_add_loop_test (c, odd_pieces, 0, NSUBJECTS);
  tcase_add_loop_test (c, overlap, 0, NSUBJECTS);
}
