/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See control-server.h.  One thread accepts; each client has one of a fixed
 * number of places, with a thread while it is there.  All of them wait with
 * poll, and the event descriptor `stop', once readable, stays so and ends
 * every wait.
 *
 * The places belong to the thread that accepts, but for `done', by which a
 * client's thread says that it can be joined.
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
#include <unistd.h>

#include "base/log.h"
#include "control/control-server.h"
#include "control/control-socket.h"

struct client {
  struct control_server *server;
  pthread_t thread;
  int fd;
  bool used; /* there is a thread to join */
  atomic_bool done;
};

struct control_server {
  struct control_socket socket;
  control_serve_fn fn;
  void *opaque;
  const char *busy;
  int stop;
  bool started;
  pthread_t thread; /* accepts */
  struct client client[CONTROL_CLIENTS];
};

static void *
client_main (void *opaque)
{
  struct client *client = opaque;
  struct control_server *s = client->server;

  s->fn (s->opaque, client->fd, s->stop);
  close (client->fd);
  atomic_store_explicit (&client->done, true, memory_order_release);
  return NULL;
}

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
free_place (struct control_server *s)
{
  for (unsigned i = 0; i < CONTROL_CLIENTS; i++) {
    struct client *client = &s->client[i];

    if (client->used &&
        !atomic_load_explicit (&client->done, memory_order_acquire))
      continue;
    join_client (client);
    return client;
  }
  return NULL;
}

static void
serve (struct control_server *s, int fd)
{
  struct client *client = free_place (s);

  if (client != NULL) {
    client->server = s;
    client->fd = fd;
    atomic_store_explicit (&client->done, false, memory_order_relaxed);
    client->used = start_thread (&client->thread, client_main, client) == 0;
    if (client->used)
      return;
  }
  send (fd, s->busy, strlen (s->busy), MSG_NOSIGNAL);
  close (fd);
}

static void *
server_main (void *opaque)
{
  struct control_server *s = opaque;

  while (control_wait (s->socket.fd, POLLIN, CONTROL_FOREVER, s->stop) == 1) {
    const int fd =
      accept4 (s->socket.fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

    if (fd != -1)
      serve (s, fd);
    /* Out of descriptors or memory: the client is still there, and poll
     * would return at once.
     */
    else if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED &&
             control_wait (-1, 0, control_now () + 100, s->stop) == -1 &&
             errno == ECANCELED)
      break;
  }
  return NULL;
}

struct control_server *
control_server_bind (const char *path, control_serve_fn fn, void *opaque,
                     const char *busy)
{
  struct control_server *s = calloc (1, sizeof *s);

  if (s == NULL) {
    log_error ("%s: %m", path);
    return NULL;
  }
  s->fn = fn;
  s->opaque = opaque;
  s->busy = busy;
  s->stop = eventfd (0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (s->stop == -1) {
    log_error ("%s: eventfd: %m", path);
    free (s);
    return NULL;
  }
  if (control_socket_bind (&s->socket, path) == -1) {
    const int saved = errno;

    close (s->stop);
    free (s);
    errno = saved;
    return NULL;
  }
  return s;
}

const char *
control_server_path (const struct control_server *s)
{
  return s->socket.path;
}

int
control_server_start (struct control_server *s, int *err)
{
  *err = start_thread (&s->thread, server_main, s);
  if (*err != 0)
    return -1;
  s->started = true;
  return 0;
}

void
control_server_close (struct control_server *s)
{
  if (s == NULL)
    return;
  eventfd_write (s->stop, 1);
  if (s->started)
    pthread_join (s->thread, NULL);
  for (unsigned i = 0; i < CONTROL_CLIENTS; i++)
    join_client (&s->client[i]);
  control_socket_close (&s->socket);
  close (s->stop);
  free (s);
}
