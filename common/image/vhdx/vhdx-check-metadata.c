/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Checking a VHDX: its metadata, and what it says of its parent.
 */

#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "image/vhdx/vhdx-check-impl.h"
#include "vhdx/vhdx-guid.h"
#include "vhdx/vhdx-locator.h"

static const char *const item_names[VHDX_ITEM_COUNT] = {
  [VHDX_ITEM_FILE_PARAMETERS] = "the file parameters",
  [VHDX_ITEM_DISK_SIZE] = "the size of the disk",
  [VHDX_ITEM_SECTOR_SIZE] = "the logical sector size",
  [VHDX_ITEM_PHYSICAL_SECTOR_SIZE] = "the physical sector size",
  [VHDX_ITEM_DISK_ID] = "the id of the disk",
  [VHDX_ITEM_PARENT_LOCATOR] = "the parent locator",
};

/* An item or the table, in memory of its own; NULL with *err, logged. */
static uint8_t *
read_part (const struct vhdx_checking *v, uint32_t count, uint32_t offset,
           const char *what, int *err)
{
  uint8_t *buf = malloc (count);

  if (buf == NULL) {
    log_error ("%s: out of memory", v->k.name);
    *err = ENOMEM;
  }
  else if (image_check_read (&v->k, v->inner, buf, count,
                             v->regions.metadata.offset + offset, what,
                             err) == -1) {
    free (buf);
    buf = NULL;
  }
  return buf;
}

/* Items that are not looked at. */
static void
note_unknown (struct vhdx_checking *v, const uint8_t *table)
{
  static const struct uuid *const known[] = {
    &vhdx_guid_file_parameters,      &vhdx_guid_disk_size,
    &vhdx_guid_sector_size,          &vhdx_guid_disk_id,
    &vhdx_guid_physical_sector_size, &vhdx_guid_parent_locator,
  };

  for (unsigned i = 0; i < v->metadata.count; i++) {
    const struct vhdx_metadata_entry e = vhdx_metadata_get (table, i);
    char id[VHDX_GUID_STRLEN + 1];
    unsigned n = 0;

    while (n < VHDX_ITEM_COUNT && !uuid_equal (&e.id, known[n]))
      n++;
    if (n < VHDX_ITEM_COUNT && !(e.flags & VHDX_META_USER))
      continue;
    vhdx_guid_format (&e.id, id);
    image_check_found (&v->k, IMAGE_NOTE, "metadata-unknown",
                       v->regions.metadata.offset + e.offset, false,
                       "the %smetadata item %s, %" PRIu32
                       " bytes, is not known here and kept as it is",
                       e.flags & VHDX_META_USER ? "user's " : "", id, e.length);
  }
}

static int
check_table (struct vhdx_checking *v, int *err)
{
  CLEANUP_FREE uint8_t *table =
    read_part (v, VHDX_METADATA_TABLE_SIZE, 0, "the metadata table", err);
  const struct vhdx_metadata_entry *bad = &v->metadata.bad;
  char id[VHDX_GUID_STRLEN + 1];
  enum vhdx_status status;

  if (table == NULL)
    return -1;
  status =
    vhdx_metadata_parse (table, v->regions.metadata.length, &v->metadata);
  if (status == VHDX_OK) {
    note_unknown (v, table);
    return 0;
  }
  vhdx_guid_format (&bad->id, id);
  image_check_found (
    &v->k, IMAGE_FATAL, "metadata-table", v->regions.metadata.offset, false,
    "the file %s (%s, %" PRIu32 " bytes at %" PRIu32
    " of the region, flags %" PRIu32 ")",
    vhdx_status_string (status), id, bad->length, bad->offset, bad->flags);
  return 1;
}

static void
tell_item (struct vhdx_checking *v, enum vhdx_item item,
           enum vhdx_status status)
{
  image_check_found (&v->k, IMAGE_FATAL, "metadata-item",
                     v->regions.metadata.offset + v->metadata.item[item].offset,
                     false, "%s: the file %s", item_names[item],
                     vhdx_status_string (status));
}

static int
check_items (struct vhdx_checking *v, int *err)
{
  struct vhdx_metadata *m = &v->metadata;
  enum vhdx_status status;
  int r = 0;

  for (enum vhdx_item item = 0; item < VHDX_ITEM_PARENT_LOCATOR; item++) {
    CLEANUP_FREE uint8_t *value = read_part (
      v, m->item[item].length, m->item[item].offset, item_names[item], err);

    if (value == NULL)
      return -1;
    status = vhdx_metadata_item (item, value, m);
    if (status == VHDX_OK)
      continue;
    tell_item (v, item, status);
    r = 1;
  }
  if (r != 0)
    return r;
  status = vhdx_metadata_check (m);
  if (status != VHDX_OK)
    tell_item (v,
               status == VHDX_NO_LOCATOR ? VHDX_ITEM_FILE_PARAMETERS :
                                           VHDX_ITEM_DISK_SIZE,
               status);
  return status == VHDX_OK || status == VHDX_NO_LOCATOR ? 0 : 1;
}

static void
note_oddities (struct vhdx_checking *v)
{
  const struct vhdx_metadata *m = &v->metadata;

  if (m->physical_sector_size < m->sector_size)
    image_check_found (&v->k, IMAGE_NOTE, "physical-sector-size", IMAGE_NOWHERE,
                       false,
                       "physical sectors, %" PRIu32
                       " bytes, are smaller than logical ones, %" PRIu32,
                       m->physical_sector_size, m->sector_size);
  if (uuid_is_nil (&m->id))
    image_check_found (&v->k, IMAGE_NOTE, "no-id", IMAGE_NOWHERE, false,
                       "the disk has no id");
}

static int
check_locator (struct vhdx_checking *v, int *err)
{
  const struct vhdx_item_place *place =
    &v->metadata.item[VHDX_ITEM_PARENT_LOCATOR];
  const uint64_t at = v->regions.metadata.offset + place->offset;
  CLEANUP_FREE uint8_t *item = NULL;
  struct vhdx_locator *l;
  enum vhdx_status status;

  if (!place->exists)
    return 0;
  if (!v->metadata.has_parent) {
    image_check_found (&v->k, IMAGE_NOTE, "locator-unused", at, false,
                       "there is a parent locator, but no parent");
    return 0;
  }
  item = read_part (v, place->length, place->offset, "the parent locator", err);
  if (item == NULL)
    return -1;
  status = vhdx_locator_parse (item, place->length, &l);
  if (status == VHDX_NO_MEMORY) {
    log_error ("%s: out of memory", v->k.name);
    *err = ENOMEM;
    return -1;
  }
  if (status != VHDX_OK) {
    image_check_found (&v->k, IMAGE_FATAL, "locator", at, false, "the file %s",
                       vhdx_status_string (status));
    return 0;
  }
  if (l->relative == NULL && l->absolute == NULL && l->volume == NULL)
    image_check_found (&v->k, IMAGE_WARNING, "locator-no-path", at, false,
                       "the parent locator does not say where the parent is");
  vhdx_locator_free (l);
  return 0;
}

int
vhdx_check_metadata (struct vhdx_checking *v, int *err)
{
  const struct vhdx_metadata *m = &v->metadata;
  int r = check_table (v, err);

  if (r == 0)
    r = check_items (v, err);
  if (r != 0)
    return r;
  note_oddities (v);
  v->k.result->size = m->size;
  v->bat = vhdx_bat_of (m->size, m->block_size, m->sector_size, m->has_parent);
  v->k.result->nblocks = v->bat.nblocks;
  return check_locator (v, err);
}
