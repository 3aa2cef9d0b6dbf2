/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See layer-bits.h.
 */

#include <config.h>

#include <errno.h>

#include "layer/layer-bits.h"

int
layer_bits_init (struct layer_bits *b, uint64_t nsectors)
{
  b->present = presence_create (nsectors);
  b->zero = presence_create (nsectors);
  if (b->present == NULL || b->zero == NULL) {
    layer_bits_fini (b);
    errno = ENOMEM;
    return -1;
  }
  return 0;
}

void
layer_bits_fini (struct layer_bits *b)
{
  presence_free (b->present);
  presence_free (b->zero);
  b->present = b->zero = NULL;
}

enum layer_state
layer_bits_state (const struct layer_bits *b, uint64_t sector, uint64_t limit,
                  uint64_t *end)
{
  uint64_t present_end;

  if (!presence_run (b->present, sector, limit, &present_end)) {
    *end = present_end;
    return LAYER_ABSENT;
  }
  return presence_run (b->zero, sector, present_end, end) ? LAYER_ZERO :
                                                            LAYER_DATA;
}

bool
layer_bits_all_data (const struct layer_bits *b, uint64_t sector,
                     uint64_t nsectors)
{
  return presence_all (b->present, sector, nsectors) &&
         !presence_any (b->zero, sector, nsectors);
}

void
layer_bits_hold (struct layer_bits *b, struct layer_bits_hold *h)
{
  presence_hold (b->present, &h->present);
  presence_hold (b->zero, &h->zero);
}

void
layer_bits_release (struct layer_bits *b, struct layer_bits_hold *h)
{
  presence_release (b->zero, &h->zero);
  presence_release (b->present, &h->present);
}

/* Is there anything to do to make the range VALUE?  Then from now on it
 * cannot fail: 1.  0 if not, or -1.
 */
static int
prepare (struct presence *p, uint64_t sector, uint64_t nsectors, bool value,
         int *err)
{
  if (value ? presence_all (p, sector, nsectors) :
              !presence_any (p, sector, nsectors))
    return 0;
  if (presence_reserve (p, sector, nsectors) == 0)
    return 1;
  *err = ENOMEM;
  return -1;
}

int
layer_bits_reserve (struct layer_bits *b, enum layer_state to, uint64_t sector,
                    uint64_t nsectors, int *err)
{
  if (prepare (b->present, sector, nsectors, to != LAYER_ABSENT, err) == -1 ||
      prepare (b->zero, sector, nsectors, to == LAYER_ZERO, err) == -1)
    return -1;
  return 0;
}

int
layer_bits_set_data (struct layer_bits *b, uint64_t sector, uint64_t nsectors,
                     int *err)
{
  struct layer_bits_hold hold;
  int present, zero;

  layer_bits_hold (b, &hold);
  present = prepare (b->present, sector, nsectors, true, err);
  zero = prepare (b->zero, sector, nsectors, false, err);
  if (present != -1 && zero == 1)
    presence_clear (b->zero, sector, nsectors);
  if (present == 1 && zero != -1)
    presence_set (b->present, sector, nsectors);
  layer_bits_release (b, &hold);
  return present == -1 || zero == -1 ? -1 : 0;
}

int
layer_bits_set_zero (struct layer_bits *b, uint64_t sector, uint64_t nsectors,
                     int *err)
{
  struct layer_bits_hold hold;
  int r;

  layer_bits_hold (b, &hold);
  r = layer_bits_reserve (b, LAYER_ZERO, sector, nsectors, err);
  if (r == 0) {
    presence_set (b->zero, sector, nsectors);
    presence_set (b->present, sector, nsectors);
  }
  layer_bits_release (b, &hold);
  return r;
}

int
layer_bits_set_absent (struct layer_bits *b, uint64_t sector, uint64_t nsectors,
                       int *err)
{
  struct layer_bits_hold hold;
  int r;

  layer_bits_hold (b, &hold);
  r = layer_bits_reserve (b, LAYER_ABSENT, sector, nsectors, err);
  if (r == 0) {
    presence_clear (b->present, sector, nsectors);
    presence_clear (b->zero, sector, nsectors);
  }
  layer_bits_release (b, &hold);
  return r;
}

int
layer_bits_set_words (struct layer_bits *b, uint64_t sector,
                      const uint64_t *present, const uint64_t *zero,
                      size_t nwords, int *err)
{
  if (presence_set_words (b->zero, sector, zero, nwords) == 0 &&
      presence_set_words (b->present, sector, present, nwords) == 0)
    return 0;
  *err = ENOMEM;
  return -1;
}

size_t
layer_bits_memory (const struct layer_bits *b)
{
  return presence_memory (b->present) + presence_memory (b->zero);
}
