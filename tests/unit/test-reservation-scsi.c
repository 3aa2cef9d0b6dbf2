/* SPDX-License-Identifier: BSD-3-Clause
 *
 * reservation-scsi: command blocks and parameter lists, right and wrong,
 * and the parameter data byte by byte, cut off everywhere.
 */

#include <config.h>

#include <string.h>

#include "base/align.h"
#include "reservation/reservation-scsi.h"
#include "support/main.h"

#define LIST 24

static void
out_cdb (uint8_t cdb[RESERVATION_CDB_SIZE], uint8_t action, uint8_t type,
         uint32_t length)
{
  const uint8_t c[RESERVATION_CDB_SIZE] = { RESERVATION_OUT_OPCODE,
                                            action,
                                            type,
                                            0,
                                            0,
                                            (uint8_t) (length >> 24),
                                            (uint8_t) (length >> 16),
                                            (uint8_t) (length >> 8),
                                            (uint8_t) length };

  memcpy (cdb, c, sizeof c);
}

static enum reservation_status
parse (uint8_t action, uint8_t type, uint32_t length, const uint8_t *list,
       size_t size, struct reservation_command *c)
{
  uint8_t cdb[RESERVATION_CDB_SIZE];
  static char to[RESERVATION_NAME_MAX + 1];

  out_cdb (cdb, action, type, length);
  return reservation_out_parse (cdb, list, size, c, to);
}

/* ------------------------------------------------------------------ */

START_TEST (a_list)
{
  uint8_t list[LIST + 1] = { 1, 2,  3,  4,  5,  6,  7,  8,
                             9, 10, 11, 12, 13, 14, 15, 16 };
  struct reservation_command c;

  list[20] = 0x05; /* ALL_TG_PT is of no meaning */
  ck_assert_int_eq (parse (RESERVATION_RESERVE, 3, LIST, list, LIST, &c),
                    RESERVATION_GOOD);
  ck_assert_int_eq (c.action, RESERVATION_RESERVE);
  ck_assert_int_eq (c.type, RESERVATION_EXCLUSIVE_ACCESS);
  ck_assert_uint_eq (c.key, 0x0102030405060708);
  ck_assert_uint_eq (c.action_key, 0x090a0b0c0d0e0f10);
  ck_assert (c.aptpl);
  list[20] = 0;
  ck_assert_int_eq (parse (RESERVATION_REGISTER, 0, LIST, list, LIST, &c),
                    RESERVATION_GOOD);
  ck_assert (!c.aptpl);
  list[20] = 0x08;
  ck_assert_int_eq (parse (RESERVATION_REGISTER, 0, LIST, list, LIST, &c),
                    RESERVATION_BAD_PARAMETER);
  list[20] = 0;
  for (size_t n = 0; n < LIST; n++)
    ck_assert_int_eq (
      parse (RESERVATION_REGISTER, 0, (uint32_t) n, list, n, &c),
      RESERVATION_BAD_LENGTH);
  ck_assert_int_eq (
    parse (RESERVATION_REGISTER, 0, LIST + 1, list, LIST + 1, &c),
    RESERVATION_BAD_LENGTH);
  ck_assert_int_eq (parse (RESERVATION_REGISTER, 0, 0xfe76, list, LIST, &c),
                    RESERVATION_BAD_LENGTH);
}
END_TEST

/* What scopes and types are good for which service actions. */
START_TEST (scopes_types_and_actions)
{
  static const uint8_t bad[] = { 0x00, 0x02, 0x04, 0x09, 0x0c, 0x0f,
                                 0x11, 0x13, 0x15, 0x16, 0x17, 0x18,
                                 0xf0, 0xf2, 0xf4, 0xf5, 0xf6, 0xf7 };
  static const uint8_t list[LIST];
  struct reservation_command c;

  for (uint8_t action = 0; action < 32; action++) {
    const bool there_is = action < RESERVATION_REGISTER_AND_MOVE;
    const bool cares = action != RESERVATION_REGISTER &&
                       action != RESERVATION_CLEAR &&
                       action != RESERVATION_REGISTER_AND_IGNORE;

    if (action == RESERVATION_REGISTER_AND_MOVE)
      continue;
    for (size_t i = 0; i < ARRAY_SIZE (bad); i++)
      ck_assert_int_eq (parse (action, bad[i], LIST, list, LIST, &c),
                        !there_is || cares ? RESERVATION_BAD_CDB :
                                             RESERVATION_GOOD);
    ck_assert_int_eq (parse (action, 0x01, LIST, list, LIST, &c),
                      there_is ? RESERVATION_GOOD : RESERVATION_BAD_CDB);
  }
}
END_TEST

START_TEST (other_commands)
{
  uint8_t cdb[RESERVATION_CDB_SIZE] = { 0x28 }, buf[8];
  struct reservation r = { 0 };
  struct reservation_command c;
  char to[RESERVATION_NAME_MAX + 1];
  size_t n;

  ck_assert_int_eq (reservation_out_parse (cdb, NULL, 0, &c, to),
                    RESERVATION_BAD_OPCODE);
  ck_assert_int_eq (reservation_in (&r, cdb, buf, sizeof buf, &n),
                    RESERVATION_BAD_OPCODE);
  cdb[0] = RESERVATION_IN_OPCODE;
  for (uint8_t action = 4; action < 32; action++) {
    cdb[1] = action;
    ck_assert_int_eq (reservation_in (&r, cdb, buf, sizeof buf, &n),
                      RESERVATION_BAD_CDB);
    ck_assert_uint_eq (n, 0);
  }
}
END_TEST

/* ------------------------------------------------------------------ */
/* REGISTER AND MOVE */

/* To a name of LENGTH letters in a field of FIELD bytes. */
static enum reservation_status
move (size_t length, size_t field, struct reservation_command *c)
{
  uint8_t list[LIST + 4 + 256] = { 0 };

  list[17] = 0x03;
  list[22] = (uint8_t) ((field + 4) >> 8);
  list[23] = (uint8_t) (field + 4);
  list[24] = 0x05;
  list[26] = (uint8_t) (field >> 8);
  list[27] = (uint8_t) field;
  memset (list + 28, 'n', length);
  return parse (RESERVATION_REGISTER_AND_MOVE, 0, (uint32_t) (28 + field), list,
                28 + field, c);
}

START_TEST (moves)
{
  struct reservation_command c;

  ck_assert_int_eq (move (1, 20, &c), RESERVATION_GOOD);
  ck_assert_str_eq (c.to, "n");
  ck_assert (c.aptpl && c.unregister);
  ck_assert_int_eq (move (RESERVATION_NAME_MAX, 224, &c), RESERVATION_GOOD);
  ck_assert_uint_eq (strlen (c.to), RESERVATION_NAME_MAX);
  ck_assert_int_eq (move (0, 20, &c), RESERVATION_BAD_PARAMETER);
  ck_assert_int_eq (move (20, 20, &c), RESERVATION_BAD_PARAMETER);
  ck_assert_int_eq (move (1, 16, &c), RESERVATION_BAD_PARAMETER);
  ck_assert_int_eq (move (RESERVATION_NAME_MAX + 1, 228, &c),
                    RESERVATION_BAD_PARAMETER);
}
END_TEST

START_TEST (bad_moves)
{
  static const struct {
    unsigned at;
    uint8_t value;
    enum reservation_status status;
  } cases[] = {
    { 22, 1, RESERVATION_BAD_LENGTH },       /* longer than there is */
    { 23, 23, RESERVATION_BAD_LENGTH },      /* shorter */
    { 24, 0x45, RESERVATION_BAD_PARAMETER }, /* with a session */
    { 24, 0x06, RESERVATION_BAD_PARAMETER }, /* of SAS */
    { 27, 16, RESERVATION_BAD_PARAMETER },   /* another length inside */
  };

  for (size_t i = 0; i < ARRAY_SIZE (cases); i++) {
    uint8_t list[LIST + 24] = { [23] = 24, [24] = 5, [27] = 20, [28] = 'n' };
    struct reservation_command c;

    ck_assert_int_eq (parse (RESERVATION_REGISTER_AND_MOVE, 0, sizeof list,
                             list, sizeof list, &c),
                      RESERVATION_GOOD);
    list[cases[i].at] = cases[i].value;
    ck_assert_int_eq (parse (RESERVATION_REGISTER_AND_MOVE, 0, sizeof list,
                             list, sizeof list, &c),
                      cases[i].status);
  }
}
END_TEST

/* ------------------------------------------------------------------ */
/* IN */

static void
example (struct reservation *r, enum reservation_type type)
{
  *r = (struct reservation){ .generation = 0x01020304,
                             .aptpl = true,
                             .type = type,
                             .holder = 1,
                             .n = 2,
                             .registrant = { { "a", 0x11 }, { "b", 0x22 } } };
}

/* The answer is EXPECTED, of COUNT bytes, or as much of it as is wanted. */
static void
expect (const struct reservation *r, uint8_t action, const uint8_t *expected,
        size_t count)
{
  for (size_t want = 0; want <= count + 1; want++) {
    const uint8_t cdb[RESERVATION_CDB_SIZE] = {
      RESERVATION_IN_OPCODE, action,        0, 0, 0, 0, 0,
      (uint8_t) (want >> 8), (uint8_t) want
    };
    uint8_t buf[256];
    size_t n;

    memset (buf, 0xee, sizeof buf);
    ck_assert_int_eq (reservation_in (r, cdb, buf, sizeof buf, &n),
                      RESERVATION_GOOD);
    ck_assert_uint_eq (n, min_u64 (want, count));
    ck_assert_mem_eq (buf, expected, n);
    ck_assert_uint_eq (buf[n], 0xee);
  }
}

START_TEST (answers)
{
  static const uint8_t keys[] = { 1, 2, 3, 4,    0, 0, 0, 16, 0, 0, 0, 0,
                                  0, 0, 0, 0x11, 0, 0, 0, 0,  0, 0, 0, 0x22 };
  static const uint8_t held[] = { 1, 2, 3, 4,    0, 0, 0, 16, 0, 0, 0, 0,
                                  0, 0, 0, 0x22, 0, 0, 0, 0,  0, 6, 0, 0 };
  static const uint8_t of_all[] = { 1, 2, 3, 4, 0, 0, 0, 16, 0, 0, 0, 0,
                                    0, 0, 0, 0, 0, 0, 0, 0,  0, 8, 0, 0 };
  static const uint8_t free_disk[] = { 1, 2, 3, 4, 0, 0, 0, 0 };
  static const uint8_t can[] = { 0, 8, 1, 0x81, 0xea, 1, 0, 0 };
  uint8_t full[8 + 2 * 48] = {
    1,         2,          3,           4,         0,         0,
    0,         96,         [15] = 0x11, [27] = 1,  [31] = 24, [32] = 5,
    [35] = 20, [36] = 'a', [63] = 0x22, [68] = 1,  [69] = 6,  [75] = 1,
    [79] = 24, [80] = 5,   [83] = 20,   [84] = 'b'
  };
  struct reservation r;

  example (&r, RESERVATION_EXCLUSIVE_ACCESS_REGISTRANTS_ONLY);
  expect (&r, 0, keys, sizeof keys);
  expect (&r, 1, held, sizeof held);
  expect (&r, 2, can, sizeof can);
  expect (&r, 3, full, sizeof full);
  example (&r, RESERVATION_EXCLUSIVE_ACCESS_ALL_REGISTRANTS);
  expect (&r, 1, of_all, sizeof of_all);
  full[20] = full[68] = 1;
  full[21] = full[69] = 8;
  expect (&r, 3, full, sizeof full);
  example (&r, RESERVATION_NONE);
  expect (&r, 1, free_disk, sizeof free_disk);
}
END_TEST

START_TEST (the_longest_answer)
{
  static struct reservation r = { .n = RESERVATION_REGISTRANTS_MAX };
  static const uint8_t cdb[RESERVATION_CDB_SIZE] = {
    RESERVATION_IN_OPCODE, 3, 0, 0, 0, 0, 0, 0xff, 0xff
  };
  static uint8_t buf[RESERVATION_DATA_MAX];
  size_t n;

  for (unsigned i = 0; i < r.n; i++)
    memset (r.registrant[i].name, 'n', RESERVATION_NAME_MAX);
  ck_assert_int_eq (reservation_in (&r, cdb, buf, sizeof buf, &n),
                    RESERVATION_GOOD);
  ck_assert_uint_eq (n, 8 + RESERVATION_REGISTRANTS_MAX * (24 + 4 + 224));
  ck_assert_uint_lt (n, sizeof buf);
}
END_TEST

int
main (void)
{
  const TTest *const tests[] = {
    a_list,  scopes_types_and_actions, other_commands, moves, bad_moves,
    answers, the_longest_answer
  };

  return test_main ("reservation-scsi", tests, ARRAY_SIZE (tests));
}
