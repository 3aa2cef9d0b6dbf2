/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What is found of a controller in sysfs, and what is said where it cannot
 * be used.
 */

#include <config.h>

#include <errno.h>

#include "base/align.h"
#include "support/log-memory.h"
#include "support/main.h"
#include "vfio-tree.h"
#include "vfio/vfio-find.h"

static const struct pci_address device = { .device = 4 };
static struct temp_dir dir;

static void
setup (void)
{
  temp_dir_create (&dir);
  vfio_tree_create ();
}

static void
teardown (void)
{
  temp_dir_remove (&dir);
}

static void
expect (int error, const char *text)
{
  struct vfio_place place;
  int err = 0;

  log_memory_clear ();
  ck_assert_int_eq (vfio_find (".", &device, &place, &err), -1);
  ck_assert_int_eq (err, error);
  ck_assert_uint_eq (log_memory_errors (), 1);
  if (!log_memory_contains (text))
    ck_abort_msg ("not said: %s", text);
}

START_TEST (found)
{
  struct vfio_place place;
  int err;

  ck_assert_int_eq (vfio_find (".", &device, &place, &err), 0);
  ck_assert_uint_eq (place.group, 3);
  ck_assert (!place.no_iommu);
  ck_assert_str_eq (place.node, "./dev/vfio/3");
  temp_dir_file ("sys/kernel/iommu_groups/3/name", "vfio-noiommu\n");
  ck_assert_int_eq (vfio_find (".", &device, &place, &err), 0);
  ck_assert (place.no_iommu);
  ck_assert_str_eq (place.node, "./dev/vfio/noiommu-3");
}
END_TEST

START_TEST (no_device)
{
  unlink (VFIO_TREE_PCI VFIO_TREE_DEVICE "/class");
  expect (ENODEV, "there is no such PCI device");
  temp_dir_file (VFIO_TREE_PCI VFIO_TREE_DEVICE "/class", "0x020000\n");
  expect (ENODEV, "its class is 0x020000, not 0x010802");
}
END_TEST

START_TEST (other_driver)
{
  vfio_tree_bind (VFIO_TREE_DEVICE, "nvme");
  expect (EBUSY, "is bound to the driver nvme");
  expect (EBUSY, "echo 0000:00:04.0 >./sys/bus/pci/devices/0000:00:04.0/"
                 "driver/unbind; ");
  vfio_tree_bind (VFIO_TREE_DEVICE, NULL);
  expect (ENXIO, "is bound to no driver");
  ck_assert (!log_memory_contains ("unbind"));
}
END_TEST

START_TEST (no_group)
{
  unlink (VFIO_TREE_PCI VFIO_TREE_DEVICE "/iommu_group");
  expect (ENXIO, "has no IOMMU group");
}
END_TEST

START_TEST (others)
{
  struct buffer b = { .max = 1024 };

  vfio_find_others (".", &device, &b);
  ck_assert_str_eq (buffer_text (&b), "");
  vfio_tree_bind (VFIO_TREE_OTHER, "e1000e");
  vfio_find_others (".", &device, &b);
  ck_assert_str_eq (buffer_text (&b), VFIO_TREE_OTHER " (e1000e)");
  vfio_tree_bind (VFIO_TREE_OTHER, "vfio-pci");
  buffer_clear (&b);
  vfio_find_others (".", &device, &b);
  ck_assert_str_eq (buffer_text (&b), "");
  vfio_find_others ("nowhere", &device, &b);
  ck_assert_str_eq (buffer_text (&b), "");
  buffer_fini (&b);
}
END_TEST

int
main (void)
{
  const TTest *const tests[] = { found, no_device, other_driver, no_group,
                                 others };
  Suite *suite = suite_create ("vfio-find");
  TCase *c = test_case (suite, "vfio-find");

  tcase_add_checked_fixture (c, setup, teardown);
  for (size_t i = 0; i < ARRAY_SIZE (tests); i++)
    tcase_add_test (c, tests[i]);
  return test_run (suite);
}
