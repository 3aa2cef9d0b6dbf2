/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Memory for DMA, cut from chunks of whole huge pages: a chunk is locked and
 * mapped once, and stays until the end.  See vfio-impl.h.
 *
 * With an IOMMU a chunk is contiguous for the device whatever pages it has,
 * and huge ones only make that cheaper.  Without one a chunk is one huge
 * page of those that the administrator has set aside: only they are
 * contiguous, and stay where they are.
 */

#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/align.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "vfio/vfio-impl.h"

#define HUGE_PAGE ((size_t) 2 * 1024 * 1024)

struct vfio_chunk {
  struct vfio_chunk *next;
  char *va;
  uint64_t iova;
  size_t size;
  struct free_ranges pages; /* offsets of what is free */
};

void
vfio_memory_init (struct vfio_memory *m, struct vfio_group *g)
{
  *m = (struct vfio_memory){ .group = g };
  pthread_mutex_init (&m->lock, NULL);
}

static void
free_chunk (struct vfio_chunk *c)
{
  if (c->va != NULL)
    munmap (c->va, c->size);
  free_ranges_fini (&c->pages);
  free (c);
}

void
vfio_memory_fini (struct vfio_memory *m)
{
  struct vfio_chunk *c;

  while ((c = m->chunks) != NULL) {
    m->chunks = c->next;
    free_chunk (c);
  }
  pthread_mutex_destroy (&m->lock);
}

/* ------------------------------------------------------------------ */
/* Chunks */

/* SIZE bytes at a multiple of a huge page.  What a child of a fork would
 * share with us, and then have copied, could be what the device writes to:
 * it gets nothing.
 */
static char *
get_pages (size_t size)
{
  char *all = mmap (NULL, size + HUGE_PAGE, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  size_t before;
  char *va;

  if (all == MAP_FAILED)
    return NULL;
  before = ROUND_UP ((uintptr_t) all, HUGE_PAGE) - (uintptr_t) all;
  va = all + before;
  if (before > 0)
    munmap (all, before);
  if (before < HUGE_PAGE)
    munmap (va + size, HUGE_PAGE - before);
  madvise (va, size, MADV_HUGEPAGE); /* or not */
  madvise (va, size, MADV_DONTFORK);
  return va;
}

static char *
get_huge_page (const char *name)
{
  char *va =
    mmap (NULL, HUGE_PAGE, PROT_READ | PROT_WRITE,
          MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB | MAP_POPULATE, -1, 0);

  if (va == MAP_FAILED) {
    log_error ("%s: no huge page of 2 MiB for DMA without an IOMMU: %m; "
               "vm.nr_hugepages sets some aside",
               name);
    return NULL;
  }
  madvise (va, HUGE_PAGE, MADV_DONTFORK);
  return va;
}

static int
fill_chunk (struct vfio_memory *m, struct vfio_chunk *c, int *err)
{
  struct vfio_group *g = m->group;

  *err = ENOMEM;
  c->va = g->place.no_iommu ? get_huge_page (g->name) : get_pages (c->size);
  if (c->va == NULL || free_ranges_add (&c->pages, 0, c->size - 1) == -1)
    return -1;
  return g->place.no_iommu ?
           vfio_physical (g->name, c->va, c->size, &c->iova, err) :
           vfio_group_map (g, c->va, c->size, HUGE_PAGE, m->mapped, &c->iova,
                           err);
}

static struct vfio_chunk *
new_chunk (struct vfio_memory *m, size_t size, int *err)
{
  struct vfio_chunk *c;

  if (m->group->place.no_iommu && size > HUGE_PAGE) {
    log_error ("%s: %zu contiguous bytes for DMA: without an IOMMU there are "
               "%zu at most",
               m->group->name, size, HUGE_PAGE);
    *err = ENOMEM;
    return NULL;
  }
  c = calloc (1, sizeof *c);
  if (c == NULL) {
    *err = ENOMEM;
    return NULL;
  }
  c->size = ROUND_UP (size, HUGE_PAGE);
  if (fill_chunk (m, c, err) == -1) {
    free_chunk (c);
    return NULL;
  }
  m->mapped += c->size;
  log_debug ("%s: %zu bytes for DMA at 0x%" PRIx64, m->group->name, c->size,
             c->iova);
  c->next = m->chunks;
  m->chunks = c;
  return c;
}

/* ------------------------------------------------------------------ */
/* Pieces */

static size_t
page_size (void)
{
  return max_u64 ((uint64_t) sysconf (_SC_PAGESIZE), 4096);
}

static bool
take (struct vfio_chunk *c, struct nvme_dma *dma)
{
  uint64_t offset;

  if (!free_ranges_take (&c->pages, dma->size, page_size (), &offset))
    return false;
  dma->va = c->va + offset;
  dma->iova = c->iova + offset;
  memset (dma->va, 0, dma->size);
  return true;
}

int
vfio_memory_alloc (struct vfio_memory *m, size_t size, struct nvme_dma *dma,
                   int *err)
{
  LOCK_SCOPE (&m->lock);
  struct vfio_chunk *c = m->chunks;

  *dma = (struct nvme_dma){ .va = NULL };
  *err = ENOMEM;
  if (size == 0 || size > SIZE_MAX / 4)
    return -1;
  dma->size = ROUND_UP (size, page_size ());
  while (c != NULL && !take (c, dma))
    c = c->next;
  if (c != NULL)
    return 0;
  c = new_chunk (m, dma->size, err);
  return c != NULL && take (c, dma) ? 0 : -1;
}

void
vfio_memory_free (struct vfio_memory *m, struct nvme_dma *dma)
{
  LOCK_SCOPE (&m->lock);
  struct vfio_chunk *c = m->chunks;
  const char *va = dma->va;

  if (va == NULL)
    return;
  while (va < c->va || va >= c->va + c->size)
    c = c->next;
  free_ranges_give (&c->pages, (uint64_t) (va - c->va), dma->size);
  *dma = (struct nvme_dma){ .va = NULL };
}
