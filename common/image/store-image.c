/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See store-image.h.  Every operation goes through the range in runs of
 * one state, as image_map tells them.  A run is only used while the image
 * is visited; the parent is asked outside of that, as it may be an image
 * itself.
 */

#include <config.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/align.h"
#include "image/store-image.h"

/* Bytes of a request that is large enough for any disk. */
#define PREFERRED 65536u

struct store_image {
  struct store store;
  struct image *image;
  struct store *parent; /* or NULL */
};

static struct store_image *
to_image (struct store *s)
{
  return container_of (s, struct store_image, store);
}

static unsigned
image_flags (unsigned flags)
{
  return (flags & STORE_FUA ? IMAGE_FUA : 0) |
         (flags & STORE_FAST_ZERO ? IMAGE_FAST : 0);
}

/* Bytes of the COUNT at OFFSET that the parent has. */
static uint64_t
parent_count (const struct store_image *si, uint64_t count, uint64_t offset)
{
  const uint64_t size = si->parent != NULL ? store_size (si->parent) : 0;

  return offset < size ? min_u64 (count, size - offset) : 0;
}

static void
si_close (struct store *s)
{
  struct store_image *si = to_image (s);

  image_close (si->image);
  store_close (si->parent);
  free (si);
}

/* ------------------------------------------------------------------ */
/* Reading */

/* What the image does not have. */
static int
read_parent (void *opaque, void *buf, uint64_t count, uint64_t offset, int *err)
{
  struct store_image *si = opaque;
  const uint64_t n = parent_count (si, count, offset);

  memset ((char *) buf + n, 0, count - n);
  return n > 0 ? store_read (si->parent, buf, n, offset, err) : 0;
}

static int
si_read (struct store *s, void *buf, size_t count, uint64_t offset, int *err)
{
  struct store_image *si = to_image (s);

  return image_read (si->image, buf, count, offset,
                     si->parent != NULL ? read_parent : NULL, si, err);
}

/* Call FN for each run of data in the range with its place in the file,
 * and FN_PARENT for what the parent is asked for.
 */
static int
each_run (struct store_image *si, uint64_t count, uint64_t offset,
          int (*fn) (struct store *s, uint64_t count, uint64_t offset,
                     int *err),
          int *err)
{
  const uint64_t end = offset + count;

  for (; offset < end; offset += count) {
    enum image_state state;
    struct image_visit v;
    uint64_t place;
    int r;

    count = end - offset;
    image_enter (si->image, &v);
    r = image_map (si->image, offset, &count, &state, &place, err);
    if (r == 0 && state == IMAGE_DATA)
      r = fn (image_inner (si->image), count, place, err);
    image_leave (si->image, &v);
    if (r == 0 && state == IMAGE_ABSENT && parent_count (si, count, offset) > 0)
      r = fn (si->parent, parent_count (si, count, offset), offset, err);
    if (r == -1)
      return -1;
  }
  return 0;
}

static int
si_cache (struct store *s, uint64_t count, uint64_t offset, int *err)
{
  return each_run (to_image (s), count, offset, store_cache, err);
}

static int
uncache_run (struct store *s, uint64_t count, uint64_t offset, int *err)
{
  store_uncache (s, count, offset);
  return 0;
}

/* Advice: it ends where the map cannot be read. */
static void
si_uncache (struct store *s, uint64_t count, uint64_t offset)
{
  int err;

  each_run (to_image (s), count, offset, uncache_run, &err);
}

/* ------------------------------------------------------------------ */
/* Extents */

/* One question to S about COUNT bytes at OFFSET, whose answer continues
 * OUT.  What has no content but is not known to be zero counts as data.
 */
static int
ask (struct store *s, uint64_t count, uint64_t offset, unsigned flags,
     struct extent_list *out, int *err)
{
  struct extent_list answer;
  int r;

  extent_list_init (&answer, offset, offset + count, flags & STORE_REQ_ONE);
  r = store_extents (s, count, offset, flags, &answer, err);
  for (size_t i = 0; r == 0 && i < answer.len; i++) {
    const uint32_t type = answer.v[i].type;

    r = extent_list_add (out, answer.v[i].count, type & EXTENT_ZERO ? type : 0,
                         err);
  }
  extent_list_fini (&answer);
  return r;
}

/* COUNT bytes of data at PLACE of the file, some of which the file may
 * have as holes.  An answer that is short is continued, as OUT must end
 * where the run does, or be full.
 */
static int
data_extents (struct store_image *si, uint64_t count, uint64_t place,
              unsigned flags, struct extent_list *out, int *err)
{
  struct store *inner = image_inner (si->image);

  if (!inner->info.extents)
    return extent_list_add (out, count, 0, err);
  while (count > 0 && !extent_list_full (out)) {
    const uint64_t before = extent_list_next (out);
    uint64_t n;

    if (ask (inner, count, place, flags, out, err) == -1)
      return -1;
    n = extent_list_next (out) - before;
    if (n == 0)
      break;
    count -= n;
    place += n;
  }
  return 0;
}

/* COUNT bytes that fall through, where OUT ends. */
static int
absent_extents (struct store_image *si, uint64_t count, unsigned flags,
                struct extent_list *out, int *err)
{
  const uint64_t offset = extent_list_next (out);
  const uint64_t end = offset + count;
  uint64_t n;

  while ((n = parent_count (si, end - extent_list_next (out),
                            extent_list_next (out))) > 0) {
    if (ask (si->parent, n, extent_list_next (out), flags, out, err) == -1)
      return -1;
    if (extent_list_full (out))
      return 0;
  }
  if (extent_list_next (out) == end)
    return 0;
  return extent_list_add (out, end - extent_list_next (out),
                          EXTENT_HOLE | EXTENT_ZERO, err);
}

/* The run at OFFSET, where OUT ends. */
static int
run_extents (struct store_image *si, uint64_t count, uint64_t offset,
             unsigned flags, struct extent_list *out, int *err)
{
  enum image_state state;
  struct image_visit v;
  uint64_t place;
  int r;

  image_enter (si->image, &v);
  r = image_map (si->image, offset, &count, &state, &place, err);
  if (r == 0 && state == IMAGE_DATA)
    r = data_extents (si, count, place, flags, out, err);
  image_leave (si->image, &v);
  if (r == 0 && state == IMAGE_ZERO)
    r = extent_list_add (out, count, EXTENT_HOLE | EXTENT_ZERO, err);
  if (r == 0 && state == IMAGE_ABSENT)
    r = absent_extents (si, count, flags, out, err);
  return r;
}

static int
si_extents (struct store *s, uint64_t count, uint64_t offset, unsigned flags,
            struct extent_list *out, int *err)
{
  const uint64_t end = offset + count;

  while (!extent_list_full (out) && extent_list_next (out) < end) {
    offset = extent_list_next (out);
    if (run_extents (to_image (s), end - offset, offset, flags, out, err) == -1)
      return -1;
  }
  return 0;
}

/* ------------------------------------------------------------------ */
/* Changing */

static int
si_write (struct store *s, const void *buf, size_t count, uint64_t offset,
          unsigned flags, int *err)
{
  return image_write (to_image (s)->image, buf, count, offset,
                      image_flags (flags), err);
}

/* Does the parent have nothing but zeroes in the range?  False if it
 * cannot be told.
 */
static bool
parent_is_zero (struct store_image *si, uint64_t count, uint64_t offset)
{
  struct extent_list answer;
  bool zero;
  int err;

  count = parent_count (si, count, offset);
  if (count == 0)
    return true;
  extent_list_init (&answer, offset, offset + count, true);
  zero = store_extents (si->parent, count, offset, STORE_REQ_ONE, &answer,
                        &err) == 0 &&
         answer.len > 0 && (answer.v[0].type & EXTENT_ZERO) &&
         answer.v[0].count >= count;
  extent_list_fini (&answer);
  return zero;
}

/* Is there nothing but zeroes in the range already, and nothing stored?
 * Only then need nothing be stored to hide the parent, in a format that
 * has no other means.
 */
static bool
is_zero_already (struct store_image *si, uint64_t count, uint64_t offset)
{
  const uint64_t end = offset + count;

  for (; offset < end; offset += count) {
    enum image_state state;
    struct image_visit v;
    uint64_t place;
    int r, err;

    count = end - offset;
    image_enter (si->image, &v);
    r = image_map (si->image, offset, &count, &state, &place, &err);
    image_leave (si->image, &v);
    if (r == -1 || state == IMAGE_DATA ||
        (state == IMAGE_ABSENT && !parent_is_zero (si, count, offset)))
      return false;
  }
  return true;
}

/* That it is zero may not be durable yet: a flush makes it so. */
static int
si_zero (struct store *s, uint64_t count, uint64_t offset, unsigned flags,
         int *err)
{
  struct store_image *si = to_image (s);

  if (si->parent != NULL && is_zero_already (si, count, offset))
    return flags & STORE_FUA ? image_flush (si->image, err) : 0;
  return image_zero (si->image, count, offset, image_flags (flags), err);
}

static int
si_trim (struct store *s, uint64_t count, uint64_t offset, unsigned flags,
         int *err)
{
  return image_trim (to_image (s)->image, count, offset, image_flags (flags),
                     err);
}

static int
si_flush (struct store *s, int *err)
{
  return image_flush (to_image (s)->image, err);
}

/* A parent that is longer than the image was must not show now. */
static int
si_resize (struct store *s, uint64_t size, int *err)
{
  struct store_image *si = to_image (s);
  const uint64_t old = store_size (s);
  uint64_t n;
  int ignored;

  if (image_resize (si->image, size, err) == -1)
    return -1;
  n = size > old ? parent_count (si, size - old, old) : 0;
  if (n == 0 || parent_is_zero (si, n, old))
    return 0;
  n = min_u64 (ROUND_UP (n, (uint64_t) s->info.sector_size), size - old);
  if (image_zero (si->image, n, old, IMAGE_FUA, err) == 0)
    return 0;
  image_resize (si->image, old, &ignored);
  return -1;
}

static const struct store_ops image_ops = {
  .name = "image",
  .close = si_close,
  .read = si_read,
  .write = si_write,
  .flush = si_flush,
  .trim = si_trim,
  .zero = si_zero,
  .extents = si_extents,
  .cache = si_cache,
  .uncache = si_uncache,
  .resize = si_resize,
};

/* ------------------------------------------------------------------ */
/* Making */

static const char *
type_of (const struct image_info *i)
{
  if (i->parent.exists)
    return "differencing";
  return i->keeps_blocks ? "fixed" : "dynamic";
}

static int
describe (struct store_image *si)
{
  const struct image_info *i = image_info (si->image);
  const char *name = image_name (si->image), *slash = strrchr (name, '/');
  char id[UUID_STRLEN + 1];

  uuid_format (&i->id, id);
  return store_describe (&si->store, "%s: %s %s%s%s", slash ? slash + 1 : name,
                         type_of (i),
                         strcmp (i->format, "vhdx") == 0 ? "VHDX" : "VHD",
                         i->has_id ? ", disk-id=" : "", i->has_id ? id : "");
}

struct store *
store_image_create (struct image *image, struct store *parent)
{
  const struct image_info *i = image_info (image);
  const struct store *inner = image_inner (image);
  const struct store_info info = {
    .sector_size = i->sector_size,
    .physical_sector_size =
      (uint32_t) max_u64 (i->sector_size, i->physical_sector_size),
    .align = i->sector_size,
    .preferred = (uint32_t) max_u64 (4096, min_u64 (PREFERRED, i->block_size)),
    .read_only = i->read_only,
    .rotational = inner->info.rotational,
    .fua = inner->info.fua,
    .trim = !i->read_only,
    .zero = !i->read_only,
    .fast_zero = !i->read_only,
    .extents = true,
    .cache = inner->info.cache || (parent != NULL && parent->info.cache),
    .shared_flush = inner->info.shared_flush,
    .has_id = i->has_id,
    .id = i->id,
  };
  struct store_image *si = calloc (1, sizeof *si);

  if (si == NULL)
    return NULL;
  si->image = image;
  si->parent = parent;
  store_init (&si->store, &image_ops, &info, image_size (image));
  if (describe (si) == -1) {
    free (si);
    errno = ENOMEM;
    return NULL;
  }
  return &si->store;
}

struct image *
store_image_get (struct store *s)
{
  return s->ops == &image_ops ? to_image (s)->image : NULL;
}
