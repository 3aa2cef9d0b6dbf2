/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A record of the operations that pass through a store, so that a test
 * can assert their order: data before metadata, a flush between.
 */

#ifndef DISKSTACK_TEST_STORE_TRACE_H
#define DISKSTACK_TEST_STORE_TRACE_H

#include "store/store.h"
#include "support/store-op.h"

struct trace;

/* Begin and end are counted by one clock, so A was over before B started
 * if, and only if, a.end < b.begin.
 */
struct trace_entry {
  struct store_op op;
  uint64_t begin, end; /* end is 0 while the operation runs */
  const struct store_op *key;
};

/* A store over INNER, which it owns, that records into *T.  The record
 * outlives the store; free it with trace_free.
 */
extern struct store *store_trace_create (struct store *inner, struct trace **t);
extern void trace_free (struct trace *t);

extern void trace_clear (struct trace *t);
extern size_t trace_len (struct trace *t);
extern struct trace_entry trace_get (struct trace *t, size_t i);

/* The first entry from START on that is of KINDS (STORE_OP_BIT) and
 * touches [OFFSET, OFFSET+COUNT) (a flush touches everything), or -1.
 */
extern long trace_find (struct trace *t, size_t start, unsigned kinds,
                        uint64_t offset, uint64_t count);

/* Was entry A over before B started? */
extern bool trace_before (struct trace *t, size_t a, size_t b);

/* Was every change in [OFFSET, OFFSET+COUNT) before entry I followed by
 * a flush that was over before I started, or made with STORE_FUA?
 */
extern bool trace_durable_before (struct trace *t, size_t i, uint64_t offset,
                                  uint64_t count);

/* One line for each entry, on stderr: what a failing test wants to show. */
extern void trace_print (struct trace *t);

#endif /* DISKSTACK_TEST_STORE_TRACE_H */
