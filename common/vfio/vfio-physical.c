/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Where memory is, for devices without an IOMMU: /proc/self/pagemap has 64
 * bits for each page, bit 63 says that it is in memory, and bits 0 to 54
 * where (Documentation/admin-guide/mm/pagemap.rst).
 */

#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "vfio/vfio-impl.h"

#define PRESENT (UINT64_C (1) << 63)
#define PAGE_NUMBER ((UINT64_C (1) << 55) - 1)

/* The page that VA is on; -1 if it cannot be known. */
static int
find_page (int fd, const void *va, size_t page_size, uint64_t *page)
{
  const off_t at = (off_t) ((uintptr_t) va / page_size * sizeof *page);

  if (pread (fd, page, sizeof *page, at) != sizeof *page || !(*page & PRESENT))
    return -1;
  *page &= PAGE_NUMBER;
  return *page != 0 ? 0 : -1; /* others are told 0 */
}

int
vfio_physical (const char *name, const void *va, size_t size, uint64_t *address,
               int *err)
{
  const size_t page_size = (size_t) sysconf (_SC_PAGESIZE);
  CLEANUP_CLOSE int fd = open ("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
  uint64_t first = 0, page;

  for (size_t i = 0; i < size / page_size; i++) {
    if (fd == -1 ||
        find_page (fd, (const char *) va + i * page_size, page_size, &page)) {
      log_error ("%s: /proc/self/pagemap does not say where memory is; it does "
                 "to root (CAP_SYS_ADMIN)",
                 name);
      *err = EPERM;
      return -1;
    }
    if (i == 0)
      first = page;
    if (page != first + i) {
      log_error ("%s: a huge page is not contiguous", name);
      *err = EIO;
      return -1;
    }
  }
  *address = first * page_size;
  return 0;
}
