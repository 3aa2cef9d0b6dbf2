/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See vhdx-log.h: how large entries are, and making them.
 */

#include <config.h>

#include <string.h>

#include "base/align.h"
#include "vhdx/vhdx-checksum.h"
#include "vhdx/vhdx-log-impl.h"

static uint64_t
descriptor_sectors (uint64_t ndescriptors)
{
  const uint64_t bytes =
    sizeof (struct vhdx_log_entry_disk) +
    ndescriptors * sizeof (struct vhdx_log_descriptor_disk);

  return DIV_ROUND_UP (bytes, VHDX_LOG_SECTOR);
}

uint64_t
vhdx_log_entry_size (uint32_t nchanges, uint32_t npages)
{
  return (descriptor_sectors (nchanges) + npages) * VHDX_LOG_SECTOR;
}

uint32_t
vhdx_log_entry_pages (uint32_t size)
{
  uint32_t n = size / VHDX_LOG_SECTOR;

  while (n > 0 && vhdx_log_entry_size (n, n) > size)
    n--;
  return n;
}

uint32_t
vhdx_log_room (uint32_t length, uint32_t tail, uint32_t next)
{
  const uint32_t used = next >= tail ? next - tail : length - (tail - next);

  return length - used - VHDX_LOG_SECTOR;
}

/* A page: its first and last bytes are in the descriptor, the rest in the
 * data sector at DATA.
 */
static void
put_page (const struct vhdx_log_change *change, uint64_t sequence,
          struct vhdx_log_descriptor_disk *d, uint8_t *data)
{
  struct vhdx_log_data_disk sector = {
    .sequence_high = le32_put ((uint32_t) (sequence >> 32)),
    .sequence_low = le32_put ((uint32_t) sequence),
  };
  const uint8_t *page = change->page;

  memcpy (d->signature, LOG_DATA_DESCRIPTOR, sizeof d->signature);
  memcpy (d->leading, page, sizeof d->leading);
  memcpy (d->trailing, page + VHDX_LOG_SECTOR - sizeof d->trailing,
          sizeof d->trailing);
  memcpy (sector.signature, LOG_DATA_SIGNATURE, sizeof sector.signature);
  memcpy (sector.middle, page + sizeof d->leading, sizeof sector.middle);
  memcpy (data, &sector, sizeof sector);
}

static void
put_zeroes (const struct vhdx_log_change *change,
            struct vhdx_log_descriptor_disk *d)
{
  const le64 length = le64_put (change->length);

  memcpy (d->signature, LOG_ZERO_DESCRIPTOR, sizeof d->signature);
  memcpy (d->leading, &length, sizeof length);
}

static void
put_head (const struct vhdx_log_entry *e, const struct uuid *log_id,
          uint8_t *bytes)
{
  struct vhdx_log_entry_disk head = {
    .length = le32_put (e->length),
    .tail = le32_put (e->tail),
    .sequence = le64_put (e->sequence),
    .ndescriptors = le32_put (e->ndescriptors),
    .flushed_offset = le64_put (e->flushed_offset),
    .last_offset = le64_put (e->last_offset),
  };

  memcpy (head.signature, LOG_ENTRY_SIGNATURE, sizeof head.signature);
  memcpy (head.log_id, log_id->b, sizeof head.log_id);
  memcpy (bytes, &head, sizeof head);
  head.checksum = le32_put (vhdx_checksum (bytes, e->length));
  memcpy (bytes, &head, sizeof head);
}

void
vhdx_log_entry_serialise (struct vhdx_log_entry *e, const struct uuid *log_id,
                          const struct vhdx_log_change *changes,
                          uint32_t nchanges, void *p)
{
  const uint64_t descriptors = vhdx_log_entry_size (nchanges, 0);
  uint8_t *descriptor = (uint8_t *) p + sizeof (struct vhdx_log_entry_disk);
  uint8_t *data = (uint8_t *) p + descriptors;

  memset (p, 0, descriptors);
  for (uint32_t i = 0; i < nchanges; i++) {
    struct vhdx_log_descriptor_disk d = {
      .offset = le64_put (changes[i].offset),
      .sequence = le64_put (e->sequence),
    };

    if (changes[i].page != NULL) {
      put_page (&changes[i], e->sequence, &d, data);
      data += VHDX_LOG_SECTOR;
    }
    else
      put_zeroes (&changes[i], &d);
    memcpy (descriptor + i * sizeof d, &d, sizeof d);
  }
  e->length = (uint32_t) (data - (uint8_t *) p);
  e->ndescriptors = nchanges;
  put_head (e, log_id, p);
}
