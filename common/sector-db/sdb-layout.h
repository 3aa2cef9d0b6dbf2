/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Where things are in a layer file (docs/format-sector-db.md section 2).
 * One file holds three things whose sizes nobody knows beforehand: an
 * SQLite database, its rollback journal, and clusters of sector data.
 * The file is cut into segments; each begins with a stripe that belongs
 * to the database and the journal, and the rest is clusters.  Every
 * position is computed, so no table can be wrong:
 *
 *   0       3 MiB   4 MiB                256 MiB          257 MiB
 *   | db    | jrnl  | clusters ...       | db   | jrnl    | clusters ...
 *
 * The first stripe is at the start of the file, so a database of up to
 * 3 MiB is also an SQLite file to every other program.
 */

#ifndef DISKSTACK_SDB_LAYOUT_H
#define DISKSTACK_SDB_LAYOUT_H

#include <stdbool.h>
#include <stdint.h>

#define SDB_CLUSTER 65536u
#define SDB_SEGMENT (UINT64_C (256) << 20)
#define SDB_STRIPE_0 (UINT64_C (4) << 20)
#define SDB_STRIPE (UINT64_C (1) << 20)
#define SDB_DB_0 (UINT64_C (3) << 20)
#define SDB_DB (UINT64_C (512) << 10)

/* A place is a cluster's position in the file: offset / SDB_CLUSTER.  0
 * is no place at all.  Files end before 2^63.
 */
#define SDB_PLACE_FIRST (SDB_STRIPE_0 / SDB_CLUSTER)
#define SDB_PLACE_LIMIT (UINT64_C (1) << 47)
#define SDB_PLACES_PER_SEGMENT (SDB_SEGMENT / SDB_CLUSTER)
#define SDB_PLACES_PER_STRIPE (SDB_STRIPE / SDB_CLUSTER)

enum sdb_stream { SDB_DATABASE, SDB_JOURNAL };

/* The offset in the file of byte LOGICAL of the stream, and in *RUN how
 * many bytes follow it without a gap.
 */
extern uint64_t sdb_stream_offset (enum sdb_stream stream, uint64_t logical,
                                   uint64_t *run);

/* How many bytes of the stream lie within a file of FILE_SIZE bytes. */
extern uint64_t sdb_stream_size (enum sdb_stream stream, uint64_t file_size);

/* Are [PLACE, PLACE+N) all clusters, none of them in a stripe? */
extern bool sdb_places_valid (uint64_t place, uint64_t n);

/* The first place at or after PLACE that is not in a stripe. */
extern uint64_t sdb_place_skip_stripe (uint64_t place);

static inline uint64_t
sdb_place_offset (uint64_t place)
{
  return place * SDB_CLUSTER;
}

#endif /* DISKSTACK_SDB_LAYOUT_H */
