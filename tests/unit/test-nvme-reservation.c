/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Commands of reservations through the driver, and what reservations of
 * others do to requests.
 */

#include <config.h>

#include "nvme-test.h"

static const struct uuid us = { { 0x11, 0x22, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12,
                                  13, 14, 15, 16 } };
static const uint8_t other[16] = { 0x99, 1 };

/* A command with two keys; its status, or -1. */
static int
give (struct subject *b, uint8_t opcode, uint32_t cdw10, uint64_t current,
      uint64_t key)
{
  struct nvme_reservation_keys keys = { le64_put (current), le64_put (key) };
  uint16_t status;

  if (nvme_reservation (b->ns, opcode, cdw10, 0, &keys, sizeof keys, &status,
                        &b->err) == -1)
    return -1;
  return status;
}

/* The first registrant; false if there is none. */
static bool
first (struct subject *b, struct nvme_registered_extended *g)
{
  uint8_t buf[NVME_DATA_SIZE];
  uint16_t status = 1;

  ck_assert_int_eq (nvme_reservation (b->ns, NVME_CMD_RESERVATION_REPORT,
                                      sizeof buf / 4 - 1, NVME_REPORT_EXTENDED,
                                      buf, sizeof buf, &status, &b->err),
                    0);
  ck_assert_uint_eq (status, 0);
  memcpy (g, buf + NVME_REPORT_EXTENDED_HEAD, sizeof *g);
  return buf[offsetof (struct nvme_reservation_report, regctl)] > 0;
}

START_TEST (test_commands)
{
  struct subject b = { .e.reservations = true, .o.host_id = us };
  struct nvme_registered_extended g;
  struct nvme_ns_info info;

  set_up (&b);
  nvme_ns_get_info (b.ns, &info);
  ck_assert_uint_eq (info.rescap, NVME_RESCAP_TYPES | NVME_RESCAP_PERSIST);
  ck_assert (!first (&b, &g));
  ck_assert_int_eq (
    give (&b, NVME_CMD_RESERVATION_REGISTER, NVME_REGISTER, 0, 7), 0);
  ck_assert (first (&b, &g));
  ck_assert_uint_eq (le64_get (g.rkey), 7);
  ck_assert_mem_eq (g.hostid, us.b, sizeof us.b);
  ck_assert_int_eq (give (&b, NVME_CMD_RESERVATION_ACQUIRE,
                          NVME_ACQUIRE | NVME_RESERVATION_TYPE (2), 8, 0),
                    NVME_SC_RESERVATION);
  ck_assert_uint_eq (log_memory_errors (), 0);
  tear_down (&b);
}
END_TEST

/* Requests that another host's reservation forbids fail with EPERM. */
START_TEST (test_forbidden)
{
  struct subject b = { .e.reservations = true, .o.host_id = us };
  char buf[4096] = "data";

  set_up (&b);
  nvme_emulated_reserve_as (b.hw, 1, other, NVME_CMD_RESERVATION_REGISTER,
                            NVME_REGISTER, 0, 5);
  nvme_emulated_reserve_as (b.hw, 1, other, NVME_CMD_RESERVATION_ACQUIRE,
                            NVME_ACQUIRE | NVME_RESERVATION_TYPE (1), 5, 0);
  ck_assert_int_eq (read_bytes (&b, buf, sizeof buf, 0), 0);
  ck_assert_int_eq (write_bytes (&b, buf, sizeof buf, 0), -1);
  ck_assert_int_eq (b.err, EPERM);
  ck_assert_int_eq (nvme_trim (b.ns, 4096, 0, &b.err), -1);
  ck_assert_int_eq (b.err, EPERM);
  ck_assert_int_eq (nvme_zero (b.ns, 4096, 0, false, false, &b.err), -1);
  ck_assert_int_eq (b.err, EPERM);
  nvme_emulated_reserve_as (b.hw, 1, other, NVME_CMD_RESERVATION_RELEASE,
                            NVME_CLEAR, 5, 0);
  ck_assert_int_eq (write_bytes (&b, buf, sizeof buf, 0), 0);
  tear_down (&b);
}
END_TEST

/* A reset takes the host's identity away: it is told again. */
START_TEST (test_identity_after_reset)
{
  struct subject b = { .e.reservations = true, .o.host_id = us };
  const struct nvme_emulated_fault f = { .kind = NVME_FAULT_BAD_CID,
                                         .opcode = NVME_CMD_READ,
                                         .count = 1 };
  struct nvme_registered_extended g;
  char buf[512];

  set_up (&b);
  ck_assert_int_eq (
    give (&b, NVME_CMD_RESERVATION_REGISTER, NVME_REGISTER, 0, 7), 0);
  nvme_emulated_fault (b.hw, &f);
  ck_assert_int_eq (read_bytes (&b, buf, sizeof buf, 0), 0);
  ck_assert_uint_gt (counts (&b).resets, 0);
  ck_assert_int_eq (
    give (&b, NVME_CMD_RESERVATION_REGISTER, NVME_REPLACE, 7, 8), 0);
  ck_assert (first (&b, &g));
  ck_assert_uint_eq (le64_get (g.rkey), 8);
  tear_down (&b);
}
END_TEST

/* A command whose completion is lost is not given again: it could fail
 * where it succeeded.
 */
START_TEST (test_once)
{
  struct subject b = { .e.reservations = true,
                       .o.host_id = us,
                       .o.command_seconds = 1 };
  const struct nvme_emulated_fault f = {
    .kind = NVME_FAULT_LOST,
    .opcode = NVME_CMD_RESERVATION_REGISTER,
    .count = 1,
  };
  struct nvme_registered_extended g;

  set_up (&b);
  ck_assert_int_eq (
    give (&b, NVME_CMD_RESERVATION_REGISTER, NVME_REGISTER, 0, 7), 0);
  nvme_emulated_fault (b.hw, &f);
  ck_assert_int_eq (
    give (&b, NVME_CMD_RESERVATION_REGISTER, NVME_REPLACE, 7, 8), -1);
  ck_assert_int_eq (b.err, EIO);
  ck_assert_uint_eq (counts (&b).resets, 1);
  ck_assert (first (&b, &g));
  ck_assert_uint_eq (le64_get (g.rkey), 8);
  tear_down (&b);
}
END_TEST

START_TEST (test_short_identity)
{
  struct subject b = { .e.reservations = true,
                       .e.short_host_id = true,
                       .o.host_id = us };
  uint8_t buf[NVME_DATA_SIZE];
  struct nvme_info info;
  uint16_t status = 1;

  set_up (&b);
  nvme_get_info (b.n, &info);
  ck_assert (!info.long_host_id);
  ck_assert_int_eq (
    give (&b, NVME_CMD_RESERVATION_REGISTER, NVME_REGISTER, 0, 7), 0);
  ck_assert_int_eq (nvme_reservation (b.ns, NVME_CMD_RESERVATION_REPORT,
                                      sizeof buf / 4 - 1, 0, buf, sizeof buf,
                                      &status, &b.err),
                    0);
  ck_assert_uint_eq (status, 0);
  ck_assert_mem_eq (buf + sizeof (struct nvme_reservation_report) +
                      offsetof (struct nvme_registered, hostid),
                    us.b, NVME_HOST_ID_SHORT);
  tear_down (&b);
}
END_TEST

/* A controller without is not told who we are, and one with, if nobody
 * said, has us register nothing.
 */
START_TEST (test_nobody)
{
  struct subject without = { .o.host_id = us };
  struct subject nobody = { .e.reservations = true };

  set_up (&without);
  ck_assert_int_eq (
    give (&without, NVME_CMD_RESERVATION_REGISTER, NVME_REGISTER, 0, 7),
    NVME_SC_INVALID_OPCODE);
  tear_down (&without);
  set_up (&nobody);
  ck_assert_int_eq (
    give (&nobody, NVME_CMD_RESERVATION_REGISTER, NVME_REGISTER, 0, 7),
    NVME_SC_SEQUENCE);
  tear_down (&nobody);
}
END_TEST

START_TEST (test_gone)
{
  struct subject b = { .e.reservations = true, .o.host_id = us };

  set_up (&b);
  nvme_emulated_remove (b.hw);
  ck_assert_int_eq (
    give (&b, NVME_CMD_RESERVATION_REGISTER, NVME_REGISTER, 0, 7), -1);
  ck_assert_int_eq (b.err, ESHUTDOWN);
  nvme_close (b.n);
}
END_TEST

/* Detached, whether we have been told or not: it is not the command that is
 * wrong.
 */
START_TEST (test_detached)
{
  struct subject b = { .e.reservations = true, .o.host_id = us };

  set_up (&b);
  nvme_emulated_resize (b.hw, 1, 0);
  ck_assert_int_eq (
    give (&b, NVME_CMD_RESERVATION_REGISTER, NVME_REGISTER, 0, 7), -1);
  ck_assert_int_eq (b.err, ESHUTDOWN);
  tear_down (&b);
}
END_TEST

int
main (void)
{
  const TTest *const tests[] = {
    test_commands, test_forbidden,      test_identity_after_reset,
    test_once,     test_short_identity, test_nobody,
    test_gone,     test_detached,
  };

  return test_main ("nvme-reservation", tests, ARRAY_SIZE (tests));
}
