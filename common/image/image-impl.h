/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The engine of images, and what a format has to bring.
 *
 * The engine keeps the metadata of the file, its BAT and its sector
 * bitmaps, in memory as pages that look as they do in the file, loaded
 * when they are needed and changed in place by atomic accesses; a page
 * that was changed is dirty until a commit has made it durable.  A
 * format says where pages lie and what is in an entry, and makes a batch
 * of pages durable: VHD by writing them, VHDX through its log.
 *
 * Order (docs/architecture.md):
 *
 * 1. An operation writes its data first and changes metadata in memory
 *    only when that has returned.
 * 2. A commit copies the dirty pages, then flushes INNER, then has the
 *    format make the copies durable.  So every page names only data that
 *    is durable.
 * 3. Space that an entry gave up is pending until a commit begun
 *    afterwards has ended and everybody who was visiting when it was
 *    given up has left; then it is punched and free.
 *
 * Locks, from the outermost: a block lock (one of IMAGE_BLOCK_LOCKS, by
 * block number, held across the I/O of an allocation or a change of state
 * of that block); the format's own in bits_create; the publish lock,
 * shared while metadata changes in memory (never across I/O or another of
 * these locks), exclusive while a commit copies it; the space's own.  A
 * commit takes the publish lock only, so who holds a block lock may wait
 * for one.  Reads, and writes to what is there already, take none, and
 * who is in a visit waits for nobody.
 */

#ifndef DISKSTACK_IMAGE_IMPL_H
#define DISKSTACK_IMAGE_IMPL_H

#include <pthread.h>
#include <stdatomic.h>

#include "image/image.h"
#include "image/image-space.h"

#define IMAGE_PAGE 4096u
#define IMAGE_BLOCK_LOCKS 256

/* What an entry of the BAT says of a block. */
enum image_block_state {
  BLOCK_ABSENT, /* not in the file: the parent's, or zero */
  BLOCK_ZERO,   /* zero, whatever the parent has (VHDX only) */
  BLOCK_FULL,   /* all sectors are at the place */
  BLOCK_BITS,   /* the bitmap tells which are; the others are absent */
  BLOCK_BAD,    /* not a legal entry: reads and writes fail with EIO */
};

struct image_entry {
  enum image_block_state state;
  uint64_t place; /* of the data, bytes in INNER; FULL and BITS */
};

/* A copy of a dirty page, for a commit.  Of the BAT a page is IMAGE_PAGE
 * bytes from bat_offset on, the last one up to the end of the sector with
 * the last of bat_nentries.
 */
struct image_page {
  uint64_t offset; /* in INNER */
  uint32_t count;  /* bytes, at most IMAGE_PAGE, a multiple of 512 */
  uint8_t *data;
};

/* A set of pages of which each is loaded when it is needed. */
struct image_pages;

struct image_format {
  const char *name;

  /* The BAT: at bat_offset of struct image, entries of 4 or 8 bytes. */
  unsigned entry_size;
  /* RAW is as it lies in the file, read as a host integer of entry_size
   * bytes.  get: what it says for block BLOCK.  put: the raw entry for
   * STATE and PLACE; for BLOCK_ZERO and BLOCK_ABSENT place is 0; TRIM:
   * zero because it was trimmed (VHDX: UNMAPPED).
   */
  struct image_entry (*get_entry) (const struct image *i, uint64_t block,
                                   uint64_t raw);
  uint64_t (*put_entry) (const struct image *i, enum image_block_state state,
                         uint64_t place, bool trim);
  /* Index of a block's entry in the BAT. */
  uint64_t (*entry_index) (const struct image *i, uint64_t block);

  /* Can an entry say BLOCK_ZERO?  Otherwise a block is zero by being
   * absent, if there is no parent, or by stored zeroes.
   */
  bool has_zero;
  /* Can an entry say BLOCK_FULL?  Otherwise each block in the file is
   * BLOCK_BITS, and a full one has all its bits set.
   */
  bool has_full;

  /* Sector bitmaps.  They are cut into pages of bits_page_sectors
   * sectors (of struct image; a power of two) and bits_page_size bytes:
   * page P is for the sectors from P * bits_page_sectors on.  The most
   * significant bit of a byte is first, or the least.
   */
  bool bits_msb_first;
  /* *PLACE: where page P lies in INNER, or 0 if there is no bitmap for it
   * yet.  VHD: in front of the block's data; VHDX: in the bitmap block of
   * the chunk.
   */
  int (*bits_place) (struct image *i, uint64_t page, uint64_t *place, int *err);
  /* VHDX: make bitmap space exist for the pages of BLOCK, all zeroes,
   * with its BAT entry changed (image_set_raw_entry).  Called with the
   * block's lock held; must lock by itself against other blocks of the
   * chunk.  NULL: it is part of the block.
   */
  int (*bits_create) (struct image *i, uint64_t block, int *err);

  /* Bytes of space that a block takes, and where its data begins in
   * them.  VHD: the bitmap and the data.
   */
  uint64_t (*block_footprint) (const struct image *i, uint64_t *data_at);

  /* A new block is at PLACE (of its data), nothing names it yet: VHD:
   * write its bitmap, all ones if FULL, else with the COUNT bits from
   * START on set.  NULL: nothing to do.
   */
  int (*block_init) (struct image *i, uint64_t place, bool full, uint32_t start,
                     uint32_t count, int *err);

  /* Claim all that is in use in the space, image_claim_blocks and more: in
   * image_take_space.  -1 after a message, and then never again.  NULL:
   * it was done when the image was opened.
   */
  int (*claim) (struct image *i, int *err);

  /* Before the first change of what the disk shows since it was opened
   * (VHDX: new FileWriteGuid and DataWriteGuid; Xen's VHD: the batmap
   * dropped), durable when it returns.  Called once, by one thread, while
   * others wait.  After a failure it is tried again.  NULL: nothing.
   */
  int (*first_change) (struct image *i, int *err);

  /* What first_change does, with ID as the new info.own_link_id; whether it
   * was done or not.  NULL: first_change, and the id stays.
   */
  int (*set_link_id) (struct image *i, const struct uuid *id, int *err);

  /* As image_set_parent; everything is committed, first_change was done.
   * Fills in info.parent anew.
   */
  int (*set_parent) (struct image *i, const struct image_create_parent *p,
                     int *err);

  /* Make PAGES durable; INNER was flushed after the data they name.  At
   * most one commit at a time.  On failure the image becomes read-only
   * with EIO for all that changes it (image_fail).  All of PAGES are one
   * state of the metadata.  Where not all of it can become durable at
   * once and a bitmap does not lie with its block, it must do so in the
   * order of PAGES, a page at once: bitmaps are before the BAT, and that
   * has its last pages first, so entries of bitmap blocks that follow
   * those of their payload blocks are before these.
   */
  int (*commit) (struct image *i, struct image_page *pages, unsigned npages,
                 int *err);

  /* Make INNER END bytes long, which is more; what is new reads as zero
   * but for the last *RESERVED bytes, which the format keeps (a footer,
   * written before this returns).  What the format had behind the old end
   * of the space it has zeroed, or gives back by image_space_release, as
   * not zero.  More than END is fine, too; the space does not use that.
   * NULL: store_resize.
   */
  int (*grow) (struct image *i, uint64_t end, uint64_t *reserved, int *err);

  /* Everything is committed and flushed; USED is where the last used byte
   * ends: leave the file clean and as short as can be.
   */
  int (*close_clean) (struct image *i, uint64_t used, int *err);

  int (*resize) (struct image *i, uint64_t size, int *err);

  /* Free the format's own part; no I/O. */
  void (*free_own) (struct image *i);
};

struct image {
  const struct image_format *format;
  void *own; /* the format's */
  struct image_info info;
  char *name;
  struct store *inner; /* takes multiples of 512 bytes at least */

  /* Set by the format before image_create. */
  _Atomic uint64_t size;
  unsigned sector_shift, block_shift;
  uint64_t nblocks;
  uint64_t bat_offset;   /* bytes in inner */
  uint64_t bat_nentries; /* that lie in the file */
  uint32_t bits_page_sectors, bits_page_size;
  bool has_bits; /* blocks can be BLOCK_BITS */
  /* Data of new blocks lies at multiples of this, a power of two; 0: of
   * IMAGE_PAGE, or of the block's size if that is less.
   */
  uint32_t data_align;
  /* Data from here on in INNER reads as zero: of a read-only image whose
   * file is too short.  0: there is none.
   */
  uint64_t data_end;

  struct image_space *space; /* NULL if read-only */
  struct image_core *core;   /* the engine's own */
};

/* For formats: an image over INNER with what is known of it in TMPL
 * (format, own, info, name, inner, the geometry); the engine copies it
 * and owns all of it from then on.  NULL with errno = ENOMEM; everything
 * is still the caller's then.  For a writable image SPACE is given (grow
 * and opaque are filled in here), and the format claims in it what is in
 * use, now or later: its own structures by image_space_claim, blocks by
 * image_claim_blocks; then, if the file is longer than what is used, cuts
 * it and says so by image_space_set_end.
 */
extern struct image *image_create (const struct image *tmpl,
                                   const struct image_space_options *space);

/* For a format that made an image and cannot open it after all: I and all
 * that it owns is freed, without any I/O, but for INNER, which is the
 * caller's again.
 */
extern void image_abandon (struct image *i);

/* Claim what is in use, by the format's claim, if that was not done: by a
 * format that opens an image, or else before the first change.  After a
 * failure the image must go or fail (image_fail).
 */
extern int image_take_space (struct image *i, int *err);

/* Walk the BAT (skipping what INNER says is a hole, if a raw entry of 0 is
 * BLOCK_ABSENT) and claim the space of all blocks.  Overlaps and blocks
 * that begin beyond the end of the file: the image is refused (-1 with
 * *err = EINVAL after log_error naming both).  The end of the last block
 * may be missing in the file: the space ends behind it then.
 */
extern int image_claim_blocks (struct image *i, int *err);

/* Move all blocks out of [START, END) of INNER and claim all of it that is
 * not in use by something else: for a format that wants to put something
 * there.  The file has END bytes already.  Alone, as in resize; durable.
 */
extern int image_vacate (struct image *i, uint64_t start, uint64_t end,
                         int *err);

/* The raw entry at INDEX of the BAT.  set marks its page dirty; not from
 * the callbacks get_entry, put_entry, bits_place and commit.
 */
extern int image_get_raw_entry (struct image *i, uint64_t index, uint64_t *raw,
                                int *err);
extern int image_set_raw_entry (struct image *i, uint64_t index, uint64_t raw,
                                int *err);

/* For a format that found the file broken or could not commit: from now
 * on everything that changes the image fails with EIO.
 */
extern void image_fail (struct image *i);

/* -1 with *ERR = ENOMEM, after a message. */
extern int image_no_memory (const struct image *i, int *err);

/* Read or write COUNT bytes of INNER, with an error message that says
 * WHAT on failure.
 */
extern int image_inner_read (struct image *i, void *buf, uint64_t count,
                             uint64_t offset, const char *what, int *err);
extern int image_inner_write (struct image *i, const void *buf, uint64_t count,
                              uint64_t offset, const char *what, int *err);

#endif /* DISKSTACK_IMAGE_IMPL_H */
