/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What the kernel says in sysfs of an NVMe controller that is to be driven
 * through VFIO.
 */

#ifndef DISKSTACK_VFIO_FIND_H
#define DISKSTACK_VFIO_FIND_H

#include <stdbool.h>

#include "base/buffer.h"
#include "vfio/pci-address.h"

struct vfio_place {
  unsigned group; /* of the IOMMU */
  bool no_iommu;  /* which it only pretends to have */
  char node[64];  /* the group's file: "/dev/vfio/3" */
};

/* Find the group of the controller at A.  ROOT is "", or in tests a folder
 * that has a "sys".  Returns 0, or -1 with *err after log_error, which says
 * what is to be done: ENODEV (there is none, or it is no NVMe controller),
 * EBUSY (it is bound to another driver), ENXIO (it is bound to none, or has
 * no group).
 */
extern int vfio_find (const char *root, const struct pci_address *a,
                      struct vfio_place *place, int *err);

/* The devices that are in the group of A, other than A, and have drivers
 * that are none of VFIO's: "0000:00:05.0 (e1000e), ...".
 */
extern void vfio_find_others (const char *root, const struct pci_address *a,
                              struct buffer *out);

#endif /* DISKSTACK_VFIO_FIND_H */
