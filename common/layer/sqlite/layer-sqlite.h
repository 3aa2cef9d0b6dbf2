/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A persistent layer in one file, whose index is an SQLite database
 * (docs/format-sector-db.md).
 *
 * After flush everything that completed before is on stable storage.
 * After a crash every sector is as some completed write left it since
 * the last flush, or as it was at that flush; never a mixture.
 */

#ifndef DISKSTACK_LAYER_SQLITE_H
#define DISKSTACK_LAYER_SQLITE_H

#include <stdbool.h>
#include <stdint.h>

#include "layer/layer.h"
#include "store/store.h"

/* A sector is atomic, and that is as much as a block of the log. */
#define LAYER_SQLITE_SECTOR_SIZE_MAX 4096u

/* Longest export name that is recorded. */
#define LAYER_SQLITE_NAME_MAX 4096

/* The largest disk, in bytes.  What an open layer costs before anything
 * is written to it is in proportion to its size.
 */
#define LAYER_SQLITE_SIZE_MAX (UINT64_C (1) << 50)

/* What a layer file says of itself and of the disk it belongs to. */
struct layer_sqlite_identity {
  struct uuid layer_id; /* of this file */
  uint64_t size;        /* bytes, of the disk as the layer shows it */
  uint32_t sector_size;
  bool has_below;             /* was made over a disk, of which: */
  uint64_t below_size;        /* bytes */
  uint32_t below_sector_size; /* 0: not recorded */
  bool has_disk_id;
  struct uuid disk_id;
  char export_name[LAYER_SQLITE_NAME_MAX + 1];
  int64_t created; /* seconds since 1970, UTC */
};

struct layer_sqlite_options {
  const char *name;     /* of the file, for messages; copied */
  uint64_t size;        /* at creation: bytes, 0 as below */
  uint32_t sector_size; /* at creation: 0 as below */
  bool read_only;
  /* Accept a disk below that is not the one the layer was made for. */
  bool force;
  /* Bytes of the log when one is made, a multiple of 1 MiB; 0 is 64 MiB.
   * A small one makes checkpoints frequent, for tests.
   */
  uint64_t log_length;
  /* Bytes that the file is meant to stay below, or 0: with log_length 0
   * the log is an eighth of them, at least 1 MiB and at most 64.
   */
  uint64_t max;
};

/* Make FILE, which is empty and can be resized, a layer over BELOW with
 * nothing in it.  Durable when it returns 0; -1 after log_error.
 */
extern int layer_sqlite_format (struct store *file,
                                const struct layer_sqlite_options *o,
                                const struct layer_below *below);

/* Open the layer in FILE over BELOW, recovering what a crash left.  FILE
 * must be writable even if the layer is read_only: give it a RAM layer
 * then.  Takes ownership of FILE on success; NULL after log_error,
 * which says what does not fit: a damaged or foreign file, or another
 * disk below than the one that is recorded.  With BELOW NULL, to look at
 * a layer whose disk is not at hand, nothing is compared; nor is what is
 * not known of BELOW.
 */
extern struct layer *layer_sqlite_open (struct store *file,
                                        const struct layer_sqlite_options *o,
                                        const struct layer_below *below);

/* What a layer file holds. */
struct layer_sqlite_report {
  struct layer_sqlite_identity identity;
  uint64_t data_sectors, zero_sectors;
  uint64_t file_size;      /* bytes */
  uint64_t used_clusters;  /* of 64 KiB in the file */
  uint64_t dirty_clusters; /* that have the mark of LAYER_DIRTY */
  bool closed;             /* nothing was to be recovered */
  uint64_t log_batches;    /* waiting to be put in place */
  uint64_t memory;         /* bytes that the open layer takes */
  /* Trouble found, as one line each, or NULL. */
  char *trouble;
};

/* Describe an open layer and check it: the database, and that no place
 * is used twice or lies beyond the end of the file.  Free R->trouble.
 * Returns 0 or -1 with *err.
 */
extern int layer_sqlite_inspect (struct layer *l, struct layer_sqlite_report *r,
                                 int *err);

/* Put everything in its place, so that the log is empty.  Returns 0 or
 * -1 with *err.
 */
extern int layer_sqlite_checkpoint (struct layer *l, int *err);

#endif /* DISKSTACK_LAYER_SQLITE_H */
