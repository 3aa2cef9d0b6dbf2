/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A small format of images, made up to test their engine with, in two
 * flavours: SHARED has all states, and bitmaps of several blocks in one
 * page, as VHDX has; IN_FRONT has the bitmap of each block in front of its
 * data and a footer at the end of the file, as VHD.
 *
 * The file begins with a header of 4096 bytes; the BAT is behind it.
 */

#ifndef DISKSTACK_TEST_IMAGE_TEST_FORMAT_H
#define DISKSTACK_TEST_IMAGE_TEST_FORMAT_H

#include "image/image-impl.h"

enum test_flavour { TEST_SHARED, TEST_IN_FRONT };

struct test_format {
  enum test_flavour flavour;
  bool parent;
  bool keeps_blocks;
  unsigned sector_shift, block_shift;
  uint64_t size;
  uint64_t max_size; /* that it can be resized to; 0: size */
  uint64_t limit;    /* bytes of the file; 0: many */
  uint64_t step;     /* how it grows; 0: 64 KiB */
};

/* What happened to an image that is open. */
struct test_format_counts {
  unsigned first_changes, commits, pages, grows, closes;
};

/* Make the empty INNER an image, with nothing stored. */
extern void test_format_make (struct store *inner, const struct test_format *f);

/* NULL with errno; INNER is still the caller's then. */
extern struct image *test_format_open (struct store *inner, bool read_only);

/* What happened so far. */
extern const struct test_format_counts *
test_format_counts (const struct image *i);

/* first_change and commit fail with EIO, if that is not 0. */
extern void test_format_fail (struct image *i, bool first_change, bool commit);

#endif /* DISKSTACK_TEST_IMAGE_TEST_FORMAT_H */
