/* SPDX-License-Identifier: BSD-3-Clause
 *
 * One read cache over a disk whose reads can be held and counted, for the
 * tests of fetching.
 */

#ifndef DISKSTACK_TEST_FETCH_STACK_H
#define DISKSTACK_TEST_FETCH_STACK_H

#include <check.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>

#include "base/align.h"
#include "base/cleanup.h"
#include "layer/layer-ram.h"
#include "layered/layered-fetch.h"
#include "support/layer-mem.h"
#include "support/main.h"
#include "support/must.h"
#include "support/rng.h"
#include "support/store-fault.h"
#include "support/store-mem.h"
#include "support/store-trace.h"

enum { SECTOR = 512, UNIT = 128 /* sectors */ };

#define READS STORE_OP_BIT (STORE_OP_READ)

/* Holds reads of the disk: before they have read, or after. */
struct gate {
  pthread_mutex_t lock;
  pthread_cond_t change;
  unsigned hold; /* so many of those that come */
  bool after;
  unsigned held; /* so many are held */
  unsigned most; /* so many there were at once */
  /* Reads that touch these bytes fail, after they were held. */
  uint64_t bad, nbad;
};

struct fetch_stack {
  struct layered *ld;
  struct layer *layer;
  struct layer_ops ops; /* the layer's, to change */
  struct store *bottom;
  struct trace *trace;
  struct gate gate;
  uint64_t nsectors;
  char *disk; /* what the disk below holds from the start */
};

static inline int
gate_hook (void *opaque, const struct store_op *op, bool done)
{
  struct gate *g = opaque;

  LOCK_SCOPE (&g->lock);
  if (op->kind == STORE_OP_READ && done == g->after && g->hold > 0) {
    g->hold--;
    g->held++;
    g->most = max_u64 (g->most, g->held);
    pthread_cond_broadcast (&g->change);
    while (g->held > 0)
      pthread_cond_wait (&g->change, &g->lock);
  }
  return op->kind == STORE_OP_READ && !done && op->offset < g->bad + g->nbad &&
             g->bad < op->offset + op->count ?
           ENXIO :
           0;
}

/* These sectors cannot be read from now on. */
static inline void
gate_damage (struct gate *g, uint64_t sector, uint64_t nsectors)
{
  LOCK_SCOPE (&g->lock);
  g->bad = sector * SECTOR;
  g->nbad = nsectors * SECTOR;
}

/* Hold the next N reads. */
static inline void
gate_close (struct gate *g, unsigned n, bool after)
{
  LOCK_SCOPE (&g->lock);
  g->hold = n;
  g->after = after;
}

/* Wait until N are held. */
static inline void
gate_await (struct gate *g, unsigned n)
{
  LOCK_SCOPE (&g->lock);
  while (g->held < n)
    pthread_cond_wait (&g->change, &g->lock);
}

/* Let all go. */
static inline void
gate_open (struct gate *g)
{
  LOCK_SCOPE (&g->lock);
  g->hold = g->held = 0;
  pthread_cond_broadcast (&g->change);
}

/* SIZE bytes below a cache of as many whole sectors.  UNIT sectors are
 * fetched at once.
 */
static inline void
fetch_stack_open (struct fetch_stack *t, uint64_t size, bool ram,
                  bool write_through)
{
  const struct store_mem_options o = store_mem_defaults (size);
  const struct layer_info info = { .nsectors = DIV_ROUND_UP (size, SECTOR),
                                   .sector_size = SECTOR,
                                   .physical_sector_size = SECTOR,
                                   .no_overwrite = true };
  const struct layer_ram_options r = { .size = info.nsectors * SECTOR,
                                       .sector_size = SECTOR };
  const struct layer_below nothing = { .export_name = "" };
  struct layered_bottom lb = { .exists = true, .size = size };
  struct layered_member member = { .read_cache = true,
                                   .write_through = write_through };
  struct store *mem = store_mem_create (&o);
  enum layered_status status;
  struct rng rng;
  unsigned which;
  int err;

  memset (t, 0, sizeof *t);
  pthread_mutex_init (&t->gate.lock, NULL);
  pthread_cond_init (&t->gate.change, NULL);
  t->nsectors = info.nsectors;
  t->disk = must_calloc (t->nsectors, SECTOR);
  rng_init (&rng, size);
  rng_fill (&rng, t->disk, size);
  ck_assert_int_eq (store_write (mem, t->disk, size, 0, 0, &err), 0);
  t->bottom = store_fault_create (store_trace_create (mem, &t->trace));
  store_fault_set_hook (t->bottom, gate_hook, &t->gate);
  lb.info = t->bottom->info;
  t->layer = ram ? layer_ram_create (&r, &nothing) : layer_mem_create (&info);
  t->ops = *t->layer->ops;
  t->layer->ops = &t->ops;
  member.layer = t->layer;
  t->ld = layered_create (&member, 1, &lb, 0, false, &status, &which);
  ck_assert_ptr_nonnull (t->ld);
  t->ld->tuning.fetch = UNIT * SECTOR;
  t->ld->tuning.parallel = 8;
  trace_clear (t->trace);
}

static inline void
fetch_stack_start (struct fetch_stack *t)
{
  int err;

  t->ld->own_bottom = t->bottom;
  ck_assert_int_eq (layered_fetch_start (t->ld, &err), 0);
}

static inline void
fetch_stack_close (struct fetch_stack *t)
{
  layered_fetch_stop (t->ld);
  t->ld->own_bottom = NULL;
  layered_close (t->ld);
  store_close (t->bottom);
  trace_free (t->trace);
  free (t->disk);
}

/* Read and compare with what the disk was from the start. */
static inline void
fetch_stack_check (struct fetch_stack *t, uint64_t sector, uint32_t nsectors)
{
  char *buf = must_malloc ((size_t) nsectors * SECTOR);
  int err;

  quick_assert (layered_read (t->ld, t->bottom, buf, sector, nsectors, &err) ==
                0);
  quick_assert (
    memcmp (buf, t->disk + sector * SECTOR, (size_t) nsectors * SECTOR) == 0);
  free (buf);
}

static inline uint64_t
fetch_stack_reads (struct fetch_stack *t)
{
  return store_fault_count (t->bottom, READS);
}

/* Wait until the flights in the air have been joined N times. */
static inline void
fetch_stack_await_joined (struct fetch_stack *t, unsigned n)
{
  struct layered_fetch *f = t->ld->fetch;

  for (;;) {
    const struct flight *fl;
    unsigned joined = 0;

    pthread_mutex_lock (&f->lock);
    TAILQ_FOREACH (fl, &f->table[0], link)
    joined += fl->joined;
    pthread_mutex_unlock (&f->lock);
    if (joined >= n)
      return;
    sched_yield ();
  }
}

/* A read in a thread of its own. */
struct one_read {
  struct fetch_stack *t;
  uint64_t sector;
  uint32_t nsectors;
  char *buf;
  int r, err;
  pthread_t thread;
};

static inline void *
one_read_main (void *v)
{
  struct one_read *o = v;

  o->r = layered_read (o->t->ld, o->t->bottom, o->buf, o->sector, o->nsectors,
                       &o->err);
  return NULL;
}

static inline void
one_read_start (struct one_read *o, struct fetch_stack *t, uint64_t sector,
                uint32_t nsectors)
{
  *o = (struct one_read){ .t = t, .sector = sector, .nsectors = nsectors };
  o->buf = must_calloc (nsectors, SECTOR);
  ck_assert_int_eq (pthread_create (&o->thread, NULL, one_read_main, o), 0);
}

/* Wait for it; did it read what the disk was from the start? */
static inline bool
one_read_end (struct one_read *o)
{
  bool right;

  pthread_join (o->thread, NULL);
  right = o->r == 0 && memcmp (o->buf, o->t->disk + o->sector * SECTOR,
                               (size_t) o->nsectors * SECTOR) == 0;
  free (o->buf);
  return right;
}

#endif /* DISKSTACK_TEST_FETCH_STACK_H */
