/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See latency-status.h.
 */

#include <config.h>

#include "latency/latency-status.h"

const char *
latency_status_string (enum latency_status status)
{
  switch (status) {
  case LATENCY_OK:
    return "is right";
  case LATENCY_UNKNOWN_KEY:
    return "is no parameter";
  case LATENCY_UNKNOWN_DIST:
    return "must be a time, or uniform:, normal:, lognormal:, pareto:, "
           "percentiles: or file: and what belongs to it";
  case LATENCY_UNKNOWN_PROFILE:
    return "must be hdd-7200, ssd-sata, nvme, cloud-standard or wan-20ms";
  case LATENCY_BAD_TIME:
    return "has a time that is none, such as 2, 1.5, 20ms, 100us or 7ns, up "
           "to an hour";
  case LATENCY_BAD_NUMBER:
    return "has a number that is none, or 0, or more than 1000";
  case LATENCY_BAD_UNIFORM:
    return "has a largest time that is less than the least";
  case LATENCY_BAD_POINTS:
    return "has percentiles that do not rise, up to 100, with their times";
  case LATENCY_MANY_POINTS:
    return "has more than 32 percentiles";
  case LATENCY_BAD_RANGE:
    return "must be START-END:OPERATION=TIME";
  case LATENCY_BAD_RATE:
    return "must be bytes per second";
  case LATENCY_BAD_QUEUE:
    return "must be parallel or serial";
  case LATENCY_MANY_RULES:
    return "is one rule too many: there can be 64";
  case LATENCY_NO_FILE:
    return "names a file that cannot be read";
  case LATENCY_BAD_LINE:
    return "is not KEY=VALUE";
  }
  return "is in an unknown state";
}
