/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A layer: sectors with presence.  A read says which sectors the layer
 * had; the engine (layered/) asks the next layer for the others.  This
 * header is the contract; tests/conformance/layer-suite.c runs it over
 * every implementation.
 *
 * Each sector is in one of three states:
 *
 *   absent   the layer knows nothing of it; ask below
 *   data     present, with content
 *   zero     present, all zeroes, no content stored (a tombstone)
 *
 * Rules for all operations
 *
 * - Ranges are in sectors of info.sector_size bytes, half-open, not
 *   empty, and inside [0, info.nsectors): the engine has checked that.
 * - They return 0, or -1 with *err set to a positive errno.  A failed
 *   operation leaves each sector of its range in the old or the new
 *   state, never with other content, and the rest untouched.
 * - Any number of threads may be in any number of operations at once,
 *   except in layer_close, which comes alone and last.
 * - A sector is atomic between operations on this layer: of two writes
 *   one wins whole, and a no-overwrite write never replaces a sector
 *   that a write, zero or earlier no-overwrite write made present.
 */

#ifndef DISKSTACK_LAYER_H
#define DISKSTACK_LAYER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/uuid.h"
#include "layer/marker.h"

struct layer;

enum layer_state { LAYER_ABSENT, LAYER_DATA, LAYER_ZERO };

/* Flags of the modifying operations. */
enum {
  LAYER_FUA = 1,          /* write, zero: durable before it returns */
  LAYER_NO_OVERWRITE = 2, /* write: skip sectors that are present */
  LAYER_DIRTY = 4,        /* write, zero: remember with the sectors that
                           * what is below is older (info.keeps_dirty) */
};

/* Bytes of a cluster, the unit of dirty marks and of eviction; aligned
 * to its own size on the disk.
 */
#define LAYER_CLUSTER 65536u

/* NBD has no larger minimum block size. */
#define LAYER_SECTOR_SIZE_MAX 65536u

/* What a layer is, fixed when it is constructed. */
struct layer_info {
  uint64_t nsectors;
  uint32_t sector_size;          /* a power of two, 512 to 64K */
  uint32_t physical_sector_size; /* >= sector_size */
  bool read_only;                /* nothing can be changed */
  bool no_overwrite;             /* LAYER_NO_OVERWRITE works */
  bool keeps_dirty;              /* LAYER_DIRTY works, across crashes */
  bool has_id;
  struct uuid id; /* of the disk that the layer belongs to */
};

/* What a layer learns, at construction, of what will be below it. */
struct layer_below {
  bool exists;
  uint64_t size;        /* bytes */
  uint32_t sector_size; /* 0: not known, fits any */
  bool has_id;
  struct uuid id;
  /* "" unless the disk was chosen by name; NULL: not known, fits any. */
  const char *export_name;
};

struct layer_ops {
  const char *name; /* of the kind, for messages: "ram", "sqlite" */

  /* Free the layer.  One with a file leaves it clean. */
  void (*close) (struct layer *l);

  /* Copy what is present of [SECTOR, SECTOR+NSECTORS) into BUF, which
   * is for SECTOR, and mark it in M.  Bytes of absent sectors in BUF
   * are left as they are.
   */
  int (*read) (struct layer *l, void *buf, uint64_t sector, uint32_t nsectors,
               struct marker *m, int *err);

  /* Make the range data.  FLAGS: LAYER_FUA, LAYER_NO_OVERWRITE (only if
   * info.no_overwrite), LAYER_DIRTY (only if info.keeps_dirty).  A write
   * or zero that fails may leave its marks.
   */
  int (*write) (struct layer *l, const void *buf, uint64_t sector,
                uint32_t nsectors, unsigned flags, int *err);

  /* Make the range zero.  FLAGS: LAYER_FUA, LAYER_DIRTY. */
  int (*zero) (struct layer *l, uint64_t sector, uint64_t nsectors,
               unsigned flags, int *err);

  /* Make the range absent; a cluster that is in it whole loses its mark.
   * The engine does this only where the content below is the same, or is
   * known to be zero.
   */
  int (*discard) (struct layer *l, uint64_t sector, uint64_t nsectors,
                  int *err);

  /* Everything that completed before is durable when it returns, in the
   * sense that the kind of layer promises (docs/architecture.md).
   */
  int (*flush) (struct layer *l, int *err);

  /* The state of SECTOR, and in *END the first sector after it, at most
   * LIMIT, from which on the state may differ.  Does no I/O.
   */
  enum layer_state (*state) (struct layer *l, uint64_t sector, uint64_t limit,
                             uint64_t *end);

  /* Bytes that the layer takes now, of memory or of its file, with all
   * bookkeeping.  Cheap.  NULL: it cannot tell.
   */
  uint64_t (*used) (struct layer *l);

  /* Make space of what was discarded usable again, or give it back, so
   * that `used' falls as far as it can.  May take long.  NULL: discard
   * did that already.
   */
  int (*reclaim) (struct layer *l, int *err);

  /* The marks of LAYER_DIRTY, one for each cluster; all NULL unless
   * info.keeps_dirty.  A mark is durable when the sectors that came with
   * it are.  set_dirty marks a CLUSTER of which something is present,
   * durable with the next flush; set_clean removes the mark, and a crash
   * before the next flush may bring it back.  next_dirty is the first
   * marked cluster of [CLUSTER, LIMIT), or LIMIT.
   */
  int (*set_dirty) (struct layer *l, uint64_t cluster, int *err);
  int (*set_clean) (struct layer *l, uint64_t cluster, int *err);
  uint64_t (*next_dirty) (struct layer *l, uint64_t cluster, uint64_t limit);
};

/* The head of every layer; implementations put it first in theirs. */
struct layer {
  const struct layer_ops *ops;
  struct layer_info info;
};

static inline void
layer_close (struct layer *l)
{
  if (l != NULL)
    l->ops->close (l);
}

#endif /* DISKSTACK_LAYER_H */
