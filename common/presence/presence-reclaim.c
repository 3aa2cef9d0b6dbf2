/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Getting nodes back that say the same for all of their bits.  The tree
 * is gone through in ranges of root slots.  In each range first the
 * leaves, then the nodes above them, level by level, take the two steps
 * of invariant 3 in presence-tree.h: those that are uniform are marked as
 * DYING, and when the writers have left who were inside then, those that
 * still are go.  If the writers have not left, the rest is left to the
 * next call: nobody waits.
 *
 * Calls that make nodes go on with this now and then, when there are
 * twice as many nodes as were left the last time; by much enough that
 * the tree does not grow faster than they get around.
 */

#include <config.h>

#include "base/align.h"
#include "presence/presence-leaf.h"
#include "presence/presence-tree.h"

/* How much is looked at in one go: root slots count 1, nodes 32. */
#define RANGE_COST 8192
#define NODE_COST 32

/* So many more cells from one go to the next. */
#define RECLAIM_STEP 32

/* Writers are inside for some nanoseconds mostly. */
#define LOOKS 64

/* Each time that readers may have to read again, so many nodes. */
#define BATCH 64

struct pass {
  struct presence *p;
  unsigned shift; /* of the slots with the nodes in question */
  bool sweep;     /* the second step, or the first */
  size_t cost;
  size_t marked;
  size_t n;
  struct presence_cell *batch[BATCH];
};

static enum cell_kind
kind_at (unsigned shift)
{
  return shift == LOW_SHIFT ? CELL_LEAF : CELL_NODE;
}

/* EMPTY or FULL, if NODE could be that; else anything else. */
static uint64_t
uniform_value (uint64_t node, unsigned shift)
{
  const _Atomic uint64_t *slots = node_slots (node);
  const uint64_t v = slot_load (&slots[0]);

  if (shift == LOW_SHIFT) {
    if (v + 1 > 1 || !presence_leaf_is (slots, v))
      return DYING;
    return v == 0 ? EMPTY : FULL;
  }
  if (v > FULL)
    return DYING;
  for (unsigned i = 1; i < CELL_SLOTS; i++)
    if (slot_load (&slots[i]) != v)
      return DYING;
  return v;
}

/* Nobody finds these cells any more, except readers who are late: let
 * them know, then let the cells be used.
 */
static void
flush (struct pass *pass)
{
  struct presence *p = pass->p;

  if (pass->n == 0)
    return;
  atomic_fetch_add (&p->generation, 1);
  presence_arena_give (&p->arena, kind_at (pass->shift), pass->batch, pass->n);
  pass->n = 0;
}

static bool
exchange (_Atomic uint64_t *slot, uint64_t v, uint64_t to)
{
  return atomic_compare_exchange_strong (slot, &v, to);
}

static void
mark (struct pass *pass, _Atomic uint64_t *slot, uint64_t v)
{
  if (is_live (v) && uniform_value (v, pass->shift) <= FULL &&
      exchange (slot, v, v | DYING))
    pass->marked++;
}

static void
sweep (struct pass *pass, _Atomic uint64_t *slot, uint64_t v)
{
  const uint64_t node = as_live (v);
  uint64_t to;

  if (is_live (v))
    return; /* never marked, or a writer came by */
  to = uniform_value (node, pass->shift);
  if (to > FULL)
    exchange (slot, v, node);
  else if (exchange (slot, v, to)) {
    pass->batch[pass->n++] = (struct presence_cell *) node_slots (node);
    if (pass->n == BATCH)
      flush (pass);
  }
}

/* All nodes in question at or below SLOT, for 2^SHIFT bits. */
static void
visit (struct pass *pass, _Atomic uint64_t *slot, unsigned shift)
{
  const uint64_t v = slot_load (slot);
  _Atomic uint64_t *slots = node_slots (as_live (v));

  if (v <= FULL)
    return;
  pass->cost += NODE_COST;
  if (shift == pass->shift) {
    (pass->sweep ? sweep : mark) (pass, slot, v);
    return;
  }
  /* They are scattered over the memory. */
  for (unsigned i = 0; i < CELL_SLOTS; i++)
    __builtin_prefetch ((const void *) (uintptr_t) slot_load (&slots[i]));
  for (unsigned i = 0; i < CELL_SLOTS; i++)
    visit (pass, &slots[i], shift - SHIFT_STEP);
}

/* One step for all of the range.  Returns how many are DYING now. */
static size_t
visit_range (struct presence *p, bool sweep)
{
  struct presence_reclaim *r = &p->reclaim;
  struct pass pass = { .p = p, .shift = r->shift, .sweep = sweep };

  for (unsigned i = 0; i < r->nroots; i++)
    visit (&pass, &p->root[r->root[i]], ROOT_SHIFT);
  flush (&pass);
  return pass.marked;
}

/* The first step of all: it finds the range, as much as may be done in
 * one go.
 */
static size_t
visit_next_range (struct presence *p)
{
  struct presence_reclaim *r = &p->reclaim;
  struct pass pass = { .p = p, .shift = r->shift };
  const size_t end = root_slots (p->nbits);

  for (r->nroots = 0;
       r->next < end && r->nroots < RECLAIM_ROOTS && pass.cost < RANGE_COST;
       r->next++) {
    pass.cost++;
    if (slot_load (&p->root[r->next]) <= FULL)
      continue;
    r->root[r->nroots++] = r->next;
    visit (&pass, &p->root[r->next], ROOT_SHIFT);
  }
  return pass.marked;
}

/* Have the writers left for whom marks were made?  Then take the second
 * step.
 */
static bool
finish_step (struct presence *p)
{
  struct presence_reclaim *r = &p->reclaim;
  unsigned looks = LOOKS;

  while (!presence_writers_left (&p->writers)) {
    if (--looks == 0)
      return false;
  }
  visit_range (p, true);
  for (unsigned k = 0; k < CELL_KINDS; k++) {
    presence_arena_free_list (&p->arena, k, r->unused[k]);
    r->unused[k] = 0;
  }
  r->waiting = false;
  return true;
}

/* The first step for the nodes of one level.  False if the system has no
 * means to take the second.
 */
static bool
begin_step (struct presence *p)
{
  struct presence_reclaim *r = &p->reclaim;
  size_t n =
    r->shift == LOW_SHIFT ? visit_next_range (p) : visit_range (p, false);

  for (unsigned k = 0; k < CELL_KINDS; k++) {
    r->unused[k] = presence_arena_unused (&p->arena, k);
    n += r->unused[k] != 0;
  }
  r->waiting = n > 0;
  return n == 0 || presence_writers_mark (&p->writers);
}

enum progress { DONE, NOT_YET, NEVER };

/* Go on in the range, or with a new one. */
static enum progress
reclaim_range (struct presence *p)
{
  struct presence_reclaim *r = &p->reclaim;

  for (; r->shift <= ROOT_SHIFT; r->shift += SHIFT_STEP) {
    if (!r->waiting && !begin_step (p))
      return NEVER;
    if (r->waiting && !finish_step (p))
      return NOT_YET;
  }
  r->shift = LOW_SHIFT;
  return DONE;
}

/* Is a range under way? */
static bool
in_range (const struct presence_reclaim *r)
{
  return r->waiting || r->shift != LOW_SHIFT;
}

static bool
try_begin (struct presence_reclaim *r)
{
  return !atomic_load_explicit (&r->busy, memory_order_relaxed) &&
         !atomic_exchange_explicit (&r->busy, true, memory_order_acquire);
}

/* The marks of one who can NEVER go on do no harm, but that must not be
 * taken for success: he stays busy.
 */
static void
end (struct presence *p, enum progress progress, size_t due)
{
  struct presence_reclaim *r = &p->reclaim;

  atomic_store_explicit (&r->due, progress == NEVER ? SIZE_MAX : due,
                         memory_order_relaxed);
  if (progress != NEVER)
    atomic_store_explicit (&r->busy, false, memory_order_release);
}

static size_t
cells_used (const struct presence *p)
{
  return atomic_load_explicit (&p->arena.used, memory_order_relaxed);
}

static size_t
next_round_due (const struct presence *p)
{
  return 2 * cells_used (p) + RECLAIM_MIN;
}

void
presence_reclaim_some (struct presence *p)
{
  struct presence_reclaim *r = &p->reclaim;
  enum progress progress;
  size_t due;

  if (!try_begin (r))
    return;
  progress = reclaim_range (p);
  due = cells_used (p) + RECLAIM_STEP;
  if (progress == DONE && r->next == root_slots (p->nbits)) {
    r->next = 0;
    due = next_round_due (p);
  }
  end (p, progress, due);
}

size_t
presence_reclaim (struct presence *p)
{
  struct presence_reclaim *r = &p->reclaim;
  const size_t before = cells_used (p);
  enum progress progress = DONE;
  size_t after;

  if (!try_begin (r))
    return 0;
  /* Not again what is under way already. */
  if (in_range (r))
    progress = reclaim_range (p);
  if (progress == DONE)
    r->next = 0;
  while (progress == DONE && r->next < root_slots (p->nbits))
    progress = reclaim_range (p);
  if (progress == DONE)
    r->next = 0;
  end (p, progress,
       progress == DONE ? next_round_due (p) : cells_used (p) + RECLAIM_STEP);

  after = cells_used (p);
  return before > after ? (before - after) * CELL_SIZE : 0;
}
