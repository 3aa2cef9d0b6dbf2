/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A controller behind VFIO: what nvme-hw.h asks for.  See vfio-impl.h.
 */

#include <config.h>

#include <errno.h>
#include <endian.h>
#include <linux/pci_regs.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/align.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "vfio/vfio-impl.h"

struct vfio_device {
  struct nvme_hw hw;
  struct vfio_group *group;
  int fd;
  bool can_reset;
  struct vfio_bar bar;
  struct vfio_irqs irqs;
  struct vfio_memory memory;
  uint64_t config;  /* where the configuration space is in the file */
  uint16_t command; /* PCI_COMMAND, as it was found */
};

static struct vfio_device *
to_device (struct nvme_hw *hw)
{
  return container_of (hw, struct vfio_device, hw);
}

/* ------------------------------------------------------------------ */
/* Registers */

/* What was written to memory before goes to the device before a register
 * does, and what was read before was read.
 */
static inline void
order (void)
{
#if defined(__x86_64__) || defined(__i386__)
  /* Stores to uncached memory are not passed by others. */
  atomic_signal_fence (memory_order_seq_cst);
#elif defined(__aarch64__)
  __asm__ volatile("dmb osh" ::: "memory");
#else
  __sync_synchronize ();
#endif
}

static uint32_t
device_read32 (struct nvme_hw *hw, uint32_t offset)
{
  const uint32_t value = vfio_bar_read32 (&to_device (hw)->bar, offset);

  order ();
  return value;
}

/* In two halves, the lower one first: every controller takes that. */
static uint64_t
device_read64 (struct nvme_hw *hw, uint32_t offset)
{
  uint64_t low;

  if (offset >= hw->bar_size)
    return UINT64_MAX;
  low = device_read32 (hw, offset);
  return low | (uint64_t) device_read32 (hw, offset + 4) << 32;
}

static void
device_write32 (struct nvme_hw *hw, uint32_t offset, uint32_t value)
{
  order ();
  vfio_bar_write32 (&to_device (hw)->bar, offset, value);
}

static void
device_write64 (struct nvme_hw *hw, uint32_t offset, uint64_t value)
{
  if (offset >= hw->bar_size)
    return;
  device_write32 (hw, offset, (uint32_t) value);
  device_write32 (hw, offset + 4, (uint32_t) (value >> 32));
}

/* ------------------------------------------------------------------ */
/* Configuration space */

static int
read_command (const struct vfio_device *d, uint16_t *command)
{
  uint16_t value;

  if (pread (d->fd, &value, sizeof value, (off_t) (d->config + PCI_COMMAND)) !=
      sizeof value)
    return -1;
  *command = le16toh (value);
  return 0;
}

static int
write_command (const struct vfio_device *d, uint16_t command)
{
  const uint16_t value = htole16 (command);

  return pwrite (d->fd, &value, sizeof value,
                 (off_t) (d->config + PCI_COMMAND)) == sizeof value ?
           0 :
           -1;
}

/* Let the device answer, and use memory. */
static int
enable (const struct vfio_device *d)
{
  uint16_t command;

  return read_command (d, &command) == 0 ?
           write_command (d,
                          command | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER) :
           -1;
}

static int
open_config (struct vfio_device *d, int *err)
{
  struct vfio_region_info info = {
    .argsz = sizeof info,
    .index = VFIO_PCI_CONFIG_REGION_INDEX,
  };

  if (ioctl (d->fd, VFIO_DEVICE_GET_REGION_INFO, &info) == 0) {
    d->config = info.offset; /* never 0, where BAR 0 is */
    if (read_command (d, &d->command) == 0 && enable (d) == 0)
      return 0;
  }
  *err = errno;
  log_error ("%s: its PCI configuration cannot be changed: %m", d->hw.name);
  return -1;
}

/* ------------------------------------------------------------------ */
/* The other operations */

static int
device_dma_alloc (struct nvme_hw *hw, size_t size, struct nvme_dma *dma,
                  int *err)
{
  return vfio_memory_alloc (&to_device (hw)->memory, size, dma, err);
}

static void
device_dma_free (struct nvme_hw *hw, struct nvme_dma *dma)
{
  vfio_memory_free (&to_device (hw)->memory, dma);
}

static int
device_set_vectors (struct nvme_hw *hw, unsigned n, const int *fd, int *err)
{
  return vfio_irqs_set (&to_device (hw)->irqs, hw->name, n, fd, err);
}

static int
device_set_removal (struct nvme_hw *hw, int fd, int *err)
{
  return vfio_irqs_set_removal (&to_device (hw)->irqs, fd, err);
}

/* The kernel keeps the configuration through the reset, vectors too. */
static int
device_reset (struct nvme_hw *hw, int *err)
{
  struct vfio_device *d = to_device (hw);

  if (!d->can_reset) {
    *err = EOPNOTSUPP;
    return -1;
  }
  if (vfio_irqs_set (&d->irqs, hw->name, 0, NULL, err) == -1)
    return -1;
  if (ioctl (d->fd, VFIO_DEVICE_RESET) == -1 || enable (d) == -1) {
    *err = errno;
    log_error ("%s: VFIO_DEVICE_RESET: %m", hw->name);
    return -1;
  }
  return 0;
}

/* Memory goes last: the device has no way to it without the container. */
static void
device_close (struct nvme_hw *hw)
{
  struct vfio_device *d = to_device (hw);
  int err;

  if (d->config != 0) { /* else it was not touched */
    vfio_irqs_set (&d->irqs, hw->name, 0, NULL, &err);
    write_command (d, d->command);
  }
  vfio_bar_close (&d->bar);
  cleanup_close (&d->fd);
  vfio_group_close (d->group);
  vfio_memory_fini (&d->memory);
  free (d);
}

static const struct nvme_hw_ops ops = {
  .name = "vfio",
  .close = device_close,
  .read32 = device_read32,
  .read64 = device_read64,
  .write32 = device_write32,
  .write64 = device_write64,
  .dma_alloc = device_dma_alloc,
  .dma_free = device_dma_free,
  .set_vectors = device_set_vectors,
  .set_removal = device_set_removal,
  .reset = device_reset,
};

/* ------------------------------------------------------------------ */

static int
open_device (struct vfio_device *d, int *err)
{
  struct vfio_device_info info = { .argsz = sizeof info };

  d->fd = ioctl (d->group->group, VFIO_GROUP_GET_DEVICE_FD, d->group->name);
  if (d->fd == -1 || ioctl (d->fd, VFIO_DEVICE_GET_INFO, &info) == -1) {
    *err = errno;
    log_error ("%s: cannot be opened: %m", d->hw.name);
    return -1;
  }
  d->can_reset = info.flags & VFIO_DEVICE_FLAGS_RESET;
  vfio_irqs_init (&d->irqs, d->fd);
  if (open_config (d, err) == -1 ||
      vfio_bar_open (&d->bar, d->fd, d->hw.name, err) == -1)
    return -1;
  d->hw.bar_size = d->bar.size;
  d->hw.nvectors = d->irqs.count;
  log_debug ("%s: %s: BAR 0 has %u bytes in %u maps, %u vectors of MSI%s%s",
             d->hw.name, d->group->place.node, d->hw.bar_size, d->bar.nmaps,
             d->hw.nvectors,
             d->irqs.index == VFIO_PCI_MSIX_IRQ_INDEX ? "-X" : "",
             d->can_reset ? "" : ", no reset");
  return 0;
}

struct nvme_hw *
vfio_device_open (struct vfio_group *g, int *err)
{
  struct vfio_device *d = calloc (1, sizeof *d);

  if (d == NULL) {
    *err = ENOMEM;
    return NULL;
  }
  d->hw = (struct nvme_hw){ .ops = &ops, .name = g->name };
  d->group = g;
  d->fd = -1;
  vfio_memory_init (&d->memory, g);
  if (open_device (d, err) == 0)
    return &d->hw;
  d->group = NULL; /* it stays the caller's */
  device_close (&d->hw);
  return NULL;
}
