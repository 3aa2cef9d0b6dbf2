/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See image-load.h: what may be in an image after a power cut.
 */

#include <config.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/align.h"
#include "image-load.h"
#include "support/must.h"

void
legal_init (struct legal *g, const struct load *w)
{
  *g = (struct legal){ .w = w };
  g->base = must_malloc (w->nsectors * sizeof *g->base);
  g->from = must_malloc (w->nsectors * sizeof *g->from);
}

void
legal_fini (struct legal *g)
{
  free (g->base);
  free (g->from);
}

static bool
is_fua (const struct load_op *o)
{
  return o->kind == LOAD_WRITE_FUA || o->kind == LOAD_ZERO_FUA ||
         o->kind == LOAD_TRIM_FUA;
}

static bool
changes (const struct load_op *o)
{
  return o->kind < LOAD_READ || o->kind == LOAD_GROW;
}

/* Is it durable without a flush? */
static bool
is_durable (const struct load_op *o)
{
  return is_fua (o) || o->kind == LOAD_GROW;
}

/* What O left in SECTOR, or SECTOR_VALUE_SAME. */
static uint32_t
left (const struct load_op *o, uint64_t sector)
{
  return o->after ? o->after[sector - o->sector] : o->value;
}

/* The ticket of the last flush that had returned: what returned before
 * it was promised.
 */
static uint64_t
last_flush (const struct legal *g, uint64_t position)
{
  uint64_t ticket = 0;

  for (unsigned t = 0; t < g->w->nthreads; t++) {
    const struct load_thread *th = &g->w->thread[t];

    for (unsigned i = 0; i < th->nops; i++) {
      if (th->op[i].kind == LOAD_FLUSH && th->op[i].ended <= position)
        ticket = max_u64 (ticket, th->op[i].first);
    }
  }
  return ticket;
}

static void
promise (struct legal *g, const struct load_op *o, unsigned i)
{
  for (uint64_t s = o->sector; s < o->sector + o->nsectors; s++) {
    if (left (o, s) != SECTOR_VALUE_SAME) {
      g->base[s] = left (o, s);
      g->from[s] = i + 1;
    }
  }
}

void
legal_find (struct legal *g, uint64_t position, bool in_flight)
{
  const struct load *w = g->w;
  const uint64_t returned = position - (in_flight && position > 0);
  const uint64_t flushed = last_flush (g, returned);

  g->position = position;
  g->least = g->most = w->begin_nsectors;
  for (uint64_t s = 0; s < w->nsectors; s++) {
    g->base[s] = w->initial[s];
    g->from[s] = 0;
  }
  for (unsigned t = 0; t < w->nthreads; t++) {
    const struct load_thread *th = &w->thread[t];

    g->to[t] = 0;
    for (unsigned i = 0; i < th->nops; i++) {
      const struct load_op *o = &th->op[i];

      if (o->begun <= position)
        g->to[t] = i + 1;
      /* Durable when it returns. */
      if (o->kind == LOAD_GROW && o->ended <= returned)
        g->least = o->sector + o->nsectors;
      if (o->kind == LOAD_GROW && o->begun <= position)
        g->most = o->sector + o->nsectors;
      if (changes (o) &&
          (o->last < flushed || (is_durable (o) && o->ended <= returned)))
        promise (g, o, i);
    }
  }
}

static unsigned
owner (const struct load *w, uint64_t sector)
{
  return (unsigned) (sector / w->stripe % w->nthreads);
}

static bool
is_legal (const struct legal *g, uint64_t sector, uint32_t value)
{
  const unsigned t = owner (g->w, sector);

  if (g->base[sector] == value)
    return true;
  for (unsigned i = g->from[sector]; i < g->to[t]; i++) {
    const struct load_op *o = &g->w->thread[t].op[i];

    if (!changes (o) || sector < o->sector || sector >= o->sector + o->nsectors)
      continue;
    if (left (o, sector) == value)
      return true;
    /* What is new is zero, or was never there. */
    if (o->kind == LOAD_GROW && value == SECTOR_VALUE_ZERO)
      return true;
    /* A trim that was not finished may have come so far. */
    if ((o->kind == LOAD_TRIM || o->kind == LOAD_TRIM_FUA) &&
        (value == SECTOR_VALUE_ZERO || value == SECTOR_VALUE_TRIMMED))
      return true;
  }
  return false;
}

static void
complain (const struct legal *g, const char *what, uint64_t sector,
          uint32_t value)
{
  const unsigned t = owner (g->w, sector);

  fprintf (stderr,
           "%s: sector %" PRIu64 " has %" PRIu32 ", promised %" PRIu32
           ", operations %u to %u of thread %u are open:\n",
           what, sector, value, g->base[sector], g->from[sector], g->to[t], t);
  for (unsigned i = 0; i < g->to[t]; i++) {
    const struct load_op *o = &g->w->thread[t].op[i];

    if (o->kind >= LOAD_FLUSH || (changes (o) && sector >= o->sector &&
                                  sector < o->sector + o->nsectors))
      fprintf (stderr,
               "  %u: %s, value %" PRIu32 ", [%" PRIu64 ", %" PRIu64
               ") at %" PRIu64 "-%" PRIu64 "\n",
               i, load_op_names[o->kind],
               changes (o) ? left (o, sector) : o->value, o->sector,
               o->sector + o->nsectors, o->begun, o->ended);
  }
}

bool
legal_check (const struct legal *g, const uint32_t *v, uint64_t nsectors,
             const char *what)
{
  if (nsectors < g->least || nsectors > g->most) {
    fprintf (stderr,
             "%s: the disk has %" PRIu64 " sectors, not %" PRIu64 " to %" PRIu64
             "\n",
             what, nsectors, g->least, g->most);
    return false;
  }
  for (uint64_t s = 0; s < g->w->nsectors; s++) {
    if (!is_legal (g, s, v[s])) {
      complain (g, what, s, v[s]);
      return false;
    }
  }
  return true;
}
