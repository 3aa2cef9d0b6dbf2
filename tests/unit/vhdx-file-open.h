/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Small VHDX files for the tests of opening.
 */

#ifndef DISKSTACK_TEST_VHDX_FILE_OPEN_H
#define DISKSTACK_TEST_VHDX_FILE_OPEN_H

#include "support/store-fault.h"
#include "unit/vhdx-file.h"

#define SIZE (UINT64_C (9) * MIB + 512)

static inline struct store *
make (bool parent)
{
  const struct image_create_options o = vhdx_options (SIZE, MIB, parent);

  return vhdx_make_file (&o);
}

/* A file with some data in it, closed. */
static inline struct store *
make_with_data (void)
{
  struct store *s = make (false);
  struct image *i = vhdx_must_open (store_fault_borrow (s), false);
  uint8_t buf[4096];
  int err;

  memset (buf, 'd', sizeof buf);
  ck_assert_int_eq (image_write (i, buf, sizeof buf, 3 * MIB, 0, &err), 0);
  image_close (i);
  return s;
}

static inline void
extend (struct store *s)
{
  int err;

  ck_assert_int_eq (store_resize (s, store_size (s) + MIB, &err), 0);
}

#endif /* DISKSTACK_TEST_VHDX_FILE_OPEN_H */
