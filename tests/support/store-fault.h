/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A store that passes everything to the one it is over, except what a
 * test wants to go wrong or slow: operations are counted, the Nth can be
 * made to fail, once or from then on, and a function of the test is
 * called around each, where it may block, fail it or tell others.
 *
 * The functions that set something may be called while operations run.
 */

#ifndef DISKSTACK_TEST_STORE_FAULT_H
#define DISKSTACK_TEST_STORE_FAULT_H

#include "store/store.h"
#include "support/store-op.h"

/* Over INNER, which it owns from now on.  Never NULL. */
extern struct store *store_fault_create (struct store *inner);

/* The same, but INNER is not closed with it: for a second way to a disk. */
extern struct store *store_fault_borrow (struct store *inner);

extern struct store *store_fault_inner (struct store *s);

/* How many operations of KINDS (STORE_OP_BIT) came since the start or
 * the last store_fault_reset, failed ones included.
 */
extern uint64_t store_fault_count (struct store *s, unsigned kinds);

/* Counts start from 0 and nothing fails any more.  The hook stays. */
extern void store_fault_reset (struct store *s);

struct store_fault_plan {
  unsigned kinds;  /* of these operations (STORE_OP_BIT) */
  uint64_t nth;    /* the Nth from now fails, from 1; 0: none */
  bool persistent; /* and all after it */
  int error;       /* with this; 0 is EIO */
  size_t partial;  /* a write is done up to this many bytes first, rounded
                     * down to whole sectors of the store */
  unsigned delay;  /* every one takes this many microseconds longer */
  bool on_range;   /* only those that touch [offset, offset+count) */
  uint64_t offset, count;
};

extern void store_fault_set (struct store *s, const struct store_fault_plan *p);

/* The Nth operation of KINDS from now fails with EIO, once. */
extern void store_fault_nth (struct store *s, unsigned kinds, uint64_t n);

/* Every operation of KINDS fails with ERROR from now on. */
extern void store_fault_all (struct store *s, unsigned kinds, int error);

/* Has an operation failed because of the plan since it was set? */
extern bool store_fault_fired (struct store *s);

/* Called before (DONE = false) and after each operation that is passed
 * on, in the thread of the operation and without locks.  Returning
 * non-zero before it makes it fail with that errno.
 */
typedef int (*store_fault_hook) (void *opaque, const struct store_op *op,
                                 bool done);

extern void store_fault_set_hook (struct store *s, store_fault_hook hook,
                                  void *opaque);

#endif /* DISKSTACK_TEST_STORE_FAULT_H */
