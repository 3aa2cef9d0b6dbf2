/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Cells of one size, made of words that any thread may read at any time.
 * A cell stays where it is, and stays a cell of its pool, until the pool
 * goes: readers take no lock, so nobody could say when the last of them
 * has left one.  What is given back is taken again.  A pool that is zero
 * but for its first two members is empty.
 */

#ifndef DISKSTACK_POLICY_POOL_H
#define DISKSTACK_POLICY_POOL_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#define POOL_CHUNKS 112

struct policy_chunk;

struct policy_pool {
  size_t nwords;     /* of a cell */
  uint32_t smallest; /* chunk: so many cells, a power of two */
  _Atomic (struct policy_chunk *) chunks[POOL_CHUNKS];
  /* For the lock holder. */
  uint32_t ncells; /* of all chunks */
  uint32_t fresh;  /* the first that was never taken */
  uint32_t free;   /* 1 + the last one given back; 0: none */
  size_t memory;   /* bytes */
};

/* Take a cell, all zero: its number, or -1 with errno = ENOMEM. */
extern int64_t policy_pool_take (struct policy_pool *pool);
extern void policy_pool_give (struct policy_pool *pool, uint32_t cell);
extern void policy_pool_fini (struct policy_pool *pool);

/* The words of a cell that was taken at some time.  Any thread. */
extern _Atomic uint64_t *policy_pool_words (const struct policy_pool *pool,
                                            uint32_t cell);

/* A number that the lock holder keeps with a cell while it is taken, 0 at
 * first.
 */
extern uint32_t *policy_pool_note (struct policy_pool *pool, uint32_t cell);

#endif /* DISKSTACK_POLICY_POOL_H */
