/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Any text as the address of a PCI function: what is accepted is in its
 * ranges, and is the same address when it is written and read again.
 */

#include <config.h>

#include <string.h>

#include "fuzz/fuzz.h"
#include "vfio/pci-address.h"

const char fuzz_name[] = "pci-address";

/* As lspci writes it: nothing but lower case digits in their places. */
static void
check_form (const char *out)
{
  const char *colon = strchr (out, ':');

  fuzz_assert (colon != NULL && colon - out >= 4 && colon - out <= 8);
  fuzz_assert (strspn (out, "0123456789abcdef") == (size_t) (colon - out));
  fuzz_assert (strlen (colon) == strlen (":00:04.0"));
  fuzz_assert (colon[3] == ':' && colon[6] == '.');
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  char *text = malloc (size + 1), out[PCI_ADDRESS_SIZE];
  struct pci_address a, again;
  enum pci_address_status status;

  fuzz_assert (text != NULL);
  memcpy (text, data, size);
  text[size] = '\0';
  status = pci_address_parse (text, &a);
  fuzz_assert (pci_address_status_string (status) != NULL);
  if (status == PCI_ADDRESS_OK) {
    fuzz_assert (a.device <= 0x1f && a.function <= 7);
    pci_address_format (&a, out);
    check_form (out);
    fuzz_assert (pci_address_parse (out, &again) == PCI_ADDRESS_OK);
    fuzz_assert (a.domain == again.domain && a.bus == again.bus &&
                 a.device == again.device && a.function == again.function);
  }
  free (text);
  return 0;
}
