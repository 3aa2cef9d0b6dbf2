/* SPDX-License-Identifier: BSD-3-Clause
 *
 * vhdx-log, many entries: which of them are to be replayed, in rings as
 * Windows leaves them and as nobody should.
 */

#include <config.h>

#include "base/align.h"
#include "unit/vhdx-ring.h"

static struct vhdx_log_active active;

static enum vhdx_status
find (void)
{
  return vhdx_log_find (&ring_log, &active);
}

/* What is replayed, as it goes: from which number to which. */
static uint64_t replayed_first, replayed_last, nreplayed;

static int
apply (void *opaque, const struct vhdx_log_change *c)
{
  uint64_t sequence;
  uint32_t index;

  (void) opaque;
  quick_assert (c->page != NULL && c->length == SECTOR);
  memcpy (&sequence, c->page, sizeof sequence);
  memcpy (&index, c->page + SECTOR - 4, 4);
  quick_assert (c->offset == 512 * MIB + (uint64_t) index * SECTOR);
  for (uint32_t i = 8; i < SECTOR - 4; i++)
    quick_assert (c->page[i] == ((sequence * 31 + index * 7 + 1) & 0xff));
  if (nreplayed++ == 0)
    replayed_first = sequence;
  quick_assert (sequence >= replayed_last);
  replayed_last = sequence;
  return 0;
}

/* Entries FIRST to LAST are found, and have N pages. */
static void
check_found (uint64_t first, uint64_t last, uint64_t n)
{
  ck_assert_int_eq (find (), VHDX_OK);
  ck_assert_uint_eq (active.tail.sequence, first);
  ck_assert_uint_eq (active.head.sequence, last);
  ck_assert_uint_eq (active.nentries, last - first + 1);
  ck_assert_uint_eq (active.head.tail, active.tail.offset);
  nreplayed = replayed_last = 0;
  ck_assert_int_eq (vhdx_log_replay (&ring_log, &active, apply, NULL), VHDX_OK);
  ck_assert_uint_eq (nreplayed, n);
  if (n > 0) {
    ck_assert_uint_ge (replayed_first, first);
    ck_assert_uint_le (replayed_last, last);
  }
}

START_TEST (nothing)
{
  ring_start (MIB);
  ck_assert_int_eq (find (), VHDX_LOG_EMPTY);
  memset (ring, 0, MIB);
  ck_assert_int_eq (find (), VHDX_LOG_EMPTY);
  ck_assert_uint_eq (active.nentries, 0);
}
END_TEST

/* What Windows does first when it opens a file. */
START_TEST (empty_entry)
{
  uint32_t at = 0;

  ring_start (MIB);
  ring_put (&at, 0, 0x7a11223344556677, NULL, 0);
  check_found (0x7a11223344556677, 0x7a11223344556677, 0);
  ck_assert_uint_eq (active.next, SECTOR);
}
END_TEST

START_TEST (some)
{
  uint32_t at = 5 * SECTOR;

  ring_start (MIB);
  for (unsigned i = 0; i < 5; i++)
    ring_put_pages (&at, 5 * SECTOR, 100 + i, 1 + i % 3);
  check_found (100, 104, 9);
  ck_assert_uint_eq (active.next, at);
}
END_TEST

/* Entries before the tail are done with. */
START_TEST (stale_before_tail)
{
  uint32_t at = 0, tail;

  ring_start (MIB);
  ring_put_pages (&at, 0, 100, 2);
  ring_put_pages (&at, 0, 101, 2);
  tail = at;
  ring_put_pages (&at, 0, 102, 1);
  ring_put_pages (&at, tail, 103, 1);
  check_found (102, 103, 2);
  ring_put_pages (&at, at, 104, 3);
  check_found (104, 104, 3);
}
END_TEST

START_TEST (torn_last)
{
  uint32_t at = 0, last;

  ring_start (MIB);
  ring_put_pages (&at, 0, 100, 1);
  last = at;
  ring_put_pages (&at, 0, 101, 1);
  check_found (100, 101, 2);
  ring[last + 2 * SECTOR - 100] ^= 4;
  check_found (100, 100, 1);
  ck_assert_uint_eq (active.next, last);
}
END_TEST

/* Only one sector of the last entry is old. */
START_TEST (torn_middle)
{
  uint32_t at = 0, last;

  ring_start (MIB);
  ring_put_pages (&at, 0, 100, 1);
  last = at;
  ring_put_pages (&at, 0, 101, 200);
  for (uint32_t i = 0; i < 203; i++) {
    uint8_t *sector = ring + last + i * SECTOR, kept[SECTOR];

    if (last + i * SECTOR >= at)
      break;
    memcpy (kept, sector, SECTOR);
    memset (sector, 0x11, SECTOR);
    check_found (100, 100, 1);
    memcpy (sector, kept, SECTOR);
  }
  check_found (100, 101, 201);
}
END_TEST

START_TEST (gap)
{
  uint32_t at = 0;

  ring_start (MIB);
  ring_put_pages (&at, 0, 100, 1);
  ring_put_pages (&at, 0, 102, 1);
  check_found (100, 100, 1);

  /* But a later one that needs nothing before it is the newest. */
  ring_put_pages (&at, at, 104, 1);
  check_found (104, 104, 1);
}
END_TEST

START_TEST (not_upwards)
{
  uint32_t at = 0;

  ring_start (MIB);
  ring_put_pages (&at, 0, 100, 1);
  ring_put_pages (&at, 0, 100, 1);
  check_found (100, 100, 1);
  ck_assert_uint_eq (active.next, 2 * SECTOR);
  at = 0;
  ring_put_pages (&at, 0, 100, 1);
  ring_put_pages (&at, 0, 99, 1);
  check_found (100, 100, 1);
}
END_TEST

/* An entry cut in two by the end of the ring, at each of its sectors. */
START_TEST (wrapped)
{
  for (uint32_t in_front = 1; in_front < 12; in_front++) {
    uint32_t at = (uint32_t) MIB - in_front * SECTOR, first;

    ring_start (MIB);
    first = at;
    ring_put_pages (&at, first, 100, 4);
    ring_put_pages (&at, first, 101, 4);
    check_found (100, 101, 8);
    ck_assert_uint_eq (active.next, at);
  }
}
END_TEST

/* The tail is in front of the end, the head behind the start, and between
 * them are entries of the last time round.
 */
START_TEST (wrapped_with_stale)
{
  uint32_t at = 0, offsets[300];
  uint64_t sequence = 1000;
  unsigned n = 0;

  ring_start (MIB);
  while (at + 2 * SECTOR <= MIB && (n == 0 || at != 0)) {
    offsets[n++] = at;
    ring_put_pages (&at, 0, sequence++, 1);
  }
  ck_assert_uint_eq (n, 128);
  for (unsigned i = 0; i < 10; i++)
    ring_put_pages (&at, offsets[120], sequence++, 1);
  check_found (1120, 1137, 18);

  /* Overwritten in part: what is stale is no longer in step. */
  ring_put_pages (&at, offsets[120], sequence++, 2);
  check_found (1120, 1138, 20);
}
END_TEST

START_TEST (as_long_as_the_ring)
{
  uint32_t at = 7 * SECTOR;
  const uint32_t n = vhdx_log_entry_pages (MIB);

  ring_start (MIB);
  ring_put_pages (&at, 7 * SECTOR, 55, n);
  ck_assert_uint_eq (vhdx_log_entry_size (n, n), MIB);
  check_found (55, 55, n);
  ck_assert_uint_eq (active.next, 7 * SECTOR);
}
END_TEST

/* A ring full to the last sector, which no writer leaves. */
START_TEST (full)
{
  uint32_t at = 4 * SECTOR;

  ring_start (MIB);
  for (unsigned i = 0; i < 128; i++)
    ring_put_pages (&at, 4 * SECTOR, 100 + i, 1);
  ck_assert_uint_eq (at, 4 * SECTOR);
  check_found (100, 227, 128);
}
END_TEST

START_TEST (many_descriptors)
{
  static const uint32_t counts[] = { 125, 126, 127, 128, 253, 254, 255, 1000 };

  for (size_t i = 0; i < ARRAY_SIZE (counts); i++) {
    uint32_t at = (uint32_t) (8 * MIB) - 3 * SECTOR;

    ring_start (8 * MIB);
    ring_put_pages (&at, at, 100, counts[i]);
    check_found (100, 100, counts[i]);
  }
}
END_TEST

START_TEST (largest_number)
{
  uint32_t at = 0;

  ring_start (MIB);
  ring_put_pages (&at, 0, UINT64_MAX - 1, 1);
  ring_put_pages (&at, 0, UINT64_MAX, 1);
  check_found (UINT64_MAX - 1, UINT64_MAX, 2);

  /* There is no next one: 0 is none, 1 is not the next. */
  ring_put_pages (&at, 0, 0, 1);
  ring_put_pages (&at, 0, 1, 1);
  check_found (UINT64_MAX - 1, UINT64_MAX, 2);
}
END_TEST

/* Two that could be it: the one with the larger number. */
START_TEST (newest)
{
  for (unsigned which = 0; which < 2; which++) {
    uint32_t at = 10 * SECTOR;

    ring_start (MIB);
    ring_put_pages (&at, 10 * SECTOR, which ? 500 : 600, 1);
    at = 50 * SECTOR;
    ring_put_pages (&at, 50 * SECTOR, which ? 600 : 500, 2);
    check_found (600, 600, 1 + which);
  }
}
END_TEST

START_TEST (tail_elsewhere)
{
  uint32_t at = 0;

  /* The tail is a sector where no entry begins, */
  ring_start (MIB);
  ring_put_pages (&at, SECTOR, 100, 2);
  ck_assert_int_eq (find (), VHDX_LOG_EMPTY);
  ring_put_pages (&at, 20 * SECTOR, 101, 2);
  ck_assert_int_eq (find (), VHDX_LOG_EMPTY);
  /* or an entry of another run. */
  at = 20 * SECTOR;
  ring_put_pages (&at, 20 * SECTOR, 50, 1);
  check_found (50, 50, 1);
}
END_TEST

START_TEST (other_log)
{
  uint32_t at = 0;

  ring_start (MIB);
  ring_log.id.b[5] ^= 1;
  ring_put_pages (&at, 0, 900, 1);
  ring_log.id.b[5] ^= 1;
  ring_put_pages (&at, at, 100, 1);
  check_found (100, 100, 1);
}
END_TEST

START_TEST (shorter_file)
{
  uint32_t at = 0;

  ring_start (MIB);
  ring_put_pages (&at, 0, 900, 1);
  ck_assert_int_eq (find (), VHDX_OK);
  ck_assert_int_eq (vhdx_log_check (&active, 8 * MIB), VHDX_OK);
  ck_assert_int_eq (vhdx_log_check (&active, 8 * MIB - 1), VHDX_LOG_TRUNCATED);
}
END_TEST

START_TEST (reading_fails)
{
  uint32_t at = 0;

  ring_start (MIB);
  ring_put_pages (&at, 0, 900, 2);
  ring_put_pages (&at, 0, 901, 2);
  ck_assert_int_eq (find (), VHDX_OK);
  for (uint64_t n = 1, all = ring_reads; n <= all; n++) {
    ring_reads = 0;
    ring_fail_read = n;
    ck_assert_int_eq (find (), VHDX_LOG_READ);
  }
}
END_TEST

/* Rings made to take long: each sector an entry that claims the rest, or
 * runs that break off, or long entries whose last sector is wrong.
 */
START_TEST (time)
{
  const uint32_t length = 16 * MIB, nsectors = length / SECTOR;
  uint32_t at = 0;

  ring_start (length);
  ring_put_pages (&at, 0, 100, vhdx_log_entry_pages (length));
  for (uint32_t i = 0; i < nsectors; i++)
    if (i % 3 != 1)
      memcpy (ring + (size_t) i * SECTOR, ring, SECTOR);
  ring_reads = 0;
  ck_assert_int_eq (find (), VHDX_LOG_EMPTY);
  ck_assert_uint_le (ring_reads, 8 * nsectors);

  ring_start (length);
  for (uint32_t i = 0; i < nsectors / 2; i++) {
    at = 2 * i * SECTOR;
    ring_put_pages (&at, 0, 100 + i * 2, 1);
  }
  ring_reads = 0;
  ck_assert_int_eq (find (), VHDX_OK);
  ck_assert_uint_le (ring_reads, 8 * nsectors);

  ring_start (length);
  for (at = 0; at < length - 999 * SECTOR;) {
    ring_put_pages (&at, 0, 100, 990);
    ring[at - 100] ^= 1;
  }
  ring_reads = 0;
  ck_assert_int_eq (find (), VHDX_LOG_EMPTY);
  ck_assert_uint_le (ring_reads, 8 * nsectors);

  ring_start (length);
  for (uint32_t i = 0; i < nsectors; i++) {
    at = i * SECTOR;
    ring_put (&at, ((i + 5) % nsectors) * SECTOR, 100 + i, NULL, 0);
  }
  ring_reads = 0;
  ck_assert_int_eq (find (), VHDX_OK);
  ck_assert_uint_le (ring_reads, 8 * nsectors);
}
END_TEST

int
main (void)
{
  const TTest *const tests[] = {
    nothing,
    empty_entry,
    some,
    stale_before_tail,
    torn_last,
    torn_middle,
    gap,
    not_upwards,
    wrapped,
    wrapped_with_stale,
    as_long_as_the_ring,
    full,
    many_descriptors,
    largest_number,
    newest,
    tail_elsewhere,
    other_log,
    shorter_file,
    reading_fails,
    time,
  };

  return test_main ("vhdx-log-find", tests, ARRAY_SIZE (tests));
}
