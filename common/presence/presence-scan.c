/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Reading a presence set.  Long searches go by low nodes: what is EMPTY
 * or FULL above them is passed over at once.
 */

#include <config.h>

#include <assert.h>
#include <string.h>

#include "base/align.h"
#include "base/checked.h"
#include "presence/presence-leaf.h"
#include "presence/presence-tree.h"

/* The first of bits [START, END), which are in one leaf, that has VALUE;
 * END or more if there is none.
 */
static uint64_t
find_in_leaf (uint64_t leaf, uint64_t start, uint64_t end, bool value)
{
  uint64_t skip = value ? 0 : UINT64_MAX, x;

  if (end - start == LEAF_BITS && presence_leaf_is (node_slots (leaf), skip))
    return end;

  x = node_load (leaf, start, WORD_SHIFT) ^ skip;
  x &= UINT64_MAX << start % 64;
  while (x == 0) {
    start = slot_end (start, WORD_SHIFT);
    if (start >= end)
      return end;
    x = node_load (leaf, start, WORD_SHIFT) ^ skip;
  }
  return ROUND_DOWN (start, 64) + (uint64_t) __builtin_ctzll (x);
}

/* The same for bits that are under one low node, with END if there is
 * none.
 */
static uint64_t
find_in_low (uint64_t low, uint64_t start, uint64_t end, bool value)
{
  for (uint64_t next; start < end; start = next) {
    uint64_t v = node_load (low, start, LOW_SHIFT), found;

    next = min_u64 (slot_end (start, LOW_SHIFT), end);
    if (v == value)
      return start;
    if (v <= FULL)
      continue;
    found = find_in_leaf (v, start, next, value);
    if (found < next)
      return found;
  }
  return end;
}

/* NODE may as well be EMPTY or FULL: no addresses, and harmless here. */
static inline void
prefetch_cell (uint64_t node)
{
  __builtin_prefetch ((const void *) (uintptr_t) node);
  __builtin_prefetch ((const void *) (uintptr_t) (node + CELL_SIZE / 2));
}

/* The leaves of a set that was filled in no order are scattered over the
 * memory.  While those under the low node of POS are searched, ask for
 * those under the next one, and for the one after that.
 */
static void
look_ahead (const struct presence *p, uint64_t pos, uint64_t limit)
{
  uint64_t one = slot_end (pos, MID_SHIFT), two = slot_end (one, MID_SHIFT);
  unsigned shift;
  uint64_t v;

  if (two >= limit)
    return;
  prefetch_cell (presence_low (p, two, &shift));
  v = presence_low (p, one, &shift);
  for (unsigned i = 0; v > FULL && i < CELL_SLOTS; i++)
    prefetch_cell (slot_load (&node_slots (v)[i]));
}

uint64_t
presence_find (const struct presence *p, uint64_t pos, uint64_t limit,
               bool value)
{
  uint64_t start = pos;

  assert (pos <= limit && limit <= p->nbits);

  for (uint64_t next; pos < limit; pos = next) {
    unsigned shift;
    uint64_t v = presence_low (p, pos, &shift), found;

    next = min_u64 (slot_end (pos, shift), limit);
    if (v == value)
      return pos;
    if (v <= FULL)
      continue;
    /* Not for a search that may end right here. */
    if (pos != start)
      look_ahead (p, pos, limit);
    found = find_in_low (v, pos, next, value);
    if (found < next)
      return found;
  }
  return limit;
}

/* The end of the run of VALUE that goes on to the end of POS's word, in
 * LEAF (or EMPTY or FULL in its place).
 */
static uint64_t
run_end (const struct presence *p, uint64_t leaf, uint64_t pos, uint64_t limit,
         bool value)
{
  uint64_t leaf_end = min_u64 (slot_end (pos, LOW_SHIFT), limit), found;

  pos = slot_end (pos, WORD_SHIFT);
  if (leaf > FULL && pos < leaf_end) {
    found = find_in_leaf (leaf, pos, leaf_end, !value);
    if (found < leaf_end)
      return found;
  }
  return presence_find (p, leaf_end, limit, !value);
}

bool
presence_run (const struct presence *p, uint64_t pos, uint64_t limit,
              uint64_t *end)
{
  uint64_t leaf, word, x;
  bool value;

  assert (pos < limit && limit <= p->nbits);

  /* The word is read once: POS belongs to the run, whatever others do. */
  leaf = presence_leaf (p, pos);
  word = leaf > FULL ? node_load (leaf, pos, WORD_SHIFT) : 0 - leaf;
  value = word >> pos % 64 & 1;
  x = (value ? ~word : word) >> pos % 64;
  if (x != 0)
    *end = min_u64 (pos + (uint64_t) __builtin_ctzll (x), limit);
  else
    *end = run_end (p, leaf, pos, limit, value);
  return value;
}

bool
presence_test (const struct presence *p, uint64_t bit)
{
  assert (bit < p->nbits);
  return presence_word (p, bit) >> bit % 64 & 1;
}

/* Is [START, START+N) not empty and inside one word? */
static inline bool
in_one_word (uint64_t start, uint64_t n)
{
  return n > 0 && n <= 64 - start % 64;
}

bool
presence_all (const struct presence *p, uint64_t start, uint64_t n)
{
  assert (range_inside (start, n, p->nbits));
  if (in_one_word (start, n)) {
    uint64_t mask = word_mask (start % 64, start % 64 + n);

    return (presence_word (p, start) & mask) == mask;
  }
  return presence_find (p, start, start + n, false) == start + n;
}

bool
presence_any (const struct presence *p, uint64_t start, uint64_t n)
{
  assert (range_inside (start, n, p->nbits));
  if (in_one_word (start, n)) {
    uint64_t mask = word_mask (start % 64, start % 64 + n);

    return (presence_word (p, start) & mask) != 0;
  }
  return presence_find (p, start, start + n, true) < start + n;
}

/* How many of bits [START, END), which are in one leaf, are set. */
static uint64_t
count_in_leaf (uint64_t leaf, uint64_t start, uint64_t end)
{
  uint64_t count = 0;

  if (end - start == LEAF_BITS)
    return presence_leaf_count (node_slots (leaf));

  for (uint64_t next; start < end; start = next) {
    unsigned bit = start % 64;

    next = min_u64 (slot_end (start, WORD_SHIFT), end);
    count += (uint64_t) __builtin_popcountll (
      node_load (leaf, start, WORD_SHIFT) &
      word_mask (bit, bit + (unsigned) (next - start)));
  }
  return count;
}

uint64_t
presence_count (const struct presence *p, uint64_t start, uint64_t n)
{
  uint64_t count = 0, end = start + n;

  assert (range_inside (start, n, p->nbits));

  for (uint64_t next; start < end; start = next) {
    unsigned shift;
    uint64_t v = presence_low (p, start, &shift);

    if (v > FULL) {
      v = node_load (v, start, LOW_SHIFT);
      shift = LOW_SHIFT;
    }
    next = min_u64 (slot_end (start, shift), end);
    if (v == FULL)
      count += next - start;
    else if (v > FULL)
      count += count_in_leaf (v, start, next);
  }
  return count;
}

void
presence_get_words (const struct presence *p, uint64_t start, uint64_t *out,
                    size_t nwords)
{
  uint64_t inside = start < p->nbits ? p->nbits - start : 0;
  size_t valid = min_u64 (nwords, DIV_ROUND_UP (inside, 64));

  assert (IS_ALIGNED (start, 64));

  for (size_t i = 0; i < valid;) {
    uint64_t first = (start / 64 + i) % CELL_SLOTS;
    uint64_t last = min_u64 (first + (valid - i), CELL_SLOTS);
    uint64_t leaf = presence_leaf (p, start + i * 64);

    for (; first < last; first++)
      out[i++] = leaf > FULL ? slot_load (&node_slots (leaf)[first]) : 0 - leaf;
  }
  /* A FULL slot goes beyond the end of the set. */
  if (valid > 0 && valid * 64 > inside)
    out[valid - 1] &= word_mask (0, inside % 64);
  memset (out + valid, 0, (nwords - valid) * sizeof *out);
}
