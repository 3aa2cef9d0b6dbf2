/* SPDX-License-Identifier: BSD-3-Clause
 *
 * vhdx-region: tables that are right but for one thing, and which of two
 * copies is used.
 */

#include <config.h>

#include <check.h>
#include <string.h>

#include "base/align.h"
#include "base/bytes.h"
#include "support/main.h"
#include "vhdx/vhdx-checksum.h"
#include "vhdx/vhdx-guid.h"
#include "vhdx/vhdx-region.h"

#define MIB ((uint64_t) 1 << 20)

static struct vhdx_header header = { .log_offset = MIB, .log_length = MIB };
static struct vhdx_region regions[VHDX_REGION_MAX];
static unsigned count;
static uint8_t table[VHDX_REGION_SIZE], other[VHDX_REGION_SIZE];
static uint64_t file_size;

/* As Windows has it. */
static void
start (void)
{
  memset (regions, 0, sizeof regions);
  regions[0] = (struct vhdx_region){
    .id = vhdx_guid_bat, .offset = 3 * MIB, .length = MIB, .required = true
  };
  regions[1] = (struct vhdx_region){
    .id = vhdx_guid_metadata, .offset = 2 * MIB, .length = MIB, .required = true
  };
  count = 2;
  file_size = 8 * MIB;
  vhdx_region_serialise (regions, count, table);
}

static void
add (char id, uint64_t offset, uint32_t length, bool required)
{
  regions[count] = (struct vhdx_region){
    .id = { "what none knows!" },
    .offset = offset,
    .length = length,
    .required = required,
  };
  regions[count++].id.b[0] = (uint8_t) id;
}

static void
put32 (size_t at, uint32_t value)
{
  const le32 v = le32_put (value);

  memcpy (table + at, &v, sizeof v);
}

static void
repair (void)
{
  put32 (4, vhdx_checksum (table, sizeof table));
}

static enum vhdx_status
parse (void)
{
  struct vhdx_regions r;
  const enum vhdx_status status = vhdx_region_verify (table);

  if (status != VHDX_OK)
    return status;
  return vhdx_region_parse (table, &header, file_size, &r);
}

static enum vhdx_status
parse_regions (void)
{
  vhdx_region_serialise (regions, count, table);
  return parse ();
}

START_TEST (members)
{
  struct vhdx_regions r;
  struct vhdx_region third;

  start ();
  add ('z', 5 * MIB, 2 * MIB, false);
  vhdx_region_serialise (regions, count, table);
  ck_assert_int_eq (vhdx_region_parse (table, &header, file_size, &r), VHDX_OK);
  ck_assert_uint_eq (r.count, 3);
  ck_assert_uint_eq (r.bat.offset, 3 * MIB);
  ck_assert_uint_eq (r.bat.length, MIB);
  ck_assert (r.bat.required);
  ck_assert_uint_eq (r.metadata.offset, 2 * MIB);
  third = vhdx_region_get (table, 2);
  ck_assert (uuid_equal (&third.id, &regions[2].id));
  ck_assert_uint_eq (third.offset, 5 * MIB);
  ck_assert_uint_eq (third.length, 2 * MIB);
  ck_assert (!third.required);
}
END_TEST

START_TEST (single_bit_flips)
{
  start ();
  for (unsigned bit = 0; bit < 8 * 80; bit++) {
    enum vhdx_status status;

    table[bit / 8] ^= 1u << bit % 8;
    status = vhdx_region_verify (table);
    table[bit / 8] ^= 1u << bit % 8;
    quick_assert (status ==
                  (bit < 32 ? VHDX_NO_REGION_TABLE : VHDX_REGION_CHECKSUM));
  }
  table[sizeof table - 1] = 1;
  ck_assert_int_eq (vhdx_region_verify (table), VHDX_REGION_CHECKSUM);
}
END_TEST

START_TEST (counts)
{
  start ();
  put32 (8, VHDX_REGION_MAX + 1);
  repair ();
  ck_assert_int_eq (parse (), VHDX_REGION_COUNT);
  put32 (8, UINT32_MAX);
  repair ();
  ck_assert_int_eq (parse (), VHDX_REGION_COUNT);
  put32 (8, 0);
  repair ();
  ck_assert_int_eq (parse (), VHDX_REGION_NO_BAT);
  put32 (8, 1);
  repair ();
  ck_assert_int_eq (parse (), VHDX_REGION_NO_METADATA);
  put32 (8, 3); /* the third is all zeroes */
  repair ();
  ck_assert_int_eq (parse (), VHDX_REGION_ID);
}
END_TEST

START_TEST (as_many_as_can_be)
{
  start ();
  file_size = 3000 * MIB;
  while (count < VHDX_REGION_MAX) {
    add ('z', (2 + count) * MIB, MIB, false);
    regions[count - 1].id.b[1] = count & 0xff;
    regions[count - 1].id.b[2] = (uint8_t) (count >> 8);
  }
  ck_assert_int_eq (parse_regions (), VHDX_OK);
  regions[2000].id = regions[3].id;
  ck_assert_int_eq (parse_regions (), VHDX_REGION_TWICE);
  start ();
}
END_TEST

START_TEST (reserved)
{
  start ();
  put32 (12, 1);
  repair ();
  ck_assert_int_eq (parse (), VHDX_REGION_FLAGS);
  start ();
  put32 (16 + 28, 3);
  repair ();
  ck_assert_int_eq (parse (), VHDX_REGION_FLAGS);
  put32 (16 + 28, 0); /* qemu does not say that it is required */
  repair ();
  ck_assert_int_eq (parse (), VHDX_OK);
}
END_TEST

START_TEST (places)
{
  static const struct {
    uint64_t offset;
    uint32_t length;
    enum vhdx_status status;
  } cases[] = {
    { 4 * MIB, MIB, VHDX_OK },
    { 7 * MIB, MIB, VHDX_OK },
    { 4 * MIB, 4 * MIB, VHDX_OK },
    { 4 * MIB, 5 * MIB, VHDX_REGION_PLACE },
    { 8 * MIB, MIB, VHDX_REGION_PLACE },
    { UINT64_MAX - MIB + 1, MIB, VHDX_REGION_PLACE },
    { UINT64_MAX - MIB + 1, 2 * MIB, VHDX_REGION_PLACE },
    { 0, MIB, VHDX_REGION_PLACE },
    { 4 * MIB, 0, VHDX_REGION_PLACE },
    { 4 * MIB, MIB + 4096, VHDX_REGION_ALIGNMENT },
    { 4 * MIB + 512, MIB, VHDX_REGION_ALIGNMENT },
    { 4 * MIB, 1, VHDX_REGION_ALIGNMENT },
    { MIB, MIB, VHDX_REGION_OVERLAP }, /* the log */
    { 2 * MIB, MIB, VHDX_REGION_OVERLAP },
    { 3 * MIB, 3 * MIB, VHDX_REGION_OVERLAP },
    { 1 * MIB, 2 * MIB, VHDX_REGION_OVERLAP },
  };

  for (size_t i = 0; i < ARRAY_SIZE (cases); i++) {
    enum vhdx_status status;

    start ();
    add ('z', cases[i].offset, cases[i].length, false);
    status = parse_regions ();
    ck_assert_msg (status == cases[i].status, "%zu: %s", i,
                   vhdx_status_string (status));
  }
}
END_TEST

START_TEST (end_of_file_is_rounded)
{
  start ();
  file_size = 3 * MIB + 1;
  ck_assert_int_eq (parse (), VHDX_OK);
  file_size = 3 * MIB;
  ck_assert_int_eq (parse (), VHDX_REGION_PLACE);
  file_size = UINT64_MAX;
  ck_assert_int_eq (parse (), VHDX_OK);
}
END_TEST

/* A file without a log has nothing where the header says. */
START_TEST (no_log)
{
  struct vhdx_header h = { .log_offset = 3 * MIB };
  struct vhdx_regions r;

  start ();
  ck_assert_int_eq (vhdx_region_parse (table, &h, file_size, &r), VHDX_OK);
  h.log_length = MIB;
  ck_assert_int_eq (vhdx_region_parse (table, &h, file_size, &r),
                    VHDX_REGION_OVERLAP);
  ck_assert (uuid_equal (&r.bad.id, &vhdx_guid_bat));
}
END_TEST

START_TEST (unknown)
{
  struct vhdx_regions r;

  start ();
  add ('z', 4 * MIB, MIB, false);
  ck_assert_int_eq (parse_regions (), VHDX_OK);
  add ('z', 5 * MIB, MIB, false);
  ck_assert_int_eq (parse_regions (), VHDX_REGION_TWICE);
  regions[3].id.b[0] = 'y';
  ck_assert_int_eq (parse_regions (), VHDX_OK);
  regions[3].required = true;
  vhdx_region_serialise (regions, count, table);
  ck_assert_int_eq (vhdx_region_parse (table, &header, file_size, &r),
                    VHDX_REGION_UNKNOWN);
  ck_assert (uuid_equal (&r.bad.id, &regions[3].id));
}
END_TEST

START_TEST (copies)
{
  struct vhdx_region_copies c;

  start ();
  memcpy (other, table, sizeof other);
  ck_assert_int_eq (vhdx_region_choose (table, other, &c), VHDX_OK);
  ck_assert_uint_eq (c.current, 0);
  ck_assert (!c.differ);

  table[500] ^= 1;
  ck_assert_int_eq (vhdx_region_choose (table, other, &c), VHDX_OK);
  ck_assert_uint_eq (c.current, 1);
  ck_assert (c.differ);
  ck_assert_int_eq (c.status[0], VHDX_REGION_CHECKSUM);
  ck_assert_int_eq (vhdx_region_choose (other, table, &c), VHDX_OK);
  ck_assert_uint_eq (c.current, 0);
  ck_assert (c.differ);

  repair (); /* now both are good, but not the same */
  ck_assert_int_eq (vhdx_region_choose (table, other, &c), VHDX_OK);
  ck_assert_uint_eq (c.current, 0);
  ck_assert (c.differ);

  memset (table, 0, sizeof table);
  other[9] ^= 1;
  ck_assert_int_eq (vhdx_region_choose (table, other, &c), VHDX_REGIONS_BAD);
  ck_assert_int_eq (c.status[0], VHDX_NO_REGION_TABLE);
  ck_assert_int_eq (c.status[1], VHDX_REGION_CHECKSUM);
}
END_TEST

int
main (void)
{
  const TTest *const tests[] = {
    members, single_bit_flips,       counts, as_many_as_can_be, reserved,
    places,  end_of_file_is_rounded, no_log, unknown,           copies,
  };

  return test_main ("vhdx-region", tests, ARRAY_SIZE (tests));
}
