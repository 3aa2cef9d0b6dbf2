/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See layer-image.h.  The states of a layer are those of the image; each
 * operation is one of the image's.
 */

#include <config.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/align.h"
#include "base/log.h"
#include "layer/layer-image.h"

struct layer_image {
  struct layer layer;
  struct image *image;
  unsigned sector_shift;
};

static struct layer_image *
to_image (struct layer *l)
{
  return container_of (l, struct layer_image, layer);
}

static unsigned
image_flags (unsigned flags)
{
  return (flags & LAYER_FUA ? IMAGE_FUA : 0) |
         (flags & LAYER_NO_OVERWRITE ? IMAGE_NO_OVERWRITE : 0);
}

static void
li_close (struct layer *l)
{
  image_close (to_image (l)->image);
  free (to_image (l));
}

/* The first run of the COUNT bytes at OFFSET: into BUF, unless it is
 * absent.
 */
static int
read_run (struct image *i, void *buf, uint64_t *count, uint64_t offset,
          enum image_state *state, int *err)
{
  struct image_visit v;
  uint64_t place;
  int r;

  image_enter (i, &v);
  r = image_map (i, offset, count, state, &place, err);
  if (r == 0 && *state == IMAGE_DATA)
    r = store_read (image_inner (i), buf, *count, place, err);
  image_leave (i, &v);
  if (r == 0 && *state == IMAGE_ZERO)
    memset (buf, 0, *count);
  return r;
}

static int
li_read (struct layer *l, void *buf, uint64_t sector, uint32_t nsectors,
         struct marker *m, int *err)
{
  const struct layer_image *li = to_image (l);
  const uint64_t end = (sector + nsectors) << li->sector_shift;
  uint64_t count;
  char *p = buf;

  for (uint64_t offset = sector << li->sector_shift; offset < end;
       offset += count, p += count) {
    enum image_state state;

    count = end - offset;
    if (read_run (li->image, p, &count, offset, &state, err) == -1)
      return -1;
    if (state != IMAGE_ABSENT)
      marker_set (m, offset >> li->sector_shift,
                  (uint32_t) (count >> li->sector_shift));
  }
  return 0;
}

static int
li_write (struct layer *l, const void *buf, uint64_t sector, uint32_t nsectors,
          unsigned flags, int *err)
{
  const struct layer_image *li = to_image (l);

  return image_write (li->image, buf, (uint64_t) nsectors << li->sector_shift,
                      sector << li->sector_shift, image_flags (flags), err);
}

static int
li_zero (struct layer *l, uint64_t sector, uint64_t nsectors, unsigned flags,
         int *err)
{
  const struct layer_image *li = to_image (l);

  return image_zero (li->image, nsectors << li->sector_shift,
                     sector << li->sector_shift, image_flags (flags), err);
}

static int
li_discard (struct layer *l, uint64_t sector, uint64_t nsectors, int *err)
{
  const struct layer_image *li = to_image (l);

  return image_discard (li->image, nsectors << li->sector_shift,
                        sector << li->sector_shift, err);
}

static int
li_flush (struct layer *l, int *err)
{
  return image_flush (to_image (l)->image, err);
}

/* Where the map cannot be read the sectors count as data, to the end of
 * their block: who reads them then gets the error, and nobody takes what
 * is below for what they hold.
 */
static enum layer_state
li_state (struct layer *l, uint64_t sector, uint64_t limit, uint64_t *end)
{
  static const enum layer_state states[] = {
    [IMAGE_ABSENT] = LAYER_ABSENT,
    [IMAGE_DATA] = LAYER_DATA,
    [IMAGE_ZERO] = LAYER_ZERO,
  };
  const struct layer_image *li = to_image (l);
  const uint64_t block = image_info (li->image)->block_size >> li->sector_shift;
  uint64_t count = (limit - sector) << li->sector_shift, place;
  enum image_state state;
  struct image_visit v;
  int r, err;

  image_enter (li->image, &v);
  r = image_map (li->image, sector << li->sector_shift, &count, &state, &place,
                 &err);
  image_leave (li->image, &v);
  *end = sector + (count >> li->sector_shift);
  if (r == 0)
    return states[state];
  *end = min_u64 (limit, ROUND_DOWN (sector, block) + block);
  return LAYER_DATA;
}

static uint64_t
li_used (struct layer *l)
{
  return image_used (to_image (l)->image);
}

static const struct layer_ops image_layer_ops = {
  .name = "image",
  .close = li_close,
  .read = li_read,
  .write = li_write,
  .zero = li_zero,
  .discard = li_discard,
  .flush = li_flush,
  .state = li_state,
  .used = li_used,
};

struct layer *
layer_image_create (struct image *image)
{
  const struct image_info *i = image_info (image);
  const bool is_vhd1 = strcmp (i->format, "vhd1") == 0;
  struct layer_image *li;

  if (!i->parent.exists) {
    log_error ("%s: is not a differencing image: what it does not have is "
               "zero, and nothing below it would ever show",
               image_name (image));
    errno = EINVAL;
    return NULL;
  }
  li = calloc (1, sizeof *li);
  if (li == NULL) {
    log_error ("%s: %m", image_name (image));
    return NULL;
  }
  li->layer.ops = &image_layer_ops;
  li->layer.info = (struct layer_info){
    .nsectors = image_size (image) / i->sector_size,
    .sector_size = i->sector_size,
    .physical_sector_size =
      (uint32_t) max_u64 (i->sector_size, i->physical_sector_size),
    .read_only = i->read_only,
    .no_overwrite = true,
    .has_id = is_vhd1 ? !uuid_is_nil (&i->parent.id) : i->has_id,
    .id = is_vhd1 ? i->parent.id : i->id,
  };
  li->image = image;
  li->sector_shift = log2_of (i->sector_size);
  return &li->layer;
}
