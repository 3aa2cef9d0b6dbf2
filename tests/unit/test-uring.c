/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The io_uring engine: jobs come back, each once and with its own result,
 * also when the kernel is interrupted or short of memory; where io_uring is
 * forbidden, that is found out at once.
 */

#include <config.h>

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/main.h"
#include "uring/uring.h"

/* Submitting fails so often, in turns with succeeding if there is an
 * every; then nothing is submitted.
 */
static struct {
  int error, times;
  unsigned every, count;
} plan;

struct io_uring;
extern int __real_io_uring_submit_and_wait (struct io_uring *, unsigned);
extern int __wrap_io_uring_submit_and_wait (struct io_uring *, unsigned);

int
__wrap_io_uring_submit_and_wait (struct io_uring *ring, unsigned n)
{
  if (plan.every == 0 || ++plan.count % plan.every == 0) {
    if (plan.times > 0) {
      plan.times--;
      return -plan.error;
    }
  }
  return __real_io_uring_submit_and_wait (ring, n);
}

/* Only so many jobs are queued at once. */
#define JOBS 12
#define COUNT 4096

static const struct file_engine *engine;
static FILE *fp;
static char buf[2 * JOBS][COUNT]; /* the first half is registered */

static void
set_up (void)
{
  memset (&plan, 0, sizeof plan);
  engine = uring_engine ();
  fp = tmpfile ();
  ck_assert (engine != NULL && fp != NULL);
}

static void
tear_down (void)
{
  fclose (fp);
}

static void *
open_channel (void)
{
  void *c = engine->open (fileno (fp), JOBS, buf[0], sizeof buf / 2);

  ck_assert (c != NULL);
  return c;
}

/* Write or read block I of the file from or to buffer I, or I + JOBS. */
static void
start (void *c, bool write, unsigned i)
{
  const struct file_job j = {
    .write = write,
    .buf = buf[i % 2 ? i : i + JOBS],
    .count = COUNT,
    .offset = (uint64_t) i * COUNT,
    .tag = i,
  };

  if (write)
    memset (j.buf, (int) (i + 1), COUNT);
  else
    memset (j.buf, 0, COUNT);
  engine->start (c, &j);
}

static void
wait_for_all (void *c, unsigned n, ssize_t expected)
{
  unsigned seen = 0;

  for (unsigned i = 0; i < n; i++) {
    unsigned tag = JOBS;
    ssize_t result = 0;

    ck_assert_int_eq (engine->wait (c, &tag, &result), 0);
    ck_assert_uint_lt (tag, JOBS);
    ck_assert (!(seen & (1u << tag)));
    seen |= 1u << tag;
    ck_assert_int_eq (result, expected);
  }
  ck_assert_uint_eq (seen, (1u << n) - 1);
}

static void
move (void *c, bool write)
{
  for (unsigned i = 0; i < JOBS; i++)
    start (c, write, i);
  wait_for_all (c, JOBS, COUNT);
}

static void
check_data (void)
{
  for (unsigned i = 0; i < JOBS; i++)
    for (unsigned k = 0; k < COUNT; k++)
      quick_assert (buf[i % 2 ? i : i + JOBS][k] == (char) (i + 1));
}

START_TEST (moves_data)
{
  void *c = open_channel ();

  for (int i = 0; i < 50; i++) {
    move (c, true);
    move (c, false);
    check_data ();
  }
  engine->close (c);
}
END_TEST

START_TEST (tells_results)
{
  void *c = open_channel ();

  move (c, true);
  ck_assert (ftruncate (fileno (fp), COUNT * JOBS / 2 + 100) == 0);
  start (c, false, JOBS / 2);
  start (c, false, JOBS / 2 + 1);
  for (int i = 0; i < 2; i++) {
    unsigned tag;
    ssize_t result;

    ck_assert_int_eq (engine->wait (c, &tag, &result), 0);
    ck_assert_int_eq (result, tag == JOBS / 2 ? 100 : 0);
  }
  engine->close (c);

  c = engine->open (STDERR_FILENO + 100, 2, buf[0], sizeof buf / 2);
  ck_assert (c != NULL);
  start (c, false, 0);
  wait_for_all (c, 1, -EBADF);
  engine->close (c);
}
END_TEST

/* Now and then, for ever. */
START_TEST (survives_refusals)
{
  static const int errors[] = { EINTR, EAGAIN, EBUSY, ENOMEM };
  void *c = open_channel ();

  plan.error = errors[_i];
  plan.times = 1000000;
  plan.every = 2;
  for (int i = 0; i < 20; i++) {
    move (c, true);
    move (c, false);
    check_data ();
  }
  ck_assert_int_lt (plan.times, 1000000);
  engine->close (c);
}
END_TEST

/* A job is in flight when the others are refused: it is reported. */
START_TEST (reports_what_it_has)
{
  void *c = open_channel ();
  unsigned tag;
  ssize_t result;

  start (c, true, 0);
  start (c, true, 1);
  ck_assert_int_eq (engine->wait (c, &tag, &result), 0);
  plan.error = EAGAIN;
  plan.times = 1;
  start (c, true, 2);
  ck_assert_int_eq (engine->wait (c, &tag, &result), 0);
  ck_assert_uint_lt (tag, 2);
  ck_assert_int_eq (engine->wait (c, &tag, &result), 0);
  ck_assert_uint_eq (tag, 2);
  engine->close (c);
}
END_TEST

START_TEST (gives_up)
{
  void *c = open_channel ();
  unsigned tag;
  ssize_t result;

  move (c, true);
  start (c, true, 0);
  start (c, true, 1);
  ck_assert_int_eq (engine->wait (c, &tag, &result), 0);
  start (c, true, 2);
  plan.error = _i == 0 ? ENOMEM : EBADF;
  plan.times = 1000000;
  if (_i == 0) /* the one in flight first */
    ck_assert_int_eq (engine->wait (c, &tag, &result), 0);
  ck_assert_int_eq (engine->wait (c, &tag, &result), -1);
  ck_assert_int_eq (errno, plan.error);
  engine->close (c);
}
END_TEST

/* Not much memory may be locked, enough for a ring (of which newer kernels
 * think, too) and no more: it works without.
 */
START_TEST (needs_no_locked_memory)
{
  const struct rlimit few = { 32 * 1024, 32 * 1024 };
  void *c;

  ck_assert (setrlimit (RLIMIT_MEMLOCK, &few) == 0);
  if (geteuid () == 0)
    ck_assert (seteuid (65534) == 0);
  c = open_channel ();
  move (c, true);
  move (c, false);
  check_data ();
  engine->close (c);
  /* Otherwise LeakSanitizer cannot look into the process. */
  ck_assert (seteuid (getuid ()) == 0 && prctl (PR_SET_DUMPABLE, 1) == 0);
}
END_TEST

static int
forbid (void)
{
  struct sock_filter code[] = {
    BPF_STMT (BPF_LD | BPF_W | BPF_ABS, offsetof (struct seccomp_data, nr)),
    BPF_JUMP (BPF_JMP | BPF_JEQ | BPF_K, __NR_io_uring_setup, 0, 1),
    BPF_STMT (BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
    BPF_STMT (BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  const struct sock_fprog program = { .len = 4, .filter = code };

  return prctl (PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1 ?
           -1 :
           prctl (PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

START_TEST (may_be_forbidden)
{
  if (forbid () == -1) {
    printf ("no seccomp: not tested\n");
    return;
  }
  ck_assert_ptr_null (uring_engine ());
  ck_assert_int_eq (errno, EPERM);
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("uring");
  TCase *c = test_case (suite, "uring");

  if (uring_engine () == NULL) {
    printf ("SKIP: no io_uring here: %s\n", strerror (errno));
    return 77;
  }
  tcase_add_checked_fixture (c, set_up, tear_down);
  tcase_add_test (c, moves_data);
  tcase_add_test (c, tells_results);
  tcase_add_loop_test (c, survives_refusals, 0, 4);
  tcase_add_test (c, reports_what_it_has);
  tcase_add_loop_test (c, gives_up, 0, 2);
  tcase_add_test (c, needs_no_locked_memory);
  tcase_add_test (c, may_be_forbidden);
  return test_run (suite);
}
