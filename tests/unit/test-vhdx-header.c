/* SPDX-License-Identifier: BSD-3-Clause
 *
 * vhdx-header: the identifier, a header right but for one thing, and
 * which of two headers counts.
 */

#include <config.h>

#include <check.h>
#include <string.h>

#include "base/align.h"
#include "base/bytes.h"
#include "support/main.h"
#include "vhdx/vhdx-checksum.h"
#include "vhdx/vhdx-header.h"

#define MIB ((uint64_t) 1 << 20)
#define CHECKSUM 4

static struct vhdx_header header;
static uint8_t first[VHDX_HEADER_SIZE], second[VHDX_HEADER_SIZE];

/* As Windows 10 has it, with a log to replay. */
static void
start (void)
{
  header = (struct vhdx_header){
    .sequence = 0x1122334455667788,
    .file_write_id = { "file write id 16" },
    .data_write_id = { "data write id 16" },
    .log_id = { "log id log id 16" },
    .version = 1,
    .log_length = 1 << 20,
    .log_offset = 1 << 20,
  };
  vhdx_header_serialise (&header, first);
  header.sequence--;
  vhdx_header_serialise (&header, second);
  header.sequence++;
}

static void
repair (uint8_t *p)
{
  const le32 crc = le32_put (vhdx_checksum (p, VHDX_HEADER_SIZE));

  memcpy (p + CHECKSUM, &crc, sizeof crc);
}

START_TEST (bytes_of_a_header)
{
  static const uint8_t expected[] = {
    'h',  'e',  'a',  'd',  0,   0,   0,   0,   0x88, 0x77, 0x66, 0x55,
    0x44, 0x33, 0x22, 0x11, 'f', 'i', 'l', 'e', ' ',  'w',  'r',  'i',
    't',  'e',  ' ',  'i',  'd', ' ', '1', '6', 'd',  'a',  't',  'a',
    ' ',  'w',  'r',  'i',  't', 'e', ' ', 'i', 'd',  ' ',  '1',  '6',
    'l',  'o',  'g',  ' ',  'i', 'd', ' ', 'l', 'o',  'g',  ' ',  'i',
    'd',  ' ',  '1',  '6',  0,   0,   1,   0,   0,    0,    16,   0,
    0,    0,    16,   0,    0,   0,   0,   0,   0,
  };

  start ();
  memset (first + CHECKSUM, 0, 4);
  ck_assert_mem_eq (first, expected, sizeof expected);
  for (size_t i = sizeof expected; i < sizeof first; i++)
    ck_assert_uint_eq (first[i], 0);
}
END_TEST

START_TEST (members)
{
  struct vhdx_header h;

  start ();
  ck_assert_int_eq (vhdx_header_parse (first, &h), VHDX_OK);
  ck_assert_uint_eq (h.sequence, header.sequence);
  ck_assert (uuid_equal (&h.file_write_id, &header.file_write_id));
  ck_assert (uuid_equal (&h.data_write_id, &header.data_write_id));
  ck_assert (uuid_equal (&h.log_id, &header.log_id));
  ck_assert_uint_eq (h.version, 1);
  ck_assert_uint_eq (h.log_version, 0);
  ck_assert_uint_eq (h.log_length, MIB);
  ck_assert_uint_eq (h.log_offset, MIB);
}
END_TEST

START_TEST (single_bit_flips)
{
  struct vhdx_header h;

  start ();
  for (unsigned bit = 0; bit < 8 * sizeof first; bit++) {
    enum vhdx_status status;

    first[bit / 8] ^= 1u << bit % 8;
    status = vhdx_header_parse (first, &h);
    first[bit / 8] ^= 1u << bit % 8;
    quick_assert (status == (bit < 32 ? VHDX_NO_HEADER : VHDX_HEADER_CHECKSUM));
    quick_assert ((bit < 32) == (h.sequence == 0));
  }
}
END_TEST

/* What is reserved does not matter. */
START_TEST (reserved)
{
  struct vhdx_header h;

  start ();
  for (size_t i = 80; i < sizeof first; i++)
    first[i] = (uint8_t) (i * 7 + 3);
  repair (first);
  ck_assert_int_eq (vhdx_header_parse (first, &h), VHDX_OK);
  ck_assert_int_eq (vhdx_header_check (&h, 4 * MIB), VHDX_OK);
}
END_TEST

START_TEST (which_counts)
{
  struct vhdx_headers h;

  start (); /* the first has the larger number */
  ck_assert_int_eq (vhdx_headers_parse (first, second, &h), VHDX_OK);
  ck_assert_uint_eq (h.current, 0);
  ck_assert (!h.ambiguous);
  ck_assert_int_eq (vhdx_headers_parse (second, first, &h), VHDX_OK);
  ck_assert_uint_eq (h.current, 1);

  /* The larger one is torn. */
  first[1000] ^= 1;
  ck_assert_int_eq (vhdx_headers_parse (first, second, &h), VHDX_OK);
  ck_assert_uint_eq (h.current, 1);
  ck_assert_int_eq (h.status[0], VHDX_HEADER_CHECKSUM);
  ck_assert_int_eq (h.status[1], VHDX_OK);
  ck_assert (!h.ambiguous);
  ck_assert_int_eq (vhdx_headers_parse (second, first, &h), VHDX_OK);
  ck_assert_uint_eq (h.current, 0);

  second[0] = 'H';
  ck_assert_int_eq (vhdx_headers_parse (first, second, &h), VHDX_HEADERS_BAD);
  ck_assert_int_eq (h.status[0], VHDX_HEADER_CHECKSUM);
  ck_assert_int_eq (h.status[1], VHDX_NO_HEADER);
}
END_TEST

START_TEST (numbers_have_all_bits)
{
  struct vhdx_headers h;

  start ();
  header.sequence = UINT64_MAX;
  vhdx_header_serialise (&header, first);
  header.sequence = 0;
  vhdx_header_serialise (&header, second);
  ck_assert_int_eq (vhdx_headers_parse (second, first, &h), VHDX_OK);
  ck_assert_uint_eq (h.current, 1);
  header.sequence = INT64_MAX;
  vhdx_header_serialise (&header, second);
  ck_assert_int_eq (vhdx_headers_parse (second, first, &h), VHDX_OK);
  ck_assert_uint_eq (h.current, 1);
}
END_TEST

/* disk2vhd writes the same header twice. */
START_TEST (same_number)
{
  struct vhdx_headers h;

  start ();
  ck_assert_int_eq (vhdx_headers_parse (first, first, &h), VHDX_OK);
  ck_assert_uint_eq (h.current, 0);
  ck_assert (!h.ambiguous);

  header.data_write_id.b[3] ^= 1;
  vhdx_header_serialise (&header, second);
  ck_assert_int_eq (vhdx_headers_parse (first, second, &h), VHDX_OK);
  ck_assert_uint_eq (h.current, 0);
  ck_assert (h.ambiguous);
}
END_TEST

START_TEST (checks)
{
  static const struct {
    uint16_t version, log_version;
    bool no_log_id;
    uint32_t log_length;
    uint64_t log_offset, file_size;
    enum vhdx_status status;
  } cases[] = {
    { 1, 0, 0, MIB, MIB, 2 * MIB, VHDX_OK },
    { 1, 0, 0, 8 * MIB, 5 * MIB, 13 * MIB, VHDX_OK },
    { 0, 0, 0, MIB, MIB, 2 * MIB, VHDX_HEADER_VERSION },
    { 2, 0, 0, MIB, MIB, 2 * MIB, VHDX_HEADER_VERSION },
    { 0x100, 0, 0, MIB, MIB, 2 * MIB, VHDX_HEADER_VERSION },
    { 1, 1, 0, MIB, MIB, 2 * MIB, VHDX_LOG_VERSION },
    { 1, 1, 1, MIB, MIB, 2 * MIB, VHDX_OK },
    { 1, 0, 0, MIB + 4096, MIB, 4 * MIB, VHDX_LOG_ALIGNMENT },
    { 1, 0, 0, 4096, MIB, 4 * MIB, VHDX_LOG_ALIGNMENT },
    { 1, 0, 0, MIB, MIB + 4096, 4 * MIB, VHDX_LOG_ALIGNMENT },
    { 1, 0, 1, MIB, MIB + 1, 4 * MIB, VHDX_LOG_ALIGNMENT },
    { 1, 0, 0, 0, MIB, 4 * MIB, VHDX_LOG_MISSING },
    { 1, 0, 1, 0, 0, 4 * MIB, VHDX_OK },
    { 1, 0, 0, MIB, 0, 4 * MIB, VHDX_LOG_PLACE },
    { 1, 0, 0, MIB, MIB, 2 * MIB - 1, VHDX_LOG_PLACE },
    { 1, 0, 1, MIB, MIB, MIB, VHDX_LOG_PLACE },
    { 1, 0, 0, MIB, 3 * MIB, 2 * MIB, VHDX_LOG_PLACE },
    { 1, 0, 0, MIB, UINT64_MAX - MIB + 1, 4 * MIB, VHDX_LOG_PLACE },
    { 1, 0, 0, UINT32_MAX - MIB + 1, MIB, 4 * MIB, VHDX_LOG_PLACE },
    { 1, 0, 0, UINT32_MAX - MIB + 1, MIB, UINT64_MAX, VHDX_OK },
  };

  for (size_t i = 0; i < ARRAY_SIZE (cases); i++) {
    enum vhdx_status status;

    start ();
    header.version = cases[i].version;
    header.log_version = cases[i].log_version;
    if (cases[i].no_log_id)
      memset (&header.log_id, 0, sizeof header.log_id);
    header.log_length = cases[i].log_length;
    header.log_offset = cases[i].log_offset;
    status = vhdx_header_check (&header, cases[i].file_size);
    ck_assert_msg (status == cases[i].status, "%zu: %s", i,
                   vhdx_status_string (status));
  }
}
END_TEST

START_TEST (identifier)
{
  static uint8_t bytes[VHDX_IDENTIFIER_SIZE];
  char creator[300];

  memset (bytes, 0x5a, sizeof bytes);
  vhdx_identifier_serialise ("ab 1", bytes);
  ck_assert_mem_eq (bytes, "vhdxfilea\0b\0 \0001\0\0\0", 18);
  for (size_t i = 16; i < sizeof bytes; i++)
    quick_assert (bytes[i] == 0);
  ck_assert_int_eq (vhdx_identifier_parse (bytes), VHDX_OK);
  for (unsigned i = 0; i < 8; i++) {
    bytes[i] ^= 0x20;
    ck_assert_int_eq (vhdx_identifier_parse (bytes), VHDX_NO_IDENTIFIER);
    bytes[i] ^= 0x20;
  }

  /* With an end, in the 512 bytes that there are. */
  memset (creator, 'x', sizeof creator - 1);
  creator[sizeof creator - 1] = '\0';
  vhdx_identifier_serialise (creator, bytes);
  ck_assert_uint_eq (bytes[8 + 2 * 254], 'x');
  for (size_t i = 8 + 2 * 255; i < sizeof bytes; i++)
    quick_assert (bytes[i] == 0);
}
END_TEST

int
main (void)
{
  const TTest *const tests[] = {
    bytes_of_a_header, members,      single_bit_flips,
    reserved,          which_counts, numbers_have_all_bits,
    same_number,       checks,       identifier,
  };

  return test_main ("vhdx-header", tests, ARRAY_SIZE (tests));
}
