/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Dynamic and differencing VHDs in memory, for the tests of image-vhd1.
 */

#ifndef DISKSTACK_TEST_IMAGE_VHD1_FILE_H
#define DISKSTACK_TEST_IMAGE_VHD1_FILE_H

#include <check.h>
#include <string.h>

#include "image/vhd1/image-vhd1.h"
#include "support/log-memory.h"
#include "support/must.h"
#include "support/rng.h"
#include "support/store-fault.h"
#include "support/store-mem.h"
#include "vhd/vhd-batmap.h"
#include "vhd/vhd-header.h"

#define NAME "/dir/disk.vhd"

static const struct image_create_parent test_parent = {
  .link_id = { { 7, 8, 9 } },
  .timestamp = 1234,
  .relative = "base.vhd",
  .absolute = "/dir/base.vhd",
};

/* A new file that outlives its images. */
static inline struct store *
vhd1_file (uint64_t size, uint32_t block_size, bool child)
{
  const struct image_create_options o = {
    .name = NAME,
    .type = child ? IMAGE_DIFFERENCING : IMAGE_DYNAMIC,
    .size = size,
    .block_size = block_size,
    .parent = child ? &test_parent : NULL,
  };
  const struct store_mem_options m = store_mem_defaults (0);
  struct store *file = store_mem_create (&m);

  ck_assert_int_eq (image_vhd1_format (file, &o), 0);
  return file;
}

static inline void
file_read (struct store *file, void *buf, size_t count, uint64_t offset)
{
  mem_image_read (store_mem_image (file), buf, count, offset);
}

static inline void
file_write (struct store *file, const void *buf, size_t count, uint64_t offset)
{
  mem_image_write (store_mem_image (file), buf, count, offset);
}

static inline void
file_resize (struct store *file, uint64_t size)
{
  int err;

  ck_assert_int_eq (store_resize (file, size, &err), 0);
}

/* The structures, to look at and to change. */
static inline struct vhd_footer
file_footer (struct store *file, bool head)
{
  uint8_t bytes[VHD_FOOTER_SIZE];
  struct vhd_footer f;

  file_read (file, bytes, sizeof bytes,
             head ? 0 : store_size (file) - sizeof bytes);
  vhd_footer_parse (bytes, sizeof bytes, &f);
  return f;
}

static inline void
file_set_footer (struct store *file, const struct vhd_footer *f, bool head)
{
  uint8_t bytes[VHD_FOOTER_SIZE];

  vhd_footer_serialise (f, bytes);
  file_write (file, bytes, sizeof bytes,
              head ? 0 : store_size (file) - sizeof bytes);
}

static inline struct vhd_header
file_header (struct store *file)
{
  uint8_t bytes[VHD_HEADER_SIZE];
  struct vhd_header h;

  file_read (file, bytes, sizeof bytes, 512);
  ck_assert_int_eq (vhd_header_parse (bytes, &h), VHD_OK);
  return h;
}

static inline void
file_set_header (struct store *file, const struct vhd_header *h)
{
  uint8_t bytes[VHD_HEADER_SIZE];

  vhd_header_serialise (h, bytes);
  file_write (file, bytes, sizeof bytes, 512);
}

static inline uint32_t
file_entry (struct store *file, uint64_t block)
{
  be32 e;

  file_read (file, &e, sizeof e, file_header (file).bat_offset + 4 * block);
  return be32_get (e);
}

static inline void
file_set_entry (struct store *file, uint64_t block, uint32_t sector)
{
  const be32 e = be32_put (sector);

  file_write (file, &e, sizeof e, file_header (file).bat_offset + 4 * block);
}

/* An image in FILE, which stays when it is closed. */
static inline struct image *
try_open (struct store *file, bool read_only)
{
  const struct image_open_options o = { .name = NAME, .read_only = read_only };
  struct store *way = store_fault_borrow (file);
  struct image *i;

  log_memory_clear ();
  i = image_vhd1_open (way, &o);
  if (i == NULL)
    store_close (way);
  return i;
}

static inline struct image *
must_open (struct store *file, bool read_only)
{
  struct image *i = try_open (file, read_only);

  if (i == NULL)
    log_memory_print ();
  ck_assert_ptr_nonnull (i);
  ck_assert_uint_eq (log_memory_errors (), 0);
  return i;
}

/* Sectors of one value each, never zero. */
static inline void
must_write (struct image *i, uint64_t offset, uint64_t count, uint8_t value)
{
  uint8_t *buf = must_malloc (count);
  int err;

  memset (buf, value, count);
  ck_assert_int_eq (image_write (i, buf, count, offset, 0, &err), 0);
  free (buf);
}

static inline bool
reads_as (struct image *i, uint64_t offset, uint64_t count, uint8_t value)
{
  uint8_t *buf = must_malloc (count);
  bool same = true;
  int err;

  memset (buf, ~value, count);
  ck_assert_int_eq (image_read (i, buf, count, offset, NULL, NULL, &err), 0);
  for (uint64_t k = 0; k < count; k++)
    same &= buf[k] == value;
  free (buf);
  return same;
}

/* Bytes [OFFSET, OFFSET+COUNT) as they say, one state. */
static inline bool
is_state (struct image *i, uint64_t offset, uint64_t count,
          enum image_state state)
{
  struct image_visit v;
  bool same = true;

  image_enter (i, &v);
  for (uint64_t end = offset + count, n; offset < end; offset += n) {
    enum image_state s;
    uint64_t place;
    int err;

    n = end - offset;
    ck_assert_int_eq (image_map (i, offset, &n, &s, &place, &err), 0);
    same &= s == state;
  }
  image_leave (i, &v);
  return same;
}

/* What most tests use. */

#define MIB (UINT64_C (1) << 20)
#define BLOCK (64 * 1024)
#define DISK (4 * MIB + 512)
#define NBLOCKS 65

/* Some blocks: 0, 3, and the last, which the disk ends in. */
static inline struct store *
filled (bool child)
{
  struct store *file = vhd1_file (DISK, BLOCK, child);
  struct image *i = must_open (file, false);

  must_write (i, 0, 512, 1);
  must_write (i, 3 * BLOCK + 512, BLOCK - 512, 2);
  must_write (i, DISK - 512, 512, 3);
  image_close (i);
  return file;
}

static inline bool
is_filled (struct image *i)
{
  return reads_as (i, 0, 512, 1) && reads_as (i, 512, 3 * BLOCK, 0) &&
         reads_as (i, 3 * BLOCK + 512, BLOCK - 512, 2) &&
         reads_as (i, 4 * BLOCK, DISK - 512 - 4 * BLOCK, 0) &&
         reads_as (i, DISK - 512, 512, 3);
}

/* The same in both modes, and the file as a whole is sound afterwards. */
static inline void
check_filled (struct store *file)
{
  struct image *i = must_open (file, true);

  ck_assert (is_filled (i));
  image_close (i);
  i = must_open (file, false);
  ck_assert (is_filled (i));
  image_close (i);
}

#endif /* DISKSTACK_TEST_IMAGE_VHD1_FILE_H */
