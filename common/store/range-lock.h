/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Locks on byte ranges of a disk, shared or exclusive.  The disk is cut
 * into granules and each granule belongs to one of a fixed number of
 * shards, so that requests far apart do not meet; within a shard only
 * true overlaps wait.
 */

#ifndef DISKSTACK_RANGE_LOCK_H
#define DISKSTACK_RANGE_LOCK_H

#include <stdbool.h>
#include <stdint.h>

#define RANGE_LOCK_SHARDS 64
#define RANGE_LOCK_GRANULE (1024 * 1024) /* bytes */

struct range_lock;

/* One of the shards that a held lock is registered in. */
struct range_hold_node {
  struct range_hold_node *next;
  const struct range_hold *hold;
};

/* A lock that is held; lives on the stack of its holder. */
struct range_hold {
  uint64_t start, end; /* bytes, half-open */
  bool exclusive;
  uint64_t shards; /* which of them it is registered in, as bits */
  struct range_hold_node node[RANGE_LOCK_SHARDS];
};

/* NULL with errno = ENOMEM on failure. */
extern struct range_lock *range_lock_create (void);
extern void range_lock_free (struct range_lock *l);

/* Wait until no conflicting hold overlaps [START, END), START < END,
 * then hold it: shared holds conflict with exclusive ones only.  A
 * thread that holds one range must not ask for another one.
 */
extern void range_lock_acquire (struct range_lock *l, struct range_hold *h,
                                uint64_t start, uint64_t end, bool exclusive);
extern void range_lock_release (struct range_lock *l, struct range_hold *h);

#endif /* DISKSTACK_RANGE_LOCK_H */
