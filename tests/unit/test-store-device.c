/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The file store over a block device: discards and zeroes go in steps, a
 * part that fails is told, a device that goes away is, too, and its size is
 * followed.
 */

#include <config.h>

#include <errno.h>
#include <linux/fs.h>
#include <linux/loop.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "store/store-align.h"
#include "store/store-file.h"
#include "support/log-memory.h"
#include "support/loop-device.h"
#include "support/main.h"

#define GIB (UINT64_C (1) << 30)
#define SIZE (4 * GIB)

/* ------------------------------------------------------------------ */
/* System calls as a test wants them. */

static struct {
  unsigned count;           /* of ioctls that discard or zero */
  unsigned fail_at;         /* this one fails ... */
  int error;                /* with this, and so do reads and writes */
  uint64_t next, most;      /* where the next one must begin; the longest */
  pthread_barrier_t *asked; /* wait there with what the size is */
} plan;

extern int __real_ioctl (int fd, unsigned long request, ...);
extern int __wrap_ioctl (int fd, unsigned long request, ...);

int
__wrap_ioctl (int fd, unsigned long request, ...)
{
  const uint64_t *range;
  va_list args;
  void *p;

  va_start (args, request);
  p = va_arg (args, void *);
  va_end (args);
  if (request == BLKGETSIZE64 && plan.asked != NULL) {
    const int r = __real_ioctl (fd, request, p);

    pthread_barrier_wait (plan.asked);
    return r;
  }
  if (request != BLKDISCARD && request != BLKZEROOUT)
    return __real_ioctl (fd, request, p);
  range = p;
  if (++plan.count == plan.fail_at) {
    errno = plan.error;
    return -1;
  }
  ck_assert (plan.count == 1 || range[0] == plan.next);
  plan.next = range[0] + range[1];
  if (range[1] > plan.most)
    plan.most = range[1];
  return 0;
}

extern ssize_t __real_pread (int fd, void *buf, size_t n, off_t offset);
extern ssize_t __wrap_pread (int fd, void *buf, size_t n, off_t offset);

ssize_t
__wrap_pread (int fd, void *buf, size_t n, off_t offset)
{
  if (plan.error == 0)
    return __real_pread (fd, buf, n, offset);
  errno = plan.error;
  return -1;
}

extern ssize_t __real_pwrite (int fd, const void *buf, size_t n, off_t o);
extern ssize_t __wrap_pwrite (int fd, const void *buf, size_t n, off_t o);

ssize_t
__wrap_pwrite (int fd, const void *buf, size_t n, off_t offset)
{
  if (plan.error == 0)
    return __real_pwrite (fd, buf, n, offset);
  errno = plan.error;
  return -1;
}

/* ------------------------------------------------------------------ */

static char path[LOOP_DEVICE_PATH];
static int device;

static const char *
folder (void)
{
  return getenv ("TMPDIR") ? getenv ("TMPDIR") : "/tmp";
}

static void
set_up (void)
{
  memset (&plan, 0, sizeof plan);
  device = loop_device_create (folder (), SIZE, 512, path);
  ck_assert (device >= 0);
}

static void
tear_down (void)
{
  close (device);
}

static struct store *
open_store (void)
{
  const struct host_file_options ho = { .path = path, .direct = true };
  const struct store_file_options so = { .cache = STORE_FILE_CACHE_DIRECT };
  struct host_file *f = host_file_open (&ho);
  struct store *s, *aligned;

  ck_assert (f != NULL);
  s = store_file_create (f, &so);
  host_file_unref (f);
  ck_assert (s != NULL);
  aligned = store_align_create (s, NULL);
  ck_assert (aligned != NULL);
  return aligned;
}

START_TEST (goes_in_steps)
{
  struct store *s = open_store ();
  int err = 0;

  if (s->info.trim) {
    ck_assert_int_eq (store_trim (s, SIZE, 0, 0, &err), 0);
    ck_assert_uint_ge (plan.count, SIZE / GIB);
    ck_assert_uint_le (plan.most, GIB);
    ck_assert_uint_eq (plan.next, SIZE);
  }
  plan.count = plan.most = 0;
  ck_assert_int_eq (store_zero (s, SIZE - GIB, GIB / 2, 0, &err), 0);
  ck_assert_uint_ge (plan.count, SIZE / GIB);
  ck_assert_uint_le (plan.most, GIB);
  ck_assert_uint_eq (plan.next, SIZE - GIB / 2);
  store_close (s);
}
END_TEST

/* Only the first step may be refused; what is half done has failed. */
START_TEST (tells_failed_steps)
{
  struct store *s = open_store ();
  int err = 0;

  plan.fail_at = 2;
  plan.error = EOPNOTSUPP;
  ck_assert_int_eq (store_zero (s, SIZE, 0, 0, &err), -1);
  ck_assert_int_eq (err, EIO);
  ck_assert (log_memory_contains ("BLKZEROOUT"));
  plan.count = 0;
  plan.error = EIO;
  if (s->info.trim) {
    ck_assert_int_eq (store_trim (s, SIZE, 0, 0, &err), -1);
    ck_assert_int_eq (err, EIO);
  }
  plan.count = 0;
  plan.fail_at = 1;
  plan.error = EOPNOTSUPP;
  ck_assert_int_eq (store_zero (s, SIZE, 0, STORE_FAST_ZERO, &err), -1);
  ck_assert_int_eq (err, EOPNOTSUPP);
  store_close (s);
}
END_TEST

START_TEST (goes_away)
{
  static const int errors[] = { ENXIO, ENODEV, ENOMEDIUM };
  struct store *s = open_store ();
  char buf[4096] = "";
  int err = 0;

  plan.error = errors[_i];
  ck_assert_int_eq (store_read (s, buf, sizeof buf, 0, &err), -1);
  ck_assert_int_eq (err, ESHUTDOWN);
  err = 0;
  ck_assert_int_eq (store_write (s, buf, sizeof buf, 0, 0, &err), -1);
  ck_assert_int_eq (err, ESHUTDOWN);
  plan.error = EIO;
  ck_assert_int_eq (store_read (s, buf, sizeof buf, 0, &err), -1);
  ck_assert_int_eq (err, EIO);
  plan.error = 0;
  store_close (s);
}
END_TEST

/* Make it look only at the first SIZE bytes of its file. */
static void
resize (uint64_t size)
{
  struct loop_info64 info;

  ck_assert (ioctl (device, LOOP_GET_STATUS64, &info) == 0);
  info.lo_sizelimit = size;
  ck_assert (ioctl (device, LOOP_SET_STATUS64, &info) == 0);
}

START_TEST (changes_its_size)
{
  struct store *s = open_store ();
  char buf[512] = "";
  int err = 0;

  ck_assert_int_eq (store_refresh (s, &err), 0);
  ck_assert_uint_eq (store_size (s), SIZE);
  ck_assert_uint_eq (log_memory_errors (), 0);
  resize (GIB);
  ck_assert_int_eq (store_refresh (s, &err), 0);
  ck_assert_uint_eq (store_size (s), GIB);
  ck_assert (log_memory_contains ("from 4294967296 to 1073741824"));
  ck_assert_int_eq (store_write (s, buf, sizeof buf, GIB, 0, &err), -1);
  ck_assert_int_eq (err, ENOSPC);
  ck_assert_int_eq (store_read (s, buf, sizeof buf, GIB, &err), -1);
  ck_assert_int_eq (err, EINVAL);
  ck_assert_int_eq (store_write (s, buf, sizeof buf, GIB - 512, 0, &err), 0);
  resize (2 * GIB);
  ck_assert_int_eq (store_refresh (s, &err), 0);
  ck_assert_int_eq (store_write (s, buf, sizeof buf, GIB, 0, &err), 0);
  store_close (s);
}
END_TEST

static void *
refresh (void *store)
{
  int err = 0;

  ck_assert_int_eq (store_refresh (store, &err), 0);
  return NULL;
}

/* An event and a new client, at the same time. */
START_TEST (tells_a_change_once)
{
  struct store *s = open_store ();
  pthread_barrier_t asked;
  pthread_t other;

  log_memory_clear ();
  ck_assert_int_eq (pthread_barrier_init (&asked, NULL, 2), 0);
  resize (GIB);
  plan.asked = &asked;
  ck_assert_int_eq (pthread_create (&other, NULL, refresh, s), 0);
  refresh (s);
  ck_assert_int_eq (pthread_join (other, NULL), 0);
  plan.asked = NULL;
  ck_assert_uint_eq (store_size (s), GIB);
  ck_assert_uint_eq (log_memory_errors (), 1);
  refresh (s);
  ck_assert_uint_eq (log_memory_errors (), 1);
  resize (2 * GIB);
  refresh (s);
  ck_assert_uint_eq (log_memory_errors (), 2);
  pthread_barrier_destroy (&asked);
  store_close (s);
}
END_TEST

/* A medium that is taken out, and comes back. */
START_TEST (tells_once_that_it_is_gone)
{
  struct store *s = open_store ();
  struct loop_info64 info;
  int err;

  log_memory_clear ();
  ck_assert_int_eq (ioctl (device, LOOP_GET_STATUS64, &info), 0);
  info.lo_offset = SIZE;
  ck_assert_int_eq (ioctl (device, LOOP_SET_STATUS64, &info), 0);
  for (unsigned i = 0; i < 3; i++) {
    err = 0;
    ck_assert_int_eq (store_refresh (s, &err), -1);
    ck_assert_int_eq (err, ESHUTDOWN);
  }
  ck_assert_uint_eq (log_memory_errors (), 1);
  ck_assert (log_memory_contains ("the device is gone"));
  info.lo_offset = 0;
  ck_assert_int_eq (ioctl (device, LOOP_SET_STATUS64, &info), 0);
  refresh (s);
  ck_assert_uint_eq (log_memory_errors (), 1);
  store_close (s);
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("store-device");
  TCase *c = test_case (suite, "store-device");

  device = loop_device_create (folder (), SIZE, 512, path);
  if (device == -1) {
    printf ("SKIP: no loop device: %s\n", strerror (errno));
    return 77;
  }
  close (device);
  tcase_add_checked_fixture (c, set_up, tear_down);
  tcase_add_test (c, goes_in_steps);
  tcase_add_test (c, tells_failed_steps);
  tcase_add_loop_test (c, goes_away, 0, 3);
  tcase_add_test (c, changes_its_size);
  tcase_add_test (c, tells_a_change_once);
  tcase_add_test (c, tells_once_that_it_is_gone);
  return test_run (suite);
}
