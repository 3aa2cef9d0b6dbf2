/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See pr-socket.h.  What is received with recv comes without descriptors:
 * the kernel closes them.
 */

#include <config.h>

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/log.h"
#include "control/control-server.h"
#include "control/control-socket.h"
#include "pr/pr-socket.h"
#include "pr/pr-wire.h"
#include "reservation/reservation-scsi.h"

#define DEFAULT_TIMEOUT 5000 /* milliseconds */

struct pr_socket {
  struct control_server *server;
  struct pr_target *target;
  char *initiator; /* or NULL */
  unsigned timeout;
};

/* One client. */
struct session {
  const struct pr_socket *socket;
  int fd, stop;
  char initiator[RESERVATION_NAME_MAX + 1];
  size_t n; /* received, and not used yet */
  uint8_t received[PR_REQUEST_MAX];
  struct {
    struct pr_reply_disk head;
    uint8_t data[PR_DATA_MAX];
  } reply;
};

/* ------------------------------------------------------------------ */

/* 0, or -1 if nothing more will come. */
static int
receive (struct session *s, uint64_t deadline)
{
  for (;;) {
    const ssize_t n =
      recv (s->fd, s->received + s->n, sizeof s->received - s->n, 0);

    if (n > 0) {
      s->n += (size_t) n;
      return 0;
    }
    if (n == 0 || (errno != EAGAIN && errno != EINTR))
      return -1;
    if (errno == EAGAIN &&
        control_wait (s->fd, POLLIN, deadline, s->stop) == -1)
      return -1;
  }
}

/* The first N bytes have been dealt with. */
static void
consume (struct session *s, size_t n)
{
  s->n -= n;
  memmove (s->received, s->received + n, s->n);
}

static uint64_t
deadline_of (const struct session *s)
{
  return control_now () + s->socket->timeout;
}

static int
reply (struct session *s, const void *p, size_t n)
{
  return control_send (s->fd, p, n, deadline_of (s), s->stop);
}

static int
complain (const struct session *s, enum pr_wire_status status)
{
  log_debug ("%s: a client %s", control_server_path (s->socket->server),
             pr_wire_status_string (status));
  return -1;
}

/* ------------------------------------------------------------------ */

static int
set_user (struct session *s)
{
  struct ucred cred;
  socklen_t len = sizeof cred;

  if (getsockopt (s->fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) == -1)
    return -1;
  snprintf (s->initiator, sizeof s->initiator, "uid:%u", cred.uid);
  return 0;
}

static int
greet (struct session *s)
{
  const struct pr_socket *socket = s->socket;
  const uint32_t features =
    socket->initiator == NULL ? PR_FEATURE_INITIATOR : 0;
  const be32 offer = be32_put (features);
  const uint64_t deadline = deadline_of (s);
  enum pr_wire_status status;
  struct pr_greeting g;

  if (reply (s, &offer, sizeof offer) == -1)
    return -1;
  while ((status = pr_greeting_parse (s->received, s->n, features, &g)) ==
         PR_WIRE_INCOMPLETE) {
    if (receive (s, deadline) == -1)
      return complain (s, status);
  }
  if (status != PR_WIRE_OK)
    return complain (s, status);
  consume (s, g.size);
  if (socket->initiator == NULL && g.initiator[0] == '\0')
    return set_user (s);
  strcpy (s->initiator,
          socket->initiator != NULL ? socket->initiator : g.initiator);
  return 0;
}

static int
answer (struct session *s, const struct pr_wire_request *r)
{
  struct pr_target *t = s->socket->target;
  struct pr_answer a;

  if (r->cdb[0] == RESERVATION_OUT_OPCODE)
    t->ops->pr_out (t, s->initiator, r->cdb, r->list, r->list_size, &a);
  else
    t->ops->pr_in (t, s->initiator, r->cdb, s->reply.data, sizeof s->reply.data,
                   &a);
  s->reply.head.status = be32_put (a.status);
  s->reply.head.count = be32_put ((uint32_t) a.count);
  memcpy (s->reply.head.sense, a.sense, sizeof a.sense);
  return reply (s, &s->reply, sizeof s->reply.head + a.count);
}

/* One request.  -1: the client is gone, or should be. */
static int
serve_request (struct session *s)
{
  uint64_t deadline = s->n > 0 ? deadline_of (s) : CONTROL_FOREVER;
  enum pr_wire_status status;
  struct pr_wire_request r;

  while ((status = pr_wire_request_parse (s->received, s->n, &r)) ==
         PR_WIRE_INCOMPLETE) {
    if (receive (s, deadline) == -1)
      return s->n > 0 ? complain (s, status) : -1;
    if (deadline == CONTROL_FOREVER)
      deadline = deadline_of (s);
  }
  if (status != PR_WIRE_OK)
    return complain (s, status);
  if (answer (s, &r) == -1)
    return -1;
  consume (s, r.size);
  return 0;
}

static void
serve (void *opaque, int fd, int stop)
{
  struct session *s = malloc (sizeof *s);

  if (s == NULL) {
    log_error ("pr: %m");
    return;
  }
  s->socket = opaque;
  s->fd = fd;
  s->stop = stop;
  s->n = 0;
  if (greet (s) == 0) {
    while (serve_request (s) == 0)
      ;
  }
  free (s);
}

/* ------------------------------------------------------------------ */

struct pr_socket *
pr_socket_bind (const char *path, const char *name, struct pr_target *t)
{
  struct pr_socket *s = calloc (1, sizeof *s);
  int saved;

  if (s == NULL || (name != NULL && (s->initiator = strdup (name)) == NULL)) {
    free (s);
    errno = ENOMEM;
    log_error ("%s: %m", path);
    return NULL;
  }
  s->target = t;
  s->timeout = DEFAULT_TIMEOUT;
  s->server = control_server_bind (path, serve, s, "");
  if (s->server != NULL)
    return s;
  saved = errno;
  free (s->initiator);
  free (s);
  errno = saved;
  return NULL;
}

void
pr_socket_set_timeout (struct pr_socket *s, unsigned milliseconds)
{
  s->timeout = milliseconds;
}

int
pr_socket_start (struct pr_socket *s)
{
  int err;

  if (control_server_start (s->server, &err) == 0)
    return 0;
  log_error ("%s: %s", control_server_path (s->server), strerror (err));
  return -1;
}

void
pr_socket_close (struct pr_socket *s)
{
  if (s == NULL)
    return;
  control_server_close (s->server);
  free (s->initiator);
  free (s);
}
