/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See vhd1-check.h.  Here: footers, the header, the order of it all, and
 * mending.
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
#include "image/vhd1/image-vhd1.h"
#include "image/vhd1/vhd1-check-impl.h"
#include "image/vhd1/vhd1-check.h"
#include "vhd/vhd-geometry.h"

/* ------------------------------------------------------------------ */
/* Footers */

static void
check_copies (struct vhd1_checking *v, bool from_head)
{
  const struct vhd1_footers *f = &v->footers;

  if (from_head)
    image_check_found (&v->k, IMAGE_WARNING, "footer", v->footer_at, true,
                       "the file %s; the copy at its start counts",
                       vhd_status_string (f->end_status));
  else if (v->footer.type == VHD_TYPE_FIXED)
    return;
  else if (f->head_status != VHD_OK)
    image_check_found (&v->k, IMAGE_WARNING, "footer-copy", 0, true,
                       "the copy of the footer at the start of the file is "
                       "damaged or missing");
  else if (!vhd_footer_equal (&f->end, &f->head))
    image_check_found (&v->k, IMAGE_WARNING, "footers-differ", 0, true,
                       "the footer and its copy at the start of the file "
                       "differ; the footer counts");
}

static bool
has_reserved (const struct vhd_footer *f)
{
  for (size_t i = 0; i < sizeof f->reserved; i++)
    if (f->reserved[i] != 0)
      return true;
  return false;
}

/* What is odd about a footer that is sound. */
static void
note_oddities (struct vhd1_checking *v)
{
  const struct vhd_footer *f = &v->footer;
  const struct vhd_geometry g = vhd_geometry_of_size (f->current_size);

  if (f->length != VHD_FOOTER_SIZE)
    image_check_found (&v->k, IMAGE_NOTE, "footer-old", v->footer_at, false,
                       "the footer is an old one, of %u bytes", f->length);
  if (f->stale_checksum)
    image_check_found (&v->k, IMAGE_NOTE, "footer-hidden", v->footer_at, false,
                       "the checksum of the footer is from before Xen's tools "
                       "hid the disk");
  else if (has_reserved (f))
    image_check_found (&v->k, IMAGE_NOTE, "footer-reserved", v->footer_at,
                       false, "reserved bytes of the footer are in use");
  if (f->saved_state)
    image_check_found (&v->k, IMAGE_NOTE, "saved-state", v->footer_at, false,
                       "the disk belongs to a virtual machine that is "
                       "suspended");
  if (uuid_is_nil (&f->id))
    image_check_found (&v->k, IMAGE_NOTE, "no-id", v->footer_at, false,
                       "the disk has no id");
  if (g.cylinders != f->geometry.cylinders || g.heads != f->geometry.heads ||
      g.sectors != f->geometry.sectors)
    image_check_found (&v->k, IMAGE_NOTE, "geometry", v->footer_at, false,
                       "the geometry, %u/%u/%u, is not that of a disk of "
                       "%" PRIu64 " bytes, %u/%u/%u",
                       f->geometry.cylinders, f->geometry.heads,
                       f->geometry.sectors, f->current_size, g.cylinders,
                       g.heads, g.sectors);
}

static int
check_footers (struct vhd1_checking *v, int *err)
{
  const uint64_t file_size = store_size (v->inner);
  const struct vhd_footer *which;
  enum vhd_status status;
  char detail[128];
  bool from_head;

  if (vhd1_footers_read (v->inner, &v->footers, err) == -1) {
    errno = *err;
    log_error ("%s: reading the footer: %m", v->k.name);
    return -1;
  }
  status = vhd1_footers_choose (&v->footers, &which);
  from_head = which == &v->footers.head;
  v->footer = *which;
  v->footer_at = file_size - (from_head ? 0 : which->length);
  if (status != VHD_OK) {
    vhd1_footers_detail (status, which, file_size, detail, sizeof detail);
    image_check_found (&v->k, IMAGE_FATAL, "footer-none", IMAGE_NOWHERE, false,
                       "the file %s%s", vhd_status_string (status), detail);
    return 1;
  }
  check_copies (v, from_head);
  note_oddities (v);
  return 0;
}

static int
check_size (struct vhd1_checking *v, int *err)
{
  const bool fixed = v->footer.type == VHD_TYPE_FIXED;
  const uint64_t file_size = store_size (v->inner);
  enum vhd_status status;

  (void) err;
  status = fixed ? vhd_size_fixed (&v->footer, file_size, v->rule, &v->size) :
                   vhd_size (&v->footer, v->rule, &v->size);
  if (status != VHD_OK) {
    image_check_found (
      &v->k, IMAGE_FATAL, "size", v->footer_at, false,
      "the file %s (%" PRIu64 " bytes in a file of %" PRIu64 ")",
      vhd_status_string (status), v->footer.current_size, file_size);
    return 1;
  }
  v->k.result->size = v->size;
  if (v->size != v->footer.current_size)
    image_check_found (
      &v->k, IMAGE_NOTE, "size-of-geometry", v->footer_at, false,
      "the disk ends with its geometry, at %" PRIu64 " bytes of %" PRIu64,
      v->size, v->footer.current_size);
  if (fixed)
    v->k.result->used = file_size;
  return fixed ? 1 : 0; /* that is all there is */
}

/* ------------------------------------------------------------------ */
/* The header, and where things are */

static int
tell_header (struct vhd1_checking *v, uint64_t offset, enum vhd_status status)
{
  const struct vhd_header *h = &v->header;

  image_check_found (&v->k, IMAGE_FATAL, "header", offset, false,
                     "the file %s (version %#" PRIx32 ", %" PRIu32
                     " blocks of %" PRIu32 " bytes for %" PRIu64
                     ", table at offset %" PRIu64 ")",
                     vhd_status_string (status), h->version, h->nentries,
                     h->block_size, v->size, h->bat_offset);
  return 1;
}

static int
check_header (struct vhd1_checking *v, int *err)
{
  const uint64_t offset = v->footer.data_offset;
  uint8_t bytes[VHD_HEADER_SIZE];
  enum vhd_status status;

  if (!IS_ALIGNED (offset, VHD_SECTOR_SIZE) ||
      !range_inside (offset, sizeof bytes, v->footer_at))
    return tell_header (v, offset, VHD_HEADER_OUTSIDE);
  if (image_check_read (&v->k, v->inner, bytes, sizeof bytes, offset,
                        "the dynamic header", err) == -1)
    return -1;
  status = vhd_header_parse (bytes, &v->header);
  if (status == VHD_OK)
    status = vhd_layout_check (&v->header, v->size, v->footer_at);
  if (status != VHD_OK)
    return tell_header (v, offset, status);
  if (v->header.next != UINT64_MAX)
    image_check_found (&v->k, IMAGE_NOTE, "header-next", offset, false,
                       "the header names a next one, at offset %" PRIu64
                       ", which there is none of",
                       v->header.next);
  v->bitmap_size = vhd_bitmap_size (v->header.block_size);
  v->k.result->nblocks = DIV_ROUND_UP (v->size, v->header.block_size);
  return 0;
}

static int
check_batmap (struct vhd1_checking *v, int *err)
{
  const uint64_t place = vhd_batmap_place (&v->header);
  uint8_t bytes[VHD_BATMAP_SIZE];
  enum vhd_status status;

  if (!vhd_batmap_possible (&v->footer) ||
      !range_inside (place, sizeof bytes, v->footer_at))
    return 0;
  if (image_check_read (&v->k, v->inner, bytes, sizeof bytes, place,
                        "the batmap", err) == -1)
    return -1;
  status = vhd_batmap_parse (bytes, &v->header, v->footer_at, &v->batmap);
  v->has_batmap = status == VHD_OK;
  if (status == VHD_BATMAP_OUTSIDE)
    image_check_found (&v->k, IMAGE_NOTE, "batmap-outside", place, false,
                       "the file %s, so it is not used (%" PRIu64
                       " bytes at offset %" PRIu64 ")",
                       vhd_status_string (status), v->batmap.count,
                       v->batmap.offset);
  return 0;
}

static int
add_layout (struct vhd1_checking *v, int *err)
{
  struct vhd_layout l;

  vhd_layout_make (&v->footer, &v->header, v->has_batmap ? &v->batmap : NULL,
                   &l);
  for (unsigned i = 0; i < l.n; i++)
    if (image_check_add (&v->k, &v->space, l.region[i].name, IMAGE_NOWHERE,
                         l.region[i].offset, l.region[i].count, err) == -1)
      return -1;
  return 0;
}

/* ------------------------------------------------------------------ */
/* All of it */

/* Smaller gaps come from alignment: in front of a bitmap whose data is
 * aligned, or of the first footer that Windows writes.
 */
#define SMALL_GAP_MIN 8192u
#define SMALL_GAP_MAX 65536u

static uint64_t
small_gap (const struct vhd1_checking *v)
{
  const uint64_t block = (uint64_t) v->bitmap_size + v->header.block_size;

  return max_u64 (min_u64 (block, SMALL_GAP_MAX), SMALL_GAP_MIN);
}

static int
check_all (struct vhd1_checking *v, int *err)
{
  int (*const steps[]) (struct vhd1_checking *, int *) = {
    check_footers, check_size,        check_header,   check_batmap,
    add_layout,    vhd1_check_parent, vhd1_check_bat,
  };

  for (size_t i = 0; i < ARRAY_SIZE (steps); i++) {
    const int r = steps[i](v, err);

    if (r != 0)
      return r;
  }
  return image_check_judge (&v->k, &v->space, v->inner, v->footer_at,
                            small_gap (v), err);
}

/* *V is what is known of the file then; its space is freed. */
static int
check (struct vhd1_checking *v, const char *name, const struct image_check *c,
       struct image_check_result *result, int *err)
{
  int r;

  image_check_begin (&v->k, name, c, result);
  r = check_all (v, err);
  image_check_end (&v->k);
  image_check_free (&v->space);
  return r == -1 ? -1 : 0;
}

int
vhd1_check (struct store *inner, const char *name, enum vhd_size_rule rule,
            const struct image_check *c, struct image_check_result *result,
            int *err)
{
  struct vhd1_checking v = { .inner = inner, .rule = rule };

  return check (&v, name, c, result, err);
}

/* ------------------------------------------------------------------ */
/* Mending */

/* Zeroes, which are never wrong. */
static int
clear_batmap (struct vhd1_checking *v, int *err)
{
  const uint64_t place = vhd_batmap_place (&v->header);
  uint8_t bytes[VHD_BATMAP_SIZE];

  v->batmap.checksum = VHD_BATMAP_CHECKSUM_ZEROES;
  vhd_batmap_serialise (&v->batmap, bytes);
  if (store_zero (v->inner, v->batmap.count, v->batmap.offset, 0, err) == 0 &&
      store_write (v->inner, bytes, sizeof bytes, place, 0, err) == 0 &&
      store_flush (v->inner, err) == 0)
    return 0;
  errno = *err;
  log_error ("%s: clearing the batmap: %m", v->k.name);
  return -1;
}

/* The rest is mended by opening it. */
static int
open_and_close (struct vhd1_checking *v, int *err)
{
  const struct image_open_options o = { .name = v->k.name,
                                        .size_rule = v->rule };
  struct image *image = image_vhd1_open (v->inner, &o);

  if (image == NULL) {
    *err = errno;
    return -1;
  }
  image_close (image);
  v->inner = NULL;
  return 0;
}

static int
mend (struct vhd1_checking *v, const char *name, int *err)
{
  struct image_check_worst worst = { .severity = IMAGE_WARNING };
  const struct image_check c = { .found = image_check_note_worst,
                                 .opaque = &worst };
  struct image_check_result result;

  if (check (v, name, &c, &result, err) == -1)
    return -1;
  if (worst.severity > IMAGE_WARNING) {
    log_error ("%s: cannot be mended: %s", name, worst.text);
    *err = EINVAL;
    return -1;
  }
  if (result.repairable == 0)
    return 0;
  if (v->batmap_wrong && clear_batmap (v, err) == -1)
    return -1;
  return open_and_close (v, err);
}

int
vhd1_repair (struct store *inner, const char *name, enum vhd_size_rule rule)
{
  struct vhd1_checking v = { .inner = inner, .rule = rule };
  int err, r = mend (&v, name, &err);

  store_close (v.inner);
  if (r == -1)
    errno = err;
  return r;
}
