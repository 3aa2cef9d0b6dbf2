/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See store-trace.h.  A store-fault without faults, whose hook writes
 * down what passes.
 */

#include <config.h>

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "support/must.h"
#include "support/store-fault.h"
#include "support/store-trace.h"

struct trace {
  pthread_mutex_t lock;
  uint64_t clock;
  struct trace_entry *v;
  size_t len, cap;
};

static void
begin (struct trace *t, const struct store_op *op)
{
  if (t->len == t->cap) {
    t->cap = t->cap ? 2 * t->cap : 256;
    t->v = must_realloc (t->v, t->cap * sizeof *t->v);
  }
  t->v[t->len++] =
    (struct trace_entry){ .op = *op, .begin = ++t->clock, .key = op };
}

/* The operation is known by its address, which is its own while it runs. */
static void
end (struct trace *t, const struct store_op *op)
{
  for (size_t i = t->len; i-- > 0;) {
    if (t->v[i].end == 0 && t->v[i].key == op) {
      t->v[i].end = ++t->clock;
      t->v[i].op = *op;
      return;
    }
  }
}

static int
record (void *opaque, const struct store_op *op, bool done)
{
  struct trace *t = opaque;

  LOCK_SCOPE (&t->lock);
  if (done)
    end (t, op);
  else
    begin (t, op);
  return 0;
}

struct store *
store_trace_create (struct store *inner, struct trace **t)
{
  struct store *s = store_fault_create (inner);

  *t = must_calloc (1, sizeof **t);
  pthread_mutex_init (&(*t)->lock, NULL);
  store_fault_set_hook (s, record, *t);
  return s;
}

void
trace_free (struct trace *t)
{
  pthread_mutex_destroy (&t->lock);
  free (t->v);
  free (t);
}

void
trace_clear (struct trace *t)
{
  LOCK_SCOPE (&t->lock);
  t->len = 0;
}

size_t
trace_len (struct trace *t)
{
  LOCK_SCOPE (&t->lock);
  return t->len;
}

struct trace_entry
trace_get (struct trace *t, size_t i)
{
  LOCK_SCOPE (&t->lock);
  if (i >= t->len)
    abort ();
  return t->v[i];
}

static bool
touches (const struct store_op *op, uint64_t offset, uint64_t count)
{
  if (op->kind == STORE_OP_FLUSH || op->kind == STORE_OP_RESIZE)
    return true;
  return op->offset < offset + count && offset < op->offset + op->count;
}

long
trace_find (struct trace *t, size_t start, unsigned kinds, uint64_t offset,
            uint64_t count)
{
  LOCK_SCOPE (&t->lock);
  for (size_t i = start; i < t->len; i++) {
    if ((kinds & STORE_OP_BIT (t->v[i].op.kind)) &&
        touches (&t->v[i].op, offset, count))
      return (long) i;
  }
  return -1;
}

bool
trace_before (struct trace *t, size_t a, size_t b)
{
  const struct trace_entry ea = trace_get (t, a), eb = trace_get (t, b);

  return ea.end != 0 && ea.end < eb.begin;
}

bool
trace_durable_before (struct trace *t, size_t i, uint64_t offset,
                      uint64_t count)
{
  const uint64_t begin_i = trace_get (t, i).begin;
  uint64_t flushed_from = 0;

  LOCK_SCOPE (&t->lock);
  /* What was over when the last of the flushes in time began. */
  for (size_t k = 0; k < t->len; k++) {
    const struct trace_entry *e = &t->v[k];

    if (e->op.kind == STORE_OP_FLUSH && e->op.error == 0 && e->end != 0 &&
        e->end < begin_i && e->begin > flushed_from)
      flushed_from = e->begin;
  }
  for (size_t k = 0; k < t->len; k++) {
    const struct trace_entry *e = &t->v[k];

    if (k == i || e->begin > begin_i || (e->op.flags & STORE_FUA) ||
        !(STORE_OPS_CHANGE & STORE_OP_BIT (e->op.kind)) ||
        !touches (&e->op, offset, count))
      continue;
    if (e->end == 0 || e->end > flushed_from)
      return false;
  }
  return true;
}

void
trace_print (struct trace *t)
{
  LOCK_SCOPE (&t->lock);
  for (size_t i = 0; i < t->len; i++) {
    const struct trace_entry *e = &t->v[i];

    fprintf (stderr,
             "%4zu [%" PRIu64 "..%" PRIu64 "] %-7s offset %" PRIu64
             " count %" PRIu64 " flags %x error %d\n",
             i, e->begin, e->end, store_op_name (e->op.kind), e->op.offset,
             e->op.count, e->op.flags, e->op.error);
  }
}
