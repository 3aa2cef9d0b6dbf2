/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Which flights bring what a request misses: those that are on their way
 * already, and for the rest new ones, rounded out and cut as it is best
 * for what is below.
 */

#include <config.h>

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "layered/layered-plan.h"

/* The end of the missing run that SECTOR is in, or SECTOR. */
static uint64_t
missing_until (const struct miss *ms, uint64_t sector)
{
  uint64_t start = sector;
  uint32_t n;

  if (sector < ms->m->sector || sector >= ms->m->sector + ms->m->nsectors ||
      !marker_next_unset (ms->m, &start, &n) || start != sector)
    return sector;
  return sector + n;
}

bool
plan_is_needed (const struct miss *ms, const struct flight *fl)
{
  return !fl->ahead && missing_until (ms, fl->start) >= fl->end;
}

/* See layered-fetch.h for why. */
static bool
is_usable (const struct miss *ms, const struct flight *fl, uint64_t start,
           uint64_t end)
{
  if (ms->exact && !plan_is_needed (ms, fl))
    return false;
  if (fl->state == FLIGHT_QUEUED)
    return true;
  start = max_u64 (start, fl->start);
  end = min_u64 (end, fl->end);
  return !layered_cache_lost (ms->ld->cache[ms->level], start, end - start,
                              fl->moment);
}

/* The usable flight that brings the first sectors of [START, END). */
static struct flight *
find_flight (const struct miss *ms, uint64_t start, uint64_t end)
{
  struct flight *fl, *first = NULL;

  TAILQ_FOREACH (fl, &ms->ld->fetch->table[ms->level], link)
  {
    if (fl->start < end && start < fl->end &&
        (first == NULL || fl->start < first->start) &&
        is_usable (ms, fl, start, end)) {
      first = fl;
      if (fl->start <= start)
        break;
    }
  }
  return first;
}

static int
add_piece (struct miss *ms, struct flight *fl, uint64_t start, uint64_t end,
           bool mine)
{
  if (ms->npieces == ms->room) {
    const bool few = ms->piece == ms->few;
    struct piece *p =
      realloc (few ? NULL : ms->piece, 2 * (size_t) ms->room * sizeof *p);

    if (p == NULL)
      return -1;
    if (few)
      memcpy (p, ms->few, sizeof ms->few);
    ms->piece = p;
    ms->room *= 2;
  }
  ms->piece[ms->npieces++] =
    (struct piece){ .fl = fl,
                    .start = max_u64 (start, fl->start),
                    .end = min_u64 (end, fl->end),
                    .mine = mine };
  return 0;
}

static int
join (struct miss *ms, struct flight *fl, uint64_t start, uint64_t end)
{
  if (add_piece (ms, fl, start, end, false) == -1)
    return -1;
  fl->refs++;
  fl->joined++;
  return 0;
}

/* Make a flight of [LO, HI), of which [START, END) is wanted.  Where all
 * of it is missing in the reader's memory it comes straight there.
 */
static int
make_flight (struct miss *ms, uint64_t lo, uint64_t hi, uint64_t start,
             uint64_t end)
{
  struct layered_fetch *f = ms->ld->fetch;
  struct flight *fl = flight_create_locked (f, ms->level, lo, hi, ms->moment);

  if (fl == NULL)
    return -1;
  if (add_piece (ms, fl, start, end, true) == -1) {
    flight_put_locked (f, fl);
    return -1;
  }
  if (ms->buf != NULL && missing_until (ms, lo) >= hi) {
    fl->direct = true;
    fl->data = miss_at (ms, lo);
  }
  return 0;
}

/* How much of NSECTORS one flight takes: so much that all threads have
 * something to do, and none with little.
 */
static uint64_t
share (const struct miss *ms, uint64_t nsectors, bool direct)
{
  const struct layered *ld = ms->ld;
  const uint64_t unit = fetch_unit (ld), most = fetch_most (ld);

  if (ld->fetch->nthreads == 0)
    return direct ? nsectors + unit : most;
  nsectors = DIV_ROUND_UP (nsectors, fetch_parallel (ld));
  return min_u64 (
    max_u64 (ROUND_UP (nsectors, unit), ROUND_UP (most / 4, unit)), most);
}

static int
make_flights (struct miss *ms, uint64_t lo, uint64_t hi, uint64_t start,
              uint64_t end)
{
  const uint64_t step =
    share (ms, hi - lo, ms->buf != NULL && missing_until (ms, lo) >= hi);
  uint64_t next;

  ms->fresh = true;
  for (; lo < hi; lo = next) {
    next = min_u64 (hi, ROUND_DOWN (lo, fetch_unit (ms->ld)) + step);
    if (make_flight (ms, lo, next, start, end) == -1)
      return -1;
  }
  return 0;
}

/* Round [*LO, *HI) out to fetch units, but not over what is present, on
 * its way, or beyond the end.
 */
static void
round_out (const struct miss *ms, uint64_t *lo, uint64_t *hi)
{
  struct layered *ld = ms->ld;
  struct layer *l = ld->member[ms->level].layer;
  const uint64_t unit = fetch_unit (ld);
  const uint64_t limit =
    min_u64 (ROUND_UP (*hi, unit), ld->visible[ms->level + 1]);
  uint64_t from = ROUND_DOWN (*lo, unit), to = *hi, end;
  const struct flight *fl;

  for (uint64_t s = from; s < *lo; s = end) {
    if (l->ops->state (l, s, *lo, &end) != LAYER_ABSENT)
      from = end;
  }
  if (*hi < limit && l->ops->state (l, *hi, limit, &end) == LAYER_ABSENT)
    to = end;
  TAILQ_FOREACH (fl, &ld->fetch->table[ms->level], link)
  {
    if (fl->start < *lo && fl->end > from)
      from = min_u64 (fl->end, *lo);
    if (fl->end > *hi && fl->start < to)
      to = max_u64 (fl->start, *hi);
  }
  *lo = from;
  *hi = to;
}

/* Does the layer still lack all that is missing of [START, END)? */
static bool
is_absent_still (const struct miss *ms, uint64_t start, uint64_t end)
{
  struct layer *l = ms->ld->member[ms->level].layer;
  uint32_t n;

  while (start < end && marker_next_unset (ms->m, &start, &n)) {
    const uint64_t limit = min_u64 (start + n, end);
    uint64_t e;

    for (; start < limit; start = e) {
      if (l->ops->state (l, start, limit, &e) != LAYER_ABSENT)
        return false;
    }
  }
  return true;
}

/* Nobody brings [START, END).  If the layer has got some of it since it
 * was looked at, by a flight that has landed, the next round will find
 * it.
 */
static int
plan_fresh (struct miss *ms, uint64_t start, uint64_t end)
{
  const struct layered *ld = ms->ld;
  uint64_t lo = start, hi = end;

  if (!is_absent_still (ms, start, end))
    return 0;
  if (!ms->exact && end - start < fetch_most (ld) &&
      !atomic_load_explicit (&ld->fetch->full[ms->level], memory_order_relaxed))
    round_out (ms, &lo, &hi);
  return make_flights (ms, lo, hi, start, end);
}

static int
plan_stretch (struct miss *ms, uint64_t start, uint64_t end)
{
  while (start < end) {
    struct flight *fl = find_flight (ms, start, end);
    const uint64_t from = fl == NULL ? end : max_u64 (start, fl->start);

    if (fl != NULL && join (ms, fl, from, end) == -1)
      return -1;
    if (start < from && plan_fresh (ms, start, from) == -1)
      return -1;
    start = fl == NULL ? end : min_u64 (end, fl->end);
  }
  return 0;
}

/* Runs of missing sectors that are less than a fetch unit apart are
 * brought by one read.
 */
static int
plan (struct miss *ms)
{
  const uint64_t gap = ms->exact ? 0 : fetch_unit (ms->ld);
  uint64_t start = ms->m->sector, next;
  uint32_t n;

  while (marker_next_unset (ms->m, &start, &n)) {
    uint64_t end = start + n;

    next = end;
    while (marker_next_unset (ms->m, &next, &n) && next - end < gap)
      next = end = next + n;
    if (plan_stretch (ms, start, end) == -1)
      return -1;
    start = end;
  }
  return 0;
}

void
plan_make (struct miss *ms, bool first_round)
{
  struct layered_fetch *f = ms->ld->fetch;
  bool first = true;

  LOCK_SCOPE (&f->lock);
  ms->npieces = 0;
  ms->fresh = false;
  ms->poor = plan (ms) == -1;
  /* This thread will run one of its flights at once. */
  for (unsigned i = 0; i < ms->npieces && f->nthreads > 0; i++) {
    if (ms->piece[i].mine && !first)
      flight_enqueue_locked (f, ms->piece[i].fl, &f->urgent);
    first = first && !ms->piece[i].mine;
  }
  if (first_round && ms->buf != NULL && ms->level == f->level)
    layered_readahead_miss_locked (ms->ld, ms->m->sector, ms->m->nsectors,
                                   ms->fresh);
}
