/* SPDX-License-Identifier: BSD-3-Clause
 *
 * How long each operation on a disk takes: what was said of it, and draws
 * from that.  Pure.
 *
 * A model is made of KEY=VALUE:
 *
 *   read, write, zero, trim, flush, extents, cache, open, close
 *                    = a distribution (latency-dist.h), or file:FILENAME
 *                    with a table of percentiles
 *   range            = START-END:OPERATION=DISTRIBUTION, in bytes, for
 *                    what begins in that part of the disk; END may be
 *                    missing
 *   bandwidth, read-bandwidth, write-bandwidth
 *                    = bytes per second, which add to the time of reads,
 *                    writes or both
 *   queue            = parallel or serial: does one wait for the other?
 *   profile          = all of the above, as some device has it
 *
 * What is said later counts.
 */

#ifndef DISKSTACK_LATENCY_MODEL_H
#define DISKSTACK_LATENCY_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "latency/latency-dist.h"

enum latency_op {
  LATENCY_READ,
  LATENCY_WRITE,
  LATENCY_ZERO,
  LATENCY_TRIM,
  LATENCY_FLUSH,
  LATENCY_EXTENTS,
  LATENCY_CACHE,
  LATENCY_OPEN,
  LATENCY_CLOSE,
  LATENCY_OPS
};

#define LATENCY_RULES 64

struct latency_rule {
  enum latency_op op;
  uint64_t start, end; /* bytes, half-open */
  struct latency_dist dist;
};

struct latency_model {
  unsigned nrules;
  struct latency_rule rule[LATENCY_RULES];
  uint64_t bandwidth[2]; /* of reads and writes; 0: none */
  bool serial;
};

/* Read the file NAME, for file:.  A string to be freed, or NULL. */
typedef char *latency_read_file (const char *name);

/* Nothing takes any time. */
extern void latency_model_init (struct latency_model *m);

/* KEY=VALUE, the key without any prefix.  M is as before unless
 * LATENCY_OK.  READ_FILE may be NULL.
 */
extern enum latency_status latency_model_set (struct latency_model *m,
                                              const char *key,
                                              const char *value,
                                              latency_read_file *read_file);

/* Lines of KEY=VALUE; # begins a comment.  *LINE, from 1, is where it
 * stopped, unless LATENCY_OK.  M has what was right before.
 */
extern enum latency_status latency_model_parse (struct latency_model *m,
                                                const char *text,
                                                latency_read_file *read_file,
                                                unsigned *line);

/* The lines of the profile NAME, or NULL. */
extern const char *latency_profile (const char *name);

/* How long operation OP takes, of COUNT bytes at OFFSET, in ns.  The Nth
 * draw for this OP from SEED: always the same.
 */
extern uint64_t latency_model_draw (const struct latency_model *m,
                                    enum latency_op op, uint64_t count,
                                    uint64_t offset, uint64_t seed, uint64_t n);

#endif /* DISKSTACK_LATENCY_MODEL_H */
