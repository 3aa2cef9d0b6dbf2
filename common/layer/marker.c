/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See marker.h.  nmarked is the truth about "how many"; [lo, hi) or the
 * bitmap about "which".
 */

#include <config.h>

#include <stdlib.h>
#include <string.h>

#include "base/align.h"
#include "layer/marker.h"

void
marker_init (struct marker *m, uint64_t sector, uint32_t nsectors)
{
  m->sector = sector;
  m->nsectors = nsectors;
  m->nmarked = m->lo = m->hi = 0;
  m->bits = NULL;
  m->failed = false;
}

void
marker_fini (struct marker *m)
{
  if (m->bits != m->inline_bits)
    free (m->bits);
  m->bits = NULL;
}

/* Bits [LO, HI) of a word; 0 <= LO < HI <= 64. */
static uint64_t
word_mask (unsigned lo, unsigned hi)
{
  return (~UINT64_C (0) >> (64 - (hi - lo))) << lo;
}

/* Set bits [LO, HI); returns how many were clear. */
static uint32_t
set_bits (uint64_t *bits, uint32_t lo, uint32_t hi)
{
  uint32_t fresh = 0;

  while (lo < hi) {
    const uint32_t end = min_u64 (ROUND_DOWN ((uint64_t) lo, 64) + 64, hi);
    const uint64_t mask = word_mask (lo % 64, lo % 64 + (end - lo));

    fresh += __builtin_popcountll (mask & ~bits[lo / 64]);
    bits[lo / 64] |= mask;
    lo = end;
  }
  return fresh;
}

static bool
make_bitmap (struct marker *m)
{
  const size_t words = DIV_ROUND_UP ((uint64_t) m->nsectors, 64);

  if (words <= MARKER_INLINE_WORDS) {
    m->bits = m->inline_bits;
    memset (m->inline_bits, 0, sizeof m->inline_bits);
  }
  else
    m->bits = calloc (words, sizeof *m->bits);
  if (m->bits == NULL) {
    m->failed = true;
    return false;
  }
  set_bits (m->bits, m->lo, m->hi);
  return true;
}

void
marker_set (struct marker *m, uint64_t sector, uint32_t nsectors)
{
  const uint32_t lo = (uint32_t) (sector - m->sector), hi = lo + nsectors;

  if (nsectors == 0 || m->failed)
    return;
  if (m->bits == NULL) {
    if (m->lo == m->hi) {
      m->lo = lo;
      m->hi = hi;
      m->nmarked = nsectors;
      return;
    }
    if (lo <= m->hi && hi >= m->lo) {
      m->lo = min_u64 (m->lo, lo);
      m->hi = max_u64 (m->hi, hi);
      m->nmarked = m->hi - m->lo;
      return;
    }
    if (!make_bitmap (m))
      return;
  }
  m->nmarked += set_bits (m->bits, lo, hi);
}

/* The first bit at or after POS that equals VALUE, or NBITS. */
static uint32_t
find_bit (const uint64_t *bits, uint32_t nbits, uint64_t pos, bool value)
{
  while (pos < nbits) {
    uint64_t w = bits[pos / 64];

    if (!value)
      w = ~w;
    w &= ~UINT64_C (0) << (pos % 64);
    if (w != 0)
      return min_u64 (ROUND_DOWN (pos, 64) + __builtin_ctzll (w), nbits);
    pos = ROUND_DOWN (pos, 64) + 64;
  }
  return nbits;
}

bool
marker_next_unset (const struct marker *m, uint64_t *sector, uint32_t *nsectors)
{
  uint32_t pos = (uint32_t) (*sector - m->sector), end;

  if (m->bits != NULL) {
    pos = find_bit (m->bits, m->nsectors, pos, false);
    end = find_bit (m->bits, m->nsectors, pos, true);
  }
  else {
    if (pos >= m->lo && pos < m->hi)
      pos = m->hi;
    end = pos < m->lo ? m->lo : m->nsectors;
  }
  if (pos >= m->nsectors)
    return false;
  *sector = m->sector + pos;
  *nsectors = end - pos;
  return true;
}
