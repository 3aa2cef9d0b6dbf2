/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Commits of random layers into disks that fail, lie, lose power or are
 * too short: layer and disk together always show what they showed before.
 */

#include <config.h>

#include <check.h>
#include <errno.h>
#include <string.h>

#include "base/align.h"
#include "layered/layer-commit.h"
#include "support/layer-mem.h"
#include "support/main.h"
#include "support/must.h"
#include "support/nth-fault.h"
#include "support/rng.h"
#include "support/store-fault.h"
#include "support/store-mem.h"
#include "support/store-sim.h"

enum {
  SECTOR = 512,
  PER_CLUSTER = LAYER_CLUSTER / SECTOR,
  SECTORS = 5 * PER_CLUSTER + 40, /* the last cluster is not whole */
  CLUSTERS = 6,
  SIZE = SECTORS * SECTOR,
  LAYERS = 30,
};

/* ------------------------------------------------------------------ */
/* A layer over one of layer-mem, with marks, and with faults */

struct faulty {
  struct layer layer;
  struct layer *inner;
  bool dirty[CLUSTERS];
  uint64_t nth, n; /* the Nth call fails */
  struct subject *subject;
};

static struct faulty *
to_faulty (struct layer *l)
{
  return container_of (l, struct faulty, layer);
}

static int
count_call (struct layer *l, int *err)
{
  struct faulty *f = to_faulty (l);

  if (++f->n != f->nth)
    return 0;
  *err = EIO;
  return -1;
}

static void check_durable (struct subject *t, uint64_t sector, uint64_t n);

static void
faulty_close (struct layer *l)
{
  layer_close (to_faulty (l)->inner);
  free (to_faulty (l));
}

static int
faulty_read (struct layer *l, void *buf, uint64_t sector, uint32_t nsectors,
             struct marker *m, int *err)
{
  struct layer *inner = to_faulty (l)->inner;

  return count_call (l, err) == -1 ?
           -1 :
           inner->ops->read (inner, buf, sector, nsectors, m, err);
}

static int
faulty_discard (struct layer *l, uint64_t sector, uint64_t nsectors, int *err)
{
  struct layer *inner = to_faulty (l)->inner;

  if (count_call (l, err) == -1)
    return -1;
  check_durable (to_faulty (l)->subject, sector, nsectors);
  return inner->ops->discard (inner, sector, nsectors, err);
}

static int
faulty_flush (struct layer *l, int *err)
{
  return count_call (l, err);
}

static enum layer_state
faulty_state (struct layer *l, uint64_t sector, uint64_t limit, uint64_t *end)
{
  struct layer *inner = to_faulty (l)->inner;

  return inner->ops->state (inner, sector, limit, end);
}

static int
faulty_set_clean (struct layer *l, uint64_t cluster, int *err)
{
  if (count_call (l, err) == -1)
    return -1;
  to_faulty (l)->dirty[cluster] = false;
  return 0;
}

static uint64_t
faulty_next_dirty (struct layer *l, uint64_t cluster, uint64_t limit)
{
  ck_assert_uint_le (limit, CLUSTERS);
  while (cluster < limit && !to_faulty (l)->dirty[cluster])
    cluster++;
  return cluster;
}

static const struct layer_ops faulty_ops = {
  .name = "faulty",
  .close = faulty_close,
  .read = faulty_read,
  .discard = faulty_discard,
  .flush = faulty_flush,
  .state = faulty_state,
  .set_clean = faulty_set_clean,
  .next_dirty = faulty_next_dirty,
};

/* ------------------------------------------------------------------ */
/* A layer and a disk */

struct subject {
  struct rng rng;
  struct faulty *f;
  struct store *disk;
  struct store *sim;      /* what is below disk, if that is it */
  uint8_t expected[SIZE]; /* what is to be seen, as far as the disk goes */
  uint8_t before[SIZE];   /* the disk */
  uint64_t size;          /* of the disk */
  struct layer_commit_options o;
  struct layer_commit_size done;
  struct layer_commit_failure failure;
  int err;
};

static bool
none (void *opaque, const struct store_sim_piece *p)
{
  return false;
}

/* Of the medium, if the power failed now. */
static void
check_durable (struct subject *t, uint64_t sector, uint64_t n)
{
  uint8_t buf[SIZE];
  struct store *after;

  if (t->sim == NULL)
    return;
  after =
    store_sim_crash (t->sim, store_sim_position (t->sim), false, none, NULL);
  quick_assert (store_read (after, buf, t->size, 0, &t->err) == 0);
  for (uint64_t i = sector * SECTOR; i < (sector + n) * SECTOR && i < t->size;
       i++)
    quick_assert (buf[i] == t->expected[i]);
  store_close (after);
}

static void
fill_layer (struct subject *t)
{
  struct layer *l = t->f->inner;
  uint8_t buf[200 * SECTOR];

  for (unsigned i = 3 + rng_below (&t->rng, 20); i > 0; i--) {
    const uint64_t n =
      1 + rng_below (&t->rng, rng_one_in (&t->rng, 2) ? 200 : 4);
    const uint64_t s = rng_below (&t->rng, SECTORS - n + 1);

    rng_fill (&t->rng, buf, n * SECTOR);
    if (rng_one_in (&t->rng, 3)) {
      ck_assert_int_eq (l->ops->zero (l, s, n, 0, &t->err), 0);
      memset (t->expected + s * SECTOR, 0, n * SECTOR);
    }
    else {
      ck_assert_int_eq (l->ops->write (l, buf, s, n, 0, &t->err), 0);
      memcpy (t->expected + s * SECTOR, buf, n * SECTOR);
    }
    t->f->dirty[s / PER_CLUSTER] = true;
    t->f->dirty[(s + n - 1) / PER_CLUSTER] = true;
  }
}

static void
build (struct subject *t, uint64_t seed, struct store *disk)
{
  const struct layer_info info = { .nsectors = SECTORS,
                                   .sector_size = SECTOR,
                                   .physical_sector_size = SECTOR,
                                   .no_overwrite = true,
                                   .keeps_dirty = true };

  memset (t, 0, sizeof *t);
  rng_init (&t->rng, seed);
  t->disk = disk;
  t->size = store_size (disk);
  rng_fill (&t->rng, t->before, SIZE);
  ck_assert_int_eq (store_write (disk, t->before, t->size, 0, 0, &t->err), 0);
  memcpy (t->expected, t->before, SIZE);
  t->f = must_calloc (1, sizeof *t->f);
  t->f->layer.ops = &faulty_ops;
  t->f->layer.info = info;
  t->f->inner = layer_mem_create (&info);
  t->f->subject = t;
  fill_layer (t);
  t->o.piece = 1; /* as small as they get */
}

static struct store *
mem_disk (uint64_t size, bool extents)
{
  struct store_mem_options o = store_mem_defaults (size);

  o.info.extents = extents;
  return store_fault_create (store_mem_create (&o));
}

static void
tear_down (struct subject *t)
{
  layer_close (&t->f->layer);
  store_close (t->disk);
}

static int
commit (struct subject *t)
{
  t->err = 0;
  return layer_commit (&t->f->layer, t->disk, &t->o, &t->done, &t->failure,
                       &t->err);
}

/* Of layer over disk. */
static void
check_view (struct subject *t)
{
  uint8_t buf[SIZE] = { 0 };
  struct marker m;

  quick_assert (store_read (t->disk, buf, t->size, 0, &t->err) == 0);
  marker_init (&m, 0, SECTORS);
  quick_assert (
    t->f->inner->ops->read (t->f->inner, buf, 0, SECTORS, &m, &t->err) == 0);
  marker_fini (&m);
  quick_assert (memcmp (buf, t->expected, t->size) == 0);
}

static void
check_finished (struct subject *t)
{
  struct layer_commit_size left;

  layer_commit_measure (&t->f->layer, &left);
  ck_assert_uint_eq (left.data, 0);
  ck_assert_uint_eq (left.zeroes, 0);
  for (unsigned i = 0; i < CLUSTERS; i++)
    ck_assert (!t->f->dirty[i]);
  check_view (t);
}

/* ------------------------------------------------------------------ */
/* Tests */

/* Nothing is forgotten before the medium has it. */
START_TEST (everything)
{
  const uint64_t seed = rng_seed ("layer-commit");

  for (unsigned i = 0; i < LAYERS; i++) {
    struct layer_commit_size all;
    struct store *sim = store_sim_create (SIZE);
    struct subject t;

    build (&t, seed + i, sim);
    ck_assert_int_eq (store_flush (sim, &t.err), 0);
    t.sim = sim;
    t.o.piece = rng_one_in (&t.rng, 2) ? 1 : 0;
    layer_commit_measure (&t.f->layer, &all);
    ck_assert_int_eq (commit (&t), 1);
    ck_assert_uint_eq (t.done.data, all.data);
    ck_assert_uint_eq (t.done.zeroes, all.zeroes);
    check_finished (&t);
    ck_assert_int_eq (commit (&t), 1); /* of nothing */
    ck_assert_uint_eq (t.done.data, 0);
    tear_down (&t);
  }
}
END_TEST

START_TEST (disk_fails)
{
  const uint64_t seed = rng_seed ("layer-commit-disk");

  for (unsigned extents = 0; extents < 2; extents++) {
    struct nth_fault f = NTH_FAULT_INIT;

    while (nth_fault_next (&f)) {
      struct subject t;
      int r;

      build (&t, seed + f.n % 7, mem_disk (SIZE, extents == 1));
      store_fault_nth (t.disk, STORE_OPS_ALL, f.n);
      r = commit (&t);
      f.fired = store_fault_fired (t.disk);
      store_fault_reset (t.disk);
      if (f.fired) {
        ck_assert_int_eq (r, -1);
        ck_assert_int_eq (t.err, EIO);
        ck_assert (t.failure.step == LAYER_COMMIT_WRITE ||
                   t.failure.step == LAYER_COMMIT_FLUSH ||
                   t.failure.step == LAYER_COMMIT_READ_BACK);
        check_view (&t);
        r = commit (&t);
      }
      ck_assert_int_eq (r, 1);
      check_finished (&t);
      tear_down (&t);
    }
  }
}
END_TEST

START_TEST (layer_fails)
{
  const uint64_t seed = rng_seed ("layer-commit-layer");
  struct nth_fault f = NTH_FAULT_INIT;

  while (nth_fault_next (&f)) {
    struct subject t;
    int r;

    build (&t, seed + f.n % 7, mem_disk (SIZE, true));
    t.f->nth = f.n;
    r = commit (&t);
    f.fired = t.f->n >= f.n;
    if (f.fired) {
      ck_assert_int_eq (r, -1);
      ck_assert_int_eq (t.err, EIO);
      ck_assert (t.failure.step == LAYER_COMMIT_READ ||
                 t.failure.step == LAYER_COMMIT_DISCARD);
      check_view (&t);
      r = commit (&t);
    }
    ck_assert_int_eq (r, 1);
    check_finished (&t);
    tear_down (&t);
  }
}
END_TEST

/* Something goes wrong on the medium as soon as it is flushed. */
static int
spoil (void *opaque, const struct store_op *op, bool done)
{
  struct subject *t = opaque;
  uint8_t byte = 0x55;

  if (op->kind == STORE_OP_FLUSH && done && t->size == SIZE) {
    struct mem_image *im = store_mem_image (store_fault_inner (t->disk));

    t->size = SIZE - 1; /* once */
    mem_image_write (im, &byte, 1, 1000);
    mem_image_write (im, &byte, 1, 1002);
  }
  return 0;
}

static void
spoil_and_compare (bool zero)
{
  uint8_t buf[4 * SECTOR];
  struct layer_commit_size before, after;
  struct subject t;
  struct layer *l;

  build (&t, 1, mem_disk (SIZE, true));
  l = t.f->inner;
  memset (buf, 0xaa, sizeof buf);
  ck_assert_int_eq (zero ? l->ops->zero (l, 0, 4, 0, &t.err) :
                           l->ops->write (l, buf, 0, 4, 0, &t.err),
                    0);
  layer_commit_measure (l, &before);
  store_fault_set_hook (t.disk, spoil, &t);
  ck_assert_int_eq (commit (&t), -1);
  ck_assert_int_eq (t.err, EIO);
  ck_assert_int_eq (t.failure.step, LAYER_COMMIT_COMPARE);
  ck_assert_uint_eq (t.failure.offset, 1000);
  ck_assert_uint_eq (t.failure.count, 3);
  layer_commit_measure (l, &after);
  ck_assert_mem_eq (&before, &after, sizeof before);
  tear_down (&t);
}

START_TEST (disk_lies)
{
  spoil_and_compare (false);
  spoil_and_compare (true);
}
END_TEST

/* The disk ends inside of the layer's last sector, or before. */
START_TEST (short_disk)
{
  uint8_t buf[SECTOR];
  struct subject t;
  struct layer *l;

  build (&t, 5, mem_disk (SIZE - 100, true));
  l = t.f->inner;
  memset (buf, 0x77, SECTOR);
  ck_assert_int_eq (l->ops->write (l, buf, SECTORS - 1, 1, 0, &t.err), 0);
  ck_assert_int_eq (commit (&t), -1);
  ck_assert_int_eq (t.err, ENOSPC);
  ck_assert_int_eq (t.failure.step, LAYER_COMMIT_TOO_SHORT);
  ck_assert_uint_eq (t.failure.offset, SIZE - 100);
  ck_assert_uint_eq (t.done.data, 0);
  ck_assert_uint_eq (store_fault_count (t.disk, STORE_OP_BIT (STORE_OP_FLUSH)),
                     0);

  memset (buf + SECTOR - 100, 0, 100);
  memcpy (t.expected + SIZE - SECTOR, buf, SECTOR);
  ck_assert_int_eq (l->ops->write (l, buf, SECTORS - 1, 1, 0, &t.err), 0);
  ck_assert_int_eq (commit (&t), 1);
  check_finished (&t);
  tear_down (&t);

  /* Zeroes beyond it are there anyway. */
  build (&t, 6, mem_disk (SIZE - 9 * SECTOR, true));
  l = t.f->inner;
  ck_assert_int_eq (l->ops->zero (l, SECTORS - 12, 12, 0, &t.err), 0);
  memset (t.expected + SIZE - 12 * SECTOR, 0, 12 * SECTOR);
  ck_assert_int_eq (commit (&t), 1);
  check_finished (&t);
  tear_down (&t);
}
END_TEST

START_TEST (full_disk)
{
  struct subject t;

  build (&t, 7, mem_disk (SIZE, true));
  store_fault_all (t.disk, STORE_OPS_CHANGE, ENOSPC);
  ck_assert_int_eq (commit (&t), -1);
  ck_assert_int_eq (t.err, ENOSPC);
  ck_assert_int_eq (t.failure.step, LAYER_COMMIT_WRITE);
  store_fault_reset (t.disk);
  check_view (&t);
  ck_assert_int_eq (commit (&t), 1);
  check_finished (&t);
  tear_down (&t);
}
END_TEST

/* The layer keeps all, but for the marks. */
START_TEST (keep)
{
  struct layer_commit_size before, after;
  uint8_t buf[SIZE];
  struct subject t;

  build (&t, 8, mem_disk (SIZE, true));
  layer_commit_measure (&t.f->layer, &before);
  t.o.keep = true;
  ck_assert_int_eq (commit (&t), 1);
  layer_commit_measure (&t.f->layer, &after);
  ck_assert_mem_eq (&before, &after, sizeof before);
  for (unsigned i = 0; i < CLUSTERS; i++)
    ck_assert (!t.f->dirty[i]);
  ck_assert_int_eq (store_read (t.disk, buf, SIZE, 0, &t.err), 0);
  ck_assert_mem_eq (buf, t.expected, SIZE);
  tear_down (&t);
}
END_TEST

static bool
stop (void *opaque, const struct layer_commit_size *done)
{
  unsigned *calls = opaque;

  quick_assert (done->data + done->zeroes > 0);
  return ++*calls % 2 == 0;
}

/* Interrupted after one piece, then after two more. */
START_TEST (interrupted)
{
  unsigned calls = 0;
  struct subject t;
  int r;

  build (&t, 9, mem_disk (SIZE, true));
  rng_fill (&t.rng, t.expected, SIZE);
  ck_assert_int_eq (
    t.f->inner->ops->write (t.f->inner, t.expected, 0, SECTORS, 0, &t.err), 0);
  t.o.progress = stop;
  t.o.opaque = &calls;
  ck_assert_int_eq (commit (&t), 0);
  ck_assert_uint_eq (calls, 1);
  check_view (&t);
  while ((r = commit (&t)) == 0)
    check_view (&t);
  ck_assert_int_eq (r, 1);
  ck_assert_uint_ge (calls, 3);
  check_finished (&t);
  tear_down (&t);
}
END_TEST

int
main (void)
{
  const TTest *const tests[] = { everything, disk_fails, layer_fails,
                                 disk_lies,  short_disk, full_disk,
                                 keep,       interrupted };

  return test_main ("layer-commit", tests, ARRAY_SIZE (tests));
}
