/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See device-watch.h.  The thread waits on the socket of events and on a
 * pipe, whose other end is closed to end it.
 */

#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "device/uevent.h"
#include "store/device-watch.h"

#define KERNEL_EVENTS 1 /* the group; udev's is another */
#define MAX_EVENT 8192

struct device_watch {
  dev_t dev;
  void (*changed) (void *opaque, bool removed);
  void *opaque;
  int socket;
  int pipe[2];
  pthread_t thread;
};

/* One event, or none if it does not come from the kernel. */
static void
receive (struct device_watch *w)
{
  char buf[MAX_EVENT];
  struct sockaddr_nl from = { 0 };
  socklen_t len = sizeof from;
  enum uevent_status status;
  struct uevent u;
  const ssize_t n = recvfrom (w->socket, buf, sizeof buf, MSG_DONTWAIT,
                              (struct sockaddr *) &from, &len);

  if (n == -1) {
    if (errno == ENOBUFS) /* there were more than fit */
      w->changed (w->opaque, false);
    return;
  }
  if (from.nl_pid != 0)
    return;
  status = uevent_parse (buf, (size_t) n, &u);
  if (status != UEVENT_OK)
    log_debug ("event of the kernel: %s", uevent_status_string (status));
  else if (u.block)
    w->changed (w->opaque, u.removed && u.has_number &&
                             makedev (u.major, u.minor) == w->dev);
}

static void *
watch (void *opaque)
{
  struct device_watch *w = opaque;
  struct pollfd fds[] = {
    { .fd = w->socket, .events = POLLIN },
    { .fd = w->pipe[0], .events = POLLIN },
  };

  while (fds[1].revents == 0) {
    if (poll (fds, 2, -1) > 0 && fds[0].revents != 0)
      receive (w);
  }
  return NULL;
}

static int
open_socket (void)
{
  const struct sockaddr_nl address = {
    .nl_family = AF_NETLINK,
    .nl_groups = KERNEL_EVENTS,
  };
  int fd =
    socket (AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_KOBJECT_UEVENT);

  if (fd >= 0 &&
      bind (fd, (const struct sockaddr *) &address, sizeof address) == -1)
    cleanup_close (&fd);
  return fd;
}

static void
free_watch (struct device_watch *w)
{
  cleanup_close (&w->socket);
  cleanup_close (&w->pipe[0]);
  cleanup_close (&w->pipe[1]);
  free (w);
}

/* Signals are for the server's threads. */
static int
start_thread (struct device_watch *w)
{
  sigset_t all, old;
  int r;

  sigfillset (&all);
  pthread_sigmask (SIG_SETMASK, &all, &old);
  r = pthread_create (&w->thread, NULL, watch, w);
  pthread_sigmask (SIG_SETMASK, &old, NULL);
  return r;
}

struct device_watch *
device_watch_start (dev_t dev, void (*changed) (void *opaque, bool removed),
                    void *opaque)
{
  struct device_watch *w = calloc (1, sizeof *w);
  int r;

  if (w == NULL)
    return NULL;
  w->dev = dev;
  w->changed = changed;
  w->opaque = opaque;
  w->pipe[0] = w->pipe[1] = -1;
  w->socket = open_socket ();
  r = w->socket == -1 || pipe2 (w->pipe, O_CLOEXEC) == -1 ? errno :
                                                            start_thread (w);
  if (r == 0)
    return w;
  free_watch (w);
  errno = r;
  return NULL;
}

void
device_watch_stop (struct device_watch *w)
{
  if (w == NULL)
    return;
  cleanup_close (&w->pipe[1]);
  w->pipe[1] = -1;
  pthread_join (w->thread, NULL);
  free_watch (w);
}
