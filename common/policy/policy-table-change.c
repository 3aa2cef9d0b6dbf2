/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See policy-table.h.  Changes, by the lock holder.  Only hits happen
 * meanwhile, and it does not matter if one gets lost.
 */

#include <config.h>

#include <assert.h>
#include <stdlib.h>

#include "policy/policy-pool.h"
#include "policy/policy-range.h"
#include "policy/policy-table.h"

/* Write STATE, and with OFFSETS the place, into the lane. */
static void
lane_write (_Atomic uint64_t *word, unsigned shift, unsigned offset,
            unsigned state)
{
  const unsigned low = shift - RANGE_SHIFT;
  const uint64_t mask = ((UINT64_C (1) << LANE_BITS) - 1) << low;
  const uint64_t lane = state == 0 ? 0 : offset | state << RANGE_SHIFT;
  uint64_t value = word_load (word);

  while (!word_exchange (word, &value, (value & ~mask) | lane << low))
    ;
}

static void
state_write (_Atomic uint64_t *word, unsigned shift, unsigned state)
{
  const uint64_t mask = (uint64_t) STATE_MASK << shift;
  uint64_t value = word_load (word);

  while (
    !word_exchange (word, &value, (value & ~mask) | (uint64_t) state << shift))
    ;
}

/* The shift of an empty lane, or -1. */
static int
lane_empty (uint64_t word)
{
  for (unsigned i = 0; i < LANES; i++) {
    const unsigned shift = i * LANE_BITS + RANGE_SHIFT;

    if (state_at (word, shift) == 0)
      return (int) shift;
  }
  return -1;
}

/* Add a cluster to a line that has room. */
static void
line_add (_Atomic uint64_t *line, unsigned offset, unsigned state)
{
  for (unsigned i = 0; i < LINE_WORDS; i++) {
    _Atomic uint64_t *word = &line[(offset + i) % LINE_WORDS];
    const int shift = lane_empty (word_load (word));

    if (shift >= 0) {
      lane_write (word, (unsigned) shift, offset, state);
      return;
    }
  }
  abort ();
}

static void
cell_add (enum form form, _Atomic uint64_t *cell, unsigned offset,
          unsigned state)
{
  struct place at;

  if (form == FORM_LINE)
    line_add (cell, offset, state);
  else {
    page_find (cell, offset, &at);
    state_write (at.word, at.shift, state);
  }
}

/* Call cell_add for each lane of a word; how many there were. */
static unsigned
lanes_copy (uint64_t word, enum form form, _Atomic uint64_t *cell)
{
  unsigned n = 0;

  for (unsigned i = 0; i < LANES; i++) {
    const uint64_t lane = word >> i * LANE_BITS;
    const unsigned state = state_at (lane, RANGE_SHIFT);

    if (state != 0) {
      cell_add (form, cell, (unsigned) lane % RANGE, state);
      n++;
    }
  }
  return n;
}

/* The value of the root's word for a cell; never that of any before. */
static uint64_t
reference (struct policy_table *t, enum form form, uint32_t cell)
{
  t->counter = (t->counter + 1) & COUNTER_MASK;
  return (uint64_t) form << FORM_SHIFT |
         (uint64_t) t->counter << COUNTER_SHIFT | cell;
}

static struct policy_pool *
pool_for (struct policy_table *t, enum form form)
{
  return form == FORM_LINE ? &t->lines : &t->pages;
}

/* Let the range have a line or page instead of the lanes or the line that
 * it has, ROOT.
 */
static int
range_grow (struct policy_table *t, _Atomic uint64_t *word, uint64_t root)
{
  const enum form old = form_of (root);
  const enum form form = old == FORM_LANES ? FORM_LINE : FORM_PAGE;
  struct policy_pool *pool = pool_for (t, form);
  const int64_t cell = policy_pool_take (pool);
  _Atomic uint64_t *to;
  unsigned n = 0;

  if (cell == -1)
    return -1;
  to = policy_pool_words (pool, (uint32_t) cell);
  if (old == FORM_LANES)
    n = lanes_copy (root, form, to);
  else
    for (unsigned i = 0; i < LINE_WORDS; i++)
      n += lanes_copy (word_load (&cell_of (t, root)[i]), form, to);

  *policy_pool_note (pool, (uint32_t) cell) = n;
  atomic_exchange (word, reference (t, form, (uint32_t) cell));
  if (old != FORM_LANES)
    policy_pool_give (&t->lines, (uint32_t) root);
  return 0;
}

static void
line_fold (struct policy_table *t, _Atomic uint64_t *word, uint64_t root)
{
  _Atomic uint64_t *line = cell_of (t, root);
  uint64_t lanes = 0;
  unsigned n = 0;

  for (unsigned i = 0; i < LINE_WORDS; i++) {
    const uint64_t value = word_load (&line[i]);

    for (unsigned k = 0; k < LANES; k++) {
      const uint64_t lane =
        (value >> k * LANE_BITS) & ((UINT64_C (1) << LANE_BITS) - 1);

      if (state_at (lane, RANGE_SHIFT) != 0)
        lanes |= lane << n++ * LANE_BITS;
    }
  }
  assert (n <= LANES);
  atomic_exchange (word, lanes);
  policy_pool_give (&t->lines, (uint32_t) root);
}

static void
page_fold (struct policy_table *t, _Atomic uint64_t *word, uint64_t root)
{
  const int64_t cell = policy_pool_take (&t->lines);
  _Atomic uint64_t *page = cell_of (t, root), *line;
  unsigned n = 0;

  if (cell == -1)
    return; /* it stays a page */
  line = policy_pool_words (&t->lines, (uint32_t) cell);
  for (unsigned i = 0; i < PAGE_WORDS; i++) {
    uint64_t value = word_load (&page[i]);

    for (unsigned k = 0; value != 0; value >>= STATE_BITS, k++)
      if (state_at (value, 0) != 0) {
        line_add (line, i * PAGE_STATES + k, state_at (value, 0));
        n++;
      }
  }
  *policy_pool_note (&t->lines, (uint32_t) cell) = n;
  atomic_exchange (word, reference (t, FORM_LINE, (uint32_t) cell));
  policy_pool_give (&t->pages, (uint32_t) root);
}

/* One that is not known yet. */
static int
table_add (struct policy_table *t, _Atomic uint64_t *word, unsigned offset,
           unsigned state)
{
  for (;;) {
    const uint64_t root = word_load (word);
    const enum form form = form_of (root);
    uint32_t *note = NULL;

    if (form == FORM_LANES) {
      const int shift = lane_empty (root);

      if (shift >= 0) {
        lane_write (word, (unsigned) shift, offset, state);
        return 0;
      }
    }
    else
      note = policy_pool_note (pool_for (t, form), (uint32_t) root);

    if (note != NULL && (form == FORM_PAGE || *note < LINE_MAX)) {
      cell_add (form, cell_of (t, root), offset, state);
      ++*note;
      return 0;
    }
    if (range_grow (t, word, root) == -1)
      return -1;
  }
}

int
policy_table_set (struct policy_table *t, uint64_t cluster, unsigned state)
{
  _Atomic uint64_t *word = &t->root[cluster >> RANGE_SHIFT];
  const uint64_t root = word_load (word);
  const enum form form = form_of (root);
  struct place at;
  uint32_t *note;

  if (!policy_table_find (t, cluster, root, &at))
    return state == 0 ? 0 : table_add (t, word, cluster % RANGE, state);

  if (form == FORM_PAGE)
    state_write (at.word, at.shift, state);
  else
    lane_write (at.word, at.shift, cluster % RANGE, state);
  if (state != 0 || form == FORM_LANES)
    return 0;

  note = policy_pool_note (pool_for (t, form), (uint32_t) root);
  --*note;
  if (form == FORM_LINE && *note <= LINE_MIN)
    line_fold (t, word, root);
  else if (form == FORM_PAGE && *note <= PAGE_MIN)
    page_fold (t, word, root);
  return 0;
}
