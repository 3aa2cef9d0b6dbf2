/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Reading a presence set.  Long searches go by low nodes: what is EMPTY
 * or FULL above them is passed over at once.  What was read from a node
 * counts when the generation is still the same (invariant 4 in
 * presence-tree.h); long searches look after each node.
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
    found = find_in_leaf (as_live (v), start, next, value);
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
  const uint64_t start = pos;
  uint64_t generation = read_begin (p);

  assert (pos <= limit && limit <= p->nbits);

  while (pos < limit) {
    unsigned shift;
    uint64_t v = presence_low (p, pos, &shift), found = pos;
    uint64_t next = min_u64 (slot_end (pos, shift), limit);

    if (v > FULL) {
      /* Not for a search that may end right here. */
      if (pos != start)
        look_ahead (p, pos, limit);
      found = find_in_low (v, pos, next, value);
    }
    else if (v != value)
      found = next;
    if (read_again (p, &generation))
      continue;
    if (found < next)
      return found;
    pos = next;
  }
  return limit;
}

/* The end of the run of VALUE that goes on to the end of POS's word, in
 * LEAF (or EMPTY or FULL in its place), up to the end of that.
 */
static uint64_t
run_in_leaf (uint64_t leaf, uint64_t pos, uint64_t leaf_end, bool value)
{
  pos = slot_end (pos, WORD_SHIFT);
  if (leaf <= FULL || pos >= leaf_end)
    return leaf_end;
  return min_u64 (find_in_leaf (leaf, pos, leaf_end, !value), leaf_end);
}

/* presence_run with the leaf of POS, or what is in its place, as it was in
 * *GENERATION.  False if it has changed: then read again.
 */
static inline __attribute__ ((always_inline)) bool
run_once (const struct presence *p, uint64_t leaf, uint64_t *generation,
          uint64_t pos, uint64_t limit, uint64_t *end, bool *value)
{
  /* The word is read once: POS belongs to the run, whatever others do. */
  const uint64_t word =
    leaf > FULL ? node_load (leaf, pos, WORD_SHIFT) : 0 - leaf;
  uint64_t x, leaf_end;

  *value = word >> pos % 64 & 1;
  x = (*value ? ~word : word) >> pos % 64;
  if (x != 0) {
    *end = min_u64 (pos + (uint64_t) __builtin_ctzll (x), limit);
    return !read_again (p, generation);
  }
  leaf_end = min_u64 (slot_end (pos, LOW_SHIFT), limit);
  *end = run_in_leaf (leaf, pos, leaf_end, *value);
  if (read_again (p, generation))
    return false;
  if (*end == leaf_end)
    *end = presence_find (p, leaf_end, limit, !*value);
  return true;
}

/* presence_run, when the short way would not do. */
static __attribute__ ((cold, noinline)) bool
run_again (const struct presence *p, uint64_t pos, uint64_t limit,
           uint64_t *end)
{
  uint64_t generation = read_begin (p);
  bool value;

  while (
    !run_once (p, presence_leaf (p, pos), &generation, pos, limit, end, &value))
    ;
  return value;
}

bool
presence_run (const struct presence *p, uint64_t pos, uint64_t limit,
              uint64_t *end)
{
  uint64_t generation = read_begin (p), leaf;
  unsigned shift;
  bool value;

  assert (pos < limit && limit <= p->nbits);
  leaf = walk_live (p, pos, LOW_SHIFT, &shift);
  if (__builtin_expect ((leaf & DYING) != 0, 0) ||
      !run_once (p, leaf, &generation, pos, limit, end, &value))
    return run_again (p, pos, limit, end);
  return value;
}

/* read_word, when the short way would not do. */
static __attribute__ ((cold, noinline)) uint64_t
read_word_again (const struct presence *p, uint64_t bit)
{
  uint64_t generation = read_begin (p), v;

  do {
    v = presence_walk_dying (p, bit, LOW_SHIFT).v;
    v = v > FULL ? node_load (v, bit, WORD_SHIFT) : 0 - v;
  } while (read_again (p, &generation));
  return v;
}

/* The word that BIT is in, if the short way does. */
static inline __attribute__ ((always_inline)) bool
read_word_once (const struct presence *p, uint64_t bit, uint64_t *word)
{
  uint64_t generation = read_begin (p);
  unsigned shift;
  uint64_t v = walk_live (p, bit, LOW_SHIFT, &shift);

  if (is_live (v))
    *word = node_load (v, bit, WORD_SHIFT);
  else
    *word = 0 - v;
  return __builtin_expect ((v & DYING) == 0, 1) && !read_again (p, &generation);
}

static inline __attribute__ ((always_inline)) uint64_t
read_word (const struct presence *p, uint64_t bit)
{
  uint64_t word;

  return read_word_once (p, bit, &word) ? word : read_word_again (p, bit);
}

/* Not through read_word: this way it needs no stack. */
static __attribute__ ((cold, noinline)) bool
test_again (const struct presence *p, uint64_t bit)
{
  return read_word_again (p, bit) >> bit % 64 & 1;
}

bool
presence_test (const struct presence *p, uint64_t bit)
{
  uint64_t word;

  assert (bit < p->nbits);
  if (!read_word_once (p, bit, &word))
    return test_again (p, bit);
  return word >> bit % 64 & 1;
}

bool
presence_all (const struct presence *p, uint64_t start, uint64_t n)
{
  assert (range_inside (start, n, p->nbits));
  if (in_one_word (start, n)) {
    uint64_t mask = word_mask (start % 64, start % 64 + n);

    return (read_word (p, start) & mask) == mask;
  }
  return presence_find (p, start, start + n, false) == start + n;
}

bool
presence_any (const struct presence *p, uint64_t start, uint64_t n)
{
  assert (range_inside (start, n, p->nbits));
  if (in_one_word (start, n)) {
    uint64_t mask = word_mask (start % 64, start % 64 + n);

    return (read_word (p, start) & mask) != 0;
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

/* The same for bits that are under one low node. */
static uint64_t
count_in_low (uint64_t low, uint64_t start, uint64_t end)
{
  uint64_t count = 0;

  for (uint64_t next; start < end; start = next) {
    uint64_t v = as_live (node_load (low, start, LOW_SHIFT));

    next = min_u64 (slot_end (start, LOW_SHIFT), end);
    if (v > FULL)
      count += count_in_leaf (v, start, next);
    else if (v == FULL)
      count += next - start;
  }
  return count;
}

uint64_t
presence_count (const struct presence *p, uint64_t start, uint64_t n)
{
  uint64_t count = 0, end = start + n, generation = read_begin (p);

  assert (range_inside (start, n, p->nbits));

  while (start < end) {
    unsigned shift;
    uint64_t v = presence_low (p, start, &shift), here = 0;
    uint64_t next = min_u64 (slot_end (start, shift), end);

    if (v > FULL)
      here = count_in_low (v, start, next);
    else if (v == FULL)
      here = next - start;
    if (read_again (p, &generation))
      continue;
    count += here;
    start = next;
  }
  return count;
}

void
presence_get_words (const struct presence *p, uint64_t start, uint64_t *out,
                    size_t nwords)
{
  uint64_t inside = start < p->nbits ? p->nbits - start : 0;
  size_t valid = min_u64 (nwords, DIV_ROUND_UP (inside, 64));
  uint64_t generation = read_begin (p);

  assert (IS_ALIGNED (start, 64));

  for (size_t i = 0; i < valid;) {
    uint64_t first = (start / 64 + i) % CELL_SLOTS;
    uint64_t n = min_u64 (valid - i, CELL_SLOTS - first);
    uint64_t leaf = presence_leaf (p, start + i * 64);

    for (uint64_t k = 0; k < n; k++)
      out[i + k] =
        leaf > FULL ? slot_load (&node_slots (leaf)[first + k]) : 0 - leaf;
    if (!read_again (p, &generation))
      i += n;
  }
  /* A FULL slot goes beyond the end of the set. */
  if (valid > 0 && valid * 64 > inside)
    out[valid - 1] &= word_mask (0, inside % 64);
  memset (out + valid, 0, (nwords - valid) * sizeof *out);
}
