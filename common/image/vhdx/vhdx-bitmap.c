/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Sector bitmaps: blocks of 1 MiB, one for each chunk of 2^23 sectors, of
 * which the engine has pages.  The entry of a bitmap in the BAT is written
 * once, when the first block of the chunk gets bits, and never changes or
 * goes away while the image is open.
 */

#include <config.h>

#include <errno.h>

#include "base/align.h"
#include "base/checked.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "image/vhdx/vhdx-impl.h"

#define PAGES_PER_CHUNK (VHDX_CHUNK_SECTORS / VHDX_BITS_PAGE_SECTORS)

/* Where the bitmap of CHUNK is; 0: there is none. */
static int
get_place (struct image *i, uint64_t chunk, uint64_t *place, int *err)
{
  const struct image_vhdx *v = to_vhdx (i);
  const uint64_t index = vhdx_bat_bitmap_index (&v->bat, chunk);
  const uint64_t file_size = ROUND_UP (store_size (i->inner), VHDX_MIB);
  struct vhdx_entry e;
  uint64_t raw;

  if (image_get_raw_entry (i, index, &raw, err) == -1)
    return -1;
  e = vhdx_entry_decode (raw);
  *place = e.state == VHDX_BLOCK_NOT_PRESENT ? 0 : e.offset;
  if (vhdx_entry_check (&v->bat, &e, true) == VHDX_OK &&
      range_inside (*place, VHDX_BITMAP_SIZE, file_size))
    return 0;
  log_error ("%s: bad entry %#llx at %llu of the BAT, for the sector bitmap of "
             "chunk %llu",
             i->name, (unsigned long long) raw, (unsigned long long) index,
             (unsigned long long) chunk);
  *err = EIO;
  return -1;
}

/* The engine asks only if a block of the chunk is partially present, or
 * is about to be and the bitmap was created: there must be one.
 */
int
image_vhdx_bits_place (struct image *i, uint64_t page, uint64_t *place,
                       int *err)
{
  const uint64_t chunk = page / PAGES_PER_CHUNK;

  if (get_place (i, chunk, place, err) == -1)
    return -1;
  if (*place == 0) {
    log_error ("%s: chunk %llu has no sector bitmap, but a block that is "
               "partially present",
               i->name, (unsigned long long) chunk);
    *err = EIO;
    return -1;
  }
  *place += page % PAGES_PER_CHUNK * IMAGE_PAGE;
  return 0;
}

static int
create (struct image *i, uint64_t chunk, int *err)
{
  const struct image_vhdx *v = to_vhdx (i);
  uint64_t place;
  bool zero;

  if (image_space_alloc (i->space, VHDX_BITMAP_SIZE, 0, VHDX_MIB, &place, &zero,
                         err) == -1) {
    errno = *err;
    log_error ("%s: allocating a sector bitmap: %m", i->name);
    return -1;
  }
  if (!zero && store_zero (i->inner, VHDX_BITMAP_SIZE, place, 0, err) == -1) {
    errno = *err;
    log_error ("%s: clearing a new sector bitmap at %llu: %m", i->name,
               (unsigned long long) place);
    image_space_release (i->space, place, VHDX_BITMAP_SIZE, false);
    return -1;
  }
  if (image_set_raw_entry (i, vhdx_bat_bitmap_index (&v->bat, chunk),
                           vhdx_entry_encode (VHDX_BLOCK_FULLY_PRESENT, place),
                           err) == -1) {
    image_space_release (i->space, place, VHDX_BITMAP_SIZE, true);
    return -1;
  }
  return 0;
}

/* The bytes of the bitmap are cleared before a commit can name it: a
 * commit flushes after it has taken its copies of the pages.
 */
int
image_vhdx_bits_create (struct image *i, uint64_t block, int *err)
{
  struct image_vhdx *v = to_vhdx (i);
  const uint64_t chunk = block / v->bat.chunk_ratio;
  uint64_t place;

  if (get_place (i, chunk, &place, err) == -1)
    return -1;
  if (place != 0)
    return 0;
  LOCK_SCOPE (&v->chunk_lock[chunk % VHDX_CHUNK_LOCKS]);
  if (get_place (i, chunk, &place, err) == -1)
    return -1;
  return place != 0 ? 0 : create (i, chunk, err);
}
