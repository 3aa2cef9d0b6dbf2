/* SPDX-License-Identifier: BSD-3-Clause
 *
 * luks-header: the sizes of both versions, and each thing that can be
 * wrong.
 */

#include <config.h>

#include <string.h>

#include "base/align.h"
#include "luks/luks-header.h"
#include "support/main.h"

static void
put_32 (uint8_t *p, uint32_t value)
{
  for (int i = 3; i >= 0; i--, value >>= 8)
    p[i] = (uint8_t) value;
}

/* A header of LUKS1 as cryptsetup makes them, or the start of one of
 * LUKS2.
 */
static void
make (uint8_t start[LUKS_HEADER_START], unsigned version)
{
  memset (start, 0, LUKS_HEADER_START);
  memcpy (start, "LUKS\xba\xbe", 6);
  start[7] = (uint8_t) version;
  if (version == 2) {
    put_32 (start + 12, LUKS2_HEADER_MIN);
    return;
  }
  put_32 (start + 0x6c, 64);
  for (unsigned i = 0; i < 8; i++) {
    put_32 (start + 0xd0 + 48 * i + 0x28, 8 + 504 * i);
    put_32 (start + 0xd0 + 48 * i + 0x2c, 4000);
  }
}

START_TEST (right)
{
  uint8_t start[LUKS_HEADER_START];
  struct luks_header h;

  make (start, 1);
  ck_assert_int_eq (luks_header_parse (start, &h), LUKS_OK);
  ck_assert_uint_eq (h.version, 1);
  ck_assert_uint_eq (h.area, (8 + 7 * 504 + 500) * 512);
  make (start, 2);
  for (uint32_t size = LUKS2_HEADER_MIN; size <= LUKS2_HEADER_MAX; size *= 2) {
    put_32 (start + 12, size);
    ck_assert_int_eq (luks_header_parse (start, &h), LUKS_OK);
    ck_assert_uint_eq (h.version, 2);
    ck_assert_uint_eq (h.area, 2 * size);
  }
}
END_TEST

START_TEST (wrong)
{
  static const uint32_t sizes[] = { 0, 8192, 16385, 24576, 8 << 20 };
  uint8_t start[LUKS_HEADER_START];
  struct luks_header h;

  for (unsigned version = 0; version <= 3; version++) {
    make (start, version);
    if (version == 0 || version == 3)
      ck_assert_int_eq (luks_header_parse (start, &h), LUKS_BAD_VERSION);
    start[3] ^= 1;
    ck_assert_int_eq (luks_header_parse (start, &h), LUKS_NONE);
  }
  make (start, 2);
  for (unsigned i = 0; i < ARRAY_SIZE (sizes); i++) {
    put_32 (start + 12, sizes[i]);
    ck_assert_int_eq (luks_header_parse (start, &h), LUKS_BAD_SIZE);
  }
  make (start, 1);
  put_32 (start + 0xd0 + 0x28, UINT32_MAX);
  ck_assert_int_eq (luks_header_parse (start, &h), LUKS_BAD_SIZE);
  make (start, 1);
  put_32 (start + 0x6c, UINT32_MAX);
  ck_assert_int_eq (luks_header_parse (start, &h), LUKS_BAD_SIZE);
  for (int s = LUKS_OK; s <= LUKS_BAD_SIZE + 1; s++)
    ck_assert_ptr_nonnull (luks_status_string (s));
}
END_TEST

int
main (void)
{
  const TTest *const tests[] = { right, wrong };

  return test_main ("luks-header", tests, ARRAY_SIZE (tests));
}
