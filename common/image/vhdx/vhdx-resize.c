/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Another size for the disk: one number in the metadata, changed through
 * the log.  Everything is committed, and nobody else is there.
 *
 * For a larger disk, first: entries that the BAT has beyond the disk,
 * and what a last block holds behind its end, become zero.  If the BAT
 * region is too short there is a new one, and one entry of the log says
 * both where it is and how large the disk is.  The space of the old one
 * is used again only when no older entry of the log, which might have
 * pages for it, can be replayed.
 *
 * A "fixed" disk is not given blocks for its new end; they come when they
 * are written, and stay then.
 */

#include <config.h>

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/align.h"
#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "image/vhdx/vhdx-impl.h"
#include "vhdx/vhdx-guid.h"

/* The pages of two copies of a region table, and the size of the disk,
 * which may cross a page.
 */
#define PAGES_MAX (2 * VHDX_REGION_SIZE / IMAGE_PAGE + 2)

struct resizing {
  struct image *i;
  struct image_vhdx *v;
  uint64_t size;
  struct vhdx_bat bat;       /* as it will be */
  struct vhdx_region region; /* of the BAT, the same */
  uint8_t *table;            /* the same; NULL: as it is */
  struct image_page pages[PAGES_MAX];
  unsigned npages;
  bool has_space; /* for the new region */
};

/* All that follow return 0, or -1 with *err after log_error. */

static int
failed (const struct resizing *r, const char *what, int *err)
{
  errno = *err;
  log_error ("%s: resizing: %s: %m", r->i->name, what);
  return -1;
}

static int
flush (const struct resizing *r, int *err)
{
  if (store_flush (r->i->inner, err) == 0)
    return 0;
  return failed (r, "flushing", err);
}

/* ------------------------------------------------------------------ */
/* What lies beyond the end of the disk */

/* Is the entry at INDEX one that the disk as it is has? */
static bool
is_old_entry (const struct resizing *r, uint64_t index)
{
  const struct vhdx_bat *b = &r->v->bat;
  const uint64_t chunk = index / (b->chunk_ratio + 1);

  if (vhdx_bat_is_bitmap (b, index))
    return b->has_parent && chunk < b->nchunks;
  return index - chunk < b->nblocks;
}

/* Nothing in the file says what these entries are for, so no order has to
 * be kept.
 */
static int
clear_entries (void *opaque, const le64 *entries, uint64_t index, uint64_t n,
               int *err)
{
  struct resizing *r = opaque;

  for (uint64_t k = 0; k < n; k++) {
    if (le64_get (entries[k]) != 0 && !is_old_entry (r, index + k) &&
        image_set_raw_entry (r->i, index + k, 0, err) == -1)
      return -1;
  }
  return 0;
}

static int
clear_beyond (struct resizing *r, int *err)
{
  const uint64_t first =
    ROUND_DOWN (vhdx_bat_block_index (&r->v->bat, r->v->bat.nblocks),
                VHDX_ENTRIES_PER_PAGE);
  const uint64_t end = min_u64 (r->bat.nentries, r->i->bat_nentries);

  if (image_vhdx_walk (r->i, first, end, clear_entries, r, err) == -1)
    return -1;
  return image_flush (r->i, err);
}

/* What the last block has behind the end of the disk may be anything. */
static int
clear_last_block (struct resizing *r, int *err)
{
  const struct image *i = r->i;
  const uint64_t block_size = r->bat.block_size;
  const uint64_t within = i->size % block_size;
  struct image_entry e;
  uint64_t raw;

  if (within == 0)
    return 0;
  if (image_get_raw_entry (r->i, vhdx_bat_block_index (&r->bat, i->nblocks - 1),
                           &raw, err) == -1)
    return -1;
  e = i->format->get_entry (i, i->nblocks - 1, raw);
  if ((e.state == BLOCK_FULL || e.state == BLOCK_BITS) &&
      store_zero (i->inner, block_size - within, e.place + within,
                  STORE_MAY_TRIM, err) == -1)
    return failed (r, "clearing the end of the last block", err);
  return 0;
}

/* ------------------------------------------------------------------ */
/* A larger BAT */

static int
copy_entries (void *opaque, const le64 *entries, uint64_t index, uint64_t n,
              int *err)
{
  struct resizing *r = opaque;
  const uint64_t at = index * sizeof *entries;

  /* N ends inside a page only where the region ends. */
  return image_inner_write (r->i, entries, n * sizeof *entries,
                            r->region.offset + at, "a new BAT", err);
}

static int
make_region (struct resizing *r, int *err)
{
  const struct vhdx_bat twice =
    vhdx_bat_of (min_u64 (2 * r->size, VHDX_DISK_SIZE_MAX), r->bat.block_size,
                 r->bat.sector_size, r->bat.has_parent);
  struct image *i = r->i;
  bool zero;

  r->region.length =
    (uint32_t) ROUND_UP (twice.nentries * sizeof (le64), VHDX_MIB);
  if (image_space_alloc (i->space, r->region.length, 0, VHDX_MIB,
                         &r->region.offset, &zero, err) == -1)
    return failed (r, "space for a larger BAT", err);
  r->has_space = true;
  if (!zero && store_zero (i->inner, r->region.length, r->region.offset,
                           STORE_MAY_TRIM, err) == -1)
    return failed (r, "clearing a larger BAT", err);
  return image_vhdx_walk (i, 0, i->bat_nentries, copy_entries, r, err);
}

static int
make_table (struct resizing *r, int *err)
{
  const struct image_vhdx *v = r->v;
  CLEANUP_FREE struct vhdx_region *regions =
    calloc (v->regions.count, sizeof *regions);

  r->table = malloc (VHDX_REGION_SIZE);
  if (regions == NULL || r->table == NULL) {
    *err = ENOMEM;
    return failed (r, "a new region table", err);
  }
  for (unsigned k = 0; k < v->regions.count; k++) {
    regions[k] = vhdx_region_get (v->region_table, k);
    if (uuid_equal (&regions[k].id, &vhdx_guid_bat))
      regions[k] = r->region;
  }
  vhdx_region_serialise (regions, v->regions.count, r->table);
  return 0;
}

/* ------------------------------------------------------------------ */
/* The entry of the log */

static int
add_page (struct resizing *r, uint64_t offset, uint8_t **data, int *err)
{
  assert (r->npages < PAGES_MAX);
  *data = malloc (IMAGE_PAGE);
  if (*data == NULL) {
    *err = ENOMEM;
    return failed (r, "the log", err);
  }
  r->pages[r->npages++] =
    (struct image_page){ .offset = offset, .count = IMAGE_PAGE, .data = *data };
  return 0;
}

/* Both copies: also where they are as they were, as that may not be true
 * in the file.
 */
static int
add_table (struct resizing *r, int *err)
{
  for (unsigned copy = 0; copy < 2; copy++)
    for (uint32_t at = 0; at < VHDX_REGION_SIZE; at += IMAGE_PAGE) {
      uint8_t *data;

      if (add_page (r, VHDX_REGION_OFFSET (copy) + at, &data, err) == -1)
        return -1;
      memcpy (data, r->table + at, IMAGE_PAGE);
    }
  return 0;
}

static int
add_size (struct resizing *r, int *err)
{
  uint8_t bytes[8];
  const uint64_t at = r->v->regions.metadata.offset +
                      vhdx_metadata_set_size (&r->v->metadata, r->size, bytes);
  uint8_t *data = NULL;

  for (unsigned k = 0; k < sizeof bytes; k++) {
    const uint64_t page = ROUND_DOWN (at + k, IMAGE_PAGE);

    if ((k == 0 || page == at + k) &&
        (add_page (r, page, &data, err) == -1 ||
         image_inner_read (r->i, data, IMAGE_PAGE, page, "metadata", err) ==
           -1))
      return -1;
    data[at + k - page] = bytes[k];
  }
  return 0;
}

/* From here on there is no way back. */
static int
commit (struct resizing *r, int *err)
{
  struct image_vhdx *v = r->v;

  if (image_vhdx_begin (v, err) == 0 && flush (r, err) == 0 &&
      vhdx_journal_write (&v->journal, r->pages, r->npages, err) == 0 &&
      (r->table == NULL || vhdx_journal_forget (&v->journal, err) == 0))
    return 0;
  image_fail (r->i);
  return -1;
}

static void
adopt (struct resizing *r)
{
  struct image_vhdx *v = r->v;
  struct image *i = r->i;

  if (r->table != NULL) {
    image_space_release (i->space, v->regions.bat.offset, v->regions.bat.length,
                         false);
    free (v->region_table);
    v->region_table = steal_ptr (&r->table);
    v->regions.bat = r->region;
    i->bat_offset = r->region.offset;
    i->bat_nentries = r->region.length / sizeof (le64);
  }
  v->bat = r->bat;
  v->metadata.size = r->size;
  i->nblocks = r->bat.nblocks;
  atomic_store (&i->size, r->size);
}

/* ------------------------------------------------------------------ */

static int
prepare (struct resizing *r, int *err)
{
  const uint64_t had = r->region.length;

  if (r->size > r->i->size &&
      (clear_beyond (r, err) == -1 || clear_last_block (r, err) == -1))
    return -1;
  if (vhdx_bat_check (&r->bat, had) != VHDX_OK &&
      (make_region (r, err) == -1 || make_table (r, err) == -1 ||
       add_table (r, err) == -1))
    return -1;
  return add_size (r, err);
}

/* What is in the log may be replayed if the commit failed: then the space
 * of the new region stays used.
 */
static void
finish (struct resizing *r, bool committed)
{
  if (!committed && r->has_space)
    image_space_release (r->i->space, r->region.offset, r->region.length,
                         false);
  for (unsigned k = 0; k < r->npages; k++)
    free (r->pages[k].data);
  free (r->table);
}

int
image_vhdx_resize (struct image *i, uint64_t size, int *err)
{
  struct image_vhdx *v = to_vhdx (i);
  struct resizing r = {
    .i = i, .v = v, .size = size, .bat = v->bat, .region = v->regions.bat
  };
  bool prepared, done;

  if (size == 0 || size > VHDX_DISK_SIZE_MAX ||
      !IS_ALIGNED (size, v->metadata.sector_size)) {
    log_error ("%s: a VHDX cannot have a disk of %llu bytes", i->name,
               (unsigned long long) size);
    *err = size > VHDX_DISK_SIZE_MAX ? EOPNOTSUPP : EINVAL;
    return -1;
  }
  r.bat = vhdx_bat_of (size, v->bat.block_size, v->bat.sector_size,
                       v->bat.has_parent);
  prepared = image_vhdx_renew (v, true, err) == 0 && prepare (&r, err) == 0;
  done = prepared && commit (&r, err) == 0;
  if (done)
    adopt (&r);
  finish (&r, prepared);
  return done ? 0 : -1;
}
