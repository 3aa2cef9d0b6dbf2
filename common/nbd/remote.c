/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See remote.h: connecting, and what the server says of its disk.
 */

#include <config.h>

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/align.h"
#include "base/clock.h"
#include "base/log.h"
#include "nbd/remote-impl.h"

/* Seconds that a server may take to let us in. */
#define CONNECT_TIMEOUT 30

/* Of an address that does not answer any more the kernel tells after so
 * many seconds.
 */
#define SILENCE_TIMEOUT 60

/* Of one read or write, unless the server says otherwise; the least that
 * it must be able to do by the specification.
 */
#define DEFAULT_PAYLOAD (32 * 1024 * 1024)

static int
failed (const char *uri)
{
  const int error = nbd_get_errno ();

  errno = error != 0 ? error : EIO;
  log_error ("nbd: %s: %s", uri, nbd_get_error ());
  return -1;
}

/* ------------------------------------------------------------------ */
/* One connection */

static int
wait_connected (struct nbd_handle *nbd, const char *uri)
{
  const uint64_t end = clock_ns () + CONNECT_TIMEOUT * CLOCK_SECOND;

  while (nbd_aio_is_connecting (nbd) > 0) {
    if (clock_ns () >= end) {
      errno = ETIMEDOUT;
      log_error ("nbd: %s: the server does not answer", uri);
      return -1;
    }
    if (nbd_poll (nbd, 1000) == -1)
      return failed (uri);
  }
  if (nbd_aio_is_ready (nbd) > 0)
    return 0;
  errno = ECONNREFUSED;
  log_error ("nbd: %s: the server did not let us in", uri);
  return -1;
}

/* For TCP; other sockets refuse it, and need it not. */
static void
notice_silence (struct nbd_handle *nbd)
{
  const int fd = nbd_aio_get_fd (nbd), on = 1, interval = SILENCE_TIMEOUT / 4,
            tries = 3;
  const unsigned milliseconds = SILENCE_TIMEOUT * 1000;

  if (setsockopt (fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &milliseconds,
                  sizeof milliseconds) == -1)
    return;
  setsockopt (fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
  setsockopt (fd, IPPROTO_TCP, TCP_KEEPIDLE, &interval, sizeof interval);
  setsockopt (fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval, sizeof interval);
  setsockopt (fd, IPPROTO_TCP, TCP_KEEPCNT, &tries, sizeof tries);
}

/* Ranges are checked by who asks. */
static struct nbd_handle *
connect_to (const char *uri)
{
  struct nbd_handle *nbd = nbd_create ();

  if (nbd == NULL) {
    failed (uri);
    return NULL;
  }
  if (nbd_add_meta_context (nbd, LIBNBD_CONTEXT_BASE_ALLOCATION) == -1 ||
      nbd_set_pread_initialize (nbd, false) == -1 ||
      nbd_set_strict_mode (nbd, 0) == -1 ||
      nbd_set_uri_allow_transports (nbd, LIBNBD_ALLOW_TRANSPORT_TCP |
                                           LIBNBD_ALLOW_TRANSPORT_UNIX) == -1 ||
      nbd_aio_connect_uri (nbd, uri) == -1)
    failed (uri);
  else if (wait_connected (nbd, uri) == 0) {
    notice_silence (nbd);
    return nbd;
  }
  nbd_close (nbd);
  return NULL;
}

static int
add_connection (struct remote *r)
{
  struct remote_connection *c = &r->connection[r->nconnections];

  c->wake = eventfd (0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (c->wake == -1) {
    log_error ("nbd: eventfd: %m");
    return -1;
  }
  c->nbd = connect_to (r->uri);
  if (c->nbd == NULL) {
    const int saved = errno;

    close (c->wake);
    errno = saved;
    return -1;
  }
  pthread_mutex_init (&c->lock, NULL);
  TAILQ_INIT (&c->waiting);
  r->nconnections++;
  return 0;
}

/* The server is told, and not waited for. */
static void
close_connection (struct remote_connection *c)
{
  if (nbd_aio_is_ready (c->nbd) > 0)
    nbd_aio_disconnect (c->nbd, 0);
  nbd_close (c->nbd);
  close (c->wake);
  pthread_mutex_destroy (&c->lock);
}

/* ------------------------------------------------------------------ */
/* The disk */

static int
ask_blocks (struct remote *r, struct nbd_handle *nbd)
{
  const int64_t min = nbd_get_block_size (nbd, LIBNBD_SIZE_MINIMUM);
  const int64_t preferred = nbd_get_block_size (nbd, LIBNBD_SIZE_PREFERRED);
  const int64_t max = nbd_get_block_size (nbd, LIBNBD_SIZE_MAXIMUM);

  r->min_block = min > 0 ? min : 1;
  r->preferred = preferred > 0 ? preferred : 4096;
  r->max_payload = max > 0 ? min_u64 (max, DEFAULT_PAYLOAD) : DEFAULT_PAYLOAD;
  if (is_power_of_2 (r->min_block) && is_power_of_2 (r->preferred) &&
      r->max_payload >= r->min_block) {
    r->max_payload = ROUND_DOWN (r->max_payload, r->min_block);
    return 0;
  }
  log_error ("nbd: %s: block sizes of %u, %u and %u bytes cannot be", r->uri,
             r->min_block, r->preferred, r->max_payload);
  errno = EINVAL;
  return -1;
}

static int
ask (struct remote *r)
{
  struct nbd_handle *nbd = r->connection[0].nbd;
  const int64_t size = nbd_get_size (nbd);

  if (size == -1)
    return failed (r->uri);
  if (ask_blocks (r, nbd) == -1)
    return -1;
  r->size = ROUND_DOWN ((uint64_t) size, (uint64_t) r->min_block);
  r->read_only = nbd_is_read_only (nbd) != 0;
  r->rotational = nbd_is_rotational (nbd) > 0;
  r->flush = nbd_can_flush (nbd) > 0;
  r->fua = nbd_can_fua (nbd) > 0;
  r->trim = nbd_can_trim (nbd) > 0;
  r->zero = nbd_can_zero (nbd) > 0;
  r->fast_zero = r->zero && nbd_can_fast_zero (nbd) > 0;
  r->cache = nbd_can_cache (nbd) > 0;
  r->extents = nbd_can_meta_context (nbd, LIBNBD_CONTEXT_BASE_ALLOCATION) > 0;
  r->multi_conn = nbd_can_multi_conn (nbd) > 0;
  return 0;
}

/* The others, which must see the same disk. */
static int
add_others (struct remote *r)
{
  while (r->nconnections < REMOTE_CONNECTIONS) {
    const struct remote_connection *c = &r->connection[r->nconnections];

    if (add_connection (r) == -1)
      return -1;
    if (nbd_get_size (c->nbd) != nbd_get_size (r->connection[0].nbd)) {
      log_error ("nbd: %s: the size of the disk has changed", r->uri);
      errno = EINVAL;
      return -1;
    }
  }
  return 0;
}

struct remote *
remote_open (const char *uri)
{
  struct remote *r = calloc (1, sizeof *r);

  if (r == NULL || (r->uri = strdup (uri)) == NULL) {
    free (r);
    errno = ENOMEM;
    log_error ("nbd: %s: %m", uri);
    return NULL;
  }
  r->refs = 1;
  if (add_connection (r) == 0 && ask (r) == 0 &&
      (!r->multi_conn || add_others (r) == 0))
    return r;
  remote_unref (r);
  return NULL;
}

struct remote *
remote_ref (struct remote *r)
{
  r->refs++;
  return r;
}

void
remote_unref (struct remote *r)
{
  const int saved = errno;

  if (r == NULL || --r->refs > 0)
    return;
  for (unsigned i = 0; i < r->nconnections; i++)
    close_connection (&r->connection[i]);
  free (r->uri);
  free (r);
  errno = saved;
}

bool
remote_is_writable (const struct remote *r)
{
  return !r->read_only;
}

const char *
remote_uri (const struct remote *r)
{
  return r->uri;
}
