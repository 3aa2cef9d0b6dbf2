/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The batmap, which Xen's tools keep from version 1.1 on: a bit for each
 * block, most significant first, that is set if all bits of the block's
 * bitmap are.  It is a hint that saves reading bitmaps: a clear bit says
 * nothing, so a map of zeroes is always right.  Its header comes in the
 * first sector behind the BAT.
 */

#ifndef DISKSTACK_VHD_BATMAP_H
#define DISKSTACK_VHD_BATMAP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "vhd/vhd-footer.h"
#include "vhd/vhd-header.h"

#define VHD_BATMAP_SIZE 512 /* of the header */
#define VHD_BATMAP_COOKIE "tdbatmap"

/* As it lies in the file. */
struct vhd_batmap_disk {
  char cookie[8];      /* 0x00 */
  be64 offset;         /* 0x08: bytes, of the map */
  be32 nsectors;       /* 0x10: of the map */
  be32 version;        /* 0x14 */
  be32 checksum;       /* 0x18: of the map */
  uint8_t rest[0x1e4]; /* 0x1c: a marker and the hash of a key first */
};

_Static_assert(sizeof (struct vhd_batmap_disk) == VHD_BATMAP_SIZE,
               "size of the header of a batmap");

struct vhd_batmap {
  uint64_t offset, count; /* bytes, of the map */
  uint32_t version;
  uint32_t checksum;
  uint8_t rest[0x1e4];
};

/* May a VHD with the footer F have a batmap? */
extern bool vhd_batmap_possible (const struct vhd_footer *f);

/* Where the header of the batmap is in a file with the header H. */
extern uint64_t vhd_batmap_place (const struct vhd_header *h);

/* Read the VHD_BATMAP_SIZE bytes at P, which are at vhd_batmap_place (H)
 * of a file of FILE_SIZE bytes.  VHD_OK, VHD_NO_BATMAP or
 * VHD_BATMAP_OUTSIDE.
 */
extern enum vhd_status vhd_batmap_parse (const void *p,
                                         const struct vhd_header *h,
                                         uint64_t file_size,
                                         struct vhd_batmap *b);

/* B as VHD_BATMAP_SIZE bytes at P. */
extern void vhd_batmap_serialise (const struct vhd_batmap *b, void *p);

/* The checksum of a map of zeroes. */
#define VHD_BATMAP_CHECKSUM_ZEROES UINT32_C (0xffffffff)

#endif /* DISKSTACK_VHD_BATMAP_H */
