/* SPDX-License-Identifier: BSD-3-Clause
 *
 * reservation-file: what is kept comes back, every damage is seen, and what
 * cannot be is refused even with the right checksum.
 */

#include <config.h>

#include <string.h>

#include "base/align.h"
#include "base/crc32c.h"
#include "reservation/reservation-file.h"
#include "support/main.h"

static void
add (struct reservation *r, const char *name, uint64_t key)
{
  const struct reservation_command c = { .action = RESERVATION_REGISTER,
                                         .action_key = key,
                                         .aptpl = true };

  ck_assert_int_eq (reservation_do (r, name, &c, NULL, NULL), RESERVATION_GOOD);
}

static void
reserve (struct reservation *r, const char *name, uint64_t key,
         enum reservation_type type)
{
  const struct reservation_command c = { .action = RESERVATION_RESERVE,
                                         .type = type,
                                         .key = key };

  ck_assert_int_eq (reservation_do (r, name, &c, NULL, NULL), RESERVATION_GOOD);
}

/* Two registrants, the second of which holds. */
static void
fill (struct reservation *r, enum reservation_type type)
{
  memset (r, 0, sizeof *r);
  add (r, "a", 0x1122334455667788);
  add (r, "iqn.2026-11.org.example:b", 2);
  if (type != RESERVATION_NONE)
    reserve (r, r->registrant[1].name, 2, type);
}

static void
check_same (const struct reservation *r, const struct reservation *back)
{
  ck_assert_uint_eq (back->generation, 0);
  ck_assert_int_eq (back->aptpl, r->aptpl);
  ck_assert_int_eq (back->type, r->type);
  ck_assert_uint_eq (back->n, r->n);
  for (unsigned i = 0; i < r->n; i++) {
    ck_assert_str_eq (back->registrant[i].name, r->registrant[i].name);
    ck_assert_uint_eq (back->registrant[i].key, r->registrant[i].key);
    ck_assert_int_eq (reservation_is_holder (back, i),
                      reservation_is_holder (r, i));
  }
}

START_TEST (comes_back)
{
  static struct reservation r, back;
  uint8_t buf[RESERVATION_FILE_MAX];

  for (unsigned type = 0; type <= 8; type++) {
    if (type == 2 || type == 4)
      continue;
    fill (&r, type);
    ck_assert_int_eq (
      reservation_file_parse (buf, reservation_file_serialise (&r, buf), &back),
      RESERVATION_FILE_OK);
    check_same (&r, &back);
  }
}
END_TEST

START_TEST (not_to_be_kept)
{
  static struct reservation r, back;
  uint8_t buf[RESERVATION_FILE_MAX];

  fill (&r, RESERVATION_WRITE_EXCLUSIVE);
  r.aptpl = false;
  ck_assert_uint_eq (reservation_file_serialise (&r, buf),
                     sizeof (struct reservation_file_disk));
  ck_assert_int_eq (reservation_file_parse (buf, 32, &back),
                    RESERVATION_FILE_OK);
  ck_assert_uint_eq (back.n, 0);
  ck_assert_int_eq (back.type, RESERVATION_NONE);
}
END_TEST

START_TEST (the_largest)
{
  static struct reservation r, back;
  static uint8_t buf[RESERVATION_FILE_MAX];
  char name[RESERVATION_NAME_MAX + 1];

  memset (name, 'x', sizeof name - 1);
  name[sizeof name - 1] = '\0';
  for (unsigned i = 0; i < RESERVATION_REGISTRANTS_MAX; i++) {
    name[0] = (char) ('a' + i / 16);
    name[1] = (char) ('a' + i % 16);
    add (&r, name, i + 1);
  }
  ck_assert_uint_eq (reservation_file_serialise (&r, buf),
                     RESERVATION_FILE_MAX);
  ck_assert_int_eq (reservation_file_parse (buf, sizeof buf, &back),
                    RESERVATION_FILE_OK);
  check_same (&r, &back);
}
END_TEST

START_TEST (damage)
{
  static struct reservation r, back;
  static const struct reservation none;
  uint8_t buf[RESERVATION_FILE_MAX];
  size_t n;

  fill (&r, RESERVATION_EXCLUSIVE_ACCESS);
  n = reservation_file_serialise (&r, buf);
  for (size_t bit = 0; bit < n * 8; bit++) {
    buf[bit / 8] ^= 1 << bit % 8;
    quick_assert (reservation_file_parse (buf, n, &back) !=
                  RESERVATION_FILE_OK);
    quick_assert (memcmp (&back, &none, sizeof back) == 0);
    buf[bit / 8] ^= 1 << bit % 8;
  }
  for (size_t less = 0; less < n; less++)
    quick_assert (reservation_file_parse (buf, less, &back) !=
                  RESERVATION_FILE_OK);
  ck_assert_int_eq (reservation_file_parse (buf, n + 1, &back),
                    RESERVATION_FILE_BAD_SIZE);
}
END_TEST

/* One byte that is another, and the checksum right. */
static const struct {
  size_t at;
  uint8_t byte;
  enum reservation_file_status status;
} impossible[] = {
  { 0x00, 'x', RESERVATION_FILE_BAD_MAGIC },
  { 0x08, 2, RESERVATION_FILE_BAD_VERSION },
  { 0x10, 0, RESERVATION_FILE_BAD_SIZE },
  { 0x14, 1, RESERVATION_FILE_BAD_ENTRY },
  { 0x14, 3, RESERVATION_FILE_BAD_ENTRY },
  { 0x17, 1, RESERVATION_FILE_BAD_ENTRY },
  { 0x18, 2, RESERVATION_FILE_BAD_STATE },
  { 0x1c, 0, RESERVATION_FILE_BAD_STATE },
  { 0x1c, 2, RESERVATION_FILE_BAD_STATE },
  { 0x1c, 7, RESERVATION_FILE_BAD_STATE },
  { 0x1c, 9, RESERVATION_FILE_BAD_STATE },
  { 0x1d, 0, RESERVATION_FILE_BAD_STATE },
  { 0x1d, 2, RESERVATION_FILE_BAD_STATE },
  { 0x1f, 1, RESERVATION_FILE_BAD_STATE },
  { 0x28, 0, RESERVATION_FILE_BAD_ENTRY }, /* the length of a name */
  { 0x29, 1, RESERVATION_FILE_BAD_ENTRY },
  { 0x2a, 0, RESERVATION_FILE_BAD_ENTRY }, /* the name */
  { 0x2a, '\n', RESERVATION_FILE_BAD_ENTRY },
  { 0x2a, 0xff, RESERVATION_FILE_BAD_ENTRY },
  { 0x2a, 'b', RESERVATION_FILE_BAD_ENTRY }, /* twice */
};

START_TEST (what_cannot_be)
{
  static struct reservation r, back;
  uint8_t buf[RESERVATION_FILE_MAX];
  le32 checksum = le32_put (0);
  size_t n;

  memset (&r, 0, sizeof r);
  add (&r, "a", 1);
  add (&r, "b", 2);
  reserve (&r, "b", 2, RESERVATION_WRITE_EXCLUSIVE);
  n = reservation_file_serialise (&r, buf);
  buf[impossible[_i].at] = impossible[_i].byte;
  memcpy (buf + 0x0c, &checksum, sizeof checksum);
  checksum = le32_put (crc32c (0, buf, n));
  memcpy (buf + 0x0c, &checksum, sizeof checksum);
  ck_assert_int_eq (reservation_file_parse (buf, n, &back),
                    impossible[_i].status);
  ck_assert (reservation_file_status_string (impossible[_i].status)[0] != '\0');
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("reservation-file");
  TCase *c = test_case (suite, "reservation-file");

  tcase_add_test (c, comes_back);
  tcase_add_test (c, not_to_be_kept);
  tcase_add_test (c, the_largest);
  tcase_add_test (c, damage);
  tcase_add_loop_test (c, what_cannot_be, 0, ARRAY_SIZE (impossible));
  return test_run (suite);
}
