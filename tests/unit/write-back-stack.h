/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A stack with a write-back or bounded RAM layer over a disk in memory
 * that can fail, and an array that says what must be seen.  A sector
 * whose last change failed may be as before or after it.
 */

#ifndef DISKSTACK_TEST_WRITE_BACK_STACK_H
#define DISKSTACK_TEST_WRITE_BACK_STACK_H

#include <check.h>
#include <string.h>

#include "layer/layer-ram.h"
#include "layered/store-layered.h"
#include "support/must.h"
#include "support/rng.h"
#include "support/store-fault.h"
#include "support/store-mem.h"
#include "support/store-trace.h"
#include "support/threads.h"

#define WB_OLD 0xee /* what the disk is full of */
#define WB_SECTOR 512

struct wb_stack {
  /* Wanted of the top layer; and of the stack. */
  bool write_back, write_through, read_cache, second;
  uint64_t max;
  unsigned age;

  uint64_t size;
  struct store *mem, *fault;
  struct trace *trace;
  struct layered *ld;
  struct store *way, *s;
  uint8_t *disk, *other; /* what is, or also may be, seen */
  int err;
};

static inline struct layer *
wb_layer (uint64_t size, uint64_t max)
{
  const struct layer_below nothing = { .export_name = "" };
  const struct layer_ram_options o = { .size = size,
                                       .sector_size = WB_SECTOR,
                                       .max = max };
  struct layer *l = layer_ram_create (&o, &nothing);

  ck_assert_ptr_nonnull (l);
  return l;
}

/* Over a disk of SIZE bytes. */
static inline void
wb_build_members (struct wb_stack *t, uint64_t size,
                  const struct layered_member *m, unsigned n)
{
  const struct store_mem_options mo = store_mem_defaults (size);
  struct layered_bottom lb = { .exists = true, .size = size };
  enum layered_status status;
  unsigned which;

  t->size = size;
  t->disk = must_malloc (size);
  t->other = must_malloc (size);
  memset (t->disk, WB_OLD, size);
  memset (t->other, WB_OLD, size);
  t->mem = store_mem_create (&mo);
  ck_assert_int_eq (store_write (t->mem, t->disk, size, 0, 0, &t->err), 0);
  t->fault = store_fault_create (store_trace_create (t->mem, &t->trace));
  lb.info = t->fault->info;
  t->ld = layered_create (m, n, &lb, size, false, &status, &which);
  ck_assert_msg (t->ld != NULL, "layer %u %s", which,
                 layered_status_string (status));
  if (t->age != 0)
    layered_tune (t->ld, &(struct layered_tuning){ .age = t->age });
  t->way = store_fault_borrow (t->fault);
  t->s = store_layered_create (t->ld, t->way);
  ck_assert_ptr_nonnull (t->s);
}

static inline void
wb_build (struct wb_stack *t, uint64_t size)
{
  struct layered_member m[2] = { { .layer = wb_layer (size, t->max),
                                   .write_back = t->write_back,
                                   .write_through = t->write_through,
                                   .read_cache = t->read_cache,
                                   .max = t->max } };

  if (t->second)
    m[1] = (struct layered_member){ .layer = wb_layer (size, 2 * t->max),
                                    .write_back = true,
                                    .read_cache = true,
                                    .max = 2 * t->max };
  wb_build_members (t, size, m, t->second ? 2 : 1);
}

static inline void
wb_start (struct wb_stack *t)
{
  ck_assert_int_eq (
    layered_start (t->ld, store_fault_borrow (t->fault), &t->err), 0);
}

static inline void
wb_stop_fails (struct wb_stack *t, int error)
{
  ck_assert_int_eq (layered_stop (t->ld, &t->err), -1);
  ck_assert_int_eq (t->err, error);
}

static inline void
wb_close (struct wb_stack *t)
{
  store_close (t->s);
  layered_close (t->ld);
  store_close (t->fault);
  trace_free (t->trace);
  free (t->disk);
  free (t->other);
}

/* GOT is what was read at sector S: as it must be, from now on exactly. */
static inline void
wb_compare (struct wb_stack *t, const uint8_t *got, uint64_t s, uint64_t n)
{
  for (uint64_t i = 0; i < n; i++) {
    uint8_t *disk = t->disk + (s + i) * WB_SECTOR;
    uint8_t *other = t->other + (s + i) * WB_SECTOR;

    got += i > 0 ? WB_SECTOR : 0;
    if (memcmp (got, disk, WB_SECTOR) != 0 &&
        memcmp (got, other, WB_SECTOR) != 0)
      ck_abort_msg ("sector %" PRIu64 " begins with %02x%02x and not %02x%02x "
                    "or %02x%02x",
                    s + i, got[0], got[1], disk[0], disk[1], other[0],
                    other[1]);
    memcpy (disk, got, WB_SECTOR);
    memcpy (other, got, WB_SECTOR);
  }
}

static inline void
wb_check_store (struct wb_stack *t, struct store *s)
{
  uint8_t *got = must_malloc (t->size);

  ck_assert_int_eq (store_read (s, got, t->size, 0, &t->err), 0);
  wb_compare (t, got, 0, t->size / WB_SECTOR);
  free (got);
}

/* All of the stack, or of the disk below, is as it must be. */
static inline void
wb_check (struct wb_stack *t)
{
  wb_check_store (t, t->s);
}

static inline void
wb_check_below (struct wb_stack *t)
{
  wb_check_store (t, t->mem);
}

/* The range was made CONTENT, or R was not 0. */
static inline void
wb_changed (struct wb_stack *t, uint64_t s, uint64_t n, const uint8_t *content,
            int r)
{
  memcpy (t->other + s * WB_SECTOR, content, n * WB_SECTOR);
  if (r == 0)
    memcpy (t->disk + s * WB_SECTOR, content, n * WB_SECTOR);
}

/* Sectors that may be one of two things: look, so that there are never
 * three.  A read that fails changes nothing.
 */
static inline int
wb_read (struct wb_stack *t, uint8_t *buf, uint64_t s, uint64_t n)
{
  int err;

  if (store_read (t->s, buf, n * WB_SECTOR, s * WB_SECTOR, &err) == -1)
    return -1;
  wb_compare (t, buf, s, n);
  return 0;
}

/* One operation on [S, S+N).  -1 if it failed. */
static inline int
wb_random_op (struct wb_stack *t, struct rng *rng, uint64_t s, uint64_t n)
{
  uint8_t *buf = must_malloc (n * WB_SECTOR);
  const unsigned what = rng_below (rng, 20);
  int r, err;

  memset (buf, 0, n * WB_SECTOR);
  if (memcmp (t->disk + s * WB_SECTOR, t->other + s * WB_SECTOR,
              n * WB_SECTOR) != 0)
    r = wb_read (t, buf, s, n);
  else if (what < 10) {
    rng_fill (rng, buf, n * WB_SECTOR);
    r = store_write (t->s, buf, n * WB_SECTOR, s * WB_SECTOR,
                     what == 0 ? STORE_FUA : 0, &err);
    wb_changed (t, s, n, buf, r);
  }
  else if (what < 15)
    r = wb_read (t, buf, s, n);
  else if (what < 17) {
    r = store_zero (t->s, n * WB_SECTOR, s * WB_SECTOR,
                    what == 15 ? STORE_MAY_TRIM : 0, &err);
    wb_changed (t, s, n, buf, r);
  }
  else if (what < 18)
    r = store_cache (t->s, n * WB_SECTOR, s * WB_SECTOR, &err);
  else
    r = store_flush (t->s, &err);
  free (buf);
  return r;
}

#endif /* DISKSTACK_TEST_WRITE_BACK_STACK_H */
