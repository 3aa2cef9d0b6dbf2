/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See server.h.
 */

#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "model/server.h"

#define ARGS_MAX 48
#define PASSED_FD 9
#define PATIENCE 120 /* seconds */

static void
nap (void)
{
  const struct timespec ts = { .tv_nsec = 5 * 1000 * 1000 };

  nanosleep (&ts, NULL);
}

/* nbdkit, which is the wrapper of the build tree in the PATH. */
static pid_t
spawn (char *const *args, const char *log, int fd)
{
  const pid_t pid = fork ();
  int out;

  if (pid != 0)
    return pid;
  prctl (PR_SET_PDEATHSIG, SIGKILL);
  out = open (log, O_WRONLY | O_CREAT | O_APPEND, 0666);
  dup2 (out, STDOUT_FILENO);
  dup2 (out, STDERR_FILENO);
  close (STDIN_FILENO);
  open ("/dev/null", O_RDONLY);
  if (fd != -1)
    dup2 (fd, PASSED_FD);
  execvp (args[0], args);
  fprintf (stderr, "%s: %s\n", args[0], strerror (errno));
  _exit (127);
}

static int
wait_for (pid_t pid)
{
  int status;

  while (waitpid (pid, &status, 0) == -1) {
    if (errno != EINTR) {
      perror ("model: waitpid");
      exit (EXIT_FAILURE);
    }
  }
  return status;
}

bool
server_is_possible (char *const *args)
{
  char *argv[ARGS_MAX];
  unsigned n = 0;

  argv[n++] = (char *) "nbdkit";
  while (*args != NULL && n < ARGS_MAX - 2)
    argv[n++] = *args++;
  argv[n++] = (char *) "--version";
  argv[n] = NULL;
  return wait_for (spawn (argv, "/dev/null", -1)) == 0;
}

static void
path_in (const struct server *s, const char *name, char *path, size_t size)
{
  snprintf (path, size, "%s/%s", s->dir, name);
}

void
server_show_log (const struct server *s)
{
  char path[640], line[4096];
  FILE *f;

  path_in (s, "log", path, sizeof path);
  f = fopen (path, "r");
  if (f == NULL)
    return;
  fprintf (stderr, "--- the server's messages\n");
  while (fgets (line, sizeof line, f) != NULL)
    fputs (line, stderr);
  fprintf (stderr, "---\n");
  fclose (f);
}

static void
die (struct server *s, const char *what)
{
  server_show_log (s);
  fprintf (stderr, "model: %s\n", what);
  exit (EXIT_FAILURE);
}

/* nbdkit writes its process id when it listens. */
static void
wait_for_pidfile (struct server *s, const char *pidfile)
{
  const time_t end = time (NULL) + PATIENCE;

  while (access (pidfile, F_OK) == -1) {
    int status;

    if (waitpid (s->pid, &status, WNOHANG) == s->pid)
      die (s, "the server did not start");
    if (time (NULL) > end)
      die (s, "the server does not listen");
    nap ();
  }
}

void
server_start (struct server *s, char *const *args, int fd)
{
  char log[640], pidfile[640];
  char *argv[ARGS_MAX] = { (char *) "nbdkit", (char *) "-f", (char *) "-U",
                           s->socket,         (char *) "-P", pidfile };
  unsigned n = 6;

  path_in (s, "log", log, sizeof log);
  path_in (s, "pid", pidfile, sizeof pidfile);
  path_in (s, "sock", s->socket, sizeof s->socket);
  unlink (log);
  unlink (pidfile);
  unlink (s->socket);
  while (*args != NULL && n < ARGS_MAX - 1)
    argv[n++] = *args++;
  argv[n] = NULL;
  s->pid = spawn (argv, log, fd);
  if (s->pid == -1)
    die (s, "fork failed");
  wait_for_pidfile (s, pidfile);
}

void
server_stop (struct server *s)
{
  const time_t end = time (NULL) + PATIENCE;
  int status;

  kill (s->pid, SIGTERM);
  while (waitpid (s->pid, &status, WNOHANG) == 0) {
    if (time (NULL) > end)
      die (s, "the server does not end");
    nap ();
  }
  if (status != 0)
    die (s, "the server ended badly");
}

void
server_kill (struct server *s)
{
  int status;

  kill (s->pid, SIGKILL);
  status = wait_for (s->pid);
  if (!WIFSIGNALED (status) || WTERMSIG (status) != SIGKILL)
    die (s, "the server had ended by itself");
}
