/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The metadata of a VHDX: a table, and items that it names; [MS-VHDX] 2.6.
 * All of it is in the metadata region, and places are relative to the
 * start of that.
 *
 * To read it: parse the table, which tells where the items are; read
 * those that there are, except the parent locator (vhdx-locator.h), and
 * give each to vhdx_metadata_item; then vhdx_metadata_check.
 */

#ifndef DISKSTACK_VHDX_METADATA_H
#define DISKSTACK_VHDX_METADATA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/uuid.h"
#include "vhdx/vhdx-status.h"

#define VHDX_METADATA_TABLE_SIZE 65536u
#define VHDX_METADATA_MAX 2047u      /* items */
#define VHDX_METADATA_USER_MAX 1024u /* of those, such of users */
#define VHDX_METADATA_ITEM_MAX (1u << 20)

#define VHDX_BLOCK_SIZE_MIN (1u << 20)
#define VHDX_BLOCK_SIZE_MAX (256u << 20)
#define VHDX_DISK_SIZE_MAX (UINT64_C (64) << 40)

/* Of an item. */
#define VHDX_META_USER 1u
#define VHDX_META_VIRTUAL_DISK 2u
#define VHDX_META_REQUIRED 4u

struct vhdx_metadata_head_disk {
  char signature[8];     /* 0x00: "metadata" */
  le16 reserved;         /* 0x08 */
  le16 count;            /* 0x0a */
  uint8_t reserved2[20]; /* 0x0c */
};

struct vhdx_metadata_entry_disk {
  uint8_t id[16]; /* 0x00 */
  le32 offset;    /* 0x10: in the region */
  le32 length;    /* 0x14 */
  le32 flags;     /* 0x18 */
  le32 reserved;  /* 0x1c */
};

_Static_assert(sizeof (struct vhdx_metadata_head_disk) == 32,
               "size of the head of the metadata table");
_Static_assert(sizeof (struct vhdx_metadata_entry_disk) == 32,
               "size of an entry of the metadata table");

/* The items that there may be; the first five must be. */
enum vhdx_item {
  VHDX_ITEM_FILE_PARAMETERS,
  VHDX_ITEM_DISK_SIZE,
  VHDX_ITEM_SECTOR_SIZE,
  VHDX_ITEM_PHYSICAL_SECTOR_SIZE,
  VHDX_ITEM_DISK_ID,
  VHDX_ITEM_PARENT_LOCATOR,
  VHDX_ITEM_COUNT
};

#define VHDX_ITEM_VALUE_MAX 16u /* bytes of those but the locator */

struct vhdx_item_place {
  bool exists;
  uint32_t offset; /* bytes in the region */
  uint32_t length; /* bytes; of the first five what it must be */
};

struct vhdx_metadata_entry {
  struct uuid id;
  uint32_t offset, length, flags;
};

struct vhdx_metadata {
  /* From the table. */
  unsigned count;
  unsigned nunknown; /* items that are kept and not looked at */
  struct vhdx_item_place item[VHDX_ITEM_COUNT];
  struct vhdx_metadata_entry bad; /* what a check of the table failed for */

  /* From the items. */
  uint32_t block_size; /* bytes */
  bool keeps_blocks;   /* "leave blocks allocated": fixed */
  bool has_parent;
  uint64_t size;        /* bytes of the disk */
  uint32_t sector_size; /* logical: 512 or 4096 */
  uint32_t physical_sector_size;
  struct uuid id; /* of the disk; as it lies in the file */
};

/* Read the table, VHDX_METADATA_TABLE_SIZE bytes at TABLE, of a region of
 * REGION_LENGTH bytes.  M is filled in as far as it got.
 */
extern enum vhdx_status vhdx_metadata_parse (const void *table,
                                             uint32_t region_length,
                                             struct vhdx_metadata *m);

/* The value of ITEM, of the length that the table says, at P. */
extern enum vhdx_status vhdx_metadata_item (enum vhdx_item item, const void *p,
                                            struct vhdx_metadata *m);

/* All values are there: do they fit together? */
extern enum vhdx_status vhdx_metadata_check (const struct vhdx_metadata *m);

/* The entry at INDEX < count of TABLE, which was parsed. */
extern struct vhdx_metadata_entry vhdx_metadata_get (const void *table,
                                                     unsigned index);

/* A new region's first bytes: the table and the items, without the
 * locator if LOCATOR_LENGTH is 0; what is behind is zero.
 */
#define VHDX_METADATA_NEW_SIZE (2 * VHDX_METADATA_TABLE_SIZE)
#define VHDX_LOCATOR_NEW_MAX (VHDX_METADATA_TABLE_SIZE - 4096u)
extern void vhdx_metadata_serialise (const struct vhdx_metadata *m,
                                     const void *locator,
                                     uint32_t locator_length,
                                     void *p /* of the size above */);

/* The bytes that make SIZE that of the disk, and where in the region they
 * go.  They may cross from one page to the next.
 */
extern uint32_t vhdx_metadata_set_size (const struct vhdx_metadata *m,
                                        uint64_t size, uint8_t bytes[8]);

#endif /* DISKSTACK_VHDX_METADATA_H */
