/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Making room in a bounded layer.  The policy names victims; one that is
 * clean and whose guard is free goes at once, which is work in memory.
 * Where none is, and the caller may wait, victims are cleaned first.
 *
 * Some layers have their space back only after `reclaim'; until then
 * what was evicted is counted as `owed'.
 */

#include <config.h>

#include <errno.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "layered/layered-cache-impl.h"

#define VICTIMS 32

static uint64_t
used (const struct layered_cache *c)
{
  return layered_used (c->ld, c->level);
}

/* What it will be when all is paid back. */
static uint64_t
used_net (const struct layered_cache *c)
{
  const uint64_t u = used (c), owed = atomic_load (&c->owed);

  return u > owed ? u - owed : 0;
}

/* Bytes of CLUSTER that the layer has, below c->limit. */
static uint64_t
held (const struct layered_cache *c, uint64_t cluster)
{
  const uint64_t limit = cluster_end (c, cluster);
  uint64_t end, n = 0;

  for (uint64_t s = cluster_start (c, cluster); s < limit; s = end) {
    if (c->layer->ops->state (c->layer, s, limit, &end) != LAYER_ABSENT)
      n += end - s;
  }
  return n << c->ld->sector_shift;
}

static bool
is_clean (const struct layered_cache *c, uint64_t cluster)
{
  const uint64_t start = cluster_start (c, cluster);

  return !presence_any (c->dirty, start, cluster_end (c, cluster) - start) &&
         !presence_test (c->flying, cluster) && !is_unstable (c, cluster);
}

/* With the guard exclusive. */
static bool
evict_held (struct layered_cache *c, uint64_t cluster)
{
  const uint64_t start = cluster_start (c, cluster);
  uint64_t count;
  int err;

  layered_cache_check (c, cluster);
  if (!is_clean (c, cluster))
    return false;
  count = held (c, cluster);
  if (count == 0)
    return true;
  if (cache_lose (c, start, cluster_end (c, cluster) - start, &err) == -1) {
    errno = err;
    log_debug ("%s: cannot evict: %m", c->layer->ops->name);
    return false;
  }
  count_add (&c->counters->evicted, 1);
  if (c->layer->ops->reclaim != NULL)
    atomic_fetch_add (&c->owed, LAYER_CLUSTER);
  return true;
}

/* True if CLUSTER is not held any more. */
static bool
try_evict (struct layered_cache *c, uint64_t cluster)
{
  pthread_rwlock_t *lock = &c->guard[cluster % NGUARDS].lock;
  bool r;

  if (pthread_rwlock_trywrlock (lock) != 0)
    return false;
  r = evict_held (c, cluster);
  pthread_rwlock_unlock (lock);
  return r;
}

static unsigned
take_victims (struct layered_cache *c, uint64_t *v)
{
  unsigned n = 0;

  LOCK_SCOPE (&c->policy_lock);
  while (n < VICTIMS && policy_victim (c->policy, &v[n]))
    n++;
  return n;
}

static int
give_back (struct layered_cache *c, uint64_t cluster)
{
  LOCK_SCOPE (&c->policy_lock);
  if (policy_has (c->policy, cluster))
    return 0;
  return policy_return (c->policy, cluster);
}

/* Only memory can be short, and only for a while. */
static void
return_victim (struct layered_cache *c, uint64_t cluster)
{
  const struct timespec pause = { .tv_nsec = 10000000 };

  while (give_back (c, cluster) == -1)
    nanosleep (&pause, NULL);
}

/* Evict those of V[0..N) that can be; the others move to the front.
 * Returns how many are left.
 */
static unsigned
evict_victims (struct layered_cache *c, uint64_t *v, unsigned n)
{
  unsigned left = 0;

  for (unsigned i = 0; i < n; i++) {
    if (!try_evict (c, v[i]))
      v[left++] = v[i];
  }
  return left;
}

static void
clean_victims (struct layered_cache *c, struct store *bottom, const uint64_t *v,
               unsigned n)
{
  int err;

  for (unsigned i = 0; c->write_back && i < n; i++)
    cache_clean (c, bottom, v[i], v[i] + 1, &err);
  if (atomic_load (&c->nunstable) > 0)
    cache_flush_below (c, bottom, &err);
}

/* How many clusters were given up, of VICTIMS at most. */
static unsigned
evict_some (struct layered_cache *c, struct store *bottom, bool io)
{
  uint64_t v[VICTIMS];
  const unsigned n = take_victims (c, v);
  unsigned left = evict_victims (c, v, n);

  if (left == n && n > 0 && io) {
    clean_victims (c, bottom, v, n);
    left = evict_victims (c, v, n);
  }
  for (unsigned i = 0; i < left; i++)
    return_victim (c, v[i]);
  pthread_mutex_lock (&c->policy_lock);
  atomic_store (&c->policy_bytes, policy_memory (c->policy));
  pthread_mutex_unlock (&c->policy_lock);
  return n - left;
}

/* Get what is owed. */
static void
reclaim (struct layered_cache *c)
{
  const uint64_t owed = atomic_exchange (&c->owed, 0);
  int err;

  if (owed > 0 && c->layer->ops->reclaim (c->layer, &err) == -1) {
    atomic_fetch_add (&c->owed, owed);
    errno = err;
    log_debug ("%s: cannot reclaim space: %m", c->layer->ops->name);
  }
}

/* Give up clusters until no more than TARGET bytes are used. */
static bool
shrink_to (struct layered_cache *c, struct store *bottom, uint64_t target,
           bool io)
{
  while (used_net (c) > target) {
    if (evict_some (c, bottom, io) == 0)
      break;
  }
  /* The thread does that for those who should not wait. */
  if (used (c) > target && (io || !c->ld->started))
    reclaim (c);
  return used (c) <= target;
}

/* A writer without a bound helps when there is too much for the thread. */
static void
throttle (struct layered_cache *c, struct store *bottom)
{
  uint64_t cursor = 0;
  int err;

  if (atomic_load (&c->ndirty) <= c->dirty_high)
    return;
  layered_wake (c->ld);
  cache_clean_some (c, bottom, &cursor, &err);
}

bool
cache_make_room (struct layered_cache *c, struct store *bottom, uint64_t count,
                 bool io)
{
  const uint64_t bound = c->max - c->margin;
  uint64_t u;

  if (c->write_back && io)
    throttle (c, bottom);
  if (c->max == 0 || count == 0)
    return true;
  if (count > bound)
    return false;
  u = used (c);
  if (u + count > bound - bound / 16)
    layered_wake (c->ld);
  return u + count <= bound || shrink_to (c, bottom, bound - count, io);
}

bool
cache_shrink (struct layered_cache *c, struct store *bottom, uint64_t count,
              bool io)
{
  const uint64_t want = count / LAYER_CLUSTER + 2;
  uint64_t n = 0;

  if (c->policy == NULL)
    return false;
  while (n < want) {
    const unsigned k = evict_some (c, bottom, io);

    if (k == 0)
      break;
    n += k;
  }
  if (io && n > 0)
    reclaim (c);
  return n > 0;
}

bool
cache_wants_work (const struct layered_cache *c)
{
  const uint64_t bound = c->max - c->margin;

  if (c->write_back && atomic_load (&c->ndirty) > c->dirty_high / 2)
    return true;
  return c->max > 0 && used (c) > bound - bound / 16;
}

void
cache_work (struct layered_cache *c, struct store *bottom, uint64_t *cursor)
{
  const uint64_t bound = c->max - c->margin;
  int err;

  while (c->write_back && atomic_load (&c->ndirty) > c->dirty_high / 4) {
    if (cache_clean_some (c, bottom, cursor, &err) != 1)
      break;
  }
  if (c->max > 0 && used (c) > bound - bound / 16)
    shrink_to (c, bottom, bound - bound / 8, true);
}
