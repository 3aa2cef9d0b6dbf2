/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What the files of the queue share among themselves.  All with the lock.
 */

#ifndef DISKSTACK_NVME_QUEUE_IMPL_H
#define DISKSTACK_NVME_QUEUE_IMPL_H

#include "nvme/nvme-queue.h"

/* A command id is the index of its slot and how often that was posted. */
#define NVME_CID_INDEX_BITS 12
#define NVME_CID_INDEX_MASK ((1u << NVME_CID_INDEX_BITS) - 1)

/* How often a command is posted before it fails. */
#define NVME_ATTEMPTS 3
/* How often the controller is reset for a command. */
#define NVME_HUNG_MOST 2

static inline bool
nvme_request_is_gone (const struct nvme_request *rq)
{
  return rq != NULL && rq->gone != NULL && *rq->gone;
}

static inline unsigned
nvme_queue_nslots (const struct nvme_queue *q)
{
  return q->setup.depth - 1;
}

/* To the list of free ones, with its pages; who waits for room is told. */
extern void nvme_slot_free (struct nvme_queue *q, struct nvme_slot *s);
/* The next free one, taken; NULL if there is none. */
extern struct nvme_slot *nvme_slot_take (struct nvme_queue *q);

/* Into the ring.  The slot is posted, the queue live. */
extern void nvme_queue_push (struct nvme_queue *q, struct nvme_slot *s);
/* The doorbell of the submission queue, if it is behind.  It is written
 * without the lock, by one for all who post meanwhile.
 */
extern void nvme_queue_ring (struct nvme_queue *q);
/* That of the completion queue. */
extern void nvme_queue_ack (struct nvme_queue *q);

/* It ended with STATUS: its owner is told. */
extern void nvme_slot_complete (struct nvme_queue *q, struct nvme_slot *s,
                                uint16_t status);

/* The first of those who sleep: have it look whether it may poll. */
extern void nvme_queue_wake_one (struct nvme_queue *q);

/* End the sleep of the poller, which need not be asleep. */
extern void nvme_queue_kick (struct nvme_queue *q);

#endif /* DISKSTACK_NVME_QUEUE_IMPL_H */
