/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See vhdx-guid.h.
 */

#include <config.h>

#include <string.h>

#include "vhdx/vhdx-guid.h"

/* Bytes as they lie in the file, from the groups of the text form. */
#define GUID(a, b, c, d, e)                                                \
  {                                                                        \
    {                                                                      \
      (a) & 255, (a) >> 8 & 255, (a) >> 16 & 255, (a) >> 24, (b) &255,     \
        (b) >> 8, (c) &255, (c) >> 8, (d) >> 8, (d) &255, (e) >> 40 & 255, \
        (e) >> 32 & 255, (e) >> 24 & 255, (e) >> 16 & 255, (e) >> 8 & 255, \
        (e) &255                                                           \
    }                                                                      \
  }

const struct uuid vhdx_guid_bat =
  GUID (0x2dc27766, 0xf623, 0x4200, 0x9d64, 0x115e9bfd4a08);
const struct uuid vhdx_guid_metadata =
  GUID (0x8b7ca206, 0x4790, 0x4b9a, 0xb8fe, 0x575f050f886e);

const struct uuid vhdx_guid_file_parameters =
  GUID (0xcaa16737, 0xfa36, 0x4d43, 0xb3b6, 0x33f0aa44e76b);
const struct uuid vhdx_guid_disk_size =
  GUID (0x2fa54224, 0xcd1b, 0x4876, 0xb211, 0x5dbed83bf4b8);
const struct uuid vhdx_guid_disk_id =
  GUID (0xbeca12ab, 0xb2e6, 0x4523, 0x93ef, 0xc309e000c746);
const struct uuid vhdx_guid_sector_size =
  GUID (0x8141bf1d, 0xa96f, 0x4709, 0xba47, 0xf233a8faab5f);
const struct uuid vhdx_guid_physical_sector_size =
  GUID (0xcda348c7, 0x445d, 0x4471, 0x9cc9, 0xe9885251c556);
const struct uuid vhdx_guid_parent_locator =
  GUID (0xa8d35f2d, 0xb30b, 0x454d, 0xabf7, 0xd3d84834ab0c);
const struct uuid vhdx_guid_geometry =
  GUID (0xda02d7bc, 0x3d3a, 0x423c, 0xac88, 0x2a36ab21479b);
const struct uuid vhdx_guid_pmem_label =
  GUID (0x10e1ae8a, 0x4b7e, 0x4169, 0xa40f, 0xcd70de928393);
const struct uuid vhdx_guid_incomplete =
  GUID (0x71cc85f0, 0x1b69, 0x4e28, 0x9558, 0xc3bf83ae75d3);

const struct uuid vhdx_guid_locator_vhdx =
  GUID (0xb04aefb7, 0xd19e, 0x4a81, 0xb789, 0x25b8e9445913);

/* From the order of the file to that of the text, or back. */
static struct uuid
swapped (const struct uuid *u)
{
  static const uint8_t from[16] = { 3, 2, 1,  0,  5,  4,  7,  6,
                                    8, 9, 10, 11, 12, 13, 14, 15 };
  struct uuid r;

  for (unsigned i = 0; i < sizeof r.b; i++)
    r.b[i] = u->b[from[i]];
  return r;
}

void
vhdx_guid_format (const struct uuid *u, char out[VHDX_GUID_STRLEN + 1])
{
  const struct uuid text = swapped (u);

  uuid_format (&text, out + 1);
  out[0] = '{';
  out[VHDX_GUID_STRLEN - 1] = '}';
  out[VHDX_GUID_STRLEN] = '\0';
}

bool
vhdx_guid_parse (const char *s, struct uuid *u)
{
  const size_t length = strlen (s);
  char text[UUID_STRLEN + 1];
  struct uuid parsed;

  if (length == VHDX_GUID_STRLEN) {
    if (s[0] != '{' || s[length - 1] != '}')
      return false;
    s++;
  }
  else if (length != UUID_STRLEN)
    return false;
  memcpy (text, s, UUID_STRLEN);
  text[UUID_STRLEN] = '\0';
  if (!uuid_parse (text, &parsed))
    return false;
  *u = swapped (&parsed);
  return true;
}
