/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The parts of diskstack commit.  layered/layer-commit.h moves what a layer
 * has into the disk below it; a differencing image is a layer, too
 * (layer/layer-image.h), with a parent that it knows.
 */

#ifndef DISKSTACK_COMMIT_IMPL_H
#define DISKSTACK_COMMIT_IMPL_H

#include "disk.h"
#include "layered/layer-commit.h"
#include "progress.h"

struct commit {
  const char *layer_path; /* as it was given; the spec of an image */
  const char *disk_spec;  /* NULL: the parent that an image names */
  bool force, keep, dry_run, quiet;
  uint64_t piece;
  struct disk_search search;

  /* What is open. */
  struct store *disk; /* any alignment */
  struct layer *layer;
  const char *disk_name; /* for messages */
  struct layer_commit_size all;
  struct progress progress;

  /* Of an image, beside. */
  struct disk child, parent;
  bool locked;
  struct image *image;        /* of the child, LAYER's */
  struct image *parent_image; /* DISK's; NULL: a fixed VHD, or no parent */
};

/* commit-layer.c, commit-image.c: open layer and disk, locked.  0, or -1
 * after log_error.  Who is called closes what it opened but for layer and
 * disk.
 */
extern int commit_open_layer (struct commit *c);
extern int commit_open_image (struct commit *c);

/* Before anything is changed, and when all was done: what the child says
 * of its parent stays true at every moment.  0, or -1 after log_error.
 */
extern int commit_begin_image (struct commit *c);
extern int commit_end_image (struct commit *c);

/* Layer and disk are closed. */
extern void commit_close_image (struct commit *c);

#endif /* DISKSTACK_COMMIT_IMPL_H */
