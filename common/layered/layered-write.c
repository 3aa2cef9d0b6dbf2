/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Writing, zeroing, trimming and flushing down the write path.
 */

#include <config.h>

#include <errno.h>

#include "layered/layered-impl.h"

static unsigned
layer_flags (unsigned flags)
{
  return flags & STORE_FUA ? LAYER_FUA : 0;
}

int
layered_write (struct layered *ld, struct store *bottom, const void *buf,
               uint64_t sector, uint32_t nsectors, unsigned flags, int *err)
{
  for (unsigned i = 0; i < ld->nwritten; i++) {
    struct layer *l = ld->member[i].layer;

    if (l->ops->write (l, buf, sector, nsectors, layer_flags (flags), err) ==
        -1)
      return -1;
  }
  if (!ld->writes_bottom)
    return 0;
  return store_write (bottom, buf, bottom_count (ld, sector, nsectors),
                      sector << ld->sector_shift, flags, err);
}

/* Where nothing below member LEVEL can hold anything, a layer forgets
 * the sectors; elsewhere it must remember that they are zero.
 */
static int
zero_layer (struct layered *ld, unsigned level, uint64_t sector,
            uint64_t nsectors, unsigned flags, int *err)
{
  struct layer *l = ld->member[level].layer;
  const uint64_t below = ld->visible[level + 1];
  const uint64_t n = sector >= below ? 0 : min_u64 (nsectors, below - sector);

  if (n > 0 && l->ops->zero (l, sector, n, layer_flags (flags), err) == -1)
    return -1;
  if (n == nsectors)
    return 0;
  if (l->ops->discard (l, sector + n, nsectors - n, err) == -1)
    return -1;
  return flags & STORE_FUA ? l->ops->flush (l, err) : 0;
}

int
layered_zero (struct layered *ld, struct store *bottom, uint64_t sector,
              uint64_t nsectors, unsigned flags, int *err)
{
  if ((flags & STORE_FAST_ZERO) && ld->writes_bottom &&
      !bottom->info.fast_zero) {
    *err = EOPNOTSUPP;
    return -1;
  }
  for (unsigned i = 0; i < ld->nwritten; i++) {
    if (zero_layer (ld, i, sector, nsectors, flags, err) == -1)
      return -1;
  }
  if (!ld->writes_bottom)
    return 0;
  return store_zero (bottom, bottom_count (ld, sector, nsectors),
                     sector << ld->sector_shift,
                     flags & ~(unsigned) STORE_FAST_ZERO, err);
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
 * is cheap, or nothing.
 */
int
layered_trim (struct layered *ld, struct store *bottom, uint64_t sector,
              uint64_t nsectors, unsigned flags, int *err)
{
  if (ld->nwritten == 1 && !ld->writes_bottom)
    return trim_layer (ld, sector, nsectors, flags, err);
  if (ld->nlayers == 0)
    return store_trim (bottom, bottom_count (ld, sector, nsectors),
                       sector << ld->sector_shift, flags, err);
  if (ld->writes_bottom && !bottom->info.zero)
    return 0;
  return layered_zero (ld, bottom, sector, nsectors, flags | STORE_MAY_TRIM,
                       err);
}

int
layered_flush (struct layered *ld, struct store *bottom, int *err)
{
  for (unsigned i = 0; i < ld->nwritten; i++) {
    struct layer *l = ld->member[i].layer;

    if (!l->info.read_only && l->ops->flush (l, err) == -1)
      return -1;
  }
  return ld->writes_bottom ? store_flush (bottom, err) : 0;
}
