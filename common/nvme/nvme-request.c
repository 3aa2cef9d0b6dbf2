/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Slots: taken, filled, posted, released; see nvme-queue.h.
 */

#include <config.h>

#include <string.h>

#include "base/align.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "nvme/nvme-command.h"
#include "nvme/nvme-prp.h"
#include "nvme/nvme-queue-impl.h"
#include "nvme/nvme-status.h"

void
nvme_request_init (struct nvme_request *rq, struct nvme_queue *q)
{
  pthread_condattr_t attr;

  memset (rq, 0, sizeof *rq);
  rq->q = q;
  pthread_condattr_init (&attr);
  pthread_condattr_setclock (&attr, CLOCK_MONOTONIC);
  pthread_cond_init (&rq->cond, &attr);
  pthread_condattr_destroy (&attr);
}

void
nvme_request_fini (struct nvme_request *rq)
{
  pthread_cond_destroy (&rq->cond);
}

/* ------------------------------------------------------------------ */
/* Room */

void
nvme_slot_free (struct nvme_queue *q, struct nvme_slot *s)
{
  nvme_pool_put (&q->pool, s->npages, s->pages);
  s->npages = 0;
  s->state = NVME_SLOT_FREE;
  q->owned -= s->owner != NULL;
  s->owner = NULL;
  s->next = q->free;
  q->free = s;
  if (q->serving != q->tickets)
    pthread_cond_broadcast (&q->room);
}

struct nvme_slot *
nvme_slot_take (struct nvme_queue *q)
{
  struct nvme_slot *s = q->free;

  if (s != NULL) {
    q->free = s->next;
    s->next = NULL;
    s->state = NVME_SLOT_TAKEN;
    s->attempts = s->hung = 0;
    s->once = false;
    s->event = false;
  }
  return s;
}

/* Pages for COUNT bytes.  What PRPs would need a list for, which the device
 * fetches first, one SGL descriptor in the command names if its pages are
 * side by side; else there is a list, too.
 */
static bool
get_pages (struct nvme_queue *q, struct nvme_slot *s, size_t count)
{
  const uint32_t size = q->setup.page_size;
  unsigned n = (unsigned) DIV_ROUND_UP (count, size);

  s->sgl = n > 2 && q->setup.sgl && nvme_pool_get_run (&q->pool, n, s->pages);
  if (!s->sgl) {
    n += n > 2 ? nvme_prp_list_pages (n, size) : 0;
    if (!nvme_pool_get (&q->pool, n, s->pages))
      return false;
  }
  s->npages = (uint16_t) n;
  s->memory = count;
  return true;
}

static struct nvme_slot *
try_get (struct nvme_request *rq, size_t count)
{
  struct nvme_queue *q = rq->q;
  struct nvme_slot *s = q->free;

  if (!q->live || q->dead || s == NULL || !get_pages (q, s, count))
    return NULL;
  nvme_slot_take (q);
  s->owner = rq;
  q->owned++;
  return s;
}

struct nvme_slot *
nvme_request_get (struct nvme_request *rq, size_t count, bool wait)
{
  struct nvme_queue *q = rq->q;
  struct nvme_slot *s = NULL;
  uint64_t ticket;

  /* Not before those who wait. */
  if (q->serving == q->tickets)
    s = try_get (rq, count);
  if (s != NULL || !wait)
    return s;
  ticket = q->tickets++;
  while (!q->dead &&
         (ticket != q->serving || (s = try_get (rq, count)) == NULL))
    pthread_cond_wait (&q->room, &q->lock);
  q->serving++;
  if (q->serving != q->tickets)
    pthread_cond_broadcast (&q->room);
  return s;
}

void
nvme_request_release (struct nvme_request *rq, struct nvme_slot *s)
{
  nvme_slot_free (rq->q, s);
}

/* ------------------------------------------------------------------ */
/* Commands and data */

static uint64_t
page_iova (const void *opaque, unsigned i)
{
  const struct nvme_slot *s = *(const struct nvme_slot *const *) opaque;
  const struct nvme_queue *q = s->owner->q;

  return nvme_pool_iova (&q->pool, s->pages[i]);
}

static void *
page_va (const void *opaque, unsigned i)
{
  const struct nvme_slot *s = *(const struct nvme_slot *const *) opaque;
  const struct nvme_queue *q = s->owner->q;

  return nvme_pool_va (&q->pool, s->pages[i]);
}

void
nvme_slot_build (const struct nvme_queue *q, struct nvme_slot *s,
                 const struct nvme_sqe *command)
{
  const struct nvme_prp_pages pages = { page_iova, page_va, &s };
  const uint32_t size = q->setup.page_size;

  s->sqe = *command;
  if (s->sgl)
    nvme_command_set_block (&s->sqe, page_iova (&s, 0), (uint32_t) s->memory);
  else if (s->memory > 0)
    nvme_prp_build (&s->sqe, (unsigned) DIV_ROUND_UP (s->memory, size), size,
                    &pages);
}

/* Copy, in the direction that WRITE says, piece by piece unless all pages are
 * side by side.
 */
static void
copy (const struct nvme_queue *q, const struct nvme_slot *s, size_t at,
      char *buf, size_t count, bool write)
{
  const uint32_t size = q->setup.page_size;

  while (count > 0) {
    const size_t n = s->sgl ? count : min_u64 (count, size - at % size);
    char *p = (char *) nvme_pool_va (&q->pool, s->pages[at / size]) + at % size;

    if (write)
      memcpy (p, buf, n);
    else
      memcpy (buf, p, n);
    buf += n;
    at += n;
    count -= n;
  }
}

void
nvme_slot_write (const struct nvme_queue *q, const struct nvme_slot *s,
                 size_t at, const void *buf, size_t count)
{
  copy (q, s, at, (char *) buf, count, true);
}

void
nvme_slot_read (const struct nvme_queue *q, const struct nvme_slot *s,
                size_t at, void *buf, size_t count)
{
  copy (q, s, at, buf, count, false);
}

/* ------------------------------------------------------------------ */
/* To the device and back */

void
nvme_queue_push (struct nvme_queue *q, struct nvme_slot *s)
{
  const uint32_t tail = q->tail;

  /* A late completion of the last time is not one of this. */
  s->cid = (uint16_t) (s->cid + (1u << NVME_CID_INDEX_BITS));
  s->sqe.cid = le16_put (s->cid);
  s->attempts++;
  s->aborting = false;
  s->posted_ns = clock_coarse_ns ();
  q->sq[tail] = s->sqe;
  q->tail = tail + 1 == q->setup.depth ? 0 : tail + 1;
  q->counts.commands++;
  q->counts.sgls += s->sgl;
}

void
nvme_request_post (struct nvme_request *rq, struct nvme_slot *s)
{
  struct nvme_queue *q = rq->q;

  s->state = NVME_SLOT_POSTED;
  q->posted++;
  rq->posted++;
  if (q->dead)
    nvme_slot_complete (q, s, NVME_SC_DEVICE_GONE);
  else if (nvme_request_is_gone (rq))
    nvme_slot_complete (q, s, NVME_SC_INVALID_NAMESPACE);
  else if (q->live)
    nvme_queue_push (q, s);
}

void
nvme_request_ring (struct nvme_request *rq)
{
  /* Who spins sees it at once, and does it for all. */
  if (!rq->q->spinning && rq->q->live)
    nvme_queue_ring (rq->q);
}

bool
nvme_request_exchange (struct nvme_request *rq, struct nvme_slot *s,
                       const struct nvme_sqe *command, void *buf, size_t count)
{
  const bool sends = NVME_OPCODE_SENDS (command->opcode);

  nvme_slot_build (rq->q, s, command);
  if (sends && buf != NULL)
    nvme_slot_write (rq->q, s, 0, buf, count);
  nvme_request_post (rq, s);
  nvme_request_ring (rq);
  if (!nvme_request_wait (rq, true))
    return false;
  nvme_request_collect (rq);
  if (!sends && buf != NULL && (s->status & NVME_STATUS_CODE_MASK) == 0)
    nvme_slot_read (rq->q, s, 0, buf, count);
  return true;
}

bool
nvme_queue_post_alone (struct nvme_queue *q, const struct nvme_sqe *sqe,
                       bool event)
{
  struct nvme_slot *s;
  bool done = false;

  pthread_mutex_lock (&q->lock);
  if (q->live && (s = nvme_slot_take (q)) != NULL) {
    s->sqe = *sqe;
    s->event = event;
    s->state = NVME_SLOT_POSTED;
    q->posted++;
    nvme_queue_push (q, s);
    nvme_queue_ring (q);
    done = true;
  }
  pthread_mutex_unlock (&q->lock);
  return done;
}

bool
nvme_queue_awaits_event (struct nvme_queue *q)
{
  LOCK_SCOPE (&q->lock);
  for (unsigned i = 0; i < nvme_queue_nslots (q); i++) {
    if (q->slots[i].state == NVME_SLOT_POSTED && q->slots[i].event)
      return true;
  }
  return false;
}

struct nvme_slot *
nvme_request_collect (struct nvme_request *rq)
{
  struct nvme_slot *s = rq->done;

  if (s != NULL) {
    rq->done = s->next;
    s->next = NULL;
  }
  return s;
}
