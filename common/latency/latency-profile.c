/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What some devices are like.  The man page of the filter latency says
 * where the numbers are from.
 */

#include <config.h>

#include <string.h>

#include "base/align.h"
#include "latency/latency-model.h"

static const struct {
  const char *name, *text;
} profiles[] = {
  /* A seek of 8.5 ms (writes: 9.5) on average and half a turn of 8.33 ms;
   * their deviations, about 4.2 and 2.4 ms, together.
   */
  { "hdd-7200", "read=normal:12.7ms,4.9ms\n"
                "write=normal:13.7ms,4.9ms\n"
                "flush=uniform:0,8.33ms\n"
                "bandwidth=125000000\n"
                "queue=serial" },
  { "ssd-sata", "read=lognormal:100us,0.2\n"
                "write=lognormal:24us,0.3\n"
                "flush=lognormal:1ms,0.5\n"
                "read-bandwidth=550000000\n"
                "write-bandwidth=520000000" },
  { "nvme", "read=lognormal:53us,0.2\n"
            "write=lognormal:17us,0.3\n"
            "flush=lognormal:500us,0.5\n"
            "read-bandwidth=3500000000\n"
            "write-bandwidth=3300000000" },
  /* One of 100 takes 10 ms. */
  { "cloud-standard", "read=lognormal:3ms,0.52\n"
                      "write=lognormal:3ms,0.52\n"
                      "zero=lognormal:3ms,0.52\n"
                      "trim=lognormal:3ms,0.52\n"
                      "flush=lognormal:3ms,0.52\n"
                      "bandwidth=131072000" },
  { "wan-20ms", "read=20ms\n"
                "write=20ms\n"
                "zero=20ms\n"
                "trim=20ms\n"
                "flush=20ms\n"
                "extents=20ms\n"
                "cache=20ms\n"
                "open=60ms\n"
                "bandwidth=12500000" },
};

const char *
latency_profile (const char *name)
{
  for (unsigned i = 0; i < ARRAY_SIZE (profiles); i++) {
    if (strcmp (profiles[i].name, name) == 0)
      return profiles[i].text;
  }
  return NULL;
}
