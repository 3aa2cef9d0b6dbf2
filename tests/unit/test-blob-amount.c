/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What is fetched for who reads here and there, and how much is under way,
 * over lines of any length.
 */

#include <config.h>

#include "base/align.h"
#include "blob/blob-impl.h"
#include "support/main.h"

START_TEST (units)
{
  static const struct {
    uint64_t worth;
    uint32_t fetch, unit;
  } table[] = {
    { 0, 65536, 4096 },
    { 8191, 65536, 4096 },
    { 8192, 65536, 8192 },
    { 40000, 65536, 32768 },
    { 65535, 65536, 32768 },
    { 65536, 65536, 65536 },
    { UINT64_MAX, 65536, 65536 },
    { 0, 4096, 4096 },
    { 0, 512, 512 },
    { UINT64_MAX, 512, 512 },
    { 0, 1 << 20, 4096 },
    { UINT64_MAX, 1 << 20, 1 << 20 },
  };

  for (size_t i = 0; i < ARRAY_SIZE (table); i++)
    ck_assert_uint_eq (blob_unit (table[i].worth, table[i].fetch),
                       table[i].unit);
}
END_TEST

START_TEST (under_way)
{
  ck_assert_uint_eq (blob_under_way (0), 512 * 1024);
  ck_assert_uint_eq (blob_under_way (2048), 512 * 1024);
  ck_assert_uint_eq (blob_under_way (2049), 2049 * 256);
  ck_assert_uint_eq (blob_under_way (UINT64_MAX / 256), UINT64_MAX / 256 * 256);
  ck_assert_uint_eq (blob_under_way (UINT64_MAX / 256 + 1), UINT64_MAX);
  ck_assert_uint_eq (blob_under_way (UINT64_MAX), UINT64_MAX);
}
END_TEST

int
main (void)
{
  const TTest *const tests[] = { units, under_way };

  return test_main ("blob-amount", tests, ARRAY_SIZE (tests));
}
