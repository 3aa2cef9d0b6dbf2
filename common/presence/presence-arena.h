/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Where the nodes of a presence tree live: cells of one size, of which
 * the memory goes only with all of the arena.  Readers take no lock, so
 * nobody could say when the last of them has left a node; they may read
 * a cell that is used for something else by now, and notice it later.
 * What was a leaf is a leaf again, and what had addresses in it has
 * nothing else ever after, so whoever is late does not take bits for an
 * address.
 *
 * All is lock-free.  An arena that is zero is empty.
 */

#ifndef DISKSTACK_PRESENCE_ARENA_H
#define DISKSTACK_PRESENCE_ARENA_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#define CELL_SLOTS 16

/* Two cache lines, which processors fetch as a pair. */
#define CELL_SIZE 128

struct presence_cell {
  _Atomic uint64_t slots[CELL_SLOTS]; /* of a free cell [0] is the next one */
};

_Static_assert(sizeof (struct presence_cell) == CELL_SIZE, "cell size");

enum cell_kind { CELL_LEAF, CELL_NODE, CELL_KINDS };

/* A stack of cells: the address of the first, or 0. */
typedef _Atomic uint64_t cell_stack;

struct presence_chunk;

struct presence_arena {
  _Atomic (struct presence_chunk *) current;
  _Atomic size_t memory;         /* bytes of all chunks */
  _Atomic size_t used;           /* cells that are not free */
  cell_stack free[CELL_KINDS];   /* to be taken */
  cell_stack unused[CELL_KINDS]; /* to be free when it is safe */
};

/* A cell, aligned to its size, with VALUE in all its slots; NULL with
 * errno = ENOMEM.  To be called by writers that are inside (see
 * presence-writers.h).
 */
extern struct presence_cell *presence_arena_take (struct presence_arena *a,
                                                  enum cell_kind kind,
                                                  uint64_t value);

/* CELL was taken and nobody but the caller has seen it. */
extern void presence_arena_untake (struct presence_arena *a,
                                   enum cell_kind kind,
                                   struct presence_cell *cell);

/* The cells that were not used after all, from all threads: what
 * presence_arena_free_list takes when those writers have left that were
 * inside at this call.  By one thread at a time, as the next two.
 */
extern uint64_t presence_arena_unused (struct presence_arena *a,
                                       enum cell_kind kind);
extern void presence_arena_free_list (struct presence_arena *a,
                                      enum cell_kind kind, uint64_t first);

/* Give N cells back that were in the tree: no writer can have any of
 * their addresses.
 */
extern void presence_arena_give (struct presence_arena *a, enum cell_kind kind,
                                 struct presence_cell *const *cells, size_t n);

/* Free all memory.  The arena is empty again. */
extern void presence_arena_fini (struct presence_arena *a);

#endif /* DISKSTACK_PRESENCE_ARENA_H */
