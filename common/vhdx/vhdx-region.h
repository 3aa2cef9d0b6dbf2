/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The region table of a VHDX, of which there are two copies: where the BAT
 * and the metadata are; [MS-VHDX] 2.2.3.
 */

#ifndef DISKSTACK_VHDX_REGION_H
#define DISKSTACK_VHDX_REGION_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/uuid.h"
#include "vhdx/vhdx-header.h"
#include "vhdx/vhdx-status.h"

/* INDEX is 0 or 1. */
#define VHDX_REGION_OFFSET(index) (UINT64_C (65536) * ((index) + 3))
#define VHDX_REGION_SIZE 65536u
#define VHDX_REGION_MAX 2047u

struct vhdx_region_head_disk {
  char signature[4]; /* 0x00: "regi" */
  le32 checksum;     /* 0x04: of all 65536 bytes */
  le32 count;        /* 0x08 */
  le32 reserved;     /* 0x0c */
};

struct vhdx_region_disk {
  uint8_t id[16]; /* 0x00 */
  le64 offset;    /* 0x10: in the file */
  le32 length;    /* 0x18 */
  le32 flags;     /* 0x1c: bit 0: required */
};

_Static_assert(sizeof (struct vhdx_region_head_disk) == 16,
               "size of the head of a region table");
_Static_assert(sizeof (struct vhdx_region_disk) == 32, "size of a region");

struct vhdx_region {
  struct uuid id;
  uint64_t offset; /* bytes in the file */
  uint32_t length; /* bytes */
  bool required;
};

/* What is wrong, and with what; for messages. */
struct vhdx_regions {
  unsigned count;
  struct vhdx_region bat;      /* length 0: there is none */
  struct vhdx_region metadata; /* the same */
  struct vhdx_region bad;      /* the entry that a check failed for */
};

struct vhdx_region_copies {
  enum vhdx_status status[2]; /* of each alone */
  unsigned current;           /* 0 or 1 */
  bool differ;                /* one is bad, or they are not the same:
                               * the other is to be rewritten */
};

/* Are signature, checksum and count of the VHDX_REGION_SIZE bytes at TABLE
 * right?
 */
extern enum vhdx_status vhdx_region_verify (const void *table);

/* The same of both copies, and which is to be used: the first that is
 * right.  VHDX_REGIONS_BAD if none is.
 */
extern enum vhdx_status vhdx_region_choose (const void *first,
                                            const void *second,
                                            struct vhdx_region_copies *c);

/* Read TABLE, which is verified, of a file of FILE_SIZE bytes (as long as
 * the log makes it) with the header H, which is checked: every entry sound, no two
 * overlapping, none over the log, no unknown one required, BAT and
 * metadata there.  R is filled in as far as it got.
 */
extern enum vhdx_status vhdx_region_parse (const void *table,
                                           const struct vhdx_header *h,
                                           uint64_t file_size,
                                           struct vhdx_regions *r);

/* The entry at INDEX < count, for who must not allocate over it. */
extern struct vhdx_region vhdx_region_get (const void *table, unsigned index);

/* COUNT regions as VHDX_REGION_SIZE bytes at P, with the checksum. */
extern void vhdx_region_serialise (const struct vhdx_region *regions,
                                   unsigned count, void *p);

#endif /* DISKSTACK_VHDX_REGION_H */
