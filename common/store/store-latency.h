/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A store that takes its time: each operation waits, then goes on to the
 * store below.
 */

#ifndef DISKSTACK_STORE_LATENCY_H
#define DISKSTACK_STORE_LATENCY_H

#include "store/latency-device.h"
#include "store/store.h"

struct store_latency_options {
  struct latency_device *device; /* which must live longer */

  /* Wait so many nanoseconds; returns 0, or -1 with *err if it was
   * interrupted because the server ends.
   */
  int (*sleep) (uint64_t ns, int *err);

  /* Zeroes that must be fast fail at once. */
  bool no_fast_zero;
};

/* INNER with latencies.  Takes ownership of INNER on success, having
 * waited as opening does; NULL with errno otherwise.  Closing waits, too.
 */
extern struct store *
store_latency_create (const struct store_latency_options *o,
                      struct store *inner);

#endif /* DISKSTACK_STORE_LATENCY_H */
