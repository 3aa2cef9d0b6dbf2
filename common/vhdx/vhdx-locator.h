/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The parent locator of a differencing VHDX: keys and values, in UTF-16 in
 * the file, in UTF-8 here; [MS-VHDX] 2.6.2.6.
 */

#ifndef DISKSTACK_VHDX_LOCATOR_H
#define DISKSTACK_VHDX_LOCATOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/uuid.h"
#include "vhdx/vhdx-status.h"

#define VHDX_KEY_LINKAGE "parent_linkage"
#define VHDX_KEY_LINKAGE2 "parent_linkage2"
#define VHDX_KEY_RELATIVE "relative_path"
#define VHDX_KEY_VOLUME "volume_path"
#define VHDX_KEY_ABSOLUTE "absolute_win32_path"

struct vhdx_locator_head_disk {
  uint8_t type[16]; /* 0x00 */
  le16 reserved;    /* 0x10 */
  le16 count;       /* 0x12 */
};

struct vhdx_locator_entry_disk {
  le32 key_offset;   /* 0x00: from the start of the item */
  le32 value_offset; /* 0x04 */
  le16 key_length;   /* 0x08: bytes */
  le16 value_length; /* 0x0a */
};

_Static_assert(sizeof (struct vhdx_locator_head_disk) == 20,
               "size of the head of a parent locator");
_Static_assert(sizeof (struct vhdx_locator_entry_disk) == 12,
               "size of an entry of a parent locator");

struct vhdx_locator_pair {
  const char *key, *value; /* UTF-8 */
};

struct vhdx_locator {
  struct uuid linkage; /* the data_write_id that the parent has */
  bool has_linkage2;   /* and it is not nil */
  struct uuid linkage2;
  /* Values of known keys; NULL if there is none.  They are in PAIR too. */
  const char *relative, *volume, *absolute;
  unsigned count;
  struct vhdx_locator_pair *pair; /* all, as they are in the file */
};

/* Read the LENGTH bytes at P.  *L is to be freed by vhdx_locator_free;
 * NULL unless VHDX_OK.  It takes memory in proportion to LENGTH.
 */
extern enum vhdx_status vhdx_locator_parse (const void *p, size_t length,
                                            struct vhdx_locator **l);
extern void vhdx_locator_free (struct vhdx_locator *l); /* NULL is fine */

/* COUNT pairs as an item in the SIZE bytes at P; *LENGTH of them are used.
 * VHDX_LOCATOR_TOO_LONG, VHDX_LOCATOR_TEXT (no UTF-8).
 */
extern enum vhdx_status
vhdx_locator_serialise (const struct vhdx_locator_pair *pairs, unsigned count,
                        void *p, size_t size, size_t *length);

#endif /* DISKSTACK_VHDX_LOCATOR_H */
