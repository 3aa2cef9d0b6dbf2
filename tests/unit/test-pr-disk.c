/* SPDX-License-Identifier: BSD-3-Clause
 *
 * pr-disk: what each kind of initiator may do under each type (SPC-4, table
 * 52); commands wait for the requests that they forbid, and only for those;
 * requests that are decided about wait for the command.  And with threads:
 * what is forbidden never reaches the disk.
 */

#include <config.h>

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>

#include "base/align.h"
#include "pr-fixture.h"
#include "pr/pr-store.h"
#include "support/main.h"
#include "support/rng.h"
#include "support/store-mem.h"
#include "support/threads.h"

#define REG RESERVATION_REGISTER
#define RES RESERVATION_RESERVE
#define REL RESERVATION_RELEASE
#define CLR RESERVATION_CLEAR
#define PRE RESERVATION_PREEMPT
#define ABT RESERVATION_PREEMPT_AND_ABORT
#define WE RESERVATION_WRITE_EXCLUSIVE
#define EA RESERVATION_EXCLUSIVE_ACCESS
#define WE_RO RESERVATION_WRITE_EXCLUSIVE_REGISTRANTS_ONLY

/* ------------------------------------------------------------------ */
/* The tables */

/* May the holder, another registrant, somebody else read, or write? */
static const struct {
  enum reservation_type type;
  const char *read, *write;
} rows[] = {
  { RESERVATION_NONE, "yyy", "yyy" },
  { RESERVATION_WRITE_EXCLUSIVE, "yyy", "ynn" },
  { RESERVATION_EXCLUSIVE_ACCESS, "ynn", "ynn" },
  { RESERVATION_WRITE_EXCLUSIVE_REGISTRANTS_ONLY, "yyy", "yyn" },
  { RESERVATION_EXCLUSIVE_ACCESS_REGISTRANTS_ONLY, "yyn", "yyn" },
  { RESERVATION_WRITE_EXCLUSIVE_ALL_REGISTRANTS, "yyy", "yyn" },
  { RESERVATION_EXCLUSIVE_ACCESS_ALL_REGISTRANTS, "yyn", "yyn" },
};

static void
expect (int r, const int *err, char may)
{
  ck_assert_int_eq (r, may == 'y' ? 0 : -1);
  if (r == -1)
    ck_assert_int_eq (*err, EPERM);
}

static void
check_row (struct store *s, char may_read, char may_write)
{
  struct extent_list list;
  char buf[512] = { 0 };
  int err = 0;

  extent_list_init (&list, 0, sizeof buf, false);
  expect (store_read (s, buf, sizeof buf, 0, &err), &err, may_read);
  expect (store_cache (s, sizeof buf, 0, &err), &err, may_read);
  expect (store_extents (s, sizeof buf, 0, 0, &list, &err), &err, may_read);
  expect (store_write (s, buf, sizeof buf, 0, 0, &err), &err, may_write);
  expect (store_write (s, buf, sizeof buf, 0, STORE_FUA, &err), &err,
          may_write);
  expect (store_zero (s, sizeof buf, 0, 0, &err), &err, may_write);
  expect (store_trim (s, sizeof buf, 0, 0, &err), &err, may_write);
  expect (store_flush (s, &err), &err, may_write);
  extent_list_fini (&list);
}

START_TEST (tables)
{
  static const char *const names[] = { "holder", "other", "" };
  struct pr_disk *d = pr_disk_create (NULL);
  struct pr_target *t = pr_disk_target (d);
  const struct store_mem_options o = store_mem_defaults (65536);
  struct store *s[3];

  for (unsigned i = 0; i < 3; i++) {
    s[i] = pr_store_create (d, names[i], store_mem_create (&o));
    ck_assert_ptr_nonnull (s[i]);
  }
  ck_assert_uint_eq (pr_do (t, "holder", REG, 0, 0, 1), GOOD);
  ck_assert_uint_eq (pr_do (t, "other", REG, 0, 0, 2), GOOD);
  if (rows[_i].type != RESERVATION_NONE)
    ck_assert_uint_eq (pr_do (t, "holder", RES, rows[_i].type, 1, 0), GOOD);
  for (unsigned i = 0; i < 3; i++)
    check_row (s[i], rows[_i].read[i], rows[_i].write[i]);
  ck_assert_uint_eq (pr_do (t, "other", CLR, 0, 2, 0), GOOD);
  for (unsigned i = 0; i < 3; i++) {
    check_row (s[i], 'y', 'y');
    store_close (s[i]);
  }
  pr_disk_free (d);
}
END_TEST

/* ------------------------------------------------------------------ */
/* Waiting */

/* A command, or a request, in a thread of its own. */
struct other {
  struct pr_disk *disk;
  struct pr_initiator *initiator;
  struct reservation_command c;
  atomic_bool ended;
  int result;
  pthread_t thread;
};

static void *
command_main (void *opaque)
{
  struct other *o = opaque;

  o->result = pr_tell (pr_disk_target (o->disk), "b", o->c).status;
  atomic_store (&o->ended, true);
  return NULL;
}

static void *
write_main (void *opaque)
{
  struct other *o = opaque;
  struct pr_request r;
  int err;

  o->result = pr_disk_begin (o->disk, o->initiator, true, &r, &err);
  if (o->result == 0)
    pr_disk_end (o->disk, &r);
  atomic_store (&o->ended, true);
  return NULL;
}

static void
begin_other (struct other *o, void *(*fn) (void *) )
{
  atomic_store (&o->ended, false);
  ck_assert_int_eq (pthread_create (&o->thread, NULL, fn, o), 0);
}

/* It waits, as far as can be seen in this time. */
static bool
waits (struct other *o)
{
  poll (NULL, 0, 50);
  return !atomic_load (&o->ended);
}

static int
end_other (struct other *o)
{
  pthread_join (o->thread, NULL);
  return o->result;
}

static struct pr_disk *disk;
static struct pr_initiator *a, *b;

/* "a" holds WE_RO with key 1, "b" has key 2. */
static void
set_up (void)
{
  struct pr_target *t;

  disk = pr_disk_create (NULL);
  t = pr_disk_target (disk);
  a = pr_disk_join (disk, "a");
  b = pr_disk_join (disk, "b");
  ck_assert_uint_eq (pr_do (t, "a", REG, 0, 0, 1), GOOD);
  ck_assert_uint_eq (pr_do (t, "b", REG, 0, 0, 2), GOOD);
  ck_assert_uint_eq (pr_do (t, "a", RES, WE_RO, 1, 0), GOOD);
}

static void
tear_down (void)
{
  pr_disk_leave (disk, a);
  pr_disk_leave (disk, b);
  pr_disk_free (disk);
}

static void
begin (struct pr_initiator *i, bool write, struct pr_request *r)
{
  int err;

  ck_assert_int_eq (pr_disk_begin (disk, i, write, r, &err), 0);
}

START_TEST (a_preempt_waits)
{
  struct other command = {
    .disk = disk,
    .c = { .action = PRE, .type = WE_RO, .key = 2, .action_key = 1 }
  };
  struct other late = { .disk = disk, .initiator = a };
  struct pr_request write1, write2, read, own;
  int err;

  begin (a, true, &write1);
  begin (a, true, &write2);
  begin (a, false, &read);
  begin (b, true, &own);
  begin_other (&command, command_main);
  ck_assert (waits (&command));
  /* One that is decided about waits; what is allowed anyway goes on. */
  begin_other (&late, write_main);
  ck_assert (waits (&late));
  pr_disk_end (disk, &own);
  begin (b, true, &own);
  pr_disk_end (disk, &write1);
  ck_assert (waits (&command));
  ck_assert (waits (&late));
  pr_disk_end (disk, &write2);
  /* The read is not forbidden, and is not waited for. */
  ck_assert_int_eq (end_other (&command), GOOD);
  ck_assert_int_eq (end_other (&late), -1);
  pr_disk_end (disk, &read);
  pr_disk_end (disk, &own);
  begin (a, false, &read);
  ck_assert_int_eq (pr_disk_begin (disk, a, true, &write1, &err), -1);
  ck_assert_int_eq (err, EPERM);
  pr_disk_end (disk, &read);
}
END_TEST

START_TEST (an_abort_waits_for_all)
{
  struct other command = {
    .disk = disk,
    .c = { .action = ABT, .type = WE_RO, .key = 2, .action_key = 1 }
  };
  struct pr_request read, later;

  begin (a, false, &read);
  begin_other (&command, command_main);
  ck_assert (waits (&command));
  /* What begins later is not what the command is about. */
  begin (a, false, &later);
  pr_disk_end (disk, &read);
  ck_assert_int_eq (end_other (&command), GOOD);
  pr_disk_end (disk, &later);
}
END_TEST

/* Also a release lets nobody in before it holds. */
START_TEST (nothing_to_wait_for)
{
  struct pr_target *t = pr_disk_target (disk);
  struct pr_initiator *c = pr_disk_join (disk, "");
  struct pr_request read, write, other;
  int err;

  begin (a, true, &write);
  begin (a, false, &read);
  ck_assert_int_eq (pr_disk_begin (disk, c, true, &other, &err), -1);
  ck_assert_uint_eq (pr_do (t, "a", REL, WE_RO, 1, 0), GOOD);
  ck_assert_int_eq (pr_disk_begin (disk, c, true, &other, &err), 0);
  ck_assert_uint_eq (pr_do (t, "b", REG, 0, 2, 3), GOOD);
  pr_disk_end (disk, &other);
  pr_disk_end (disk, &write);
  pr_disk_end (disk, &read);
  pr_disk_leave (disk, c);
}
END_TEST

/* ------------------------------------------------------------------ */
/* Threads */

#define WRITERS 4
#define ROUNDS 400

/* Writers of two names, and one who fences them by turns.  While one is
 * fenced off its `fence' is set: nobody may be between begin and end then.
 */
struct race {
  struct pr_disk *disk;
  atomic_bool fence[2], stop;
  _Atomic unsigned allowed, denied, writing[2];
  uint64_t seed;
};

static const char *const victims[] = { "a", "b" };

static void
write_on (struct race *r, unsigned who, struct rng *rng)
{
  struct pr_initiator *i = pr_disk_join (r->disk, victims[who]);
  struct pr_request request;
  int err;

  for (unsigned n = rng_below (rng, 20); n > 0; n--) {
    if (pr_disk_begin (r->disk, i, true, &request, &err) == -1) {
      quick_assert (err == EPERM);
      atomic_fetch_add (&r->denied, 1);
      continue;
    }
    atomic_fetch_add (&r->writing[who], 1);
    quick_assert (!atomic_load (&r->fence[who]));
    if (rng_below (rng, 4) == 0)
      sched_yield ();
    quick_assert (!atomic_load (&r->fence[who]));
    atomic_fetch_sub (&r->writing[who], 1);
    pr_disk_end (r->disk, &request);
    atomic_fetch_add (&r->allowed, 1);
  }
  pr_disk_leave (r->disk, i);
}

/* The holder throws one of them out, looks, and lets it in again. */
static void
fence (struct race *r, struct rng *rng)
{
  struct pr_target *t = pr_disk_target (r->disk);
  const unsigned who = (unsigned) rng_below (rng, 2);
  const bool abort = rng_below (rng, 2);

  quick_assert (pr_do (t, "holder", abort ? ABT : PRE, WE_RO, 9, who + 1) ==
                GOOD);
  atomic_store (&r->fence[who], true);
  quick_assert (atomic_load (&r->writing[who]) == 0);
  if (rng_below (rng, 2))
    sched_yield ();
  quick_assert (atomic_load (&r->writing[who]) == 0);
  atomic_store (&r->fence[who], false);
  quick_assert (pr_do (t, victims[who], REG, 0, 0, who + 1) == GOOD);
}

static void
race_main (void *opaque, unsigned index)
{
  struct race *r = opaque;
  struct rng rng;

  rng_init (&rng, r->seed + index);
  if (index == 0) {
    for (unsigned i = 0; i < ROUNDS; i++)
      fence (r, &rng);
    atomic_store (&r->stop, true);
    return;
  }
  while (!atomic_load (&r->stop)) {
    uint64_t key;

    if (index <= WRITERS)
      write_on (r, index % 2, &rng);
    else
      quick_assert (pr_keys (pr_disk_target (r->disk), &key) >= 2);
  }
}

START_TEST (races)
{
  struct race r = { .disk = pr_disk_create (NULL),
                    .seed = rng_seed ("pr-disk") };
  struct pr_target *t = pr_disk_target (r.disk);

  ck_assert_uint_eq (pr_do (t, "holder", REG, 0, 0, 9), GOOD);
  ck_assert_uint_eq (pr_do (t, "a", REG, 0, 0, 1), GOOD);
  ck_assert_uint_eq (pr_do (t, "b", REG, 0, 0, 2), GOOD);
  ck_assert_uint_eq (pr_do (t, "holder", RES, WE_RO, 9, 0), GOOD);
  threads_run (WRITERS + 2, race_main, &r);
  ck_assert_uint_gt (atomic_load (&r.allowed), 0);
  pr_disk_free (r.disk);
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("pr-disk");
  TCase *c = test_case (suite, "tables");

  tcase_add_loop_test (c, tables, 0, ARRAY_SIZE (rows));
  c = test_case (suite, "waiting");
  tcase_add_checked_fixture (c, set_up, tear_down);
  tcase_add_test (c, a_preempt_waits);
  tcase_add_test (c, an_abort_waits_for_all);
  tcase_add_test (c, nothing_to_wait_for);
  c = test_case (suite, "threads");
  tcase_add_test (c, races);
  return test_run (suite);
}
