/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The cache object of a layer: its life, its guards and marks, and how
 * what was read from below gets into the layer.
 */

#include <config.h>

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/log.h"
#include "layered/layered-cache-impl.h"

/* What a bounded layer keeps free for those who write at once. */
#define MARGIN_MAX (UINT64_C (4) << 20)

/* Without a bound, writers help to clean when this much is dirty. */
#define DIRTY_MAX (UINT64_C (1) << 30)

/* Guards. */

static unsigned
guard_index (uint64_t cluster)
{
  return cluster % NGUARDS;
}

static void
lock_guards (struct layered_cache *c, unsigned lo, unsigned hi, bool exclusive)
{
  for (unsigned i = lo; i < hi; i++) {
    if (exclusive)
      pthread_rwlock_wrlock (&c->guard[i].lock);
    else
      pthread_rwlock_rdlock (&c->guard[i].lock);
  }
}

static void
unlock_guards (struct layered_cache *c, unsigned lo, unsigned hi)
{
  for (unsigned i = lo; i < hi; i++)
    pthread_rwlock_unlock (&c->guard[i].lock);
}

/* The guards of [SECTOR, SECTOR+NSECTORS) as two ranges of them, in
 * ascending order: [0, *B) and [*A, *END).
 */
static void
guards_of (const struct layered_cache *c, uint64_t sector, uint64_t nsectors,
           unsigned *b, unsigned *a, unsigned *end)
{
  const uint64_t first = cluster_of (c, sector);
  const uint64_t last = cluster_of (c, sector + nsectors - 1);

  *b = 0;
  *a = 0;
  *end = NGUARDS;
  if (last - first + 1 >= NGUARDS)
    return;
  *a = guard_index (first);
  if (guard_index (last) >= *a)
    *end = guard_index (last) + 1;
  else
    *b = guard_index (last) + 1;
}

void
cache_hold (struct layered_cache *c, uint64_t sector, uint64_t nsectors,
            bool exclusive)
{
  unsigned b, a, end;

  guards_of (c, sector, nsectors, &b, &a, &end);
  lock_guards (c, 0, b, exclusive);
  lock_guards (c, a, end, exclusive);
}

void
cache_release (struct layered_cache *c, uint64_t sector, uint64_t nsectors)
{
  unsigned b, a, end;

  guards_of (c, sector, nsectors, &b, &a, &end);
  unlock_guards (c, a, end);
  unlock_guards (c, 0, b);
}

/* Losing sectors. */

cache_moment
layered_cache_moment (const struct layered_cache *c)
{
  return c == NULL ? 0 : atomic_load (&c->moment);
}

/* Clusters that one flush is remembered for. */
#define SAFE_AT_ONCE 64

/* While sectors are being lost, that was later than any moment. */
#define LOSING UINT64_MAX

static void
set_lost (struct layered_cache *c, uint64_t sector, uint64_t nsectors,
          uint64_t when)
{
  unsigned b, a, end;

  guards_of (c, sector, nsectors, &b, &a, &end);
  for (unsigned i = 0; i < b; i++)
    atomic_store (&c->guard[i].lost, when);
  for (unsigned i = a; i < end; i++)
    atomic_store (&c->guard[i].lost, when);
}

bool
layered_cache_lost (const struct layered_cache *c, uint64_t sector,
                    uint64_t nsectors, cache_moment moment)
{
  unsigned b, a, end;
  uint64_t last = 0;

  if (c == NULL)
    return false;
  guards_of (c, sector, nsectors, &b, &a, &end);
  for (unsigned i = 0; i < b; i++)
    last = max_u64 (last, atomic_load (&c->guard[i].lost));
  for (unsigned i = a; i < end; i++)
    last = max_u64 (last, atomic_load (&c->guard[i].lost));
  if (last == LOSING)
    sched_yield ();
  return last > moment;
}

void
cache_clear (struct presence *p, uint64_t first, uint64_t n)
{
  const struct timespec pause = { .tv_nsec = 10000000 };

  while (presence_clear (p, first, n) == -1)
    nanosleep (&pause, NULL);
}

/* With the last sector of a cluster its mark goes. */
int
cache_lose (struct layered_cache *c, uint64_t sector, uint64_t nsectors,
            int *err)
{
  const uint64_t first = cluster_of (c, sector);
  const uint64_t last = cluster_of (c, sector + nsectors - 1);
  int r;

  if (c->durable)
    cache_clear (c->safe, first, last - first + 1);
  set_lost (c, sector, nsectors, LOSING);
  r = c->layer->ops->discard (c->layer, sector, nsectors, err);
  set_lost (c, sector, nsectors, atomic_fetch_add (&c->moment, 1) + 1);
  return r;
}

/* Marks. */

int
cache_mark_dirty (struct layered_cache *c, uint64_t sector, uint64_t nsectors,
                  int *err)
{
  const uint64_t end = min_u64 (sector + nsectors, c->limit);
  int64_t added;

  if (sector >= end)
    return 0;
  added = presence_test_and_set (c->dirty, sector, end - sector);
  if (added == -1) {
    *err = errno;
    return -1;
  }
  if (added > 0)
    atomic_fetch_add (&c->ndirty, (uint64_t) added);
  return 0;
}

/* What is not marked may be thrown away, so there is no other way out. */
void
cache_mark_again (struct layered_cache *c, uint64_t sector, uint64_t nsectors)
{
  const struct timespec pause = { .tv_nsec = 10000000 };
  int err;

  while (cache_mark_dirty (c, sector, nsectors, &err) == -1)
    nanosleep (&pause, NULL);
}

void
cache_unmark (struct layered_cache *c, uint64_t sector, uint64_t nsectors)
{
  const uint64_t end = min_u64 (sector + nsectors, c->limit);
  uint64_t n;

  if (c->dirty == NULL || sector >= end)
    return;
  n = presence_count (c->dirty, sector, end - sector);
  /* If there is no memory to forget them one by one they stay dirty. */
  if (n > 0 && presence_clear (c->dirty, sector, end - sector) == -1)
    n -= presence_count (c->dirty, sector, end - sector);
  atomic_fetch_sub (&c->ndirty, n);
}

/* What has no mark of the range, and whether a mark is not durable yet. */
static int
mark_present (struct layered_cache *c, uint64_t sector, uint64_t limit,
              bool *pending, int *err)
{
  const struct layer_ops *ops = c->layer->ops;
  uint64_t end;

  for (; sector < limit; sector = end) {
    const uint64_t cluster = cluster_of (c, sector);

    if (ops->state (c->layer, sector, limit, &end) == LAYER_ABSENT)
      continue;
    end = min_u64 (end, cluster_start (c, cluster + 1));
    if (presence_test (c->safe, cluster))
      continue;
    *pending = true;
    if (ops->next_dirty (c->layer, cluster, cluster + 1) != cluster &&
        ops->set_dirty (c->layer, cluster, err) == -1)
      return -1;
  }
  return 0;
}

int
cache_make_safe (struct layered_cache *c, uint64_t sector, uint64_t nsectors,
                 int *err)
{
  const uint64_t first = cluster_of (c, sector);
  const uint64_t last = cluster_of (c, sector + nsectors - 1);
  const uint64_t n = min_u64 (last - first + 1, SAFE_AT_ONCE);
  bool marked[SAFE_AT_ONCE], pending = false;

  if (!c->durable || presence_all (c->safe, first, last - first + 1))
    return 0;
  if (mark_present (c, sector, sector + nsectors, &pending, err) == -1)
    return -1;
  if (!pending)
    return 0;
  /* What others mark from now on the flush may miss. */
  for (uint64_t i = 0; i < n; i++)
    marked[i] = c->layer->ops->next_dirty (c->layer, first + i,
                                           first + i + 1) == first + i;
  if (c->layer->ops->flush (c->layer, err) == -1)
    return -1;
  /* Without it the next one flushes once more. */
  for (uint64_t i = 0; i < n; i++) {
    if (marked[i])
      presence_set (c->safe, first + i, 1);
  }
  return 0;
}

int
cache_remember (struct layered_cache *c, uint64_t sector, uint64_t nsectors,
                int *err)
{
  const uint64_t last = cluster_of (c, sector + nsectors - 1);

  if (c->policy == NULL)
    return 0;
  for (uint64_t i = cluster_of (c, sector); i <= last; i++) {
    int r = 0;

    if (policy_has (c->policy, i)) {
      policy_hit (c->policy, i);
      continue;
    }
    pthread_mutex_lock (&c->policy_lock);
    r = policy_insert (c->policy, i);
    pthread_mutex_unlock (&c->policy_lock);
    if (r == -1) {
      *err = ENOMEM;
      return -1;
    }
  }
  return 0;
}

void
layered_cache_touch (struct layered_cache *c, uint64_t sector,
                     uint32_t nsectors)
{
  uint64_t last;

  if (c == NULL || c->policy == NULL)
    return;
  last = cluster_of (c, sector + nsectors - 1);
  for (uint64_t i = cluster_of (c, sector); i <= last; i++)
    policy_hit (c->policy, i);
}

/* Populating. */

static void
populate_failed (struct layered *ld, unsigned level, uint64_t sector,
                 uint32_t nsectors, int err)
{
  struct layer *l = ld->member[level].layer;

  errno = err;
  if (atomic_fetch_add (&ld->counters[level].populate_failures, 1) == 0)
    log_error ("%s: cannot cache %" PRIu32 " sectors at sector %" PRIu64
               ": %m (reads go on without; said once)",
               l->ops->name, nsectors, sector);
}

/* One run within one cluster, or any without a cache object. */
static void
populate_run (struct layered *ld, unsigned level, const char *buf,
              uint64_t sector, uint32_t nsectors)
{
  struct layered_cache *c = ld->cache[level];
  struct layer *l = ld->member[level].layer;
  int err;

  if ((c != NULL && cache_remember (c, sector, nsectors, &err) == -1) ||
      l->ops->write (l, buf, sector, nsectors, LAYER_NO_OVERWRITE, &err) ==
        -1) {
    /* A bounded layer is full all the time: that is no failure. */
    if (c == NULL || c->max == 0 || err != ENOSPC)
      populate_failed (ld, level, sector, nsectors, err);
    return;
  }
  count_add (&ld->counters[level].populated,
             (uint64_t) nsectors << ld->sector_shift);
}

static void
populate_cluster (struct layered_cache *c, const char *buf, uint64_t sector,
                  uint32_t nsectors, cache_moment moment)
{
  struct guard *g = &c->guard[guard_index (cluster_of (c, sector))];

  pthread_rwlock_rdlock (&g->lock);
  if (atomic_load (&g->lost) <= moment &&
      !presence_test (c->flying, cluster_of (c, sector)))
    populate_run (c->ld, c->level, buf, sector, nsectors);
  pthread_rwlock_unlock (&g->lock);
}

void
layered_cache_populate (struct layered *ld, unsigned level,
                        struct store *bottom, const void *buf, uint64_t sector,
                        uint32_t nsectors, cache_moment moment)
{
  struct layered_cache *c = ld->cache[level];
  const char *p = buf;
  uint64_t end;

  /* Zeroes from beyond the end of what is below are not worth a row. */
  nsectors = visible_count (ld, level + 1, sector, nsectors);
  if (nsectors == 0 || ld->member[level].layer->info.read_only)
    return;
  if (c == NULL) {
    populate_run (ld, level, p, sector, nsectors);
    return;
  }
  if (!cache_make_room (c, bottom, (uint64_t) nsectors << ld->sector_shift,
                        false))
    return;
  for (const uint64_t limit = sector + nsectors; sector < limit; sector = end) {
    end = min_u64 (cluster_start (c, cluster_of (c, sector) + 1), limit);
    populate_cluster (c, p, sector, end - sector, moment);
    p += (end - sector) << ld->sector_shift;
  }
}

/* Life. */

/* What a durable layer still owed to what is below. */
static int
load_dirty (struct layered_cache *c)
{
  const struct layer_ops *ops = c->layer->ops;
  uint64_t cluster = 0, end;
  int err;

  while ((cluster = ops->next_dirty (c->layer, cluster, c->nclusters)) <
         c->nclusters) {
    const uint64_t limit = cluster_end (c, cluster);

    for (uint64_t s = cluster_start (c, cluster); s < limit; s = end) {
      if (ops->state (c->layer, s, limit, &end) != LAYER_ABSENT &&
          cache_mark_dirty (c, s, end - s, &err) == -1)
        return -1;
    }
    if (presence_set (c->safe, cluster, 1) == -1)
      return -1;
    cluster++;
  }
  return 0;
}

static int
load_policy (struct layered_cache *c)
{
  const struct layer_ops *ops = c->layer->ops;
  uint64_t end;
  int err;

  for (uint64_t s = 0; s < c->limit; s = end) {
    if (ops->state (c->layer, s, c->limit, &end) != LAYER_ABSENT &&
        cache_remember (c, s, end - s, &err) == -1)
      return -1;
  }
  return 0;
}

static void
init_locks (struct layered_cache *c)
{
  pthread_rwlockattr_t attr;

  /* A cleaner must get its turn however many write. */
  pthread_rwlockattr_init (&attr);
  pthread_rwlockattr_setkind_np (&attr,
                                 PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
  for (unsigned i = 0; i < NGUARDS; i++)
    pthread_rwlock_init (&c->guard[i].lock, &attr);
  pthread_rwlockattr_destroy (&attr);
  pthread_mutex_init (&c->fly_lock, NULL);
  pthread_cond_init (&c->landed, NULL);
  pthread_mutex_init (&c->flush_lock, NULL);
  pthread_cond_init (&c->flushed, NULL);
  pthread_mutex_init (&c->policy_lock, NULL);
}

static int
init_sets (struct layered_cache *c)
{
  c->dirty = presence_create (c->limit);
  c->flying = presence_create (c->nclusters);
  c->unstable[0] = presence_create (c->nclusters);
  c->unstable[1] = presence_create (c->nclusters);
  c->safe = presence_create (c->nclusters);
  if (c->dirty == NULL || c->flying == NULL || c->unstable[0] == NULL ||
      c->unstable[1] == NULL || c->safe == NULL)
    return -1;
  if (c->max > 0) {
    c->policy = policy_create (c->nclusters);
    if (c->policy == NULL || load_policy (c) == -1)
      return -1;
  }
  return c->durable ? load_dirty (c) : 0;
}

struct layered_cache *
layered_cache_create (struct layered *ld, unsigned level)
{
  const struct layered_member *m = &ld->member[level];
  struct layered_cache *c = aligned_alloc (64, sizeof *c);

  if (c == NULL)
    return NULL;
  memset (c, 0, sizeof *c);
  c->ld = ld;
  c->level = level;
  c->layer = m->layer;
  c->counters = &ld->counters[level];
  c->write_back = m->write_back && !ld->read_only;
  c->durable = m->layer->info.keeps_dirty;
  c->limit = ld->visible[level + 1];
  c->cluster_shift = CLUSTER_SHIFT - ld->sector_shift;
  c->nclusters =
    DIV_ROUND_UP (ld->visible[level], UINT64_C (1) << c->cluster_shift);
  c->max = m->max;
  c->margin = min_u64 (c->max / 16, MARGIN_MAX);
  c->dirty_high = (c->max > 0 ? c->max / 4 * 3 : DIRTY_MAX) >> ld->sector_shift;
  init_locks (c);
  if (init_sets (c) == -1) {
    layered_cache_free (c);
    return NULL;
  }
  return c;
}

void
layered_cache_free (struct layered_cache *c)
{
  if (c == NULL)
    return;
  for (unsigned i = 0; i < NGUARDS; i++)
    pthread_rwlock_destroy (&c->guard[i].lock);
  pthread_mutex_destroy (&c->fly_lock);
  pthread_cond_destroy (&c->landed);
  pthread_mutex_destroy (&c->flush_lock);
  pthread_cond_destroy (&c->flushed);
  pthread_mutex_destroy (&c->policy_lock);
  policy_free (c->policy);
  presence_free (c->dirty);
  presence_free (c->flying);
  presence_free (c->unstable[0]);
  presence_free (c->unstable[1]);
  presence_free (c->safe);
  free (c);
}

void
layered_cache_check (struct layered_cache *c, uint64_t cluster)
{
#if DEBUG_CHECKS
  const uint64_t start = cluster_start (c, cluster);
  const uint64_t limit = cluster_end (c, cluster);
  uint64_t end;

  /* 2: what is dirty was stored, or failed to be; what is durable says so
   * in its file (10).
   */
  for (uint64_t s = start; c->durable && s < limit; s = end) {
    if (presence_run (c->dirty, s, limit, &end) &&
        c->layer->ops->state (c->layer, s, end, &end) != LAYER_ABSENT)
      assert (c->layer->ops->next_dirty (c->layer, cluster, cluster + 1) ==
              cluster);
  }
  /* The counts are of what the sets have. */
  assert (atomic_load (&c->ndirty) <= c->limit);
  assert (atomic_load (&c->nunstable) <= 2 * c->nclusters);
#else
  (void) c;
  (void) cluster;
#endif
}

uint64_t
layered_dirty (const struct layered *ld, unsigned level)
{
  const struct layered_cache *c = ld->cache[level];

  return c == NULL ? 0 : atomic_load (&c->ndirty) << ld->sector_shift;
}

uint64_t
layered_used (const struct layered *ld, unsigned level)
{
  struct layer *l = ld->member[level].layer;
  const struct layered_cache *c = ld->cache[level];
  const uint64_t used = l->ops->used != NULL ? l->ops->used (l) : 0;

  if (c == NULL)
    return used;
  return used + sizeof *c + presence_memory (c->dirty) +
         presence_memory (c->flying) + presence_memory (c->unstable[0]) +
         presence_memory (c->unstable[1]) + presence_memory (c->safe) +
         atomic_load (&c->policy_bytes);
}
