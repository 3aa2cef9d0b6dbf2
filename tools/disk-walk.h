/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Going over a disk from its start to its end, with several threads, in
 * pieces of which each is data or reads as zeroes.
 */

#ifndef DISKSTACK_DISK_WALK_H
#define DISKSTACK_DISK_WALK_H

#include <stdbool.h>
#include <stdint.h>

#include "store/store.h"

/* Pieces of data are at most this large and do not cross a multiple of it. */
#define DISK_PIECE (UINT64_C (2) << 20)

struct disk_piece {
  bool data;
  uint64_t offset, count; /* bytes */
  char *buf, *other;      /* DISK_PIECE each, of this thread */
  const char *step;       /* set by who fails: what he was about to do */
};

struct disk_walk {
  struct store *disk;
  uint64_t start, end; /* of the part that is walked, half-open */
  bool zeroes;         /* pieces that read as zero are wanted, too */
  /* Returns 0, or -1 with *err and a step: then the walk ends.  Called by
   * many threads.
   */
  int (*piece) (void *opaque, struct disk_piece *p, int *err);
  /* DONE bytes of the disk are, or somebody is at them; returning false
   * ends the walk.  One call at a time.
   */
  bool (*progress) (void *opaque, uint64_t done); /* NULL: nobody's */
  void *opaque;
};

struct disk_walk_failure {
  const char *step; /* "reading" */
  uint64_t offset, count;
};

/* 1 if it came to the end, 0 if progress ended it, -1 with *F and *err. */
extern int disk_walk (const struct disk_walk *w, struct disk_walk_failure *f,
                      int *err);

#endif /* DISKSTACK_DISK_WALK_H */
