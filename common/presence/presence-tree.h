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
 * range, or the address of the node below; and that may be DYING.
 * Invariants:
 *
 * 1. All changes of such a slot are by compare and exchange.  EMPTY and
 *    FULL turn into each other or into a node; the node says the same
 *    for every bit when it appears.
 * 2. Who changes bits is inside (presence-writers.h), and changes
 *    nothing at or below a DYING node: it first makes the node live
 *    again, which is one exchange, and goes on.
 * 3. A node is unlinked by the reclaimer alone (presence-reclaim.c): it
 *    makes it DYING; sees that all writers have left that may not have
 *    noticed; looks whether the node still says the same for every bit,
 *    which nobody can change now without 2; and exchanges it for EMPTY
 *    or FULL.  So for a writer an address, once read from a live slot,
 *    is good until it leaves, and a word can be changed in place without
 *    looking back at the path.
 * 4. Readers are not inside: the node they are in may be unlinked.  That
 *    does no harm as long as it is what it was.  Before the memory of
 *    nodes is used again, `generation' changes; who finds it changed
 *    after reading reads again.  Memory that was a node has addresses of
 *    nodes in it, EMPTY or FULL, for ever, whatever is read there.
 * 5. A bit is added by a read-modify-write of the slot that holds it, or
 *    taken over, with what it acquired, by one that acquired it.  So all
 *    that set bits there are one release sequence: a reader that
 *    acquires any of them acquires them all.
 *
 * Nodes are small because one sector somewhere on a large disk costs one
 * of each kind.  The price is a longer way down; the slots near the root
 * are few and stay in the processor's cache.
 */

#ifndef DISKSTACK_PRESENCE_TREE_H
#define DISKSTACK_PRESENCE_TREE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "presence/presence.h"
#include "presence/presence-arena.h"
#include "presence/presence-writers.h"

#define EMPTY UINT64_C (0)
#define FULL UINT64_C (1)

/* A bit in the address of a node.  No address of a process has it. */
#define DYING (UINT64_C (1) << 63)

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

/* So many root slots that have nodes are looked at in one go. */
#define RECLAIM_ROOTS 64

/* Until so many cells are used, nothing is looked for. */
#define RECLAIM_MIN 256

/* Where the reclaimer is; of the thread that made `busy' true. */
struct presence_reclaim {
  atomic_bool busy;
  _Atomic size_t due; /* when so many cells are used, go on */
  size_t next;        /* root slot that was not looked at yet */
  size_t root[RECLAIM_ROOTS];
  unsigned nroots; /* so many that have nodes are under way */
  unsigned shift;  /* whose nodes are looked at: LOW_SHIFT to ROOT_SHIFT */
  bool waiting;    /* some of them are DYING, or cells unused */
  uint64_t unused[CELL_KINDS];
};

struct presence {
  uint64_t nbits;
  _Atomic uint64_t generation;
  void *block; /* what is freed in the end */
  struct presence_writers writers;
  struct presence_arena arena __attribute__ ((aligned (64)));
  struct presence_reclaim reclaim;
  _Atomic uint64_t root[];
};

/* How many slots the root has for NBITS bits. */
static inline size_t
root_slots (uint64_t nbits)
{
  return nbits > 0 ? ((nbits - 1) >> ROOT_SHIFT) + 1 : 0;
}

static inline uint64_t
slot_load (const _Atomic uint64_t *slot)
{
  return atomic_load_explicit (slot, memory_order_acquire);
}

/* Is V a node, and live?  (As a signed number, one that is DYING is
 * negative.)
 */
static inline bool
is_live (uint64_t v)
{
  return __builtin_expect ((int64_t) v > (int64_t) FULL, 1);
}

/* For readers it makes no difference. */
static inline uint64_t
as_live (uint64_t v)
{
  return v & ~DYING;
}

/* The slots of the live node at NODE. */
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

/* The first value on the way down to BIT that is not a live node, but at
 * most that of a slot for 2^TO bits, MID_SHIFT or LOW_SHIFT; and in
 * *SHIFT for how many bits around BIT that is.
 */
static inline __attribute__ ((always_inline)) uint64_t
walk_live (const struct presence *p, uint64_t bit, unsigned to, unsigned *shift)
{
  uint64_t v = slot_load (&p->root[bit >> ROOT_SHIFT]);

  *shift = ROOT_SHIFT;
  if (is_live (v)) {
    v = node_load (v, bit, HIGH_SHIFT);
    *shift = HIGH_SHIFT;
    if (is_live (v)) {
      v = node_load (v, bit, MID_SHIFT);
      *shift = MID_SHIFT;
      if (to == LOW_SHIFT && is_live (v)) {
        v = node_load (v, bit, LOW_SHIFT);
        *shift = LOW_SHIFT;
      }
    }
  }
  return v;
}

/* The same through nodes that are DYING, with what is found as_live. */
struct walk {
  uint64_t v;
  uint64_t shift;
};

extern struct walk presence_walk_dying (const struct presence *p, uint64_t bit,
                                        unsigned to) __attribute__ ((cold));

/* For readers: the low node of BIT; or EMPTY or FULL, and in *SHIFT for
 * how many bits around it that goes.
 */
static inline uint64_t
presence_low (const struct presence *p, uint64_t bit, unsigned *shift)
{
  uint64_t v = walk_live (p, bit, MID_SHIFT, shift);

  if (__builtin_expect ((v & DYING) != 0, 0)) {
    const struct walk w = presence_walk_dying (p, bit, MID_SHIFT);

    v = w.v;
    *shift = (unsigned) w.shift;
  }
  return v;
}

/* The leaf of BIT, or EMPTY or FULL for all of its bits. */
static inline uint64_t
presence_leaf (const struct presence *p, uint64_t bit)
{
  unsigned shift;
  uint64_t v = walk_live (p, bit, LOW_SHIFT, &shift);

  if (__builtin_expect ((v & DYING) != 0, 0))
    v = presence_walk_dying (p, bit, LOW_SHIFT).v;
  return v;
}

/* Reading, until read_again is false:
 *
 *   generation = read_begin (p);
 *   do {
 *     ...
 *   } while (read_again (p, &generation));
 *
 * All that is read in between is acquired, so it is before the next look
 * at the generation, which begins the next part.
 */
static inline uint64_t
read_begin (const struct presence *p)
{
  return atomic_load_explicit (&p->generation, memory_order_acquire);
}

static inline bool
read_again (const struct presence *p, uint64_t *generation)
{
  const uint64_t now = read_begin (p);

  if (__builtin_expect (now == *generation, 1))
    return false;
  *generation = now;
  return true;
}

/* Go on with reclaiming, if it is time to.  The caller is not inside. */
extern void presence_reclaim_some (struct presence *p);

static inline bool
reclaim_is_due (const struct presence *p)
{
  return atomic_load_explicit (&p->arena.used, memory_order_relaxed) >=
         atomic_load_explicit (&p->reclaim.due, memory_order_relaxed);
}

/* Bits [FROM, TO) of a word, FROM < TO <= 64. */
static inline uint64_t
word_mask (unsigned from, unsigned to)
{
  return (UINT64_MAX << from) & (UINT64_MAX >> (64 - to));
}

/* Is [START, START+N) not empty and inside one word? */
static inline bool
in_one_word (uint64_t start, uint64_t n)
{
  return n > 0 && n <= 64 - start % 64;
}

/* The first bit beyond the slot for 2^SHIFT bits that BIT is in. */
static inline uint64_t
slot_end (uint64_t bit, unsigned shift)
{
  return ((bit >> shift) + 1) << shift;
}

#endif /* DISKSTACK_PRESENCE_TREE_H */
