/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What the tests of background work stand on: layers over a disk of random
 * bytes, a way down for clients and one of the stack's own, which is
 * recorded and can fail.
 */

#ifndef DISKSTACK_TEST_LAYERED_RIG_H
#define DISKSTACK_TEST_LAYERED_RIG_H

#include <check.h>
#include <stdbool.h>
#include <string.h>
#include <time.h>

#include "base/align.h"
#include "layered/store-layered.h"
#include "support/layer-mem.h"
#include "support/main.h"
#include "support/must.h"
#include "support/rng.h"
#include "support/store-fault.h"
#include "support/store-mem.h"
#include "support/store-trace.h"

enum { RIG_SECTOR = 512, RIG_MIB = 1 << 20 };

#define RIG_READ STORE_OP_BIT (STORE_OP_READ)

struct rig {
  struct rng rng;
  uint64_t size;
  uint8_t *disk;        /* what the bottom holds */
  struct store *faulty; /* the stack's own bottom; own_bottom is over it */
  struct store *client_bottom;
  struct store *client; /* the stack, as a client sees it */
  struct trace *trace;  /* of own_bottom */
  struct layered *ld;
  int err;
};

/* Nothing present. */
static inline struct layer *
rig_layer (uint64_t size)
{
  const struct layer_info info = { .nsectors = DIV_ROUND_UP (size, RIG_SECTOR),
                                   .sector_size = RIG_SECTOR,
                                   .physical_sector_size = RIG_SECTOR,
                                   .no_overwrite = true };

  return layer_mem_create (&info);
}

/* Layers M[0 .. N) over a disk of SIZE bytes. */
static inline void
rig_build (struct rig *r, uint64_t seed, uint64_t size,
           const struct layered_member *m, unsigned n)
{
  const struct store_mem_options o = store_mem_defaults (size);
  struct store *mem = store_mem_create (&o);
  const struct layered_bottom lb = { .exists = true,
                                     .size = size,
                                     .info = mem->info };
  enum layered_status status;
  unsigned which;

  memset (r, 0, sizeof *r);
  rng_init (&r->rng, seed);
  r->size = size;
  r->disk = must_malloc (size);
  rng_fill (&r->rng, r->disk, size);
  ck_assert_int_eq (store_write (mem, r->disk, size, 0, 0, &r->err), 0);
  r->client_bottom = store_fault_borrow (mem);
  r->faulty = store_fault_create (mem);
  r->ld = layered_create (m, n, &lb, size, false, &status, &which);
  ck_assert_ptr_nonnull (r->ld);
  /* What is read below is what was asked for. */
  layered_tune (r->ld, &(struct layered_tuning){ .fetch = RIG_SECTOR,
                                                 .readahead = UINT32_MAX });
  r->ld->own_bottom = store_trace_create (r->faulty, &r->trace);
  r->client = store_layered_create (r->ld, r->client_bottom);
}

/* One read cache. */
static inline void
rig_build_cache (struct rig *r, uint64_t seed, uint64_t size, uint64_t max)
{
  const struct layered_member m = { .layer = rig_layer (size),
                                    .read_cache = true,
                                    .write_through = max > 0,
                                    .max = max };

  rig_build (r, seed, size, &m, 1);
}

static inline void
rig_tear_down (struct rig *r)
{
  struct store *own = r->ld->own_bottom;

  store_close (r->client);
  r->ld->own_bottom = NULL;
  layered_close (r->ld);
  store_close (own);
  trace_free (r->trace);
  free (r->disk);
}

/* As a client sees it. */
static inline void
rig_check (struct rig *r)
{
  uint8_t *buf = must_malloc (r->size);

  ck_assert_int_eq (store_read (r->client, buf, r->size, 0, &r->err), 0);
  ck_assert (memcmp (buf, r->disk, r->size) == 0);
  free (buf);
}

static inline double
rig_now (void)
{
  struct timespec ts;

  clock_gettime (CLOCK_MONOTONIC, &ts);
  return (double) ts.tv_sec + (double) ts.tv_nsec / 1e9;
}

/* Wait until *FLAG is VALUE; the time limit of the test ends it. */
static inline void
rig_wait (const _Atomic bool *flag, bool value)
{
  const struct timespec ms = { .tv_nsec = 1000000 };

  while (atomic_load (flag) != value)
    nanosleep (&ms, NULL);
}

static inline void
rig_wait_done (struct rig *r, uint64_t bytes)
{
  const struct timespec ms = { .tv_nsec = 1000000 };

  while (count_get (&r->ld->hydration.done) < bytes)
    nanosleep (&ms, NULL);
}

/* Sum of the requests of KINDS of the stack's own bottom. */
static inline uint64_t
rig_traced (struct rig *r, unsigned kinds)
{
  uint64_t sum = 0;

  for (size_t i = 0; i < trace_len (r->trace); i++) {
    const struct trace_entry e = trace_get (r->trace, i);

    if (STORE_OP_BIT (e.op.kind) & kinds)
      sum += e.op.count;
  }
  return sum;
}

#endif /* DISKSTACK_TEST_LAYERED_RIG_H */
