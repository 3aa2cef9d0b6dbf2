/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A folder of a test's own, which becomes the current one, and what is
 * made in it.
 */

#ifndef DISKSTACK_TEST_TEMP_DIR_H
#define DISKSTACK_TEST_TEMP_DIR_H

#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct temp_dir {
  char path[PATH_MAX]; /* real */
};

static inline void
temp_dir_create (struct temp_dir *t)
{
  char name[] = "/tmp/diskstack-test-XXXXXX";

  if (mkdtemp (name) == NULL || realpath (name, t->path) == NULL ||
      chdir (t->path) == -1) {
    perror (name);
    abort ();
  }
}

static inline int
temp_dir_remove_one (const char *path, const struct stat *st, int type,
                     struct FTW *ftw)
{
  return remove (path);
}

static inline void
temp_dir_remove (struct temp_dir *t)
{
  if (chdir ("/") == -1 ||
      nftw (t->path, temp_dir_remove_one, 16, FTW_DEPTH | FTW_PHYS) == -1)
    abort ();
}

/* A file with TEXT in it. */
static inline void
temp_dir_file (const char *path, const char *text)
{
  const int fd = open (path, O_WRONLY | O_CREAT | O_EXCL, 0600);

  if (fd == -1 || write (fd, text, strlen (text)) != (ssize_t) strlen (text)) {
    perror (path);
    abort ();
  }
  close (fd);
}

static inline void
temp_dir_folder (const char *path)
{
  if (mkdir (path, 0700) == -1) {
    perror (path);
    abort ();
  }
}

static inline void
temp_dir_link (const char *to, const char *path)
{
  if (symlink (to, path) == -1) {
    perror (path);
    abort ();
  }
}

#endif /* DISKSTACK_TEST_TEMP_DIR_H */
