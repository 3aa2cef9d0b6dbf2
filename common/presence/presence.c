/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See presence.h and presence-tree.h.  This file makes and frees sets;
 * presence-change.c writes them and presence-scan.c reads them.
 */

#include <config.h>

#include <errno.h>
#include <stdlib.h>

#include "base/align.h"
#include "presence/presence-tree.h"

static size_t
root_size (uint64_t nbits)
{
  return sizeof (struct presence) + root_slots (nbits) * sizeof (uint64_t);
}

struct presence *
presence_create (uint64_t nbits)
{
  const size_t align = _Alignof(struct presence);
  /* Slots that are zero are EMPTY.  Pages that nobody has written to
   * take no memory.
   */
  void *block = calloc (1, root_size (nbits) + align);
  struct presence *p;

  if (block == NULL) {
    errno = ENOMEM;
    return NULL;
  }
  p = (struct presence *) ROUND_UP ((uintptr_t) block, align);
  p->block = block;
  p->nbits = nbits;
  presence_writers_init (&p->writers);
  atomic_init (&p->reclaim.due, RECLAIM_MIN);
  p->reclaim.shift = LOW_SHIFT;
  return p;
}

void
presence_free (struct presence *p)
{
  if (p == NULL)
    return;
  presence_arena_fini (&p->arena);
  free (p->block);
}

uint64_t
presence_nbits (const struct presence *p)
{
  return p->nbits;
}

size_t
presence_memory (const struct presence *p)
{
  return root_size (p->nbits) +
         atomic_load_explicit (&p->arena.memory, memory_order_relaxed);
}

size_t
presence_memory_spare (const struct presence *p)
{
  const size_t memory =
    atomic_load_explicit (&p->arena.memory, memory_order_relaxed);
  const size_t used =
    atomic_load_explicit (&p->arena.used, memory_order_relaxed) * CELL_SIZE;

  return memory > used ? memory - used : 0;
}

struct walk
presence_walk_dying (const struct presence *p, uint64_t bit, unsigned to)
{
  struct walk w = { .v = as_live (slot_load (&p->root[bit >> ROOT_SHIFT])),
                    .shift = ROOT_SHIFT };

  while (w.v > FULL && w.shift > to) {
    w.shift -= SHIFT_STEP;
    w.v = as_live (node_load (w.v, bit, (unsigned) w.shift));
  }
  return w;
}
