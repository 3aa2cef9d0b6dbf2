/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A fixed VHD of another size; see store-vhd1.h.
 *
 * The file ends with a sound footer at every moment that can be the last:
 * what is durable at the end of each step is a VHD of the old or of the
 * new size.  A footer in the middle of the disk must be gone before the
 * disk has that place.
 */

#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/align.h"
#include "base/log.h"
#include "store/store-vhd1.h"
#include "store/vhd1-footers.h"
#include "vhd/vhd-creator.h"

static int
write_footer (struct store *inner, const struct vhd_footer *f, uint64_t at,
              int *err)
{
  uint8_t bytes[VHD_FOOTER_SIZE];

  vhd_footer_serialise (f, bytes);
  if (store_write (inner, bytes, sizeof bytes, at, 0, err) == -1)
    return -1;
  return store_flush (inner, err);
}

/* There must be a footer at the end as soon as the file is longer; then
 * the disk has its old size still.
 */
static int
make_larger (struct store *inner, const struct vhd_footer *f,
             const struct vhd_footer *old, uint64_t old_size,
             store_vhd1_append append, void *opaque, int *err)
{
  const uint64_t file = store_size (inner);
  const uint64_t length = max_u64 (ROUND_UP (file, VHD_SECTOR_SIZE),
                                   f->current_size + VHD_FOOTER_SIZE);
  const uint64_t end = length - VHD_FOOTER_SIZE;
  uint8_t bytes[VHD_FOOTER_SIZE];

  vhd_footer_serialise (old, bytes);
  /* The second only tells INNER. */
  if (length > file && (append (opaque, bytes, sizeof bytes, end, err) == -1 ||
                        store_resize (inner, length, err) == -1 ||
                        store_flush (inner, err) == -1))
    return -1;
  if (store_zero (inner, end - old_size, old_size, STORE_MAY_TRIM, err) == -1 ||
      store_flush (inner, err) == -1)
    return -1;
  return write_footer (inner, f, end, err);
}

static int
make_smaller (struct store *inner, const struct vhd_footer *f, int *err)
{
  const uint64_t end = store_size (inner) - f->length;

  /* One of 511 bytes with a zero behind is one, too. */
  if (end + VHD_FOOTER_SIZE > store_size (inner) &&
      store_resize (inner, end + VHD_FOOTER_SIZE, err) == -1)
    return -1;
  /* The disk is smaller first, so the place behind it is free. */
  if (write_footer (inner, f, end, err) == -1 ||
      write_footer (inner, f, f->current_size, err) == -1 ||
      store_resize (inner, f->current_size + VHD_FOOTER_SIZE, err) == -1)
    return -1;
  return store_flush (inner, err);
}

/* What is wrong with making it SIZE bytes? */
static int
check (const struct vhd_footer *f, enum vhd_status status, uint64_t size,
       const char *name)
{
  if (status == VHD_OK && f->type != VHD_TYPE_FIXED)
    log_error ("%s: is no fixed VHD", name);
  else if (status != VHD_OK)
    log_error ("%s: %s", name, vhd_status_string (status));
  else if (size == 0 || !IS_ALIGNED (size, VHD_SECTOR_SIZE))
    log_error ("%s: a VHD cannot have %" PRIu64 " bytes: not whole sectors",
               name, size);
  else if (size > VHD_MAX_SIZE)
    log_error ("%s: a VHD cannot have %" PRIu64 " bytes: the most is %llu",
               name, size, (unsigned long long) VHD_MAX_SIZE);
  else if (f->saved_state != 0)
    log_error ("%s: belongs to a virtual machine that is suspended", name);
  else
    return 0;
  errno = EINVAL;
  return -1;
}

int
store_vhd1_resize (struct store *inner, uint64_t size, const char *name,
                   store_vhd1_append append, void *opaque)
{
  const struct vhd_footer *which;
  struct vhd1_footers footers;
  struct vhd_footer old, f;
  enum vhd_status status;
  uint64_t old_size;
  int r, err;

  if (vhd1_footers_read (inner, &footers, &err) == -1) {
    errno = err;
    log_error ("%s: reading the VHD footer: %m", name);
    return -1;
  }
  status = vhd1_footers_choose (&footers, &which);
  if (status == VHD_OK)
    status =
      vhd_size_fixed (which, store_size (inner), VHD_SIZE_CURRENT, &old_size);
  if (check (which, status, size, name) == -1)
    return -1;
  old = f = *which;
  vhd_creator_resize (&f, size);
  if (size == old_size)
    return 0;
  r = size > old_size ?
        make_larger (inner, &f, &old, old_size, append, opaque, &err) :
        make_smaller (inner, &f, &err);
  if (r == 0)
    return 0;
  errno = err;
  log_error ("%s: changing the size to %" PRIu64 ": %m", name, size);
  return -1;
}
