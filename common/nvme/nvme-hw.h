/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The hardware seam: registers, DMA memory and interrupts of one NVMe
 * controller (a PCI function).  The driver (nvme.h) is written against
 * this and nothing else; common/vfio implements it for real devices, and
 * tests/support/nvme-emulated.h for tests.
 *
 * Threads: read and write of registers may come from any thread at once,
 * as may dma_alloc and dma_free; all others are called by one thread at a
 * time.
 *
 * Ordering.  A register write is not passed by stores to DMA memory that
 * come before it in the program: write32 and write64 order all earlier
 * loads and stores of the calling thread before the write (on x86 the
 * compiler only; elsewhere with the barrier that the machine needs).
 * Loads from DMA memory (the phase of a completion) are ordered by the
 * driver itself, with acquire.
 */

#ifndef DISKSTACK_NVME_HW_H
#define DISKSTACK_NVME_HW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct nvme_hw;

/* Memory that both the CPU and the device see.  Aligned to the CPU's page
 * size and to 4096 bytes at least, contiguous in both views, locked, and
 * zero when it is new.
 */
struct nvme_dma {
  void *va;
  uint64_t iova; /* what the device calls it */
  size_t size;   /* bytes, as was asked for, rounded up to pages */
};

struct nvme_hw_ops {
  const char *name; /* of the kind: "vfio", "emulated" */

  /* Give the device back as it was found and free all.  The driver has
   * shut it down or reset it, so that it does no DMA any more, or it is
   * gone; DMA memory that is still allocated is freed too.
   */
  void (*close) (struct nvme_hw *hw);

  /* Registers of BAR 0, naturally aligned.  Out of its range, or when the
   * device is gone: reads have all bits set, writes are lost.
   */
  uint32_t (*read32) (struct nvme_hw *hw, uint32_t offset);
  uint64_t (*read64) (struct nvme_hw *hw, uint32_t offset);
  void (*write32) (struct nvme_hw *hw, uint32_t offset, uint32_t value);
  void (*write64) (struct nvme_hw *hw, uint32_t offset, uint64_t value);

  /* Returns 0, or -1 with *err: ENOMEM; EPERM if a limit on locked memory
   * was hit, after a message that says which and how to raise it.
   */
  int (*dma_alloc) (struct nvme_hw *hw, size_t size, struct nvme_dma *dma,
                    int *err);
  /* The device does not use it any more.  DMA is zeroed; nothing is done if
   * its va is NULL.
   */
  void (*dma_free) (struct nvme_hw *hw, struct nvme_dma *dma);

  /* Have the first N vectors, at most NVECTORS of the head, signal the
   * eventfds FD, which stay the caller's.  Before CC.EN is set: some
   * controllers look at their vectors only then.  N = 0 switches all off.
   * Once for each N: all off before another number.
   */
  int (*set_vectors) (struct nvme_hw *hw, unsigned n, const int *fd, int *err);

  /* FD, an eventfd, is signalled when the system or the owner of the
   * machine wants the device back (hot-unplug).  Returns 0, or -1 with
   * EOPNOTSUPP if it cannot be known.
   */
  int (*set_removal) (struct nvme_hw *hw, int fd, int *err);

  /* Function level reset: all registers as after power on, no DMA of
   * before can come afterwards, vectors are off.  EOPNOTSUPP if the device
   * cannot.
   */
  int (*reset) (struct nvme_hw *hw, int *err);
};

/* The head of each implementation. */
struct nvme_hw {
  const struct nvme_hw_ops *ops;
  char *name;        /* owned by the implementation: "0000:00:04.0" */
  uint32_t bar_size; /* bytes of BAR 0 that can be used */
  unsigned nvectors; /* interrupt vectors, 0 if there are none */
};

#endif /* DISKSTACK_NVME_HW_H */
