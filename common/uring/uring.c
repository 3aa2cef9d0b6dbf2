/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See uring.h.  Invariants of a channel:
 *
 * 1. unfinished counts the jobs that were started and not reported; of
 *    these, the ones that the kernel has not taken are in the submission
 *    queue.
 * 2. Nothing is submitted but by uring_wait, so a batch of jobs costs one
 *    system call, which also waits for the first of them.
 */

#include <config.h>

#include <errno.h>
#include <liburing.h>
#include <stdlib.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "uring/uring.h"

/* How often, a millisecond apart, a kernel that is short of memory is
 * asked again when there is nothing to wait for.
 */
#define MAX_TRIES 100

struct channel {
  struct io_uring ring;
  unsigned unfinished;
  int fd;
  bool fixed_file;   /* fd is registered, with index 0 */
  char *buf;         /* registered, with index 0 */
  size_t fixed_size; /* bytes of it; 0: it is not */
};

/* Without interrupts for a thread that is waiting anyway, if the kernel
 * (5.19) knows how.  Returns 0 or a negative errno.
 */
static int
make_ring (struct io_uring *ring, unsigned depth)
{
  const int r = io_uring_queue_init (depth, ring, IORING_SETUP_COOP_TASKRUN);

  return r == -EINVAL ? io_uring_queue_init (depth, ring, 0) : r;
}

static void *
uring_open (int fd, unsigned depth, char *buf, size_t size)
{
  const struct iovec iov = { .iov_base = buf, .iov_len = size };
  struct channel *c = calloc (1, sizeof *c);
  int r;

  if (c == NULL)
    return NULL;
  r = make_ring (&c->ring, depth);
  if (r < 0) {
    free (c);
    errno = -r;
    return NULL;
  }
  c->fd = fd;
  c->buf = buf;
  /* Neither is needed; memory that may be locked is limited. */
  c->fixed_file = io_uring_register_files (&c->ring, &fd, 1) == 0;
  if (io_uring_register_buffers (&c->ring, &iov, 1) == 0)
    c->fixed_size = size;
  return c;
}

static void
uring_close (void *channel)
{
  struct channel *c = channel;

  io_uring_queue_exit (&c->ring);
  free (c);
}

static bool
is_fixed (const struct channel *c, const struct file_job *j)
{
  return j->buf >= c->buf && j->buf + j->count <= c->buf + c->fixed_size;
}

static void
uring_start (void *channel, const struct file_job *j)
{
  struct channel *c = channel;
  struct io_uring_sqe *sqe = io_uring_get_sqe (&c->ring);
  const int fd = c->fixed_file ? 0 : c->fd;
  const unsigned count = (unsigned) j->count;

  if (is_fixed (c, j)) {
    if (j->write)
      io_uring_prep_write_fixed (sqe, fd, j->buf, count, j->offset, 0);
    else
      io_uring_prep_read_fixed (sqe, fd, j->buf, count, j->offset, 0);
  }
  else if (j->write)
    io_uring_prep_write (sqe, fd, j->buf, count, j->offset);
  else
    io_uring_prep_read (sqe, fd, j->buf, count, j->offset);
  if (c->fixed_file)
    sqe->flags |= IOSQE_FIXED_FILE;
  io_uring_sqe_set_data64 (sqe, j->tag);
  c->unfinished++;
}

/* Those that the kernel has taken. */
static unsigned
in_flight (const struct channel *c)
{
  return c->unfinished - io_uring_sq_ready (&c->ring);
}

static void
nap (void)
{
  const struct timespec ms = { .tv_nsec = 1000000 };

  nanosleep (&ms, NULL);
}

/* Wait until nothing is in flight, whatever came of it.  (This needs no
 * memory, so it is only ever interrupted.)
 */
static void
drain (struct channel *c)
{
  struct io_uring_cqe *cqe;

  while (in_flight (c) > 0) {
    if (io_uring_wait_cqe (&c->ring, &cqe) != 0)
      continue;
    io_uring_cqe_seen (&c->ring, cqe);
    c->unfinished--;
  }
}

/* Submitting failed with the errno E.  Returns 0 if it is to be tried
 * again, once what is done has been reported.
 */
static int
submit_failed (struct channel *c, int e, unsigned *tries)
{
  struct io_uring_cqe *cqe;

  if (e == EINTR)
    return 0;
  if (e == EAGAIN || e == EBUSY || e == ENOMEM) {
    if (in_flight (c) > 0) {
      io_uring_wait_cqe (&c->ring, &cqe);
      return 0;
    }
    if (++*tries < MAX_TRIES) {
      nap ();
      return 0;
    }
  }
  drain (c);
  errno = e;
  return -1;
}

static int
uring_wait (void *channel, unsigned *tag, ssize_t *result)
{
  struct channel *c = channel;
  struct io_uring_cqe *cqe;
  unsigned tries = 0;

  /* What is queued is submitted before what is done is reported, so that
   * the medium is never idle while there are jobs.
   */
  for (;;) {
    if (io_uring_sq_ready (&c->ring) > 0 ||
        io_uring_peek_cqe (&c->ring, &cqe) != 0) {
      const int r = io_uring_submit_and_wait (&c->ring, 1);

      if (r < 0 && submit_failed (c, -r, &tries) == -1)
        return -1;
    }
    if (io_uring_peek_cqe (&c->ring, &cqe) == 0)
      break;
  }
  *tag = (unsigned) io_uring_cqe_get_data64 (cqe);
  *result = cqe->res;
  io_uring_cqe_seen (&c->ring, cqe);
  c->unfinished--;
  return 0;
}

static const struct file_engine engine = {
  .name = "uring",
  .open = uring_open,
  .close = uring_close,
  .start = uring_start,
  .wait = uring_wait,
};

const struct file_engine *
uring_engine (void)
{
  struct io_uring ring;
  const int r = make_ring (&ring, 1);

  if (r < 0) {
    errno = -r;
    return NULL;
  }
  io_uring_queue_exit (&ring);
  return &engine;
}
