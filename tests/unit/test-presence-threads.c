/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Presence sets used by several threads at once, while nodes come and go.
 * Of most use when it is built with ThreadSanitizer, which sees what the
 * results cannot show.  All sets are small and made anew in each round.
 *
 * All is done with the barrier of membarrier(2), and as where there is
 * none; the linker replaces syscall here.
 */

#include <config.h>

#include <check.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/align.h"
#include "presence-model.h"
#include "presence/presence.h"

#define BIT(n) (UINT64_C (1) << (n))
#define LEAF BIT (10)
#define LOW BIT (14)
#define HIGH BIT (22)

#define CELL_WORDS (LEAF / 64)

#define THREADS 4

/* The bits that are used: on both sides of a border of all levels. */
#define FIRST (HIGH - 2 * LOW)
#define NBITS (HIGH + 2 * LOW - 3)
#define SPAN (NBITS - FIRST)

/* What membarrier is called through fails. */
static atomic_bool no_barrier;

extern long __real_syscall (long number, ...);
extern long __wrap_syscall (long number, ...);

long
__wrap_syscall (long number, ...)
{
  va_list ap;
  int cmd, flags, cpu;

  va_start (ap, number);
  cmd = va_arg (ap, int);
  flags = va_arg (ap, int);
  cpu = va_arg (ap, int);
  va_end (ap);
  if (atomic_load (&no_barrier)) {
    errno = ENOSYS;
    return -1;
  }
  return __real_syscall (number, cmd, flags, cpu);
}

struct round;

struct worker {
  struct round *round;
  unsigned id;
  uint64_t rnd;
  unsigned errors; /* check's own macros are for the main thread */
  int64_t told;
};

struct round {
  struct presence *p;
  unsigned rounds;
  pthread_barrier_t start;
  uint64_t block;         /* so many bits have one owner */
  uint64_t used;          /* disjoint: of SPAN, by all together */
  bool sweep;             /* told_once: in order */
  uint8_t model[SPAN];    /* a byte is its owner's alone */
  uint32_t content[SPAN]; /* published by the bit */
  atomic_uint writers;    /* that are still at work */
  struct worker worker[THREADS];
};

#define EXPECT(w, cond) ((w)->errors += !(cond))

static void
run_threads (struct round *r, void *(*fn) (void *), uint64_t seed)
{
  pthread_t thread[THREADS];

  pthread_barrier_init (&r->start, NULL, THREADS);
  for (unsigned i = 0; i < THREADS; i++) {
    r->worker[i] =
      (struct worker){ .round = r, .id = i, .rnd = seed * THREADS + i };
    ck_assert_int_eq (pthread_create (&thread[i], NULL, fn, &r->worker[i]), 0);
  }
  for (unsigned i = 0; i < THREADS; i++) {
    pthread_join (thread[i], NULL);
    ck_assert_uint_eq (r->worker[i].errors, 0);
  }
  pthread_barrier_destroy (&r->start);
}

static struct round *
round_create (void)
{
  struct round *r = calloc (1, sizeof *r);

  ck_assert_ptr_nonnull (r);
  return r;
}

/* Every third set is made as where there is no barrier. */
static void
round_begin (struct round *r, bool full)
{
  atomic_store (&no_barrier, ++r->rounds % 3 == 0);
  r->p = presence_create (NBITS);
  atomic_store (&no_barrier, false);
  ck_assert_ptr_nonnull (r->p);
  if (full)
    ck_assert_int_eq (presence_set (r->p, 0, NBITS), 0);
  memset (r->model, full, SPAN);
}

/* A range of bits that only W changes, in one of its blocks. */
static void
own_range (struct worker *w, uint64_t *start, uint64_t *n)
{
  uint64_t block = w->round->block;
  uint64_t nblocks = w->round->used / block / THREADS;
  uint64_t first = (random_next (&w->rnd) % nblocks * THREADS + w->id) * block;

  /* Every other time all of it. */
  *start = first;
  *n = block;
  if (random_next (&w->rnd) % 2 == 0) {
    *start += random_next (&w->rnd) % block;
    *n = 1 + random_next (&w->rnd) % (first + block - *start);
  }
}

static void *
disjoint_worker (void *arg)
{
  struct worker *w = arg;
  struct presence *p = w->round->p;
  uint8_t *model = w->round->model;

  pthread_barrier_wait (&w->round->start);
  for (unsigned i = 0; i < 300; i++) {
    uint64_t start, n, fresh;
    bool value = true;

    own_range (w, &start, &n);
    switch (random_next (&w->rnd) % 3) {
    case 0:
      EXPECT (w, presence_set (p, FIRST + start, n) == 0);
      break;
    case 1:
      EXPECT (w, presence_clear (p, FIRST + start, n) == 0);
      value = false;
      break;
    case 2:
      fresh = n - model_count (model, start, n);
      EXPECT (w, presence_test_and_set (p, FIRST + start, n) == fresh);
      break;
    }
    memset (model + start, value, n);

    /* Nobody else touches the range, so it reads as it was left. */
    EXPECT (w, presence_all (p, FIRST + start, n) == value);
    EXPECT (w, presence_any (p, FIRST + start, n) == value);
    EXPECT (w, presence_test (p, FIRST + start + n / 2) == value);
    EXPECT (w, presence_count (p, FIRST + start, n) == (value ? n : 0));
    if (random_next (&w->rnd) % 4 == 0)
      presence_reclaim (p);
    own_range (w, &start, &n);
    EXPECT (w, presence_find (p, FIRST + start, FIRST + start + n, true) ==
                 FIRST + model_find (model, start, start + n, true));
  }
  return NULL;
}

static const uint64_t blocks[] = { 1,    3,        8,       64,  100,
                                   LEAF, LEAF + 5, LOW / 2, 6000 };

START_TEST (disjoint)
{
  struct round *r = round_create ();

  r->block = blocks[_i];
  for (unsigned i = 0; i < 60; i++) {
    round_begin (r, i % 2);
    /* In some rounds they meet again and again in the same words. */
    r->used = i % 3 == 0 ? SPAN : min_u64 (SPAN, r->block * 2 * THREADS);
    run_threads (r, disjoint_worker, i);
    for (uint64_t k = 0; k < SPAN; k++)
      if (presence_test (r->p, FIRST + k) != r->model[k])
        ck_abort_msg ("bit %llu of the span is wrong", (unsigned long long) k);
    presence_free (r->p);
  }
  free (r);
}
END_TEST

static void
add_and_be_told (struct worker *w, uint64_t start, uint64_t n)
{
  int64_t r = presence_test_and_set (w->round->p, FIRST + start,
                                     min_u64 (n, SPAN - start));

  EXPECT (w, r >= 0);
  w->told += r;
}

static void *
told_once_worker (void *arg)
{
  static const uint64_t lengths[] = { 1, 8, 64, 200, LEAF, LOW };
  struct worker *w = arg;

  pthread_barrier_wait (&w->round->start);
  if (w->round->sweep)
    /* From leaf to leaf, half of them with all of it at once. */
    for (uint64_t at = 0; at < SPAN; at += LEAF) {
      add_and_be_told (w, at, w->id % 4 < 2 ? LEAF : 8);
      if (w->id == 3)
        presence_reclaim (w->round->p);
    }
  else
    for (unsigned i = 0; i < 50; i++) {
      uint64_t n = lengths[random_next (&w->rnd) % ARRAY_SIZE (lengths)];
      uint64_t start = random_next (&w->rnd) % SPAN;

      /* The long ones at borders, for whole nodes. */
      add_and_be_told (w, n < 64 ? start : ROUND_DOWN (start, n), n);
    }
  add_and_be_told (w, 0, SPAN);
  return NULL;
}

/* All threads add all bits; together they are told of each once. */
START_TEST (told_once)
{
  struct round *r = round_create ();

  for (unsigned i = 0; i < 400; i++) {
    int64_t told = 0;

    round_begin (r, false);
    r->sweep = i % 2;
    run_threads (r, told_once_worker, i);
    for (unsigned k = 0; k < THREADS; k++)
      told += r->worker[k].told;
    ck_assert_int_eq (told, SPAN);
    ck_assert (presence_all (r->p, FIRST, SPAN));
    presence_free (r->p);
  }
  free (r);
}
END_TEST

#define CONTENT(i) ((uint32_t) (i) *2654435761u + 1)

/* Write the blocks of this worker, then say that they are there. */
static void
publish (struct worker *w)
{
  struct round *r = w->round;

  for (uint64_t at = w->id * r->block; at < SPAN;
       at += THREADS / 2 * r->block) {
    uint64_t n = min_u64 (r->block, SPAN - at);

    for (uint64_t i = at; i < at + n; i++)
      r->content[i] = CONTENT (i);
    if (at / r->block % 3 == 0)
      EXPECT (w, presence_test_and_set (r->p, FIRST + at, n) == n);
    else
      EXPECT (w, presence_set (r->p, FIRST + at, n) == 0);
  }
  atomic_fetch_sub (&r->writers, 1);
}

/* What was found is there. */
static void
expect_content (struct worker *w, uint64_t start, uint64_t end)
{
  for (uint64_t i = start - FIRST; i < end - FIRST; i++)
    EXPECT (w, w->round->content[i] == CONTENT (i));
}

static void
read_somewhere (struct worker *w)
{
  const struct presence *p = w->round->p;
  uint64_t at = FIRST + random_next (&w->rnd) % SPAN;
  uint64_t n = min_u64 (1 + random_next (&w->rnd) % (3 * LEAF), NBITS - at);
  uint64_t word, end;

  switch (random_next (&w->rnd) % 5) {
  case 0:
    if (presence_test (p, at))
      expect_content (w, at, at + 1);
    break;
  case 1:
    if (presence_all (p, at, n))
      expect_content (w, at, at + n);
    break;
  case 2:
    if (presence_run (p, at, NBITS, &end))
      expect_content (w, at, end);
    break;
  case 3:
    if (presence_count (p, at, n) == n)
      expect_content (w, at, at + n);
    break;
  case 4:
    at = ROUND_DOWN (at, 64);
    presence_get_words (p, at, &word, 1);
    for (unsigned i = 0; i < 64; i++)
      if (word >> i & 1)
        expect_content (w, at + i, at + i + 1);
    break;
  }
}

static void *
publication_worker (void *arg)
{
  struct worker *w = arg;
  struct round *r = w->round;

  pthread_barrier_wait (&r->start);
  if (w->id < THREADS / 2)
    publish (w);
  else
    while (atomic_load (&r->writers) > 0) {
      read_somewhere (w);
      presence_reclaim (r->p);
      sched_yield (); /* valgrind would not do it */
    }
  return NULL;
}

START_TEST (publication)
{
  struct round *r = round_create ();

  r->block = blocks[_i];
  for (unsigned i = 0; i < 20; i++) {
    round_begin (r, false);
    memset (r->content, 0, sizeof r->content);
    atomic_init (&r->writers, THREADS / 2);
    run_threads (r, publication_worker, i);
    ck_assert (presence_all (r->p, FIRST, SPAN));
    presence_free (r->p);
  }
  free (r);
}
END_TEST

static void *
anything_worker (void *arg)
{
  struct worker *w = arg;
  struct presence *p = w->round->p;

  pthread_barrier_wait (&w->round->start);
  for (unsigned i = 0; i < 300; i++) {
    uint64_t start = random_next (&w->rnd) % SPAN, n = SPAN - start, end;

    if (random_next (&w->rnd) % 8 != 0)
      n = min_u64 (n, 1 + random_next (&w->rnd) % (2 * LEAF));
    else
      start = 0, n = SPAN;
    start += FIRST;
    if (random_next (&w->rnd) % 2 == 0)
      EXPECT (w, presence_set (p, start, n) == 0);
    else
      EXPECT (w, presence_clear (p, start, n) == 0);
    presence_run (p, start, NBITS, &end);
    EXPECT (w, end > start && end <= NBITS);
    if (i % 8 == w->id)
      presence_reclaim (p);
  }
  return NULL;
}

/* All threads change all bits.  Nothing can be said of the result, but
 * that it is a set, and that bits which nobody named are not in it.
 */
START_TEST (anything)
{
  struct round *r = round_create ();

  for (unsigned i = 0; i < 40; i++) {
    uint64_t count = 0, pos, end;

    round_begin (r, false);
    run_threads (r, anything_worker, i);
    for (pos = 0; pos < NBITS; pos = end)
      if (presence_run (r->p, pos, NBITS, &end))
        count += end - pos;
    ck_assert_uint_eq (count, presence_count (r->p, 0, NBITS));
    ck_assert (!presence_any (r->p, 0, FIRST));
    ck_assert_int_eq (presence_set (r->p, 0, NBITS), 0);
    ck_assert (presence_all (r->p, 0, NBITS));
    presence_free (r->p);
  }
  free (r);
}
END_TEST

/* Each worker has every fourth block of 8 bits of a few leaves, some of
 * which all of them empty or fill at about the same time; and each is a
 * reader of bits that never change, beside them in other leaves, which
 * share the nodes above.
 */
static void *
recycle_worker (void *arg)
{
  struct worker *w = arg;
  struct presence *p = w->round->p;
  const uint64_t nleaves = 40, last = NBITS - 10;

  pthread_barrier_wait (&w->round->start);
  for (unsigned i = 0; i < 1500; i++) {
    /* All are in one leaf for a while, then in the next. */
    const uint64_t leaf = FIRST + i / 8 % (nleaves - 1) * LEAF;
    const bool value = i / 8 / (nleaves - 1) % 2 == 0;
    uint64_t end;

    for (uint64_t at = leaf + w->id * 8; i % 8 == 0 && at < leaf + LEAF;
         at += THREADS * 8) {
      EXPECT (w, (value ? presence_set : presence_clear) (p, at, 8) == 0);
      EXPECT (w, presence_all (p, at, 8) == value);
      EXPECT (w, presence_any (p, at, 8) == value);
    }
    /* One of this worker's in the leaf goes the other way and back. */
    const uint64_t own = leaf + (random_next (&w->rnd) % 32 * 4 + w->id) * 8;

    if (value) {
      EXPECT (w, presence_clear (p, own + 3, 1) == 0);
      EXPECT (w, presence_run (p, own, own + 8, &end) && end == own + 3);
      EXPECT (w, presence_test_and_set (p, own, 8) == 1);
    }
    else {
      EXPECT (w, presence_test_and_set (p, own, 8) == 8);
      EXPECT (w, presence_count (p, own, 8) == 8);
      EXPECT (w, presence_clear (p, own, 8) == 0);
    }
    if (random_next (&w->rnd) % 3 != 0)
      presence_reclaim (p);
    EXPECT (w, presence_test (p, last));
    EXPECT (w, !presence_test (p, last - 1));
    EXPECT (w, presence_find (p, last - 9, NBITS, true) == last);
  }
  return NULL;
}

START_TEST (recycle)
{
  struct round *r = round_create ();
  const size_t cell = 128;

  for (unsigned i = 0; i < 6; i++) {
    size_t root, used;

    round_begin (r, false);
    root = presence_memory (r->p);
    ck_assert_int_eq (presence_set (r->p, NBITS - 10, 1), 0);
    run_threads (r, recycle_worker, i);
    /* Nobody is in the way now. */
    while (presence_reclaim (r->p) > 0)
      ;
    ck_assert_int_eq (presence_clear (r->p, FIRST, SPAN), 0);
    presence_reclaim (r->p);
    ck_assert (!presence_any (r->p, 0, NBITS));
    used = presence_memory (r->p) - presence_memory_spare (r->p);
    ck_assert_uint_eq (used, root);
    /* 48 leaves, and threads that were about to make the same node. */
    ck_assert_uint_le (presence_memory (r->p) - root, 4 * 80 * cell);
    presence_free (r->p);
  }
  free (r);
}
END_TEST

/* The nodes of one region are used for the other, far away, and back: in
 * the first one only bit 500 ever is set, in the second one all but that.
 */
#define ONE (LOW + 3 * LEAF)
#define OTHER (HIGH + LOW - 5 * LEAF)

static void
take_turns (struct worker *w)
{
  struct presence *p = w->round->p;

  for (unsigned i = 0; i < 4000; i++) {
    EXPECT (w, presence_set (p, ONE + 500, 1) == 0);
    EXPECT (w, presence_clear (p, ONE + 500, 1) == 0);
    presence_reclaim (p);
    EXPECT (w, presence_set (p, OTHER, 500) == 0);
    EXPECT (w, presence_set (p, OTHER + 501, LEAF - 501) == 0);
    EXPECT (w, presence_clear (p, OTHER, LEAF) == 0);
    presence_reclaim (p);
  }
  atomic_fetch_sub (&w->round->writers, 1);
}

static void
read_one (struct worker *w)
{
  const struct presence *p = w->round->p;
  uint64_t words[CELL_WORDS], end;

  switch (random_next (&w->rnd) % 6) {
  case 0:
    for (unsigned i = 0; i < 20; i++)
      EXPECT (w, !presence_test (p, ONE + 501 + i * 17));
    break;
  case 1:
    EXPECT (w, !presence_any (p, ONE + 501, LEAF - 501));
    break;
  case 2:
    EXPECT (w, presence_count (p, ONE, LEAF) <= 1);
    break;
  case 3:
    presence_get_words (p, ONE, words, CELL_WORDS);
    for (unsigned i = 0; i < CELL_WORDS; i++)
      EXPECT (w, (words[i] & ~(i == 7 ? BIT (52) : 0)) == 0);
    break;
  case 4:
    EXPECT (w, !presence_run (p, ONE + 510, ONE + LEAF, &end));
    EXPECT (w, end == ONE + LEAF);
    break;
  case 5:
    end = presence_find (p, ONE, ONE + LEAF, true);
    EXPECT (w, end == ONE + 500 || end == ONE + LEAF);
    break;
  }
}

static void *
late_worker (void *arg)
{
  struct worker *w = arg;

  pthread_barrier_wait (&w->round->start);
  if (w->id == 0)
    take_turns (w);
  else
    while (atomic_load (&w->round->writers) > 0)
      read_one (w);
  return NULL;
}

START_TEST (late_readers)
{
  struct round *r = round_create ();

  for (unsigned i = 0; i < 3; i++) {
    round_begin (r, false);
    atomic_init (&r->writers, 1);
    run_threads (r, late_worker, i);
    presence_free (r->p);
  }
  free (r);
}
END_TEST

/* More threads than have places of their own. */
#define CROWD 100

struct member {
  pthread_barrier_t *barrier;
  struct presence *p;
  uint64_t bit;
  unsigned errors;
};

static void *
crowd_worker (void *arg)
{
  struct member *m = arg;
  struct presence_hold hold, inner;

  /* All have a hold at the same time. */
  presence_hold (m->p, &hold);
  presence_hold (m->p, &inner);
  m->errors += presence_reserve (m->p, m->bit, 1) != 0;
  pthread_barrier_wait (m->barrier);
  presence_release (m->p, &inner);
  m->errors += presence_reclaim (m->p) != 0;
  m->errors += presence_test_and_set (m->p, m->bit, 1) != 1;
  pthread_barrier_wait (m->barrier);
  m->errors += !presence_test (m->p, m->bit);
  presence_release (m->p, &hold);

  for (unsigned i = 0; i < 200; i++) {
    m->errors += presence_clear (m->p, m->bit, 1) != 0;
    m->errors += presence_test (m->p, m->bit);
    presence_reclaim (m->p);
    m->errors += presence_test_and_set (m->p, m->bit, 1) != 1;
    m->errors += !presence_test (m->p, m->bit);
  }
  m->errors += presence_clear (m->p, m->bit, 1) != 0;
  return NULL;
}

START_TEST (crowd)
{
  static struct member member[CROWD];
  pthread_t thread[CROWD];
  pthread_barrier_t barrier;
  struct presence *p;
  size_t root;

  atomic_store (&no_barrier, _i == 1);
  p = presence_create (NBITS);
  atomic_store (&no_barrier, false);
  ck_assert_ptr_nonnull (p);
  root = presence_memory (p);
  pthread_barrier_init (&barrier, NULL, CROWD);
  for (unsigned i = 0; i < CROWD; i++) {
    member[i] = (struct member){ &barrier, p, FIRST + i * 37, 0 };
    ck_assert_int_eq (
      pthread_create (&thread[i], NULL, crowd_worker, &member[i]), 0);
  }
  for (unsigned i = 0; i < CROWD; i++) {
    pthread_join (thread[i], NULL);
    ck_assert_uint_eq (member[i].errors, 0);
  }
  pthread_barrier_destroy (&barrier);
  while (presence_reclaim (p) > 0)
    ;
  ck_assert_uint_eq (presence_memory (p) - presence_memory_spare (p), root);
  presence_free (p);
}
END_TEST

/* The barrier worked, and does not any more: nothing is given back, and
 * all else goes on.
 */
START_TEST (barrier_lost)
{
  struct presence *p = presence_create (NBITS);

  ck_assert_int_eq (presence_set (p, 5, 1), 0);
  ck_assert_int_eq (presence_clear (p, 5, 1), 0);
  ck_assert_int_eq (presence_set (p, FIRST, 1), 0);
  atomic_store (&no_barrier, true);
  ck_assert_uint_eq (presence_reclaim (p), 0);
  atomic_store (&no_barrier, false);
  ck_assert_uint_eq (presence_reclaim (p), 0);
  ck_assert (!presence_test (p, 5));
  for (uint64_t i = 0; i < NBITS; i += LEAF)
    ck_assert_int_eq (presence_test_and_set (p, i, 3), i == FIRST ? 2 : 3);
  ck_assert (presence_all (p, FIRST, 3));
  ck_assert_int_eq (presence_test_and_set (p, 4, 2), 2);
  presence_free (p);
}
END_TEST

int
main (void)
{
  Suite *s = suite_create ("presence-threads");
  TCase *tc = tcase_create ("threads");
  SRunner *sr;
  int failed;

  tcase_set_timeout (tc, 1200);
  tcase_add_loop_test (tc, disjoint, 0, ARRAY_SIZE (blocks));
  tcase_add_test (tc, told_once);
  tcase_add_loop_test (tc, publication, 0, ARRAY_SIZE (blocks));
  tcase_add_test (tc, anything);
  tcase_add_test (tc, recycle);
  tcase_add_test (tc, late_readers);
  tcase_add_loop_test (tc, crowd, 0, 2);
  tcase_add_test (tc, barrier_lost);
  suite_add_tcase (s, tc);
  sr = srunner_create (s);
  srunner_run_all (sr, CK_ENV);
  failed = srunner_ntests_failed (sr);
  srunner_free (sr);
  return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
