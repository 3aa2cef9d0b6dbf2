/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See vfio-find.h.  A device is a folder, in which "class" is a number,
 * "driver" and "iommu_group" are links, whose last component is a name.
 */

#include <config.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "vfio/vfio-find.h"

#define CLASS_NVME 0x010802

struct folder {
  char address[PCI_ADDRESS_SIZE];
  char path[PATH_MAX];
};

static struct folder
folder_of (const char *root, const struct pci_address *a)
{
  struct folder f;

  pci_address_format (a, f.address);
  snprintf (f.path, sizeof f.path, "%s/sys/bus/pci/devices/%s", root,
            f.address);
  return f;
}

static bool
join (char path[PATH_MAX], const char *folder, const char *name)
{
  return snprintf (path, PATH_MAX, "%s/%s", folder, name) < PATH_MAX;
}

/* The first line of the file NAME into OUT. */
static bool
read_line (const char *folder, const char *name, char *out, size_t size)
{
  char path[PATH_MAX];
  CLEANUP_CLOSE int fd = -1;
  ssize_t n;

  if (join (path, folder, name))
    fd = open (path, O_RDONLY | O_CLOEXEC);
  if (fd == -1)
    return false;
  n = read (fd, out, size - 1);
  if (n == -1)
    return false;
  out[n] = '\0';
  out[strcspn (out, "\n")] = '\0';
  return true;
}

/* What the link NAME points to, without its folder, into OUT. */
static bool
read_link (const char *folder, const char *name, char *out, size_t size)
{
  char path[PATH_MAX], target[PATH_MAX];
  const char *last;
  ssize_t n = -1;

  if (join (path, folder, name))
    n = readlink (path, target, sizeof target - 1);
  if (n == -1)
    return false;
  target[n] = '\0';
  last = strrchr (target, '/');
  last = last != NULL ? last + 1 : target;
  if (strlen (last) >= size)
    return false;
  memcpy (out, last, strlen (last) + 1);
  return true;
}

/* There are drivers for single kinds of devices beside vfio-pci. */
static bool
is_vfio (const char *driver)
{
  return strstr (driver, "vfio") != NULL;
}

static int
check_class (const struct folder *f, int *err)
{
  char text[32];

  *err = ENODEV;
  if (!read_line (f->path, "class", text, sizeof text))
    log_error ("%s: there is no such PCI device (%s/class: %m)", f->address,
               f->path);
  else if (strtoul (text, NULL, 16) != CLASS_NVME)
    log_error ("%s: is not an NVMe controller: its class is %s, not 0x%06x",
               f->address, text, CLASS_NVME);
  else
    return 0;
  return -1;
}

/* What gives the device to vfio-pci. */
static void
add_commands (const char *root, const struct folder *f, bool bound,
              struct buffer *out)
{
  buffer_printf (out, "modprobe vfio-pci; echo vfio-pci >%s/driver_override; ",
                 f->path);
  if (bound)
    buffer_printf (out, "echo %s >%s/driver/unbind; ", f->address, f->path);
  buffer_printf (out, "echo %s >%s/sys/bus/pci/drivers_probe", f->address,
                 root);
}

static int
check_driver (const char *root, const struct folder *f, int *err)
{
  char driver[NAME_MAX + 1] = "";
  const bool bound = read_link (f->path, "driver", driver, sizeof driver);
  struct buffer commands = { .max = 2 * PATH_MAX };

  if (bound && is_vfio (driver))
    return 0;
  add_commands (root, f, bound, &commands);
  log_error ("%s: is bound to %s%s instead of vfio-pci; if nobody uses it: %s",
             f->address, bound ? "the driver " : "no driver", driver,
             buffer_text (&commands));
  buffer_fini (&commands);
  *err = bound ? EBUSY : ENXIO;
  return -1;
}

static int
find_group (const char *root, const struct folder *f, struct vfio_place *place,
            int *err)
{
  char group[NAME_MAX + 1], name[32] = "";

  if (!read_link (f->path, "iommu_group", group, sizeof group)) {
    log_error ("%s: has no IOMMU group: the machine has no IOMMU, or it is off "
               "(intel_iommu=on or amd_iommu=on on the command line of the "
               "kernel, and in the firmware)",
               f->address);
    *err = ENXIO;
    return -1;
  }
  place->group = (unsigned) strtoul (group, NULL, 10);
  place->no_iommu =
    read_line (f->path, "iommu_group/name", name, sizeof name) &&
    strcmp (name, "vfio-noiommu") == 0;
  snprintf (place->node, sizeof place->node, "%s/dev/vfio/%s%u", root,
            place->no_iommu ? "noiommu-" : "", place->group);
  return 0;
}

int
vfio_find (const char *root, const struct pci_address *a,
           struct vfio_place *place, int *err)
{
  const struct folder f = folder_of (root, a);

  return check_class (&f, err) == 0 && check_driver (root, &f, err) == 0 &&
             find_group (root, &f, place, err) == 0 ?
           0 :
           -1;
}

/* NAME, in the group whose devices are in the folder DEVICES, unless its
 * driver is one of VFIO's or there is none.
 */
static void
add_other (const char *devices, const char *name, struct buffer *out)
{
  char path[PATH_MAX], driver[NAME_MAX + 1];

  if (join (path, devices, name) &&
      read_link (path, "driver", driver, sizeof driver) && !is_vfio (driver))
    buffer_printf (out, "%s%s (%s)", out->len > 0 ? ", " : "", name, driver);
}

void
vfio_find_others (const char *root, const struct pci_address *a,
                  struct buffer *out)
{
  const struct folder f = folder_of (root, a);
  char devices[PATH_MAX];
  struct dirent *d;
  DIR *dir = NULL;

  if (join (devices, f.path, "iommu_group/devices"))
    dir = opendir (devices);
  if (dir == NULL)
    return;
  while ((d = readdir (dir)) != NULL) {
    if (d->d_name[0] != '.' && strcmp (d->d_name, f.address) != 0)
      add_other (devices, d->d_name, out);
  }
  closedir (dir);
}
