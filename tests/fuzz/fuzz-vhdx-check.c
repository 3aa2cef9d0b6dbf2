/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A small VHDX with any bytes changed, checked and opened: the check says
 * "fatal" if and only if it cannot be opened, "error" only if it cannot be
 * opened for writing; and what it says nothing about can be.
 *
 * An input is a byte of flags (which file, which checksums are made right)
 * and then changes: where, 3 bytes, in units that the first two bits say
 * (a byte, 8 bytes of the first 64 KiB of a region, an entry of the BAT);
 * how many bytes, 1 byte; and those.
 */

#include <config.h>

#include <stdlib.h>
#include <string.h>

#include "base/align.h"
#include "fuzz/fuzz.h"
#include "image/vhdx/image-vhdx.h"
#include "image/vhdx/vhdx-check.h"
#include "support/log-memory.h"
#include "support/store-fault.h"
#include "unit/vhdx-pieces.h"

const char fuzz_name[] = "vhdx-check";

enum {
  CHILD = 1,
  WITH_LOG = 2,
  REPAIR_HEADERS = 4,
  REPAIR_REGIONS = 8,
  REPAIR_LOG = 16,
  SHORT_FILE = 32,
};

static struct vhdx_pieces file;

static void
repair (struct mem_image *m, uint64_t offset, size_t length)
{
  static uint8_t buf[VHDX_REGION_SIZE];
  le32 crc;

  mem_image_read (m, buf, length, offset);
  crc = le32_put (vhdx_checksum (buf, length));
  mem_image_write (m, &crc, sizeof crc, offset + VHDX_CHECKSUM_OFFSET);
}

static struct store *
make (uint8_t flags)
{
  le64 page[512];
  struct store *s;

  vhdx_pieces_init (&file, flags & CHILD);
  if (flags & SHORT_FILE)
    file.size -= 512;
  s = vhdx_pieces_store (&file);
  for (unsigned i = 0; i < 512; i++)
    page[i] = le64_put (file.bat[i]);
  page[5] = le64_put (0x800006);
  if (flags & WITH_LOG)
    vhdx_pieces_log (&file, s, (uint8_t *) page, 3 * MIB, 9 * MIB);
  return s;
}

/* Places that matter, close together in the numbers. */
static uint64_t
place (uint32_t where)
{
  const uint32_t n = where & 0x3fffff;

  switch (where >> 22) {
  case 0:
    return n;
  case 1:
    return 2 * MIB + n % 0x20000;
  case 2:
    return 3 * MIB + 8 * (n % 4100);
  default:
    return n % 2 ? MIB + n / 2 % 8192 :
                   VHDX_HEADER_OFFSET (0) + n / 2 % 0x40000;
  }
}

static void
change (struct mem_image *m, const uint8_t *data, size_t size)
{
  while (size >= 4) {
    const uint64_t at =
      place ((uint32_t) (data[0] << 16 | data[1] << 8 | data[2]));
    const size_t n = min_u64 (data[3], size - 4);

    if (at + n <= mem_image_size (m))
      mem_image_write (m, data + 4, n, at);
    data += 4 + n;
    size -= 4 + n;
  }
}

static void
repair_all (struct mem_image *m, uint8_t flags)
{
  for (unsigned i = 0; i < 2; i++) {
    if (flags & REPAIR_HEADERS)
      repair (m, VHDX_HEADER_OFFSET (i), VHDX_HEADER_SIZE);
    if (flags & REPAIR_REGIONS)
      repair (m, VHDX_REGION_OFFSET (i), VHDX_REGION_SIZE);
  }
  if (flags & REPAIR_LOG)
    repair (m, MIB, 2 * VHDX_LOG_SECTOR);
}

static void
count (void *opaque, const struct image_finding *f)
{
  unsigned *n = opaque;

  fuzz_assert (f->text[0] != '\0' && f->severity < IMAGE_SEVERITIES);
  (*n)++;
}

static void
run_check (struct store *s, struct image_check_result *r)
{
  unsigned n = 0;
  const struct image_check c = { count, &n };
  int err;

  fuzz_assert (vhdx_check (s, "x", &c, r, &err) == 0);
  fuzz_assert (n <= r->count[0] + r->count[1] + r->count[2] + r->count[3]);
}

static bool
opens (struct store *s, bool read_only)
{
  const struct image_open_options o = { .name = "x", .read_only = read_only };
  struct store *borrowed = store_fault_borrow (s);
  struct image *i = image_vhdx_open (borrowed, &o);

  log_memory_clear ();
  if (i == NULL)
    store_close (borrowed);
  else
    image_close (i);
  return i != NULL;
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  struct image_check_result before, after;
  struct store *s;
  bool fatal, error;

  if (size == 0)
    return 0;
  s = make (data[0]);
  change (store_mem_image (s), data + 1, size - 1);
  repair_all (store_mem_image (s), data[0]);
  run_check (s, &before);
  fatal = before.count[IMAGE_FATAL] > 0;
  error = before.count[IMAGE_ERROR] > 0;
  fuzz_assert (opens (s, true) == !fatal);
  if (opens (s, false)) {
    fuzz_assert (!fatal && !error);
    run_check (s, &after);
    fuzz_assert (after.count[IMAGE_FATAL] == 0);
    fuzz_assert (after.count[IMAGE_ERROR] == 0);
    fuzz_assert (after.size == before.size);
    fuzz_assert (after.allocated == before.allocated);
  }
  else
    fuzz_assert (fatal || error || before.count[IMAGE_NOTE] > 0);
  store_close (s);
  return 0;
}
