/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Whatever fails, the file or memory, and whenever the power does: each
 * sector is old or new, what was flushed is there, the image opens.
 */

#include <config.h>

#include "image-rig.h"
#include "support/alloc-fault.h"
#include "support/nth-fault.h"
#include "support/store-sim.h"

#define SECTOR 512
#define BLOCK 4096
#define NBLOCKS 20
#define SIZE (NBLOCKS * BLOCK - SECTOR)

static const struct test_format formats[] = {
  { TEST_SHARED, false, false, 9, 12, SIZE, 0, 0, 8192 },
  { TEST_SHARED, true, false, 9, 12, SIZE, 0, 0, 8192 },
  { TEST_IN_FRONT, false, false, 9, 12, SIZE, 0, 0, 8192 },
  { TEST_IN_FRONT, true, false, 9, 12, SIZE, 0, 0, 8192 },
};

/* ------------------------------------------------------------------ */
/* Operations with their effect on a model */

enum kind { WRITE, FILL, ZERO, TRIM, DISCARD, FLUSH };

struct op {
  enum kind kind;
  uint64_t count, offset;
  bool fua;
};

static struct op
random_op (struct rig *r)
{
  static const enum kind kinds[] = { WRITE, WRITE,   WRITE,   FILL, ZERO,
                                     TRIM,  DISCARD, DISCARD, FLUSH };
  const uint64_t unit = rng_one_in (&r->rng, 2) ? BLOCK : SECTOR;
  struct op op = {
    .kind = kinds[rng_below (&r->rng, ARRAY_SIZE (kinds))],
    .offset = rng_below (&r->rng, SIZE / unit) * unit,
    .fua = rng_one_in (&r->rng, 12),
  };

  /* Mostly where something happens anyway. */
  if (!rng_one_in (&r->rng, 3))
    op.offset %= 3 * BLOCK;

  op.count = min_u64 ((1 + rng_below (&r->rng, unit == BLOCK ? 4 : 12)) * unit,
                      SIZE - op.offset);
  return op;
}

/* R->buf has the data. */
static int
run (struct rig *r, const struct op *op, int *err)
{
  const unsigned fua = op->fua ? IMAGE_FUA : 0;

  switch (op->kind) {
  case WRITE:
    return image_write (r->image, r->buf, op->count, op->offset, fua, err);
  case FILL:
    return image_write (r->image, r->buf, op->count, op->offset,
                        fua | IMAGE_NO_OVERWRITE, err);
  case ZERO:
    return image_zero (r->image, op->count, op->offset, fua, err);
  case TRIM:
    return image_trim (r->image, op->count, op->offset, fua, err);
  case DISCARD:
    return image_discard (r->image, op->count, op->offset, err);
  default:
    return image_flush (r->image, err);
  }
}

static bool
is_filled (const uint8_t *p, uint8_t with)
{
  return p[0] == with && memcmp (p, p + 1, SECTOR - 1) == 0;
}

/* May the sector at AT of the disk, inside of OP, be NOW when it was OLD? */
static bool
is_old_or_new (const struct rig *r, const struct op *op, const uint8_t *now,
               const uint8_t *old, uint64_t at)
{
  if (memcmp (now, old, SECTOR) == 0)
    return true;
  if (op->kind == FLUSH || at < op->offset || at >= op->offset + op->count)
    return false;
  switch (op->kind) {
  case WRITE:
  case FILL:
    return memcmp (now, r->buf + (at - op->offset), SECTOR) == 0;
  case ZERO:
    return is_filled (now, 0);
  case TRIM:
    return is_filled (now, 0) || is_filled (now, STORE_MEM_TRIMMED);
  default:
    return memcmp (now, r->parent + at, SECTOR) == 0;
  }
}

/* What OP makes of the model if all goes well; what it trims is seen
 * later.
 */
static void
apply (struct rig *r, const struct op *op)
{
  for (uint64_t at = 0; op->kind != FLUSH && at < op->count; at += SECTOR) {
    uint8_t *to = r->model + op->offset + at;

    switch (op->kind) {
    case WRITE:
      memcpy (to, r->buf + at, SECTOR);
      break;
    case FILL:
      if (rig_state (r, op->offset + at) == IMAGE_ABSENT)
        memcpy (to, r->buf + at, SECTOR);
      break;
    case ZERO:
      memset (to, 0, SECTOR);
      break;
    case DISCARD:
      memcpy (to, r->parent + op->offset + at, SECTOR);
      break;
    default:
      break;
    }
  }
}

/* ------------------------------------------------------------------ */
/* What the disk may look like after a crash: one of these, each sector by
 * itself.
 */
struct history {
  uint8_t (*version)[SIZE];
  unsigned n, room;
};

static void
remember (struct history *h, const uint8_t *version)
{
  if (h->n == h->room) {
    h->room = h->room * 2 + 16;
    h->version = must_realloc (h->version, h->room * sizeof *h->version);
  }
  memcpy (h->version[h->n++], version, SIZE);
}

/* Is NOW made of the versions from FIRST to before END? */
static bool
is_in (const struct history *h, const uint8_t *now, unsigned first,
       unsigned end, uint64_t *where)
{
  for (uint64_t at = 0; at < SIZE; at += SECTOR) {
    unsigned k = first;

    while (k < end && memcmp (now + at, h->version[k] + at, SECTOR) != 0)
      k++;
    if (k == end) {
      *where = at;
      return false;
    }
  }
  return true;
}

/* ------------------------------------------------------------------ */
/* The file fails */

struct faulty {
  struct rig r;
  struct history h;
  uint8_t now[SIZE];
};

static void
prepare (struct faulty *f, const struct test_format *format, uint64_t seed)
{
  memset (f, 0, sizeof *f);
  rig_init (&f->r, format, seed, NULL);
  rig_write (&f->r, 3 * BLOCK, 0, 0);
  rig_write (&f->r, 2 * SECTOR, 5 * BLOCK + SECTOR, 0);
  rig_zero (&f->r, BLOCK, BLOCK, 0);
  rig_write (&f->r, BLOCK, 7 * BLOCK, 0);
  rig_flush (&f->r);
  remember (&f->h, f->r.model);
}

/* OP has failed or not: the model becomes what is there. */
static void
look (struct faulty *f, const struct op *op, bool failed)
{
  struct rig *r = &f->r;
  int err;

  quick_assert (image_read (r->image, f->now, SIZE, 0,
                            r->f.parent ? rig_absent : NULL, r, &err) == 0);
  for (uint64_t at = 0; at < SIZE; at += SECTOR)
    if (!is_old_or_new (r, op, f->now + at, r->model + at, at))
      ck_abort_msg ("operation %d: %s: the sector at %" PRIu64
                    " is neither old nor new",
                    op->kind, failed ? "failed" : "done", at);
  memcpy (r->model, f->now, SIZE);
  if (op->kind == FLUSH && !failed)
    f->h.n = 0;
  remember (&f->h, r->model);
}

/* All is well again: what is durable must be there, and the file sound. */
static void
recover (struct faulty *f)
{
  struct rig *r = &f->r;
  uint64_t where;

  store_fault_reset (r->fault);
  rig_close (r);
  rig_open (r);
  rig_read (r, f->now, SIZE, 0);
  if (!is_in (&f->h, f->now, 0, f->h.n, &where))
    ck_abort_msg ("after reopening, the sector at %" PRIu64 " is wrong", where);
  memcpy (r->model, f->now, SIZE);
  rig_check (r);
  rig_write (r, SIZE, 0, 0);
  rig_reopen (r);
  rig_check (r);
}

#define NOPS 14

/* PARTIAL: writes are torn. */
static void
one_fault (struct nth_fault *n, const struct test_format *format, uint64_t seed,
           bool persistent, size_t partial)
{
  struct faulty *f = must_malloc (sizeof *f);
  struct rig *r = &f->r;
  uint64_t seen = 0;

  prepare (f, format, seed);
  for (unsigned k = 0; k < NOPS; k++) {
    const struct op op = random_op (r);
    int err = 0, failed;

    rng_fill (&r->rng, r->buf, op.count);
    if (!n->fired)
      store_fault_set (r->fault, &(struct store_fault_plan){
                                   .kinds = STORE_OPS_ALL,
                                   .nth = n->n - seen,
                                   .persistent = persistent,
                                   .partial = partial,
                                 });
    failed = run (r, &op, &err);
    quick_assert (failed == 0 || err > 0);
    n->fired |= store_fault_fired (r->fault);
    seen += store_fault_count (r->fault, STORE_OPS_ALL);
    store_fault_reset (r->fault);
    look (f, &op, failed);
    if (persistent && n->fired)
      break;
  }
  recover (f);
  rig_fini (r);
  free (f->h.version);
  free (f);
}

START_TEST (test_file_fails)
{
  const uint64_t seed = rng_seed ("test-image-faults");

  for (unsigned round = 0; round < 6; round++) {
    struct nth_fault n = NTH_FAULT_INIT;

    while (nth_fault_next (&n))
      one_fault (&n, &formats[_i], seed + round, round % 3 == 2,
                 round % 2 ? SECTOR : 0);
  }
}
END_TEST

/* Opening fails cleanly, and closing only logs. */
START_TEST (test_open_close_fail)
{
  struct nth_fault n = NTH_FAULT_INIT;

  while (nth_fault_next (&n)) {
    struct faulty *f = must_malloc (sizeof *f);
    struct rig *r = &f->r;

    prepare (f, &formats[_i], 5);
    rig_close (r);
    r->fault = store_fault_borrow (r->file);
    store_fault_nth (r->fault, STORE_OPS_ALL, n.n);
    r->image = test_format_open (r->fault, false);
    if (r->image == NULL) {
      n.fired = store_fault_fired (r->fault);
      quick_assert (n.fired);
      store_close (r->fault);
    }
    else {
      int err;

      image_write (r->image, r->model, BLOCK, 9 * BLOCK, 0, &err);
      n.fired = store_fault_fired (r->fault);
      rig_close (r);
    }
    rig_open (r);
    rig_read (r, f->now, SIZE, 0);
    memcpy (f->now + 9 * BLOCK, r->model + 9 * BLOCK, BLOCK);
    quick_assert (memcmp (f->now, r->model, SIZE) == 0);
    rig_fini (r);
    free (f->h.version);
    free (f);
  }
}
END_TEST

/* ------------------------------------------------------------------ */
/* Memory fails */

START_TEST (test_no_memory)
{
  const uint64_t seed = rng_seed ("test-image-faults");
  struct nth_fault n = NTH_FAULT_INIT;

  while (nth_fault_next (&n)) {
    struct faulty *f = must_malloc (sizeof *f);
    struct rig *r = &f->r;

    prepare (f, &formats[_i], seed);
    rig_reopen (r);
    for (unsigned k = 0; k < NOPS; k++) {
      const struct op op = random_op (r);
      int err = 0, failed;
      bool fired;

      rng_fill (&r->rng, r->buf, op.count);
      alloc_fault_nth (k == n.n % NOPS ? 1 + n.n / NOPS : 0);
      failed = run (r, &op, &err);
      fired = alloc_fault_stop ();
      quick_assert (failed == 0 || (fired && err == ENOMEM));
      n.fired |= fired || n.n < NOPS;
      look (f, &op, failed);
    }
    recover (f);
    rig_fini (r);
    free (f->h.version);
    free (f);
  }
}
END_TEST

START_TEST (test_open_no_memory)
{
  struct nth_fault n = NTH_FAULT_INIT;

  while (nth_fault_next (&n)) {
    struct faulty *f = must_malloc (sizeof *f);
    struct rig *r = &f->r;
    int e;

    prepare (f, &formats[_i], 1);
    rig_close (r);
    r->fault = store_fault_borrow (r->file);
    alloc_fault_nth (n.n);
    r->image = test_format_open (r->fault, false);
    e = errno;
    n.fired = alloc_fault_stop ();
    if (r->image == NULL) {
      quick_assert (n.fired && e == ENOMEM);
      store_close (r->fault);
      rig_open (r);
    }
    rig_check (r);
    rig_fini (r);
    free (f->h.version);
    free (f);
  }
}
END_TEST

/* ------------------------------------------------------------------ */
/* The power fails */

struct moment {
  uint64_t begin, end; /* positions of the medium */
  bool flush;          /* a successful one, or FUA */
};

struct crash {
  struct rig r;
  struct history h; /* version K + 1 is after operation K */
  struct moment moment[100];
  unsigned nops;
  unsigned first, last; /* versions that may be seen */
  uint8_t now[SIZE];
};

/* Run OP for the record. */
static void
record (struct crash *c, const struct op *op)
{
  struct rig *r = &c->r;
  int err;

  rng_fill (&r->rng, r->buf, op->count);
  c->moment[c->nops].begin = store_sim_position (r->file);
  apply (r, op);
  quick_assert (run (r, op, &err) == 0);
  c->moment[c->nops].end = store_sim_position (r->file);
  c->moment[c->nops].flush = op->kind == FLUSH;
  c->nops++;
  remember (&c->h, r->model);
}

static void
workload (struct crash *c, unsigned nops)
{
  struct rig *r = &c->r;

  remember (&c->h, r->model);
  for (unsigned k = 0; k < nops; k++) {
    const struct op op = random_op (r);

    if (op.kind != TRIM)
      record (c, &op);
  }
  /* The disk is as the last version now. */
  rig_check (r);
}

/* It opens, has what it may have, and can be used. */
static bool
check_crashed (void *opaque, struct store *medium, const char *what)
{
  struct crash *c = opaque;
  struct rig *old = &c->r, r = *old;
  uint64_t where, block;
  int err;

  r.file = medium;
  rig_open (&r);
  rig_read (&r, c->now, SIZE, 0);
  if (!is_in (&c->h, c->now, c->first, c->last, &where)) {
    log_memory_print ();
    ck_abort_msg ("%s: the sector at %" PRIu64 " (0x%02x) is none of versions "
                  "%u to %u",
                  what, where, c->now[where], c->first, c->last);
  }
  /* What is free is really free. */
  block = rng_below (&old->rng, NBLOCKS - 3) * BLOCK;
  memset (r.buf, 'n', 3 * BLOCK);
  quick_assert (image_write (r.image, r.buf, 3 * BLOCK, block, 0, &err) == 0);
  memcpy (c->now + block, r.buf, 3 * BLOCK);
  quick_assert (
    image_write (r.image, r.buf, SECTOR, SIZE - 3 * SECTOR, 0, &err) == 0);
  memcpy (c->now + SIZE - 3 * SECTOR, r.buf, SECTOR);
  rig_reopen (&r);
  rig_read (&r, r.buf, SIZE, 0);
  quick_assert (memcmp (r.buf, c->now, SIZE) == 0);
  rig_close (&r);
  return true;
}

static void
cut_everywhere (struct crash *c, unsigned max_each, uint64_t seed)
{
  struct rig *r = &c->r;
  const uint64_t end = store_sim_position (r->file);

  for (uint64_t at = 0; at <= end; at++) {
    const struct store_sim_plan plan = {
      .which = STORE_SIM_EVERYTHING |
               (rng_one_in (&r->rng, 2) ? STORE_SIM_IN_FLIGHT : 0),
      .max_each = max_each,
      .seed = seed + at,
    };

    c->first = 0;
    c->last = 1;
    for (unsigned k = 0; k < c->nops; k++) {
      if (c->moment[k].flush &&
          c->moment[k].end < at + !(plan.which & STORE_SIM_IN_FLIGHT))
        c->first = k + 1;
      if (c->moment[k].begin < at)
        c->last = k + 2;
    }
    store_sim_crash_images (r->file, at, &plan, check_crashed, c);
  }
}

static void
begin_crash (struct crash *c, const struct test_format *f, uint64_t seed)
{
  memset (c, 0, sizeof *c);
  rig_init (&c->r, f, seed, store_sim_create (0));
  store_sim_settle (c->r.file);
}

static void
end_crash (struct crash *c)
{
  rig_fini (&c->r);
  free (c->h.version);
  free (c);
}

START_TEST (test_power)
{
  const uint64_t seed = rng_seed ("test-image-faults");
  struct crash *c = must_malloc (sizeof *c);

  begin_crash (c, &formats[_i % 4], seed);
  workload (c, 50);
  cut_everywhere (c, 3, seed);
  end_crash (c);
}
END_TEST

/* A block that gets another place and other bits: never the new bits with
 * the old place.
 */
START_TEST (test_power_bits_and_place)
{
  static const struct op ops[] = {
    { WRITE, SECTOR, BLOCK, false },
    { FLUSH, 0, 0, false },
    { DISCARD, BLOCK, BLOCK, false },
    { WRITE, SECTOR, BLOCK + 3 * SECTOR, false },
    { FLUSH, 0, 0, false },
    { ZERO, BLOCK, BLOCK, false },
    { WRITE, SECTOR, BLOCK + SECTOR, false },
    { DISCARD, SECTOR, BLOCK + 2 * SECTOR, false },
    { FLUSH, 0, 0, false },
    { DISCARD, 4 * SECTOR, BLOCK, false },
    { FILL, BLOCK, BLOCK, false },
    { FLUSH, 0, 0, false },
  };
  struct crash *c = must_malloc (sizeof *c);

  begin_crash (c, &formats[_i], 7);
  remember (&c->h, c->r.model);
  for (unsigned k = 0; k < ARRAY_SIZE (ops); k++)
    record (c, &ops[k]);
  rig_check (&c->r);
  cut_everywhere (c, 64, 7);
  end_crash (c);
}
END_TEST

/* While it is compacted nothing changes. */
START_TEST (test_power_compacting)
{
  const uint64_t seed = rng_seed ("test-image-faults");
  struct crash *c = must_malloc (sizeof *c);
  int err;

  begin_crash (c, &formats[_i], seed);
  workload (c, 40);
  rig_flush (&c->r);
  rig_discard (&c->r, 6 * BLOCK, 0);
  rig_flush (&c->r);
  store_sim_settle (c->r.file);
  c->nops = c->h.n = 0;
  remember (&c->h, c->r.model);
  ck_assert_int_eq (image_compact (c->r.image, NULL, NULL, &err), 0);
  rig_check (&c->r);
  cut_everywhere (c, 4, seed);
  end_crash (c);
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("image-faults");
  TCase *c = test_case (suite, "file");

  tcase_add_loop_test (c, test_file_fails, 0, 4);
  tcase_add_loop_test (c, test_open_close_fail, 0, 4);

  c = test_case (suite, "memory");
  tcase_add_loop_test (c, test_no_memory, 0, 4);
  tcase_add_loop_test (c, test_open_no_memory, 0, 4);

  c = test_case (suite, "power");
  tcase_set_timeout (c, 4 * TEST_TIMEOUT);
  tcase_add_loop_test (c, test_power, 0, 8);
  tcase_add_loop_test (c, test_power_bits_and_place, 0, 4);
  tcase_add_loop_test (c, test_power_compacting, 0, 4);
  return test_run (suite);
}
