/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Any ring of log entries: what is found is what trying every sector as a
 * start finds, in linear time, and replaying it changes nothing that it
 * must not.
 *
 * An input is the number of sectors of the ring, then commands that fill
 * it: whole entries, bytes at a place, sectors moved, checksums renewed.
 */

#include <config.h>

#include <stdlib.h>
#include <string.h>

#include "base/align.h"
#include "fuzz/fuzz.h"
#include "vhdx/vhdx-checksum.h"
#include "vhdx/vhdx-log.h"

const char fuzz_name[] = "vhdx-log";

#define SECTOR VHDX_LOG_SECTOR
#define SECTORS_MAX 200u
#define PAGES_MAX 140u
#define LOG_OFFSET (UINT64_C (1) << 20)

static uint8_t ring[SECTORS_MAX * SECTOR], entry[SECTORS_MAX * SECTOR];
static uint64_t reads;

struct input {
  const uint8_t *p;
  size_t left;
};

static uint8_t
next (struct input *in)
{
  if (in->left == 0)
    return 0;
  in->left--;
  return *in->p++;
}

static int
read_ring (void *opaque, void *buf, uint32_t count, uint32_t offset)
{
  const struct vhdx_log *log = opaque;

  fuzz_assert (count == SECTOR && offset % SECTOR == 0);
  fuzz_assert (offset <= log->length - count);
  memcpy (buf, ring + offset, count);
  reads++;
  return 0;
}

static void
copy_round (const struct vhdx_log *log, uint32_t offset, uint8_t *p,
            uint32_t count, bool to_ring)
{
  for (uint32_t at = 0; at < count; at += SECTOR) {
    uint8_t *sector = ring + (offset + at) % log->length;

    memcpy (to_ring ? sector : p + at, to_ring ? p + at : sector, SECTOR);
  }
}

/* An entry as a writer makes it: place, tail, number, pages. */
static void
put_entry (const struct vhdx_log *log, struct input *in)
{
  static uint8_t page[SECTOR];
  static struct vhdx_log_change changes[PAGES_MAX];
  const uint32_t nsectors = log->length / SECTOR;
  const uint32_t at = next (in) % nsectors * SECTOR;
  const uint32_t tail = next (in) % nsectors * SECTOR;
  struct vhdx_log_entry e = {
    .tail = tail,
    .sequence = (uint64_t) next (in) - 128,
    .flushed_offset = 4 * LOG_OFFSET,
    .last_offset = 4 * LOG_OFFSET,
  };
  const uint32_t n = next (in) % PAGES_MAX;
  const uint8_t kinds = next (in);
  uint32_t npages = 0;

  memset (page, next (in), sizeof page);
  for (uint32_t i = 0; i < n; i++) {
    changes[i] = (struct vhdx_log_change){
      .offset = (2 + i) * LOG_OFFSET,
      .length = SECTOR,
      .page = kinds >> i % 8 & 1 ? NULL : page,
    };
    npages += changes[i].page != NULL;
  }
  if (vhdx_log_entry_size (n, npages) > log->length)
    return;
  vhdx_log_entry_serialise (&e, &log->id, changes, n, entry);
  copy_round (log, at, entry, e.length, true);
}

static void
put_bytes (const struct vhdx_log *log, struct input *in)
{
  const uint32_t sector = next (in) % (log->length / SECTOR);
  const uint32_t at = (next (in) | next (in) << 8) % SECTOR;
  const uint32_t n = (uint32_t) min_u64 (next (in), SECTOR - at);

  for (uint32_t i = 0; i < n; i++)
    ring[sector * SECTOR + at + i] = next (in);
}

static void
renew_checksum (const struct vhdx_log *log, struct input *in)
{
  const uint32_t at = next (in) % (log->length / SECTOR) * SECTOR;
  le32 length, crc;

  memcpy (&length, ring + at + 8, sizeof length);
  if (le32_get (length) < SECTOR || le32_get (length) > log->length ||
      le32_get (length) % SECTOR != 0)
    return;
  copy_round (log, at, entry, le32_get (length), false);
  crc = le32_put (vhdx_checksum (entry, le32_get (length)));
  memcpy (ring + at + VHDX_CHECKSUM_OFFSET, &crc, sizeof crc);
}

static void
fill (const struct vhdx_log *log, struct input *in)
{
  memset (ring, 0, sizeof ring);
  for (unsigned n = 0; in->left > 0 && n < 300; n++)
    switch (next (in) % 4) {
    case 0:
      put_entry (log, in);
      break;
    case 1:
      put_bytes (log, in);
      break;
    case 2:
      renew_checksum (log, in);
      break;
    case 3: {
      const uint32_t nsectors = log->length / SECTOR;
      const uint32_t from = next (in) % nsectors * SECTOR;
      const uint32_t to = next (in) % nsectors * SECTOR;

      memmove (ring + to, ring + from, SECTOR);
      break;
    }
    }
}

/* The largest number of a last entry whose tail is in its run, with runs
 * from every sector; 0: none.
 */
static uint64_t
best_of_all (const struct vhdx_log *log)
{
  uint64_t best = 0;

  for (uint32_t start = 0; start < log->length; start += SECTOR) {
    static uint32_t offsets[SECTORS_MAX];
    struct vhdx_log_entry e, last = { .sequence = 0 };
    uint32_t n = 0, at = start, used = 0;
    bool found = false;

    while (vhdx_log_entry_parse (log, at, &e) == VHDX_OK &&
           e.length <= log->length - used &&
           (n == 0 || e.sequence == last.sequence + 1)) {
      used += e.length;
      offsets[n++] = at;
      last = e;
      at = (at + e.length) % log->length;
    }
    for (uint32_t i = 0; i < n; i++)
      found = found || offsets[i] == last.tail;
    if (found)
      best = max_u64 (best, last.sequence);
  }
  return best;
}

static int
apply (void *opaque, const struct vhdx_log_change *c)
{
  const struct vhdx_log *log = opaque;

  fuzz_assert (c->length > 0 && c->offset >= VHDX_LOG_TARGET_START);
  fuzz_assert (c->offset % SECTOR == 0 && c->length % SECTOR == 0);
  fuzz_assert (c->length <= INT64_MAX && c->offset <= INT64_MAX - c->length);
  fuzz_assert (c->offset + c->length <= LOG_OFFSET ||
               c->offset >= LOG_OFFSET + log->length);
  fuzz_assert (c->page == NULL || c->length == SECTOR);
  return 0;
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  struct input in = { data, size };
  struct vhdx_log log = {
    .offset = LOG_OFFSET,
    .id = { "this ring's id!!" },
    .read = read_ring,
    .opaque = &log,
  };
  struct vhdx_log_active a;
  enum vhdx_status status;
  uint64_t best;

  log.length = (1 + next (&in) % SECTORS_MAX) * SECTOR;
  fill (&log, &in);
  reads = 0;
  status = vhdx_log_find (&log, &a);
  fuzz_assert (reads <= 8 * (uint64_t) (log.length / SECTOR));
  best = best_of_all (&log);
  fuzz_assert ((status == VHDX_OK) == (best != 0));
  if (status != VHDX_OK) {
    fuzz_assert (status == VHDX_LOG_EMPTY && a.nentries == 0);
    return 0;
  }
  fuzz_assert (a.head.sequence == best && a.head.tail == a.tail.offset);
  fuzz_assert (a.head.sequence - a.tail.sequence == a.nentries - 1);
  fuzz_assert (a.next == (a.head.offset + a.head.length) % log.length);
  fuzz_assert (vhdx_log_replay (&log, &a, apply, &log) == VHDX_OK);
  return 0;
}
