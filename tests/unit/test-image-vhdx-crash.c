/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Cutting the power under a VHDX, at every step of random work, with the
 * log at any point of its ring; also while the file is recovered, and
 * looked at by who may only read.  Each sector is old or new, what was
 * flushed is new, nothing shows what belongs elsewhere.
 */

#include <config.h>

#include <errno.h>

#include "support/main.h"
#include "support/rng.h"
#include "support/store-fault.h"
#include "support/store-sim.h"
#include "unit/vhdx-file.h"

#define NBLOCKS 8
#define BLOCK MIB
#define HOT_PER_BLOCK 8
#define NHOT (NBLOCKS * HOT_PER_BLOCK)
#define OPS_MAX 4096
#define VERSIONS_MAX 512

/* What a sector may be at some time. */
struct version {
  unsigned op;
  uint64_t stamp; /* in each 8 bytes; 0: zeroes */
};

struct hot {
  uint64_t offset;
  struct version v[VERSIONS_MAX];
  unsigned n;
};

struct op {
  uint64_t begin, end; /* positions of the medium */
  bool flush, fua;
};

struct work {
  struct rng rng;
  struct store *medium;
  struct image *i;
  uint32_t sector;
  bool has_parent;
  struct hot hot[NHOT];
  struct op op[OPS_MAX];
  unsigned nops;
  uint64_t next_stamp;
  /* Of the cut that is looked at. */
  uint64_t position;
  bool in_flight;
  bool cut_recovery;
  uint64_t seen[NHOT];
};

/* Every sector of the parent has a stamp of its own. */
static uint64_t
parent_stamp (const struct work *w, uint64_t offset)
{
  return w->has_parent ? UINT64_C (0x7a00000000000000) + offset : 0;
}

static void
fill (uint8_t *buf, uint64_t count, uint64_t stamp)
{
  for (uint64_t k = 0; k < count; k += sizeof stamp)
    memcpy (buf + k, &stamp, sizeof stamp);
}

static int
read_parent (void *opaque, void *buf, uint64_t count, uint64_t offset, int *err)
{
  const struct work *w = opaque;

  for (uint64_t k = 0; k < count; k += w->sector)
    fill ((uint8_t *) buf + k, w->sector, parent_stamp (w, offset + k));
  return 0;
}

/* The stamp of the sector at OFFSET, which must be of one piece. */
static uint64_t
read_stamp (struct work *w, struct image *i, uint64_t offset, const char *what)
{
  uint8_t buf[4096], same[4096];
  uint64_t stamp;
  int err;

  if (image_read (i, buf, w->sector, offset, read_parent, w, &err) == -1) {
    log_memory_print ();
    ck_abort_msg ("%s: reading at %llu: %s", what, (unsigned long long) offset,
                  strerror (err));
  }
  memcpy (&stamp, buf, sizeof stamp);
  fill (same, w->sector, stamp);
  if (memcmp (buf, same, w->sector) != 0)
    ck_abort_msg ("%s: the sector at %llu is torn", what,
                  (unsigned long long) offset);
  return stamp;
}

/* ------------------------------------------------------------------ */
/* Work */

/* Two runs in each block, at its start and somewhere in it. */
static uint64_t
hot_offset (const struct work *w, unsigned k)
{
  const uint64_t block = k / HOT_PER_BLOCK, n = k % HOT_PER_BLOCK;
  const uint64_t within = n < 4 ? n : 100 + 7 * block + n;

  return block * BLOCK + within * w->sector;
}

static void
add_version (struct work *w, unsigned k, uint64_t stamp)
{
  struct hot *h = &w->hot[k];

  ck_assert_uint_lt (h->n, VERSIONS_MAX);
  h->v[h->n++] = (struct version){ .op = w->nops, .stamp = stamp };
}

static void
begin_op (struct work *w)
{
  ck_assert_uint_lt (w->nops, OPS_MAX);
  w->op[w->nops] =
    (struct op){ .begin = store_sim_position (w->medium), .end = UINT64_MAX };
}

static void
end_op (struct work *w)
{
  w->op[w->nops++].end = store_sim_position (w->medium);
}

static void
do_write (struct work *w)
{
  const unsigned run = (unsigned) rng_below (&w->rng, NHOT / 4) * 4;
  const unsigned n = 1 + (unsigned) rng_below (&w->rng, 4);
  uint8_t *buf = must_malloc (n * w->sector);
  int err;

  begin_op (w);
  w->op[w->nops].fua = rng_one_in (&w->rng, 6);
  for (unsigned k = 0; k < n; k++) {
    fill (buf + k * w->sector, w->sector, ++w->next_stamp);
    add_version (w, run + k, w->next_stamp);
  }
  ck_assert_int_eq (image_write (w->i, buf, n * w->sector, w->hot[run].offset,
                                 w->op[w->nops].fua ? IMAGE_FUA : 0, &err),
                    0);
  end_op (w);
  free (buf);
}

/* Hot sectors of a block, all or a run of four, become what READ says. */
static void
do_change (struct work *w, int (*change) (struct work *w, uint64_t count,
                                          uint64_t offset, int *err))
{
  const unsigned block = (unsigned) rng_below (&w->rng, NBLOCKS);
  const bool whole = rng_one_in (&w->rng, 2);
  const unsigned first = block * HOT_PER_BLOCK + (whole ? 0 : 4);
  const unsigned last = (block + 1) * HOT_PER_BLOCK;
  const uint64_t offset = whole ? block * BLOCK : w->hot[first].offset;
  int err;

  begin_op (w);
  ck_assert_int_eq (change (w, whole ? BLOCK : 4 * w->sector, offset, &err), 0);
  for (unsigned k = first; k < last; k++)
    add_version (w, k, read_stamp (w, w->i, w->hot[k].offset, "live"));
  end_op (w);
}

static int
zero (struct work *w, uint64_t count, uint64_t offset, int *err)
{
  return image_zero (w->i, count, offset, 0, err);
}

static int
trim (struct work *w, uint64_t count, uint64_t offset, int *err)
{
  return image_trim (w->i, count, offset, 0, err);
}

static int
discard (struct work *w, uint64_t count, uint64_t offset, int *err)
{
  return image_discard (w->i, count, offset, err);
}

static void
do_flush (struct work *w)
{
  int err;

  begin_op (w);
  w->op[w->nops].flush = true;
  ck_assert_int_eq (image_flush (w->i, &err), 0);
  end_op (w);
}

static void
do_one (struct work *w)
{
  switch (rng_below (&w->rng, 16)) {
  default:
    do_write (w);
    break;
  case 8:
  case 9:
    do_change (w, zero);
    break;
  case 10:
    do_change (w, trim);
    break;
  case 11:
    if (w->has_parent)
      do_change (w, discard);
    break;
  case 12:
  case 13:
  case 14:
    do_flush (w);
    break;
  }
}

/* What is now is all that there was. */
static void
forget (struct work *w)
{
  do_flush (w);
  store_sim_settle (w->medium);
  w->nops = 0;
  for (unsigned k = 0; k < NHOT; k++) {
    struct hot *h = &w->hot[k];

    h->v[0] = (struct version){ .stamp = h->v[h->n - 1].stamp };
    h->n = 1;
  }
  begin_op (w);
  end_op (w);
}

static void
setup (struct work *w, uint64_t seed, uint32_t sector, bool parent)
{
  const struct store_sim_options m = { .piece_size = sector,
                                       .info = { .fua = true,
                                                 .trim = true,
                                                 .zero = true,
                                                 .fast_zero = true,
                                                 .extents = true } };
  struct image_create_options o = vhdx_options (NBLOCKS * BLOCK, BLOCK, parent);

  o.sector_size = sector;
  rng_init (&w->rng, seed);
  w->sector = sector;
  w->has_parent = parent;
  w->medium = store_sim_create_with (&m);
  ck_assert_int_eq (image_vhdx_format (w->medium, &o), 0);
  for (unsigned k = 0; k < NHOT; k++) {
    w->hot[k].offset = hot_offset (w, k);
    add_version (w, k, parent_stamp (w, w->hot[k].offset));
  }
  store_sim_settle (w->medium);
  w->i = vhdx_must_open (store_fault_borrow (w->medium), false);
}

static void
teardown (struct work *w)
{
  image_close (w->i);
  store_close (w->medium);
  free (w);
}

/* ------------------------------------------------------------------ */
/* Looking at what is left */

static bool
ended (const struct work *w, const struct op *op)
{
  return w->in_flight ? op->end < w->position : op->end <= w->position;
}

/* Of which version on may the sector be? */
static unsigned
oldest_version (const struct work *w, const struct hot *h)
{
  unsigned flushed = 0, oldest = 0;

  for (unsigned k = 0; k < w->nops; k++)
    if (w->op[k].flush && ended (w, &w->op[k]))
      flushed = k;
  for (unsigned k = 0; k < h->n; k++) {
    const struct op *op = &w->op[h->v[k].op];

    if (h->v[k].op < flushed || (op->fua && ended (w, op)))
      oldest = k;
  }
  return oldest;
}

static void
check_hot (struct work *w, unsigned k, uint64_t stamp, const char *what)
{
  const struct hot *h = &w->hot[k];

  for (unsigned v = oldest_version (w, h); v < h->n; v++)
    if (h->v[v].stamp == stamp && w->op[h->v[v].op].begin < w->position + 1)
      return;
  log_memory_print ();
  for (unsigned v = 0; v < h->n; v++)
    fprintf (stderr, "version %u: %#llx, op %u of %llu to %llu%s\n", v,
             (unsigned long long) h->v[v].stamp, h->v[v].op,
             (unsigned long long) w->op[h->v[v].op].begin,
             (unsigned long long) w->op[h->v[v].op].end,
             v == oldest_version (w, h) ? ": the oldest that is allowed" : "");
  ck_abort_msg ("%s: the sector at %llu is %#llx", what,
                (unsigned long long) h->offset, (unsigned long long) stamp);
}

/* Sectors that nobody wrote, behind those that somebody did. */
static void
check_cold (struct work *w, struct image *i, const char *what)
{
  for (unsigned block = 0; block < NBLOCKS; block++) {
    const uint64_t offset = block * BLOCK + 9 * w->sector;
    const uint64_t stamp = read_stamp (w, i, offset, what);

    if (stamp != 0 && stamp != parent_stamp (w, offset))
      ck_abort_msg ("%s: the sector at %llu, which nobody wrote, is %#llx",
                    what, (unsigned long long) offset,
                    (unsigned long long) stamp);
  }
}

/* Open it; the same as the last time if AGAIN. */
static void
look (struct work *w, struct store *file, bool read_only, bool again,
      const char *what)
{
  struct image *i;

  log_memory_clear ();
  i = vhdx_try_open (store_fault_borrow (file), read_only);
  if (i == NULL) {
    log_memory_print ();
    ck_abort_msg ("%s: it cannot be opened %s", what,
                  read_only ? "read-only" : "for writing");
  }
  for (unsigned k = 0; k < NHOT; k++) {
    const uint64_t stamp = read_stamp (w, i, w->hot[k].offset, what);

    if (again && stamp != w->seen[k])
      ck_abort_msg ("%s: the sector at %llu is %#llx now and was %#llx", what,
                    (unsigned long long) w->hot[k].offset,
                    (unsigned long long) stamp,
                    (unsigned long long) w->seen[k]);
    w->seen[k] = stamp;
    if (!again)
      check_hot (w, k, stamp, what);
  }
  if (!again)
    check_cold (w, i, what);
  image_close (i);
}

static bool
check_recovery_cut (void *opaque, struct store *file, const char *what)
{
  struct work *w = opaque;

  look (w, file, true, true, what);
  return true;
}

static bool
check_cut (void *opaque, struct store *file, const char *what)
{
  static const struct store_sim_plan plan = {
    .which = STORE_SIM_RANDOM | STORE_SIM_PREFIXES, .max_each = 2
  };
  struct work *w = opaque;
  struct vhdx_header h;

  look (w, file, true, false, what);
  look (w, file, false, true, what);
  h = vhdx_current_header (file);
  ck_assert (uuid_is_nil (&h.log_id));
  look (w, file, true, true, what);
  if (w->cut_recovery) {
    const uint64_t end = store_sim_position (file);

    for (uint64_t p = 0; p <= end; p++)
      store_sim_crash_images (file, p, &plan, check_recovery_cut, w);
  }
  return true;
}

static void
cut (struct work *w, uint64_t position, unsigned max_each)
{
  struct store_sim_plan plan = { .which =
                                   STORE_SIM_EVERYTHING & ~STORE_SIM_SUFFIXES,
                                 .max_each = max_each,
                                 .seed = rng_next (&w->rng) };

  w->position = position;
  w->in_flight = rng_one_in (&w->rng, 2);
  if (w->in_flight)
    plan.which |= STORE_SIM_IN_FLIGHT;
  w->cut_recovery = rng_one_in (&w->rng, 25);
  store_sim_crash_images (w->medium, position, &plan, check_cut, w);
}

/* ------------------------------------------------------------------ */

struct variant {
  uint32_t sector;
  bool parent;
};

static const struct variant variants[] = {
  { 512, false }, { 512, true }, { 4096, false }, { 4096, true }
};

/* From the file as it was made: the beginning of the session. */
START_TEST (first_steps)
{
  const struct variant *v = &variants[_i];
  struct work *w = must_calloc (1, sizeof *w);
  uint64_t end;

  setup (w, rng_seed ("first_steps"), v->sector, v->parent);
  for (unsigned k = 0; k < 8; k++)
    do_one (w);
  do_flush (w);
  end = store_sim_position (w->medium);
  for (uint64_t p = 0; p <= end; p++)
    cut (w, p, 3);
  teardown (w);
}
END_TEST

/* At any point of the log, which has been all around. */
START_TEST (later)
{
  const struct variant *v = &variants[_i % 4];

  for (unsigned round = 0; round < 4; round++) {
    struct work *w = must_calloc (1, sizeof *w);
    uint64_t end;

    setup (w, rng_seed ("later"), v->sector, v->parent);
    for (uint64_t k = rng_below (&w->rng, 1500); k > 0; k--) {
      do_one (w);
      if (k % 50 == 0)
        forget (w);
    }
    forget (w);
    for (unsigned k = 0; k < 12; k++)
      do_one (w);
    end = store_sim_position (w->medium);
    for (uint64_t p = 0; p <= end; p++)
      cut (w, p, 2);
    teardown (w);
  }
}
END_TEST

/* The clean end, with everything that was still to be done. */
START_TEST (closing)
{
  const struct variant *v = &variants[_i];
  struct work *w = must_calloc (1, sizeof *w);
  uint64_t end;

  setup (w, rng_seed ("closing"), v->sector, v->parent);
  for (unsigned k = 0; k < 30; k++)
    do_one (w);
  forget (w);
  for (unsigned k = 0; k < 3; k++)
    do_write (w);
  image_close (w->i);
  end = store_sim_position (w->medium);
  for (uint64_t p = 0; p <= end; p++)
    cut (w, p, 6);
  ck_assert (!vhdx_has_log (w->medium));
  store_close (w->medium);
  free (w);
}
END_TEST

/* A run of the work until its Nth operation fails: the image says so, and
 * what is in the file is as after a crash.
 */
static void
run_until_failure (struct work *w, struct store *way, unsigned nops)
{
  static uint8_t buf[16 * 4096];
  uint64_t stamp = 1;
  int err;

  for (unsigned k = 0; k < nops && !store_fault_fired (way); k++) {
    const unsigned run = (unsigned) rng_below (&w->rng, NHOT / 4) * 4;
    const uint64_t offset = w->hot[run].offset;
    int r = 0;

    begin_op (w);
    if (k % 5 == 4) {
      w->op[w->nops].flush = true;
      r = image_flush (w->i, &err);
    }
    else if (k % 7 == 6) {
      for (unsigned n = 0; n < HOT_PER_BLOCK; n++)
        add_version (w, run / HOT_PER_BLOCK * HOT_PER_BLOCK + n, 0);
      r = image_zero (w->i, BLOCK, offset / BLOCK * BLOCK, 0, &err);
    }
    else {
      for (unsigned n = 0; n < 4; n++) {
        fill (buf + n * w->sector, w->sector, ++stamp);
        add_version (w, run + n, stamp);
      }
      r = image_write (w->i, buf, 4 * w->sector, offset, 0, &err);
    }
    if (r == 0)
      end_op (w);
    else
      w->nops++;
    ck_assert (r == 0 || (store_fault_fired (way) && err == EIO));
  }
}

START_TEST (failing_operations)
{
  const struct variant *v = &variants[_i];
  const uint64_t seed = rng_seed ("failing");

  for (uint64_t n = 1;; n += 1 + n / 40) {
    struct work *w = must_calloc (1, sizeof *w);
    struct store *way;
    bool fired;

    setup (w, seed, v->sector, v->parent);
    image_close (w->i);
    way = store_fault_borrow (w->medium);
    w->i = vhdx_must_open (way, false);
    store_fault_nth (way,
                     STORE_OPS_CHANGE | STORE_OP_BIT (STORE_OP_FLUSH) |
                       STORE_OP_BIT (STORE_OP_READ),
                     n);
    begin_op (w);
    end_op (w);
    run_until_failure (w, way, 40);
    fired = store_fault_fired (way);
    store_fault_reset (way);
    /* What failed may have been done or not. */
    w->position = store_sim_position (w->medium);
    for (unsigned k = 0; k < NHOT; k++)
      check_hot (w, k, read_stamp (w, w->i, w->hot[k].offset, "after failure"),
                 "after failure");
    cut (w, w->position, 4);
    image_close (w->i);
    w->position = store_sim_position (w->medium);
    w->in_flight = false;
    look (w, w->medium, true, false, "closed after failure");
    look (w, w->medium, false, true, "closed after failure");
    store_close (w->medium);
    free (w);
    if (!fired)
      break;
  }
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("image-vhdx-crash");
  TCase *c = test_case (suite, "crash");

  tcase_set_timeout (c, 5 * TEST_TIMEOUT);
  tcase_add_loop_test (c, first_steps, 0, (int) ARRAY_SIZE (variants));
  tcase_add_loop_test (c, later, 0, 8);
  tcase_add_loop_test (c, closing, 0, (int) ARRAY_SIZE (variants));
  tcase_add_loop_test (c, failing_operations, 0, (int) ARRAY_SIZE (variants));
  return test_run (suite);
}
