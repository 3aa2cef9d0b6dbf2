/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Walking all of the BAT: which space blocks take.  Pages are read in
 * large pieces and not kept, and holes of the file are skipped if a zero
 * entry is an absent block.
 */

#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "base/align.h"
#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "image/image-core.h"

/* Bytes of the BAT that are read at once. */
#define PIECE (256 * 1024)

/* The first block whose entry is at INDEX or behind. */
static uint64_t
block_from (const struct image *i, uint64_t index)
{
  uint64_t low = 0, high = i->nblocks;

  while (low < high) {
    const uint64_t middle = low + (high - low) / 2;

    if (i->format->entry_index (i, middle) >= index)
      high = middle;
    else
      low = middle + 1;
  }
  return low;
}

static uint64_t
raw_at (const struct image *i, const uint8_t *buf, uint64_t n)
{
  uint32_t raw32;
  uint64_t raw64;

  if (i->format->entry_size == 8) {
    memcpy (&raw64, buf + n * 8, 8);
    return raw64;
  }
  memcpy (&raw32, buf + n * 4, 4);
  return raw32;
}

/* BUF has the entries from FIRST on, N of them. */
static int
visit_some (struct image *i, const uint8_t *buf, uint64_t first, uint64_t n,
            image_block_fn fn, void *opaque, int *err)
{
  for (uint64_t block = block_from (i, first); block < i->nblocks; block++) {
    const uint64_t index = i->format->entry_index (i, block);
    struct image_entry e;

    if (index >= first + n)
      break;
    e = i->format->get_entry (i, block, raw_at (i, buf, index - first));
    if ((e.state == BLOCK_FULL || e.state == BLOCK_BITS) &&
        fn (opaque, i, block, &e, err) == -1)
      return -1;
  }
  return 0;
}

/* The same, in COUNT bytes from AT on; of pages that are zero and so have
 * no block, which a file has many of, no entry is looked at.
 */
static int
visit_entries (struct image *i, const uint8_t *buf, uint64_t at, uint64_t count,
               image_block_fn fn, void *opaque, int *err)
{
  const unsigned size = i->format->entry_size;

  for (uint64_t k = 0, n; k < count; k += n) {
    n = min_u64 (IMAGE_PAGE, count - k);
    if (!(i->core->zero_is_absent && bytes_are_zero (buf + k, n)) &&
        visit_some (i, buf + k, (at + k) / size, n / size, fn, opaque, err) ==
          -1)
      return -1;
  }
  return 0;
}

/* Is there a hole at OFFSET?  In *END, where what is there ends. */
static bool
in_hole (struct image *i, uint64_t offset, uint64_t *end)
{
  struct extent_list l;
  bool hole = false;
  int err;

  extent_list_init (&l, offset, *end, true);
  if (store_extents (i->inner, *end - offset, offset, STORE_REQ_ONE, &l,
                     &err) == 0 &&
      l.len > 0) {
    hole = l.v[0].type & EXTENT_ZERO;
    *end = min_u64 (*end, offset + l.v[0].count);
  }
  extent_list_fini (&l);
  return hole;
}

int
image_each_block (struct image *i, image_block_fn fn, void *opaque, int *err)
{
  const uint64_t size = i->format->entry_size;
  const uint64_t end = ROUND_UP (i->bat_nentries * size, 512);
  CLEANUP_FREE uint8_t *buf = malloc (PIECE);
  uint64_t at = 0, next;

  if (buf == NULL)
    return image_no_memory (i, err);
  for (; at < end; at = next) {
    uint64_t stop = i->bat_offset + end;

    next = min_u64 (at + PIECE, end);
    if (i->core->zero_is_absent && i->inner->info.extents) {
      const bool hole = in_hole (i, i->bat_offset + at, &stop);

      stop = ROUND_DOWN (stop - i->bat_offset, 512);
      if (hole && stop > at) {
        next = stop;
        continue;
      }
    }
    if (image_inner_read (i, buf, next - at, i->bat_offset + at,
                          "block allocation table", err) == -1 ||
        visit_entries (i, buf, at, next - at, fn, opaque, err) == -1)
      return -1;
  }
  return 0;
}

/* ------------------------------------------------------------------ */
/* Claiming */

struct claim {
  uint64_t first;      /* block, of those that are not claimed yet */
  uint64_t start, end; /* their space in one piece; none if equal */
  uint64_t nblocks;
};

struct other {
  uint64_t block, start;
};

static int
find_other (void *opaque, struct image *i, uint64_t block,
            const struct image_entry *e, int *err)
{
  struct other *o = opaque;
  const uint64_t start = e->place - i->core->data_at;

  if (block == o->block || start >= o->start + i->core->footprint ||
      o->start >= start + i->core->footprint)
    return 0;
  o->block = block;
  *err = 0;
  return -1;
}

static int
overlap (struct image *i, uint64_t block, uint64_t start, int *err)
{
  struct other o = { .block = block, .start = start };
  int e = EIO;

  if (image_each_block (i, find_other, &o, &e) == -1 && e == 0)
    log_error ("%s: blocks %" PRIu64 " and %" PRIu64 " overlap in the file, "
               "at %" PRIu64,
               i->name, min_u64 (block, o.block), max_u64 (block, o.block),
               start);
  else
    log_error ("%s: block %" PRIu64 " at %" PRIu64 " overlaps metadata of "
               "the file",
               i->name, block, start);
  *err = EINVAL;
  return -1;
}

/* All of [first, ...) at once, or each by itself to see which it is. */
static int
claim_run (struct image *i, struct claim *c, int *err)
{
  const uint64_t size = i->core->footprint;
  int r = image_space_claim (i->space, c->start, c->end - c->start);
  uint64_t start = c->start;

  if (r == 0 && c->end - start == size)
    return overlap (i, c->first, start, err);
  for (uint64_t k = 0; r == 0 && start < c->end; k++, start += size) {
    r = image_space_claim (i->space, start, size);
    if (r == 0)
      return overlap (i, c->first + k, start, err);
    r = r == 1 ? 0 : r;
  }
  if (r == -1)
    return image_no_memory (i, err);
  c->start = c->end;
  return 0;
}

static int
claim_block (void *opaque, struct image *i, uint64_t block,
             const struct image_entry *e, int *err)
{
  struct claim *c = opaque;
  const uint64_t start = e->place - i->core->data_at;

  if (e->place < i->core->data_at || start >= store_size (i->inner)) {
    log_error ("%s: block %" PRIu64 " at %" PRIu64 " is beyond the end of "
               "the file, which is %" PRIu64,
               i->name, block, e->place, store_size (i->inner));
    *err = EINVAL;
    return -1;
  }
  c->nblocks++;
  if (c->start < c->end &&
      (start != c->end ||
       block != c->first + (c->end - c->start) / i->core->footprint) &&
      claim_run (i, c, err) == -1)
    return -1;
  if (c->start == c->end) {
    c->first = block;
    c->start = start;
  }
  c->end = start + i->core->footprint;
  return 0;
}

int
image_claim_blocks (struct image *i, int *err)
{
  struct claim c = { .start = 0 };

  if (image_each_block (i, claim_block, &c, err) == -1 ||
      (c.start < c.end && claim_run (i, &c, err) == -1))
    return -1;
  atomic_store (&i->core->used, c.nblocks * i->core->footprint);
  atomic_store (&i->core->used_known, true);
  return 0;
}

/* ------------------------------------------------------------------ */

static int
count_block (void *opaque, struct image *i, uint64_t block,
             const struct image_entry *e, int *err)
{
  uint64_t *n = opaque;

  ++*n;
  return 0;
}

uint64_t
image_used (const struct image *i)
{
  struct image *m = (struct image *) i;
  struct image_core *c = i->core;
  uint64_t n = 0;
  int err;

  if (atomic_load (&c->used_known))
    return atomic_load (&c->used);
  /* Nothing is changed before it is known. */
  LOCK_SCOPE (&c->change_lock);
  if (!atomic_load (&c->used_known) &&
      image_each_block (m, count_block, &n, &err) == 0) {
    atomic_store (&c->used, n * c->footprint);
    atomic_store (&c->used_known, true);
  }
  return atomic_load (&c->used);
}
