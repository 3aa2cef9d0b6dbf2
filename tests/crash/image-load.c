/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See image-load.h: images, and doing random things to them.
 */

#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/align.h"
#include "image-load.h"
#include "image/vhd1/image-vhd1.h"
#include "image/vhdx/image-vhdx.h"
#include "support/log-memory.h"
#include "support/must.h"
#include "support/store-fault.h"
#include "support/store-sim.h"
#include "support/threads.h"

const char *const load_op_names[LOAD_NKINDS] = {
  "write",   "write fua", "populate", "zero",  "zero fua", "trim", "trim fua",
  "discard", "read",      "look",     "flush", "compact",  "grow"
};

enum { TRIM_FILL = 0xdb };

/* Images. */

struct store *
image_kind_create (const struct image_kind *k)
{
  /* The medium tears nothing that the disk promises whole. */
  const struct store_sim_options medium = { .piece_size = k->sector_size,
                                            .info = { .sector_size =
                                                        k->sector_size,
                                                      .fua = true,
                                                      .trim = true,
                                                      .zero = true,
                                                      .fast_zero = true,
                                                      .extents = true },
                                            .trim_fill = 0xdb };
  const struct image_create_parent parent = { .link_id = { { 7, 7, 7 } },
                                              .relative = "parent",
                                              .absolute = "/vm/parent" };
  const struct image_create_options o = {
    .name = "crash",
    .type = k->child ? IMAGE_DIFFERENCING : IMAGE_DYNAMIC,
    .size = k->first_size,
    .block_size = k->block_size,
    .sector_size = k->vhdx ? k->sector_size : 0,
    .parent = k->child ? &parent : NULL,
  };
  struct store *s = store_sim_create_with (&medium);

  if ((k->vhdx ? image_vhdx_format (s, &o) : image_vhd1_format (s, &o)) == -1) {
    log_memory_print ();
    abort ();
  }
  store_sim_settle (s);
  return s;
}

static struct image *
open_with (const struct image_kind *k, struct store *medium, bool read_only,
           store_fault_hook hook)
{
  const struct image_open_options o = { .name = "crash",
                                        .read_only = read_only };
  /* A handle that the image may close. */
  struct store *way = store_fault_borrow (medium);
  struct image *i =
    k->vhdx ? image_vhdx_open (way, &o) : image_vhd1_open (way, &o);

  if (i == NULL)
    store_close (way);
  else
    store_fault_set_hook (way, hook, NULL);
  return i;
}

struct image *
image_kind_open (const struct image_kind *k, struct store *medium,
                 bool read_only)
{
  return open_with (k, medium, read_only, NULL);
}

uint32_t
image_kind_nothing (const struct image_kind *k)
{
  return k->child ? SECTOR_VALUE_ABSENT : SECTOR_VALUE_ZERO;
}

/* Reading with presence. */
struct reading {
  uint64_t offset; /* of the first sector of V */
  uint32_t sector_size, value;
  uint32_t *v;
};

static int
note_absent (void *opaque, void *buf, uint64_t count, uint64_t offset, int *err)
{
  struct reading *r = opaque;

  memset (buf, 0, count);
  for (uint64_t o = offset; o < offset + count; o += r->sector_size)
    r->v[(o - r->offset) / r->sector_size] = r->value;
  return 0;
}

/* -1: nobody wrote this. */
static int64_t
value_at (const char *p, uint32_t sector_size, uint64_t sector)
{
  const int64_t value = sector_value_of (p, sector_size, sector);

  if (value == -1 && (uint8_t) p[0] == TRIM_FILL &&
      memcmp (p, p + 1, sector_size - 1) == 0)
    return SECTOR_VALUE_TRIMMED;
  return value;
}

/* Of NSECTORS from SECTOR on, by way of BUF. */
static bool
read_values (const struct image_kind *k, struct image *i, uint64_t sector,
             uint64_t nsectors, char *buf, uint32_t *v)
{
  const uint32_t size = k->sector_size;
  struct reading r = { .offset = sector * size,
                       .sector_size = size,
                       .value =
                         k->child ? SECTOR_VALUE_ABSENT : SECTOR_VALUE_ZERO,
                       .v = v };
  int err;

  for (uint64_t s = 0; s < nsectors; s++)
    v[s] = SECTOR_VALUE_SAME;
  if (image_read (i, buf, nsectors * size, sector * size, note_absent, &r,
                  &err) == -1) {
    fprintf (stderr, "read: %s\n", strerror (err));
    return false;
  }
  for (uint64_t s = 0; s < nsectors; s++) {
    const int64_t value = value_at (buf + s * size, size, sector + s);

    if (v[s] != SECTOR_VALUE_SAME)
      continue;
    if (value == -1) {
      fprintf (stderr,
               "sector %" PRIu64 " has what nobody wrote: ", sector + s);
      for (unsigned b = 0; b < 16; b++)
        fprintf (stderr, "%02x ", (uint8_t) buf[s * size + b]);
      fprintf (stderr, "\n");
      return false;
    }
    v[s] = (uint32_t) value;
  }
  return true;
}

bool
image_kind_values (const struct image_kind *k, struct image *i, uint32_t *v)
{
  const uint64_t nsectors = image_size (i) / k->sector_size;
  char *buf = must_malloc (k->size);
  bool r = image_size (i) <= k->size;

  if (!r)
    fprintf (stderr, "the disk has %" PRIu64 " sectors\n", nsectors);
  r = r && read_values (k, i, 0, nsectors, buf, v);
  for (uint64_t s = nsectors; s < k->size / k->sector_size; s++)
    v[s] = image_kind_nothing (k);
  free (buf);
  return r;
}

/* The operations of one thread. */

static unsigned
choose_kind (struct load_thread *t)
{
  static const enum load_op_kind usual[] = {
    LOAD_WRITE,   LOAD_WRITE,    LOAD_WRITE,     LOAD_WRITE,    LOAD_WRITE,
    LOAD_WRITE,   LOAD_WRITE,    LOAD_WRITE,     LOAD_ZERO,     LOAD_ZERO,
    LOAD_TRIM,    LOAD_TRIM,     LOAD_DISCARD,   LOAD_READ,     LOAD_FLUSH,
    LOAD_FLUSH,   LOAD_FLUSH,    LOAD_WRITE_FUA, LOAD_ZERO_FUA, LOAD_TRIM_FUA,
    LOAD_DISCARD, LOAD_POPULATE, LOAD_POPULATE,  LOAD_COMPACT,  LOAD_GROW,
    LOAD_LOOK
  };
  const struct load *w = t->load;
  enum load_op_kind kind = usual[rng_below (&t->rng, ARRAY_SIZE (usual))];

  if (w->small && rng_one_in (&t->rng, 3))
    kind = LOAD_FLUSH;
  if (w->nthreads > 1 && rng_one_in (&t->rng, 5))
    kind = LOAD_LOOK;
  if (kind == LOAD_LOOK && w->nthreads == 1)
    kind = LOAD_READ;
  if ((kind == LOAD_DISCARD && !w->kind.child) ||
      (kind == LOAD_COMPACT && (w->nthreads > 1 || w->small)) ||
      (kind == LOAD_GROW &&
       (w->nthreads > 1 || w->now_nsectors == w->nsectors)))
    kind = LOAD_WRITE;
  return kind;
}

static uint64_t
random_length (struct load_thread *t)
{
  const struct load *w = t->load;
  const uint64_t block = w->kind.block_size / w->kind.sector_size;

  switch (rng_below (&t->rng, w->small ? 3 : 6)) {
  case 0:
    return 1;
  case 1:
  case 2:
    return 1 + rng_below (&t->rng, 9);
  case 3:
    return 1 + rng_below (&t->rng, block);
  case 4:
    return block;
  default:
    return 1 + rng_below (&t->rng, 3 * block);
  }
}

/* Somewhere in the stripes of the thread, often whole blocks. */
static void
choose_range (struct load_thread *t, struct load_op *o)
{
  const struct load *w = t->load;
  const uint64_t block = w->kind.block_size / w->kind.sector_size;
  const uint64_t nstripes = DIV_ROUND_UP (w->now_nsectors, w->stripe);
  const unsigned me = (unsigned) (t - w->thread);
  const uint64_t mine = (nstripes - me + w->nthreads - 1) / w->nthreads;
  const uint64_t stripe = rng_below (&t->rng, mine) * w->nthreads + me;
  const uint64_t start = stripe * w->stripe;
  const uint64_t end = min_u64 (start + w->stripe, w->now_nsectors);

  if (o->kind == LOAD_LOOK) {
    o->nsectors = min_u64 (random_length (t), w->now_nsectors);
    o->sector = rng_below (&t->rng, w->now_nsectors - o->nsectors + 1);
    return;
  }
  o->nsectors = min_u64 (random_length (t), end - start);
  o->sector = start + rng_below (&t->rng, end - start - o->nsectors + 1);
  if (rng_one_in (&t->rng, 2))
    o->sector = max_u64 (ROUND_DOWN (o->sector, block), start);
  if (rng_one_in (&t->rng, 8))
    o->sector = end - o->nsectors;
}

static int
execute (struct load_thread *t, struct load_op *o)
{
  const struct load *w = t->load;
  struct image *i = w->image;
  const uint64_t offset = o->sector * w->kind.sector_size;
  const uint64_t count = o->nsectors * w->kind.sector_size;
  int err = 0, r = 0;

  switch (o->kind) {
  case LOAD_WRITE:
    r = image_write (i, t->buf, count, offset, 0, &err);
    break;
  case LOAD_WRITE_FUA:
    r = image_write (i, t->buf, count, offset, IMAGE_FUA, &err);
    break;
  case LOAD_POPULATE:
    r = image_write (i, t->buf, count, offset, IMAGE_NO_OVERWRITE, &err);
    break;
  case LOAD_ZERO:
  case LOAD_ZERO_FUA:
    r =
      image_zero (i, count, offset, o->kind == LOAD_ZERO ? 0 : IMAGE_FUA, &err);
    break;
  case LOAD_TRIM:
  case LOAD_TRIM_FUA:
    r =
      image_trim (i, count, offset, o->kind == LOAD_TRIM ? 0 : IMAGE_FUA, &err);
    break;
  case LOAD_DISCARD:
    r = image_discard (i, count, offset, &err);
    break;
  case LOAD_FLUSH:
    r = image_flush (i, &err);
    break;
  case LOAD_COMPACT:
    r = image_compact (i, NULL, NULL, &err);
    break;
  case LOAD_GROW:
    r = image_resize (i, offset + count, &err);
    /* The file may have no place for that. */
    if (r == -1 && err == EOPNOTSUPP)
      r = o->nsectors = 0;
    break;
  default:
    break;
  }
  if (r == -1) {
    fprintf (stderr, "%s [%" PRIu64 ", %" PRIu64 "): %s\n",
             load_op_names[o->kind], o->sector, o->sector + o->nsectors,
             strerror (err));
    log_memory_print ();
  }
  return r;
}

static bool
is_trim (const struct load_op *o)
{
  return o->kind == LOAD_TRIM || o->kind == LOAD_TRIM_FUA;
}

/* What a trim left is unspecified, but nothing strange; what is new is zero
 * or absent.
 */
static bool
adopt (struct load_thread *t, struct load_op *o)
{
  const struct load *w = t->load;

  o->after = must_malloc (o->nsectors * sizeof *o->after);
  if (!read_values (&w->kind, w->image, o->sector, o->nsectors, t->buf,
                    o->after))
    return false;
  for (uint64_t s = 0; s < o->nsectors; s++) {
    if (o->after[s] != w->now[o->sector + s] &&
        o->after[s] != SECTOR_VALUE_ZERO &&
        o->after[s] != SECTOR_VALUE_TRIMMED) {
      fprintf (stderr,
               "trimmed sector %" PRIu64 " has %" PRIu32 " instead of %" PRIu32
               " or nothing\n",
               o->sector + s, o->after[s], w->now[o->sector + s]);
      return false;
    }
  }
  return true;
}

/* This thread reads what others own. */
static _Thread_local bool looking;

/* Is what is read what was last written, or of others, by somebody? */
static bool
verify (struct load_thread *t, const struct load_op *o)
{
  const struct load *w = t->load;
  uint32_t *v = must_malloc (o->nsectors * sizeof *v);
  bool r;

  looking = o->kind == LOAD_LOOK;
  r = read_values (&w->kind, w->image, o->sector, o->nsectors, t->buf, v);
  looking = false;
  for (uint64_t s = 0; r && s < o->nsectors; s++) {
    if (o->kind == LOAD_READ && v[s] != w->now[o->sector + s]) {
      fprintf (stderr,
               "sector %" PRIu64 " has %" PRIu32 " and should have %" PRIu32
               ", with no power cut\n",
               o->sector + s, v[s], w->now[o->sector + s]);
      r = false;
    }
  }
  free (v);
  return r;
}

/* Before it is done: what will it leave? */
static void
predict (struct load_thread *t, struct load_op *o)
{
  const struct load *w = t->load;

  if (o->kind == LOAD_ZERO || o->kind == LOAD_ZERO_FUA)
    o->value = SECTOR_VALUE_ZERO;
  else if (o->kind == LOAD_DISCARD)
    o->value = image_kind_nothing (&w->kind);
  else if (o->kind == LOAD_POPULATE) {
    o->after = must_malloc (o->nsectors * sizeof *o->after);
    for (uint64_t s = 0; s < o->nsectors; s++)
      o->after[s] = w->now[o->sector + s] == SECTOR_VALUE_ABSENT ?
                      o->value :
                      SECTOR_VALUE_SAME;
  }
  for (uint64_t s = 0; s < o->nsectors && o->kind < LOAD_READ; s++)
    sector_value_fill (t->buf + s * w->kind.sector_size, w->kind.sector_size,
                       o->sector + s, o->value);
}

static void
take_over (struct load *w, const struct load_op *o)
{
  if (o->kind >= LOAD_READ && o->kind != LOAD_GROW)
    return;
  for (uint64_t s = 0; s < o->nsectors; s++) {
    const uint32_t v = o->after ? o->after[s] : o->value;

    if (v != SECTOR_VALUE_SAME)
      w->now[o->sector + s] = v;
  }
  if (o->kind == LOAD_GROW)
    w->now_nsectors = o->sector + o->nsectors;
}

static void
one_op (struct load_thread *t)
{
  struct load *w = t->load;
  struct load_op *o;
  bool ok = true;

  if (t->nops == t->max) {
    t->max = t->max ? 2 * t->max : 64;
    t->op = must_realloc (t->op, t->max * sizeof *t->op);
  }
  o = &t->op[t->nops];
  *o = (struct load_op){ .kind = choose_kind (t), .value = w->values++ };
  if (o->kind <= LOAD_LOOK)
    choose_range (t, o);
  else if (o->kind == LOAD_GROW) {
    o->sector = w->now_nsectors;
    o->nsectors = 1 + rng_below (&t->rng, w->nsectors - o->sector);
  }
  /* A dynamic image cannot tell what was not written from zeroes. */
  if (o->kind == LOAD_POPULATE && !w->kind.child)
    o->kind = LOAD_WRITE;
  predict (t, o);
  o->begun = store_sim_position (w->medium);
  o->first = w->tickets++;
  ok = execute (t, o) == 0;
  o->last = w->tickets++;
  o->ended = store_sim_position (w->medium);
  if (ok && (is_trim (o) || (o->kind == LOAD_GROW && o->nsectors > 0)))
    ok = adopt (t, o);
  if (ok && (o->kind == LOAD_READ || o->kind == LOAD_LOOK))
    ok = verify (t, o);
  if (!ok) {
    fprintf (stderr, "operation %u of thread %u: %s\n", t->nops,
             (unsigned) (t - w->thread), load_op_names[o->kind]);
    abort ();
  }
  take_over (w, o);
  t->nops++;
}

struct course {
  struct load *w;
  unsigned n;
};

static void
run_thread (void *opaque, unsigned index)
{
  const struct course *c = opaque;

  for (unsigned i = 0; i < c->n / c->w->nthreads; i++)
    one_op (&c->w->thread[index]);
}

/* What others own is not there at once. */
static int
dawdle (void *opaque, const struct store_op *op, bool done)
{
  const struct timespec ts = { .tv_nsec = 2 * 1000 * 1000 };

  if (!done && looking && op->kind == STORE_OP_READ)
    nanosleep (&ts, NULL);
  return 0;
}

bool
load_open (struct load *w)
{
  w->image = open_with (&w->kind, w->medium, false, dawdle);
  return w->image != NULL;
}

void
load_run (struct load *w, unsigned n)
{
  struct course c = { .w = w, .n = n };

  if (w->nthreads == 1)
    run_thread (&c, 0);
  else
    threads_run (w->nthreads, run_thread, &c);
}

/* Up to several blocks, or a few sectors. */
static uint64_t
choose_stripe (struct load *w)
{
  const uint64_t block = w->kind.block_size / w->kind.sector_size;

  switch (rng_below (&w->rng, 5)) {
  case 0:
    return 1 + rng_below (&w->rng, 16);
  case 1:
    return block;
  case 2:
    return 2 * block;
  default:
    return 8 + rng_below (&w->rng, block);
  }
}

void
load_init (struct load *w, const struct image_kind *k, struct store *medium,
           const uint32_t *initial, uint64_t nsectors, uint32_t value,
           uint64_t seed)
{
  memset (w, 0, sizeof *w);
  w->kind = *k;
  w->nsectors = k->size / k->sector_size;
  w->begin_nsectors = w->now_nsectors = nsectors;
  w->medium = medium;
  rng_init (&w->rng, seed);
  w->small = rng_one_in (&w->rng, 3);
  w->nthreads =
    rng_one_in (&w->rng, 3) ? 2 + (unsigned) rng_below (&w->rng, 3) : 1;
  w->stripe = w->nthreads == 1 ? w->nsectors : choose_stripe (w);
  /* Everybody has something. */
  w->stripe = min_u64 (w->stripe, nsectors / w->nthreads);
  atomic_init (&w->values, value);
  w->initial = must_malloc (w->nsectors * sizeof *w->initial);
  w->now = must_malloc (w->nsectors * sizeof *w->now);
  for (uint64_t s = 0; s < w->nsectors; s++)
    w->now[s] = w->initial[s] =
      initial ? initial[s] : image_kind_nothing (&w->kind);
  for (unsigned i = 0; i < w->nthreads; i++) {
    struct load_thread *t = &w->thread[i];

    t->load = w;
    rng_init (&t->rng, rng_next (&w->rng));
    t->buf = must_malloc (k->size);
  }
}

void
load_fini (struct load *w)
{
  for (unsigned i = 0; i < w->nthreads; i++) {
    struct load_thread *t = &w->thread[i];

    for (unsigned k = 0; k < t->nops; k++)
      free (t->op[k].after);
    free (t->op);
    free (t->buf);
  }
  free (w->initial);
  free (w->now);
}
