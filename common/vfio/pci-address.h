/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Addresses of PCI functions, "0000:00:04.0", as lspci and the kernel
 * write them.
 */

#ifndef DISKSTACK_PCI_ADDRESS_H
#define DISKSTACK_PCI_ADDRESS_H

#include <stdint.h>

enum pci_address_status {
  PCI_ADDRESS_OK,
  PCI_ADDRESS_NO_FORM,     /* not [DOMAIN:]BUS:DEVICE.FUNCTION, hexadecimal */
  PCI_ADDRESS_NO_DEVICE,   /* more than 1f */
  PCI_ADDRESS_NO_FUNCTION, /* more than 7 */
};

struct pci_address {
  uint32_t domain;
  uint8_t bus, device, function;
};

/* Parse TEXT; the domain is 0 if it is left out. */
extern enum pci_address_status pci_address_parse (const char *text,
                                                  struct pci_address *a);

extern const char *pci_address_status_string (enum pci_address_status status);

/* Write A as the kernel has it in sysfs. */
#define PCI_ADDRESS_SIZE 20
extern void pci_address_format (const struct pci_address *a,
                                char out[PCI_ADDRESS_SIZE]);

#endif /* DISKSTACK_PCI_ADDRESS_H */
