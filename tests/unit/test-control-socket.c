/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The file of a control socket: made, refused, replaced, removed.
 */

#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/align.h"
#include "control-fixture.h"
#include "control/control-socket.h"
#include "control/control.h"
#include "support/log-memory.h"
#include "support/main.h"

/* What the last one said. */
static void
refused (const char *where, int expected, const char *text)
{
  struct control *c;

  log_memory_clear ();
  errno = 0;
  c = control_bind (where);
  ck_assert_int_eq (errno, expected);
  ck_assert_ptr_null (c);
  ck_assert_uint_eq (log_memory_errors (), 1);
  ck_assert_msg (log_memory_contains (text), "%s", text);
}

START_TEST (made_and_removed)
{
  struct control *c;
  struct stat st;
  mode_t before = umask (0);

  c = control_bind ("socket");
  ck_assert_ptr_nonnull (c);
  umask (before);
  ck_assert_str_eq (control_path (c), path);
  ck_assert_int_eq (lstat (path, &st), 0);
  ck_assert (S_ISSOCK (st.st_mode));
  ck_assert_int_eq (st.st_mode & 07777, 0600);
  /* As a server does. */
  ck_assert_int_eq (chdir ("/"), 0);
  control_close (c);
  ck_assert_int_eq (lstat (path, &st), -1);
  ck_assert_int_eq (errno, ENOENT);
}
END_TEST

START_TEST (in_use)
{
  struct control *c = control_bind (path);
  int err;

  ck_assert_ptr_nonnull (c);
  refused ("socket", EADDRINUSE, "another server has this socket");
  ck_assert_int_eq (control_start (c, &err), 0);
  refused (path, EADDRINUSE, "another server has this socket");
  control_close (c);
  c = control_bind (path);
  ck_assert_ptr_nonnull (c);
  control_close (c);
}
END_TEST

/* A socket that was bound and that nobody has open. */
static void
leave_behind (void)
{
  const struct sockaddr_un a = address ();
  const int fd = socket (AF_UNIX, SOCK_STREAM, 0);

  ck_assert_int_eq (bind (fd, (const struct sockaddr *) &a, sizeof a), 0);
  close (fd);
}

START_TEST (stale)
{
  struct control *c;

  leave_behind ();
  c = control_bind (path);
  ck_assert_ptr_nonnull (c);
  control_close (c);
  ck_assert_int_eq (access (path, F_OK), -1);
}
END_TEST

START_TEST (not_a_socket)
{
  const int fd = open (path, O_CREAT | O_WRONLY, 0600);

  close (fd);
  refused (path, EADDRINUSE, "not a socket");
  ck_assert_int_eq (access (path, F_OK), 0);
}
END_TEST

START_TEST (no_such_place)
{
  char longer[200];

  refused ("there/is/none", ENOENT, "No such file");
  refused ("", ENOENT, "1 to 107 bytes");
  memset (longer, 'x', sizeof longer);
  longer[120] = '\0';
  refused (longer, ENAMETOOLONG, "1 to 107 bytes");
}
END_TEST

/* Who stops must not remove what another one made. */
START_TEST (replaced)
{
  struct control *c = control_bind (path), *other;

  ck_assert_ptr_nonnull (c);
  ck_assert_int_eq (rename ("socket", "moved"), 0);
  other = control_bind (path);
  ck_assert_ptr_nonnull (other);
  control_close (c);
  ck_assert_int_eq (access (path, F_OK), 0);
  control_close (other);
  ck_assert_int_eq (access (path, F_OK), -1);
  ck_assert_int_eq (unlink ("moved"), 0);
}
END_TEST

static int
answer (void *opaque, const char *arguments, struct buffer *out)
{
  buffer_puts (out, "from the child\n");
  return 0;
}

/* As a server does that goes into the background: what starts it ends. */
START_TEST (forked)
{
  struct control *c = control_bind ("socket");
  struct buffer out = { NULL };
  int stop[2], status, err;
  pid_t pid;
  char byte;

  ck_assert_ptr_nonnull (c);
  ck_assert_int_eq (pipe (stop), 0);
  pid = fork ();
  ck_assert_int_ge (pid, 0);
  if (pid == 0) {
    close (stop[1]);
    if (chdir ("/") == -1 || control_add (c, "who", answer, NULL) == -1 ||
        control_start (c, &err) == -1 || read (stop[0], &byte, 1) != 0)
      _exit (1);
    control_close (c);
    _exit (0);
  }
  ck_assert_int_eq (control_ask (path, "who", 50000, &out), 0);
  ck_assert_str_eq (buffer_text (&out), "from the child\n");
  buffer_fini (&out);
  close (stop[1]);
  ck_assert_int_eq (waitpid (pid, &status, 0), pid);
  ck_assert_int_eq (status, 0);
  ck_assert_int_eq (access (path, F_OK), -1);
  control_close (c); /* has nothing to remove */
}
END_TEST

static void
ask_fails (int expected, const char *text)
{
  struct buffer out = { NULL };
  int r;

  log_memory_clear ();
  r = control_ask (path, "status", 300, &out);
  ck_assert_int_eq (errno, expected);
  ck_assert_int_eq (r, -1);
  ck_assert_uint_eq (log_memory_errors (), 1);
  ck_assert_msg (log_memory_contains (text), "%s", text);
  buffer_fini (&out);
}

START_TEST (nobody_there)
{
  struct control *c;

  ask_fails (ENOENT, "No such file");
  leave_behind ();
  ask_fails (ECONNREFUSED, "no server listens there any more");
  ck_assert_int_eq (unlink (path), 0);
  c = control_bind (path); /* and is never started */
  ask_fails (ETIMEDOUT, "does not answer");
  control_close (c);
}
END_TEST

int
main (void)
{
  const TTest *const tests[] = {
    made_and_removed, in_use,   stale,        not_a_socket,
    no_such_place,    replaced, nobody_there, forked,
  };
  Suite *suite = suite_create ("control-socket");
  TCase *c = test_case (suite, "control-socket");

  tcase_add_checked_fixture (c, set_up, tear_down);
  for (size_t i = 0; i < ARRAY_SIZE (tests); i++)
    tcase_add_test (c, tests[i]);
  return test_run (suite);
}
