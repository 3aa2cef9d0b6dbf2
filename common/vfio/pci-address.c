/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See pci-address.h.
 */

#include <config.h>

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/align.h"
#include "vfio/pci-address.h"

static int
digit (char c)
{
  if (c >= '0' && c <= '9')
    return c - '0';
  if (c >= 'a' && c <= 'f')
    return c - 'a' + 10;
  return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* A number of 1 to MAX digits, which *P is moved over, and what ends it. */
static bool
read_number (const char **p, unsigned max, char end, uint32_t *r)
{
  unsigned n;

  *r = 0;
  for (n = 0; n < max && digit (**p) != -1; n++, (*p)++)
    *r = 16 * *r + (uint32_t) digit (**p);
  if (n == 0 || **p != end)
    return false;
  if (end != '\0')
    (*p)++;
  return true;
}

enum pci_address_status
pci_address_parse (const char *text, struct pci_address *a)
{
  const char *colon = strchr (text, ':');
  uint32_t bus, device, function;

  a->domain = 0;
  if (colon != NULL && strchr (colon + 1, ':') != NULL &&
      !read_number (&text, 8, ':', &a->domain))
    return PCI_ADDRESS_NO_FORM;
  if (!read_number (&text, 2, ':', &bus) ||
      !read_number (&text, 2, '.', &device) ||
      !read_number (&text, 1, '\0', &function))
    return PCI_ADDRESS_NO_FORM;
  if (device > 0x1f)
    return PCI_ADDRESS_NO_DEVICE;
  if (function > 7)
    return PCI_ADDRESS_NO_FUNCTION;
  a->bus = (uint8_t) bus;
  a->device = (uint8_t) device;
  a->function = (uint8_t) function;
  return PCI_ADDRESS_OK;
}

const char *
pci_address_status_string (enum pci_address_status status)
{
  static const char *const strings[] = {
    [PCI_ADDRESS_OK] = "no error",
    [PCI_ADDRESS_NO_FORM] =
      "is not the address of a PCI function, such as 0000:00:04.0",
    [PCI_ADDRESS_NO_DEVICE] = "has a number of a device that is more than 1f",
    [PCI_ADDRESS_NO_FUNCTION] =
      "has a number of a function that is more than 7",
  };

  return status < ARRAY_SIZE (strings) ? strings[status] : NULL;
}

void
pci_address_format (const struct pci_address *a, char out[PCI_ADDRESS_SIZE])
{
  snprintf (out, PCI_ADDRESS_SIZE, "%04" PRIx32 ":%02x:%02x.%x", a->domain,
            a->bus, a->device, a->function);
}
