/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The header of a dynamic or differencing VHD: "Dynamic Disk Header
 * Format" of the VHD specification, version 1.0.  The footer says where
 * it is.  All numbers are big-endian.  What can be told of the places
 * that it names only with the file at hand is in vhd-layout.h.
 */

#ifndef DISKSTACK_VHD_HEADER_H
#define DISKSTACK_VHD_HEADER_H

#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/uuid.h"
#include "vhd/vhd-status.h"

#define VHD_HEADER_SIZE 1024
#define VHD_HEADER_COOKIE "cxsparse"
#define VHD_HEADER_VERSION_1 0x00010000

#define VHD_LOCATORS 8
#define VHD_PARENT_NAME_SIZE 512

#define VHD_BLOCK_SIZE_MIN 512u
#define VHD_BLOCK_SIZE_MAX (UINT32_C (256) << 20)
#define VHD_BLOCK_SIZE_DEFAULT (UINT32_C (2) << 20)

/* An entry of the BAT is the sector of a block's bitmap, or this. */
#define VHD_BAT_UNUSED UINT32_C (0xffffffff)

/* As they lie in the file. */
struct vhd_locator_disk {
  char platform[4]; /* 0x00 */
  be32 space;       /* 0x04 */
  be32 length;      /* 0x08: bytes */
  be32 reserved;    /* 0x0c */
  be64 offset;      /* 0x10: bytes */
};

_Static_assert(sizeof (struct vhd_locator_disk) == 24,
               "size of a parent locator");

struct vhd_header_disk {
  char cookie[8];                                /* 0x000 */
  be64 next;                                     /* 0x008: all ones */
  be64 bat_offset;                               /* 0x010 */
  be32 version;                                  /* 0x018 */
  be32 nentries;                                 /* 0x01c: of the BAT */
  be32 block_size;                               /* 0x020: bytes of data */
  be32 checksum;                                 /* 0x024 */
  uint8_t parent_id[16];                         /* 0x028 */
  be32 parent_timestamp;                         /* 0x038 */
  be32 reserved;                                 /* 0x03c */
  uint8_t parent_name[VHD_PARENT_NAME_SIZE];     /* 0x040: UTF-16BE */
  struct vhd_locator_disk locator[VHD_LOCATORS]; /* 0x240 */
  uint8_t reserved_2[256];                       /* 0x300 */
};

_Static_assert(sizeof (struct vhd_header_disk) == VHD_HEADER_SIZE,
               "size of the dynamic header");

/* What they say.  Nothing that was in the file is lost. */
struct vhd_locator {
  char platform[4]; /* not terminated; zeroes: none; see vhd-locator.h */
  uint32_t space;   /* as stored, see vhd_locator_space */
  uint32_t length;  /* bytes that are used */
  uint32_t reserved;
  uint64_t offset; /* bytes */
};

struct vhd_header {
  uint64_t next;
  uint64_t bat_offset; /* bytes */
  uint32_t version;
  uint32_t nentries;
  uint32_t block_size; /* bytes; a power of two if all is well */
  struct uuid parent_id;
  uint32_t parent_timestamp; /* seconds since 2000, or 0 */
  uint32_t reserved;
  uint8_t parent_name[VHD_PARENT_NAME_SIZE]; /* see vhd-locator.h */
  struct vhd_locator locator[VHD_LOCATORS];
  uint8_t reserved_2[256];
};

/* Read the VHD_HEADER_SIZE bytes at P.  VHD_OK, VHD_NO_HEADER,
 * VHD_HEADER_CHECKSUM, VHD_HEADER_VERSION or VHD_BAD_BLOCK_SIZE, in this
 * order.  H is filled in as soon as the cookie is right, and all zeroes
 * otherwise.
 */
extern enum vhd_status vhd_header_parse (const void *p, struct vhd_header *h);

/* H as VHD_HEADER_SIZE bytes at P, with the right checksum. */
extern void vhd_header_serialise (const struct vhd_header *h, void *p);

/* A new header for a disk of SIZE bytes, whose BAT is at BAT_OFFSET,
 * without a parent.
 */
extern struct vhd_header vhd_header_new (uint64_t size, uint32_t block_size,
                                         uint64_t bat_offset);

/* Bytes of the bitmap of a block, whole sectors. */
extern uint32_t vhd_bitmap_size (uint32_t block_size);

/* Bytes of a BAT of N entries, whole sectors. */
extern uint64_t vhd_bat_size (uint64_t n);

#endif /* DISKSTACK_VHD_HEADER_H */
