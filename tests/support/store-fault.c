/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See store-fault.h.
 */

#include <config.h>

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "base/align.h"
#include "base/cleanup.h"
#include "support/must.h"
#include "support/store-fault.h"

struct store_fault {
  struct store store;
  struct store_ops ops;
  struct store *inner;
  bool borrowed;

  pthread_mutex_t lock; /* protects what follows */
  uint64_t counts[STORE_OP_KINDS];
  struct store_fault_plan plan;
  uint64_t seen; /* operations that the plan counts */
  bool fired;
  store_fault_hook hook;
  void *opaque;
};

static struct store_fault *
to_fault (struct store *s)
{
  return container_of (s, struct store_fault, store);
}

static bool
touches (const struct store_fault_plan *p, const struct store_op *op)
{
  if (!(p->kinds & STORE_OP_BIT (op->kind)))
    return false;
  return !p->on_range || (op->offset < p->offset + p->count &&
                          p->offset < op->offset + op->count);
}

/* Count OP; returns the errno with which it must fail, or 0. */
static int
decide (struct store_fault *f, const struct store_op *op,
        struct store_fault_plan *plan, store_fault_hook *hook, void **opaque)
{
  LOCK_SCOPE (&f->lock);
  f->counts[op->kind]++;
  *plan = f->plan;
  *hook = f->hook;
  *opaque = f->opaque;
  if (!touches (plan, op)) {
    plan->delay = 0;
    return 0;
  }
  f->seen++;
  if (plan->nth == 0 || f->seen < plan->nth ||
      (f->seen > plan->nth && !plan->persistent))
    return 0;
  f->fired = true;
  return plan->error ? plan->error : EIO;
}

static void
wait_usec (unsigned usec)
{
  const struct timespec ts = { .tv_sec = usec / 1000000,
                               .tv_nsec = usec % 1000000 * 1000L };

  if (usec > 0)
    nanosleep (&ts, NULL);
}

/* How much of the first COUNT bytes of OP can be done alone, without
 * tearing a sector.
 */
static size_t
whole_sectors (const struct store_fault *f, const struct store_op *op,
               size_t count)
{
  const struct store_info *info = &f->store.info;
  const uint64_t unit = max_u64 (info->sector_size, info->align);
  const uint64_t end =
    ROUND_DOWN (op->offset + min_u64 (count, op->count), unit);

  return end > op->offset ? end - op->offset : 0;
}

/* Before OP is passed on: 0, or the errno with which it must fail;
 * *PARTIAL is how much of a failing write is to be done.
 */
static int
before (struct store_fault *f, const struct store_op *op, size_t *partial)
{
  struct store_fault_plan plan;
  store_fault_hook hook;
  void *opaque;
  int error = decide (f, op, &plan, &hook, &opaque);

  *partial = 0;
  wait_usec (plan.delay);
  if (error != 0)
    *partial = whole_sectors (f, op, plan.partial);
  else if (hook != NULL)
    error = hook (opaque, op, false);
  return error;
}

static void
after (struct store_fault *f, const struct store_op *op)
{
  store_fault_hook hook;
  void *opaque;

  pthread_mutex_lock (&f->lock);
  hook = f->hook;
  opaque = f->opaque;
  pthread_mutex_unlock (&f->lock);
  if (hook != NULL)
    hook (opaque, op, true);
}

/* The body of every operation: CALL is how it is passed on, PARTIAL_CALL
 * what is done of it when it fails.
 */
#define PASS_ON(kind_, offset_, count_, flags_, call, partial_call) \
  struct store_fault *f = to_fault (s);                             \
  struct store_op op = {                                            \
    .kind = (kind_),                                                \
    .offset = (offset_),                                            \
    .count = (count_),                                              \
    .flags = (flags_),                                              \
  };                                                                \
  size_t partial;                                                   \
  const int error = before (f, &op, &partial);                      \
  int r;                                                            \
                                                                    \
  if (error != 0) {                                                 \
    if (partial > 0)                                                \
      partial_call;                                                 \
    *err = error;                                                   \
    return -1;                                                      \
  }                                                                 \
  r = (call);                                                       \
  op.error = r == 0 ? 0 : *err;                                     \
  after (f, &op);                                                   \
  return r

static void
fault_close (struct store *s)
{
  struct store_fault *f = to_fault (s);

  if (!f->borrowed)
    store_close (f->inner);
  pthread_mutex_destroy (&f->lock);
  free (f);
}

static int
fault_read (struct store *s, void *buf, size_t count, uint64_t offset, int *err)
{
  PASS_ON (STORE_OP_READ, offset, count, 0,
           store_read (f->inner, buf, count, offset, err), (void) 0);
}

static int
fault_write (struct store *s, const void *buf, size_t count, uint64_t offset,
             unsigned flags, int *err)
{
  PASS_ON (STORE_OP_WRITE, offset, count, flags,
           store_write (f->inner, buf, count, offset, flags, err),
           store_write (f->inner, buf, partial, offset, flags, err));
}

static int
fault_readv (struct store *s, const struct iovec *iov, int niov, size_t count,
             uint64_t offset, int *err)
{
  PASS_ON (STORE_OP_READ, offset, count, 0,
           store_readv (f->inner, iov, niov, offset, err), (void) 0);
}

static int
fault_writev (struct store *s, const struct iovec *iov, int niov, size_t count,
              uint64_t offset, unsigned flags, int *err)
{
  PASS_ON (STORE_OP_WRITE, offset, count, flags,
           store_writev (f->inner, iov, niov, offset, flags, err), (void) 0);
}

static int
fault_flush (struct store *s, int *err)
{
  PASS_ON (STORE_OP_FLUSH, 0, 0, 0, store_flush (f->inner, err), (void) 0);
}

static int
fault_trim (struct store *s, uint64_t count, uint64_t offset, unsigned flags,
            int *err)
{
  PASS_ON (STORE_OP_TRIM, offset, count, flags,
           store_trim (f->inner, count, offset, flags, err), (void) 0);
}

static int
fault_zero (struct store *s, uint64_t count, uint64_t offset, unsigned flags,
            int *err)
{
  PASS_ON (STORE_OP_ZERO, offset, count, flags,
           store_zero (f->inner, count, offset, flags, err),
           store_zero (f->inner, partial, offset, flags, err));
}

static int
fault_extents (struct store *s, uint64_t count, uint64_t offset, unsigned flags,
               struct extent_list *out, int *err)
{
  PASS_ON (STORE_OP_EXTENTS, offset, count, flags,
           store_extents (f->inner, count, offset, flags, out, err), (void) 0);
}

static int
fault_cache (struct store *s, uint64_t count, uint64_t offset, int *err)
{
  PASS_ON (STORE_OP_CACHE, offset, count, 0,
           store_cache (f->inner, count, offset, err), (void) 0);
}

static int
fault_resize (struct store *s, uint64_t size, int *err)
{
  PASS_ON (STORE_OP_RESIZE, 0, size, 0, store_resize (f->inner, size, err),
           (void) 0);
}

struct store *
store_fault_create (struct store *inner)
{
  struct store_fault *f = must_calloc (1, sizeof *f);
  const struct store_ops *i = inner->ops;

  /* What the inner one leaves to the defaults of store.c, so do we. */
  f->ops = (struct store_ops){
    .name = "fault",
    .close = fault_close,
    .read = fault_read,
    .write = i->write != NULL ? fault_write : NULL,
    .readv = i->readv != NULL ? fault_readv : NULL,
    .writev = i->writev != NULL ? fault_writev : NULL,
    .flush = fault_flush,
    .trim = i->trim != NULL ? fault_trim : NULL,
    .zero = i->zero != NULL ? fault_zero : NULL,
    .extents = i->extents != NULL ? fault_extents : NULL,
    .cache = i->cache != NULL ? fault_cache : NULL,
    .resize = i->resize != NULL ? fault_resize : NULL,
  };
  f->inner = inner;
  pthread_mutex_init (&f->lock, NULL);
  store_init (&f->store, &f->ops, &inner->info, store_size (inner));
  return &f->store;
}

struct store *
store_fault_borrow (struct store *inner)
{
  struct store *s = store_fault_create (inner);

  to_fault (s)->borrowed = true;
  return s;
}

struct store *
store_fault_inner (struct store *s)
{
  return to_fault (s)->inner;
}

uint64_t
store_fault_count (struct store *s, unsigned kinds)
{
  struct store_fault *f = to_fault (s);
  uint64_t count = 0;

  LOCK_SCOPE (&f->lock);
  for (unsigned i = 0; i < STORE_OP_KINDS; i++)
    count += kinds & STORE_OP_BIT (i) ? f->counts[i] : 0;
  return count;
}

void
store_fault_reset (struct store *s)
{
  struct store_fault *f = to_fault (s);

  LOCK_SCOPE (&f->lock);
  for (unsigned i = 0; i < STORE_OP_KINDS; i++)
    f->counts[i] = 0;
  f->plan = (struct store_fault_plan){ 0 };
  f->seen = 0;
  f->fired = false;
}

void
store_fault_set (struct store *s, const struct store_fault_plan *p)
{
  struct store_fault *f = to_fault (s);

  LOCK_SCOPE (&f->lock);
  f->plan = *p;
  f->seen = 0;
  f->fired = false;
}

void
store_fault_nth (struct store *s, unsigned kinds, uint64_t n)
{
  store_fault_set (s, &(struct store_fault_plan){ .kinds = kinds, .nth = n });
}

void
store_fault_all (struct store *s, unsigned kinds, int error)
{
  store_fault_set (
    s, &(struct store_fault_plan){
         .kinds = kinds, .nth = 1, .persistent = true, .error = error });
}

bool
store_fault_fired (struct store *s)
{
  struct store_fault *f = to_fault (s);

  LOCK_SCOPE (&f->lock);
  return f->fired;
}

void
store_fault_set_hook (struct store *s, store_fault_hook hook, void *opaque)
{
  struct store_fault *f = to_fault (s);

  LOCK_SCOPE (&f->lock);
  f->hook = hook;
  f->opaque = opaque;
}
