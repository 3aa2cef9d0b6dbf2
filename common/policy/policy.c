/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See policy.h.  The table has each cluster's state, the queues have
 * numbers.  Invariants:
 *
 * 1. A cluster that is held or removed has one entry in the small or the
 *    main queue; STATE_MAIN says which.
 * 2. A cluster with STATE_GHOST has one entry in the queue of ghosts.  It
 *    is a ghost if it is neither held nor removed nor forgotten.
 * 3. No other cluster is known (has a state that is not 0), and there are
 *    blocks for two entries of each that is.
 *
 * So only a cluster that is not known needs memory.  Entries are taken
 * out at the front alone: a cluster that is removed keeps its entry until
 * its turn comes (or until there are many of them), and takes it up again
 * if it is inserted before; a ghost that is inserted keeps its place among
 * the ghosts and takes it up again when it is evicted.
 */

#include <config.h>

#include <errno.h>
#include <stdlib.h>

#include "base/align.h"
#include "policy/policy-queue.h"
#include "policy/policy-table.h"
#include "policy/policy.h"

/* The small queue's part of what is held: one in so many. */
#define SMALL_PART 10

/* Used so often after it was inserted: it goes to the main queue. */
#define PROMOTE_USED 2

/* The fewest ghosts: as many victims may be on their way at once. */
#define GHOSTS_MIN 64

/* Requests are smaller than clusters: a scan uses a cluster several times
 * and never again.  What happens to the last few that are new, at most an
 * eighth of the small queue, says nothing about them.
 */
#define NRECENT 16

struct policy {
  struct policy_table table;
  struct policy_blocks blocks;
  struct policy_queue small, main, ghosts;
  uint64_t nknown, nheld, nsmall; /* nsmall: of those held */
  uint64_t nremoved, nghosts;
  uint64_t small_due; /* victims: from the small queue, whatever its part */
  uint64_t recent[NRECENT]; /* cluster + 1 */
  unsigned ninserted;
};

struct policy *
policy_create (uint64_t nclusters)
{
  struct policy *p = calloc (1, sizeof *p);

  if (p == NULL || policy_table_init (&p->table, nclusters) == -1) {
    free (p);
    errno = ENOMEM;
    return NULL;
  }
  return p;
}

void
policy_free (struct policy *p)
{
  if (p == NULL)
    return;
  policy_queue_clear (&p->small, &p->blocks);
  policy_queue_clear (&p->main, &p->blocks);
  policy_queue_clear (&p->ghosts, &p->blocks);
  policy_blocks_fini (&p->blocks);
  policy_table_fini (&p->table);
  free (p);
}

void
policy_hit (struct policy *p, uint64_t cluster)
{
  policy_table_hit (&p->table, cluster);
}

bool
policy_has (const struct policy *p, uint64_t cluster)
{
  return policy_table_get (&p->table, cluster) & STATE_HELD;
}

uint64_t
policy_count (const struct policy *p)
{
  return p->nheld;
}

size_t
policy_memory (const struct policy *p)
{
  return sizeof *p + policy_table_memory (&p->table) +
         p->blocks.n * BLOCK_BYTES;
}

/* ------------------------------------------------------------------ */

static bool
is_ghost (unsigned state)
{
  return state == STATE_GHOST;
}

static bool
is_removed (unsigned state)
{
  return !(state & STATE_HELD) && (state & STATE_REMOVED);
}

/* The new state of a cluster that is known. */
static void
change (struct policy *p, uint64_t cluster, unsigned state)
{
  if (policy_table_set (&p->table, cluster, state) == -1)
    abort ();
  if (state == 0)
    p->nknown--;
}

/* Its entry in the small or main queue is gone, and it is not held. */
static void
drop_entry (struct policy *p, uint64_t cluster, unsigned state)
{
  change (p, cluster, state & STATE_GHOST ? STATE_GHOST | STATE_FORGOTTEN : 0);
}

/* Take the first of the ghosts' queue. */
static void
expire_one (struct policy *p)
{
  const uint64_t cluster = policy_queue_pop (&p->ghosts, &p->blocks);
  const unsigned state = policy_table_get (&p->table, cluster);

  if (state & STATE_HELD || is_removed (state))
    change (p, cluster, state & ~STATE_GHOST);
  else {
    p->nghosts -= is_ghost (state);
    change (p, cluster, 0);
  }
}

/* As many ghosts as clusters are held, and as many again that are none
 * any more.  Two at a time is more than one operation adds.
 */
static void
expire_some (struct policy *p)
{
  const uint64_t limit = max_u64 (p->nheld, GHOSTS_MIN);

  for (unsigned i = 0; i < 2; i++)
    if (p->nghosts > limit || p->ghosts.length > 2 * limit)
      expire_one (p);
}

/* Invariant 3; gives back what is not needed any more. */
static int
fit (struct policy *p, uint64_t nknown)
{
  return policy_blocks_fit (&p->blocks, 2 * nknown);
}

/* One that is not known. */
static int
add_new (struct policy *p, uint64_t cluster, unsigned state)
{
  if (fit (p, p->nknown + 1) == -1 ||
      policy_table_set (&p->table, cluster, state) == -1)
    return -1;
  policy_queue_push (state & STATE_MAIN ? &p->main : &p->small, &p->blocks,
                     cluster);
  p->nknown++;
  p->nheld++;
  p->nsmall += !(state & STATE_MAIN);
  return 0;
}

/* One whose entry among the ghosts is all that it has. */
static void
add_ghost (struct policy *p, uint64_t cluster, unsigned state, bool to_main)
{
  p->nghosts -= is_ghost (state);
  policy_queue_push (to_main ? &p->main : &p->small, &p->blocks, cluster);
  change (p, cluster, STATE_HELD | STATE_GHOST | (to_main ? STATE_MAIN : 0));
  p->nheld++;
  p->nsmall += !to_main;
}

/* One that was removed and still has its entry. */
static void
add_removed (struct policy *p, uint64_t cluster, unsigned state)
{
  change (p, cluster, STATE_HELD | (state & (STATE_MAIN | STATE_GHOST)));
  p->nremoved--;
  p->nheld++;
  p->nsmall += !(state & STATE_MAIN);
}

/* CLUSTER is the most recent of those in the small queue; another is not
 * recent any more, and its uses begin to count.
 */
static void
note_recent (struct policy *p, uint64_t cluster)
{
  const unsigned nrecent =
    (unsigned) min_u64 (NRECENT, max_u64 (p->nsmall / 8, 1));
  const uint64_t old = p->recent[(p->ninserted - nrecent) % NRECENT];

  if (old != 0) {
    const unsigned state = policy_table_get (&p->table, old - 1);

    if ((state & STATE_HELD) && !(state & STATE_MAIN) && (state & STATE_USED))
      change (p, old - 1, state & ~STATE_USED);
  }
  p->recent[p->ninserted++ % NRECENT] = cluster + 1;
}

int
policy_insert (struct policy *p, uint64_t cluster)
{
  const unsigned state = policy_table_get (&p->table, cluster);

  if (state & STATE_HELD)
    return 0;
  if (state == 0) {
    if (add_new (p, cluster, STATE_HELD) == -1)
      return -1;
  }
  else if (is_removed (state))
    add_removed (p, cluster, state);
  else
    add_ghost (p, cluster, state, is_ghost (state));

  if (!(policy_table_get (&p->table, cluster) & STATE_MAIN))
    note_recent (p, cluster);
  expire_some (p);
  return 0;
}

int
policy_return (struct policy *p, uint64_t cluster)
{
  const unsigned state = policy_table_get (&p->table, cluster);

  /* To the main queue always: in the small one they could come around
   * again and again without a turn of what is in the main queue.
   */
  if (state == 0)
    return add_new (p, cluster, STATE_HELD | STATE_MAIN);
  if (is_removed (state))
    add_removed (p, cluster, state);
  else if (!(state & STATE_HELD)) {
    /* And for each that came from the main queue the small one has a turn,
     * however small it is.
     */
    p->small_due += !is_ghost (state);
    add_ghost (p, cluster, state, true);
  }
  return 0;
}

/* Take the entries of removed clusters out of the queue. */
static void
sweep (struct policy *p, struct policy_queue *q)
{
  for (uint64_t i = q->length; i > 0; i--) {
    const uint64_t cluster = policy_queue_pop (q, &p->blocks);
    const unsigned state = policy_table_get (&p->table, cluster);

    if (is_removed (state)) {
      p->nremoved--;
      drop_entry (p, cluster, state);
    }
    else
      policy_queue_push (q, &p->blocks, cluster);
  }
}

void
policy_remove (struct policy *p, uint64_t cluster)
{
  const unsigned state = policy_table_get (&p->table, cluster);

  if (!(state & STATE_HELD))
    return;
  change (p, cluster, STATE_REMOVED | (state & (STATE_MAIN | STATE_GHOST)));
  p->nremoved++;
  p->nheld--;
  p->nsmall -= !(state & STATE_MAIN);

  if (p->nremoved > GHOSTS_MIN + p->nheld / 8) {
    sweep (p, &p->small);
    sweep (p, &p->main);
  }
  expire_some (p);
  fit (p, p->nknown);
}

/* CLUSTER is the victim; its entry is gone.  All are remembered, so that
 * none that comes back needs memory, but what comes from the main queue
 * had its time, and is no ghost.
 */
static void
evict (struct policy *p, uint64_t cluster, unsigned state)
{
  const bool ghost = !(state & STATE_MAIN);

  if (!(state & STATE_GHOST))
    policy_queue_push (&p->ghosts, &p->blocks, cluster);
  change (p, cluster, STATE_GHOST | (ghost ? 0 : STATE_FORGOTTEN));
  p->nghosts += ghost;
  p->nheld--;
  p->nsmall -= ghost;
}

/* The first of the small queue: is it the victim? */
static bool
small_turn (struct policy *p, uint64_t *cluster, bool any)
{
  const uint64_t c = policy_queue_pop (&p->small, &p->blocks);
  const unsigned state = policy_table_get (&p->table, c);

  if (is_removed (state)) {
    p->nremoved--;
    drop_entry (p, c, state);
    return false;
  }
  if ((state & STATE_USED) >= PROMOTE_USED && !any) {
    change (p, c, STATE_HELD | STATE_MAIN | (state & STATE_GHOST));
    policy_queue_push (&p->main, &p->blocks, c);
    p->nsmall--;
    return false;
  }
  evict (p, c, state);
  *cluster = c;
  return true;
}

static bool
main_turn (struct policy *p, uint64_t *cluster, bool any)
{
  const uint64_t c = policy_queue_pop (&p->main, &p->blocks);
  const unsigned state = policy_table_get (&p->table, c);

  if (is_removed (state)) {
    p->nremoved--;
    drop_entry (p, c, state);
    return false;
  }
  if ((state & STATE_USED) > 0 && !any) {
    change (p, c, state - 1);
    policy_queue_push (&p->main, &p->blocks, c);
    return false;
  }
  evict (p, c, state);
  *cluster = c;
  return true;
}

/* Whose turn is it?  Something is held. */
static bool
is_small_turn (const struct policy *p)
{
  if (p->small.length == 0 || p->main.length == 0)
    return p->main.length == 0;
  return p->small_due > 0 || p->nsmall >= max_u64 (p->nheld / SMALL_PART, 1);
}

bool
policy_victim (struct policy *p, uint64_t *cluster)
{
  /* Everything may have its turn as often as it can have been used; more
   * only if others use it as fast.
   */
  uint64_t turns = (p->small.length + p->main.length) * (STATE_USED + 2);

  while (p->nheld > 0) {
    const bool any = turns == 0, small = is_small_turn (p);

    turns -= !any;
    if ((small ? small_turn : main_turn) (p, cluster, any)) {
      p->small_due -= p->small_due > 0;
      return true;
    }
  }
  return false;
}
