/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Moving dirty sectors down, and what a flush of such a layer is.
 *
 * A cleaner takes up to CLEAN_CLUSTERS neighbours: it makes them fly, so
 * that nobody else writes them below, copies what is dirty and takes the
 * marks away, each cluster under its guard, writes below with no lock
 * held, and lands them as unstable, or marked again if that failed.
 */

#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "layered/layered-cache-impl.h"

/* Sectors in a row that go down in one request. */
struct piece {
  uint64_t sector, nsectors;
  bool zero;
};

struct flight {
  struct layered_cache *c;
  uint64_t first, n; /* clusters */
  char *buf;         /* of first and what follows */
  struct piece *piece;
  size_t npieces, max_pieces;
};

static int
flight_init (struct flight *f, struct layered_cache *c, int *err)
{
  f->c = c;
  f->max_pieces = (size_t) CLEAN_CLUSTERS << c->cluster_shift;
  f->buf = malloc (CLEAN_BYTES);
  f->piece = malloc (f->max_pieces * sizeof f->piece[0]);
  if (f->buf == NULL || f->piece == NULL) {
    *err = ENOMEM;
    return -1;
  }
  return 0;
}

static void
flight_fini (struct flight *f)
{
  free (f->buf);
  free (f->piece);
}

/* Taking off and landing. */

int
cache_fly (struct layered_cache *c, uint64_t first, uint64_t n, int *err)
{
  LOCK_SCOPE (&c->fly_lock);
  while (presence_any (c->flying, first, n))
    pthread_cond_wait (&c->landed, &c->fly_lock);
  if (presence_set (c->flying, first, n) == -1) {
    cache_clear (c->flying, first, n);
    *err = ENOMEM;
    return -1;
  }
  return 0;
}

void
cache_land (struct layered_cache *c, uint64_t first, uint64_t n)
{
  LOCK_SCOPE (&c->fly_lock);
  cache_clear (c->flying, first, n);
  pthread_cond_broadcast (&c->landed);
}

int
cache_mark_unstable (struct layered_cache *c, uint64_t first, uint64_t n,
                     int *err)
{
  int64_t added;

  LOCK_SCOPE (&c->fly_lock);
  added = presence_test_and_set (c->unstable[c->current], first, n);
  if (added == -1) {
    *err = ENOMEM;
    return -1;
  }
  atomic_fetch_add (&c->nunstable, (uint64_t) added);
  return 0;
}

/* One flight. */

static void
add_piece (struct flight *f, uint64_t sector, uint64_t nsectors, bool zero)
{
  struct piece *last = f->npieces > 0 ? &f->piece[f->npieces - 1] : NULL;

  if (last != NULL && last->zero == zero &&
      last->sector + last->nsectors == sector) {
    last->nsectors += nsectors;
    return;
  }
  f->piece[f->npieces++] =
    (struct piece){ .sector = sector, .nsectors = nsectors, .zero = zero };
}

static char *
place_of (const struct flight *f, uint64_t sector)
{
  return f->buf +
         ((sector - cluster_start (f->c, f->first)) << f->c->ld->sector_shift);
}

/* Copy what is dirty of [SECTOR, LIMIT), one run that is marked. */
static int
copy_run (struct flight *f, uint64_t sector, uint64_t limit, int *err)
{
  struct layer *l = f->c->layer;
  uint64_t end;

  for (; sector < limit; sector = end) {
    const enum layer_state state = l->ops->state (l, sector, limit, &end);

    if (state == LAYER_DATA) {
      CLEANUP (marker_fini) struct marker m;

      marker_init (&m, sector, end - sector);
      if (l->ops->read (l, place_of (f, sector), sector, end - sector, &m,
                        err) == -1)
        return -1;
    }
    if (state != LAYER_ABSENT)
      add_piece (f, sector, end - sector, state == LAYER_ZERO);
  }
  return 0;
}

static int
copy_cluster (struct flight *f, uint64_t cluster, int *err)
{
  struct layered_cache *c = f->c;
  const uint64_t start = cluster_start (c, cluster);
  const uint64_t limit = cluster_end (c, cluster);
  const size_t npieces = f->npieces;
  const struct piece last =
    npieces > 0 ? f->piece[npieces - 1] : (struct piece){ 0 };
  uint64_t end;
  int r = 0;

  cache_hold (c, start, limit - start, true);
  layered_cache_check (c, cluster);
  for (uint64_t s = start; r == 0 && s < limit; s = end) {
    if (presence_run (c->dirty, s, limit, &end))
      r = copy_run (f, s, end, err);
  }
  if (r == 0)
    cache_unmark (c, start, limit - start);
  cache_release (c, start, limit - start);
  if (r == -1) {
    f->npieces = npieces;
    if (npieces > 0)
      f->piece[npieces - 1] = last;
  }
  return r;
}

static int
write_down (struct flight *f, struct store *bottom, int *err)
{
  struct layered_cache *c = f->c;

  for (size_t i = 0; i < f->npieces; i++) {
    const struct piece *p = &f->piece[i];

    if ((p->zero ? layered_zero_from (c->ld, bottom, c->level + 1, p->sector,
                                      p->nsectors, STORE_MAY_TRIM, err) :
                   layered_write_from (c->ld, bottom, c->level + 1,
                                       place_of (f, p->sector), p->sector,
                                       p->nsectors, 0, err)) == -1)
      return -1;
    count_add (&c->counters->cleaned, p->nsectors << c->ld->sector_shift);
  }
  return 0;
}

static void
mark_pieces_again (struct flight *f)
{
  for (size_t i = 0; i < f->npieces; i++) {
    const struct piece *p = &f->piece[i];

    cache_hold (f->c, p->sector, p->nsectors, false);
    cache_mark_again (f->c, p->sector, p->nsectors);
    cache_release (f->c, p->sector, p->nsectors);
  }
}

static void
clean_failed (struct layered_cache *c, uint64_t cluster, int err)
{
  count_add (&c->counters->clean_errors, 1);
  errno = err;
  if (atomic_fetch_add (&c->failures, 1) == 0)
    log_error ("%s: cannot move what is at byte %" PRIu64
               " down: %m (it is kept and tried again; said once)",
               c->layer->ops->name, cluster << CLUSTER_SHIFT);
}

static void
clean_succeeded (struct layered_cache *c)
{
  if (atomic_load (&c->failures) > 0 && atomic_exchange (&c->failures, 0) > 0)
    log_debug ("%s: what could not be moved down can be again",
               c->layer->ops->name);
}

/* Clean [FIRST, FIRST+N), N at most CLEAN_CLUSTERS. */
static int
fly_and_clean (struct flight *f, struct store *bottom, uint64_t first,
               uint64_t n, int *err)
{
  struct layered_cache *c = f->c;
  int r = 0;

  if (cache_fly (c, first, n, err) == -1)
    return -1;
  f->first = first;
  f->n = n;
  f->npieces = 0;
  for (uint64_t i = 0; r == 0 && i < n; i++)
    r = copy_cluster (f, first + i, err);
  if (r == 0 && f->npieces > 0)
    r = cache_make_safe (
      c, cluster_start (c, first),
      cluster_end (c, first + n - 1) - cluster_start (c, first), err);
  if (r == 0)
    r = write_down (f, bottom, err);
  if (r == 0 && f->npieces > 0)
    r = cache_mark_unstable (c, first, n, err);
  if (r == -1) {
    mark_pieces_again (f);
    clean_failed (c, first, *err);
  }
  else
    clean_succeeded (c);
  cache_land (c, first, n);
  return r;
}

/* Many clusters. */

uint64_t
layered_cache_next_dirty (const struct layered_cache *c, uint64_t cluster,
                          uint64_t end)
{
  uint64_t start, limit, s;

  if (c == NULL)
    return end;
  start = cluster_start (c, cluster);
  limit = min_u64 (cluster_start (c, end), c->limit);
  if (start >= limit || atomic_load (&c->ndirty) == 0)
    return end;
  s = presence_find (c->dirty, start, limit, true);
  return s == limit ? end : cluster_of (c, s);
}

/* How many neighbours from CLUSTER on, at least one, can fly together. */
static uint64_t
dirty_run (const struct layered_cache *c, uint64_t cluster, uint64_t end)
{
  uint64_t n = 1;

  end = min_u64 (end, cluster + CLEAN_CLUSTERS);
  while (cluster + n < end && layered_cache_next_dirty (
                                c, cluster + n, cluster + n + 1) == cluster + n)
    n++;
  return n;
}

static int
clean_range (struct flight *f, struct store *bottom, uint64_t first,
             uint64_t end, int *err)
{
  struct layered_cache *c = f->c;
  int r = 0, e;

  for (uint64_t n; first < end; first += n) {
    first = min_u64 (layered_cache_next_dirty (c, first, end),
                     presence_find (c->flying, first, end, true));
    if (first == end)
      break;
    n = dirty_run (c, first, end);
    if (fly_and_clean (f, bottom, first, n, &e) == -1 && r == 0) {
      *err = e;
      r = -1;
    }
  }
  return r;
}

int
cache_clean (struct layered_cache *c, struct store *bottom, uint64_t first,
             uint64_t end, int *err)
{
  CLEANUP (flight_fini) struct flight f = { 0 };

  /* Most flushes find nothing to do. */
  if (layered_cache_next_dirty (c, first, end) == end &&
      presence_find (c->flying, first, end, true) == end)
    return 0;
  if (flight_init (&f, c, err) == -1)
    return -1;
  return clean_range (&f, bottom, first, end, err);
}

int
cache_clean_some (struct layered_cache *c, struct store *bottom,
                  uint64_t *cursor, int *err)
{
  CLEANUP (flight_fini) struct flight f = { 0 };
  uint64_t first = layered_cache_next_dirty (c, *cursor, c->nclusters);
  uint64_t n;

  if (first == c->nclusters)
    first = layered_cache_next_dirty (c, 0, c->nclusters);
  if (first == c->nclusters)
    return 0;
  n = dirty_run (c, first, c->nclusters);
  *cursor = first + n == c->nclusters ? 0 : first + n;
  if (flight_init (&f, c, err) == -1 ||
      fly_and_clean (&f, bottom, first, n, err) == -1)
    return -1;
  return 1;
}

/* Flushing what is below. */

/* CLUSTER is durable below, unless it was changed since.  Its mark in a
 * durable layer stays until the layer is closed: moving down once more
 * after a crash what is there already does no harm, and a cluster that is
 * written again needs no new one.
 */
static void
stable_again (struct layered_cache *c, struct presence *set, uint64_t cluster)
{
  cache_clear (set, cluster, 1);
  atomic_fetch_sub (&c->nunstable, 1);
}

/* What is durable below is unknown: all that the layer has of CLUSTER
 * must go there again.
 */
static void
dirty_again (struct layered_cache *c, struct presence *set, uint64_t cluster)
{
  const uint64_t start = cluster_start (c, cluster);
  const uint64_t limit = cluster_end (c, cluster);
  uint64_t end;

  cache_hold (c, start, limit - start, false);
  for (uint64_t s = start; s < limit; s = end) {
    if (c->layer->ops->state (c->layer, s, limit, &end) != LAYER_ABSENT)
      cache_mark_again (c, s, end - s);
  }
  cache_clear (set, cluster, 1);
  atomic_fetch_sub (&c->nunstable, 1);
  cache_release (c, start, limit - start);
}

/* One flush, by whoever leads. */
static int
flush_once (struct layered_cache *c, struct store *bottom, int *err)
{
  struct presence *set;
  uint64_t cluster = 0;
  int r;

  pthread_mutex_lock (&c->fly_lock);
  set = c->unstable[c->current];
  c->current = !c->current;
  pthread_mutex_unlock (&c->fly_lock);

  atomic_store (&c->below_changed, false);
  r = layered_flush_from (c->ld, bottom, c->level + 1, err);
  if (r == -1) {
    atomic_store (&c->below_changed, true);
    clean_failed (c, 0, *err);
  }
  while ((cluster = presence_find (set, cluster, c->nclusters, true)) <
         c->nclusters)
    (r == 0 ? stable_again : dirty_again) (c, set, cluster);
  return r;
}

/* One that began after we came is as good as our own. */
int
cache_flush_below (struct layered_cache *c, struct store *bottom, int *err)
{
  uint64_t want;
  int r = 0;

  pthread_mutex_lock (&c->flush_lock);
  want = c->flushes_begun + 1;
  while (c->flush_running && c->flushes_ended < want)
    pthread_cond_wait (&c->flushed, &c->flush_lock);
  if (c->flushes_ended < want) {
    c->flush_running = true;
    c->flushes_begun++;
    pthread_mutex_unlock (&c->flush_lock);
    r = flush_once (c, bottom, err);
    pthread_mutex_lock (&c->flush_lock);
    c->flush_running = false;
    c->flushes_ended = c->flushes_begun;
    c->flush_error = r == -1 ? *err : 0;
    pthread_cond_broadcast (&c->flushed);
  }
  else if (c->flush_error != 0) {
    *err = c->flush_error;
    r = -1;
  }
  pthread_mutex_unlock (&c->flush_lock);
  return r;
}

void
layered_cache_forget_marks (struct layered_cache *c)
{
  const struct layer_ops *ops = c->layer->ops;
  uint64_t cluster = 0;
  int err;

  if (!c->durable || c->layer->info.read_only)
    return;
  while ((cluster = ops->next_dirty (c->layer, cluster, c->nclusters)) <
         c->nclusters) {
    const uint64_t start = cluster_start (c, cluster);
    const uint64_t end = cluster_end (c, cluster);

    if (start < end && !presence_any (c->dirty, start, end - start) &&
        !is_unstable (c, cluster) &&
        ops->set_clean (c->layer, cluster, &err) == -1) {
      errno = err;
      log_debug ("%s: cluster %" PRIu64 " keeps its mark: %m", ops->name,
                 cluster);
    }
    cluster++;
  }
}

/* A durable layer that is write-back keeps its promise alone; what it
 * could not move down yet is no business of the client's.
 */
int
cache_flush (struct layered_cache *c, struct store *bottom, int *err)
{
  struct layer *l = c->layer;

  if (!c->write_back || c->durable) {
    if (!l->info.read_only && l->ops->flush (l, err) == -1)
      return -1;
    if (c->write_back && !atomic_load (&c->below_changed))
      return 0;
  }
  else if (cache_clean (c, bottom, 0, c->nclusters, err) == -1)
    return -1;
  return cache_flush_below (c, bottom, err);
}
