/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A dynamic or differencing VHD, damaged as the input says.  It is
 * refused, or else it opens, can be read, written, resized, compacted and
 * closed, and opens again with what was written.
 *
 * The file is the same each time but for its random id.  An input is a
 * byte of flags and then changes: four bytes of offset, little-endian,
 * modulo the size of the file; a byte that says how many bytes follow;
 * these.
 */

#include <config.h>

#include <string.h>

#include "base/align.h"
#include "fuzz/fuzz.h"
#include "image/vhd1/image-vhd1.h"
#include "support/log-memory.h"
#include "support/store-fault.h"
#include "support/store-mem.h"
#include "vhd/vhd-header.h"

const char fuzz_name[] = "vhd1-open";

enum {
  READ_ONLY = 1,
  SEAL = 2, /* give the structures the checksums of what is in them */
  CHILD = 4,
  GEOMETRY = 8, /* size=chs */
  ODD = 16,     /* the file ends a byte earlier */
};

#define BLOCK 4096
#define DISK (256 * 1024 + 512)

/* Of a disk that says to be larger, no more is looked at. */
#define LIMIT (UINT64_C (1) << 20)

static const struct image_create_parent parent = { .link_id = { { 1 } },
                                                   .relative = "base.vhd",
                                                   .absolute = "/d/base.vhd" };
static struct store *base[2];

static void
must (int r)
{
  fuzz_assert (r == 0);
}

static struct image *
try_open (struct store *file, unsigned flags)
{
  const struct image_open_options o = { .name = "fuzz.vhd",
                                        .read_only = flags & READ_ONLY,
                                        .size_rule = flags & GEOMETRY ?
                                                       VHD_SIZE_GEOMETRY :
                                                       VHD_SIZE_AUTO };
  struct store *way = store_fault_borrow (file);
  struct image *i;

  log_memory_clear ();
  i = image_vhd1_open (way, &o);
  if (i == NULL) {
    fuzz_assert (log_memory_errors () > 0);
    store_close (way);
  }
  return i;
}

static void
make_base (bool child)
{
  const struct image_create_options o = {
    .name = "base",
    .type = child ? IMAGE_DIFFERENCING : IMAGE_DYNAMIC,
    .size = DISK,
    .block_size = BLOCK,
    .parent = child ? &parent : NULL,
  };
  const struct store_mem_options m = store_mem_defaults (0);
  static char buf[5 * BLOCK];
  struct image *i;
  int err;

  for (size_t k = 0; k < sizeof buf; k++)
    buf[k] = (char) (1 + k % 251);
  base[child] = store_mem_create (&m);
  must (image_vhd1_format (base[child], &o));
  i = try_open (base[child], 0);
  fuzz_assert (i != NULL);
  must (image_write (i, buf, sizeof buf, 1024, 0, &err));
  must (image_write (i, buf, 1024, DISK - 1024, 0, &err));
  must (image_write (i, buf, BLOCK, 50 * BLOCK, 0, &err));
  image_close (i);
}

static struct store *
copy_of (struct store *file)
{
  struct store_mem_options m = store_mem_defaults (store_size (file));
  struct store *copy = store_mem_create (&m);
  static uint8_t buf[1 << 20];

  fuzz_assert (store_size (file) <= sizeof buf);
  mem_image_read (store_mem_image (file), buf, store_size (file), 0);
  mem_image_write (store_mem_image (copy), buf, store_size (file), 0);
  return copy;
}

static void
damage (struct store *file, const uint8_t *p, size_t size)
{
  const uint64_t end = store_size (file);

  while (size > 5) {
    const uint64_t offset =
      (p[0] | p[1] << 8 | (uint64_t) p[2] << 16 | (uint64_t) p[3] << 24) % end;
    const size_t n = min_u64 (min_u64 (p[4], size - 5), end - offset);

    mem_image_write (store_mem_image (file), p + 5, n, offset);
    p += 5 + n;
    size -= 5 + n;
  }
}

static void
seal (struct store *file, uint64_t at, size_t size, size_t field)
{
  uint8_t bytes[VHD_HEADER_SIZE];
  be32 checksum;

  if (at > store_size (file) || store_size (file) - at < size)
    return;
  mem_image_read (store_mem_image (file), bytes, size, at);
  checksum = be32_put (vhd_checksum (bytes, size, field));
  mem_image_write (store_mem_image (file), &checksum, sizeof checksum,
                   at + field);
}

/* Otherwise hardly anything would be looked at. */
static void
seal_all (struct store *file)
{
  const uint64_t end = store_size (file) - VHD_FOOTER_SIZE;
  struct vhd_footer_disk d;

  mem_image_read (store_mem_image (file), &d, sizeof d, end);
  seal (file, 0, VHD_FOOTER_SIZE, offsetof (struct vhd_footer_disk, checksum));
  seal (file, end, VHD_FOOTER_SIZE,
        offsetof (struct vhd_footer_disk, checksum));
  seal (file, 512, VHD_HEADER_SIZE,
        offsetof (struct vhd_header_disk, checksum));
  seal (file, be64_get (d.data_offset), VHD_HEADER_SIZE,
        offsetof (struct vhd_header_disk, checksum));
}

/* Whatever it says, it comes back. */
static void
look (struct image *i)
{
  const uint64_t limit = min_u64 (image_size (i), LIMIT);
  static char buf[64 * 1024];
  struct image_visit v;
  int err;

  for (uint64_t at = 0; at < limit; at += sizeof buf)
    image_read (i, buf, min_u64 (sizeof buf, limit - at), at, NULL, NULL, &err);
  image_enter (i, &v);
  for (uint64_t at = 0, n; at < limit; at += n) {
    enum image_state state;
    uint64_t place;

    n = limit - at;
    if (image_map (i, at, &n, &state, &place, &err) == -1)
      n = min_u64 (512, limit - at);
    else if (state == IMAGE_DATA)
      fuzz_assert (place + n <= store_size (image_inner (i)));
    fuzz_assert (n > 0 && n <= limit - at);
  }
  image_leave (i, &v);
  image_used (i);
}

#define NOTHING (UINT64_MAX - 512)

/* WRITTEN is a sector that stays as it was written, or NOTHING. */
static void
change (struct image *i, uint64_t *written)
{
  const uint64_t size = image_size (i), limit = min_u64 (size, LIMIT);
  static char buf[BLOCK];
  int err;

  memset (buf, 77, sizeof buf);
  *written = NOTHING;
  if (limit >= 2 * BLOCK) {
    *written = limit - 1024;
    must (image_write (i, buf, 512, *written, 0, &err));
  }
  if (limit >= 512)
    must (image_write (i, buf, 512, limit - 512, 0, &err));
  if (limit >= 64 * BLOCK) {
    must (image_write (i, buf, sizeof buf, 7 * BLOCK + 512, 0, &err));
    must (image_zero (i, 3 * BLOCK, BLOCK, 0, &err));
    must (image_trim (i, 9 * BLOCK, 40 * BLOCK, 0, &err));
    must (image_discard (i, 2 * BLOCK, 20 * BLOCK, &err));
  }
  if (size < LIMIT && image_resize (i, size + 300 * BLOCK, &err) == 0 &&
      image_size (i) >= 512)
    must (image_write (i, buf, 512, image_size (i) - 512, 0, &err));
  must (image_compact (i, NULL, NULL, &err));
  must (image_flush (i, &err));
}

static void
check_written (struct store *file, unsigned flags, uint64_t size,
               uint64_t written)
{
  struct image *i = try_open (file, flags & ~(unsigned) READ_ONLY);
  uint8_t buf[512];
  int err;

  fuzz_assert (i != NULL);
  /* With the size by the geometry it may have become less. */
  fuzz_assert (image_size (i) == size || flags & GEOMETRY);
  if (written + 512 <= image_size (i)) {
    must (image_read (i, buf, 512, written, NULL, NULL, &err));
    fuzz_assert (buf[0] == 77 && buf[511] == 77);
  }
  image_close (i);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  const uint8_t flags = size > 0 ? data[0] : 0;
  const bool child = flags & CHILD;
  struct store *file;
  struct image *i;
  int err;

  if (base[child] == NULL)
    make_base (child);
  file = copy_of (base[child]);
  if (size > 0)
    damage (file, data + 1, size - 1);
  if (flags & SEAL)
    seal_all (file);
  if (flags & ODD)
    must (store_resize (file, store_size (file) - 1, &err));
  i = try_open (file, flags);
  if (i != NULL) {
    uint64_t written;

    look (i);
    if (!(flags & READ_ONLY)) {
      uint64_t disk;

      change (i, &written);
      disk = image_size (i);
      image_close (i);
      check_written (file, flags, disk, written);
    }
    else
      image_close (i);
  }
  store_close (file);
  return 0;
}
