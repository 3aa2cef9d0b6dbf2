/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Random stacks of layers of different lengths, with read caches and
 * write-through, over a disk or nothing, beside a flat array that says
 * what the disk must look like.
 */

#include <config.h>

#include <check.h>
#include <errno.h>
#include <string.h>

#include "base/align.h"
#include "layer/layer-ram.h"
#include "layer/layer-store.h"
#include "layered/layered-impl.h"
#include "layered/store-layered.h"
#include "support/layer-mem.h"
#include "support/main.h"
#include "support/must.h"
#include "support/rng.h"
#include "support/store-fault.h"
#include "support/store-mem.h"

enum { SECTOR = 512, MOST_SECTORS = 700, MOST_MEMBERS = 4, STACKS = 60 };

struct stack {
  struct rng rng;
  struct layered_member m[MOST_MEMBERS];
  unsigned n;
  struct layered *ld;
  struct store *s;      /* the whole */
  struct store *faulty; /* below it, or NULL */
  uint64_t bottom_size;
  uint8_t *bottom; /* what the bottom held at first */
  uint8_t *disk;   /* what must be seen */
  uint64_t size;
  int err;
};

/* What a member holds from the start. */
static void
fill_layer (struct stack *t, struct layer *l)
{
  uint8_t buf[60 * SECTOR];

  for (unsigned i = rng_below (&t->rng, 12); i > 0; i--) {
    const uint64_t n = 1 + rng_below (&t->rng, min_u64 (60, l->info.nsectors));
    const uint64_t s = rng_below (&t->rng, l->info.nsectors - n + 1);

    rng_fill (&t->rng, buf, n * SECTOR);
    if (rng_one_in (&t->rng, 3))
      ck_assert_int_eq (l->ops->zero (l, s, n, 0, &t->err), 0);
    else
      ck_assert_int_eq (l->ops->write (l, buf, s, n, 0, &t->err), 0);
  }
}

static struct layer *
make_layer (struct stack *t)
{
  const struct layer_below nothing = { .export_name = "" };
  const uint64_t n = 1 + rng_below (&t->rng, MOST_SECTORS);
  const struct layer_info info = { .nsectors = n,
                                   .sector_size = SECTOR,
                                   .physical_sector_size = SECTOR,
                                   .no_overwrite = true };
  const struct layer_ram_options ram = { .size = n * SECTOR,
                                         .sector_size = SECTOR };
  struct layer *l = rng_one_in (&t->rng, 2) ? layer_mem_create (&info) :
                                              layer_ram_create (&ram, &nothing);

  fill_layer (t, l);
  return l;
}

/* The sector as it looks from member LEVEL down, as the header of the
 * engine says it: nothing shows that a layer further up does not reach.
 */
static void
look_down (struct stack *t, unsigned level, uint64_t sector, uint8_t *out)
{
  memset (out, 0, SECTOR);
  for (unsigned i = level; i < t->n; i++) {
    struct layer *l = t->m[i].layer;
    struct marker m;
    bool has;

    if (sector >= l->info.nsectors)
      return;
    marker_init (&m, sector, 1);
    ck_assert_int_eq (l->ops->read (l, out, sector, 1, &m, &t->err), 0);
    has = marker_full (&m);
    marker_fini (&m);
    if (has)
      return;
  }
  if (sector * SECTOR < t->bottom_size)
    memcpy (out, t->bottom + sector * SECTOR,
            min_u64 (SECTOR, t->bottom_size - sector * SECTOR));
}

static struct store *
make_bottom (struct stack *t)
{
  struct store_mem_options o;
  struct store *mem;

  if (rng_one_in (&t->rng, 5))
    return NULL;
  t->bottom_size = 1 + rng_below (&t->rng, MOST_SECTORS * SECTOR);
  o = store_mem_defaults (t->bottom_size);
  mem = store_mem_create (&o);
  t->bottom = must_malloc (t->bottom_size);
  rng_fill (&t->rng, t->bottom, t->bottom_size);
  ck_assert_int_eq (store_write (mem, t->bottom, t->bottom_size, 0, 0, &t->err),
                    0);
  return t->faulty = store_fault_create (mem);
}

static void
build (struct stack *t, uint64_t seed)
{
  struct layered_bottom lb = { .exists = false };
  struct store *bottom;
  enum layered_status status;
  unsigned which, through;

  memset (t, 0, sizeof *t);
  rng_init (&t->rng, seed);
  bottom = make_bottom (t);
  if (bottom != NULL)
    lb = (struct layered_bottom){ .exists = true,
                                  .size = t->bottom_size,
                                  .info = bottom->info };
  t->n = 1 + rng_below (&t->rng, MOST_MEMBERS);
  through = rng_below (&t->rng, t->n + (bottom != NULL));
  for (unsigned i = 0; i < t->n; i++) {
    t->m[i].layer = make_layer (t);
    t->m[i].write_through = i < through;
    t->m[i].read_cache = rng_one_in (&t->rng, 2);
  }
  t->ld =
    layered_create (t->m, t->n, &lb, t->bottom_size, false, &status, &which);
  ck_assert_ptr_nonnull (t->ld);
  t->ld->tuning.fetch = SECTOR << rng_below (&t->rng, 17);
  t->ld->tuning.parallel = 1 + rng_below (&t->rng, 4);
  t->ld->own_bottom = bottom;
  if (rng_one_in (&t->rng, 2))
    ck_assert_int_eq (layered_fetch_start (t->ld, &t->err), 0);
  t->s = store_layered_create_owning (t->ld, bottom);
  t->size = store_size (t->s);
  t->disk = must_calloc (t->ld->nsectors, SECTOR);
  for (uint64_t s = 0; s < t->ld->nsectors; s++)
    look_down (t, 0, s, t->disk + s * SECTOR);
}

static void
tear_down (struct stack *t)
{
  layered_fetch_stop (t->ld);
  t->ld->own_bottom = NULL;
  store_close (t->s);
  free (t->bottom);
  free (t->disk);
}

static void
check_range (struct stack *t, uint64_t offset, uint64_t count)
{
  uint8_t *buf = must_malloc (count + 1);

  quick_assert (store_read (t->s, buf, count, offset, &t->err) == 0);
  for (uint64_t i = 0; i < count; i++) {
    if (buf[i] != t->disk[offset + i])
      ck_abort_msg ("byte %llu is %02x, should be %02x",
                    (unsigned long long) (offset + i), buf[i],
                    t->disk[offset + i]);
  }
  free (buf);
}

/* What is said to be zero is. */
static void
check_extents (struct stack *t)
{
  uint64_t offset = 0;

  while (offset < t->size) {
    struct extent_list l;

    extent_list_init (&l, offset, t->size, false);
    quick_assert (
      store_extents (t->s, t->size - offset, offset, 0, &l, &t->err) == 0);
    quick_assert (l.len > 0);
    for (size_t i = 0; i < l.len; i++) {
      for (uint64_t k = 0; (l.v[i].type & EXTENT_ZERO) && k < l.v[i].count; k++)
        quick_assert (t->disk[offset + k] == 0);
      offset += l.v[i].count;
    }
    extent_list_fini (&l);
  }
}

/* After a trim: as it was or zero, by sectors, and from now on so. */
static void
adopt_trim (struct stack *t, uint64_t offset, uint64_t count)
{
  uint8_t *buf = must_malloc (count);

  quick_assert (store_read (t->s, buf, count, offset, &t->err) == 0);
  for (uint64_t i = 0; i < count; i++)
    quick_assert (buf[i] == 0 || buf[i] == t->disk[offset + i]);
  memcpy (t->disk + offset, buf, count);
  free (buf);
}

static void
step (struct stack *t)
{
  const uint64_t count =
    1 + rng_below (&t->rng,
                   min_u64 (t->size, rng_one_in (&t->rng, 2) ? 3000 : 99999));
  uint64_t offset = rng_below (&t->rng, t->size - count + 1);
  const unsigned fua = rng_one_in (&t->rng, 4) ? STORE_FUA : 0;
  uint8_t *const at = t->disk + offset;

  switch (rng_below (&t->rng, 8)) {
  case 0:
    quick_assert (
      store_zero (t->s, count, offset, fua | STORE_MAY_TRIM, &t->err) == 0);
    memset (at, 0, count);
    break;
  case 1:
    quick_assert (store_trim (t->s, count, offset, fua, &t->err) == 0);
    adopt_trim (t, offset, count);
    break;
  case 2:
    quick_assert (store_cache (t->s, count, offset, &t->err) == 0);
    check_range (t, offset, count);
    break;
  case 3:
    check_extents (t);
    break;
  case 4:
    check_range (t, offset, count);
    break;
  default:
    rng_fill (&t->rng, at, count);
    quick_assert (store_write (t->s, at, count, offset, fua, &t->err) == 0);
    break;
  }
}

/* A disk below that is not written stays as it was; one that is looks
 * like the whole as far as it reaches, once everything was written.
 */
static void
check_bottom (struct stack *t)
{
  uint8_t *buf;

  if (t->faulty == NULL)
    return;
  buf = must_malloc (t->bottom_size);
  quick_assert (store_read (t->faulty, buf, t->bottom_size, 0, &t->err) == 0);
  if (!t->ld->writes_bottom)
    quick_assert (memcmp (buf, t->bottom, t->bottom_size) == 0);
  else
    quick_assert (memcmp (buf, t->disk, min_u64 (t->bottom_size, t->size)) ==
                  0);
  free (buf);
}

/* The layers of the write path below the first all have what was
 * written, so that those above can be taken away.
 */
static void
check_written (struct stack *t)
{
  uint8_t sector[SECTOR];

  rng_fill (&t->rng, t->disk, t->size);
  quick_assert (store_write (t->s, t->disk, t->size, 0, 0, &t->err) == 0);
  for (unsigned i = 0; i < t->ld->nwritten; i++) {
    for (uint64_t s = 0; s < min_u64 (t->ld->visible[i], t->size / SECTOR);
         s++) {
      look_down (t, i, s, sector);
      quick_assert (memcmp (sector, t->disk + s * SECTOR, SECTOR) == 0);
    }
  }
  check_bottom (t);
}

START_TEST (random_stacks)
{
  const uint64_t seed = rng_seed ("layered-stacks");

  for (unsigned i = 0; i < STACKS; i++) {
    struct stack t;

    build (&t, seed + i);
    check_range (&t, 0, t.size);
    check_extents (&t);
    for (unsigned k = 0; k < 60; k++)
      step (&t);
    check_range (&t, 0, t.size);
    check_extents (&t);
    if (!t.ld->writes_bottom)
      check_bottom (&t);
    check_written (&t);
    tear_down (&t);
  }
}
END_TEST

/* A cache that was read once needs nothing from below any more. */
START_TEST (read_cache)
{
  const uint64_t seed = rng_seed ("layered-cache");

  for (unsigned i = 0; i < STACKS; i++) {
    struct stack t;

    build (&t, seed + i);
    if (t.faulty != NULL && t.m[0].read_cache) {
      check_range (&t, 0, t.size);
      store_fault_reset (t.faulty);
      check_range (&t, 0, t.size);
      ck_assert_uint_eq (
        store_fault_count (t.faulty, STORE_OP_BIT (STORE_OP_READ)), 0);
    }
    tear_down (&t);
  }
}
END_TEST

/* A failure below is a failure, and spoils nothing. */
START_TEST (failure_below)
{
  const uint64_t seed = rng_seed ("layered-failure");

  for (unsigned i = 0; i < STACKS; i++) {
    uint8_t *buf = must_malloc (MOST_SECTORS * SECTOR);
    struct stack t;
    uint64_t reads;

    build (&t, seed + i);
    /* Nothing is read that is not needed: that may fail. */
    t.ld->tuning.fetch = SECTOR;
    t.ld->tuning.readahead = UINT32_MAX;
    if (t.faulty != NULL) {
      store_fault_reset (t.faulty);
      store_fault_all (t.faulty, STORE_OPS_ALL, EIO);
      t.err = 0;
      if (store_read (t.s, buf, t.size, 0, &t.err) == -1)
        ck_assert_int_eq (t.err, EIO);
      reads = store_fault_count (t.faulty, STORE_OP_BIT (STORE_OP_READ));
      ck_assert (reads == 0 || t.err == EIO);
      ck_assert_int_eq (store_flush (t.s, &t.err),
                        t.ld->writes_bottom ? -1 : 0);
      store_fault_reset (t.faulty);
    }
    check_range (&t, 0, t.size);
    tear_down (&t);
    free (buf);
  }
}
END_TEST

/* A layer that cannot discard is zeroed, with nothing below and with
 * something shorter.
 */
START_TEST (layer_of_a_disk)
{
  const struct store_mem_options o = store_mem_defaults (64 * SECTOR);
  const struct store_mem_options shorter = store_mem_defaults (20 * SECTOR);

  for (unsigned more = 0; more <= 1; more++) {
    struct layered_member m[2] = {
      { .layer = layer_store_create (store_mem_create (&o), false) },
      { .layer = layer_store_create (store_mem_create (&shorter), false) },
    };
    const struct layered_bottom none = { .exists = false };
    uint8_t buf[64 * SECTOR], was[64 * SECTOR];
    enum layered_status status;
    struct layered *ld;
    unsigned which;
    int err;

    memset (was, 0xa1, sizeof was);
    ld = layered_create (m, 1 + more, &none, 0, false, &status, &which);
    ck_assert_ptr_nonnull (ld);
    ck_assert_int_eq (layered_write (ld, NULL, was, 0, 64, 0, &err), 0);
    ck_assert_int_eq (layered_zero (ld, NULL, 10, 30, STORE_FUA, &err), 0);
    ck_assert_int_eq (layered_trim (ld, NULL, 50, 4, 0, &err), 0);
    memset (was + 10 * SECTOR, 0, 30 * SECTOR);
    memset (was + 50 * SECTOR, 0, 4 * SECTOR);
    ck_assert_int_eq (layered_read (ld, NULL, buf, 0, 64, &err), 0);
    ck_assert_int_eq (memcmp (buf, was, sizeof was), 0);
    layered_close (ld);
    if (!more)
      layer_close (m[1].layer);
  }
}
END_TEST

int
main (void)
{
  const TTest *const tests[] = { random_stacks, read_cache, failure_below,
                                 layer_of_a_disk };

  return test_main ("layered-stacks", tests, ARRAY_SIZE (tests));
}
