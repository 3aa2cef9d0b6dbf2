/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Changing the size of the disk.  Alone: nobody else is in the image.
 *
 * Where the disk ends inside a block, what the block has behind the end is
 * unspecified.  So it is zeroed when the disk becomes longer, and looked
 * at before it becomes shorter.
 */

#include <config.h>

#include <errno.h>
#include <stdlib.h>

#include "base/align.h"
#include "base/bytes.h"
#include "base/cleanup.h"
#include "image/image-core.h"

#define PIECE (256 * 1024)

/* EBUSY if [OFFSET, END) has anything but zeroes. */
static int
check_zero (struct image *i, uint64_t offset, uint64_t end, int *err)
{
  CLEANUP_FREE uint8_t *buf = malloc (PIECE);

  if (buf == NULL) {
    *err = ENOMEM;
    return -1;
  }
  while (offset < end) {
    const uint64_t n = min_u64 (PIECE, end - offset);

    if (image_read (i, buf, n, offset, NULL, NULL, err) == -1)
      return -1;
    if (!bytes_are_zero (buf, n)) {
      *err = EBUSY;
      return -1;
    }
    offset += n;
  }
  return 0;
}

static int
check_no_data (struct image *i, uint64_t offset, uint64_t end, int *err)
{
  struct image_run run;

  for (; offset < end; offset += run.count) {
    if (image_run_at (i, offset, end, &run, err) == -1)
      return -1;
    if (run.state == IMAGE_DATA) {
      *err = EBUSY;
      return -1;
    }
  }
  return 0;
}

/* Nothing is stored behind SIZE, but for zeroes in the block where that
 * is; and blocks behind it are forgotten that are zero.
 */
static int
prepare_shorter (struct image *i, uint64_t size, int *err)
{
  const uint64_t all = image_size (i);
  const uint64_t whole = min_u64 (ROUND_UP (size, i->core->block_size), all);

  if (check_zero (i, size, whole, err) == -1 ||
      check_no_data (i, whole, all, err) == -1)
    return -1;
  return whole < all ? image_discard (i, all - whole, whole, err) : 0;
}

/* The disk was OLD bytes.  Over a parent what is new must hide that, as
 * far as an entry can say so; a longer parent of one where it cannot is
 * seen.
 */
static int
zero_new (struct image *i, uint64_t old, int *err)
{
  uint64_t end = image_size (i);

  if (!has_parent (i) || !i->format->has_zero)
    end = min_u64 (end, ROUND_UP (old, i->core->block_size));
  return end > old ? image_zero (i, end - old, old, 0, err) : 0;
}

/* Have the format do it, and fresh pages for what it says then. */
static int
change_size (struct image *i, uint64_t size, int *err)
{
  struct image_core *c = i->core;
  struct image_pages bat = c->bat, bits = c->bits;
  const uint64_t old_size = image_size (i), old_nblocks = i->nblocks;
  const uint64_t old_nentries = i->bat_nentries;

  if (i->format->resize (i, size, err) == -1)
    return -1;
  memset (&c->bat, 0, sizeof c->bat);
  memset (&c->bits, 0, sizeof c->bits);
  if (image_init_pages (i)) {
    pages_fini (&bat);
    pages_fini (&bits);
    return 0;
  }
  /* It is done in the file, but not for us. */
  pages_fini (&c->bat);
  pages_fini (&c->bits);
  c->bat = bat;
  c->bits = bits;
  atomic_store (&i->size, old_size);
  i->nblocks = old_nblocks;
  i->bat_nentries = old_nentries;
  image_fail (i);
  *err = ENOMEM;
  return -1;
}

int
image_resize (struct image *i, uint64_t size, int *err)
{
  const uint64_t old = image_size (i);

  if (image_begin_change (i, err) == -1)
    return -1;
  if (size == 0 || !IS_ALIGNED (size, i->info.sector_size)) {
    *err = EINVAL;
    return -1;
  }
  if (i->format->resize == NULL) {
    *err = EOPNOTSUPP;
    return -1;
  }
  if (size == old)
    return image_flush (i, err);
  if ((size < old && prepare_shorter (i, size, err) == -1) ||
      image_flush (i, err) == -1 || change_size (i, size, err) == -1 ||
      (size > old && zero_new (i, old, err) == -1))
    return -1;
  return image_flush (i, err);
}
