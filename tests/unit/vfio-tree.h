/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What the kernel shows of PCI devices and of VFIO, in the current folder,
 * which is the root.
 */

#ifndef DISKSTACK_TEST_VFIO_TREE_H
#define DISKSTACK_TEST_VFIO_TREE_H

#include <stdio.h>
#include <unistd.h>

#include "support/temp-dir.h"

#define VFIO_TREE_DEVICE "0000:00:04.0"
#define VFIO_TREE_OTHER "0000:00:05.0"
#define VFIO_TREE_PCI "sys/bus/pci/devices/"

static inline void
vfio_tree_device (const char *address, const char *class, const char *driver)
{
  char path[256], target[256];

  snprintf (path, sizeof path, VFIO_TREE_PCI "%s", address);
  temp_dir_folder (path);
  snprintf (path, sizeof path, VFIO_TREE_PCI "%s/class", address);
  temp_dir_file (path, class);
  snprintf (path, sizeof path, VFIO_TREE_PCI "%s/iommu_group", address);
  temp_dir_link ("../../../../kernel/iommu_groups/3", path);
  snprintf (path, sizeof path, "sys/kernel/iommu_groups/3/devices/%s", address);
  snprintf (target, sizeof target, "../../../../bus/pci/devices/%s", address);
  temp_dir_link (target, path);
  if (driver == NULL)
    return;
  snprintf (path, sizeof path, VFIO_TREE_PCI "%s/driver", address);
  snprintf (target, sizeof target, "../../../../bus/pci/drivers/%s", driver);
  temp_dir_link (target, path);
}

/* The controller VFIO_TREE_DEVICE, bound to vfio-pci; it shares its group
 * with a device without a driver.
 */
static inline void
vfio_tree_create (void)
{
  static const char *const folders[] = {
    "sys",
    "sys/bus",
    "sys/bus/pci",
    "sys/bus/pci/devices",
    "sys/kernel",
    "sys/kernel/iommu_groups",
    "sys/kernel/iommu_groups/3",
    "sys/kernel/iommu_groups/3/devices",
    "dev",
    "dev/vfio",
  };

  for (size_t i = 0; i < sizeof folders / sizeof folders[0]; i++)
    temp_dir_folder (folders[i]);
  vfio_tree_device (VFIO_TREE_DEVICE, "0x010802\n", "vfio-pci");
  vfio_tree_device (VFIO_TREE_OTHER, "0x020000\n", NULL);
  temp_dir_file ("dev/vfio/3", "");
  temp_dir_file ("dev/vfio/vfio", "");
}

/* Have it bound to another driver, or to none. */
static inline void
vfio_tree_bind (const char *address, const char *driver)
{
  char path[256], target[256];

  snprintf (path, sizeof path, VFIO_TREE_PCI "%s/driver", address);
  unlink (path);
  snprintf (target, sizeof target, "../../../../bus/pci/drivers/%s",
            driver != NULL ? driver : "");
  if (driver != NULL)
    temp_dir_link (target, path);
}

#endif /* DISKSTACK_TEST_VFIO_TREE_H */
