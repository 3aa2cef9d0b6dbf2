/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What the policy knows of each cluster: five bits, nearly always 0.
 *
 * A word of the root is for a range of 1024 clusters.  Up to 4 clusters
 * that are known fit into the word itself, as lanes of place in the range
 * and state; up to 32 into a line, which is 8 such words; more get a page
 * with the state of all 1024.  A range goes back to the smaller form when
 * clusters are forgotten.  So what is known costs, wherever it is, at
 * most 32 bytes a cluster; and nothing where it is far apart.
 *
 * Lines and pages come from pools, which recycle them: the memory is that
 * of the most clusters that were ever known at once, and a walk through a
 * disk of any size does not add to it.
 *
 * Readers take no lock.  What they rely on:
 *
 * 1. A word is changed by one atomic step, so the root's word with its
 *    lanes is right by itself.
 * 2. A cluster stays in its lane while the range keeps its line or page.
 * 3. A line or page that is given back may be somebody else's when it is
 *    read.  But then the root's word has changed, and it never takes the
 *    same value again soon (it has a number that counts up); the words of
 *    a cell are written with release after that.  So who finds the root's
 *    word as it was, after having read a cell, has read the right cell.
 * 4. policy_table_hit may add to a cluster of another range, in a cell
 *    that has changed hands: it exchanges a whole word that it has seen,
 *    so it can make used what is held, and never held what is not.
 */

#ifndef DISKSTACK_POLICY_TABLE_H
#define DISKSTACK_POLICY_TABLE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "policy/policy-pool.h"

/* A state.  Zero: not known. */
#define STATE_HELD 16u
#define STATE_MAIN 8u  /* its entry is in the main queue, not the small one */
#define STATE_GHOST 4u /* it has an entry in the queue of ghosts */
#define STATE_USED 3u  /* held: how often since it was looked at, up to 3 */
/* Not held: */
#define STATE_REMOVED 1u   /* it has an entry in the small or main queue */
#define STATE_FORGOTTEN 2u /* its entry among the ghosts means nothing */

struct policy_table {
  uint64_t nroots;
  _Atomic uint64_t *root;
  struct policy_pool lines, pages;
  uint32_t counter;
};

/* Return 0, or -1 with errno = ENOMEM. */
extern int policy_table_init (struct policy_table *t, uint64_t nclusters);
extern void policy_table_fini (struct policy_table *t);

/* Any thread.  If the range changes its form again and again during the
 * call, 0.
 */
extern unsigned policy_table_get (const struct policy_table *t,
                                  uint64_t cluster);

/* Any thread.  Count up STATE_USED if the cluster is held.  May be without
 * effect when others change the same word.
 */
extern void policy_table_hit (struct policy_table *t, uint64_t cluster);

/* The lock holder.  Returns 0, or -1 with errno = ENOMEM; cannot fail if
 * the cluster's state is not 0.
 */
extern int policy_table_set (struct policy_table *t, uint64_t cluster,
                             unsigned state);

/* Bytes. */
extern size_t policy_table_memory (const struct policy_table *t);

#endif /* DISKSTACK_POLICY_TABLE_H */
