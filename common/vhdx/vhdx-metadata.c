/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See vhdx-metadata.h.
 */

#include <config.h>

#include <stdlib.h>
#include <string.h>

#include "base/align.h"
#include "base/checked.h"
#include "vhdx/vhdx-guid.h"
#include "vhdx/vhdx-locator.h"
#include "vhdx/vhdx-metadata.h"

#define METADATA_SIGNATURE "metadata"
#define ALL_FLAGS (VHDX_META_USER | VHDX_META_VIRTUAL_DISK | VHDX_META_REQUIRED)

/* Bits of the file parameters. */
#define FILE_KEEPS_BLOCKS 1u
#define FILE_HAS_PARENT 2u

_Static_assert(sizeof (struct vhdx_metadata_head_disk) +
                   VHDX_METADATA_MAX *
                     sizeof (struct vhdx_metadata_entry_disk) <=
                 VHDX_METADATA_TABLE_SIZE,
               "all entries fit into the table");

struct known_item {
  const struct uuid *id;
  uint32_t length; /* 0: any */
  uint32_t flags;  /* as written, but for VHDX_META_REQUIRED as read, too */
};

static const struct known_item known[VHDX_ITEM_COUNT] = {
  [VHDX_ITEM_FILE_PARAMETERS] = { &vhdx_guid_file_parameters, 8,
                                  VHDX_META_REQUIRED },
  [VHDX_ITEM_DISK_SIZE] = { &vhdx_guid_disk_size, 8,
                            VHDX_META_REQUIRED | VHDX_META_VIRTUAL_DISK },
  [VHDX_ITEM_SECTOR_SIZE] = { &vhdx_guid_sector_size, 4,
                              VHDX_META_REQUIRED | VHDX_META_VIRTUAL_DISK },
  [VHDX_ITEM_PHYSICAL_SECTOR_SIZE] = { &vhdx_guid_physical_sector_size, 4,
                                       VHDX_META_REQUIRED |
                                         VHDX_META_VIRTUAL_DISK },
  [VHDX_ITEM_DISK_ID] = { &vhdx_guid_disk_id, 16,
                          VHDX_META_REQUIRED | VHDX_META_VIRTUAL_DISK },
  [VHDX_ITEM_PARENT_LOCATOR] = { &vhdx_guid_parent_locator, 0,
                                 VHDX_META_REQUIRED },
};

static struct vhdx_metadata_head_disk
get_head (const void *table)
{
  struct vhdx_metadata_head_disk head;

  memcpy (&head, table, sizeof head);
  return head;
}

static struct vhdx_metadata_entry_disk
get_entry (const void *table, unsigned index)
{
  struct vhdx_metadata_entry_disk d;

  memcpy (&d,
          (const uint8_t *) table + sizeof (struct vhdx_metadata_head_disk) +
            index * sizeof d,
          sizeof d);
  return d;
}

static struct vhdx_metadata_entry
from_disk (const struct vhdx_metadata_entry_disk *d)
{
  struct vhdx_metadata_entry e = {
    .offset = le32_get (d->offset),
    .length = le32_get (d->length),
    .flags = le32_get (d->flags),
  };

  memcpy (e.id.b, d->id, sizeof e.id.b);
  return e;
}

struct vhdx_metadata_entry
vhdx_metadata_get (const void *table, unsigned index)
{
  const struct vhdx_metadata_entry_disk d = get_entry (table, index);

  return from_disk (&d);
}

/* One entry alone, whatever it is. */
static enum vhdx_status
check_entry (const struct vhdx_metadata_entry *e, uint32_t region_length)
{
  if (e->flags & ~ALL_FLAGS)
    return VHDX_METADATA_FLAGS;
  if (uuid_is_nil (&e->id))
    return VHDX_METADATA_ID;
  if (e->length > VHDX_METADATA_ITEM_MAX)
    return VHDX_METADATA_LENGTH;
  if (e->length == 0)
    return e->offset == 0 ? VHDX_OK : VHDX_METADATA_PLACE;
  if (e->offset < VHDX_METADATA_TABLE_SIZE ||
      !range_inside (e->offset, e->length, region_length))
    return VHDX_METADATA_PLACE;
  return VHDX_OK;
}

/* Which of the known items E is, or VHDX_ITEM_COUNT.  Users' items have
 * ids of their own.
 */
static unsigned
find_known (const struct vhdx_metadata_entry *e)
{
  unsigned item = 0;

  if (e->flags & VHDX_META_USER)
    return VHDX_ITEM_COUNT;
  while (item < VHDX_ITEM_COUNT && !uuid_equal (&e->id, known[item].id))
    item++;
  return item;
}

static enum vhdx_status
note_unknown (const struct vhdx_metadata_entry *e, struct vhdx_metadata *m)
{
  const bool user = e->flags & VHDX_META_USER;

  m->nunknown++;
  if (!user && uuid_equal (&e->id, &vhdx_guid_incomplete))
    return VHDX_METADATA_INCOMPLETE;
  if (!user && (uuid_equal (&e->id, &vhdx_guid_geometry) ||
                uuid_equal (&e->id, &vhdx_guid_pmem_label)))
    return VHDX_OK;
  return e->flags & VHDX_META_REQUIRED ? VHDX_METADATA_UNKNOWN : VHDX_OK;
}

static enum vhdx_status
note_item (const struct vhdx_metadata_entry *e, struct vhdx_metadata *m)
{
  const unsigned item = find_known (e);

  if (item == VHDX_ITEM_COUNT)
    return note_unknown (e, m);
  if (m->item[item].exists)
    return VHDX_METADATA_TWICE;
  if ((e->flags ^ known[item].flags) & ~VHDX_META_REQUIRED)
    return VHDX_ITEM_FLAGS;
  if (known[item].length != 0 ?
        e->length != known[item].length :
        e->length < sizeof (struct vhdx_locator_head_disk))
    return VHDX_ITEM_LENGTH;
  m->item[item] = (struct vhdx_item_place){
    .exists = true,
    .offset = e->offset,
    .length = e->length,
  };
  return VHDX_OK;
}

static int
compare_ids (const void *a, const void *b)
{
  const struct vhdx_metadata_entry_disk *x = a, *y = b;
  const int r = memcmp (x->id, y->id, sizeof x->id);

  if (r != 0)
    return r;
  return (int) (le32_get (x->flags) & VHDX_META_USER) -
         (int) (le32_get (y->flags) & VHDX_META_USER);
}

static int
compare_offsets (const void *a, const void *b)
{
  const uint32_t x =
    le32_get (((const struct vhdx_metadata_entry_disk *) a)->offset);
  const uint32_t y =
    le32_get (((const struct vhdx_metadata_entry_disk *) b)->offset);

  return x < y ? -1 : x > y;
}

/* Every entry is sound alone. */
static enum vhdx_status
check_overlaps (const void *table, struct vhdx_metadata *m)
{
  struct vhdx_metadata_entry_disk sorted[VHDX_METADATA_MAX];
  uint64_t end = 0;

  for (unsigned i = 0; i < m->count; i++)
    sorted[i] = get_entry (table, i);
  qsort (sorted, m->count, sizeof sorted[0], compare_ids);
  for (unsigned i = 1; i < m->count; i++) {
    m->bad = from_disk (&sorted[i]);
    if (compare_ids (&sorted[i - 1], &sorted[i]) == 0)
      return VHDX_METADATA_TWICE;
  }

  qsort (sorted, m->count, sizeof sorted[0], compare_offsets);
  for (unsigned i = 0; i < m->count; i++) {
    m->bad = from_disk (&sorted[i]);
    if (m->bad.length == 0)
      continue;
    if (m->bad.offset < end)
      return VHDX_METADATA_OVERLAP;
    end = (uint64_t) m->bad.offset + m->bad.length;
  }
  return VHDX_OK;
}

static enum vhdx_status
check_head (const struct vhdx_metadata_head_disk *head)
{
  static const uint8_t zero[sizeof head->reserved2];

  if (memcmp (head->signature, METADATA_SIGNATURE, sizeof head->signature) != 0)
    return VHDX_NO_METADATA_TABLE;
  if (le16_get (head->count) > VHDX_METADATA_MAX)
    return VHDX_METADATA_COUNT;
  if (le16_get (head->reserved) != 0 ||
      memcmp (head->reserved2, zero, sizeof zero) != 0)
    return VHDX_METADATA_FLAGS;
  return VHDX_OK;
}

static enum vhdx_status
check_all_there (struct vhdx_metadata *m)
{
  for (unsigned item = 0; item < VHDX_ITEM_PARENT_LOCATOR; item++)
    if (!m->item[item].exists) {
      m->bad = (struct vhdx_metadata_entry){ .id = *known[item].id };
      return VHDX_METADATA_MISSING;
    }
  return VHDX_OK;
}

enum vhdx_status
vhdx_metadata_parse (const void *table, uint32_t region_length,
                     struct vhdx_metadata *m)
{
  const struct vhdx_metadata_head_disk head = get_head (table);
  enum vhdx_status status = check_head (&head);
  unsigned users = 0;

  memset (m, 0, sizeof *m);
  if (status != VHDX_OK)
    return status;
  m->count = le16_get (head.count);
  for (unsigned i = 0; i < m->count; i++) {
    const struct vhdx_metadata_entry_disk d = get_entry (table, i);

    m->bad = from_disk (&d);
    if (le32_get (d.reserved) != 0)
      return VHDX_METADATA_FLAGS;
    status = check_entry (&m->bad, region_length);
    if (status == VHDX_OK)
      status = note_item (&m->bad, m);
    if (status != VHDX_OK)
      return status;
    users += (m->bad.flags & VHDX_META_USER) != 0;
    if (users > VHDX_METADATA_USER_MAX)
      return VHDX_METADATA_COUNT;
  }
  status = check_overlaps (table, m);
  if (status == VHDX_OK)
    status = check_all_there (m);
  if (status == VHDX_OK)
    memset (&m->bad, 0, sizeof m->bad);
  return status;
}

static uint32_t
get_32 (const void *p)
{
  le32 v;

  memcpy (&v, p, sizeof v);
  return le32_get (v);
}

static uint64_t
get_64 (const void *p)
{
  le64 v;

  memcpy (&v, p, sizeof v);
  return le64_get (v);
}

static bool
is_sector_size (uint32_t size)
{
  return size == 512 || size == 4096;
}

static bool
is_block_size (uint32_t size)
{
  return is_power_of_2 (size) && size >= VHDX_BLOCK_SIZE_MIN &&
         size <= VHDX_BLOCK_SIZE_MAX;
}

static enum vhdx_status
file_parameters (const void *p, struct vhdx_metadata *m)
{
  const uint32_t flags = get_32 ((const uint8_t *) p + 4);

  m->block_size = get_32 (p);
  m->keeps_blocks = flags & FILE_KEEPS_BLOCKS;
  m->has_parent = flags & FILE_HAS_PARENT;
  if (!is_block_size (m->block_size))
    return VHDX_BLOCK_SIZE;
  return flags & ~(FILE_KEEPS_BLOCKS | FILE_HAS_PARENT) ? VHDX_FILE_FLAGS :
                                                          VHDX_OK;
}

enum vhdx_status
vhdx_metadata_item (enum vhdx_item item, const void *p, struct vhdx_metadata *m)
{
  switch (item) {
  case VHDX_ITEM_FILE_PARAMETERS:
    return file_parameters (p, m);
  case VHDX_ITEM_DISK_SIZE:
    m->size = get_64 (p);
    return m->size != 0 && m->size <= VHDX_DISK_SIZE_MAX ? VHDX_OK :
                                                           VHDX_DISK_SIZE;
  case VHDX_ITEM_SECTOR_SIZE:
    m->sector_size = get_32 (p);
    return is_sector_size (m->sector_size) ? VHDX_OK : VHDX_SECTOR_SIZE;
  case VHDX_ITEM_PHYSICAL_SECTOR_SIZE:
    m->physical_sector_size = get_32 (p);
    return is_sector_size (m->physical_sector_size) ? VHDX_OK :
                                                      VHDX_PHYSICAL_SECTOR_SIZE;
  case VHDX_ITEM_DISK_ID:
    memcpy (m->id.b, p, sizeof m->id.b);
    return VHDX_OK;
  case VHDX_ITEM_PARENT_LOCATOR:
  case VHDX_ITEM_COUNT:
    break;
  }
  return VHDX_OK;
}

enum vhdx_status
vhdx_metadata_check (const struct vhdx_metadata *m)
{
  if (!is_block_size (m->block_size))
    return VHDX_BLOCK_SIZE;
  if (!is_sector_size (m->sector_size))
    return VHDX_SECTOR_SIZE;
  /* Smaller than the logical one it is in some files of Windows. */
  if (!is_sector_size (m->physical_sector_size))
    return VHDX_PHYSICAL_SECTOR_SIZE;
  if (m->size == 0 || m->size > VHDX_DISK_SIZE_MAX ||
      !IS_ALIGNED (m->size, m->sector_size))
    return VHDX_DISK_SIZE;
  if (m->has_parent && !m->item[VHDX_ITEM_PARENT_LOCATOR].exists)
    return VHDX_NO_LOCATOR;
  return VHDX_OK;
}

/* The value of an item as it lies in the file. */
static void
put_value (unsigned item, const struct vhdx_metadata *m, uint8_t *p)
{
  const le64 size = le64_put (m->size);
  const le32 numbers[] = {
    le32_put (m->block_size),
    le32_put ((m->keeps_blocks ? FILE_KEEPS_BLOCKS : 0) |
              (m->has_parent ? FILE_HAS_PARENT : 0)),
    le32_put (m->sector_size),
    le32_put (m->physical_sector_size),
  };

  switch (item) {
  case VHDX_ITEM_FILE_PARAMETERS:
    memcpy (p, &numbers[0], 8);
    break;
  case VHDX_ITEM_DISK_SIZE:
    memcpy (p, &size, 8);
    break;
  case VHDX_ITEM_SECTOR_SIZE:
    memcpy (p, &numbers[2], 4);
    break;
  case VHDX_ITEM_PHYSICAL_SECTOR_SIZE:
    memcpy (p, &numbers[3], 4);
    break;
  case VHDX_ITEM_DISK_ID:
    memcpy (p, m->id.b, 16);
    break;
  default:
    break;
  }
}

void
vhdx_metadata_serialise (const struct vhdx_metadata *m, const void *locator,
                         uint32_t locator_length, void *p)
{
  const unsigned count =
    locator_length == 0 ? VHDX_ITEM_PARENT_LOCATOR : VHDX_ITEM_COUNT;
  struct vhdx_metadata_head_disk head = { .count = le16_put (count) };
  uint8_t *bytes = p, *entry = bytes + sizeof head;
  uint32_t offset = VHDX_METADATA_TABLE_SIZE;

  memset (p, 0, VHDX_METADATA_NEW_SIZE);
  memcpy (head.signature, METADATA_SIGNATURE, sizeof head.signature);
  memcpy (p, &head, sizeof head);
  for (unsigned item = 0; item < count; item++) {
    const uint32_t length =
      known[item].length != 0 ? known[item].length : locator_length;
    struct vhdx_metadata_entry_disk d = {
      .offset = le32_put (offset),
      .length = le32_put (length),
      .flags = le32_put (known[item].flags),
    };

    memcpy (d.id, known[item].id->b, sizeof d.id);
    memcpy (entry + item * sizeof d, &d, sizeof d);
    if (item == VHDX_ITEM_PARENT_LOCATOR)
      memcpy (bytes + offset, locator, locator_length);
    else
      put_value (item, m, bytes + offset);
    offset += length;
  }
}

uint32_t
vhdx_metadata_set_size (const struct vhdx_metadata *m, uint64_t size,
                        uint8_t bytes[8])
{
  const le64 v = le64_put (size);

  memcpy (bytes, &v, sizeof v);
  return m->item[VHDX_ITEM_DISK_SIZE].offset;
}
