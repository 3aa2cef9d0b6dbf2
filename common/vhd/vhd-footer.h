/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The footer of a VHD, the last 512 bytes of the file: "Hard Disk Footer
 * Format" of the VHD specification, version 1.0.  All numbers are
 * big-endian.  Before Virtual PC 2004 it had 511 bytes.
 */

#ifndef DISKSTACK_VHD_FOOTER_H
#define DISKSTACK_VHD_FOOTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/uuid.h"
#include "vhd/vhd-geometry.h"
#include "vhd/vhd-status.h"

#define VHD_FOOTER_SIZE 512
#define VHD_FOOTER_OLD_SIZE 511

#define VHD_COOKIE "conectix"
#define VHD_VERSION 0x00010000

/* Features.  Bit 1 is reserved and always set. */
#define VHD_FEATURE_TEMPORARY 1u
#define VHD_FEATURE_RESERVED 2u

#define VHD_NO_DATA_OFFSET UINT64_MAX /* of a fixed disk */

/* Seconds from the beginning of 1970 to that of 2000, UTC. */
#define VHD_EPOCH 946684800

enum vhd_type {
  VHD_TYPE_FIXED = 2,
  VHD_TYPE_DYNAMIC = 3,
  VHD_TYPE_DIFFERENCING = 4,
};

/* As it lies in the file. */
struct vhd_footer_disk {
  char cookie[8];        /* 0x00: VHD_COOKIE */
  be32 features;         /* 0x08 */
  be32 version;          /* 0x0c: major and minor, 16 bits each */
  be64 data_offset;      /* 0x10: of the dynamic header */
  be32 timestamp;        /* 0x18 */
  char creator[4];       /* 0x1c */
  be32 creator_version;  /* 0x20: major and minor, 16 bits each */
  char creator_os[4];    /* 0x24 */
  be64 original_size;    /* 0x28 */
  be64 current_size;     /* 0x30 */
  be16 cylinders;        /* 0x38 */
  uint8_t heads;         /* 0x3a */
  uint8_t sectors;       /* 0x3b */
  be32 type;             /* 0x3c */
  be32 checksum;         /* 0x40 */
  uint8_t id[16];        /* 0x44 */
  uint8_t saved_state;   /* 0x54 */
  uint8_t reserved[427]; /* 0x55: Xen uses the first as "hidden" */
};

_Static_assert(sizeof (struct vhd_footer_disk) == VHD_FOOTER_SIZE,
               "size of the footer");

/* What it says.  Nothing that was in the file is lost. */
struct vhd_footer {
  uint32_t features;
  uint32_t version;
  uint64_t data_offset; /* bytes, or VHD_NO_DATA_OFFSET */
  uint32_t timestamp;   /* seconds since 2000 */
  char creator[4];      /* not terminated; see vhd-creator.h */
  uint32_t creator_version;
  char creator_os[4];     /* not terminated */
  uint64_t original_size; /* bytes */
  uint64_t current_size;  /* bytes; see vhd-size.h */
  struct vhd_geometry geometry;
  uint32_t type; /* enum vhd_type if all is well */
  struct uuid id;
  uint8_t saved_state; /* 1: belongs to a machine that is suspended */
  uint8_t reserved[427];

  /* About what was parsed. */
  unsigned length;     /* 511 or 512 */
  bool stale_checksum; /* Xen set "hidden" and nothing else */
};

/* Read the LENGTH bytes (511 or 512) at P.  All checks are made that
 * need nothing but the footer, in the order of enum vhd_status.  F is
 * filled in as soon as the cookie is right, and all zeroes otherwise.
 */
extern enum vhd_status vhd_footer_parse (const void *p, size_t length,
                                         struct vhd_footer *f);

/* The same, given the last N bytes of a file: 512, or all of a file that
 * is shorter.  Finds out how long the footer is.
 */
extern enum vhd_status vhd_footer_find (const void *tail, size_t n,
                                        struct vhd_footer *f);

/* F as VHD_FOOTER_SIZE bytes at P, with the right checksum. */
extern void vhd_footer_serialise (const struct vhd_footer *f, void *p);

/* Do they say the same?  A checksum and a length that are old count not. */
extern bool vhd_footer_equal (const struct vhd_footer *a,
                              const struct vhd_footer *b);

/* UNIX_TIME as it is stored, seconds since 2000: what is before is 0, what
 * is after 2136 the last one.
 */
extern uint32_t vhd_timestamp (int64_t unix_time);

/* A new footer for a disk of SIZE bytes, made at UNIX_TIME.  The dynamic
 * header of those that have one comes right behind the first copy.
 */
extern struct vhd_footer vhd_footer_new (enum vhd_type type, uint64_t size,
                                         int64_t unix_time,
                                         const struct uuid *id);
extern struct vhd_footer vhd_footer_fixed (uint64_t size, int64_t unix_time,
                                           const struct uuid *id);

/* The checksum of a structure of LENGTH bytes at P: the complement of
 * the sum of its bytes, but for the four at FIELD where it is kept.
 */
extern uint32_t vhd_checksum (const void *p, size_t length, size_t field);

#endif /* DISKSTACK_VHD_FOOTER_H */
