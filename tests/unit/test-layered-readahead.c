/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The threads of fetching: long misses in parallel, readahead that grows,
 * stops and never goes too far, and their end in the middle of it.
 */

#include <config.h>

#include "fetch-stack.h"
#include "support/log-memory.h"

#define MIB (1024 * 1024 / SECTOR) /* sectors */

enum { DISK = 24 * MIB, AHEAD = 4 * MIB };

static void
open_stack (struct fetch_stack *t)
{
  fetch_stack_open (t, DISK * SECTOR, true, false);
  t->ld->tuning.readahead = AHEAD * SECTOR;
}

/* Wait until nothing is on its way. */
static void
await_idle (struct fetch_stack *t)
{
  struct layered_fetch *f = t->ld->fetch;
  bool idle;

  do {
    sched_yield ();
    LOCK_SCOPE (&f->lock);
    idle = TAILQ_EMPTY (&f->table[0]);
  } while (!idle);
}

/* Where the reads of the disk end. */
static uint64_t
reached (struct fetch_stack *t)
{
  uint64_t end = 0;

  for (size_t i = 0; i < trace_len (t->trace); i++) {
    const struct store_op op = trace_get (t->trace, i).op;

    end = max_u64 (end, (op.offset + op.count) / SECTOR);
  }
  return end;
}

static uint64_t
bytes_ahead (struct fetch_stack *t)
{
  return count_get (&t->ld->fetch_counters.readahead);
}

/* Read NUNITS units one after the other from SECTOR on, the threads being
 * faster.
 */
static void
scan (struct fetch_stack *t, uint64_t sector, unsigned nunits)
{
  for (unsigned i = 0; i < nunits; i++) {
    fetch_stack_check (t, sector + i * UNIT, UNIT);
    await_idle (t);
  }
}

/* One miss of 4 MiB: all threads have a part of it at once. */
START_TEST (split)
{
  struct one_read one;
  struct fetch_stack t;

  open_stack (&t);
  fetch_stack_start (&t);
  gate_close (&t.gate, 8, false);
  one_read_start (&one, &t, MIB, 4 * MIB);
  gate_await (&t.gate, 8);
  gate_open (&t.gate);
  ck_assert (one_read_end (&one));
  ck_assert_uint_eq (fetch_stack_reads (&t), 8);
  ck_assert_uint_eq (count_get (&t.ld->fetch_counters.bytes), 4 * MIB * SECTOR);
  fetch_stack_check (&t, MIB, 4 * MIB);
  ck_assert_uint_eq (fetch_stack_reads (&t), 8);
  fetch_stack_close (&t);
}
END_TEST

/* Small ones are not cut. */
START_TEST (not_split)
{
  struct fetch_stack t;

  open_stack (&t);
  fetch_stack_start (&t);
  fetch_stack_check (&t, 5 * MIB, MIB / 4);
  ck_assert_uint_eq (fetch_stack_reads (&t), 1);
  fetch_stack_close (&t);
}
END_TEST

/* All of the disk in units: each byte is read once, most of them ahead, in
 * requests that grow; never farther than it should be, or beyond the end.
 */
START_TEST (grows)
{
  struct fetch_stack t;
  uint64_t most = 0;

  open_stack (&t);
  fetch_stack_start (&t);
  for (uint64_t s = 0; s < DISK; s += UNIT) {
    scan (&t, s, 1);
    ck_assert_uint_le (reached (&t), s + UNIT + AHEAD);
    most = max_u64 (most, reached (&t) - s);
  }
  ck_assert_uint_ge (most, AHEAD / 4 * 3);
  ck_assert_uint_eq (count_get (&t.ld->fetch_counters.bytes), DISK * SECTOR);
  ck_assert_uint_ge (bytes_ahead (&t), (DISK - 2 * UNIT) * SECTOR);
  ck_assert_uint_lt (fetch_stack_reads (&t), DISK / UNIT / 4);
  fetch_stack_close (&t);
}
END_TEST

/* Two readers beside each other, and one that jumps about between. */
START_TEST (streams)
{
  struct fetch_stack t;
  uint64_t misses;

  open_stack (&t);
  fetch_stack_start (&t);
  for (unsigned i = 0; i < 64; i++) {
    scan (&t, i * UNIT, 1);
    scan (&t, 12 * MIB + i * UNIT, 1);
    if (i < 20)
      scan (&t, 20 * MIB + i * 7 % 20 * UNIT * 3 / 2, 1);
  }
  /* The first two of each reader, and those of the third. */
  misses = count_get (&t.ld->counters[0].miss);
  ck_assert_uint_le (misses, (2 + 2 + 40) * UNIT * SECTOR);
  fetch_stack_close (&t);
}
END_TEST

START_TEST (random_reads)
{
  struct fetch_stack t;
  struct rng rng;

  open_stack (&t);
  fetch_stack_start (&t);
  rng_init (&rng, 5);
  /* Everywhere, but never beside each other. */
  for (unsigned i = 0; i < 100; i++)
    scan (&t, i * 37 % 100 * 3 * UNIT, 1);
  ck_assert_uint_eq (bytes_ahead (&t), 0);
  fetch_stack_close (&t);
}
END_TEST

/* Not without threads, not if it is forbidden, not if nothing is kept. */
static int
no_room (struct layer *l, const void *buf, uint64_t sector, uint32_t nsectors,
         unsigned flags, int *err)
{
  *err = ENOSPC;
  return -1;
}

START_TEST (none)
{
  struct fetch_stack t;

  open_stack (&t);
  if (_i > 0)
    fetch_stack_start (&t);
  if (_i == 1)
    t.ld->tuning.readahead = UINT32_MAX;
  if (_i == 2)
    t.ops.write = no_room;
  scan (&t, 0, 20);
  ck_assert_uint_eq (bytes_ahead (&t), 0);
  ck_assert_uint_eq (fetch_stack_reads (&t), 20);
  fetch_stack_close (&t);
}
END_TEST

/* A reader who goes away leaves what was fetched for it, and no more. */
START_TEST (stops)
{
  struct fetch_stack t;
  uint64_t before;

  open_stack (&t);
  fetch_stack_start (&t);
  scan (&t, 0, 12);
  before = bytes_ahead (&t);
  ck_assert_uint_gt (before, 0);
  for (unsigned i = 0; i < 30; i++)
    scan (&t, 12 * MIB + i * 11 % 30 * 3 * UNIT, 1);
  ck_assert_uint_eq (bytes_ahead (&t), before);
  fetch_stack_close (&t);
}
END_TEST

/* What is fetched is lost before the reader comes. */
START_TEST (shrinks)
{
  struct fetch_stack t;
  struct stream *st;
  uint64_t size;
  unsigned i;
  int err;

  open_stack (&t);
  fetch_stack_start (&t);
  scan (&t, 0, 30);
  st = &t.ld->fetch->stream[0];
  size = st->size;
  ck_assert_uint_ge (size, MIB);
  for (i = 30; i < 60 && st->size > 0; i++) {
    ck_assert_int_eq (t.ops.discard (t.layer, i * UNIT, DISK - i * UNIT, &err),
                      0);
    scan (&t, i * UNIT, 1);
    ck_assert_uint_lt (st->size, size);
    size = st->size;
  }
  ck_assert_uint_eq (st->size, 0);
  fetch_stack_close (&t);
}
END_TEST

/* Readahead fails in silence; the reader who comes there hears of it, and
 * who comes after that goes on.
 */
START_TEST (failure)
{
  const uint64_t bad = 70 * UNIT;
  char *buf = must_malloc (UNIT * SECTOR);
  struct fetch_stack t;
  int err;

  open_stack (&t);
  fetch_stack_start (&t);
  log_memory_clear ();
  gate_damage (&t.gate, bad + 3, 1);
  scan (&t, 0, 70);
  ck_assert_uint_eq (log_memory_errors (), 0);
  ck_assert (log_memory_contains ("readahead: "));
  ck_assert_int_eq (layered_read (t.ld, t.bottom, buf, bad, UNIT, &err), -1);
  ck_assert_int_eq (err, ENXIO);
  fetch_stack_check (&t, bad, 3);
  await_idle (&t);
  scan (&t, 71 * UNIT, 20);
  fetch_stack_close (&t);
  free (buf);
}
END_TEST

/* A reader who wants what the threads have not begun reads it itself. */
START_TEST (takes_over)
{
  struct one_read one[2];
  struct fetch_stack t;

  open_stack (&t);
  t.ld->tuning.parallel = 1;
  fetch_stack_start (&t);
  fetch_stack_check (&t, 0, UNIT);
  await_idle (&t);
  /* The thread is held with the first unit ahead, and the reader with its
   * own; a second reader wants the second one ahead.
   */
  gate_close (&t.gate, 2, false);
  one_read_start (&one[0], &t, UNIT, UNIT);
  gate_await (&t.gate, 2);
  fetch_stack_check (&t, 3 * UNIT, UNIT);
  gate_open (&t.gate);
  ck_assert (one_read_end (&one[0]));
  fetch_stack_close (&t);
}
END_TEST

/* A reader who waited for readahead that fails reads for itself. */
START_TEST (failure_ahead)
{
  struct one_read first, second;
  struct fetch_stack t;

  open_stack (&t);
  t.ld->tuning.parallel = 1;
  fetch_stack_start (&t);
  fetch_stack_check (&t, 0, UNIT);
  await_idle (&t);
  gate_damage (&t.gate, 2 * UNIT + 50, 1);
  gate_close (&t.gate, 2, false);
  one_read_start (&first, &t, UNIT, UNIT);
  gate_await (&t.gate, 2);
  one_read_start (&second, &t, 2 * UNIT, 10);
  fetch_stack_await_joined (&t, 1);
  gate_open (&t.gate);
  ck_assert (one_read_end (&first));
  ck_assert (one_read_end (&second));
  fetch_stack_close (&t);
}
END_TEST

/* The Nth thread from now cannot be made. */
static atomic_uint no_thread;

extern int __wrap_pthread_create (pthread_t *thread, const pthread_attr_t *attr,
                                  void *(*fn) (void *), void *v);
extern int __real_pthread_create (pthread_t *thread, const pthread_attr_t *attr,
                                  void *(*fn) (void *), void *v);

int
__wrap_pthread_create (pthread_t *thread, const pthread_attr_t *attr,
                       void *(*fn) (void *), void *v)
{
  if (no_thread > 0 && --no_thread == 0)
    return EAGAIN;
  return __real_pthread_create (thread, attr, fn, v);
}

START_TEST (no_threads)
{
  struct fetch_stack t;
  int err = 0;

  open_stack (&t);
  t.ld->own_bottom = t.bottom;
  no_thread = _i;
  ck_assert_int_eq (layered_fetch_start (t.ld, &err), -1);
  ck_assert_int_eq (err, EAGAIN);
  scan (&t, 0, 4);
  ck_assert_uint_eq (bytes_ahead (&t), 0);
  layered_fetch_stop (t.ld);
  fetch_stack_start (&t);
  scan (&t, 0, 12);
  ck_assert_uint_gt (bytes_ahead (&t), 0);
  fetch_stack_close (&t);
}
END_TEST

struct stopper {
  struct fetch_stack *t;
  atomic_bool stopped;
  pthread_t thread;
};

static void *
stopper_main (void *v)
{
  struct stopper *s = v;

  layered_fetch_stop (s->t->ld);
  s->stopped = true;
  return NULL;
}

static void
await_stopping (struct layered_fetch *f)
{
  bool stopping;

  do {
    sched_yield ();
    LOCK_SCOPE (&f->lock);
    stopping = f->stopping;
  } while (!stopping);
}

/* The end comes while threads read and a client waits for parts of its
 * read that no thread has begun.
 */
START_TEST (stop_in_the_air)
{
  struct stopper s;
  struct one_read one;
  struct fetch_stack t;

  open_stack (&t);
  t.ld->tuning.parallel = 2;
  fetch_stack_start (&t);
  s = (struct stopper){ .t = &t };
  gate_close (&t.gate, 3, false);
  one_read_start (&one, &t, 0, 8 * MIB);
  gate_await (&t.gate, 3);
  ck_assert_int_eq (pthread_create (&s.thread, NULL, stopper_main, &s), 0);
  await_stopping (t.ld->fetch);
  ck_assert (!s.stopped);
  /* Others go on meanwhile. */
  fetch_stack_check (&t, 10 * MIB, UNIT);
  ck_assert (!s.stopped);
  gate_open (&t.gate);
  pthread_join (s.thread, NULL);
  ck_assert (one_read_end (&one));
  ck_assert (TAILQ_EMPTY (&t.ld->fetch->table[0]));
  scan (&t, 12 * MIB, 4);
  fetch_stack_start (&t);
  scan (&t, 12 * MIB + 4 * UNIT, 12);
  ck_assert_uint_gt (bytes_ahead (&t), 0);
  fetch_stack_close (&t);
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("layered-readahead");
  TCase *c = test_case (suite, "layered-readahead");

  tcase_add_test (c, split);
  tcase_add_test (c, not_split);
  tcase_add_test (c, grows);
  tcase_add_test (c, streams);
  tcase_add_test (c, random_reads);
  tcase_add_loop_test (c, none, 0, 3);
  tcase_add_test (c, stops);
  tcase_add_test (c, shrinks);
  tcase_add_test (c, failure);
  tcase_add_test (c, failure_ahead);
  tcase_add_test (c, takes_over);
  tcase_add_loop_test (c, no_threads, 1, 9);
  tcase_add_test (c, stop_in_the_air);
  return test_run (suite);
}
