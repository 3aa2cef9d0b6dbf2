/* SPDX-License-Identifier: BSD-3-Clause
 *
 * bytes.h, align.h and checked.h: integers on a disk, rounding, and
 * arithmetic that does not wrap.
 */

#include <config.h>

#include <check.h>
#include <stdlib.h>

#include "base/align.h"
#include "base/bytes.h"
#include "base/checked.h"
#include "support/main.h"

/* Each type as it lies on a disk. */
struct all_disk {
  uint8_t pad; /* 0x00 */
  le16 a;      /* 0x01 */
  le32 b;      /* 0x03 */
  le64 c;      /* 0x07 */
  be16 d;      /* 0x0f */
  be32 e;      /* 0x11 */
  be64 f;      /* 0x15 */
};

_Static_assert(sizeof (struct all_disk) == 0x1d, "no padding");

START_TEST (order)
{
  static const uint8_t expected[] = {
    0xff,                                           /* pad */
    0x02, 0x01,                                     /* le16 */
    0x04, 0x03, 0x02, 0x01,                         /* le32 */
    0x08, 0x07, 0x06, 0x05, 0x04, 0x03, 0x02, 0x01, /* le64 */
    0x01, 0x02,                                     /* be16 */
    0x01, 0x02, 0x03, 0x04,                         /* be32 */
    0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08, /* be64 */
  };
  struct all_disk d;

  d.pad = 0xff;
  d.a = le16_put (0x0102);
  d.b = le32_put (0x01020304);
  d.c = le64_put (0x0102030405060708);
  d.d = be16_put (0x0102);
  d.e = be32_put (0x01020304);
  d.f = be64_put (0x0102030405060708);
  ck_assert_mem_eq (&d, expected, sizeof expected);
  ck_assert_uint_eq (le16_get (d.a), 0x0102);
  ck_assert_uint_eq (le32_get (d.b), 0x01020304);
  ck_assert_uint_eq (le64_get (d.c), 0x0102030405060708);
  ck_assert_uint_eq (be16_get (d.d), 0x0102);
  ck_assert_uint_eq (be32_get (d.e), 0x01020304);
  ck_assert_uint_eq (be64_get (d.f), 0x0102030405060708);
}
END_TEST

/* One bit at a time, there and back, at an odd address. */
START_TEST (round_trip)
{
  struct all_disk d;

  for (unsigned i = 0; i < 64; i++) {
    const uint64_t v = UINT64_C (1) << i;

    d.a = le16_put ((uint16_t) v);
    d.b = le32_put ((uint32_t) v);
    d.c = le64_put (v);
    d.d = be16_put ((uint16_t) v);
    d.e = be32_put ((uint32_t) v);
    d.f = be64_put (v);
    ck_assert_uint_eq (le16_get (d.a), (uint16_t) v);
    ck_assert_uint_eq (le32_get (d.b), (uint32_t) v);
    ck_assert_uint_eq (le64_get (d.c), v);
    ck_assert_uint_eq (be16_get (d.d), (uint16_t) v);
    ck_assert_uint_eq (be32_get (d.e), (uint32_t) v);
    ck_assert_uint_eq (be64_get (d.f), v);
  }
}
END_TEST

START_TEST (rounding)
{
  ck_assert_uint_eq (ROUND_DOWN (1023, 512), 512);
  ck_assert_uint_eq (ROUND_UP (1023, 512), 1024);
  ck_assert_uint_eq (ROUND_UP (1024, 512), 1024);
  ck_assert_uint_eq (ROUND_UP (0, 512), 0);
  ck_assert_uint_eq (DIV_ROUND_UP (1025, 512), 3);
  ck_assert_uint_eq (ROUND_UP ((uint64_t) INT64_MAX, 4096), UINT64_C (1) << 63);
  ck_assert (IS_ALIGNED (4096, 512));
  ck_assert (!IS_ALIGNED (4097, 512));
  ck_assert (!is_power_of_2 (0));
  ck_assert (is_power_of_2 (1));
  ck_assert (is_power_of_2 (UINT64_C (1) << 63));
  ck_assert (!is_power_of_2 (3));
  for (unsigned i = 0; i < 64; i++)
    ck_assert_uint_eq (log2_of (UINT64_C (1) << i), i);
  ck_assert_uint_eq (min_u64 (1, UINT64_MAX), 1);
  ck_assert_uint_eq (max_u64 (1, UINT64_MAX), UINT64_MAX);
}
END_TEST

START_TEST (overflow)
{
  uint64_t r;

  ck_assert (checked_add (UINT64_MAX, 0, &r));
  ck_assert_uint_eq (r, UINT64_MAX);
  ck_assert (!checked_add (UINT64_MAX, 1, &r));
  ck_assert (checked_mul (UINT64_C (1) << 32, (UINT64_C (1) << 32) - 1, &r));
  ck_assert (!checked_mul (UINT64_C (1) << 32, UINT64_C (1) << 32, &r));
  /* The number of sectors whose bytes are 0 modulo 2^64. */
  ck_assert (!checked_mul (UINT64_C (1) << 55, 512, &r));
}
END_TEST

START_TEST (ranges)
{
  ck_assert (range_inside (0, 0, 0));
  ck_assert (range_inside (0, 10, 10));
  ck_assert (range_inside (10, 0, 10));
  ck_assert (!range_inside (11, 0, 10));
  ck_assert (!range_inside (10, 1, 10));
  ck_assert (!range_inside (UINT64_MAX, 1, 10));
  ck_assert (!range_inside (1, UINT64_MAX, 10));
  ck_assert (!range_inside (UINT64_MAX, UINT64_MAX, UINT64_MAX - 1));
  ck_assert (range_inside (0, UINT64_MAX, UINT64_MAX));
}
END_TEST

int
main (void)
{
  const TTest *const tests[] = {
    order, round_trip, rounding, overflow, ranges,
  };

  return test_main ("bytes", tests, sizeof tests / sizeof tests[0]);
}
