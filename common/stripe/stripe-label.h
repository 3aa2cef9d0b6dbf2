/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The label of a member of a striped disk, at its very start: which set
 * it belongs to, where in it, and how the set is laid out.  The data of
 * the member begins at data_offset.  docs/format-stripe-label.md has the
 * format.  All numbers are little-endian.
 */

#ifndef DISKSTACK_STRIPE_LABEL_H
#define DISKSTACK_STRIPE_LABEL_H

#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/uuid.h"
#include "stripe/stripe-status.h"

#define STRIPE_LABEL_SIZE 512
#define STRIPE_LABEL_MAGIC "dskstrip"
#define STRIPE_LABEL_VERSION 1

/* What a member's data begins at a multiple of, and never before. */
#define STRIPE_LABEL_ALIGN 4096

/* Where it begins in those that are made. */
#define STRIPE_LABEL_DATA_OFFSET (1024 * 1024)

/* As it lies on the member. */
struct stripe_label_disk {
  char magic[8];         /* 0x00: STRIPE_LABEL_MAGIC */
  le32 version;          /* 0x08 */
  le32 checksum;         /* 0x0c: CRC-32C of all 512 bytes, this being 0 */
  uint8_t set[16];       /* 0x10: the same on all members, not nil */
  le32 index;            /* 0x20: which member, from 0 */
  le32 count;            /* 0x24: how many there are */
  le64 stripe_size;      /* 0x28: bytes, a multiple of 512 */
  le64 size;             /* 0x30: bytes of the whole disk */
  le64 data_offset;      /* 0x38: bytes */
  uint8_t reserved[448]; /* 0x40: zeroes */
};

_Static_assert(sizeof (struct stripe_label_disk) == STRIPE_LABEL_SIZE,
               "size of the label");

struct stripe_label {
  struct uuid set;
  uint32_t index, count;
  uint64_t stripe_size, size, data_offset; /* bytes */
};

/* Read the STRIPE_LABEL_SIZE bytes at P.  All checks are made that need
 * nothing but the label, in the order of enum stripe_status; L is filled
 * in if it is STRIPE_OK, and all zeroes otherwise.
 */
extern enum stripe_status stripe_label_parse (const void *p,
                                              struct stripe_label *l);

/* L as STRIPE_LABEL_SIZE bytes at P. */
extern void stripe_label_serialise (const struct stripe_label *l, void *p);

/* Does a member of MEMBER_SIZE bytes hold what L says? */
extern enum stripe_status stripe_label_check_size (const struct stripe_label *l,
                                                   uint64_t member_size);

/* Are these the labels of all members of one set, in its order?  If not,
 * *WHICH is the place in the list, from 0, of the first that is wrong; of
 * STRIPE_MISSING the index in the set of one that is not there.  N is
 * at least 1 and at most STRIPE_MAX_MEMBERS.
 */
extern enum stripe_status stripe_label_check_set (const struct stripe_label *l,
                                                  unsigned n, unsigned *which);

#endif /* DISKSTACK_STRIPE_LABEL_H */
