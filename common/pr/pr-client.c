/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See pr-client.h.
 */

#include <config.h>

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "control/control-socket.h"
#include "pr/pr-client.h"
#include "pr/pr-wire.h"

struct pr_client {
  char *path; /* for messages */
  int fd;
  unsigned timeout; /* milliseconds */
};

static int
send_all (struct pr_client *c, const void *p, size_t n)
{
  if (control_send (c->fd, p, n, control_now () + c->timeout, -1) == 0)
    return 0;
  log_error ("%s: %m", c->path);
  return -1;
}

static int
receive_all (struct pr_client *c, void *p, size_t n)
{
  const uint64_t deadline = control_now () + c->timeout;

  while (n > 0) {
    const ssize_t r = recv (c->fd, p, n, 0);

    if (r > 0) {
      p = (char *) p + r;
      n -= (size_t) r;
    }
    else if (r == 0 || (errno != EAGAIN && errno != EINTR)) {
      log_error ("%s: the server closed the connection", c->path);
      return -1;
    }
    else if (errno == EAGAIN &&
             control_wait (c->fd, POLLIN, deadline, -1) == -1) {
      log_error ("%s: the server does not answer", c->path);
      return -1;
    }
  }
  return 0;
}

static int
greet (struct pr_client *c, const char *initiator)
{
  uint8_t greeting[PR_GREETING_MAX];
  be32 offer;

  if (receive_all (c, &offer, sizeof offer) == -1)
    return -1;
  if (initiator != NULL && !(be32_get (offer) & PR_FEATURE_INITIATOR)) {
    log_error ("%s: clients cannot choose which initiator they are there",
               c->path);
    return -1;
  }
  return send_all (c, greeting, pr_greeting_serialise (initiator, greeting));
}

struct pr_client *
pr_client_connect (const char *path, const char *initiator,
                   unsigned milliseconds)
{
  struct pr_client *c = calloc (1, sizeof *c);

  if (c == NULL || (c->path = strdup (path)) == NULL) {
    free (c);
    log_error ("%s: %m", path);
    return NULL;
  }
  c->timeout = milliseconds;
  c->fd = control_connect (path, control_now () + milliseconds);
  if (c->fd != -1 && greet (c, initiator) == 0)
    return c;
  pr_client_close (c);
  return NULL;
}

int
pr_client_ask (struct pr_client *c, const uint8_t cdb[PR_CDB_SIZE],
               const uint8_t *list, size_t list_size, uint8_t *data,
               size_t size, struct pr_answer *a)
{
  struct pr_reply_disk reply;

  if (send_all (c, cdb, PR_CDB_SIZE) == -1 ||
      send_all (c, list, list_size) == -1 ||
      receive_all (c, &reply, sizeof reply) == -1)
    return -1;
  *a = (struct pr_answer){ .status = (uint8_t) be32_get (reply.status),
                           .count = be32_get (reply.count) };
  memcpy (a->sense, reply.sense, sizeof a->sense);
  if (a->count > size) {
    log_error ("%s: the server answers with %zu bytes, more than the %zu that "
               "it was asked for",
               c->path, a->count, size);
    return -1;
  }
  return receive_all (c, data, a->count);
}

void
pr_client_close (struct pr_client *c)
{
  if (c == NULL)
    return;
  if (c->fd != -1)
    close (c->fd);
  free (c->path);
  free (c);
}
