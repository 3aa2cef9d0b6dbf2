/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Where two pieces of memory differ.  Quick where they do not, also under
 * a sanitizer, which looks at each access of a loop.
 */

#ifndef DISKSTACK_TEST_DIFFER_H
#define DISKSTACK_TEST_DIFFER_H

#include <stdint.h>
#include <string.h>

/* The first of N bytes that differs, or N. */
static inline uint64_t
first_difference (const void *a, const void *b, uint64_t n)
{
  const uint8_t *p = a, *q = b;
  uint64_t k = 0;

  if (memcmp (a, b, n) == 0)
    return n;
  while (p[k] == q[k])
    k++;
  return k;
}

#endif /* DISKSTACK_TEST_DIFFER_H */
