/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See host-file.h.  Invariants:
 *
 * 1. Only regular files and block devices are ever opened, and the twin
 *    is of the same inode as the first descriptor.
 * 2. The lock that is held is the one that the counts ask for, unless
 *    locks are off.
 */

#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "store/file-lock.h"
#include "store/file-sync.h"
#include "store/host-file.h"

struct host_file {
  atomic_uint refs;
  char *path;
  int fd;
  int direct_fd; /* or -1 */
  bool writable;
  bool block_device;
  bool no_lock;

  pthread_mutex_t lock; /* of the three below */
  unsigned readers, writers;
  enum file_lock_mode held;

  struct file_sync sync;
};

/* ------------------------------------------------------------------ */
/* Opening */

/* Is NAME a name of something directly inside a directory? */
static bool
is_one_component (const char *name)
{
  return name[0] != '\0' && strchr (name, '/') == NULL &&
         strcmp (name, ".") != 0 && strcmp (name, "..") != 0;
}

/* Where and how a path is to be opened. */
struct place {
  int dir_fd;
  const char *path;
  int flags; /* more of open's flags */
};

static int
find_place (const struct host_file_options *o, struct place *p)
{
  p->dir_fd = AT_FDCWD;
  p->path = o->path;
  p->flags = O_CLOEXEC | O_NOCTTY;
  if (o->dir_fd <= 0)
    return 0;
  if (!is_one_component (o->path)) {
    log_error ("open: \"%s\" is not the name of a file in the directory",
               o->path);
    errno = EINVAL;
    return -1;
  }
  p->dir_fd = o->dir_fd;
  p->flags |= O_NOFOLLOW;
  return 0;
}

static int
check_type (const char *path, mode_t mode)
{
  if (S_ISREG (mode) || S_ISBLK (mode))
    return 0;
  if (S_ISDIR (mode)) {
    log_error ("open: %s: is a directory", path);
    errno = EISDIR;
  }
  else {
    log_error ("open: %s: is neither a regular file nor a block device", path);
    errno = EINVAL;
  }
  return -1;
}

/* Would it be enough to open the file read-only?  (Devices that are
 * mounted are EBUSY for writers if the kernel is told to protect them.)
 */
static bool
is_no_permission (int e)
{
  return e == EACCES || e == EPERM || e == EROFS || e == ETXTBSY || e == EBUSY;
}

/* Open P for reading and, if possible, for writing.  -1 with errno. */
static int
open_either (const struct place *p, int flags, bool *writable)
{
  int fd = openat (p->dir_fd, p->path, O_RDWR | p->flags | flags);

  *writable = fd >= 0;
  if (fd == -1 && is_no_permission (errno)) {
    if (errno == EBUSY)
      log_error ("open: %s: is in use, and nobody may write to it meanwhile; "
                 "opening it read-only",
                 p->path);
    else
      log_debug ("open: %s: %m; opening it read-only", p->path);
    fd = openat (p->dir_fd, p->path, O_RDONLY | p->flags | flags);
  }
  return fd;
}

/* Open the file that is at O's path.  A FIFO could block and opening a
 * device could have effects, so look first.  Should a file turn into a
 * FIFO after that, O_NONBLOCK keeps us from waiting for its other end.
 */
static int
open_path (struct host_file *f, const struct host_file_options *o)
{
  struct place p;
  struct stat st;
  int flags = 0;

  if (find_place (o, &p) == -1)
    return -1;
  if (fstatat (p.dir_fd, p.path, &st,
               p.flags & O_NOFOLLOW ? AT_SYMLINK_NOFOLLOW : 0) == -1) {
    log_error ("open: %s: %m", o->path);
    return -1;
  }
  if (check_type (o->path, st.st_mode) == -1)
    return -1;
  if (S_ISREG (st.st_mode))
    flags = O_NONBLOCK;

  f->fd = open_either (&p, flags, &f->writable);
  if (f->fd == -1 && errno == EWOULDBLOCK) /* somebody has a lease on it */
    f->fd = open_either (&p, flags = 0, &f->writable);
  if (f->fd == -1 || (flags != 0 && fcntl (f->fd, F_SETFL, 0) == -1)) {
    log_error ("open: %s: %m", o->path);
    return -1;
  }
  return 0;
}

/* Use the descriptor that O gives, if it is of use. */
static int
adopt_fd (struct host_file *f, const struct host_file_options *o)
{
  const int flags = fcntl (o->fd, F_GETFL);
  const char *why = NULL;

  if (flags == -1 || fcntl (o->fd, F_SETFD, FD_CLOEXEC) == -1) {
    log_error ("%s: %m", o->path);
    return -1;
  }
  if (flags & O_PATH)
    why = "O_PATH";
  else if ((flags & O_ACCMODE) == O_WRONLY)
    why = "O_WRONLY";
  else if (flags & O_APPEND)
    why = "O_APPEND";
  else if (flags & O_DIRECT)
    why = "O_DIRECT";
  if (why != NULL) {
    log_error ("%s: must not have been opened with %s", o->path, why);
    errno = EINVAL;
    return -1;
  }
  f->fd = o->fd;
  f->writable = (flags & O_ACCMODE) == O_RDWR;
  return 0;
}

/* Is FD open on the same inode as F? */
static bool
is_same_inode (const struct host_file *f, int fd)
{
  struct stat a, b;

  return fstat (f->fd, &a) == 0 && fstat (fd, &b) == 0 &&
         a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

/* Open the same file again, for O_DIRECT.  By the first descriptor, so
 * that it is the same file whatever happened to its name meanwhile; the
 * name is for systems without /proc.
 */
static int
open_twin (struct host_file *f, const struct host_file_options *o)
{
  const int flags = (f->writable ? O_RDWR : O_RDONLY) | O_DIRECT | O_CLOEXEC;
  char self[64];
  struct place p;

  snprintf (self, sizeof self, "/proc/self/fd/%d", f->fd);
  f->direct_fd = open (self, flags);
  if (f->direct_fd == -1 && errno == ENOENT && o->fd <= 0) {
    if (find_place (o, &p) == -1)
      return -1;
    f->direct_fd = openat (p.dir_fd, p.path, flags | p.flags);
    if (f->direct_fd >= 0 && !is_same_inode (f, f->direct_fd)) {
      log_error ("open: %s: was replaced meanwhile", o->path);
      errno = ESTALE;
      return -1;
    }
  }
  if (f->direct_fd == -1) {
    if (errno == EINVAL)
      log_error ("open: %s: its file system has no O_DIRECT", o->path);
    else
      log_error ("open: %s: O_DIRECT: %m", o->path);
    return -1;
  }
  return 0;
}

static struct host_file *
new_file (const struct host_file_options *o)
{
  struct host_file *f = calloc (1, sizeof *f);

  if (f == NULL || (f->path = strdup (o->path)) == NULL) {
    free (f);
    errno = ENOMEM;
    log_error ("open: %s: %m", o->path);
    return NULL;
  }
  f->refs = 1;
  f->fd = f->direct_fd = -1;
  f->no_lock = o->no_lock;
  pthread_mutex_init (&f->lock, NULL);
  file_sync_init (&f->sync);
  return f;
}

static void
free_file (struct host_file *f)
{
  const int saved = errno;

  /* An inherited descriptor may live on elsewhere, and with it the lock. */
  if (f->held != FILE_LOCK_NONE)
    file_lock_change (f->fd, f->held, FILE_LOCK_NONE);
  if (f->direct_fd >= 0)
    close (f->direct_fd);
  if (f->fd >= 0)
    close (f->fd);
  file_sync_fini (&f->sync);
  pthread_mutex_destroy (&f->lock);
  free (f->path);
  free (f);
  errno = saved;
}

/* The descriptor is open: see what it is and complete F. */
static int
complete (struct host_file *f, const struct host_file_options *o)
{
  struct stat st;
  int read_only;

  if (fstat (f->fd, &st) == -1) {
    log_error ("fstat: %s: %m", o->path);
    return -1;
  }
  if (check_type (o->path, st.st_mode) == -1)
    return -1;
  f->block_device = S_ISBLK (st.st_mode);
  /* A read-only device can be opened for writing, and then not written. */
  if (f->block_device && ioctl (f->fd, BLKROGET, &read_only) == 0 && read_only)
    f->writable = false;
  return o->direct ? open_twin (f, o) : 0;
}

struct host_file *
host_file_open (const struct host_file_options *o)
{
  struct host_file *f = new_file (o);

  if (f == NULL)
    return NULL;
  if ((o->fd > 0 ? adopt_fd (f, o) : open_path (f, o)) == 0 &&
      complete (f, o) == 0)
    return f;
  if (o->fd > 0)
    f->fd = -1; /* still the caller's */
  free_file (f);
  return NULL;
}

/* The directory that PATH is in, to be freed; NULL with errno set. */
static char *
directory_of (const char *path)
{
  const char *slash = strrchr (path, '/');

  if (slash == NULL)
    return strdup (".");
  return strndup (path, slash == path ? 1 : (size_t) (slash - path));
}

/* Some file systems know no sync of directories. */
static int
sync_directory (int fd, const char *path)
{
  if (fd != -1 && (fsync (fd) == 0 || errno == EINVAL || errno == ENOTSUP))
    return 0;
  log_error ("create: %s: sync of its directory: %m", path);
  return -1;
}

int
host_file_sync_name (const char *path)
{
  CLEANUP_FREE char *dir = directory_of (path);
  CLEANUP_CLOSE int fd = -1;

  if (dir != NULL)
    fd = open (dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  return sync_directory (fd, path);
}

static int
sync_new_name (const struct place *p)
{
  return p->dir_fd == AT_FDCWD ? host_file_sync_name (p->path) :
                                 sync_directory (p->dir_fd, p->path);
}

struct host_file *
host_file_create (const struct host_file_options *o, uint64_t size)
{
  struct host_file *f;
  struct place p;
  int saved;

  if (size > INT64_MAX) {
    errno = EFBIG;
    log_error ("create: %s: %m", o->path);
    return NULL;
  }
  if (find_place (o, &p) == -1 || (f = new_file (o)) == NULL)
    return NULL;
  f->writable = true;
  f->fd = openat (p.dir_fd, p.path, O_RDWR | O_CREAT | O_EXCL | p.flags, 0666);
  if (f->fd == -1) {
    log_error ("create: %s: %m", o->path);
    free_file (f);
    return NULL;
  }
  if (ftruncate (f->fd, (off_t) size) == -1)
    log_error ("create: %s: size %llu: %m", o->path, (unsigned long long) size);
  else if (complete (f, o) == 0 && sync_new_name (&p) == 0)
    return f;
  saved = errno;
  unlinkat (p.dir_fd, p.path, 0);
  free_file (f);
  errno = saved;
  return NULL;
}

/* ------------------------------------------------------------------ */
/* References and properties */

struct host_file *
host_file_ref (struct host_file *f)
{
  atomic_fetch_add_explicit (&f->refs, 1, memory_order_relaxed);
  return f;
}

void
host_file_unref (struct host_file *f)
{
  if (f != NULL &&
      atomic_fetch_sub_explicit (&f->refs, 1, memory_order_acq_rel) == 1)
    free_file (f);
}

int
host_file_fd (const struct host_file *f)
{
  return f->fd;
}

int
host_file_direct_fd (const struct host_file *f)
{
  return f->direct_fd;
}

const char *
host_file_path (const struct host_file *f)
{
  return f->path;
}

bool
host_file_is_writable (const struct host_file *f)
{
  return f->writable;
}

bool
host_file_is_block_device (const struct host_file *f)
{
  return f->block_device;
}

int64_t
host_file_size (const struct host_file *f)
{
  struct stat st;
  uint64_t size;

  if (f->block_device)
    return ioctl (f->fd, BLKGETSIZE64, &size) == -1 ? -1 : (int64_t) size;
  return fstat (f->fd, &st) == -1 ? -1 : (int64_t) st.st_size;
}

/* ------------------------------------------------------------------ */
/* Locks */

/* Hold what the counts ask for.  Called with the lock held. */
static int
update_lock (struct host_file *f)
{
  enum file_lock_mode wanted = FILE_LOCK_NONE;

  if (f->no_lock)
    return 0;
  if (f->readers > 0)
    wanted = FILE_LOCK_READER;
  if (f->writers > 0)
    wanted = FILE_LOCK_WRITER;
  if (wanted == f->held)
    return 0;
  if (file_lock_change (f->fd, f->held, wanted) == -1)
    return -1;
  f->held = wanted;
  return 0;
}

static void
log_lock_error (const struct host_file *f, bool writer)
{
  const char *what = writer ? "writing" : "reading";

  if (errno == EBUSY)
    log_error ("lock: %s: cannot be locked for %s: another process is using "
               "it; lock=false is the way to do without",
               f->path, what);
  else if (errno == EOPNOTSUPP)
    log_error ("lock: %s: its file system has no locks; use lock=false",
               f->path);
  else
    log_error ("lock: %s: %m; lock=false is the way to do without", f->path);
}

int
host_file_lock (struct host_file *f, bool writer)
{
  unsigned *const count = writer ? &f->writers : &f->readers;

  LOCK_SCOPE (&f->lock);
  ++*count;
  if (update_lock (f) == -1) {
    --*count;
    log_lock_error (f, writer);
    return -1;
  }
  return 0;
}

/* A weaker lock is always granted: what it needs is held already. */
void
host_file_unlock (struct host_file *f, bool writer)
{
  unsigned *const count = writer ? &f->writers : &f->readers;

  LOCK_SCOPE (&f->lock);
  --*count;
  if (update_lock (f) == -1)
    log_debug ("unlock: %s: %m", f->path);
}

/* ------------------------------------------------------------------ */
/* Durability */

int
host_file_errno (int e)
{
  switch (e) {
  case ENOSPC:
  case EDQUOT:
  case EFBIG:
    return ENOSPC;
  case EPERM:
  case EROFS:
    return EPERM;
  case ENOMEM:
    return ENOMEM;
  default:
    return EIO;
  }
}

int
host_file_sync (struct host_file *f, int *err)
{
  switch (file_sync (&f->sync, f->fd)) {
  case FILE_SYNC_DONE:
    return 0;
  case FILE_SYNC_FAILED:
    *err = host_file_errno (errno);
    log_error ("fdatasync: %s: %m; what was written since the last flush may "
               "be lost",
               f->path);
    return -1;
  default:
    *err = EIO;
    log_error ("flush: %s: fails because an earlier one failed: what it was to "
               "make durable may be lost",
               f->path);
    return -1;
  }
}

void
host_file_sync_announce (struct host_file *f)
{
  file_sync_announce (&f->sync);
}

void
host_file_sync_arrive (struct host_file *f)
{
  file_sync_arrive (&f->sync);
}

void
host_file_sync_set_failed (struct host_file *f)
{
  file_sync_set_failed (&f->sync);
}

bool
host_file_sync_has_failed (struct host_file *f)
{
  return file_sync_has_failed (&f->sync);
}

int
host_file_append (void *opaque, const void *buf, size_t count, uint64_t offset,
                  int *err)
{
  const struct host_file *f = opaque;
  const ssize_t n = pwrite (f->fd, buf, count, (off_t) offset);
  const int e = n == -1 ? errno : ENOSPC;

  if (n == (ssize_t) count)
    return 0;
  /* A part of it must not stay. */
  if (n > 0 && ftruncate (f->fd, (off_t) offset) == -1)
    log_debug ("ftruncate: %s: %m", f->path);
  *err = host_file_errno (e);
  return -1;
}
