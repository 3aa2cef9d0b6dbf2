/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See image-fake.h.  One mutex around each operation.
 */

#include <config.h>

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "base/align.h"
#include "base/cleanup.h"
#include "support/image-fake.h"
#include "support/must.h"

struct image {
  struct image_info info;
  char *name;
  struct store *inner;
  bool no_zero;
  pthread_mutex_t lock;
  uint64_t size;
  uint8_t *state; /* of each sector up to IMAGE_FAKE_MAX */
  uint64_t broken_from;
  _Atomic unsigned flushes, visitors;
};

struct image *
image_fake_create (const char *name, const struct image_info *info,
                   struct store *inner, bool no_zero)
{
  struct image *i = must_calloc (1, sizeof *i);

  i->info = *info;
  i->name = must_malloc (strlen (name) + 1);
  strcpy (i->name, name);
  i->inner = inner;
  i->no_zero = no_zero;
  pthread_mutex_init (&i->lock, NULL);
  i->size = info->size;
  i->state = must_calloc (IMAGE_FAKE_MAX / info->sector_size, 1);
  i->broken_from = UINT64_MAX;
  return i;
}

void
image_fake_break (struct image *i, uint64_t offset)
{
  i->broken_from = offset;
}

unsigned
image_fake_flushes (const struct image *i)
{
  return i->flushes;
}

unsigned
image_fake_visitors (const struct image *i)
{
  return i->visitors;
}

void
image_close (struct image *i)
{
  store_close (i->inner);
  pthread_mutex_destroy (&i->lock);
  free (i->state);
  free (i->name);
  free (i);
}

const struct image_info *
image_info (const struct image *i)
{
  return &i->info;
}

uint64_t
image_size (const struct image *i)
{
  return i->size;
}

const char *
image_name (const struct image *i)
{
  return i->name;
}

struct store *
image_inner (struct image *i)
{
  return i->inner;
}

void
image_enter (struct image *i, struct image_visit *v)
{
  v->slot = i->visitors++;
}

void
image_leave (struct image *i, struct image_visit *v)
{
  i->visitors--;
}

/* Where OFFSET lies, and how many bytes from there on in one piece. */
static uint64_t
place_of (const struct image *i, uint64_t offset, uint64_t *count)
{
  const uint64_t block = i->info.block_size;

  *count = block - offset % block;
  return IMAGE_FAKE_MAX - ROUND_DOWN (offset, block) - block + offset % block;
}

static int
map_locked (struct image *i, uint64_t offset, uint64_t *count,
            enum image_state *state, uint64_t *place, int *err)
{
  const uint64_t size = i->info.sector_size;
  const uint64_t first = offset / size, end = first + *count / size;
  uint64_t s = first + 1, in_block;

  if (offset >= i->broken_from) {
    *err = EIO;
    return -1;
  }
  while (s < end && i->state[s] == i->state[first] && s * size < i->broken_from)
    s++;
  *state = i->state[first];
  *place = place_of (i, offset, &in_block);
  *count = (s - first) * size;
  if (*state == IMAGE_DATA)
    *count = min_u64 (*count, in_block);
  return 0;
}

int
image_map (struct image *i, uint64_t offset, uint64_t *count,
           enum image_state *state, uint64_t *place, int *err)
{
  LOCK_SCOPE (&i->lock);
  return map_locked (i, offset, count, state, place, err);
}

int
image_read (struct image *i, void *buf, uint64_t count, uint64_t offset,
            image_absent absent, void *opaque, int *err)
{
  const uint64_t end = offset + count;
  char *p = buf;

  for (; offset < end; offset += count, p += count) {
    enum image_state state;
    uint64_t place;

    count = end - offset;
    if (image_map (i, offset, &count, &state, &place, err) == -1)
      return -1;
    if (state == IMAGE_DATA) {
      if (store_read (i->inner, p, count, place, err) == -1)
        return -1;
    }
    else if (state == IMAGE_ZERO || absent == NULL)
      memset (p, 0, count);
    else if (absent (opaque, p, count, offset, err) == -1)
      return -1;
  }
  return 0;
}

/* Store BUF, or zeroes, sector by sector. */
static int
store_locked (struct image *i, const char *buf, uint64_t count, uint64_t offset,
              unsigned flags, int *err)
{
  const uint32_t size = i->info.sector_size;
  char zeroes[4096] = { 0 };

  for (uint64_t end = offset + count; offset < end; offset += size) {
    uint8_t *state = &i->state[offset / size];
    uint64_t n;

    if (!(flags & IMAGE_NO_OVERWRITE) || *state == IMAGE_ABSENT) {
      if (store_write (i->inner, buf ? buf : zeroes, size,
                       place_of (i, offset, &n), 0, err) == -1)
        return -1;
      *state = IMAGE_DATA;
    }
    if (buf != NULL)
      buf += size;
  }
  return flags & IMAGE_FUA ? store_flush (i->inner, err) : 0;
}

int
image_write (struct image *i, const void *buf, uint64_t count, uint64_t offset,
             unsigned flags, int *err)
{
  LOCK_SCOPE (&i->lock);
  return store_locked (i, buf, count, offset, flags, err);
}

int
image_zero (struct image *i, uint64_t count, uint64_t offset, unsigned flags,
            int *err)
{
  LOCK_SCOPE (&i->lock);
  if (i->no_zero && (flags & IMAGE_FAST)) {
    *err = EOPNOTSUPP;
    return -1;
  }
  if (i->no_zero)
    return store_locked (i, NULL, count, offset, flags & IMAGE_FUA, err);
  memset (i->state + offset / i->info.sector_size, IMAGE_ZERO,
          count / i->info.sector_size);
  return flags & IMAGE_FUA ? store_flush (i->inner, err) : 0;
}

int
image_trim (struct image *i, uint64_t count, uint64_t offset, unsigned flags,
            int *err)
{
  return image_zero (i, count, offset, flags, err);
}

int
image_discard (struct image *i, uint64_t count, uint64_t offset, int *err)
{
  LOCK_SCOPE (&i->lock);
  memset (i->state + offset / i->info.sector_size, IMAGE_ABSENT,
          count / i->info.sector_size);
  return 0;
}

int
image_flush (struct image *i, int *err)
{
  i->flushes++;
  return store_flush (i->inner, err);
}

int
image_resize (struct image *i, uint64_t size, int *err)
{
  LOCK_SCOPE (&i->lock);
  if (size > IMAGE_FAKE_MAX) {
    *err = EOPNOTSUPP;
    return -1;
  }
  for (uint64_t s = size / i->info.sector_size;
       s < i->size / i->info.sector_size; s++)
    i->state[s] = IMAGE_ABSENT;
  i->size = size;
  return 0;
}

uint64_t
image_used (const struct image *i)
{
  uint64_t used = 0;

  for (uint64_t s = 0; s < i->size / i->info.sector_size; s++) {
    if (i->state[s] == IMAGE_DATA)
      used += i->info.sector_size;
  }
  return used;
}
