/* SPDX-License-Identifier: BSD-3-Clause
 *
 * SCSI's reservations on an NVMe namespace: a target over the model of what
 * a controller does, beside the state machine that SCSI has.
 */

#include <config.h>

#include <errno.h>

#include "base/align.h"
#include "pr/pr-nvme-map.h"
#include "pr/pr-nvme.h"
#include "support/log-memory.h"
#include "support/main.h"
#include "support/must.h"
#include "support/nvme-reservations.h"
#include "support/rng.h"

#include "pr-fixture.h"

#define ALL_TYPES (NVME_RESCAP_TYPES | NVME_RESCAP_PERSIST)

/* The namespace, and what happens to the next commands. */
struct subject {
  struct nvme_reservations r;
  struct pr_nvme_setup setup;
  struct pr_nvme *p;
  struct pr_target *t;
  unsigned commands;
  int err;         /* of the next one, if not 0 */
  uint16_t status; /* the same */
  bool endless;    /* reports say that there is more than there can be */
};

static const struct uuid us = { { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14,
                                  15, 16 } };

static struct uuid
host (unsigned i)
{
  struct uuid id = us;

  id.b[0] = (uint8_t) (0x80 + i);
  return id;
}

static int
command (void *opaque, uint8_t opcode, uint32_t cdw10, uint32_t cdw11,
         void *buf, size_t count, uint16_t *status)
{
  struct subject *s = opaque;

  s->commands++;
  if (s->err != 0) {
    errno = s->err;
    return -1;
  }
  *status = s->status;
  if (s->status != 0)
    return 0;
  if (opcode != NVME_CMD_RESERVATION_REPORT) {
    struct nvme_reservation_keys keys = { 0 };

    quick_assert (count ==
                  (opcode == NVME_CMD_RESERVATION_RELEASE ? 8 : sizeof keys));
    memcpy (&keys, buf, count);
    *status =
      nvme_reservations_do (&s->r, s->setup.host_id.b, opcode, cdw10, &keys);
    return 0;
  }
  quick_assert (count == (cdw10 + 1) * 4);
  quick_assert ((cdw11 & NVME_REPORT_EXTENDED) == s->setup.long_host_id);
  nvme_reservations_report (&s->r, s->setup.long_host_id, buf, count);
  if (s->endless)
    memset ((uint8_t *) buf + offsetof (struct nvme_reservation_report, regctl),
            0xff, 2);
  return 0;
}

static void
set_up (struct subject *s)
{
  s->setup.name = "namespace 1";
  s->setup.command = command;
  s->setup.opaque = s;
  if (s->setup.rescap == 0)
    s->setup.rescap = ALL_TYPES;
  log_memory_clear ();
  s->p = pr_nvme_create (&s->setup);
  quick_assert (s->p != NULL);
  s->t = pr_nvme_target (s->p);
}

static uint16_t
other_registers (struct subject *s, unsigned i, uint64_t key)
{
  const struct nvme_reservation_keys keys = { le64_put (0), le64_put (key) };
  const struct uuid id = host (i);

  return nvme_reservations_do (&s->r, id.b, NVME_CMD_RESERVATION_REGISTER,
                               NVME_REGISTER, &keys);
}

/* ------------------------------------------------------------------ */

START_TEST (test_life)
{
  struct subject s = { .setup.host_id = us, .setup.long_host_id = true };
  uint64_t key;

  set_up (&s);
  ck_assert_uint_eq (pr_keys (s.t, &key), 0);
  ck_assert_uint_eq (
    pr_do (s.t, "host", RESERVATION_REGISTER, RESERVATION_NONE, 0, 0xabc),
    GOOD);
  ck_assert_uint_eq (pr_keys (s.t, &key), 1);
  ck_assert_uint_eq (key, 0xabc);
  ck_assert (!s.r.persist);
  ck_assert_uint_eq (pr_keep (s.t, "host", 0xabc, 0xdef), GOOD);
  ck_assert (s.r.persist);
  ck_assert_uint_eq (s.r.host[0].key, 0xdef);
  ck_assert_uint_eq (pr_do (s.t, "host", RESERVATION_RESERVE,
                            RESERVATION_EXCLUSIVE_ACCESS_ALL_REGISTRANTS, 0xdef,
                            0),
                     GOOD);
  ck_assert_uint_eq (s.r.type, 6);
  ck_assert_uint_eq (pr_do (s.t, "host", RESERVATION_RELEASE,
                            RESERVATION_WRITE_EXCLUSIVE, 0xdef, 0),
                     CHECK);
  ck_assert_uint_eq (pr_do (s.t, "host", RESERVATION_RELEASE,
                            RESERVATION_EXCLUSIVE_ACCESS_ALL_REGISTRANTS, 0xdef,
                            0),
                     GOOD);
  ck_assert_uint_eq (
    pr_do (s.t, "host", RESERVATION_CLEAR, RESERVATION_NONE, 0xdef, 0), GOOD);
  ck_assert_uint_eq (s.r.n, 0);
  pr_nvme_free (s.p);
}
END_TEST

/* Full status has each host by its identifier. */
START_TEST (test_full_status)
{
  uint8_t cdb[PR_CDB_SIZE] = { 0 }, data[2048];
  struct reservation_report_registrant g;
  struct reservation_report r;
  struct pr_answer a;

  for (int whole = 0; whole < 2; whole++) {
    struct subject s = { .setup.host_id = us, .setup.long_host_id = whole };

    if (!whole)
      memset (s.setup.host_id.b + 8, 0, 8);
    set_up (&s);
    pr_do (s.t, "host", RESERVATION_REGISTER, RESERVATION_NONE, 0, 7);
    pr_do (s.t, "host", RESERVATION_RESERVE, RESERVATION_WRITE_EXCLUSIVE, 7, 0);
    other_registers (&s, 1, 8);
    reservation_in_serialise (RESERVATION_READ_FULL_STATUS, sizeof data, cdb);
    s.t->ops->pr_in (s.t, "host", cdb, data, sizeof data, &a);
    ck_assert_uint_eq (a.status, GOOD);
    ck_assert_int_eq (reservation_report_begin (&r, data, a.count),
                      RESERVATION_REPORT_OK);
    ck_assert_uint_eq (r.generation, 2);
    ck_assert_int_eq (reservation_report_registrant (&r, &g),
                      RESERVATION_REPORT_OK);
    ck_assert_str_eq (g.name,
                      whole ? "nvme-host:01020304-0506-0708-090a-0b0c0d0e0f10" :
                              "nvme-host:0807060504030201");
    ck_assert (g.holder);
    ck_assert_uint_eq (g.key, 7);
    ck_assert_int_eq (reservation_report_registrant (&r, &g),
                      RESERVATION_REPORT_OK);
    ck_assert (!g.holder);
    ck_assert_int_eq (reservation_report_registrant (&r, &g),
                      RESERVATION_REPORT_END);
    pr_nvme_free (s.p);
  }
}
END_TEST

/* A report that is longer than what is asked for at first. */
START_TEST (test_long_report)
{
  struct subject s = { .setup.host_id = us, .setup.long_host_id = true };
  uint64_t key;

  set_up (&s);
  for (unsigned i = 0; i < NVME_TEST_HOSTS; i++)
    ck_assert_uint_eq (other_registers (&s, i, i + 1), 0);
  ck_assert_uint_eq (pr_keys (s.t, &key), NVME_TEST_HOSTS);
  ck_assert_uint_eq (s.commands, 2);
  pr_nvme_free (s.p);
}
END_TEST

/* One that is longer than can be read. */
START_TEST (test_endless_report)
{
  struct subject s = { .setup.host_id = us, .endless = true };
  uint8_t cdb[PR_CDB_SIZE] = { 0 }, data[64];
  struct pr_answer a;

  set_up (&s);
  reservation_in_serialise (RESERVATION_READ_KEYS, sizeof data, cdb);
  s.t->ops->pr_in (s.t, "host", cdb, data, sizeof data, &a);
  ck_assert_uint_eq (a.status, CHECK);
  ck_assert_uint_eq (a.count, 0);
  ck_assert_uint_eq (s.commands, 1);
  ck_assert (log_memory_contains (
    "namespace 1: the report of reservations is shorter than it says"));
  pr_nvme_free (s.p);
}
END_TEST

/* Capabilities are those of the namespace. */
START_TEST (test_capabilities)
{
  struct subject s = { .setup.host_id = us, .setup.rescap = 1u << 1 | 1u << 6 };
  uint8_t cdb[PR_CDB_SIZE] = { 0 }, data[8];
  struct reservation_capabilities c;
  struct pr_answer a;

  set_up (&s);
  reservation_in_serialise (RESERVATION_REPORT_CAPABILITIES, sizeof data, cdb);
  s.t->ops->pr_in (s.t, "host", cdb, data, sizeof data, &a);
  ck_assert_uint_eq (a.status, GOOD);
  ck_assert_int_eq (reservation_report_capabilities (data, a.count, &c),
                    RESERVATION_REPORT_OK);
  ck_assert (!c.ptpl_capable);
  for (unsigned i = 0; i < ARRAY_SIZE (c.type); i++)
    ck_assert_int_eq (c.type[i],
                      i == RESERVATION_WRITE_EXCLUSIVE ||
                        i == RESERVATION_EXCLUSIVE_ACCESS_ALL_REGISTRANTS);
  ck_assert_uint_eq (pr_keep (s.t, "host", 0, 1), CHECK);
  ck_assert_uint_eq (s.r.n, 0);
  pr_nvme_free (s.p);
}
END_TEST

START_TEST (test_refused)
{
  struct pr_nvme_setup none = { .name = "namespace 3", .command = command };
  struct subject s = { .setup.long_host_id = true };
  uint64_t key;

  log_memory_clear ();
  ck_assert_ptr_null (pr_nvme_create (&none));
  ck_assert_int_eq (errno, EOPNOTSUPP);
  ck_assert (log_memory_contains ("namespace 3"));

  set_up (&s);
  other_registers (&s, 0, 5);
  ck_assert_uint_eq (
    pr_do (s.t, "host", RESERVATION_REGISTER, RESERVATION_NONE, 0, 1), CHECK);
  ck_assert (log_memory_contains ("identifier"));
  ck_assert_uint_eq (pr_keys (s.t, &key), 1);
  ck_assert_uint_eq (key, 5);
  pr_nvme_free (s.p);
}
END_TEST

/* What it is not known of, and what a controller does not explain. */
START_TEST (test_failures)
{
  struct subject s = { .setup.host_id = us, .setup.long_host_id = true };

  set_up (&s);
  s.err = ESHUTDOWN;
  ck_assert_uint_eq (
    pr_do (s.t, "host", RESERVATION_CLEAR, RESERVATION_NONE, 1, 0), CHECK);
  ck_assert (log_memory_contains ("namespace 1: reservation command 0x15"));
  ck_assert_uint_eq (s.commands, 1);
  s.err = 0;
  s.status = NVME_SC_INTERNAL;
  ck_assert_uint_eq (
    pr_do (s.t, "host", RESERVATION_CLEAR, RESERVATION_NONE, 1, 0), CHECK);
  ck_assert (log_memory_contains ("status 0x6"));
  ck_assert_uint_eq (s.commands, 2);
  pr_nvme_free (s.p);
}
END_TEST

/* ------------------------------------------------------------------ */
/* Beside SCSI's */

/* Where the two standards differ: NVMe lets a host register the key that it
 * has, and a holder that preempts itself (or a key that it shares with the
 * holder) stay as it is in some cases where SCSI says otherwise.
 */
static bool
is_compared (const struct reservation *r, const struct reservation_command *c)
{
  const int own = reservation_find (r, "0");

  if (c->action == RESERVATION_PREEMPT ||
      c->action == RESERVATION_PREEMPT_AND_ABORT)
    return own == -1 || c->action_key != r->registrant[own].key;
  return true;
}

static void
expect_same (const struct nvme_reservations *n, const struct reservation *r)
{
  static const uint8_t codes[] = { 0, 1, 0, 2, 0, 3, 4, 5, 6 };

  ck_assert_uint_eq (n->n, r->n);
  ck_assert_uint_eq (n->type, codes[r->type]);
  for (unsigned i = 0; i < n->n; i++) {
    const struct nvme_test_host *h = &n->host[i];
    char name[16];
    int at;

    snprintf (name, sizeof name, "%d",
              h->id[0] >= 0x80 ? h->id[0] - 0x80 + 1 : 0);
    at = reservation_find (r, name);
    ck_assert_int_ge (at, 0);
    ck_assert_uint_eq (h->key, r->registrant[at].key);
    ck_assert_int_eq (h->holder, reservation_is_holder (r, (unsigned) at));
  }
}

static const enum reservation_type some_types[] = {
  RESERVATION_WRITE_EXCLUSIVE,
  RESERVATION_EXCLUSIVE_ACCESS,
  RESERVATION_WRITE_EXCLUSIVE_REGISTRANTS_ONLY,
  RESERVATION_EXCLUSIVE_ACCESS_REGISTRANTS_ONLY,
  RESERVATION_WRITE_EXCLUSIVE_ALL_REGISTRANTS,
  RESERVATION_EXCLUSIVE_ACCESS_ALL_REGISTRANTS,
};

static struct reservation_command
random_command (struct rng *rng)
{
  return (struct reservation_command){
    .action = (enum reservation_action) rng_below (
      rng, RESERVATION_REGISTER_AND_IGNORE + 1),
    .type = some_types[rng_below (rng, ARRAY_SIZE (some_types))],
    .key = rng_below (rng, 4),
    .action_key = rng_below (rng, 4),
    .aptpl = rng_below (rng, 2),
  };
}

/* Another host does the same on both sides, in its own words. */
static void
other_acts (struct subject *s, struct subject *others, struct reservation *r,
            struct rng *rng)
{
  const unsigned i = (unsigned) rng_below (rng, 3);
  const struct reservation_command c = random_command (rng);
  char name[16];
  struct reservation before = *r;

  snprintf (name, sizeof name, "%u", i + 1);
  others[i].r = s->r;
  if (c.action != RESERVATION_PREEMPT &&
      c.action != RESERVATION_PREEMPT_AND_ABORT &&
      reservation_do (r, name, &c, NULL, NULL) == RESERVATION_GOOD &&
      pr_tell (others[i].t, "host", c).status == GOOD)
    s->r = others[i].r;
  else
    *r = before;
}

START_TEST (test_beside_scsi)
{
  for (unsigned seed = 0; seed < 200; seed++) {
    struct subject s = { .setup.host_id = us, .setup.long_host_id = true };
    struct subject others[3] = { 0 };
    struct reservation *r = must_calloc (1, sizeof *r);
    struct rng rng;

    rng_init (&rng, seed);
    set_up (&s);
    for (unsigned i = 0; i < ARRAY_SIZE (others); i++) {
      others[i].setup.host_id = host (i);
      others[i].setup.long_host_id = true;
      set_up (&others[i]);
    }
    for (unsigned step = 0; step < 200; step++) {
      const struct reservation_command c = random_command (&rng);
      struct reservation_sense sense;

      other_acts (&s, others, r, &rng);
      if (!is_compared (r, &c))
        continue;
      sense =
        reservation_status_sense (reservation_do (r, "0", &c, NULL, NULL));
      ck_assert_uint_eq (pr_tell (s.t, "host", c).status, sense.status);
      expect_same (&s.r, r);
    }
    for (unsigned i = 0; i < ARRAY_SIZE (others); i++)
      pr_nvme_free (others[i].p);
    pr_nvme_free (s.p);
    free (r);
  }
}
END_TEST

/* ------------------------------------------------------------------ */
/* Reports that make no sense */

static enum pr_nvme_report_status
parse (const struct nvme_reservation_report *head,
       const struct nvme_registered *hosts, unsigned n, size_t size)
{
  uint8_t *buf = must_calloc (1, sizeof *head + n * sizeof *hosts + 1);
  struct reservation *r = must_malloc (sizeof *r);
  enum pr_nvme_report_status status;

  memcpy (buf, head, sizeof *head);
  memcpy (buf + sizeof *head, hosts, n * sizeof *hosts);
  status = pr_nvme_report_parse (buf, size, false, ALL_TYPES, r);
  free (buf);
  free (r);
  return status;
}

START_TEST (test_bad_reports)
{
  struct nvme_registered hosts[RESERVATION_REGISTRANTS_MAX + 1] = { 0 };
  struct nvme_reservation_report head = { .regctl = { 1 } };
  const size_t one = sizeof head + sizeof hosts[0];

  hosts[0].rkey = le64_put (1);
  ck_assert_int_eq (parse (&head, hosts, 1, one), PR_NVME_REPORT_OK);
  ck_assert_int_eq (parse (&head, hosts, 1, one - 1), PR_NVME_REPORT_SHORT);
  ck_assert_int_eq (parse (&head, hosts, 1, 23), PR_NVME_REPORT_SHORT);
  head.rtype = 7;
  ck_assert_int_eq (parse (&head, hosts, 1, one), PR_NVME_REPORT_TYPE);
  head.rtype = 1;
  ck_assert_int_eq (parse (&head, hosts, 1, one), PR_NVME_REPORT_STATE);
  hosts[0].rcsts = NVME_RCSTS_HOLDER;
  ck_assert_int_eq (parse (&head, hosts, 1, one), PR_NVME_REPORT_OK);
  hosts[0].rkey = le64_put (0);
  ck_assert_int_eq (parse (&head, hosts, 1, one), PR_NVME_REPORT_KEY);
  for (unsigned i = 0; i < ARRAY_SIZE (hosts); i++) {
    hosts[i].rkey = le64_put (i + 1);
    hosts[i].hostid[0] = (uint8_t) i;
  }
  head.regctl[0] = ARRAY_SIZE (hosts);
  ck_assert_int_eq (
    parse (&head, hosts, ARRAY_SIZE (hosts), sizeof head + sizeof hosts),
    PR_NVME_REPORT_FULL);
  /* The same host through many controllers is one. */
  for (unsigned i = 0; i < ARRAY_SIZE (hosts); i++)
    hosts[i].hostid[0] = 1;
  ck_assert_int_eq (
    parse (&head, hosts, ARRAY_SIZE (hosts), sizeof head + sizeof hosts),
    PR_NVME_REPORT_OK);
}
END_TEST

int
main (void)
{
  const TTest *const tests[] = {
    test_life,     test_full_status, test_capabilities,
    test_refused,  test_long_report, test_endless_report,
    test_failures, test_beside_scsi, test_bad_reports,
  };

  return test_main ("pr-nvme", tests, ARRAY_SIZE (tests));
}
