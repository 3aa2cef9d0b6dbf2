/* SPDX-License-Identifier: BSD-3-Clause
 *
 * CRC-32C against the published vectors and against the definition, bit
 * by bit.  The source is included, so that both of its paths can be run
 * on one machine.
 */

#include <config.h>

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "base/align.h"
#include "base/crc32c.c"
#include "support/main.h"
#include "support/rng.h"

#define LENGTH_MAX 5000

static uint32_t
by_table (uint32_t crc, const void *buf, size_t count)
{
  return ~crc32c_bytes (~crc, buf, count);
}

static uint32_t
by_instruction (uint32_t crc, const void *buf, size_t count)
{
#if defined(__x86_64__)
  if (__builtin_cpu_supports ("sse4.2"))
    return ~crc32c_sse42 (~crc, buf, count);
#endif
  return crc32c (crc, buf, count);
}

static uint32_t (*const path[]) (uint32_t, const void *,
                                 size_t) = { crc32c, by_table, by_instruction };

/* The definition: one more byte for a CRC that was complete. */
static uint32_t
one_more (uint32_t crc, uint8_t byte)
{
  uint32_t c = ~crc ^ byte;

  for (unsigned bit = 0; bit < 8; bit++)
    c = (c >> 1) ^ (c & 1 ? UINT32_C (0x82f63b78) : 0);
  return ~c;
}

/* RFC 3720, appendix B.4, and the usual check value. */
START_TEST (vectors)
{
  static const uint8_t read_10[48] = {
    0x01, 0xc0, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x00, 0x00, 0x00, 0x00, 0x14, 0x00, 0x00, 0x00, 0x00, 0x00, 0x04, 0x00,
    0x00, 0x00, 0x00, 0x14, 0x00, 0x00, 0x00, 0x18, 0x28, 0x00, 0x00, 0x00,
    0x00, 0x00, 0x00, 0x00, 0x02, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00
  };
  uint8_t zeroes[32], ones[32], up[32], down[32];

  for (unsigned i = 0; i < 32; i++) {
    zeroes[i] = 0;
    ones[i] = 0xff;
    up[i] = (uint8_t) i;
    down[i] = (uint8_t) (31 - i);
  }
  for (size_t p = 0; p < ARRAY_SIZE (path); p++) {
    ck_assert_uint_eq (path[p](0, zeroes, 32), 0x8a9136aa);
    ck_assert_uint_eq (path[p](0, ones, 32), 0x62a8ab43);
    ck_assert_uint_eq (path[p](0, up, 32), 0x46dd794e);
    ck_assert_uint_eq (path[p](0, down, 32), 0x113fdb5c);
    ck_assert_uint_eq (path[p](0, read_10, sizeof read_10), 0xd9963a56);
    ck_assert_uint_eq (path[p](0, "123456789", 9), 0xe3069283);
    ck_assert_uint_eq (path[p](0, "", 0), 0);
    ck_assert_uint_eq (path[p](0x12345678, "", 0), 0x12345678);
  }
}
END_TEST

/* Every length, at every alignment, beside the definition. */
START_TEST (lengths)
{
  static uint8_t buf[LENGTH_MAX + 8];
  struct rng rng;

  rng_init (&rng, rng_seed ("crc32c"));
  rng_fill (&rng, buf, sizeof buf);
  for (unsigned shift = 0; shift < 8; shift++) {
    uint32_t expected = 0;

    for (unsigned n = 0; n <= LENGTH_MAX; n++) {
      for (size_t p = 0; p < ARRAY_SIZE (path); p++)
        quick_assert (path[p](0, buf + shift, n) == expected);
      expected = one_more (expected, buf[shift + n]);
    }
  }
}
END_TEST

/* In two pieces, cut anywhere around where the fast path changes. */
START_TEST (pieces)
{
  static uint8_t buf[4 * 3 * CRC32C_SHIFT_BYTES + 100];
  struct rng rng;
  uint32_t whole;

  rng_init (&rng, rng_seed ("crc32c"));
  rng_fill (&rng, buf, sizeof buf);
  whole = by_table (0, buf, sizeof buf);
  for (size_t cut = 0; cut <= sizeof buf; cut += 1 + rng_below (&rng, 37)) {
    for (size_t p = 0; p < ARRAY_SIZE (path); p++) {
      const uint32_t first = path[p](0, buf, cut);

      ck_assert_uint_eq (path[p](first, buf + cut, sizeof buf - cut), whole);
    }
  }
}
END_TEST

int
main (void)
{
  const TTest *const tests[] = { vectors, lengths, pieces };

  return test_main ("crc32c", tests, ARRAY_SIZE (tests));
}
