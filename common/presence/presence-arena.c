/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See presence-arena.h.  A chunk hands out its cells from the first to
 * the last by one atomic addition; whoever finds it used up puts a new
 * one in front of it.  Chunks grow with the arena, so that what is
 * allocated and not yet used stays a small part of the whole.
 *
 * Cells that came back are taken first, from a stack.  A cell that one
 * thread takes does not return to the stack while another that was
 * inside before is about to take it too: that is what the promises of
 * the callers are about, and why there are no tags.
 */

#include <config.h>

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/align.h"
#include "presence/presence-arena.h"

#define CHUNK_MIN 4096
#define CHUNK_MAX (1024 * 1024)

struct presence_chunk {
  struct presence_chunk *older;
  struct presence_cell *cells;
  size_t ncells;
  _Atomic size_t taken; /* may run past ncells */
};

static struct presence_chunk *
chunk_create (size_t size, struct presence_chunk *older)
{
  struct presence_chunk *c = calloc (1, size);
  uintptr_t first;

  if (c == NULL) {
    errno = ENOMEM;
    return NULL;
  }
  first = ROUND_UP ((uintptr_t) (c + 1), CELL_SIZE);
  c->older = older;
  c->cells = (struct presence_cell *) first;
  c->ncells = ((uintptr_t) c + size - first) / CELL_SIZE;
  return c;
}

/* Put a new chunk in front of FULL, which is used up (or NULL: none
 * yet), unless another thread has done so.
 */
static bool
arena_grow (struct presence_arena *a, struct presence_chunk *full)
{
  size_t memory = atomic_load_explicit (&a->memory, memory_order_relaxed);
  size_t size = max_u64 (CHUNK_MIN, min_u64 (CHUNK_MAX, memory / 8));
  struct presence_chunk *c;

  size -= 2 * sizeof (size_t); /* malloc's own: keep the sum round */
  c = chunk_create (size, full);
  if (c == NULL)
    return atomic_load (&a->current) != full;

  if (!atomic_compare_exchange_strong (&a->current, &full, c)) {
    free (c);
    return true;
  }
  atomic_fetch_add_explicit (&a->memory, size, memory_order_relaxed);
  return true;
}

static struct presence_cell *
cell_of (uint64_t address)
{
  return (struct presence_cell *) (uintptr_t) address;
}

/* Put the cells from FIRST to LAST, which are linked, on top. */
static void
stack_push (cell_stack *stack, uint64_t first, struct presence_cell *last)
{
  uint64_t top = atomic_load_explicit (stack, memory_order_relaxed);

  do
    atomic_store_explicit (&last->slots[0], top, memory_order_release);
  while (!atomic_compare_exchange_weak_explicit (
    stack, &top, first, memory_order_release, memory_order_relaxed));
}

static struct presence_cell *
stack_pop (cell_stack *stack)
{
  uint64_t top = atomic_load_explicit (stack, memory_order_acquire), next;

  do {
    if (top == 0)
      return NULL;
    next =
      atomic_load_explicit (&cell_of (top)->slots[0], memory_order_relaxed);
  } while (!atomic_compare_exchange_weak_explicit (
    stack, &top, next, memory_order_acquire, memory_order_acquire));
  return cell_of (top);
}

/* Releasing: a reader that is late and sees one of these sees also that
 * the cell had been given back.
 */
static void
cell_fill (struct presence_cell *cell, uint64_t value)
{
  for (unsigned i = 0; i < CELL_SLOTS; i++)
    atomic_store_explicit (&cell->slots[i], value, memory_order_release);
}

/* One that was never taken before: zeroed. */
static struct presence_cell *
take_fresh (struct presence_arena *a)
{
  for (;;) {
    struct presence_chunk *c =
      atomic_load_explicit (&a->current, memory_order_acquire);

    if (c != NULL) {
      size_t i = atomic_fetch_add_explicit (&c->taken, 1, memory_order_relaxed);

      if (i < c->ncells)
        return &c->cells[i];
    }
    if (!arena_grow (a, c))
      return NULL;
  }
}

struct presence_cell *
presence_arena_take (struct presence_arena *a, enum cell_kind kind,
                     uint64_t value)
{
  struct presence_cell *cell = stack_pop (&a->free[kind]);
  const bool fresh = cell == NULL;

  if (fresh)
    cell = take_fresh (a);
  if (cell == NULL)
    return NULL;
  if (!fresh || value != 0)
    cell_fill (cell, value);
  atomic_fetch_add_explicit (&a->used, 1, memory_order_relaxed);
  return cell;
}

void
presence_arena_untake (struct presence_arena *a, enum cell_kind kind,
                       struct presence_cell *cell)
{
  stack_push (&a->unused[kind], (uintptr_t) cell, cell);
  atomic_fetch_sub_explicit (&a->used, 1, memory_order_relaxed);
}

uint64_t
presence_arena_unused (struct presence_arena *a, enum cell_kind kind)
{
  return atomic_exchange (&a->unused[kind], 0);
}

void
presence_arena_free_list (struct presence_arena *a, enum cell_kind kind,
                          uint64_t first)
{
  struct presence_cell *last = cell_of (first);
  uint64_t next;

  if (first == 0)
    return;
  while ((next = atomic_load (&last->slots[0])) != 0)
    last = cell_of (next);
  stack_push (&a->free[kind], first, last);
}

void
presence_arena_give (struct presence_arena *a, enum cell_kind kind,
                     struct presence_cell *const *cells, size_t n)
{
  if (n == 0)
    return;
  for (size_t i = 0; i + 1 < n; i++)
    atomic_store_explicit (&cells[i]->slots[0], (uintptr_t) cells[i + 1],
                           memory_order_release);
  stack_push (&a->free[kind], (uintptr_t) cells[0], cells[n - 1]);
  atomic_fetch_sub_explicit (&a->used, n, memory_order_relaxed);
}

void
presence_arena_fini (struct presence_arena *a)
{
  struct presence_chunk *c = atomic_exchange (&a->current, NULL);

  while (c != NULL) {
    struct presence_chunk *older = c->older;

    free (c);
    c = older;
  }
}
