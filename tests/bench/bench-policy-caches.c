/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The policy, and others to compare it with: the least recently used, in
 * order; and the sweep of nbdkit's cache filter (1.32).  That one keeps
 * two bitmaps of what was used: the newer becomes the older when an
 * eighth of the cache is in it.  When the cache is 95 % full it begins to
 * give up clusters, up to two for each request, until it is 80 % full: in
 * the order of the disk, those in neither bitmap; after a round that
 * found none, any.
 */

#include <config.h>

#include <stdlib.h>

#include "base/align.h"
#include "bench-policy.h"
#include "policy/policy.h"
#include "support/must.h"

/* ------------------------------------------------------------------ */
/* The policy */

struct policy_cache {
  struct policy *p;
  uint64_t capacity;
};

static void *
policy_cache_create (uint64_t nclusters, uint64_t capacity)
{
  struct policy_cache *c = must_malloc (sizeof *c);

  c->p = policy_create (nclusters);
  c->capacity = capacity;
  if (c->p == NULL)
    abort ();
  return c;
}

static bool
policy_cache_read (void *v, uint64_t cluster)
{
  struct policy_cache *c = v;
  uint64_t victim;

  if (policy_has (c->p, cluster)) {
    policy_hit (c->p, cluster);
    return true;
  }
  if (policy_count (c->p) == c->capacity && !policy_victim (c->p, &victim))
    abort ();
  if (policy_insert (c->p, cluster) == -1)
    abort ();
  return false;
}

static void
policy_cache_free (void *v)
{
  struct policy_cache *c = v;

  policy_free (c->p);
  free (c);
}

const struct cache cache_policy = {
  .name = "policy",
  .create = policy_cache_create,
  .read = policy_cache_read,
  .free = policy_cache_free,
};

/* ------------------------------------------------------------------ */
/* Least recently used, as a list: of the cluster after and before each.
 * The end of the list is a cluster that the disk does not have.
 */

struct lru {
  uint32_t *after, *before; /* 0 and 0: not held, but for the end */
  uint32_t end;
  uint64_t held, capacity;
  uint8_t *has;
};

static void *
lru_create (uint64_t nclusters, uint64_t capacity)
{
  struct lru *c = must_calloc (1, sizeof *c);

  c->after = must_calloc (nclusters + 1, sizeof *c->after);
  c->before = must_calloc (nclusters + 1, sizeof *c->before);
  c->has = must_calloc (nclusters, 1);
  c->end = (uint32_t) nclusters;
  c->after[c->end] = c->before[c->end] = c->end;
  c->capacity = capacity;
  return c;
}

static void
lru_unlink (struct lru *c, uint32_t i)
{
  c->after[c->before[i]] = c->after[i];
  c->before[c->after[i]] = c->before[i];
}

static bool
lru_read (void *v, uint64_t cluster)
{
  struct lru *c = v;
  const uint32_t i = (uint32_t) cluster;
  const bool hit = c->has[i];

  if (hit)
    lru_unlink (c, i);
  else if (c->held == c->capacity) {
    const uint32_t oldest = c->after[c->end];

    lru_unlink (c, oldest);
    c->has[oldest] = 0;
  }
  else
    c->held++;
  c->has[i] = 1;
  c->before[i] = c->before[c->end];
  c->after[i] = c->end;
  c->after[c->before[i]] = i;
  c->before[c->end] = i;
  return hit;
}

static void
lru_free (void *v)
{
  struct lru *c = v;

  free (c->after);
  free (c->before);
  free (c->has);
  free (c);
}

const struct cache cache_lru = {
  .name = "LRU",
  .create = lru_create,
  .read = lru_read,
  .free = lru_free,
};

/* ------------------------------------------------------------------ */
/* The sweep */

enum sweep_mode { SWEEP_NOT, SWEEP_OLD, SWEEP_ANY };

struct sweep {
  uint64_t nclusters, capacity, held;
  uint64_t *has;
  /* The second when each was used: a bitmap that is cleared is a new
   * second.
   */
  uint32_t *used;
  uint32_t second;
  uint64_t in_second;
  enum sweep_mode mode;
  int64_t hand; /* -1: past the end */
};

static void *
sweep_create (uint64_t nclusters, uint64_t capacity)
{
  struct sweep *c = must_calloc (1, sizeof *c);

  c->nclusters = nclusters;
  c->capacity = capacity;
  c->has = must_calloc (nclusters / 64 + 1, sizeof *c->has);
  c->used = must_calloc (nclusters, sizeof *c->used);
  c->second = 2;
  return c;
}

static bool
sweep_has (const struct sweep *c, uint64_t i)
{
  return c->has[i / 64] >> i % 64 & 1;
}

static void
sweep_use (struct sweep *c, uint64_t i)
{
  if (c->used[i] == c->second)
    return;
  c->used[i] = c->second;
  if (++c->in_second >= max_u64 (c->capacity / 4, 100) / 2) {
    c->second++;
    c->in_second = 0;
  }
}

/* The first that is held from FROM on, or -1. */
static int64_t
sweep_next (const struct sweep *c, int64_t from)
{
  uint64_t i = (uint64_t) from;

  while (i < c->nclusters) {
    const uint64_t word = c->has[i / 64] >> i % 64;

    if (word != 0) {
      i += (uint64_t) __builtin_ctzll (word);
      return i < c->nclusters ? (int64_t) i : -1;
    }
    i = (i / 64 + 1) * 64;
  }
  return -1;
}

static void
sweep_drop (struct sweep *c)
{
  if (c->hand < 0)
    return; /* at the end of the disk a turn is lost */
  c->has[c->hand / 64] &= ~(UINT64_C (1) << c->hand % 64);
  c->held--;
}

static void
sweep_any (struct sweep *c)
{
  c->hand = sweep_next (c, c->hand + 1);
  if (c->hand < 0)
    c->hand = sweep_next (c, 0);
  sweep_drop (c);
}

static void
sweep_old (struct sweep *c)
{
  int64_t first;

  c->hand = first = sweep_next (c, c->hand + 1);
  do {
    if (c->hand < 0 || c->used[c->hand] + 1 < c->second) {
      sweep_drop (c);
      return;
    }
    c->hand = sweep_next (c, c->hand + 1);
    if (c->hand < 0)
      c->hand = sweep_next (c, 0);
  } while (c->hand >= 0 && c->hand != first);
  c->mode = SWEEP_ANY;
  sweep_any (c);
}

static void
sweep_reclaim (struct sweep *c)
{
  if (c->mode != SWEEP_NOT && c->held < c->capacity * 80 / 100)
    c->mode = SWEEP_NOT;
  else if (c->mode == SWEEP_NOT && c->held >= c->capacity * 95 / 100)
    c->mode = SWEEP_OLD;
  for (unsigned i = 0; i < 2 && c->mode != SWEEP_NOT; i++) {
    if (c->mode == SWEEP_OLD)
      sweep_old (c);
    else
      sweep_any (c);
  }
}

static bool
sweep_read (void *v, uint64_t cluster)
{
  struct sweep *c = v;
  bool hit;

  sweep_reclaim (c);
  hit = sweep_has (c, cluster);
  if (!hit) {
    c->has[cluster / 64] |= UINT64_C (1) << cluster % 64;
    c->held++;
  }
  sweep_use (c, cluster);
  return hit;
}

static void
sweep_free (void *v)
{
  struct sweep *c = v;

  free (c->has);
  free (c->used);
  free (c);
}

const struct cache cache_sweep = {
  .name = "sweep",
  .create = sweep_create,
  .read = sweep_read,
  .free = sweep_free,
};
