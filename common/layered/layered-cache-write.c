/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Writes and zeroes that come to a layer with a cache object: into the
 * layer, marked, and on below if it is write-through; or, where there is
 * no room or it is better so, past it.
 */

#include <config.h>

#include <errno.h>

#include "layered/layered-cache-impl.h"

/* Zeroes of this many bytes go below at once: marking them would take
 * longer, and moving them down later too.
 */
#define ZERO_THROUGH (UINT64_C (1) << 20)

#define TRIES 8

/* What a client, or the layer above, wants. */
struct change {
  const void *buf; /* NULL: zeroes */
  uint64_t sector, nsectors;
  unsigned flags; /* STORE_... */
};

static int
go_below (struct layered_cache *c, struct store *bottom,
          const struct change *ch, int *err)
{
  if (ch->buf == NULL)
    return layered_zero_from (c->ld, bottom, c->level + 1, ch->sector,
                              ch->nsectors, ch->flags, err);
  return layered_write_from (c->ld, bottom, c->level + 1, ch->buf, ch->sector,
                             ch->nsectors, ch->flags, err);
}

/* With the guards shared. */
static int
store_here (struct layered_cache *c, const struct change *ch, int *err)
{
  struct layer *l = c->layer;
  const unsigned flags =
    (ch->flags & STORE_FUA ? LAYER_FUA : 0) | (c->durable ? LAYER_DIRTY : 0);

  if (cache_remember (c, ch->sector, ch->nsectors, err) == -1)
    return -1;
  if (c->write_back &&
      cache_mark_dirty (c, ch->sector, ch->nsectors, err) == -1)
    return -1;
  if (ch->buf == NULL)
    return l->ops->zero (l, ch->sector, ch->nsectors, flags, err);
  return l->ops->write (l, ch->buf, ch->sector, ch->nsectors, flags, err);
}

/* A change failed below, where the range may be old or new now.  What the
 * layer has of it must not hide that until it is evicted: a layer that is
 * write-through forgets it, and one that is write-back, which may be the
 * only place of what it has, moves that down again.
 */
static void
settle (struct layered_cache *c, const struct change *ch)
{
  const uint64_t limit = ch->sector + ch->nsectors;
  uint64_t end;
  int err;

  cache_hold (c, ch->sector, ch->nsectors, true);
  if (c->write_back || cache_lose (c, ch->sector, ch->nsectors, &err) == -1) {
    for (uint64_t s = ch->sector; s < limit; s = end) {
      if (c->layer->ops->state (c->layer, s, limit, &end) != LAYER_ABSENT)
        cache_mark_again (c, s, end - s);
    }
  }
  cache_release (c, ch->sector, ch->nsectors);
}

/* After it went through, what is durable below is unknown until a flush. */
static int
write_through (struct layered_cache *c, struct store *bottom,
               const struct change *ch, int *err)
{
  const uint64_t first = cluster_of (c, ch->sector);
  const uint64_t last = cluster_of (c, ch->sector + ch->nsectors - 1);

  if (cache_make_safe (c, ch->sector, ch->nsectors, err) == -1)
    return -1;
  if (go_below (c, bottom, ch, err) == -1)
    return -1;
  if (!c->durable)
    return 0;
  return cache_mark_unstable (c, first, last - first + 1, err);
}

/* *FULL: the layer had no room. */
static int
change_once (struct layered_cache *c, struct store *bottom,
             const struct change *ch, bool *full, int *err)
{
  bool stored;
  int r;

  cache_hold (c, ch->sector, ch->nsectors, false);
  r = store_here (c, ch, err);
  stored = r == 0;
  *full = r == -1 && *err == ENOSPC;
  if (stored && !c->write_back)
    r = write_through (c, bottom, ch, err);
  cache_release (c, ch->sector, ch->nsectors);
  if (stored && r == -1)
    settle (c, ch);
  return r;
}

/* The range is below now; what the layer had of it is older. */
static int
forget (struct layered_cache *c, const struct change *ch, int *err)
{
  int r;

  cache_hold (c, ch->sector, ch->nsectors, true);
  r = cache_lose (c, ch->sector, ch->nsectors, err);
  if (r == 0)
    cache_unmark (c, ch->sector, ch->nsectors);
  else if (c->write_back)
    /* What it still has must at least win for good. */
    cache_mark_again (c, ch->sector, ch->nsectors);
  cache_release (c, ch->sector, ch->nsectors);
  return r;
}

/* With the clusters flying, so that nothing new is cached in them: wait
 * for what was on its way.  Then what the layer has of the range gets
 * marks, and the flush makes them durable, and evictions too: neither what
 * was cached nor what was given up may come back as clean after a crash.
 */
static int
prepare_file (struct layered_cache *c, const struct change *ch, int *err)
{
  cache_hold (c, ch->sector, ch->nsectors, true);
  cache_release (c, ch->sector, ch->nsectors);
  if (cache_make_safe (c, ch->sector, ch->nsectors, err) == -1)
    return -1;
  return c->layer->ops->flush (c->layer, err);
}

/* What was flushed in a durable layer must not be forgotten there before
 * what replaces it is durable below.
 */
static int
pass_by (struct layered_cache *c, struct store *bottom, const struct change *ch,
         int *err)
{
  if (c->durable && prepare_file (c, ch, err) == -1)
    return -1;
  if (go_below (c, bottom, ch, err) == -1 ||
      (c->durable &&
       layered_flush_from (c->ld, bottom, c->level + 1, err) == -1)) {
    settle (c, ch);
    return -1;
  }
  atomic_store (&c->below_changed, true);
  if (forget (c, ch, err) == -1)
    return -1;
  if (c->durable && (ch->flags & STORE_FUA))
    return c->layer->ops->flush (c->layer, err);
  return 0;
}

static int
fall_through (struct layered_cache *c, struct store *bottom,
              const struct change *ch, int *err)
{
  const uint64_t first = cluster_of (c, ch->sector);
  const uint64_t last = cluster_of (c, ch->sector + ch->nsectors - 1);
  int r;

  /* What no one below can take. */
  if (ch->sector + ch->nsectors > c->limit) {
    *err = ENOSPC;
    return -1;
  }
  if (cache_fly (c, first, last - first + 1, err) == -1)
    return -1;
  r = pass_by (c, bottom, ch, err);
  cache_land (c, first, last - first + 1);
  if (r == 0)
    count_add (&c->counters->fell_through, ch->nsectors << c->ld->sector_shift);
  return r;
}

/* A layer that is not durable has done what FUA asks for when the range
 * is durable below.
 */
static int
finish (struct layered_cache *c, struct store *bottom, const struct change *ch,
        int *err)
{
  const uint64_t last = cluster_of (c, ch->sector + ch->nsectors - 1);

  if (!(ch->flags & STORE_FUA) || !c->write_back || c->durable)
    return 0;
  if (cache_clean (c, bottom, cluster_of (c, ch->sector), last + 1, err) == -1)
    return -1;
  return cache_flush_below (c, bottom, err);
}

static int
change (struct layered_cache *c, struct store *bottom, const struct change *ch,
        int *err)
{
  /* A tombstone takes next to nothing. */
  const uint64_t count =
    ch->buf == NULL ? 0 : ch->nsectors << c->ld->sector_shift;
  bool full;
  int r;

  for (unsigned i = 0; i < TRIES; i++) {
    if (!cache_make_room (c, bottom, count, true))
      break;
    r = change_once (c, bottom, ch, &full, err);
    if (r == 0)
      return finish (c, bottom, ch, err);
    if (!full)
      return -1;
    if (!cache_shrink (c, bottom, count, true))
      break;
  }
  return fall_through (c, bottom, ch, err);
}

int
cache_write (struct layered_cache *c, struct store *bottom, const void *buf,
             uint64_t sector, uint32_t nsectors, unsigned flags, int *err)
{
  const struct change ch = { buf, sector, nsectors, flags };

  count_add (&c->counters->written, (uint64_t) nsectors << c->ld->sector_shift);
  return change (c, bottom, &ch, err);
}

int
cache_zero (struct layered_cache *c, struct store *bottom, uint64_t sector,
            uint64_t nsectors, unsigned flags, int *err)
{
  const struct change ch = { NULL, sector, nsectors, flags };
  const uint64_t count = nsectors << c->ld->sector_shift;
  const bool slow =
    (flags & STORE_FAST_ZERO) && bottom != NULL && !bottom->info.fast_zero;

  count_add (&c->counters->zeroed, count);
  if (count >= ZERO_THROUGH && !slow && sector + nsectors <= c->limit)
    return fall_through (c, bottom, &ch, err);
  return change (c, bottom, &ch, err);
}
