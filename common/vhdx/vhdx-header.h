/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The first MiB of a VHDX: the file identifier and the two headers;
 * [MS-VHDX] 2.2.1 and 2.2.2.  All numbers are little-endian.
 *
 * The current header is the valid one with the larger sequence number.
 * A change is written to the place of the other one, with the next
 * number, and flushed; so one of the two is always good.
 */

#ifndef DISKSTACK_VHDX_HEADER_H
#define DISKSTACK_VHDX_HEADER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/uuid.h"
#include "vhdx/vhdx-status.h"

#define VHDX_MIB (UINT64_C (1) << 20)

#define VHDX_IDENTIFIER_OFFSET 0
#define VHDX_IDENTIFIER_SIZE 65536u
#define VHDX_SIGNATURE "vhdxfile"

/* INDEX is 0 or 1. */
#define VHDX_HEADER_OFFSET(index) (UINT64_C (65536) * ((index) + 1))
#define VHDX_HEADER_SIZE 4096u
#define VHDX_VERSION 1

/* What the log may change begins here, with the region tables. */
#define VHDX_LOG_TARGET_START (UINT64_C (192) << 10)

/* Where everything but headers and region tables begins. */
#define VHDX_HEADER_AREA VHDX_MIB

/* As it lies in the file. */
struct vhdx_header_disk {
  char signature[4];           /* 0x00: "head" */
  le32 checksum;               /* 0x04: of all 4096 bytes */
  le64 sequence;               /* 0x08 */
  uint8_t file_write_id[16];   /* 0x10 */
  uint8_t data_write_id[16];   /* 0x20 */
  uint8_t log_id[16];          /* 0x30 */
  le16 log_version;            /* 0x40 */
  le16 version;                /* 0x42 */
  le32 log_length;             /* 0x44 */
  le64 log_offset;             /* 0x48 */
  uint8_t reserved[4096 - 80]; /* 0x50 */
};

_Static_assert(sizeof (struct vhdx_header_disk) == VHDX_HEADER_SIZE,
               "size of the header");

struct vhdx_header {
  uint64_t sequence;
  struct uuid file_write_id; /* new whenever the file is opened and changed */
  struct uuid data_write_id; /* new with the disk; what a child remembers */
  struct uuid log_id;        /* nil: there is nothing to replay */
  uint16_t log_version;
  uint16_t version;
  uint32_t log_length; /* bytes; 0: there is no log */
  uint64_t log_offset; /* bytes in the file */
};

struct vhdx_headers {
  struct vhdx_header header[2];
  enum vhdx_status status[2]; /* of each alone */
  unsigned current;           /* 0 or 1 */
  /* The same number in two headers that differ: nobody knows which one
   * counts.  The first is taken; do not write.
   */
  bool ambiguous;
};

/* Are the 8 bytes at P those that a VHDX begins with? */
extern enum vhdx_status vhdx_identifier_parse (const void *p);

/* The identifier as VHDX_IDENTIFIER_SIZE bytes at P.  CREATOR is ASCII, at
 * most 255 characters are taken.
 */
extern void vhdx_identifier_serialise (const char *creator, void *p);

/* Read the VHDX_HEADER_SIZE bytes at P: signature and checksum are
 * checked.  H is filled in as soon as the signature is right, and all
 * zeroes otherwise.
 */
extern enum vhdx_status vhdx_header_parse (const void *p,
                                           struct vhdx_header *h);

/* The same of both, each VHDX_HEADER_SIZE bytes, and which is the current
 * one.  VHDX_HEADERS_BAD if none is.
 */
extern enum vhdx_status vhdx_headers_parse (const void *first,
                                            const void *second,
                                            struct vhdx_headers *h);

/* Can a file of FILE_SIZE bytes whose current header is H be opened?  The
 * versions, and the log: aligned, behind the first MiB, in the file.  The
 * regions are compared with it in vhdx-region.h.
 */
extern enum vhdx_status vhdx_header_check (const struct vhdx_header *h,
                                           uint64_t file_size);

/* H as VHDX_HEADER_SIZE bytes at P, with the right checksum. */
extern void vhdx_header_serialise (const struct vhdx_header *h, void *p);

#endif /* DISKSTACK_VHDX_HEADER_H */
