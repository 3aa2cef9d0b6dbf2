/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The cache object of one layer, for the files that make it up:
 *
 *   layered-cache.c         life, guards, marks, populating
 *   layered-cache-write.c   writes and zeroes that come to the layer
 *   layered-clean.c         moving dirty sectors down; flush
 *   layered-evict.c         making room
 *
 * docs/write-back.md has the states and invariants.  Locks, in this order:
 * guards (ascending; of the upper layer first), then fly_lock,
 * policy_lock, which are leaves.  flush_lock is never held over I/O.
 */

#ifndef DISKSTACK_LAYERED_CACHE_IMPL_H
#define DISKSTACK_LAYERED_CACHE_IMPL_H

#include <pthread.h>

#include "layered/layered-impl.h"
#include "policy/policy.h"
#include "presence/presence.h"

#define NGUARDS 256

/* Clusters that one cleaner takes at a time. */
#define CLEAN_CLUSTERS 16
#define CLEAN_BYTES (CLEAN_CLUSTERS * (size_t) LAYER_CLUSTER)

struct guard {
  pthread_rwlock_t lock;
  /* The moment in which one of its clusters last lost sectors. */
  _Atomic uint64_t lost;
} __attribute__ ((aligned (64)));

struct layered_cache {
  struct layered *ld;
  unsigned level;
  struct layer *layer;
  struct layered_counters *counters;
  bool write_back;        /* dirty sectors are moved down */
  bool durable;           /* what the layer flushed survives: keeps_dirty */
  uint64_t limit;         /* sectors at or after it are nowhere below */
  unsigned cluster_shift; /* from sectors */
  uint64_t nclusters;
  uint64_t max, margin; /* bytes; 0: no bound */
  uint64_t dirty_high;  /* sectors from which on writers help to clean */

  struct guard guard[NGUARDS];
  _Atomic uint64_t moment;

  struct presence *dirty; /* sectors */
  _Atomic uint64_t ndirty;

  pthread_mutex_t fly_lock; /* for what follows, when it is changed */
  pthread_cond_t landed;
  struct presence *flying;      /* clusters */
  struct presence *unstable[2]; /* clusters; [current] gets new ones */
  unsigned current;
  _Atomic uint64_t nunstable; /* clusters in the two */
  struct presence *safe;      /* clusters whose mark in the file is durable */

  pthread_mutex_t flush_lock;
  pthread_cond_t flushed;
  bool flush_running;
  uint64_t flushes_begun, flushes_ended;
  int flush_error; /* of the last one, or 0 */
  /* Something went below that was not dirty here. */
  _Atomic bool below_changed;
  /* Calls of the cleaner that failed since the last that did not. */
  _Atomic unsigned failures;

  pthread_mutex_t policy_lock;
  struct policy *policy;         /* NULL without a bound */
  _Atomic uint64_t policy_bytes; /* of memory, when it was last looked at */
  _Atomic uint64_t owed; /* bytes evicted since the layer's last reclaim */
};

static inline uint64_t
cluster_of (const struct layered_cache *c, uint64_t sector)
{
  return sector >> c->cluster_shift;
}

static inline uint64_t
cluster_start (const struct layered_cache *c, uint64_t cluster)
{
  return cluster << c->cluster_shift;
}

/* The end of CLUSTER, but not beyond what is below. */
static inline uint64_t
cluster_end (const struct layered_cache *c, uint64_t cluster)
{
  return min_u64 ((cluster + 1) << c->cluster_shift, c->limit);
}

static inline bool
is_unstable (const struct layered_cache *c, uint64_t cluster)
{
  return presence_test (c->unstable[0], cluster) ||
         presence_test (c->unstable[1], cluster);
}

/* layered-cache.c */

extern struct layered_cache *layered_cache_create (struct layered *ld,
                                                   unsigned level);
extern void layered_cache_free (struct layered_cache *c);

/* Remove bits from a set.  It can only be short of memory, and only for a
 * while.
 */
extern void cache_clear (struct presence *p, uint64_t first, uint64_t n);

/* Hold the guards of the clusters of [SECTOR, SECTOR+NSECTORS). */
extern void cache_hold (struct layered_cache *c, uint64_t sector,
                        uint64_t nsectors, bool exclusive);
extern void cache_release (struct layered_cache *c, uint64_t sector,
                           uint64_t nsectors);

/* With the guards exclusive: the range loses its sectors. */
extern int cache_lose (struct layered_cache *c, uint64_t sector,
                       uint64_t nsectors, int *err);

/* Mark as dirty, before the content is stored; with the guards. */
extern int cache_mark_dirty (struct layered_cache *c, uint64_t sector,
                             uint64_t nsectors, int *err);
/* The same for sectors whose mark was taken away: does not give up. */
extern void cache_mark_again (struct layered_cache *c, uint64_t sector,
                              uint64_t nsectors);
/* Take the marks of a range away; with the guards exclusive. */
extern void cache_unmark (struct layered_cache *c, uint64_t sector,
                          uint64_t nsectors);

/* Before what is below is changed: where a durable layer has something of
 * the range, its file must say that the two may differ.  While nobody
 * else can remove the marks: with the guards, or while the clusters fly.
 */
extern int cache_make_safe (struct layered_cache *c, uint64_t sector,
                            uint64_t nsectors, int *err);

/* The policy learns that the range is held; with the guards. */
extern int cache_remember (struct layered_cache *c, uint64_t sector,
                           uint64_t nsectors, int *err);

/* Debug builds: the invariants that can be seen from here, of a cluster
 * whose guard is held exclusively.
 */
extern void layered_cache_check (struct layered_cache *c, uint64_t cluster);

/* layered-cache-write.c: as layered_write_from and so on, for the level
 * of C and for a range that it shows.
 */
extern int cache_write (struct layered_cache *c, struct store *bottom,
                        const void *buf, uint64_t sector, uint32_t nsectors,
                        unsigned flags, int *err);
extern int cache_zero (struct layered_cache *c, struct store *bottom,
                       uint64_t sector, uint64_t nsectors, unsigned flags,
                       int *err);

/* layered-clean.c */

/* Nobody cleans, or writes below, [FIRST, FIRST+N) from fly to land but
 * the caller.  0, or -1 with *err = ENOMEM.
 */
extern int cache_fly (struct layered_cache *c, uint64_t first, uint64_t n,
                      int *err);
extern void cache_land (struct layered_cache *c, uint64_t first, uint64_t n);

/* The clusters may be different below from what is durable there: until
 * a flush.  0, or -1 with *err = ENOMEM.
 */
extern int cache_mark_unstable (struct layered_cache *c, uint64_t first,
                                uint64_t n, int *err);

/* Clean what is dirty or flying in clusters [FIRST, END) now.  Goes on
 * after an error; -1 with the first *err.
 */
extern int cache_clean (struct layered_cache *c, struct store *bottom,
                        uint64_t first, uint64_t end, int *err);

/* Clean some of what is dirty, from *CURSOR (a cluster) on, which moves;
 * at most CLEAN_CLUSTERS.  1 if something was, 0 if nothing is dirty.
 */
extern int cache_clean_some (struct layered_cache *c, struct store *bottom,
                             uint64_t *cursor, int *err);

/* Flush what is below, so that what was cleaned is clean. */
extern int cache_flush_below (struct layered_cache *c, struct store *bottom,
                              int *err);

/* At the end, when nobody uses the layer any more: what is durable below
 * needs no marks in the layer's file.
 */
extern void layered_cache_forget_marks (struct layered_cache *c);

/* As layered_flush_from. */
extern int cache_flush (struct layered_cache *c, struct store *bottom,
                        int *err);

/* layered-evict.c */

/* Make room for COUNT more bytes.  With IO, by cleaning and flushing if
 * need be; else only by evicting what is clean.  False if it cannot be
 * had.
 */
extern bool cache_make_room (struct layered_cache *c, struct store *bottom,
                             uint64_t count, bool io);

/* Room that the layer itself did not find: give up clusters worth COUNT
 * bytes whatever it says that it uses.
 */
extern bool cache_shrink (struct layered_cache *c, struct store *bottom,
                          uint64_t count, bool io);

/* Is it time for the thread to clean or evict ahead of need, and do so.
 * CURSOR is as of cache_clean_some.
 */
extern bool cache_wants_work (const struct layered_cache *c);
extern void cache_work (struct layered_cache *c, struct store *bottom,
                        uint64_t *cursor);

/* layered-life.c */

/* Wake the stack's thread, if it has one. */
extern void layered_wake (struct layered *ld);

#endif /* DISKSTACK_LAYERED_CACHE_IMPL_H */
