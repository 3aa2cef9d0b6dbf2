/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Adding bits to a presence set and removing them: the writers of the
 * tree, and the only ones that allocate.  See presence-tree.h for the
 * invariants that they keep.
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
static void
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
 * first, what it left there.  The cell then stays unused in the arena;
 * that happens at most once for each other thread and node.
 */
static int
slot_split (struct presence *p, _Atomic uint64_t *slot, unsigned shift,
            uint64_t *v)
{
  struct presence_cell *cell = presence_arena_take (&p->arena);
  uint64_t node = (uintptr_t) cell;

  if (cell == NULL)
    return -1;
  if (*v == FULL)
    for (unsigned i = 0; i < CELL_SLOTS; i++)
      atomic_init (&cell->slots[i], shift == LOW_SHIFT ? UINT64_MAX : FULL);

  if (atomic_compare_exchange_strong_explicit (
        slot, v, node, memory_order_acq_rel, memory_order_acquire))
    *v = node;
  return 0;
}

/* Make SLOT, for 2^SHIFT bits, ready for a change of [START, END) there:
 * in *V the node to go on in, or C->to if all is done.
 */
static int
change_slot (struct change *c, _Atomic uint64_t *slot, unsigned shift,
             uint64_t start, uint64_t end, uint64_t *v)
{
  /* The last slot goes beyond the end of the set. */
  bool whole = IS_ALIGNED (start, UINT64_C (1) << shift) &&
               (end == slot_end (start, shift) || end == c->p->nbits);

  *v = slot_load (slot);
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

static int
change (struct change *c, uint64_t start, uint64_t n)
{
  uint64_t end = start + n;

  assert (range_inside (start, n, c->p->nbits));

  /* Most changes are those of a request, and inside one leaf. */
  if (n > 0 && start >> LOW_SHIFT == (end - 1) >> LOW_SHIFT) {
    uint64_t v = presence_leaf (c->p, start);

    if (v == c->to)
      return 0;
    if (v > FULL) {
      change_leaf (c, v, start, end);
      return 0;
    }
  }
  return change_slots (c, c->p->root, UINT64_MAX, ROOT_SHIFT, start, end);
}

int
presence_set (struct presence *p, uint64_t start, uint64_t n)
{
  struct change c = { .p = p, .to = FULL };

  return change (&c, start, n);
}

/* The bits of WORD, not 0, in the word at START. */
static int
set_word (struct change *c, uint64_t start, uint64_t word)
{
  uint64_t leaf = presence_leaf (c->p, start);

  if (leaf == EMPTY) {
    /* One of the bits makes the leaf. */
    if (presence_set (c->p, start + (uint64_t) __builtin_ctzll (word), 1) == -1)
      return -1;
    leaf = presence_leaf (c->p, start);
  }
  if (leaf > FULL)
    change_word (c, &node_slots (leaf)[(start >> WORD_SHIFT) % CELL_SLOTS],
                 word);
  return 0;
}

int
presence_set_words (struct presence *p, uint64_t start, const uint64_t *words,
                    size_t nwords)
{
  struct change c = { .p = p, .to = FULL };

  assert (start % 64 == 0);
  for (size_t i = 0; i < nwords; i++) {
    if (words[i] != 0 && set_word (&c, start + i * 64, words[i]) == -1)
      return -1;
  }
  return 0;
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
