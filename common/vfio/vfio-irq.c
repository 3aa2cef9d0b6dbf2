/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Interrupts as eventfds.  See vfio-impl.h.  MSI-X, or else MSI.  (A line
 * would have to be unmasked after each interrupt, which the driver knows
 * nothing of: it polls instead.)
 */

#include <config.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "base/align.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "vfio/vfio-impl.h"

/* More vectors than queues are of no use. */
#define MAX_VECTORS 4096

static unsigned
count_vectors (int fd, uint32_t index)
{
  struct vfio_irq_info info = { .argsz = sizeof info, .index = index };

  return ioctl (fd, VFIO_DEVICE_GET_IRQ_INFO, &info) == 0 &&
             (info.flags & VFIO_IRQ_INFO_EVENTFD) ?
           (unsigned) min_u64 (info.count, MAX_VECTORS) :
           0;
}

void
vfio_irqs_init (struct vfio_irqs *q, int fd)
{
  *q = (struct vfio_irqs){ .fd = fd, .index = VFIO_PCI_MSIX_IRQ_INDEX };
  q->count = count_vectors (fd, q->index);
  if (q->count == 0) {
    q->index = VFIO_PCI_MSI_IRQ_INDEX;
    q->count = count_vectors (fd, q->index);
  }
}

/* Signal the N eventfds FD, from the first vector of INDEX on.  Returns
 * what the kernel does: more than 0 if it has only so many.
 */
static int
set_irqs (int device, uint32_t index, unsigned n, const int *fd)
{
  const size_t size = sizeof (struct vfio_irq_set) + n * sizeof *fd;
  CLEANUP_FREE struct vfio_irq_set *set = calloc (1, size);

  if (set == NULL)
    return -1;
  set->argsz = (uint32_t) size;
  set->flags = VFIO_IRQ_SET_ACTION_TRIGGER |
               (n == 0 ? VFIO_IRQ_SET_DATA_NONE : VFIO_IRQ_SET_DATA_EVENTFD);
  set->index = index;
  set->count = n;
  if (n > 0)
    memcpy (set->data, fd, n * sizeof *fd);
  return ioctl (device, VFIO_DEVICE_SET_IRQS, set);
}

int
vfio_irqs_set (struct vfio_irqs *q, const char *name, unsigned n, const int *fd,
               int *err)
{
  int r;

  if (n > q->count) {
    *err = EINVAL;
    return -1;
  }
  if (n == 0 && !q->on)
    return 0; /* the kernel would refuse */
  r = set_irqs (q->fd, q->index, n, fd);
  if (r == 0) {
    q->on = n > 0;
    return 0;
  }
  *err = r == -1 ? errno : ENOSPC;
  if (r > 0)
    log_error ("%s: the kernel has %d interrupts for the device, not %u", name,
               r, n);
  else
    log_error ("%s: VFIO_DEVICE_SET_IRQS of %u vectors: %m", name, n);
  return -1;
}

int
vfio_irqs_set_removal (const struct vfio_irqs *q, int fd, int *err)
{
  if (count_vectors (q->fd, VFIO_PCI_REQ_IRQ_INDEX) == 0) {
    *err = EOPNOTSUPP;
    return -1;
  }
  if (set_irqs (q->fd, VFIO_PCI_REQ_IRQ_INDEX, 1, &fd) == 0)
    return 0;
  *err = errno;
  return -1;
}
