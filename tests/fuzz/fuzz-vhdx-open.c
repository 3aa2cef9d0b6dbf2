/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A VHDX of a writer that was killed, damaged as the input says.  It is
 * refused, or else it opens, can be read, written, resized, compacted and
 * closed, and opens again with what was written.
 *
 * The file is the same each time but for its random ids.  An input is a
 * byte of flags and then changes: a byte that names a part of the file
 * (of PARTS); an offset in that, two bytes, little-endian; a byte that
 * says how many bytes follow; these.  With TRUNCATE as the part the file
 * becomes that many pages of 4 KiB long.
 */

#include <config.h>

#include <errno.h>
#include <string.h>

#include "base/align.h"
#include "fuzz/fuzz.h"
#include "image/vhdx/image-vhdx.h"
#include "support/log-memory.h"
#include "support/store-fault.h"
#include "support/store-sim.h"
#include "vhdx/vhdx-checksum.h"
#include "vhdx/vhdx-header.h"
#include "vhdx/vhdx-log.h"
#include "vhdx/vhdx-region.h"

const char fuzz_name[] = "vhdx-open";

enum {
  READ_ONLY = 1,
  SEAL = 2, /* give the structures the checksums of what is in them */
  CHILD = 4,
  ODD = 8, /* the file ends a sector earlier */
};

#define MIB VHDX_MIB
#define DISK (20 * MIB + 1536)

/* Of a disk that says to be larger, no more is looked at. */
#define LIMIT (32 * MIB)

static const uint64_t parts[] = {
  VHDX_IDENTIFIER_OFFSET,
  VHDX_HEADER_OFFSET (0),
  VHDX_HEADER_OFFSET (1),
  VHDX_REGION_OFFSET (0),
  VHDX_REGION_OFFSET (1),
  MIB,
  2 * MIB,
  2 * MIB + 65536,
  3 * MIB,
  4 * MIB,
  5 * MIB,
};
#define TRUNCATE 15

static const struct image_create_parent parent = {
  .link_id = { { 1 } },
  .relative = "base.vhdx",
  .absolute = "/d/base.vhdx",
};
static struct store *base[2];

static void
must (int r)
{
  fuzz_assert (r == 0);
}

static struct image *
try_open (struct store *file, bool read_only)
{
  const struct image_open_options o = { .name = "fuzz.vhdx",
                                        .read_only = read_only };
  struct store *way = store_fault_borrow (file);
  struct image *i;

  log_memory_clear ();
  i = image_vhdx_open (way, &o);
  if (i == NULL) {
    fuzz_assert (log_memory_errors () > 0);
    store_close (way);
  }
  return i;
}

static bool
pick_all (void *opaque, const struct store_sim_piece *p)
{
  return true;
}

static struct store *
copy_of (struct store *medium)
{
  return store_sim_crash (medium, store_sim_position (medium), false, pick_all,
                          NULL);
}

/* Some of everything, and a log with several entries. */
static void
make_base (bool child)
{
  const struct image_create_options o = {
    .name = "base",
    .type = child ? IMAGE_DIFFERENCING : IMAGE_DYNAMIC,
    .size = DISK,
    .block_size = MIB,
    .parent = child ? &parent : NULL,
  };
  struct store *medium = store_sim_create (0);
  static char buf[65536];
  struct image *i;
  int err;

  for (size_t k = 0; k < sizeof buf; k++)
    buf[k] = (char) (1 + k % 251);
  must (image_vhdx_format (medium, &o));
  i = try_open (medium, false);
  fuzz_assert (i != NULL);
  must (image_write (i, buf, sizeof buf, 1024, 0, &err));
  must (image_flush (i, &err));
  must (image_write (i, buf, 4096, 5 * MIB - 1024, 0, &err));
  must (image_flush (i, &err));
  must (image_zero (i, MIB, 7 * MIB, 0, &err));
  must (image_write (i, buf, 512, DISK - 512, 0, &err));
  must (image_flush (i, &err));
  base[child] = copy_of (medium);
  store_sim_settle (base[child]);
  image_close (i);
  store_close (medium);
}

static void
damage (struct store *file, const uint8_t *p, size_t size)
{
  int err;

  while (size > 4) {
    const uint64_t offset = p[1] | p[2] << 8, end = store_size (file);
    const size_t n = min_u64 (p[3], size - 4);
    const uint64_t at = parts[p[0] % ARRAY_SIZE (parts)] + offset;

    if (p[0] == TRUNCATE)
      must (store_resize (file, offset * 4096, &err));
    else if (at < end)
      must (store_write (file, p + 4, min_u64 (n, end - at), at, 0, &err));
    p += 4 + n;
    size -= 4 + n;
  }
}

/* ------------------------------------------------------------------ */
/* Checksums, or hardly anything would be looked at */

static void
seal (struct store *file, uint64_t at, size_t size)
{
  uint8_t *p = malloc (size);
  le32 checksum;
  int err;

  fuzz_assert (p != NULL);
  if (store_read (file, p, size, at, &err) == 0) {
    checksum = le32_put (vhdx_checksum (p, size));
    must (store_write (file, &checksum, sizeof checksum,
                       at + VHDX_CHECKSUM_OFFSET, 0, &err));
  }
  free (p);
}

/* Entries of the log, where that is in the template. */
static void
seal_log (struct store *file)
{
  uint8_t *ring = malloc (MIB);
  int err;

  fuzz_assert (ring != NULL);
  if (store_read (file, ring, MIB, MIB, &err) == -1) {
    free (ring);
    return;
  }
  for (uint64_t at = 0; at < MIB; at += VHDX_LOG_SECTOR) {
    struct vhdx_log_entry_disk d;
    uint32_t length;

    memcpy (&d, ring + at, sizeof d);
    length = le32_get (d.length);
    if (memcmp (d.signature, "loge", 4) == 0 && length >= 64 &&
        length <= MIB - at)
      seal (file, MIB + at, length);
  }
  free (ring);
}

static void
seal_all (struct store *file)
{
  for (unsigned k = 0; k < 2; k++) {
    seal (file, VHDX_HEADER_OFFSET (k), VHDX_HEADER_SIZE);
    seal (file, VHDX_REGION_OFFSET (k), VHDX_REGION_SIZE);
  }
  seal_log (file);
}

/* ------------------------------------------------------------------ */
/* Use */

/* Whatever it says, it comes back. */
static void
look (struct image *i)
{
  const uint64_t limit = min_u64 (image_size (i), LIMIT);
  const uint32_t sector = image_info (i)->sector_size;
  static char buf[256 * 1024];
  struct image_visit v;
  int err;

  for (uint64_t at = 0; at < limit; at += 4 * sizeof buf)
    image_read (i, buf, min_u64 (sizeof buf, limit - at), at, NULL, NULL, &err);
  image_enter (i, &v);
  for (uint64_t at = 0, n; at < limit; at += n) {
    enum image_state state;
    uint64_t place;

    n = limit - at;
    if (image_map (i, at, &n, &state, &place, &err) == -1)
      n = min_u64 (MIB, limit - at);
    else if (state == IMAGE_DATA)
      fuzz_assert (place + n <= store_size (image_inner (i)));
    fuzz_assert (n > 0 && n <= limit - at && (at + n) % sector == 0);
  }
  image_leave (i, &v);
  image_used (i);
}

/* Only a file that is as long as a file can be is full. */
static bool
done (int r, int err)
{
  fuzz_assert (r == 0 || err == ENOSPC);
  return r == 0;
}

static void
change (struct image *i, uint64_t *written)
{
  const uint64_t size = image_size (i), limit = min_u64 (size, LIMIT);
  const uint32_t sector = image_info (i)->sector_size;
  static char buf[65536];
  int err = 0;

  memset (buf, 77, sizeof buf);
  *written = ROUND_DOWN (limit / 2, sector);
  if (limit < 2 * sector ||
      !done (image_write (i, buf, sector, *written, 0, &err), err))
    *written = UINT64_MAX;
  if (limit >= 16 * MIB) {
    done (image_write (i, buf, sizeof buf, 3 * MIB - 4096, 0, &err), err);
    done (image_zero (i, 2 * MIB, 4 * MIB - 8192, 0, &err), err);
    done (image_trim (i, 3 * MIB, 12 * MIB, 0, &err), err);
    done (image_discard (i, MIB + 8192, 7 * MIB - 4096, &err), err);
    done (image_write (i, buf, sector, *written, 0, &err), err);
  }
  must (image_flush (i, &err));
  if (size < LIMIT)
    done (image_resize (i, size + 5 * MIB, &err), err);
  must (image_compact (i, NULL, NULL, &err));
}

static void
check_written (struct store *file, uint64_t size, uint64_t written)
{
  struct image *i = try_open (file, false);
  uint8_t buf[4096];
  int err;

  fuzz_assert (i != NULL);
  fuzz_assert (image_size (i) == size);
  if (written != UINT64_MAX) {
    const uint32_t sector = image_info (i)->sector_size;

    must (image_read (i, buf, sector, written, NULL, NULL, &err));
    fuzz_assert (buf[0] == 77 && buf[sector - 1] == 77);
  }
  image_close (i);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  const uint8_t flags = size > 0 ? data[0] : 0;
  const bool child = flags & CHILD, read_only = flags & READ_ONLY;
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
  if (flags & ODD && store_size (file) >= 512)
    must (store_resize (file, store_size (file) - 512, &err));
  i = try_open (file, read_only);
  if (i != NULL) {
    uint64_t written = UINT64_MAX, disk;

    look (i);
    if (!read_only)
      change (i, &written);
    disk = image_size (i);
    image_close (i);
    if (!read_only)
      check_written (file, disk, written);
  }
  store_close (file);
  return 0;
}
