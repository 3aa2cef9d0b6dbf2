/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Host files: what is opened and what is refused, what a failed creation
 * leaves behind, who locks out whom, and when an fdatasync counts.
 */

#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/align.h"
#include "store/host-file.h"
#include "support/log-memory.h"
#include "support/main.h"

/* ------------------------------------------------------------------ */
/* System calls that fail when told to. */

static int openat_rdwr_errno;    /* openat for writing fails with this */
static int ftruncate_errno;      /* ftruncate does */
static int fsync_errno;          /* fsync does */
static unsigned fsyncs;          /* how many there were, of directories */
static int lock_errno;           /* every locking fcntl does */
static int lock_fails_on = -1;   /* or only that of this byte */
static atomic_int syncs;         /* how many fdatasyncs have begun */
static atomic_int syncs_failing; /* the next so many fail with EIO */
static atomic_bool sync_blocks;  /* they wait while this is true */

extern int __real_openat (int dir_fd, const char *path, int flags, ...);
extern int __wrap_openat (int dir_fd, const char *path, int flags, ...);
extern int __real_ftruncate (int fd, off_t size);
extern int __wrap_ftruncate (int fd, off_t size);
extern int __real_fcntl (int fd, int cmd, ...);
extern int __wrap_fcntl (int fd, int cmd, ...);
extern int __wrap_fdatasync (int fd);
extern int __wrap_fsync (int fd);

int
__wrap_openat (int dir_fd, const char *path, int flags, ...)
{
  va_list args;
  mode_t mode;

  if (openat_rdwr_errno != 0 && (flags & O_ACCMODE) == O_RDWR) {
    errno = openat_rdwr_errno;
    return -1;
  }
  va_start (args, flags);
  mode = flags & O_CREAT ? va_arg (args, mode_t) : 0;
  va_end (args);
  return __real_openat (dir_fd, path, flags, mode);
}

int
__wrap_ftruncate (int fd, off_t size)
{
  if (ftruncate_errno != 0) {
    errno = ftruncate_errno;
    return -1;
  }
  return __real_ftruncate (fd, size);
}

int
__wrap_fcntl (int fd, int cmd, ...)
{
  va_list args;
  void *arg;

  va_start (args, cmd);
  arg = va_arg (args, void *);
  va_end (args);
  if (cmd == F_OFD_SETLK || cmd == F_OFD_GETLK) {
    const struct flock *l = arg;

    if (lock_errno != 0 && l->l_type != F_UNLCK &&
        (lock_fails_on == -1 || lock_fails_on == l->l_start)) {
      errno = lock_errno;
      return -1;
    }
  }
  return __real_fcntl (fd, cmd, arg);
}

int
__wrap_fdatasync (int fd)
{
  atomic_fetch_add (&syncs, 1);
  while (atomic_load (&sync_blocks))
    usleep (1000);
  if (atomic_load (&syncs_failing) > 0) {
    atomic_fetch_sub (&syncs_failing, 1);
    errno = EIO;
    return -1;
  }
  return 0;
}

int
__wrap_fsync (int fd)
{
  struct stat st;

  ck_assert (fstat (fd, &st) == 0 && S_ISDIR (st.st_mode));
  fsyncs++;
  errno = fsync_errno;
  return fsync_errno != 0 ? -1 : 0;
}

/* ------------------------------------------------------------------ */

static char dir[] = "/tmp/test-host-file-XXXXXX";
static char path[64];

static void
set_up (void)
{
  int fd;

  strcpy (dir + sizeof dir - 7, "XXXXXX");
  ck_assert (mkdtemp (dir) != NULL);
  ck_assert (chdir (dir) == 0);
  snprintf (path, sizeof path, "%s/disk", dir);
  fd = open (path, O_CREAT | O_RDWR, 0600);
  ck_assert (fd >= 0 && __real_ftruncate (fd, 8192) == 0);
  close (fd);
  log_memory_clear ();
}

static void
tear_down (void)
{
  char command[64];

  snprintf (command, sizeof command, "rm -rf %s", dir);
  ck_assert (chdir ("/") == 0 && system (command) == 0);
}

static struct host_file *
open_disk (void)
{
  const struct host_file_options o = { .path = path };
  struct host_file *f = host_file_open (&o);

  ck_assert (f != NULL);
  return f;
}

static void
refuse (const struct host_file_options *o, int error, const char *message)
{
  log_memory_clear ();
  errno = 0;
  ck_assert (host_file_open (o) == NULL);
  ck_assert_int_eq (errno, error);
  ck_assert_uint_eq (log_memory_errors (), 1);
  ck_assert_msg (log_memory_contains (message), "%s", log_memory_text ());
}

/* ------------------------------------------------------------------ */
/* Opening */

START_TEST (opens)
{
  const struct host_file_options o = { .path = "disk", .fd = -1, .dir_fd = -1 };
  struct host_file *f = host_file_open (&o);

  ck_assert (f != NULL);
  ck_assert_str_eq (host_file_path (f), "disk");
  ck_assert (host_file_is_writable (f));
  ck_assert (!host_file_is_block_device (f));
  ck_assert_int_eq (host_file_size (f), 8192);
  ck_assert_int_eq (host_file_direct_fd (f), -1);
  ck_assert (fcntl (host_file_fd (f), F_GETFD) & FD_CLOEXEC);
  ck_assert ((fcntl (host_file_fd (f), F_GETFL) & O_NONBLOCK) == 0);
  ck_assert (truncate (path, 4096) == 0);
  ck_assert_int_eq (host_file_size (f), 4096);
  ck_assert (host_file_ref (f) == f);
  host_file_unref (f);
  ck_assert_int_eq (host_file_size (f), 4096);
  host_file_unref (f);
  host_file_unref (NULL);
}
END_TEST

/* A file that must not be written is opened all the same. */
START_TEST (opens_read_only)
{
  const int errors[] = { EACCES, EPERM, EROFS, ETXTBSY, EBUSY };

  for (size_t i = 0; i < ARRAY_SIZE (errors); i++) {
    struct host_file *f;

    openat_rdwr_errno = errors[i];
    f = open_disk ();
    ck_assert (!host_file_is_writable (f));
    host_file_unref (f);
  }
  ck_assert (log_memory_contains ("is in use, and nobody may write"));
  /* But anything else is a failure. */
  openat_rdwr_errno = EMFILE;
  refuse (&(struct host_file_options){ .path = path }, EMFILE, path);
  openat_rdwr_errno = 0;
}
END_TEST

START_TEST (refuses_what_is_no_disk)
{
  struct sockaddr_un a = { .sun_family = AF_UNIX, .sun_path = "socket" };
  const int s = socket (AF_UNIX, SOCK_STREAM, 0);

  /* A FIFO must not make us wait for its other end. */
  ck_assert (mkfifo ("fifo", 0600) == 0);
  ck_assert (bind (s, (struct sockaddr *) &a, sizeof a) == 0);
  refuse (&(struct host_file_options){ .path = "fifo" }, EINVAL, "neither");
  refuse (&(struct host_file_options){ .path = "socket" }, EINVAL, "neither");
  refuse (&(struct host_file_options){ .path = "/dev/null" }, EINVAL,
          "neither");
  refuse (&(struct host_file_options){ .path = "/" }, EISDIR, "directory");
  refuse (&(struct host_file_options){ .path = "gone" }, ENOENT,
          "open: gone: No such file");
  refuse (&(struct host_file_options){ .path = "disk/x" }, ENOTDIR, "disk/x");
  close (s);
}
END_TEST

START_TEST (directory_has_no_way_out)
{
  const int d = open (".", O_RDONLY | O_DIRECTORY);
  struct host_file_options o = { .dir_fd = d };
  struct host_file *f;
  char long_name[300];

  ck_assert (mkdir ("sub", 0700) == 0 && mkfifo ("fifo", 0600) == 0);
  ck_assert (symlink ("disk", "link") == 0);
  ck_assert (symlink ("/etc/passwd", "passwd") == 0);

  o.path = "disk";
  f = host_file_open (&o);
  ck_assert (f != NULL);
  host_file_unref (f);

  memset (long_name, 'x', sizeof long_name - 1);
  long_name[sizeof long_name - 1] = '\0';
  refuse ((o.path = "", &o), EINVAL, "not the name");
  refuse ((o.path = ".", &o), EINVAL, "not the name");
  refuse ((o.path = "..", &o), EINVAL, "not the name");
  refuse ((o.path = "/", &o), EINVAL, "not the name");
  refuse ((o.path = path, &o), EINVAL, "not the name");
  refuse ((o.path = "../../etc/passwd", &o), EINVAL, "not the name");
  refuse ((o.path = "sub/../disk", &o), EINVAL, "not the name");
  refuse ((o.path = "disk/", &o), EINVAL, "not the name");
  refuse ((o.path = "link", &o), EINVAL, "neither");
  refuse ((o.path = "passwd", &o), EINVAL, "neither");
  refuse ((o.path = "fifo", &o), EINVAL, "neither");
  refuse ((o.path = "sub", &o), EISDIR, "directory");
  refuse ((o.path = "...", &o), ENOENT, "...");
  refuse ((o.path = long_name, &o), ENAMETOOLONG, "xxx");

  /* Nor can one be made. */
  o.path = "../made";
  ck_assert (host_file_create (&o, 1) == NULL);
  ck_assert_int_eq (errno, EINVAL);
  ck_assert (access ("../made", F_OK) == -1);
  close (d);
}
END_TEST

START_TEST (takes_descriptors)
{
  struct host_file_options o = { .path = "fd" };
  struct host_file *f;
  char self[32];

  o.fd = open (path, O_RDWR);
  f = host_file_open (&o);
  ck_assert (f != NULL && host_file_is_writable (f));
  ck_assert_int_eq (host_file_fd (f), o.fd);
  host_file_unref (f);
  ck_assert (fcntl (o.fd, F_GETFD) == -1);

  o.fd = open (path, O_RDONLY);
  f = host_file_open (&o);
  ck_assert (f != NULL && !host_file_is_writable (f));
  host_file_unref (f);

  /* What is refused stays the caller's. */
  o.fd = open (path, O_WRONLY);
  refuse (&o, EINVAL, "fd: must not have been opened with O_WRONLY");
  ck_assert (close (o.fd) == 0);
  o.fd = open (path, O_RDWR | O_APPEND);
  refuse (&o, EINVAL, "O_APPEND");
  ck_assert (close (o.fd) == 0);
  o.fd = open (path, O_PATH);
  refuse (&o, EINVAL, "O_PATH");
  ck_assert (close (o.fd) == 0);
  o.fd = open ("/dev/null", O_RDWR);
  refuse (&o, EINVAL, "neither");
  ck_assert (close (o.fd) == 0);
  refuse (&o, EBADF, "fd: Bad file descriptor");

  /* The twin is of the same file, whatever the name is now. */
  o.fd = open (path, O_RDWR);
  o.direct = true;
  ck_assert (unlink (path) == 0);
  f = host_file_open (&o);
  if (f == NULL) { /* this file system has no O_DIRECT */
    close (o.fd);
    return;
  }
  ck_assert_int_ge (host_file_direct_fd (f), 0);
  ck_assert (fcntl (host_file_direct_fd (f), F_GETFL) & O_DIRECT);
  snprintf (self, sizeof self, "/proc/self/fd/%d", host_file_direct_fd (f));
  ck_assert (access (self, F_OK) == 0);
  host_file_unref (f);
}
END_TEST

/* ------------------------------------------------------------------ */
/* Creating */

START_TEST (creates)
{
  const struct host_file_options o = { .path = "new" };
  struct host_file *f = host_file_create (&o, 1 << 20);
  struct stat st;

  ck_assert (f != NULL && host_file_is_writable (f));
  ck_assert_int_eq (host_file_size (f), 1 << 20);
  ck_assert (stat ("new", &st) == 0);
  ck_assert_int_eq (st.st_blocks, 0);
  host_file_unref (f);
  ck_assert_uint_eq (fsyncs, 1);

  /* An existing file is not touched, not even through a dangling link. */
  ck_assert (host_file_create (&o, 1) == NULL);
  ck_assert_int_eq (errno, EEXIST);
  ck_assert (stat ("new", &st) == 0 && st.st_size == 1 << 20);
  ck_assert (symlink ("target", "dangling") == 0);
  ck_assert (host_file_create (
               &(struct host_file_options){ .path = "dangling" }, 1) == NULL);
  ck_assert (access ("target", F_OK) == -1);
}
END_TEST

START_TEST (failed_creation_leaves_nothing)
{
  const struct host_file_options o = { .path = "new" };

  ftruncate_errno = EFBIG;
  ck_assert (host_file_create (&o, 1 << 20) == NULL);
  ck_assert_int_eq (errno, EFBIG);
  ck_assert (log_memory_contains ("create: new: size 1048576"));
  ftruncate_errno = 0;
  ck_assert (access ("new", F_OK) == -1);
  ck_assert (host_file_create (&o, UINT64_MAX) == NULL);
  ck_assert (access ("new", F_OK) == -1);

  fsync_errno = EIO;
  ck_assert (host_file_create (&o, 1 << 20) == NULL);
  ck_assert_int_eq (errno, EIO);
  ck_assert (log_memory_contains ("create: new: sync of its directory"));
  ck_assert (access ("new", F_OK) == -1);
}
END_TEST

/* Not every file system can sync one. */
START_TEST (creates_where_directories_have_no_sync)
{
  const struct host_file_options o = { .path = "new" };
  struct host_file *f;

  fsync_errno = EINVAL;
  f = host_file_create (&o, 1 << 20);
  ck_assert (f != NULL);
  host_file_unref (f);
}
END_TEST

/* ------------------------------------------------------------------ */
/* Locks */

/* Which bytes others would find locked: those of 100 to 103 as bits 0 to
 * 3, those of 200 to 203 as bits 4 to 7.
 */
static unsigned
locked_bytes (void)
{
  const int fd = open (path, O_RDONLY);
  unsigned r = 0;

  for (unsigned i = 0; i < 8; i++) {
    struct flock l = { .l_type = F_WRLCK,
                       .l_start = (i < 4 ? 100 : 200) + i % 4,
                       .l_len = 1 };

    ck_assert (__real_fcntl (fd, F_OFD_GETLK, &l) == 0);
    if (l.l_type != F_UNLCK)
      r |= 1u << i;
  }
  close (fd);
  return r;
}

#define READER 0xa1 /* 100; 201, 203 */
#define WRITER 0xeb /* 100, 101, 103; 201, 202, 203 */

static void
lock_ok (struct host_file *f, bool writer)
{
  ck_assert_int_eq (host_file_lock (f, writer), 0);
}

static void
lock_busy (struct host_file *f, bool writer)
{
  log_memory_clear ();
  ck_assert_int_eq (host_file_lock (f, writer), -1);
  ck_assert_int_eq (errno, EBUSY);
  ck_assert (log_memory_contains (path));
  ck_assert (log_memory_contains ("lock=false"));
}

START_TEST (lock_bytes)
{
  struct host_file *f = open_disk ();

  ck_assert_uint_eq (locked_bytes (), 0);
  lock_ok (f, false);
  ck_assert_uint_eq (locked_bytes (), READER);
  lock_ok (f, true);
  ck_assert_uint_eq (locked_bytes (), WRITER);
  lock_ok (f, false);
  ck_assert_uint_eq (locked_bytes (), WRITER);
  host_file_unlock (f, true);
  ck_assert_uint_eq (locked_bytes (), READER);
  host_file_unlock (f, false);
  ck_assert_uint_eq (locked_bytes (), READER);
  host_file_unlock (f, false);
  ck_assert_uint_eq (locked_bytes (), 0);
  lock_ok (f, true);
  host_file_unref (f);
  ck_assert_uint_eq (locked_bytes (), 0);
}
END_TEST

START_TEST (locks_out)
{
  struct host_file *a = open_disk (), *b = open_disk ();

  lock_ok (a, true);
  lock_busy (b, true);
  lock_busy (b, false);
  ck_assert_uint_eq (locked_bytes (), WRITER);
  host_file_unlock (a, true);

  lock_ok (a, false);
  lock_ok (b, false);
  /* Neither can become a writer, and both stay readers. */
  lock_busy (a, true);
  lock_busy (b, true);
  ck_assert_uint_eq (locked_bytes (), READER);
  host_file_unlock (b, false);
  lock_ok (a, true);
  ck_assert_uint_eq (locked_bytes (), WRITER);
  lock_busy (b, false);

  host_file_unref (a);
  lock_ok (b, true);
  host_file_unref (b);
}
END_TEST

/* Whichever byte cannot be had, what was held before is held after. */
START_TEST (lock_failure_restores)
{
  struct host_file *f = open_disk ();

  for (int byte = 100; byte < 204; byte = byte == 103 ? 200 : byte + 1) {
    lock_fails_on = byte;
    lock_errno = EIO;
    (void) host_file_lock (f, true);
    if (locked_bytes () == WRITER) /* not one that is touched */
      host_file_unlock (f, true);
    ck_assert_uint_eq (locked_bytes (), 0);

    lock_errno = 0;
    lock_ok (f, false);
    lock_errno = EIO;
    if (host_file_lock (f, true) == 0)
      host_file_unlock (f, true);
    ck_assert_uint_eq (locked_bytes (), READER);
    host_file_unlock (f, false);
    ck_assert_uint_eq (locked_bytes (), 0);
  }
  lock_errno = 0;
  host_file_unref (f);
}
END_TEST

START_TEST (locks_unsupported)
{
  const int errors[] = { EINVAL, ENOLCK, ENOSYS, EOPNOTSUPP };
  const struct host_file_options o = { .path = path, .no_lock = true };
  struct host_file *f = open_disk ();

  lock_fails_on = -1;
  for (size_t i = 0; i < ARRAY_SIZE (errors); i++) {
    log_memory_clear ();
    lock_errno = errors[i];
    ck_assert_int_eq (host_file_lock (f, false), -1);
    ck_assert_int_eq (errno, EOPNOTSUPP);
    ck_assert (log_memory_contains ("has no locks; use lock=false"));
  }
  host_file_unref (f);

  f = host_file_open (&o);
  lock_ok (f, true);
  lock_errno = 0;
  ck_assert_uint_eq (locked_bytes (), 0);
  host_file_unref (f);
}
END_TEST

/* An inherited descriptor lives on in who gave it; the lock must not. */
START_TEST (lock_ends_with_us)
{
  const int other = open (path, O_RDWR);
  const struct host_file_options o = { .path = path, .fd = dup (other) };
  struct host_file *f = host_file_open (&o);

  lock_ok (f, true);
  ck_assert_uint_eq (locked_bytes (), WRITER);
  host_file_unref (f);
  ck_assert_uint_eq (locked_bytes (), 0);
  close (other);
}
END_TEST

/* ------------------------------------------------------------------ */
/* Durability */

struct syncer {
  pthread_t thread;
  struct host_file *f;
  int r, err;
  atomic_bool returned;
};

static void *
sync_thread (void *p)
{
  struct syncer *s = p;

  s->r = host_file_sync (s->f, &s->err);
  atomic_store (&s->returned, true);
  return NULL;
}

static void
start_sync (struct syncer *s, struct host_file *f)
{
  *s = (struct syncer){ .f = f };
  ck_assert (pthread_create (&s->thread, NULL, sync_thread, s) == 0);
}

static void
wait_for_syncs (int n)
{
  while (atomic_load (&syncs) < n)
    usleep (1000);
}

/* Those who come while one is running are not served by it, but all by
 * the next.
 */
START_TEST (sync_is_shared)
{
  struct host_file *f = open_disk ();
  struct syncer first, late[8];

  atomic_store (&syncs, 0);
  atomic_store (&sync_blocks, true);
  start_sync (&first, f);
  wait_for_syncs (1);
  for (size_t i = 0; i < ARRAY_SIZE (late); i++)
    start_sync (&late[i], f);
  usleep (50000);
  ck_assert_int_eq (atomic_load (&syncs), 1);
  atomic_store (&sync_blocks, false);

  pthread_join (first.thread, NULL);
  ck_assert_int_eq (first.r, 0);
  for (size_t i = 0; i < ARRAY_SIZE (late); i++) {
    pthread_join (late[i].thread, NULL);
    ck_assert_int_eq (late[i].r, 0);
  }
  /* Two, unless a thread was so slow that it came after the second. */
  ck_assert_int_ge (atomic_load (&syncs), 2);
  ck_assert_int_le (atomic_load (&syncs), 2 + (int) ARRAY_SIZE (late) / 2);
  host_file_unref (f);
}
END_TEST

START_TEST (late_sync_waits_for_its_own)
{
  struct host_file *f = open_disk ();
  struct syncer first, second;

  atomic_store (&syncs, 0);
  atomic_store (&sync_blocks, true);
  start_sync (&first, f);
  wait_for_syncs (1);
  start_sync (&second, f);
  usleep (20000);
  ck_assert (!atomic_load (&second.returned));
  atomic_store (&sync_blocks, false);
  pthread_join (first.thread, NULL);
  pthread_join (second.thread, NULL);
  ck_assert_int_eq (atomic_load (&syncs), 2);
  host_file_unref (f);
}
END_TEST

START_TEST (failed_sync_is_kept)
{
  struct host_file *f = open_disk ();
  int err = 0;

  atomic_store (&syncs, 0);
  ck_assert_int_eq (host_file_sync (f, &err), 0);
  ck_assert (!host_file_sync_has_failed (f));
  atomic_store (&syncs_failing, 1);
  ck_assert_int_eq (host_file_sync (f, &err), -1);
  ck_assert_int_eq (err, EIO);
  ck_assert (log_memory_contains ("fdatasync: "));
  ck_assert (host_file_sync_has_failed (f));

  /* The kernel would say that all is well now. */
  for (int i = 0; i < 3; i++) {
    log_memory_clear ();
    err = 0;
    ck_assert_int_eq (host_file_sync (f, &err), -1);
    ck_assert_int_eq (err, EIO);
    ck_assert (log_memory_contains ("an earlier one failed"));
  }
  ck_assert_int_eq (atomic_load (&syncs), 2);
  host_file_unref (f);
}
END_TEST

/* Who waits behind one that fails is told, too. */
START_TEST (failed_sync_tells_all)
{
  struct host_file *f = open_disk ();
  struct syncer first, late[4];

  atomic_store (&syncs, 0);
  atomic_store (&sync_blocks, true);
  atomic_store (&syncs_failing, 1);
  start_sync (&first, f);
  wait_for_syncs (1);
  for (size_t i = 0; i < ARRAY_SIZE (late); i++)
    start_sync (&late[i], f);
  usleep (20000);
  atomic_store (&sync_blocks, false);
  pthread_join (first.thread, NULL);
  ck_assert_int_eq (first.r, -1);
  for (size_t i = 0; i < ARRAY_SIZE (late); i++) {
    pthread_join (late[i].thread, NULL);
    ck_assert_int_eq (late[i].r, -1);
    ck_assert_int_eq (late[i].err, EIO);
  }
  ck_assert_int_eq (atomic_load (&syncs), 1);
  host_file_unref (f);
}
END_TEST

START_TEST (failure_told_from_outside)
{
  struct host_file *f = open_disk ();
  struct syncer first;
  int err;

  host_file_sync_set_failed (f);
  ck_assert (host_file_sync_has_failed (f));
  ck_assert_int_eq (host_file_sync (f, &err), -1);
  host_file_unref (f);

  /* One that is running then cannot be trusted. */
  f = open_disk ();
  atomic_store (&syncs, 0);
  atomic_store (&sync_blocks, true);
  start_sync (&first, f);
  wait_for_syncs (1);
  host_file_sync_set_failed (f);
  atomic_store (&sync_blocks, false);
  pthread_join (first.thread, NULL);
  ck_assert_int_eq (first.r, -1);
  ck_assert_int_eq (first.err, EIO);
  host_file_unref (f);
}
END_TEST

START_TEST (errno_for_clients)
{
  ck_assert_int_eq (host_file_errno (ENOSPC), ENOSPC);
  ck_assert_int_eq (host_file_errno (EDQUOT), ENOSPC);
  ck_assert_int_eq (host_file_errno (EFBIG), ENOSPC);
  ck_assert_int_eq (host_file_errno (EROFS), EPERM);
  ck_assert_int_eq (host_file_errno (EPERM), EPERM);
  ck_assert_int_eq (host_file_errno (ENOMEM), ENOMEM);
  ck_assert_int_eq (host_file_errno (EINVAL), EIO);
  ck_assert_int_eq (host_file_errno (EACCES), EIO);
  ck_assert_int_eq (host_file_errno (0), EIO);
}
END_TEST

int
main (void)
{
  const TTest *const tests[] = {
    opens,
    opens_read_only,
    refuses_what_is_no_disk,
    directory_has_no_way_out,
    takes_descriptors,
    creates,
    failed_creation_leaves_nothing,
    creates_where_directories_have_no_sync,
    lock_bytes,
    locks_out,
    lock_failure_restores,
    locks_unsupported,
    lock_ends_with_us,
    sync_is_shared,
    late_sync_waits_for_its_own,
    failed_sync_is_kept,
    failed_sync_tells_all,
    failure_told_from_outside,
    errno_for_clients,
  };
  Suite *suite = suite_create ("host-file");
  TCase *c = test_case (suite, "host-file");

  tcase_add_checked_fixture (c, set_up, tear_down);
  for (size_t i = 0; i < ARRAY_SIZE (tests); i++)
    tcase_add_test (c, tests[i]);
  return test_run (suite);
}
