/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Addresses of PCI functions.
 */

#include <config.h>

#include <string.h>

#include "base/align.h"
#include "support/main.h"
#include "vfio/pci-address.h"

static const struct {
  const char *text;
  enum pci_address_status status;
  const char *expected; /* formatted again, if that is OK */
} cases[] = {
  { "0000:00:04.0", PCI_ADDRESS_OK, "0000:00:04.0" },
  { "00:04.0", PCI_ADDRESS_OK, "0000:00:04.0" },
  { "0:4.0", PCI_ADDRESS_OK, "0000:00:04.0" },
  { "0001:AB:1f.7", PCI_ADDRESS_OK, "0001:ab:1f.7" },
  { "10000:e1:00.0", PCI_ADDRESS_OK, "10000:e1:00.0" },
  { "ffffffff:ff:1f.7", PCI_ADDRESS_OK, "ffffffff:ff:1f.7" },
  { "", PCI_ADDRESS_NO_FORM, NULL },
  { "04.0", PCI_ADDRESS_NO_FORM, NULL },
  { ":04.0", PCI_ADDRESS_NO_FORM, NULL },
  { "00:04", PCI_ADDRESS_NO_FORM, NULL },
  { "00:04.", PCI_ADDRESS_NO_FORM, NULL },
  { "00:04.00", PCI_ADDRESS_NO_FORM, NULL },
  { "00:04.0 ", PCI_ADDRESS_NO_FORM, NULL },
  { "00:04.g", PCI_ADDRESS_NO_FORM, NULL },
  { "000:04.0", PCI_ADDRESS_NO_FORM, NULL },
  { "00:004.0", PCI_ADDRESS_NO_FORM, NULL },
  { "000000000:00:04.0", PCI_ADDRESS_NO_FORM, NULL },
  { "0:0:0:0.0", PCI_ADDRESS_NO_FORM, NULL },
  { "-1:04.0", PCI_ADDRESS_NO_FORM, NULL },
  { "/dev/nvme0", PCI_ADDRESS_NO_FORM, NULL },
  { "00:20.0", PCI_ADDRESS_NO_DEVICE, NULL },
  { "00:1f.8", PCI_ADDRESS_NO_FUNCTION, NULL },
};

START_TEST (each_case)
{
  char out[PCI_ADDRESS_SIZE];
  struct pci_address a;

  ck_assert_int_eq (pci_address_parse (cases[_i].text, &a), cases[_i].status);
  ck_assert_ptr_nonnull (pci_address_status_string (cases[_i].status));
  if (cases[_i].status != PCI_ADDRESS_OK)
    return;
  pci_address_format (&a, out);
  ck_assert_str_eq (out, cases[_i].expected);
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("pci-address");
  TCase *c = test_case (suite, "pci-address");

  tcase_add_loop_test (c, each_case, 0, ARRAY_SIZE (cases));
  return test_run (suite);
}
