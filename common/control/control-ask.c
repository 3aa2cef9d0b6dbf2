/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The client's side of a control socket, and what both sides need to
 * never wait for ever.
 */

#include <config.h>

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "base/align.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "control/control-impl.h"
#include "control/control-socket.h"

/* More than any server of ours says. */
#define ANSWER_MAX (64u << 20)

uint64_t
control_now (void)
{
  return clock_ns () / CLOCK_MILLISECOND;
}

int
control_wait (int fd, short events, uint64_t deadline, int stop)
{
  struct pollfd p[2] = { { .fd = fd, .events = events },
                         { .fd = stop, .events = POLLIN } };

  for (;;) {
    const uint64_t now = deadline == CONTROL_FOREVER ? 0 : control_now ();
    const int timeout = deadline == CONTROL_FOREVER ?
                          -1 :
                          (int) (deadline - min_u64 (deadline, now));

    if (poll (p, 2, timeout) == -1) {
      if (errno != EINTR)
        return -1;
      continue;
    }
    if (p[1].revents != 0) {
      errno = ECANCELED;
      return -1;
    }
    if (p[0].revents != 0)
      return 1;
    if (timeout == 0) {
      errno = ETIMEDOUT;
      return -1;
    }
  }
}

int
control_send (int fd, const void *bytes, size_t n, uint64_t deadline, int stop)
{
  const char *p = bytes;

  while (n > 0) {
    const ssize_t r = send (fd, p, n, MSG_NOSIGNAL);

    if (r >= 0) {
      p += r;
      n -= (size_t) r;
    }
    else if (errno == EAGAIN) {
      if (control_wait (fd, POLLOUT, deadline, stop) == -1)
        return -1;
    }
    else if (errno != EINTR)
      return -1;
  }
  return 0;
}

int
control_connect (const char *path, uint64_t deadline)
{
  CLEANUP_CLOSE int fd = -1;
  struct sockaddr_un a;

  if (control_address (path, &a) == -1)
    return -1;
  fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd == -1) {
    log_error ("%s: %m", path);
    return -1;
  }
  while (connect (fd, (const struct sockaddr *) &a, sizeof a) == -1) {
    if (errno == EINTR)
      continue;
    /* Too many wait in line, and nothing says when it gets shorter. */
    if (errno == EAGAIN && control_now () < deadline) {
      poll (NULL, 0, 10);
      continue;
    }
    if (errno == ECONNREFUSED)
      log_error ("%s: no server listens there any more", path);
    else if (errno == EAGAIN)
      log_error ("%s: the server does not answer", path);
    else
      log_error ("%s: %m", path);
    return -1;
  }
  return steal_fd (&fd);
}

static int
send_request (int fd, const char *path, const char *request, uint64_t deadline)
{
  struct buffer line = { NULL };
  int r;

  buffer_printf (&line, "%s\n", request);
  r = buffer_failed (&line) ?
        (errno = ENOMEM, -1) :
        control_send (fd, buffer_text (&line), line.len, deadline, -1);
  /* A server that has no time for us has said so, and gone on. */
  if (r == -1 && (errno == EPIPE || errno == ECONNRESET))
    r = 0;
  if (r == -1)
    log_error ("%s: %m", path);
  buffer_fini (&line);
  return r;
}

static int
receive_answer (int fd, const char *path, uint64_t deadline, struct buffer *out)
{
  char piece[16384];
  ssize_t n;

  for (;;) {
    n = recv (fd, piece, sizeof piece, 0);
    if (n > 0) {
      buffer_add (out, piece, (size_t) n);
      if (buffer_failed (out)) {
        errno = ENOMEM;
        log_error ("%s: the answer is too long", path);
        return -1;
      }
    }
    else if (n == 0 || errno == ECONNRESET)
      return 0;
    else if (errno == EAGAIN) {
      if (control_wait (fd, POLLIN, deadline, -1) == -1) {
        log_error ("%s: the server does not answer", path);
        return -1;
      }
    }
    else if (errno != EINTR) {
      log_error ("%s: %m", path);
      return -1;
    }
  }
}

/* Was it told what it asked for? */
static int
check_answer (const char *path, const char *answer, size_t n)
{
  if (n == 0 || answer[n - 1] != '\n') {
    log_error ("%s: the server ended before its answer was complete", path);
    errno = EPIPE;
    return -1;
  }
  if (strncmp (answer, CONTROL_ERROR, strlen (CONTROL_ERROR)) == 0) {
    log_error ("%s: the server says: %.*s", path,
               (int) (n - 1 - strlen (CONTROL_ERROR)),
               answer + strlen (CONTROL_ERROR));
    errno = EPROTO;
    return -1;
  }
  return 0;
}

int
control_ask (const char *path, const char *request, unsigned milliseconds,
             struct buffer *out)
{
  const uint64_t deadline =
    milliseconds == 0 ? CONTROL_FOREVER : control_now () + milliseconds;
  const size_t before = out->len;
  CLEANUP_CLOSE int fd = control_connect (path, deadline);

  if (fd == -1)
    return -1;
  if (out->max == 0)
    out->max = ANSWER_MAX;
  if (send_request (fd, path, request, deadline) == -1 ||
      receive_answer (fd, path, deadline, out) == -1)
    return -1;
  return check_answer (path, buffer_text (out) + before, out->len - before);
}
