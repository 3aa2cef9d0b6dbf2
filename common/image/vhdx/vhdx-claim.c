/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What of a VHDX is in use, before it is written to: the first MiB,
 * the log, all regions, known or not; the blocks, which the engine claims;
 * and what this file finds by a walk through the BAT of its own, the
 * sector bitmaps and space that is only remembered.
 *
 * An entry without data (unmapped, zero, undefined) may name space all
 * the same, which its block had and might get again.  It holds nothing
 * that is needed, but another implementation might take an overlap for
 * damage; so as long as the entry is there, the space is not used for
 * something else.  It is claimed here, if nobody else has it, and stays
 * so until the file is opened again, by when changed entries name it no
 * more.
 */

#include <config.h>

#include <errno.h>
#include <stdlib.h>

#include "base/align.h"
#include "base/bytes.h"
#include "base/checked.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "image/vhdx/vhdx-impl.h"

#define NONE UINT64_MAX

static const char no_bitmap[] =
  "is that of a sector bitmap which a block needs";

struct walk {
  struct image *i;
  struct image_vhdx *v;
  uint64_t file_size; /* in whole MiB */
  uint64_t bitmap;    /* the next entry that must name one; or none */
};

/* Claim for WHAT. */
static int
claim (struct image *i, uint64_t offset, uint64_t count, const char *what,
       int *err)
{
  const int r = image_space_claim (i->space, offset, count);

  if (r == 1)
    return 0;
  if (r == -1)
    return image_no_memory (i, err);
  log_error ("%s: %s, %llu bytes at %llu, overlaps something else", i->name,
             what, (unsigned long long) count, (unsigned long long) offset);
  *err = EINVAL;
  return -1;
}

static int
claim_structures (struct image *i, int *err)
{
  const struct image_vhdx *v = to_vhdx (i);

  if (claim (i, 0, VHDX_HEADER_AREA, "the header", err) == -1 ||
      claim (i, v->header.log_offset, v->header.log_length, "the log", err) ==
        -1)
    return -1;
  for (unsigned k = 0; k < v->regions.count; k++) {
    const struct vhdx_region r = vhdx_region_get (v->region_table, k);

    if (claim (i, r.offset, r.length, "a region", err) == -1)
      return -1;
  }
  return 0;
}

/* ------------------------------------------------------------------ */
/* What the BAT names */

static int
bad_entry (const struct walk *w, uint64_t index, uint64_t raw, const char *why,
           int *err)
{
  log_error ("%s: entry %#llx at %llu of the BAT %s", w->i->name,
             (unsigned long long) raw, (unsigned long long) index, why);
  *err = EINVAL;
  return -1;
}

static int
see_bitmap (struct walk *w, uint64_t index, uint64_t raw, int *err)
{
  const struct vhdx_entry e = vhdx_entry_decode (raw);
  const enum vhdx_status status = vhdx_entry_check (&w->v->bat, &e, true);
  const bool needed = w->bitmap == index;

  w->bitmap = needed ? NONE : w->bitmap;
  if (status != VHDX_OK)
    return bad_entry (w, index, raw, vhdx_status_string (status), err);
  if (!vhdx_entry_has_data (&e))
    return needed ? bad_entry (w, index, raw, no_bitmap, err) : 0;
  if (!range_inside (e.offset, VHDX_BITMAP_SIZE, w->file_size))
    return bad_entry (w, index, raw, "is beyond the end of the file", err);
  return claim (w->i, e.offset, VHDX_BITMAP_SIZE, "a sector bitmap", err);
}

/* Blocks with data are claimed by the engine if they are what it calls
 * good; here is said what is bad.
 */
static int
see_block (struct walk *w, uint64_t index, uint64_t raw, int *err)
{
  const uint64_t chunk = index / (w->v->bat.chunk_ratio + 1);
  const struct vhdx_entry e = vhdx_entry_decode (raw);
  const enum vhdx_status status = vhdx_entry_check (&w->v->bat, &e, false);

  /* Entries of a last chunk may be there for more blocks than it has. */
  if (index - chunk >= w->v->bat.nblocks)
    return 0;
  if (status != VHDX_OK)
    return bad_entry (w, index, raw, vhdx_status_string (status), err);
  if (w->i->format->get_entry (w->i, index - chunk, raw).state == BLOCK_BAD)
    return bad_entry (w, index, raw, "is beyond the end of the file", err);
  if (e.state == VHDX_BLOCK_PARTIALLY_PRESENT)
    w->bitmap = vhdx_bat_bitmap_index (&w->v->bat, chunk);
  if (vhdx_entry_has_data (&e) || e.state == VHDX_BLOCK_NOT_PRESENT ||
      e.offset < VHDX_HEADER_AREA ||
      !range_inside (e.offset, w->v->bat.block_size, w->file_size))
    return 0;
  if (image_space_claim (w->i->space, e.offset, w->v->bat.block_size) == -1)
    return image_no_memory (w->i, err);
  return 0;
}

static int
see_entries (void *opaque, const le64 *entries, uint64_t index, uint64_t n,
             int *err)
{
  struct walk *w = opaque;

  for (uint64_t k = 0; k < n; k++, index++) {
    const uint64_t raw = le64_get (entries[k]);

    if (w->bitmap < index)
      break; /* that was in what is zero */
    if (raw == 0 && index != w->bitmap)
      continue;
    if ((vhdx_bat_is_bitmap (&w->v->bat, index) ?
           see_bitmap (w, index, raw, err) :
           see_block (w, index, raw, err)) == -1)
      return -1;
  }
  return w->bitmap < index ? bad_entry (w, w->bitmap, 0, no_bitmap, err) : 0;
}

static int
claim_named (struct walk *w, int *err)
{
  if (image_vhdx_walk (w->i, 0, w->v->bat.nentries, see_entries, w, err) == -1)
    return -1;
  return w->bitmap != NONE ? bad_entry (w, w->bitmap, 0, no_bitmap, err) : 0;
}

int
image_vhdx_claim (struct image *i, int *err)
{
  struct walk w = { .i = i,
                    .v = to_vhdx (i),
                    .bitmap = NONE,
                    .file_size = ROUND_UP (store_size (i->inner), VHDX_MIB) };
  uint64_t used;

  if (claim_structures (i, err) == -1 || image_claim_blocks (i, err) == -1 ||
      claim_named (&w, err) == -1)
    return -1;
  used = image_space_used_end (i->space);
  if (used != store_size (i->inner) &&
      store_resize (i->inner, used, err) == -1) {
    /* Then nothing behind is known to be zero. */
    if (*err == EOPNOTSUPP)
      return 0;
    errno = *err;
    log_error ("%s: cutting off what is not used: %m", i->name);
    return -1;
  }
  image_space_set_end (i->space, used);
  return 0;
}
