/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See presence.h and presence-tree.h.  This file makes and frees sets;
 * presence-change.c writes them and presence-scan.c reads them.
 */

#include <config.h>

#include <errno.h>
#include <stdlib.h>

#include "presence/presence-tree.h"

static size_t
root_size (uint64_t nbits)
{
  size_t nroot = nbits > 0 ? ((nbits - 1) >> ROOT_SHIFT) + 1 : 0;

  return sizeof (struct presence) + nroot * sizeof (uint64_t);
}

struct presence *
presence_create (uint64_t nbits)
{
  /* Slots that are zero are EMPTY.  Pages that nobody has written to
   * take no memory.
   */
  struct presence *p = calloc (1, root_size (nbits));

  if (p == NULL) {
    errno = ENOMEM;
    return NULL;
  }
  p->nbits = nbits;
  return p;
}

void
presence_free (struct presence *p)
{
  if (p == NULL)
    return;
  presence_arena_fini (&p->arena);
  free (p);
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
