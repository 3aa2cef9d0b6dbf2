/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Moving what a layer holds down into the disk below it, for good, while
 * nobody else uses either.
 *
 * It goes in the order of the disk, a piece at a time.  A piece is
 * written, made durable, read back and compared; only then does the layer
 * forget it.  So layer and disk together show the same at every moment,
 * whatever fails and whenever the machine does, and a commit that was cut
 * short is finished by another one.
 */

#ifndef DISKSTACK_LAYER_COMMIT_H
#define DISKSTACK_LAYER_COMMIT_H

#include <stdbool.h>
#include <stdint.h>

#include "layer/layer.h"
#include "store/store.h"

/* What there is to move, in bytes of the disk. */
struct layer_commit_size {
  uint64_t data;
  uint64_t zeroes;
  uint64_t end; /* behind the last sector that is data */
};

/* Which step failed. */
enum layer_commit_step {
  LAYER_COMMIT_TOO_SHORT, /* the layer has data beyond the end of the disk;
                           * ENOSPC */
  LAYER_COMMIT_READ,      /* of the layer */
  LAYER_COMMIT_WRITE,     /* of the disk */
  LAYER_COMMIT_FLUSH,     /* of the disk */
  LAYER_COMMIT_READ_BACK, /* of the disk */
  LAYER_COMMIT_COMPARE,   /* the disk has something else now; EIO */
  LAYER_COMMIT_DISCARD,   /* from the layer, or its flush */
};

/* A sentence without its subject, which is the commit. */
extern const char *layer_commit_step_string (enum layer_commit_step step);

struct layer_commit_failure {
  enum layer_commit_step step;
  uint64_t offset, count; /* bytes; of the request, or that differ */
};

struct layer_commit_options {
  uint64_t piece; /* bytes of data in a piece; 0 is 64 MiB */
  bool keep;      /* the layer forgets nothing */
  /* Called after each piece with what is done so far; returning false
   * ends the commit.  NULL: nobody wants to know.
   */
  bool (*progress) (void *opaque, const struct layer_commit_size *done);
  void *opaque;
};

/* Add up what L holds. */
extern void layer_commit_measure (struct layer *l,
                                  struct layer_commit_size *size);

/* Move everything from L to DISK, which is aligned to the sectors of L or
 * less.  *DONE is what was moved and verified by this call.  Returns 1
 * when all was, 0 if progress ended it, or -1 with *err and *F.  Nothing
 * of the piece that failed is forgotten by the layer, unless
 * LAYER_COMMIT_DISCARD: then it may be, and the disk has it.
 */
extern int layer_commit (struct layer *l, struct store *disk,
                         const struct layer_commit_options *o,
                         struct layer_commit_size *done,
                         struct layer_commit_failure *f, int *err);

#endif /* DISKSTACK_LAYER_COMMIT_H */
