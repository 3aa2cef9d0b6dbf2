/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Hardware that has no shadow doorbells, whatever the controller says: the
 * command that sets them up is changed on its way, to one that there is not.
 * For one controller at a time, whose admin queue is in the first memory that
 * the driver allocates.
 */

#ifndef DISKSTACK_TEST_NVME_REFUSE_H
#define DISKSTACK_TEST_NVME_REFUSE_H

#include <stdlib.h>

#include "nvme/nvme-hw.h"
#include "nvme/nvme-spec.h"

static struct nvme_hw_ops refuse_ops;
static const struct nvme_hw_ops *refuse_real;
static struct nvme_sqe *refuse_queue;

static int
refuse_dma_alloc (struct nvme_hw *hw, size_t size, struct nvme_dma *dma,
                  int *err)
{
  const int r = refuse_real->dma_alloc (hw, size, dma, err);

  if (r == 0 && refuse_queue == NULL)
    refuse_queue = dma->va;
  return r;
}

static void
refuse_write32 (struct nvme_hw *hw, uint32_t offset, uint32_t value)
{
  if (offset == NVME_REG_DOORBELLS && value > 0 &&
      refuse_queue[value - 1].opcode == NVME_ADMIN_DOORBELL_BUFFERS)
    refuse_queue[value - 1].opcode = 0xff;
  refuse_real->write32 (hw, offset, value);
}

/* Before nvme_open. */
static inline void
nvme_refuse_doorbell_buffers (struct nvme_hw *hw)
{
  refuse_real = hw->ops;
  refuse_queue = NULL;
  refuse_ops = *refuse_real;
  refuse_ops.dma_alloc = refuse_dma_alloc;
  refuse_ops.write32 = refuse_write32;
  hw->ops = &refuse_ops;
}

#endif /* DISKSTACK_TEST_NVME_REFUSE_H */
