/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Opening a dynamic or differencing VHD.  Everything is read and checked
 * first; only then, and only if it is to be written to, what is damaged
 * is mended and what a crash left at the end of the file is cut off.
 */

#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/align.h"
#include "base/checked.h"
#include "base/log.h"
#include "image/vhd1/vhd1-impl.h"
#include "vhd/vhd-size.h"

/* What is known while it is opened. */
struct opening {
  struct store *inner;
  const char *name;
  bool read_only;
  enum vhd_size_rule rule;
  struct vhd1_footers footers;
  bool has_end; /* the footer that counts is at the end */
  uint64_t size;
  struct vhd1 *v;
  struct vhd1_scan scan;
};

int
vhd1_find_footer (struct store *inner, struct vhd_footer *f, bool *from_head,
                  int *err)
{
  const struct vhd_footer *which;
  struct vhd1_footers footers;
  enum vhd_status status;

  if (vhd1_footers_read (inner, &footers, err) == -1)
    return -1;
  status = vhd1_footers_choose (&footers, &which);
  *f = *which;
  *from_head = which == &footers.head;
  return (int) status;
}

/* ------------------------------------------------------------------ */
/* Reading */

static int
refuse (const struct opening *o, enum vhd_status status, const char *detail)
{
  log_error ("%s: %s%s", o->name, vhd_status_string (status), detail);
  errno = EINVAL;
  return -1;
}

static int
cannot_read (const struct opening *o, const char *what, int err)
{
  errno = err;
  log_error ("%s: reading %s: %m", o->name, what);
  return -1;
}

static void
mention_copies (const struct opening *o)
{
  const struct vhd1_footers *f = &o->footers;

  if (!o->has_end)
    log_debug ("%s: the footer is damaged or missing: its copy at the start "
               "of the file counts",
               o->name);
  else if (f->head_status != VHD_OK)
    log_debug ("%s: the copy of the footer at the start of the file is "
               "damaged",
               o->name);
  else if (!vhd_footer_equal (&f->end, &f->head))
    log_debug ("%s: the footer and its copy at the start of the file differ: "
               "the one at the end counts",
               o->name);
}

static int
read_footers (struct opening *o)
{
  const struct vhd_footer *which;
  enum vhd_status status;
  char detail[128];
  int err;

  if (vhd1_footers_read (o->inner, &o->footers, &err) == -1)
    return cannot_read (o, "the VHD footer", err);
  status = vhd1_footers_choose (&o->footers, &which);
  if (status != VHD_OK) {
    vhd1_footers_detail (status, which, store_size (o->inner), detail,
                         sizeof detail);
    return refuse (o, status, detail);
  }
  if (which->type == VHD_TYPE_FIXED) {
    log_error ("%s: is a fixed VHD, which has no blocks", o->name);
    errno = EINVAL;
    return -1;
  }
  o->v->footer = *which;
  o->has_end = which == &o->footers.end;
  o->v->footer_at = store_size (o->inner) - (o->has_end ? which->length : 0);
  vhd1_footers_mention (which, o->name);
  mention_copies (o);
  return 0;
}

static int
read_header (struct opening *o)
{
  const uint64_t offset = o->v->footer.data_offset;
  uint8_t bytes[VHD_HEADER_SIZE];
  char detail[64] = "";
  enum vhd_status status;
  int err;

  if (!IS_ALIGNED (offset, VHD_SECTOR_SIZE) ||
      !range_inside (offset, sizeof bytes, o->v->footer_at)) {
    snprintf (detail, sizeof detail, " (offset %" PRIu64 ")", offset);
    return refuse (o, VHD_HEADER_OUTSIDE, detail);
  }
  if (store_read (o->inner, bytes, sizeof bytes, offset, &err) == -1)
    return cannot_read (o, "the dynamic header", err);
  status = vhd_header_parse (bytes, &o->v->header);
  if (status == VHD_OK)
    return 0;
  if (status == VHD_HEADER_VERSION)
    snprintf (detail, sizeof detail, " (%" PRIu32 ".%" PRIu32 ")",
              o->v->header.version >> 16, o->v->header.version & 0xffff);
  else if (status == VHD_BAD_BLOCK_SIZE)
    snprintf (detail, sizeof detail, " (%" PRIu32 " bytes)",
              o->v->header.block_size);
  else
    snprintf (detail, sizeof detail, " (offset %" PRIu64 ")", offset);
  return refuse (o, status, detail);
}

static int
read_size (struct opening *o)
{
  const struct vhd_header *h = &o->v->header;
  enum vhd_status status = vhd_size (&o->v->footer, o->rule, &o->size);
  char detail[128] = "";

  if (status == VHD_OK)
    status = vhd_layout_check (h, o->size, o->v->footer_at);
  if (status == VHD_OK)
    return 0;
  if (status == VHD_TOO_LARGE || status == VHD_BAT_TOO_SMALL)
    snprintf (detail, sizeof detail,
              " (%" PRIu64 " bytes, %" PRIu32 " blocks of %" PRIu32 ")",
              o->size, h->nentries, h->block_size);
  else if (status == VHD_BAT_OUTSIDE)
    snprintf (detail, sizeof detail,
              " (%" PRIu32 " entries at offset %" PRIu64 ")", h->nentries,
              h->bat_offset);
  return refuse (o, status, detail);
}

/* A batmap that is damaged is none; nobody can use it. */
static int
read_batmap (struct opening *o)
{
  struct vhd1 *v = o->v;
  const uint64_t place = vhd_batmap_place (&v->header);
  uint8_t bytes[VHD_BATMAP_SIZE];
  int err;

  if (!vhd_batmap_possible (&v->footer) ||
      !range_inside (place, sizeof bytes, v->footer_at))
    return 0;
  if (store_read (o->inner, bytes, sizeof bytes, place, &err) == -1)
    return cannot_read (o, "the batmap", err);
  v->has_batmap =
    vhd_batmap_parse (bytes, &v->header, v->footer_at, &v->batmap) == VHD_OK;
  return 0;
}

static int
find_layout (struct opening *o)
{
  struct vhd1 *v = o->v;
  const struct vhd_region *a, *b;

  vhd_layout_make (&v->footer, &v->header, v->has_batmap ? &v->batmap : NULL,
                   &v->layout);
  v->layout_end = vhd_layout_end (&v->layout);
  if (!vhd_layout_overlap (&v->layout, &a, &b))
    return 0;
  if (o->read_only) {
    log_debug ("%s: %s overlaps %s", o->name, b->name, a->name);
    return 0;
  }
  log_error ("%s: cannot be written to: %s at offset %" PRIu64
             " overlaps %s at offset %" PRIu64,
             o->name, b->name, b->offset, a->name, a->offset);
  errno = EINVAL;
  return -1;
}

/* As with Windows, what is new is like what is there. */
static void
find_alignment (struct opening *o)
{
  struct vhd1 *v = o->v;

  v->data_align = !o->scan.unaligned && v->header.block_size >= VHD1_ALIGN ?
                    VHD1_ALIGN :
                    VHD_SECTOR_SIZE;
}

static int
examine (struct opening *o)
{
  int err;

  if (o->inner->info.align > VHD_SECTOR_SIZE) {
    log_error ("%s: cannot be used in units of %" PRIu32 " bytes", o->name,
               o->inner->info.align);
    errno = EINVAL;
    return -1;
  }
  if (read_footers (o) == -1 || read_header (o) == -1 || read_size (o) == -1 ||
      read_batmap (o) == -1 || find_layout (o) == -1)
    return -1;
  o->v->bitmap_size = vhd_bitmap_size (o->v->header.block_size);
  if (!o->read_only &&
      vhd1_scan (o->inner, o->name, o->size, o->v, &o->scan, &err) == -1) {
    errno = err;
    return -1;
  }
  find_alignment (o);
  return 0;
}

/* ------------------------------------------------------------------ */
/* The image */

static bool
is_lsb_first (const struct vhd_footer *f)
{
  return memcmp (f->creator, "tap", 4) == 0 && f->creator_version <= 0x00000001;
}

static void
fill_info (const struct opening *o, struct image_info *info)
{
  const struct vhd1 *v = o->v;

  info->format = "vhd1";
  info->size = o->size;
  info->sector_size = VHD_SECTOR_SIZE;
  info->physical_sector_size = v->data_align == VHD1_ALIGN ?
                                 o->inner->info.physical_sector_size :
                                 VHD_SECTOR_SIZE;
  info->block_size = v->header.block_size;
  info->read_only = o->read_only;
  info->has_id = !uuid_is_nil (&v->footer.id);
  info->id = info->own_link_id = v->footer.id;
}

static void
fill_geometry (const struct opening *o, struct image *t)
{
  const struct vhd1 *v = o->v;

  t->size = o->size;
  t->sector_shift = log2_of (VHD_SECTOR_SIZE);
  t->block_shift = log2_of (v->header.block_size);
  t->nblocks = DIV_ROUND_UP (o->size, v->header.block_size);
  t->bat_offset = v->header.bat_offset;
  t->bat_nentries = v->header.nentries;
  t->bits_page_size = (uint32_t) min_u64 (v->bitmap_size, IMAGE_PAGE);
  t->bits_page_sectors =
    (uint32_t) min_u64 (v->header.block_size / VHD_SECTOR_SIZE, IMAGE_PAGE * 8);
  t->has_bits = true;
  t->data_align = v->data_align;
  t->data_end = o->read_only ? ROUND_DOWN (v->footer_at, VHD_SECTOR_SIZE) : 0;
}

static struct image *
make_image (const struct opening *o)
{
  struct image t = {
    .format = is_lsb_first (&o->v->footer) ? &vhd1_format_lsb : &vhd1_format,
    .own = o->v,
    .name = strdup (o->name),
    .inner = o->inner,
  };
  const struct image_space_options space = {
    .unit = VHD_SECTOR_SIZE,
    .limit = VHD1_LIMIT,
    .end = ROUND_DOWN (o->v->footer_at, VHD_SECTOR_SIZE),
    .step = min_u64 (VHD1_STEP, o->size),
  };
  struct image *i = NULL;
  int err;

  if (t.name == NULL) {
    log_error ("%s: %m", o->name);
    return NULL;
  }
  fill_info (o, &t.info);
  fill_geometry (o, &t);
  if (o->v->footer.type == VHD_TYPE_DIFFERENCING &&
      vhd1_parent_read (o->inner, o->name, o->v, &t.info.parent, &err) == -1)
    errno = err;
  else if ((i = image_create (&t, o->read_only ? NULL : &space)) == NULL)
    log_error ("%s: %m", o->name);
  if (i == NULL) {
    vhd1_parent_free (&t.info.parent);
    free (t.name);
  }
  return i;
}

/* ------------------------------------------------------------------ */
/* Only what is to be written to */

static int
claim_structures (struct image *i, int *err)
{
  const struct vhd1 *v = to_vhd1 (i);

  for (unsigned k = 0; k < v->layout.n; k++) {
    const struct vhd_region *r = &v->layout.region[k];

    /* Locators may overlap each other. */
    if (image_space_claim_free (i->space, r->offset, r->count) == -1)
      return image_no_memory (i, err);
  }
  return 0;
}

/* What was damaged, from what was not. */
static int
mend (struct image *i, const struct opening *o, int *err)
{
  struct vhd1 *v = to_vhd1 (i);
  const struct vhd1_footers *f = &o->footers;
  const uint64_t used = image_space_used_end (i->space);

  if (o->has_end &&
      (f->head_status != VHD_OK || !vhd_footer_equal (&f->head, &f->end))) {
    log_debug ("%s: the copy of the footer is written again", i->name);
    if (vhd1_write_head (i, err) == -1)
      return -1;
  }
  if (!o->has_end)
    log_debug ("%s: the footer is written again", i->name);
  else if (vhd1_footer_fits (v, used))
    return 0;
  else
    log_debug ("%s: the end of the file moves from %" PRIu64 " to %" PRIu64,
               i->name, store_size (i->inner), used + VHD_FOOTER_SIZE);
  return vhd1_move_end (i, used, err);
}

static int
prepare_writing (struct image *i, const struct opening *o, int *err)
{
  if (claim_structures (i, err) == -1 || image_claim_blocks (i, err) == -1 ||
      vhd1_claim_hidden (i, err) == -1 || mend (i, o, err) == -1)
    return -1;
  image_space_set_end (i->space,
                       ROUND_DOWN (to_vhd1 (i)->footer_at, VHD_SECTOR_SIZE));
  return 0;
}

/* As image_vhd1_open; the caller frees V if it fails. */
static struct image *
open_with (struct opening *o)
{
  struct image *i;
  int err;

  if (examine (o) == -1)
    return NULL;
  i = make_image (o);
  if (i == NULL || o->read_only || prepare_writing (i, o, &err) == 0)
    return i;
  image_abandon (i);
  o->v = NULL;
  errno = err;
  return NULL;
}

struct image *
image_vhd1_open (struct store *inner, const struct image_open_options *options)
{
  struct opening o = {
    .inner = inner,
    .name = options->name,
    .read_only = options->read_only || inner->info.read_only,
    .rule = options->size_rule,
    .v = calloc (1, sizeof *o.v),
  };
  struct image *i;
  int saved;

  if (o.v == NULL) {
    log_error ("%s: %m", o.name);
    return NULL;
  }
  i = open_with (&o);
  saved = errno;
  if (i == NULL)
    free (o.v);
  errno = saved;
  return i;
}
