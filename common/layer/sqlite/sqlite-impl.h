/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What the files of the sqlite layer share.  docs/format-sector-db.md
 * describes the file; this is about the memory in front of it.
 *
 * The disk is cut into clusters of 64 KiB.  A cluster may have a place
 * in the file, and it may have blocks of 4 KiB in memory that are newer
 * than the place.
 *
 *   placed    the state of each sector as far as places go; this is what
 *             the index and the map records of the log say
 *   blocks    of sectors that a block has, it has the content; what
 *             `placed' says of them is older
 *
 * What the layer is to everybody outside is blocks over placed.
 *
 * A small write goes into blocks, and a flush copies blocks that changed
 * into the log, in one sequential write.  A large write goes straight to
 * the places, unless a block has the sectors.  A checkpoint writes the
 * blocks to their places, syncs the file, commits the index, and then
 * forgets blocks and log up to where it began.
 *
 * Invariants (checked by sqlite_check_invariants in debug builds):
 *
 * 1. A sector is data in `placed' only if its cluster has a place, and
 *    a pwrite of it there has returned.
 * 2. Of two clusters, no two have the same place.  A place that was
 *    given up is not used again until a checkpoint that began later has
 *    ended: until then the log could bring it back.
 * 3. A cluster's entry has ENTRY_BLOCKS, and the cluster is in
 *    `with_blocks', exactly while it has blocks.  Whoever looks at
 *    with_blocks first and at placed then, and does not find the cluster
 *    in the former, finds the truth in the latter.
 * 4. A change of a cluster's map (placed or place) makes it map-dirty
 *    until a log batch or a checkpoint has it; `unsynced' is set before
 *    that.  Not so a change by a checkpoint, which the log need not
 *    know of, unless bulk changes wait to be logged: replay would let
 *    them undo it.
 * 5. A block is forgotten only when its place is as new as it and no log
 *    batch after the log's tail has it.
 *
 * Locks, in this order: log.bulk, shards (ascending), then any of
 * space.lock, arena.lock, log.lock, ckpt.lock, which are leaves.
 * A shard's lock is held shared to write to places, exclusively to
 * change blocks, bits or places of its clusters.  Readers of data take
 * it only if the cluster has blocks; otherwise they read and look
 * whether the entry, which has a generation, is still the same.
 */

#ifndef DISKSTACK_SQLITE_IMPL_H
#define DISKSTACK_SQLITE_IMPL_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/align.h"
#include "layer/layer.h"
#include "layer/layer-bits.h"
#include "layer/sqlite/layer-sqlite.h"
#include "layer/sqlite/sqlite-db.h"
#include "sector-db/sdb-layout.h"
#include "sector-db/sdb-log.h"
#include "sector-db/sdb-map.h"
#include "store/store.h"

/* Clusters in one page of the index, and of the map in memory. */
#define PAGE_CLUSTERS 1024

#define BLOCK 4096u
#define CLUSTER_BLOCKS (SDB_CLUSTER / BLOCK)

#define NSHARDS 256
#define SHARD_BUCKETS 64

/* A request is worked on in pieces of at most this many clusters. */
#define PIECE_CLUSTERS 16

/* Writes below this go through blocks and the log. */
#define SMALL_WRITE (32u * 1024)

/* Bytes of the log unless options say otherwise, and of blocks that wait
 * for a flush.
 */
#define LOG_LENGTH (UINT64_C (64) << 20)
#define LOG_LENGTH_MIN (UINT64_C (1) << 20)
#define UNLOGGED_MAX (UINT64_C (8) << 20)

/* Blocks in memory, at most. */
#define ARENA_BLOCKS ((80u << 20) / BLOCK)

/* Entry of a cluster in the map: place, flag and generation. */
#define ENTRY_PLACE (SDB_PLACE_LIMIT - 1)
#define ENTRY_BLOCKS (UINT64_C (1) << 47)
#define ENTRY_GENERATION (UINT64_C (1) << 48)

_Static_assert(SDB_PLACE_LIMIT == ENTRY_BLOCKS, "bits of an entry");

struct map_page {
  _Atomic uint64_t entry[PAGE_CLUSTERS];
};

/* The blocks of one cluster. */
struct blocks {
  char *data[CLUSTER_BLOCKS];
  uint64_t logged[CLUSTER_BLOCKS]; /* newest log batch that has it, or 0 */
  uint8_t valid[CLUSTER_BLOCKS];   /* sectors that it has, as bits */
  uint16_t unlogged;               /* changed since it was logged, as bits */
  uint16_t unplaced;               /* newer than its place, as bits */
};

/* What is in memory of one cluster beside its entry. */
struct cluster {
  struct cluster *next; /* in its bucket */
  uint64_t number;
  struct blocks *blocks; /* or NULL */
  bool map_dirty;
  bool described;             /* to the index, as it is now */
  bool queued;                /* on the shard's dirty list */
  struct cluster *dirty_next; /* there */
};

struct shard {
  pthread_rwlock_t lock;
  struct cluster *bucket[SHARD_BUCKETS];
  struct cluster *dirty; /* map_dirty, or with unlogged blocks */
} __attribute__ ((aligned (64)));

/* A run of places that were given up. */
struct freed {
  uint64_t place, n;
};

struct freed_list {
  struct freed *v;
  size_t len, cap;
};

struct space {
  pthread_mutex_t lock;
  struct presence *used; /* places */
  uint64_t end;          /* no place at or after it was ever used */
  uint64_t nfree;        /* places before end that are not used */
  uint64_t cursor;       /* where to look for them next */
  uint64_t limit;        /* places that `used' can tell of */
  struct freed_list quarantine;
};

struct arena {
  pthread_mutex_t lock;
  char *memory;
  uint32_t *free; /* indices of free blocks, a stack */
  uint32_t nfree;
  uint32_t top; /* blocks from here on were never used */
};

/* A zero or discard of many whole clusters that no batch has yet. */
struct bulk {
  uint64_t cluster, n;
  bool absent;
};

struct bulk_list {
  struct bulk *v;
  size_t len, cap;
};

struct log {
  /* Held during a round, and while a bulk change is made. */
  pthread_mutex_t bulk_lock;
  /* There are bulk changes that no complete round has. */
  _Atomic bool bulk_pending;

  pthread_mutex_t lock; /* for what follows */
  struct bulk_list bulk;
  pthread_cond_t done;
  bool running;
  uint64_t started, ended; /* rounds */
  int error;               /* of the last round, or 0 */

  /* Only the leader of a round, or whoever is alone, touches these.
   * Positions count bytes from the log's birth; modulo length they are
   * offsets in it.
   */
  bool exists;
  struct uuid id;
  uint64_t offset, length; /* in the file; length also of one to be made */
  uint64_t sequence;       /* of the next batch */
  uint64_t head;           /* where it goes */
  char *batch;             /* buffer */
  size_t records_length, data_length;
  uint32_t nrecords;
  bool has_map;    /* the batch has map records */
  bool incomplete; /* a batch failed: only a checkpoint can help */
  /* The file grew since it was synced: a write with FUA in the new part
   * may not be found again.  Under space.lock.
   */
  bool grew;

  /* Under lock: what the last complete batch left. */
  uint64_t done_sequence, done_head;
  uint64_t tail; /* what is before it may be overwritten */
};

struct ckpt {
  pthread_mutex_t lock;
  pthread_cond_t wake, done;
  pthread_t thread;
  bool has_thread, stop, wanted;
  uint64_t begun, ended; /* checkpoints */
  int error;             /* of the last one */
  pthread_mutex_t running;
};

struct sqlite_layer {
  struct layer layer;
  char *name;
  struct store *file;
  struct sqlite_db *db;
  bool read_only;

  unsigned sector_shift;
  unsigned cluster_shift;   /* from sectors to clusters */
  unsigned cluster_sectors; /* sectors of a cluster */
  unsigned block_sectors;   /* sectors of a block */
  uint64_t nclusters, npages;

  struct layer_bits placed;
  struct presence *with_blocks; /* clusters */
  _Atomic (struct map_page *) *page;
  struct presence *index_dirty; /* pages whose row is old */

  struct shard *shard;
  /* Shards whose dirty list has something, as bits. */
  _Atomic uint64_t dirty_shards[NSHARDS / 64];
  _Atomic uint64_t nblocks, nunlogged; /* blocks, of all clusters */
  _Atomic uint64_t nclusters_in_memory;

  struct space space;
  struct arena arena;
  struct log log;
  struct ckpt ckpt;

  /* A client, or a checkpoint, has written to places since the file was
   * last synced.
   */
  _Atomic bool unsynced, unsynced_checkpoint;
  /* Anything at all changed since the last checkpoint. */
  _Atomic bool changed;
  /* Not 0 once a sync failed: what is on the medium is unknown, so
   * nothing is promised any more.
   */
  _Atomic int failed;
};

static inline struct sqlite_layer *
to_sqlite (struct layer *l)
{
  return container_of (l, struct sqlite_layer, layer);
}

/* sqlite-map.c: clusters, entries and shards. */

static inline struct shard *
shard_of (struct sqlite_layer *l, uint64_t cluster)
{
  return &l->shard[cluster % NSHARDS];
}

/* The entry of CLUSTER; 0 if nothing was ever there. */
static inline uint64_t
entry_load (struct sqlite_layer *l, uint64_t cluster)
{
  struct map_page *p = atomic_load_explicit (&l->page[cluster / PAGE_CLUSTERS],
                                             memory_order_acquire);

  return p == NULL ? 0 :
                     atomic_load_explicit (&p->entry[cluster % PAGE_CLUSTERS],
                                           memory_order_acquire);
}

static inline uint64_t
entry_place (uint64_t entry)
{
  return entry & ENTRY_PLACE;
}

extern int sqlite_map_init (struct sqlite_layer *l);
extern void sqlite_map_fini (struct sqlite_layer *l);

/* Make sure that CLUSTER has an entry.  0, or -1 with *err = ENOMEM. */
extern int sqlite_map_ensure (struct sqlite_layer *l, uint64_t cluster,
                              int *err);

/* Change the entry; with the shard's lock, after sqlite_map_ensure.  A
 * place that changes gets a new generation.
 */
extern void sqlite_map_set_place (struct sqlite_layer *l, uint64_t cluster,
                                  uint64_t place);
extern int sqlite_map_set_blocks (struct sqlite_layer *l, uint64_t cluster,
                                  bool has, int *err);

/* The state of SECTOR and the end of its run, as layer_ops.state; of a
 * range within one cluster, with the shard's lock.
 */
extern enum layer_state sqlite_state_locked (struct sqlite_layer *l,
                                             uint64_t sector, uint64_t limit,
                                             uint64_t *end);

/* The first sector of [SECTOR, LIMIT) whose cluster has blocks, or
 * LIMIT.
 */
static inline uint64_t
sqlite_find_blocks (struct sqlite_layer *l, uint64_t sector, uint64_t limit)
{
  const uint64_t first = sector >> l->cluster_shift;
  const uint64_t end = ((limit - 1) >> l->cluster_shift) + 1;
  const uint64_t c = presence_find (l->with_blocks, first, end, true);

  return c == first ? sector : min_u64 (c << l->cluster_shift, limit);
}

/* The cluster's struct, or NULL; with the shard's lock.  get makes it,
 * or fails with *err = ENOMEM; drop frees one with nothing in it.
 */
extern struct cluster *sqlite_cluster_find (struct sqlite_layer *l,
                                            uint64_t cluster);
extern struct cluster *sqlite_cluster_get (struct sqlite_layer *l,
                                           uint64_t cluster, int *err);
extern void sqlite_cluster_drop_if_idle (struct sqlite_layer *l,
                                         struct cluster *c);

/* Put C on its shard's dirty list, if it is not there. */
extern void sqlite_cluster_queue (struct sqlite_layer *l, struct cluster *c);

/* The map of CLUSTER changed: the log and the index must be told.  With
 * the shard's lock exclusive.
 */
extern int sqlite_map_changed (struct sqlite_layer *l, uint64_t cluster,
                               int *err);

/* Lock or unlock the shards of [FIRST, LAST], at most NSHARDS clusters. */
extern void sqlite_lock_shards (struct sqlite_layer *l, uint64_t first,
                                uint64_t last, bool exclusive);
extern void sqlite_unlock_shards (struct sqlite_layer *l, uint64_t first,
                                  uint64_t last);

/* What is written down of CLUSTER; with the shard's lock. */
extern void sqlite_map_describe (struct sqlite_layer *l, uint64_t cluster,
                                 struct sdb_run *run);

/* Set what a run that was read says; the clusters have no blocks, and
 * nobody else is there yet.
 */
extern int sqlite_map_apply (struct sqlite_layer *l, uint64_t cluster,
                             const struct sdb_run *run, int *err);

/* The two halves of it. */
extern int sqlite_map_apply_bits (struct sqlite_layer *l, uint64_t cluster,
                                  const struct sdb_run *run, int *err);
extern int sqlite_map_apply_places (struct sqlite_layer *l, uint64_t cluster,
                                    const struct sdb_run *run, int *err);

/* sqlite-blocks.c: blocks in memory.  All with the shard's lock. */

extern int sqlite_arena_init (struct sqlite_layer *l);
extern void sqlite_arena_fini (struct sqlite_layer *l);

/* Is there room to take COUNT bytes into blocks? */
extern bool sqlite_blocks_room (struct sqlite_layer *l, uint64_t count);

/* Copy sectors [LO, HI) of cluster C (relative) from SRC into blocks.
 * Without NEW_TOO only into blocks that exist.  0, or -1 with *err =
 * ENOMEM when the arena is full (blocks already written stay).
 */
extern int sqlite_blocks_put (struct sqlite_layer *l, struct cluster *c,
                              unsigned lo, unsigned hi, const char *src,
                              int *err);

/* Of sectors [LO, HI), the end of the run from LO that does, or does not
 * (*IN), lie in blocks that exist (with VALID: that have the sector).
 */
extern unsigned sqlite_blocks_run (const struct sqlite_layer *l,
                                   const struct cluster *c, unsigned lo,
                                   unsigned hi, bool valid, bool *in);

/* Copy sectors [LO, HI), all valid, out of blocks. */
extern void sqlite_blocks_get (const struct sqlite_layer *l,
                               const struct cluster *c, unsigned lo,
                               unsigned hi, char *dst);

/* Forget sectors [LO, HI). */
extern void sqlite_blocks_erase (struct sqlite_layer *l, struct cluster *c,
                                 unsigned lo, unsigned hi);

/* Free block I of C, and C's blocks when it was the last. */
extern void sqlite_block_free (struct sqlite_layer *l, struct cluster *c,
                               unsigned i);

/* sqlite-space.c: places. */

extern int sqlite_space_init (struct sqlite_layer *l);
extern void sqlite_space_fini (struct sqlite_layer *l);

/* Mark the places of a run as used while the layer is opened. */
extern int sqlite_space_use (struct sqlite_layer *l, uint64_t place, uint64_t n,
                             int *err);

/* Find N adjacent places and grow the file to hold them; N = 1 always
 * works while there is room.  0, or -1 with *err.
 */
extern int sqlite_space_alloc (struct sqlite_layer *l, uint64_t n,
                               uint64_t *place, int *err);

/* Give back places that nothing ever referred to. */
extern void sqlite_space_unalloc (struct sqlite_layer *l, uint64_t place,
                                  uint64_t n);

/* Give up a place that the log or the index may refer to. */
extern void sqlite_space_free (struct sqlite_layer *l, uint64_t place);

/* For a checkpoint: take what was given up so far; and when it is done,
 * let it be used again, its space returned to the file system.
 */
extern void sqlite_space_take_quarantine (struct sqlite_layer *l,
                                          struct freed_list *list);
extern void sqlite_space_release (struct sqlite_layer *l,
                                  struct freed_list *list);
extern void sqlite_space_return_quarantine (struct sqlite_layer *l,
                                            struct freed_list *list);

/* Cut the file behind the last place that is used. */
extern void sqlite_space_trim_file (struct sqlite_layer *l);

/* sqlite-log.c */

extern int sqlite_log_init (struct sqlite_layer *l);
extern void sqlite_log_fini (struct sqlite_layer *l);

/* Make all that completed durable. */
extern int sqlite_log_flush (struct sqlite_layer *l, int *err);

/* Note a bulk change; with log.bulk_lock and all shards. */
extern int sqlite_log_add_bulk (struct sqlite_layer *l, uint64_t cluster,
                                uint64_t n, bool absent, int *err);

/* The log as a checkpoint finds it when it begins. */
struct log_moment {
  struct sqlite_db_log state; /* what the index will say */
  bool running;
  uint64_t started;
  size_t nbulk;
};

extern void sqlite_log_moment (struct sqlite_layer *l, struct log_moment *m);

/* Has no round run since, and no bulk change been made?  Then what the
 * checkpoint has, the log need not be told, and bulk is forgotten.
 */
extern bool sqlite_log_quiet_since (struct sqlite_layer *l,
                                    const struct log_moment *m);

extern void sqlite_log_move_tail (struct sqlite_layer *l, uint64_t tail);

/* Sync the file; a failure is final. */
extern int sqlite_sync (struct sqlite_layer *l, int *err);

/* sqlite-replay.c: read the log after an open. */

extern int sqlite_replay (struct sqlite_layer *l,
                          const struct sqlite_db_log *state);

/* sqlite-checkpoint.c */

extern int sqlite_ckpt_init (struct sqlite_layer *l);
extern void sqlite_ckpt_fini (struct sqlite_layer *l);

/* The thread; 0, or -1 with errno. */
extern int sqlite_ckpt_start (struct sqlite_layer *l);
extern void sqlite_ckpt_stop (struct sqlite_layer *l);

/* Something changed that a checkpoint, some time, should deal with. */
extern void sqlite_ckpt_note_change (struct sqlite_layer *l);

/* Ask the thread for a checkpoint, and wait for one that begins after
 * the call.
 */
extern void sqlite_ckpt_wake (struct sqlite_layer *l);
extern int sqlite_ckpt_wait (struct sqlite_layer *l, int *err);

/* Do one, here and now.  With LAST the log is given up, too. */
extern int sqlite_checkpoint (struct sqlite_layer *l, bool last, int *err);

/* sqlite-read.c, sqlite-write.c, sqlite-erase.c: the operations. */

extern int sqlite_read (struct layer *base, void *buf, uint64_t sector,
                        uint32_t nsectors, struct marker *m, int *err);
extern int sqlite_write (struct layer *base, const void *buf, uint64_t sector,
                         uint32_t nsectors, unsigned flags, int *err);
extern int sqlite_zero (struct layer *base, uint64_t sector, uint64_t nsectors,
                        unsigned flags, int *err);
extern int sqlite_discard (struct layer *base, uint64_t sector,
                           uint64_t nsectors, int *err);

/* sqlite-check.c */

/* The first broken invariant in words, to be freed, or NULL.  Nobody
 * else may be using the layer.
 */
extern char *sqlite_check_invariants (struct sqlite_layer *l);

#endif /* DISKSTACK_SQLITE_IMPL_H */
