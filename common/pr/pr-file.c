/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See pr-file.h.  Invariant: the file that has the name is locked by us,
 * through `fd', from before it gets the name.
 */

#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "pr/pr-file.h"
#include "reservation/reservation-file.h"

/* How often another file may come to have the name while we lock one. */
#define LOCK_TRIES 10

/* What a file holds. */
struct image {
  size_t n;
  uint8_t bytes[RESERVATION_FILE_MAX];
};

struct pr_file {
  char *path;        /* for messages */
  char *name, *next; /* in the folder: of the file, and of the one to be */
  int folder, fd;
  bool known;         /* SAVED is certainly what is on stable storage */
  struct image saved; /* the last that was, or nothing */
};

/* ------------------------------------------------------------------ */
/* Writing */

static int
write_all (int fd, const uint8_t *p, size_t n)
{
  while (n > 0) {
    const ssize_t r = write (fd, p, n);

    if (r == -1 && errno != EINTR)
      return -1;
    if (r > 0) {
      p += r;
      n -= (size_t) r;
    }
  }
  return 0;
}

/* A file with IMAGE, durable and locked, that has the other name yet. */
static int
write_next (const struct pr_file *f, const struct image *image)
{
  CLEANUP_CLOSE int fd =
    openat (f->folder, f->next, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

  if (fd == -1 || flock (fd, LOCK_EX | LOCK_NB) == -1 ||
      write_all (fd, image->bytes, image->n) == -1 || fsync (fd) == -1)
    return -1;
  return steal_fd (&fd);
}

/* As pr_file_save; without a message. */
static int
replace (struct pr_file *f, const struct image *image)
{
  const int fd = write_next (f, image);
  int saved;

  if (fd == -1 || renameat (f->folder, f->next, f->folder, f->name) == -1) {
    saved = errno;
    if (fd != -1)
      close (fd);
    unlinkat (f->folder, f->next, 0);
    errno = saved;
    return -1;
  }
  close (f->fd);
  f->fd = fd;
  f->known = fsync (f->folder) == 0;
  return f->known ? 0 : -1;
}

int
pr_file_save (struct pr_file *f, const struct reservation *r)
{
  struct image image;

  image.n = reservation_file_serialise (r, image.bytes);
  if (f->known && image.n == f->saved.n &&
      memcmp (image.bytes, f->saved.bytes, image.n) == 0)
    return 0;
  if (replace (f, &image) == -1) {
    const int saved = errno;

    log_error ("%s: reservations cannot be kept: %m", f->path);
    /* The new one may have got the name, and must not come back. */
    if (!f->known && f->saved.n > 0)
      replace (f, &f->saved);
    errno = saved;
    return -1;
  }
  f->saved.n = image.n;
  memcpy (f->saved.bytes, image.bytes, image.n);
  return 0;
}

/* ------------------------------------------------------------------ */
/* Opening */

/* 1 if FD has the name and is locked, 0 if something else has the name by
 * now, -1 after log_error.
 */
static int
try_lock (const struct pr_file *f, int fd)
{
  struct stat ours, there;

  if (flock (fd, LOCK_EX | LOCK_NB) == -1) {
    if (errno == EWOULDBLOCK) {
      errno = EBUSY;
      log_error ("%s: another server keeps its reservations there", f->path);
    }
    else
      log_error ("%s: %m", f->path);
    return -1;
  }
  if (fstat (fd, &ours) == -1) {
    log_error ("%s: %m", f->path);
    return -1;
  }
  if (!S_ISREG (ours.st_mode)) {
    errno = EINVAL;
    log_error ("%s: is not a regular file", f->path);
    return -1;
  }
  return fstatat (f->folder, f->name, &there, AT_SYMLINK_NOFOLLOW) == 0 &&
         ours.st_dev == there.st_dev && ours.st_ino == there.st_ino;
}

static int
open_locked (struct pr_file *f)
{
  for (unsigned i = 0; i < LOCK_TRIES; i++) {
    CLEANUP_CLOSE int fd =
      openat (f->folder, f->name,
              O_RDONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
    int r;

    if (fd == -1) {
      log_error ("%s: %m", f->path);
      return -1;
    }
    r = try_lock (f, fd);
    if (r == 1)
      f->fd = steal_fd (&fd);
    if (r != 0)
      return r == 1 ? 0 : -1;
  }
  errno = EBUSY;
  log_error ("%s: other servers replace it all the time", f->path);
  return -1;
}

/* An empty file was just made, by us or by one that came no further. */
static int
load (struct pr_file *f, struct reservation *r)
{
  uint8_t bytes[RESERVATION_FILE_MAX + 1];
  const ssize_t n = pread (f->fd, bytes, sizeof bytes, 0);
  enum reservation_file_status status;

  memset (r, 0, sizeof *r);
  if (n == -1) {
    log_error ("%s: %m", f->path);
    return -1;
  }
  if (n > 0) {
    status = reservation_file_parse (bytes, (size_t) n, r);
    if (status != RESERVATION_FILE_OK) {
      errno = EINVAL;
      log_error ("%s: %s", f->path, reservation_file_status_string (status));
      return -1;
    }
  }
  /* Also finds out whether it can be written. */
  return pr_file_save (f, r);
}

static int
set_names (struct pr_file *f, const char *path)
{
  CLEANUP_FREE char *copy = strdup (path);

  f->path = strdup (path);
  if (copy == NULL || f->path == NULL ||
      (f->name = strdup (basename (copy))) == NULL ||
      asprintf (&f->next, "%s.new", f->name) == -1) {
    errno = ENOMEM;
    return -1;
  }
  return 0;
}

static int
open_folder (struct pr_file *f)
{
  CLEANUP_FREE char *copy = strdup (f->path);

  if (copy == NULL)
    return -1;
  f->folder = open (dirname (copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  return f->folder == -1 ? -1 : 0;
}

struct pr_file *
pr_file_open (const char *path, struct reservation *r)
{
  struct pr_file *f = calloc (1, sizeof *f);
  int saved;

  if (f == NULL) {
    log_error ("%s: %m", path);
    return NULL;
  }
  f->folder = f->fd = -1;
  if (set_names (f, path) == -1 || open_folder (f) == -1)
    log_error ("%s: %m", path);
  else if (open_locked (f) == 0 && load (f, r) == 0)
    return f;
  saved = errno;
  pr_file_close (f);
  errno = saved;
  return NULL;
}

void
pr_file_close (struct pr_file *f)
{
  if (f == NULL)
    return;
  if (f->fd != -1)
    close (f->fd);
  if (f->folder != -1)
    close (f->folder);
  free (f->path);
  free (f->name);
  free (f->next);
  free (f);
}
