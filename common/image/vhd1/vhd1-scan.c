/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A look at the whole BAT before anything is written: blocks that are
 * where they cannot be make a file that is not safe to write to.  It ends
 * at the first one, so a BAT that is a hole of the file, where all
 * entries are 0, costs nothing.
 */

#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "base/align.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "image/vhd1/vhd1-impl.h"

#define CHUNK (64 * 1024)
#define PER_SECTOR (VHD_SECTOR_SIZE / sizeof (be32))

/* The structure of the file that [START, END) overlaps, or NULL. */
static const struct vhd_region *
find_region (const struct vhd1 *v, uint64_t start, uint64_t end)
{
  for (unsigned i = 0; i < v->layout.n; i++) {
    const struct vhd_region *r = &v->layout.region[i];

    if (start < r->offset + r->count && r->offset < end)
      return r;
  }
  return NULL;
}

/* Of the last block's part that is behind the end of the disk, nobody
 * misses anything.
 */
static int
check_block (const char *name, const struct vhd1 *v, uint64_t block,
             uint64_t start, uint64_t needed, int *err)
{
  const uint64_t data = start + v->bitmap_size;
  const struct vhd_region *r =
    find_region (v, start, data + v->header.block_size);

  *err = EINVAL;
  if (r != NULL) {
    log_error ("%s: cannot be written to: block %" PRIu64 " at offset %" PRIu64
               " overlaps %s",
               name, block, start, r->name);
    return -1;
  }
  if (data + needed > v->footer_at) {
    log_error ("%s: cannot be written to: block %" PRIu64 " at offset %" PRIu64
               " is beyond the end of the file",
               name, block, start);
    return -1;
  }
  return 0;
}

struct look {
  struct store *inner;
  const char *name;
  const struct vhd1 *v;
  uint64_t size; /* of the disk */
  struct vhd1_scan *scan;
  struct image_space *space;
};

static int
no_memory (const struct look *l, int *err)
{
  log_error ("%s: out of memory", l->name);
  *err = ENOMEM;
  return -1;
}

typedef int (*entry_fn) (const struct look *l, uint64_t block, uint32_t sector,
                         int *err);

/* For each entry of [START, END) that is used, until FN returns -1. */
static int
each_entry (const struct look *l, uint64_t start, uint64_t end, entry_fn fn,
            int *err)
{
  CLEANUP_FREE be32 *bat = malloc (CHUNK);
  const uint64_t first = ROUND_DOWN (start, PER_SECTOR);
  const uint64_t all = ROUND_UP (end, PER_SECTOR);

  if (bat == NULL)
    return no_memory (l, err);
  for (uint64_t at = first; at < all; at += CHUNK / sizeof *bat) {
    const uint64_t n = min_u64 (CHUNK / sizeof *bat, all - at);

    if (store_read (l->inner, bat, n * sizeof *bat,
                    l->v->header.bat_offset + at * sizeof *bat, err) == -1) {
      errno = *err;
      log_error ("%s: reading the block table: %m", l->name);
      return -1;
    }
    for (uint64_t k = max_u64 (at, start); k < min_u64 (at + n, end); k++) {
      const uint32_t sector = be32_get (bat[k - at]);

      if (sector != VHD_BAT_UNUSED && fn (l, k, sector, err) == -1)
        return -1;
    }
  }
  return 0;
}

static int
scan_entry (const struct look *l, uint64_t block, uint32_t sector, int *err)
{
  const struct vhd1 *v = l->v;
  const uint64_t start = (uint64_t) sector * VHD_SECTOR_SIZE;
  const uint64_t data = start + v->bitmap_size;
  const uint64_t needed =
    min_u64 (v->header.block_size, l->size - block * v->header.block_size);

  if (check_block (l->name, v, block, start, needed, err) == -1)
    return -1;
  l->scan->end = max_u64 (l->scan->end, data + v->header.block_size);
  l->scan->unaligned |= !IS_ALIGNED (data, VHD1_ALIGN);
  return 0;
}

int
vhd1_scan (struct store *inner, const char *name, uint64_t size,
           const struct vhd1 *v, struct vhd1_scan *scan, int *err)
{
  const struct look l = {
    .inner = inner, .name = name, .v = v, .size = size, .scan = scan
  };

  *scan = (struct vhd1_scan){ .end = 0 };
  return each_entry (&l, 0, DIV_ROUND_UP (size, v->header.block_size),
                     scan_entry, err);
}

/* -1 with *ERR = 0 at the first that makes no sense. */
static int
claim_entry (const struct look *l, uint64_t block, uint32_t sector, int *err)
{
  const uint64_t start = (uint64_t) sector * VHD_SECTOR_SIZE;
  const uint64_t count = l->v->bitmap_size + l->v->header.block_size;

  *err = 0;
  if (find_region (l->v, start, start + count) != NULL ||
      start + count > l->v->footer_at)
    return -1;
  if (image_space_claim (l->space, start, count) >= 0)
    return 0;
  return no_memory (l, err);
}

int
vhd1_claim_hidden (struct image *i, int *err)
{
  const struct vhd1 *v = to_vhd1 (i);
  const struct look l = {
    .inner = i->inner, .name = i->name, .v = v, .space = i->space
  };
  const uint64_t end =
    min_u64 (v->header.nentries,
             DIV_ROUND_UP (v->footer.current_size, v->header.block_size));

  if (each_entry (&l, i->nblocks, end, claim_entry, err) == 0)
    return 0;
  return *err == 0 ? 0 : -1;
}
