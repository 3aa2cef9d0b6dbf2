/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Inside the table: what its words look like.
 */

#ifndef DISKSTACK_POLICY_RANGE_H
#define DISKSTACK_POLICY_RANGE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/align.h"
#include "policy/policy-pool.h"
#include "policy/policy-table.h"

#define RANGE_SHIFT 10
#define RANGE (1u << RANGE_SHIFT)

/* A word of lanes: each has the place in the range, then the state. */
#define LANES 4
#define STATE_BITS 5
#define STATE_MASK 31u
#define LANE_BITS (RANGE_SHIFT + STATE_BITS)
#define EACH_LANE UINT64_C (0x200040008001)

#define LINE_WORDS 8
#define LINE_MAX (LINE_WORDS * LANES)
#define PAGE_STATES 12 /* in a word */
#define PAGE_WORDS DIV_ROUND_UP (RANGE, PAGE_STATES)

/* At so many a line is folded into the root's word, a page into a line. */
#define LINE_MIN 3
#define PAGE_MIN 28

_Static_assert(LANES *LANE_BITS == 60, "lanes and form");
_Static_assert(LINE_MIN < LANES && PAGE_MIN < LINE_MAX, "hysteresis");

/* The form of a range, in the highest bits of the root's word; a
 * reference to a cell has its number and the counter below.
 */
enum form { FORM_LANES, FORM_LINE, FORM_PAGE };
#define FORM_SHIFT 60
#define COUNTER_SHIFT 32
#define COUNTER_MASK ((UINT32_C (1) << (FORM_SHIFT - COUNTER_SHIFT)) - 1)

/* Where a state is: VALUE was read from WORD. */
struct place {
  _Atomic uint64_t *word;
  uint64_t value;
  unsigned shift;
};

static inline enum form
form_of (uint64_t root)
{
  return (enum form) (root >> FORM_SHIFT);
}

static inline unsigned
state_at (uint64_t word, unsigned shift)
{
  return (unsigned) (word >> shift) & STATE_MASK;
}

static inline uint64_t
word_load (const _Atomic uint64_t *word)
{
  return atomic_load_explicit (word, memory_order_acquire);
}

/* Change *EXPECTED to VALUE, or read it again and say false. */
static inline bool
word_exchange (_Atomic uint64_t *word, uint64_t *expected, uint64_t value)
{
  return atomic_compare_exchange_strong_explicit (
    word, expected, value, memory_order_acq_rel, memory_order_acquire);
}

static inline const struct policy_pool *
pool_of (const struct policy_table *t, uint64_t root)
{
  return form_of (root) == FORM_LINE ? &t->lines : &t->pages;
}

static inline _Atomic uint64_t *
cell_of (const struct policy_table *t, uint64_t root)
{
  return policy_pool_words (pool_of (t, root), (uint32_t) root);
}

/* Where a page has the state of the cluster at the place OFFSET. */
static inline void
page_find (_Atomic uint64_t *page, unsigned offset, struct place *at)
{
  at->word = &page[offset / PAGE_STATES];
  at->value = word_load (at->word);
  at->shift = offset % PAGE_STATES * STATE_BITS;
}

/* Where the cluster's state is by ROOT, the word of its range; false if
 * it has none.
 */
extern bool policy_table_find (const struct policy_table *t, uint64_t cluster,
                               uint64_t root, struct place *at);

#endif /* DISKSTACK_POLICY_RANGE_H */
