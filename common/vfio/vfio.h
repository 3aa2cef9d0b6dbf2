/* SPDX-License-Identifier: BSD-3-Clause
 *
 * NVMe controllers through the kernel's VFIO: the real hardware behind
 * nvme/nvme-hw.h.  First the group of the device is claimed, which nobody
 * else can have meanwhile, and then the device is opened.
 *
 * A claim may be made before a fork and used after it.  A device must be
 * opened by the process that uses it: memory for DMA is that process'.
 */

#ifndef DISKSTACK_VFIO_H
#define DISKSTACK_VFIO_H

#include "nvme/nvme-hw.h"
#include "vfio/pci-address.h"

struct vfio_group;

/* Claim the controller at A, which must be bound to vfio-pci, as must be
 * all devices that the IOMMU cannot tell from it.  Nothing is done to the
 * device.  ROOT is "", or in tests a folder with "dev" and "sys".  NULL with *err after log_error, which says what is to be done:
 * EBUSY (it is bound to another driver, or in use by another program),
 * EACCES, EPERM, ENODEV, ENXIO.
 */
extern struct vfio_group *
vfio_group_open (const char *root, const struct pci_address *a, int *err);

/* NULL is ignored. */
extern void vfio_group_close (struct vfio_group *g);

/* Open the device: the kernel resets it; it is a bus master afterwards.  G
 * belongs to the result on success only.  NULL with *err after log_error.
 * Closing it gives the device back to vfio-pci, reset and not a bus master.
 */
extern struct nvme_hw *vfio_device_open (struct vfio_group *g, int *err);

#endif /* DISKSTACK_VFIO_H */
