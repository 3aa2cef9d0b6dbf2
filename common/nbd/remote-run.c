/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Jobs; remote-impl.h says how threads share a connection.
 */

#include <config.h>

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "base/align.h"
#include "base/log.h"
#include "nbd/remote-impl.h"

/* Commands of one job that are on their way at once. */
#define MOST_PENDING 16

/* ------------------------------------------------------------------ */
/* Commands */

static void
fail (struct remote_job *j, int error)
{
  if (j->err == 0)
    j->err = error > 0 ? error : EIO;
}

/* libnbd calls this with the connection locked, in whatever thread. */
static int
completed (void *v, int *error)
{
  struct remote_job *j = v;

  if (*error != 0)
    fail (j, *error);
  j->pending--;
  pthread_cond_signal (&j->changed);
  return 1;
}

/* The extents of a command, from its start on. */
static int
got_extents (void *v, const char *context, uint64_t offset, uint32_t *entries,
             size_t n, int *error)
{
  struct remote_job *j = v;
  int err = 0;

  if (strcmp (context, LIBNBD_CONTEXT_BASE_ALLOCATION) != 0 ||
      offset != extent_list_next (j->out))
    return 0;
  for (size_t i = 0; i + 1 < n && err == 0; i += 2) {
    if (extent_list_add (j->out, entries[i],
                         entries[i + 1] & (EXTENT_HOLE | EXTENT_ZERO),
                         &err) == -1)
      fail (j, err);
  }
  return 0;
}

static int64_t
send_command (struct nbd_handle *h, struct remote_job *j, uint32_t count)
{
  const nbd_completion_callback done = { .callback = completed,
                                         .user_data = j };
  const nbd_extent_callback extents = { .callback = got_extents,
                                        .user_data = j };
  char *p = j->iov != NULL ? (char *) j->iov->iov_base + j->iov_done : NULL;

  switch (j->kind) {
  case REMOTE_READ:
    return nbd_aio_pread (h, p, count, j->offset, done, j->flags);
  case REMOTE_WRITE:
    return nbd_aio_pwrite (h, p, count, j->offset, done, j->flags);
  case REMOTE_FLUSH:
    return nbd_aio_flush (h, done, 0);
  case REMOTE_TRIM:
    return nbd_aio_trim (h, count, j->offset, done, j->flags);
  case REMOTE_ZERO:
    return nbd_aio_zero (h, count, j->offset, done, j->flags);
  case REMOTE_CACHE:
    return nbd_aio_cache (h, count, j->offset, done, j->flags);
  case REMOTE_EXTENTS:
    return nbd_aio_block_status (h, count, j->offset, extents, done, j->flags);
  }
  return -1;
}

static bool
is_sent (const struct remote_job *j)
{
  return j->err != 0 || (j->started && j->left == 0);
}

/* How much the next command is about. */
static uint32_t
next_count (struct remote_job *j)
{
  uint64_t n = min_u64 (j->left, j->most);

  while (j->iov != NULL && j->iov_done == j->iov->iov_len && j->left > 0) {
    j->iov++;
    j->iov_done = 0;
  }
  if (j->iov != NULL)
    n = min_u64 (n, j->iov->iov_len - j->iov_done);
  return n;
}

static void
send_locked (struct remote_connection *c, struct remote_job *j)
{
  while (!is_sent (j) && j->pending < MOST_PENDING) {
    const uint32_t n = next_count (j);

    /* It may be answered before this returns. */
    j->pending++;
    if (send_command (c->nbd, j, n) == -1) {
      j->pending--;
      fail (j, nbd_get_errno ());
    }
    j->started = true;
    j->offset += n;
    j->left -= n;
    j->iov_done += n;
  }
}

/* ------------------------------------------------------------------ */
/* Leading */

static short
wanted_events (struct remote_connection *c)
{
  const unsigned direction = nbd_aio_get_direction (c->nbd);

  return (direction & LIBNBD_AIO_DIRECTION_READ ? POLLIN : 0) |
         (direction & LIBNBD_AIO_DIRECTION_WRITE ? POLLOUT : 0);
}

/* What was sent may have to wait for room in the socket. */
static void
tell_leader_locked (struct remote_connection *c)
{
  const uint64_t one = 1;

  if (c->is_led && (wanted_events (c) & ~c->events) != 0 &&
      write (c->wake, &one, sizeof one) == -1)
    log_error ("nbd: eventfd: %m");
}

/* The direction is looked at anew each time: a call for something else
 * than the connection waits for is an error.
 */
static void
take_in_locked (struct remote_connection *c, short revents)
{
  if ((revents & (POLLIN | POLLHUP | POLLERR)) &&
      (nbd_aio_get_direction (c->nbd) & LIBNBD_AIO_DIRECTION_READ))
    nbd_aio_notify_read (c->nbd);
  if ((revents & (POLLOUT | POLLHUP | POLLERR)) &&
      (nbd_aio_get_direction (c->nbd) & LIBNBD_AIO_DIRECTION_WRITE))
    nbd_aio_notify_write (c->nbd);
}

/* Wait for the socket once, with the lock given away meanwhile. */
static void
lead_locked (struct remote_connection *c)
{
  struct pollfd fds[] = {
    { .fd = nbd_aio_get_fd (c->nbd), .events = wanted_events (c) },
    { .fd = c->wake, .events = POLLIN },
  };
  uint64_t count;
  int n;

  c->is_led = true;
  c->events = fds[0].events;
  pthread_mutex_unlock (&c->lock);
  n = poll (fds, ARRAY_SIZE (fds), -1);
  pthread_mutex_lock (&c->lock);
  c->is_led = false;
  if (n <= 0)
    return;
  if ((fds[1].revents & POLLIN) && read (c->wake, &count, sizeof count) == -1)
    log_error ("nbd: eventfd: %m");
  take_in_locked (c, fds[0].revents);
}

static bool
is_lost (struct remote_connection *c)
{
  return nbd_aio_is_dead (c->nbd) > 0 || nbd_aio_is_closed (c->nbd) > 0;
}

static void
wait_locked (struct remote_connection *c, struct remote_job *j)
{
  if (!c->is_led) {
    lead_locked (c);
    return;
  }
  TAILQ_INSERT_TAIL (&c->waiting, j, link);
  pthread_cond_wait (&j->changed, &c->lock);
  TAILQ_REMOVE (&c->waiting, j, link);
}

/* Who goes leaves the lead to one that stays. */
static void
pass_lead_locked (struct remote_connection *c)
{
  if (!c->is_led && !TAILQ_EMPTY (&c->waiting))
    pthread_cond_signal (&TAILQ_FIRST (&c->waiting)->changed);
}

/* ------------------------------------------------------------------ */
/* Jobs */

static struct remote_connection *
least_used (struct remote *r)
{
  struct remote_connection *best = &r->connection[0];

  for (unsigned i = 1; i < r->nconnections; i++) {
    if (r->connection[i].users < best->users)
      best = &r->connection[i];
  }
  return best;
}

static void
run_locked (struct remote_connection *c, struct remote_job *j)
{
  for (;;) {
    send_locked (c, j);
    tell_leader_locked (c);
    if (j->pending == 0)
      break;
    wait_locked (c, j);
  }
  pass_lead_locked (c);
}

int
remote_run (struct remote *r, struct remote_job *j, int *err)
{
  struct remote_connection *c = least_used (r);
  bool lost = atomic_load (&r->lost);

  if (!lost) {
    j->started = false;
    j->pending = 0;
    j->err = 0;
    pthread_cond_init (&j->changed, NULL);
    c->users++;
    pthread_mutex_lock (&c->lock);
    run_locked (c, j);
    lost = j->err != 0 && is_lost (c);
    pthread_mutex_unlock (&c->lock);
    c->users--;
    pthread_cond_destroy (&j->changed);
    if (lost && !atomic_exchange (&r->lost, true))
      log_error ("nbd: %s: the connection is lost", r->uri);
  }
  *err = lost ? ESHUTDOWN : j->err;
  return *err == 0 ? 0 : -1;
}
