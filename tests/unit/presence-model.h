/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What a presence set is compared with: one byte for each bit, changed
 * with memset and searched with memchr.  And numbers that look random
 * and come again from the same seed.
 */

#ifndef DISKSTACK_TESTS_PRESENCE_MODEL_H
#define DISKSTACK_TESTS_PRESENCE_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "presence/presence.h"

/* splitmix64 */
static inline uint64_t
random_next (uint64_t *state)
{
  uint64_t z = *state += UINT64_C (0x9e3779b97f4a7c15);

  z = (z ^ (z >> 30)) * UINT64_C (0xbf58476d1ce4e5b9);
  z = (z ^ (z >> 27)) * UINT64_C (0x94d049bb133111eb);
  return z ^ (z >> 31);
}

static inline uint64_t
model_find (const uint8_t *m, uint64_t pos, uint64_t limit, bool value)
{
  const uint8_t *r = memchr (m + pos, value, limit - pos);

  return r != NULL ? (uint64_t) (r - m) : limit;
}

static inline uint64_t
model_count (const uint8_t *m, uint64_t start, uint64_t n)
{
  uint64_t r = 0;

  for (uint64_t i = 0; i < n; i++)
    r += m[start + i];
  return r;
}

/* The first bit of [START, END) in which P is not M, or END. */
static inline uint64_t
model_differs (const uint8_t *m, const struct presence *p, uint64_t start,
               uint64_t end)
{
  uint64_t pos = start;

  while (pos < end) {
    uint64_t run_end;
    bool value = presence_run (p, pos, end, &run_end);
    uint64_t r = model_find (m, pos, run_end, !value);

    if (r < run_end)
      return r;
    pos = run_end;
  }
  return end;
}

#endif /* DISKSTACK_TESTS_PRESENCE_MODEL_H */
