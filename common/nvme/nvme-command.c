/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See nvme-command.h.
 */

#include <config.h>

#include "nvme/nvme-command.h"

struct nvme_sqe
nvme_command_blocks (uint8_t opcode, uint32_t nsid, uint64_t slba, uint32_t nlb,
                     uint32_t flags)
{
  return (struct nvme_sqe){
    .opcode = opcode,
    .nsid = le32_put (nsid),
    .cdw10 = le32_put ((uint32_t) slba),
    .cdw11 = le32_put ((uint32_t) (slba >> 32)),
    .cdw12 = le32_put ((nlb - 1) | flags),
  };
}

void
nvme_command_set_block (struct nvme_sqe *sqe, uint64_t iova, uint32_t count)
{
  sqe->flags = NVME_SQE_PSDT_SGL;
  sqe->prp1 = le64_put (iova);
  sqe->prp2 = le64_put (count | (uint64_t) NVME_SGL_DATA_BLOCK << 56);
}

struct nvme_sqe
nvme_command_flush (uint32_t nsid)
{
  return (struct nvme_sqe){ .opcode = NVME_CMD_FLUSH, .nsid = le32_put (nsid) };
}

struct nvme_sqe
nvme_command_deallocate (uint32_t nsid, unsigned nranges)
{
  return (struct nvme_sqe){
    .opcode = NVME_CMD_DATASET,
    .nsid = le32_put (nsid),
    .cdw10 = le32_put (nranges - 1),
    .cdw11 = le32_put (NVME_DATASET_DEALLOCATE),
  };
}

struct nvme_sqe
nvme_command_identify (uint8_t cns, uint32_t nsid)
{
  return (struct nvme_sqe){
    .opcode = NVME_ADMIN_IDENTIFY,
    .nsid = le32_put (nsid),
    .cdw10 = le32_put (cns),
  };
}

struct nvme_sqe
nvme_command_get_log (uint8_t log, uint32_t nsid, uint32_t count)
{
  const uint32_t ndwords = count / 4 - 1;

  return (struct nvme_sqe){
    .opcode = NVME_ADMIN_GET_LOG,
    .nsid = le32_put (nsid),
    .cdw10 = le32_put (log | (ndwords & 0xffff) << 16),
    .cdw11 = le32_put (ndwords >> 16),
  };
}

struct nvme_sqe
nvme_command_set_feature (uint8_t feature, uint32_t value)
{
  return (struct nvme_sqe){
    .opcode = NVME_ADMIN_SET_FEATURES,
    .cdw10 = le32_put (feature),
    .cdw11 = le32_put (value),
  };
}

struct nvme_sqe
nvme_command_create_cq (uint16_t qid, uint32_t size, int vector, uint64_t iova)
{
  uint32_t flags = 1; /* contiguous */

  if (vector >= 0)
    flags |= 2 | (uint32_t) vector << 16;
  return (struct nvme_sqe){
    .opcode = NVME_ADMIN_CREATE_CQ,
    .prp1 = le64_put (iova),
    .cdw10 = le32_put (qid | (size - 1) << 16),
    .cdw11 = le32_put (flags),
  };
}

struct nvme_sqe
nvme_command_create_sq (uint16_t qid, uint32_t size, uint64_t iova)
{
  return (struct nvme_sqe){
    .opcode = NVME_ADMIN_CREATE_SQ,
    .prp1 = le64_put (iova),
    .cdw10 = le32_put (qid | (size - 1) << 16),
    .cdw11 = le32_put (1 | (uint32_t) qid << 16),
  };
}

struct nvme_sqe
nvme_command_abort (uint16_t qid, uint16_t cid)
{
  return (struct nvme_sqe){
    .opcode = NVME_ADMIN_ABORT,
    .cdw10 = le32_put (qid | (uint32_t) cid << 16),
  };
}

struct nvme_sqe
nvme_command_async_event (void)
{
  return (struct nvme_sqe){ .opcode = NVME_ADMIN_ASYNC_EVENT };
}

struct nvme_sqe
nvme_command_doorbell_buffers (uint64_t shadow, uint64_t eventidx)
{
  return (struct nvme_sqe){
    .opcode = NVME_ADMIN_DOORBELL_BUFFERS,
    .prp1 = le64_put (shadow),
    .prp2 = le64_put (eventidx),
  };
}
