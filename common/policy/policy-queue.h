/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Queues of numbers, first in, first out, in blocks that all queues of a
 * policy share.  Blocks are there before they are needed: an entry that
 * goes from one queue to another never lacks memory.  Only for the lock
 * holder.
 */

#ifndef DISKSTACK_POLICY_QUEUE_H
#define DISKSTACK_POLICY_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Together with malloc's own word half a KiB. */
#define BLOCK_ENTRIES 62
#define BLOCK_BYTES 512

struct policy_block;

struct policy_blocks {
  struct policy_block *free;
  size_t nfree, n; /* all of them */
};

/* All zero: empty. */
struct policy_queue {
  struct policy_block *first, *last;
  unsigned from, to; /* in the first block, in the last */
  uint64_t length;
};

/* See to it that three queues can have NENTRIES together, whatever their
 * history, and give back what is far more than that.  Returns 0, or -1
 * with errno = ENOMEM.
 */
extern int policy_blocks_fit (struct policy_blocks *b, uint64_t nentries);

/* Give back the free ones.  Queues must be emptied before, by
 * policy_queue_clear.
 */
extern void policy_blocks_fini (struct policy_blocks *b);

/* Policy_blocks_fit has promised room. */
extern void policy_queue_push (struct policy_queue *q, struct policy_blocks *b,
                               uint64_t entry);

/* The queue is not empty. */
extern uint64_t policy_queue_pop (struct policy_queue *q,
                                  struct policy_blocks *b);
extern void policy_queue_clear (struct policy_queue *q,
                                struct policy_blocks *b);

#endif /* DISKSTACK_POLICY_QUEUE_H */
