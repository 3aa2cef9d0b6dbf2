/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Any two headers and region tables: what is accepted keeps its promises
 * and comes back the same from serialising.
 *
 * An input is a byte of flags, the file's size (8 bytes), the first 80
 * bytes of each header, and a region table without the zeroes at its end;
 * the second table is the same but for one byte if a flag says so.  The
 * flags say, too, which checksums are made right.
 */

#include <config.h>

#include <string.h>

#include "base/align.h"
#include "base/bytes.h"
#include "fuzz/fuzz.h"
#include "vhdx/vhdx-checksum.h"
#include "vhdx/vhdx-guid.h"
#include "vhdx/vhdx-header.h"
#include "vhdx/vhdx-region.h"

const char fuzz_name[] = "vhdx-header";

#define HEADER_PART 80u
#define FIXED_PART (1 + 8 + 2 * HEADER_PART)

enum {
  REPAIR_FIRST = 1,
  REPAIR_SECOND = 2,
  REPAIR_TABLE = 4,
  OTHER_DIFFERS = 8,
};

static uint8_t headers[2][VHDX_HEADER_SIZE], tables[2][VHDX_REGION_SIZE];

static void
repair (uint8_t *p, size_t length)
{
  const le32 crc = le32_put (vhdx_checksum (p, length));

  memcpy (p + VHDX_CHECKSUM_OFFSET, &crc, sizeof crc);
}

static void
check_header (const struct vhdx_header *h, uint64_t file_size)
{
  static uint8_t bytes[VHDX_HEADER_SIZE];
  struct vhdx_header again;

  vhdx_header_serialise (h, bytes);
  fuzz_assert (vhdx_header_parse (bytes, &again) == VHDX_OK);
  fuzz_assert (memcmp (h, &again, sizeof again) == 0);
  if (vhdx_header_check (h, file_size) != VHDX_OK)
    return;
  fuzz_assert (h->version == VHDX_VERSION);
  if (h->log_length != 0)
    fuzz_assert (h->log_offset >= VHDX_HEADER_AREA &&
                 h->log_offset + h->log_length <= file_size);
  else
    fuzz_assert (uuid_is_nil (&h->log_id));
}

static bool
apart (uint64_t a, uint64_t na, uint64_t b, uint64_t nb)
{
  return na == 0 || nb == 0 || a + na <= b || b + nb <= a;
}

/* Every entry against every other, the slow way. */
static void
check_regions (const uint8_t *table, const struct vhdx_regions *r,
               const struct vhdx_header *h, uint64_t file_size)
{
  for (unsigned i = 0; i < r->count; i++) {
    const struct vhdx_region a = vhdx_region_get (table, i);

    fuzz_assert (a.length > 0 && a.offset >= VHDX_HEADER_AREA);
    fuzz_assert (a.offset < file_size);
    fuzz_assert (apart (a.offset, a.length, h->log_offset, h->log_length));
    for (unsigned k = 0; k < i; k++) {
      const struct vhdx_region b = vhdx_region_get (table, k);

      fuzz_assert (!uuid_equal (&a.id, &b.id));
      fuzz_assert (apart (a.offset, a.length, b.offset, b.length));
    }
  }
  fuzz_assert (uuid_equal (&r->bat.id, &vhdx_guid_bat));
  fuzz_assert (uuid_equal (&r->metadata.id, &vhdx_guid_metadata));
}

static void
check_round_trip (const uint8_t *table, unsigned count)
{
  static struct vhdx_region regions[VHDX_REGION_MAX];
  static uint8_t bytes[VHDX_REGION_SIZE];
  const size_t used = sizeof (struct vhdx_region_head_disk) +
                      count * sizeof (struct vhdx_region_disk);

  for (unsigned i = 0; i < count; i++)
    regions[i] = vhdx_region_get (table, i);
  vhdx_region_serialise (regions, count, bytes);
  fuzz_assert (vhdx_region_verify (bytes) == VHDX_OK);
  fuzz_assert (memcmp (bytes + 8, table + 8, used - 8) == 0);
}

static void
check_tables (const struct vhdx_header *h, uint64_t file_size)
{
  struct vhdx_region_copies c;
  struct vhdx_regions r;

  if (vhdx_region_choose (tables[0], tables[1], &c) != VHDX_OK) {
    fuzz_assert (c.status[0] != VHDX_OK && c.status[1] != VHDX_OK);
    return;
  }
  fuzz_assert (c.status[c.current] == VHDX_OK);
  fuzz_assert (c.current == 0 || c.status[0] != VHDX_OK);
  if (vhdx_region_parse (tables[c.current], h, file_size, &r) != VHDX_OK)
    return;
  check_regions (tables[c.current], &r, h, file_size);
  check_round_trip (tables[c.current], r.count);
}

static void
decode (const uint8_t *data, size_t size)
{
  const uint8_t flags = data[0];
  const size_t n = min_u64 (size - FIXED_PART, VHDX_REGION_SIZE);

  memset (headers, 0, sizeof headers);
  memset (tables, 0, sizeof tables);
  memcpy (headers[0], data + 9, HEADER_PART);
  memcpy (headers[1], data + 9 + HEADER_PART, HEADER_PART);
  memcpy (tables[0], data + FIXED_PART, n);
  if (flags & REPAIR_FIRST)
    repair (headers[0], sizeof headers[0]);
  if (flags & REPAIR_SECOND)
    repair (headers[1], sizeof headers[1]);
  if (flags & REPAIR_TABLE)
    repair (tables[0], sizeof tables[0]);
  memcpy (tables[1], tables[0], sizeof tables[1]);
  if (flags & OTHER_DIFFERS)
    tables[flags >> 7][24] ^= 1;
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  struct vhdx_headers h;
  uint64_t file_size;
  le64 v;

  if (size < FIXED_PART)
    return 0;
  decode (data, size);
  memcpy (&v, data + 1, sizeof v);
  file_size = le64_get (v);
  if (vhdx_headers_parse (headers[0], headers[1], &h) != VHDX_OK)
    return 0;
  fuzz_assert (h.status[h.current] == VHDX_OK);
  check_header (&h.header[h.current], file_size);
  if (vhdx_header_check (&h.header[h.current], file_size) == VHDX_OK)
    check_tables (&h.header[h.current], file_size);
  return 0;
}
