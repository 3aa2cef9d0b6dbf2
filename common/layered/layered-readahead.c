/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Readahead: sequential readers are known by the addresses of their
 * misses; what they will want is fetched by the threads before they do.
 *
 * A miss begins a stream, one that goes on where another ended makes it
 * read ahead, by little.  When the reader has used a quarter of what is
 * ahead of it, the distance is doubled, up to the limit, and filled up:
 * so the threads have work while the reader still has data.  A reader
 * that misses what was fetched for it has lost it before it came, or is
 * none: the distance is halved, and at last the stream ends.  Streams that
 * nobody goes on with are forgotten for newer ones; each that comes to
 * nothing makes the next ones begin with less.
 */

#include <config.h>

#include "base/cleanup.h"
#include "layered/layered-fetch.h"

#define READAHEAD_MOST (8u * 1024 * 1024)
#define FIRST_UNITS 4

/* How far ahead to be at most; less than a fetch unit is nothing. */
static uint64_t
most_ahead (const struct layered *ld)
{
  const uint32_t bytes = ld->tuning.readahead;

  if (bytes == UINT32_MAX)
    return 0;
  return (bytes ? bytes : READAHEAD_MOST) >> ld->sector_shift;
}

static void
set_mark (struct layered_fetch *f, const struct stream *st, uint64_t lo,
          uint64_t hi)
{
  const unsigned i = st - f->stream;

  atomic_store_explicit (&f->lo[i], lo, memory_order_relaxed);
  atomic_store_explicit (&f->hi[i], hi, memory_order_relaxed);
}

/* Take back what the threads have not begun and nobody waits for. */
static void
cancel_locked (struct layered_fetch *f, uint64_t start, uint64_t end)
{
  struct flight *fl, *next;

  for (fl = TAILQ_FIRST (&f->ahead); fl != NULL; fl = next) {
    next = TAILQ_NEXT (fl, place);
    if (fl->refs == 1 && fl->start < end && start < fl->end)
      flight_dequeue_locked (f, fl);
  }
}

/* Read no more ahead for it; it may begin anew. */
static void
stop_locked (struct layered_fetch *f, struct stream *st)
{
  if (st->size == 0)
    return;
  cancel_locked (f, st->next, st->frontier);
  set_mark (f, st, UINT64_MAX, 0);
  st->size = 0;
}

void
layered_readahead_reset_locked (struct layered_fetch *f)
{
  for (unsigned i = 0; i < FETCH_STREAMS; i++) {
    f->stream[i] = (struct stream){ .used = 0 };
    set_mark (f, &f->stream[i], UINT64_MAX, 0);
  }
  f->first_size = FIRST_UNITS;
}

/* Flights for what is absent of [START, END), and not on its way. */
static void
send_locked (struct layered *ld, uint64_t start, uint64_t end)
{
  struct layered_fetch *f = ld->fetch;
  const cache_moment moment = layered_cache_moment (ld->cache[f->level]);
  uint64_t stop;

  while (
    layered_fetch_absent (ld, f->level, &start, end, fetch_unit (ld), &stop)) {
    struct flight *fl, *other;

    TAILQ_FOREACH (other, &f->table[f->level], link)
    {
      if (other->start <= start && start < other->end)
        start = min_u64 (other->end, stop);
      else if (other->start > start && other->start < stop)
        stop = other->start;
    }
    if (start < stop) {
      fl = flight_create_locked (f, f->level, start, stop, moment);
      if (fl == NULL)
        return;
      fl->ahead = true;
      flight_enqueue_locked (f, fl, &f->ahead);
      flight_put_locked (f, fl);
    }
    start = stop;
  }
}

/* The reader is at POS: be ahead of it as far as the stream is. */
static void
advance_locked (struct layered *ld, struct stream *st, uint64_t pos)
{
  const uint64_t unit = fetch_unit (ld);
  const uint64_t limit = ld->visible[ld->fetch->level + 1];
  const uint64_t step =
    min_u64 (ROUND_UP (st->size / 4, unit), fetch_most (ld));
  uint64_t goal = min_u64 (ROUND_DOWN (pos + st->size, unit), limit), next;

  st->frontier = max_u64 (st->frontier, pos);
  /* In whole steps, or the reader's own small ones would be repeated. */
  while (st->frontier < goal &&
         (goal == limit || goal - st->frontier >= step)) {
    next = min_u64 (goal, ROUND_DOWN (st->frontier, unit) + step);
    send_locked (ld, st->frontier, next);
    st->frontier = next;
  }
  if (st->frontier >= limit)
    set_mark (ld->fetch, st, UINT64_MAX, 0);
  else
    set_mark (ld->fetch, st,
              st->frontier - min_u64 (st->size / 4 * 3, st->frontier),
              st->frontier);
}

/* Does a read at SECTOR go on with the stream?  Requests of one reader
 * may overtake each other a little.
 */
static bool
goes_on (const struct stream *st, uint64_t sector, uint64_t unit)
{
  const uint64_t back = max_u64 (st->size, unit);

  return st->used != 0 && sector + back >= st->next &&
         sector <= max_u64 (st->next, st->frontier) + unit;
}

static struct stream *
find_locked (struct layered_fetch *f, uint64_t sector, uint64_t unit,
             struct stream **oldest)
{
  *oldest = &f->stream[0];
  for (unsigned i = 0; i < FETCH_STREAMS; i++) {
    struct stream *st = &f->stream[i];

    if (goes_on (st, sector, unit))
      return st;
    if (st->used < (*oldest)->used)
      *oldest = st;
  }
  return NULL;
}

static void
begin_locked (struct layered_fetch *f, struct stream *st, uint64_t end)
{
  /* It read ahead, and nobody came as far as the mark. */
  if (st->size > 0 && !st->useful)
    f->first_size = max_u64 (f->first_size / 2, 1);
  stop_locked (f, st);
  *st = (struct stream){ .next = end, .frontier = end, .used = ++f->clock };
}

/* Where the reader should find data there is none. */
static void
shrink_locked (struct layered *ld, struct stream *st)
{
  cancel_locked (ld->fetch, st->next, st->frontier);
  st->size /= 2;
  st->shrunk = true;
  st->frontier = st->next;
  if (st->size < fetch_unit (ld)) {
    set_mark (ld->fetch, st, UINT64_MAX, 0);
    st->size = 0;
  }
}

void
layered_readahead_miss_locked (struct layered *ld, uint64_t sector,
                               uint64_t nsectors, bool fresh)
{
  struct layered_fetch *f = ld->fetch;
  const uint64_t unit = fetch_unit (ld), end = sector + nsectors;
  struct stream *st, *oldest;

  if (f->nthreads == 0 || most_ahead (ld) < unit ||
      atomic_load_explicit (&f->full[f->level], memory_order_relaxed))
    return;
  st = find_locked (f, sector, unit, &oldest);
  if (st == NULL) {
    begin_locked (f, oldest, end);
    return;
  }
  st->used = ++f->clock;
  if (st->size > 0 && fresh && end >= st->next && end <= st->frontier)
    shrink_locked (ld, st);
  else if (st->size == 0 && sector >= st->next) {
    st->size = min_u64 (f->first_size * unit, most_ahead (ld));
    st->frontier = end;
  }
  st->next = max_u64 (st->next, end);
  if (st->size > 0)
    advance_locked (ld, st, st->next);
}

void
layered_readahead_go_on (struct layered *ld, uint64_t sector, uint64_t nsectors)
{
  struct layered_fetch *f = ld->fetch;
  const uint64_t end = sector + nsectors;

  LOCK_SCOPE (&f->lock);
  for (unsigned i = 0; i < FETCH_STREAMS; i++) {
    struct stream *st = &f->stream[i];

    if (end <= atomic_load_explicit (&f->lo[i], memory_order_relaxed) ||
        sector >= atomic_load_explicit (&f->hi[i], memory_order_relaxed))
      continue;
    if (atomic_load_explicit (&f->full[f->level], memory_order_relaxed)) {
      stop_locked (f, st);
      continue;
    }
    if (!st->shrunk)
      st->size = min_u64 (2 * st->size, most_ahead (ld));
    st->shrunk = false;
    st->next = max_u64 (st->next, end);
    st->used = ++f->clock;
    st->useful = true;
    f->first_size = min_u64 (2 * f->first_size, FIRST_UNITS);
    advance_locked (ld, st, st->next);
  }
}

void
layered_readahead_failed (struct layered *ld, const struct flight *fl)
{
  struct layered_fetch *f = ld->fetch;

  LOCK_SCOPE (&f->lock);
  for (unsigned i = 0; i < FETCH_STREAMS; i++) {
    struct stream *st = &f->stream[i];

    if (fl->level == f->level && fl->start < st->frontier &&
        fl->end + st->size > st->next)
      stop_locked (f, st);
  }
}
