/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Making a VHD, as Windows lays it out: the header, the locator of the
 * absolute path, the BAT, the other locators, and the footer where the
 * first block's bitmap will be, its data being aligned.  What says that
 * the file is a VHD, the two copies of the footer, comes last.
 */

#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/align.h"
#include "base/checked.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "image/vhd1/vhd1-impl.h"
#include "store/store-vhd1.h"
#include "vhd/vhd-locator.h"
#include "vhd/vhd-size.h"

#define CHUNK (64 * 1024)

/* Of how large the bitmap of a smaller block is, programs think in more
 * than one way.
 */
#define MIN_BLOCK_SIZE 4096

/* 32 GiB of the smallest blocks, or 2 TiB of 256 KiB. */
#define MAX_ENTRIES (UINT32_C (8) << 20)

/* What Windows leaves for the relative path to grow. */
#define RELATIVE_SPACE 65536

struct making {
  struct store *inner;
  const struct image_create_options *o;
  struct vhd1 v;
  unsigned nlocators;
  struct {
    void *content;
    size_t count;
  } locator[VHD_LOCATORS];
  uint64_t end; /* of what was laid out */
};

static int
refuse (const struct making *m, const char *why)
{
  log_error ("%s: cannot be created: %s", m->o->name, why);
  errno = EINVAL;
  return -1;
}

static int
no_memory (const struct making *m)
{
  errno = ENOMEM;
  log_error ("%s: %m", m->o->name);
  return -1;
}

/* ------------------------------------------------------------------ */
/* Locators */

/* Room for COUNT bytes of content, SPACE if it is more. */
static int
add_locator (struct making *m, enum vhd_platform platform, const void *content,
             size_t count, uint32_t space)
{
  struct vhd_locator *l = &m->v.header.locator[m->nlocators];
  void *copy = malloc (count);

  if (copy == NULL)
    return no_memory (m);
  memcpy (copy, content, count);
  m->locator[m->nlocators].content = copy;
  m->locator[m->nlocators].count = count;
  m->nlocators++;
  memcpy (l->platform, vhd_platform_code (platform), sizeof l->platform);
  l->space = (uint32_t) max_u64 (space, ROUND_UP (count, VHD1_ALIGN));
  l->length = (uint32_t) count;
  l->offset = ROUND_UP (m->end, VHD1_ALIGN);
  m->end = l->offset + l->space;
  return 0;
}

/* PATH, with slashes. */
static int
add_path (struct making *m, enum vhd_platform platform, const char *path,
          uint32_t space)
{
  CLEANUP_FREE void *content = NULL;
  size_t count;
  int err;

  if (vhd1_locator_make (platform, path, m->o->name, &content, &count, &err) ==
      -1) {
    errno = err;
    return -1;
  }
  return add_locator (m, platform, content, count, space);
}

/* The absolute path comes before the BAT, the others behind it. */
static int
lay_out_parent (struct making *m)
{
  const struct image_create_parent *p = m->o->parent;

  if (vhd1_is_for_windows (p->absolute) &&
      add_path (m, VHD_PLATFORM_W2KU, p->absolute, VHD1_ALIGN) == -1)
    return -1;
  m->v.header.bat_offset = ROUND_UP (m->end, VHD1_ALIGN);
  m->end = m->v.header.bat_offset + vhd_bat_size (m->v.header.nentries);
  if (vhd1_is_for_windows (p->relative) &&
      add_path (m, VHD_PLATFORM_W2RU, p->relative, RELATIVE_SPACE) == -1)
    return -1;
  return add_path (m, VHD_PLATFORM_MACX,
                   p->absolute != NULL ? p->absolute : p->relative, 0);
}

static int
set_parent (struct making *m)
{
  int err;

  if (vhd1_parent_put (m->o->parent, m->o->name, &m->v.header, &err) == -1) {
    errno = err;
    return -1;
  }
  return lay_out_parent (m);
}

/* ------------------------------------------------------------------ */
/* What is made */

static int
check (const struct making *m)
{
  const struct image_create_options *o = m->o;
  const uint64_t block_size =
    o->block_size != 0 ? o->block_size : VHD_BLOCK_SIZE_DEFAULT;

  if (o->size == 0 || !IS_ALIGNED (o->size, VHD_SECTOR_SIZE))
    return refuse (m, "the size must be a multiple of 512 bytes");
  if (o->size > VHD_MAX_SIZE)
    return refuse (m, "a VHD has at most 2040 GiB");
  if (!is_power_of_2 (block_size) || block_size < MIN_BLOCK_SIZE ||
      block_size > VHD_BLOCK_SIZE_MAX)
    return refuse (m, "the block size must be a power of two from 4 KiB "
                      "to 256 MiB");
  if (o->size / block_size >= MAX_ENTRIES)
    return refuse (m, "the block size is too small for the disk");
  if (o->sector_size != 0 && o->sector_size != VHD_SECTOR_SIZE)
    return refuse (m, "sectors of a VHD have 512 bytes");
  if ((o->type == IMAGE_DIFFERENCING) != (o->parent != NULL))
    return refuse (m, "a differencing VHD, and no other, has a parent");
  return 0;
}

static int
lay_out (struct making *m)
{
  const struct image_create_options *o = m->o;
  const bool child = o->type == IMAGE_DIFFERENCING;
  struct uuid id;

  if (uuid_random (&id) == -1) {
    log_error ("%s: random numbers: %m", o->name);
    return -1;
  }
  m->v.footer =
    vhd_footer_new (child ? VHD_TYPE_DIFFERENCING : VHD_TYPE_DYNAMIC, o->size,
                    time (NULL), &id);
  m->end = VHD_FOOTER_SIZE + VHD_HEADER_SIZE;
  m->v.header = vhd_header_new (o->size,
                                o->block_size != 0 ? (uint32_t) o->block_size :
                                                     VHD_BLOCK_SIZE_DEFAULT,
                                m->end);
  if (child)
    return set_parent (m);
  m->end += vhd_bat_size (m->v.header.nentries);
  return 0;
}

/* ------------------------------------------------------------------ */
/* Writing */

static int
write_at (const struct making *m, const void *bytes, size_t count,
          uint64_t offset, int *err)
{
  return store_write (m->inner, bytes, count, offset, 0, err);
}

static int
write_bat (const struct making *m, int *err)
{
  const uint64_t start = m->v.header.bat_offset;
  const uint64_t end = start + vhd_bat_size (m->v.header.nentries);
  CLEANUP_FREE uint8_t *unused = malloc (CHUNK);

  if (unused == NULL) {
    *err = ENOMEM;
    return -1;
  }
  memset (unused, 0xff, CHUNK);
  for (uint64_t at = start; at < end; at += CHUNK) {
    if (write_at (m, unused, min_u64 (CHUNK, end - at), at, err) == -1)
      return -1;
  }
  return 0;
}

/* Whole sectors, as the store may want. */
static int
write_locator (const struct making *m, unsigned k, int *err)
{
  const size_t count = m->locator[k].count;
  const size_t rounded = ROUND_UP (count, VHD_SECTOR_SIZE);
  CLEANUP_FREE uint8_t *bytes = calloc (1, rounded);

  if (bytes == NULL) {
    *err = ENOMEM;
    return -1;
  }
  memcpy (bytes, m->locator[k].content, count);
  return write_at (m, bytes, rounded, m->v.header.locator[k].offset, err);
}

static int
write_body (const struct making *m, int *err)
{
  uint8_t header[VHD_HEADER_SIZE];

  vhd_header_serialise (&m->v.header, header);
  if (write_at (m, header, sizeof header, VHD_FOOTER_SIZE, err) == -1 ||
      write_bat (m, err) == -1)
    return -1;
  for (unsigned k = 0; k < m->nlocators; k++) {
    if (write_locator (m, k, err) == -1)
      return -1;
  }
  return store_flush (m->inner, err);
}

static int
write_all (const struct making *m, int *err)
{
  const uint64_t at = ROUND_UP (m->end, VHD_SECTOR_SIZE);
  uint8_t footer[VHD_FOOTER_SIZE];

  vhd_footer_serialise (&m->v.footer, footer);
  if (store_resize (m->inner, at + VHD_FOOTER_SIZE, err) == -1 ||
      write_body (m, err) == -1 ||
      write_at (m, footer, sizeof footer, 0, err) == -1 ||
      store_flush (m->inner, err) == -1 ||
      write_at (m, footer, sizeof footer, at, err) == -1)
    return -1;
  return store_flush (m->inner, err);
}

static int
make (struct making *m)
{
  int r, err;

  r = lay_out (m);
  if (r == 0 && write_all (m, &err) == -1) {
    errno = err;
    log_error ("%s: creating the VHD: %m", m->o->name);
    r = -1;
  }
  for (unsigned k = 0; k < m->nlocators; k++)
    free (m->locator[k].content);
  return r;
}

static int
make_fixed (struct making *m)
{
  int err;

  if (store_resize (m->inner, m->o->size + VHD_FOOTER_SIZE, &err) == 0)
    return store_vhd1_format (m->inner, m->o->name);
  errno = err;
  log_error ("%s: creating the VHD: %m", m->o->name);
  return -1;
}

int
image_vhd1_format (struct store *inner, const struct image_create_options *o)
{
  struct making m = { .inner = inner, .o = o };

  if (check (&m) == -1)
    return -1;
  return o->type == IMAGE_FIXED ? make_fixed (&m) : make (&m);
}
