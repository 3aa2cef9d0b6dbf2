/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Any bytes as a metadata region, with a parent locator in it: what is
 * accepted keeps its promises, and comes back the same from serialising.
 *
 * An input is the number of bytes (2) of the metadata table that are not
 * zeroes at its end, those, and what is behind the table.  It is tried
 * as it is and with the signature that belongs there.
 */

#include <config.h>

#include <stdlib.h>
#include <string.h>

#include "base/align.h"
#include "fuzz/fuzz.h"
#include "vhdx/vhdx-bat.h"
#include "vhdx/vhdx-layout.h"
#include "vhdx/vhdx-locator.h"
#include "vhdx/vhdx-metadata.h"

const char fuzz_name[] = "vhdx-metadata";

#define MARK "\xef\xbb\xbf"

static void
check_again (const struct vhdx_metadata *m, const uint8_t *locator,
             uint32_t locator_length)
{
  static uint8_t bytes[VHDX_METADATA_NEW_SIZE];
  struct vhdx_metadata again;

  if (locator_length > VHDX_LOCATOR_NEW_MAX)
    return;
  vhdx_metadata_serialise (m, locator, locator_length, bytes);
  fuzz_assert (vhdx_metadata_parse (bytes, sizeof bytes, &again) == VHDX_OK);
  for (unsigned i = 0; i < VHDX_ITEM_PARENT_LOCATOR; i++)
    fuzz_assert (vhdx_metadata_item (i, bytes + again.item[i].offset, &again) ==
                 VHDX_OK);
  fuzz_assert (vhdx_metadata_check (&again) == VHDX_OK);
  fuzz_assert (again.size == m->size && again.block_size == m->block_size);
  fuzz_assert (again.sector_size == m->sector_size);
  fuzz_assert (again.physical_sector_size == m->physical_sector_size);
  fuzz_assert (again.has_parent == m->has_parent);
  fuzz_assert (again.keeps_blocks == m->keeps_blocks);
  fuzz_assert (uuid_equal (&again.id, &m->id));
  if (locator_length > 0)
    fuzz_assert (memcmp (bytes + again.item[VHDX_ITEM_PARENT_LOCATOR].offset,
                         locator, locator_length) == 0);
}

static void
check_layout (const struct vhdx_metadata *m)
{
  struct vhdx_layout l;

  fuzz_assert (vhdx_layout_of (m, &l) == VHDX_OK);
  fuzz_assert (l.geometry.nblocks > 0);
  fuzz_assert ((l.geometry.nblocks - 1) * m->block_size < m->size);
  fuzz_assert (vhdx_bat_check (&l.geometry, l.bat.length) == VHDX_OK);
  fuzz_assert (vhdx_bat_block_index (&l.geometry, l.geometry.nblocks - 1) <
               l.geometry.nentries);
}

/* Byte-order marks are left out when it is read, one at a time. */
static bool
has_marks (const struct vhdx_locator *l)
{
  for (unsigned i = 0; i < l->count; i++)
    if (*l->pair[i].key == '\0' ||
        strncmp (l->pair[i].key, MARK, strlen (MARK)) == 0 ||
        strncmp (l->pair[i].value, MARK, strlen (MARK)) == 0)
      return true;
  return false;
}

static void
check_locator (const uint8_t *p, size_t length)
{
  struct vhdx_locator *l, *again;
  const size_t room = 2 * length + 64;
  uint8_t *bytes;
  size_t used;

  if (vhdx_locator_parse (p, length, &l) != VHDX_OK) {
    fuzz_assert (l == NULL);
    return;
  }
  fuzz_assert (!uuid_is_nil (&l->linkage));
  fuzz_assert (l->has_linkage2 == !uuid_is_nil (&l->linkage2));
  bytes = malloc (room);
  if (bytes == NULL)
    abort ();
  fuzz_assert (vhdx_locator_serialise (l->pair, l->count, bytes, room, &used) ==
               VHDX_OK);
  fuzz_assert (used <= 2 * length); /* heads, and strings that overlap */
  if (!has_marks (l)) {
    fuzz_assert (vhdx_locator_parse (bytes, used, &again) == VHDX_OK);
    fuzz_assert (again->count == l->count);
    fuzz_assert (uuid_equal (&again->linkage, &l->linkage));
    for (unsigned i = 0; i < l->count; i++) {
      fuzz_assert (strcmp (l->pair[i].key, again->pair[i].key) == 0);
      fuzz_assert (strcmp (l->pair[i].value, again->pair[i].value) == 0);
    }
    vhdx_locator_free (again);
  }
  free (bytes);
  vhdx_locator_free (l);
}

/* No two items share a byte, the slow way. */
static void
check_places (const uint8_t *region, uint32_t length, unsigned count)
{
  for (unsigned i = 0; i < count && i < 64; i++) {
    const struct vhdx_metadata_entry a = vhdx_metadata_get (region, i);

    fuzz_assert (a.length == 0 || (a.offset >= VHDX_METADATA_TABLE_SIZE &&
                                   a.offset + a.length <= length));
    for (unsigned k = 0; k < i; k++) {
      const struct vhdx_metadata_entry b = vhdx_metadata_get (region, k);

      fuzz_assert (!uuid_equal (&a.id, &b.id) ||
                   ((a.flags ^ b.flags) & VHDX_META_USER));
      fuzz_assert (a.length == 0 || b.length == 0 ||
                   a.offset + a.length <= b.offset ||
                   b.offset + b.length <= a.offset);
    }
  }
}

static void
check_region (const uint8_t *region, uint32_t length)
{
  const struct vhdx_item_place *place;
  struct vhdx_metadata m;

  if (vhdx_metadata_parse (region, length, &m) != VHDX_OK)
    return;
  check_places (region, length, m.count);
  for (unsigned i = 0; i < VHDX_ITEM_PARENT_LOCATOR; i++) {
    fuzz_assert (m.item[i].exists && m.item[i].length <= VHDX_ITEM_VALUE_MAX);
    if (vhdx_metadata_item (i, region + m.item[i].offset, &m) != VHDX_OK)
      return;
  }
  place = &m.item[VHDX_ITEM_PARENT_LOCATOR];
  if (place->exists)
    check_locator (region + place->offset, place->length);
  if (vhdx_metadata_check (&m) != VHDX_OK)
    return;
  check_layout (&m);
  check_again (&m, region + place->offset, place->length);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  size_t table, rest;
  uint8_t *region;

  if (size < 2)
    return 0;
  check_locator (data, size);
  table = min_u64 (data[0] | (size_t) data[1] << 8, size - 2);
  rest = size - 2 - table;
  region = calloc (1, VHDX_METADATA_TABLE_SIZE + rest);
  if (region == NULL)
    abort ();
  memcpy (region, data + 2, table);
  memcpy (region + VHDX_METADATA_TABLE_SIZE, data + 2 + table, rest);
  check_region (region, (uint32_t) (VHDX_METADATA_TABLE_SIZE + rest));
  memcpy (region, "metadata", 8);
  check_region (region, (uint32_t) (VHDX_METADATA_TABLE_SIZE + rest));
  free (region);
  return 0;
}
