/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The file store with an engine: the data is right whatever the engine
 * does, in whatever order, and whenever it breaks; errors are told.
 */

#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/align.h"
#include "store/store-file.h"
#include "support/fake-engine.h"
#include "support/log-memory.h"
#include "support/main.h"
#include "support/rng.h"

#define SIZE (9 * 1024 * 1024)
#define PIECE (256 * 1024)

static char path[128];
static char *data, *got; /* not aligned, like a client's */

static int
make_file (void)
{
  snprintf (path, sizeof path, "%s/test-store-file-batch-XXXXXX",
            getenv ("TMPDIR") ? getenv ("TMPDIR") : "/tmp");
  return mkstemp (path);
}

static void
set_up (void)
{
  struct rng rng;
  int fd;

  fake_engine_plan = (struct fake_engine_plan){ 0 };
  data = (char *) malloc (SIZE + 16) + 16;
  got = (char *) calloc (1, SIZE + 16) + 16;
  rng_init (&rng, rng_seed ("store-file-batch"));
  for (size_t i = 0; i < SIZE; i += 8)
    memcpy (data + i, &(uint64_t){ rng_next (&rng) | 1 }, 8);
  fd = make_file ();
  ck_assert (fd >= 0 && write (fd, data, SIZE) == SIZE);
  close (fd);
}

static void
tear_down (void)
{
  unlink (path);
  free (data - 16);
  free (got - 16);
  ck_assert_uint_eq (fake_engine_plan.opened, fake_engine_plan.closed);
}

static struct store *
open_store (size_t engine_min)
{
  const struct host_file_options ho = { .path = path, .direct = true };
  const struct store_file_options so = {
    .cache = STORE_FILE_CACHE_DIRECT,
    .engine = &fake_engine,
    .engine_min = engine_min,
  };
  struct host_file *f = host_file_open (&ho);
  struct store *s;

  ck_assert (f != NULL);
  s = store_file_create (f, &so);
  host_file_unref (f);
  ck_assert (s != NULL);
  return s;
}

static void
read_all (struct store *s)
{
  int err = 0;

  memset (got, 0, SIZE);
  ck_assert_int_eq (store_read (s, got, SIZE, 0, &err), 0);
  ck_assert (memcmp (got, data, SIZE) == 0);
}

/* What is in the file, by other means. */
static void
check_file (void)
{
  int fd = open (path, O_RDONLY);

  ck_assert (fd >= 0 && read (fd, got, SIZE) == SIZE);
  close (fd);
  ck_assert (memcmp (got, data, SIZE) == 0);
}

static void
write_all (struct store *s, char change)
{
  int err = 0;

  for (size_t i = 0; i < SIZE; i++)
    data[i] ^= change;
  ck_assert_int_eq (store_write (s, data, SIZE, 0, 0, &err), 0);
  check_file ();
}

/* Not every file system can. */
static bool
has_direct (void)
{
  int fd = make_file (), direct = open (path, O_RDWR | O_DIRECT);

  close (fd);
  close (direct);
  unlink (path);
  return direct >= 0;
}

START_TEST (moves_several_at_once)
{
  struct store *s = open_store (1);

  read_all (s);
  ck_assert_uint_eq (fake_engine_plan.jobs, SIZE / PIECE);
  ck_assert_uint_eq (fake_engine_plan.most, 16);
  write_all (s, 7);
  ck_assert_uint_eq (fake_engine_plan.jobs, 2 * SIZE / PIECE);
  ck_assert_uint_eq (fake_engine_plan.opened, 1);
  store_close (s);
}
END_TEST

START_TEST (takes_vectors)
{
  struct store *s = open_store (1);
  const struct iovec iov[] = {
    { got, 512 * 3 },
    { got + 512 * 3, 0 },
    { got + 512 * 3, 512 * 4001 },
    { got + 512 * 4004, SIZE - 512 * 4004 },
  };
  int err = 0;

  ck_assert_int_eq (store_readv (s, iov, ARRAY_SIZE (iov), 0, &err), 0);
  ck_assert (memcmp (got, data, SIZE) == 0);
  memset (data, 1, SIZE);
  memset (got, 1, SIZE);
  ck_assert_int_eq (store_writev (s, iov, ARRAY_SIZE (iov), 0, 0, &err), 0);
  check_file ();
  store_close (s);
}
END_TEST

START_TEST (small_and_durable_ones_are_not_for_it)
{
  struct store *s = open_store (STORE_FILE_ENGINE_MIN);
  int err = 0;

  ck_assert_int_eq (store_read (s, got, 1 << 20, 0, &err), 0);
  ck_assert_int_eq (store_write (s, data, 1 << 20, 0, STORE_FUA, &err), 0);
  ck_assert_uint_eq (fake_engine_plan.jobs, 0);
  ck_assert_int_eq (store_read (s, got, 2 << 20, 0, &err), 0);
  ck_assert_uint_eq (fake_engine_plan.jobs, 8);
  store_close (s);
}
END_TEST

/* Each job in turn is cut short, at odd places, too, or refused. */
START_TEST (odd_jobs_are_finished)
{
  static const struct {
    int error;
    size_t count;
  } odd[] = { { EINTR, 0 }, { EAGAIN, 0 },      { ENOMEM, 0 },  { 0, 0 },
              { 0, 4096 },  { 0, PIECE - 512 }, { 0, 4096 * 9 } };
  struct store *s = open_store (1);

  for (unsigned n = 1; n <= SIZE / PIECE; n += 5) {
    fake_engine_plan.jobs = 0;
    fake_engine_plan.odd_job = n;
    fake_engine_plan.odd_error = odd[_i].error;
    fake_engine_plan.odd_count = odd[_i].count;
    read_all (s);
    fake_engine_plan.jobs = 0;
    write_all (s, (char) n);
  }
  store_close (s);
}
END_TEST

START_TEST (errors_are_told)
{
  struct store *s = open_store (1);

  for (unsigned n = 1; n <= SIZE / PIECE; n += 5) {
    int err = 0;

    fake_engine_plan.jobs = 0;
    fake_engine_plan.odd_job = n;
    fake_engine_plan.odd_error = EIO;
    ck_assert_int_eq (store_read (s, got, SIZE, 0, &err), -1);
    ck_assert_int_eq (err, EIO);
    ck_assert (log_memory_contains ("pread"));
    log_memory_clear ();
    fake_engine_plan.jobs = 0;
    fake_engine_plan.odd_error = ENOSPC;
    ck_assert_int_eq (store_write (s, data, SIZE, 0, 0, &err), -1);
    ck_assert_int_eq (err, ENOSPC);
    ck_assert (log_memory_contains ("pwrite"));
    log_memory_clear ();
  }
  fake_engine_plan.odd_job = 0;
  read_all (s);
  store_close (s);
}
END_TEST

/* The file became shorter. */
START_TEST (the_end_is_seen)
{
  struct store *s = open_store (1);
  int err = 0;

  ck_assert (truncate (path, SIZE / 2) == 0);
  ck_assert_int_eq (store_read (s, got, SIZE, 0, &err), -1);
  ck_assert_int_eq (err, EIO);
  ck_assert (log_memory_contains ("unexpected end of file"));
  store_close (s);
}
END_TEST

START_TEST (goes_on_when_it_breaks)
{
  for (unsigned n = 0; n < SIZE / PIECE; n += 5) {
    struct store *s = open_store (1);

    fake_engine_plan.jobs = 0;
    fake_engine_plan.break_at = n;
    fake_engine_plan.break_error = ENOMEM;
    read_all (s);
    ck_assert_int_eq (fake_engine_plan.break_error, 0);
    /* With another channel. */
    fake_engine_plan.jobs = 0;
    fake_engine_plan.break_error = EBADF;
    write_all (s, 3);
    read_all (s);
    store_close (s);
  }
}
END_TEST

START_TEST (does_without_channels)
{
  struct store *s = open_store (1);

  fake_engine_plan.open_error = EMFILE;
  read_all (s);
  ck_assert (log_memory_contains ("no channel"));
  fake_engine_plan.open_error = 0;
  write_all (s, 9);
  ck_assert_uint_eq (fake_engine_plan.opened, 0);
  store_close (s);
}
END_TEST

START_TEST (a_child_has_its_own_channel)
{
  struct store *s = open_store (1);
  int status = 0;
  pid_t pid;

  read_all (s);
  pid = fork ();
  ck_assert (pid >= 0);
  if (pid == 0) {
    read_all (s);
    _exit (fake_engine_plan.opened == 2 && fake_engine_plan.closed == 1 ? 0 :
                                                                          1);
  }
  ck_assert (waitpid (pid, &status, 0) == pid && status == 0);
  read_all (s);
  ck_assert_uint_eq (fake_engine_plan.opened, 1);
  store_close (s);
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("store-file-batch");
  TCase *c = test_case (suite, "batch");

  if (!has_direct ()) {
    printf ("SKIP: no O_DIRECT for %s\n", path);
    return 77;
  }
  tcase_add_checked_fixture (c, set_up, tear_down);
  tcase_add_test (c, moves_several_at_once);
  tcase_add_test (c, takes_vectors);
  tcase_add_test (c, small_and_durable_ones_are_not_for_it);
  tcase_add_loop_test (c, odd_jobs_are_finished, 0, 7);
  tcase_add_test (c, errors_are_told);
  tcase_add_test (c, the_end_is_seen);
  tcase_add_test (c, goes_on_when_it_breaks);
  tcase_add_test (c, does_without_channels);
  tcase_add_test (c, a_child_has_its_own_channel);
  return test_run (suite);
}
