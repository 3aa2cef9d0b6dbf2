/* SPDX-License-Identifier: BSD-3-Clause
 *
 * stripe-map: every byte has one place and comes back from it, and what
 * requests are split into is what a plain RAID-0 says.
 */

#include <config.h>

#include <string.h>

#include "base/align.h"
#include "stripe/stripe-map.h"
#include "support/main.h"
#include "support/rng.h"

START_TEST (refuses)
{
  static const struct {
    unsigned count;
    uint64_t chunk, member_size;
    uint32_t sector_size;
    enum stripe_status status;
  } cases[] = {
    { 0, 4096, 65536, 512, STRIPE_NO_MEMBERS },
    { 1, 4096, 65536, 512, STRIPE_OK },
    { STRIPE_MAX_MEMBERS, 4096, 65536, 512, STRIPE_OK },
    { STRIPE_MAX_MEMBERS + 1, 4096, 65536, 512, STRIPE_MANY_MEMBERS },
    { 2, 0, 65536, 512, STRIPE_BAD_CHUNK },
    { 2, 511, 65536, 512, STRIPE_BAD_CHUNK },
    { 2, 513, 65536, 512, STRIPE_BAD_CHUNK },
    { 2, 512, 65536, 512, STRIPE_OK },
    { 2, 512, 65536, 4096, STRIPE_BAD_CHUNK },
    { 2, 1536, 65536, 512, STRIPE_OK },
    { 2, 65536, 65535, 512, STRIPE_TOO_SMALL },
    { 2, 65536, 0, 512, STRIPE_TOO_SMALL },
    { 2, 65536, 65536, 512, STRIPE_OK },
    { 2, 512, UINT64_MAX, 512, STRIPE_TOO_LARGE },
    { 2, UINT64_MAX - 511, UINT64_MAX, 512, STRIPE_TOO_LARGE },
    { 1, 512, INT64_MAX, 512, STRIPE_OK },
    { 2, 512, INT64_MAX, 512, STRIPE_TOO_LARGE },
    { 2, 512, INT64_MAX / 2, 512, STRIPE_OK },
  };

  for (size_t i = 0; i < ARRAY_SIZE (cases); i++) {
    struct stripe_map m;

    ck_assert_int_eq (stripe_map_init (&m, cases[i].count, cases[i].chunk,
                                       cases[i].member_size,
                                       cases[i].sector_size),
                      cases[i].status);
  }
}
END_TEST

static struct stripe_map
make (unsigned count, uint64_t chunk, uint64_t rows)
{
  struct stripe_map m;

  ck_assert_int_eq (
    stripe_map_init (&m, count, chunk, rows * chunk + chunk / 2, 512),
    STRIPE_OK);
  ck_assert_uint_eq (m.rows, rows);
  ck_assert_uint_eq (stripe_map_size (&m), count * chunk * rows);
  return m;
}

/* All bytes of small disks: the places are all different, all used, and
 * those of a plain RAID-0.
 */
static void
check_all_bytes (const struct stripe_map *m)
{
  const uint64_t size = stripe_map_size (m), member = m->rows * m->chunk;
  uint8_t *used = calloc (m->count, member);

  for (uint64_t offset = 0; offset < size; offset++) {
    const struct stripe_place p = stripe_map_find (m, offset);
    const uint64_t chunk = offset / m->chunk;

    quick_assert (p.member == chunk % m->count);
    quick_assert (p.offset == chunk / m->count * m->chunk + offset % m->chunk);
    quick_assert (p.left == m->chunk - offset % m->chunk);
    quick_assert (p.offset < member && !used[p.member * member + p.offset]);
    used[p.member * member + p.offset] = 1;
    quick_assert (stripe_map_disk (m, p.member, p.offset) == offset);
  }
  free (used);
}

START_TEST (every_byte)
{
  for (unsigned count = 1; count <= 7; count++)
    for (uint64_t chunk = 512; chunk <= 2048; chunk += 512)
      for (uint64_t rows = 1; rows <= 4; rows++) {
        const struct stripe_map m = make (count, chunk, rows);

        check_all_bytes (&m);
      }
}
END_TEST

/* The pieces of all members, at most MAX at once, cover the request once,
 * and each byte of them is where the map says.
 */
static void
check_request (const struct stripe_map *m, uint64_t offset, uint64_t count,
               unsigned max)
{
  uint64_t covered = 0;

  for (unsigned k = 0; k < m->count; k++) {
    struct stripe_range r = stripe_map_member (m, k, offset, count);
    struct stripe_piece v[8];
    uint64_t at = r.offset;
    const uint64_t end = r.offset + r.count;
    unsigned n;

    quick_assert (end <= m->rows * m->chunk);
    while ((n = stripe_map_pieces (m, k, offset, &r, v, max)) > 0) {
      quick_assert (n <= max);
      for (unsigned i = 0; i < n; i++) {
        const struct stripe_place p = stripe_map_find (m, offset + v[i].at);

        quick_assert (v[i].count > 0 && v[i].at + v[i].count <= count);
        quick_assert (p.member == k && p.offset == at);
        quick_assert (m->count == 1 || v[i].count <= p.left);
        at += v[i].count;
        covered += v[i].count;
      }
      quick_assert (r.offset == at && r.count == end - at);
    }
    quick_assert (at == end && r.count == 0);
  }
  quick_assert (covered == count);
}

START_TEST (requests)
{
  struct rng rng;

  rng_init (&rng, rng_seed ("stripe-map"));
  for (unsigned i = 0; i < 30000; i++) {
    const struct stripe_map m =
      make (1 + rng_below (&rng, 9), 512 * (1 + rng_below (&rng, 20)),
            1 + rng_below (&rng, 30));
    const uint64_t size = stripe_map_size (&m);
    const uint64_t offset = rng_below (&rng, size);
    uint64_t count = rng_below (&rng, size - offset + 1);

    if (rng_one_in (&rng, 3))
      count = min_u64 (count, 2 * m.chunk);
    check_request (&m, offset, count, 1 + rng_below (&rng, 8));
  }
}
END_TEST

/* At the end of the largest disks nothing overflows. */
START_TEST (largest)
{
  for (unsigned count = 1; count <= STRIPE_MAX_MEMBERS; count++) {
    const uint64_t chunk = 128 * 1024;
    const struct stripe_map m = make (count, chunk, INT64_MAX / count / chunk);
    const uint64_t size = stripe_map_size (&m);
    const struct stripe_place p = stripe_map_find (&m, size - 1);

    ck_assert_uint_eq (p.member, count - 1);
    ck_assert_uint_eq (p.offset, m.rows * chunk - 1);
    ck_assert_uint_eq (stripe_map_disk (&m, p.member, p.offset), size - 1);
    check_request (&m, size - 3 * chunk - 1, 3 * chunk + 1, 2);
  }
}
END_TEST

int
main (void)
{
  const TTest *const tests[] = { refuses, every_byte, requests, largest };

  return test_main ("stripe-map", tests, ARRAY_SIZE (tests));
}
