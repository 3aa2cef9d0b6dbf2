/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What the controller tells by itself.
 */

#include <config.h>

#include "unit/nvme-test.h"

static struct nvme_ns_info
info_of (struct nvme_ns *ns)
{
  struct nvme_ns_info info;

  nvme_ns_get_info (ns, &info);
  return info;
}

static uint8_t
warning (struct subject *b)
{
  struct nvme_info info;

  nvme_get_info (b->n, &info);
  return info.critical_warning;
}

/* The request for events has reached the controller. */
static void
set_up_events (struct subject *b)
{
  set_up (b);
  WAIT_FOR (nvme_emulated_nevents (b->hw) == 1);
}

START_TEST (resized)
{
  struct subject b = { .e = { .vectors = (unsigned) _i, .nn = 2 } };
  struct nvme_ns *other;

  set_up_events (&b);
  other = nvme_ns_open (b.n, 2, &b.err);
  for (unsigned mib = 17; mib < 20; mib++) {
    nvme_emulated_resize (b.hw, 1, mib << 20);
    WAIT_FOR (info_of (b.ns).size == mib << 20);
    WAIT_FOR (nvme_emulated_nevents (b.hw) == 1);
  }
  ck_assert_uint_eq (info_of (other).size, 16 << 20);
  ck_assert_uint_eq (counts (&b).events, 3);
  round_trip (&b, 65536, (18 << 20) + 65536);
  tear_down (&b);
}
END_TEST

/* Something happened before there was a request for it. */
START_TEST (after_reset)
{
  struct subject b = { .o.command_seconds = 1 };
  const struct nvme_emulated_fault f = { .kind = NVME_FAULT_CFS,
                                         .opcode = NVME_ANY_OPCODE,
                                         .count = 1 };
  uint8_t buf[512];

  set_up_events (&b);
  nvme_emulated_fault (b.hw, &f);
  ck_assert_int_eq (read_bytes (&b, buf, sizeof buf, 0), 0);
  ck_assert_uint_eq (counts (&b).resets, 1);
  WAIT_FOR (nvme_emulated_nevents (b.hw) == 1);
  nvme_emulated_resize (b.hw, 1, 1 << 20);
  WAIT_FOR (info_of (b.ns).size == 1 << 20);
  tear_down (&b);
}
END_TEST

START_TEST (lost)
{
  struct subject b = { .e.volatile_cache = true };
  uint8_t buf[512] = { 0 };

  set_up_events (&b);
  if (_i == 0)
    nvme_emulated_resize (b.hw, 1, 0);
  else
    nvme_emulated_replace (b.hw, 1);
  WAIT_FOR (info_of (b.ns).gone);
  ck_assert_int_eq (write_bytes (&b, buf, sizeof buf, 0), -1);
  ck_assert_int_eq (b.err, ESHUTDOWN);
  ck_assert_int_eq (nvme_flush (b.ns, &b.err), -1);
  ck_assert_int_eq (b.err, ESHUTDOWN);
  /* It stays gone, whatever comes there. */
  nvme_emulated_resize (b.hw, 1, 1 << 20);
  ck_assert_int_eq (nvme_ns_refresh (b.ns, &b.err), -1);
  ck_assert_int_eq (b.err, ESHUTDOWN);
  tear_down (&b);
}
END_TEST

/* Whoever opens it again has what is there now. */
START_TEST (back_again)
{
  struct subject b = { .e.nn = 2 };
  uint8_t buf[512] = { 0 };
  struct nvme_ns *ns;

  set_up_events (&b);
  ck_assert_ptr_eq (nvme_ns_open (b.n, 1, &b.err), b.ns);
  ck_assert_ptr_ne (nvme_ns_open (b.n, 2, &b.err), b.ns);
  nvme_emulated_resize (b.hw, 1, 0);
  WAIT_FOR (info_of (b.ns).gone);
  ck_assert_ptr_null (nvme_ns_open (b.n, 1, &b.err));
  ck_assert_int_eq (b.err, ENOENT);
  nvme_emulated_resize (b.hw, 1, 1 << 20);
  ns = nvme_ns_open (b.n, 1, &b.err);
  ck_assert_ptr_nonnull (ns);
  ck_assert_ptr_ne (ns, b.ns);
  ck_assert_int_eq (write_bytes (&b, buf, sizeof buf, 0), -1);
  ck_assert_int_eq (b.err, ESHUTDOWN);
  b.ns = ns;
  round_trip (&b, 4096, 0);
  tear_down (&b);
}
END_TEST

START_TEST (smart)
{
  struct subject b = { 0 };

  set_up_events (&b);
  ck_assert_uint_eq (warning (&b), 0);
  nvme_emulated_warn (b.hw, 4);
  WAIT_FOR (warning (&b) == 4);
  ck_assert (log_memory_contains ("critical warning 0x04"));
  tear_down (&b);
}
END_TEST

/* It did so before anybody was there to be told. */
START_TEST (smart_before)
{
  struct subject b = { 0 };

  b.hw = nvme_emulated_create (&b.e);
  nvme_emulated_warn (b.hw, 8);
  b.n = nvme_open (b.hw, NULL, &b.err);
  ck_assert_ptr_nonnull (b.n);
  WAIT_FOR (warning (&b) == 8);
  nvme_close (b.n);
}
END_TEST

/* A controller that does not take requests for events. */
static void
set_up_without_events (struct subject *b)
{
  const struct nvme_emulated_fault f = { .kind = NVME_FAULT_STATUS,
                                         .admin = true,
                                         .opcode = NVME_ADMIN_ASYNC_EVENT,
                                         .count = 2,
                                         .status = NVME_SC_INVALID_OPCODE };

  b->hw = nvme_emulated_create (&b->e);
  nvme_emulated_fault (b->hw, &f);
  b->n = nvme_open (b->hw, NULL, &b->err);
  ck_assert_ptr_nonnull (b->n);
  WAIT_FOR (log_memory_contains ("no asynchronous events"));
  b->ns = nvme_ns_open (b->n, 1, &b->err);
}

/* Nobody has told that it was detached.  An invalid field may also be one. */
START_TEST (untold)
{
  struct subject b = { 0 };
  const struct nvme_emulated_fault f = { .kind = NVME_FAULT_STATUS,
                                         .opcode = NVME_CMD_WRITE,
                                         .count = 1,
                                         .status = NVME_SC_INVALID_FIELD };
  uint8_t buf[512] = { 0 };

  set_up_without_events (&b);
  nvme_emulated_fault (b.hw, &f);
  ck_assert_int_eq (write_bytes (&b, buf, sizeof buf, 0), -1);
  ck_assert_int_eq (b.err, EINVAL);
  ck_assert_int_eq (write_bytes (&b, buf, sizeof buf, 0), 0);
  nvme_emulated_resize (b.hw, 1, 0);
  ck_assert_int_eq (write_bytes (&b, buf, sizeof buf, 0), -1);
  ck_assert_int_eq (b.err, ESHUTDOWN);
  ck_assert (info_of (b.ns).gone);
  nvme_close (b.n);
}
END_TEST

/* It is as good as others. */
START_TEST (refused)
{
  struct subject b = { 0 };

  set_up_without_events (&b);
  round_trip (&b, 4096, 0);
  ck_assert (!nvme_emulated_fault_done (b.hw));
  nvme_close (b.n);
}
END_TEST

/* One that the controller refuses for now is given again, later. */
START_TEST (refused_for_now)
{
  struct subject b = { .o.command_seconds = 1 };
  const struct nvme_emulated_fault f = { .kind = NVME_FAULT_STATUS,
                                         .admin = true,
                                         .opcode = NVME_ADMIN_ASYNC_EVENT,
                                         .count = 2,
                                         .status = NVME_SC_ABORT_REQUESTED };

  set_up_events (&b);
  nvme_emulated_fault (b.hw, &f);
  nvme_emulated_warn (b.hw, 4);
  WAIT_FOR (nvme_emulated_fault_done (b.hw));
  WAIT_FOR (nvme_emulated_nevents (b.hw) == 1);
  nvme_emulated_resize (b.hw, 1, 1 << 20);
  WAIT_FOR (info_of (b.ns).size == 1 << 20);
  tear_down (&b);
}
END_TEST

/* There is never more than one at the controller, also when it is reset
 * while an event comes.
 */
START_TEST (one_at_a_time)
{
  struct subject b = { .o.command_seconds = 1 };

  set_up_events (&b);
  for (unsigned i = 1; i <= 20; i++) {
    nvme_emulated_warn (b.hw, 4);
    nvme_emulated_break (b.hw);
    WAIT_FOR (counts (&b).resets == i);
    WAIT_FOR (nvme_emulated_nevents (b.hw) > 0);
    round_trip (&b, 4096, 0);
    ck_assert_uint_eq (nvme_emulated_nevents (b.hw), 1);
  }
  tear_down (&b);
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("nvme-events");
  TCase *c = test_case (suite, "nvme-events");

  tcase_add_loop_test (c, resized, 0, 2);
  tcase_add_test (c, after_reset);
  tcase_add_loop_test (c, lost, 0, 2);
  tcase_add_test (c, back_again);
  tcase_add_test (c, smart);
  tcase_add_test (c, smart_before);
  tcase_add_test (c, untold);
  tcase_add_test (c, refused);
  tcase_add_test (c, refused_for_now);
  tcase_add_test (c, one_at_a_time);
  return test_run (suite);
}
