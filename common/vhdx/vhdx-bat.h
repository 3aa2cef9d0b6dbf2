/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The block allocation table of a VHDX: [MS-VHDX] 2.5.  Entries of 8
 * bytes, one for each block of the disk, and behind those of each chunk,
 * chunk_ratio blocks, one for the chunk's sector bitmap.  A bitmap is 1
 * MiB: one bit for each sector of the chunk, the lowest of a byte first;
 * set means that the sector is in this file.
 */

#ifndef DISKSTACK_VHDX_BAT_H
#define DISKSTACK_VHDX_BAT_H

#include <stdbool.h>
#include <stdint.h>

#include "vhdx/vhdx-header.h"
#include "vhdx/vhdx-status.h"

#define VHDX_BITMAP_SIZE VHDX_MIB
#define VHDX_CHUNK_SECTORS (UINT64_C (1) << 23)

/* States of a block; a bitmap is NOT_PRESENT or FULLY_PRESENT. */
enum vhdx_block_state {
  VHDX_BLOCK_NOT_PRESENT = 0, /* the parent's, or zero */
  VHDX_BLOCK_UNDEFINED = 1,   /* anything; read as zero */
  VHDX_BLOCK_ZERO = 2,
  VHDX_BLOCK_UNMAPPED = 3, /* was trimmed; read as zero */
  VHDX_BLOCK_FULLY_PRESENT = 6,
  VHDX_BLOCK_PARTIALLY_PRESENT = 7, /* as the bitmap says */
};

struct vhdx_bat {
  uint64_t nblocks;     /* of the disk */
  uint64_t nchunks;     /* and so bitmaps */
  uint64_t nentries;    /* that there must be */
  uint64_t chunk_ratio; /* blocks of a chunk; a power of two */
  uint32_t block_size, sector_size;
  bool has_parent;
};

struct vhdx_entry {
  unsigned state;  /* enum vhdx_block_state, 4 or 5 */
  uint64_t offset; /* bytes in the file; 0: nowhere */
  bool reserved;   /* bits are set that must not be */
};

/* The BAT of a disk of SIZE bytes; the values are such as the metadata may
 * have.
 */
extern struct vhdx_bat vhdx_bat_of (uint64_t size, uint32_t block_size,
                                    uint32_t sector_size, bool has_parent);

/* Is a region of LENGTH bytes long enough? */
extern enum vhdx_status vhdx_bat_check (const struct vhdx_bat *b,
                                        uint64_t length);

/* Where the entry of BLOCK, or of the bitmap of CHUNK, is: an index. */
static inline uint64_t
vhdx_bat_block_index (const struct vhdx_bat *b, uint64_t block)
{
  return block + block / b->chunk_ratio;
}

static inline uint64_t
vhdx_bat_bitmap_index (const struct vhdx_bat *b, uint64_t chunk)
{
  return chunk * (b->chunk_ratio + 1) + b->chunk_ratio;
}

/* Is the entry at INDEX that of a bitmap?  Otherwise it is of the block
 * index - index / (chunk_ratio + 1), if there is such a block.
 */
static inline bool
vhdx_bat_is_bitmap (const struct vhdx_bat *b, uint64_t index)
{
  return index % (b->chunk_ratio + 1) == b->chunk_ratio;
}

/* RAW is a host integer. */
static inline struct vhdx_entry
vhdx_entry_decode (uint64_t raw)
{
  return (struct vhdx_entry){
    .state = raw & 7,
    .offset = raw & ~(VHDX_MIB - 1),
    .reserved = (raw & (VHDX_MIB - 8)) != 0,
  };
}

/* OFFSET is whole MiB. */
static inline uint64_t
vhdx_entry_encode (enum vhdx_block_state state, uint64_t offset)
{
  return offset | state;
}

/* Does the entry name space that holds what the disk shows? */
static inline bool
vhdx_entry_has_data (const struct vhdx_entry *e)
{
  return e->state >= VHDX_BLOCK_FULLY_PRESENT;
}

/* Is E legal for a block, or a bitmap, of the disk of B?  Reserved bits,
 * state, and a place behind the first MiB if it must have one.  Not:
 * whether the place is in the file and free.
 */
extern enum vhdx_status vhdx_entry_check (const struct vhdx_bat *b,
                                          const struct vhdx_entry *e,
                                          bool bitmap);

/* "fully present", for people. */
extern const char *vhdx_block_state_name (unsigned state);

#endif /* DISKSTACK_VHDX_BAT_H */
