/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See policy-table.h.  This file has what any thread may do;
 * policy-table-change.c is for the lock holder.
 */

#include <config.h>

#include <errno.h>
#include <stdlib.h>

#include "base/align.h"
#include "policy/policy-range.h"
#include "policy/policy-table.h"

int
policy_table_init (struct policy_table *t, uint64_t nclusters)
{
  *t = (struct policy_table){
    .nroots = nclusters / RANGE + (nclusters % RANGE != 0),
    .lines = { .nwords = LINE_WORDS, .smallest = 16 },
    .pages = { .nwords = PAGE_WORDS, .smallest = 2 },
  };
  /* Memory that nobody has written to yet is not taken. */
  t->root = calloc (max_u64 (t->nroots, 1), sizeof *t->root);
  if (t->root == NULL) {
    errno = ENOMEM;
    return -1;
  }
  return 0;
}

void
policy_table_fini (struct policy_table *t)
{
  policy_pool_fini (&t->lines);
  policy_pool_fini (&t->pages);
  free (t->root);
}

size_t
policy_table_memory (const struct policy_table *t)
{
  return t->nroots * sizeof *t->root + t->lines.memory + t->pages.memory;
}

/* The shift of the state that a word of lanes has for the place OFFSET;
 * -1: none.
 */
static int
lane_find (uint64_t word, unsigned offset)
{
  const uint64_t offsets = EACH_LANE * (RANGE - 1);
  /* In each lane, the bit above the place is set if it differs. */
  const uint64_t differs = ((word ^ EACH_LANE * offset) & offsets) + offsets;
  uint64_t same = ~differs & EACH_LANE << RANGE_SHIFT;

  for (; same != 0; same &= same - 1) {
    const int shift = __builtin_ctzll (same);

    if (state_at (word, (unsigned) shift) != 0)
      return shift;
  }
  return -1;
}

static bool
line_find (_Atomic uint64_t *line, unsigned offset, struct place *at)
{
  /* policy_table_set tries the words in the same order. */
  for (unsigned i = 0; i < LINE_WORDS; i++) {
    int shift;

    at->word = &line[(offset + i) % LINE_WORDS];
    at->value = word_load (at->word);
    shift = lane_find (at->value, offset);
    if (shift >= 0) {
      at->shift = (unsigned) shift;
      return true;
    }
  }
  return false;
}

bool
policy_table_find (const struct policy_table *t, uint64_t cluster,
                   uint64_t root, struct place *at)
{
  const unsigned offset = cluster % RANGE;
  int shift;

  switch (form_of (root)) {
  case FORM_LANES:
    shift = lane_find (root, offset);
    *at = (struct place){ .word = &t->root[cluster >> RANGE_SHIFT],
                          .value = root,
                          .shift = (unsigned) shift };
    return shift >= 0;
  case FORM_LINE:
    return line_find (cell_of (t, root), offset, at);
  case FORM_PAGE:
    page_find (cell_of (t, root), offset, at);
    return state_at (at->value, at->shift) != 0;
  }
  abort ();
}

/* So often at most, as no caller is to wait for others. */
#define TRIES 4

unsigned
policy_table_get (const struct policy_table *t, uint64_t cluster)
{
  const _Atomic uint64_t *word = &t->root[cluster >> RANGE_SHIFT];
  uint64_t root = word_load (word), seen;
  struct place at;

  for (unsigned i = 0; i < TRIES; i++) {
    const bool found = policy_table_find (t, cluster, root, &at);

    seen = root;
    if (form_of (seen) == FORM_LANES || (root = word_load (word)) == seen)
      return found ? state_at (at.value, at.shift) : 0;
  }
  return 0;
}

void
policy_table_hit (struct policy_table *t, uint64_t cluster)
{
  const _Atomic uint64_t *word = &t->root[cluster >> RANGE_SHIFT];
  struct place at;

  for (unsigned i = 0; i < TRIES; i++) {
    unsigned state;

    if (!policy_table_find (t, cluster, word_load (word), &at))
      return;
    state = state_at (at.value, at.shift);
    /* What is used a lot is only read: its cache line stays shared. */
    if (!(state & STATE_HELD) || (state & STATE_USED) == STATE_USED)
      return;
    if (word_exchange (at.word, &at.value,
                       at.value + (UINT64_C (1) << at.shift)))
      return;
  }
}
