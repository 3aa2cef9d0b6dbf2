/* SPDX-License-Identifier: BSD-3-Clause
 *
 * CRC-32C, one table-driven version for every machine and one with
 * SSE 4.2.  The instruction takes three cycles and starts every cycle,
 * so the fast version runs three streams side by side and joins them by
 * shifting a CRC over the length of a stream, which is linear: four
 * look-ups in a table that is built at compile time from nothing but
 * the polynomial.
 */

#include <config.h>

#include <stdbool.h>
#include <string.h>

#include "base/bytes.h"
#include "base/crc32c.h"

#include "base/crc32c-table.h"

static uint32_t
crc32c_bytes (uint32_t c, const uint8_t *p, size_t n)
{
  while (n-- > 0)
    c = crc32c_table[(c ^ *p++) & 0xff] ^ (c >> 8);
  return c;
}

#if defined(__x86_64__)

#include <nmmintrin.h>

/* Bytes in one of the three streams; the shift table is for this. */
#define STREAM CRC32C_SHIFT_BYTES

static uint32_t
shift_stream (uint32_t c)
{
  return crc32c_shift[0][c & 0xff] ^ crc32c_shift[1][(c >> 8) & 0xff] ^
         crc32c_shift[2][(c >> 16) & 0xff] ^ crc32c_shift[3][c >> 24];
}

static uint64_t
load64 (const uint8_t *p)
{
  uint64_t v;

  memcpy (&v, p, sizeof v);
  return v;
}

__attribute__ ((target ("sse4.2"))) static uint32_t
crc32c_sse42 (uint32_t crc, const uint8_t *p, size_t n)
{
  uint64_t a = crc;

  for (; n >= 3 * STREAM; p += 3 * STREAM, n -= 3 * STREAM) {
    uint64_t b = 0, c = 0;

    for (size_t i = 0; i < STREAM; i += 8) {
      a = _mm_crc32_u64 (a, load64 (p + i));
      b = _mm_crc32_u64 (b, load64 (p + STREAM + i));
      c = _mm_crc32_u64 (c, load64 (p + 2 * STREAM + i));
    }
    a =
      shift_stream (shift_stream ((uint32_t) a) ^ (uint32_t) b) ^ (uint32_t) c;
  }
  for (; n >= 8; p += 8, n -= 8)
    a = _mm_crc32_u64 (a, load64 (p));
  for (; n > 0; p++, n--)
    a = _mm_crc32_u8 ((uint32_t) a, *p);
  return (uint32_t) a;
}

#endif /* __x86_64__ */

uint32_t
crc32c (uint32_t crc, const void *buf, size_t count)
{
#if defined(__x86_64__)
  if (__builtin_cpu_supports ("sse4.2"))
    return ~crc32c_sse42 (~crc, buf, count);
#endif
  return ~crc32c_bytes (~crc, buf, count);
}
