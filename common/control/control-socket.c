/* SPDX-License-Identifier: BSD-3-Clause
 *
 * How a server gets its socket.  A file that is there already belongs to
 * a server that runs, which is told by connecting to it, or is what a
 * dead one left behind, which is removed.  Between the two looks another
 * server may do the same; so all of it is done under a lock of the
 * folder, as far as that can be had.
 */

#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "control/control-impl.h"
#include "control/control-socket.h"

/* A folder that somebody keeps locked must not keep us from starting. */
#define LOCK_TRIES 100
#define LOCK_PAUSE 10 /* milliseconds */

static char *
absolute (const char *path)
{
  CLEANUP_FREE char *cwd = NULL;
  char *r;

  if (path[0] == '/')
    return strdup (path);
  cwd = getcwd (NULL, 0);
  if (cwd == NULL || asprintf (&r, "%s/%s", cwd, path) == -1)
    return NULL;
  return r;
}

int
control_address (const char *path, struct sockaddr_un *a)
{
  memset (a, 0, sizeof *a);
  a->sun_family = AF_UNIX;
  if (path[0] == '\0' || strlen (path) >= sizeof a->sun_path) {
    errno = path[0] == '\0' ? ENOENT : ENAMETOOLONG;
    log_error ("%s: the path of a socket has 1 to %zu bytes, and this has %zu",
               path, sizeof a->sun_path - 1, strlen (path));
    return -1;
  }
  memcpy (a->sun_path, path, strlen (path));
  return 0;
}

/* The folder of PATH, locked; -1 if it cannot be. */
static int
lock_folder (const char *path)
{
  CLEANUP_FREE char *copy = strdup (path);
  CLEANUP_CLOSE int fd = -1;

  if (copy == NULL)
    return -1;
  fd = open (dirname (copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd == -1)
    return -1;
  for (unsigned i = 0; i < LOCK_TRIES; i++) {
    if (flock (fd, LOCK_EX | LOCK_NB) == 0)
      return steal_fd (&fd);
    if (errno != EWOULDBLOCK)
      return -1;
    poll (NULL, 0, LOCK_PAUSE);
  }
  return -1;
}

/* Does nobody listen at A?  What is there may go then. */
static bool
is_stale (const struct sockaddr_un *a)
{
  CLEANUP_CLOSE int fd = -1;
  struct stat st;

  if (lstat (a->sun_path, &st) == -1)
    return errno == ENOENT;
  if (!S_ISSOCK (st.st_mode)) {
    log_error ("%s: is there already, and not a socket", a->sun_path);
    return false;
  }
  fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd == -1) {
    log_error ("%s: %m", a->sun_path);
    return false;
  }
  if (connect (fd, (const struct sockaddr *) a, sizeof *a) == 0 ||
      errno == EAGAIN) /* it has much to do */
    log_error ("%s: another server has this socket", a->sun_path);
  else if (errno == ECONNREFUSED || errno == ENOENT)
    return true;
  else
    log_error ("%s: %m", a->sun_path);
  return false;
}

static int
bind_and_listen (int fd, const struct sockaddr_un *a)
{
  if (bind (fd, (const struct sockaddr *) a, sizeof *a) == -1) {
    if (errno != EADDRINUSE) {
      log_error ("%s: %m", a->sun_path);
      return -1;
    }
    if (!is_stale (a)) {
      errno = EADDRINUSE;
      return -1;
    }
    log_debug ("%s: replacing the socket of a server that is gone",
               a->sun_path);
    unlink (a->sun_path);
    if (bind (fd, (const struct sockaddr *) a, sizeof *a) == -1) {
      log_error ("%s: %m", a->sun_path);
      return -1;
    }
  }
  if (listen (fd, SOMAXCONN) == -1) {
    log_error ("%s: %m", a->sun_path);
    unlink (a->sun_path);
    return -1;
  }
  return 0;
}

int
control_socket_bind (struct control_socket *s, const char *path)
{
  CLEANUP_FREE char *full = absolute (path);
  CLEANUP_CLOSE int fd = -1, folder = -1;
  struct sockaddr_un a;
  struct stat st;

  if (full == NULL) {
    log_error ("%s: %m", path);
    return -1;
  }
  if (control_address (path[0] != '\0' ? full : path, &a) == -1)
    return -1;
  fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  /* The file gets the mode of the socket, so it never has a wider one
   * (and the umask, which is of the whole process, is left alone).
   */
  if (fd == -1 || fchmod (fd, 0600) == -1) {
    log_error ("%s: %m", path);
    return -1;
  }
  folder = lock_folder (full);
  if (bind_and_listen (fd, &a) == -1)
    return -1;
  if (lstat (full, &st) == -1) {
    log_error ("%s: %m", full);
    unlink (full);
    return -1;
  }
  s->device = st.st_dev;
  s->inode = st.st_ino;
  s->path = steal_ptr (&full);
  s->fd = steal_fd (&fd);
  return 0;
}

void
control_socket_close (struct control_socket *s)
{
  struct stat st;

  if (lstat (s->path, &st) == 0 && st.st_dev == s->device &&
      st.st_ino == s->inode && unlink (s->path) == -1)
    log_debug ("%s: cannot be removed: %m", s->path);
  close (s->fd);
  free (s->path);
}
