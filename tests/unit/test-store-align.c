/* SPDX-License-Identifier: BSD-3-Clause
 *
 * store-align: what it asks of the store below, and that reading,
 * changing and writing back a unit never loses what another request has
 * written meanwhile.
 */

#include <config.h>

#include <check.h>
#include <errno.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/align.h"
#include "store/store-align.h"
#include "support/alloc-fault.h"
#include "support/main.h"
#include "support/nth-fault.h"
#include "support/rng.h"
#include "support/store-fault.h"
#include "support/store-mem.h"
#include "support/store-trace.h"
#include "support/threads.h"

#define ALIGN 4096
#define SIZE (16 * ALIGN)

/* align over a trace over faults over memory. */
struct stack {
  struct store *s;
  struct store *traced, *faulty, *mem;
  struct trace *t;
  int err;
};

static void
build (struct stack *k, uint64_t size, struct range_lock *locks)
{
  struct store_mem_options o = store_mem_defaults (size);

  o.info.align = ALIGN;
  k->mem = store_mem_create (&o);
  k->faulty = store_fault_create (k->mem);
  k->traced = store_trace_create (k->faulty, &k->t);
  k->s = store_align_create (k->traced, locks);
  ck_assert_ptr_nonnull (k->s);
  k->err = 0;
}

static void
demolish (struct stack *k)
{
  store_close (k->s);
  trace_free (k->t);
}

static void
expect_ops (struct stack *k, size_t n, const struct store_op *ops)
{
  bool same = trace_len (k->t) == n;

  for (size_t i = 0; same && i < n; i++) {
    const struct store_op op = trace_get (k->t, i).op;

    same = op.kind == ops[i].kind && op.offset == ops[i].offset &&
           op.count == ops[i].count && op.flags == ops[i].flags;
  }
  if (!same) {
    trace_print (k->t);
    ck_abort_msg ("not the operations that were expected");
  }
  trace_clear (k->t);
}

START_TEST (properties)
{
  struct stack k;

  build (&k, SIZE, NULL);
  ck_assert_uint_eq (k.s->info.align, 1);
  ck_assert_uint_eq (k.s->info.sector_size, 512);
  ck_assert (k.s->info.fua && k.s->info.trim && k.s->info.extents);
  ck_assert_uint_eq (store_size (k.s), SIZE);
  demolish (&k);
}
END_TEST

/* Aligned requests pass as they are, unaligned ones as few as can be. */
START_TEST (operations)
{
  char buf[SIZE];
  struct stack k;

  build (&k, SIZE, NULL);
  memset (buf, 1, sizeof buf);
  ck_assert_int_eq (store_write (k.s, buf, 8192, 4096, STORE_FUA, &k.err), 0);
  ck_assert_int_eq (store_read (k.s, buf, 8192, 4096, &k.err), 0);
  expect_ops (&k, 2,
              (struct store_op[]){ { STORE_OP_WRITE, 4096, 8192, STORE_FUA, 0 },
                                   { STORE_OP_READ, 4096, 8192, 0, 0 } });
  /* Inside one unit, and over the border of two. */
  ck_assert_int_eq (store_write (k.s, buf, 10, 5000, 0, &k.err), 0);
  ck_assert_int_eq (store_write (k.s, buf, 10, 8190, 0, &k.err), 0);
  expect_ops (&k, 4,
              (struct store_op[]){ { STORE_OP_READ, 4096, 4096, 0, 0 },
                                   { STORE_OP_WRITE, 4096, 4096, 0, 0 },
                                   { STORE_OP_READ, 4096, 8192, 0, 0 },
                                   { STORE_OP_WRITE, 4096, 8192, 0, 0 } });
  /* Head, body, tail. */
  ck_assert_int_eq (store_write (k.s, buf, 4096 * 3, 4000, 0, &k.err), 0);
  expect_ops (&k, 5,
              (struct store_op[]){ { STORE_OP_READ, 0, 4096, 0, 0 },
                                   { STORE_OP_WRITE, 0, 4096, 0, 0 },
                                   { STORE_OP_WRITE, 4096, 8192, 0, 0 },
                                   { STORE_OP_READ, 12288, 4096, 0, 0 },
                                   { STORE_OP_WRITE, 12288, 4096, 0, 0 } });
  /* The body first, since it may be refused. */
  ck_assert_int_eq (store_zero (k.s, 4096 * 3, 4000, STORE_FAST_ZERO, &k.err),
                    0);
  expect_ops (
    &k, 5,
    (struct store_op[]){ { STORE_OP_ZERO, 4096, 8192, STORE_FAST_ZERO, 0 },
                         { STORE_OP_READ, 0, 4096, 0, 0 },
                         { STORE_OP_WRITE, 0, 4096, 0, 0 },
                         { STORE_OP_READ, 12288, 4096, 0, 0 },
                         { STORE_OP_WRITE, 12288, 4096, 0, 0 } });
  /* Only whole units are trimmed. */
  ck_assert_int_eq (store_trim (k.s, 4096 * 3, 4000, 0, &k.err), 0);
  ck_assert_int_eq (store_trim (k.s, 4096, 1, 0, &k.err), 0);
  expect_ops (&k, 1,
              (struct store_op[]){ { STORE_OP_TRIM, 4096, 8192, 0, 0 } });
  ck_assert_int_eq (store_cache (k.s, 10, 8190, &k.err), 0);
  expect_ops (&k, 1,
              (struct store_op[]){ { STORE_OP_CACHE, 4096, 8192, 0, 0 } });
  demolish (&k);
}
END_TEST

/* The last unit is short. */
START_TEST (odd_size)
{
  char buf[SIZE], back[SIZE];
  const uint64_t size = 2 * ALIGN + 700;
  struct stack k;

  build (&k, size, NULL);
  memset (buf, 'a', sizeof buf);
  ck_assert_int_eq (store_write (k.s, buf, size, 0, 0, &k.err), 0);
  ck_assert_int_eq (store_write (k.s, "bc", 2, size - 2, 0, &k.err), 0);
  ck_assert_int_eq (store_zero (k.s, 100, size - 200, 0, &k.err), 0);
  ck_assert_int_eq (store_zero (k.s, 10, size - 10, 0, &k.err), 0);
  memcpy (buf + size - 2, "bc", 2);
  memset (buf + size - 200, 0, 100);
  memset (buf + size - 10, 0, 10);
  ck_assert_int_eq (store_read (k.s, back, size, 0, &k.err), 0);
  ck_assert_mem_eq (back, buf, size);
  ck_assert_int_eq (store_read (k.s, back, 1, size - 11, &k.err), 0);
  ck_assert_int_eq (back[0], 'a');
  ck_assert_int_eq (store_write (k.s, buf, 2, size - 1, 0, &k.err), -1);
  ck_assert_int_eq (k.err, ENOSPC);
  demolish (&k);
}
END_TEST

/* Bytes 5..14 of the first unit as extents, whatever is asked how. */
START_TEST (extents)
{
  char one = 1;
  struct extent_list l;
  struct stack k;

  build (&k, SIZE, NULL);
  ck_assert_int_eq (store_write (k.s, &one, 1, ALIGN + 1, 0, &k.err), 0);
  extent_list_init (&l, 5, SIZE, _i & STORE_REQ_ONE);
  ck_assert_int_eq (store_extents (k.s, SIZE - 5, 5, _i, &l, &k.err), 0);
  ck_assert_uint_ge (l.len, 1);
  ck_assert_uint_eq (l.v[0].offset, 5);
  ck_assert_uint_eq (l.v[0].count, ALIGN - 5);
  ck_assert_uint_eq (l.v[0].type, EXTENT_HOLE | EXTENT_ZERO);
  if (!(_i & STORE_REQ_ONE)) {
    ck_assert_uint_eq (l.len, 3);
    ck_assert_uint_eq (l.v[1].count, ALIGN);
    ck_assert_uint_eq (l.v[1].type, 0);
  }
  extent_list_fini (&l);
  demolish (&k);
}
END_TEST

/* A store whose first extent ends inside the first unit. */
static int
short_extents (struct store *s, uint64_t count, uint64_t offset, unsigned flags,
               struct extent_list *out, int *err)
{
  return extent_list_add (out, 100, EXTENT_HOLE | EXTENT_ZERO, err);
}

START_TEST (extents_too_short)
{
  struct store_mem_options o = store_mem_defaults (SIZE);
  struct store *mem, *s;
  struct store_ops ops;
  struct extent_list l;
  int err;

  o.info.align = ALIGN;
  mem = store_mem_create (&o);
  ops = *mem->ops;
  ops.extents = short_extents;
  mem->ops = &ops;
  s = store_align_create (mem, NULL);
  extent_list_init (&l, 200, SIZE, _i & STORE_REQ_ONE);
  ck_assert_int_eq (store_extents (s, SIZE - 200, 200, _i, &l, &err), 0);
  ck_assert_uint_eq (l.len, 1);
  ck_assert_uint_eq (l.v[0].offset, 200);
  ck_assert_uint_eq (l.v[0].type, 0); /* nothing false is said */
  extent_list_fini (&l);
  store_close (s);
}
END_TEST

/* Each thing that can fail below an unaligned request fails it, and what
 * is outside the request stays.
 */
static int
unaligned_op (struct stack *k, unsigned which, const char *buf)
{
  char back[3 * ALIGN];

  switch (which) {
  case 0:
    return store_write (k->s, buf, 2 * ALIGN, 100, 0, &k->err);
  case 1:
    return store_write (k->s, buf, 50, 100, STORE_FUA, &k->err);
  case 2:
    return store_zero (k->s, 2 * ALIGN, 100, 0, &k->err);
  default:
    return store_read (k->s, back, 2 * ALIGN, 100, &k->err);
  }
}

START_TEST (faults)
{
  char before[SIZE], after[SIZE], buf[2 * ALIGN];
  struct nth_fault f = NTH_FAULT_INIT;
  struct stack k;
  int r;

  memset (before, 'a', sizeof before);
  memset (buf, 'b', sizeof buf);
  while (nth_fault_next (&f)) {
    build (&k, SIZE, NULL);
    ck_assert_int_eq (store_write (k.s, before, SIZE, 0, 0, &k.err), 0);
    k.err = 0;
    store_fault_nth (k.faulty, STORE_OPS_ALL, f.n);
    r = unaligned_op (&k, _i, buf);
    f.fired = store_fault_fired (k.faulty);
    ck_assert_int_eq (r, f.fired ? -1 : 0);
    ck_assert (!f.fired || k.err == EIO);
    store_fault_reset (k.faulty);
    ck_assert_int_eq (store_read (k.s, after, SIZE, 0, &k.err), 0);
    ck_assert_mem_eq (after, before, 100);
    ck_assert_mem_eq (after + 100 + 2 * ALIGN, before, SIZE - 100 - 2 * ALIGN);
    /* No lock was left behind. */
    ck_assert_int_eq (store_write (k.s, buf, 2 * ALIGN, 100, 0, &k.err), 0);
    demolish (&k);
  }
  ck_assert_uint_gt (f.n, 2);
}
END_TEST

START_TEST (no_memory)
{
  char buf[2 * ALIGN] = { 1 };
  struct nth_fault f = NTH_FAULT_INIT;
  struct stack k;
  int r;

  while (nth_fault_next (&f)) {
    build (&k, SIZE, NULL);
    alloc_fault_nth (f.n);
    r = unaligned_op (&k, _i, buf);
    f.fired = alloc_fault_stop ();
    ck_assert_int_eq (r, f.fired ? -1 : 0);
    ck_assert (!f.fired || k.err == ENOMEM);
    demolish (&k);
  }
  ck_assert_uint_gt (f.n, 1);
}
END_TEST

/* The inner store stays the caller's if there is no memory. */
START_TEST (create_no_memory)
{
  struct nth_fault f = NTH_FAULT_INIT;

  while (nth_fault_next (&f)) {
    struct store_mem_options o = store_mem_defaults (SIZE);
    struct store *inner = store_mem_create (&o), *s;

    ck_assert_int_eq (store_describe (inner, "the inner one"), 0);
    errno = 0;
    alloc_fault_nth (f.n);
    s = store_align_create (inner, NULL);
    f.fired = alloc_fault_stop ();
    if (f.fired) {
      ck_assert_ptr_null (s);
      ck_assert_int_eq (errno, ENOMEM);
      store_close (inner);
    }
    else {
      ck_assert_str_eq (s->description, "the inner one");
      store_close (s);
    }
  }
  ck_assert_uint_gt (f.n, 3);
}
END_TEST

/* A request that is refused as not fast has done nothing. */
START_TEST (fast_zero_refused)
{
  char before[SIZE], after[SIZE];
  struct store_mem_options o = store_mem_defaults (SIZE);
  struct store *s;
  int err;

  memset (before, 'a', sizeof before);
  o.info.align = ALIGN;
  o.info.fast_zero = false;
  s = store_align_create (store_mem_create (&o), NULL);
  ck_assert_int_eq (store_write (s, before, SIZE, 0, 0, &err), 0);
  ck_assert_int_eq (
    store_zero (s, 3 * ALIGN, 100, STORE_FAST_ZERO | STORE_MAY_TRIM, &err), -1);
  ck_assert_int_eq (err, EOPNOTSUPP);
  ck_assert_int_eq (store_read (s, after, SIZE, 0, &err), 0);
  ck_assert_mem_eq (after, before, SIZE);
  store_close (s);
}
END_TEST

/* ------------------------------------------------------------------ */
/* Races.  One request is stopped between reading a unit and writing it
 * back while another one writes the same unit.
 */

struct race {
  struct stack k;
  struct store *other; /* the second request goes here */
  unsigned second;     /* what it does */
  _Atomic bool stopped, go_on;
  pthread_t first;
};

static int
stop_in_read (void *opaque, const struct store_op *op, bool done)
{
  struct race *r = opaque;

  if (op->kind == STORE_OP_READ && done &&
      pthread_equal (pthread_self (), r->first)) {
    r->stopped = true;
    while (!r->go_on)
      sched_yield ();
  }
  return 0;
}

static void
racer (void *opaque, unsigned index)
{
  struct race *r = opaque;
  char buf[ALIGN];
  int err;

  if (index == 0) {
    r->first = pthread_self ();
    store_fault_set_hook (r->k.faulty, stop_in_read, r);
    ck_assert_int_eq (store_write (r->k.s, "first", 5, 100, 0, &err), 0);
    return;
  }
  while (!r->stopped)
    sched_yield ();
  if (index == 1) {
    memset (buf, 'S', sizeof buf);
    if (r->second == 0)
      ck_assert_int_eq (store_write (r->other, buf, ALIGN, 0, 0, &err), 0);
    else if (r->second == 1)
      ck_assert_int_eq (store_write (r->other, buf, 50, 200, 0, &err), 0);
    else
      ck_assert_int_eq (store_zero (r->other, ALIGN, 0, 0, &err), 0);
  }
  else {
    /* By now the second one has had its chance to overtake. */
    for (unsigned i = 0; i < 1000; i++)
      sched_yield ();
    r->go_on = true;
  }
}

static void
run_race (struct race *r)
{
  char after[ALIGN];
  int err;

  memset (after, 'p', sizeof after);
  ck_assert_int_eq (store_write (r->k.s, after, ALIGN, 0, 0, &err), 0);
  threads_run (3, racer, r);
  store_fault_set_hook (r->k.faulty, NULL, NULL);
  ck_assert_int_eq (store_read (r->k.s, after, ALIGN, 0, &err), 0);
  for (unsigned i = 200; i < 250; i++)
    ck_assert_int_eq (after[i], r->second == 2 ? 0 : 'S');
  if (r->second == 1)
    ck_assert_mem_eq (after + 100, "first", 5);
}

START_TEST (race)
{
  struct race r = { .second = _i };

  build (&r.k, SIZE, NULL);
  r.other = r.k.s;
  run_race (&r);
  demolish (&r.k);
}
END_TEST

/* The same through two stores over one disk that share the locks. */
START_TEST (race_of_two_stores)
{
  struct range_lock *locks = range_lock_create ();
  struct race r = { .second = _i };

  build (&r.k, SIZE, locks);
  r.other = store_align_create (store_fault_borrow (r.k.mem), locks);
  run_race (&r);
  store_close (r.other);
  demolish (&r.k);
  range_lock_free (locks);
}
END_TEST

/* ------------------------------------------------------------------ */
/* Everybody writes bytes of their own, all in the same few units, and
 * must find them as they were written, always.
 */

enum { WRITERS = 6, STRIPE = 300, UNITS = 4 };

struct crowd {
  struct store *s;
  uint64_t seed;
  unsigned rounds;
};

/* Writer 0 writes whole units; the bytes that are its alone are the last
 * 512 of each.  The others have every STRIPE bytes one piece each.
 */
static void
whole_units (struct crowd *c, struct rng *rng)
{
  static const char zeroes[512];
  char buf[2 * ALIGN], back[512];
  int err;

  for (unsigned i = 0; i < c->rounds; i++) {
    const uint64_t unit = rng_below (rng, UNITS - 1);
    const unsigned how = rng_below (rng, 4);

    memset (buf, 1 + (int) rng_below (rng, 255), sizeof buf);
    if (how == 0) {
      quick_assert (store_zero (c->s, 512, (unit + 1) * ALIGN - 512, 0, &err) ==
                    0);
      quick_assert (
        store_read (c->s, back, 512, (unit + 1) * ALIGN - 512, &err) == 0);
      quick_assert (memcmp (back, zeroes, 512) == 0);
      continue;
    }
    /* The end of one unit and the beginning of the next. */
    quick_assert (
      store_write (c->s, buf, 512, (unit + 1) * ALIGN - 512, 0, &err) == 0);
    quick_assert (
      store_read (c->s, back, 512, (unit + 1) * ALIGN - 512, &err) == 0);
    quick_assert (memcmp (back, buf, 512) == 0);
  }
}

static void
stripes (struct crowd *c, struct rng *rng, unsigned index)
{
  enum { PIECE = STRIPE / WRITERS };
  char buf[PIECE], back[PIECE];
  int err;

  for (unsigned i = 0; i < c->rounds; i++) {
    const uint64_t unit = rng_below (rng, UNITS);
    const uint64_t stripe = rng_below (rng, (ALIGN - 512) / STRIPE);
    const uint64_t offset = unit * ALIGN + stripe * STRIPE + index * PIECE;

    memset (buf, 1 + (int) rng_below (rng, 255), PIECE);
    quick_assert (store_write (c->s, buf, PIECE, offset, 0, &err) == 0);
    quick_assert (store_read (c->s, back, PIECE, offset, &err) == 0);
    quick_assert (memcmp (back, buf, PIECE) == 0);
  }
}

static void
crowd_member (void *opaque, unsigned index)
{
  struct crowd *c = opaque;
  struct rng rng;

  rng_init (&rng, c->seed + index);
  if (index == 0)
    whole_units (c, &rng);
  else
    stripes (c, &rng, index);
}

START_TEST (crowd)
{
  struct stack k;
  struct crowd c = { .seed = rng_seed ("store-align"), .rounds = 1500 };

  build (&k, SIZE, NULL);
  c.s = k.s;
  threads_run (WRITERS, crowd_member, &c);
  demolish (&k);
}
END_TEST

/* Whole units against bytes inside them: after a write of a whole unit
 * has completed, no byte of the unit may be older than it, whatever the
 * others were writing back.
 */
struct duel {
  struct store *s;
  unsigned rounds;
  _Atomic bool over;
};

static void
duelist (void *opaque, unsigned index)
{
  struct duel *d = opaque;
  char buf[ALIGN], back[ALIGN];
  int err;

  if (index > 0) {
    while (!d->over)
      quick_assert (store_write (d->s, "x", 1, 100 + index, 0, &err) == 0);
    return;
  }
  for (unsigned i = 0; i < d->rounds; i++) {
    memset (buf, 1 + (int) (i % 100), sizeof buf);
    quick_assert (store_write (d->s, buf, ALIGN, 0, 0, &err) == 0);
    quick_assert (store_read (d->s, back, ALIGN, 0, &err) == 0);
    memcpy (buf + 101, back + 101, 3); /* what the others write */
    quick_assert (memcmp (back, buf, ALIGN) == 0);
  }
  d->over = true;
}

START_TEST (duel)
{
  struct stack k;
  struct duel d = { .rounds = 3000, .over = false };

  build (&k, SIZE, NULL);
  d.s = k.s;
  threads_run (4, duelist, &d);
  demolish (&k);
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("store-align");
  TCase *c = test_case (suite, "store-align");

  tcase_add_test (c, properties);
  tcase_add_test (c, operations);
  tcase_add_test (c, odd_size);
  tcase_add_loop_test (c, extents, 0, 1);
  tcase_add_loop_test (c, extents, STORE_REQ_ONE, STORE_REQ_ONE + 1);
  tcase_add_loop_test (c, extents_too_short, 0, 1);
  tcase_add_loop_test (c, extents_too_short, STORE_REQ_ONE, STORE_REQ_ONE + 1);
  tcase_add_loop_test (c, faults, 0, 4);
  tcase_add_loop_test (c, no_memory, 0, 4);
  tcase_add_test (c, create_no_memory);
  tcase_add_test (c, fast_zero_refused);
  tcase_add_loop_test (c, race, 0, 3);
  tcase_add_loop_test (c, race_of_two_stores, 0, 3);
  tcase_add_test (c, crowd);
  tcase_add_test (c, duel);
  return test_run (suite);
}
