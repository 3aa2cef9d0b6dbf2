/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Presence sets at their edges: every pair of positions at or beside the
 * border of a word or of a node of the tree, set in an empty set and
 * cleared in a full one; the end of sets whose size is no multiple of
 * anything; and a disk of 64 TiB.
 */

#include <config.h>

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/align.h"
#include "presence/presence-tree.h"
#include "presence/presence.h"

#define BIT(n) (UINT64_C (1) << (n))

/* What the nodes of the tree are for (presence-tree.h). */
#define LEAF BIT (10)
#define LOW BIT (14)
#define MID BIT (18)
#define HIGH BIT (22)

#define SECTORS_64_TIB BIT (37)

/* ck_assert notes every call in a file, which is slow in a loop. */
#define REQUIRE(cond)                                                     \
  do {                                                                    \
    if (!(cond))                                                          \
      ck_abort_msg ("%s: [%llu, %llu) value %d", #cond,                   \
                    (unsigned long long) start, (unsigned long long) end, \
                    value);                                               \
  } while (0)

#define EDGES_NBITS (2 * HIGH + LOW + LEAF + 5)

static const uint64_t edges[] = {
  0,
  1,
  2,
  7,
  8,
  63,
  64,
  65,
  127,
  128,
  LEAF - 1,
  LEAF,
  LEAF + 1,
  2 * LEAF,
  LOW - LEAF,
  LOW - 1,
  LOW,
  LOW + 1,
  LOW + LEAF,
  5 * LOW,
  MID - LOW,
  MID - 1,
  MID,
  MID + 65,
  HIGH - MID,
  HIGH - 65,
  HIGH - 1,
  HIGH,
  HIGH + 1,
  HIGH + LEAF,
  HIGH + LOW,
  HIGH + MID,
  2 * HIGH,
  2 * HIGH + LOW,
  EDGES_NBITS - 5,
  EDGES_NBITS - 1,
  EDGES_NBITS,
};

static void
change (struct presence *p, uint64_t start, uint64_t end, bool value)
{
  int r = value ? presence_set (p, start, end - start) :
                  presence_clear (p, start, end - start);

  REQUIRE (r == 0);
}

static void
check_words (const struct presence *p, uint64_t start, uint64_t end, bool value,
             uint64_t at)
{
  uint64_t words[3], base = ROUND_DOWN (at, 64);

  presence_get_words (p, base, words, ARRAY_SIZE (words));
  for (unsigned i = 0; i < 192; i++) {
    uint64_t bit = base + i;
    bool inside = bit >= start && bit < end;
    bool want = bit < EDGES_NBITS && inside == value;

    REQUIRE ((words[i / 64] >> i % 64 & 1) == want);
  }
}

/* P has VALUE in [START, END), which is not empty, and the other value
 * everywhere else.
 */
static void
check_only (const struct presence *p, uint64_t start, uint64_t end, bool value)
{
  uint64_t n = end - start, nbits = EDGES_NBITS, r;

  REQUIRE (presence_test (p, start) == value);
  REQUIRE (presence_test (p, end - 1) == value);
  REQUIRE (presence_test (p, start + n / 2) == value);
  REQUIRE (start == 0 || presence_test (p, start - 1) != value);
  REQUIRE (end == nbits || presence_test (p, end) != value);

  REQUIRE (presence_find (p, 0, nbits, value) == start);
  REQUIRE (presence_find (p, start, nbits, !value) == end);
  REQUIRE (presence_find (p, start, end, !value) == end);
  REQUIRE (presence_find (p, end, nbits, value) == nbits);
  REQUIRE (presence_find (p, 0, start, value) == start);
  REQUIRE (start == 0 || presence_find (p, 0, nbits, !value) == 0);

  REQUIRE (presence_run (p, start, nbits, &r) == value && r == end);
  REQUIRE (presence_run (p, end - 1, nbits, &r) == value && r == end);
  REQUIRE (presence_run (p, start, start + 1, &r) == value && r == start + 1);
  if (start > 0)
    REQUIRE (presence_run (p, 0, nbits, &r) != value && r == start);
  if (end < nbits)
    REQUIRE (presence_run (p, end, nbits, &r) != value && r == nbits);

  REQUIRE (presence_all (p, start, n) == value);
  REQUIRE (presence_any (p, start, n) == value);
  if (start > 0) {
    REQUIRE (!presence_all (p, start - 1, n + 1));
    REQUIRE (presence_any (p, start - 1, n + 1));
    REQUIRE (presence_any (p, 0, start) != value);
  }
  if (end < nbits) {
    REQUIRE (!presence_all (p, start, n + 1));
    REQUIRE (presence_any (p, start, n + 1));
    REQUIRE (presence_all (p, end, nbits - end) != value);
  }

  r = presence_count (p, start, n);
  REQUIRE (r == (value ? n : 0));
  r = presence_count (p, 0, nbits);
  REQUIRE (r == (value ? n : nbits - n));

  check_words (p, start, end, value, start);
  check_words (p, start, end, value, end);
}

START_TEST (edge_pairs)
{
  bool value = _i;

  for (size_t i = 0; i < ARRAY_SIZE (edges); i++) {
    for (size_t j = i + 1; j < ARRAY_SIZE (edges); j++) {
      uint64_t start = edges[i], end = edges[j], middle;
      struct presence *p = presence_create (EDGES_NBITS);

      ck_assert_ptr_nonnull (p);
      change (p, 0, EDGES_NBITS, !value);
      change (p, start, end, value);
      check_only (p, start, end, value);
      change (p, start, end, value);
      check_only (p, start, end, value);

      /* Shorten it from both ends, in nodes that exist by now. */
      middle = start + (end - start) / 2;
      if (middle > start) {
        change (p, start, middle, !value);
        check_only (p, middle, end, value);
      }
      change (p, middle, end, !value);
      REQUIRE (presence_find (p, 0, EDGES_NBITS, value) == EDGES_NBITS);

      /* And once more over the nodes. */
      change (p, start, end, value);
      check_only (p, start, end, value);
      presence_free (p);
    }
  }
}
END_TEST

START_TEST (empty_ranges)
{
  struct presence *p = presence_create (100);

  ck_assert_int_eq (presence_set (p, 100, 0), 0);
  ck_assert_int_eq (presence_set (p, 0, 0), 0);
  ck_assert_int_eq (presence_clear (p, 50, 0), 0);
  ck_assert_int_eq (presence_test_and_set (p, 64, 0), 0);
  ck_assert (presence_all (p, 5, 0));
  ck_assert (presence_all (p, 100, 0));
  ck_assert (!presence_any (p, 5, 0));
  ck_assert (!presence_any (p, 100, 0));
  ck_assert_uint_eq (presence_count (p, 100, 0), 0);
  ck_assert_uint_eq (presence_find (p, 100, 100, true), 100);
  ck_assert_uint_eq (presence_find (p, 7, 7, false), 7);
  ck_assert_uint_eq (presence_count (p, 0, 100), 0);
  presence_free (p);
  presence_free (NULL);
}
END_TEST

static const uint64_t sizes[] = {
  0,       1,       63,      64,       65,   LEAF,     LOW - 1,    LOW,
  LOW + 1, MID - 1, MID + 1, HIGH - 1, HIGH, HIGH + 1, HIGH + LOW,
};

START_TEST (odd_sizes)
{
  uint64_t nbits = sizes[_i], words[4], r;
  uint64_t last = nbits == 0 ? 0 : ROUND_DOWN (nbits - 1, 64);
  struct presence *p = presence_create (nbits);
  size_t empty = presence_memory (p);

  ck_assert_uint_eq (presence_nbits (p), nbits);
  ck_assert_int_eq (presence_set (p, 0, nbits), 0);
  ck_assert_int_eq (presence_clear (p, 0, nbits), 0);
  ck_assert_uint_eq (presence_memory (p), empty);

  /* Once in a full slot, once in a leaf that was split from it. */
  for (int split = 0; split < 2; split++) {
    ck_assert_int_eq (presence_set (p, 0, nbits), 0);
    if (split && nbits > 1)
      ck_assert_int_eq (presence_clear (p, nbits - 2, 1), 0);

    presence_get_words (p, last, words, 4);
    for (unsigned i = 0; i < 256; i++) {
      bool want = last + i < nbits && !(split && last + i + 2 == nbits);

      ck_assert_int_eq (words[i / 64] >> i % 64 & 1, want);
    }
    r = presence_count (p, 0, nbits);
    ck_assert_uint_eq (r, nbits - (split && nbits > 1));
    ck_assert_uint_eq (presence_find (p, nbits, nbits, true), nbits);
  }
  presence_get_words (p, ROUND_UP (nbits, 64) + 64, words, 1);
  ck_assert_uint_eq (words[0], 0);
  presence_get_words (p, BIT (60), words, 1);
  ck_assert_uint_eq (words[0], 0);
  presence_free (p);
}
END_TEST

START_TEST (test_and_set_counts)
{
  struct presence *p = presence_create (EDGES_NBITS);
  int64_t r;

  ck_assert_int_eq (presence_test_and_set (p, 10, 1), 1);
  ck_assert_int_eq (presence_test_and_set (p, 10, 1), 0);
  ck_assert_int_eq (presence_test_and_set (p, 8, 8), 7);
  ck_assert_int_eq (presence_test_and_set (p, 60, 10), 10);
  ck_assert_int_eq (presence_test_and_set (p, 0, LEAF), LEAF - 18);
  ck_assert_int_eq (presence_test_and_set (p, LEAF - 1, LEAF + 2), LEAF + 1);
  r = presence_test_and_set (p, 0, EDGES_NBITS);
  ck_assert_int_eq (r, EDGES_NBITS - 2 * LEAF - 1);
  ck_assert_int_eq (presence_test_and_set (p, 0, EDGES_NBITS), 0);
  ck_assert_int_eq (presence_clear (p, HIGH - 3, 6), 0);
  ck_assert_int_eq (presence_test_and_set (p, LOW, HIGH), 6);
  presence_free (p);
}
END_TEST

START_TEST (huge_disk)
{
  uint64_t nbits = SECTORS_64_TIB, at = 5000 * HIGH + 12345, end, n;
  struct presence *p = presence_create (nbits);
  size_t root;

  ck_assert_ptr_nonnull (p);
  root = presence_memory (p);
  ck_assert_uint_le (root, 264 * 1024);
  ck_assert (!presence_run (p, 0, nbits, &end));
  ck_assert_uint_eq (end, nbits);

  /* All of it, and nothing of it, costs nothing. */
  ck_assert_int_eq (presence_test_and_set (p, 0, nbits), nbits);
  ck_assert_uint_eq (presence_count (p, 0, nbits), nbits);
  ck_assert (presence_all (p, 0, nbits));
  ck_assert_int_eq (presence_clear (p, 0, nbits), 0);
  ck_assert (!presence_any (p, 0, nbits));
  ck_assert_int_eq (presence_set (p, 0, nbits), 0);
  ck_assert_uint_eq (presence_memory (p), root);

  /* A hole, a sector in the hole, and the far end. */
  ck_assert_int_eq (presence_clear (p, at, 8), 0);
  ck_assert_int_eq (presence_set (p, at + 3, 1), 0);
  ck_assert_int_eq (presence_clear (p, nbits - 1, 1), 0);
  ck_assert (presence_run (p, 0, nbits, &end));
  ck_assert_uint_eq (end, at);
  ck_assert (!presence_run (p, at, nbits, &end));
  ck_assert_uint_eq (end, at + 3);
  ck_assert (presence_run (p, at + 8, nbits, &end));
  ck_assert_uint_eq (end, nbits - 1);
  n = presence_count (p, 0, nbits);
  ck_assert_uint_eq (n, nbits - 8);
  ck_assert_uint_le (presence_memory (p), root + 4096);
  presence_free (p);
}
END_TEST

/* A sector here and there costs a few hundred bytes, whole nodes and
 * what changes nothing cost none.
 */
START_TEST (memory)
{
  struct presence *p = presence_create (BIT (31));
  size_t before, n = 10000;

  ck_assert_int_eq (presence_set (p, HIGH, 1), 0);
  before = presence_memory (p);
  ck_assert_int_eq (presence_set (p, HIGH + LOW, 10 * LOW), 0);
  ck_assert_int_eq (presence_set (p, 2 * HIGH, 3 * HIGH), 0);
  ck_assert_int_eq (presence_set (p, HIGH + LOW + 5, 7), 0);
  ck_assert_int_eq (presence_clear (p, 3 * LOW, 9), 0);
  ck_assert_uint_eq (presence_memory (p), before);

  for (size_t i = 0; i < n; i++)
    ck_assert_int_eq (presence_set (p, i * 200003 + 77, 1), 0);
  ck_assert_uint_le (presence_memory (p) - before, n * 450);
  presence_free (p);
}
END_TEST

/* A window of 64 clusters of 128 sectors wanders over 64 TiB: memory is
 * that of the window, several times, and not that of where it has been.
 */
START_TEST (wandering)
{
  enum { WINDOW = 64, CLUSTER = 128 };
  struct presence *p = presence_create (SECTORS_64_TIB);
  const size_t root = presence_memory (p);
  uint64_t at[WINDOW] = { 0 }, rnd = 1, n;
  size_t most = 0;

  for (unsigned i = 0; i < 200000; i++) {
    uint64_t *slot = &at[i % WINDOW];

    if (i >= WINDOW)
      ck_assert_int_eq (presence_clear (p, *slot, CLUSTER), 0);
    /* Some twice, by chance: such a window is smaller. */
    rnd = rnd * UINT64_C (6364136223846793005) + 1442695040888963407;
    *slot = (rnd >> 20) % (SECTORS_64_TIB / CLUSTER) * CLUSTER;
    ck_assert_int_eq (presence_set (p, *slot, CLUSTER), 0);
    most = max_u64 (most, presence_memory (p));
  }
  for (unsigned i = 0; i < WINDOW; i++)
    ck_assert (presence_all (p, at[i], CLUSTER));
  n = presence_count (p, 0, SECTORS_64_TIB);
  ck_assert_uint_le (n, WINDOW * CLUSTER);
  /* Four nodes of 128 bytes for each. */
  ck_assert_uint_le (most - root, 6 * WINDOW * 512);

  ck_assert_int_eq (presence_clear (p, 0, SECTORS_64_TIB), 0);
  ck_assert_uint_gt (presence_reclaim (p), 0);
  ck_assert_uint_ge (presence_memory_spare (p) + 4096, most - root);
  presence_free (p);
}
END_TEST

/* What is all present is given back as what is all absent is. */
START_TEST (reclaim_full)
{
  struct presence *p = presence_create (2 * HIGH);
  const size_t root = presence_memory (p);

  for (uint64_t i = 0; i < HIGH; i += 8)
    ck_assert_int_eq (presence_set (p, i, 8), 0);
  /* Some of it went on the way: the bits alone are 512 KiB. */
  ck_assert_uint_le (presence_memory (p), root + HIGH / 32);
  presence_reclaim (p);
  ck_assert_uint_eq (presence_memory (p) - presence_memory_spare (p), root);
  ck_assert (presence_all (p, 0, HIGH));
  ck_assert (!presence_any (p, HIGH, HIGH));

  /* What is neither stays. */
  ck_assert_int_eq (presence_clear (p, 5, 1), 0);
  ck_assert_uint_eq (presence_reclaim (p), 0);
  ck_assert_uint_eq (presence_find (p, 0, HIGH, false), 5);
  ck_assert_int_eq (presence_test_and_set (p, 0, 2 * HIGH), HIGH + 1);
  ck_assert_uint_gt (presence_reclaim (p), 0);
  ck_assert (presence_all (p, 0, 2 * HIGH));
  presence_free (p);
}
END_TEST

/* What is in a hold stays, and what was marked before the hold goes only
 * if the hold has nothing to do with it.
 */
START_TEST (hold_delays)
{
  struct presence *p = presence_create (BIT (31));
  struct presence_hold hold, inner;
  size_t spare;

  ck_assert_int_eq (presence_set (p, HIGH + 5, 1), 0);
  ck_assert_int_eq (presence_clear (p, HIGH + 5, 1), 0);
  presence_hold (p, &hold);
  presence_hold (p, &inner);
  ck_assert_int_eq (presence_reserve (p, 7, 1), 0);
  presence_release (p, &inner);
  spare = presence_memory_spare (p);
  ck_assert_uint_eq (presence_reclaim (p), 0);
  ck_assert_uint_eq (presence_reclaim (p), 0);
  ck_assert_uint_eq (presence_memory_spare (p), spare);
  /* Now the leaf is marked, and a reader and a writer come by. */
  ck_assert (!presence_any (p, 0, BIT (31)));
  ck_assert (!presence_test (p, HIGH + 5));
  ck_assert_int_eq (presence_test_and_set (p, HIGH + 6, 1), 1);
  presence_release (p, &hold);
  /* 7 had four nodes for nothing. */
  ck_assert_uint_ge (presence_reclaim (p), 3 * 128);
  ck_assert_uint_eq (presence_find (p, 0, BIT (31), true), HIGH + 6);
  ck_assert_uint_eq (presence_count (p, 0, BIT (31)), 1);
  presence_free (p);
}
END_TEST

/* A reader that is in a leaf which is used for something else meanwhile
 * is told to read again.
 */
START_TEST (late_reader)
{
  struct presence *p = presence_create (2 * HIGH);
  uint64_t leaf, generation;

  ck_assert_int_eq (presence_set (p, LEAF + 500, 1), 0);
  generation = read_begin (p);
  leaf = presence_leaf (p, LEAF + 500);
  ck_assert_uint_gt (leaf, FULL);
  ck_assert_int_eq (presence_clear (p, LEAF + 500, 1), 0);
  ck_assert (!read_again (p, &generation));

  /* Not yet used again, but on its way. */
  ck_assert_uint_gt (presence_reclaim (p), 0);
  ck_assert (read_again (p, &generation));
  ck_assert (!read_again (p, &generation));
  ck_assert_int_eq (presence_set (p, HIGH + 3, 7), 0);
  ck_assert_uint_eq (presence_leaf (p, HIGH), leaf);
  ck_assert_uint_eq (slot_load (&node_slots (leaf)[0]), word_mask (3, 10));
  presence_free (p);
}
END_TEST

int
main (void)
{
  Suite *s = suite_create ("presence");
  TCase *tc = tcase_create ("edges");
  SRunner *sr;
  int failed;

  tcase_set_timeout (tc, 600);
  tcase_add_loop_test (tc, edge_pairs, 0, 2);
  tcase_add_test (tc, empty_ranges);
  tcase_add_loop_test (tc, odd_sizes, 0, ARRAY_SIZE (sizes));
  tcase_add_test (tc, test_and_set_counts);
  tcase_add_test (tc, huge_disk);
  tcase_add_test (tc, memory);
  tcase_add_test (tc, wandering);
  tcase_add_test (tc, reclaim_full);
  tcase_add_test (tc, hold_delays);
  tcase_add_test (tc, late_reader);
  suite_add_tcase (s, tc);
  sr = srunner_create (s);
  srunner_run_all (sr, CK_ENV);
  failed = srunner_ntests_failed (sr);
  srunner_free (sr);
  return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
