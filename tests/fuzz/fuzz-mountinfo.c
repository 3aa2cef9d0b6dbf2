/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Any text as a line of mountinfo: what is accepted has a place that fits,
 * and a place without escapes comes out as it is.
 */

#include <config.h>

#include <string.h>

#include "device/mountinfo.h"
#include "fuzz/fuzz.h"

const char fuzz_name[] = "mountinfo";

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  char *line = malloc (size + 1), out[16];
  enum mountinfo_status status;
  struct mountinfo m;
  size_t n;

  fuzz_assert (line != NULL);
  memcpy (line, data, size);
  line[size] = '\0';
  status = mountinfo_parse (line, &m);
  fuzz_assert (mountinfo_status_string (status) != NULL);
  if (status == MOUNTINFO_OK) {
    fuzz_assert (memchr (m.place, '\0', sizeof m.place) != NULL);
    if (strchr (line, '\\') == NULL)
      fuzz_assert (strstr (line, m.place) != NULL);
  }
  n = mountinfo_field (line, out, sizeof out);
  fuzz_assert (n == sizeof out || out[n] == '\0');
  fuzz_assert (mountinfo_field (line, out, 0) == 0);
  free (line);
  return 0;
}
