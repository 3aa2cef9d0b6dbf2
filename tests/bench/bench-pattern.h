/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Which requests a benchmark sends.  Request number I of a pattern
 * depends on nothing but I and the seed: several threads can take turns,
 * and two servers that are compared are asked for the same.
 */

#ifndef DISKSTACK_BENCH_PATTERN_H
#define DISKSTACK_BENCH_PATTERN_H

#include <stdbool.h>
#include <stdint.h>

#define PATTERN_COUNT_MAX (UINT32_C (1) << 20)

struct request {
  uint64_t offset; /* bytes, a multiple of 512 */
  uint32_t count;  /* bytes, at most PATTERN_COUNT_MAX */
  bool write;
};

struct pattern_options {
  uint64_t size;  /* bytes of the disk that are used */
  uint32_t block; /* bytes of a request; divides size */
  unsigned write; /* percent; a trace says itself */
  uint64_t seed;
};

struct pattern;

/* SPEC is one of
 *
 *   same          the first block, always
 *   sequential    block after block, again from the start at the end
 *   random        any block as likely as any other
 *   zipf=THETA    block number K in an order of its own as likely as
 *                 K^-THETA; the order is scattered over the disk
 *   scan=BYTES    a sequential scan of all that is after BYTES; after each
 *                 of its requests one to a random block of the first BYTES
 *   trace=FILE    lines "r BLOCK N" or "w BLOCK N", blocks of 4096 bytes;
 *                 again from the start at the end
 *
 * Ends the program with a message if it is none of them.
 */
extern struct pattern *pattern_create (const char *spec,
                                       const struct pattern_options *o);
extern void pattern_free (struct pattern *p);

/* Request number I.  Any thread. */
extern struct request pattern_request (const struct pattern *p, uint64_t i);

/* Of a trace: how many requests it has; otherwise 0. */
extern uint64_t pattern_length (const struct pattern *p);

#endif /* DISKSTACK_BENCH_PATTERN_H */
