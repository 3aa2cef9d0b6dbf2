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
 *    given up is not used again until a checkpoint has ended that began
 *    later, and when all rounds of the log were over that had begun
 *    before: until then a batch that has the place, perhaps one that is
 *    still to be written, could bring it back.
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
 *    batch after the log's tail has it, nor the map of its cluster as it
 *    was before the place was written.
 * 6. A cluster in `dirty' is marked.  Its place is written for it only if
 *    the entry has ENTRY_MARKED: sqlite-marks.c says why.  A cluster that
 *    waits for that has a mark_batch, and is not forgotten meanwhile.
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

/* Clusters in one page of the index, and in one leaf of the map in memory,
 * which is small: a cluster in the middle of nowhere costs one.
 */
#define PAGE_CLUSTERS 1024
#define LEAF_CLUSTERS 64
#define PAGE_LEAVES (PAGE_CLUSTERS / LEAF_CLUSTERS)

#define BLOCK LAYER_SQLITE_SECTOR_SIZE_MAX
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

/* Entry of a cluster in the map: place, flags and generation. */
#define ENTRY_PLACE (SDB_PLACE_LIMIT - 1)
#define ENTRY_BLOCKS (UINT64_C (1) << 47)
#define ENTRY_MARKED (UINT64_C (1) << 48)
#define ENTRY_HOMELESS (UINT64_C (1) << 49) /* counted in `nhomeless' */
#define ENTRY_GENERATION (UINT64_C (1) << 50)

_Static_assert(SDB_PLACE_LIMIT == ENTRY_BLOCKS, "bits of an entry");

struct map_leaf {
  _Atomic uint64_t entry[LEAF_CLUSTERS];
};

struct map_page {
  _Atomic (struct map_leaf *) leaf[PAGE_LEAVES];
};

/* The blocks of one cluster. */
struct blocks {
  char *data[CLUSTER_BLOCKS];
  uint64_t logged[CLUSTER_BLOCKS]; /* newest log batch that has it, or 0 */
  uint8_t valid[CLUSTER_BLOCKS];   /* sectors that it has, as bits */
  uint16_t unlogged;               /* changed since it was logged, as bits */
  uint16_t unplaced;               /* newer than its place, as bits */
};

/* A mark that no batch has yet. */
#define MARK_NOT_LOGGED UINT64_MAX

/* What is in memory of one cluster beside its entry. */
struct cluster {
  struct cluster *next; /* in its bucket */
  uint64_t number;
  struct blocks *blocks; /* or NULL */
  /* The log batch that has the mark, MARK_NOT_LOGGED, or 0 if the entry
   * knows of it or there is nothing to know.
   */
  uint64_t mark_batch;
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

/* A run of places that were given up, and the newest round of the log
 * whose batches may say that something is there.
 */
struct freed {
  uint64_t place, n;
  uint64_t round;
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
  uint64_t nused;        /* places that are used */
  uint64_t nquarantined; /* of these, given up and not yet released */
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
  bool absent, marked;
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
  bool has_marks;  /* some of them with marks */
  bool incomplete; /* a batch failed: only a checkpoint can help */
  /* The file grew since it was synced: a write with FUA in the new part
   * may not be found again.  Under space.lock.
   */
  bool grew;

  _Atomic uint64_t done_good; /* the newest batch that was written */

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
  struct presence *dirty;       /* clusters that are marked */
  /* Some cluster is, or was, marked; the file says that it may have
   * marks.
   */
  _Atomic bool marks, marks_recorded;
  _Atomic (struct map_page *) *page;
  _Atomic uint64_t npages_made, nleaves; /* that have memory */
  struct presence *index_dirty;          /* pages whose row is old */

  struct shard *shard;
  /* Shards whose dirty list has something, as bits. */
  _Atomic uint64_t dirty_shards[NSHARDS / 64];
  _Atomic uint64_t nblocks, nunlogged; /* blocks, of all clusters */
  _Atomic uint64_t nclusters_in_memory;
  /* Clusters with blocks that a checkpoint would need a new place for. */
  _Atomic uint64_t nhomeless;
  /* Bytes of the file that the database takes, and that a log will. */
  _Atomic uint64_t db_used, log_reserved;

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

/* The leaf that CLUSTER has its entry in, or NULL. */
static inline struct map_leaf *
leaf_load (struct sqlite_layer *l, uint64_t cluster)
{
  struct map_page *p = atomic_load_explicit (&l->page[cluster / PAGE_CLUSTERS],
                                             memory_order_acquire);

  return p == NULL ? NULL :
                     atomic_load_explicit (
                       &p->leaf[cluster / LEAF_CLUSTERS % PAGE_LEAVES],
                       memory_order_acquire);
}

/* The entry of CLUSTER; 0 if nothing was ever there. */
static inline uint64_t
entry_load (struct sqlite_layer *l, uint64_t cluster)
{
  struct map_leaf *leaf = leaf_load (l, cluster);

  return leaf == NULL ?
           0 :
           atomic_load_explicit (&leaf->entry[cluster % LEAF_CLUSTERS],
                                 memory_order_acquire);
}

static inline uint64_t
entry_place (uint64_t entry)
{
  return entry & ENTRY_PLACE;
}

extern int sqlite_map_init (struct sqlite_layer *l);
extern void sqlite_map_fini (struct sqlite_layer *l);

/* Bytes of the map in memory. */
extern size_t sqlite_map_memory (const struct sqlite_layer *l);

/* The first cluster from CLUSTER on that has an entry, or one not before
 * the end of the disk.
 */
extern uint64_t sqlite_map_next (struct sqlite_layer *l, uint64_t cluster);

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
extern void sqlite_map_set_marked (struct sqlite_layer *l, uint64_t cluster,
                                   bool marked);

/* Its mark changed. */
extern void sqlite_map_recount (struct sqlite_layer *l, uint64_t cluster);

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

/* sqlite-marks.c: all with the shard's lock exclusive but is_marked. */

static inline bool
sqlite_is_marked (const struct sqlite_layer *l, uint64_t cluster)
{
  return atomic_load_explicit (&l->marks, memory_order_relaxed) &&
         presence_test (l->dirty, cluster);
}

/* Mark CLUSTER; the log and the index are told.  -1 with *err: it is not
 * marked.
 */
extern int sqlite_mark (struct sqlite_layer *l, uint64_t cluster, int *err);

/* Remove the mark, after presence_reserve and sqlite_map_changed. */
extern void sqlite_unmark (struct sqlite_layer *l, uint64_t cluster);

/* If the mark that C waits for is durable by now, as it is if COMMITTED,
 * its entry says so from now on.
 */
extern void sqlite_mark_settle (struct sqlite_layer *l, struct cluster *c,
                                bool committed);

/* Does CLUSTER, which is marked, have a place that may not be written? */
extern bool sqlite_place_lacks_mark (struct sqlite_layer *l, uint64_t cluster);

/* Give CLUSTER, which is marked, another place with the same content. */
extern int sqlite_move_place (struct sqlite_layer *l, uint64_t cluster,
                              int *err);

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

/* Mark what the log, as S says where it is, and the clusters have as used,
 * while the layer is opened; the log first.  -1 after log_error: it cannot
 * be there, or something else is.
 */
extern int sqlite_claim_log (struct sqlite_layer *l,
                             const struct sqlite_db_log *s);
extern int sqlite_claim_places (struct sqlite_layer *l);

/* Mark the places of a run as used while the layer is opened. */
extern int sqlite_space_use (struct sqlite_layer *l, uint64_t place, uint64_t n,
                             int *err);

/* The same for what is set in the NWORDS words at WORDS, one bit for each
 * place from 0 on: N that were not marked, the last of them before END,
 * and any that were.
 */
extern int sqlite_space_use_words (struct sqlite_layer *l,
                                   const uint64_t *words, size_t nwords,
                                   uint64_t n, uint64_t end, int *err);

/* Find N adjacent places and grow the file to hold them; N = 1 always
 * works while there is room.  0, or -1 with *err.
 */
extern int sqlite_space_alloc (struct sqlite_layer *l, uint64_t n,
                               uint64_t *place, int *err);

/* The same for up to *N, which is how many were found; fewer only where
 * there is room enough in pieces.
 */
extern int sqlite_space_alloc_some (struct sqlite_layer *l, uint64_t *n,
                                    uint64_t *place, int *err);

/* The same for the log, which is given up when the layer is closed: it
 * leaves as much room before it as it is long, so that the file of a
 * small layer is short then.
 */
extern int sqlite_space_alloc_log (struct sqlite_layer *l, uint64_t n,
                                   uint64_t *place, int *err);

/* Give back places that nothing ever referred to. */
extern void sqlite_space_unalloc (struct sqlite_layer *l, uint64_t place,
                                  uint64_t n);

/* Give up a place that the log or the index may refer to. */
extern void sqlite_space_free (struct sqlite_layer *l, uint64_t place);

/* Bytes of places that are used, and of those that were given up. */
extern uint64_t sqlite_space_used (struct sqlite_layer *l,
                                   uint64_t *quarantined);

/* For a checkpoint: take what was given up so far; and when it is done,
 * let be used again, its space returned to the file system, what no
 * round after number ENDED has: the others go back.
 */
extern void sqlite_space_take_quarantine (struct sqlite_layer *l,
                                          struct freed_list *list);
extern void sqlite_space_release (struct sqlite_layer *l,
                                  struct freed_list *list, uint64_t ended);
extern void sqlite_space_return_quarantine (struct sqlite_layer *l,
                                            struct freed_list *list);

/* Cut the file behind the last place that is used. */
extern void sqlite_space_trim_file (struct sqlite_layer *l);

/* sqlite-log.c */

extern int sqlite_log_init (struct sqlite_layer *l);
extern void sqlite_log_fini (struct sqlite_layer *l);

/* Make all that completed durable. */
extern int sqlite_log_flush (struct sqlite_layer *l, int *err);

/* Note a bulk change, for which room was reserved for NMORE first; with
 * log.bulk_lock and all shards.
 */
extern int sqlite_log_reserve_bulk (struct sqlite_layer *l, size_t nmore,
                                    int *err);
extern void sqlite_log_add_bulk (struct sqlite_layer *l, const struct bulk *b);

/* The database has been changed; with ckpt.running. */
extern void sqlite_note_commit (struct sqlite_layer *l);

/* The log as a checkpoint finds it when it begins. */
struct log_moment {
  struct sqlite_db_log state; /* what the index will say */
  uint64_t started, ended;    /* rounds */
  size_t nbulk;
};

/* The newest round that has begun. */
extern uint64_t sqlite_log_round (struct sqlite_layer *l);

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
extern int sqlite_set_dirty (struct layer *base, uint64_t cluster, int *err);
extern int sqlite_set_clean (struct layer *base, uint64_t cluster, int *err);
extern uint64_t sqlite_next_dirty (struct layer *base, uint64_t cluster,
                                   uint64_t limit);

/* sqlite-reclaim.c */

extern uint64_t sqlite_used (struct layer *base);
extern int sqlite_reclaim (struct layer *base, int *err);

/* sqlite-check.c */

/* The first broken invariant in words, to be freed, or NULL.  Nobody
 * else may be using the layer.
 */
extern char *sqlite_check_invariants (struct sqlite_layer *l);

#endif /* DISKSTACK_SQLITE_IMPL_H */
