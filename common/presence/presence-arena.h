/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Where the nodes of a presence tree live.  They are cells of one size,
 * which come zeroed from an arena and go only with all of it: readers
 * take no lock, so nobody could say when the last of them has left a
 * node.  Taking a cell is lock-free.  An arena that is zero is empty.
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
  _Atomic uint64_t slots[CELL_SLOTS];
};

_Static_assert(sizeof (struct presence_cell) == CELL_SIZE, "cell size");

struct presence_chunk;

struct presence_arena {
  _Atomic (struct presence_chunk *) current;
  _Atomic size_t memory; /* bytes of all chunks */
};

/* A zeroed cell, aligned to its size; NULL with errno = ENOMEM. */
extern struct presence_cell *presence_arena_take (struct presence_arena *a);

/* Free all cells.  The arena is empty again. */
extern void presence_arena_fini (struct presence_arena *a);

#endif /* DISKSTACK_PRESENCE_ARENA_H */
