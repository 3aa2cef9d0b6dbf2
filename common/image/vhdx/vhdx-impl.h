/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What the files of the VHDX format share: struct image_vhdx is the
 * format's own part of a struct image.
 *
 * How the file is changed while it is open
 *
 * - Headers, at any time, one copy after the other (vhdx-headers.c), under
 *   header_lock.  As long as nothing but data in place changes, that is
 *   all: the file stays without a log to replay.
 * - Metadata (BAT, bitmaps, region tables, metadata items) through the
 *   log only (vhdx-journal.h), whose session begins with the first commit
 *   (image_vhdx_begin) and ends with close_clean.
 * - Before a session there is one exception, when the file is opened: a
 *   bad copy of the region table is overwritten with the good one.
 */

#ifndef DISKSTACK_VHDX_IMPL_H
#define DISKSTACK_VHDX_IMPL_H

#include <pthread.h>

#include "image/image-impl.h"
#include "image/image-options.h"
#include "image/vhdx/vhdx-journal.h"
#include "vhdx/vhdx-bat.h"
#include "vhdx/vhdx-header.h"
#include "vhdx/vhdx-metadata.h"
#include "vhdx/vhdx-region.h"

#define VHDX_CHUNK_LOCKS 64

/* Sectors of a page of a sector bitmap. */
#define VHDX_BITS_PAGE_SECTORS (8 * IMAGE_PAGE)

/* The BAT and the log have entries for so much. */
#define VHDX_SPACE_LIMIT ROUND_DOWN ((uint64_t) INT64_MAX, VHDX_MIB)
#define VHDX_SPACE_STEP (32 * VHDX_MIB)

struct image_vhdx {
  struct store *inner; /* of the image, or of it to be */
  char *name;          /* borrowed like that */

  pthread_mutex_t header_lock;
  struct vhdx_header header;  /* the current one */
  unsigned current;           /* which copy that is */
  bool renewed, data_renewed; /* file_write_id and data_write_id are of this
                               * opening */

  uint8_t *region_table; /* VHDX_REGION_SIZE bytes */
  struct vhdx_regions regions;
  struct vhdx_metadata metadata;
  struct vhdx_bat bat;

  bool in_session;
  struct vhdx_journal journal;

  /* Of chunks whose bitmap comes into being. */
  pthread_mutex_t chunk_lock[VHDX_CHUNK_LOCKS];
};

extern const struct image_format image_vhdx_format_ops;

extern void image_vhdx_free (struct image_vhdx *v);

static inline struct image_vhdx *
to_vhdx (const struct image *i)
{
  return i->own;
}

/* ------------------------------------------------------------------ */
/* vhdx-headers.c */

/* A new random GUID. */
extern int image_vhdx_new_guid (struct uuid *u, const char *name, int *err);

/* Write H in place of both headers, one after the other, each durable
 * before the next; its sequence number is set.  V->header is H then.  Not
 * locked.
 */
extern int image_vhdx_put_headers (struct image_vhdx *v,
                                   const struct vhdx_header *h, int *err);

/* New ids before the file, or with DATA what the disk shows, is changed. */
extern int image_vhdx_renew (struct image_vhdx *v, bool data, int *err);

/* The same, but what the disk shows has the id DATA_WRITE_ID from now on. */
extern int image_vhdx_renew_as (struct image_vhdx *v,
                                const struct uuid *data_write_id, int *err);

/* Begin a session of the log, if there is none, and end it: everything
 * that it says is in place and durable.
 */
extern int image_vhdx_begin (struct image_vhdx *v, int *err);
extern int image_vhdx_end (struct image_vhdx *v, int *err);

/* ------------------------------------------------------------------ */
/* vhdx-replay.c */

/* Apply the log that V->header names.  Into the file, which is then
 * without a log; or with READ_ONLY in memory, by a store that is put over
 * V->inner.  -1 with errno, logged.
 */
extern int image_vhdx_replay (struct image_vhdx *v, bool read_only);

/* ------------------------------------------------------------------ */
/* vhdx-claim.c */

/* Claim all that is used in I->space, and cut the file behind it.  -1 with
 * *err, logged.
 */
extern int image_vhdx_claim (struct image *i, int *err);

/* ------------------------------------------------------------------ */
/* vhdx-walk.c */

/* Call SEE for the entries of the BAT in the file in [INDEX, END), in
 * order and in pieces of at most 64 KiB; pages that are holes are left
 * out.  INDEX is the first one of a page.  Stops when SEE returns -1.
 */
typedef int (*image_vhdx_see) (void *opaque, const le64 *entries,
                               uint64_t index, uint64_t n, int *err);
extern int image_vhdx_walk (struct image *i, uint64_t index, uint64_t end,
                            image_vhdx_see see, void *opaque, int *err);

#define VHDX_ENTRIES_PER_PAGE (IMAGE_PAGE / sizeof (le64))

/* ------------------------------------------------------------------ */
/* vhdx-bitmap.c */

/* See struct image_format. */
extern int image_vhdx_bits_place (struct image *i, uint64_t page,
                                  uint64_t *place, int *err);
extern int image_vhdx_bits_create (struct image *i, uint64_t block, int *err);

/* ------------------------------------------------------------------ */
/* vhdx-resize.c */

extern int image_vhdx_resize (struct image *i, uint64_t size, int *err);

/* ------------------------------------------------------------------ */
/* The parent */

/* vhdx-open.c: what L says; P is to be freed by the other in any case.  0,
 * or -1 if there is no memory.
 */
struct vhdx_locator;
extern int image_vhdx_parent_of (const struct vhdx_locator *l,
                                 struct image_parent *p);
extern void image_vhdx_parent_free (struct image_parent *p);

/* vhdx-create.c: ".\a\b" of "a/b"; to free. */
extern char *image_vhdx_windows_relative (const char *path);

/* vhdx-relink.c: see struct image_format. */
extern int image_vhdx_set_parent (struct image *i,
                                  const struct image_create_parent *p,
                                  int *err);
extern int image_vhdx_set_link_id (struct image *i, const struct uuid *id,
                                   int *err);

#endif /* DISKSTACK_VHDX_IMPL_H */
