/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The registers.  See vfio-impl.h.  The kernel may forbid to map the pages
 * on which the table of MSI-X is, and then lists what can be mapped.
 */

#include <config.h>

#include <endian.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/align.h"
#include "base/checked.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "vfio/vfio-impl.h"

/* Below the doorbells are the registers. */
#define MIN_BAR 0x1000

/* Map [OFFSET, OFFSET+SIZE) of the BAR; if it fails, that goes by the
 * kernel.
 */
static void
map_area (struct vfio_bar *b, uint64_t offset, uint64_t size)
{
  struct vfio_bar_map *m = &b->map[b->nmaps];
  void *va;

  if (b->nmaps == VFIO_BAR_MAPS || size == 0 ||
      !range_inside (offset, size, b->size))
    return;
  va = mmap (NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, b->fd,
             (off_t) (b->offset + offset));
  if (va == MAP_FAILED) {
    log_debug ("mmap of %" PRIu64 " bytes of BAR 0 at 0x%" PRIx64 ": %m", size,
               offset);
    return;
  }
  m->start = (uint32_t) offset;
  m->end = (uint32_t) (offset + size);
  m->va = va;
  b->nmaps++;
}

static void
map_areas (struct vfio_bar *b, const struct vfio_region_info *info)
{
  struct vfio_region_info_cap_sparse_mmap head;
  struct vfio_region_sparse_mmap_area area;
  const char *areas = NULL;
  size_t n = 0;

  if (!(info->flags & VFIO_REGION_INFO_FLAG_MMAP))
    return;
  if (info->flags & VFIO_REGION_INFO_FLAG_CAPS)
    areas =
      vfio_find_cap (info, info->cap_offset, VFIO_REGION_INFO_CAP_SPARSE_MMAP,
                     &head, sizeof head, &n);
  if (areas == NULL) {
    map_area (b, 0, b->size);
    return;
  }
  n = min_u64 (n / sizeof area, head.nr_areas);
  for (size_t i = 0; i < n; i++) {
    memcpy (&area, areas + i * sizeof area, sizeof area);
    map_area (b, area.offset, area.size);
  }
}

int
vfio_bar_open (struct vfio_bar *b, int fd, const char *name, int *err)
{
  const struct vfio_region_info ask = {
    .argsz = sizeof ask,
    .index = VFIO_PCI_BAR0_REGION_INDEX,
  };
  CLEANUP_FREE struct vfio_region_info *info =
    vfio_ask (fd, VFIO_DEVICE_GET_REGION_INFO, &ask, sizeof ask);

  *b = (struct vfio_bar){ .fd = fd };
  if (info == NULL) {
    *err = errno;
    log_error ("%s: VFIO_DEVICE_GET_REGION_INFO of BAR 0: %m", name);
    return -1;
  }
  if (info->size <= MIN_BAR) {
    *err = ENODEV;
    log_error ("%s: BAR 0 has %" PRIu64 " bytes, which is less than any NVMe "
               "controller has",
               name, (uint64_t) info->size);
    return -1;
  }
  b->offset = info->offset;
  b->size = (uint32_t) min_u64 (info->size, UINT32_C (1) << 31);
  map_areas (b, info);
  return 0;
}

void
vfio_bar_close (struct vfio_bar *b)
{
  for (unsigned i = 0; i < b->nmaps; i++)
    munmap ((void *) b->map[i].va, b->map[i].end - b->map[i].start);
  b->nmaps = 0;
}

/* Where the register is mapped; NULL if it is not. */
static volatile uint32_t *
find (const struct vfio_bar *b, uint32_t offset)
{
  for (unsigned i = 0; i < b->nmaps; i++) {
    const struct vfio_bar_map *m = &b->map[i];

    if (offset >= m->start && offset < m->end)
      return (volatile uint32_t *) (m->va + (offset - m->start));
  }
  return NULL;
}

static bool
is_inside (const struct vfio_bar *b, uint32_t offset)
{
  return offset % 4 == 0 && range_inside (offset, 4, b->size);
}

uint32_t
vfio_bar_read32 (const struct vfio_bar *b, uint32_t offset)
{
  const volatile uint32_t *p = find (b, offset);
  uint32_t value;

  if (!is_inside (b, offset))
    return UINT32_MAX;
  if (p != NULL)
    return le32toh (*p);
  return pread (b->fd, &value, 4, (off_t) (b->offset + offset)) == 4 ?
           le32toh (value) :
           UINT32_MAX;
}

void
vfio_bar_write32 (const struct vfio_bar *b, uint32_t offset, uint32_t value)
{
  volatile uint32_t *p = find (b, offset);

  value = htole32 (value);
  if (!is_inside (b, offset))
    return;
  if (p != NULL)
    *p = value;
  else if (pwrite (b->fd, &value, 4, (off_t) (b->offset + offset)) != 4)
    log_debug ("write of the register 0x%" PRIx32 ": %m", offset);
}
