/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Any bytes as the start of a layer file, as a log batch, as records and
 * as a row of the map: what is accepted is what the parsers promise, and
 * comes back the same from serialising.  A batch is tried as it is and
 * with the checksums that belong to it.
 */

#include <config.h>

#include <string.h>

#include "base/align.h"
#include "fuzz/fuzz.h"
#include "sector-db/sdb-header.h"
#include "sector-db/sdb-log.h"

const char fuzz_name[] = "sdb-header";

static void
check_header (const uint8_t *p, size_t n)
{
  struct sdb_header h;
  const enum sdb_status status = sdb_header_parse (p, n, &h);

  fuzz_assert (sdb_status_string (status) != NULL);
  fuzz_assert ((n < SDB_HEADER_SIZE) == (status == SDB_TOO_SHORT));
  if (status == SDB_OK)
    fuzz_assert (h.page_size == SDB_PAGE_SIZE_BYTES &&
                 h.user_version >= SDB_VERSION_FIRST &&
                 h.user_version <= SDB_VERSION &&
                 h.application_id == SDB_APPLICATION_ID);
}

static void
check_run (const struct sdb_run *r, unsigned nsectors)
{
  uint8_t buf[SDB_RUN_MAX];
  const uint8_t *p = buf;
  struct sdb_run back;
  const size_t n = sdb_run_put (buf, r, nsectors);

  fuzz_assert (n <= sizeof buf && r->nclusters > 0);
  fuzz_assert (r->kind != SDB_DATA ||
               sdb_places_valid (r->place, r->nclusters));
  fuzz_assert (sdb_run_get (&p, buf + n, nsectors, &back) == SDB_OK);
  fuzz_assert (p == buf + n && memcmp (r, &back, sizeof back) == 0);
}

/* Until one is wrong. */
static void
check_runs (const uint8_t *p, const uint8_t *end, unsigned nsectors)
{
  struct sdb_run r;

  while (p < end) {
    const uint8_t *const before = p;

    if (sdb_run_get (&p, end, nsectors, &r) != SDB_OK)
      break;
    fuzz_assert (p > before && p <= end);
    check_run (&r, nsectors);
  }
  fuzz_assert (p <= end);
}

static void
check_records (const uint8_t *p, const uint8_t *end, unsigned nsectors)
{
  struct sdb_record r;

  while (p < end && sdb_record_get (&p, end, nsectors, &r) == SDB_OK) {
    fuzz_assert (p <= end);
    if (r.type == SDB_RECORD_MAP)
      check_run (&r.run, nsectors);
    else
      fuzz_assert (r.type == SDB_RECORD_DATA && r.nsectors > 0);
  }
}

static void
check_batch (const uint8_t *p, size_t n)
{
  struct sdb_batch b;
  struct uuid id = { { 0 } };
  uint64_t sequence = 0;
  uint8_t *sealed;

  /* Those that it says itself, or nothing would get beyond them. */
  if (n >= SDB_BATCH_HEADER_SIZE) {
    memcpy (id.b, p + 8, sizeof id.b);
    for (unsigned i = 0; i < 8; i++)
      sequence |= (uint64_t) p[24 + i] << 8 * i;
  }
  if (sdb_batch_parse (p, n, &id, sequence, n, &b) != SDB_OK)
    return;
  fuzz_assert (b.length <= n && b.data_offset <= b.length);
  fuzz_assert (SDB_BATCH_HEADER_SIZE + b.records_length <= b.data_offset);
  fuzz_assert (b.data_length <= b.length - b.data_offset);
  sdb_batch_verify (p, &b);

  sealed = malloc (b.length);
  fuzz_assert (sealed != NULL);
  memcpy (sealed, p, b.length);
  sdb_batch_seal (sealed, &b);
  fuzz_assert (sdb_batch_verify (sealed, &b) == SDB_OK);
  for (unsigned nsectors = 16; nsectors <= 128; nsectors *= 2)
    check_records (sealed + SDB_BATCH_HEADER_SIZE,
                   sealed + SDB_BATCH_HEADER_SIZE + b.records_length, nsectors);
  free (sealed);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  check_header (data, size);
  check_batch (data, size);
  for (unsigned nsectors = 16; nsectors <= 128; nsectors *= 2) {
    check_runs (data, data + size, nsectors);
    check_records (data, data + size, nsectors);
  }
  return 0;
}
