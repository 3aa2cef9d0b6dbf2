/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The inside of the engine; image-impl.h has the order of things and of
 * the locks.
 *
 * Publishing: whoever changes metadata in memory has done all that can
 * fail before (loaded the pages, written the data, made room for the note
 * of a pending free), and then makes all changes that belong together
 * within image_publish_begin and _end.  A commit takes its copies while
 * nobody publishes, so it has all of such changes or none.
 *
 * A reader without a lock looks at a block's entry, then at its bits, then
 * at the entry again: bits belong to a place only as long as the entry
 * names that.
 */

#ifndef DISKSTACK_IMAGE_CORE_H
#define DISKSTACK_IMAGE_CORE_H

#include <stddef.h>
#include <string.h>

#include "base/align.h"
#include "image/image-impl.h"
#include "image/image-pages.h"
#include "image/image-visit.h"

/* Commit by itself at so many dirty pages or pending frees, or when the
 * oldest change is that old; at so many times that, everybody waits.
 */
#define AUTO_COMMIT_PAGES 1024
#define AUTO_COMMIT_FREES 1024
#define AUTO_COMMIT_SECONDS 5
#define AUTO_COMMIT_PATIENCE 8

/* Space that no entry names any more. */
struct image_pending {
  struct image_pending *next;
  uint64_t start, count; /* the whole footprint */
  unsigned lock;         /* which block lock its block has */
  bool bits;             /* the block was BLOCK_BITS */
};

struct image_core {
  struct image_pages bat, bits;
  bool zero_is_absent; /* a raw entry of 0 */
  uint64_t block_size, footprint, data_at, data_align;

  struct presence_writers visitors;
  pthread_mutex_t block_lock[IMAGE_BLOCK_LOCKS];
  pthread_rwlock_t publish;

  /* Pages dirty, or copied by a commit that has not ended. */
  _Atomic uint64_t unsettled;
  _Atomic int64_t dirty_since; /* seconds; 0: nothing is dirty */

  /* Space that was given up: by changes that are not durable yet; and
   * then, only for who leads a round: by durable ones, before and after
   * the visitors were marked.
   */
  pthread_mutex_t pending_lock;
  struct image_pending *pending, *committed, *draining;
  _Atomic uint64_t npending; /* in the first list */
  _Atomic uint64_t nfrees;   /* in all */
  /* The first list's that were BLOCK_BITS, by their lock. */
  _Atomic uint32_t pending_bits[IMAGE_BLOCK_LOCKS];

  /* Rounds of commits, as in store/file-sync.h. */
  pthread_mutex_t commit_lock;
  pthread_cond_t round_finished;
  uint64_t started, finished;
  int round_error; /* of the round that finished last */

  pthread_mutex_t change_lock;
  _Atomic bool changed; /* first_change is done */
  bool claimed;         /* what is in use, in the space */
  _Atomic bool failed;
  _Atomic bool bad_logged;

  _Atomic uint64_t used; /* bytes that blocks take */
  _Atomic bool used_known;
};

/* The page arrays, empty, for the geometry that I has; false if there is
 * no memory.
 */
extern bool image_init_pages (struct image *i);

/* ------------------------------------------------------------------ */
/* Entries */

extern int image_bat_load (void *opaque, uint64_t number, uint8_t *data,
                           int *err);
extern int image_bits_load (void *opaque, uint64_t number, uint8_t *data,
                            int *err);

/* How many bytes of BAT page NUMBER are in the file. */
extern uint32_t image_bat_page_count (const struct image *i, uint64_t number);

static inline uint64_t
entry_load (const struct image *i, const struct pages_page *p, uint64_t index)
{
  if (i->format->entry_size == 8) {
    const _Atomic uint64_t *e = (const void *) p->data;

    return atomic_load_explicit (&e[index % (IMAGE_PAGE / 8)],
                                 memory_order_acquire);
  }
  else {
    const _Atomic uint32_t *e = (const void *) p->data;

    return atomic_load_explicit (&e[index % (IMAGE_PAGE / 4)],
                                 memory_order_acquire);
  }
}

static inline void
entry_store (const struct image *i, struct pages_page *p, uint64_t index,
             uint64_t raw)
{
  if (i->format->entry_size == 8) {
    _Atomic uint64_t *e = (void *) p->data;

    atomic_store_explicit (&e[index % (IMAGE_PAGE / 8)], raw,
                           memory_order_release);
  }
  else {
    _Atomic uint32_t *e = (void *) p->data;

    atomic_store_explicit (&e[index % (IMAGE_PAGE / 4)], (uint32_t) raw,
                           memory_order_release);
  }
}

static inline uint64_t
bat_page_of (const struct image *i, uint64_t index)
{
  return i->format->entry_size == 8 ? index / (IMAGE_PAGE / 8) :
                                      index / (IMAGE_PAGE / 4);
}

/* The raw entry at INDEX. */
static inline int
raw_get (struct image *i, uint64_t index, uint64_t *raw, int *err)
{
  const struct pages_page *p =
    pages_get (&i->core->bat, bat_page_of (i, index), err);

  if (p == NULL)
    return -1;
  *raw = entry_load (i, p, index);
  return 0;
}

/* The entry of BLOCK, and as it was found.  BLOCK_BAD is EIO, logged. */
extern int image_get_entry (struct image *i, uint64_t block,
                            struct image_entry *e, uint64_t *raw, int *err);

/* Is the entry of BLOCK still RAW, as far as those see who look now? */
extern bool image_entry_is (struct image *i, uint64_t block, uint64_t raw);

/* Call FN for each block that has space, until it returns -1.  The BAT in
 * the file is what counts: before anything is changed, or after a commit.
 */
typedef int (*image_block_fn) (void *opaque, struct image *i, uint64_t block,
                               const struct image_entry *e, int *err);

extern int image_each_block (struct image *i, image_block_fn fn, void *opaque,
                             int *err);

/* BLOCK is BLOCK_ABSENT: so are all up to which, as far as that is known
 * at once?
 */
extern uint64_t image_absent_until (struct image *i, uint64_t block);

/* ------------------------------------------------------------------ */
/* Geometry */

static inline bool
has_parent (const struct image *i)
{
  return i->info.parent.exists;
}

/* May whole blocks give up their space and read as zero by that? */
static inline bool
can_free (const struct image *i)
{
  return !i->info.keeps_blocks && (i->format->has_zero || !has_parent (i));
}

static inline uint32_t
block_sectors (const struct image *i)
{
  return 1u << (i->block_shift - i->sector_shift);
}

/* Where the disk ends in BLOCK, in sectors. */
extern uint32_t image_block_end (const struct image *i, uint64_t block);

/* A piece of an operation: within a block. */
struct image_piece {
  uint64_t block;
  uint64_t offset; /* of the disk */
  uint64_t within; /* of the block */
  uint64_t count;  /* bytes */
  uint32_t start;  /* sectors of the block, half-open */
  uint32_t end;
  bool whole; /* all of the block that is in the disk */
};

/* The first piece of [OFFSET, END). */
extern struct image_piece image_piece_at (const struct image *i,
                                          uint64_t offset, uint64_t end);

/* ------------------------------------------------------------------ */
/* Runs */

struct image_run {
  enum image_state state;
  uint64_t count; /* bytes */
  uint64_t place;
};

/* What [OFFSET, END) begins with, as far as it is the same and in one
 * piece.  DATA and what it says is good until the visit ends.
 */
extern int image_run_at (struct image *i, uint64_t offset, uint64_t end,
                         struct image_run *run, int *err);

/* ------------------------------------------------------------------ */
/* Bits: sectors of a block, START and END within it. */

/* Is START set, and up to where, at most END, are those behind it the
 * same?
 */
extern int image_bits_run (struct image *i, uint64_t block, uint32_t start,
                           uint32_t end, bool *set, uint32_t *run_end,
                           int *err);

/* The pages of [START, END) are in memory and may be changed. */
extern int image_bits_prepare (struct image *i, uint64_t block, uint32_t start,
                               uint32_t end, int *err);

/* Set or clear them, within a publication and prepared; MARK: the pages
 * become dirty if that changed anything.
 */
extern void image_bits_put (struct image *i, uint64_t block, uint32_t start,
                            uint32_t end, bool set, bool mark);

/* ------------------------------------------------------------------ */
/* Changes */

/* Before anything is changed: may it be? */
extern int image_begin_change (struct image *i, int *err);

/* After a change: commit if it is time. */
extern void image_end_change (struct image *i);

extern void image_publish_begin (struct image *i);
extern void image_publish_end (struct image *i);

static inline pthread_mutex_t *
image_block_lock (struct image *i, uint64_t block)
{
  return &i->core->block_lock[block % IMAGE_BLOCK_LOCKS];
}

/* The dirty mark of P, within a publication. */
extern void image_mark (struct image *i, struct image_pages *ps,
                        struct pages_page *p);

/* Space for a block; nothing names it.  PLACE is of the data, ZERO: all
 * of it reads as zero.
 */
struct image_space_new {
  uint64_t place;
  bool zero;
};

extern int image_new_space (struct image *i, struct image_space_new *n,
                            int *err);
extern void image_drop_space (struct image *i, const struct image_space_new *n);

/* All of the data of N but bytes [START, END) of it shall read as zero. */
extern int image_zero_rest (struct image *i, const struct image_space_new *n,
                            uint64_t start, uint64_t end, int *err);

/* Publish that [START, END) of a block that is BLOCK_BITS are set. */
extern int image_set_bits (struct image *i, uint64_t block,
                           const struct image_entry *e, uint32_t start,
                           uint32_t end, int *err);

/* The data at N->place was written, [START, END) of it is to be shown and
 * the rest is zero (FULL) or absent: name it by the entry of BLOCK, which
 * had no space.  On failure N is dropped.
 */
extern int image_publish_new (struct image *i, uint64_t block,
                              const struct image_space_new *n, bool full,
                              uint32_t start, uint32_t end, int *err);

/* Make BLOCK ABSENT or ZERO, whose entry is OLD. */
extern int image_publish_gone (struct image *i, uint64_t block,
                               const struct image_entry *old,
                               enum image_block_state state, bool trim,
                               int *err);

/* A block that is FULL or BITS keeps its place, and [START, END) of it
 * become absent.
 */
extern int image_publish_holes (struct image *i, uint64_t block,
                                const struct image_entry *old, uint32_t start,
                                uint32_t end, int *err);

/* A block that has been copied to N is there from now on. */
extern int image_publish_moved (struct image *i, uint64_t block,
                                const struct image_entry *old,
                                const struct image_space_new *n, int *err);

/* Is all metadata that anybody can see durable? */
static inline bool
image_is_settled (struct image *i)
{
  return atomic_load_explicit (&i->core->unsettled, memory_order_acquire) == 0;
}

/* Make space free that was given up, waiting for those who are inside;
 * ENOSPC after some seconds.
 */
extern int image_reclaim (struct image *i, int *err);

/* All is durable, and what was given up is free. */
extern int image_settle (struct image *i, int *err);

/* Move BLOCK, which has space, to a free place below LIMIT, or to any if
 * that is UINT64_MAX.  Alone, with nothing dirty of the block.  BUF has
 * IMAGE_MOVE_PIECE bytes.  Returns 1, 0 if there is no place, or -1.
 */
#define IMAGE_MOVE_PIECE (1024 * 1024)

extern int image_move_block (struct image *i, uint64_t block, uint64_t limit,
                             uint8_t *buf, int *err);

/* End an operation: FLAGS may have IMAGE_FUA. */
extern int image_finish (struct image *i, unsigned flags, int r, int *err);

#endif /* DISKSTACK_IMAGE_CORE_H */
