/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Blocks: pieces of 4 KiB of a cluster, in memory, newer than its place.
 * They come from one arena of fixed size, so memory is bounded whatever
 * clients do; when it is full, writes go to places.
 */

#include <config.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/cleanup.h"
#include "layer/sqlite/sqlite-impl.h"

int
sqlite_arena_init (struct sqlite_layer *l)
{
  struct arena *a = &l->arena;

  a->memory = mmap (NULL, (size_t) ARENA_BLOCKS * BLOCK, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (a->memory == MAP_FAILED)
    a->memory = NULL;
  a->free = malloc (ARENA_BLOCKS * sizeof *a->free);
  return a->memory == NULL || a->free == NULL ? -1 : 0;
}

void
sqlite_arena_fini (struct sqlite_layer *l)
{
  struct arena *a = &l->arena;

  if (a->memory != NULL)
    munmap (a->memory, (size_t) ARENA_BLOCKS * BLOCK);
  free (a->free);
  pthread_mutex_destroy (&a->lock);
}

/* The block that was freed last is the one that is still in the cache. */
static char *
arena_get (struct arena *a)
{
  uint32_t i;
  LOCK_SCOPE (&a->lock);

  if (a->nfree > 0)
    i = a->free[--a->nfree];
  else if (a->top < ARENA_BLOCKS)
    i = a->top++;
  else
    return NULL;
  return a->memory + (size_t) i * BLOCK;
}

static void
arena_put (struct arena *a, char *data)
{
  LOCK_SCOPE (&a->lock);
  a->free[a->nfree++] = (uint32_t) ((data - a->memory) / BLOCK);
}

bool
sqlite_blocks_room (struct sqlite_layer *l, uint64_t count)
{
  return !l->read_only &&
         atomic_load_explicit (&l->nunlogged, memory_order_relaxed) * BLOCK +
             count <=
           UNLOGGED_MAX &&
         atomic_load_explicit (&l->nblocks, memory_order_relaxed) * BLOCK +
             count <=
           l->log.length;
}

/* Bits [LO, HI) of a byte. */
static uint8_t
mask_of (unsigned lo, unsigned hi)
{
  return (uint8_t) (((1u << (hi - lo)) - 1) << lo);
}

static int
new_block (struct sqlite_layer *l, struct cluster *c, unsigned i, int *err)
{
  struct blocks *b = c->blocks;
  char *data = arena_get (&l->arena);

  if (data == NULL)
    goto full;
  if (b == NULL) {
    b = calloc (1, sizeof *b);
    if (b == NULL || sqlite_map_set_blocks (l, c->number, true, err) == -1) {
      free (b);
      arena_put (&l->arena, data);
      goto full;
    }
    c->blocks = b;
  }
  b->data[i] = data;
  atomic_fetch_add (&l->nblocks, 1);
  return 0;

full:
  *err = ENOMEM;
  return -1;
}

int
sqlite_blocks_put (struct sqlite_layer *l, struct cluster *c, unsigned lo,
                   unsigned hi, const char *src, int *err)
{
  const unsigned per_block = l->block_sectors;

  while (lo < hi) {
    const unsigned i = lo / per_block, base = i * per_block;
    const unsigned end = min_u64 (base + per_block, hi);
    const uint16_t bit = (uint16_t) (1u << i);
    const size_t n = (size_t) (end - lo) << l->sector_shift;

    if ((c->blocks == NULL || c->blocks->data[i] == NULL) &&
        new_block (l, c, i, err) == -1)
      return -1;
    memcpy (c->blocks->data[i] + ((size_t) (lo - base) << l->sector_shift), src,
            n);
    c->blocks->valid[i] |= mask_of (lo - base, end - base);
    if ((c->blocks->unlogged & bit) == 0) {
      c->blocks->unlogged |= bit;
      atomic_fetch_add (&l->nunlogged, 1);
    }
    c->blocks->unplaced |= bit;
    src += n;
    lo = end;
  }
  sqlite_cluster_queue (l, c);
  sqlite_ckpt_note_change (l);
  return 0;
}

unsigned
sqlite_blocks_run (const struct sqlite_layer *l, const struct cluster *c,
                   unsigned lo, unsigned hi, bool valid, bool *in)
{
  const unsigned per_block = l->block_sectors;
  bool first = true;

  if (c == NULL || c->blocks == NULL) {
    *in = false;
    return hi;
  }
  while (lo < hi) {
    const unsigned i = lo / per_block, at = lo % per_block;
    const bool here =
      c->blocks->data[i] != NULL && (!valid || (c->blocks->valid[i] >> at & 1));

    if (first)
      *in = here;
    else if (here != *in)
      return lo;
    first = false;
    lo += valid ? 1 : per_block - at;
  }
  return hi;
}

void
sqlite_blocks_get (const struct sqlite_layer *l, const struct cluster *c,
                   unsigned lo, unsigned hi, char *dst)
{
  const unsigned per_block = l->block_sectors;

  while (lo < hi) {
    const unsigned i = lo / per_block, base = i * per_block;
    const unsigned end = min_u64 (base + per_block, hi);
    const size_t n = (size_t) (end - lo) << l->sector_shift;

    memcpy (dst, c->blocks->data[i] + ((size_t) (lo - base) << l->sector_shift),
            n);
    dst += n;
    lo = end;
  }
}

void
sqlite_block_free (struct sqlite_layer *l, struct cluster *c, unsigned i)
{
  struct blocks *b = c->blocks;
  const uint16_t bit = (uint16_t) (1u << i);
  int err;

  if (b->unlogged & bit)
    atomic_fetch_sub (&l->nunlogged, 1);
  b->unlogged &= (uint16_t) ~bit;
  b->unplaced &= (uint16_t) ~bit;
  b->valid[i] = 0;
  b->logged[i] = 0;
  arena_put (&l->arena, b->data[i]);
  b->data[i] = NULL;
  atomic_fetch_sub (&l->nblocks, 1);
  for (unsigned k = 0; k < CLUSTER_BLOCKS; k++) {
    if (b->data[k] != NULL)
      return;
  }
  free (b);
  c->blocks = NULL;
  /* A bit that was set alone is cleared without memory. */
  sqlite_map_set_blocks (l, c->number, false, &err);
}

void
sqlite_blocks_erase (struct sqlite_layer *l, struct cluster *c, unsigned lo,
                     unsigned hi)
{
  const unsigned per_block = l->block_sectors;

  while (lo < hi && c->blocks != NULL) {
    const unsigned i = lo / per_block, base = i * per_block;
    const unsigned end = min_u64 (base + per_block, hi);

    if (c->blocks->data[i] != NULL) {
      c->blocks->valid[i] &= (uint8_t) ~mask_of (lo - base, end - base);
      if (c->blocks->valid[i] == 0)
        sqlite_block_free (l, c, i);
    }
    lo = end;
  }
}
