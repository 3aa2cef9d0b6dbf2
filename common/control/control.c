/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The requests of a control socket, and who answers them.  The lock is for
 * the handlers; threads and clients are control-server.h's.
 */

#include <config.h>

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "control/control-impl.h"
#include "control/control-request.h"
#include "control/control-server.h"
#include "control/control-socket.h"
#include "control/control.h"

#define DEFAULT_TIMEOUT 5000 /* milliseconds */

struct handler {
  const char *name; /* NULL: none */
  control_fn fn;
  void *opaque;
  unsigned running;
  bool leaving; /* is being removed */
};

struct control {
  struct control_server *server;
  unsigned timeout; /* milliseconds */
  pthread_mutex_t lock;
  pthread_cond_t ended; /* a handler */
  struct handler handler[CONTROL_HANDLERS];
};

/* ------------------------------------------------------------------ */
/* Handlers */

/* With the lock.  NULL: there is none. */
static struct handler *
find_handler (struct control *c, const char *name)
{
  for (unsigned i = 0; i < CONTROL_HANDLERS; i++) {
    struct handler *h = &c->handler[i];

    if (h->name != NULL && strcmp (h->name, name) == 0)
      return h;
  }
  return NULL;
}

int
control_add (struct control *c, const char *name, control_fn fn, void *opaque)
{
  LOCK_SCOPE (&c->lock);
  if (find_handler (c, name) != NULL) {
    errno = EEXIST;
    return -1;
  }
  for (unsigned i = 0; i < CONTROL_HANDLERS; i++) {
    if (c->handler[i].name != NULL)
      continue;
    c->handler[i] =
      (struct handler){ .name = name, .fn = fn, .opaque = opaque };
    return 0;
  }
  errno = ENOSPC;
  return -1;
}

void
control_remove (struct control *c, const char *name)
{
  struct handler *h;

  LOCK_SCOPE (&c->lock);
  h = find_handler (c, name);
  if (h == NULL)
    return;
  h->leaving = true;
  while (h->running > 0)
    pthread_cond_wait (&c->ended, &c->lock);
  h->name = NULL;
}

static struct handler *
begin_handler (struct control *c, const char *name)
{
  struct handler *h;

  LOCK_SCOPE (&c->lock);
  h = find_handler (c, name);
  if (h == NULL || h->leaving)
    return NULL;
  h->running++;
  return h;
}

static void
end_handler (struct control *c, struct handler *h)
{
  LOCK_SCOPE (&c->lock);
  if (--h->running == 0)
    pthread_cond_broadcast (&c->ended);
}

/* What can be asked for, for a person who did not know. */
static void
list_handlers (struct control *c, struct buffer *out)
{
  const char *between = "";

  LOCK_SCOPE (&c->lock);
  for (unsigned i = 0; i < CONTROL_HANDLERS; i++) {
    if (c->handler[i].name == NULL || c->handler[i].leaving)
      continue;
    buffer_printf (out, "%s%s", between, c->handler[i].name);
    between = ", ";
  }
}

/* ------------------------------------------------------------------ */
/* One client */

/* *FAILED is the errno of what kept the client from asking, or stays. */
static enum control_status
receive_request (struct control *c, int fd, int stop, struct control_request *r,
                 int *failed)
{
  const uint64_t deadline = control_now () + c->timeout;
  char line[CONTROL_LINE_MAX];
  enum control_status status;
  size_t n = 0;
  ssize_t got;

  do {
    got = recv (fd, line + n, sizeof line - n, 0);
    if (got == -1 && errno == EAGAIN) {
      if (control_wait (fd, POLLIN, deadline, stop) == -1) {
        *failed = errno;
        return CONTROL_INCOMPLETE;
      }
    }
    else if (got == -1 && errno != EINTR) {
      *failed = errno;
      return CONTROL_INCOMPLETE;
    }
    n += got > 0 ? (size_t) got : 0;
    status = control_request_parse (line, n, r);
  } while (status == CONTROL_INCOMPLETE && got != 0);
  return status;
}

/* Why there is no answer. */
static void
refuse (struct buffer *out, const char *reason, const char *detail)
{
  out->max = 0; /* of the handler */
  buffer_clear (out);
  buffer_printf (out, CONTROL_ERROR "%s%s\n", reason, detail);
}

static void
answer (struct control *c, const struct control_request *r, struct buffer *out)
{
  struct handler *h = begin_handler (c, r->name);
  struct buffer other = { NULL };

  if (h == NULL) {
    list_handlers (c, &other);
    refuse (out, "no such request; there are: ", buffer_text (&other));
  }
  else {
    if (h->fn (h->opaque, r->arguments, out) == -1) {
      buffer_puts (&other, buffer_text (out));
      refuse (out, "", buffer_text (&other));
    }
    else if (buffer_failed (out))
      refuse (out, "out of memory", "");
    end_handler (c, h);
  }
  buffer_fini (&other);
}

static void
serve (void *opaque, int fd, int stop)
{
  struct control *c = opaque;
  struct buffer out = { NULL };
  struct control_request r;
  enum control_status status;
  int failed = 0;

  status = receive_request (c, fd, stop, &r, &failed);
  if (status == CONTROL_OK)
    answer (c, &r, &out);
  else if (failed == ETIMEDOUT)
    refuse (&out, "the request took too long", "");
  else if (failed == 0)
    refuse (&out, "the request ", control_status_string (status));
  if (control_send (fd, buffer_text (&out), out.len,
                    control_now () + c->timeout, stop) == -1)
    log_debug ("%s: a client does not take its answer: %m", control_path (c));
  buffer_fini (&out);
}

/* ------------------------------------------------------------------ */

struct control *
control_bind (const char *path)
{
  struct control *c = calloc (1, sizeof *c);

  if (c == NULL) {
    log_error ("%s: %m", path);
    return NULL;
  }
  c->timeout = DEFAULT_TIMEOUT;
  c->server = control_server_bind (path, serve, c,
                                   CONTROL_ERROR "too many clients at once\n");
  if (c->server == NULL) {
    const int saved = errno;

    free (c);
    errno = saved;
    return NULL;
  }
  pthread_mutex_init (&c->lock, NULL);
  pthread_cond_init (&c->ended, NULL);
  return c;
}

const char *
control_path (const struct control *c)
{
  return control_server_path (c->server);
}

void
control_set_timeout (struct control *c, unsigned milliseconds)
{
  c->timeout = milliseconds;
}

int
control_start (struct control *c, int *err)
{
  return control_server_start (c->server, err);
}

void
control_close (struct control *c)
{
  if (c == NULL)
    return;
  control_server_close (c->server);
  pthread_cond_destroy (&c->ended);
  pthread_mutex_destroy (&c->lock);
  free (c);
}
