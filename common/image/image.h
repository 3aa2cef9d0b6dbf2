/* SPDX-License-Identifier: BSD-3-Clause
 *
 * An image: a disk in a file that stores only what was written, in
 * blocks, with a parent or without: dynamic and differencing VHD and
 * VHDX.  It is neither store nor layer but what both are made of:
 * store-image.h is an image over its parent as a store, layer-image.h an
 * image as a layer.
 *
 * Each sector is in one of three states:
 *
 *   absent   not in the file: ask the parent; zero if there is none
 *   data     in the file, at a place of INNER
 *   zero     all zeroes, whatever the parent has
 *
 * Rules for all operations
 *
 * - Ranges are in bytes, whole sectors of info.sector_size, half-open,
 *   not empty, inside the disk: who calls has checked that.
 * - They return 0, or -1 with *err set to a positive errno.  A failed
 *   operation leaves each sector of its range old or new, the rest as it
 *   was, and the image sound.
 * - Any number of threads may be in any number of operations at once,
 *   except in image_close and image_resize, which come alone.
 * - A sector is atomic between operations on this image: a write with
 *   IMAGE_NO_OVERWRITE never replaces a sector that is not absent.
 * - Nothing that changes the file's metadata is durable before the data
 *   it speaks of; space that was freed is not used again before the
 *   change that freed it is durable and nobody reads or writes there.
 *
 * After a crash each sector is old or new, what was flushed is new, the
 * image opens, and no sector shows what belongs to another.
 */

#ifndef DISKSTACK_IMAGE_H
#define DISKSTACK_IMAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/uuid.h"
#include "store/store.h"

struct image;
struct image_create_parent;

enum image_state { IMAGE_ABSENT, IMAGE_DATA, IMAGE_ZERO };

/* Flags. */
enum {
  IMAGE_FUA = 1,          /* durable before it returns */
  IMAGE_NO_OVERWRITE = 2, /* write: skip sectors that are not absent */
  IMAGE_FAST = 4,         /* zero: EOPNOTSUPP rather than slow; having
                           * done nothing then */
};

/* A way to the parent, as the image says it. */
enum image_path_kind {
  IMAGE_PATH_RELATIVE, /* to the folder of the image */
  IMAGE_PATH_ABSOLUTE, /* of Windows: "C:\x", "\\server\share\x" */
  IMAGE_PATH_VOLUME,   /* "\\?\Volume{guid}\x" */
  IMAGE_PATH_URL,      /* a file URL, or a path in URL encoding */
  IMAGE_PATH_NAME,     /* the name of the file, as it was */
};

struct image_path {
  enum image_path_kind kind;
  char *path; /* UTF-8, as it was: with backslashes if it had any */
};

/* What an image knows of its parent. */
struct image_parent {
  bool exists;    /* the image is a differencing one */
  struct uuid id; /* VHD: its unique id; VHDX: parent_linkage */
  bool has_other_id;
  struct uuid other_id;    /* VHDX: parent_linkage2, unless it is nil */
  uint32_t timestamp;      /* VHD: as stored, seconds since 2000 or 0 */
  struct image_path *path; /* in the order to try */
  unsigned npaths;
};

/* What an image is, fixed while it is open (but for the size). */
struct image_info {
  const char *format;            /* "vhd1", "vhdx" */
  uint64_t size;                 /* bytes of the disk, when it was opened */
  uint32_t sector_size;          /* 512 or 4096 */
  uint32_t physical_sector_size; /* >= sector_size */
  uint64_t block_size;           /* bytes; a power of two */
  bool read_only;
  bool keeps_blocks; /* "fixed": allocated for ever */
  bool has_id;
  struct uuid id;          /* of the disk, for clients */
  struct uuid own_link_id; /* what a child of this image must name: VHD the
                            * unique id, VHDX the DataWriteGuid */
  struct image_parent parent;
};

/* Operations. */

/* Close I and what it owns, the inner store too.  A writable image is
 * left clean: everything is committed, the unused end of the file cut
 * off.  What fails then is logged; the file is as after a crash.
 */
extern void image_close (struct image *i);

extern const struct image_info *image_info (const struct image *i);
extern uint64_t image_size (const struct image *i);

/* The name of the file for messages. */
extern const char *image_name (const struct image *i);

/* What is at OFFSET: the state, in *COUNT (in: at most that many, > 0)
 * how far it goes, and for IMAGE_DATA in *PLACE where in
 * image_inner (I) it lies in one piece.  PLACE is good until
 * image_leave.  May read metadata of the file: then -1 is possible.
 */
extern int image_map (struct image *i, uint64_t offset, uint64_t *count,
                      enum image_state *state, uint64_t *place, int *err);

/* Around image_map and the use of what it told, in one thread; nests not.
 * Cheap, never waits.
 */
struct image_visit {
  unsigned slot;
};

extern void image_enter (struct image *i, struct image_visit *v);
extern void image_leave (struct image *i, struct image_visit *v);

/* The store in which the data lies; read only with what image_map told. */
extern struct store *image_inner (struct image *i);

/* What a caller does with the absent parts of a read. */
typedef int (*image_absent) (void *opaque, void *buf, uint64_t count,
                             uint64_t offset, int *err);

/* Read COUNT bytes at OFFSET: data and zeroes into BUF, and ABSENT is
 * called for each absent run with the part of BUF that is for it; NULL
 * makes zeroes of it.  Enters and leaves by itself; ABSENT is called
 * outside.
 */
extern int image_read (struct image *i, void *buf, uint64_t count,
                       uint64_t offset, image_absent absent, void *opaque,
                       int *err);

/* FLAGS: IMAGE_FUA, IMAGE_NO_OVERWRITE. */
extern int image_write (struct image *i, const void *buf, uint64_t count,
                        uint64_t offset, unsigned flags, int *err);

/* The range reads as zero, whatever a parent has.  Whole blocks free
 * their space unless info.keeps_blocks.  FLAGS: IMAGE_FUA, IMAGE_FAST.
 */
extern int image_zero (struct image *i, uint64_t count, uint64_t offset,
                       unsigned flags, int *err);

/* What the range reads as becomes unspecified, but stable, and nothing
 * of another image or place.  In an image with a parent the parent's
 * data does not come back.
 */
extern int image_trim (struct image *i, uint64_t count, uint64_t offset,
                       unsigned flags, int *err);

/* The range becomes absent: only where what is below is the same or may
 * be seen.
 */
extern int image_discard (struct image *i, uint64_t count, uint64_t offset,
                          int *err);

/* Everything that completed before is durable. */
extern int image_flush (struct image *i, int *err);

/* Make the disk SIZE bytes, whole sectors, durable when it returns.  New
 * bytes read as zero.  Smaller only if nothing is stored beyond SIZE:
 * EBUSY else.  EOPNOTSUPP if the file cannot hold it.
 */
extern int image_resize (struct image *i, uint64_t size, int *err);

/* Refer to another parent: an image that has one, alone, like image_resize;
 * durable when it returns, and never anything but the old parent or the
 * new one.  Without paths in P those that there are stay.  What the image
 * holds is not changed.
 */
extern int image_set_parent (struct image *i,
                             const struct image_create_parent *p, int *err);

/* From now on, durable when it returns, info.own_link_id is ID, and it
 * stays so whatever is changed until the image is closed.  For who wants
 * to know the new id before he changes anything, or changes nothing of
 * what the disk shows and gives the old one.  Alone.  A VHD has always the
 * same id, and keeps it.
 */
extern int image_set_link_id (struct image *i, const struct uuid *id, int *err);

/* Bytes of the file that blocks take now, with their bitmaps. */
extern uint64_t image_used (const struct image *i);

/* Move blocks from the end of the file into free space, so that the file
 * can be cut; PROGRESS (may be NULL) is told how much of how much is
 * done, and stops it by returning false.  Alone, like image_resize.
 */
extern int image_compact (struct image *i,
                          bool (*progress) (void *opaque, uint64_t done,
                                            uint64_t all),
                          void *opaque, int *err);

#endif /* DISKSTACK_IMAGE_H */
