/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Places: which are used, finding free ones, growing and cutting the
 * file.  Nothing of this is stored: after an open, used is what the map
 * and the log refer to.
 */

#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "layer/sqlite/sqlite-impl.h"

/* The file grows by this many places at once: 16 MiB. */
#define GROW_PLACES 256

/* How many places are looked at for a run of them, at most. */
#define FIND_RUNS 64

/* Places that `used' can tell of, beyond twice the disk: for the log and
 * for what is in quarantine.
 */
#define SLACK_PLACES (UINT64_C (1) << 20)

int
sqlite_space_init (struct sqlite_layer *l)
{
  struct space *s = &l->space;

  s->limit = min_u64 (SDB_PLACE_LIMIT,
                      2 * l->nclusters + l->nclusters / 64 + SLACK_PLACES);
  s->used = presence_create (s->limit);
  s->end = s->cursor = SDB_PLACE_FIRST;
  return s->used == NULL ? -1 : 0;
}

void
sqlite_space_fini (struct sqlite_layer *l)
{
  presence_free (l->space.used);
  free (l->space.quarantine.v);
  pthread_mutex_destroy (&l->space.lock);
}

/* Free places of [FROM, TO), that is, without stripes. */
static uint64_t
count_places (uint64_t from, uint64_t to)
{
  uint64_t n = 0;

  while ((from = sdb_place_skip_stripe (from)) < to) {
    const uint64_t end = min_u64 (
      ROUND_DOWN (from, SDB_PLACES_PER_SEGMENT) + SDB_PLACES_PER_SEGMENT, to);

    n += end - from;
    from = end;
  }
  return n;
}

/* Move the end to at least TO.  With the lock. */
static void
move_end (struct space *s, uint64_t to)
{
  if (to > s->end) {
    s->nfree += count_places (s->end, to);
    s->end = to;
  }
}

int
sqlite_space_use (struct sqlite_layer *l, uint64_t place, uint64_t n, int *err)
{
  struct space *s = &l->space;
  int64_t fresh;

  if (place + n > s->limit) {
    *err = EFBIG;
    return -1;
  }
  fresh = presence_test_and_set (s->used, place, n);
  if (fresh != (int64_t) n) {
    *err = fresh == -1 ? ENOMEM : EEXIST;
    return -1;
  }
  move_end (s, place + n);
  s->nfree -= n;
  s->nused += n;
  return 0;
}

int
sqlite_space_use_words (struct sqlite_layer *l, const uint64_t *words,
                        size_t nwords, uint64_t n, uint64_t end, int *err)
{
  struct space *s = &l->space;

  if (presence_set_words (s->used, 0, words, nwords) == -1) {
    *err = ENOMEM;
    return -1;
  }
  move_end (s, end);
  s->nfree -= n;
  s->nused += n;
  return 0;
}

/* N free places before the end, at or after *POS and before TO, where
 * *POS moves to; 0 if there are none, or *RUNS had fewer.
 */
static uint64_t
find_free (const struct space *s, uint64_t n, uint64_t *pos, uint64_t to,
           unsigned *runs)
{
  uint64_t from = *pos;

  for (; from<to && * runs> 0; *pos = from, (*runs)--) {
    const uint64_t place =
      sdb_place_skip_stripe (presence_find (s->used, from, to, false));
    const uint64_t run_limit = min_u64 (place + n, to);
    uint64_t end;

    if (place >= to)
      return 0;
    end = presence_find (s->used, place, run_limit, true);
    if (end - place == n && sdb_places_valid (place, n)) {
      *pos = end;
      return place;
    }
    /* At the end of a segment there may be room for fewer. */
    from = max_u64 (end, place + 1);
    if (end - place == n)
      from = ROUND_UP (place + 1, SDB_PLACES_PER_SEGMENT);
  }
  return 0;
}

/* Free places before the end, next fit.  Looking for a run that is long
 * compared with what is free is not worth the time.
 */
static uint64_t
find_before_end (struct space *s, uint64_t n)
{
  const uint64_t began = s->cursor;
  unsigned runs = FIND_RUNS;
  uint64_t place;

  if (s->nfree < n * 4 && !(n == 1 && s->nfree > 0))
    return 0;
  place = find_free (s, n, &s->cursor, s->end, &runs);
  if (place == 0 && runs > 0) {
    s->cursor = SDB_PLACE_FIRST;
    place = find_free (s, n, &s->cursor, began, &runs);
  }
  return place;
}

/* Is so much free before the end that the file should not grow because
 * it is not in one piece?
 */
static bool
is_roomy (const struct space *s)
{
  return s->nfree > s->nused / 4 + GROW_PLACES;
}

static uint64_t
place_at_end (struct space *s, uint64_t n)
{
  uint64_t place = sdb_place_skip_stripe (s->end);

  if (!sdb_places_valid (place, n))
    place =
      sdb_place_skip_stripe (ROUND_UP (place + 1, SDB_PLACES_PER_SEGMENT));
  return place;
}

static int
grow_file (struct sqlite_layer *l, uint64_t end, int *err)
{
  const uint64_t size = sdb_place_offset (end);

  if (size <= store_size (l->file))
    return 0;
  if (store_resize (l->file, sdb_place_offset (ROUND_UP (end, GROW_PLACES)),
                    err) == -1)
    return -1;
  l->log.grew = true;
  return 0;
}

/* Make [P, P+N), which is free, used.  With the lock. */
static int
occupy (struct sqlite_layer *l, uint64_t p, uint64_t n, int *err)
{
  struct space *s = &l->space;

  if (p + n > s->limit) {
    *err = ENOSPC;
    return -1;
  }
  if (grow_file (l, p + n, err) == -1)
    return -1;
  if (presence_set (s->used, p, n) == -1) {
    *err = ENOMEM;
    return -1;
  }
  move_end (s, p + n);
  s->nfree -= n;
  s->nused += n;
  return 0;
}

int
sqlite_space_alloc_some (struct sqlite_layer *l, uint64_t *n, uint64_t *place,
                         int *err)
{
  struct space *s = &l->space;
  LOCK_SCOPE (&s->lock);
  uint64_t found = *n;

  while ((*place = find_before_end (s, found)) == 0 && found > 1 &&
         is_roomy (s))
    found /= 2;
  if (*place == 0)
    *place = place_at_end (s, *n);
  else
    *n = found;
  return occupy (l, *place, *n, err);
}

int
sqlite_space_alloc (struct sqlite_layer *l, uint64_t n, uint64_t *place,
                    int *err)
{
  struct space *s = &l->space;
  LOCK_SCOPE (&s->lock);

  *place = find_before_end (s, n);
  if (*place == 0)
    *place = place_at_end (s, n);
  return occupy (l, *place, n, err);
}

int
sqlite_space_alloc_log (struct sqlite_layer *l, uint64_t n, uint64_t *place,
                        int *err)
{
  struct space *s = &l->space;

  pthread_mutex_lock (&s->lock);
  *place = sdb_place_skip_stripe (SDB_PLACE_FIRST + n);
  const bool done = s->end <= *place && sdb_places_valid (*place, n) &&
                    occupy (l, *place, n, err) == 0;
  pthread_mutex_unlock (&s->lock);
  return done ? 0 : sqlite_space_alloc (l, n, place, err);
}

void
sqlite_space_unalloc (struct sqlite_layer *l, uint64_t place, uint64_t n)
{
  struct space *s = &l->space;
  LOCK_SCOPE (&s->lock);

  if (presence_clear (s->used, place, n) == 0) {
    s->nfree += n;
    s->nused -= n;
  }
}

/* Append a run; on lack of memory the places stay used until the next
 * open, which costs space and nothing else.
 */
static void
add_freed (struct space *s, const struct freed *f)
{
  struct freed_list *list = &s->quarantine;
  struct freed *last = list->len > 0 ? &list->v[list->len - 1] : NULL;

  if (last != NULL && last->place + last->n == f->place &&
      last->round == f->round) {
    last->n += f->n;
    return;
  }
  if (list->len == list->cap) {
    const size_t cap = list->cap ? list->cap * 2 : 64;
    struct freed *v = realloc (list->v, cap * sizeof *v);

    if (v == NULL) {
      s->nquarantined -= f->n;
      return;
    }
    list->v = v;
    list->cap = cap;
  }
  list->v[list->len++] = *f;
}

void
sqlite_space_free (struct sqlite_layer *l, uint64_t place)
{
  const struct freed f = { .place = place,
                           .n = 1,
                           .round = sqlite_log_round (l) };

  LOCK_SCOPE (&l->space.lock);
  l->space.nquarantined++;
  add_freed (&l->space, &f);
}

uint64_t
sqlite_space_used (struct sqlite_layer *l, uint64_t *quarantined)
{
  LOCK_SCOPE (&l->space.lock);

  *quarantined = l->space.nquarantined * SDB_CLUSTER;
  return l->space.nused * SDB_CLUSTER;
}

void
sqlite_space_take_quarantine (struct sqlite_layer *l, struct freed_list *list)
{
  LOCK_SCOPE (&l->space.lock);
  *list = l->space.quarantine;
  l->space.quarantine = (struct freed_list){ .v = NULL };
}

void
sqlite_space_return_quarantine (struct sqlite_layer *l, struct freed_list *list)
{
  LOCK_SCOPE (&l->space.lock);
  for (size_t i = 0; i < list->len; i++)
    add_freed (&l->space, &list->v[i]);
  free (list->v);
}

/* First give the space back, then let others write there. */
static void
release (struct sqlite_layer *l, const struct freed *f)
{
  int err;

  if (store_trim (l->file, f->n * SDB_CLUSTER, sdb_place_offset (f->place), 0,
                  &err) == -1) {
    errno = err;
    log_debug ("%s: cannot give back %" PRIu64 " clusters: %m", l->name, f->n);
  }
  sqlite_space_unalloc (l, f->place, f->n);
  LOCK_SCOPE (&l->space.lock);
  l->space.nquarantined -= f->n;
}

void
sqlite_space_release (struct sqlite_layer *l, struct freed_list *list,
                      uint64_t ended)
{
  size_t kept = 0;

  for (size_t i = 0; i < list->len; i++) {
    if (list->v[i].round <= ended)
      release (l, &list->v[i]);
    else
      list->v[kept++] = list->v[i];
  }
  list->len = kept;
  sqlite_space_return_quarantine (l, list);
}

/* The last used place before END, plus one. */
static uint64_t
last_used (const struct space *s)
{
  uint64_t end = SDB_PLACE_FIRST, pos = SDB_PLACE_FIRST, run_end;

  while ((pos = presence_find (s->used, pos, s->end, true)) < s->end) {
    presence_run (s->used, pos, s->end, &run_end);
    pos = end = run_end;
  }
  return end;
}

void
sqlite_space_trim_file (struct sqlite_layer *l)
{
  struct space *s = &l->space;
  const uint64_t end = last_used (s);
  const uint64_t size =
    max_u64 (sdb_place_offset (end), sqlite_db_file_end (l->db));
  int err;

  if (size < store_size (l->file) && store_resize (l->file, size, &err) == 0)
    s->end = end;
}
