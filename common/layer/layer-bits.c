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

static int
no_memory (int r, int *err)
{
  if (r == -1)
    *err = ENOMEM;
  return r;
}

/* Most writes are to sectors that are data already: look before
 * touching the cache lines of the sets.
 */
int
layer_bits_set_data (struct layer_bits *b, uint64_t sector, uint64_t nsectors,
                     int *err)
{
  if (presence_any (b->zero, sector, nsectors) &&
      presence_clear (b->zero, sector, nsectors) == -1)
    return no_memory (-1, err);
  if (presence_all (b->present, sector, nsectors))
    return 0;
  return no_memory (presence_set (b->present, sector, nsectors), err);
}

int
layer_bits_set_zero (struct layer_bits *b, uint64_t sector, uint64_t nsectors,
                     int *err)
{
  if (presence_set (b->zero, sector, nsectors) == -1)
    return no_memory (-1, err);
  return no_memory (presence_set (b->present, sector, nsectors), err);
}

int
layer_bits_set_absent (struct layer_bits *b, uint64_t sector, uint64_t nsectors,
                       int *err)
{
  if (presence_clear (b->present, sector, nsectors) == -1)
    return no_memory (-1, err);
  return no_memory (presence_clear (b->zero, sector, nsectors), err);
}

int
layer_bits_set_words (struct layer_bits *b, uint64_t sector,
                      const uint64_t *present, const uint64_t *zero,
                      size_t nwords, int *err)
{
  if (presence_set_words (b->zero, sector, zero, nwords) == -1)
    return no_memory (-1, err);
  return no_memory (presence_set_words (b->present, sector, present, nwords),
                    err);
}

size_t
layer_bits_memory (const struct layer_bits *b)
{
  return presence_memory (b->present) + presence_memory (b->zero);
}
