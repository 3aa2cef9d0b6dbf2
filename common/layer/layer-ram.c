/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A layer in memory.  The disk is reserved, piece by piece as it is
 * first written, as ordinary private memory at fixed distances: the
 * processor's page tables are the map from sector to memory, the kernel
 * finds pages as they are touched, and gets them back by madvise.
 *
 * Invariants:
 *
 * 1. layer_bits says which sectors are data.  The memory of a sector
 *    that is not data is zero or not resident, so a reader without a
 *    lock who is late sees zeroes, never old content.
 * 2. A page (4096 bytes) is in `resident' before it is first written and
 *    until it is given back; resident pages are what is charged.
 * 3. A lock of `region' covers the pages and bits of its part of the
 *    disk for everything that changes them.  Readers take none: pieces
 *    are never unmapped before close, so they read data or zeroes.
 */

#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/align.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "base/racy-copy.h"
#include "layer/layer-bits.h"
#include "layer/layer-geometry.h"
#include "layer/layer-ram.h"

#define PAGE 4096
#define PIECE (UINT64_C (1) << 30)   /* bytes of disk in one mapping */
#define REGION (UINT64_C (64) << 10) /* bytes of disk under one lock */
#define NLOCKS 128

struct region_lock {
  pthread_mutex_t mutex;
} __attribute__ ((aligned (64)));

struct layer_ram {
  struct layer layer;
  unsigned sector_shift;
  uint64_t size; /* bytes */
  uint64_t max;
  struct layer_bits bits;
  struct presence *resident; /* pages */
  _Atomic uint64_t npages;
  _Atomic (char *) *piece;
  size_t npieces;
  struct region_lock region[NLOCKS];
};

static struct layer_ram *
to_ram (struct layer *l)
{
  return container_of (l, struct layer_ram, layer);
}

static uint64_t
memory_used (struct layer_ram *r)
{
  return atomic_load (&r->npages) * PAGE + layer_bits_memory (&r->bits) +
         presence_memory (r->resident);
}

uint64_t
layer_ram_memory (struct layer *l)
{
  return memory_used (to_ram (l));
}

/* The memory of byte OFFSET, or NULL if nothing near it was written. */
static char *
memory_at (struct layer_ram *r, uint64_t offset)
{
  char *p =
    atomic_load_explicit (&r->piece[offset / PIECE], memory_order_acquire);

  return p == NULL ? NULL : p + offset % PIECE;
}

static uint64_t
piece_length (const struct layer_ram *r, size_t i)
{
  return min_u64 (PIECE, ROUND_UP (r->size, PAGE) - i * PIECE);
}

static char *
map_piece (struct layer_ram *r, size_t i)
{
  const uint64_t length = piece_length (r, i);
  char *expected = NULL;
  void *p = mmap (NULL, length, PROT_READ | PROT_WRITE,
                  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

  if (p == MAP_FAILED)
    return NULL;
  /* One page at a time, or max= would mean nothing. */
  madvise (p, length, MADV_NOHUGEPAGE);
  if (!atomic_compare_exchange_strong (&r->piece[i], &expected, p)) {
    munmap (p, length);
    return expected;
  }
  return p;
}

static char *
memory_for_write (struct layer_ram *r, uint64_t offset)
{
  char *p = memory_at (r, offset);

  if (p == NULL) {
    p = map_piece (r, offset / PIECE);
    if (p != NULL)
      p += offset % PIECE;
  }
  return p;
}

static void
ram_close (struct layer *l)
{
  struct layer_ram *r = to_ram (l);

  for (size_t i = 0; r->piece != NULL && i < r->npieces; i++) {
    char *p = atomic_load (&r->piece[i]);

    if (p != NULL)
      munmap (p, piece_length (r, i));
  }
  for (unsigned i = 0; i < NLOCKS; i++)
    pthread_mutex_destroy (&r->region[i].mutex);
  free (r->piece);
  presence_free (r->resident);
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
    const uint64_t n = min_u64 (count, PIECE - offset % PIECE);

    const char *src = memory_at (r, offset);

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

/* Make the pages of [OFFSET, OFFSET+COUNT), within one region, resident,
 * unless that would be too much.  With the region's lock.
 */
static int
charge (struct layer_ram *r, uint64_t offset, uint64_t count, int *err)
{
  const uint64_t first = offset / PAGE;
  const uint64_t n = DIV_ROUND_UP (offset + count, PAGE) - first;
  const uint64_t fresh = n - presence_count (r->resident, first, n);

  if (fresh == 0)
    return 0;
  atomic_fetch_add (&r->npages, fresh);
  if (r->max != 0 && memory_used (r) > r->max) {
    atomic_fetch_sub (&r->npages, fresh);
    *err = ENOSPC;
    return -1;
  }
  if (presence_set (r->resident, first, n) == -1) {
    /* What was set stays charged: more than is used, never less. */
    *err = ENOMEM;
    return -1;
  }
  return 0;
}

/* Write sectors that lie in one region, whose lock is held. */
static int
write_run (struct layer_ram *r, const char *src, uint64_t sector,
           uint64_t nsectors, int *err)
{
  const uint64_t offset = sector << r->sector_shift;
  const uint64_t count = nsectors << r->sector_shift;
  char *dst = memory_for_write (r, offset);

  if (dst == NULL) {
    *err = ENOMEM;
    return -1;
  }
  if (charge (r, offset, count, err) == -1)
    return -1;
  memcpy (dst, src, count);
  return layer_bits_set_data (&r->bits, sector, nsectors, err);
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

static int
ram_write (struct layer *l, const void *buf, uint64_t sector, uint32_t nsectors,
           unsigned flags, int *err)
{
  struct layer_ram *r = to_ram (l);
  const uint64_t per_region = REGION >> r->sector_shift;
  const uint64_t limit = sector + nsectors;
  const char *src = buf;

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

/* Give back the whole pages of [START, END), bytes, and zero what is
 * left of the resident pages at its edges.  With the locks.
 */
static void
drop_memory (struct layer_ram *r, uint64_t start, uint64_t end)
{
  uint64_t page = start / PAGE;
  const uint64_t last = DIV_ROUND_UP (end, PAGE);

  while ((page = presence_find (r->resident, page, last, true)) < last) {
    uint64_t lo = max_u64 (page * PAGE, start), hi, run_end;

    presence_run (r->resident, page, last, &run_end);
    hi = min_u64 (run_end * PAGE, end);
    hi = min_u64 (hi, ROUND_DOWN (lo, PIECE) + PIECE);
    page = DIV_ROUND_UP (hi, PAGE);
    if (!IS_ALIGNED (lo, PAGE)) {
      const uint64_t n = min_u64 (hi, ROUND_UP (lo, PAGE)) - lo;

      memset (memory_at (r, lo), 0, n);
      lo += n;
    }
    if (!IS_ALIGNED (hi, PAGE) && hi > lo && hi < r->size) {
      const uint64_t n = hi % PAGE;

      memset (memory_at (r, hi - n), 0, n);
      hi -= n;
    }
    if (hi > lo && madvise (memory_at (r, lo), hi - lo, MADV_DONTNEED) == 0) {
      const uint64_t n = DIV_ROUND_UP (hi, PAGE) - lo / PAGE;

      if (presence_clear (r->resident, lo / PAGE, n) == 0)
        atomic_fetch_sub (&r->npages, n);
    }
  }
}

static int
erase_locked (struct layer_ram *r, uint64_t sector, uint64_t nsectors,
              bool absent, int *err)
{
  if ((absent ? layer_bits_set_absent :
                layer_bits_set_zero) (&r->bits, sector, nsectors, err) == -1)
    return -1;
  drop_memory (r, sector << r->sector_shift,
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
  r->size = info.nsectors << r->sector_shift;
  r->max = o->max;
  r->npieces = DIV_ROUND_UP (r->size, PIECE);
  r->piece = calloc (r->npieces, sizeof *r->piece);
  r->resident = presence_create (DIV_ROUND_UP (r->size, PAGE));
  if (r->piece == NULL || r->resident == NULL ||
      layer_bits_init (&r->bits, info.nsectors) == -1) {
    ram_close (&r->layer);
    goto no_memory;
  }
  return &r->layer;

no_memory:
  log_error ("layer-ram: out of memory");
  return NULL;
}
