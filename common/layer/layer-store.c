/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See layer-store.h.  Each operation is one of the store's, but for the
 * last sector where the store ends inside it.
 */

#include <config.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/align.h"
#include "base/extents.h"
#include "layer/layer-store.h"

struct layer_store {
  struct layer layer;
  struct store *store;
  unsigned sector_shift;
};

static struct layer_store *
to_store (struct layer *l)
{
  return container_of (l, struct layer_store, layer);
}

/* Bytes of [SECTOR, SECTOR+NSECTORS) that the store has. */
static uint64_t
store_count (const struct layer_store *ls, uint64_t sector, uint64_t nsectors)
{
  return min_u64 ((sector + nsectors) << ls->sector_shift,
                  store_size (ls->store)) -
         (sector << ls->sector_shift);
}

static unsigned
store_flags (unsigned flags)
{
  return flags & LAYER_FUA ? STORE_FUA : 0;
}

static void
ls_close (struct layer *l)
{
  store_close (to_store (l)->store);
  free (to_store (l));
}

static int
ls_read (struct layer *l, void *buf, uint64_t sector, uint32_t nsectors,
         struct marker *m, int *err)
{
  struct layer_store *ls = to_store (l);
  const uint64_t count = store_count (ls, sector, nsectors);

  if (store_read (ls->store, buf, count, sector << ls->sector_shift, err) == -1)
    return -1;
  memset ((char *) buf + count, 0,
          ((uint64_t) nsectors << ls->sector_shift) - count);
  marker_set (m, sector, nsectors);
  return 0;
}

static int
ls_write (struct layer *l, const void *buf, uint64_t sector, uint32_t nsectors,
          unsigned flags, int *err)
{
  struct layer_store *ls = to_store (l);

  return store_write (ls->store, buf, store_count (ls, sector, nsectors),
                      sector << ls->sector_shift, store_flags (flags), err);
}

/* As other layers do, it gives back the space of what is zero. */
static int
ls_zero (struct layer *l, uint64_t sector, uint64_t nsectors, unsigned flags,
         int *err)
{
  struct layer_store *ls = to_store (l);

  return store_zero (ls->store, store_count (ls, sector, nsectors),
                     sector << ls->sector_shift,
                     store_flags (flags) | STORE_MAY_TRIM, err);
}

static int
ls_discard (struct layer *l, uint64_t sector, uint64_t nsectors, int *err)
{
  *err = EOPNOTSUPP;
  return -1;
}

static int
ls_flush (struct layer *l, int *err)
{
  return store_flush (to_store (l)->store, err);
}

/* How many of NSECTORS sectors, from OFFSET of the store on, does the
 * first extent say are zero, or are not?  0 if it cannot be told.
 */
static uint64_t
first_extent (struct layer_store *ls, uint64_t offset, uint64_t count,
              bool *zero)
{
  struct extent_list list;
  uint64_t n = 0;
  int err;

  extent_list_init (&list, offset, offset + count, true);
  if (store_extents (ls->store, count, offset, STORE_REQ_ONE, &list, &err) ==
        0 &&
      list.len > 0) {
    n = min_u64 (list.v[0].count, count);
    *zero = list.v[0].type & EXTENT_ZERO;
  }
  extent_list_fini (&list);
  return n;
}

/* Sectors that are zero only in part are data, and so is everything of
 * which the store cannot say more.
 */
static enum layer_state
ls_state (struct layer *l, uint64_t sector, uint64_t limit, uint64_t *end)
{
  struct layer_store *ls = to_store (l);
  const uint64_t sector_size = UINT64_C (1) << ls->sector_shift;
  const uint64_t count = store_count (ls, sector, limit - sector);
  bool zero = false;
  uint64_t n = count;

  *end = limit;
  if (ls->store->info.extents)
    n = first_extent (ls, sector << ls->sector_shift, count, &zero);
  if (n == 0 || n == count)
    return zero ? LAYER_ZERO : LAYER_DATA;
  if (zero && n >= sector_size) {
    *end = sector + (n >> ls->sector_shift);
    return LAYER_ZERO;
  }
  *end = sector + (zero ? 1 : DIV_ROUND_UP (n, sector_size));
  return LAYER_DATA;
}

static const struct layer_ops store_layer_ops = {
  .name = "disk",
  .close = ls_close,
  .read = ls_read,
  .write = ls_write,
  .zero = ls_zero,
  .discard = ls_discard,
  .flush = ls_flush,
  .state = ls_state,
};

struct layer *
layer_store_create (struct store *s, bool read_only)
{
  const uint64_t sector_size = max_u64 (s->info.sector_size, s->info.align);
  const uint64_t physical = max_u64 (sector_size, s->info.physical_sector_size);
  struct layer_store *ls;

  if (store_size (s) == 0 || sector_size > LAYER_SECTOR_SIZE_MAX) {
    errno = EINVAL;
    return NULL;
  }
  ls = calloc (1, sizeof *ls);
  if (ls == NULL)
    return NULL;
  ls->layer.ops = &store_layer_ops;
  ls->layer.info = (struct layer_info){
    .nsectors = DIV_ROUND_UP (store_size (s), sector_size),
    .sector_size = (uint32_t) sector_size,
    .physical_sector_size = (uint32_t) physical,
    .read_only = read_only || s->info.read_only,
    .has_id = s->info.has_id,
    .id = s->info.id,
  };
  ls->store = s;
  ls->sector_shift = log2_of ((uint32_t) sector_size);
  return &ls->layer;
}

uint64_t
layer_store_size (struct layer *l)
{
  return store_size (to_store (l)->store);
}
