/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Any bytes as the start of a header of LUKS: what is accepted has a size
 * that can be copied.
 */

#include <config.h>

#include <string.h>

#include "fuzz/fuzz.h"
#include "luks/luks-header.h"

const char fuzz_name[] = "luks-header";

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  uint8_t start[LUKS_HEADER_START] = { 0 };
  struct luks_header h;
  enum luks_status status;

  memcpy (start, data, size < sizeof start ? size : sizeof start);
  status = luks_header_parse (start, &h);
  fuzz_assert (luks_status_string (status) != NULL);
  if (status != LUKS_OK)
    return 0;
  fuzz_assert (h.version == 1 || h.version == 2);
  fuzz_assert (h.area >= LUKS_HEADER_START);
  if (h.version == 1)
    fuzz_assert (h.area <= LUKS1_AREA_MAX + 512);
  else
    fuzz_assert (h.area >= 2 * LUKS2_HEADER_MIN &&
                 h.area <= 2 * LUKS2_HEADER_MAX);
  return 0;
}
