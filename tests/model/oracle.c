/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See oracle.h.  An entry is a change that matters for a cell yet: it
 * may be what the cell holds (dead is 0), it may come back after a
 * crash, or a read that is in flight may have found it.
 */

#include <config.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/align.h"
#include "model/oracle.h"
#include "support/must.h"

/* First content comes in runs of so many bytes. */
#define INITIAL_RUN 40960

struct entry {
  uint64_t start;
  uint64_t end;  /* 0: in flight */
  uint64_t dead; /* since when the cell cannot hold it, or 0 */
  uint32_t version;
  bool weak, durable;
};

struct cell {
  struct entry *v;
  uint32_t len, cap;
};

struct oracle {
  uint64_t size, initial_size, seed;
  uint32_t unit;
  uint32_t versions;
  uint64_t ncells;
  uint64_t clock;  /* never 0 */
  uint64_t oldest; /* what died before it is of no use to reads */
  struct cell *cell;
};

/* Data. */

static uint64_t
mix (uint64_t z)
{
  z = (z ^ (z >> 30)) * UINT64_C (0xbf58476d1ce4e5b9);
  z = (z ^ (z >> 27)) * UINT64_C (0x94d049bb133111eb);
  return z ^ (z >> 31);
}

uint64_t
oracle_ncells (const struct oracle *o)
{
  return o->ncells;
}

uint64_t
oracle_bytes (const struct oracle *o, uint64_t cell, uint64_t n)
{
  return min_u64 ((cell + n) * o->unit, o->size) - cell * o->unit;
}

/* No byte of it is zero, unless it is all zeroes.  What was there first
 * ends with the disk below, which may be inside a cell.
 */
static void
fill_cell (const struct oracle *o, char *buf, uint64_t cell, uint32_t version)
{
  const uint64_t count = oracle_bytes (o, cell, 1);
  const uint64_t start = cell * o->unit;
  uint64_t key = mix (o->seed + mix (version) + cell);

  if (version == VERSION_ZERO) {
    memset (buf, 0, count);
    return;
  }
  for (uint64_t i = 0; i < count; i += 8) {
    const uint64_t word = mix (++key) | UINT64_C (0x0101010101010101);

    memcpy (buf + i, &word, min_u64 (8, count - i));
  }
  if (version == VERSION_INITIAL && start + count > o->initial_size)
    memset (buf + (o->initial_size - start), 0,
            start + count - o->initial_size);
}

void
oracle_fill (const struct oracle *o, char *buf, uint64_t cell, uint64_t n,
             uint32_t version)
{
  for (uint64_t i = 0; i < n; i++)
    fill_cell (o, buf + i * o->unit, cell + i, version);
}

static uint32_t
initial_version (const struct oracle *o, uint64_t cell)
{
  const uint64_t run = cell * o->unit / INITIAL_RUN;

  if (cell * o->unit >= o->initial_size || mix (o->seed + run) % 3 == 0)
    return VERSION_ZERO;
  return VERSION_INITIAL;
}

void
oracle_initial (const struct oracle *o, char *buf)
{
  for (uint64_t i = 0; i < o->ncells; i++)
    fill_cell (o, buf + i * o->unit, i, initial_version (o, i));
}

uint32_t
oracle_new_version (struct oracle *o)
{
  return o->versions++;
}

/* Entries. */

static void
add_entry (struct cell *c, const struct entry *e)
{
  if (c->len == c->cap) {
    c->cap = c->cap == 0 ? 2 : 2 * c->cap;
    c->v = must_realloc (c->v, c->cap * sizeof *c->v);
  }
  c->v[c->len++] = *e;
}

/* Does W, which has ended, rule E out? */
static bool
rules_out (const struct entry *w, const struct entry *e)
{
  return w->end != 0 && !w->weak && e->end != 0 && e->end < w->start;
}

static bool
survives_crash (const struct cell *c, const struct entry *e)
{
  for (uint32_t i = 0; i < c->len; i++) {
    if (c->v[i].durable && rules_out (&c->v[i], e))
      return false;
  }
  return true;
}

/* An entry goes that nothing can bring to light any more. */
static void
prune (const struct oracle *o, struct cell *c)
{
  uint32_t kept = 0;

  for (uint32_t i = 0; i < c->len; i++) {
    const struct entry *e = &c->v[i];

    if (e->dead == 0 || e->dead >= o->oldest || survives_crash (c, e))
      c->v[kept++] = *e;
  }
  c->len = kept;
}

static void
set_only (struct oracle *o, struct cell *c, uint32_t version)
{
  const struct entry e = {
    .start = o->clock, .end = o->clock, .version = version, .durable = true
  };

  c->len = 0;
  add_entry (c, &e);
}

void
oracle_reset (struct oracle *o)
{
  o->clock++;
  for (uint64_t i = 0; i < o->ncells; i++)
    set_only (o, &o->cell[i], initial_version (o, i));
}

struct oracle *
oracle_create (uint64_t size, uint32_t unit, uint64_t initial_size,
               uint64_t seed)
{
  struct oracle *o = must_calloc (1, sizeof *o);

  o->size = size;
  o->unit = unit;
  o->initial_size = initial_size;
  o->seed = mix (seed);
  o->versions = VERSION_FIRST;
  o->ncells = DIV_ROUND_UP (size, (uint64_t) unit);
  o->cell = must_calloc (o->ncells, sizeof *o->cell);
  o->clock = 1;
  oracle_reset (o);
  return o;
}

void
oracle_free (struct oracle *o)
{
  for (uint64_t i = 0; i < o->ncells; i++)
    free (o->cell[i].v);
  free (o->cell);
  free (o);
}

/* Requests. */

uint64_t
oracle_begin (struct oracle *o)
{
  return ++o->clock;
}

void
oracle_oldest (struct oracle *o, uint64_t time)
{
  o->oldest = time;
}

uint64_t
oracle_begin_change (struct oracle *o, uint64_t cell, uint64_t n,
                     uint32_t version, bool weak)
{
  const struct entry e = { .start = ++o->clock,
                           .version = version,
                           .weak = weak };

  for (uint64_t i = cell; i < cell + n; i++)
    add_entry (&o->cell[i], &e);
  return e.start;
}

static void
end_change (struct oracle *o, struct cell *c, uint64_t start, bool fua)
{
  struct entry *w = c->v;

  while (w->start != start)
    w++;
  w->end = o->clock;
  w->durable = fua;
  for (uint32_t i = 0; i < c->len; i++) {
    if (c->v[i].dead == 0 && rules_out (w, &c->v[i]))
      c->v[i].dead = o->clock;
  }
  prune (o, c);
}

void
oracle_end_change (struct oracle *o, uint64_t cell, uint64_t n, uint64_t start,
                   bool fua)
{
  o->clock++;
  for (uint64_t i = cell; i < cell + n; i++)
    end_change (o, &o->cell[i], start, fua);
}

void
oracle_end_flush (struct oracle *o, uint64_t start)
{
  o->clock++;
  for (uint64_t i = 0; i < o->ncells; i++) {
    struct cell *c = &o->cell[i];

    for (uint32_t j = 0; j < c->len; j++) {
      if (c->v[j].end != 0 && c->v[j].end < start)
        c->v[j].durable = true;
    }
    if (c->len > 1)
      prune (o, c);
  }
}

/* Checks. */

static void
explain (const struct oracle *o, uint64_t cell, uint64_t start, const char *buf)
{
  const struct cell *c = &o->cell[cell];
  const uint64_t count = oracle_bytes (o, cell, 1);
  char *data = must_malloc (o->unit);

  fprintf (stderr,
           "model: wrong at byte %" PRIu64 " (cell %" PRIu64 " of %" PRIu32
           "), read from %" PRIu64 " to %" PRIu64 "\n",
           cell * o->unit, cell, o->unit, start, o->clock);
  for (uint32_t i = 0; i < c->len; i++) {
    const struct entry *e = &c->v[i];

    fprintf (stderr, "  version %" PRIu32 "%s%s from %" PRIu64 " to %" PRIu64,
             e->version, e->weak ? " (trim)" : "",
             e->durable ? " (durable)" : "", e->start, e->end);
    if (e->dead != 0)
      fprintf (stderr, ", gone since %" PRIu64, e->dead);
    fprintf (stderr, "\n");
  }
  for (uint32_t v = 0; buf != NULL && v < o->versions; v++) {
    fill_cell (o, data, cell, v);
    if (memcmp (data, buf, count) == 0)
      fprintf (stderr, "  it holds version %" PRIu32 "\n", v);
  }
  free (data);
}

static bool
was_possible (const struct entry *e, uint64_t start)
{
  return e->dead == 0 || e->dead > start;
}

/* Was a change in flight at some time since START? */
static bool
is_racy (const struct cell *c, uint64_t start)
{
  for (uint32_t i = 0; i < c->len; i++) {
    if (c->v[i].end == 0 || c->v[i].end > start)
      return true;
  }
  return false;
}

/* Each byte is that of some version: reads that race with changes may
 * find any mixture.
 */
static bool
check_racy (const struct oracle *o, uint64_t cell, uint64_t start,
            const char *buf, char *scratch)
{
  const struct cell *c = &o->cell[cell];
  const uint64_t count = oracle_bytes (o, cell, 1);
  uint8_t *const good = memset (scratch + o->unit, 0, count);

  for (uint32_t i = 0; i < c->len; i++) {
    if (!was_possible (&c->v[i], start))
      continue;
    fill_cell (o, scratch, cell, c->v[i].version);
    for (uint64_t j = 0; j < count; j++)
      good[j] |= scratch[j] == buf[j];
  }
  return memchr (good, 0, count) == NULL;
}

/* One version, whole, and from now on no other: it is as good as written
 * when the read began.
 */
static bool
check_quiet (const struct oracle *o, uint64_t cell, uint64_t start,
             const char *buf, char *scratch)
{
  struct cell *c = &o->cell[cell];
  struct entry *found = NULL;

  for (uint32_t i = 0; i < c->len; i++) {
    if (c->v[i].dead != 0)
      continue;
    fill_cell (o, scratch, cell, c->v[i].version);
    if (memcmp (scratch, buf, oracle_bytes (o, cell, 1)) == 0)
      found = &c->v[i];
  }
  if (found == NULL)
    return false;
  for (uint32_t i = 0; i < c->len; i++) {
    if (c->v[i].dead == 0 && &c->v[i] != found)
      c->v[i].dead = o->clock;
  }
  found->start = found->end = start;
  found->weak = false;
  return true;
}

bool
oracle_check_read (struct oracle *o, const char *buf, uint64_t cell, uint64_t n,
                   uint64_t start)
{
  char *scratch = must_malloc (2 * o->unit);
  bool ok = true;

  o->clock++;
  for (uint64_t i = 0; ok && i < n; i++, buf += o->unit) {
    ok = is_racy (&o->cell[cell + i], start) ?
           check_racy (o, cell + i, start, buf, scratch) :
           check_quiet (o, cell + i, start, buf, scratch);
    if (!ok)
      explain (o, cell + i, start, buf);
  }
  free (scratch);
  return ok;
}

static bool
may_be_zero (const struct oracle *o, uint64_t cell, uint64_t start)
{
  const struct cell *c = &o->cell[cell];

  for (uint32_t i = 0; i < c->len; i++) {
    if (c->v[i].version == VERSION_ZERO && was_possible (&c->v[i], start))
      return true;
  }
  return false;
}

bool
oracle_check_zero (struct oracle *o, uint64_t cell, uint64_t n, uint64_t start)
{
  o->clock++;
  for (uint64_t i = cell; i < cell + n; i++) {
    if (may_be_zero (o, i, start))
      continue;
    fprintf (stderr, "model: not zero, as block status says it is\n");
    explain (o, i, start, NULL);
    return false;
  }
  return true;
}

/* Restarts. */

void
oracle_crash (struct oracle *o, bool loses)
{
  o->clock++;
  for (uint64_t i = 0; i < o->ncells; i++) {
    struct cell *c = &o->cell[i];
    uint32_t kept = 0;

    for (uint32_t j = 0; j < c->len; j++)
      c->v[j].dead =
        c->v[j].dead != 0 && !(loses && survives_crash (c, &c->v[j]));
    for (uint32_t j = 0; j < c->len; j++) {
      if (c->v[j].dead == 0)
        c->v[kept++] = c->v[j];
    }
    c->len = kept;
    for (uint32_t j = 0; j < kept; j++)
      c->v[j].end = o->clock;
  }
}

void
oracle_settle (struct oracle *o)
{
  for (uint64_t i = 0; i < o->ncells; i++) {
    struct cell *c = &o->cell[i];
    uint32_t version = VERSION_ZERO;

    for (uint32_t j = 0; j < c->len; j++) {
      if (c->v[j].dead == 0)
        version = c->v[j].version;
    }
    set_only (o, c, version);
  }
}
