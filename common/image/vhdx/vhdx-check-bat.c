/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Checking a VHDX: every entry of its BAT, chunk by chunk, and the bits
 * of what is partially present.
 */

#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/align.h"
#include "base/bytes.h"
#include "base/checked.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "image/vhdx/vhdx-check-impl.h"

/* A chunk, with its entries and bitmap in memory. */
struct chunk {
  struct vhdx_checking *v;
  uint64_t index;       /* of the first entry */
  uint64_t first_block; /* of the disk */
  uint64_t nblocks;
  uint64_t nentries; /* with that of the bitmap, if there is one */
  le64 *entries;
  uint8_t *bits;     /* VHDX_BITMAP_SIZE bytes */
  uint64_t npartial; /* blocks that need the bitmap */
};

/* Where an entry is in the file. */
static uint64_t
entry_offset (const struct chunk *c, uint64_t k)
{
  return c->v->regions.bat.offset + (c->index + k) * sizeof (le64);
}

/* Name the entry K, "block 5" or "the bitmap of chunk 0". */
static const char *
entry_name (const struct chunk *c, uint64_t k, bool bitmap, char *out, size_t n)
{
  if (bitmap)
    snprintf (out, n, "the bitmap of blocks %" PRIu64 " to %" PRIu64,
              c->first_block, c->first_block + c->nblocks - 1);
  else
    snprintf (out, n, "block %" PRIu64, c->first_block + k);
  return out;
}

static void
tell_entry (const struct chunk *c, uint64_t k, bool bitmap, const char *rule,
            const char *why)
{
  const uint64_t raw = le64_get (c->entries[k]);
  const struct vhdx_entry e = vhdx_entry_decode (raw);
  char name[80];

  image_check_found (&c->v->k, IMAGE_ERROR, rule, entry_offset (c, k), false,
                     "%s: the file %s (entry %#" PRIx64 ": %s, offset %" PRIu64
                     ")",
                     entry_name (c, k, bitmap, name, sizeof name), why, raw,
                     vhdx_block_state_name (e.state), e.offset);
}

/* The space that entry K names, if it is in the file. */
static int
add_space (const struct chunk *c, uint64_t k, bool bitmap,
           const struct vhdx_entry *e, bool *inside, int *err)
{
  struct vhdx_checking *v = c->v;
  const uint64_t count = bitmap ? VHDX_BITMAP_SIZE : v->bat.block_size;
  const uint64_t file_size = store_size (v->inner);
  const uint64_t block = c->first_block + k;
  /* Of the last block nobody needs what is behind the end of the disk. */
  const uint64_t needed =
    bitmap ?
      count :
      ROUND_UP (min_u64 (count, v->metadata.size - block * v->bat.block_size),
                VHDX_MIB);

  *inside = e->offset >= VHDX_HEADER_AREA &&
            range_inside (e->offset, needed, file_size);
  if (!*inside)
    return 0;
  return image_check_add (&v->k, &v->space, bitmap ? "sector bitmap" : "block",
                          bitmap ? block / v->bat.chunk_ratio : block,
                          e->offset, min_u64 (count, file_size - e->offset),
                          err);
}

/* Space of an entry without data was that block's and may be again. */
static int
check_kept (const struct chunk *c, uint64_t k, const struct vhdx_entry *e,
            int *err)
{
  struct vhdx_checking *v = c->v;
  const uint64_t block = c->first_block + k;

  if (e->state == VHDX_BLOCK_NOT_PRESENT || e->offset == 0)
    return 0;
  if (e->offset >= VHDX_HEADER_AREA &&
      range_inside (e->offset, v->bat.block_size, store_size (v->inner)))
    return image_check_add_weak (&v->k, &v->space, "what was kept for block",
                                 block, e->offset, v->bat.block_size, err);
  image_check_found (&v->k, IMAGE_NOTE, "kept-space", entry_offset (c, k),
                     false,
                     "block %" PRIu64 " is %s and names space that there is "
                     "not, at offset %" PRIu64,
                     block, vhdx_block_state_name (e->state), e->offset);
  return 0;
}

static int
check_entry (struct chunk *c, uint64_t k, bool bitmap, int *err)
{
  const struct vhdx_entry e = vhdx_entry_decode (le64_get (c->entries[k]));
  const enum vhdx_status status = vhdx_entry_check (&c->v->bat, &e, bitmap);
  bool inside;

  if (status != VHDX_OK) {
    tell_entry (c, k, bitmap, "bat-entry", vhdx_status_string (status));
    return 0;
  }
  if (!vhdx_entry_has_data (&e))
    return bitmap ? 0 : check_kept (c, k, &e, err);
  if (!bitmap)
    c->v->k.result->allocated++;
  if (e.state == VHDX_BLOCK_PARTIALLY_PRESENT)
    c->npartial++;
  if (add_space (c, k, bitmap, &e, &inside, err) == -1)
    return -1;
  if (!inside)
    tell_entry (c, k, bitmap, "bat-beyond-end", "ends before that");
  return 0;
}

/* ------------------------------------------------------------------ */
/* Bits */

/* How many of the sectors of the disk in block K of the chunk are set. */
static uint64_t
count_bits (const struct chunk *c, uint64_t k, uint64_t *nsectors)
{
  const struct vhdx_bat *b = &c->v->bat;
  const uint64_t per_block = b->block_size / b->sector_size;
  const uint64_t start = (c->first_block + k) * b->block_size;
  const uint8_t *p = c->bits + k * per_block / 8;
  uint64_t n = 0;

  *nsectors =
    min_u64 (per_block, (c->v->metadata.size - start) / b->sector_size);
  for (uint64_t i = 0; i < *nsectors / 8; i++)
    n += (unsigned) __builtin_popcount (p[i]);
  for (uint64_t i = ROUND_DOWN (*nsectors, 8); i < *nsectors; i++)
    n += p[i / 8] >> i % 8 & 1;
  return n;
}

static void
check_bits (const struct chunk *c, uint64_t k, uint64_t bitmap_offset)
{
  const struct vhdx_entry e = vhdx_entry_decode (le64_get (c->entries[k]));
  const uint64_t block = c->first_block + k;
  struct vhdx_checking *v = c->v;
  uint64_t nsectors;
  const uint64_t n = count_bits (c, k, &nsectors);

  if (e.state == VHDX_BLOCK_PARTIALLY_PRESENT && n == 0)
    image_check_found (&v->k, IMAGE_NOTE, "bits-none", bitmap_offset, false,
                       "block %" PRIu64 " takes space, but all of its sectors "
                       "are the parent's",
                       block);
  else if (e.state == VHDX_BLOCK_PARTIALLY_PRESENT && n == nsectors)
    image_check_found (&v->k, IMAGE_NOTE, "bits-all", bitmap_offset, false,
                       "block %" PRIu64 " has all of its sectors, but is not "
                       "fully present",
                       block);
  else if (e.state == VHDX_BLOCK_NOT_PRESENT && n != 0)
    image_check_found (&v->k, IMAGE_NOTE, "bits-stale", bitmap_offset, false,
                       "block %" PRIu64 " is not present, but %" PRIu64
                       " of its sectors are marked to be",
                       block, n);
}

static int
check_bitmap (struct chunk *c, int *err)
{
  struct vhdx_checking *v = c->v;
  const struct vhdx_entry e =
    vhdx_entry_decode (le64_get (c->entries[v->bat.chunk_ratio]));
  const bool there =
    e.state == VHDX_BLOCK_FULLY_PRESENT &&
    range_inside (e.offset, VHDX_BITMAP_SIZE, store_size (v->inner));

  if (c->npartial > 0 && !vhdx_entry_has_data (&e)) {
    char name[80];

    image_check_found (&v->k, IMAGE_ERROR, "bitmap-missing",
                       entry_offset (c, v->bat.chunk_ratio), false,
                       "%s is missing, and %" PRIu64 " of them need it",
                       entry_name (c, 0, true, name, sizeof name), c->npartial);
  }
  if (!there)
    return 0;
  if (image_check_read (&v->k, v->inner, c->bits, VHDX_BITMAP_SIZE, e.offset,
                        "a sector bitmap", err) == -1)
    return -1;
  for (uint64_t k = 0; k < c->nblocks; k++)
    check_bits (c, k, e.offset);
  return 0;
}

/* ------------------------------------------------------------------ */
/* The whole table */

/* Entries that are there, but for no block. */
static void
check_spare (const struct chunk *c)
{
  for (uint64_t k = c->nblocks;
       k < min_u64 (c->nentries, c->v->bat.chunk_ratio); k++) {
    if (le64_get (c->entries[k]) != 0)
      image_check_found (&c->v->k, IMAGE_NOTE, "bat-spare", entry_offset (c, k),
                         false,
                         "an entry behind those of the disk is in use: "
                         "%#" PRIx64,
                         le64_get (c->entries[k]));
  }
}

static int
check_chunk (struct chunk *c, int *err)
{
  struct vhdx_checking *v = c->v;
  const uint64_t ratio = v->bat.chunk_ratio;

  c->npartial = 0;
  if (image_check_read (&v->k, v->inner, c->entries,
                        c->nentries * sizeof (le64), entry_offset (c, 0),
                        "the BAT", err) == -1)
    return -1;
  for (uint64_t k = 0; k < c->nblocks; k++)
    if (check_entry (c, k, false, err) == -1)
      return -1;
  check_spare (c);
  if (c->nentries <= ratio)
    return 0;
  if (check_entry (c, ratio, true, err) == -1)
    return -1;
  return v->bat.has_parent ? check_bitmap (c, err) : 0;
}

static int
check_chunks (struct vhdx_checking *v, le64 *entries, uint8_t *bits, int *err)
{
  const struct vhdx_bat *b = &v->bat;

  for (uint64_t chunk = 0; chunk < b->nchunks; chunk++) {
    struct chunk c = {
      .v = v,
      .index = chunk * (b->chunk_ratio + 1),
      .first_block = chunk * b->chunk_ratio,
      .entries = entries,
      .bits = bits,
    };

    c.nblocks = min_u64 (b->chunk_ratio, b->nblocks - c.first_block);
    c.nentries = min_u64 (b->chunk_ratio + 1, b->nentries - c.index);
    if (check_chunk (&c, err) == -1)
      return -1;
  }
  return 0;
}

int
vhdx_check_bat (struct vhdx_checking *v, int *err)
{
  const enum vhdx_status status =
    vhdx_bat_check (&v->bat, v->regions.bat.length);
  CLEANUP_FREE le64 *entries = NULL;
  CLEANUP_FREE uint8_t *bits = NULL;

  if (status != VHDX_OK) {
    image_check_found (
      &v->k, IMAGE_FATAL, "bat-short", v->regions.bat.offset, false,
      "the file %s: %" PRIu64 " entries in %" PRIu32 " bytes",
      vhdx_status_string (status), v->bat.nentries, v->regions.bat.length);
    return 1;
  }
  entries = malloc ((v->bat.chunk_ratio + 1) * sizeof *entries);
  bits = malloc (VHDX_BITMAP_SIZE);
  if (entries == NULL || bits == NULL) {
    log_error ("%s: out of memory", v->k.name);
    *err = ENOMEM;
    return -1;
  }
  return check_chunks (v, entries, bits, err);
}
