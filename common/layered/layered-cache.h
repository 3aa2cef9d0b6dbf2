/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What the engine keeps for a layer that is write-back or has a bound:
 * who is changing which cluster, what is dirty, what can be evicted.  A
 * layer that is neither has none of it (ld->cache[level] is NULL), and
 * all functions here take NULL to mean that and do nothing.
 *
 * docs/write-back.md has the states and the invariants.
 */

#ifndef DISKSTACK_LAYERED_CACHE_H
#define DISKSTACK_LAYERED_CACHE_H

#include <stdbool.h>
#include <stdint.h>

#include "store/store.h"

struct layered;
struct layered_cache;

/* A moment, for layered_cache_populate. */
typedef uint64_t cache_moment;

/* Reading: take the moment BEFORE looking at the layer.  What it then
 * lacks, and what is read from below, may be stored in it with that
 * moment: where a cluster lost sectors since, nothing is stored, as what
 * was read may be older than what the layer had in between.
 */
extern cache_moment layered_cache_moment (const struct layered_cache *c);

/* Has a cluster of the range lost sectors since MOMENT, or begun to?
 * Asked after looking at the layer: if not, what was present then was read
 * whole, and what was absent was so ever since the moment, and below had
 * the truth.  What fell through counts as lost when it is below and before
 * the writer is told.  False if C is NULL.  Any thread; takes no lock that
 * is held while something is read or written.
 */
extern bool layered_cache_lost (const struct layered_cache *c, uint64_t sector,
                                uint64_t nsectors, cache_moment moment);

/* Store what was read from below for layer LEVEL of LD, without
 * overwriting, if it may be, and if there is room.  C may be NULL.
 * Failures are counted, not returned.
 */
extern void layered_cache_populate (struct layered *ld, unsigned level,
                                    struct store *bottom, const void *buf,
                                    uint64_t sector, uint32_t nsectors,
                                    cache_moment moment);

/* Sectors of the layer were read: they are worth keeping.  Any thread,
 * no lock.
 */
extern void layered_cache_touch (struct layered_cache *c, uint64_t sector,
                                 uint32_t nsectors);

/* The first cluster of [CLUSTER, LIMIT), not empty, that has sectors
 * which are dirty, or LIMIT.  For pictures: what changes meanwhile may be
 * missed.  Any thread.
 */
extern uint64_t layered_cache_next_dirty (const struct layered_cache *c,
                                          uint64_t cluster, uint64_t limit);

#endif /* DISKSTACK_LAYERED_CACHE_H */
