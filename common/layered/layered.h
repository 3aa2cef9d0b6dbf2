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
 * the sector present already.
 */

#ifndef DISKSTACK_LAYERED_H
#define DISKSTACK_LAYERED_H

#include <stdbool.h>
#include <stdint.h>

#include "base/extents.h"
#include "layer/layer.h"
#include "store/range-lock.h"
#include "store/store.h"

/* More than anybody needs; bounds recursion. */
#define LAYERED_MAX 64

struct layered_member {
  struct layer *layer;
  bool read_cache;
  bool write_through;
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

struct layered {
  unsigned nlayers;
  struct layered_member member[LAYERED_MAX];
  /* Sectors of member[i] at or beyond visible[i] read as zero: nothing
   * shows that a layer further up does not reach.
   * visible[nlayers] is for the bottom, rounded up to whole sectors.
   */
  uint64_t visible[LAYERED_MAX + 1];
  uint64_t bottom_size; /* bytes; 0 without a bottom */
  /* The write path is members [0, nwritten), then the bottom too if
   * writes_bottom.
   */
  unsigned nwritten;
  bool writes_bottom;
  bool read_only;
  unsigned sector_shift;
  uint64_t nsectors;
  uint64_t size; /* bytes; not a multiple of the sector size only where
                  * the bottom's is not */
  struct range_lock *locks;        /* for the aligning stores on top */
  struct range_lock *bottom_locks; /* for those over bottoms that need one */
  _Atomic uint64_t populate_failures;
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

/* Close all layers, top first, and free the stack. */
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

/* Append to OUT, from its current end to its END or until it is full. */
extern int layered_extents (struct layered *ld, struct store *bottom,
                            unsigned flags, struct extent_list *out, int *err);

/* Bring what is absent of the range into the topmost read cache, or tell
 * the bottom that it will be read.
 */
extern int layered_cache (struct layered *ld, struct store *bottom,
                          uint64_t sector, uint64_t nsectors, int *err);

#endif /* DISKSTACK_LAYERED_H */
