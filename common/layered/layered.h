/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A stack of layers, and at its bottom, if there is one, a store.
 *
 * The stack is one object for all connections to an export.  The bottom
 * is given anew with each request, as every connection has its own way
 * down through nbdkit; all bottoms of one stack must show the same disk.
 * store-layered.h makes a store of the two.
 *
 * Read: each sector from the topmost layer that has it, otherwise from
 * the bottom, otherwise zero.  A read-cache layer that lacked sectors
 * found further down gets them by a write that does not overwrite.
 *
 * Write: to the top; and to the next below as long as the layer is
 * write-through.  Flush likewise.  The upper layer always comes first,
 * so that a populate that carries what was below before the write finds
 * the sector present already.  If there is more than one place to write
 * to, changes that overlap must not run at once, or the places would
 * differ for good: the caller sees to that, as store-layered.c does.
 */

#ifndef DISKSTACK_LAYERED_H
#define DISKSTACK_LAYERED_H

#include <stdbool.h>
#include <stdint.h>

#include "base/extents.h"
#include "layer/layer.h"
#include "layered/layered-clients.h"
#include "layered/layered-stats.h"
#include "store/range-lock.h"
#include "store/store.h"

/* What is below a write-back layer gets its writes later: by age, by
 * pressure, at a flush if the layer is not durable itself, at
 * layered_commit and when the stack is stopped.  docs/write-back.md has
 * the states and the invariants.
 *
 * The stack may get a way down of its own, for its threads
 * (layered_start).  Without one everything still works, on the threads
 * of those who call.
 */

/* More than anybody needs; bounds recursion. */
#define LAYERED_MAX 64

struct layered_member {
  struct layer *layer;
  bool read_cache;
  bool write_through;
  bool write_back;
  /* Bytes that the layer may use, all bookkeeping included: clusters are
   * evicted to stay below.  0: any.
   */
  uint64_t max;
};

/* What can be tuned; 0 in each is the default. */
struct layered_tuning {
  uint32_t fetch;     /* bytes of a request to what is below for a miss */
  uint32_t readahead; /* most bytes fetched ahead of a sequential reader;
                       * UINT32_MAX: none */
  unsigned parallel;  /* requests to what is below at once, of own threads */
  unsigned age;       /* milliseconds until what is dirty is moved down */
};

/* Why a stack was refused; in the order of the checks. */
enum layered_status {
  LAYERED_OK,
  LAYERED_EMPTY,                 /* no layers and no bottom */
  LAYERED_TOO_MANY,              /* more than LAYERED_MAX */
  LAYERED_READ_CACHE,            /* the layer cannot be a read cache */
  LAYERED_SECTOR_SIZE,           /* not a power of two >= 512 */
  LAYERED_SECTOR_MISMATCH,       /* differs from the layer below */
  LAYERED_USELESS_WRITE_THROUGH, /* a layer above is not write-through, or
                                  * there is nothing below */
  LAYERED_READ_ONLY,             /* in the write path of a writable disk */
  LAYERED_WRITE_BACK,            /* nothing below can be written, or write-
                                  * through too, or above is neither */
  LAYERED_MAX_USELESS,           /* max, and all that it holds is nowhere else,
                                  * or the layer cannot tell what it uses */
  LAYERED_NO_MEMORY,
};

/* A sentence without its subject, which is the layer. */
extern const char *layered_status_string (enum layered_status status);

/* What the stack must know of its bottom before it has one. */
struct layered_bottom {
  bool exists;
  uint64_t size; /* bytes */
  struct store_info info;
};

struct layered_cache;
struct layered_fetch;
struct layered_hydrate;
struct layered_prefetch;
struct layered_recorder;
struct layered_threads;

struct layered {
  unsigned nlayers;
  struct layered_member member[LAYERED_MAX];
  struct layered_counters counters[LAYERED_MAX];
  struct layered_fetch_counters fetch_counters;
  struct layered_progress hydration;
  /* Reading the clock costs more than some reads: only if somebody wants
   * to know.
   */
  _Atomic bool timed;
  struct layered_latency latency;
  struct layered_tuning tuning; /* no zeroes: the defaults are filled in */
  /* Sectors of member[i] at or beyond visible[i] read as zero: nothing
   * shows that a layer further up does not reach.
   * visible[nlayers] is for the bottom, rounded up to whole sectors.
   */
  uint64_t visible[LAYERED_MAX + 1];
  uint64_t bottom_size; /* bytes; 0 without a bottom */
  /* A write goes to members [0, nwritten) at once, and to the bottom too
   * if writes_bottom.  Where the last of these is write-back, it goes on
   * from there later; reaches_bottom is whether the bottom is written at
   * all.
   */
  unsigned nwritten;
  bool writes_bottom;
  bool reaches_bottom;
  bool read_only;
  unsigned sector_shift;
  uint64_t nsectors;
  uint64_t size; /* bytes; not a multiple of the sector size only where
                  * the bottom's is not */
  struct range_lock *locks;        /* for the aligning stores on top */
  struct range_lock *bottom_locks; /* for those over bottoms that need one */
  struct layered_cache *cache[LAYERED_MAX]; /* NULL where not needed */
  struct layered_fetch *fetch;              /* misses on their way */
  /* The stack's own way down, and its threads, from layered_start to
   * layered_stop; or NULL.
   */
  struct store *own_bottom;
  bool started;
  struct layered_threads *threads;

  struct layered_clients clients;
  struct layered_hydrate *hydrate;     /* or NULL; .hydration says how far */
  struct layered_progress prefetch;    /* layered-prefetch.h */
  struct layered_prefetch *prefetcher; /* or NULL */
  /* layered-record.h; or NULL. */
  struct layered_recorder *_Atomic recorder;
};

/* Make a stack of MEMBERS[0 .. NLAYERS), top first, over BOTTOM.  On
 * success takes ownership of the layers; otherwise *STATUS says why and
 * *WHICH which member (NLAYERS is the bottom).  SIZE is the disk's in
 * bytes if it is not the top layer's to the sector, else 0.
 */
extern struct layered *
layered_create (const struct layered_member *members, unsigned nlayers,
                const struct layered_bottom *bottom, uint64_t size,
                bool read_only, enum layered_status *status, unsigned *which);

/* Change the tuning; before the first request. */
extern void layered_tune (struct layered *ld, const struct layered_tuning *t);

/* BOTTOM, which shows the same disk as all others, becomes the stack's
 * own, for threads that are started now; NULL if the stack has no bottom.
 * Takes ownership on success.  Returns 0, or -1 with *err.
 */
extern int layered_start (struct layered *ld, struct store *bottom, int *err);

/* End the threads, move down what is dirty by the stack's own bottom, and
 * close it.  Returns 0, or -1 with *err if something stays dirty: a
 * persistent layer keeps it, others lose it when they are closed.  Does
 * nothing without layered_start.
 */
extern int layered_stop (struct layered *ld, int *err);

/* Before the first request: where a write-through layer's file says that
 * what is below may be older (the power failed between the two), make it
 * the same again.  Returns 0, or -1 with *err.
 */
extern int layered_resume (struct layered *ld, struct store *bottom, int *err);

/* Move everything down that is dirty when it is called; when it returns
 * 0 that, and what went through, is durable at the bottom of the write
 * path.  BOTTOM may be NULL after layered_start.
 */
extern int layered_commit (struct layered *ld, struct store *bottom, int *err);

/* Bytes that are dirty in member LEVEL, and bytes it uses. */
extern uint64_t layered_dirty (const struct layered *ld, unsigned level);
extern uint64_t layered_used (const struct layered *ld, unsigned level);

/* Close all layers, top first, and free the stack.  After layered_stop. */
extern void layered_close (struct layered *ld);

/* The operations, with the rules of store.h for errors and threads, in
 * sectors inside [0, nsectors), not empty.  BOTTOM is NULL if there is
 * none.  FLAGS are those of store.h.
 */
extern int layered_read (struct layered *ld, struct store *bottom, void *buf,
                         uint64_t sector, uint32_t nsectors, int *err);
extern int layered_write (struct layered *ld, struct store *bottom,
                          const void *buf, uint64_t sector, uint32_t nsectors,
                          unsigned flags, int *err);
extern int layered_zero (struct layered *ld, struct store *bottom,
                         uint64_t sector, uint64_t nsectors, unsigned flags,
                         int *err);
extern int layered_trim (struct layered *ld, struct store *bottom,
                         uint64_t sector, uint64_t nsectors, unsigned flags,
                         int *err);
extern int layered_flush (struct layered *ld, struct store *bottom, int *err);

/* Append to OUT, which must be at SECTOR, until it is full. */
extern int layered_extents (struct layered *ld, struct store *bottom,
                            uint64_t sector, uint64_t nsectors, unsigned flags,
                            struct extent_list *out, int *err);

/* Bring what is absent of the range into the topmost read cache, or tell
 * the bottom that it will be read.
 */
extern int layered_cache (struct layered *ld, struct store *bottom,
                          uint64_t sector, uint64_t nsectors, int *err);

#endif /* DISKSTACK_LAYERED_H */
