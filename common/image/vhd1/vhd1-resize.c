/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Changing the size of the disk.  The BAT is where it was as long as that
 * is possible, and blocks that are in its way move; else it comes behind
 * the last structure, so that all blocks are behind all structures, which
 * Xen's tools insist on.
 *
 * The header has no copy, but all that changes of it is in its first
 * sector, which is written at once; until then all that is there is what
 * the old header says.  A BAT that is too long is fine, so the footers
 * follow, one by one.
 */

#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/align.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "image/vhd1/vhd1-impl.h"
#include "vhd/vhd-creator.h"
#include "vhd/vhd-size.h"

#define CHUNK (64 * 1024)

/* A BAT and what Xen has behind it, as it is to be. */
struct table {
  struct vhd_header header;
  struct vhd_batmap batmap;
  uint64_t end;
};

static uint64_t
batmap_count (const struct table *t)
{
  return ROUND_UP (DIV_ROUND_UP ((uint64_t) t->header.nentries, 8),
                   VHD_SECTOR_SIZE);
}

/* For N entries, at OFFSET. */
static struct table
table_at (const struct vhd1 *v, uint64_t offset, uint32_t n)
{
  struct table t = { .header = v->header, .batmap = v->batmap };

  t.header.bat_offset = offset;
  t.header.nentries = n;
  t.end = offset + vhd_bat_size (n);
  if (v->has_batmap) {
    t.batmap.offset = t.end + VHD_BATMAP_SIZE;
    t.batmap.count = batmap_count (&t);
    t.batmap.checksum = VHD_BATMAP_CHECKSUM_ZEROES;
    t.end = t.batmap.offset + t.batmap.count;
  }
  return t;
}

static struct table
find_table (const struct vhd1 *v, uint32_t n)
{
  struct table t = table_at (v, v->header.bat_offset, n);
  bool fits = true;
  uint64_t end = 0;

  for (unsigned k = 0; k < v->layout.n; k++) {
    const struct vhd_region *r = &v->layout.region[k];

    if (r->is_table)
      continue;
    fits &= r->offset >= t.end || t.header.bat_offset >= r->offset + r->count;
    end = max_u64 (end, r->offset + r->count);
  }
  return fits ? t : table_at (v, end, n);
}

/* BUF has COUNT bytes of the table from AT on; USED is where the entries
 * end that are there already, at its old place.
 */
static int
fill_bat (struct image *i, uint8_t *buf, uint64_t count, uint64_t at,
          uint64_t used, int *err)
{
  const struct vhd_header *h = &to_vhd1 (i)->header;
  const uint64_t there =
    at < used ? min_u64 (count, ROUND_UP (used - at, VHD_SECTOR_SIZE)) : 0;
  const uint64_t kept = at < used ? min_u64 (count, used - at) : 0;

  if (there > 0 && image_inner_read (i, buf, there, h->bat_offset + at,
                                     "the block table", err) == -1)
    return -1;
  memset (buf + kept, 0xff, count - kept);
  return 0;
}

/* What it does not have yet, or all of it if it moves. */
static int
write_bat (struct image *i, const struct table *t, int *err)
{
  const struct vhd_header *h = &to_vhd1 (i)->header;
  const uint64_t size = vhd_bat_size (t->header.nentries);
  const uint64_t used = (uint64_t) h->nentries * sizeof (be32);
  CLEANUP_FREE uint8_t *buf = malloc (CHUNK);
  uint64_t at = t->header.bat_offset == h->bat_offset ?
                  ROUND_DOWN (used, VHD_SECTOR_SIZE) :
                  0;

  if (buf == NULL) {
    *err = ENOMEM;
    return -1;
  }
  for (; at < size; at += CHUNK) {
    const uint64_t count = min_u64 (CHUNK, size - at);

    if (fill_bat (i, buf, count, at, used, err) == -1 ||
        image_inner_write (i, buf, count, t->header.bat_offset + at,
                           "the block table", err) == -1)
      return -1;
  }
  return 0;
}

static int
write_batmap (struct image *i, const struct table *t, int *err)
{
  uint8_t bytes[VHD_BATMAP_SIZE];

  if (store_zero (i->inner, t->batmap.count, t->batmap.offset, 0, err) == -1) {
    errno = *err;
    log_error ("%s: clearing the batmap: %m", i->name);
    return -1;
  }
  vhd_batmap_serialise (&t->batmap, bytes);
  return image_inner_write (i, bytes, sizeof bytes,
                            vhd_batmap_place (&t->header),
                            "the header of the batmap", err);
}

static int
write_header (struct image *i, const struct table *t, int *err)
{
  uint8_t bytes[VHD_HEADER_SIZE];

  vhd_header_serialise (&t->header, bytes);
  if (image_inner_write (i, bytes, VHD_SECTOR_SIZE,
                         to_vhd1 (i)->footer.data_offset, "the dynamic header",
                         err) == -1)
    return -1;
  return vhd1_flush (i, "the dynamic header", err);
}

/* The structures are where they are now; what the old table had, and the
 * new one has not, is free.
 */
static void
adopt (struct image *i, const struct table *t)
{
  struct vhd1 *v = to_vhd1 (i);
  const struct vhd_layout old = v->layout;

  v->header = t->header;
  v->batmap = t->batmap;
  vhd_layout_make (&v->footer, &v->header, v->has_batmap ? &v->batmap : NULL,
                   &v->layout);
  v->layout_end = vhd_layout_end (&v->layout);
  for (unsigned k = 0; k < old.n; k++) {
    const struct vhd_region *r = &old.region[k];

    if (r->is_table &&
        (r->offset >= t->end || r->offset + r->count <= t->header.bat_offset))
      image_space_release (i->space, r->offset, r->count, false);
  }
  i->bat_offset = v->header.bat_offset;
  i->bat_nentries = v->header.nentries;
}

static int
enlarge_bat (struct image *i, uint32_t n, int *err)
{
  struct vhd1 *v = to_vhd1 (i);
  const struct table t = find_table (v, n);

  if (t.end > v->footer_at &&
      vhd1_move_end (i, ROUND_UP (t.end, VHD_SECTOR_SIZE), err) == -1)
    return -1;
  if (image_vacate (i, t.header.bat_offset, t.end, err) == -1 ||
      write_bat (i, &t, err) == -1 ||
      (v->has_batmap && write_batmap (i, &t, err) == -1) ||
      vhd1_flush (i, "the block table", err) == -1 ||
      write_header (i, &t, err) == -1)
    return -1;
  adopt (i, &t);
  return 0;
}

/* ------------------------------------------------------------------ */

/* Blocks that were there behind the end of the disk would be seen.  Their
 * space is free when the file is opened again.
 */
static int
clear_entries (struct image *i, uint64_t start, uint64_t end, int *err)
{
  const uint64_t unused = i->format->put_entry (i, BLOCK_ABSENT, 0, false);
  uint64_t raw;

  for (uint64_t block = start; block < end; block++) {
    if (image_get_raw_entry (i, block, &raw, err) == -1 ||
        (raw != unused && image_set_raw_entry (i, block, unused, err) == -1))
      return -1;
  }
  return image_flush (i, err);
}

static int
write_footers (struct image *i, uint64_t size, int *err)
{
  struct vhd1 *v = to_vhd1 (i);
  const struct vhd_footer old = v->footer;

  vhd_creator_resize (&v->footer, size);
  if (vhd1_write_head (i, err) == 0 &&
      vhd1_move_end (i, ROUND_UP (v->footer_at, VHD_SECTOR_SIZE), err) == 0)
    return 0;
  v->footer = old;
  return -1;
}

static int
check (const struct image *i, uint64_t size, int *err)
{
  *err = EOPNOTSUPP;
  if (to_vhd1 (i)->footer.saved_state != 0) {
    log_error ("%s: belongs to a virtual machine that is suspended, so its "
               "size must stay",
               i->name);
    return -1;
  }
  if (size > VHD_MAX_SIZE) {
    log_error ("%s: a VHD has at most 2040 GiB", i->name);
    return -1;
  }
  return 0;
}

int
vhd1_resize (struct image *i, uint64_t size, int *err)
{
  struct vhd1 *v = to_vhd1 (i);
  const uint64_t n = DIV_ROUND_UP (size, v->header.block_size);

  if (check (i, size, err) == -1 ||
      clear_entries (i, i->nblocks, min_u64 (n, v->header.nentries), err) == -1)
    return -1;
  if (n > v->header.nentries && enlarge_bat (i, (uint32_t) n, err) == -1)
    return -1;
  if (write_footers (i, size, err) == -1)
    return -1;
  i->nblocks = n;
  atomic_store (&i->size, size);
  return 0;
}
