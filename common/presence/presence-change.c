/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Adding bits to a presence set and removing them: the writers of the
 * tree, and the only ones that allocate.  They are inside all the time
 * (presence-writers.h).  See presence-tree.h for the invariants that they
 * keep.
 */

#include <config.h>

#include <assert.h>

#include "base/align.h"
#include "base/checked.h"
#include "presence/presence-leaf.h"
#include "presence/presence-tree.h"

/* One call. */
struct change {
  struct presence *p;
  uint64_t to;   /* EMPTY or FULL */
  bool counting; /* is CHANGED wanted? */
  uint64_t changed;
};

/* Those bits of a word that are in MASK. */
static inline void
change_word (struct change *c, _Atomic uint64_t *word, uint64_t mask)
{
  uint64_t old = slot_load (word);

  if (c->to == FULL) {
    if ((old & mask) == mask)
      return;
    old = atomic_fetch_or_explicit (word, mask, memory_order_acq_rel);
    if (c->counting)
      c->changed += (uint64_t) __builtin_popcountll (mask & ~old);
  }
  else if ((old & mask) != 0)
    atomic_fetch_and_explicit (word, ~mask, memory_order_acq_rel);
}

/* All bits are the caller's, so nobody else's can be lost, and a store
 * does; but not to add bits, see invariant 3.
 */
static void
clear_leaf (_Atomic uint64_t *words)
{
  for (unsigned i = 0; i < CELL_SLOTS; i++)
    atomic_store_explicit (&words[i], 0, memory_order_release);
}

/* Bits [START, END), which are in one leaf. */
static void
change_leaf (struct change *c, uint64_t leaf, uint64_t start, uint64_t end)
{
  _Atomic uint64_t *words = node_slots (leaf);

  if (end - start == LEAF_BITS) {
    if (presence_leaf_is (words, 0 - c->to))
      return;
    if (c->to == EMPTY) {
      clear_leaf (words);
      return;
    }
  }
  for (uint64_t next; start < end; start = next) {
    unsigned bit = start % 64;

    next = min_u64 (slot_end (start, WORD_SHIFT), end);
    change_word (c, &words[(start >> WORD_SHIFT) % CELL_SLOTS],
                 word_mask (bit, bit + (unsigned) (next - start)));
  }
}

/* Put a node into SLOT, for 2^SHIFT bits, which was last seen to be *V,
 * EMPTY or FULL.  In *V what is in the slot now: if another thread was
 * first, what it left there.
 */
static int
slot_split (struct presence *p, _Atomic uint64_t *slot, unsigned shift,
            uint64_t *v)
{
  const enum cell_kind kind = shift == LOW_SHIFT ? CELL_LEAF : CELL_NODE;
  struct presence_cell *cell =
    presence_arena_take (&p->arena, kind, kind == CELL_LEAF ? 0 - *v : *v);
  uint64_t node = (uintptr_t) cell;

  if (cell == NULL)
    return -1;
  if (atomic_compare_exchange_strong_explicit (
        slot, v, node, memory_order_acq_rel, memory_order_acquire))
    *v = node;
  else
    presence_arena_untake (&p->arena, kind, cell);
  return 0;
}

/* What is in SLOT, and not DYING: this thread goes there. */
static uint64_t
slot_load_live (_Atomic uint64_t *slot)
{
  uint64_t v = slot_load (slot);

  while (v & DYING) {
    if (atomic_compare_exchange_weak_explicit (
          slot, &v, as_live (v), memory_order_acq_rel, memory_order_acquire))
      return as_live (v);
  }
  return v;
}

/* Is [START, END) all that a slot for 2^SHIFT bits stands for?  The last
 * slot goes beyond the end of the set.
 */
static bool
is_whole (const struct presence *p, unsigned shift, uint64_t start,
          uint64_t end)
{
  return IS_ALIGNED (start, UINT64_C (1) << shift) &&
         (end == slot_end (start, shift) || end == p->nbits);
}

/* Make SLOT, for 2^SHIFT bits, ready for a change of [START, END) there:
 * in *V the node to go on in, or C->to if all is done.
 */
static int
change_slot (struct change *c, _Atomic uint64_t *slot, unsigned shift,
             uint64_t start, uint64_t end, uint64_t *v)
{
  const bool whole = is_whole (c->p, shift, start, end);

  *v = slot_load_live (slot);
  while (*v <= FULL && *v != c->to) {
    if (!whole) {
      if (slot_split (c->p, slot, shift, v) == -1)
        return -1;
    }
    else if (atomic_compare_exchange_strong_explicit (
               slot, v, c->to, memory_order_acq_rel, memory_order_acquire)) {
      c->changed += end - start;
      *v = c->to;
    }
    /* If another was first, its node may be DYING already. */
    if (*v & DYING)
      *v = slot_load_live (slot);
  }
  return 0;
}

/* Bits [START, END), which are all under SLOTS, each for 2^SHIFT bits.
 * MASK is what an index of SLOTS can be.
 */
static int
change_slots (struct change *c, _Atomic uint64_t *slots, uint64_t mask,
              unsigned shift, uint64_t start, uint64_t end)
{
  for (uint64_t next; start < end; start = next) {
    uint64_t v;

    next = min_u64 (slot_end (start, shift), end);
    if (change_slot (c, &slots[(start >> shift) & mask], shift, start, next,
                     &v) == -1)
      return -1;
    if (v <= FULL)
      continue;
    if (shift == LOW_SHIFT)
      change_leaf (c, v, start, next);
    else if (change_slots (c, node_slots (v), CELL_SLOTS - 1,
                           shift - SHIFT_STEP, start, next) == -1)
      return -1;
  }
  return 0;
}

/* The leaf of BIT for a change; or EMPTY or FULL; or anything else that
 * is not live.
 */
static uint64_t
live_leaf (const struct presence *p, uint64_t bit)
{
  unsigned shift;

  return walk_live (p, bit, LOW_SHIFT, &shift);
}

static int
change_inside (struct change *c, uint64_t start, uint64_t n)
{
  uint64_t end = start + n;

  /* Many changes are inside one leaf. */
  if (n > 0 && start >> LOW_SHIFT == (end - 1) >> LOW_SHIFT) {
    uint64_t v = live_leaf (c->p, start);

    if (v == c->to)
      return 0;
    if (is_live (v)) {
      change_leaf (c, v, start, end);
      return 0;
    }
  }
  return change_slots (c, c->p->root, UINT64_MAX, ROOT_SHIFT, start, end);
}

/* The bits of WORD, not 0, in the word at START. */
static int
set_word_inside (struct change *c, uint64_t start, uint64_t word)
{
  uint64_t leaf = live_leaf (c->p, start);

  while (leaf != FULL && !is_live (leaf)) {
    /* One of the bits makes the leaf, or keeps it. */
    if (change_inside (c, start + (uint64_t) __builtin_ctzll (word), 1) == -1)
      return -1;
    leaf = live_leaf (c->p, start);
  }
  if (is_live (leaf))
    change_word (c, &node_slots (leaf)[(start >> WORD_SHIFT) % CELL_SLOTS],
                 word);
  return 0;
}

static void
leave (struct presence *p, struct presence_writer *w)
{
  presence_leave (&p->writers, w);
  if (w != NULL && reclaim_is_due (p))
    presence_reclaim_some (p);
}

static __attribute__ ((noinline)) int
change_any (struct change *c, struct presence_writer *w, uint64_t start,
            uint64_t n)
{
  int r;

  r = change_inside (c, start, n);
  leave (c->p, w);
  return r;
}

/* Most changes are those of a small request: bits of a word that exists. */
static inline __attribute__ ((always_inline)) int
change (struct change *c, uint64_t start, uint64_t n)
{
  struct presence *p = c->p;
  struct presence_writer *w;

  assert (range_inside (start, n, p->nbits));
  w = presence_enter (&p->writers);
  if (in_one_word (start, n)) {
    uint64_t leaf = live_leaf (p, start);

    if (is_live (leaf)) {
      change_word (c, &node_slots (leaf)[(start >> WORD_SHIFT) % CELL_SLOTS],
                   word_mask (start % 64, start % 64 + n));
      presence_leave (&p->writers, w);
      return 0;
    }
  }
  return change_any (c, w, start, n);
}

int
presence_set (struct presence *p, uint64_t start, uint64_t n)
{
  struct change c = { .p = p, .to = FULL };

  return change (&c, start, n);
}

int
presence_set_words (struct presence *p, uint64_t start, const uint64_t *words,
                    size_t nwords)
{
  struct change c = { .p = p, .to = FULL };
  struct presence_writer *w = presence_enter (&p->writers);
  int r = 0;

  assert (start % 64 == 0);
  for (size_t i = 0; r == 0 && i < nwords; i++) {
    if (words[i] != 0)
      r = set_word_inside (&c, start + i * 64, words[i]);
  }
  leave (p, w);
  return r;
}

int
presence_clear (struct presence *p, uint64_t start, uint64_t n)
{
  struct change c = { .p = p, .to = EMPTY };

  return change (&c, start, n);
}

int64_t
presence_test_and_set (struct presence *p, uint64_t start, uint64_t n)
{
  struct change c = { .p = p, .to = FULL, .counting = true };

  if (change (&c, start, n) == -1)
    return -1;
  return (int64_t) c.changed;
}

/* The nodes that a change of [START, END), all of it under SLOTS, may
 * need: those of the slots at its two ends, which it has only a part of.
 * A whole slot changes in place, and so does the node that may be there.
 */
static int
reserve_slots (struct presence *p, _Atomic uint64_t *slots, uint64_t mask,
               unsigned shift, uint64_t start, uint64_t end)
{
  for (uint64_t next; start < end; start = next) {
    _Atomic uint64_t *slot = &slots[(start >> shift) & mask];
    uint64_t v = slot_load_live (slot);

    next = min_u64 (slot_end (start, shift), end);
    if (is_whole (p, shift, start, next))
      continue;
    while (v <= FULL) {
      if (slot_split (p, slot, shift, &v) == -1)
        return -1;
      if (v & DYING)
        v = slot_load_live (slot);
    }
    if (shift > LOW_SHIFT &&
        reserve_slots (p, node_slots (v), CELL_SLOTS - 1, shift - SHIFT_STEP,
                       start, next) == -1)
      return -1;
  }
  return 0;
}

void
presence_hold (struct presence *p, struct presence_hold *h)
{
  h->writer = presence_enter (&p->writers);
}

void
presence_release (struct presence *p, struct presence_hold *h)
{
  leave (p, h->writer);
}

int
presence_reserve (struct presence *p, uint64_t start, uint64_t n)
{
  struct presence_writer *w = presence_enter (&p->writers);
  int r;

  assert (range_inside (start, n, p->nbits));
  r = reserve_slots (p, p->root, UINT64_MAX, ROOT_SHIFT, start, start + n);
  leave (p, w);
  return r;
}
