/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Presence sets used by several threads at once.  Of most use when it is
 * built with ThreadSanitizer, which sees what the results cannot show.
 * All sets are small and made anew in each round, since nodes appear in
 * the tree only once.
 */

#include <config.h>

#include <check.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/align.h"
#include "presence-model.h"
#include "presence/presence.h"

#define BIT(n) (UINT64_C (1) << (n))
#define LEAF BIT (10)
#define LOW BIT (14)
#define HIGH BIT (22)

#define THREADS 4

/* The bits that are used: on both sides of a border of all levels. */
#define FIRST (HIGH - 2 * LOW)
#define NBITS (HIGH + 2 * LOW - 3)
#define SPAN (NBITS - FIRST)

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

static void
round_begin (struct round *r, bool full)
{
  r->p = presence_create (NBITS);
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
    for (uint64_t at = 0; at < SPAN; at += LEAF)
      add_and_be_told (w, at, w->id % 4 < 2 ? LEAF : 8);
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
  suite_add_tcase (s, tc);
  sr = srunner_create (s);
  srunner_run_all (sr, CK_ENV);
  failed = srunner_ntests_failed (sr);
  srunner_free (sr);
  return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
