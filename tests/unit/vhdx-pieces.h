/* SPDX-License-Identifier: BSD-3-Clause
 *
 * For tests: a small VHDX, put together by the serialisers piece by piece,
 * so that a test can have any of them wrong.
 */

#ifndef DISKSTACK_TEST_VHDX_PIECES_H
#define DISKSTACK_TEST_VHDX_PIECES_H

#include <stdlib.h>
#include <string.h>

#include "base/align.h"
#include "base/bytes.h"
#include "support/store-mem.h"
#include "vhdx/vhdx-checksum.h"
#include "vhdx/vhdx-layout.h"
#include "vhdx/vhdx-locator.h"
#include "vhdx/vhdx-log.h"

#define MIB ((uint64_t) 1 << 20)

/* Log at 1, metadata at 2, BAT at 3 MiB; blocks of 1 MiB from 4 MiB on:
 * block 0 at 5, block 2 at 4, block 3 (partially present in a child) at 7,
 * the bitmap of a child at 6 MiB.  The disk has 6 blocks less a sector.
 */
#define VHDX_PIECES_SIZE (8 * MIB)

struct vhdx_pieces {
  struct vhdx_metadata metadata;
  struct vhdx_layout layout;
  struct vhdx_header header[2];
  uint8_t region_table[2][VHDX_REGION_SIZE];
  uint8_t metadata_region[VHDX_METADATA_NEW_SIZE];
  uint8_t locator[4096];
  uint64_t bat[4096 + 1];
  uint64_t size;
};

static const struct vhdx_locator_pair vhdx_pieces_pairs[] = {
  { VHDX_KEY_LINKAGE, "{f88d4d92-6fcc-408d-9bef-9b7c89f15c89}" },
  { VHDX_KEY_RELATIVE, ".\\parent.vhdx" },
};

static inline void
vhdx_pieces_set_locator (struct vhdx_pieces *f,
                         const struct vhdx_locator_pair *pairs, unsigned n)
{
  size_t length = 0;

  if (n > 0 && vhdx_locator_serialise (pairs, n, f->locator, sizeof f->locator,
                                       &length) != VHDX_OK)
    abort ();
  vhdx_metadata_serialise (&f->metadata, f->locator, (uint32_t) length,
                           f->metadata_region);
}

/* What is right. */
static inline void
vhdx_pieces_init (struct vhdx_pieces *f, bool child)
{
  static const struct uuid file_id = { "file write id 16" };
  static const struct uuid data_id = { "data write id 16" };

  memset (f, 0, sizeof *f);
  f->size = VHDX_PIECES_SIZE;
  f->metadata = (struct vhdx_metadata){
    .block_size = MIB,
    .has_parent = child,
    .size = 6 * MIB - 512,
    .sector_size = 512,
    .physical_sector_size = 4096,
    .id = { "id of this disk!" },
  };
  if (vhdx_layout_of (&f->metadata, &f->layout) != VHDX_OK)
    abort ();
  for (unsigned i = 0; i < 2; i++) {
    f->header[i] = vhdx_layout_header (&f->layout, 7 + i, &file_id, &data_id);
    vhdx_layout_regions (&f->layout, f->region_table[i]);
  }
  vhdx_pieces_set_locator (f, vhdx_pieces_pairs, child ? 2 : 0);
  f->bat[0] = vhdx_entry_encode (VHDX_BLOCK_FULLY_PRESENT, 5 * MIB);
  f->bat[1] = vhdx_entry_encode (VHDX_BLOCK_ZERO, 0);
  f->bat[2] = vhdx_entry_encode (VHDX_BLOCK_FULLY_PRESENT, 4 * MIB);
  f->bat[3] = vhdx_entry_encode (
    child ? VHDX_BLOCK_PARTIALLY_PRESENT : VHDX_BLOCK_FULLY_PRESENT, 7 * MIB);
  if (child)
    f->bat[4096] = vhdx_entry_encode (VHDX_BLOCK_FULLY_PRESENT, 6 * MIB);
  else
    f->bat[4] = vhdx_entry_encode (VHDX_BLOCK_FULLY_PRESENT, 6 * MIB);
}

/* A new memory store with it, and with data in it; bits of the bitmap for
 * some sectors of block 3.
 */
static inline struct store *
vhdx_pieces_store (const struct vhdx_pieces *f)
{
  static uint8_t identifier[VHDX_IDENTIFIER_SIZE];
  const struct store_mem_options o = store_mem_defaults (f->size);
  struct store *s = store_mem_create (&o);
  struct mem_image *m = store_mem_image (s);
  uint8_t header[VHDX_HEADER_SIZE];

  for (uint64_t at = 4 * MIB; at < f->size; at += MIB)
    mem_image_fill (m, (uint8_t) (0x40 + at / MIB), min_u64 (MIB, f->size - at),
                    at);
  if (f->metadata.has_parent && f->size >= 7 * MIB) {
    mem_image_fill (m, 0, MIB, 6 * MIB);
    mem_image_fill (m, 0x35, 10, 6 * MIB + 3 * 256);
  }
  vhdx_identifier_serialise ("test", identifier);
  mem_image_write (m, identifier, sizeof identifier, 0);
  for (unsigned i = 0; i < 2; i++) {
    vhdx_header_serialise (&f->header[i], header);
    mem_image_write (m, header, sizeof header, VHDX_HEADER_OFFSET (i));
    mem_image_write (m, f->region_table[i], VHDX_REGION_SIZE,
                     VHDX_REGION_OFFSET (i));
  }
  mem_image_write (m, f->metadata_region, sizeof f->metadata_region, 2 * MIB);
  for (unsigned i = 0; i < sizeof f->bat / sizeof f->bat[0]; i++) {
    const le64 raw = le64_put (f->bat[i]);

    mem_image_write (m, &raw, sizeof raw, 3 * MIB + 8 * i);
  }
  return s;
}

/* Put an entry of the log into S, at the start of the ring, that makes the
 * page at OFFSET what PAGE is, and LAST the length of the file; and its id
 * into the headers.
 */
static inline void
vhdx_pieces_log (struct vhdx_pieces *f, struct store *s, const uint8_t *page,
                 uint64_t offset, uint64_t last)
{
  const struct uuid id = { "this ring's id!!" };
  const struct vhdx_log_change change = { .offset = offset,
                                          .length = VHDX_LOG_SECTOR,
                                          .page = page };
  struct vhdx_log_entry e = { .sequence = 77,
                              .flushed_offset = f->size,
                              .last_offset = last };
  uint8_t entry[2 * VHDX_LOG_SECTOR], header[VHDX_HEADER_SIZE];
  struct mem_image *m = store_mem_image (s);

  vhdx_log_entry_serialise (&e, &id, &change, 1, entry);
  mem_image_write (m, entry, sizeof entry, MIB);
  for (unsigned i = 0; i < 2; i++) {
    f->header[i].log_id = id;
    vhdx_header_serialise (&f->header[i], header);
    mem_image_write (m, header, sizeof header, VHDX_HEADER_OFFSET (i));
  }
}

#endif /* DISKSTACK_TEST_VHDX_PIECES_H */
