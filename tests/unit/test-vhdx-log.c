/* SPDX-License-Identifier: BSD-3-Clause
 *
 * vhdx-log, one entry: every check on an entry that is right but for one
 * thing, what is written is read and applied, and sizes.
 */

#include <config.h>

#include "base/align.h"
#include "unit/vhdx-ring.h"

/* At 0x3000: two pages, zeroes between them. */
#define AT 0x3000u
#define DESCRIPTOR(i) (AT + 64 + 32 * (i))
#define DATA(i) (AT + SECTOR + SECTOR * (i))

static uint8_t page_a[SECTOR], page_b[SECTOR];

static void
start (void)
{
  const struct vhdx_log_change changes[] = {
    { .offset = 3 * MIB, .length = SECTOR, .page = page_a },
    { .offset = 5 * MIB, .length = 2 * MIB },
    { .offset = 192 * 1024, .length = SECTOR, .page = page_b },
  };
  uint32_t at = AT;

  for (size_t i = 0; i < SECTOR; i++) {
    page_a[i] = (uint8_t) (i * 3 + 1);
    page_b[i] = (uint8_t) (i / 16 + i);
  }
  ring_start (MIB);
  ring_put (&at, AT, 0x1122334455667788, changes, ARRAY_SIZE (changes));
  ck_assert_uint_eq (at, AT + 3 * SECTOR);
}

static enum vhdx_status
parse (void)
{
  struct vhdx_log_entry e;

  return vhdx_log_entry_parse (&ring_log, AT, &e);
}

static enum vhdx_status
parse_repaired (void)
{
  ring_repair (AT);
  return parse ();
}

START_TEST (members)
{
  struct vhdx_log_entry e;

  start ();
  ck_assert_int_eq (vhdx_log_entry_parse (&ring_log, AT, &e), VHDX_OK);
  ck_assert_uint_eq (e.offset, AT);
  ck_assert_uint_eq (e.length, 3 * SECTOR);
  ck_assert_uint_eq (e.tail, AT);
  ck_assert_uint_eq (e.sequence, 0x1122334455667788);
  ck_assert_uint_eq (e.ndescriptors, 3);
  ck_assert_uint_eq (e.flushed_offset, 8 * MIB);
  ck_assert_uint_eq (e.last_offset, 9 * MIB);
}
END_TEST

START_TEST (bytes)
{
  static const uint8_t head[] = {
    'l',  'o', 'g',  'e',  0,    0,    0,    0,    0,    0x30, 0,    0,    0,
    0x30, 0,   0,    0x88, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11, 3,    0,
    0,    0,   0,    0,    0,    0,    't',  'h',  'i',  's',  ' ',  'r',  'i',
    'n',  'g', '\'', 's',  ' ',  'i',  'd',  '!',  '!',  0,    0,    0x80, 0,
    0,    0,   0,    0,    0,    0,    0x90, 0,    0,    0,    0,    0,
  };
  static const uint8_t zeroes[] = {
    'z', 'e', 'r',  'o',  0,    0,    0,    0,    0,    0,    0x20,
    0,   0,   0,    0,    0,    0,    0,    0x50, 0,    0,    0,
    0,   0,   0x88, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11,
  };
  static const uint8_t number[] = { 0,    0,    0x30, 0,    0,    0,
                                    0,    0,    0x88, 0x77, 0x66, 0x55,
                                    0x44, 0x33, 0x22, 0x11 };

  start ();
  ring_set32 (AT + 4, 0);
  ck_assert_mem_eq (ring + AT, head, sizeof head);
  ck_assert_mem_eq (ring + DESCRIPTOR (0), "desc", 4);
  ck_assert_mem_eq (ring + DESCRIPTOR (0) + 4, page_a + 4092, 4);
  ck_assert_mem_eq (ring + DESCRIPTOR (0) + 8, page_a, 8);
  ck_assert_mem_eq (ring + DESCRIPTOR (0) + 16, number, sizeof number);
  ck_assert_mem_eq (ring + DESCRIPTOR (1), zeroes, sizeof zeroes);
  ck_assert_mem_eq (ring + DATA (1), "data\x44\x33\x22\x11", 8);
  ck_assert_mem_eq (ring + DATA (1) + 8, page_b + 8, 4084);
  ck_assert_mem_eq (ring + DATA (1) + 4092, "\x88\x77\x66\x55", 4);
}
END_TEST

/* However little of it did not arrive, the entry does not count. */
START_TEST (single_bit_flips)
{
  start ();
  for (unsigned bit = 0; bit < 8 * 3 * SECTOR; bit += bit < 2000 ? 1 : 61) {
    enum vhdx_status status;

    ring[AT + bit / 8] ^= 1u << bit % 8;
    status = parse ();
    ring[AT + bit / 8] ^= 1u << bit % 8;
    quick_assert (status != VHDX_OK);
  }
  ck_assert_int_eq (parse (), VHDX_OK);
}
END_TEST

START_TEST (torn)
{
  static uint8_t whole[3 * SECTOR];

  start ();
  memcpy (whole, ring + AT, sizeof whole);
  for (size_t cut = 0; cut < sizeof whole; cut += 512) {
    memset (ring + AT + cut, 0x33, sizeof whole - cut);
    ck_assert_int_ne (parse (), VHDX_OK);
    memcpy (ring + AT, whole, sizeof whole);
  }
  ck_assert_int_eq (parse (), VHDX_OK);
}
END_TEST

START_TEST (heads)
{
  static const struct {
    uint32_t at, value;
    enum vhdx_status status;
  } cases[] = {
    { 0, 0x65676f6d, VHDX_LOG_NO_ENTRY },
    { 8, 0, VHDX_LOG_ENTRY_LENGTH },
    { 8, 3 * SECTOR - 512, VHDX_LOG_ENTRY_LENGTH },
    { 8, 2 * SECTOR, VHDX_LOG_ENTRY_LENGTH },
    { 8, 4 * SECTOR, VHDX_LOG_ENTRY_LENGTH },
    { 8, (1 << 20) + SECTOR, VHDX_LOG_ENTRY_LENGTH },
    { 8, 0xfffff000, VHDX_LOG_ENTRY_LENGTH },
    { 12, AT + 512, VHDX_LOG_ENTRY_TAIL },
    { 12, 1 << 20, VHDX_LOG_ENTRY_TAIL },
    { 12, 0, VHDX_LOG_CHECKSUM },
    { 24, 4, VHDX_LOG_DESCRIPTOR },
    { 24, 127, VHDX_LOG_DESCRIPTOR },
    { 24, 2, VHDX_LOG_ENTRY_LENGTH },
    { 24, 0x10000000, VHDX_LOG_ENTRY_LENGTH },
    { 24, UINT32_MAX, VHDX_LOG_ENTRY_LENGTH },
    { 28, 5, VHDX_LOG_CHECKSUM }, /* reserved */
    { 32, 5, VHDX_LOG_ENTRY_ID },
    { 52, 0x80000000, VHDX_LOG_TARGET },
    { 60, 0x80000000, VHDX_LOG_TARGET },
    { 4, 0, VHDX_LOG_CHECKSUM },
  };

  for (size_t i = 0; i < ARRAY_SIZE (cases); i++) {
    enum vhdx_status status;

    start ();
    ring_set32 (AT + cases[i].at, cases[i].value);
    status = parse ();
    ck_assert_msg (status == cases[i].status, "%zu: %s", i,
                   vhdx_status_string (status));
  }
  start ();
  ring_set64 (AT + 16, 0);
  ck_assert_int_eq (parse_repaired (), VHDX_LOG_ENTRY_SEQUENCE);
}
END_TEST

START_TEST (descriptors)
{
  static const struct {
    uint32_t at;
    uint64_t value;
    enum vhdx_status status;
  } cases[] = {
    { DESCRIPTOR (0), 0x78787878, VHDX_LOG_DESCRIPTOR },
    { DESCRIPTOR (1), 0x78787878, VHDX_LOG_DESCRIPTOR },
    { DESCRIPTOR (0) + 24, 0x1122334455667789, VHDX_LOG_ENTRY_SEQUENCE },
    { DESCRIPTOR (2) + 24, 0x1122334455667787, VHDX_LOG_ENTRY_SEQUENCE },
    { DESCRIPTOR (0) + 16, 3 * MIB + 512, VHDX_LOG_DESCRIPTOR },
    { DESCRIPTOR (1) + 16, 5 * MIB + 8, VHDX_LOG_DESCRIPTOR },
    { DESCRIPTOR (1) + 8, 512, VHDX_LOG_DESCRIPTOR },
    { DESCRIPTOR (1) + 8, 0, VHDX_OK },
    /* The identifier, the headers, the log. */
    { DESCRIPTOR (0) + 16, 0, VHDX_LOG_TARGET },
    { DESCRIPTOR (0) + 16, 191 * 1024, VHDX_LOG_DESCRIPTOR },
    { DESCRIPTOR (0) + 16, 188 * 1024, VHDX_LOG_TARGET },
    { DESCRIPTOR (0) + 16, 192 * 1024, VHDX_OK },
    { DESCRIPTOR (0) + 16, MIB - SECTOR, VHDX_OK },
    { DESCRIPTOR (0) + 16, MIB, VHDX_LOG_TARGET },
    { DESCRIPTOR (0) + 16, 2 * MIB - SECTOR, VHDX_LOG_TARGET },
    { DESCRIPTOR (0) + 16, 2 * MIB, VHDX_OK },
    { DESCRIPTOR (1) + 16, 0, VHDX_LOG_TARGET },
    { DESCRIPTOR (1) + 16, 512 * 1024, VHDX_LOG_TARGET },
    { DESCRIPTOR (1) + 16, 2 * MIB, VHDX_OK },
    /* Where no file can end. */
    { DESCRIPTOR (0) + 16, UINT64_MAX - SECTOR + 1, VHDX_LOG_TARGET },
    { DESCRIPTOR (0) + 16, (uint64_t) 1 << 63, VHDX_LOG_TARGET },
    { DESCRIPTOR (1) + 8, UINT64_MAX - SECTOR + 1, VHDX_LOG_TARGET },
    { DESCRIPTOR (1) + 8, (uint64_t) 1 << 62, VHDX_OK },
  };

  for (size_t i = 0; i < ARRAY_SIZE (cases); i++) {
    enum vhdx_status status;

    start ();
    ring_set64 (cases[i].at, cases[i].value);
    status = parse_repaired ();
    ck_assert_msg (status == cases[i].status, "%zu: %s", i,
                   vhdx_status_string (status));
  }
}
END_TEST

START_TEST (data_sectors)
{
  start ();
  ring[DATA (0)] = 'D';
  ck_assert_int_eq (parse_repaired (), VHDX_LOG_DATA);
  start ();
  ring[DATA (1) + 4] ^= 1;
  ck_assert_int_eq (parse_repaired (), VHDX_LOG_ENTRY_SEQUENCE);
  start ();
  ring[DATA (1) + 4092] ^= 1;
  ck_assert_int_eq (parse_repaired (), VHDX_LOG_ENTRY_SEQUENCE);
  start ();
  ring[DATA (1) + 2000] ^= 1;
  ck_assert_int_eq (parse (), VHDX_LOG_CHECKSUM);
  ck_assert_int_eq (parse_repaired (), VHDX_OK);
}
END_TEST

START_TEST (reading_fails)
{
  start ();
  for (unsigned n = 1; n <= 3; n++) {
    ring_reads = 0;
    ring_fail_read = n;
    ck_assert_int_eq (parse (), VHDX_LOG_READ);
  }
  ring_reads = 0;
  ring_fail_read = 4;
  ck_assert_int_eq (parse (), VHDX_OK);
}
END_TEST

struct applied {
  unsigned n, stop;
  struct vhdx_log_change change[4];
  uint8_t page[4][SECTOR];
};

static int
apply (void *opaque, const struct vhdx_log_change *c)
{
  struct applied *a = opaque;

  ck_assert_uint_lt (a->n, ARRAY_SIZE (a->change));
  if (a->n == a->stop)
    return -1;
  a->change[a->n] = *c;
  if (c->page != NULL)
    memcpy (a->page[a->n], c->page, SECTOR);
  a->n++;
  return 0;
}

START_TEST (replayed)
{
  static struct applied a;
  struct vhdx_log_active active;

  start ();
  ck_assert_int_eq (vhdx_log_find (&ring_log, &active), VHDX_OK);
  a.stop = 4;
  ck_assert_int_eq (vhdx_log_replay (&ring_log, &active, apply, &a), VHDX_OK);
  ck_assert_uint_eq (a.n, 3);
  ck_assert_uint_eq (a.change[0].offset, 3 * MIB);
  ck_assert_uint_eq (a.change[0].length, SECTOR);
  ck_assert_mem_eq (a.page[0], page_a, SECTOR);
  ck_assert_uint_eq (a.change[1].offset, 5 * MIB);
  ck_assert_uint_eq (a.change[1].length, 2 * MIB);
  ck_assert_ptr_null (a.change[1].page);
  ck_assert_uint_eq (a.change[2].offset, 192 * 1024);
  ck_assert_mem_eq (a.page[2], page_b, SECTOR);

  for (unsigned stop = 0; stop < 3; stop++) {
    a.n = 0;
    a.stop = stop;
    ck_assert_int_eq (vhdx_log_replay (&ring_log, &active, apply, &a),
                      VHDX_LOG_APPLY);
    ck_assert_uint_eq (a.n, stop);
  }
}
END_TEST

/* Somebody changes the ring between looking and replaying. */
START_TEST (changed_meanwhile)
{
  static struct applied a = { .stop = 4 };
  struct vhdx_log_active active;

  start ();
  ck_assert_int_eq (vhdx_log_find (&ring_log, &active), VHDX_OK);
  ring[DATA (1)] = 'D';
  ck_assert_int_eq (vhdx_log_replay (&ring_log, &active, apply, &a),
                    VHDX_LOG_DATA);
  ring[DATA (1)] = 'd';
  memcpy (ring + DESCRIPTOR (1), "desc", 4);
  a.n = 0;
  ring_set32 (AT + 8, 2 * SECTOR);
  ck_assert_int_eq (vhdx_log_replay (&ring_log, &active, apply, &a),
                    VHDX_LOG_ENTRY_LENGTH);
  active.tail.sequence++;
  ck_assert_int_eq (vhdx_log_replay (&ring_log, &active, apply, &a),
                    VHDX_LOG_ENTRY_SEQUENCE);
  ring_set32 (AT, 0);
  ck_assert_int_eq (vhdx_log_replay (&ring_log, &active, apply, &a),
                    VHDX_LOG_NO_ENTRY);
  for (unsigned n = 1; n <= 2; n++) {
    start ();
    ck_assert_int_eq (vhdx_log_find (&ring_log, &active), VHDX_OK);
    ring_reads = a.n = 0;
    ring_fail_read = n;
    ck_assert_int_eq (vhdx_log_replay (&ring_log, &active, apply, &a),
                      VHDX_LOG_READ);
  }
}
END_TEST

START_TEST (sizes)
{
  static const struct {
    uint32_t nchanges, npages;
    uint64_t sectors;
  } cases[] = {
    { 0, 0, 1 },       { 1, 1, 2 },
    { 126, 0, 1 },     { 126, 126, 127 },
    { 127, 127, 129 }, { 254, 0, 2 },
    { 255, 0, 3 },     { UINT32_MAX, 0, 33554433 },
  };

  for (size_t i = 0; i < ARRAY_SIZE (cases); i++)
    ck_assert_uint_eq (vhdx_log_entry_size (cases[i].nchanges, cases[i].npages),
                       cases[i].sectors * SECTOR);

  ck_assert_uint_eq (vhdx_log_entry_pages (0), 0);
  ck_assert_uint_eq (vhdx_log_entry_pages (SECTOR), 0);
  ck_assert_uint_eq (vhdx_log_entry_pages (2 * SECTOR), 1);
  ck_assert_uint_eq (vhdx_log_entry_pages (127 * SECTOR), 126);
  ck_assert_uint_eq (vhdx_log_entry_pages (128 * SECTOR), 126);
  ck_assert_uint_eq (vhdx_log_entry_pages (129 * SECTOR), 127);
  for (uint32_t size = 0; size < 64 * MIB; size += 77 * SECTOR + 512) {
    const uint32_t n = vhdx_log_entry_pages (size);

    quick_assert (n == 0 || vhdx_log_entry_size (n, n) <= size);
    quick_assert (vhdx_log_entry_size (n + 1, n + 1) > size);
  }
}
END_TEST

START_TEST (room)
{
  ck_assert_uint_eq (vhdx_log_room (MIB, 0, 0), MIB - SECTOR);
  ck_assert_uint_eq (vhdx_log_room (MIB, SECTOR, SECTOR), MIB - SECTOR);
  ck_assert_uint_eq (vhdx_log_room (MIB, 0, SECTOR), MIB - 2 * SECTOR);
  ck_assert_uint_eq (vhdx_log_room (MIB, SECTOR, 0), 0);
  ck_assert_uint_eq (vhdx_log_room (MIB, 8 * SECTOR, 4 * SECTOR), 3 * SECTOR);
  ck_assert_uint_eq (vhdx_log_room (UINT32_MAX - MIB + 1, MIB, 0),
                     MIB - SECTOR);
}
END_TEST

int
main (void)
{
  const TTest *const tests[] = {
    members,     bytes,        single_bit_flips, torn,     heads,
    descriptors, data_sectors, reading_fails,    replayed, changed_meanwhile,
    sizes,       room,
  };

  return test_main ("vhdx-log", tests, ARRAY_SIZE (tests));
}
