/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See range-lock.h.  Invariants:
 *
 * 1. A hold is on the list of every shard that one of its granules maps
 *    to, or on none.
 * 2. Shards are taken in ascending order and a hold waits in a shard
 *    only for holds that overlap it, which are registered there already
 *    and therefore do not wait in this or a lower shard: no cycles.
 */

#include <config.h>

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include "base/align.h"
#include "base/cleanup.h"
#include "store/range-lock.h"

struct shard {
  pthread_mutex_t lock;
  pthread_cond_t released;
  struct range_hold_node *held;
  unsigned waiting;
} __attribute__ ((aligned (64)));

struct range_lock {
  struct shard shard[RANGE_LOCK_SHARDS];
};

struct range_lock *
range_lock_create (void)
{
  struct range_lock *l = aligned_alloc (64, sizeof *l);

  if (l == NULL) {
    errno = ENOMEM;
    return NULL;
  }
  for (unsigned i = 0; i < RANGE_LOCK_SHARDS; i++) {
    struct shard *s = &l->shard[i];

    pthread_mutex_init (&s->lock, NULL);
    pthread_cond_init (&s->released, NULL);
    s->held = NULL;
    s->waiting = 0;
  }
  return l;
}

void
range_lock_free (struct range_lock *l)
{
  if (l == NULL)
    return;
  for (unsigned i = 0; i < RANGE_LOCK_SHARDS; i++) {
    pthread_cond_destroy (&l->shard[i].released);
    pthread_mutex_destroy (&l->shard[i].lock);
  }
  free (l);
}

/* The shards of [START, END) as bits. */
static uint64_t
shards_of (uint64_t start, uint64_t end)
{
  const uint64_t first = start / RANGE_LOCK_GRANULE;
  const uint64_t last = (end - 1) / RANGE_LOCK_GRANULE;
  uint64_t bits = 0;

  if (last - first >= RANGE_LOCK_SHARDS - 1)
    return ~UINT64_C (0);
  for (uint64_t g = first; g <= last; g++)
    bits |= UINT64_C (1) << (g % RANGE_LOCK_SHARDS);
  return bits;
}

static bool
conflicts (const struct shard *s, const struct range_hold *h)
{
  for (const struct range_hold_node *n = s->held; n != NULL; n = n->next) {
    if (n->hold->start < h->end && h->start < n->hold->end &&
        (n->hold->exclusive || h->exclusive))
      return true;
  }
  return false;
}

static void
acquire_in_shard (struct shard *s, struct range_hold *h,
                  struct range_hold_node *n)
{
  LOCK_SCOPE (&s->lock);
  while (conflicts (s, h)) {
    s->waiting++;
    pthread_cond_wait (&s->released, &s->lock);
    s->waiting--;
  }
  n->hold = h;
  n->next = s->held;
  s->held = n;
}

static void
release_in_shard (struct shard *s, struct range_hold_node *n)
{
  struct range_hold_node **p;

  LOCK_SCOPE (&s->lock);
  for (p = &s->held; *p != n; p = &(*p)->next)
    ;
  *p = n->next;
  if (s->waiting > 0)
    pthread_cond_broadcast (&s->released);
}

void
range_lock_acquire (struct range_lock *l, struct range_hold *h, uint64_t start,
                    uint64_t end, bool exclusive)
{
  h->start = start;
  h->end = end;
  h->exclusive = exclusive;
  h->shards = shards_of (start, end);
  for (uint64_t bits = h->shards; bits != 0; bits &= bits - 1) {
    const unsigned i = (unsigned) __builtin_ctzll (bits);

    acquire_in_shard (&l->shard[i], h, &h->node[i]);
  }
}

void
range_lock_release (struct range_lock *l, struct range_hold *h)
{
  for (uint64_t bits = h->shards; bits != 0; bits &= bits - 1) {
    const unsigned i = (unsigned) __builtin_ctzll (bits);

    release_in_shard (&l->shard[i], &h->node[i]);
  }
}
