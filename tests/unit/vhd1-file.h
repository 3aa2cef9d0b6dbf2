/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A fixed VHD in memory, for the tests of store-vhd1.
 */

#ifndef DISKSTACK_TEST_VHD1_FILE_H
#define DISKSTACK_TEST_VHD1_FILE_H

#include <check.h>

#include "store/store-vhd1.h"
#include "support/rng.h"
#include "support/store-mem.h"

#define SIZE (64 * 1024)
#define ID "01020300-0000-0000-0000-000000000000"

static const struct uuid id = { { 1, 2, 3 } };
static const struct store_vhd1_options options = { .name = "/dir/disk.vhd" };

/* A file of random bytes, but for a footer of LENGTH bytes at the end. */
static inline struct store *
make_file (const struct vhd_footer *f, unsigned length, uint32_t align)
{
  struct store_mem_options o = store_mem_defaults (SIZE + length);
  static uint8_t data[SIZE];
  uint8_t footer[VHD_FOOTER_SIZE];
  struct rng rng;
  struct store *m;

  o.info.align = align;
  m = store_mem_create (&o);
  rng_init (&rng, 1);
  rng_fill (&rng, data, sizeof data);
  vhd_footer_serialise (f, footer);
  mem_image_write (store_mem_image (m), data, SIZE, 0);
  mem_image_write (store_mem_image (m), footer, length, SIZE);
  return m;
}

static inline struct vhd_footer
good_footer (void)
{
  return vhd_footer_fixed (SIZE, VHD_EPOCH, &id);
}

static inline struct store *
open_good (struct store *inner)
{
  struct store *s = store_vhd1_create (inner, &options);

  ck_assert_ptr_nonnull (s);
  return s;
}

#endif /* DISKSTACK_TEST_VHD1_FILE_H */
