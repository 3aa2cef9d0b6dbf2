/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The file store: O_DIRECT in pieces, several of which are in flight at
 * once, so that a large request does not wait for the medium once for
 * each, and one is copied while another is on its way.
 *
 * The engine (file-engine.h) does what goes smoothly.  What was cut short
 * or refused for the moment is finished, and what failed is explained, by
 * the plain system calls; so is everything, if the engine gives up.
 *
 * Invariants: a piece has one part of a buffer, for itself; the first
 * buffer is waited for, and the others are only taken if they are free,
 * so nobody waits for buffers while having some; the channel is the one
 * that belongs to the first.
 */

#include <config.h>

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "store/store-file-impl.h"

/* Small enough that copying one is a small part of a request; large
 * enough that the device is not bothered.
 */
#define PIECE_SIZE (256 * 1024)
#define PIECES_PER_BUFFER (ALIGNED_POOL_SIZE / PIECE_SIZE)

/* Of one request, so that it leaves some for others. */
#define MAX_BUFFERS 4
#define MAX_PIECES (MAX_BUFFERS * PIECES_PER_BUFFER)

struct piece {
  char *buf;
  size_t at, count; /* in the request */
  bool unfinished;
};

struct batch {
  struct store_file *f;
  enum file_direction d;
  const struct iovec *iov;
  size_t count;
  uint64_t offset;

  size_t next;        /* what is before this is in pieces, or done */
  unsigned in_flight; /* pieces */
  bool failed;        /* then no more are begun */
  int error;          /* the first errno, as file_failed takes it */

  void *channel; /* or NULL: there is none (any more) */
  char *buffers[MAX_BUFFERS];
  unsigned nbuffers;
  struct piece pieces[MAX_PIECES];
  unsigned npieces;
};

bool
file_wants_batch (const struct store_file *f, enum file_direction d,
                  size_t count)
{
  /* What has to be durable is one request (file_direct_is_single). */
  return f->engine != NULL && count >= f->engine_min && d != FILE_WRITE_DSYNC &&
         !is_missing (f, MISSING_ENGINE);
}

/* ------------------------------------------------------------------ */
/* Channels */

/* The channel of the buffer BUF, which the caller has.  NULL if there is
 * none to be had.  One from before the server forked is of no use.
 */
static void *
get_channel (struct store_file *f, char *buf)
{
  struct file_channel *c = &f->channels[aligned_pool_index (f->pool, buf)];
  const pid_t pid = getpid ();

  if (c->channel != NULL && c->pid == pid)
    return c->channel;
  if (c->channel != NULL)
    f->engine->close (c->channel);
  c->pid = pid;
  c->channel =
    f->engine->open (f->direct_fd, MAX_PIECES, buf, ALIGNED_POOL_SIZE);
  if (c->channel == NULL) {
    log_debug ("%s: %s: no channel: %m; doing without",
               host_file_path (f->file), f->engine->name);
    set_missing (f, MISSING_ENGINE);
  }
  return c->channel;
}

/* It broke, with errno. */
static void
drop_channel (struct batch *b)
{
  struct store_file *f = b->f;

  log_debug ("%s: %s: %m; going on without", host_file_path (f->file),
             f->engine->name);
  f->engine->close (b->channel);
  f->channels[aligned_pool_index (f->pool, b->buffers[0])].channel = NULL;
  b->channel = NULL;
}

void
file_close_channels (struct store_file *f)
{
  for (unsigned i = 0; i < ALIGNED_POOL_BUFFERS; i++)
    if (f->channels[i].channel != NULL)
      f->engine->close (f->channels[i].channel);
}

/* ------------------------------------------------------------------ */
/* Pieces */

static void
start_piece (struct batch *b, unsigned i)
{
  struct piece *p = &b->pieces[i];
  const struct file_job job = {
    .write = b->d != FILE_READ,
    .buf = p->buf,
    .count = min_u64 (b->count - b->next, PIECE_SIZE),
    .offset = b->offset + b->next,
    .tag = i,
  };

  p->at = b->next;
  p->count = job.count;
  p->unfinished = true;
  b->next += p->count;
  b->in_flight++;
  if (job.write)
    file_gather (p->buf, b->iov, p->at, p->count);
  if (b->channel != NULL)
    b->f->engine->start (b->channel, &job);
}

/* Do what is left of it after DONE bytes. */
static int
finish_plainly (struct batch *b, const struct piece *p, size_t done)
{
  /* Of a part of a block it is not known what became of it. */
  done = ROUND_DOWN (done, max_u64 (b->f->direct_align, b->f->memory_align));
  return file_transfer_aligned (b->f, b->d, p->buf + done, p->count - done,
                                b->offset + p->at + done);
}

/* The engine's result for a piece: bytes or a negative errno. */
static void
end_piece (struct batch *b, struct piece *p, ssize_t result)
{
  int r = 0;

  p->unfinished = false;
  b->in_flight--;
  if (result == -EINTR || result == -EAGAIN || result == -ENOMEM)
    result = 0;
  if (result < 0) {
    errno = (int) -result;
    r = -1;
  }
  else if ((size_t) result < p->count)
    r = finish_plainly (b, p, (size_t) result);
  if (r == 0 && b->d == FILE_READ)
    file_scatter (b->iov, p->buf, p->at, p->count);
  if (r == -1 && !b->failed) {
    b->failed = true;
    b->error = errno;
  }
}

static void
run_plainly (struct batch *b)
{
  for (unsigned i = 0; i < b->npieces; i++)
    if (b->pieces[i].unfinished)
      end_piece (b, &b->pieces[i], 0);
}

static void
run (struct batch *b)
{
  for (unsigned i = 0; i < b->npieces && b->next < b->count; i++)
    start_piece (b, i);
  while (b->in_flight > 0) {
    unsigned i = 0;
    ssize_t result = 0;

    if (b->channel == NULL)
      run_plainly (b);
    else if (b->f->engine->wait (b->channel, &i, &result) == 0)
      end_piece (b, &b->pieces[i], result);
    else {
      drop_channel (b);
      continue;
    }
    if (!b->failed && b->next < b->count)
      start_piece (b, i);
  }
}

/* ------------------------------------------------------------------ */
/* Buffers */

static void
add_buffer (struct batch *b, char *buf)
{
  b->buffers[b->nbuffers++] = buf;
  for (unsigned i = 0; i < PIECES_PER_BUFFER; i++)
    b->pieces[b->npieces++].buf = buf + (size_t) i * PIECE_SIZE;
}

static void
get_buffers (struct batch *b)
{
  add_buffer (b, aligned_pool_get (b->f->pool));
  while (b->nbuffers < MAX_BUFFERS &&
         b->count > (size_t) b->npieces * PIECE_SIZE) {
    char *buf = aligned_pool_try_get (b->f->pool);

    if (buf == NULL)
      break;
    add_buffer (b, buf);
  }
}

int
file_transfer_batch (struct store_file *f, enum file_direction d,
                     const struct iovec *iov, size_t count, uint64_t offset)
{
  struct batch b = {
    .f = f, .d = d, .iov = iov, .count = count, .offset = offset
  };

  get_buffers (&b);
  b.channel = get_channel (f, b.buffers[0]);
  run (&b);
  while (b.nbuffers > 0)
    aligned_pool_put (f->pool, b.buffers[--b.nbuffers]);
  errno = b.error;
  return b.failed ? -1 : 0;
}
