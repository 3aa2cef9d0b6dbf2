/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What a stack says of itself through a control socket.
 */

#include <config.h>

#include <errno.h>

#include "base/align.h"
#include "base/json-reader.h"
#include "control-fixture.h"
#include "control/control-socket.h"
#include "layered/layered-status.h"
#include "layered/store-layered.h"
#include "support/alloc-fault.h"
#include "support/layer-mem.h"
#include "support/log-memory.h"
#include "support/main.h"
#include "support/rng.h"
#include "support/store-mem.h"
#include "support/threads.h"

enum { SECTOR = 512, SIZE = 1024 * 1024, LONG = 50000 /* milliseconds */ };

static struct control *control;
static struct layered_status_disks *status;
static struct json_document d;

/* A stack of a write-through layer and a read cache over SIZE bytes. */
static struct store *
make_stack (struct layered **ld)
{
  const struct layer_info info = { .nsectors = SIZE / SECTOR,
                                   .sector_size = SECTOR,
                                   .physical_sector_size = SECTOR,
                                   .no_overwrite = true };
  const struct layered_member m[2] = {
    { .layer = layer_mem_create (&info), .write_through = true },
    { .layer = layer_mem_create (&info),
      .read_cache = true,
      .write_through = true,
      .max = 7777 },
  };
  const struct store_mem_options o = store_mem_defaults (SIZE);
  struct store *bottom = store_mem_create (&o);
  const struct layered_bottom lb = { .exists = true,
                                     .size = SIZE,
                                     .info = bottom->info };
  enum layered_status why;
  unsigned which;

  *ld = layered_create (m, 2, &lb, SIZE, false, &why, &which);
  ck_assert_ptr_nonnull (*ld);
  return store_layered_create_owning (*ld, bottom);
}

static void
start (void)
{
  int err;

  control = control_bind (path);
  ck_assert_ptr_nonnull (control);
  status = layered_status_start (control);
  ck_assert_ptr_nonnull (status);
  ck_assert_int_eq (control_start (control, &err), 0);
}

static void
stop (void)
{
  layered_status_stop (status);
  control_close (control);
}

/* What it says; all that is said is valid JSON. */
static void
ask (void)
{
  struct buffer out = { NULL };
  size_t where;

  json_fini (&d);
  ck_assert_int_eq (control_ask (path, "status", LONG, &out), 0);
  ck_assert_int_eq (json_parse (&d, out.data, out.len, &where), JSON_OK);
  buffer_fini (&out);
}

/* The value at PLACE: names and numbers, with slashes between. */
static const struct json_value *
find (const char *place)
{
  const struct json_value *v = json_root (&d);
  char copy[100], *rest, *word;

  snprintf (copy, sizeof copy, "%s", place);
  for (word = strtok_r (copy, "/", &rest); word != NULL;
       word = strtok_r (NULL, "/", &rest)) {
    if (v != NULL && v->type == JSON_ARRAY) {
      v = json_first (&d, v);
      for (int i = atoi (word); i > 0; i--)
        v = json_next (&d, v);
    }
    else
      v = json_get (&d, v, word);
  }
  return v;
}

static uint64_t
number (const char *place)
{
  uint64_t r;

  ck_assert_msg (json_read_number (find (place), &r), "%s", place);
  return r;
}

static void
is (const char *place, const char *expected)
{
  const char *text = json_read_string (find (place));

  ck_assert_msg (text != NULL && strcmp (text, expected) == 0, "%s", place);
}

START_TEST (none)
{
  start ();
  ask ();
  is ("version", PACKAGE_VERSION);
  ck_assert_ptr_null (find ("disks/0"));
  stop ();
  layered_status_stop (NULL);
  ck_assert_int_eq (layered_status_add (NULL, NULL, "", NULL), 0);
  layered_status_remove (NULL, NULL);
}
END_TEST

START_TEST (fixed)
{
  const struct uuid id = { { 0xab, 0xcd } };
  struct layered *ld;
  struct store *s = make_stack (&ld);

  start ();
  ck_assert_int_eq (layered_status_add (status, ld, "\"x\xff", &id), 0);
  ask ();
  is ("disks/0/export", "\"x\xef\xbf\xbd");
  is ("disks/0/id", "abcd0000-0000-0000-0000-000000000000");
  ck_assert_uint_eq (number ("disks/0/size"), SIZE);
  ck_assert_uint_eq (number ("disks/0/sector-size"), SECTOR);
  ck_assert_int_eq (find ("disks/0/read-only")->type, JSON_FALSE);
  ck_assert_uint_eq (number ("disks/0/layers/0/layer"), 1);
  ck_assert_uint_eq (number ("disks/0/layers/1/layer"), 2);
  is ("disks/0/layers/0/kind", "mem");
  ck_assert (json_is_true (find ("disks/0/layers/0/write-through")));
  ck_assert (json_is_true (find ("disks/0/layers/1/write-through")));
  ck_assert (json_is_true (find ("disks/0/layers/1/read-cache")));
  ck_assert (!json_is_true (find ("disks/0/layers/1/write-back")));
  ck_assert_ptr_null (find ("disks/0/layers/0/max"));
  ck_assert_uint_eq (number ("disks/0/layers/0/used"), 0);
  ck_assert_uint_eq (number ("disks/0/layers/1/max"), 7777);
  ck_assert_ptr_null (find ("disks/0/layers/0/hit-ratio"));
  ck_assert_uint_eq (number ("disks/0/bottom/size"), SIZE);
  ck_assert (!json_is_true (find ("disks/0/hydration/active")));
  layered_status_remove (status, ld);
  ask ();
  ck_assert_ptr_null (find ("disks/0"));
  layered_status_remove (status, ld);
  stop ();
  json_fini (&d);
  store_close (s);
}
END_TEST

START_TEST (counters)
{
  struct layered *ld;
  struct store *s = make_stack (&ld);
  struct layered_counters *c = &ld->counters[1];

  start ();
  ck_assert_int_eq (layered_status_add (status, ld, "", NULL), 0);
  count_add (&c->hit, 3);
  count_add (&c->miss, 1);
  count_add (&c->populated, 2);
  count_add (&c->written, 4);
  count_add (&c->zeroed, 5);
  count_add (&c->cleaned, 6);
  count_add (&c->clean_errors, 7);
  count_add (&c->evicted, 8);
  count_add (&c->fell_through, 9);
  count_add (&c->populate_failures, 10);
  count_add (&ld->fetch_counters.requests, 11);
  count_add (&ld->fetch_counters.bytes, 12);
  count_add (&ld->fetch_counters.shared, 13);
  count_add (&ld->fetch_counters.readahead, 14);
  atomic_store (&ld->hydration.active, true);
  count_add (&ld->hydration.done, 15);
  count_add (&ld->hydration.total, 16);
  count_add (&ld->hydration.rate, 17);
  ask ();
  ck_assert_uint_eq (number ("disks/0/layers/0/hit"), 0);
  ck_assert_uint_eq (number ("disks/0/layers/1/hit"), 3);
  ck_assert_uint_eq (number ("disks/0/layers/1/miss"), 1);
  ck_assert (
    strncmp (find ("disks/0/layers/1/hit-ratio")->text, "0.7500,", 7) == 0);
  ck_assert_uint_eq (number ("disks/0/layers/1/populated"), 2);
  ck_assert_uint_eq (number ("disks/0/layers/1/written"), 4);
  ck_assert_uint_eq (number ("disks/0/layers/1/zeroed"), 5);
  ck_assert_uint_eq (number ("disks/0/layers/1/cleaned"), 6);
  ck_assert_uint_eq (number ("disks/0/layers/1/clean-errors"), 7);
  ck_assert_uint_eq (number ("disks/0/layers/1/evicted"), 8);
  ck_assert_uint_eq (number ("disks/0/layers/1/fell-through"), 9);
  ck_assert_uint_eq (number ("disks/0/layers/1/populate-failures"), 10);
  ck_assert_uint_eq (number ("disks/0/bottom/requests"), 11);
  ck_assert_uint_eq (number ("disks/0/bottom/bytes"), 12);
  ck_assert_uint_eq (number ("disks/0/bottom/shared"), 13);
  ck_assert_uint_eq (number ("disks/0/bottom/readahead"), 14);
  ck_assert (json_is_true (find ("disks/0/hydration/active")));
  ck_assert_uint_eq (number ("disks/0/hydration/done"), 15);
  ck_assert_uint_eq (number ("disks/0/hydration/total"), 16);
  ck_assert_uint_eq (number ("disks/0/hydration/rate"), 17);
  layered_status_remove (status, ld);
  stop ();
  json_fini (&d);
  store_close (s);
}
END_TEST

/* Requests are timed from when somebody wants to know. */
START_TEST (requests)
{
  struct layered *ld;
  struct store *s = make_stack (&ld);
  char buf[3 * SECTOR];
  struct rng rng;
  int err;

  rng_init (&rng, 1);
  rng_fill (&rng, buf, sizeof buf);
  ck_assert_int_eq (store_write (s, buf, SECTOR, 0, 0, &err), 0);
  start ();
  ck_assert_int_eq (layered_status_add (status, ld, "", NULL), 0);
  ask ();
  ck_assert_uint_eq (number ("disks/0/latency/write/count"), 0);
  ck_assert_uint_eq (number ("disks/0/latency/write/p99"), 0);
  for (unsigned i = 0; i < 5; i++)
    ck_assert_int_eq (store_write (s, buf, sizeof buf, 65536, 0, &err), 0);
  for (unsigned i = 0; i < 3; i++)
    ck_assert_int_eq (store_read (s, buf, sizeof buf, 0, &err), 0);
  ck_assert_int_eq (store_flush (s, &err), 0);
  ck_assert_int_eq (store_read (s, buf, sizeof buf, SIZE, &err), -1);
  ask ();
  ck_assert_uint_eq (number ("disks/0/latency/write/count"), 5);
  ck_assert_uint_eq (number ("disks/0/latency/read/count"), 3);
  ck_assert_uint_eq (number ("disks/0/latency/flush/count"), 1);
  ck_assert_uint_gt (number ("disks/0/latency/write/p50"), 0);
  ck_assert_uint_le (number ("disks/0/latency/write/p50"),
                     number ("disks/0/latency/write/p99.9"));
  ck_assert_uint_le (number ("disks/0/latency/write/p99.9"),
                     number ("disks/0/latency/write/max"));
  ck_assert_uint_le (number ("disks/0/latency/write/max"),
                     number ("disks/0/latency/write/sum") * 17 / 16);
  /* The map: 16 clusters, and what was written is in the second. */
  ck_assert_uint_eq (number ("disks/0/layers/0/map/data/1"), 2);
  ck_assert_uint_eq (number ("disks/0/layers/0/map/data/15"), 0);
  ck_assert_ptr_null (find ("disks/0/layers/0/map/data/16"));
  layered_status_remove (status, ld);
  stop ();
  json_fini (&d);
  store_close (s);
}
END_TEST

START_TEST (commits)
{
  struct layered *ld;
  struct store *s = make_stack (&ld);
  struct buffer out = { NULL };

  start ();
  ck_assert_int_eq (layered_status_add (status, ld, "a b", NULL), 0);
  ck_assert_int_eq (control_ask (path, "commit a", LONG, &out), -1);
  ck_assert (log_memory_contains ("there is no export \"a\""));
  buffer_clear (&out);
  ld->reaches_bottom = true; /* and layered_start was not called */
  ck_assert_int_eq (control_ask (path, "commit a b", LONG, &out), -1);
  ck_assert (log_memory_contains ("no connection of its own"));
  buffer_clear (&out);
  ld->reaches_bottom = false;
  ck_assert_int_eq (control_ask (path, "commit a b", LONG, &out), 0);
  ck_assert_str_eq (buffer_text (&out), "done\n");
  buffer_fini (&out);
  layered_status_remove (status, ld);
  stop ();
  store_close (s);
}
END_TEST

START_TEST (taken)
{
  struct layered_status_disks *other;

  start ();
  other = layered_status_start (control);
  ck_assert_ptr_null (other);
  ck_assert_int_eq (errno, EEXIST);
  stop ();
  control = control_bind (path);
  ck_assert_int_eq (control_add (control, "commit", NULL, NULL), 0);
  status = layered_status_start (control);
  ck_assert_int_eq (errno, EEXIST);
  ck_assert_ptr_null (status);
  control_remove (control, "commit");
  status = layered_status_start (control); /* "status" is free, too */
  ck_assert_ptr_nonnull (status);
  stop ();
}
END_TEST

START_TEST (no_memory)
{
  struct layered *ld;
  struct store *s = make_stack (&ld);
  bool failed;
  int r, e;

  alloc_fault_nth (1);
  control = control_bind (path);
  failed = alloc_fault_stop ();
  ck_assert (failed && control == NULL);
  alloc_fault_nth (2); /* the path */
  control = control_bind (path);
  failed = alloc_fault_stop ();
  ck_assert (failed && control == NULL);
  control = control_bind (path);

  alloc_fault_nth (1);
  status = layered_status_start (control);
  failed = alloc_fault_stop ();
  ck_assert (failed && status == NULL);
  status = layered_status_start (control);
  for (unsigned nth = 1; nth <= 2; nth++) {
    alloc_fault_nth (nth);
    r = layered_status_add (status, ld, "x", NULL);
    e = errno;
    failed = alloc_fault_stop ();
    ck_assert (failed && r == -1 && e == ENOMEM);
    ck_assert (!ld->timed);
  }
  stop ();
  store_close (s);
}
END_TEST

/* Stacks come, work, and go, while others look. */
static void
come_and_go (void *opaque, unsigned index)
{
  for (unsigned i = 0; i < 20; i++) {
    struct buffer out = { NULL };
    char buf[SECTOR] = "not all zeroes";
    struct layered *ld;
    struct store *s;
    int err;

    if (index >= 2) {
      /* A stack that was not started cannot be committed. */
      if (index % 2)
        quick_assert (control_ask (path, "status", LONG, &out) == 0);
      else
        control_ask (path, "commit", LONG, &out);
      buffer_fini (&out);
      continue;
    }
    s = make_stack (&ld);
    quick_assert (layered_status_add (status, ld, "x", NULL) == 0);
    quick_assert (store_write (s, buf, SECTOR, i * SECTOR, 0, &err) == 0);
    quick_assert (store_read (s, buf, SECTOR, 0, &err) == 0);
    layered_status_remove (status, ld);
    store_close (s);
  }
}

START_TEST (many)
{
  start ();
  threads_run (6, come_and_go, NULL);
  ask ();
  ck_assert_ptr_null (find ("disks/0"));
  stop ();
  json_fini (&d);
}
END_TEST

int
main (void)
{
  const TTest *const tests[] = { none,    fixed, counters,  requests,
                                 commits, taken, no_memory, many };
  Suite *suite = suite_create ("layered-status");
  TCase *c = test_case (suite, "layered-status");

  tcase_add_checked_fixture (c, set_up, tear_down);
  for (size_t i = 0; i < ARRAY_SIZE (tests); i++)
    tcase_add_test (c, tests[i]);
  return test_run (suite);
}
