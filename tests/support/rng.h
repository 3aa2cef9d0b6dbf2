/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Random numbers for tests: small, the same everywhere, and from a seed
 * that is printed, so that a failure can be had again with SEED=N.
 */

#ifndef DISKSTACK_TEST_RNG_H
#define DISKSTACK_TEST_RNG_H

#include <inttypes.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct rng {
  uint64_t state;
};

/* The numbers after SEED (splitmix64). */
static inline void
rng_init (struct rng *r, uint64_t seed)
{
  r->state = seed;
}

static inline uint64_t
rng_next (struct rng *r)
{
  uint64_t z = r->state += UINT64_C (0x9e3779b97f4a7c15);

  z = (z ^ (z >> 30)) * UINT64_C (0xbf58476d1ce4e5b9);
  z = (z ^ (z >> 27)) * UINT64_C (0x94d049bb133111eb);
  return z ^ (z >> 31);
}

/* One of [0, N). */
static inline uint64_t
rng_below (struct rng *r, uint64_t n)
{
  return rng_next (r) % n;
}

/* True once in N times. */
static inline int
rng_one_in (struct rng *r, uint64_t n)
{
  return rng_below (r, n) == 0;
}

/* Random bytes, never zero: a hole cannot be mistaken for them. */
static inline void
rng_fill (struct rng *r, void *buf, size_t count)
{
  const uint64_t ones = UINT64_C (0x0101010101010101);
  uint8_t *p = buf;

  for (size_t i = 0; i < count; i += sizeof ones) {
    uint64_t word = rng_next (r);

    /* Bytes that are 0 become 1. */
    word |= ((word - ones) & ~word & ones << 7) >> 7;
    memcpy (p + i, &word, count - i < sizeof word ? count - i : sizeof word);
  }
}

/* The seed of this run, from the environment or the clock; printed. */
static inline uint64_t
rng_seed (const char *test)
{
  const char *s = getenv ("SEED");
  struct timespec ts;
  uint64_t seed;

  clock_gettime (CLOCK_REALTIME, &ts);
  seed = s != NULL ? strtoull (s, NULL, 0) :
                     (uint64_t) ts.tv_nsec ^ (uint64_t) ts.tv_sec << 20;
  printf ("%s: SEED=%" PRIu64 "\n", test, seed);
  fflush (stdout);
  return seed;
}

#endif /* DISKSTACK_TEST_RNG_H */
