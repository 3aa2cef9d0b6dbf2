/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What the files of the emulated controller share.
 */

#ifndef DISKSTACK_TEST_NVME_EMULATED_IMPL_H
#define DISKSTACK_TEST_NVME_EMULATED_IMPL_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/align.h"
#include "nvme/nvme-spec.h"
#include "support/nvme-emulated.h"
#include "support/nvme-reservations.h"

#define EMULATED_QUEUES 65 /* with the admin queue */
#define EMULATED_REGIONS 512
#define EMULATED_LATE 4096

struct emulated_queue {
  bool sq_exists, cq_exists;
  uint32_t sq_size, cq_size, sq_head, cq_tail, phase;
  uint64_t sq_iova, cq_iova;
  int vector; /* -1: no interrupts */
  unsigned cqid;
  bool overfilled; /* by a fault: the driver need not have room for all */
};

struct emulated_region {
  char *va;
  uint64_t iova;
  size_t size;
};

struct emulated_late {
  unsigned qid;
  struct nvme_sqe sqe;
};

struct emulated_ns {
  uint64_t size, most;
  uint8_t *data;
  uint8_t id;
  struct nvme_reservations reservations;
};

struct emulated {
  struct nvme_hw hw;
  struct nvme_emulated_options o;
  pthread_mutex_t lock; /* of all but doorbells */
  pthread_cond_t work;
  pthread_t thread;
  _Atomic bool ending, sleeping;
  _Atomic bool gone;

  uint32_t cc, csts, aqa;
  uint64_t ready_ns; /* clock_ns: when it becomes so */
  bool shut_down;    /* orderly, since it was enabled */
  uint64_t asq, acq;
  _Atomic uint32_t doorbell[2 * EMULATED_QUEUES];
  _Atomic uint64_t ndoorbells;
  uint64_t shadow, eventidx; /* 0: none */
  struct emulated_queue q[EMULATED_QUEUES];
  unsigned nqueues; /* none beyond */

  int fd[EMULATED_QUEUES];
  unsigned nfds;
  int removal_fd;
  struct emulated_region region[EMULATED_REGIONS];
  unsigned nregions; /* none beyond */
  uint64_t next_iova;

  struct emulated_ns *ns;
  struct emulated_late late[EMULATED_LATE];
  unsigned nlate;
  uint16_t event_cid[4]; /* of requests for events */
  unsigned nevents;
  uint32_t event_wanted;     /* feature 0x0b */
  uint32_t event_pending[8]; /* results to be told */
  unsigned npending;
  bool changed[64]; /* namespaces, for the log */
  uint8_t warning;
  uint8_t host_id[16]; /* feature 0x81 */

  struct nvme_emulated_fault fault;
  uint16_t stale_cid;
  bool has_stale;
  bool no_abort, never_ready, no_reset;
  unsigned errors, dma_errors;
  struct nvme_emulated_counts counts;
};

static inline struct emulated *
to_emulated (struct nvme_hw *hw)
{
  return container_of (hw, struct emulated, hw);
}

/* Everything that there is to do; was there something?  And a thread that
 * does it.
 */
extern bool emulated_work (struct emulated *e);
extern void *emulated_thread (void *opaque);

/* A mistake of the driver. */
extern void emulated_error (struct emulated *e, const char *fs, ...)
  __attribute__ ((format (printf, 2, 3)));

/* COUNT bytes of the driver's memory, or NULL after emulated_error. */
extern void *emulated_memory (struct emulated *e, uint64_t iova, size_t count);

extern uint32_t emulated_page_size (const struct emulated *e);

/* Complete a command: RESULT is the first word. */
extern void emulated_complete (struct emulated *e, unsigned qid, uint16_t cid,
                               uint16_t status, uint32_t result);

/* Execute a command that was fetched, and complete it. */
extern void emulated_execute (struct emulated *e, unsigned qid,
                              const struct nvme_sqe *sqe);

/* Copy COUNT bytes between DATA and the memory of the command; with DATA
 * NULL only look.
 */
extern bool emulated_move (struct emulated *e, const struct nvme_sqe *sqe,
                           uint8_t *data, uint64_t count, bool to_host);

/* Set Features, Host Identifier; commands of reservations; and does the
 * reservation allow this one?
 */
extern uint16_t emulated_set_host_id (struct emulated *e,
                                      const struct nvme_sqe *sqe);
extern uint16_t emulated_reservation (struct emulated *e,
                                      struct emulated_ns *ns,
                                      const struct nvme_sqe *sqe);
extern bool emulated_allows (const struct emulated *e,
                             const struct emulated_ns *ns, uint8_t opcode);

/* Those that are LATE. */
extern void emulated_execute_late (struct emulated *e);

/* Tell what is pending, if a request for events is there. */
extern void emulated_tell_events (struct emulated *e);

#endif /* DISKSTACK_TEST_NVME_EMULATED_IMPL_H */
