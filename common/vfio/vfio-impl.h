/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What the files of this room share.  vfio-ask asks the kernel, vfio-group
 * has the container (an address space of the IOMMU), vfio-memory the
 * memory that is mapped in it, vfio-bar the registers and vfio-irq the
 * interrupts; vfio-device puts them together.
 */

#ifndef DISKSTACK_VFIO_IMPL_H
#define DISKSTACK_VFIO_IMPL_H

#include <linux/vfio.h>
#include <pthread.h>
#include <stdbool.h>

#include "vfio/free-ranges.h"
#include "vfio/vfio-find.h"
#include "vfio/vfio.h"

/* ------------------------------------------------------------------ */
/* vfio-ask.c */

/* Do the ioctl REQUEST of FD, whose answer begins with its own size and
 * may be longer than what is asked with, the SIZE bytes at ASK.  Returns
 * the answer, to free, or NULL with errno.
 */
extern void *vfio_ask (int fd, unsigned long request, const void *ask,
                       size_t size);

/* In such an answer, of which the first capability is at OFFSET: the one
 * ID, whose first SIZE bytes are copied to HEAD.  Returns what is behind
 * them, *N bytes, which need not be aligned; NULL: there is none.
 */
extern const char *vfio_find_cap (const void *answer, uint32_t offset,
                                  uint16_t id, void *head, size_t size,
                                  size_t *n);

/* ------------------------------------------------------------------ */
/* vfio-group.c */

struct vfio_group {
  char name[PCI_ADDRESS_SIZE];
  struct vfio_place place;
  int group, container;    /* descriptors */
  struct free_ranges iova; /* addresses that no memory has yet */
  uint64_t page_size;      /* of the IOMMU, the smallest */
};

/* Let the device have the SIZE bytes at VA, all of them at *IOVA.  A map
 * ends with the container.  -1 with *err: EPERM after a message, ENOMEM.
 */
extern int vfio_group_map (struct vfio_group *g, void *va, uint64_t size,
                           uint64_t align, uint64_t mapped, uint64_t *iova,
                           int *err);

/* ------------------------------------------------------------------ */
/* vfio-memory.c: thread-safe */

struct vfio_memory {
  struct vfio_group *group;
  pthread_mutex_t lock;
  struct vfio_chunk *chunks;
  uint64_t mapped; /* bytes */
};

extern void vfio_memory_init (struct vfio_memory *m, struct vfio_group *g);
/* The device has no way to it any more. */
extern void vfio_memory_fini (struct vfio_memory *m);
extern int vfio_memory_alloc (struct vfio_memory *m, size_t size,
                              struct nvme_dma *dma, int *err);
extern void vfio_memory_free (struct vfio_memory *m, struct nvme_dma *dma);

/* ------------------------------------------------------------------ */
/* vfio-physical.c */

/* Where the SIZE bytes at VA, which are in memory and stay there, are for
 * a device without an IOMMU.  -1 after log_error.
 */
extern int vfio_physical (const char *name, const void *va, size_t size,
                          uint64_t *address, int *err);

/* ------------------------------------------------------------------ */
/* vfio-bar.c: BAR 0.  What the kernel does not let be mapped is read and
 * written through it.
 */

#define VFIO_BAR_MAPS 4

struct vfio_bar {
  int fd;          /* of the device */
  uint64_t offset; /* of the BAR in there */
  uint32_t size;
  struct vfio_bar_map {
    uint32_t start, end; /* bytes of the BAR */
    volatile char *va;
  } map[VFIO_BAR_MAPS];
  unsigned nmaps;
};

extern int vfio_bar_open (struct vfio_bar *b, int fd, const char *name,
                          int *err);
extern void vfio_bar_close (struct vfio_bar *b);
extern uint32_t vfio_bar_read32 (const struct vfio_bar *b, uint32_t offset);
extern void vfio_bar_write32 (const struct vfio_bar *b, uint32_t offset,
                              uint32_t value);

/* ------------------------------------------------------------------ */
/* vfio-irq.c */

struct vfio_irqs {
  int fd;         /* of the device */
  uint32_t index; /* the kind that is used: VFIO_PCI_MSIX_IRQ_INDEX ... */
  unsigned count; /* of vectors */
  bool on;
};

extern void vfio_irqs_init (struct vfio_irqs *q, int fd);
/* As set_vectors of nvme-hw.h; NAME is that of the device. */
extern int vfio_irqs_set (struct vfio_irqs *q, const char *name, unsigned n,
                          const int *fd, int *err);
/* As set_removal. */
extern int vfio_irqs_set_removal (const struct vfio_irqs *q, int fd, int *err);

#endif /* DISKSTACK_VFIO_IMPL_H */
