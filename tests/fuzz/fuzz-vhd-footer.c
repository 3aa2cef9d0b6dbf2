/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Any bytes as the end of a file: what is accepted keeps its promises,
 * and comes back the same from serialising.  Each input is tried as it
 * is and with the checksum that belongs to it, without which nothing
 * would ever get beyond that.
 */

#include <config.h>

#include <string.h>

#include "base/align.h"
#include "fuzz/fuzz.h"
#include "vhd/vhd-creator.h"
#include "vhd/vhd-footer.h"
#include "vhd/vhd-size.h"

const char fuzz_name[] = "vhd-footer";

#define CHECKSUM_FIELD offsetof (struct vhd_footer_disk, checksum)

static void
check_creator (const struct vhd_footer *f)
{
  char text[80];

  vhd_creator_format (f, text, sizeof text);
  fuzz_assert (strlen (text) < sizeof text - 1);
  for (const char *p = text; *p != '\0'; p++)
    fuzz_assert (*p >= 0x20 && *p < 0x7f);
}

static void
check_fixed (const struct vhd_footer *f, uint64_t file_size)
{
  for (int rule = VHD_SIZE_AUTO; rule <= VHD_SIZE_GEOMETRY; rule++) {
    uint64_t size, fixed;
    const enum vhd_status s = vhd_size (f, rule, &size);
    const enum vhd_status t = vhd_size_fixed (f, file_size, rule, &fixed);

    fuzz_assert (s == VHD_OK ||
                 (s == VHD_NO_GEOMETRY && rule != VHD_SIZE_AUTO));
    fuzz_assert (size <= f->current_size);
    fuzz_assert (IS_ALIGNED (size, VHD_SECTOR_SIZE));
    if (t != VHD_OK)
      continue;
    fuzz_assert (s == VHD_OK && fixed == size);
    fuzz_assert (f->type == VHD_TYPE_FIXED);
    fuzz_assert (file_size >= f->length && size <= file_size - f->length);
  }
}

static void
check_round_trip (const struct vhd_footer *f, const uint8_t *footer)
{
  struct vhd_footer_disk before = { .checksum = be32_put (0) }, after;
  struct vhd_footer again;

  memcpy (&before, footer, f->length);
  vhd_footer_serialise (f, &after);
  if (f->stale_checksum)
    before.checksum = after.checksum;
  fuzz_assert (memcmp (&before, &after, sizeof before) == 0);
  fuzz_assert (vhd_footer_parse (&after, sizeof after, &again) == VHD_OK);
  fuzz_assert (again.length == VHD_FOOTER_SIZE && !again.stale_checksum);
}

static void
check_footer (const uint8_t *tail, size_t n)
{
  static const struct vhd_footer nothing;
  struct vhd_footer f;
  const enum vhd_status status = vhd_footer_find (tail, n, &f);

  fuzz_assert (vhd_status_string (status) != NULL);
  fuzz_assert ((n < VHD_FOOTER_OLD_SIZE) == (status == VHD_TOO_SHORT));
  if (status == VHD_TOO_SHORT || status == VHD_NO_COOKIE) {
    fuzz_assert (memcmp (&f, &nothing, sizeof f) == 0);
    return;
  }
  check_creator (&f);
  if (status != VHD_OK)
    return;
  fuzz_assert (f.length <= n && IS_ALIGNED (f.current_size, VHD_SECTOR_SIZE));
  fuzz_assert (f.type >= VHD_TYPE_FIXED && f.type <= VHD_TYPE_DIFFERENCING);
  check_fixed (&f, n);
  check_fixed (&f, f.current_size + f.length - 1);
  check_fixed (&f, f.current_size + f.length);
  check_fixed (&f, UINT64_MAX);
  check_round_trip (&f, tail + n - f.length);
}

/* Where the footer is, if there is one: the last 512 bytes or 511. */
static void
repair (uint8_t *tail, size_t n)
{
  const size_t length = n == VHD_FOOTER_SIZE && tail[0] == VHD_COOKIE[0] ?
                          VHD_FOOTER_SIZE :
                          VHD_FOOTER_OLD_SIZE;
  uint8_t *p = tail + n - length;
  const be32 checksum = be32_put (vhd_checksum (p, length, CHECKSUM_FIELD));

  memcpy (p + CHECKSUM_FIELD, &checksum, sizeof checksum);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  const size_t n = min_u64 (size, VHD_FOOTER_SIZE);
  uint8_t tail[VHD_FOOTER_SIZE];

  data += size - n;
  check_footer (data, n);
  if (n < VHD_FOOTER_OLD_SIZE)
    return 0;
  memcpy (tail, data, n);
  repair (tail, n);
  check_footer (tail, n);
  return 0;
}
