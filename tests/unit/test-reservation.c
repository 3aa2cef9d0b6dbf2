/* SPDX-License-Identifier: BSD-3-Clause
 *
 * reservation: what each command does to registrants and reservation, who
 * is told, and what is allowed then, by the tables of SPC-4, 5.13.
 */

#include <config.h>

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/align.h"
#include "reservation/reservation.h"
#include "support/main.h"
#include "support/rng.h"

#define WE RESERVATION_WRITE_EXCLUSIVE
#define EA RESERVATION_EXCLUSIVE_ACCESS
#define WE_RO RESERVATION_WRITE_EXCLUSIVE_REGISTRANTS_ONLY
#define EA_RO RESERVATION_EXCLUSIVE_ACCESS_REGISTRANTS_ONLY
#define WE_AR RESERVATION_WRITE_EXCLUSIVE_ALL_REGISTRANTS
#define EA_AR RESERVATION_EXCLUSIVE_ACCESS_ALL_REGISTRANTS

#define REG RESERVATION_REGISTER
#define IGN RESERVATION_REGISTER_AND_IGNORE
#define RES RESERVATION_RESERVE
#define REL RESERVATION_RELEASE
#define CLR RESERVATION_CLEAR
#define PRE RESERVATION_PREEMPT
#define ABT RESERVATION_PREEMPT_AND_ABORT
#define MOV RESERVATION_REGISTER_AND_MOVE

#define OK RESERVATION_GOOD
#define CON RESERVATION_CONFLICT
#define CDB RESERVATION_BAD_CDB
#define PAR RESERVATION_BAD_PARAMETER
#define RLS RESERVATION_BAD_RELEASE

/* ------------------------------------------------------------------ */
/* Scenarios */

/* Who says what, what comes of it, and, unless NULL, how things are then:
 * the generation, the type, each registrant with its key and "*" if it
 * holds, and behind a bar who was told what.
 */
struct step {
  const char *who;
  enum reservation_action action;
  enum reservation_type type;
  uint64_t key, action_key;
  enum reservation_status status;
  const char *then;
  const char *to;
  bool unregister;
};

#define STEPS 12

static const struct {
  const char *name;
  struct step step[STEPS];
} scenarios[] = {
  { "register",
    {
      { "a", REG, 0, 1, 1, CON, "0 0 |" },
      { "a", REG, 0, 0, 0, OK, "0 0 |" },
      { "a", REG, 0, 0, 1, OK, "1 0 a1 |" },
      { "a", REG, 0, 0, 2, CON, "1 0 a1 |" },
      { "a", REG, 0, 1, 2, OK, "2 0 a2 |" },
      { "b", IGN, 0, 9, 2, OK, "3 0 a2 b2 |" },
      { "b", IGN, 0, 9, 3, OK, "4 0 a2 b3 |" },
      { "a", REG, 0, 1, 0, CON, "4 0 a2 b3 |" },
      { "a", REG, 0, 2, 0, OK, "5 0 b3 |" },
      { "b", IGN, 0, 0, 0, OK, "6 0 |" },
      { "b", IGN, 0, 0, 0, OK, "6 0 |" },
    } },
  { "reserve",
    {
      { "a", RES, WE, 0, 0, CON, "0 0 |" },
      { "a", REG, 0, 0, 1, OK, NULL },
      { "b", REG, 0, 0, 2, OK, NULL },
      { "a", RES, WE, 2, 0, CON, "2 0 a1 b2 |" },
      { "a", RES, WE, 1, 0, OK, "2 1 a1* b2 |" },
      { "a", RES, WE, 1, 0, OK, "2 1 a1* b2 |" },
      { "a", RES, EA, 1, 0, CON, "2 1 a1* b2 |" },
      { "b", RES, WE, 2, 0, CON, "2 1 a1* b2 |" },
      { "a", REG, 0, 1, 5, OK, "3 1 a5* b2 |" },
      { "a", REG, 0, 5, 0, OK, "4 0 b2 |" },
    } },
  { "types that there are not",
    {
      { "a", REG, 0, 0, 1, OK, NULL },
      { "a", RES, 0, 1, 0, CDB, NULL },
      { "a", RES, 2, 1, 0, CDB, NULL },
      { "a", RES, 4, 1, 0, CDB, NULL },
      { "a", RES, 9, 1, 0, CDB, NULL },
      { "a", REL, 2, 1, 0, CDB, NULL },
      { "a", PRE, 15, 1, 1, CDB, NULL },
      { "a", CLR, 15, 1, 1, OK, "2 0 |" },
    } },
  { "release",
    {
      { "a", REG, 0, 0, 1, OK, NULL },
      { "b", REG, 0, 0, 2, OK, NULL },
      { "a", REL, WE, 1, 0, OK, "2 0 a1 b2 |" },
      { "a", RES, EA, 1, 0, OK, NULL },
      { "b", REL, EA, 2, 0, OK, "2 3 a1* b2 |" },
      { "b", REL, EA, 1, 0, CON, "2 3 a1* b2 |" },
      { "a", REL, WE, 1, 0, RLS, "2 3 a1* b2 |" },
      { "a", REL, EA, 1, 0, OK, "2 0 a1 b2 |" },
      { "c", REL, EA, 1, 0, CON, "2 0 a1 b2 |" },
    } },
  { "a release that others are told of",
    {
      { "a", REG, 0, 0, 1, OK, NULL },
      { "b", REG, 0, 0, 2, OK, NULL },
      { "c", REG, 0, 0, 3, OK, NULL },
      { "a", RES, WE_RO, 1, 0, OK, "3 5 a1* b2 c3 |" },
      { "a", REL, WE_RO, 1, 0, OK, "3 0 a1 b2 c3 | b:released c:released" },
      { "b", RES, EA_RO, 2, 0, OK, "3 6 a1 b2* c3 |" },
      { "b", REG, 0, 2, 0, OK, "4 0 a1 c3 | a:released c:released" },
    } },
  { "all registrants",
    {
      { "a", REG, 0, 0, 1, OK, NULL },
      { "b", REG, 0, 0, 2, OK, NULL },
      { "a", RES, EA_AR, 1, 0, OK, "2 8 a1* b2* |" },
      { "b", RES, EA_AR, 2, 0, OK, "2 8 a1* b2* |" },
      { "b", RES, WE_AR, 2, 0, CON, "2 8 a1* b2* |" },
      { "a", REG, 0, 1, 0, OK, "3 8 b2* |" },
      { "c", REG, 0, 0, 3, OK, "4 8 b2* c3* |" },
      { "c", REL, EA_AR, 3, 0, OK, "4 0 b2 c3 | b:released" },
      { "c", RES, WE_AR, 3, 0, OK, "4 7 b2* c3* |" },
      { "c", IGN, 0, 0, 0, OK, "5 7 b2* |" },
      { "b", IGN, 0, 0, 0, OK, "6 0 |" },
    } },
  { "clear",
    {
      { "a", REG, 0, 0, 1, OK, NULL },
      { "b", REG, 0, 0, 2, OK, NULL },
      { "a", RES, WE, 1, 0, OK, NULL },
      { "c", CLR, 0, 0, 0, CON, NULL },
      { "b", CLR, 0, 1, 0, CON, "2 1 a1* b2 |" },
      { "b", CLR, 0, 2, 0, OK, "3 0 | a:preempted" },
    } },
  { "preempt, without a reservation",
    {
      { "a", REG, 0, 0, 1, OK, NULL },
      { "b", REG, 0, 0, 2, OK, NULL },
      { "c", REG, 0, 0, 2, OK, NULL },
      { "a", PRE, WE, 1, 0, PAR, "3 0 a1 b2 c2 |" },
      { "a", PRE, WE, 1, 9, CON, "3 0 a1 b2 c2 |" },
      { "d", PRE, WE, 1, 2, CON, "3 0 a1 b2 c2 |" },
      { "a", PRE, WE, 2, 2, CON, "3 0 a1 b2 c2 |" },
      { "a", PRE, WE, 1, 2, OK, "4 0 a1 | b:unregistered c:unregistered" },
      { "a", PRE, WE, 1, 1, OK, "5 0 |" },
    } },
  { "preempt the holder",
    {
      { "a", REG, 0, 0, 1, OK, NULL },
      { "b", REG, 0, 0, 2, OK, NULL },
      { "c", REG, 0, 0, 1, OK, NULL },
      { "a", RES, WE, 1, 0, OK, NULL },
      { "b", PRE, EA, 2, 0, PAR, "3 1 a1* b2 c1 |" },
      { "b", PRE, EA, 2, 1, OK, "4 3 b2* | a:unregistered c:unregistered" },
      { "b", ABT, EA_RO, 2, 2, OK, "5 6 b2* |" },
      { "a", REG, 0, 0, 1, OK, "6 6 b2* a1 |" },
      { "a", ABT, EA_RO, 1, 2, OK, "7 6 a1* | b:aborted" },
    } },
  { "preempt another than the holder",
    {
      { "a", REG, 0, 0, 1, OK, NULL },
      { "b", REG, 0, 0, 2, OK, NULL },
      { "c", REG, 0, 0, 3, OK, NULL },
      { "a", RES, EA_RO, 1, 0, OK, NULL },
      { "b", ABT, WE, 2, 3, OK, "4 6 a1* b2 | c:aborted" },
      { "b", PRE, WE, 2, 3, CON, "4 6 a1* b2 |" },
      { "b", PRE, WE_RO, 2, 1, OK, "5 5 b2* | a:unregistered" },
    } },
  { "preempt of another type, which others are told of",
    {
      { "a", REG, 0, 0, 1, OK, NULL },
      { "b", REG, 0, 0, 2, OK, NULL },
      { "c", REG, 0, 0, 3, OK, NULL },
      { "a", RES, WE_RO, 1, 0, OK, NULL },
      { "b", PRE, WE, 2, 1, OK, "4 1 b2* c3 | a:unregistered c:released" },
    } },
  { "preempt all registrants",
    {
      { "a", REG, 0, 0, 1, OK, NULL },
      { "b", REG, 0, 0, 2, OK, NULL },
      { "c", REG, 0, 0, 3, OK, NULL },
      { "a", RES, WE_AR, 1, 0, OK, NULL },
      { "b", PRE, EA, 2, 3, OK, "4 7 a1* b2* | c:unregistered" },
      { "b", PRE, EA, 2, 2, OK, "5 7 a1* b2* |" },
      { "b", PRE, EA, 2, 0, OK, "6 3 b2* | a:unregistered" },
    } },
  { "move",
    {
      { "a", REG, 0, 0, 1, OK, NULL },
      { "a", MOV, 0, 1, 2, CON, "1 0 a1 |", "b" },
      { "a", RES, WE, 1, 0, OK, NULL },
      { "a", MOV, 0, 9, 2, CON, "1 1 a1* |", "b" },
      { "a", MOV, 0, 1, 0, PAR, "1 1 a1* |", "b" },
      { "a", MOV, 0, 1, 2, PAR, "1 1 a1* |", "a" },
      { "a", MOV, 0, 1, 2, OK, "2 1 a1 b2* |", "b" },
      { "a", MOV, 0, 1, 2, CON, "2 1 a1 b2* |", "b" },
      { "b", MOV, 0, 2, 7, OK, "3 1 a7* |", "a", true },
      { "a", REL, WE, 7, 0, OK, "3 0 a7 |" },
      { "a", RES, WE_AR, 7, 0, OK, NULL },
      { "a", MOV, 0, 7, 8, CON, "3 7 a7* |", "b" },
    } },
};

static void
note (void *opaque, const char *name, enum reservation_notice notice)
{
  static const char *const words[] = {
    [RESERVATION_NOTICE_PREEMPTED] = "preempted",
    [RESERVATION_NOTICE_RELEASED] = "released",
    [RESERVATION_NOTICE_UNREGISTERED] = "unregistered",
    [RESERVATION_NOTICE_ABORTED] = "aborted",
  };
  char *told = opaque;
  const size_t n = strlen (told);

  snprintf (told + n, 200 - n, " %s:%s", name, words[notice]);
}

static void
show (const struct reservation *r, const char *told, char *out, size_t size)
{
  size_t n =
    (size_t) snprintf (out, size, "%" PRIu32 " %d ", r->generation, r->type);

  for (unsigned i = 0; i < r->n; i++)
    n += (size_t) snprintf (out + n, size - n, "%s%" PRIu64 "%s ",
                            r->registrant[i].name, r->registrant[i].key,
                            reservation_is_holder (r, i) ? "*" : "");
  snprintf (out + n, size - n, "|%s", told);
}

static void
run_step (const char *scenario, struct reservation *r, const struct step *s)
{
  const struct reservation_command c = { .action = s->action,
                                         .type = s->type,
                                         .key = s->key,
                                         .action_key = s->action_key,
                                         .unregister = s->unregister,
                                         .to = s->to };
  char told[200] = "", then[400], where[100];

  snprintf (where, sizeof where, "%s: %s does %d with %" PRIu64, scenario,
            s->who, s->action, s->action_key);
  ck_assert_msg (reservation_do (r, s->who, &c, note, told) == s->status, "%s",
                 where);
  show (r, told, then, sizeof then);
  ck_assert_msg (s->then == NULL || strcmp (s->then, then) == 0, "%s: \"%s\"",
                 where, then);
}

START_TEST (what_commands_do)
{
  for (size_t i = 0; i < ARRAY_SIZE (scenarios); i++) {
    struct reservation r = { 0 };

    for (size_t k = 0; k < STEPS && scenarios[i].step[k].who != NULL; k++)
      run_step (scenarios[i].name, &r, &scenarios[i].step[k]);
  }
}
END_TEST

/* ------------------------------------------------------------------ */
/* Access */

/* The holder, another registrant, and somebody else: may they read, write? */
static const struct {
  enum reservation_type type;
  const char *allowed;
} access_table[] = {
  { 0, "rw rw rw" },     { WE, "rw r- r-" },    { EA, "rw -- --" },
  { WE_RO, "rw rw r-" }, { EA_RO, "rw rw --" }, { WE_AR, "rw rw r-" },
  { EA_AR, "rw rw --" },
};

START_TEST (what_is_allowed)
{
  static const char *const who[] = { "holder", "registered", "other" };

  for (size_t i = 0; i < ARRAY_SIZE (access_table); i++) {
    struct reservation r = { 0 };
    struct reservation_command c = { .action = REG, .action_key = 1 };
    char allowed[10] = "";

    ck_assert_int_eq (reservation_do (&r, "registered", &c, NULL, NULL), OK);
    ck_assert_int_eq (reservation_do (&r, "holder", &c, NULL, NULL), OK);
    c = (struct reservation_command){ .action = RES,
                                      .type = access_table[i].type,
                                      .key = 1 };
    if (access_table[i].type != 0)
      ck_assert_int_eq (reservation_do (&r, "holder", &c, NULL, NULL), OK);
    for (size_t k = 0; k < ARRAY_SIZE (who); k++)
      snprintf (allowed + 3 * k, sizeof allowed - 3 * k, "%c%c%s",
                reservation_allows (&r, who[k], false) ? 'r' : '-',
                reservation_allows (&r, who[k], true) ? 'w' : '-',
                k < 2 ? " " : "");
    ck_assert_str_eq (allowed, access_table[i].allowed);
  }
}
END_TEST

/* ------------------------------------------------------------------ */
/* Limits, and anything */

START_TEST (as_many_as_there_is_room_for)
{
  static struct reservation r;
  struct reservation_command c = { .action = REG, .action_key = 1 };
  char name[RESERVATION_NAME_MAX + 1];

  for (unsigned i = 0; i < RESERVATION_REGISTRANTS_MAX; i++) {
    snprintf (name, sizeof name, "%0*u", RESERVATION_NAME_MAX, i);
    ck_assert_int_eq (reservation_do (&r, name, &c, NULL, NULL), OK);
  }
  ck_assert_int_eq (reservation_do (&r, "x", &c, NULL, NULL), RESERVATION_FULL);
  c = (struct reservation_command){ .action = RES, .type = WE, .key = 1 };
  ck_assert_int_eq (reservation_do (&r, name, &c, NULL, NULL), OK);
  c = (struct reservation_command){
    .action = MOV, .key = 1, .action_key = 2, .to = "x"
  };
  ck_assert_int_eq (reservation_do (&r, name, &c, NULL, NULL),
                    RESERVATION_FULL);
  ck_assert_uint_eq (r.generation, RESERVATION_REGISTRANTS_MAX);
  ck_assert_int_eq (reservation_find (&r, "x"), -1);
}
END_TEST

static void
check (const struct reservation *r)
{
  quick_assert (
    r->type == RESERVATION_NONE ||
    (r->n > 0 && r->holder < r->n && reservation_type_valid (r->type)));
  for (unsigned i = 0; i < r->n; i++) {
    quick_assert (r->registrant[i].key != 0);
    quick_assert (reservation_find (r, r->registrant[i].name) == (int) i);
  }
}

START_TEST (anything)
{
  static const char *const who[] = { "a", "b", "c", "d" };
  struct reservation r = { 0 };
  struct rng rng;

  rng_init (&rng, rng_seed ("anything"));
  for (unsigned i = 0; i < 20000; i++) {
    const struct reservation before = r;
    const char *name = who[rng_below (&rng, 4)];
    const int at = reservation_find (&r, name);
    const struct reservation_command c = {
      .action = (enum reservation_action) rng_below (&rng, 9),
      .type = (enum reservation_type) rng_below (&rng, 10),
      .key = at >= 0 && !rng_one_in (&rng, 4) ? r.registrant[at].key :
                                                rng_below (&rng, 4),
      .action_key = rng_below (&rng, 4),
      .unregister = rng_one_in (&rng, 2),
      .to = who[rng_below (&rng, 4)]
    };

    if (reservation_do (&r, name, &c, NULL, NULL) != RESERVATION_GOOD)
      quick_assert (memcmp (&before, &r, sizeof r) == 0);
    check (&r);
  }
}
END_TEST

/* ------------------------------------------------------------------ */

START_TEST (texts)
{
  for (int s = RESERVATION_GOOD; s <= RESERVATION_FULL; s++) {
    const enum reservation_status status = (enum reservation_status) s;
    const struct reservation_sense sense = reservation_status_sense (status);

    ck_assert_str_ne (reservation_status_string (status), "");
    ck_assert_int_eq (sense.status == 0, status == RESERVATION_GOOD);
    ck_assert_int_eq (sense.key != 0, sense.asc != 0);
  }
  for (unsigned t = 0; t < 16; t++)
    ck_assert_int_eq (
      strcmp (reservation_type_string ((enum reservation_type) t),
              "an unknown type") != 0,
      t == RESERVATION_NONE || reservation_type_valid (t));
}
END_TEST

int
main (void)
{
  const TTest *const tests[] = { what_commands_do, what_is_allowed,
                                 as_many_as_there_is_room_for, anything,
                                 texts };

  return test_main ("reservation", tests, ARRAY_SIZE (tests));
}
