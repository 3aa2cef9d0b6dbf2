/* SPDX-License-Identifier: BSD-3-Clause
 *
 * vhd-footer: every check, on a footer that is right but for one thing;
 * where footers are found; what is written.
 */

#include <config.h>

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "base/align.h"
#include "support/main.h"
#include "vhd/vhd-footer.h"

static const struct uuid id = { { 0x5f, 0xa2, 0x1a, 0x55, 0xf3, 0x94, 0xaa,
                                  0x4d, 0x99, 0x58, 0x19, 0x51, 0xa6, 0x7d,
                                  0x55, 0x40 } };

#define CHECKSUM 0x40 /* where it is */
#define HIDDEN 0x55

/* A footer that Windows 10 wrote for a fixed disk of 4 MiB, byte by
 * byte; what it reserves is zero.
 */
static const uint8_t by_windows[] = {
  0x63, 0x6f, 0x6e, 0x65, 0x63, 0x74, 0x69, 0x78, 0x00, 0x00, 0x00, 0x02,
  0x00, 0x01, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
  0x27, 0x19, 0x8e, 0x16, 0x77, 0x69, 0x6e, 0x20, 0x00, 0x0a, 0x00, 0x00,
  0x57, 0x69, 0x32, 0x6b, 0x00, 0x00, 0x00, 0x00, 0x00, 0x40, 0x00, 0x00,
  0x00, 0x00, 0x00, 0x00, 0x00, 0x40, 0x00, 0x00, 0x00, 0x78, 0x04, 0x11,
  0x00, 0x00, 0x00, 0x02, 0xff, 0xff, 0xe8, 0xde, 0x5f, 0xa2, 0x1a, 0x55,
  0xf3, 0x94, 0xaa, 0x4d, 0x99, 0x58, 0x19, 0x51, 0xa6, 0x7d, 0x55, 0x40
};

static struct vhd_footer footer;
static uint8_t bytes[VHD_FOOTER_SIZE];

static void
put32 (size_t at, uint32_t value)
{
  const be32 v = be32_put (value);

  memcpy (bytes + at, &v, sizeof v);
}

static void
repair_checksum (void)
{
  put32 (CHECKSUM, vhd_checksum (bytes, sizeof bytes, CHECKSUM));
}

static void
start (void)
{
  footer = vhd_footer_fixed (4 << 20, VHD_EPOCH + 0x27198e16, &id);
  vhd_footer_serialise (&footer, bytes);
}

static enum vhd_status
parse (void)
{
  struct vhd_footer f;

  return vhd_footer_parse (bytes, sizeof bytes, &f);
}

START_TEST (as_windows_writes_it)
{
  uint8_t expected[VHD_FOOTER_SIZE] = { 0 };

  start ();
  memcpy (expected, by_windows, sizeof by_windows);
  ck_assert_mem_eq (bytes, expected, sizeof bytes);
}
END_TEST

START_TEST (members)
{
  struct vhd_footer f;

  start ();
  ck_assert_int_eq (vhd_footer_parse (bytes, sizeof bytes, &f), VHD_OK);
  ck_assert_uint_eq (f.features, 2);
  ck_assert_uint_eq (f.version, 0x10000);
  ck_assert_uint_eq (f.data_offset, UINT64_MAX);
  ck_assert_uint_eq (f.timestamp, 0x27198e16);
  ck_assert_mem_eq (f.creator, "win ", 4);
  ck_assert_uint_eq (f.creator_version, 0xa0000);
  ck_assert_mem_eq (f.creator_os, "Wi2k", 4);
  ck_assert_uint_eq (f.original_size, 4 << 20);
  ck_assert_uint_eq (f.current_size, 4 << 20);
  ck_assert_uint_eq (f.geometry.cylinders, 120);
  ck_assert_uint_eq (f.geometry.heads, 4);
  ck_assert_uint_eq (f.geometry.sectors, 17);
  ck_assert_uint_eq (f.type, VHD_TYPE_FIXED);
  ck_assert (uuid_equal (&f.id, &id));
  ck_assert_uint_eq (f.saved_state, 0);
  ck_assert_uint_eq (f.length, 512);
  ck_assert (!f.stale_checksum);
}
END_TEST

/* All bytes, also those that mean nothing to us. */
START_TEST (nothing_is_lost)
{
  uint8_t out[VHD_FOOTER_SIZE];
  struct vhd_footer f;

  start ();
  for (size_t i = 8; i < sizeof bytes; i++)
    bytes[i] = (uint8_t) (i * 7 + 1);
  put32 (0x0c, VHD_VERSION + 5);
  put32 (0x34, 0x12345600); /* the low half of the current size */
  put32 (0x3c, VHD_TYPE_DIFFERENCING);
  repair_checksum ();
  ck_assert_int_eq (vhd_footer_parse (bytes, sizeof bytes, &f), VHD_OK);
  vhd_footer_serialise (&f, out);
  ck_assert_mem_eq (out, bytes, sizeof out);
}
END_TEST

START_TEST (single_bit_flips)
{
  start ();
  for (unsigned bit = 0; bit < 8 * sizeof bytes; bit++) {
    enum vhd_status status;

    bytes[bit / 8] ^= 1u << bit % 8;
    status = parse ();
    bytes[bit / 8] ^= 1u << bit % 8;
    ck_assert_msg (status == (bit < 64 ? VHD_NO_COOKIE : VHD_BAD_CHECKSUM),
                   "bit %u: %s", bit, vhd_status_string (status));
  }
  ck_assert_int_eq (parse (), VHD_OK);
}
END_TEST

START_TEST (version)
{
  start ();
  put32 (0x0c, 0x0001ffff); /* another minor */
  repair_checksum ();
  ck_assert_int_eq (parse (), VHD_OK);
  put32 (0x0c, 0x00020000);
  repair_checksum ();
  ck_assert_int_eq (parse (), VHD_BAD_VERSION);
  put32 (0x0c, 0);
  repair_checksum ();
  ck_assert_int_eq (parse (), VHD_BAD_VERSION);
}
END_TEST

START_TEST (types)
{
  static const uint32_t bad[] = { 0, 1, 5, 6, 7, 0x02000000, UINT32_MAX };

  start ();
  for (uint32_t type = VHD_TYPE_FIXED; type <= VHD_TYPE_DIFFERENCING; type++) {
    put32 (0x3c, type);
    repair_checksum ();
    ck_assert_int_eq (parse (), VHD_OK);
  }
  for (size_t i = 0; i < ARRAY_SIZE (bad); i++) {
    put32 (0x3c, bad[i]);
    repair_checksum ();
    ck_assert_int_eq (parse (), VHD_BAD_TYPE);
  }
}
END_TEST

START_TEST (whole_sectors)
{
  start ();
  for (uint32_t more = 1; more < 512; more++) {
    put32 (0x34, (4 << 20) + more);
    repair_checksum ();
    ck_assert_int_eq (parse (), VHD_BAD_SIZE);
  }
  put32 (0x34, (4 << 20) + 512);
  repair_checksum ();
  ck_assert_int_eq (parse (), VHD_OK);
}
END_TEST

START_TEST (order_of_checks)
{
  start ();
  put32 (0x34, 1);
  repair_checksum ();
  ck_assert_int_eq (parse (), VHD_BAD_SIZE);
  put32 (0x3c, 9);
  repair_checksum ();
  ck_assert_int_eq (parse (), VHD_BAD_TYPE);
  put32 (0x0c, 9);
  repair_checksum ();
  ck_assert_int_eq (parse (), VHD_BAD_VERSION);
  bytes[500] ^= 1;
  ck_assert_int_eq (parse (), VHD_BAD_CHECKSUM);
  bytes[0] ^= 1;
  ck_assert_int_eq (parse (), VHD_NO_COOKIE);
}
END_TEST

/* Whoever wants to show what is wrong has the numbers. */
START_TEST (filled_in_when_bad)
{
  struct vhd_footer f;

  start ();
  bytes[500] ^= 1;
  ck_assert_int_eq (vhd_footer_parse (bytes, 512, &f), VHD_BAD_CHECKSUM);
  ck_assert_uint_eq (f.current_size, 4 << 20);
  bytes[0] ^= 1;
  ck_assert_int_eq (vhd_footer_parse (bytes, 512, &f), VHD_NO_COOKIE);
  ck_assert_uint_eq (f.current_size, 0);
  ck_assert_uint_eq (f.length, 0);
}
END_TEST

START_TEST (xen_hidden)
{
  static const struct {
    const char *creator;
    uint32_t version;
    uint8_t hidden;
    enum vhd_status status;
  } cases[] = {
    { "tap", 0x00000001, 1, VHD_OK },
    { "tap", 0x00010001, 1, VHD_OK },
    { "tap", 0x00010001, 255, VHD_OK },
    { "tap", 0x00010003, 1, VHD_BAD_CHECKSUM },
    { "win ", 0x00010001, 1, VHD_BAD_CHECKSUM },
  };

  for (size_t i = 0; i < ARRAY_SIZE (cases); i++) {
    struct vhd_footer f;

    start ();
    memcpy (footer.creator, cases[i].creator, 4);
    footer.creator_version = cases[i].version;
    vhd_footer_serialise (&footer, bytes);
    bytes[HIDDEN] = cases[i].hidden;
    ck_assert_int_eq (vhd_footer_parse (bytes, 512, &f), cases[i].status);
    ck_assert (f.stale_checksum == (cases[i].status == VHD_OK));
    ck_assert_uint_eq (f.reserved[0], cases[i].hidden);

    /* Nothing else may have changed. */
    bytes[HIDDEN + 1] = 1;
    ck_assert_int_eq (parse (), VHD_BAD_CHECKSUM);
    bytes[HIDDEN + 1] = 0;
    /* With the checksum as it should be there is nothing special. */
    repair_checksum ();
    ck_assert_int_eq (vhd_footer_parse (bytes, 512, &f), VHD_OK);
    ck_assert (!f.stale_checksum);
  }
}
END_TEST

START_TEST (saved_state)
{
  struct vhd_footer f;

  start ();
  bytes[0x54] = 1;
  repair_checksum ();
  ck_assert_int_eq (vhd_footer_parse (bytes, 512, &f), VHD_OK);
  ck_assert_uint_eq (f.saved_state, 1);
}
END_TEST

START_TEST (old_footer)
{
  uint8_t tail[VHD_FOOTER_SIZE], out[VHD_FOOTER_SIZE];
  struct vhd_footer f;

  start ();
  tail[0] = 0x5a;
  memcpy (tail + 1, bytes, VHD_FOOTER_OLD_SIZE);
  ck_assert_int_eq (vhd_footer_find (tail, 512, &f), VHD_OK);
  ck_assert_uint_eq (f.length, 511);
  vhd_footer_serialise (&f, out); /* becomes a new one */
  ck_assert_mem_eq (out, bytes, sizeof out);

  ck_assert_int_eq (vhd_footer_find (bytes, 511, &f), VHD_OK);
  ck_assert_uint_eq (f.length, 511);

  tail[300] ^= 1;
  ck_assert_int_eq (vhd_footer_find (tail, 512, &f), VHD_BAD_CHECKSUM);
}
END_TEST

START_TEST (short_tails)
{
  struct vhd_footer f;

  start ();
  for (size_t n = 0; n < VHD_FOOTER_OLD_SIZE; n++)
    ck_assert_int_eq (vhd_footer_find (bytes, n, &f), VHD_TOO_SHORT);
  ck_assert_int_eq (vhd_footer_find (bytes, 512, &f), VHD_OK);
  memset (bytes, 0, sizeof bytes);
  ck_assert_int_eq (vhd_footer_find (bytes, 512, &f), VHD_NO_COOKIE);
}
END_TEST

START_TEST (timestamps)
{
  static const struct {
    int64_t unix_time;
    uint32_t timestamp;
  } cases[] = {
    { INT64_MIN, 0 },
    { 0, 0 },
    { 946684799, 0 },
    { 946684800, 0 }, /* 2000-01-01T00:00:00Z */
    { 946684801, 1 },
    { 1700000000, 753315200 },
    { INT64_C (946684800) + UINT32_MAX, UINT32_MAX },
    { INT64_MAX, UINT32_MAX },
  };

  for (size_t i = 0; i < ARRAY_SIZE (cases); i++) {
    const struct vhd_footer f = vhd_footer_fixed (512, cases[i].unix_time, &id);

    ck_assert_uint_eq (f.timestamp, cases[i].timestamp);
  }
}
END_TEST

START_TEST (strings)
{
  for (int i = VHD_OK; i <= VHD_DIFFERENCING; i++) {
    ck_assert_ptr_nonnull (vhd_status_string (i));
    for (int k = VHD_OK; k < i; k++)
      ck_assert_str_ne (vhd_status_string (i), vhd_status_string (k));
  }
}
END_TEST

int
main (void)
{
  const TTest *const tests[] = {
    as_windows_writes_it, members,         nothing_is_lost,
    single_bit_flips,     version,         types,
    whole_sectors,        order_of_checks, filled_in_when_bad,
    xen_hidden,           saved_state,     old_footer,
    short_tails,          timestamps,      strings,
  };

  return test_main ("vhd-footer", tests, ARRAY_SIZE (tests));
}
