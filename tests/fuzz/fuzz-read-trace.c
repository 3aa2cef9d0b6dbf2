/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Any bytes as a read trace: what is accepted keeps the promises, and is
 * byte for byte what is written for it.
 */

#include <config.h>

#include <string.h>

#include "base/align.h"
#include "base/read-trace.h"
#include "fuzz/fuzz.h"

const char fuzz_name[] = "read-trace";

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  /* A copy of its own, so that a step beyond it is found. */
  char *text = malloc (size), line[READ_TRACE_LINE_MAX];
  const char *p = text;
  enum read_trace_status status;
  struct read_trace t;
  uint64_t offset, count;
  size_t n;

  fuzz_assert (text != NULL || size == 0);
  if (size > 0)
    memcpy (text, data, size);
  status = read_trace_begin (&t, text, size);
  fuzz_assert (read_trace_status_string (status) != NULL);
  fuzz_assert (status != READ_TRACE_END);
  if (status == READ_TRACE_OK)
    n = read_trace_put_begin (line, t.size, t.sector_size);
  while (status == READ_TRACE_OK) {
    fuzz_assert (n < sizeof line && memcmp (line, p, n) == 0);
    p += n;
    fuzz_assert (p == t.p);
    status = read_trace_next (&t, &offset, &count);
    fuzz_assert (read_trace_status_string (status) != NULL);
    if (status != READ_TRACE_OK)
      break;
    fuzz_assert (count > 0 && offset < t.size && count <= t.size - offset);
    fuzz_assert (IS_ALIGNED (offset, t.sector_size));
    n = read_trace_put_range (line, offset, count);
  }
  fuzz_assert (t.p <= t.end);
  free (text);
  return 0;
}
