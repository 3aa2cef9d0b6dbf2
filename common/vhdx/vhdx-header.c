/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See vhdx-header.h.
 */

#include <config.h>

#include <string.h>

#include "base/align.h"
#include "base/checked.h"
#include "base/crc32c.h"
#include "vhdx/vhdx-checksum.h"
#include "vhdx/vhdx-header.h"

#define HEADER_SIGNATURE "head"

/* Behind the signature, in UTF-16. */
#define CREATOR_OFFSET 8
#define CREATOR_MAX 255

uint32_t
vhdx_checksum (const void *p, size_t length)
{
  static const uint8_t zero[VHDX_CHECKSUM_SIZE];
  const uint8_t *bytes = p;
  const size_t behind = VHDX_CHECKSUM_OFFSET + VHDX_CHECKSUM_SIZE;
  uint32_t crc = crc32c (0, bytes, VHDX_CHECKSUM_OFFSET);

  crc = crc32c (crc, zero, sizeof zero);
  return crc32c (crc, bytes + behind, length - behind);
}

enum vhdx_status
vhdx_identifier_parse (const void *p)
{
  return memcmp (p, VHDX_SIGNATURE, 8) == 0 ? VHDX_OK : VHDX_NO_IDENTIFIER;
}

void
vhdx_identifier_serialise (const char *creator, void *p)
{
  uint8_t *bytes = p;

  memset (bytes, 0, VHDX_IDENTIFIER_SIZE);
  memcpy (bytes, VHDX_SIGNATURE, 8);
  for (unsigned i = 0; i < CREATOR_MAX && creator[i] != '\0'; i++)
    bytes[CREATOR_OFFSET + 2 * i] = (uint8_t) creator[i];
}

enum vhdx_status
vhdx_header_parse (const void *p, struct vhdx_header *h)
{
  struct vhdx_header_disk d;

  memset (h, 0, sizeof *h);
  memcpy (&d, p, sizeof d);
  if (memcmp (d.signature, HEADER_SIGNATURE, sizeof d.signature) != 0)
    return VHDX_NO_HEADER;
  h->sequence = le64_get (d.sequence);
  memcpy (h->file_write_id.b, d.file_write_id, sizeof h->file_write_id.b);
  memcpy (h->data_write_id.b, d.data_write_id, sizeof h->data_write_id.b);
  memcpy (h->log_id.b, d.log_id, sizeof h->log_id.b);
  h->log_version = le16_get (d.log_version);
  h->version = le16_get (d.version);
  h->log_length = le32_get (d.log_length);
  h->log_offset = le64_get (d.log_offset);
  if (le32_get (d.checksum) != vhdx_checksum (&d, sizeof d))
    return VHDX_HEADER_CHECKSUM;
  return VHDX_OK;
}

enum vhdx_status
vhdx_headers_parse (const void *first, const void *second,
                    struct vhdx_headers *h)
{
  bool good[2];

  memset (h, 0, sizeof *h);
  h->status[0] = vhdx_header_parse (first, &h->header[0]);
  h->status[1] = vhdx_header_parse (second, &h->header[1]);
  good[0] = h->status[0] == VHDX_OK;
  good[1] = h->status[1] == VHDX_OK;
  if (!good[0] && !good[1])
    return VHDX_HEADERS_BAD;
  if (good[0] && good[1]) {
    h->current = h->header[1].sequence > h->header[0].sequence;
    h->ambiguous = h->header[0].sequence == h->header[1].sequence &&
                   memcmp (first, second, VHDX_HEADER_SIZE) != 0;
  }
  else
    h->current = good[1];
  return VHDX_OK;
}

static enum vhdx_status
check_log (const struct vhdx_header *h, uint64_t file_size)
{
  if (!IS_ALIGNED (h->log_length, VHDX_MIB) ||
      !IS_ALIGNED (h->log_offset, VHDX_MIB))
    return VHDX_LOG_ALIGNMENT;
  if (h->log_length == 0)
    return uuid_is_nil (&h->log_id) ? VHDX_OK : VHDX_LOG_MISSING;
  if (h->log_offset < VHDX_HEADER_AREA ||
      !range_inside (h->log_offset, h->log_length, file_size))
    return VHDX_LOG_PLACE;
  return VHDX_OK;
}

enum vhdx_status
vhdx_header_check (const struct vhdx_header *h, uint64_t file_size)
{
  if (h->version != VHDX_VERSION)
    return VHDX_HEADER_VERSION;
  /* Of a log that is not to be replayed the version does not matter. */
  if (h->log_version != 0 && !uuid_is_nil (&h->log_id))
    return VHDX_LOG_VERSION;
  return check_log (h, file_size);
}

void
vhdx_header_serialise (const struct vhdx_header *h, void *p)
{
  struct vhdx_header_disk d = {
    .sequence = le64_put (h->sequence),
    .log_version = le16_put (h->log_version),
    .version = le16_put (h->version),
    .log_length = le32_put (h->log_length),
    .log_offset = le64_put (h->log_offset),
  };

  memcpy (d.signature, HEADER_SIGNATURE, sizeof d.signature);
  memcpy (d.file_write_id, h->file_write_id.b, sizeof d.file_write_id);
  memcpy (d.data_write_id, h->data_write_id.b, sizeof d.data_write_id);
  memcpy (d.log_id, h->log_id.b, sizeof d.log_id);
  d.checksum = le32_put (vhdx_checksum (&d, sizeof d));
  memcpy (p, &d, sizeof d);
}
