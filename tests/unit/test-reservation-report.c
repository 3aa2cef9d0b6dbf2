/* SPDX-License-Identifier: BSD-3-Clause
 *
 * reservation-report: what an initiator sends is what the target reads, and
 * the reverse, cut off everywhere; names that no initiator can have.
 */

#include <config.h>

#include <string.h>

#include "base/align.h"
#include "reservation/reservation-report.h"
#include "reservation/reservation-transport.h"
#include "support/main.h"

static void
tell (struct reservation *r, const char *name, struct reservation_command c)
{
  uint8_t cdb[RESERVATION_CDB_SIZE], list[RESERVATION_LIST_MAX];
  char to[RESERVATION_NAME_MAX + 1];
  const size_t n = reservation_out_serialise (&c, cdb, list);
  struct reservation_command back;

  ck_assert_int_eq (reservation_out_parse (cdb, list, n, &back, to),
                    RESERVATION_GOOD);
  ck_assert_int_eq (back.action, c.action);
  ck_assert_uint_eq (back.key, c.key);
  ck_assert_uint_eq (back.action_key, c.action_key);
  ck_assert_int_eq (back.aptpl, c.aptpl);
  ck_assert_int_eq (back.unregister, c.unregister);
  ck_assert_int_eq (reservation_do (r, name, &back, NULL, NULL),
                    RESERVATION_GOOD);
}

static size_t
ask (const struct reservation *r, enum reservation_in_action action,
     uint8_t *buf)
{
  uint8_t cdb[RESERVATION_CDB_SIZE];
  size_t n;

  reservation_in_serialise (action, RESERVATION_DATA_MAX, cdb);
  ck_assert_int_eq (reservation_in (r, cdb, buf, RESERVATION_DATA_MAX, &n),
                    RESERVATION_GOOD);
  return n;
}

static struct reservation r;
static uint8_t buf[RESERVATION_DATA_MAX];

/* "a" holds, "the other" has been moved to and is not registered twice. */
static void
fill (void)
{
  tell (&r, "a",
        (struct reservation_command){
          .action = RESERVATION_REGISTER, .action_key = 1, .aptpl = true });
  tell (&r, "a",
        (struct reservation_command){ .action = RESERVATION_RESERVE,
                                      .type = RESERVATION_EXCLUSIVE_ACCESS,
                                      .key = 1 });
  tell (&r, "a",
        (struct reservation_command){ .action = RESERVATION_REGISTER_AND_MOVE,
                                      .key = 1,
                                      .action_key = 2,
                                      .aptpl = true,
                                      .to = "the other" });
}

START_TEST (keys)
{
  struct reservation_report p;
  uint64_t key;
  size_t n;

  fill ();
  n = ask (&r, RESERVATION_READ_KEYS, buf);
  ck_assert_int_eq (reservation_report_begin (&p, buf, n),
                    RESERVATION_REPORT_OK);
  ck_assert_uint_eq (p.generation, 2);
  for (unsigned i = 1; i <= 2; i++) {
    ck_assert_int_eq (reservation_report_key (&p, &key), RESERVATION_REPORT_OK);
    ck_assert_uint_eq (key, i);
  }
  ck_assert_int_eq (reservation_report_key (&p, &key), RESERVATION_REPORT_END);
  for (size_t less = 0; less < n; less++)
    ck_assert_int_eq (reservation_report_begin (&p, buf, less),
                      RESERVATION_REPORT_BAD);
  buf[7]--;
  ck_assert_int_eq (reservation_report_begin (&p, buf, n),
                    RESERVATION_REPORT_OK);
  ck_assert_int_eq (reservation_report_key (&p, &key), RESERVATION_REPORT_OK);
  ck_assert_int_eq (reservation_report_key (&p, &key), RESERVATION_REPORT_BAD);
}
END_TEST

START_TEST (the_reservation)
{
  struct reservation_report p;
  enum reservation_type type;
  uint64_t key;

  ck_assert_int_eq (reservation_report_begin (
                      &p, buf, ask (&r, RESERVATION_READ_RESERVATION, buf)),
                    RESERVATION_REPORT_OK);
  ck_assert_int_eq (reservation_report_reservation (&p, &key, &type),
                    RESERVATION_REPORT_END);
  fill ();
  ck_assert_int_eq (reservation_report_begin (
                      &p, buf, ask (&r, RESERVATION_READ_RESERVATION, buf)),
                    RESERVATION_REPORT_OK);
  ck_assert_int_eq (reservation_report_reservation (&p, &key, &type),
                    RESERVATION_REPORT_OK);
  ck_assert_uint_eq (key, 2);
  ck_assert_int_eq (type, RESERVATION_EXCLUSIVE_ACCESS);
}
END_TEST

START_TEST (registrants)
{
  struct reservation_report_registrant g;
  struct reservation_report p;
  size_t n;

  fill ();
  n = ask (&r, RESERVATION_READ_FULL_STATUS, buf);
  ck_assert_int_eq (reservation_report_begin (&p, buf, n),
                    RESERVATION_REPORT_OK);
  ck_assert_int_eq (reservation_report_registrant (&p, &g),
                    RESERVATION_REPORT_OK);
  ck_assert_str_eq (g.name, "a");
  ck_assert (!g.holder && !g.all_ports);
  ck_assert_uint_eq (g.port, 1);
  ck_assert_int_eq (reservation_report_registrant (&p, &g),
                    RESERVATION_REPORT_OK);
  ck_assert_str_eq (g.name, "the other");
  ck_assert_uint_eq (g.key, 2);
  ck_assert (g.holder);
  ck_assert_int_eq (g.type, RESERVATION_EXCLUSIVE_ACCESS);
  ck_assert_int_eq (reservation_report_registrant (&p, &g),
                    RESERVATION_REPORT_END);
  /* A TransportID of another kind, and one that is too long. */
  buf[8 + 24] = 0x06;
  buf[n - 25] = 0xff;
  reservation_report_begin (&p, buf, n);
  ck_assert_int_eq (reservation_report_registrant (&p, &g),
                    RESERVATION_REPORT_OK);
  ck_assert_str_eq (g.name, "");
  ck_assert_int_eq (reservation_report_registrant (&p, &g),
                    RESERVATION_REPORT_BAD);
}
END_TEST

START_TEST (capabilities)
{
  struct reservation_capabilities c;

  for (unsigned i = 0; i < 2; i++) {
    r.no_ptpl = i;
    ck_assert_int_eq (
      reservation_report_capabilities (
        buf, ask (&r, RESERVATION_REPORT_CAPABILITIES, buf), &c),
      RESERVATION_REPORT_OK);
    ck_assert_int_eq (c.ptpl_capable, !i);
    ck_assert (!c.ptpl_active && c.has_types);
    for (unsigned type = 0; type < ARRAY_SIZE (c.type); type++)
      ck_assert_int_eq (c.type[type], reservation_type_valid (type));
  }
  ck_assert_int_eq (reservation_report_capabilities (buf, 7, &c),
                    RESERVATION_REPORT_BAD);
}
END_TEST

START_TEST (no_power_loss)
{
  const struct reservation_command c = { .action = RESERVATION_REGISTER,
                                         .action_key = 1,
                                         .aptpl = true };
  const struct reservation_command clear = { .action = RESERVATION_CLEAR,
                                             .key = 1 };

  r.no_ptpl = true;
  ck_assert_int_eq (reservation_do (&r, "a", &c, NULL, NULL),
                    RESERVATION_BAD_PARAMETER);
  tell (&r, "a",
        (struct reservation_command){ .action = RESERVATION_REGISTER,
                                      .action_key = 1 });
  ck_assert_int_eq (reservation_do (&r, "a", &clear, NULL, NULL),
                    RESERVATION_GOOD);
  ck_assert (r.no_ptpl);
}
END_TEST

START_TEST (names)
{
  char name[RESERVATION_NAME_MAX + 2];

  ck_assert (reservation_name_valid ("a"));
  ck_assert (reservation_name_valid ("CN=w\xc3\xb6rk, O=x"));
  ck_assert (!reservation_name_valid (""));
  ck_assert (!reservation_name_valid ("a\n"));
  ck_assert (!reservation_name_valid ("a\x7f"));
  ck_assert (!reservation_name_valid ("\xc3"));
  memset (name, 'x', sizeof name);
  name[RESERVATION_NAME_MAX + 1] = '\0';
  ck_assert (!reservation_name_valid (name));
  name[RESERVATION_NAME_MAX] = '\0';
  ck_assert (reservation_name_valid (name));
}
END_TEST

int
main (void)
{
  const TTest *const tests[] = { keys,         the_reservation, registrants,
                                 capabilities, no_power_loss,   names };

  return test_main ("reservation-report", tests, ARRAY_SIZE (tests));
}
