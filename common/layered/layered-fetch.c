/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What a read cache lacks: which flights bring it, one's own and those
 * that others have made.
 *
 * Each round plans under the lock, runs what nobody else runs, waits for
 * the rest, and takes what it needs.  A round that does not get all, as
 * the layer has got some of it meanwhile or a flight failed that fetched
 * more than was needed, is followed by another look at the layer and
 * another round; after some of them the reader goes its own way.
 */

#include <config.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "layered/layered-plan.h"

#define ROUNDS 4

/* Run what nobody runs, then wait until all is done. */
static void
complete_all (struct miss *ms)
{
  struct layered_fetch *f = ms->ld->fetch;
  bool shared = false;

  for (unsigned i = 0; i < ms->npieces; i++) {
    struct flight *fl = ms->piece[i].fl;
    bool claimed;

    pthread_mutex_lock (&f->lock);
    claimed = flight_claim_locked (f, fl);
    pthread_mutex_unlock (&f->lock);
    if (claimed)
      flight_run (ms->ld, ms->bottom, fl);
    else
      shared = shared || !ms->piece[i].mine;
  }
  if (shared)
    count_add (&ms->ld->fetch_counters.shared, 1);
  LOCK_SCOPE (&f->lock);
  for (unsigned i = 0; i < ms->npieces; i++)
    flight_wait_locked (f, ms->piece[i].fl);
}

/* Copy the missing sectors of a piece. */
static void
take (const struct miss *ms, const struct piece *p)
{
  const unsigned shift = ms->ld->sector_shift;
  uint64_t s = p->start;
  uint32_t n;

  while (s < p->end && marker_next_unset (ms->m, &s, &n)) {
    const uint64_t end = min_u64 (s + n, p->end);

    if (s < end)
      memcpy (miss_at (ms, s), p->fl->data + ((s - p->fl->start) << shift),
              (end - s) << shift);
    s = max_u64 (s, end);
  }
}

/* What became of one piece: 0, or -1 with *ERR if it is this request's
 * failure.
 */
static int
settle (struct miss *ms, const struct piece *p, int *err)
{
  const struct flight *fl = p->fl;
  const bool here = p->mine && fl->direct;

  if (fl->error != 0) {
    if (plan_is_needed (ms, fl)) {
      *err = fl->error;
      return -1;
    }
    ms->exact = true;
  }
  else if (fl->unread && !here)
    ms->exact = true;
  else {
    if (ms->buf != NULL && !here)
      take (ms, p);
    marker_set (ms->m, p->start, p->end - p->start);
  }
  return 0;
}

static int
settle_all (struct miss *ms, int *err)
{
  struct layered_fetch *f = ms->ld->fetch;
  int r = 0;

  for (unsigned i = 0; i < ms->npieces && r == 0; i++)
    r = settle (ms, &ms->piece[i], err);
  LOCK_SCOPE (&f->lock);
  for (unsigned i = 0; i < ms->npieces; i++)
    flight_put_locked (f, ms->piece[i].fl);
  return r;
}

/* Read the run [SECTOR, SECTOR+NSECTORS), which is missing, again. */
static int
look_at_run (struct miss *ms, uint64_t sector, uint32_t nsectors, int *err)
{
  const uint64_t end = sector + nsectors;
  CLEANUP (marker_fini) struct marker m;
  cache_moment moment;
  uint64_t s = sector;
  uint32_t n;

  if (layered_look (ms->ld, ms->level, miss_at (ms, sector), sector, nsectors,
                    &m, &moment, err) == -1)
    return -1;
  for (; marker_next_unset (&m, &s, &n); sector = s = s + n)
    marker_set (ms->m, sector, s - sector);
  marker_set (ms->m, sector, end - sector);
  return 0;
}

/* Another look at the layer, for what is still missing. */
static int
look_again (struct miss *ms, int *err)
{
  struct layer *l = ms->ld->member[ms->level].layer;
  uint64_t s = ms->m->sector, end;
  uint32_t n;

  ms->moment = layered_cache_moment (ms->ld->cache[ms->level]);
  while (marker_next_unset (ms->m, &s, &n)) {
    if (ms->buf != NULL) {
      if (look_at_run (ms, s, n, err) == -1)
        return -1;
      s += n;
      continue;
    }
    if (l->ops->state (l, s, s + n, &end) != LAYER_ABSENT)
      marker_set (ms->m, s, end - s);
    s = end;
  }
  return 0;
}

/* Without flights: there is no memory, or no luck. */
static int
go_alone (struct miss *ms, int *err)
{
  uint64_t s = ms->m->sector;
  uint32_t n;

  if (ms->buf == NULL) {
    *err = ENOMEM;
    return -1;
  }
  for (; marker_next_unset (ms->m, &s, &n); s += n) {
    if (layered_read_from (ms->ld, ms->bottom, ms->level + 1, miss_at (ms, s),
                           s, n, err) == -1)
      return -1;
    layered_cache_populate (ms->ld, ms->level, ms->bottom, miss_at (ms, s), s,
                            n, ms->moment);
  }
  return 0;
}

/* What is beyond the end of all that is below reads as zero, and is not
 * stored.
 */
static void
take_zeroes (struct miss *ms)
{
  const uint64_t visible = ms->ld->visible[ms->level + 1];
  uint64_t s = max_u64 (ms->m->sector, visible);
  const uint64_t start = s, end = ms->m->sector + ms->m->nsectors;
  uint32_t n;

  if (start >= end)
    return;
  for (; ms->buf != NULL && marker_next_unset (ms->m, &s, &n); s += n)
    memset (miss_at (ms, s), 0, (size_t) n << ms->ld->sector_shift);
  marker_set (ms->m, start, end - start);
}

static int
fetch_rounds (struct miss *ms, int *err)
{
  take_zeroes (ms);
  for (unsigned round = 0;; round++) {
    if (round > 0 && look_again (ms, err) == -1)
      return -1;
    if (marker_full (ms->m) || ms->m->failed)
      break;
    if (ms->poor || round == ROUNDS)
      return go_alone (ms, err);
    plan_make (ms, round == 0);
    complete_all (ms);
    if (settle_all (ms, err) == -1)
      return -1;
  }
  if (!ms->m->failed)
    return 0;
  *err = ENOMEM;
  return -1;
}

int
layered_fetch_missing (struct layered *ld, struct store *bottom, unsigned level,
                       char *buf, struct marker *m, cache_moment moment,
                       int *err)
{
  struct miss ms = { .ld = ld,
                     .bottom = bottom,
                     .level = level,
                     .buf = buf,
                     .m = m,
                     .moment = moment,
                     .room = PLAN_FEW };
  int r;

  ms.piece = ms.few;
  r = fetch_rounds (&ms, err);
  if (ms.piece != ms.few)
    free (ms.piece);
  return r;
}

bool
layered_fetch_absent (struct layered *ld, unsigned level, uint64_t *start,
                      uint64_t limit, uint64_t gap, uint64_t *end)
{
  struct layer *l = ld->member[level].layer;
  uint64_t s = *start, e;
  bool found = false;

  for (; s < limit && !(found && s - *end >= gap); s = e) {
    if (l->ops->state (l, s, limit, &e) != LAYER_ABSENT)
      continue;
    if (!found)
      *start = s;
    *end = e;
    found = true;
  }
  return found;
}
