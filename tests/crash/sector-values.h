/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Sectors that say which operation wrote them, and the numbers that a
 * campaign is tuned with.
 */

#ifndef DISKSTACK_TEST_SECTOR_VALUES_H
#define DISKSTACK_TEST_SECTOR_VALUES_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* Values of a sector: absent (where there is such a thing), zero, or the
 * number of the operation that wrote it.
 */
#define SECTOR_VALUE_ABSENT 0
#define SECTOR_VALUE_ZERO 1
#define SECTOR_VALUE_FIRST 2

/* The content of a sector that has VALUE: every eight bytes say so. */
static inline void
sector_value_fill (char *p, uint32_t sector_size, uint64_t sector,
                   uint32_t value)
{
  uint32_t word[2] = { value, (uint32_t) sector };

  if (value <= SECTOR_VALUE_ZERO)
    word[0] = word[1] = 0;
  for (uint32_t i = 0; i < sector_size; i += sizeof word)
    memcpy (p + i, word, sizeof word);
}

/* The value of the sector at P, or -1 if it is not one. */
static inline int64_t
sector_value_of (const char *p, uint32_t sector_size, uint64_t sector)
{
  char want[4096];
  uint32_t value;

  memcpy (&value, p, sizeof value);
  sector_value_fill (want, sector_size, sector, value);
  if (memcmp (p, want, sector_size) != 0)
    return -1;
  return value == 0 ? SECTOR_VALUE_ZERO : value;
}

/* The environment variable NAME as a number, or DEF. */
static inline unsigned
crash_number (const char *name, unsigned def)
{
  const char *s = getenv (name);

  return s && *s ? (unsigned) strtoul (s, NULL, 0) : def;
}

#endif /* DISKSTACK_TEST_SECTOR_VALUES_H */
