/* SPDX-License-Identifier: BSD-3-Clause
 *
 * pr-file: reservations that outlive their server, also if the Nth system
 * call of a command fails; files that are damaged, or somebody else's.
 */

#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/align.h"
#include "pr-fixture.h"
#include "reservation/reservation-file.h"
#include "support/log-memory.h"
#include "support/main.h"
#include "support/nth-fault.h"
#include "support/temp-dir.h"

/* The linker sends the calls of pr-file.c here: the Nth fails, and with
 * PERSISTENT all after it, too.
 */
static unsigned calls, fail_at;
static bool fired, persistent;

static bool
must_fail (void)
{
  calls++;
  if (fail_at == 0 || calls < fail_at || (calls > fail_at && !persistent))
    return false;
  fired = true;
  errno = EIO;
  return true;
}

extern ssize_t __real_write (int fd, const void *buf, size_t n);
extern ssize_t __wrap_write (int fd, const void *buf, size_t n);
extern int __real_fsync (int fd);
extern int __wrap_fsync (int fd);
extern int __real_renameat (int from, const char *a, int to, const char *b);
extern int __wrap_renameat (int from, const char *a, int to, const char *b);
extern int __real_flock (int fd, int how);
extern int __wrap_flock (int fd, int how);
extern int __real_openat (int fd, const char *path, int flags, mode_t mode);
extern int __wrap_openat (int fd, const char *path, int flags, mode_t mode);

/* Half of it is written by one that fails. */
ssize_t
__wrap_write (int fd, const void *buf, size_t n)
{
  if (!must_fail ())
    return __real_write (fd, buf, n);
  if (__real_write (fd, buf, n / 2) == -1)
    abort ();
  errno = ENOSPC;
  return -1;
}

int
__wrap_fsync (int fd)
{
  return must_fail () ? -1 : __real_fsync (fd);
}

int
__wrap_renameat (int from, const char *a, int to, const char *b)
{
  return must_fail () ? -1 : __real_renameat (from, a, to, b);
}

int
__wrap_flock (int fd, int how)
{
  return must_fail () ? -1 : __real_flock (fd, how);
}

int
__wrap_openat (int fd, const char *path, int flags, mode_t mode)
{
  return must_fail () ? -1 : __real_openat (fd, path, flags, mode);
}

static void
fail_from (unsigned n, bool all)
{
  calls = 0;
  fail_at = n;
  persistent = all;
  fired = false;
}

/* ------------------------------------------------------------------ */

static struct temp_dir dir;

static void
set_up (void)
{
  temp_dir_create (&dir);
}

static void
tear_down (void)
{
  temp_dir_remove (&dir);
}

static struct pr_disk *
start (void)
{
  struct pr_disk *d = pr_disk_create ("file");

  ck_assert_ptr_nonnull (d);
  return d;
}

/* What a server that starts finds: the key of the only registrant. */
static uint64_t
kept (void)
{
  struct pr_disk *d = start ();
  uint64_t key;

  ck_assert_uint_le (pr_keys (pr_disk_target (d), &key), 1);
  pr_disk_free (d);
  return key;
}

START_TEST (is_kept)
{
  struct pr_disk *d = start ();
  struct pr_target *t = pr_disk_target (d);
  uint64_t key;

  ck_assert_uint_eq (pr_do (t, "a", RESERVATION_REGISTER, 0, 0, 1), GOOD);
  pr_disk_free (d);
  ck_assert_uint_eq (kept (), 0);
  d = start ();
  t = pr_disk_target (d);
  ck_assert_uint_eq (pr_keep (t, "a", 0, 1), GOOD);
  ck_assert_uint_eq (
    pr_do (t, "a", RESERVATION_RESERVE, RESERVATION_WRITE_EXCLUSIVE, 1, 0),
    GOOD);
  pr_disk_free (d);
  d = start ();
  t = pr_disk_target (d);
  ck_assert_uint_eq (pr_keys (t, &key), 1);
  ck_assert_uint_eq (pr_keep (t, "b", 0, 2), GOOD);
  ck_assert_uint_eq (
    pr_do (t, "b", RESERVATION_RESERVE, RESERVATION_WRITE_EXCLUSIVE, 2, 0),
    CONFLICT);
  /* The last who registers decides. */
  ck_assert_uint_eq (pr_do (t, "b", RESERVATION_REGISTER, 0, 2, 2), GOOD);
  pr_disk_free (d);
  ck_assert_uint_eq (kept (), 0);
}
END_TEST

START_TEST (without)
{
  struct pr_disk *d = pr_disk_create (NULL);
  const struct pr_answer a = pr_tell (
    pr_disk_target (d), "a",
    (struct reservation_command){
      .action = RESERVATION_REGISTER, .action_key = 1, .aptpl = true });

  ck_assert_uint_eq (a.status, CHECK);
  ck_assert_uint_eq (a.sense[0], 0x70);
  ck_assert_uint_eq (a.sense[2], 5);
  ck_assert_uint_eq (a.sense[12], 0x26);
  pr_disk_free (d);
}
END_TEST

static void
refused (int expected, const char *text)
{
  log_memory_clear ();
  errno = 0;
  ck_assert_ptr_null (pr_disk_create ("file"));
  ck_assert_int_eq (errno, expected);
  ck_assert_uint_eq (log_memory_errors (), 1);
  ck_assert_msg (log_memory_contains (text), "%s", text);
}

START_TEST (others)
{
  struct pr_disk *d = start ();
  struct stat st;

  ck_assert_int_eq (stat ("file", &st), 0);
  ck_assert_int_eq (st.st_mode & 07777, 0600);
  refused (EBUSY, "file: another server");
  ck_assert_uint_eq (pr_keep (pr_disk_target (d), "a", 0, 1), GOOD);
  refused (EBUSY, "file: another server");
  pr_disk_free (d);
  ck_assert_uint_eq (kept (), 1);
}
END_TEST

START_TEST (bad_files)
{
  struct pr_disk *d = start ();

  ck_assert_uint_eq (pr_keep (pr_disk_target (d), "a", 0, 1), GOOD);
  pr_disk_free (d);
  ck_assert_int_eq (truncate ("file", 40), 0);
  refused (EINVAL, "file: has not the size that it says");
  ck_assert_int_eq (unlink ("file"), 0);
  temp_dir_link ("elsewhere", "file");
  refused (ELOOP, "file: ");
  ck_assert_int_eq (unlink ("file"), 0);
  temp_dir_folder ("file");
  refused (EISDIR, "file: ");
  ck_assert_int_eq (rmdir ("file"), 0);
  ck_assert_int_eq (mkfifo ("file", 0600), 0);
  refused (EINVAL, "file: is not a regular file");
  ck_assert_int_eq (unlink ("file"), 0);
  log_memory_clear ();
  ck_assert_ptr_null (pr_disk_create ("no/file"));
  ck_assert (log_memory_contains ("no/file: No such file"));
  /* What somebody left who was killed is no obstacle. */
  temp_dir_file ("file.new", "half of someth");
  ck_assert_uint_eq (kept (), 0);
  ck_assert_int_eq (access ("file.new", F_OK), -1);
}
END_TEST

/* A command of which some call fails has changed nothing, and there is no
 * other state in the file than the one before or the one after it; the next
 * command makes everything good.
 */
static void
check_faults (bool all)
{
  struct nth_fault f = NTH_FAULT_INIT;

  while (nth_fault_next (&f)) {
    struct pr_disk *d = start ();
    struct pr_target *t = pr_disk_target (d);
    struct pr_answer a;
    uint64_t key, now;

    ck_assert_uint_eq (pr_keep (t, "a", 0, 1), GOOD);
    log_memory_clear ();
    fail_from ((unsigned) f.n, all);
    a = pr_tell (t, "a",
                 (struct reservation_command){ .action = RESERVATION_REGISTER,
                                               .key = 1,
                                               .action_key = 2,
                                               .aptpl = true });
    f.fired = fired;
    fail_from (0, false);
    ck_assert_uint_eq (pr_keys (t, &key), 1);
    ck_assert_uint_eq (a.status, f.fired ? CHECK : GOOD);
    ck_assert_uint_eq (key, f.fired ? 1 : 2);
    if (f.fired) {
      ck_assert_uint_eq (a.sense[2], 4);
      ck_assert_uint_eq (a.sense[12], 0x44);
      ck_assert (log_memory_contains ("file: reservations cannot be kept"));
      ck_assert_int_eq (access ("file.new", F_OK), -1);
    }
    /* The server ends here, or goes on. */
    if (f.n % 2) {
      ck_assert_uint_eq (pr_keep (t, "a", key, 3), GOOD);
      pr_disk_free (d);
      ck_assert_uint_eq (kept (), 3);
    }
    else {
      pr_disk_free (d);
      now = kept ();
      ck_assert (now == key || (all && now == 2));
    }
    ck_assert_int_eq (unlink ("file"), 0);
  }
  ck_assert_uint_gt (f.n, 5); /* open, lock, write, sync, rename, sync */
}

START_TEST (one_fails)
{
  check_faults (false);
}
END_TEST

START_TEST (all_fail_from)
{
  check_faults (true);
}
END_TEST

START_TEST (start_fails)
{
  struct nth_fault f = NTH_FAULT_INIT;

  while (nth_fault_next (&f)) {
    struct pr_disk *d;

    log_memory_clear ();
    fail_from ((unsigned) f.n, true);
    d = pr_disk_create ("file");
    f.fired = fired;
    fail_from (0, false);
    ck_assert (f.fired == (d == NULL));
    ck_assert_uint_eq (log_memory_errors (), f.fired);
    pr_disk_free (d);
  }
}
END_TEST

int
main (void)
{
  const TTest *const tests[] = { is_kept,    without,   others,
                                 bad_files,  one_fails, all_fail_from,
                                 start_fails };
  Suite *suite = suite_create ("pr-file");
  TCase *c = test_case (suite, "pr-file");

  tcase_add_checked_fixture (c, set_up, tear_down);
  for (size_t i = 0; i < ARRAY_SIZE (tests); i++)
    tcase_add_test (c, tests[i]);
  return test_run (suite);
}
