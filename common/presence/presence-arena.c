/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See presence-arena.h.  A chunk hands out its cells from the first to
 * the last by one atomic addition; whoever finds it used up puts a new
 * one in front of it.  Chunks grow with the arena, so that what is
 * allocated and not yet used stays a small part of the whole.
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

struct presence_cell *
presence_arena_take (struct presence_arena *a)
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
