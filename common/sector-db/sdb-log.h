/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The log: what a flush made durable before it is in its place
 * (docs/format-sector-db.md section 5).  A ring of batches, each written
 * by one request.  A batch is a header, records that say what changed,
 * and the data of the data records, with a checksum over each part; a
 * torn batch is not there.
 */

#ifndef DISKSTACK_SDB_LOG_H
#define DISKSTACK_SDB_LOG_H

#include <stddef.h>
#include <stdint.h>

#include "base/uuid.h"
#include "sector-db/sdb-map.h"
#include "sector-db/sdb-status.h"

/* Batches begin and end at multiples of this. */
#define SDB_LOG_UNIT 4096u
#define SDB_BATCH_HEADER_SIZE 64u

enum sdb_record_type {
  /* The map of these clusters is now as the run says, and nothing that
   * earlier data records said of them holds any more.
   */
  SDB_RECORD_MAP = 1,
  /* These sectors have this content, in memory, not yet in any place. */
  SDB_RECORD_DATA = 2,
};

struct sdb_record {
  enum sdb_record_type type;
  uint64_t cluster;   /* MAP: first cluster */
  struct sdb_run run; /* MAP */
  uint64_t sector;    /* DATA: first sector */
  uint64_t nsectors;  /* DATA: at least 1 */
};

/* Bytes that one record can take. */
#define SDB_RECORD_MAX (1 + 10 + SDB_RUN_MAX)

/* Write a record for clusters of CLUSTER_SECTORS sectors. */
extern size_t sdb_record_put (uint8_t *out, const struct sdb_record *r,
                              unsigned cluster_sectors);
extern enum sdb_status sdb_record_get (const uint8_t **p, const uint8_t *end,
                                       unsigned cluster_sectors,
                                       struct sdb_record *r);

struct sdb_batch {
  struct uuid log_id;
  uint64_t sequence;
  uint32_t length; /* all of it, a multiple of SDB_LOG_UNIT */
  uint32_t nrecords;
  uint32_t records_length; /* bytes, after the header */
  uint32_t data_offset;    /* from the start of the batch */
  uint32_t data_length;    /* bytes */
};

/* Bytes before the data of a batch with RECORDS_LENGTH bytes of records:
 * whole log units.
 */
extern uint32_t sdb_batch_data_offset (uint32_t records_length);

/* Complete a batch at P: the records lie at P + SDB_BATCH_HEADER_SIZE and
 * the data at P + data_offset; everything else up to B->length is
 * cleared, the header is written, the checksums too.
 */
extern void sdb_batch_seal (uint8_t *p, const struct sdb_batch *b);

/* Is there, at P, the start of the batch number SEQUENCE of log ID?  N
 * bytes are there, at least SDB_LOG_UNIT; only the header is looked at.
 * MAX_LENGTH is what the log could hold from here.
 */
extern enum sdb_status sdb_batch_parse (const uint8_t *p, size_t n,
                                        const struct uuid *id,
                                        uint64_t sequence, uint64_t max_length,
                                        struct sdb_batch *b);

/* All B->length bytes are at P now: are they what was written? */
extern enum sdb_status sdb_batch_verify (const uint8_t *p,
                                         const struct sdb_batch *b);

#endif /* DISKSTACK_SDB_LOG_H */
