/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See new-file.h.
 */

#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "new-file.h"

/* The folder that PATH is in. */
static char *
folder_of (const char *path)
{
  const char *slash = strrchr (path, '/');

  if (slash == NULL)
    return strdup (".");
  return strndup (path, slash == path ? 1 : (size_t) (slash - path));
}

/* An open file without a name, or -1 if there can be none. */
static int
open_nameless (const char *path)
{
  CLEANUP_FREE char *folder = folder_of (path);

  return folder != NULL ? open (folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0666) :
                          -1;
}

int
new_file_create (struct new_file *n, const char *path)
{
  struct host_file_options o = { .path = path };
  struct stat st;

  memset (n, 0, sizeof *n);
  n->path = path;
  if (lstat (path, &st) == 0) {
    errno = EEXIST;
    log_error ("create: %s: %m", path);
    return -1;
  }
  o.fd = open_nameless (path);
  if (o.fd == -1) {
    n->file = host_file_create (&o, 0);
    n->named = n->file != NULL;
  }
  else if ((n->file = host_file_open (&o)) == NULL)
    close (o.fd);
  return n->file != NULL ? 0 : -1;
}

/* By its descriptor: that needs no privilege, but /proc. */
static int
link_nameless (const struct new_file *n)
{
  const int fd = host_file_fd (n->file);
  char self[64];

  snprintf (self, sizeof self, "/proc/self/fd/%d", fd);
  if (linkat (AT_FDCWD, self, AT_FDCWD, n->path, AT_SYMLINK_FOLLOW) == 0)
    return 0;
  if (errno != ENOENT)
    return -1;
  return linkat (fd, "", AT_FDCWD, n->path, AT_EMPTY_PATH);
}

int
new_file_publish (struct new_file *n)
{
  if (!n->named && link_nameless (n) == -1) {
    log_error ("create: %s: %m", n->path);
    return -1;
  }
  n->named = true;
  if (host_file_sync_name (n->path) == -1)
    return -1;
  n->named = false; /* no longer ours to remove */
  return 0;
}

void
new_file_end (struct new_file *n)
{
  const int saved = errno;

  if (n->named)
    unlink (n->path);
  n->named = false;
  host_file_unref (n->file);
  n->file = NULL;
  errno = saved;
}
