/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See sdb-log.h.
 */

#include <config.h>

#include <string.h>

#include "base/align.h"
#include "base/bytes.h"
#include "base/crc32c.h"
#include "sector-db/sdb-log.h"

struct sdb_batch_disk {
  char magic[8];       /* 0x00: "dsklog1\n" */
  uint8_t log_id[16];  /* 0x08 */
  le64 sequence;       /* 0x18 */
  le32 length;         /* 0x20: bytes, all of it */
  le32 nrecords;       /* 0x24 */
  le32 records_length; /* 0x28: bytes */
  le32 data_offset;    /* 0x2c: bytes from the start of the batch */
  le32 data_length;    /* 0x30: bytes */
  le32 reserved;       /* 0x34: 0 */
  le32 data_crc;       /* 0x38: of the data */
  le32 header_crc;     /* 0x3c: of all before it, then the records */
};

_Static_assert(sizeof (struct sdb_batch_disk) == SDB_BATCH_HEADER_SIZE,
               "size of a batch header");
_Static_assert(offsetof (struct sdb_batch_disk, header_crc) == 0x3c,
               "offset of the checksum");

static const char batch_magic[8] = { 'd', 's', 'k', 'l', 'o', 'g', '1', '\n' };

size_t
sdb_record_put (uint8_t *out, const struct sdb_record *r,
                unsigned cluster_sectors)
{
  size_t n = 0;

  out[n++] = (uint8_t) r->type;
  if (r->type == SDB_RECORD_MAP) {
    n += sdb_put_number (out + n, r->cluster);
    n += sdb_run_put (out + n, &r->run, cluster_sectors);
  }
  else {
    n += sdb_put_number (out + n, r->sector);
    n += sdb_put_number (out + n, r->nsectors);
  }
  return n;
}

enum sdb_status
sdb_record_get (const uint8_t **p, const uint8_t *end, unsigned cluster_sectors,
                struct sdb_record *r)
{
  enum sdb_status status;

  memset (r, 0, sizeof *r);
  if (*p >= end)
    return SDB_TRUNCATED;
  if (**p != SDB_RECORD_MAP && **p != SDB_RECORD_DATA)
    return SDB_BAD_KIND;
  r->type = (enum sdb_record_type) * (*p)++;
  if (r->type == SDB_RECORD_MAP) {
    status = sdb_get_number (p, end, &r->cluster);
    return status != SDB_OK ? status :
                              sdb_run_get (p, end, cluster_sectors, &r->run);
  }
  status = sdb_get_number (p, end, &r->sector);
  if (status == SDB_OK)
    status = sdb_get_number (p, end, &r->nsectors);
  return status == SDB_OK && r->nsectors == 0 ? SDB_BAD_COUNT : status;
}

uint32_t
sdb_batch_data_offset (uint32_t records_length)
{
  return ROUND_UP (SDB_BATCH_HEADER_SIZE + records_length, SDB_LOG_UNIT);
}

/* The checksum over the header around its own field, and the records. */
static uint32_t
header_crc (const uint8_t *p, uint32_t records_length)
{
  const uint32_t crc =
    crc32c (0, p, offsetof (struct sdb_batch_disk, header_crc));

  return crc32c (crc, p + SDB_BATCH_HEADER_SIZE, records_length);
}

void
sdb_batch_seal (uint8_t *p, const struct sdb_batch *b)
{
  const uint32_t records_end = SDB_BATCH_HEADER_SIZE + b->records_length;
  const uint32_t data_end = b->data_offset + b->data_length;
  struct sdb_batch_disk d = { 0 };

  memset (p + records_end, 0, b->data_offset - records_end);
  memset (p + data_end, 0, b->length - data_end);
  memcpy (d.magic, batch_magic, sizeof d.magic);
  memcpy (d.log_id, b->log_id.b, sizeof d.log_id);
  d.sequence = le64_put (b->sequence);
  d.length = le32_put (b->length);
  d.nrecords = le32_put (b->nrecords);
  d.records_length = le32_put (b->records_length);
  d.data_offset = le32_put (b->data_offset);
  d.data_length = le32_put (b->data_length);
  d.data_crc = le32_put (crc32c (0, p + b->data_offset, b->data_length));
  memcpy (p, &d, sizeof d);
  d.header_crc = le32_put (header_crc (p, b->records_length));
  memcpy (p, &d, sizeof d);
}

/* Do the lengths fit in each other and in the log? */
static bool
lengths_fit (const struct sdb_batch *b, uint64_t max_length)
{
  return IS_ALIGNED (b->length, SDB_LOG_UNIT) && b->length <= max_length &&
         b->length >= SDB_LOG_UNIT &&
         b->records_length <= b->length - SDB_BATCH_HEADER_SIZE &&
         b->data_offset == sdb_batch_data_offset (b->records_length) &&
         b->data_offset <= b->length &&
         b->data_length <= b->length - b->data_offset;
}

enum sdb_status
sdb_batch_parse (const uint8_t *p, size_t n, const struct uuid *id,
                 uint64_t sequence, uint64_t max_length, struct sdb_batch *b)
{
  struct sdb_batch_disk d;

  memset (b, 0, sizeof *b);
  if (n < SDB_LOG_UNIT)
    return SDB_TRUNCATED;
  memcpy (&d, p, sizeof d);
  if (memcmp (d.magic, batch_magic, sizeof d.magic) != 0)
    return SDB_LOG_MAGIC;
  memcpy (b->log_id.b, d.log_id, sizeof d.log_id);
  if (!uuid_equal (&b->log_id, id))
    return SDB_LOG_ID;
  b->sequence = le64_get (d.sequence);
  if (b->sequence != sequence)
    return SDB_LOG_SEQUENCE;
  b->length = le32_get (d.length);
  b->nrecords = le32_get (d.nrecords);
  b->records_length = le32_get (d.records_length);
  b->data_offset = le32_get (d.data_offset);
  b->data_length = le32_get (d.data_length);
  return lengths_fit (b, max_length) ? SDB_OK : SDB_LOG_LENGTH;
}

enum sdb_status
sdb_batch_verify (const uint8_t *p, const struct sdb_batch *b)
{
  struct sdb_batch_disk d;

  memcpy (&d, p, sizeof d);
  if (le32_get (d.header_crc) != header_crc (p, b->records_length))
    return SDB_LOG_HEADER_CRC;
  if (le32_get (d.data_crc) != crc32c (0, p + b->data_offset, b->data_length))
    return SDB_LOG_DATA_CRC;
  return SDB_OK;
}
