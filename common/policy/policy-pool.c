/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See policy-pool.h.  Four chunks of one size, then four of twice that
 * size, and so on: a number leads to its chunk by its highest bits, and
 * what is allocated but was never needed is at most about a quarter.
 */

#include <config.h>

#include <errno.h>
#include <stdlib.h>

#include "base/align.h"
#include "policy/policy-pool.h"

/* A cache line. */
#define CHUNK_ALIGN 64

/* A note of a cell that is free: the next one, as in the pool. */
struct policy_chunk {
  uint32_t *notes;
  _Alignas(CHUNK_ALIGN) _Atomic uint64_t words[];
};

struct at {
  unsigned chunk;
  uint32_t index, size; /* cells */
};

static struct at
at (const struct policy_pool *pool, uint32_t cell)
{
  const uint32_t n = cell + 4 * pool->smallest;
  const unsigned high = 31 - (unsigned) __builtin_clz (n);
  const unsigned first = 2 + log2_of (pool->smallest);
  const uint32_t size = UINT32_C (1) << (high - 2);

  return (struct at){
    .chunk = (high - first) * 4 + (n >> (high - 2)) % 4,
    .index = n % size,
    .size = size,
  };
}

static struct policy_chunk *
chunk_of (const struct policy_pool *pool, const struct at *a)
{
  return atomic_load_explicit (&pool->chunks[a->chunk], memory_order_acquire);
}

_Atomic uint64_t *
policy_pool_words (const struct policy_pool *pool, uint32_t cell)
{
  const struct at a = at (pool, cell);

  return chunk_of (pool, &a)->words + a.index * pool->nwords;
}

uint32_t *
policy_pool_note (struct policy_pool *pool, uint32_t cell)
{
  const struct at a = at (pool, cell);

  return &chunk_of (pool, &a)->notes[a.index];
}

static int
pool_grow (struct policy_pool *pool)
{
  const struct at a = at (pool, pool->ncells);
  const size_t head = sizeof (struct policy_chunk);
  const size_t cells = a.size * pool->nwords * sizeof (uint64_t);
  const size_t size =
    ROUND_UP (head + cells + a.size * sizeof (uint32_t), CHUNK_ALIGN);
  struct policy_chunk *c;

  if (a.chunk >= POOL_CHUNKS ||
      (c = aligned_alloc (CHUNK_ALIGN, size)) == NULL) {
    errno = ENOMEM;
    return -1;
  }
  c->notes = (uint32_t *) ((char *) c + head + cells);
  pool->ncells += a.size;
  pool->memory += size;
  atomic_store_explicit (&pool->chunks[a.chunk], c, memory_order_release);
  return 0;
}

int64_t
policy_pool_take (struct policy_pool *pool)
{
  _Atomic uint64_t *words;
  uint32_t cell;

  if (pool->free != 0) {
    cell = pool->free - 1;
    pool->free = *policy_pool_note (pool, cell);
  }
  else {
    if (pool->fresh == pool->ncells && pool_grow (pool) == -1)
      return -1;
    cell = pool->fresh++;
  }

  *policy_pool_note (pool, cell) = 0;
  words = policy_pool_words (pool, cell);
  /* Releases that the cell is somebody else's: policy-table.c. */
  for (size_t i = 0; i < pool->nwords; i++)
    atomic_store_explicit (&words[i], 0, memory_order_release);
  return cell;
}

void
policy_pool_give (struct policy_pool *pool, uint32_t cell)
{
  *policy_pool_note (pool, cell) = pool->free;
  pool->free = cell + 1;
}

void
policy_pool_fini (struct policy_pool *pool)
{
  for (unsigned i = 0; i < POOL_CHUNKS; i++)
    free (atomic_load (&pool->chunks[i]));
}
