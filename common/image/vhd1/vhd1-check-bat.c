/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Checking a VHD: every entry of its BAT, the bitmaps of the blocks, and
 * Xen's batmap against them.
 */

#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "base/align.h"
#include "base/bytes.h"
#include "base/checked.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "image/vhd1/vhd1-check-impl.h"

/* Bytes of the BAT that are read at once; as many bits of the batmap
 * belong to it.
 */
#define PIECE (64u * 1024)
#define ENTRIES (PIECE / (unsigned) sizeof (be32))

struct bat_walk {
  struct vhd1_checking *v;
  uint64_t nblocks; /* of the disk; there may be more entries */
  uint64_t first;   /* of the piece */
  be32 *entries;
  uint8_t *map;    /* the batmap's bits from FIRST on, or NULL */
  uint8_t *bitmap; /* of a block */
  uint32_t sum;    /* of the batmap's bytes */
};

static uint64_t
entry_offset (const struct bat_walk *w, uint64_t block)
{
  return w->v->header.bat_offset + block * sizeof (be32);
}

static bool
is_in_map (const struct bat_walk *w, uint64_t block)
{
  const uint64_t k = block - w->first;

  return w->map != NULL && w->map[k / 8] >> (7 - k % 8) & 1;
}

/* How many sectors of the disk BLOCK has, and how many bits of them are
 * set.  In old files of Xen's the bits of a byte go the other way, which
 * matters in the last one only.
 */
static uint64_t
count_bits (const struct bat_walk *w, uint64_t block, uint64_t *nsectors)
{
  const struct vhd1_checking *v = w->v;
  const uint64_t start = block * v->header.block_size;
  uint64_t n = 0;

  *nsectors = min_u64 (v->header.block_size, v->size - start) / VHD_SECTOR_SIZE;
  for (uint64_t i = 0; i < *nsectors / 8; i++)
    n += (unsigned) __builtin_popcount (w->bitmap[i]);
  for (uint64_t i = ROUND_DOWN (*nsectors, 8); i < *nsectors; i++)
    n += w->bitmap[i / 8] >> (7 - i % 8) & 1;
  return n;
}

static void
tell_batmap (struct bat_walk *w, uint64_t block, const char *why)
{
  struct vhd1_checking *v = w->v;

  v->batmap_wrong = true;
  image_check_found (
    &v->k, IMAGE_WARNING, "batmap", v->batmap.offset + block / 8, true,
    "the batmap says that all of block %" PRIu64 " is there, but %s", block,
    why);
}

static int
check_bitmap (struct bat_walk *w, uint64_t block, uint64_t start, int *err)
{
  struct vhd1_checking *v = w->v;
  const bool child = v->footer.type == VHD_TYPE_DIFFERENCING;
  uint64_t n, nsectors;

  if (!child && !is_in_map (w, block))
    return 0;
  if (image_check_read (&v->k, v->inner, w->bitmap, v->bitmap_size, start,
                        "a bitmap", err) == -1)
    return -1;
  n = count_bits (w, block, &nsectors);
  if (is_in_map (w, block) && n != nsectors)
    tell_batmap (w, block, "its bitmap does not");
  if (child && n == 0)
    image_check_found (&v->k, IMAGE_NOTE, "bits-none", start, false,
                       "block %" PRIu64 " takes space, but all of its sectors "
                       "are the parent's",
                       block);
  return 0;
}

/* An entry for no block of the disk may name space all the same. */
static int
check_spare (struct bat_walk *w, uint64_t block, uint64_t start, int *err)
{
  struct vhd1_checking *v = w->v;
  const uint64_t count = (uint64_t) v->bitmap_size + v->header.block_size;

  image_check_found (&v->k, IMAGE_NOTE, "bat-spare", entry_offset (w, block),
                     false,
                     "entry %" PRIu64 " of the block table is in use, but "
                     "behind the end of the disk",
                     block);
  if (!range_inside (start, count, v->footer_at))
    return 0;
  return image_check_add_weak (&v->k, &v->space, "what is there for block",
                               block, start, count, err);
}

static int
check_block (struct bat_walk *w, uint64_t block, int *err)
{
  struct vhd1_checking *v = w->v;
  const uint32_t sector = be32_get (w->entries[block - w->first]);
  const uint64_t start = (uint64_t) sector * VHD_SECTOR_SIZE;
  const uint64_t data = start + v->bitmap_size;
  uint64_t needed;

  if (sector == VHD_BAT_UNUSED) {
    if (is_in_map (w, block))
      tell_batmap (w, block, "it is not in the file");
    return 0;
  }
  if (block >= w->nblocks)
    return check_spare (w, block, start, err);
  v->k.result->allocated++;
  needed =
    min_u64 (v->header.block_size, v->size - block * v->header.block_size);
  if (!range_inside (data, needed, v->footer_at)) {
    image_check_found (
      &v->k, IMAGE_ERROR, "bat-beyond-end", entry_offset (w, block), false,
      "block %" PRIu64 " at offset %" PRIu64 " is beyond the end of the file",
      block, start);
    return 0;
  }
  if (image_check_add (
        &v->k, &v->space, "block", block, start,
        min_u64 (v->bitmap_size + v->header.block_size, v->footer_at - start),
        err) == -1)
    return -1;
  return check_bitmap (w, block, start, err);
}

static int
read_piece (struct bat_walk *w, uint64_t n, int *err)
{
  struct vhd1_checking *v = w->v;
  const uint64_t bytes = DIV_ROUND_UP (n, 8);

  if (image_check_read (&v->k, v->inner, w->entries, n * sizeof (be32),
                        entry_offset (w, w->first), "the block table",
                        err) == -1)
    return -1;
  if (w->map == NULL)
    return 0;
  if (image_check_read (&v->k, v->inner, w->map, bytes,
                        v->batmap.offset + w->first / 8, "the batmap",
                        err) == -1)
    return -1;
  return 0;
}

static int
walk (struct bat_walk *w, int *err)
{
  const uint64_t nentries = w->v->header.nentries;

  for (w->first = 0; w->first < nentries; w->first += ENTRIES) {
    const uint64_t n = min_u64 (ENTRIES, nentries - w->first);

    if (read_piece (w, n, err) == -1)
      return -1;
    for (uint64_t k = 0; k < n; k++)
      if (check_block (w, w->first + k, err) == -1)
        return -1;
  }
  return 0;
}

/* Over all of the map, which is whole sectors, not only what is used. */
static int
check_map_sum (struct vhd1_checking *v, uint8_t *buf, int *err)
{
  uint32_t sum = 0, signed_sum = 0;

  for (uint64_t at = 0; at < v->batmap.count; at += PIECE) {
    const uint64_t n = min_u64 (PIECE, v->batmap.count - at);

    if (image_check_read (&v->k, v->inner, buf, n, v->batmap.offset + at,
                          "the batmap", err) == -1)
      return -1;
    for (uint64_t i = 0; i < n; i++) {
      sum += buf[i];
      signed_sum += (uint32_t) (int8_t) buf[i]; /* as version 1.1 did */
    }
  }
  if (v->batmap.checksum == ~sum || v->batmap.checksum == ~signed_sum)
    return 0;
  v->batmap_wrong = true;
  image_check_found (&v->k, IMAGE_WARNING, "batmap-checksum",
                     vhd_batmap_place (&v->header), true,
                     "the checksum of the batmap is wrong");
  return 0;
}

int
vhd1_check_bat (struct vhd1_checking *v, int *err)
{
  CLEANUP_FREE be32 *entries = malloc (PIECE);
  CLEANUP_FREE uint8_t *map = malloc (PIECE);
  CLEANUP_FREE uint8_t *bitmap = malloc (v->bitmap_size);
  struct bat_walk w = {
    .v = v,
    .nblocks = v->k.result->nblocks,
    .entries = entries,
    .map = v->has_batmap ? map : NULL,
    .bitmap = bitmap,
  };

  if (entries == NULL || map == NULL || bitmap == NULL) {
    log_error ("%s: out of memory", v->k.name);
    *err = ENOMEM;
    return -1;
  }
  if (v->has_batmap && check_map_sum (v, map, err) == -1)
    return -1;
  return walk (&w, err);
}
