/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The queues of the emulated controller: what it fetches, does, fails and
 * completes.  See nvme-emulated.h.
 */

#include <config.h>

#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "support/nvme-emulated-impl.h"

/* ------------------------------------------------------------------ */
/* Queues */

uint32_t
emulated_page_size (const struct emulated *e)
{
  return UINT32_C (4096) << (e->cc >> 7 & 0xf);
}

static void
interrupt (struct emulated *e, int vector)
{
  const uint64_t one = 1;

  if (vector < 0)
    return;
  if ((unsigned) vector >= e->nfds)
    return;
  e->counts.interrupts++;
  if (write (e->fd[vector], &one, sizeof one) == -1 && errno != EAGAIN)
    emulated_error (e, "eventfd: %s", strerror (errno));
}

/* The doorbell of a queue, or its shadow. */
static uint32_t
doorbell_of (struct emulated *e, unsigned qid, unsigned is_cq)
{
  const unsigned stride = 1u << e->o.dstrd;
  const uint64_t at = (2 * qid + is_cq) * (uint64_t) stride * 4;
  uint32_t *shadow, *eventidx, value;

  if (e->shadow == 0 || qid == 0)
    return e->doorbell[2 * qid + is_cq];
  shadow = emulated_memory (e, e->shadow + at, 4);
  eventidx = emulated_memory (e, e->eventidx + at, 4);
  if (shadow == NULL || eventidx == NULL)
    return 0;
  value = __atomic_load_n (shadow, __ATOMIC_ACQUIRE);
  /* Tell me of the next one. */
  __atomic_store_n (eventidx, value, __ATOMIC_RELAXED);
  __atomic_thread_fence (__ATOMIC_SEQ_CST);
  return le32toh (__atomic_load_n (shadow, __ATOMIC_ACQUIRE));
}

static bool
cq_is_full (struct emulated *e, unsigned cqid)
{
  const struct emulated_queue *q = &e->q[cqid];
  const uint32_t head = doorbell_of (e, cqid, 1);

  if (head >= q->cq_size) {
    emulated_error (e, "head %u of queue %u", head, cqid);
    return true;
  }
  return (q->cq_tail + 1) % q->cq_size == head;
}

/* The phase stays: without it nobody sees the rest. */
static void
mutate (struct emulated *e, struct nvme_cqe *c, uint32_t *last)
{
  const struct nvme_emulated_mutator *m = e->o.mutator;
  struct nvme_cqe copy = *c;

  copy.dw[3] = *last;
  m->completion (m->opaque, copy.dw);
  memcpy (c->dw, copy.dw, 3 * sizeof copy.dw[0]);
  *last = (copy.dw[3] & ~htole32 (NVME_CQE_PHASE)) |
          (*last & htole32 (NVME_CQE_PHASE));
}

static void
post (struct emulated *e, unsigned cqid, unsigned sqid, uint16_t cid,
      uint16_t status, uint32_t result, bool silent)
{
  struct emulated_queue *q = &e->q[cqid];
  struct nvme_cqe *c;
  uint32_t last;

  if (!q->cq_exists)
    return;
  if (cq_is_full (e, cqid)) {
    if (!q->overfilled)
      emulated_error (e, "no room in completion queue %u", cqid);
    return;
  }
  c = emulated_memory (e, q->cq_iova + q->cq_tail * sizeof *c, sizeof *c);
  if (c == NULL)
    return;
  c->dw[0] = htole32 (result);
  c->dw[2] = htole32 (e->q[sqid % EMULATED_QUEUES].sq_head | sqid << 16);
  if (e->fault.kind == NVME_FAULT_BAD_SQHD && silent)
    c->dw[2] |= htole32 (0xffff);
  last = htole32 (cid | q->phase << 16 | (uint32_t) status << 17);
  if (e->o.mutator != NULL)
    mutate (e, c, &last);
  __atomic_store_n (&c->dw[3], last, __ATOMIC_RELEASE);
  if (++q->cq_tail == q->cq_size) {
    q->cq_tail = 0;
    q->phase ^= 1;
  }
  if (!silent)
    interrupt (e, q->vector);
}

void
emulated_complete (struct emulated *e, unsigned qid, uint16_t cid,
                   uint16_t status, uint32_t result)
{
  post (e, e->q[qid].cqid, qid, cid, status, result, false);
}

/* ------------------------------------------------------------------ */
/* Faults */

static bool
fault_matches (struct emulated *e, unsigned qid, const struct nvme_sqe *sqe)
{
  struct nvme_emulated_fault *f = &e->fault;

  if (f->count == 0 || f->admin != (qid == 0) ||
      (f->opcode != NVME_ANY_OPCODE && f->opcode != sqe->opcode))
    return false;
  if (f->skip > 0) {
    f->skip--;
    return false;
  }
  f->count--;
  return true;
}

/* The next command after a STALE fault? */
static bool
is_after_stale (struct emulated *e, const struct nvme_sqe *sqe)
{
  const bool after = e->has_stale && sqe->opcode == e->fault.opcode;

  e->has_stale &= !after;
  return after;
}

static void
keep_late (struct emulated *e, unsigned qid, const struct nvme_sqe *sqe)
{
  if (e->nlate == EMULATED_LATE)
    abort ();
  e->late[e->nlate++] = (struct emulated_late){ qid, *sqe };
}

/* Execute without the completion being seen. */
static void
execute_silently (struct emulated *e, unsigned qid, const struct nvme_sqe *sqe)
{
  const unsigned cqid = e->q[qid].cqid;
  struct emulated_queue *q = &e->q[cqid];
  const bool exists = q->cq_exists;

  q->cq_exists = false;
  emulated_execute (e, qid, sqe);
  q->cq_exists = exists;
}

static void
fail_so (struct emulated *e, unsigned qid, const struct nvme_sqe *sqe)
{
  const uint16_t cid = le16_get (sqe->cid);
  const unsigned cqid = e->q[qid].cqid;
  const int vector = e->q[cqid].vector;

  switch (e->fault.kind) {
  case NVME_FAULT_STATUS:
    emulated_complete (e, qid, cid, e->fault.status, 0);
    break;
  case NVME_FAULT_STALE:
    emulated_complete (e, qid, cid, e->fault.status, 0);
    e->stale_cid = cid;
    e->has_stale = true;
    break;
  case NVME_FAULT_LATE:
    keep_late (e, qid, sqe);
    break;
  case NVME_FAULT_LOST:
    execute_silently (e, qid, sqe);
    break;
  case NVME_FAULT_IGNORED:
    break;
  case NVME_FAULT_NO_INTERRUPT:
    e->q[cqid].vector = -1;
    emulated_execute (e, qid, sqe);
    e->q[cqid].vector = vector;
    break;
  case NVME_FAULT_TWICE:
    emulated_execute (e, qid, sqe);
    e->q[cqid].overfilled = true;
    if (!cq_is_full (e, cqid))
      emulated_complete (e, qid, cid, 0, 0);
    break;
  case NVME_FAULT_BAD_CID:
    post (e, cqid, qid, cid ^ 0x5aa5, 0, 0, false);
    break;
  case NVME_FAULT_BAD_SQID:
    post (e, cqid, qid + 1, cid, 0, 0, false);
    break;
  case NVME_FAULT_BAD_SQHD:
    post (e, cqid, qid, cid, 0, 0, true);
    interrupt (e, vector);
    break;
  case NVME_FAULT_CFS:
    e->csts |= NVME_CSTS_CFS;
    break;
  case NVME_FAULT_GONE:
    e->gone = true;
    break;
  }
}

/* ------------------------------------------------------------------ */
/* Work */

static bool
is_running (const struct emulated *e)
{
  return !e->gone && e->csts & NVME_CSTS_RDY && !(e->csts & NVME_CSTS_CFS);
}

/* The next command of a queue; false if there is none now. */
static bool
step (struct emulated *e, unsigned qid)
{
  struct emulated_queue *q = &e->q[qid];
  const struct nvme_sqe *p;
  struct nvme_sqe sqe;
  uint32_t tail;

  if (!q->sq_exists || !is_running (e))
    return false;
  tail = doorbell_of (e, qid, 0);
  if (tail >= q->sq_size) {
    emulated_error (e, "tail %u of queue %u", tail, qid);
    return false;
  }
  if (q->sq_head == tail || cq_is_full (e, q->cqid))
    return false;
  p = emulated_memory (e, q->sq_iova + q->sq_head * sizeof *p, sizeof *p);
  if (p == NULL)
    return false;
  sqe = *p;
  q->sq_head = (q->sq_head + 1) % q->sq_size;
  e->counts.commands++;
  if (is_after_stale (e, &sqe))
    emulated_complete (e, qid, e->stale_cid, 0, 0);
  else if (fault_matches (e, qid, &sqe))
    fail_so (e, qid, &sqe);
  else
    emulated_execute (e, qid, &sqe);
  return true;
}

/* Everything that there is to do; was there something? */
bool
emulated_work (struct emulated *e)
{
  bool any = false, again;

  do {
    again = false;
    for (unsigned qid = 0; qid < e->nqueues; qid++)
      again |= step (e, qid);
    any |= again;
  } while (again);
  return any;
}

void *
emulated_thread (void *opaque)
{
  struct emulated *e = opaque;
  uint64_t since = clock_ns ();

  pthread_mutex_lock (&e->lock);
  while (!e->ending) {
    if (emulated_work (e)) {
      since = clock_ns ();
      continue;
    }
    if (clock_ns () - since < e->o.spin_ns) {
      pthread_mutex_unlock (&e->lock);
      for (volatile unsigned i = 0; i < 20; i++)
        ;
      pthread_mutex_lock (&e->lock);
      continue;
    }
    e->sleeping = true;
    atomic_thread_fence (memory_order_seq_cst);
    if (!emulated_work (e) && !e->ending)
      pthread_cond_wait (&e->work, &e->lock);
    e->sleeping = false;
    since = clock_ns ();
  }
  pthread_mutex_unlock (&e->lock);
  return NULL;
}
