/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Any bytes as a report of NVMe reservations, of either kind: what is taken
 * is a state of reservations, and READ FULL STATUS can tell it.
 */

#include <config.h>

#include <string.h>

#include "fuzz/fuzz.h"
#include "pr/pr-nvme-map.h"
#include "reservation/reservation-scsi.h"

const char fuzz_name[] = "pr-nvme";

static void
check (const uint8_t *data, size_t size, bool extended, uint8_t rescap)
{
  static uint8_t full[RESERVATION_DATA_MAX];
  static struct reservation r;
  const uint8_t cdb[RESERVATION_CDB_SIZE] = { RESERVATION_IN_OPCODE,
                                              RESERVATION_READ_FULL_STATUS,
                                              0,
                                              0,
                                              0,
                                              0,
                                              0,
                                              0xff,
                                              0xff };
  const enum pr_nvme_report_status status =
    pr_nvme_report_parse (data, size, extended, rescap, &r);
  size_t n;

  fuzz_assert (pr_nvme_report_status_string (status) != NULL);
  if (status != PR_NVME_REPORT_OK)
    return;
  fuzz_assert (r.n <= RESERVATION_REGISTRANTS_MAX);
  fuzz_assert (r.type == RESERVATION_NONE || r.holder < r.n);
  for (unsigned i = 0; i < r.n; i++) {
    fuzz_assert (reservation_name_valid (r.registrant[i].name));
    fuzz_assert (reservation_find (&r, r.registrant[i].name) == (int) i);
    fuzz_assert (r.registrant[i].key != 0);
  }
  fuzz_assert (reservation_in (&r, cdb, full, sizeof full, &n) ==
               RESERVATION_GOOD);
}

/* The first byte says which kind, and what the namespace can do. */
int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  if (size > 0)
    check (data + 1, size - 1, data[0] & 0x80, data[0] & 0x7f);
  return 0;
}
