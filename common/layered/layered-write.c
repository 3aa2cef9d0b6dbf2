/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Writing, zeroing, trimming and flushing down the write path.
 */

#include <config.h>

#include <errno.h>

#include "layered/layered-cache-impl.h"

/* Without a known bound, zeroes that must be fast are kept here up to
 * this many bytes.
 */
#define FAST_ZERO_MAX (UINT64_C (64) << 20)

/* The flags of a layer that ends the write path, or has another place to
 * write to behind it.  One that keeps what is nowhere else says so in its
 * file, so that it is not taken for a cache later.
 */
static unsigned
layer_flags (const struct layered_member *m, unsigned flags)
{
  return (flags & STORE_FUA ? LAYER_FUA : 0) |
         (m->layer->info.keeps_dirty && !m->write_through ? LAYER_DIRTY : 0);
}

static bool
goes_on (const struct layered *ld, unsigned level)
{
  return ld->member[level].write_through || ld->member[level].write_back;
}

static int
write_bottom (struct layered *ld, struct store *bottom, const void *buf,
              uint64_t sector, uint32_t nsectors, unsigned flags, int *err)
{
  const uint64_t count = bottom_count (ld, sector, nsectors);

  if (bottom == NULL || count == 0)
    return 0;
  return store_write (bottom, buf, count, sector << ld->sector_shift, flags,
                      err);
}

/* To this layer only, unless it has a cache object. */
static int
write_layer (struct layered *ld, struct store *bottom, unsigned level,
             const void *buf, uint64_t sector, uint32_t nsectors,
             unsigned flags, int *err)
{
  const struct layered_member *m = &ld->member[level];

  if (ld->cache[level] != NULL)
    return cache_write (ld->cache[level], bottom, buf, sector, nsectors, flags,
                        err);
  count_add (&ld->counters[level].written,
             (uint64_t) nsectors << ld->sector_shift);
  return m->layer->ops->write (m->layer, buf, sector, nsectors,
                               layer_flags (m, flags), err);
}

/* What is beyond the end of a layer goes on to the next all the same. */
int
layered_write_from (struct layered *ld, struct store *bottom, unsigned level,
                    const void *buf, uint64_t sector, uint32_t nsectors,
                    unsigned flags, int *err)
{
  const char *p = buf;
  uint32_t n;

  if (level == ld->nlayers)
    return write_bottom (ld, bottom, buf, sector, nsectors, flags, err);
  n = visible_count (ld, level, sector, nsectors);
  if (n > 0 &&
      write_layer (ld, bottom, level, buf, sector, n, flags, err) == -1)
    return -1;
  if (ld->cache[level] != NULL) {
    p += (uint64_t) n << ld->sector_shift;
    sector += n;
    nsectors -= n;
  }
  if (nsectors == 0 || !goes_on (ld, level))
    return 0;
  return layered_write_from (ld, bottom, level + 1, p, sector, nsectors, flags,
                             err);
}

int
layered_write (struct layered *ld, struct store *bottom, const void *buf,
               uint64_t sector, uint32_t nsectors, unsigned flags, int *err)
{
  return layered_write_from (ld, bottom, 0, buf, sector, nsectors, flags, err);
}

/* Where nothing below member LEVEL can hold anything, a layer forgets
 * the sectors; elsewhere it must remember that they are zero.
 */
static int
zero_layer (struct layered *ld, unsigned level, uint64_t sector,
            uint64_t nsectors, unsigned flags, int *err)
{
  const struct layered_member *m = &ld->member[level];
  struct layer *l = m->layer;
  const uint64_t n = visible_count (ld, level + 1, sector, nsectors);

  count_add (&ld->counters[level].zeroed, nsectors << ld->sector_shift);
  if (n > 0 && l->ops->zero (l, sector, n, layer_flags (m, flags), err) == -1)
    return -1;
  if (n == nsectors)
    return 0;
  if (l->ops->discard (l, sector + n, nsectors - n, err) == -1) {
    /* A layer that has every sector. */
    return *err == EOPNOTSUPP ? l->ops->zero (l, sector + n, nsectors - n,
                                              layer_flags (m, flags), err) :
                                -1;
  }
  return flags & STORE_FUA ? l->ops->flush (l, err) : 0;
}

static int
zero_bottom (struct layered *ld, struct store *bottom, uint64_t sector,
             uint64_t nsectors, unsigned flags, int *err)
{
  const uint64_t count = bottom_count (ld, sector, nsectors);

  if (bottom == NULL || count == 0)
    return 0;
  return store_zero (bottom, count, sector << ld->sector_shift,
                     flags & ~(unsigned) STORE_FAST_ZERO, err);
}

int
layered_zero_from (struct layered *ld, struct store *bottom, unsigned level,
                   uint64_t sector, uint64_t nsectors, unsigned flags, int *err)
{
  uint64_t n;

  if (level == ld->nlayers)
    return zero_bottom (ld, bottom, sector, nsectors, flags, err);
  n = visible_count (ld, level, sector, nsectors);
  if (n > 0 && (ld->cache[level] != NULL ?
                  cache_zero (ld->cache[level], bottom, sector, n, flags, err) :
                  zero_layer (ld, level, sector, n, flags, err)) == -1)
    return -1;
  if (ld->cache[level] != NULL) {
    sector += n;
    nsectors -= n;
  }
  if (nsectors == 0 || !goes_on (ld, level))
    return 0;
  return layered_zero_from (ld, bottom, level + 1, sector, nsectors, flags,
                            err);
}

int
layered_zero (struct layered *ld, struct store *bottom, uint64_t sector,
              uint64_t nsectors, unsigned flags, int *err)
{
  const bool slow = ld->reaches_bottom && !bottom->info.fast_zero;

  if ((flags & STORE_FAST_ZERO) && slow &&
      (ld->writes_bottom || nsectors << ld->sector_shift > FAST_ZERO_MAX)) {
    *err = EOPNOTSUPP;
    return -1;
  }
  return layered_zero_from (ld, bottom, 0, sector, nsectors, flags, err);
}

/* Zero what the top layer holds as data and leave the rest: it takes no
 * space, and what is below must not show again.
 */
static int
trim_layer (struct layered *ld, uint64_t sector, uint64_t nsectors,
            unsigned flags, int *err)
{
  struct layer *l = ld->member[0].layer;
  const uint64_t limit = sector + nsectors;
  uint64_t end;

  for (; sector < limit; sector = end) {
    if (l->ops->state (l, sector, limit, &end) == LAYER_DATA &&
        zero_layer (ld, 0, sector, end - sector, 0, err) == -1)
      return -1;
  }
  return flags & STORE_FUA ? l->ops->flush (l, err) : 0;
}

/* With write-through, all that is written must stay the same, so that
 * the upper layer can be taken away later: trim is then a zero, if that
 * is cheap, or nothing.  So it is with write-back, where what is below
 * must be told sooner or later.
 */
int
layered_trim (struct layered *ld, struct store *bottom, uint64_t sector,
              uint64_t nsectors, unsigned flags, int *err)
{
  if (ld->nlayers == 0)
    return store_trim (bottom, bottom_count (ld, sector, nsectors),
                       sector << ld->sector_shift, flags, err);
  if (ld->nwritten == 1 && !ld->writes_bottom && ld->cache[0] == NULL)
    return trim_layer (ld, sector, nsectors, flags, err);
  if (ld->reaches_bottom && !bottom->info.zero)
    return 0;
  return layered_zero_from (ld, bottom, 0, sector, nsectors,
                            flags | STORE_MAY_TRIM, err);
}

int
layered_flush_from (struct layered *ld, struct store *bottom, unsigned level,
                    int *err)
{
  const struct layered_member *m = &ld->member[level];

  if (level == ld->nlayers)
    return bottom == NULL ? 0 : store_flush (bottom, err);
  if (ld->cache[level] != NULL)
    return cache_flush (ld->cache[level], bottom, err);
  if (!m->layer->info.read_only && m->layer->ops->flush (m->layer, err) == -1)
    return -1;
  return m->write_through ? layered_flush_from (ld, bottom, level + 1, err) : 0;
}

int
layered_flush (struct layered *ld, struct store *bottom, int *err)
{
  return layered_flush_from (ld, bottom, 0, err);
}
