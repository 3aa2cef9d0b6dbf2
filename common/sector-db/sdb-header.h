/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The first bytes of a layer file, which are an SQLite database header
 * (https://www.sqlite.org/fileformat2.html section 1.3) with our own
 * application id and user version.
 */

#ifndef DISKSTACK_SDB_HEADER_H
#define DISKSTACK_SDB_HEADER_H

#include <stddef.h>
#include <stdint.h>

#include "sector-db/sdb-status.h"

#define SDB_HEADER_SIZE 100
#define SDB_APPLICATION_ID 0x644c7972 /* "dLyr" */
#define SDB_VERSION 2                 /* the newest that there is */
#define SDB_VERSION_FIRST 1 /* of files in which nothing was ever marked */
#define SDB_PAGE_SIZE_BYTES 4096

struct sdb_header {
  uint32_t page_size;
  uint32_t page_count;     /* pages of the database */
  uint32_t change_counter; /* differs after each commit */
  uint32_t application_id;
  uint32_t user_version;
};

/* Read the N bytes at P, the start of a file.  H is filled in as far as
 * the file is an SQLite database.
 */
extern enum sdb_status sdb_header_parse (const uint8_t *p, size_t n,
                                         struct sdb_header *h);

#endif /* DISKSTACK_SDB_HEADER_H */
