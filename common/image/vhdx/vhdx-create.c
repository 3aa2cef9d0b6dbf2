/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Making a VHDX.  The layout is that of Windows, but for the BAT region,
 * which has room for a disk that is twice as large, so that it can grow.
 * It is a hole in the file.
 *
 * Blocks have 2 MiB unless told otherwise: the 32 MiB that Windows takes
 * for dynamic disks make a file of a Linux guest, which writes here and
 * there, several times as large as its content; 1 MiB makes the tables
 * larger than they need be.  Fixed disks have 32 MiB, as nothing depends
 * on it there but the length of the BAT.
 *
 * The identifier is written when all the rest is durable, so a file that
 * was not finished is no VHDX.
 */

#include <config.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/align.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "image/vhdx/image-vhdx.h"
#include "image/vhdx/vhdx-impl.h"
#include "vhdx/vhdx-guid.h"
#include "vhdx/vhdx-layout.h"
#include "vhdx/vhdx-locator.h"

#define BLOCK_SIZE (2u << 20)
#define BLOCK_SIZE_FIXED (32u << 20)
#define CREATOR "diskstack"
#define BAT_PIECE (64u << 10)

struct making {
  struct store *inner;
  const struct image_create_options *o;
  struct vhdx_metadata metadata;
  struct vhdx_layout layout;
  uint64_t size; /* of the file */
  uint8_t *locator;
  size_t locator_length;
};

/* All that follow return 0, or -1 with errno after log_error. */

static int
refuse (const struct making *m, const char *why)
{
  log_error ("%s: %s", m->o->name, why);
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

static int
write_at (const struct making *m, const void *buf, size_t count,
          uint64_t offset, const char *what)
{
  int err;

  if (store_write (m->inner, buf, count, offset, 0, &err) == 0)
    return 0;
  errno = err;
  log_error ("%s: writing %s: %m", m->o->name, what);
  return -1;
}

static int
flush (const struct making *m)
{
  int err;

  if (store_flush (m->inner, &err) == 0)
    return 0;
  errno = err;
  log_error ("%s: flushing: %m", m->o->name);
  return -1;
}

static int
new_guid (const struct making *m, struct uuid *u)
{
  int err;

  if (image_vhdx_new_guid (u, m->o->name, &err) == 0)
    return 0;
  errno = err;
  return -1;
}

/* ------------------------------------------------------------------ */
/* What it is to be */

static int
choose_metadata (struct making *m)
{
  const struct image_create_options *o = m->o;
  struct vhdx_metadata *d = &m->metadata;
  const bool fixed = o->type == IMAGE_FIXED;
  const uint64_t block_size = o->block_size ? o->block_size :
                              fixed         ? BLOCK_SIZE_FIXED :
                                              BLOCK_SIZE;

  if (block_size > VHDX_BLOCK_SIZE_MAX)
    return refuse (m, "blocks of a VHDX have at most 256 MiB");
  d->block_size = (uint32_t) block_size;
  d->size = o->size;
  d->sector_size = o->sector_size ? o->sector_size : 512;
  d->physical_sector_size =
    o->physical_sector_size ? o->physical_sector_size : 4096;
  d->keeps_blocks = fixed;
  d->has_parent = o->type == IMAGE_DIFFERENCING;
  if (d->has_parent != (o->parent != NULL))
    return refuse (m, d->has_parent ? "a differencing disk needs a parent" :
                                      "only a differencing disk has a parent");
  if (d->has_parent && o->parent->has_id) {
    d->id = o->parent->id;
    return 0;
  }
  return new_guid (m, &d->id);
}

/* Make the BAT region large enough for twice the disk. */
static void
make_room (struct making *m)
{
  const struct vhdx_metadata *d = &m->metadata;
  const struct vhdx_bat twice =
    vhdx_bat_of (min_u64 (2 * d->size, VHDX_DISK_SIZE_MAX), d->block_size,
                 d->sector_size, d->has_parent);
  struct vhdx_layout *l = &m->layout;

  l->bat.length =
    (uint32_t) ROUND_UP (twice.nentries * sizeof (le64), VHDX_MIB);
  l->data_offset = l->bat.offset + l->bat.length;
}

static int
choose_layout (struct making *m)
{
  const enum vhdx_status status = vhdx_layout_of (&m->metadata, &m->layout);

  if (status != VHDX_OK) {
    log_error ("%s: cannot be made: it %s (disk of %llu bytes, blocks of %u, "
               "sectors of %u and %u)",
               m->o->name, vhdx_status_string (status),
               (unsigned long long) m->metadata.size, m->metadata.block_size,
               m->metadata.sector_size, m->metadata.physical_sector_size);
    errno = EINVAL;
    return -1;
  }
  make_room (m);
  m->size = m->layout.data_offset;
  if (m->metadata.keeps_blocks)
    m->size += m->layout.geometry.nblocks * m->metadata.block_size;
  return 0;
}

/* ------------------------------------------------------------------ */
/* The way to the parent */

char *
image_vhdx_windows_relative (const char *path)
{
  const bool dotted =
    strncmp (path, "./", 2) == 0 || strncmp (path, "../", 3) == 0;
  char *p = malloc (strlen (path) + 3);

  if (p == NULL)
    return NULL;
  strcpy (p, dotted ? "" : ".\\");
  strcat (p, path);
  for (char *c = p; *c != '\0'; c++)
    if (*c == '/')
      *c = '\\';
  return p;
}

static int
make_locator (struct making *m)
{
  const struct image_create_parent *parent = m->o->parent;
  char linkage[VHDX_GUID_STRLEN + 1], nil[VHDX_GUID_STRLEN + 1];
  CLEANUP_FREE char *relative = NULL;
  struct vhdx_locator_pair pairs[4] = { { VHDX_KEY_LINKAGE, linkage },
                                        { VHDX_KEY_LINKAGE2, nil } };
  enum vhdx_status status;
  unsigned n = 2;

  vhdx_guid_format (&parent->link_id, linkage);
  vhdx_guid_format (&(struct uuid){ { 0 } }, nil);
  if (parent->relative != NULL) {
    relative = image_vhdx_windows_relative (parent->relative);
    if (relative == NULL)
      return no_memory (m);
    pairs[n++] = (struct vhdx_locator_pair){ VHDX_KEY_RELATIVE, relative };
  }
  if (parent->absolute != NULL)
    pairs[n++] =
      (struct vhdx_locator_pair){ VHDX_KEY_ABSOLUTE, parent->absolute };
  m->locator = malloc (VHDX_LOCATOR_NEW_MAX);
  if (m->locator == NULL)
    return no_memory (m);
  status = vhdx_locator_serialise (pairs, n, m->locator, VHDX_LOCATOR_NEW_MAX,
                                   &m->locator_length);
  return status == VHDX_OK ? 0 : refuse (m, vhdx_status_string (status));
}

/* ------------------------------------------------------------------ */
/* Writing it */

static int
write_regions (const struct making *m)
{
  CLEANUP_FREE uint8_t *table = malloc (VHDX_REGION_SIZE);

  if (table == NULL)
    return no_memory (m);
  vhdx_layout_regions (&m->layout, table);
  if (write_at (m, table, VHDX_REGION_SIZE, VHDX_REGION_OFFSET (0),
                "a region table") == -1)
    return -1;
  return write_at (m, table, VHDX_REGION_SIZE, VHDX_REGION_OFFSET (1),
                   "a region table");
}

static int
write_metadata (const struct making *m)
{
  CLEANUP_FREE uint8_t *buf = malloc (VHDX_METADATA_NEW_SIZE);

  if (buf == NULL)
    return no_memory (m);
  vhdx_metadata_serialise (&m->metadata, m->locator,
                           (uint32_t) m->locator_length, buf);
  return write_at (m, buf, VHDX_METADATA_NEW_SIZE, m->layout.metadata.offset,
                   "metadata");
}

/* The entry at INDEX of a disk whose blocks are one behind the other. */
static uint64_t
fixed_entry (const struct making *m, uint64_t index)
{
  const struct vhdx_bat *b = &m->layout.geometry;
  const uint64_t block = index - index / (b->chunk_ratio + 1);

  if (vhdx_bat_is_bitmap (b, index) || block >= b->nblocks)
    return 0;
  return vhdx_entry_encode (VHDX_BLOCK_FULLY_PRESENT,
                            m->layout.data_offset + block * b->block_size);
}

static int
write_bat (const struct making *m)
{
  const uint64_t n = m->layout.geometry.nentries;
  const uint64_t at_once = BAT_PIECE / sizeof (le64);
  CLEANUP_FREE le64 *entries = malloc (BAT_PIECE);

  if (entries == NULL)
    return no_memory (m);
  for (uint64_t index = 0; index < n; index += at_once) {
    for (uint64_t k = 0; k < at_once; k++)
      entries[k] = le64_put (fixed_entry (m, index + k));
    if (write_at (m, entries, BAT_PIECE,
                  m->layout.bat.offset + index * sizeof *entries,
                  "the BAT") == -1)
      return -1;
  }
  return 0;
}

static int
write_headers (const struct making *m)
{
  struct uuid file_write_id, data_write_id;

  if (new_guid (m, &file_write_id) == -1 || new_guid (m, &data_write_id) == -1)
    return -1;
  for (unsigned k = 0; k < 2; k++) {
    const struct vhdx_header h =
      vhdx_layout_header (&m->layout, k + 1, &file_write_id, &data_write_id);
    uint8_t bytes[VHDX_HEADER_SIZE];

    vhdx_header_serialise (&h, bytes);
    if (write_at (m, bytes, sizeof bytes, VHDX_HEADER_OFFSET (k), "a header") ==
        -1)
      return -1;
  }
  return 0;
}

static int
write_identifier (const struct making *m)
{
  CLEANUP_FREE uint8_t *bytes = malloc (VHDX_IDENTIFIER_SIZE);

  if (bytes == NULL)
    return no_memory (m);
  vhdx_identifier_serialise (CREATOR, bytes);
  return write_at (m, bytes, VHDX_IDENTIFIER_SIZE, VHDX_IDENTIFIER_OFFSET,
                   "the identifier");
}

static int
write_all (const struct making *m)
{
  int err;

  if (store_size (m->inner) != 0)
    return refuse (m, "is not empty");
  if (store_resize (m->inner, m->size, &err) == -1) {
    errno = err;
    log_error ("%s: making it %llu bytes long: %m", m->o->name,
               (unsigned long long) m->size);
    return -1;
  }
  if (write_regions (m) == -1 || write_metadata (m) == -1 ||
      (m->metadata.keeps_blocks && write_bat (m) == -1) ||
      write_headers (m) == -1 || flush (m) == -1 || write_identifier (m) == -1)
    return -1;
  return flush (m);
}

int
image_vhdx_format (struct store *inner, const struct image_create_options *o)
{
  struct making m = { .inner = inner, .o = o };
  int r = -1, saved;

  if (choose_metadata (&m) == 0 && choose_layout (&m) == 0 &&
      (!m.metadata.has_parent || make_locator (&m) == 0))
    r = write_all (&m);
  saved = errno;
  free (m.locator);
  errno = saved;
  return r;
}
