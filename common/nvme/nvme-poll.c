/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Doorbells, completions, and who waits for them; see nvme-queue.h.
 *
 * Barriers.  A submission entry is written before its doorbell: write32 of
 * the hardware orders that.  The words of a completion are read after its
 * phase: a load with acquire.  With shadow doorbells the shadow must be
 * seen before EventIdx is read, as the device writes EventIdx before it
 * reads the shadow: a full barrier between the two.
 */

#include <config.h>

#include <endian.h>
#include <poll.h>
#include <unistd.h>

#include "base/align.h"
#include "base/clock.h"
#include "base/log.h"
#include "nvme/nvme-queue-impl.h"

/* How long a sleep for an interrupt may be before the queue is looked at
 * without one: they get lost.
 */
#define SLEEP_MS 100
/* Without interrupts. */
#define SLEEP_NO_INTERRUPT_NS 50000

/* Spin if completions come within so long a time, on average. */
#define SPIN_WORTH_NS 40000
#define SPIN_MOST_NS 100000
/* Once in so many sleeps, whether they have become faster. */
#define SPIN_TRY 64

static inline void
cpu_relax (void)
{
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause ();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

/* ------------------------------------------------------------------ */
/* Doorbells */

/* Did the device ask to be told that OLD became NEW? (Base 5.8) */
static bool
wants_event (uint32_t eventidx, uint32_t new, uint32_t old)
{
  return (uint16_t) (new - eventidx - 1) < (uint16_t) (new - old);
}

/* Was the register written? */
static bool
doorbell (struct nvme_queue *q, bool is_cq, uint32_t value)
{
  const struct nvme_queue_setup *s = &q->setup;

  if (q->shadow != NULL) {
    const uint32_t at = is_cq ? q->shadow_stride : 0;
    const uint32_t old = le32toh (q->shadow[at]);

    __atomic_store_n (&q->shadow[at], htole32 (value), __ATOMIC_RELEASE);
    __atomic_thread_fence (__ATOMIC_SEQ_CST);
    if (!wants_event (
          le32toh (__atomic_load_n (&q->eventidx[at], __ATOMIC_RELAXED)), value,
          old))
      return false;
  }
  s->hw->ops->write32 (s->hw, is_cq ? s->cq_doorbell : s->sq_doorbell, value);
  return true;
}

void
nvme_queue_ack (struct nvme_queue *q)
{
  if (q->unacked == 0)
    return;
  q->unacked = 0;
  q->counts.doorbells += doorbell (q, true, q->head);
}

void
nvme_queue_ring (struct nvme_queue *q)
{
  while (q->live && q->tail != q->rung && !q->ringing) {
    const uint32_t tail = q->tail;
    bool written;

    /* The device must have room for what it will answer. */
    if (q->unacked + q->posted >= q->setup.depth)
      nvme_queue_ack (q);
    q->rung = tail;
    /* Which takes a while, in virtual machines a long one. */
    q->ringing = true;
    pthread_mutex_unlock (&q->lock);
    written = doorbell (q, false, tail);
    pthread_mutex_lock (&q->lock);
    q->ringing = false;
    q->counts.doorbells += written;
  }
  if (!q->live)
    pthread_cond_broadcast (&q->idle);
}

/* ------------------------------------------------------------------ */
/* Completions */

static bool
is_satisfied (const struct nvme_request *rq)
{
  return rq->posted == 0 || (!rq->all && rq->done != NULL);
}

static void
remove_sleeper (struct nvme_queue *q, struct nvme_request *rq)
{
  struct nvme_request **p = &q->sleepers;

  while (*p != rq)
    p = &(*p)->next;
  *p = rq->next;
  if (rq->next == NULL)
    q->sleepers_end = p;
  rq->next = NULL;
  rq->sleeping = false;
}

static void
wake (struct nvme_queue *q, struct nvme_request *rq)
{
  if (rq->sleeping) {
    remove_sleeper (q, rq);
    pthread_cond_signal (&rq->cond);
  }
}

void
nvme_queue_wake_one (struct nvme_queue *q)
{
  if (q->sleepers != NULL)
    wake (q, q->sleepers);
}

void
nvme_slot_complete (struct nvme_queue *q, struct nvme_slot *s, uint16_t status)
{
  struct nvme_request *rq = s->owner;

  q->posted--;
  s->status = status;
  s->state = NVME_SLOT_TAKEN;
  if (rq != NULL) {
    s->next = rq->done;
    rq->done = s;
    rq->posted--;
    if (is_satisfied (rq))
      wake (q, rq);
  }
  else if (s->event) {
    s->next = q->events;
    q->events = s;
    q->setup.notify (q->setup.opaque);
  }
  else
    nvme_slot_free (q, s);
}

static uint32_t
last_word (const struct nvme_queue *q)
{
  return le32toh (__atomic_load_n (&q->cq[q->head].dw[3], __ATOMIC_ACQUIRE));
}

/* Has the device written what comes next? */
static bool
has_completion (const struct nvme_queue *q)
{
  return !q->broken && (last_word (q) & NVME_CQE_PHASE) == q->phase;
}

/* The slot that a completion is of, or NULL if there is no such. */
static struct nvme_slot *
find_slot (const struct nvme_queue *q, const struct nvme_cqe *c)
{
  const uint32_t where = le32toh (c->dw[2]), last = le32toh (c->dw[3]);
  const unsigned index = last & NVME_CID_INDEX_MASK;
  struct nvme_slot *s;

  if (where >> 16 != q->setup.qid || (where & 0xffff) >= q->setup.depth ||
      index >= nvme_queue_nslots (q))
    return NULL;
  s = &q->slots[index];
  return s->state == NVME_SLOT_POSTED && s->cid == (last & 0xffff) ? s : NULL;
}

static void
break_queue (struct nvme_queue *q, const struct nvme_cqe *c)
{
  log_error ("nvme %s: queue %u: a completion that belongs to no command "
             "(queue %u, command %u)",
             q->setup.hw->name, q->setup.qid, le32toh (c->dw[2]) >> 16,
             le32toh (c->dw[3]) & 0xffff);
  q->counts.bad_completions++;
  q->broken = true;
  q->setup.notify (q->setup.opaque);
}

/* Take what has come; as the poller.  Returns how many. */
static unsigned
reap (struct nvme_queue *q)
{
  unsigned n = 0;

  while (has_completion (q)) {
    const struct nvme_cqe c = q->cq[q->head];
    struct nvme_slot *s = find_slot (q, &c);

    if (s == NULL) {
      break_queue (q, &c);
      break;
    }
    if (++q->head == q->setup.depth) {
      q->head = 0;
      q->phase ^= NVME_CQE_PHASE;
    }
    q->unacked++;
    n++;
    s->result = le32toh (c.dw[0]);
    nvme_slot_complete (q, s, (uint16_t) (le32toh (c.dw[3]) >> 17));
  }
  return n;
}

/* ------------------------------------------------------------------ */
/* The poller */

static uint64_t
spin_limit (struct nvme_queue *q)
{
  if (q->broken)
    return 0;
  if (q->setup.spin_ns > 0)
    return q->setup.spin_ns;
  if (q->latency_ns <= SPIN_WORTH_NS)
    return min_u64 (2 * q->latency_ns + 2000, SPIN_MOST_NS);
  return ++q->skipped % SPIN_TRY == 0 ? SPIN_MOST_NS : 0;
}

/* Until there is something to do, or it is LIMIT. */
static bool
spin (struct nvme_queue *q, uint64_t limit)
{
  uint64_t polls = 0;
  bool found;

  q->spinning = true;
  pthread_mutex_unlock (&q->lock);
  do {
    for (unsigned i = 0; i < 32; i++) {
      found = has_completion (q) || q->tail != q->rung || !q->live;
      polls++;
      if (found)
        break;
      cpu_relax ();
    }
  } while (!found && clock_ns () < limit);
  pthread_mutex_lock (&q->lock);
  q->spinning = false;
  q->counts.polls += polls;
  return found;
}

static void
sleep_until_interrupt (struct nvme_queue *q)
{
  struct pollfd p = { .fd = q->setup.fd, .events = POLLIN };
  const struct timespec ts = { .tv_nsec = SLEEP_NO_INTERRUPT_NS };
  uint64_t value;
  bool interrupted = false;

  /* Some devices interrupt only if they know that all was seen. */
  nvme_queue_ack (q);
  pthread_mutex_unlock (&q->lock);
  if (p.fd == -1)
    nanosleep (&ts, NULL);
  else if (poll (&p, 1, SLEEP_MS) == 1)
    interrupted = read (p.fd, &value, sizeof value) == sizeof value;
  pthread_mutex_lock (&q->lock);
  q->counts.interrupts += interrupted;
}

void
nvme_queue_kick (struct nvme_queue *q)
{
  const uint64_t one = 1;

  if (q->setup.fd != -1 && write (q->setup.fd, &one, sizeof one) == -1)
    log_debug ("nvme: cannot signal: %m");
}

static void
note_latency (struct nvme_queue *q, uint64_t ns)
{
  q->latency_ns += (int64_t) (ns - q->latency_ns) / 8;
}

/* What is broken, or has stopped, does not become better while somebody
 * waits who may have to mend it.
 */
static bool
is_hopeless (const struct nvme_queue *q)
{
  struct nvme_hw *hw = q->setup.hw;

  return q->broken ||
         (q->live && hw->ops->read32 (hw, NVME_REG_CSTS) & NVME_CSTS_CFS);
}

static bool
is_late (const struct nvme_request *rq)
{
  return rq->deadline_ns != 0 &&
         (clock_ns () >= rq->deadline_ns || is_hopeless (rq->q));
}

/* Until RQ has what it waits for, the queue is stopped, or it is late. */
static void
poll_queue (struct nvme_queue *q, struct nvme_request *rq)
{
  uint64_t since = clock_ns ();

  q->polling = true;
  for (;;) {
    if (reap (q) > 0) {
      const uint64_t now = clock_ns ();

      note_latency (q, now - since);
      since = now;
    }
    if (is_satisfied (rq) || !q->live || is_late (rq))
      break;
    nvme_queue_ring (q);
    {
      const uint64_t limit = spin_limit (q);

      if (limit == 0 || !spin (q, since + limit)) {
        nvme_queue_ring (q);
        sleep_until_interrupt (q);
      }
    }
  }
  q->polling = false;
  nvme_queue_ring (q);
  if (!q->live)
    pthread_cond_broadcast (&q->idle);
  else
    nvme_queue_wake_one (q);
}

/* Somebody else polls, or nobody can now. */
static void
sleep_until_woken (struct nvme_queue *q, struct nvme_request *rq)
{
  struct timespec ts;

  rq->sleeping = true;
  *q->sleepers_end = rq;
  q->sleepers_end = &rq->next;
  if (rq->deadline_ns == 0) {
    while (rq->sleeping)
      pthread_cond_wait (&rq->cond, &q->lock);
    return;
  }
  ts.tv_sec = (time_t) (rq->deadline_ns / CLOCK_SECOND);
  ts.tv_nsec = (long) (rq->deadline_ns % CLOCK_SECOND);
  while (rq->sleeping && !is_late (rq))
    pthread_cond_timedwait (&rq->cond, &q->lock, &ts);
  if (rq->sleeping)
    remove_sleeper (q, rq);
}

/* What is still posted is nobody's: its memory comes back when it completes,
 * or when the queue is cleared.
 */
static void
abandon (struct nvme_queue *q, struct nvme_request *rq)
{
  for (unsigned i = 0; i < nvme_queue_nslots (q); i++) {
    if (q->slots[i].state == NVME_SLOT_POSTED && q->slots[i].owner == rq) {
      q->slots[i].owner = NULL;
      q->owned--;
    }
  }
  rq->posted = 0;
}

bool
nvme_request_wait (struct nvme_request *rq, bool all)
{
  struct nvme_queue *q = rq->q;

  rq->all = all;
  while (!is_satisfied (rq)) {
    if (is_late (rq)) {
      abandon (q, rq);
      return false;
    }
    if (q->live && !q->polling)
      poll_queue (q, rq);
    else
      sleep_until_woken (q, rq);
  }
  return true;
}

void
nvme_queue_harvest (struct nvme_queue *q)
{
  pthread_mutex_lock (&q->lock);
  reap (q);
  pthread_mutex_unlock (&q->lock);
}

void
nvme_queue_look (struct nvme_queue *q)
{
  uint64_t value;

  pthread_mutex_lock (&q->lock);
  if (q->live && !q->polling) {
    q->polling = true;
    if (q->setup.fd != -1 && read (q->setup.fd, &value, sizeof value) > 0)
      q->counts.interrupts++;
    reap (q);
    nvme_queue_ack (q);
    q->polling = false;
    nvme_queue_wake_one (q);
  }
  pthread_mutex_unlock (&q->lock);
}
