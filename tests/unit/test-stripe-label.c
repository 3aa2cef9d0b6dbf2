/* SPDX-License-Identifier: BSD-3-Clause
 *
 * stripe-label: labels come back as they were written, each thing that
 * can be wrong with one is seen, and so is a set that is not complete and
 * in order.
 */

#include <config.h>

#include <string.h>

#include "base/align.h"
#include "base/crc32c.h"
#include "stripe/stripe-label.h"
#include "stripe/stripe-map.h"
#include "support/main.h"

#define MIB (1024 * 1024)

static const struct stripe_label good = {
  .set = { { 0x10, 0x32, 0x54, 0x76 } },
  .index = 2,
  .count = 3,
  .stripe_size = 65536,
  .size = 3 * 65536 * 7,
  .data_offset = MIB,
};

START_TEST (bytes)
{
  uint8_t p[STRIPE_LABEL_SIZE], zero[448] = { 0 };
  struct stripe_label l;

  stripe_label_serialise (&good, p);
  ck_assert_mem_eq (p, "dskstrip\1\0\0\0", 12);
  ck_assert_mem_eq (p + 0x10, good.set.b, 16);
  ck_assert_mem_eq (p + 0x20, "\2\0\0\0\3\0\0\0", 8);
  ck_assert_mem_eq (p + 0x28, "\0\0\1\0\0\0\0\0\0\0\x15\0\0\0\0\0", 16);
  ck_assert_mem_eq (p + 0x38, "\0\0\x10\0\0\0\0\0", 8);
  ck_assert_mem_eq (p + 0x40, zero, sizeof zero);
  ck_assert_int_eq (stripe_label_parse (p, &l), STRIPE_OK);
  ck_assert_mem_eq (&l, &good, sizeof l);
}
END_TEST

/* Any bit. */
START_TEST (damage)
{
  static const struct stripe_label nothing;
  uint8_t p[STRIPE_LABEL_SIZE];
  struct stripe_label l;

  stripe_label_serialise (&good, p);
  for (unsigned bit = 0; bit < 8 * sizeof p; bit++) {
    p[bit / 8] ^= 1 << bit % 8;
    ck_assert_int_eq (stripe_label_parse (p, &l),
                      bit < 64 ? STRIPE_NO_LABEL : STRIPE_BAD_CHECKSUM);
    ck_assert_mem_eq (&l, &nothing, sizeof l);
    p[bit / 8] ^= 1 << bit % 8;
  }
  memset (p, 0, sizeof p);
  ck_assert_int_eq (stripe_label_parse (p, &l), STRIPE_NO_LABEL);
}
END_TEST

/* With a checksum that is right. */
static enum stripe_status
parse (const struct stripe_label *l)
{
  uint8_t p[STRIPE_LABEL_SIZE];
  struct stripe_label back;

  stripe_label_serialise (l, p);
  return stripe_label_parse (p, &back);
}

START_TEST (numbers)
{
  struct stripe_label l;

#define REFUSED(change)                              \
  do {                                               \
    l = good;                                        \
    change;                                          \
    ck_assert_int_eq (parse (&l), STRIPE_BAD_LABEL); \
  } while (0)

  REFUSED (l.set = (struct uuid){ { 0 } });
  REFUSED (l.count = 0);
  REFUSED (l.count = l.index);
  REFUSED (l.count = STRIPE_MAX_MEMBERS + 1);
  REFUSED (l.stripe_size = 0);
  REFUSED (l.stripe_size = 65537);
  REFUSED (l.stripe_size = UINT64_MAX - 511);
  REFUSED (l.size = 0);
  REFUSED (l.size += 65536);
  REFUSED (l.size = (uint64_t) 3 * 65536 << 47);
  REFUSED (l.data_offset = 0);
  REFUSED (l.data_offset = 512);
  REFUSED (l.data_offset = UINT64_C (1) << 63);
#undef REFUSED
  ck_assert_int_eq (parse (&good), STRIPE_OK);
}
END_TEST

START_TEST (version)
{
  struct stripe_label_disk d;
  struct stripe_label l;

  stripe_label_serialise (&good, &d);
  d.version = le32_put (2);
  d.checksum = le32_put (0);
  d.checksum = le32_put (crc32c (0, &d, sizeof d));
  ck_assert_int_eq (stripe_label_parse (&d, &l), STRIPE_BAD_VERSION);
}
END_TEST

START_TEST (member_size)
{
  const uint64_t needed = MIB + 65536 * 7;

  ck_assert_int_eq (stripe_label_check_size (&good, needed), STRIPE_OK);
  ck_assert_int_eq (stripe_label_check_size (&good, INT64_MAX), STRIPE_OK);
  ck_assert_int_eq (stripe_label_check_size (&good, needed - 1),
                    STRIPE_LABEL_TOO_LONG);
  ck_assert_int_eq (stripe_label_check_size (&good, 0), STRIPE_LABEL_TOO_LONG);
}
END_TEST

/* The labels of members INDEX[0], INDEX[1]... of one set. */
static void
make_set (struct stripe_label *l, const unsigned *index, unsigned n)
{
  for (unsigned i = 0; i < n; i++) {
    l[i] = good;
    l[i].index = index[i];
  }
}

START_TEST (sets)
{
  static const struct {
    unsigned n, index[3];
    enum stripe_status status;
    unsigned which;
  } cases[] = {
    { 3, { 0, 1, 2 }, STRIPE_OK, 2 },
    { 3, { 1, 0, 2 }, STRIPE_WRONG_ORDER, 0 },
    { 3, { 0, 2, 1 }, STRIPE_WRONG_ORDER, 1 },
    { 3, { 0, 1, 1 }, STRIPE_DUPLICATE, 2 },
    { 3, { 2, 2, 2 }, STRIPE_DUPLICATE, 1 },
    { 2, { 0, 1 }, STRIPE_MISSING, 2 },
    { 2, { 2, 1 }, STRIPE_MISSING, 0 },
    { 1, { 0 }, STRIPE_MISSING, 1 },
  };
  struct stripe_label l[3];
  unsigned which;

  for (size_t i = 0; i < ARRAY_SIZE (cases); i++) {
    make_set (l, cases[i].index, cases[i].n);
    ck_assert_int_eq (stripe_label_check_set (l, cases[i].n, &which),
                      cases[i].status);
    ck_assert_uint_eq (which, cases[i].which);
  }
  make_set (l, cases[0].index, 3);
  l[1].set.b[15] = 1;
  ck_assert_int_eq (stripe_label_check_set (l, 3, &which), STRIPE_OTHER_SET);
  ck_assert_uint_eq (which, 1);
  make_set (l, cases[0].index, 3);
  l[2].size += 3 * 65536;
  ck_assert_int_eq (stripe_label_check_set (l, 3, &which), STRIPE_OTHER_LAYOUT);
  ck_assert_uint_eq (which, 2);
}
END_TEST

int
main (void)
{
  const TTest *const tests[] = { bytes,   damage,      numbers,
                                 version, member_size, sets };

  return test_main ("stripe-label", tests, ARRAY_SIZE (tests));
}
