/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What the files that fetch share: flights, the threads that run them,
 * and the streams of readahead.
 *
 * A flight is one read of what is below a read cache, on its way: a range
 * of sectors, the memory they come into, and all who wait for it.  It is
 * in the table of its level from the moment somebody wants it until its
 * data is in the layer, so that who finds a sector neither in the layer
 * nor in a flight, in this order and the second under the lock, is the
 * first to want it.
 *
 * Why a reader may take sectors from a flight that was on its way before
 * the reader came:
 *
 * 1. The flight takes the layer's moment M before it reads below.
 * 2. The reader looks at the layer.  It uses the flight only for sectors
 *    that the layer lacked then.
 * 3. After that it asks layered_cache_lost for them, since M.  If nothing
 *    was lost, the layer lacked them all the time from M to 2: what once
 *    is present stays so until it is lost.  (Without a cache object
 *    layers only lose what reads as zeroes from below too, always.)
 * 4. A change of what is below the layer comes by way of the layer, which
 *    then has the sector, or falls through it, which counts as a loss
 *    before the change is complete.  So a change that was complete before
 *    2 and began after M would contradict 3; and one that was complete
 *    before M was seen by the flight, which read after M.
 * 5. Changes that were not complete at 2 run beside the reader, who may
 *    see them or not.
 *
 * So what the flight has is what the reader would have got from below
 * itself.  Whatever is lost after 3 does not matter for it.  A flight
 * that is still queued reads later than 2, and can always be used.  If 3
 * fails the reader makes a flight of its own, beside the older.
 *
 * Nobody waits in a circle: a thread runs all flights that it wants and
 * that nobody runs, before it waits for one; and a flight that runs waits
 * for flights of lower levels only.
 */

#ifndef DISKSTACK_LAYERED_FETCH_H
#define DISKSTACK_LAYERED_FETCH_H

#include <pthread.h>
#include <stdatomic.h>
#include <sys/queue.h>

#include "layered/layered-impl.h"

/* The most that one request of own threads or of a prefetch asks for,
 * unless the fetch unit is larger.  A longer miss is not rounded out.
 */
#define FETCH_MOST (1024u * 1024)

/* Sequential readers that are told apart. */
#define FETCH_STREAMS 8

enum flight_state { FLIGHT_QUEUED, FLIGHT_RUNNING, FLIGHT_DONE };

TAILQ_HEAD (flight_queue, flight);

struct flight {
  TAILQ_ENTRY (flight) link;  /* in the table of its level, if linked */
  TAILQ_ENTRY (flight) place; /* in QUEUE, unless that is NULL */
  struct flight_queue *queue;
  unsigned level;
  uint64_t start, end; /* sectors */
  cache_moment moment;
  enum flight_state state;
  unsigned refs;   /* who has a pointer; a queue has one too */
  unsigned joined; /* readers who came after who made it */
  bool linked;
  bool ahead;  /* readahead: nobody asked for it */
  bool direct; /* into memory of who made it, who waits for it */
  bool unread; /* there was no memory; it says nothing about below */
  int error;   /* of the read below, or 0 */
  char *data;  /* for others once it is done; for direct ones a copy */
  char *own;   /* DATA, if it must be freed */
  pthread_cond_t done;
};

/* One sequential reader.  All in sectors. */
struct stream {
  uint64_t next;     /* where it is expected to go on */
  uint64_t frontier; /* fetched, or on its way, up to here */
  uint64_t size;     /* how far ahead to be; 0: not yet */
  uint64_t used;     /* when it was seen last; 0: never */
  bool useful;       /* the reader came to what was fetched for it */
  bool shrunk;       /* it did not find it there, just now */
};

struct layered_fetch {
  /* A read that touches [lo, hi) of a stream moves its frontier on; looked
   * at by each read, without the lock.
   */
  _Atomic uint64_t lo[FETCH_STREAMS], hi[FETCH_STREAMS];
  unsigned level; /* topmost cache that can be filled, or nlayers */
  /* Storing in the layer failed lately: fetch no more than is needed. */
  atomic_bool full[LAYERED_MAX];

  pthread_mutex_t lock; /* for all that follows */
  struct flight_queue table[LAYERED_MAX];
  struct flight_queue urgent; /* parts of misses, whose readers wait */
  struct flight_queue ahead;
  pthread_cond_t work;
  pthread_t *threads;
  unsigned nthreads; /* 0: not started, or stopping */
  bool stopping;
  struct stream stream[FETCH_STREAMS];
  uint64_t clock;
  uint64_t first_size; /* of a new stream, in fetch units */
};

/* Can layer LEVEL be filled? */
static inline bool
is_filled (const struct layered *ld, unsigned level)
{
  return ld->member[level].read_cache &&
         !ld->member[level].layer->info.read_only;
}

/* Sectors of a fetch unit. */
static inline uint64_t
fetch_unit (const struct layered *ld)
{
  const uint32_t bytes = ld->tuning.fetch ? ld->tuning.fetch : 65536;

  return max_u64 (bytes >> ld->sector_shift, 1);
}

static inline uint64_t
fetch_most (const struct layered *ld)
{
  return max_u64 (FETCH_MOST >> ld->sector_shift, fetch_unit (ld));
}

static inline unsigned
fetch_parallel (const struct layered *ld)
{
  return ld->tuning.parallel ? ld->tuning.parallel : 8;
}

/* layered-flight.c.  Functions that end in _locked want the lock held. */

/* A queued flight in the table, with one reference; NULL if there is no
 * memory.
 */
extern struct flight *flight_create_locked (struct layered_fetch *f,
                                            unsigned level, uint64_t start,
                                            uint64_t end, cache_moment moment);
extern void flight_put_locked (struct layered_fetch *f, struct flight *fl);

/* Put it in a queue, which gets a reference, for the threads. */
extern void flight_enqueue_locked (struct layered_fetch *f, struct flight *fl,
                                   struct flight_queue *q);
extern void flight_dequeue_locked (struct layered_fetch *f, struct flight *fl);

/* Make this thread the one that runs the flight: false if one does. */
extern bool flight_claim_locked (struct layered_fetch *f, struct flight *fl);

/* Run a flight that was claimed: read, tell who waits, store. */
extern void flight_run (struct layered *ld, struct store *bottom,
                        struct flight *fl);

/* Wait until it is done. */
extern void flight_wait_locked (struct layered_fetch *f, struct flight *fl);

/* layered-read.c: take the moment and read what layer LEVEL has into BUF;
 * initialises M.
 */
extern int layered_look (struct layered *ld, unsigned level, char *buf,
                         uint64_t sector, uint32_t nsectors, struct marker *m,
                         cache_moment *moment, int *err);

/* layered-fetch.c: bring what M lacks of layer LEVEL into BUF, which is
 * for the first sector of M, and into the layer.  MOMENT was taken before
 * the layer was read.  BUF may be NULL, if only the layer matters.
 */
extern int layered_fetch_missing (struct layered *ld, struct store *bottom,
                                  unsigned level, char *buf, struct marker *m,
                                  cache_moment moment, int *err);

/* The absent runs of [START, LIMIT) in layer LEVEL, with the gaps between
 * them that are shorter than GAP: the first of these stretches at or
 * after START, or false.
 */
extern bool layered_fetch_absent (struct layered *ld, unsigned level,
                                  uint64_t *start, uint64_t limit, uint64_t gap,
                                  uint64_t *end);

/* layered-readahead.c */

/* A reader of the cache at f->level missed something of the range; all
 * that it lacked was on its way already if not FRESH.
 */
extern void layered_readahead_miss_locked (struct layered *ld, uint64_t sector,
                                           uint64_t nsectors, bool fresh);

/* A reader of the stack reached what layered_readahead_is_due told. */
extern void layered_readahead_go_on (struct layered *ld, uint64_t sector,
                                     uint64_t nsectors);

/* A flight of readahead failed. */
extern void layered_readahead_failed (struct layered *ld,
                                      const struct flight *fl);

/* Forget all streams. */
extern void layered_readahead_reset_locked (struct layered_fetch *f);

static inline bool
layered_readahead_is_due (struct layered_fetch *f, uint64_t sector,
                          uint64_t nsectors)
{
  for (unsigned i = 0; i < FETCH_STREAMS; i++) {
    if (sector + nsectors >
          atomic_load_explicit (&f->lo[i], memory_order_relaxed) &&
        sector < atomic_load_explicit (&f->hi[i], memory_order_relaxed))
      return true;
  }
  return false;
}

#endif /* DISKSTACK_LAYERED_FETCH_H */
