/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What a reset of the controller finds afterwards, and what becomes of what
 * was in flight.
 */

#include <config.h>

#include "unit/nvme-test.h"

#define SIZE 4096

/* A write by a thread of its own. */
struct writer {
  struct subject b;
  pthread_t thread;
  uint8_t buf[SIZE];
  uint64_t offset;
  int r;
};

static void *
write_main (void *opaque)
{
  struct writer *w = opaque;

  w->r = write_bytes (&w->b, w->buf, sizeof w->buf, w->offset);
  return NULL;
}

/* Begin a write that the controller does not complete. */
static void
begin_write (struct writer *w, struct subject *b)
{
  const struct nvme_emulated_fault f = { .kind = NVME_FAULT_LATE,
                                         .opcode = NVME_CMD_WRITE,
                                         .count = 1 };

  *w = (struct writer){ .b = *b, .offset = 65536 };
  rng_fill (&b->rng, w->buf, sizeof w->buf);
  nvme_emulated_fault (b->hw, &f);
  ck_assert_int_eq (pthread_create (&w->thread, NULL, write_main, w), 0);
  WAIT_FOR (nvme_emulated_nlate (b->hw) == 1);
}

static void
end_write (struct writer *w)
{
  ck_assert_int_eq (pthread_join (w->thread, NULL), 0);
}

static bool
is_written (struct writer *w)
{
  return memcmp (nvme_emulated_data (w->b.hw, 1) + w->offset, w->buf,
                 sizeof w->buf) == 0;
}

static bool
is_gone (struct nvme_ns *ns)
{
  struct nvme_ns_info info;

  nvme_ns_get_info (ns, &info);
  return info.gone;
}

/* ------------------------------------------------------------------ */
/* Another disk */

/* There is another disk at its number afterwards: nothing is written to
 * it, neither what was in flight nor what comes.
 */
START_TEST (another_disk)
{
  struct subject b = { .e = { .uuid_only = _i != 0, .nn = 2 },
                       .o.command_seconds = 1 };
  struct nvme_ns *other;
  struct writer w;
  uint8_t buf[512] = { 1 };

  set_up (&b);
  other = nvme_ns_open (b.n, 2, &b.err);
  begin_write (&w, &b);
  nvme_emulated_options (b.hw)->replace_at_reset = 1;
  nvme_emulated_break (b.hw);
  end_write (&w);
  ck_assert_int_eq (w.r, -1);
  ck_assert_int_eq (w.b.err, ESHUTDOWN);
  ck_assert (!is_written (&w));
  ck_assert (is_gone (b.ns));
  ck_assert_int_eq (write_bytes (&b, buf, sizeof buf, 0), -1);
  ck_assert_int_eq (b.err, ESHUTDOWN);
  ck_assert_uint_eq (nvme_emulated_data (b.hw, 1)[0], 0);
  ck_assert (!is_gone (other));
  tear_down (&b);
}
END_TEST

/* Whether it is the same cannot be found out. */
START_TEST (not_identified)
{
  struct subject b = { .o.command_seconds = 1 };
  const struct nvme_emulated_fault f = { .kind = NVME_FAULT_STATUS,
                                         .admin = true,
                                         .opcode = NVME_ADMIN_IDENTIFY,
                                         .skip = 1,
                                         .count = 3,
                                         .status = NVME_SC_INTERNAL };
  struct writer w;

  set_up (&b);
  begin_write (&w, &b);
  nvme_emulated_fault (b.hw, &f);
  nvme_emulated_break (b.hw);
  end_write (&w);
  ck_assert_int_eq (w.b.err, ESHUTDOWN);
  ck_assert (!is_written (&w));
  ck_assert (log_memory_contains ("cannot be identified after the reset"));
  tear_down (&b);
}
END_TEST

/* ------------------------------------------------------------------ */
/* Another controller */

/* What is posted again would not be what was asked for. */
static void
become_less (struct nvme_emulated_options *o, int how)
{
  switch (how) {
  case 0:
    o->serial = '2';
    break;
  case 1:
    o->mdts = 1;
    break;
  case 2:
    o->volatile_cache = true;
    break;
  case 3:
    o->no_write_zeroes = true;
    break;
  case 4:
    o->queues = 1;
    break;
  }
}

static const char *const less_texts[] = {
  "it is another controller now",    "it can do less than before",
  "it can do less than before",      "it can do less than before",
  "it has fewer queues than before",
};

START_TEST (less)
{
  struct subject b = { .o = { .command_seconds = 1, .queue_pairs = 2 } };
  struct writer w;

  set_up (&b);
  begin_write (&w, &b);
  become_less (nvme_emulated_options (b.hw), _i);
  nvme_emulated_break (b.hw);
  end_write (&w);
  ck_assert_int_eq (w.b.err, ESHUTDOWN);
  ck_assert (log_memory_contains (less_texts[_i]));
  WAIT_FOR (b.report.closed);
  ck_assert_uint_eq (b.report.writes, 0);
  close_it (&b);
}
END_TEST

/* ------------------------------------------------------------------ */
/* It does not come back by itself */

/* Only a reset of the function helps, which takes the vectors away. */
START_TEST (function_reset)
{
  struct subject b = { .e.volatile_cache = true, .o.command_seconds = 1 };
  struct writer w;

  set_up (&b);
  begin_write (&w, &b);
  nvme_emulated_options (b.hw)->heals = true;
  nvme_emulated_options (b.hw)->stuck = _i == 0;
  nvme_emulated_never_ready (b.hw, _i == 1);
  nvme_emulated_break (b.hw);
  end_write (&w);
  ck_assert_int_eq (w.r, 0);
  ck_assert (is_written (&w));
  ck_assert_uint_eq (counts (&b).resets, 1);
  ck_assert (!log_memory_contains ("all requests fail"));
  round_trip (&b, 1 << 20, 0);
  tear_down (&b);
}
END_TEST

/* An admin command that is not answered: others are not even given, the
 * controller is reset, and requests do not notice.
 */
START_TEST (admin_not_answered)
{
  struct subject b = { .o.command_seconds = 1 };
  const struct nvme_emulated_fault f = {
    .kind = _i == 0 ? NVME_FAULT_IGNORED : NVME_FAULT_LATE,
    .admin = true,
    .opcode = NVME_ADMIN_IDENTIFY,
    .count = 1,
  };
  uint8_t id[NVME_DATA_SIZE];

  set_up (&b);
  nvme_emulated_fault (b.hw, &f);
  ck_assert_int_eq (nvme_identify (b.n, NVME_CNS_CONTROLLER, 0, id, &b.err),
                    -1);
  ck_assert_int_eq (b.err, ETIMEDOUT);
  WAIT_FOR (counts (&b).resets == 1);
  ck_assert (log_memory_contains ("an admin command took too long"));
  round_trip (&b, 65536, 0);
  ck_assert_int_eq (nvme_identify (b.n, NVME_CNS_CONTROLLER, 0, id, &b.err), 0);
  tear_down (&b);
}
END_TEST

/* Aborts are not answered either: nobody waits for that. */
START_TEST (abort_not_answered)
{
  struct subject b = { .o.command_seconds = 1 };
  const struct nvme_emulated_fault f = { .kind = NVME_FAULT_IGNORED,
                                         .admin = true,
                                         .opcode = NVME_ADMIN_ABORT,
                                         .count = 1 };
  struct writer w;
  uint64_t start;

  set_up (&b);
  begin_write (&w, &b);
  nvme_emulated_fault (b.hw, &f);
  start = clock_ns ();
  end_write (&w);
  ck_assert_int_eq (w.r, 0);
  ck_assert (is_written (&w));
  ck_assert (nvme_emulated_fault_done (b.hw));
  ck_assert_uint_eq (counts (&b).resets, 1);
  ck_assert_uint_lt (clock_ns () - start, 3 * CLOCK_SECOND);
  tear_down (&b);
}
END_TEST

/* ------------------------------------------------------------------ */
/* What was in flight */

/* A write is not posted for ever, whoever has the controller reset. */
START_TEST (too_often)
{
  struct subject b = { .o.command_seconds = 30 };
  const struct nvme_emulated_fault f = { .kind = NVME_FAULT_LATE,
                                         .opcode = NVME_CMD_WRITE,
                                         .count = 1000 };
  struct writer w;

  set_up (&b);
  begin_write (&w, &b);
  nvme_emulated_fault (b.hw, &f);
  for (unsigned i = 1; i <= 3; i++) {
    nvme_emulated_break (b.hw);
    WAIT_FOR (nvme_emulated_counts (b.hw).resets == i);
    WAIT_FOR (i == 3 || nvme_emulated_nlate (b.hw) == 1);
  }
  end_write (&w);
  ck_assert_int_eq (w.r, -1);
  ck_assert_int_eq (w.b.err, ETIMEDOUT);
  tear_down (&b);
}
END_TEST

/* What was completed before the controller was disabled is not given again. */
START_TEST (completed_before)
{
  struct subject b = { .o.command_seconds = 30 };
  struct writer w;

  set_up (&b);
  begin_write (&w, &b);
  nvme_emulated_options (b.hw)->finishes = true;
  nvme_emulated_break (b.hw);
  end_write (&w);
  ck_assert_int_eq (w.r, 0);
  ck_assert (is_written (&w));
  WAIT_FOR (counts (&b).resets == 1);
  ck_assert_uint_eq (nvme_emulated_nlate (b.hw), 0);
  ck_assert_uint_eq (nvme_emulated_counts (b.hw).writes, 1);
  tear_down (&b);
}
END_TEST

/* A second completion is not taken for that of the next try. */
START_TEST (stale)
{
  struct subject b = { .o.command_seconds = 1 };
  const struct nvme_emulated_fault f = { .kind = NVME_FAULT_STALE,
                                         .opcode = NVME_CMD_WRITE,
                                         .count = 1,
                                         .status = NVME_SC_INTERNAL };

  set_up (&b);
  nvme_emulated_fault (b.hw, &f);
  round_trip (&b, 4096, 0);
  ck_assert_uint_eq (counts (&b).bad_completions, 1);
  ck_assert_uint_eq (counts (&b).resets, 1);
  tear_down (&b);
}
END_TEST

/* ------------------------------------------------------------------ */

/* A namespace that is not ready is asked as often as there is time for, and
 * all parts wait together.
 */
START_TEST (not_ready)
{
  struct subject b = { .e.mdts = 1, .o.command_seconds = 1 };
  struct nvme_emulated_fault f = { .kind = NVME_FAULT_STATUS,
                                   .opcode = NVME_CMD_READ,
                                   .count = _i == 0 ? 300 : 1000000,
                                   .status = NVME_SC_NOT_READY };
  uint8_t *buf = must_malloc (1 << 19);
  uint64_t start;

  set_up (&b);
  nvme_emulated_fault (b.hw, &f);
  start = clock_ns ();
  ck_assert_int_eq (read_bytes (&b, buf, 1 << 19, 0), _i == 0 ? 0 : -1);
  if (_i != 0) {
    ck_assert_int_eq (b.err, EIO);
    ck_assert_uint_ge (clock_ns () - start, CLOCK_SECOND);
  }
  ck_assert_uint_lt (clock_ns () - start, 3 * CLOCK_SECOND);
  free (buf);
  tear_down (&b);
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("nvme-reset");
  TCase *c = test_case (suite, "nvme-reset");

  tcase_add_loop_test (c, another_disk, 0, 2);
  tcase_add_test (c, not_identified);
  tcase_add_loop_test (c, less, 0, ARRAY_SIZE (less_texts));
  tcase_add_loop_test (c, function_reset, 0, 2);
  tcase_add_loop_test (c, admin_not_answered, 0, 2);
  tcase_add_test (c, abort_not_answered);
  tcase_add_test (c, too_often);
  tcase_add_test (c, completed_before);
  tcase_add_test (c, stale);
  tcase_add_loop_test (c, not_ready, 0, 2);
  return test_run (suite);
}
