/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A layer in memory.
 *
 * Invariants:
 *
 * 1. layer_bits says which sectors are data.  The memory of a sector
 *    that is not data is zero or not resident, so a reader without a
 *    lock who is late sees zeroes, never old content.
 * 2. A lock of `region' covers the memory and bits of its part of the
 *    disk for everything that changes them.  Readers take none: memory
 *    stays mapped, so they read data or zeroes.
 */

#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/align.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "base/racy-copy.h"
#include "layer/layer-bits.h"
#include "layer/layer-geometry.h"
#include "layer/layer-ram.h"
#include "layer/sparse-memory.h"

#define REGION (UINT64_C (64) << 10) /* bytes of disk under one lock */
#define NLOCKS 128

struct region_lock {
  pthread_mutex_t mutex;
} __attribute__ ((aligned (64)));

struct layer_ram {
  struct layer layer;
  unsigned sector_shift;
  struct layer_bits bits;
  struct sparse_memory memory;
  struct region_lock region[NLOCKS];
};

static struct layer_ram *
to_ram (struct layer *l)
{
  return container_of (l, struct layer_ram, layer);
}

uint64_t
layer_ram_memory (struct layer *l)
{
  struct layer_ram *r = to_ram (l);

  return sparse_memory_used (&r->memory) + layer_bits_memory (&r->bits);
}

static void
ram_close (struct layer *l)
{
  struct layer_ram *r = to_ram (l);

  for (unsigned i = 0; i < NLOCKS; i++)
    pthread_mutex_destroy (&r->region[i].mutex);
  sparse_memory_fini (&r->memory);
  layer_bits_fini (&r->bits);
  free (r);
}

/* Copy [SECTOR, SECTOR+NSECTORS), all data, out. */
static void
copy_out (struct layer_ram *r, char *dst, uint64_t sector, uint64_t nsectors)
{
  uint64_t offset = sector << r->sector_shift;
  uint64_t count = nsectors << r->sector_shift;

  while (count > 0) {
    const uint64_t n =
      min_u64 (count, SPARSE_MEMORY_PIECE - offset % SPARSE_MEMORY_PIECE);
    const char *src = sparse_memory_at (&r->memory, offset);

    /* Nothing there: the sector went from zero to absent just now. */
    if (src != NULL)
      racy_copy (dst, src, n);
    else
      memset (dst, 0, n);
    dst += n;
    offset += n;
    count -= n;
  }
}

static int
ram_read (struct layer *l, void *buf, uint64_t sector, uint32_t nsectors,
          struct marker *m, int *err)
{
  struct layer_ram *r = to_ram (l);
  const uint64_t limit = sector + nsectors;
  char *dst = buf;
  uint64_t end;

  for (; sector < limit; sector = end) {
    const enum layer_state state =
      layer_bits_state (&r->bits, sector, limit, &end);
    const size_t count = (end - sector) << r->sector_shift;

    if (state == LAYER_DATA)
      copy_out (r, dst, sector, end - sector);
    else if (state == LAYER_ZERO)
      memset (dst, 0, count);
    if (state != LAYER_ABSENT)
      marker_set (m, sector, end - sector);
    dst += count;
  }
  return 0;
}

/* Within a hold, as what can fail comes first: a sector that does not
 * become data must not hold what was to be written.
 */
static int
write_held (struct layer_ram *r, const char *src, uint64_t sector,
            uint64_t nsectors, int *err)
{
  const uint64_t offset = sector << r->sector_shift;
  const uint64_t count = nsectors << r->sector_shift;
  char *dst;

  if (layer_bits_reserve (&r->bits, LAYER_DATA, sector, nsectors, err) == -1)
    return -1;
  dst = sparse_memory_take (&r->memory, offset, count,
                            layer_bits_memory (&r->bits), err);
  if (dst == NULL)
    return -1;
  memcpy (dst, src, count);
  return layer_bits_set_data (&r->bits, sector, nsectors, err);
}

/* Write sectors that lie in one region, whose lock is held. */
static int
write_run (struct layer_ram *r, const char *src, uint64_t sector,
           uint64_t nsectors, int *err)
{
  struct layer_bits_hold hold;
  int ret;

  layer_bits_hold (&r->bits, &hold);
  ret = write_held (r, src, sector, nsectors, err);
  layer_bits_release (&r->bits, &hold);
  return ret;
}

static int
write_absent (struct layer_ram *r, const char *src, uint64_t sector,
              uint64_t nsectors, int *err)
{
  const uint64_t limit = sector + nsectors;
  uint64_t end;

  for (; sector < limit; sector = end) {
    if (!presence_run (r->bits.present, sector, limit, &end) &&
        write_run (r, src, sector, end - sector, err) == -1)
      return -1;
    src += (end - sector) << r->sector_shift;
  }
  return 0;
}

static pthread_mutex_t *
lock_of (struct layer_ram *r, uint64_t offset)
{
  return &r->region[offset / REGION % NLOCKS].mutex;
}

/* A long write that goes on in order takes the units that it reaches, each
 * with all locks of the unit.  Nobody who waits for a lock of several has
 * one that comes later.
 */
static void
take_units (struct layer_ram *r, uint64_t offset, uint64_t count)
{
  const uint64_t nregions = SPARSE_MEMORY_UNIT / REGION;
  uint64_t unit = ROUND_DOWN (offset, SPARSE_MEMORY_UNIT);

  _Static_assert(NLOCKS % (SPARSE_MEMORY_UNIT / REGION) == 0,
                 "the locks of a unit are adjacent");
  for (; unit < offset + count; unit += SPARSE_MEMORY_UNIT) {
    if (!sparse_memory_wants_unit (&r->memory, unit))
      continue;
    for (uint64_t i = 0; i < nregions; i++)
      pthread_mutex_lock (lock_of (r, unit + i * REGION));
    if (sparse_memory_wants_unit (&r->memory, unit))
      sparse_memory_take_unit (&r->memory, unit, layer_bits_memory (&r->bits));
    for (uint64_t i = 0; i < nregions; i++)
      pthread_mutex_unlock (lock_of (r, unit + i * REGION));
  }
}

static int
ram_write (struct layer *l, const void *buf, uint64_t sector, uint32_t nsectors,
           unsigned flags, int *err)
{
  struct layer_ram *r = to_ram (l);
  const uint64_t per_region = REGION >> r->sector_shift;
  const uint64_t limit = sector + nsectors;
  const char *src = buf;

  if (nsectors >= per_region / 2)
    take_units (r, sector << r->sector_shift,
                (uint64_t) nsectors << r->sector_shift);
  while (sector < limit) {
    const uint64_t end =
      min_u64 (ROUND_DOWN (sector, per_region) + per_region, limit);
    LOCK_SCOPE (lock_of (r, sector << r->sector_shift));

    if ((flags & LAYER_NO_OVERWRITE ? write_absent : write_run) (
          r, src, sector, end - sector, err) == -1)
      return -1;
    src += (end - sector) << r->sector_shift;
    sector = end;
  }
  return 0;
}

static int
erase_locked (struct layer_ram *r, uint64_t sector, uint64_t nsectors,
              bool absent, int *err)
{
  if ((absent ? layer_bits_set_absent :
                layer_bits_set_zero) (&r->bits, sector, nsectors, err) == -1)
    return -1;
  sparse_memory_drop (&r->memory, sector << r->sector_shift,
                      (sector + nsectors) << r->sector_shift);
  return 0;
}

/* A range in one region takes its lock; a longer one takes all of them,
 * once, and is then done at the speed of the sets.
 */
static int
erase (struct layer_ram *r, uint64_t sector, uint64_t nsectors, bool absent,
       int *err)
{
  const uint64_t per_region = REGION >> r->sector_shift;
  int ret;

  if (sector / per_region == (sector + nsectors - 1) / per_region) {
    LOCK_SCOPE (lock_of (r, sector << r->sector_shift));
    return erase_locked (r, sector, nsectors, absent, err);
  }
  for (unsigned i = 0; i < NLOCKS; i++)
    pthread_mutex_lock (&r->region[i].mutex);
  ret = erase_locked (r, sector, nsectors, absent, err);
  for (unsigned i = 0; i < NLOCKS; i++)
    pthread_mutex_unlock (&r->region[i].mutex);
  return ret;
}

static int
ram_zero (struct layer *l, uint64_t sector, uint64_t nsectors, unsigned flags,
          int *err)
{
  return erase (to_ram (l), sector, nsectors, false, err);
}

static int
ram_discard (struct layer *l, uint64_t sector, uint64_t nsectors, int *err)
{
  return erase (to_ram (l), sector, nsectors, true, err);
}

static int
ram_flush (struct layer *l, int *err)
{
  return 0;
}

static enum layer_state
ram_state (struct layer *l, uint64_t sector, uint64_t limit, uint64_t *end)
{
  return layer_bits_state (&to_ram (l)->bits, sector, limit, end);
}

static const struct layer_ops ram_ops = {
  .name = "ram",
  .close = ram_close,
  .read = ram_read,
  .write = ram_write,
  .zero = ram_zero,
  .discard = ram_discard,
  .flush = ram_flush,
  .state = ram_state,
  .used = layer_ram_memory,
};

struct layer *
layer_ram_create (const struct layer_ram_options *o,
                  const struct layer_below *below)
{
  struct layer_info info = { .no_overwrite = true };
  struct layer_ram *r;

  if (layer_geometry ("layer-ram", o->size, o->sector_size, below, &info) == -1)
    return NULL;
  r = aligned_alloc (64, sizeof *r);
  if (r == NULL)
    goto no_memory;
  memset (r, 0, sizeof *r);
  for (unsigned i = 0; i < NLOCKS; i++)
    pthread_mutex_init (&r->region[i].mutex, NULL);
  r->layer.ops = &ram_ops;
  r->layer.info = info;
  r->sector_shift = log2_of (info.sector_size);
  if (sparse_memory_init (&r->memory, info.nsectors << r->sector_shift,
                          o->max) == -1 ||
      layer_bits_init (&r->bits, info.nsectors) == -1) {
    ram_close (&r->layer);
    goto no_memory;
  }
  return &r->layer;

no_memory:
  log_error ("layer-ram: out of memory");
  return NULL;
}
