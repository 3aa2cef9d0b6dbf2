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
  return 0;
}

/* N free places before the end, at or after FROM and before TO; 0 if
 * there are none.
 */
static uint64_t
find_free (const struct space *s, uint64_t n, uint64_t from, uint64_t to)
{
  while (from < to) {
    const uint64_t place =
      sdb_place_skip_stripe (presence_find (s->used, from, to, false));
    const uint64_t run_limit = min_u64 (place + n, to);
    uint64_t end;

    if (place >= to)
      return 0;
    end = presence_find (s->used, place, run_limit, true);
    if (end - place == n && sdb_places_valid (place, n))
      return place;
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
  uint64_t place;

  if (s->nfree < n * 4 && !(n == 1 && s->nfree > 0))
    return 0;
  place = find_free (s, n, s->cursor, s->end);
  if (place == 0)
    place = find_free (s, n, SDB_PLACE_FIRST, s->cursor);
  if (place != 0)
    s->cursor = place + n;
  return place;
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

int
sqlite_space_alloc (struct sqlite_layer *l, uint64_t n, uint64_t *place,
                    int *err)
{
  struct space *s = &l->space;
  uint64_t p;
  LOCK_SCOPE (&s->lock);

  p = find_before_end (s, n);
  if (p == 0)
    p = place_at_end (s, n);
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
  *place = p;
  return 0;
}

void
sqlite_space_unalloc (struct sqlite_layer *l, uint64_t place, uint64_t n)
{
  struct space *s = &l->space;
  LOCK_SCOPE (&s->lock);

  if (presence_clear (s->used, place, n) == 0)
    s->nfree += n;
}

/* Append a run; on lack of memory the places stay used until the next
 * open, which costs space and nothing else.
 */
static void
add_freed (struct freed_list *list, uint64_t place, uint64_t n)
{
  struct freed *last = list->len > 0 ? &list->v[list->len - 1] : NULL;

  if (last != NULL && last->place + last->n == place) {
    last->n += n;
    return;
  }
  if (list->len == list->cap) {
    const size_t cap = list->cap ? list->cap * 2 : 64;
    struct freed *v = realloc (list->v, cap * sizeof *v);

    if (v == NULL)
      return;
    list->v = v;
    list->cap = cap;
  }
  list->v[list->len++] = (struct freed){ .place = place, .n = n };
}

void
sqlite_space_free (struct sqlite_layer *l, uint64_t place)
{
  LOCK_SCOPE (&l->space.lock);
  add_freed (&l->space.quarantine, place, 1);
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
    add_freed (&l->space.quarantine, list->v[i].place, list->v[i].n);
  free (list->v);
}

/* First give the space back, then let others write there. */
void
sqlite_space_release (struct sqlite_layer *l, struct freed_list *list)
{
  for (size_t i = 0; i < list->len; i++) {
    const struct freed *f = &list->v[i];
    int err;

    if (store_trim (l->file, f->n * SDB_CLUSTER, sdb_place_offset (f->place), 0,
                    &err) == -1) {
      errno = err;
      log_debug ("%s: cannot give back %" PRIu64 " clusters: %m", l->name,
                 f->n);
    }
    sqlite_space_unalloc (l, f->place, f->n);
  }
  free (list->v);
  list->v = NULL;
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
