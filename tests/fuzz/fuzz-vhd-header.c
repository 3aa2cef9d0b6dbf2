/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Any bytes as a dynamic header, and what follows them as what it speaks
 * of: what is accepted keeps its promises, comes back the same from
 * serialising, and has a layout inside the file.  Each input is tried as
 * it is and with the checksum that belongs to it.
 */

#include <config.h>

#include <string.h>

#include "base/align.h"
#include "base/utf8.h"
#include "fuzz/fuzz.h"
#include "vhd/vhd-layout.h"
#include "vhd/vhd-locator.h"
#include "vhd/vhd-size.h"

const char fuzz_name[] = "vhd-header";

#define CHECKSUM_FIELD offsetof (struct vhd_header_disk, checksum)

static bool
is_path (enum vhd_status status)
{
  return status == VHD_OK ||
         (status >= VHD_PATH_ODD && status <= VHD_PATH_UNKNOWN);
}

/* A result is UTF-8 and not empty, or there is none. */
static void
check_path (enum vhd_status status, const char *path, size_t n)
{
  fuzz_assert (is_path (status) && vhd_status_string (status) != NULL);
  fuzz_assert (strlen (path) < n);
  fuzz_assert ((path[0] != '\0') == (status == VHD_OK));
  for (size_t length; *path != '\0'; path += length) {
    length = utf8_length (path);
    fuzz_assert (length > 0);
  }
}

/* What was decoded can be encoded to what is decoded as the same. */
static void
check_again (enum vhd_platform platform, const char *path)
{
  char bytes[1024], again[1024];
  size_t count;

  if (vhd_locator_encode (platform, path, bytes, sizeof bytes, &count) !=
      VHD_OK)
    return;
  if (vhd_locator_decode (platform, bytes, count, again, sizeof again) ==
      VHD_OK)
    fuzz_assert (strcmp (again, path) == 0 || platform != VHD_PLATFORM_MACX);
}

/* Any path has a URL of what is allowed there. */
static void
check_url (const char *path)
{
  char url[2048];

  fuzz_assert (vhd_url_from_path (path, url, sizeof url) == VHD_OK);
  for (const char *p = url; *p != '\0'; p++)
    fuzz_assert (*p > 0x20 && *p < 0x7f && *p != '\\');
}

static void
check_content (const uint8_t *p, size_t count)
{
  static const size_t room[] = { 1, 2, 7, 500 };

  for (int platform = VHD_PLATFORM_NONE; platform <= VHD_PLATFORM_UNKNOWN;
       platform++) {
    for (size_t i = 0; i < ARRAY_SIZE (room); i++) {
      char path[500];
      const enum vhd_status status =
        vhd_locator_decode (platform, p, count, path, room[i]);

      check_path (status, path, room[i]);
      if (status == VHD_OK)
        check_again (platform, path);
      if (status == VHD_OK)
        check_url (path);
    }
  }
}

static void
check_name (const struct vhd_header *h)
{
  char name[1024], again[1024];
  struct vhd_header copy = *h;
  const enum vhd_status status = vhd_parent_name_decode (h, name, sizeof name);

  check_path (status, name, sizeof name);
  if (status != VHD_OK || vhd_parent_name_encode (&copy, name) != VHD_OK)
    return;
  fuzz_assert (vhd_parent_name_decode (&copy, again, sizeof again) == VHD_OK);
}

static void
check_layout (const struct vhd_header *h, uint64_t file_size)
{
  const uint64_t size = (uint64_t) h->nentries * h->block_size;
  struct vhd_footer f =
    vhd_footer_new (VHD_TYPE_DYNAMIC, 0, 0, &(struct uuid){ { 1 } });
  const enum vhd_status status = vhd_layout_check (h, size, file_size);
  const struct vhd_region *a, *b;
  struct vhd_layout l;

  fuzz_assert ((size > VHD_MAX_SIZE) == (status == VHD_TOO_LARGE));
  if (status != VHD_OK)
    return;
  vhd_layout_make (&f, h, NULL, &l);
  fuzz_assert (l.n <= VHD_REGIONS);
  for (unsigned i = 0; i < l.n; i++) {
    fuzz_assert (IS_ALIGNED (l.region[i].offset, VHD_SECTOR_SIZE));
    fuzz_assert (IS_ALIGNED (l.region[i].count, VHD_SECTOR_SIZE));
  }
  /* The space of a locator may reach beyond the file, its content not. */
  fuzz_assert (vhd_layout_end (&l) <=
               ROUND_UP (max_u64 (file_size, 1536), VHD_SECTOR_SIZE) +
                 VHD_LOCATOR_MAX);
  if (vhd_layout_overlap (&l, &a, &b))
    fuzz_assert (a < b);
}

static void
check_batmap (const struct vhd_header *h, const uint8_t *p, uint64_t file_size)
{
  uint8_t again[VHD_BATMAP_SIZE];
  struct vhd_batmap b;

  if (vhd_batmap_parse (p, h, file_size, &b) != VHD_OK)
    return;
  fuzz_assert (b.offset <= file_size && b.count <= file_size - b.offset);
  vhd_batmap_serialise (&b, again);
  fuzz_assert (memcmp (again, p, sizeof again) == 0);
}

static void
check_header (const uint8_t *p, const uint8_t *rest, size_t n)
{
  static const struct vhd_header nothing;
  uint8_t again[VHD_HEADER_SIZE];
  struct vhd_header h;
  const enum vhd_status status = vhd_header_parse (p, &h);

  fuzz_assert (vhd_status_string (status) != NULL);
  if (status == VHD_NO_HEADER)
    fuzz_assert (memcmp (&h, &nothing, sizeof h) == 0);
  if (status != VHD_OK)
    return;
  vhd_header_serialise (&h, again);
  fuzz_assert (memcmp (again, p, sizeof again) == 0);
  fuzz_assert (is_power_of_2 (h.block_size));
  fuzz_assert (vhd_bitmap_size (h.block_size) * 8 * VHD_SECTOR_SIZE >=
               h.block_size);
  for (unsigned i = 0; i < VHD_LOCATORS; i++)
    fuzz_assert (vhd_locator_space (&h.locator[i]) >= h.locator[i].length);
  check_name (&h);
  check_layout (&h, n);
  if (h.bat_offset < UINT64_C (1) << 40)
    check_layout (&h, h.bat_offset + 4096);
  check_layout (&h, UINT64_C (1) << 40);
  if (n >= VHD_BATMAP_SIZE) {
    check_batmap (&h, rest, n);
    check_batmap (&h, rest, UINT64_MAX);
  }
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  uint8_t header[VHD_HEADER_SIZE] = { 0 };
  const size_t n = min_u64 (size, sizeof header);
  be32 checksum;

  if (n > 0)
    memcpy (header, data, n);
  check_header (header, data + n, size - n);
  checksum = be32_put (vhd_checksum (header, sizeof header, CHECKSUM_FIELD));
  memcpy (header + CHECKSUM_FIELD, &checksum, sizeof checksum);
  check_header (header, data + n, size - n);
  check_content (data + n, size - n);
  return 0;
}
