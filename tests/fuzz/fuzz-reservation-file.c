/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Any bytes as the file that keeps reservations: what is taken is written
 * again as it was.
 */

#include <config.h>

#include <string.h>

#include "base/bytes.h"
#include "base/crc32c.h"
#include "fuzz/fuzz.h"
#include "reservation/reservation-file.h"

const char fuzz_name[] = "reservation-file";

static void
check (const uint8_t *data, size_t size)
{
  static uint8_t again[RESERVATION_FILE_MAX];
  static struct reservation r;
  const enum reservation_file_status status =
    reservation_file_parse (data, size, &r);

  fuzz_assert (reservation_file_status_string (status) != NULL);
  if (status != RESERVATION_FILE_OK) {
    fuzz_assert (bytes_are_zero (&r, sizeof r));
    return;
  }
  fuzz_assert (reservation_file_serialise (&r, again) == size);
  fuzz_assert (memcmp (again, data, size) == 0);
}

/* As it is, and then with the right checksum. */
int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  static uint8_t copy[RESERVATION_FILE_MAX];
  le32 checksum = le32_put (0);

  check (data, size);
  if (size < sizeof (struct reservation_file_disk) || size > sizeof copy)
    return 0;
  memcpy (copy, data, size);
  memcpy (copy + 0x0c, &checksum, sizeof checksum);
  checksum = le32_put (crc32c (0, copy, size));
  memcpy (copy + 0x0c, &checksum, sizeof checksum);
  check (copy, size);
  return 0;
}
