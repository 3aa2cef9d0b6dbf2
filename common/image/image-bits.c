/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Sector bitmaps: looking at them, setting and clearing bits in memory.
 * A word of 8 bytes is made canonical, its least significant bit first,
 * whatever the order in the file is.
 */

#include <config.h>

#include <errno.h>

#include "base/align.h"
#include "base/bytes.h"
#include "base/log.h"
#include "image/image-core.h"

int
image_bits_load (void *opaque, uint64_t number, uint8_t *data, int *err)
{
  struct image *i = opaque;
  uint64_t place;

  if (i->format->bits_place (i, number, &place, err) == -1)
    return -1;
  /* No bitmap: no bits. */
  if (place == 0)
    return 0;
  return image_inner_read (i, data, i->bits_page_size, place, "sector bitmap",
                           err);
}

/* The order of the bits in each byte is reversed. */
static inline uint64_t
reverse (uint64_t w)
{
  w = (w >> 1 & UINT64_C (0x5555555555555555)) |
      (w & UINT64_C (0x5555555555555555)) << 1;
  w = (w >> 2 & UINT64_C (0x3333333333333333)) |
      (w & UINT64_C (0x3333333333333333)) << 2;
  return (w >> 4 & UINT64_C (0x0f0f0f0f0f0f0f0f)) |
         (w & UINT64_C (0x0f0f0f0f0f0f0f0f)) << 4;
}

/* A word of the file to canonical, and back. */
static inline uint64_t
canonical (const struct image *i, uint64_t raw)
{
  le64 w;

  memcpy (w.b, &raw, sizeof w.b);
  raw = le64_get (w);
  return i->format->bits_msb_first ? reverse (raw) : raw;
}

/* Bits [START, END) of a page are bits [FROM, TO) of word NUMBER. */
struct word {
  uint32_t number;
  uint64_t mask;
  uint32_t end; /* of the bits in it, in the page */
};

static inline struct word
word_at (uint32_t start, uint32_t end)
{
  const uint32_t from = start % 64;
  const uint32_t n = end - start < 64 - from ? end - start : 64 - from;

  return (struct word){
    .number = start / 64,
    .mask = (n == 64 ? UINT64_MAX : (UINT64_C (1) << n) - 1) << from,
    .end = start + n,
  };
}

static inline _Atomic uint64_t *
word_of (struct pages_page *p, uint32_t number)
{
  return (_Atomic uint64_t *) (void *) p->data + number;
}

static inline uint64_t
load (const struct image *i, struct pages_page *p, uint32_t number)
{
  return canonical (
    i, atomic_load_explicit (word_of (p, number), memory_order_acquire));
}

/* The first bit of [START, END) of the page that is not SET, or END. */
static uint32_t
run_in_page (const struct image *i, struct pages_page *p, uint32_t start,
             uint32_t end, bool set)
{
  while (start < end) {
    const struct word w = word_at (start, end);
    uint64_t other = load (i, p, w.number);

    if (set)
      other = ~other;
    other &= w.mask;
    if (other != 0)
      return w.number * 64 + (uint32_t) __builtin_ctzll (other);
    start = w.end;
  }
  return end;
}

/* Sectors [START, END) of a block as a part of a page, as far as that. */
struct part {
  uint64_t page;
  uint32_t start, end; /* in the page */
};

static struct part
part_at (const struct image *i, uint64_t block, uint32_t start, uint32_t end)
{
  const uint64_t sector = block * block_sectors (i) + start;
  struct part p = {
    .page = sector / i->bits_page_sectors,
    .start = (uint32_t) (sector % i->bits_page_sectors),
  };

  p.end = (uint32_t) min_u64 (p.start + (uint64_t) (end - start),
                              i->bits_page_sectors);
  return p;
}

int
image_bits_run (struct image *i, uint64_t block, uint32_t start, uint32_t end,
                bool *set, uint32_t *run_end, int *err)
{
  bool first = true;

  while (start < end) {
    const struct part part = part_at (i, block, start, end);
    struct pages_page *p = pages_get (&i->core->bits, part.page, err);
    uint32_t stop;

    if (p == NULL)
      return -1;
    if (first)
      *set = load (i, p, part.start / 64) >> part.start % 64 & 1;
    first = false;
    stop = run_in_page (i, p, part.start, part.end, *set);
    start += stop - part.start;
    if (stop < part.end)
      break;
  }
  *run_end = start;
  return 0;
}

int
image_bits_prepare (struct image *i, uint64_t block, uint32_t start,
                    uint32_t end, int *err)
{
  while (start < end) {
    const struct part part = part_at (i, block, start, end);

    if (pages_get_own (&i->core->bits, part.page, err) == NULL)
      return -1;
    start += part.end - part.start;
  }
  return 0;
}

static void
put_in_page (const struct image *i, struct pages_page *p, uint32_t start,
             uint32_t end, bool set)
{
  while (start < end) {
    const struct word w = word_at (start, end);
    const uint64_t mask = canonical (i, w.mask);

    if (set)
      atomic_fetch_or (word_of (p, w.number), mask);
    else
      atomic_fetch_and (word_of (p, w.number), ~mask);
    start = w.end;
  }
}

/* The mark comes first: who sees the bits sees that they are not durable. */
void
image_bits_put (struct image *i, uint64_t block, uint32_t start, uint32_t end,
                bool set, bool mark)
{
  while (start < end) {
    const struct part part = part_at (i, block, start, end);
    struct pages_page *p = pages_peek (&i->core->bits, part.page);

    if (run_in_page (i, p, part.start, part.end, set) < part.end) {
      if (mark)
        image_mark (i, &i->core->bits, p);
      put_in_page (i, p, part.start, part.end, set);
    }
    start += part.end - part.start;
  }
}
