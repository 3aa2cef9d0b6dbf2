/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What can be wrong with what is said of latencies.
 */

#ifndef DISKSTACK_LATENCY_STATUS_H
#define DISKSTACK_LATENCY_STATUS_H

enum latency_status {
  LATENCY_OK,
  LATENCY_UNKNOWN_KEY,
  LATENCY_UNKNOWN_DIST,
  LATENCY_UNKNOWN_PROFILE,
  LATENCY_BAD_TIME,
  LATENCY_BAD_NUMBER,
  LATENCY_BAD_UNIFORM, /* the most is less than the least */
  LATENCY_BAD_POINTS,  /* percentiles do not rise from 0 to 100 */
  LATENCY_MANY_POINTS,
  LATENCY_BAD_RANGE,
  LATENCY_BAD_RATE,
  LATENCY_BAD_QUEUE,
  LATENCY_MANY_RULES,
  LATENCY_NO_FILE, /* which cannot be read */
  LATENCY_BAD_LINE,
};

/* A phrase such as "must be a time, such as ...". */
extern const char *latency_status_string (enum latency_status status);

#endif /* DISKSTACK_LATENCY_STATUS_H */
