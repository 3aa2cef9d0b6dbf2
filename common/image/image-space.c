/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See image-space.h.  Two sets: what is free, all below the end, and
 * which part of that is known to be zero.  What is in neither is used.
 * The lock is let go while the file grows, so that space can be given
 * back by grow and taken by others meanwhile; one thread grows at a time.
 */

#include <config.h>

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include "base/align.h"
#include "base/checked.h"
#include "base/cleanup.h"
#include "image/image-ranges.h"
#include "image/image-space.h"

#define STEP_MAX (UINT64_C (1) << 30)

struct image_space {
  struct image_space_options o;
  pthread_mutex_t lock;
  pthread_cond_t grown;
  bool growing;
  uint64_t end;        /* of the file, without what is reserved there */
  uint64_t reserved;   /* how much that was, the last time */
  uint64_t given_back; /* while growing, behind the end: the end of what is
                        * not zero */
  struct image_ranges free, zero;
};

struct image_space *
image_space_create (const struct image_space_options *o)
{
  struct image_space *s = calloc (1, sizeof *s);

  if (s == NULL)
    return NULL;
  s->o = *o;
  s->end = ROUND_UP (o->end, o->unit);
  if (!image_ranges_add (&s->free, 0, s->end)) {
    free (s);
    return NULL;
  }
  pthread_mutex_init (&s->lock, NULL);
  pthread_cond_init (&s->grown, NULL);
  return s;
}

void
image_space_free (struct image_space *s)
{
  if (s == NULL)
    return;
  image_ranges_free (&s->free);
  image_ranges_free (&s->zero);
  pthread_cond_destroy (&s->grown);
  pthread_mutex_destroy (&s->lock);
  free (s);
}

/* Take [START, END) out of what is free. */
static bool
take (struct image_space *s, uint64_t start, uint64_t end)
{
  /* Less may be known to be zero than is. */
  return image_ranges_remove (&s->zero, start, end) &&
         image_ranges_remove (&s->free, start, end);
}

/* As image_space_claim; not ALL of it need be free. */
static int
claim (struct image_space *s, uint64_t start, uint64_t count, bool all)
{
  uint64_t end;

  if (!checked_add (start, count, &end) || end > INT64_MAX)
    return 0;
  start = ROUND_DOWN (start, s->o.unit);
  end = ROUND_UP (end, s->o.unit);
  if (start >= end)
    return 1;
  if (end > s->end) {
    if (!image_ranges_add (&s->free, s->end, end)) {
      errno = ENOMEM;
      return -1;
    }
    s->end = end;
  }
  if (all && !image_ranges_contain (&s->free, start, end))
    return 0;
  if (!take (s, start, end)) {
    errno = ENOMEM;
    return -1;
  }
  return 1;
}

int
image_space_claim (struct image_space *s, uint64_t start, uint64_t count)
{
  LOCK_SCOPE (&s->lock);

  return claim (s, start, count, true);
}

int
image_space_claim_free (struct image_space *s, uint64_t start, uint64_t count)
{
  LOCK_SCOPE (&s->lock);

  return claim (s, start, count, false) == -1 ? -1 : 0;
}

uint64_t
image_space_used_end (const struct image_space *s)
{
  struct image_space *m = (struct image_space *) s;
  LOCK_SCOPE (&m->lock);
  uint64_t start, end;

  if (image_ranges_last (&s->free, &start, &end) && end == s->end)
    return start;
  return s->end;
}

uint64_t
image_space_used (const struct image_space *s)
{
  struct image_space *m = (struct image_space *) s;
  LOCK_SCOPE (&m->lock);

  return s->end - s->free.total;
}

void
image_space_set_end (struct image_space *s, uint64_t end)
{
  LOCK_SCOPE (&s->lock);

  end = ROUND_UP (end, s->o.unit);
  /* A range in the middle is never split here, so this cannot fail. */
  image_ranges_remove (&s->zero, end, UINT64_MAX);
  image_ranges_remove (&s->free, end, UINT64_MAX);
  if (end > s->end)
    image_ranges_add (&s->free, s->end, end);
  s->end = end;
}

/* ------------------------------------------------------------------ */
/* Growth */

/* Where the file has to end at least so that COUNT bytes fit there. */
static uint64_t
end_wanted (const struct image_space *s, uint64_t count, uint64_t data_at,
            uint64_t align)
{
  uint64_t start = s->end, end;

  if (!image_ranges_last (&s->free, &start, &end) || end != s->end)
    start = s->end;
  return ROUND_UP (start + data_at, align) - data_at + count + s->reserved;
}

/* The file ends at END now, with RESERVED bytes of its own there.  All of
 * it is zero behind what grow gave back.
 */
static void
note_growth (struct image_space *s, uint64_t end, uint64_t reserved)
{
  const uint64_t old = s->end;

  end = ROUND_DOWN (end - reserved, s->o.unit);
  s->reserved = reserved;
  if (end <= old)
    return;
  s->end = end;
  if (image_ranges_add (&s->free, old, end))
    image_ranges_add (&s->zero, max_u64 (old, s->given_back), end);
}

/* Called and returns with the lock held. */
static int
grow_to (struct image_space *s, uint64_t end, int *err)
{
  uint64_t reserved = 0;
  int r;

  s->growing = true;
  s->given_back = 0;
  pthread_mutex_unlock (&s->lock);
  r = s->o.grow (s->o.opaque, end, &reserved, err);
  pthread_mutex_lock (&s->lock);
  s->growing = false;
  if (r == 0)
    note_growth (s, end, reserved);
  pthread_cond_broadcast (&s->grown);
  return r;
}

/* Grow by a large step, or by what is wanted if that cannot be. */
static int
grow (struct image_space *s, uint64_t count, uint64_t data_at, uint64_t align,
      int *err)
{
  const uint64_t wanted = end_wanted (s, count, data_at, align);
  const uint64_t used = s->end - s->free.total;
  const uint64_t step = max_u64 (s->o.step, min_u64 (used / 8, STEP_MAX));
  uint64_t end = max_u64 (wanted, s->end + s->reserved + step);

  if (wanted > INT64_MAX || wanted - count - s->reserved >= s->o.limit) {
    *err = ENOSPC;
    return -1;
  }
  end = ROUND_UP (max_u64 (wanted, min_u64 (end, s->o.limit)), s->o.unit);
  if (grow_to (s, end, err) == 0)
    return 0;
  if (end == wanted)
    return -1;
  return grow_to (s, wanted, err);
}

/* ------------------------------------------------------------------ */
/* Allocation */

static int
take_place (struct image_space *s, uint64_t place, uint64_t count, bool *zero,
            int *err)
{
  *zero = image_ranges_contain (&s->zero, place, place + count);
  if (!take (s, place, place + count)) {
    *err = ENOMEM;
    return -1;
  }
  return 0;
}

int
image_space_alloc (struct image_space *s, uint64_t count, uint64_t data_at,
                   uint64_t align, uint64_t *place, bool *zero, int *err)
{
  LOCK_SCOPE (&s->lock);

  count = ROUND_UP (count, s->o.unit);
  align = max_u64 (align, data_at % s->o.unit == 0 ? s->o.unit : 1);
  while (!image_ranges_fit (&s->free, count, data_at, align, s->o.limit - 1,
                            place)) {
    if (s->growing)
      pthread_cond_wait (&s->grown, &s->lock);
    else if (grow (s, count, data_at, align, err) == -1)
      return -1;
  }
  return take_place (s, *place, count, zero, err);
}

int
image_space_alloc_below (struct image_space *s, uint64_t count,
                         uint64_t data_at, uint64_t align, uint64_t limit,
                         uint64_t *place, bool *zero, int *err)
{
  LOCK_SCOPE (&s->lock);

  count = ROUND_UP (count, s->o.unit);
  align = max_u64 (align, data_at % s->o.unit == 0 ? s->o.unit : 1);
  if (limit < count ||
      !image_ranges_fit (&s->free, count, data_at, align,
                         min_u64 (limit - count, s->o.limit - 1), place)) {
    *err = ENOSPC;
    return -1;
  }
  return take_place (s, *place, count, zero, err);
}

void
image_space_release (struct image_space *s, uint64_t place, uint64_t count,
                     bool zero)
{
  LOCK_SCOPE (&s->lock);
  uint64_t end = ROUND_UP (place + count, s->o.unit);

  place = ROUND_DOWN (place, s->o.unit);
  /* By grow: it is nobody's before the space reaches there, or it would be
   * given away, and once more when that is noted.
   */
  if (s->growing && end > s->end) {
    s->given_back = max_u64 (s->given_back, end);
    end = s->end;
  }
  if (image_ranges_add (&s->free, place, end) && zero)
    image_ranges_add (&s->zero, place, end);
}
