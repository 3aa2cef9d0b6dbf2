/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Parameters of the latency filter.
 */

#ifndef DISKSTACK_LATENCY_CONFIG_H
#define DISKSTACK_LATENCY_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

#include "store/latency-device.h"

struct latency_config {
  unsigned given; /* which keys, one bit each */
  struct latency_model model;
  char *path; /* of latency-file=, absolute */
  bool seen_seed, seen_fast_zero, fast_zero;
  uint64_t seed;
};

/* As in struct glue_filter. */
extern int latency_config_set (void *config, const char *key,
                               const char *value);
extern void latency_config_free (void *config);

/* For latency_device_create. */
extern struct latency_device_options
latency_config_options (const struct latency_config *c);

#endif /* DISKSTACK_LATENCY_CONFIG_H */
