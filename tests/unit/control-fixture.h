/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A folder of its own for sockets, and raw clients of a control socket.
 */

#ifndef DISKSTACK_TEST_CONTROL_FIXTURE_H
#define DISKSTACK_TEST_CONTROL_FIXTURE_H

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static char dir[64], path[80];

static inline void
set_up (void)
{
  snprintf (dir, sizeof dir, "/tmp/diskstack-XXXXXX");
  ck_assert_ptr_nonnull (mkdtemp (dir));
  snprintf (path, sizeof path, "%s/socket", dir);
  ck_assert_int_eq (chdir (dir), 0);
}

static inline void
tear_down (void)
{
  unlink (path);
  ck_assert_int_eq (rmdir (dir), 0); /* nothing was left behind */
}

static inline struct sockaddr_un
address (void)
{
  struct sockaddr_un a = { .sun_family = AF_UNIX };

  memcpy (a.sun_path, path, strlen (path));
  return a;
}

/* A connection that blocks. */
static inline int
raw_connect (void)
{
  const struct sockaddr_un a = address ();
  const int fd = socket (AF_UNIX, SOCK_STREAM, 0);

  ck_assert_int_ge (fd, 0);
  ck_assert_int_eq (connect (fd, (const struct sockaddr *) &a, sizeof a), 0);
  return fd;
}

/* Until the server closes; FD is closed. */
static inline void
raw_read (int fd, char *answer, size_t size)
{
  size_t n = 0;
  ssize_t r;

  while (n < size - 1 && (r = recv (fd, answer + n, size - 1 - n, 0)) > 0)
    n += (size_t) r;
  answer[n] = '\0';
  close (fd);
}

/* What the server says to N bytes and nothing more. */
static inline void
raw_ask (const void *bytes, size_t n, char *answer, size_t size)
{
  const int fd = raw_connect ();

  send (fd, bytes, n, MSG_NOSIGNAL);
  shutdown (fd, SHUT_WR);
  raw_read (fd, answer, size);
}

#endif /* DISKSTACK_TEST_CONTROL_FIXTURE_H */
