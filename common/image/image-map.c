/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What is where, and reading it.  No locks: a visit keeps what was found
 * from being used for something else.
 */

#include <config.h>

#include <errno.h>
#include <inttypes.h>

#include "base/align.h"
#include "base/log.h"
#include "image/image-core.h"

/* ------------------------------------------------------------------ */
/* Entries */

uint32_t
image_bat_page_count (const struct image *i, uint64_t number)
{
  const uint64_t bytes = i->bat_nentries * i->format->entry_size;

  return (uint32_t) min_u64 (IMAGE_PAGE,
                             ROUND_UP (bytes - number * IMAGE_PAGE, 512));
}

int
image_bat_load (void *opaque, uint64_t number, uint8_t *data, int *err)
{
  struct image *i = opaque;

  return image_inner_read (i, data, image_bat_page_count (i, number),
                           i->bat_offset + number * IMAGE_PAGE,
                           "block allocation table", err);
}

static int
bad_entry (struct image *i, uint64_t block, uint64_t raw, int *err)
{
  if (atomic_exchange (&i->core->bad_logged, true))
    log_debug ("%s: block %" PRIu64 ": bad entry 0x%" PRIx64, i->name, block,
               raw);
  else
    log_error ("%s: block %" PRIu64 ": the block allocation table has the "
               "bad entry 0x%" PRIx64,
               i->name, block, raw);
  *err = EIO;
  return -1;
}

int
image_get_entry (struct image *i, uint64_t block, struct image_entry *e,
                 uint64_t *raw, int *err)
{
  if (raw_get (i, i->format->entry_index (i, block), raw, err) == -1)
    return -1;
  *e = i->format->get_entry (i, block, *raw);
  if (__builtin_expect (e->state == BLOCK_BAD, 0) ||
      (e->state == BLOCK_BITS && !i->has_bits))
    return bad_entry (i, block, *raw, err);
  return 0;
}

bool
image_entry_is (struct image *i, uint64_t block, uint64_t raw)
{
  const uint64_t index = i->format->entry_index (i, block);

  /* It was looked at before, so it is there. */
  return entry_load (i, pages_peek (&i->core->bat, bat_page_of (i, index)),
                     index) == raw;
}

/* ------------------------------------------------------------------ */
/* Runs */

/* All that are in a page of the BAT that has nothing in it. */
uint64_t
image_absent_until (struct image *i, uint64_t block)
{
  const struct image_core *c = i->core;
  const uint64_t page = bat_page_of (i, i->format->entry_index (i, block));
  uint64_t low = block + 1, high = i->nblocks;

  if (!c->zero_is_absent || pages_peek (&c->bat, page) != c->bat.zero)
    return low;
  while (low < high) {
    const uint64_t middle = low + (high - low) / 2;

    if (bat_page_of (i, i->format->entry_index (i, middle)) > page)
      high = middle;
    else
      low = middle + 1;
  }
  return low;
}

static int
run_of_bits (struct image *i, uint64_t block, uint64_t place, uint64_t within,
             uint64_t count, struct image_run *run, int *err)
{
  const uint32_t start = (uint32_t) (within >> i->sector_shift);
  const uint32_t end =
    (uint32_t) (DIV_ROUND_UP (within + count, i->info.sector_size));
  uint32_t run_end;
  bool set;

  if (image_bits_run (i, block, start, end, &set, &run_end, err) == -1)
    return -1;
  run->state = set ? IMAGE_DATA : IMAGE_ABSENT;
  run->place = place + within;
  run->count =
    min_u64 (count, ((uint64_t) run_end << i->sector_shift) - within);
  return 0;
}

/* The same, within one block, or for absent ones a page of the BAT. */
static int
run_in_block (struct image *i, uint64_t offset, uint64_t end,
              struct image_run *run, int *err)
{
  const uint64_t block = offset >> i->block_shift;
  const uint64_t within = offset & (i->core->block_size - 1);
  struct image_entry e;
  uint64_t raw;

  for (;;) {
    if (image_get_entry (i, block, &e, &raw, err) == -1)
      return -1;
    run->count = min_u64 (i->core->block_size - within, end - offset);
    run->place = e.place + within;
    switch (e.state) {
    case BLOCK_FULL:
      run->state = IMAGE_DATA;
      return 0;
    case BLOCK_ZERO:
      run->state = IMAGE_ZERO;
      return 0;
    case BLOCK_BITS:
      if (run_of_bits (i, block, e.place, within, run->count, run, err) == -1)
        return -1;
      if (image_entry_is (i, block, raw))
        return 0;
      break;
    default:
      run->state = IMAGE_ABSENT;
      run->count =
        min_u64 ((image_absent_until (i, block) << i->block_shift) - offset,
                 end - offset);
      return 0;
    }
  }
}

static bool
goes_on (const struct image_run *a, const struct image_run *b)
{
  return a->state == b->state &&
         (a->state != IMAGE_DATA || a->place + a->count == b->place);
}

/* What the file has no more is zero. */
static void
cut_at_data_end (const struct image *i, struct image_run *run)
{
  if (run->state != IMAGE_DATA || run->place + run->count <= i->data_end)
    return;
  if (run->place < i->data_end)
    run->count = i->data_end - run->place;
  else
    run->state = IMAGE_ZERO;
}

int
image_run_at (struct image *i, uint64_t offset, uint64_t end,
              struct image_run *run, int *err)
{
  if (run_in_block (i, offset, end, run, err) == -1)
    return -1;
  while (offset + run->count < end) {
    struct image_run next;
    int ignored;

    /* Trouble there is for who gets there. */
    if (run_in_block (i, offset + run->count, end, &next, &ignored) == -1 ||
        !goes_on (run, &next))
      break;
    run->count += next.count;
  }
  if (i->data_end != 0)
    cut_at_data_end (i, run);
  return 0;
}

int
image_map (struct image *i, uint64_t offset, uint64_t *count,
           enum image_state *state, uint64_t *place, int *err)
{
  struct image_run run;

  if (image_run_at (i, offset, offset + *count, &run, err) == -1)
    return -1;
  *count = run.count;
  *state = run.state;
  *place = run.place;
  return 0;
}

void
image_enter (struct image *i, struct image_visit *v)
{
  visit_enter (&i->core->visitors, v);
}

void
image_leave (struct image *i, struct image_visit *v)
{
  visit_leave (&i->core->visitors, v);
}

/* ------------------------------------------------------------------ */
/* Reading */

static int
read_absent (void *buf, uint64_t count, uint64_t offset, image_absent absent,
             void *opaque, int *err)
{
  if (absent != NULL)
    return absent (opaque, buf, count, offset, err);
  memset (buf, 0, count);
  return 0;
}

/* The file may end inside its last block: zeroes stand for the rest. */
static int
read_data (struct image *i, char *buf, uint64_t count, uint64_t place, int *err)
{
  const uint64_t size = store_size (i->inner);
  uint64_t n = count;

  if (__builtin_expect (place + count > size, 0)) {
    n = place < size ? size - place : 0;
    memset (buf + n, 0, count - n);
  }
  return store_read (i->inner, buf, n, place, err);
}

/* Read what is there; in RUN the first absent part, or nothing of it. */
static int
read_present (struct image *i, char *buf, uint64_t offset, uint64_t end,
              uint64_t *done, struct image_run *run, int *err)
{
  const uint64_t start = offset;

  run->count = 0;
  for (; offset < end; offset += run->count) {
    char *p = buf + (offset - start);

    if (image_run_at (i, offset, end, run, err) == -1)
      return -1;
    if (run->state == IMAGE_ABSENT)
      break;
    if (run->state == IMAGE_ZERO)
      memset (p, 0, run->count);
    else if (read_data (i, p, run->count, run->place, err) == -1)
      return -1;
  }
  *done = offset - start;
  if (offset == end)
    run->count = 0;
  return 0;
}

int
image_read (struct image *i, void *buf, uint64_t count, uint64_t offset,
            image_absent absent, void *opaque, int *err)
{
  const uint64_t end = offset + count;
  char *p = buf;

  while (offset < end) {
    struct image_visit v;
    struct image_run run;
    uint64_t done;
    int r;

    image_enter (i, &v);
    r = read_present (i, p, offset, end, &done, &run, err);
    image_leave (i, &v);
    if (r == -1)
      return -1;
    p += done;
    offset += done;
    if (run.count == 0)
      continue;
    if (read_absent (p, run.count, offset, absent, opaque, err) == -1)
      return -1;
    p += run.count;
    offset += run.count;
  }
  return 0;
}
