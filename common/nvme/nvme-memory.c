/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See nvme-memory.h.
 */

#include <config.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/align.h"
#include "nvme/nvme-memory.h"

/* What every implementation aligns to. */
#define HW_ALIGN 4096

int
nvme_memory_alloc (struct nvme_hw *hw, size_t size, uint32_t align,
                   struct nvme_memory *m, int *err)
{
  const size_t extra = align > HW_ALIGN ? align - HW_ALIGN : 0;

  if (hw->ops->dma_alloc (hw, size + extra, &m->dma, err) == -1) {
    memset (m, 0, sizeof *m);
    return -1;
  }
  m->iova = ROUND_UP (m->dma.iova, align);
  m->va = (char *) m->dma.va + (m->iova - m->dma.iova);
  return 0;
}

void
nvme_memory_free (struct nvme_hw *hw, struct nvme_memory *m)
{
  hw->ops->dma_free (hw, &m->dma);
  memset (m, 0, sizeof *m);
}

int
nvme_pool_init (struct nvme_pool *p, struct nvme_hw *hw, unsigned npages,
                uint32_t page_size, int *err)
{
  memset (p, 0, sizeof *p);
  p->free = calloc (npages, sizeof *p->free);
  if (p->free == NULL) {
    *err = ENOMEM;
    return -1;
  }
  if (nvme_memory_alloc (hw, (size_t) npages * page_size, page_size, &p->memory,
                         err) == -1) {
    free (p->free);
    p->free = NULL;
    return -1;
  }
  p->page_size = page_size;
  p->npages = p->nfree = npages;
  for (unsigned i = 0; i < npages; i++)
    p->free[i] = (uint16_t) (npages - 1 - i);
  return 0;
}

void
nvme_pool_fini (struct nvme_pool *p, struct nvme_hw *hw)
{
  nvme_memory_free (hw, &p->memory);
  free (p->free);
  memset (p, 0, sizeof *p);
}

bool
nvme_pool_get (struct nvme_pool *p, unsigned n, uint16_t *pages)
{
  if (n > p->nfree)
    return false;
  p->nfree -= n;
  memcpy (pages, p->free + p->nfree, n * sizeof *pages);
  return true;
}

void
nvme_pool_put (struct nvme_pool *p, unsigned n, const uint16_t *pages)
{
  memcpy (p->free + p->nfree, pages, n * sizeof *pages);
  p->nfree += n;
}
