/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Cylinders, heads and sectors, which every VHD has in its footer: the
 * appendix "CHS Calculation" of the VHD specification, version 1.0.
 */

#ifndef DISKSTACK_VHD_GEOMETRY_H
#define DISKSTACK_VHD_GEOMETRY_H

#include <stdbool.h>
#include <stdint.h>

#define VHD_SECTOR_SIZE 512

struct vhd_geometry {
  uint16_t cylinders;
  uint8_t heads;
  uint8_t sectors; /* on a track */
};

/* The geometry that belongs to a disk of SIZE bytes.  It never covers
 * more than SIZE, usually a little less.
 */
extern struct vhd_geometry vhd_geometry_of_size (uint64_t size);

/* The bytes that G covers, 0 if a member is 0. */
extern uint64_t vhd_geometry_size (const struct vhd_geometry *g);

/* Is G the largest there is, 65535/16/255, which is also what disks get
 * that are larger still?
 */
extern bool vhd_geometry_is_largest (const struct vhd_geometry *g);

#endif /* DISKSTACK_VHD_GEOMETRY_H */
