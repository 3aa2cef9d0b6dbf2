/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See sdb-header.h.
 */

#include <config.h>

#include <string.h>

#include "base/bytes.h"
#include "sector-db/sdb-header.h"

/* The database header, as far as we look at it. */
struct sdb_header_disk {
  char magic[16];      /* 0x00: "SQLite format 3" and a NUL */
  be16 page_size;      /* 0x10: 1 means 65536 */
  uint8_t other_1[6];  /* 0x12 */
  be32 change_counter; /* 0x18 */
  be32 page_count;     /* 0x1c */
  uint8_t other_2[28]; /* 0x20 */
  be32 user_version;   /* 0x3c */
  uint8_t other_3[4];  /* 0x40 */
  be32 application_id; /* 0x44 */
  uint8_t other_4[28]; /* 0x48 */
};

_Static_assert(sizeof (struct sdb_header_disk) == SDB_HEADER_SIZE,
               "size of the database header");

enum sdb_status
sdb_header_parse (const uint8_t *p, size_t n, struct sdb_header *h)
{
  static const char magic[16] = "SQLite format 3";
  struct sdb_header_disk d;

  memset (h, 0, sizeof *h);
  if (n < sizeof d)
    return SDB_TOO_SHORT;
  memcpy (&d, p, sizeof d);
  if (memcmp (d.magic, magic, sizeof magic) != 0)
    return SDB_NOT_SQLITE;

  h->page_size = be16_get (d.page_size);
  if (h->page_size == 1)
    h->page_size = 65536;
  h->page_count = be32_get (d.page_count);
  h->change_counter = be32_get (d.change_counter);
  h->application_id = be32_get (d.application_id);
  h->user_version = be32_get (d.user_version);
  if (h->application_id != SDB_APPLICATION_ID)
    return SDB_NOT_LAYER;
  if (h->user_version > SDB_VERSION || h->user_version == 0)
    return SDB_NEWER;
  if (h->page_size != SDB_PAGE_SIZE_BYTES)
    return SDB_PAGE_SIZE;
  return SDB_OK;
}
