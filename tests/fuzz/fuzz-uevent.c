/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Any bytes as an event of the kernel: they are read without a step beyond
 * their end, and what is said of them is one thing or the other.
 */

#include <config.h>

#include <string.h>

#include "device/uevent.h"
#include "fuzz/fuzz.h"

const char fuzz_name[] = "uevent";

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  /* A copy of its own, so that a step beyond it is found. */
  char *buf = malloc (size);
  enum uevent_status status;
  struct uevent u;

  fuzz_assert (buf != NULL || size == 0);
  if (size > 0)
    memcpy (buf, data, size);
  status = uevent_parse (buf, size, &u);
  fuzz_assert (uevent_status_string (status) != NULL);
  if (status == UEVENT_OK && u.has_number)
    fuzz_assert (u.major < 1u << 20 && u.minor < 1u << 20);
  free (buf);
  return 0;
}
