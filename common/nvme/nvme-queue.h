/* SPDX-License-Identifier: BSD-3-Clause
 *
 * One pair of a submission and a completion queue, and the threads that
 * wait for its completions.
 *
 * A thread has a request (struct nvme_request), which gets slots of the
 * queue, fills them (memory of the pool, a command), posts them, and waits.
 * Of all threads that wait one, the poller, looks at the completion queue
 * on behalf of all: it spins for as long as completions have taken of late,
 * then sleeps until the interrupt.  When it has what it waited for, it
 * hands over to another.  While it spins, it writes the doorbell for
 * those who post meanwhile.
 *
 * A slot belongs to its request from nvme_request_get to
 * nvme_request_release, except between post and completion, when its memory
 * is the device's.  There are fewer slots than queue entries, so that
 * neither queue can overflow.
 *
 * What the device says is believed only so far as it makes sense: a
 * completion of what was not posted breaks the queue, which then waits for
 * the recovery (nvme_queue_stop, _start).
 */

#ifndef DISKSTACK_NVME_QUEUE_H
#define DISKSTACK_NVME_QUEUE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "nvme/nvme-memory.h"
#include "nvme/nvme-spec.h"
#include "nvme/nvme.h"

struct nvme_queue;
struct nvme_request;

enum nvme_slot_state {
  NVME_SLOT_FREE,
  NVME_SLOT_TAKEN,  /* the request fills it, or looks at what came back */
  NVME_SLOT_POSTED, /* the device's, or will be when the queue is live */
};

struct nvme_slot {
  struct nvme_sqe sqe;        /* kept for posting it again */
  struct nvme_request *owner; /* NULL: nobody waits */
  struct nvme_slot *next;     /* in a list of its owner's, or of free ones */
  uint64_t posted_ns;         /* clock_coarse_ns */
  uint64_t offset;            /* for the owner: which part of the request */
  uint64_t count;
  size_t memory; /* bytes of data that it has, from its first page on */
  uint32_t result;
  uint16_t status; /* of the completion, without phase */
  uint16_t cid;    /* its index, and a number that changes with each post */
  uint16_t npages; /* of data and of list */
  uint16_t *pages;
  uint8_t attempts; /* how often it was posted */
  bool once;        /* is not given again */
  uint8_t hung;     /* how often the controller was reset because of it */
  bool event;       /* waits for an asynchronous event */
  bool aborting;    /* the controller was asked to abort it */
  bool sgl;         /* its pages are side by side, and named so */
  enum nvme_slot_state state;
};

struct nvme_queue_setup {
  struct nvme_hw *hw;
  uint16_t qid;
  unsigned depth;     /* entries, at least 2 */
  unsigned pages;     /* of the pool */
  unsigned max_pages; /* of data in a slot */
  uint32_t page_size;
  uint32_t sq_doorbell, cq_doorbell; /* offsets of registers */
  int fd;                            /* eventfd of the vector, or -1 */
  uint32_t spin_ns;                  /* 0: adaptive */
  bool sgl;                          /* commands may have SGLs */

  /* Something is wrong (broken), or an event came: called with the lock. */
  void (*notify) (void *opaque);
  void *opaque;
};

struct nvme_queue {
  struct nvme_queue_setup setup;
  pthread_mutex_t lock; /* of all that follows, but where it says */

  /* The rings.  The poller reads the completion queue without the lock. */
  struct nvme_memory sq_memory, cq_memory;
  struct nvme_sqe *sq;
  struct nvme_cqe *cq;
  _Atomic uint32_t tail, rung; /* rung: what the doorbell was told */
  uint32_t head, unacked;      /* completions that it was not told */
  uint32_t phase;
  uint32_t *shadow, *eventidx; /* [0] of sq, [stride] of cq; or NULL */
  uint32_t shadow_stride;      /* words */

  struct nvme_pool pool;
  struct nvme_slot *slots; /* depth - 1 */
  uint16_t *slot_pages;
  struct nvme_slot *free;
  unsigned posted;
  unsigned owned;           /* slots that requests have */
  struct nvme_slot *events; /* asynchronous ones that came */

  _Atomic bool live;         /* the controller runs, and knows this queue */
  bool dead;                 /* it never will again */
  bool broken;               /* something impossible came */
  bool polling;              /* there is a poller */
  bool spinning;             /* which will write doorbells */
  bool ringing;              /* somebody writes one */
  pthread_cond_t idle;       /* polling or ringing ended while not live */
  pthread_cond_t room;       /* slots or pages became free, or live or dead */
  uint64_t tickets, serving; /* of those who wait for room, in their order */
  struct nvme_request *sleepers, **sleepers_end;

  uint64_t latency_ns; /* between looking and finding, on average */
  unsigned skipped;    /* how often it was not worth to spin */
  struct nvme_counts counts;
};

/* 0, or -1 with *err; all memory is allocated, and the queue not live. */
extern int nvme_queue_init (struct nvme_queue *q,
                            const struct nvme_queue_setup *setup, int *err);
/* Nobody is in it; Q may be zeroed. */
extern void nvme_queue_fini (struct nvme_queue *q);

/* Of a queue that was killed: wait until nobody uses its memory; then give
 * that back, when the device does not use it either.
 */
extern void nvme_queue_drain (struct nvme_queue *q);
extern void nvme_queue_free_memory (struct nvme_queue *q);

/* The device is about to use the queue, which is empty; or was reset.  What
 * was posted before is posted again, unless it was too often, or was late
 * for a second time, or is for what is gone (then it failed), or nobody waits
 * for it.
 */
extern void nvme_queue_clear (struct nvme_queue *q);
extern void nvme_queue_start (struct nvme_queue *q);

/* The device was disabled: take what it completed before. */
extern void nvme_queue_harvest (struct nvme_queue *q);

/* Nobody looks at the rings or writes doorbells afterwards. */
extern void nvme_queue_stop (struct nvme_queue *q);

/* Stop, with all that is posted, and from now on will be, ended with
 * STATUS; for ever.
 */
extern void nvme_queue_kill (struct nvme_queue *q, uint16_t status);

/* All that is posted ended with STATUS. */
extern void nvme_queue_flush_posted (struct nvme_queue *q, uint16_t status);

/* Use shadow doorbells (Base 5.8) at SHADOW and EVENTIDX of the submission
 * queue; those of the completion queue are STRIDE words behind.
 */
extern void nvme_queue_use_shadow (struct nvme_queue *q, uint32_t *shadow,
                                   uint32_t *eventidx, uint32_t stride);

/* The controller is about to be reset: note what has been posted for LIMIT_NS
 * or longer as a reason.
 */
extern void nvme_queue_note_hung (struct nvme_queue *q, uint64_t limit_ns);

/* Look once, if nobody else does. */
extern void nvme_queue_look (struct nvme_queue *q);

/* Post a command that nobody waits for; false if there is no slot.  When an
 * EVENT completes it is in events.
 */
extern bool nvme_queue_post_alone (struct nvme_queue *q,
                                   const struct nvme_sqe *sqe, bool event);

/* Is one for an event at the device? */
extern bool nvme_queue_awaits_event (struct nvme_queue *q);

/* ------------------------------------------------------------------ */

struct nvme_request {
  struct nvme_queue *q;
  struct nvme_slot *done; /* completed, to be collected */
  unsigned posted;
  uint64_t deadline_ns; /* clock_ns; 0: there is none */
  /* What the commands are for is not there any more, or another disk: they
   * are not given.  Or NULL.
   */
  const _Atomic bool *gone;
  bool all; /* wait for all, not for any */
  bool sleeping;
  struct nvme_request *next; /* sleepers */
  pthread_cond_t cond;
};

/* Nothing can fail.  To be ended by fini, when all slots are released. */
extern void nvme_request_init (struct nvme_request *rq, struct nvme_queue *q);
extern void nvme_request_fini (struct nvme_request *rq);

/* All of the following are called with the lock of the queue. */

/* A slot with memory for COUNT bytes, at most max_pages pages.  NULL if
 * there is none now; with WAIT, for which RQ must not hold any, only
 * because the queue is dead.
 */
extern struct nvme_slot *nvme_request_get (struct nvme_request *rq,
                                           size_t count, bool wait);

/* Give the slot to the device.  Doorbells are written by ring. */
extern void nvme_request_post (struct nvme_request *rq, struct nvme_slot *s);
extern void nvme_request_ring (struct nvme_request *rq);

/* Until all that RQ posted, or with ALL false some of it, is done.  A
 * deadline that passes ends the wait, too: then what is not done is
 * abandoned, and false returned.
 */
extern bool nvme_request_wait (struct nvme_request *rq, bool all);

/* Take one that is done, or NULL. */
extern struct nvme_slot *nvme_request_collect (struct nvme_request *rq);
extern void nvme_request_release (struct nvme_request *rq, struct nvme_slot *s);

/* Have the device execute one command in S, with the COUNT bytes of BUF, which
 * go there or, if it succeeds, come from there as its opcode says; NULL: none.
 * False if the deadline passed: then S is abandoned.
 */
extern bool nvme_request_exchange (struct nvme_request *rq, struct nvme_slot *s,
                                   const struct nvme_sqe *command, void *buf,
                                   size_t count);

/* Without the lock: give the command its pages, which are filled with the
 * COUNT bytes later or now; and copy to or from them, from byte AT on.
 */
extern void nvme_slot_build (const struct nvme_queue *q, struct nvme_slot *s,
                             const struct nvme_sqe *command);
extern void nvme_slot_write (const struct nvme_queue *q,
                             const struct nvme_slot *s, size_t at,
                             const void *buf, size_t count);
extern void nvme_slot_read (const struct nvme_queue *q,
                            const struct nvme_slot *s, size_t at, void *buf,
                            size_t count);

#endif /* DISKSTACK_NVME_QUEUE_H */
