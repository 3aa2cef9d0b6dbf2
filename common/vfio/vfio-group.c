/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The group of a device, which is what VFIO gives to a program, and the
 * container, the address space that it is put into.  See vfio-impl.h.
 *
 * Without an IOMMU a group has a container, too, but no address space: the
 * addresses of the device are those of the memory.
 */

#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/align.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "base/parse.h"
#include "vfio/vfio-impl.h"

/* Nothing is mapped below, so that an address that was forgotten (0) is
 * seen.
 */
#define FIRST_IOVA (UINT64_C (1) << 20)

/* ------------------------------------------------------------------ */
/* The group */

/* Why the group's file cannot be opened. */
static void
explain_group (const struct vfio_group *g)
{
  const char *node = g->place.node;

  switch (errno) {
  case EBUSY:
    log_error ("%s: is in use by another program (%s)", g->name, node);
    break;
  case EACCES:
    log_error ("%s: %s: %m; `chown USER %s' lets that user have the device",
               g->name, node, node);
    break;
  case EPERM:
    log_error ("%s: %s: %m; a device without an IOMMU needs CAP_SYS_RAWIO",
               g->name, node);
    break;
  default:
    log_error ("%s: %s: %m", g->name, node);
  }
}

static int
open_group (struct vfio_group *g, int *err)
{
  g->group = open (g->place.node, O_RDWR | O_CLOEXEC);
  if (g->group >= 0)
    return 0;
  *err = errno;
  explain_group (g);
  return -1;
}

static int
check_viable (struct vfio_group *g, const char *root,
              const struct pci_address *a, int *err)
{
  struct vfio_group_status status = { .argsz = sizeof status };
  struct buffer others = { .max = 1024 };

  if (ioctl (g->group, VFIO_GROUP_GET_STATUS, &status) == -1) {
    *err = errno;
    log_error ("%s: %s: VFIO_GROUP_GET_STATUS: %m", g->name, g->place.node);
    return -1;
  }
  if (status.flags & VFIO_GROUP_FLAGS_VIABLE)
    return 0;
  vfio_find_others (root, a, &others);
  log_error ("%s: is in IOMMU group %u together with devices that other "
             "drivers use: %s; all devices of a group must be bound to "
             "vfio-pci or to no driver",
             g->name, g->place.group, buffer_text (&others));
  buffer_fini (&others);
  *err = EBUSY;
  return -1;
}

/* ------------------------------------------------------------------ */
/* The container */

static int
open_container (struct vfio_group *g, const char *root, int *err)
{
  char path[sizeof g->place.node];

  snprintf (path, sizeof path, "%s/dev/vfio/vfio", root);
  g->container = open (path, O_RDWR | O_CLOEXEC);
  if (g->container == -1) {
    *err = errno;
    log_error ("%s: %s: %m; `modprobe -a vfio-pci vfio_iommu_type1' makes it",
               g->name, path);
    return -1;
  }
  if (ioctl (g->container, VFIO_GET_API_VERSION) != VFIO_API_VERSION) {
    *err = EOPNOTSUPP;
    log_error ("%s: %s: VFIO of another version", g->name, path);
    return -1;
  }
  if (ioctl (g->group, VFIO_GROUP_SET_CONTAINER, &g->container) == -1) {
    *err = errno;
    log_error ("%s: %s: VFIO_GROUP_SET_CONTAINER: %m", g->name, g->place.node);
    return -1;
  }
  return 0;
}

static int
set_iommu (struct vfio_group *g, int *err)
{
  const unsigned long type =
    g->place.no_iommu ? VFIO_NOIOMMU_IOMMU : VFIO_TYPE1v2_IOMMU;

  if (ioctl (g->container, VFIO_CHECK_EXTENSION, type) != 1) {
    *err = EOPNOTSUPP;
    log_error ("%s: VFIO does not know an IOMMU of this type (%lu); "
               "`modprobe vfio_iommu_type1' adds it",
               g->name, type);
    return -1;
  }
  if (ioctl (g->container, VFIO_SET_IOMMU, type) == -1) {
    *err = errno;
    log_error ("%s: VFIO_SET_IOMMU: %m%s", g->name,
               errno == EPERM ? "; the machine does not remap interrupts, so "
                                "a device could send any of them: see "
                                "allow_unsafe_interrupts of vfio_iommu_type1" :
                                "");
    return -1;
  }
  return 0;
}

/* The part of [FIRST, LAST] that is used. */
static int
add_iova (struct vfio_group *g, uint64_t first, uint64_t last)
{
  first = max_u64 (first, FIRST_IOVA);
  return first > last ? 0 : free_ranges_add (&g->iova, first, last);
}

/* Old kernels do not say which addresses there are: then those below the
 * window of the interrupts are, on all machines.
 */
static int
take_iovas (struct vfio_group *g, const struct vfio_iommu_type1_info *info)
{
  struct vfio_iommu_type1_info_cap_iova_range head;
  struct vfio_iova_range range;
  const char *ranges = NULL;
  size_t n = 0;

  if (info->flags & VFIO_IOMMU_INFO_CAPS)
    ranges = vfio_find_cap (info, info->cap_offset,
                            VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE, &head,
                            sizeof head, &n);
  if (ranges == NULL)
    return add_iova (g, 0, 0xfedfffff);
  n = min_u64 (n / sizeof range, head.nr_iovas);
  for (size_t i = 0; i < n; i++) {
    memcpy (&range, ranges + i * sizeof range, sizeof range);
    if (add_iova (g, range.start, range.end) == -1)
      return -1;
  }
  return 0;
}

static int
look_at_iommu (struct vfio_group *g, int *err)
{
  const struct vfio_iommu_type1_info ask = { .argsz = sizeof ask };
  CLEANUP_FREE struct vfio_iommu_type1_info *info = NULL;

  if (g->place.no_iommu)
    return 0;
  info = vfio_ask (g->container, VFIO_IOMMU_GET_INFO, &ask, sizeof ask);
  if (info == NULL || take_iovas (g, info) == -1) {
    *err = errno;
    log_error ("%s: VFIO_IOMMU_GET_INFO: %m", g->name);
    return -1;
  }
  g->page_size = 4096;
  if ((info->flags & VFIO_IOMMU_INFO_PGSIZES) && info->iova_pgsizes != 0)
    g->page_size = info->iova_pgsizes & -info->iova_pgsizes;
  for (size_t i = 0; i < g->iova.n; i++)
    log_debug ("%s: addresses for DMA: 0x%" PRIx64 "-0x%" PRIx64, g->name,
               g->iova.range[i].first, g->iova.range[i].last);
  return 0;
}

/* ------------------------------------------------------------------ */
/* Memory */

/* Was it the limit on locked memory, of which MAPPED bytes are ours?  The
 * kernel says only that there is no memory.
 */
static bool
is_over_limit (const struct vfio_group *g, uint64_t size, uint64_t mapped)
{
  struct rlimit l;
  char limit[64], needed[64];

  if (getrlimit (RLIMIT_MEMLOCK, &l) == -1 || l.rlim_cur == RLIM_INFINITY ||
      mapped + size <= l.rlim_cur)
    return false;
  format_size (l.rlim_cur, limit, sizeof limit);
  format_size (mapped + size, needed, sizeof needed);
  log_error ("%s: memory for DMA cannot be locked: the limit RLIMIT_MEMLOCK is "
             "%s and at least %s are needed; `ulimit -l unlimited', "
             "LimitMEMLOCK= of a service, or limits.conf(5) raises it",
             g->name, limit, needed);
  return true;
}

/* ERROR is of a map of SIZE bytes. */
static int
explain_map (const struct vfio_group *g, int error, uint64_t size,
             uint64_t mapped)
{
  if (error == ENOMEM && is_over_limit (g, size, mapped))
    return EPERM;
  if (error == ENOSPC)
    log_error ("%s: the IOMMU takes no more pieces of memory: see "
               "dma_entry_limit of vfio_iommu_type1",
               g->name);
  else
    log_error ("%s: VFIO_IOMMU_MAP_DMA of %" PRIu64 " bytes: %s", g->name, size,
               strerror (error));
  return ENOMEM;
}

int
vfio_group_map (struct vfio_group *g, void *va, uint64_t size, uint64_t align,
                uint64_t mapped, uint64_t *iova, int *err)
{
  struct vfio_iommu_type1_dma_map map = {
    .argsz = sizeof map,
    .flags = VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE,
    .vaddr = (uintptr_t) va,
    .size = size,
  };

  if (!free_ranges_take (&g->iova, size, max_u64 (align, g->page_size), iova)) {
    log_error ("%s: no addresses for DMA are left", g->name);
    *err = ENOMEM;
    return -1;
  }
  map.iova = *iova;
  if (ioctl (g->container, VFIO_IOMMU_MAP_DMA, &map) == 0)
    return 0;
  *err = explain_map (g, errno, size, mapped);
  free_ranges_give (&g->iova, *iova, size);
  return -1;
}

/* ------------------------------------------------------------------ */

struct vfio_group *
vfio_group_open (const char *root, const struct pci_address *a, int *err)
{
  struct vfio_group *g = calloc (1, sizeof *g);

  if (g == NULL) {
    *err = ENOMEM;
    return NULL;
  }
  g->group = g->container = -1;
  pci_address_format (a, g->name);
  if (vfio_find (root, a, &g->place, err) == 0 && open_group (g, err) == 0 &&
      check_viable (g, root, a, err) == 0 &&
      open_container (g, root, err) == 0 && set_iommu (g, err) == 0 &&
      look_at_iommu (g, err) == 0)
    return g;
  vfio_group_close (g);
  return NULL;
}

void
vfio_group_close (struct vfio_group *g)
{
  if (g == NULL)
    return;
  cleanup_close (&g->group);
  cleanup_close (&g->container);
  free_ranges_fini (&g->iova);
  free (g);
}
