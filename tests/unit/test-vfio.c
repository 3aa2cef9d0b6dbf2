/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A device behind VFIO, of which a kernel in here has two pages of BAR 0
 * and the configuration in a file: addresses, memory, registers that may
 * be mapped or not, interrupts; and each ioctl failing.
 */

#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/pci_regs.h>
#include <linux/vfio.h>
#include <stdarg.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include "base/align.h"
#include "base/cleanup.h"
#include "support/log-memory.h"
#include "support/main.h"
#include "support/nth-fault.h"
#include "vfio-tree.h"
#include "vfio/vfio.h"

#define BAR_SIZE 0x4000
#define CONFIG_OFFSET 0x10000

static const struct pci_address address = { .device = 4 };
static struct temp_dir dir;

/* ------------------------------------------------------------------ */
/* The kernel */

static struct {
  unsigned long nth, count; /* this ioctl fails */
  bool no_caps, not_viable, no_msix, no_iommu;
  int sparse;     /* areas that may be mapped; -1: all */
  uint64_t limit; /* of locked memory */
  int device;     /* a descriptor of ours, the device has copies */
  struct {
    uint64_t iova, va, size;
  } map[16];
  unsigned nmaps;
  uint64_t mapped;
  unsigned vectors, resets;
} kernel;

extern int __real_ioctl (int fd, unsigned long request, ...);
extern int __wrap_ioctl (int fd, unsigned long request, ...);

static int
with_errno (int error)
{
  errno = error;
  return -1;
}

static int
get_iommu_info (struct vfio_iommu_type1_info *info)
{
  struct {
    struct vfio_info_cap_header head;
    uint32_t n, reserved;
    struct vfio_iova_range range[2];
  } cap = {
    { VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE, 1, 0 },
    2,
    0,
    { { 0, 0x2fffff }, { 0x1000000, 0x7fffffffff } },
  };
  /* Not aligned, as the kernel has it. */
  const struct vfio_info_cap_header other = { 77, 1, 60 };
  const uint32_t size = 60 + sizeof cap;

  info->flags = VFIO_IOMMU_INFO_PGSIZES;
  info->iova_pgsizes = 0x40201000;
  if (kernel.no_caps)
    return 0;
  info->flags |= VFIO_IOMMU_INFO_CAPS;
  if (info->argsz >= size) {
    info->cap_offset = 28;
    memcpy ((char *) info + 28, &other, sizeof other);
    memcpy ((char *) info + 60, &cap, sizeof cap);
  }
  info->argsz = size;
  return 0;
}

static int
map_dma (const struct vfio_iommu_type1_dma_map *m)
{
  if (kernel.mapped + m->size > kernel.limit)
    return with_errno (ENOMEM);
  if (kernel.nmaps == ARRAY_SIZE (kernel.map))
    return with_errno (ENOSPC);
  ck_assert (m->iova >= 0x1000000 || kernel.no_caps);
  ck_assert (IS_ALIGNED (m->iova | m->vaddr | m->size, 0x200000));
  kernel.map[kernel.nmaps].iova = m->iova;
  kernel.map[kernel.nmaps].va = m->vaddr;
  kernel.map[kernel.nmaps++].size = m->size;
  kernel.mapped += m->size;
  return 0;
}

static int
get_region_info (struct vfio_region_info *info)
{
  struct {
    struct vfio_info_cap_header head;
    uint32_t n, reserved;
    struct vfio_region_sparse_mmap_area area[2];
  } cap = {
    { VFIO_REGION_INFO_CAP_SPARSE_MMAP, 1, 0 },
    0,
    0,
    { { 0, 0x1000 }, { 0x2000, 0x1000 } },
  };
  const uint32_t size = sizeof *info + sizeof cap;

  if (info->index == VFIO_PCI_CONFIG_REGION_INDEX) {
    info->offset = CONFIG_OFFSET;
    info->size = 4096;
    return 0;
  }
  info->offset = 0;
  info->size = BAR_SIZE;
  info->flags = kernel.sparse == 0 ? 0 : VFIO_REGION_INFO_FLAG_MMAP;
  if (kernel.sparse <= 0)
    return 0;
  info->flags |= VFIO_REGION_INFO_FLAG_CAPS;
  cap.n = (uint32_t) kernel.sparse;
  if (info->argsz >= size) {
    info->cap_offset = sizeof *info;
    memcpy (info + 1, &cap, sizeof cap);
  }
  info->argsz = size;
  return 0;
}

static int
get_irq_info (struct vfio_irq_info *info)
{
  info->flags = VFIO_IRQ_INFO_EVENTFD;
  info->count =
    info->index == VFIO_PCI_MSIX_IRQ_INDEX ? (kernel.no_msix ? 0 : 65) : 1;
  return 0;
}

static int
set_irqs (const struct vfio_irq_set *set)
{
  if (set->index == VFIO_PCI_REQ_IRQ_INDEX)
    return 0;
  ck_assert (set->count > 0 || kernel.vectors > 0);
  if (set->count > 40)
    return 40; /* so many there are */
  kernel.vectors = set->count;
  return 0;
}

static int
answer (unsigned long request, void *p)
{
  switch (request) {
  case VFIO_GROUP_GET_STATUS:
    ((struct vfio_group_status *) p)->flags =
      kernel.not_viable ? 0 : VFIO_GROUP_FLAGS_VIABLE;
    return 0;
  case VFIO_GET_API_VERSION:
    return VFIO_API_VERSION;
  case VFIO_CHECK_EXTENSION:
    return (unsigned long) p ==
           (kernel.no_iommu ? VFIO_NOIOMMU_IOMMU : VFIO_TYPE1v2_IOMMU);
  case VFIO_IOMMU_GET_INFO:
    return get_iommu_info (p);
  case VFIO_IOMMU_MAP_DMA:
    return map_dma (p);
  case VFIO_GROUP_GET_DEVICE_FD:
    ck_assert_str_eq (p, VFIO_TREE_DEVICE);
    return fcntl (kernel.device, F_DUPFD_CLOEXEC, 0);
  case VFIO_DEVICE_GET_INFO:
    ((struct vfio_device_info *) p)->flags =
      VFIO_DEVICE_FLAGS_PCI | VFIO_DEVICE_FLAGS_RESET;
    return 0;
  case VFIO_DEVICE_GET_REGION_INFO:
    return get_region_info (p);
  case VFIO_DEVICE_GET_IRQ_INFO:
    return get_irq_info (p);
  case VFIO_DEVICE_SET_IRQS:
    return set_irqs (p);
  case VFIO_DEVICE_RESET:
    kernel.resets++;
    return 0;
  }
  return 0;
}

int
__wrap_ioctl (int fd, unsigned long request, ...)
{
  va_list args;
  void *p;

  va_start (args, request);
  p = va_arg (args, void *);
  va_end (args);
  return ++kernel.count == kernel.nth ? with_errno (EIO) : answer (request, p);
}

/* ------------------------------------------------------------------ */

static void
setup (void)
{
  temp_dir_create (&dir);
  vfio_tree_create ();
  memset (&kernel, 0, sizeof kernel);
  kernel.device = open ("device", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  ck_assert_int_eq (ftruncate (kernel.device, CONFIG_OFFSET + 4096), 0);
  kernel.sparse = -1;
  kernel.limit = UINT64_MAX;
  log_memory_clear ();
}

static void
teardown (void)
{
  close (kernel.device);
  temp_dir_remove (&dir);
}

static struct nvme_hw *
open_hw (int *err)
{
  struct vfio_group *g = vfio_group_open (".", &address, err);
  struct nvme_hw *hw = g != NULL ? vfio_device_open (g, err) : NULL;

  if (hw == NULL)
    vfio_group_close (g);
  return hw;
}

static struct nvme_hw *
must_open (void)
{
  int err;
  struct nvme_hw *hw = open_hw (&err);

  if (hw == NULL)
    log_memory_print ();
  ck_assert_ptr_nonnull (hw);
  return hw;
}

static uint16_t
command (void)
{
  uint16_t c = 0;

  ck_assert_int_eq (pread (kernel.device, &c, 2, CONFIG_OFFSET + PCI_COMMAND),
                    2);
  return c;
}

START_TEST (life)
{
  struct nvme_hw *hw = must_open ();
  int err = 0, fd[3] = { 7, 8, 9 };

  ck_assert_str_eq (hw->name, VFIO_TREE_DEVICE);
  ck_assert_uint_eq (hw->bar_size, BAR_SIZE);
  ck_assert_uint_eq (hw->nvectors, 65);
  ck_assert_uint_eq (command (), PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
  ck_assert_int_eq (hw->ops->set_removal (hw, 7, &err), 0);
  ck_assert_int_eq (hw->ops->set_vectors (hw, 0, NULL, &err), 0);
  ck_assert_int_eq (hw->ops->set_vectors (hw, 3, fd, &err), 0);
  ck_assert_uint_eq (kernel.vectors, 3);
  ck_assert_int_eq (hw->ops->reset (hw, &err), 0);
  ck_assert_uint_eq (kernel.resets, 1);
  ck_assert_uint_eq (kernel.vectors, 0);
  ck_assert_int_eq (hw->ops->set_vectors (hw, 66, fd, &err), -1);
  ck_assert_int_eq (err, EINVAL);
  ck_assert_int_eq (hw->ops->set_vectors (hw, 1, fd, &err), 0);
  hw->ops->close (hw);
  ck_assert_uint_eq (kernel.vectors, 0);
  ck_assert_uint_eq (command (), 0);
  ck_assert_uint_eq (log_memory_errors (), 0);
}
END_TEST

START_TEST (few_vectors)
{
  struct nvme_hw *hw = must_open ();
  int err = 0, fd[41] = { 0 };

  ck_assert_int_eq (hw->ops->set_vectors (hw, 41, fd, &err), -1);
  ck_assert_int_eq (err, ENOSPC);
  ck_assert (log_memory_contains ("has 40 interrupts"));
  hw->ops->close (hw);
  kernel.no_msix = true;
  hw = must_open ();
  ck_assert_uint_eq (hw->nvectors, 1);
  hw->ops->close (hw);
}
END_TEST

/* Registers are the same whether they are mapped, all, none or two pages of
 * four.
 */
START_TEST (registers)
{
  struct nvme_hw *hw;
  uint32_t value;

  kernel.sparse = _i;
  hw = must_open ();
  for (uint32_t offset = 0; offset < BAR_SIZE; offset += 0x800) {
    hw->ops->write32 (hw, offset, 0x12345678 + offset);
    ck_assert_uint_eq (hw->ops->read32 (hw, offset), 0x12345678 + offset);
    ck_assert_int_eq (pread (kernel.device, &value, 4, offset), 4);
    ck_assert_uint_eq (value, 0x12345678 + offset);
    hw->ops->write64 (hw, offset, 0x1122334455667788);
    ck_assert_uint_eq (hw->ops->read64 (hw, offset), 0x1122334455667788);
    ck_assert_uint_eq (hw->ops->read32 (hw, offset + 4), 0x11223344);
  }
  hw->ops->write32 (hw, BAR_SIZE, 1);
  hw->ops->write32 (hw, UINT32_MAX - 3, 1);
  ck_assert_uint_eq (hw->ops->read32 (hw, BAR_SIZE), UINT32_MAX);
  hw->ops->write64 (hw, UINT32_MAX - 3, 1);
  ck_assert_uint_eq (hw->ops->read64 (hw, UINT32_MAX - 3), UINT64_MAX);
  ck_assert_uint_eq (hw->ops->read32 (hw, 0), 0x55667788);
  ck_assert_uint_eq (hw->ops->read32 (hw, 2), UINT32_MAX);
  hw->ops->close (hw);
}
END_TEST

/* Is it where the device was told that it is? */
static void
check_dma (const struct nvme_dma *d, size_t size)
{
  static const char zeroes[3 << 20];
  const uint64_t va = (uintptr_t) d->va;
  unsigned i = 0;

  while (i < kernel.nmaps &&
         !(va >= kernel.map[i].va &&
           va + d->size <= kernel.map[i].va + kernel.map[i].size))
    i++;
  ck_assert_uint_lt (i, kernel.nmaps);
  ck_assert_uint_eq (d->iova - kernel.map[i].iova, va - kernel.map[i].va);
  ck_assert_uint_eq (d->size, size);
  ck_assert (IS_ALIGNED (va | d->iova, 4096));
  ck_assert (memcmp (d->va, zeroes, size) == 0);
  memset (d->va, 0xff, size);
}

START_TEST (memory)
{
  struct nvme_hw *hw;
  struct nvme_dma d[4];
  int err;

  kernel.no_caps = _i;
  hw = must_open ();
  for (int round = 0; round < 3; round++) {
    ck_assert_int_eq (hw->ops->dma_alloc (hw, 1, &d[0], &err), 0);
    ck_assert_int_eq (hw->ops->dma_alloc (hw, 16384, &d[1], &err), 0);
    ck_assert_int_eq (hw->ops->dma_alloc (hw, 3 << 20, &d[2], &err), 0);
    ck_assert_int_eq (hw->ops->dma_alloc (hw, 4097, &d[3], &err), 0);
    check_dma (&d[0], 4096);
    check_dma (&d[1], 16384);
    check_dma (&d[2], 3 << 20);
    check_dma (&d[3], 8192);
    for (int i = 0; i < 4; i++) {
      hw->ops->dma_free (hw, &d[i]);
      ck_assert_ptr_null (d[i].va);
      hw->ops->dma_free (hw, &d[i]);
    }
  }
  ck_assert_uint_eq (kernel.nmaps, 2);
  ck_assert_int_eq (hw->ops->dma_alloc (hw, 0, &d[0], &err), -1);
  ck_assert_int_eq (hw->ops->dma_alloc (hw, SIZE_MAX, &d[0], &err), -1);
  ck_assert_int_eq (err, ENOMEM);
  hw->ops->close (hw);
}
END_TEST

START_TEST (limits)
{
  struct nvme_hw *hw = must_open ();
  struct rlimit l, old;
  struct nvme_dma d;
  int err;

  ck_assert_int_eq (getrlimit (RLIMIT_MEMLOCK, &old), 0);
  l = old;
  l.rlim_cur = 3 << 20;
  ck_assert_int_eq (setrlimit (RLIMIT_MEMLOCK, &l), 0);
  kernel.limit = l.rlim_cur;
  ck_assert_int_eq (hw->ops->dma_alloc (hw, 2 << 20, &d, &err), 0);
  ck_assert_int_eq (hw->ops->dma_alloc (hw, 4096, &d, &err), -1);
  ck_assert_int_eq (err, EPERM);
  ck_assert (
    log_memory_contains ("RLIMIT_MEMLOCK is 3 MiB and at least 4 MiB"));
  log_memory_clear ();
  kernel.limit = 0; /* other memory is short */
  kernel.mapped = 0;
  ck_assert_int_eq (setrlimit (RLIMIT_MEMLOCK, &old), 0);
  ck_assert_int_eq (hw->ops->dma_alloc (hw, 4096, &d, &err), -1);
  ck_assert_int_eq (err, ENOMEM);
  ck_assert (!log_memory_contains ("RLIMIT"));
  kernel.limit = UINT64_MAX;
  do
    log_memory_clear ();
  while (hw->ops->dma_alloc (hw, 2 << 20, &d, &err) == 0);
  ck_assert_int_eq (err, ENOMEM);
  ck_assert (log_memory_contains ("dma_entry_limit"));
  hw->ops->close (hw);
}
END_TEST

static void
expect (int error, const char *text)
{
  int err = 0;

  log_memory_clear ();
  ck_assert_ptr_null (vfio_group_open (".", &address, &err));
  ck_assert_int_eq (err, error);
  if (!log_memory_contains (text))
    ck_abort_msg ("not said: %s", text);
}

START_TEST (refused)
{
  kernel.not_viable = true;
  vfio_tree_bind (VFIO_TREE_OTHER, "e1000e");
  expect (EBUSY, "in IOMMU group 3 together with devices that other drivers "
                 "use: 0000:00:05.0 (e1000e)");
  kernel.not_viable = false;
  unlink ("dev/vfio/vfio");
  expect (ENOENT, "modprobe -a vfio-pci");
  unlink ("dev/vfio/3");
  expect (ENOENT, "dev/vfio/3: No such file");
  vfio_tree_bind (VFIO_TREE_DEVICE, "nvme");
  expect (EBUSY, "the driver nvme");
}
END_TEST

/* Nothing is mapped; memory is a huge page whose address must be known,
 * neither of which machines need have.
 */
START_TEST (without_iommu)
{
  struct nvme_hw *hw;
  struct nvme_dma d;
  int err = 0;

  temp_dir_file ("sys/kernel/iommu_groups/3/name", "vfio-noiommu\n");
  ck_assert_int_eq (rename ("dev/vfio/3", "dev/vfio/noiommu-3"), 0);
  kernel.no_iommu = true;
  hw = must_open ();
  if (hw->ops->dma_alloc (hw, 8192, &d, &err) == 0) {
    memset (d.va, 1, d.size);
    ck_assert (IS_ALIGNED (d.iova, 4096) && d.iova != 0);
    hw->ops->dma_free (hw, &d);
  }
  else
    ck_assert (log_memory_contains ("vm.nr_hugepages") ||
               log_memory_contains ("/proc/self/pagemap"));
  ck_assert_int_eq (hw->ops->dma_alloc (hw, 3 << 20, &d, &err), -1);
  ck_assert_int_eq (err, ENOMEM);
  ck_assert (log_memory_contains ("3145728 contiguous bytes"));
  ck_assert_uint_eq (kernel.nmaps, 0);
  hw->ops->close (hw);
}
END_TEST

START_TEST (each_failure)
{
  struct nth_fault f = NTH_FAULT_INIT;

  while (nth_fault_next (&f)) {
    struct nvme_hw *hw;
    int err = 0;

    log_memory_clear ();
    kernel.count = 0;
    kernel.nth = f.n;
    kernel.sparse = 1;
    hw = open_hw (&err);
    f.fired = kernel.count >= f.n;
    /* Without these there are just no interrupts. */
    if (hw == NULL) {
      ck_assert_int_ne (err, 0);
      ck_assert_uint_eq (log_memory_errors (), 1);
    }
    else {
      ck_assert_uint_eq (log_memory_errors (), 0);
      hw->ops->close (hw);
    }
  }
  ck_assert_uint_gt (f.n, 10);
}
END_TEST

int
main (void)
{
  const TTest *const tests[] = { life,    few_vectors,   limits,
                                 refused, without_iommu, each_failure };
  Suite *suite = suite_create ("vfio");
  TCase *c = test_case (suite, "vfio");

  tcase_add_checked_fixture (c, setup, teardown);
  for (size_t i = 0; i < ARRAY_SIZE (tests); i++)
    tcase_add_test (c, tests[i]);
  tcase_add_loop_test (c, registers, -1, 3);
  tcase_add_loop_test (c, memory, 0, 2);
  return test_run (suite);
}
