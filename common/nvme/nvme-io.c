/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Commands of a namespace.  A request is split into parts of what the
 * controller takes in a command; as many as there is room for are in
 * flight at once, and the doorbell is written once for each batch.
 */

#include <config.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/align.h"
#include "base/clock.h"
#include "base/log.h"
#include "nvme/nvme-command.h"
#include "nvme/nvme-impl.h"
#include "nvme/nvme-queue-impl.h"
#include "nvme/nvme-status.h"

/* What "not ready, try again" waits between tries; it is tried for as long
 * as a command may take.
 */
#define NOT_READY_MS 100

struct io {
  struct nvme_ns *ns;
  const char *what; /* for messages */
  uint64_t count, offset, part_most;
  uint64_t taken;        /* bytes that are in parts, or were */
  bool started;          /* a request for nothing (flush) has one part */
  uint16_t status;       /* of the first part that failed, else 0 */
  uint64_t not_ready_ns; /* clock_ns when it was first "not ready"; or 0 */
  uint32_t flags;
  const struct iovec *iov;
  int niov;

  /* Bytes of memory that a part of COUNT bytes has. */
  size_t (*memory) (const struct io *io, uint64_t count);
  /* Fill the slot; take from it what came. */
  void (*fill) (const struct io *io, struct nvme_queue *q, struct nvme_slot *s);
  void (*finish) (const struct io *io, struct nvme_queue *q,
                  struct nvme_slot *s);
};

struct nvme_queue *
nvme_queue_of_thread (struct nvme *n)
{
  struct nvme_queue *q = pthread_getspecific (n->key);

  if (q == NULL) {
    q = &n->io[n->next_queue++ % n->nio];
    pthread_setspecific (n->key, q);
  }
  return q;
}

/* ------------------------------------------------------------------ */
/* The engine */

static bool
has_more (const struct io *io)
{
  return io->status == 0 && (!io->started || io->taken < io->count);
}

/* Are parts in flight, or not looked at yet? */
static bool
holds_any (const struct nvme_request *rq)
{
  return rq->posted > 0 || rq->done != NULL;
}

/* As many parts as there is room for, but one at least if none is in flight
 * (unless the queue is dead), in a list in their order.
 */
static struct nvme_slot *
take_parts (struct io *io, struct nvme_request *rq)
{
  struct nvme_slot *first = NULL, **end = &first;

  while (has_more (io)) {
    const uint64_t n = min_u64 (io->count - io->taken, io->part_most);
    struct nvme_slot *s = nvme_request_get (rq, io->memory (io, n),
                                            first == NULL && !holds_any (rq));

    if (s == NULL) {
      if (first == NULL && !holds_any (rq))
        io->status = NVME_SC_DEVICE_GONE;
      break;
    }
    s->offset = io->taken;
    s->count = n;
    io->taken += n;
    io->started = true;
    *end = s;
    end = &s->next;
  }
  return first;
}

static void
post_parts (struct nvme_request *rq, struct nvme_slot *s)
{
  while (s != NULL) {
    struct nvme_slot *next = s->next;

    s->next = NULL;
    nvme_request_post (rq, s);
    s = next;
  }
  nvme_request_ring (rq);
}

static void
note_failure (struct io *io, const struct nvme_slot *s)
{
  const struct nvme_ns *ns = io->ns;

  if (io->status != 0)
    return;
  io->status = s->status;
  log_error ("nvme %s: namespace %u: %s of %llu bytes at %llu: %s "
             "(status 0x%x)",
             ns->n->name, ns->nsid, io->what, (unsigned long long) s->count,
             (unsigned long long) (io->offset + s->offset),
             nvme_status_string (s->status), s->status);
}

/* May a command that was not ready be given again? */
static bool
may_become_ready (struct io *io, struct nvme_slot *s)
{
  const uint64_t now = clock_ns ();

  if (io->not_ready_ns == 0)
    io->not_ready_ns = now;
  /* That is no attempt. */
  s->attempts = 0;
  return now - io->not_ready_ns < io->ns->n->o.command_seconds * CLOCK_SECOND;
}

/* Is it worth to give the command again?  Sets *WAIT if not at once. */
static bool
try_again (struct io *io, struct nvme_slot *s, bool *wait)
{
  if (io->status != 0 || !nvme_status_is_retryable (s->status))
    return false;
  if ((s->status & NVME_STATUS_CODE_MASK) != NVME_SC_NOT_READY)
    return s->attempts < NVME_ATTEMPTS;
  *wait = true;
  return may_become_ready (io, s);
}

/* Those that are done, without the lock; returns those to be posted again,
 * and leaves the others in *DONE.
 */
static struct nvme_slot *
look_at (struct io *io, struct nvme_queue *q, struct nvme_slot **done)
{
  const struct timespec ts = { .tv_nsec = NOT_READY_MS * 1000000 };
  struct nvme_slot *again = NULL, *s;
  bool wait = false;

  while ((s = *done) != NULL) {
    if ((s->status & NVME_STATUS_CODE_MASK) != 0) {
      if (try_again (io, s, &wait)) {
        *done = s->next;
        s->next = again;
        again = s;
        continue;
      }
      note_failure (io, s);
    }
    else if (io->finish != NULL)
      io->finish (io, q, s);
    done = &s->next;
  }
  if (again != NULL && wait)
    nanosleep (&ts, NULL);
  return again;
}

static void
release_parts (struct nvme_request *rq, struct nvme_slot *s)
{
  while (s != NULL) {
    struct nvme_slot *next = s->next;

    nvme_request_release (rq, s);
    s = next;
  }
}

static void
drive (struct io *io, struct nvme_queue *q, struct nvme_request *rq)
{
  pthread_mutex_lock (&q->lock);
  while (has_more (io) || holds_any (rq)) {
    struct nvme_slot *parts = take_parts (io, rq), *done, *again;

    if (parts != NULL) {
      pthread_mutex_unlock (&q->lock);
      for (struct nvme_slot *s = parts; s != NULL; s = s->next)
        io->fill (io, q, s);
      pthread_mutex_lock (&q->lock);
      post_parts (rq, parts);
    }
    nvme_request_wait (rq, !has_more (io));
    done = rq->done;
    rq->done = NULL;
    if (done == NULL)
      continue;
    pthread_mutex_unlock (&q->lock);
    again = look_at (io, q, &done);
    pthread_mutex_lock (&q->lock);
    release_parts (rq, done);
    post_parts (rq, again);
  }
  pthread_mutex_unlock (&q->lock);
}

static int
run (struct io *io, int *err)
{
  struct nvme_queue *q = nvme_queue_of_thread (io->ns->n);
  struct nvme_request rq;

  if (io->ns->gone) {
    *err = ESHUTDOWN;
    return -1;
  }
  nvme_request_init (&rq, q);
  rq.gone = &io->ns->gone;
  drive (io, q, &rq);
  nvme_request_fini (&rq);
  *err = nvme_status_errno (io->status);
  if (nvme_shows_detached (io->ns, io->status))
    *err = ESHUTDOWN;
  return *err == 0 ? 0 : -1;
}

/* ------------------------------------------------------------------ */
/* Read and write */

static size_t
all_bytes (const struct io *io, uint64_t count)
{
  return count;
}

static size_t
no_bytes (const struct io *io, uint64_t count)
{
  return 0;
}

/* What of the vector belongs to the slot, to or from its memory. */
static void
copy_part (const struct io *io, struct nvme_queue *q, struct nvme_slot *s,
           bool write)
{
  uint64_t skip = s->offset;
  size_t at = 0;

  for (int i = 0; i < io->niov && at < s->count; i++) {
    const struct iovec *v = &io->iov[i];

    if (skip >= v->iov_len) {
      skip -= v->iov_len;
      continue;
    }
    char *p = (char *) v->iov_base + skip;
    const size_t n = min_u64 (v->iov_len - skip, s->count - at);

    if (write)
      nvme_slot_write (q, s, at, p, n);
    else
      nvme_slot_read (q, s, at, p, n);
    skip = 0;
    at += n;
  }
}

static void
build_blocks (const struct io *io, struct nvme_queue *q, struct nvme_slot *s,
              uint8_t opcode)
{
  const uint32_t size = io->ns->lba_size;
  const struct nvme_sqe sqe =
    nvme_command_blocks (opcode, io->ns->nsid, (io->offset + s->offset) / size,
                         (uint32_t) (s->count / size), io->flags);

  nvme_slot_build (q, s, &sqe);
}

static void
fill_read (const struct io *io, struct nvme_queue *q, struct nvme_slot *s)
{
  build_blocks (io, q, s, NVME_CMD_READ);
}

static void
finish_read (const struct io *io, struct nvme_queue *q, struct nvme_slot *s)
{
  copy_part (io, q, s, false);
}

static void
fill_write (const struct io *io, struct nvme_queue *q, struct nvme_slot *s)
{
  build_blocks (io, q, s, NVME_CMD_WRITE);
  copy_part (io, q, s, true);
}

static int
check_range (const struct io *io, int *err)
{
  const uint32_t size = io->ns->lba_size;

  if (IS_ALIGNED (io->offset, size) && IS_ALIGNED (io->count, size))
    return 0;
  *err = EINVAL;
  return -1;
}

static int
transfer (struct io *io, int *err)
{
  const uint32_t size = io->ns->lba_size;

  for (int i = 0; i < io->niov; i++)
    io->count += io->iov[i].iov_len;
  if (check_range (io, err) == -1)
    return -1;
  if (io->count == 0)
    return 0;
  io->part_most =
    min_u64 (ROUND_DOWN (io->ns->n->max_part, size), (uint64_t) size << 16);
  io->memory = all_bytes;
  return run (io, err);
}

int
nvme_read (struct nvme_ns *ns, const struct iovec *iov, int niov,
           uint64_t offset, int *err)
{
  struct io io = {
    .ns = ns,
    .what = "read",
    .offset = offset,
    .iov = iov,
    .niov = niov,
    .fill = fill_read,
    .finish = finish_read,
  };

  return transfer (&io, err);
}

static bool
refuse_change (const struct nvme_ns *ns, int *err)
{
  *err = EPERM;
  return ns->write_protected;
}

int
nvme_write (struct nvme_ns *ns, const struct iovec *iov, int niov,
            uint64_t offset, bool fua, int *err)
{
  struct io io = {
    .ns = ns,
    .what = "write",
    .offset = offset,
    .flags = fua ? NVME_CDW12_FUA : 0,
    .iov = iov,
    .niov = niov,
    .fill = fill_write,
  };

  if (refuse_change (ns, err))
    return -1;
  return transfer (&io, err);
}

/* ------------------------------------------------------------------ */
/* Flush */

static void
fill_flush (const struct io *io, struct nvme_queue *q, struct nvme_slot *s)
{
  const struct nvme_sqe sqe = nvme_command_flush (io->ns->nsid);

  nvme_slot_build (q, s, &sqe);
}

int
nvme_flush (struct nvme_ns *ns, int *err)
{
  struct io io = {
    .ns = ns,
    .what = "flush",
    .memory = no_bytes,
    .fill = fill_flush,
  };

  /* What completed is on the medium. */
  if (!ns->n->data.volatile_cache && !ns->gone)
    return 0;
  return run (&io, err);
}

/* ------------------------------------------------------------------ */
/* Zero and trim */

static void
fill_zero (const struct io *io, struct nvme_queue *q, struct nvme_slot *s)
{
  build_blocks (io, q, s, NVME_CMD_WRITE_ZEROES);
}

int
nvme_zero (struct nvme_ns *ns, uint64_t count, uint64_t offset, bool deallocate,
           bool fua, int *err)
{
  struct nvme *n = ns->n;
  const uint32_t size = ns->lba_size;
  struct io io = {
    .ns = ns,
    .what = "zero",
    .count = count,
    .offset = offset,
    .flags = fua ? NVME_CDW12_FUA : 0,
    .memory = no_bytes,
    .fill = fill_zero,
  };

  if (refuse_change (ns, err) || check_range (&io, err) == -1)
    return -1;
  if (count == 0)
    return 0;
  io.part_most = min_u64 (ROUND_DOWN (n->limits.write_zeroes, size),
                          (uint64_t) size * NVME_NLB_MAX);
  if (!(n->data.oncs & NVME_ONCS_WRITE_ZEROES) || io.part_most == 0) {
    *err = EOPNOTSUPP;
    return -1;
  }
  if (deallocate && ns->deac)
    io.flags |= NVME_CDW12_DEAC;
  return run (&io, err);
}

static size_t
memory_of_ranges (const struct io *io, uint64_t count)
{
  const uint64_t blocks = count / io->ns->lba_size;

  return DIV_ROUND_UP (blocks, io->ns->n->limits.range_blocks) *
         sizeof (struct nvme_range);
}

static void
fill_trim (const struct io *io, struct nvme_queue *q, struct nvme_slot *s)
{
  const uint32_t size = io->ns->lba_size;
  uint64_t slba = (io->offset + s->offset) / size, blocks = s->count / size;
  struct nvme_range ranges[NVME_RANGES_MAX] = { 0 };
  struct nvme_sqe sqe;
  unsigned n = 0;

  while (blocks > 0) {
    const uint64_t nlb = min_u64 (blocks, io->ns->n->limits.range_blocks);

    ranges[n].nlb = le32_put ((uint32_t) nlb);
    ranges[n++].slba = le64_put (slba);
    slba += nlb;
    blocks -= nlb;
  }
  sqe = nvme_command_deallocate (io->ns->nsid, n);
  nvme_slot_build (q, s, &sqe);
  nvme_slot_write (q, s, 0, ranges, n * sizeof *ranges);
}

int
nvme_trim (struct nvme_ns *ns, uint64_t count, uint64_t offset, int *err)
{
  const struct nvme_limits_data *l = &ns->n->limits;
  struct io io = {
    .ns = ns,
    .what = "trim",
    .count = count,
    .offset = offset,
    .memory = memory_of_ranges,
    .fill = fill_trim,
  };

  if (refuse_change (ns, err) || check_range (&io, err) == -1)
    return -1;
  if (count == 0 || !(ns->n->data.oncs & NVME_ONCS_DATASET))
    return 0;
  io.part_most =
    ns->lba_size * min_u64 (min_u64 (l->command_blocks, UINT64_C (1) << 40),
                            (uint64_t) l->ranges * l->range_blocks);
  return run (&io, err);
}
