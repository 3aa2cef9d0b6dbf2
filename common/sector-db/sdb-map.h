/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The map from the disk's clusters to places in the file, as it is
 * written down, in runs (docs/format-sector-db.md section 4).  The same
 * encoding serves the rows of the index and the records of the log.
 */

#ifndef DISKSTACK_SDB_MAP_H
#define DISKSTACK_SDB_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sector-db/sdb-layout.h"
#include "sector-db/sdb-status.h"

enum sdb_kind {
  SDB_ABSENT = 0, /* nothing of these clusters is here */
  SDB_ZERO = 1,   /* all their sectors are zero */
  SDB_DATA = 2,   /* all their sectors are data, at adjacent places */
  SDB_MIXED = 3,  /* one cluster; bits say which sector is what */
};

/* Added to the kind, as it is written, of clusters that are marked. */
#define SDB_KIND_DIRTY 4

/* Words of 64 sectors in the bitmaps of a cluster with 512-byte sectors,
 * the most there can be.
 */
#define SDB_BIT_WORDS 2

struct sdb_run {
  enum sdb_kind kind;
  uint64_t nclusters; /* at least 1; 1 if MIXED */
  bool dirty;         /* marked: what is below the layer is older */
  /* DATA: of the first cluster.  MIXED: 0 if no sector is data. */
  uint64_t place;
  /* MIXED only; bit i of word i/64 is sector i of the cluster. */
  uint64_t present[SDB_BIT_WORDS];
  uint64_t zero[SDB_BIT_WORDS]; /* within present */
};

/* Bytes that one run can take. */
#define SDB_RUN_MAX (1 + 10 + 10 + 2 * 8 * SDB_BIT_WORDS)

/* Write V as a little-endian base-128 number of at most 10 bytes. */
extern size_t sdb_put_number (uint8_t *out, uint64_t v);

/* Read a number at *P, before END, and step over it. */
extern enum sdb_status sdb_get_number (const uint8_t **p, const uint8_t *end,
                                       uint64_t *v);

/* Write R for clusters of NSECTORS sectors; returns the bytes used. */
extern size_t sdb_run_put (uint8_t *out, const struct sdb_run *r,
                           unsigned nsectors);

/* Read a run at *P and step over it; everything in it is checked but
 * whether it lies within the disk.
 */
extern enum sdb_status sdb_run_get (const uint8_t **p, const uint8_t *end,
                                    unsigned nsectors, struct sdb_run *r);

/* Append B to A if the two are one run: true if they were joined. */
extern bool sdb_run_join (struct sdb_run *a, const struct sdb_run *b);

#endif /* DISKSTACK_SDB_MAP_H */
