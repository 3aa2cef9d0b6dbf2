/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Commands as they lie in a submission queue.  Pure: each returns an
 * entry without its command id and data pointers, which come later.
 */

#ifndef DISKSTACK_NVME_COMMAND_H
#define DISKSTACK_NVME_COMMAND_H

#include <stdbool.h>
#include <stdint.h>

#include "nvme/nvme-spec.h"

/* Blocks that Read, Write and Write Zeroes can name. */
#define NVME_NLB_MAX UINT32_C (65536)

/* NVME_CMD_READ, _WRITE or _WRITE_ZEROES of NLB blocks, 1 to NVME_NLB_MAX,
 * at SLBA; FLAGS: NVME_CDW12_*.
 */
extern struct nvme_sqe nvme_command_blocks (uint8_t opcode, uint32_t nsid,
                                            uint64_t slba, uint32_t nlb,
                                            uint32_t flags);

/* Have SQE name its data, which is contiguous for the device, by one SGL
 * descriptor instead of PRPs.
 */
extern void nvme_command_set_block (struct nvme_sqe *sqe, uint64_t iova,
                                    uint32_t count);

extern struct nvme_sqe nvme_command_flush (uint32_t nsid);

/* Deallocate NRANGES ranges, 1 to NVME_RANGES_MAX, of the data. */
extern struct nvme_sqe nvme_command_deallocate (uint32_t nsid,
                                                unsigned nranges);

extern struct nvme_sqe nvme_command_identify (uint8_t cns, uint32_t nsid);

/* COUNT bytes, a multiple of 4. */
extern struct nvme_sqe nvme_command_get_log (uint8_t log, uint32_t nsid,
                                             uint32_t count);

extern struct nvme_sqe nvme_command_set_feature (uint8_t feature,
                                                 uint32_t value);

/* Queue ids from 1 on; SIZE in entries; contiguous, at IOVA.  With VECTOR
 * -1 without interrupts.
 */
extern struct nvme_sqe nvme_command_create_cq (uint16_t qid, uint32_t size,
                                               int vector, uint64_t iova);
extern struct nvme_sqe nvme_command_create_sq (uint16_t qid, uint32_t size,
                                               uint64_t iova);

extern struct nvme_sqe nvme_command_abort (uint16_t qid, uint16_t cid);
extern struct nvme_sqe nvme_command_async_event (void);

/* One page each of shadow doorbells and of EventIdx (Base 5.8). */
extern struct nvme_sqe nvme_command_doorbell_buffers (uint64_t shadow,
                                                      uint64_t eventidx);

#endif /* DISKSTACK_NVME_COMMAND_H */
