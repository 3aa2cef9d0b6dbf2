/* SPDX-License-Identifier: BSD-3-Clause
 *
 * How large the disk in a VHD is.  The footer says it twice, as "current
 * size" and as a geometry, which is coarser, and programs differ in
 * which one they mean.
 */

#ifndef DISKSTACK_VHD_SIZE_H
#define DISKSTACK_VHD_SIZE_H

#include <stdint.h>

#include "vhd/vhd-footer.h"
#include "vhd/vhd-status.h"

/* The largest disk that Windows, Xen and QEMU take: 2040 GiB. */
#define VHD_MAX_SIZE (UINT64_C (0xff000000) * VHD_SECTOR_SIZE)

/* The values of size-from=. */
enum vhd_size_rule {
  VHD_SIZE_AUTO,     /* as the program that made it */
  VHD_SIZE_CURRENT,  /* the current size */
  VHD_SIZE_GEOMETRY, /* what the geometry covers */
};

/* The size of the disk in bytes, never more than the current size.  F
 * was parsed with VHD_OK.  VHD_OK or VHD_NO_GEOMETRY.
 */
extern enum vhd_status vhd_size (const struct vhd_footer *f,
                                 enum vhd_size_rule rule, uint64_t *size);

/* The same for a disk that is to be served as a fixed one: is it, and
 * does a file of FILE_SIZE bytes hold all of it and the footer?  VHD_OK,
 * VHD_TRUNCATED, VHD_NO_GEOMETRY, VHD_DYNAMIC or VHD_DIFFERENCING.
 */
extern enum vhd_status vhd_size_fixed (const struct vhd_footer *f,
                                       uint64_t file_size,
                                       enum vhd_size_rule rule, uint64_t *size);

#endif /* DISKSTACK_VHD_SIZE_H */
