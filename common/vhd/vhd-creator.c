/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See vhd-creator.h.
 */

#include <config.h>

#include <stdio.h>
#include <string.h>

#include "base/align.h"
#include "vhd/vhd-creator.h"

static const struct vhd_creator creators[] = {
  { { 'w', 'i', 'n', ' ' }, "Windows", false },
  { { 'v', 'p', 'c', ' ' }, "Virtual PC", true },
  { { 'v', 's', ' ', ' ' }, "Virtual Server", false },
  { { 'v', 'b', 'o', 'x' }, "VirtualBox", false },
  { { 'q', 'e', 'm', 'u' }, "QEMU", true },
  { { 'q', 'e', 'm', '2' }, "QEMU", false }, /* force_size */
  { { 'd', '2', 'v', '\0' }, "disk2vhd", false },
  { { 'd', '2', 'v', ' ' }, "disk2vhd", false },
  { { 't', 'a', 'p', '\0' }, "Xen", false },
  { { 'C', 'T', 'X', 'S' }, "XenServer", false },
  { { 'w', 'a', '\0', '\0' }, "Azure", false },
};

const struct vhd_creator *
vhd_creator_find (const struct vhd_footer *f)
{
  for (size_t i = 0; i < ARRAY_SIZE (creators); i++) {
    if (memcmp (creators[i].code, f->creator, sizeof f->creator) == 0)
      return &creators[i];
  }
  return NULL;
}

void
vhd_creator_format (const struct vhd_footer *f, char *out, size_t n)
{
  const struct vhd_creator *c = vhd_creator_find (f);
  const unsigned major = f->creator_version >> 16;
  const unsigned minor = f->creator_version & 0xffff;
  char code[sizeof f->creator];

  if (c != NULL) {
    snprintf (out, n, "%s %u.%u", c->name, major, minor);
    return;
  }
  for (size_t i = 0; i < sizeof code; i++)
    code[i] =
      f->creator[i] >= 0x20 && f->creator[i] < 0x7f ? f->creator[i] : '.';
  snprintf (out, n, "unknown creator \"%.4s\" %u.%u", code, major, minor);
}

void
vhd_creator_resize (struct vhd_footer *f, uint64_t size)
{
  const struct vhd_creator *creator = vhd_creator_find (f);
  const struct vhd_footer fresh =
    vhd_footer_new (VHD_TYPE_FIXED, size, 0, &f->id);

  f->current_size = size;
  f->geometry = fresh.geometry;
  if (creator == NULL || !creator->size_is_geometry)
    return;
  memcpy (f->creator, fresh.creator, sizeof fresh.creator);
  memcpy (f->creator_os, fresh.creator_os, sizeof fresh.creator_os);
  f->creator_version = fresh.creator_version;
}
