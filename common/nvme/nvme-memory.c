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

#define WORD_BITS 64

int
nvme_pool_init (struct nvme_pool *p, struct nvme_hw *hw, unsigned npages,
                uint32_t page_size, int *err)
{
  memset (p, 0, sizeof *p);
  p->free = calloc (DIV_ROUND_UP (npages, WORD_BITS), sizeof *p->free);
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
    p->free[i / WORD_BITS] |= UINT64_C (1) << i % WORD_BITS;
  return 0;
}

void
nvme_pool_fini (struct nvme_pool *p, struct nvme_hw *hw)
{
  nvme_memory_free (hw, &p->memory);
  free (p->free);
  memset (p, 0, sizeof *p);
}

/* The first page from AT on that is free, or with FREE false is not;
 * npages: none.
 */
static unsigned
find (const struct nvme_pool *p, unsigned at, bool free)
{
  while (at < p->npages) {
    const uint64_t word = p->free[at / WORD_BITS];
    const uint64_t bits = (free ? word : ~word) >> at % WORD_BITS;

    if (bits != 0)
      return (unsigned) min_u64 (at + (unsigned) __builtin_ctzll (bits),
                                 p->npages);
    at = ROUND_DOWN (at, WORD_BITS) + WORD_BITS;
  }
  return p->npages;
}

static void
take (struct nvme_pool *p, unsigned page)
{
  p->free[page / WORD_BITS] &= ~(UINT64_C (1) << page % WORD_BITS);
  p->nfree--;
}

bool
nvme_pool_get (struct nvme_pool *p, unsigned n, uint16_t *pages)
{
  unsigned at = 0;

  if (n > p->nfree)
    return false;
  for (unsigned i = 0; i < n; i++) {
    at = find (p, at, true);
    take (p, at);
    pages[i] = (uint16_t) at;
  }
  return true;
}

bool
nvme_pool_get_run (struct nvme_pool *p, unsigned n, uint16_t *pages)
{
  unsigned at = 0, end;

  if (n > p->nfree)
    return false;
  for (;;) {
    at = find (p, at, true);
    end = find (p, at, false);
    if (end - at >= n)
      break;
    if (end == p->npages)
      return false;
    at = end;
  }
  for (unsigned i = 0; i < n; i++) {
    take (p, at + i);
    pages[i] = (uint16_t) (at + i);
  }
  return true;
}

void
nvme_pool_put (struct nvme_pool *p, unsigned n, const uint16_t *pages)
{
  for (unsigned i = 0; i < n; i++)
    p->free[pages[i] / WORD_BITS] |= UINT64_C (1) << pages[i] % WORD_BITS;
  p->nfree += n;
}
