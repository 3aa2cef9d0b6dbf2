/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See vhdx-log.h.  What is in memory at a time is one sector of
 * descriptors and one of data.
 */

#include <config.h>

#include <string.h>

#include "base/align.h"
#include "base/checked.h"
#include "base/crc32c.h"
#include "vhdx/vhdx-checksum.h"
#include "vhdx/vhdx-log-impl.h"

/* Read the sector AT bytes behind the start of E. */
static enum vhdx_status
read_sector (const struct vhdx_log *log, const struct vhdx_log_entry *e,
             uint32_t at, void *buf)
{
  const uint64_t offset = ((uint64_t) e->offset + at) % log->length;

  if (log->read (log->opaque, buf, VHDX_LOG_SECTOR, (uint32_t) offset) != 0)
    return VHDX_LOG_READ;
  return VHDX_OK;
}

/* The head of the entry whose first sector is at SECTOR, and whatever of
 * it can be checked alone.
 */
static enum vhdx_status
parse_head (const struct vhdx_log *log, uint32_t offset, const uint8_t *sector,
            struct vhdx_log_entry *e)
{
  struct vhdx_log_entry_disk d;

  memset (e, 0, sizeof *e);
  memcpy (&d, sector, sizeof d);
  if (memcmp (d.signature, LOG_ENTRY_SIGNATURE, sizeof d.signature) != 0)
    return VHDX_LOG_NO_ENTRY;
  *e = (struct vhdx_log_entry){
    .offset = offset,
    .length = le32_get (d.length),
    .tail = le32_get (d.tail),
    .sequence = le64_get (d.sequence),
    .ndescriptors = le32_get (d.ndescriptors),
    .flushed_offset = le64_get (d.flushed_offset),
    .last_offset = le64_get (d.last_offset),
  };
  if (!IS_ALIGNED (e->length, VHDX_LOG_SECTOR) || e->length > log->length ||
      e->length < vhdx_log_entry_size (e->ndescriptors, 0))
    return VHDX_LOG_ENTRY_LENGTH;
  if (!IS_ALIGNED (e->tail, VHDX_LOG_SECTOR) || e->tail >= log->length)
    return VHDX_LOG_ENTRY_TAIL;
  if (memcmp (d.log_id, log->id.b, sizeof d.log_id) != 0)
    return VHDX_LOG_ENTRY_ID;
  if (e->sequence == 0)
    return VHDX_LOG_ENTRY_SEQUENCE;
  /* A file cannot be that long, so no log can rely on it. */
  if (e->flushed_offset > INT64_MAX || e->last_offset > INT64_MAX)
    return VHDX_LOG_TARGET;
  return VHDX_OK;
}

static enum vhdx_status
check_target (const struct vhdx_log *log, uint64_t offset, uint64_t length)
{
  if (!IS_ALIGNED (offset, VHDX_LOG_SECTOR) ||
      !IS_ALIGNED (length, VHDX_LOG_SECTOR))
    return VHDX_LOG_DESCRIPTOR;
  if (offset < VHDX_LOG_TARGET_START ||
      !range_inside (offset, length, INT64_MAX))
    return VHDX_LOG_TARGET;
  if (length > 0 && offset < log->offset + log->length &&
      log->offset < offset + length)
    return VHDX_LOG_TARGET;
  return VHDX_OK;
}

/* What the descriptor D of E changes; *DATA: to what is in a data sector. */
static enum vhdx_status
parse_descriptor (const struct vhdx_log *log, const struct vhdx_log_entry *e,
                  const struct vhdx_log_descriptor_disk *d,
                  struct vhdx_log_change *c, bool *data)
{
  le64 length;

  memcpy (&length, d->leading, sizeof length);
  *data = memcmp (d->signature, LOG_DATA_DESCRIPTOR, 4) == 0;
  *c = (struct vhdx_log_change){
    .offset = le64_get (d->offset),
    .length = *data ? VHDX_LOG_SECTOR : le64_get (length),
  };
  if (!*data && memcmp (d->signature, LOG_ZERO_DESCRIPTOR, 4) != 0)
    return VHDX_LOG_DESCRIPTOR;
  if (le64_get (d->sequence) != e->sequence)
    return VHDX_LOG_ENTRY_SEQUENCE;
  return check_target (log, c->offset, c->length);
}

static enum vhdx_status
check_data (const struct vhdx_log_entry *e, const struct vhdx_log_data_disk *d)
{
  if (memcmp (d->signature, LOG_DATA_SIGNATURE, sizeof d->signature) != 0)
    return VHDX_LOG_DATA;
  if (((uint64_t) le32_get (d->sequence_high) << 32 |
       le32_get (d->sequence_low)) != e->sequence)
    return VHDX_LOG_ENTRY_SEQUENCE;
  return VHDX_OK;
}

/* Descriptors of E one after the other. */
struct cursor {
  const struct vhdx_log *log;
  const struct vhdx_log_entry *e;
  uint32_t index;                  /* of the next descriptor */
  uint8_t sector[VHDX_LOG_SECTOR]; /* in which it is, unless it is the
                                    * first of one */
};

static uint32_t
descriptor_offset (uint32_t index)
{
  return (uint32_t) sizeof (struct vhdx_log_entry_disk) +
         index * (uint32_t) sizeof (struct vhdx_log_descriptor_disk);
}

/* *NEW: the sector is another one than before. */
static enum vhdx_status
next_descriptor (struct cursor *c, struct vhdx_log_descriptor_disk *d,
                 bool *new)
{
  const uint32_t at = descriptor_offset (c->index++);

  *new = IS_ALIGNED (at, VHDX_LOG_SECTOR);
  if (*new) {
    enum vhdx_status status = read_sector (c->log, c->e, at, c->sector);

    if (status != VHDX_OK)
      return status;
  }
  memcpy (d, c->sector + at % VHDX_LOG_SECTOR, sizeof *d);
  return VHDX_OK;
}

/* All descriptors: *NDATA of them have a data sector.  The sectors are
 * added to *CRC, in which the first one is already.
 */
static enum vhdx_status
check_descriptors (struct cursor *c, uint32_t *ndata, uint32_t *crc)
{
  *ndata = 0;
  while (c->index < c->e->ndescriptors) {
    struct vhdx_log_descriptor_disk d;
    struct vhdx_log_change change;
    bool new, data;
    enum vhdx_status status = next_descriptor (c, &d, &new);

    if (status == VHDX_OK)
      status = parse_descriptor (c->log, c->e, &d, &change, &data);
    if (status != VHDX_OK)
      return status;
    if (new)
      *crc = crc32c (*crc, c->sector, sizeof c->sector);
    *ndata += data;
  }
  return VHDX_OK;
}

static enum vhdx_status
check_data_sectors (const struct vhdx_log *log, const struct vhdx_log_entry *e,
                    uint32_t ndata, uint32_t *crc)
{
  for (uint32_t i = 0; i < ndata; i++) {
    const uint32_t at = e->length - (ndata - i) * VHDX_LOG_SECTOR;
    struct vhdx_log_data_disk d;
    enum vhdx_status status = read_sector (log, e, at, &d);

    if (status == VHDX_OK)
      status = check_data (e, &d);
    if (status != VHDX_OK)
      return status;
    *crc = crc32c (*crc, &d, sizeof d);
  }
  return VHDX_OK;
}

enum vhdx_status
vhdx_log_entry_parse (const struct vhdx_log *log, uint32_t offset,
                      struct vhdx_log_entry *e)
{
  struct cursor c = { .log = log, .e = e };
  struct vhdx_log_entry_disk head;
  enum vhdx_status status;
  uint32_t ndata, crc;

  *e = (struct vhdx_log_entry){ .offset = offset };
  status = read_sector (log, e, 0, c.sector);
  if (status == VHDX_OK)
    status = parse_head (log, offset, c.sector, e);
  if (status != VHDX_OK)
    return status;
  memcpy (&head, c.sector, sizeof head);
  crc = vhdx_checksum (c.sector, sizeof c.sector);
  status = check_descriptors (&c, &ndata, &crc);
  if (status != VHDX_OK)
    return status;
  if (e->length != vhdx_log_entry_size (e->ndescriptors, ndata))
    return VHDX_LOG_ENTRY_LENGTH;
  status = check_data_sectors (log, e, ndata, &crc);
  if (status != VHDX_OK)
    return status;
  return le32_get (head.checksum) == crc ? VHDX_OK : VHDX_LOG_CHECKSUM;
}

/* The entry at OFFSET, which was whole when it was last looked at. */
static enum vhdx_status
read_head (const struct vhdx_log *log, uint32_t offset,
           struct vhdx_log_entry *e, uint8_t *sector)
{
  enum vhdx_status status;

  *e = (struct vhdx_log_entry){ .offset = offset };
  status = read_sector (log, e, 0, sector);
  return status == VHDX_OK ? parse_head (log, offset, sector, e) : status;
}

static uint32_t
behind (const struct vhdx_log *log, const struct vhdx_log_entry *e)
{
  return (uint32_t) (((uint64_t) e->offset + e->length) % log->length);
}

/* Entries one behind the other with consecutive numbers. */
struct run {
  struct vhdx_log_entry first, last;
  uint32_t nentries;
};

/* The longest run from OFFSET on that is not more than the ring.  nentries
 * may be 0.
 */
static enum vhdx_status
find_run (const struct vhdx_log *log, uint32_t offset, struct run *r)
{
  uint64_t room = log->length;

  r->nentries = 0;
  while (room > 0) {
    struct vhdx_log_entry e;
    const enum vhdx_status status = vhdx_log_entry_parse (log, offset, &e);

    if (status == VHDX_LOG_READ)
      return status;
    if (status != VHDX_OK || e.length > room ||
        (r->nentries > 0 && e.sequence - 1 != r->last.sequence))
      break;
    room -= e.length;
    r->last = e;
    if (r->nentries++ == 0)
      r->first = e;
    offset = behind (log, &e);
  }
  return VHDX_OK;
}

/* R without what is before the tail that its last entry names, if that is
 * in it; otherwise *A has no entries.
 */
static enum vhdx_status
cut_run (const struct vhdx_log *log, const struct run *r,
         struct vhdx_log_active *a)
{
  struct vhdx_log_entry e = r->first;

  memset (a, 0, sizeof *a);
  for (uint32_t i = 0; i < r->nentries; i++) {
    uint8_t sector[VHDX_LOG_SECTOR];

    if (i > 0) {
      enum vhdx_status status = read_head (log, behind (log, &e), &e, sector);

      if (status != VHDX_OK)
        return status;
    }
    if (e.offset == r->last.tail) {
      *a = (struct vhdx_log_active){
        .tail = e,
        .head = r->last,
        .nentries = r->nentries - i,
        .next = behind (log, &r->last),
      };
      break;
    }
  }
  return VHDX_OK;
}

/* A run that is no candidate is left as a whole, not tried again from its
 * second entry: that would end with the same last entry, whose tail was
 * not in the longer one either.  And in the middle of an entry no other
 * begins.
 */
enum vhdx_status
vhdx_log_find (const struct vhdx_log *log, struct vhdx_log_active *a)
{
  uint64_t start = 0;

  memset (a, 0, sizeof *a);
  while (start < log->length) {
    struct run r;
    struct vhdx_log_active candidate;
    enum vhdx_status status = find_run (log, (uint32_t) start, &r);

    if (status == VHDX_OK && r.nentries > 0)
      status = cut_run (log, &r, &candidate);
    if (status != VHDX_OK)
      return status;
    if (r.nentries == 0) {
      start += VHDX_LOG_SECTOR;
      continue;
    }
    if (candidate.nentries > 0 &&
        (a->nentries == 0 || candidate.head.sequence > a->head.sequence))
      *a = candidate;
    if (behind (log, &r.last) <= start)
      break; /* round the end */
    start = behind (log, &r.last);
  }
  return a->nentries > 0 ? VHDX_OK : VHDX_LOG_EMPTY;
}

enum vhdx_status
vhdx_log_check (const struct vhdx_log_active *a, uint64_t file_size)
{
  return file_size < a->head.flushed_offset ? VHDX_LOG_TRUNCATED : VHDX_OK;
}

/* The page that the data sector AT bytes behind the start of E makes. */
static enum vhdx_status
read_page (const struct vhdx_log *log, const struct vhdx_log_entry *e,
           uint32_t at, const struct vhdx_log_descriptor_disk *d, uint8_t *page)
{
  struct vhdx_log_data_disk data;
  enum vhdx_status status;

  if (at >= e->length)
    return VHDX_LOG_ENTRY_LENGTH;
  status = read_sector (log, e, at, &data);
  if (status == VHDX_OK)
    status = check_data (e, &data);
  if (status != VHDX_OK)
    return status;
  memcpy (page, d->leading, sizeof d->leading);
  memcpy (page + sizeof d->leading, data.middle, sizeof data.middle);
  memcpy (page + VHDX_LOG_SECTOR - sizeof d->trailing, d->trailing,
          sizeof d->trailing);
  return VHDX_OK;
}

/* The cursor has the first sector of the entry. */
static enum vhdx_status
replay_entry (struct cursor *c,
              int (*apply) (void *opaque, const struct vhdx_log_change *),
              void *opaque)
{
  uint32_t at = (uint32_t) vhdx_log_entry_size (c->e->ndescriptors, 0);

  while (c->index < c->e->ndescriptors) {
    struct vhdx_log_descriptor_disk d;
    struct vhdx_log_change change;
    uint8_t page[VHDX_LOG_SECTOR];
    bool new, data;
    enum vhdx_status status = next_descriptor (c, &d, &new);

    if (status == VHDX_OK)
      status = parse_descriptor (c->log, c->e, &d, &change, &data);
    if (status == VHDX_OK && data) {
      status = read_page (c->log, c->e, at, &d, page);
      at += VHDX_LOG_SECTOR;
      change.page = page;
    }
    if (status != VHDX_OK)
      return status;
    if (change.length > 0 && apply (opaque, &change) != 0)
      return VHDX_LOG_APPLY;
  }
  return VHDX_OK;
}

enum vhdx_status
vhdx_log_replay (const struct vhdx_log *log, const struct vhdx_log_active *a,
                 int (*apply) (void *opaque, const struct vhdx_log_change *),
                 void *opaque)
{
  uint32_t offset = a->tail.offset;
  uint64_t room = log->length;

  for (uint32_t i = 0; i < a->nentries; i++) {
    struct vhdx_log_entry e;
    struct cursor c = { .log = log, .e = &e };
    enum vhdx_status status = read_head (log, offset, &e, c.sector);

    if (status == VHDX_OK && e.sequence != a->tail.sequence + i)
      status = VHDX_LOG_ENTRY_SEQUENCE;
    if (status == VHDX_OK && e.length > room)
      status = VHDX_LOG_ENTRY_LENGTH;
    if (status == VHDX_OK)
      status = replay_entry (&c, apply, opaque);
    if (status != VHDX_OK)
      return status;
    room -= e.length;
    offset = behind (log, &e);
  }
  return VHDX_OK;
}
