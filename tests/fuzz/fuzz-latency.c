/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Any text as a file of latencies and as a table of percentiles: what is
 * accepted gives times that are none too long.
 */

#include <config.h>

#include <stdlib.h>
#include <string.h>

#include "fuzz/fuzz.h"
#include "latency/latency-model.h"

const char fuzz_name[] = "latency";

static void
check_table (const char *text)
{
  struct latency_dist d;
  const enum latency_status status = latency_table_parse (text, &d);

  fuzz_assert (latency_status_string (status) != NULL);
  if (status != LATENCY_OK)
    return;
  fuzz_assert (latency_dist_sample (&d, 1e-16, 0.5) == d.point[0].time);
  fuzz_assert (latency_dist_sample (&d, 1 - 1e-16, 0.5) <=
               d.point[d.npoints - 1].time);
}

static void
check_model (const char *text)
{
  static struct latency_model m;
  unsigned line;
  enum latency_status status;

  latency_model_init (&m);
  status = latency_model_parse (&m, text, NULL, &line);
  fuzz_assert (latency_status_string (status) != NULL);
  fuzz_assert (line >= 1 && m.nrules <= LATENCY_RULES);
  for (unsigned op = 0; op < LATENCY_OPS; op++) {
    for (uint64_t n = 0; n < 4; n++)
      fuzz_assert (latency_model_draw (&m, (enum latency_op) op, 4096 << n,
                                       n << 30, 1, n) <= LATENCY_MAX);
  }
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  char *text = malloc (size + 1);

  if (text == NULL)
    return 0;
  if (size > 0)
    memcpy (text, data, size);
  text[size] = '\0';
  check_table (text);
  check_model (text);
  free (text);
  return 0;
}
