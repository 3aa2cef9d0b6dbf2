/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What is told of a controller: JSON that is read back.
 */

#include <config.h>

#include "base/buffer.h"
#include "base/json-reader.h"
#include "nvme/nvme-report.h"
#include "unit/nvme-test.h"

struct told {
  struct buffer text;
  struct json_document d;
  const struct json_value *controller, *disks;
};

static void
ask (struct subject *b, struct told *t)
{
  size_t where;

  memset (t, 0, sizeof *t);
  nvme_report (b->n, &t->text);
  ck_assert_int_eq (
    json_parse (&t->d, buffer_text (&t->text), t->text.len, &where), JSON_OK);
  t->controller = json_get (&t->d, json_root (&t->d), "controller");
  t->disks = json_get (&t->d, json_root (&t->d), "disks");
  ck_assert_ptr_nonnull (t->controller);
  ck_assert_ptr_nonnull (t->disks);
}

static void
end (struct told *t)
{
  json_fini (&t->d);
  buffer_fini (&t->text);
}

static uint64_t
count (const struct told *t, const char *name)
{
  uint64_t n;

  ck_assert (json_read_number (json_get (&t->d, t->controller, name), &n));
  return n;
}

static unsigned
length (const struct told *t, const struct json_value *array)
{
  unsigned n = 0;

  for (const struct json_value *v = json_first (&t->d, array); v != NULL;
       v = json_next (&t->d, v))
    n++;
  return n;
}

/* Of the disk with the name. */
static const struct json_value *
disk (const struct told *t, const char *name)
{
  const struct json_value *v = json_first (&t->d, t->disks);

  while (v != NULL &&
         strcmp (json_read_string (json_get (&t->d, v, "export")), name) != 0)
    v = json_next (&t->d, v);
  ck_assert_ptr_nonnull (v);
  return v;
}

static bool
is_gone (const struct told *t, const char *name)
{
  return json_is_true (json_get (&t->d, disk (t, name), "gone"));
}

START_TEST (counts_and_warnings)
{
  struct subject b = { .e = { .nn = 2 }, .o = { .queue_pairs = 3 } };
  struct told t;

  set_up (&b);
  round_trip (&b, 1 << 20, 0);
  ask (&b, &t);
  ck_assert_uint_ge (count (&t, "commands"), 8);
  ck_assert_uint_eq (count (&t, "queue-pairs"), 3);
  ck_assert_uint_eq (count (&t, "resets"), 0);
  ck_assert_uint_eq (length (&t, json_get (&t.d, t.controller, "warnings")), 0);
  ck_assert_str_eq (json_read_string (json_get (&t.d, t.controller, "serial")),
                    "EMULATED-1");
  /* Only what was opened. */
  ck_assert_uint_eq (length (&t, t.disks), 1);
  ck_assert (!is_gone (&t, "1"));
  end (&t);
  WAIT_FOR (nvme_emulated_nevents (b.hw) == 1);
  nvme_emulated_warn (b.hw, 0x86);
  WAIT_FOR (log_memory_contains ("critical warning 0x86: an unknown"));
  ask (&b, &t);
  ck_assert_uint_eq (length (&t, json_get (&t.d, t.controller, "warnings")), 3);
  ck_assert_uint_eq (count (&t, "events"), 1);
  end (&t);
  tear_down (&b);
}
END_TEST

/* One that is gone is told of until it comes back. */
START_TEST (namespaces)
{
  struct subject b = { .e = { .nn = 2, .lba_size = 4096 } };
  struct told t;

  set_up (&b);
  ck_assert_ptr_nonnull (nvme_ns_open (b.n, 2, &b.err));
  nvme_emulated_resize (b.hw, 1, 0);
  ck_assert_int_eq (nvme_ns_refresh (b.ns, &b.err), -1);
  ask (&b, &t);
  ck_assert_uint_eq (length (&t, t.disks), 2);
  ck_assert (is_gone (&t, "1"));
  ck_assert (!is_gone (&t, "2"));
  end (&t);
  nvme_emulated_resize (b.hw, 1, 1 << 20);
  ck_assert_ptr_nonnull (nvme_ns_open (b.n, 1, &b.err));
  ask (&b, &t);
  ck_assert_uint_eq (length (&t, t.disks), 2);
  ck_assert (!is_gone (&t, "1"));
  end (&t);
  tear_down (&b);
}
END_TEST

/* It does not wait for a controller that says nothing. */
START_TEST (silent)
{
  struct subject b = { .o.command_seconds = 3600 };
  const struct nvme_emulated_fault f = { .kind = NVME_FAULT_GONE,
                                         .opcode = NVME_ANY_OPCODE,
                                         .count = 1 };
  uint8_t buf[512];
  struct told t;

  set_up (&b);
  nvme_emulated_fault (b.hw, &f);
  ck_assert_int_eq (read_bytes (&b, buf, sizeof buf, 0), -1);
  WAIT_FOR (b.report.closed);
  ask (&b, &t);
  ck_assert (json_is_true (json_get (&t.d, t.controller, "gone")));
  ck_assert (is_gone (&t, "1"));
  end (&t);
  close_it (&b);
}
END_TEST

int
main (void)
{
  const TTest *const tests[] = { counts_and_warnings, namespaces, silent };

  return test_main ("nvme-report", tests, ARRAY_SIZE (tests));
}
