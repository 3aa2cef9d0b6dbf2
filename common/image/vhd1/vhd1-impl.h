/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A dynamic or differencing VHD as an image: what its parts share.
 *
 * The file is what vhd-layout.h lists, blocks, free space, and the end
 * footer.  The space of the image (image-space.h) ends where the footer
 * begins; so the footer is never given to anybody.  Behind the space's
 * end there is nothing but zeroes and the footer.
 */

#ifndef DISKSTACK_VHD1_IMPL_H
#define DISKSTACK_VHD1_IMPL_H

#include "image/image-impl.h"
#include "image/vhd1/image-vhd1.h"
#include "store/vhd1-footers.h"
#include "vhd/vhd-layout.h"
#include "vhd/vhd-locator.h"

/* What Windows aligns data to. */
#define VHD1_ALIGN 4096u

/* The most by which a file grows without need. */
#define VHD1_STEP (UINT64_C (1) << 30)

/* Sector numbers have 32 bits, and the last one means something else. */
#define VHD1_LIMIT ((uint64_t) VHD_BAT_UNUSED * VHD_SECTOR_SIZE)

struct vhd1 {
  /* As both copies say, or are to say. */
  struct vhd_footer footer;
  struct vhd_header header;
  bool has_batmap;
  struct vhd_batmap batmap;
  struct vhd_layout layout;
  uint64_t layout_end;  /* no structure from here on */
  uint32_t bitmap_size; /* of a block, whole sectors */
  uint32_t data_align;  /* data of new blocks is at multiples of it */
  bool changed;         /* since it was opened */
  /* Where the end footer is; changed by growth, and when nobody else is
   * there.  If there is none: the end of the file.
   */
  _Atomic uint64_t footer_at;
};

static inline struct vhd1 *
to_vhd1 (const struct image *i)
{
  return i->own;
}

extern const struct image_format vhd1_format, vhd1_format_lsb;

/* vhd1-parent.c: what I knows of its parent, in P.  0, or -1 with *err
 * (after log_error).
 */
extern int vhd1_parent_read (struct store *inner, const char *name,
                             const struct vhd1 *v, struct image_parent *p,
                             int *err);
extern void vhd1_parent_free (struct image_parent *p);

/* vhd1-relink.c: the content of a locator of PLATFORM for PATH, which has
 * slashes, to be freed.  0, or -1 with *err after log_error.
 */
extern int vhd1_locator_make (enum vhd_platform platform, const char *path,
                              const char *name, void **content, size_t *count,
                              int *err);

/* Can PATH, which may be NULL, be said to Windows? */
extern bool vhd1_is_for_windows (const char *path);

/* Put all of P but its paths into H. */
extern int vhd1_parent_put (const struct image_create_parent *p,
                            const char *name, struct vhd_header *h, int *err);

/* See struct image_format. */
extern int vhd1_set_parent (struct image *i,
                            const struct image_create_parent *p, int *err);

/* vhd1-scan.c: look at all of the BAT of what is to be written to.  Is
 * each block in the file, and where no structure is?  What it tells
 * besides is what only the BAT knows.  0, or -1 with *err after log_error.
 */
struct vhd1_scan {
  uint64_t end;   /* of the last block; 0: there is none */
  bool unaligned; /* a block's data is at no multiple of VHD1_ALIGN */
};

extern int vhd1_scan (struct store *inner, const char *name, uint64_t size,
                      const struct vhd1 *v, struct vhd1_scan *scan, int *err);

/* Claim blocks behind the end of the disk, as far as they make sense:
 * they are there if the disk is larger by another rule.
 */
extern int vhd1_claim_hidden (struct image *i, int *err);

/* vhd1-end.c: the end of the file. */

/* May the footer stay where it is if what is used ends at USED?  With
 * Windows it is in the last sector of a page.
 */
static inline bool
vhd1_footer_fits (const struct vhd1 *v, uint64_t used)
{
  return used <= v->footer_at && v->footer_at - used < VHD1_ALIGN;
}

extern int vhd1_flush (struct image *i, const char *what, int *err);

/* Write the copy of the footer at the start, or the one at AT; flush. */
extern int vhd1_write_head (struct image *i, int *err);
extern int vhd1_write_footer (struct image *i, uint64_t at, int *err);

/* Make the file end in a footer at AT: the old one is cleared if it was
 * before.  Durable.
 */
extern int vhd1_move_end (struct image *i, uint64_t at, int *err);

extern int vhd1_grow (struct image *i, uint64_t end, uint64_t *reserved,
                      int *err);
extern int vhd1_close_clean (struct image *i, uint64_t used, int *err);

/* vhd1-resize.c */
extern int vhd1_resize (struct image *i, uint64_t size, int *err);

#endif /* DISKSTACK_VHD1_IMPL_H */
