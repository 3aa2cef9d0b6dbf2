/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What can be wrong with a layer file, as the parsers of this room say
 * it.
 */

#ifndef DISKSTACK_SDB_STATUS_H
#define DISKSTACK_SDB_STATUS_H

enum sdb_status {
  SDB_OK,
  SDB_TOO_SHORT,      /* the file ends inside its header */
  SDB_NOT_SQLITE,     /* not an SQLite database */
  SDB_NOT_LAYER,      /* an SQLite database of something else */
  SDB_NEWER,          /* of a later version of the format */
  SDB_PAGE_SIZE,      /* the database's page size is not ours */
  SDB_TRUNCATED,      /* a record ends before it is complete */
  SDB_BAD_NUMBER,     /* a number is longer than 64 bits */
  SDB_BAD_KIND,       /* a map run or log record of unknown kind */
  SDB_BAD_COUNT,      /* a run of no clusters, or of too many */
  SDB_BAD_PLACE,      /* data where the file cannot have any */
  SDB_BAD_BITS,       /* zero sectors that are not present, or data
                        * without a place */
  SDB_BAD_RANGE,      /* beyond the end of the disk */
  SDB_LOG_MAGIC,      /* no batch here */
  SDB_LOG_ID,         /* a batch of another log */
  SDB_LOG_SEQUENCE,   /* not the batch that is next */
  SDB_LOG_LENGTH,     /* its lengths contradict each other or the log */
  SDB_LOG_HEADER_CRC, /* torn or damaged header or records */
  SDB_LOG_DATA_CRC,   /* torn or damaged data */
};

/* A phrase such as "is not an SQLite database". */
extern const char *sdb_status_string (enum sdb_status status);

#endif /* DISKSTACK_SDB_STATUS_H */
