/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The instruments of the tests.  Whoever relies on them to find what is
 * wrong must know that they would.
 */

#include <config.h>

#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/align.h"
#include "base/log.h"
#include "support/mem-image.h"
#include "support/log-memory.h"
#include "support/main.h"
#include "support/nth-fault.h"
#include "support/rng.h"
#include "support/store-fault.h"
#include "support/store-mem.h"
#include "support/store-sim.h"
#include "support/store-trace.h"

/* ------------------------------------------------------------------ */
/* image */

enum { FLAT = 64 * 1024 };

struct flat {
  struct mem_image *im;
  uint64_t size;
  uint8_t bytes[FLAT];
};

static void
check_flat (const struct flat *f)
{
  uint8_t back[FLAT];
  uint64_t end;

  ck_assert_uint_eq (mem_image_size (f->im), f->size);
  mem_image_read (f->im, back, f->size, 0);
  ck_assert_mem_eq (back, f->bytes, f->size);
  for (uint64_t pos = 0; pos < f->size; pos = end) {
    const bool hole = mem_image_is_hole (f->im, pos, f->size, &end);

    ck_assert_uint_gt (end, pos);
    for (uint64_t i = pos; hole && i < end; i++)
      quick_assert (f->bytes[i] == 0);
  }
}

static void
random_step (struct flat *f, struct rng *rng)
{
  const uint64_t offset = f->size ? rng_below (rng, f->size) : 0;
  const uint64_t count = rng_below (
    rng, min_u64 (f->size - offset, rng_one_in (rng, 2) ? 99999 : 99) + 1);
  const uint8_t byte = (uint8_t) rng_below (rng, 256);

  switch (rng_below (rng, 8)) {
  case 0:
    memset (f->bytes + offset, 0, count);
    mem_image_punch (f->im, count, offset);
    break;
  case 1: {
    const uint64_t size = rng_below (rng, FLAT + 1);

    if (size > f->size)
      memset (f->bytes + f->size, 0, size - f->size);
    f->size = size;
    mem_image_resize (f->im, size);
    break;
  }
  case 2:
    memset (f->bytes + offset, byte, count);
    mem_image_fill (f->im, byte, count, offset);
    break;
  default:
    rng_fill (rng, f->bytes + offset, count);
    mem_image_write (f->im, f->bytes + offset, count, offset);
    break;
  }
}

/* An image and a branch of it and a branch of that, beside arrays. */
START_TEST (image_model)
{
  static struct flat f[3];
  struct rng rng;
  uint64_t where;

  rng_init (&rng, rng_seed ("image"));
  for (unsigned run = 0; run < 100; run++) {
    for (unsigned k = 0; k < 3; k++) {
      if (k == 0) {
        f[0].size = rng_below (&rng, FLAT + 1);
        memset (f[0].bytes, 0, FLAT);
        f[0].im = mem_image_create (f[0].size);
      }
      else {
        f[k] = f[k - 1];
        f[k].im = mem_image_branch (f[k - 1].im);
      }
      for (unsigned i = 0; i < 30; i++) {
        random_step (&f[k], &rng);
        check_flat (&f[k]);
      }
    }
    for (unsigned k = 3; k-- > 0;) {
      struct mem_image *copy = mem_image_copy (f[k].im);

      check_flat (&f[k]); /* what was done to its branches is not in it */
      ck_assert (mem_image_equal (copy, f[k].im, &where));
      mem_image_free (f[k].im);
      f[k].im = copy;
      check_flat (&f[k]);
      if (f[k].size > 0) {
        const uint64_t at = rng_below (&rng, f[k].size);
        const uint8_t other = f[k].bytes[at] ^ 1;
        struct mem_image *branch = mem_image_branch (f[k].im);

        mem_image_write (branch, &other, 1, at);
        ck_assert (!mem_image_equal (f[k].im, branch, &where));
        ck_assert_uint_eq (where, at);
        mem_image_free (branch);
      }
      mem_image_free (f[k].im);
    }
  }
}
END_TEST

/* ------------------------------------------------------------------ */
/* store-fault, store-trace */

START_TEST (fault_nth)
{
  struct store_mem_options o = store_mem_defaults (65536);
  struct store *s = store_fault_create (store_mem_create (&o));
  char buf[512] = { 1 };
  int err = 0;

  store_fault_nth (s, STORE_OP_BIT (STORE_OP_WRITE), 2);
  ck_assert_int_eq (store_write (s, buf, 512, 0, 0, &err), 0);
  ck_assert_int_eq (store_read (s, buf, 512, 0, &err), 0);
  ck_assert (!store_fault_fired (s));
  ck_assert_int_eq (store_write (s, buf, 512, 512, 0, &err), -1);
  ck_assert_int_eq (err, EIO);
  ck_assert (store_fault_fired (s));
  ck_assert_int_eq (store_write (s, buf, 512, 512, 0, &err), 0);
  ck_assert_uint_eq (store_fault_count (s, STORE_OP_BIT (STORE_OP_WRITE)), 3);
  ck_assert_uint_eq (store_fault_count (s, STORE_OPS_ALL), 4);
  store_fault_all (s, STORE_OP_BIT (STORE_OP_READ), ESHUTDOWN);
  for (unsigned i = 0; i < 3; i++) {
    ck_assert_int_eq (store_read (s, buf, 512, 0, &err), -1);
    ck_assert_int_eq (err, ESHUTDOWN);
  }
  store_fault_reset (s);
  ck_assert_int_eq (store_read (s, buf, 512, 0, &err), 0);
  store_close (s);
}
END_TEST

/* A write that fails after its first sectors. */
START_TEST (fault_partial)
{
  struct store_mem_options o = store_mem_defaults (65536);
  struct store *s = store_fault_create (store_mem_create (&o));
  char buf[2048], back[2048];
  const struct store_fault_plan plan = {
    .kinds = STORE_OP_BIT (STORE_OP_WRITE),
    .nth = 1,
    .error = ENOSPC,
    .partial = 1200,
  };
  int err = 0;

  memset (buf, 'x', sizeof buf);
  store_fault_set (s, &plan);
  ck_assert_int_eq (store_write (s, buf, 2048, 100, 0, &err), -1);
  ck_assert_int_eq (err, ENOSPC);
  ck_assert_int_eq (store_read (s, back, 2048, 0, &err), 0);
  memset (buf, 0, sizeof buf);
  memset (buf + 100, 'x', 1024 - 100);
  ck_assert_mem_eq (back, buf, 2048);
  store_close (s);
}
END_TEST

START_TEST (fault_on_range)
{
  struct store_mem_options o = store_mem_defaults (65536);
  struct store *s = store_fault_create (store_mem_create (&o));
  const struct store_fault_plan plan = {
    .kinds = STORE_OPS_ALL,
    .nth = 1,
    .persistent = true,
    .on_range = true,
    .offset = 512,
    .count = 512,
  };
  char buf[1024];
  int err = 0;

  store_fault_set (s, &plan);
  ck_assert_int_eq (store_read (s, buf, 512, 0, &err), 0);
  ck_assert_int_eq (store_read (s, buf, 512, 1024, &err), 0);
  ck_assert_int_eq (store_read (s, buf, 1024, 0, &err), -1);
  ck_assert_int_eq (store_read (s, buf, 1, 1023, &err), -1);
  store_close (s);
}
END_TEST

START_TEST (trace_order)
{
  struct store_mem_options o = store_mem_defaults (65536);
  struct trace *t;
  struct store *s = store_trace_create (store_mem_create (&o), &t);
  char buf[512] = { 1 };
  int err = 0;
  long data, meta;

  store_write (s, buf, 512, 0, 0, &err);
  store_write (s, buf, 512, 512, STORE_FUA, &err);
  store_flush (s, &err);
  store_write (s, buf, 512, 4096, 0, &err);
  ck_assert_uint_eq (trace_len (t), 4);
  data = trace_find (t, 0, STORE_OPS_CHANGE, 100, 1);
  meta = trace_find (t, 0, STORE_OPS_CHANGE, 4096, 512);
  ck_assert_int_eq (data, 0);
  ck_assert_int_eq (meta, 3);
  ck_assert_int_eq (trace_find (t, 1, STORE_OPS_CHANGE, 0, 512), -1);
  ck_assert (trace_before (t, data, meta));
  ck_assert (!trace_before (t, meta, data));
  ck_assert (trace_durable_before (t, meta, 0, 512));
  ck_assert (!trace_durable_before (t, 2, 0, 512));
  ck_assert (trace_durable_before (t, 2, 512, 512));
  store_close (s);
  trace_free (t);
}
END_TEST

/* ------------------------------------------------------------------ */
/* store-sim: a work load of stamps, one to a block, beside a list of the
 * stamps that each block may show after a power cut.
 */

enum { BLOCKS = 12, VERSIONS = 40 };

struct block {
  unsigned n; /* versions that may be seen; the last is the newest */
  uint64_t version[VERSIONS];
  bool seen[VERSIONS];
};

struct stamps {
  struct block block[BLOCKS];
  uint64_t seen_all;
};

static void
stamp_fill (void *buf, uint64_t stamp)
{
  uint64_t *p = buf;

  for (unsigned i = 0; i < 512 / sizeof *p; i++)
    p[i] = stamp;
}

static bool
check_stamps (void *opaque, struct store *image, const char *what)
{
  struct stamps *m = opaque;
  uint64_t buf[512 / 8];
  int err;

  for (unsigned b = 0; b < BLOCKS; b++) {
    struct block *k = &m->block[b];
    unsigned i;

    quick_assert (store_read (image, buf, 512, b * 512, &err) == 0);
    for (unsigned w = 1; w < 64; w++)
      quick_assert (buf[w] == buf[0]);
    for (i = 0; i < k->n && k->version[i] != buf[0]; i++)
      ;
    if (i == k->n)
      ck_abort_msg ("block %u shows %llu: %s", b, (unsigned long long) buf[0],
                    what);
    k->seen[i] = true;
  }
  return true;
}

/* What a step makes of the versions that may be seen. */
static void
step_write (struct stamps *m, unsigned first, unsigned n, uint64_t stamp,
            bool fua)
{
  for (unsigned b = first; b < first + n; b++) {
    struct block *k = &m->block[b];

    if (fua)
      k->n = 0;
    k->version[k->n++] = stamp;
  }
}

static void
step_flush (struct stamps *m)
{
  for (unsigned b = 0; b < BLOCKS; b++) {
    struct block *k = &m->block[b];

    k->version[0] = k->version[k->n - 1];
    k->n = 1;
  }
}

static void
random_sim_step (struct store *s, struct stamps *m, struct rng *rng,
                 uint64_t stamp)
{
  const unsigned first = rng_below (rng, BLOCKS);
  const unsigned n = 1 + rng_below (rng, BLOCKS - first);
  const bool fua = rng_one_in (rng, 4);
  char buf[BLOCKS * 512];
  int err = 0, r;

  switch (rng_below (rng, 6)) {
  case 0:
    r = store_flush (s, &err);
    step_flush (m);
    break;
  case 1:
    r = store_zero (s, n * 512, first * 512, fua ? STORE_FUA : 0, &err);
    step_write (m, first, n, 0, fua);
    break;
  case 2:
    r = store_trim (s, n * 512, first * 512, fua ? STORE_FUA : 0, &err);
    step_write (m, first, n, UINT64_C (0xdbdbdbdbdbdbdbdb), fua);
    break;
  default:
    for (unsigned i = 0; i < n; i++)
      stamp_fill (buf + i * 512, stamp);
    r = store_write (s, buf, n * 512, first * 512, fua ? STORE_FUA : 0, &err);
    step_write (m, first, n, stamp, fua);
    break;
  }
  ck_assert_int_eq (r, 0);
}

/* Every image shows only what it may, and among many images everything
 * that may be seen is.
 */
START_TEST (sim_model)
{
  struct rng rng;
  unsigned possible = 0, seen = 0;

  rng_init (&rng, rng_seed ("store-sim"));
  for (unsigned run = 0; run < 20; run++) {
    struct store *s = store_sim_create (BLOCKS * 512);
    struct stamps m = { 0 };

    for (unsigned b = 0; b < BLOCKS; b++)
      m.block[b].n = 1;
    for (unsigned i = 1; i < 30; i++) {
      const struct store_sim_plan plan = { .which = STORE_SIM_EVERYTHING,
                                           .max_each = 32,
                                           .seed = rng_next (&rng) };

      random_sim_step (s, &m, &rng, i);
      ck_assert_uint_eq (store_sim_position (s), i);
      for (unsigned b = 0; b < BLOCKS; b++)
        memset (m.block[b].seen, 0, sizeof m.block[b].seen);
      store_sim_crash_images (s, i, &plan, check_stamps, &m);
      for (unsigned b = 0; b < BLOCKS; b++) {
        for (unsigned k = 0; k < m.block[b].n; k++) {
          possible++;
          seen += m.block[b].seen[k];
        }
      }
    }
    store_close (s);
  }
  printf ("store-sim: %u of %u versions were seen\n", seen, possible);
  ck_assert_uint_gt (seen, possible * 9 / 10);
}
END_TEST

static bool
keep_all (void *opaque, const struct store_sim_piece *p)
{
  return true;
}

static bool
keep_none (void *opaque, const struct store_sim_piece *p)
{
  return false;
}

static bool
keep_odd (void *opaque, const struct store_sim_piece *p)
{
  return p->index % 2;
}

static void
expect_byte (struct store *s, uint64_t offset, int value)
{
  unsigned char byte;
  int err;

  ck_assert_int_eq (store_read (s, &byte, 1, offset, &err), 0);
  ck_assert_int_eq (byte, value);
}

/* Unaligned changes, with the bytes around them in the same piece. */
START_TEST (sim_unaligned)
{
  struct store *s = store_sim_create (4096 + 100), *c;
  char buf[4096 + 100];
  int err;

  memset (buf, 'a', sizeof buf);
  store_write (s, buf, sizeof buf, 0, STORE_FUA, &err);
  store_zero (s, 1024, 256, 0, &err); /* pieces 0, 1, 2 */
  store_write (s, "b", 1, 4096 + 99, 0, &err);
  ck_assert_uint_eq (store_sim_pending (s, 3, false), 4);
  c = store_sim_crash (s, 3, false, keep_odd, NULL);
  expect_byte (c, 256, 'a');
  expect_byte (c, 512, 0);
  expect_byte (c, 1023, 0);
  expect_byte (c, 1024, 'a');
  expect_byte (c, 4096 + 99, 'b');
  expect_byte (c, 4096 + 98, 'a');
  store_close (c);
  c = store_sim_crash (s, 3, false, keep_all, NULL);
  expect_byte (c, 255, 'a');
  expect_byte (c, 256, 0);
  expect_byte (c, 1279, 0);
  expect_byte (c, 1280, 'a');
  store_close (c);
  store_close (s);
}
END_TEST

/* A size reaches the disk in order, and nothing beyond the size does. */
START_TEST (sim_resize)
{
  struct store *s = store_sim_create (1024), *c;
  char buf[1024];
  int err;

  memset (buf, 'a', sizeof buf);
  store_resize (s, 4096, &err);
  store_write (s, buf, 1024, 2048, STORE_FUA, &err);
  store_resize (s, 2048 + 600, &err);
  c = store_sim_crash (s, 3, false, keep_none, NULL);
  ck_assert_uint_eq (store_size (c), 1024);
  store_close (c);
  /* The second change of size without the first. */
  c = store_sim_crash (s, 3, false, keep_odd, NULL);
  ck_assert_uint_eq (store_size (c), 1024);
  store_close (c);
  c = store_sim_crash (s, 3, false, keep_all, NULL);
  ck_assert_uint_eq (store_size (c), 2048 + 600);
  expect_byte (c, 2048 + 599, 'a');
  store_close (c);
  store_flush (s, &err);
  c = store_sim_crash (s, 4, false, keep_none, NULL);
  ck_assert_uint_eq (store_size (c), 2048 + 600);
  store_close (c);
  store_close (s);
}
END_TEST

/* A step that had not returned promises nothing. */
START_TEST (sim_in_flight)
{
  struct store *s = store_sim_create (1024), *c;
  char buf[1024];
  int err;

  memset (buf, 'a', sizeof buf);
  store_write (s, buf, 1024, 0, STORE_FUA, &err);
  ck_assert_uint_eq (store_sim_pending (s, 1, false), 0);
  ck_assert_uint_eq (store_sim_pending (s, 1, true), 2);
  c = store_sim_crash (s, 1, true, keep_odd, NULL);
  expect_byte (c, 0, 0);
  expect_byte (c, 512, 'a');
  store_close (c);
  memset (buf, 'b', sizeof buf);
  store_write (s, buf, 1024, 0, 0, &err);
  store_flush (s, &err);
  ck_assert_uint_eq (store_sim_pending (s, 3, false), 0);
  ck_assert_uint_eq (store_sim_pending (s, 3, true), 2);
  c = store_sim_crash (s, 3, true, keep_none, NULL);
  expect_byte (c, 0, 'a');
  /* A crash of a crash, and settling. */
  store_write (c, "c", 1, 0, 0, &err);
  {
    struct store *cc = store_sim_crash (c, 1, false, keep_none, NULL);

    expect_byte (cc, 0, 'a');
    store_sim_settle (c);
    ck_assert_uint_eq (store_sim_position (c), 0);
    expect_byte (cc, 0, 'a');
    store_close (cc);
  }
  expect_byte (c, 0, 'c');
  store_close (s);
  expect_byte (c, 512, 'a');
  store_close (c);
}
END_TEST

static bool
count_images (void *opaque, struct store *image, const char *what)
{
  ck_assert (strstr (what, "power cut after 1 steps") != NULL);
  ++*(unsigned *) opaque;
  return *(unsigned *) opaque < 20;
}

START_TEST (sim_enumeration)
{
  static const struct {
    unsigned which, images;
  } cases[] = {
    { 0, 2 },
    { STORE_SIM_PREFIXES, 2 + 8 },
    { STORE_SIM_MISSING, 2 + 8 },
    { STORE_SIM_ALONE, 2 + 8 },
    { STORE_SIM_SUFFIXES, 2 + 8 },
    { STORE_SIM_RANDOM, 2 + 10 },
    { STORE_SIM_EVERYTHING, 20 },
  };
  struct store *s = store_sim_create (4096);
  char buf[4096] = { 1 };
  int err;

  store_write (s, buf, 4096, 0, 0, &err);
  for (size_t i = 0; i < ARRAY_SIZE (cases); i++) {
    const struct store_sim_plan plan = { .which = cases[i].which,
                                         .max_each = 10 };
    unsigned n = 0;

    ck_assert_uint_eq (store_sim_crash_images (s, 1, &plan, count_images, &n),
                       cases[i].images);
    ck_assert_uint_eq (n, cases[i].images);
  }
  store_close (s);
}
END_TEST

/* ------------------------------------------------------------------ */
/* The others */

START_TEST (log_memory)
{
  char *text;

  log_memory_clear ();
  errno = ENOSPC;
  log_error ("write: offset %d: %m", 5);
  log_debug ("by the way");
  ck_assert_int_eq (errno, ENOSPC);
  ck_assert (log_memory_contains ("offset 5: No space left on device"));
  ck_assert (!log_memory_contains ("offset 6"));
  ck_assert_uint_eq (log_memory_errors (), 1);
  ck_assert_uint_eq (log_memory_debugs (), 1);
  text = log_memory_text ();
  ck_assert_str_eq (text, "error: write: offset 5: No space left on device\n"
                          "debug: by the way\n");
  free (text);
  log_memory_clear ();
  ck_assert_uint_eq (log_memory_errors (), 0);
}
END_TEST

START_TEST (nth)
{
  struct nth_fault f = NTH_FAULT_INIT;
  unsigned runs = 0;

  while (nth_fault_next (&f)) {
    runs++;
    f.fired = f.n <= 5;
  }
  ck_assert_uint_eq (runs, 6);
}
END_TEST

int
main (void)
{
  const TTest *const tests[] = {
    image_model,   fault_nth,       fault_partial, fault_on_range,
    trace_order,   sim_model,       sim_unaligned, sim_resize,
    sim_in_flight, sim_enumeration, log_memory,    nth,
  };

  return test_main ("support", tests, ARRAY_SIZE (tests));
}
