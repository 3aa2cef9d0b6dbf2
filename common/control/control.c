/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The server of a control socket.  One thread accepts; each client has
 * one of a fixed number of places, with a thread while it is there.  All
 * of them wait with poll, and the event descriptor `stop', once readable,
 * stays so and ends every wait.
 *
 * Locks: `lock' is for the handlers.  The places belong to the thread
 * that accepts, but for `done', by which a client's thread says that it
 * can be joined.
 */

#include <config.h>

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "control/control-impl.h"
#include "control/control-request.h"
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

struct client {
  struct control *control;
  pthread_t thread;
  int fd;
  bool used; /* there is a thread to join */
  atomic_bool done;
};

struct control {
  struct control_socket socket;
  int stop;
  unsigned timeout;
  bool started;
  pthread_t thread; /* accepts */
  struct client client[CONTROL_CLIENTS];
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
receive_request (struct control *c, int fd, struct control_request *r,
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
      if (control_wait (fd, POLLIN, deadline, c->stop) == -1) {
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

static void *
client_main (void *opaque)
{
  struct client *client = opaque;
  struct control *c = client->control;
  struct buffer out = { NULL };
  struct control_request r;
  enum control_status status;
  int failed = 0;

  status = receive_request (c, client->fd, &r, &failed);
  if (status == CONTROL_OK)
    answer (c, &r, &out);
  else if (failed == ETIMEDOUT)
    refuse (&out, "the request took too long", "");
  else if (failed == 0)
    refuse (&out, "the request ", control_status_string (status));
  if (control_send (client->fd, buffer_text (&out), out.len,
                    control_now () + c->timeout, c->stop) == -1)
    log_debug ("%s: a client does not take its answer: %m", c->socket.path);
  buffer_fini (&out);
  close (client->fd);
  atomic_store_explicit (&client->done, true, memory_order_release);
  return NULL;
}

/* ------------------------------------------------------------------ */
/* The thread that accepts */

/* Signals are for the threads of the server that knows of them. */
static int
start_thread (pthread_t *thread, void *(*fn) (void *), void *opaque)
{
  sigset_t all, before;
  int r;

  sigfillset (&all);
  pthread_sigmask (SIG_SETMASK, &all, &before);
  r = pthread_create (thread, NULL, fn, opaque);
  pthread_sigmask (SIG_SETMASK, &before, NULL);
  return r;
}

static void
join_client (struct client *client)
{
  if (client->used)
    pthread_join (client->thread, NULL);
  client->used = false;
}

/* A place that is free, or whose client is done.  NULL: none. */
static struct client *
free_place (struct control *c)
{
  for (unsigned i = 0; i < CONTROL_CLIENTS; i++) {
    struct client *client = &c->client[i];

    if (client->used &&
        !atomic_load_explicit (&client->done, memory_order_acquire))
      continue;
    join_client (client);
    return client;
  }
  return NULL;
}

static void
serve (struct control *c, int fd)
{
  static const char busy[] = CONTROL_ERROR "too many clients at once\n";
  struct client *client = free_place (c);

  if (client != NULL) {
    client->control = c;
    client->fd = fd;
    atomic_store_explicit (&client->done, false, memory_order_relaxed);
    client->used = start_thread (&client->thread, client_main, client) == 0;
    if (client->used)
      return;
  }
  send (fd, busy, strlen (busy), MSG_NOSIGNAL);
  close (fd);
}

static void *
control_main (void *opaque)
{
  struct control *c = opaque;

  while (control_wait (c->socket.fd, POLLIN, CONTROL_FOREVER, c->stop) == 1) {
    const int fd =
      accept4 (c->socket.fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

    if (fd != -1)
      serve (c, fd);
    /* Out of descriptors or memory: the client is still there, and poll
     * would return at once.
     */
    else if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED &&
             control_wait (-1, 0, control_now () + 100, c->stop) == -1 &&
             errno == ECANCELED)
      break;
  }
  return NULL;
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
  c->stop = eventfd (0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (c->stop == -1) {
    log_error ("%s: eventfd: %m", path);
    free (c);
    return NULL;
  }
  if (control_socket_bind (&c->socket, path) == -1) {
    const int saved = errno;

    close (c->stop);
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
  return c->socket.path;
}

void
control_set_timeout (struct control *c, unsigned milliseconds)
{
  c->timeout = milliseconds;
}

int
control_start (struct control *c, int *err)
{
  *err = start_thread (&c->thread, control_main, c);
  if (*err != 0)
    return -1;
  c->started = true;
  return 0;
}

void
control_close (struct control *c)
{
  if (c == NULL)
    return;
  eventfd_write (c->stop, 1);
  if (c->started)
    pthread_join (c->thread, NULL);
  for (unsigned i = 0; i < CONTROL_CLIENTS; i++)
    join_client (&c->client[i]);
  control_socket_close (&c->socket);
  close (c->stop);
  pthread_cond_destroy (&c->ended);
  pthread_mutex_destroy (&c->lock);
  free (c);
}
