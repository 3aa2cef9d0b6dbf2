/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Memory that the device sees: blocks that are aligned as its page size
 * asks for, and a pool of pages, mapped once, for the data of commands.
 */

#ifndef DISKSTACK_NVME_MEMORY_H
#define DISKSTACK_NVME_MEMORY_H

#include <stdbool.h>

#include "nvme/nvme-hw.h"

struct nvme_memory {
  struct nvme_dma dma;
  void *va; /* aligned, in both views */
  uint64_t iova;
};

/* SIZE bytes, all zero, from a multiple of ALIGN, a power of two.  0, or -1
 * with *err.
 */
extern int nvme_memory_alloc (struct nvme_hw *hw, size_t size, uint32_t align,
                              struct nvme_memory *m, int *err);
/* Nothing is done for a zeroed M. */
extern void nvme_memory_free (struct nvme_hw *hw, struct nvme_memory *m);

/* Not thread-safe. */
struct nvme_pool {
  struct nvme_memory memory;
  uint32_t page_size;
  unsigned npages, nfree; /* npages is at most 65536 */
  uint64_t *free;         /* a bit for each page */
};

extern int nvme_pool_init (struct nvme_pool *p, struct nvme_hw *hw,
                           unsigned npages, uint32_t page_size, int *err);
extern void nvme_pool_fini (struct nvme_pool *p, struct nvme_hw *hw);

/* N pages, the first that are free, or false if there are not so many now;
 * and N that are side by side, in their order.
 */
extern bool nvme_pool_get (struct nvme_pool *p, unsigned n, uint16_t *pages);
extern bool nvme_pool_get_run (struct nvme_pool *p, unsigned n,
                               uint16_t *pages);
extern void nvme_pool_put (struct nvme_pool *p, unsigned n,
                           const uint16_t *pages);

static inline void *
nvme_pool_va (const struct nvme_pool *p, uint16_t page)
{
  return (char *) p->memory.va + (size_t) page * p->page_size;
}

static inline uint64_t
nvme_pool_iova (const struct nvme_pool *p, uint16_t page)
{
  return p->memory.iova + (uint64_t) page * p->page_size;
}

#endif /* DISKSTACK_NVME_MEMORY_H */
