/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Inside the room: the tree behind a presence set.  Below the root, each
 * node is a cell of 16 slots.
 *
 *   root (in struct presence)  a slot for 2^22 bits,   2 GiB of disk
 *   high                       a slot for 2^18 bits, 128 MiB
 *   mid                        a slot for 2^14 bits,   8 MiB
 *   low                        a slot for 2^10 bits, 512 KiB
 *   leaf                       a slot is a word: 64 bits
 *
 * A slot above the leaf is EMPTY or FULL, which says it all for its
 * range, or the address of the node below.  Invariants:
 *
 * 1. EMPTY and FULL turn into each other or into a node, by compare and
 *    exchange; the node says the same for every bit when it appears.
 * 2. A node stays where it is, and is a node, until presence_free.  So
 *    an address, once read, is good for as long as the caller likes, and
 *    a word can be changed in place without looking back at the path.
 * 3. A bit is added by a read-modify-write of the slot that holds it.
 *    Together with 1 this makes one release sequence of all that set
 *    bits there: a reader that acquires any of them acquires them all.
 *
 * Nodes are small because one sector somewhere on a large disk costs one
 * of each kind.  The price is a longer way down; the slots near the root
 * are few and stay in the processor's cache.
 */

#ifndef DISKSTACK_PRESENCE_TREE_H
#define DISKSTACK_PRESENCE_TREE_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "presence/presence.h"
#include "presence/presence-arena.h"

#define EMPTY UINT64_C (0)
#define FULL UINT64_C (1)

/* How many bits a slot is for, as a power of two, in each kind of node. */
#define WORD_SHIFT 6
#define LOW_SHIFT 10
#define MID_SHIFT 14
#define HIGH_SHIFT 18
#define ROOT_SHIFT 22

/* From a node to the one below. */
#define SHIFT_STEP 4

_Static_assert(CELL_SLOTS == 1 << SHIFT_STEP, "slots of a node");
_Static_assert(ROOT_SHIFT - WORD_SHIFT == 4 * SHIFT_STEP, "levels");

#define LEAF_BITS (1u << LOW_SHIFT)

struct presence {
  uint64_t nbits;
  struct presence_arena arena;
  _Atomic uint64_t root[];
};

static inline uint64_t
slot_load (const _Atomic uint64_t *slot)
{
  return atomic_load_explicit (slot, memory_order_acquire);
}

/* The slots of the node at NODE, a value above FULL. */
static inline _Atomic uint64_t *
node_slots (uint64_t node)
{
  return (_Atomic uint64_t *) (uintptr_t) node;
}

/* What NODE, whose slots are for 2^SHIFT bits, has for BIT. */
static inline uint64_t
node_load (uint64_t node, uint64_t bit, unsigned shift)
{
  return slot_load (&node_slots (node)[(bit >> shift) % CELL_SLOTS]);
}

/* The low node of BIT; or EMPTY or FULL, and in *SHIFT for how many bits
 * around it that goes.
 */
static inline uint64_t
presence_low (const struct presence *p, uint64_t bit, unsigned *shift)
{
  uint64_t v = slot_load (&p->root[bit >> ROOT_SHIFT]);

  *shift = ROOT_SHIFT;
  if (v > FULL) {
    v = node_load (v, bit, HIGH_SHIFT);
    *shift = HIGH_SHIFT;
  }
  if (v > FULL) {
    v = node_load (v, bit, MID_SHIFT);
    *shift = MID_SHIFT;
  }
  return v;
}

/* The leaf of BIT, or EMPTY or FULL for all of its bits. */
static inline uint64_t
presence_leaf (const struct presence *p, uint64_t bit)
{
  unsigned shift;
  uint64_t v = presence_low (p, bit, &shift);

  return v > FULL ? node_load (v, bit, LOW_SHIFT) : v;
}

/* The word that BIT is in. */
static inline uint64_t
presence_word (const struct presence *p, uint64_t bit)
{
  uint64_t v = presence_leaf (p, bit);

  return v > FULL ? node_load (v, bit, WORD_SHIFT) : 0 - v;
}

/* Bits [FROM, TO) of a word, FROM < TO <= 64. */
static inline uint64_t
word_mask (unsigned from, unsigned to)
{
  return (UINT64_MAX << from) & (UINT64_MAX >> (64 - to));
}

/* The first bit beyond the slot for 2^SHIFT bits that BIT is in. */
static inline uint64_t
slot_end (uint64_t bit, unsigned shift)
{
  return ((bit >> shift) + 1) << shift;
}

#endif /* DISKSTACK_PRESENCE_TREE_H */
