/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Controllers that go wrong while they are used: what was in flight is done
 * all the same, or fails with a reason.
 */

#include <config.h>

#include "unit/nvme-test.h"

#define ONE_SECOND                         \
  {                                        \
    .command_seconds = 1, .queue_pairs = 2 \
  }

static struct nvme_emulated_fault
fault (enum nvme_fault kind, unsigned count)
{
  return (struct nvme_emulated_fault){
    .kind = kind, .opcode = NVME_ANY_OPCODE, .skip = 3, .count = count
  };
}

/* Threads go on while FAULT happens; all that they do succeeds. */
static void
worker (void *opaque, unsigned index)
{
  struct subject b = *(struct subject *) opaque;

  rng_init (&b.rng, index + 1);
  for (unsigned i = 0; i < 20; i++)
    round_trip (&b, 4096 * (1 + rng_below (&b.rng, 32)),
                (uint64_t) index << 20 | 4096 * rng_below (&b.rng, 200));
}

static void
survive (struct subject *b, enum nvme_fault kind, unsigned count)
{
  const struct nvme_emulated_fault f = fault (kind, count);

  set_up (b);
  nvme_emulated_fault (b->hw, &f);
  threads_run (4, worker, b);
  ck_assert (nvme_emulated_fault_done (b->hw));
}

static const enum nvme_fault bad_completions[] = {
  NVME_FAULT_TWICE,
  NVME_FAULT_BAD_CID,
  NVME_FAULT_BAD_SQID,
  NVME_FAULT_BAD_SQHD,
};

START_TEST (bad_completion)
{
  struct subject b = { .o = ONE_SECOND };

  survive (&b, bad_completions[_i], 1);
  WAIT_FOR (counts (&b).resets >= 1);
  ck_assert_uint_ge (counts (&b).bad_completions, 1);
  ck_assert (log_memory_contains ("belongs to no command"));
  round_trip (&b, 65536, 0);
  tear_down (&b);
}
END_TEST

START_TEST (lost_interrupts)
{
  struct subject b = { .o = ONE_SECOND };

  survive (&b, NVME_FAULT_NO_INTERRUPT, 5);
  ck_assert_uint_eq (counts (&b).resets, 0);
  ck_assert_uint_eq (counts (&b).aborts, 0);
  tear_down (&b);
}
END_TEST

/* An abort ends it, and it is given again. */
START_TEST (aborted)
{
  struct subject b = { .o = ONE_SECOND };

  survive (&b, NVME_FAULT_LATE, 1);
  ck_assert_uint_eq (counts (&b).timeouts, 1);
  ck_assert_uint_eq (nvme_emulated_counts (b.hw).aborts, 1);
  ck_assert_uint_eq (counts (&b).resets, 0);
  tear_down (&b);
}
END_TEST

/* An abort does not: the controller is reset. */
static const enum nvme_fault lost[] = {
  NVME_FAULT_LATE,
  NVME_FAULT_LOST,
  NVME_FAULT_IGNORED,
};

START_TEST (reset)
{
  struct subject b = { .o = ONE_SECOND };
  const struct nvme_emulated_fault f = fault (lost[_i], 1);

  set_up (&b);
  nvme_emulated_no_abort (b.hw, true);
  nvme_emulated_fault (b.hw, &f);
  threads_run (4, worker, &b);
  ck_assert_uint_eq (counts (&b).resets, 1);
  /* Nothing of before is done later. */
  ck_assert_uint_eq (nvme_emulated_nlate (b.hw), 0);
  tear_down (&b);
}
END_TEST

START_TEST (fatal_status)
{
  struct subject b = { .o = ONE_SECOND };

  survive (&b, NVME_FAULT_CFS, 1);
  ck_assert_uint_eq (counts (&b).resets, 1);
  ck_assert (log_memory_contains ("CSTS.CFS"));
  tear_down (&b);
}
END_TEST

/* Admin commands go on, too; those that were not answered fail. */
static void
admin_worker (void *opaque, unsigned index)
{
  struct subject b = *(struct subject *) opaque;
  uint8_t id[NVME_DATA_SIZE], buf[512];
  struct nvme_emulated_fault f = { .kind = NVME_FAULT_CFS,
                                   .opcode = NVME_ANY_OPCODE,
                                   .count = 1 };

  for (unsigned i = 0; i < 40; i++) {
    if (index == 0 && i % 4 == 0)
      nvme_emulated_fault (b.hw, &f);
    if (index == 0)
      quick_assert (read_bytes (&b, buf, sizeof buf, 0) == 0);
    else if (nvme_identify (b.n, NVME_CNS_CONTROLLER, 0, id, &b.err) == -1 &&
             b.err != ETIMEDOUT)
      ck_abort_msg ("identify: %s", strerror (b.err));
  }
}

START_TEST (admin_commands)
{
  struct subject b = { .o = ONE_SECOND };

  set_up (&b);
  threads_run (4, admin_worker, &b);
  ck_assert_uint_ge (counts (&b).resets, 10);
  tear_down (&b);
}
END_TEST

/* The same command never ends: it fails, others do not. */
START_TEST (hopeless)
{
  struct subject b = { .o = ONE_SECOND };
  struct nvme_emulated_fault f = fault (NVME_FAULT_LATE, 1000);
  uint8_t buf[512] = { 0 };

  f.skip = 0;
  f.opcode = NVME_CMD_WRITE;
  set_up (&b);
  nvme_emulated_fault (b.hw, &f);
  ck_assert_int_eq (write_bytes (&b, buf, sizeof buf, 0), -1);
  ck_assert_int_eq (b.err, ETIMEDOUT);
  ck_assert_int_eq (read_bytes (&b, buf, sizeof buf, 0), 0);
  ck_assert_uint_eq (counts (&b).aborts, 3);
  ck_assert_uint_eq (counts (&b).resets, 0);
  tear_down (&b);
}
END_TEST

/* The same, and no abort helps: one limit until the abort, one until the
 * reset, and one more until it fails; whether it is alone or one of many.
 * What else is in flight then succeeds.
 */
static void
write_in_vain (void *opaque, unsigned index)
{
  struct subject b = *(struct subject *) opaque;
  uint8_t buf[512] = { 0 };

  quick_assert (write_bytes (&b, buf, sizeof buf, index * 512) == -1);
  quick_assert (b.err == ETIMEDOUT);
}

START_TEST (hopeless_abort)
{
  struct subject b = { .o = ONE_SECOND };
  struct nvme_emulated_fault f =
    fault (_i == 0 ? NVME_FAULT_LATE : NVME_FAULT_IGNORED, 1000);
  const unsigned n = _i == 0 ? 1 : 6;
  uint8_t buf[512];
  uint64_t start;

  f.skip = 0;
  f.opcode = NVME_CMD_WRITE;
  set_up (&b);
  nvme_emulated_no_abort (b.hw, true);
  nvme_emulated_fault (b.hw, &f);
  start = clock_ns ();
  threads_run (n, write_in_vain, &b);
  ck_assert_uint_ge (clock_ns () - start, 3 * CLOCK_SECOND);
  ck_assert_uint_lt (clock_ns () - start, 5 * CLOCK_SECOND);
  ck_assert_uint_eq (counts (&b).aborts, n);
  ck_assert_uint_eq (counts (&b).resets, 2);
  ck_assert_uint_eq (nvme_emulated_nlate (b.hw), 0);
  ck_assert_int_eq (read_bytes (&b, buf, sizeof buf, 0), 0);
  tear_down (&b);
}
END_TEST

/* ------------------------------------------------------------------ */
/* Gone */

struct victim {
  struct subject b;
  _Atomic unsigned failed;
};

static void
until_gone (void *opaque, unsigned index)
{
  struct victim *v = opaque;
  struct subject b = v->b;
  uint8_t *buf = must_calloc (1, 65536);

  while (read_bytes (&b, buf, 65536, (uint64_t) index << 20) == 0)
    ;
  quick_assert (b.err == ESHUTDOWN);
  quick_assert (write_bytes (&b, buf, 65536, 0) == -1);
  quick_assert (b.err == ESHUTDOWN);
  v->failed++;
  free (buf);
}

static void
lose (struct victim *v)
{
  struct nvme_ns_info info;
  uint8_t id[NVME_DATA_SIZE];

  threads_run (4, until_gone, v);
  ck_assert_uint_eq (v->failed, 4);
  ck_assert_int_eq (nvme_flush (v->b.ns, &v->b.err), -1);
  ck_assert_int_eq (v->b.err, ESHUTDOWN);
  ck_assert_int_eq (
    nvme_identify (v->b.n, NVME_CNS_CONTROLLER, 0, id, &v->b.err), -1);
  ck_assert_int_eq (v->b.err, ESHUTDOWN);
  nvme_ns_get_info (v->b.ns, &info);
  ck_assert (info.gone);
  ck_assert_ptr_null (nvme_ns_open (v->b.n, 1, &v->b.err));
  /* The hardware is given back long before we are closed. */
  WAIT_FOR (v->b.report.closed);
  close_it (&v->b);
}

START_TEST (surprise_removal)
{
  struct victim v = { .b = { .e = { .volatile_cache = true },
                             .o = ONE_SECOND } };
  struct nvme_emulated_fault f = fault (NVME_FAULT_GONE, 1);

  set_up (&v.b);
  f.skip = 100;
  nvme_emulated_fault (v.b.hw, &f);
  lose (&v);
}
END_TEST

START_TEST (reset_fails)
{
  struct victim v = { .b = { .e = { .volatile_cache = true },
                             .o = ONE_SECOND } };
  struct nvme_emulated_fault f = fault (NVME_FAULT_CFS, 1);

  set_up (&v.b);
  nvme_emulated_never_ready (v.b.hw, true);
  nvme_emulated_no_reset (v.b.hw, _i != 0);
  f.skip = 100;
  nvme_emulated_fault (v.b.hw, &f);
  lose (&v);
}
END_TEST

static void *
ask_removal (void *opaque)
{
  const struct timespec ts = { .tv_nsec = 20000000 };

  nanosleep (&ts, NULL);
  nvme_emulated_ask_removal (opaque);
  return NULL;
}

START_TEST (removal)
{
  struct victim v = { .b = { .e = { .volatile_cache = true },
                             .o = ONE_SECOND } };
  pthread_t thread;

  set_up (&v.b);
  ck_assert_int_eq (pthread_create (&thread, NULL, ask_removal, v.b.hw), 0);
  lose (&v);
  pthread_join (thread, NULL);
  ck_assert (v.b.report.disabled);
  ck_assert (v.b.report.shut_down);
}
END_TEST

/* ------------------------------------------------------------------ */
/* Status */

static const struct {
  uint16_t status;
  unsigned times;
  int err; /* 0: it succeeds in the end */
} statuses[] = {
  { NVME_SC_WRITE_FAULT, 1, EIO },
  { NVME_SC_READ_ERROR | NVME_STATUS_DNR, 1, EIO },
  { NVME_SC_CAPACITY, 1, ENOSPC },
  { NVME_SC_LBA_RANGE, 1, EINVAL },
  { NVME_SC_RESERVATION, 1, EPERM },
  { NVME_SC_WRITE_PROTECTED, 1, EPERM },
  { NVME_SC_INVALID_NAMESPACE, 1, ESHUTDOWN },
  { NVME_SC_INVALID_OPCODE, 1, EOPNOTSUPP },
  { 0x7ff, 1, EIO },
  { NVME_SC_INTERNAL, 2, 0 },
  { NVME_SC_INTERNAL, 3, EIO },
  { NVME_SC_INTERNAL | NVME_STATUS_DNR, 1, EIO },
  { NVME_SC_NOT_READY, 2, 0 },
  { NVME_SC_INTERRUPTED, 1, 0 },
};

START_TEST (status)
{
  struct subject b = { 0 };
  uint8_t buf[512] = { 0 };
  const struct nvme_emulated_fault f = { .kind = NVME_FAULT_STATUS,
                                         .opcode = NVME_CMD_WRITE,
                                         .count = statuses[_i].times,
                                         .status = statuses[_i].status };

  set_up (&b);
  nvme_emulated_fault (b.hw, &f);
  ck_assert_int_eq (write_bytes (&b, buf, sizeof buf, 0),
                    statuses[_i].err == 0 ? 0 : -1);
  ck_assert_int_eq (b.err, statuses[_i].err);
  ck_assert (nvme_emulated_fault_done (b.hw));
  ck_assert_uint_eq (log_memory_errors (), statuses[_i].err != 0);
  tear_down (&b);
}
END_TEST

/* One part of many fails. */
START_TEST (one_part)
{
  struct subject b = { .e = { .mdts = 1 } };
  const struct nvme_emulated_fault f = { .kind = NVME_FAULT_STATUS,
                                         .opcode = NVME_CMD_READ,
                                         .skip = 10,
                                         .count = 1,
                                         .status = NVME_SC_READ_ERROR };
  uint8_t *buf = must_calloc (1, 1 << 20);

  set_up (&b);
  nvme_emulated_fault (b.hw, &f);
  ck_assert_int_eq (read_bytes (&b, buf, 1 << 20, 0), -1);
  ck_assert_int_eq (b.err, EIO);
  ck_assert (log_memory_contains (
    "namespace 1: read of 8192 bytes at 81920: unrecovered read error"));
  ck_assert_int_eq (read_bytes (&b, buf, 1 << 20, 0), 0);
  free (buf);
  tear_down (&b);
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("nvme-recovery");
  TCase *c = test_case (suite, "nvme-recovery");

  tcase_add_loop_test (c, bad_completion, 0, ARRAY_SIZE (bad_completions));
  tcase_add_test (c, lost_interrupts);
  tcase_add_test (c, aborted);
  tcase_add_loop_test (c, reset, 0, ARRAY_SIZE (lost));
  tcase_add_test (c, fatal_status);
  tcase_add_test (c, admin_commands);
  tcase_add_test (c, hopeless);
  tcase_add_loop_test (c, hopeless_abort, 0, 2);
  tcase_add_test (c, surprise_removal);
  tcase_add_loop_test (c, reset_fails, 0, 2);
  tcase_add_test (c, removal);
  tcase_add_loop_test (c, status, 0, ARRAY_SIZE (statuses));
  tcase_add_test (c, one_part);
  return test_run (suite);
}
