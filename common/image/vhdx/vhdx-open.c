/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Opening a VHDX: headers, the log, region tables, metadata, the place of
 * the BAT, the way to the parent; and then, for writing, what is in use.
 *
 * Nothing is changed in the file before all that is before it was found
 * sound: the log is applied once the headers are, everything else is
 * mended at the end.
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
#include "store/store-overlay.h"
#include "vhdx/vhdx-guid.h"
#include "vhdx/vhdx-locator.h"

/* 8 MiB, which any disk of 1 TiB has at most. */
#define SOON_ENTRIES (1u << 20)

struct opening {
  struct store *inner; /* as it was given */
  bool read_only;
  struct image_vhdx *v;
  struct vhdx_region_copies copies;
  struct image_parent parent;
};

void
image_vhdx_free (struct image_vhdx *v)
{
  if (v == NULL)
    return;
  for (unsigned k = 0; k < VHDX_CHUNK_LOCKS; k++)
    pthread_mutex_destroy (&v->chunk_lock[k]);
  pthread_mutex_destroy (&v->header_lock);
  free (v->region_table);
  free (v);
}

static struct image_vhdx *
create_own (struct store *inner, char *name)
{
  struct image_vhdx *v = calloc (1, sizeof *v);

  if (v == NULL)
    return NULL;
  v->inner = inner;
  v->name = name;
  pthread_mutex_init (&v->header_lock, NULL);
  for (unsigned k = 0; k < VHDX_CHUNK_LOCKS; k++)
    pthread_mutex_init (&v->chunk_lock[k], NULL);
  return v;
}

/* All that follow return 0, or -1 with errno after log_error. */

static int
read_bytes (const struct image_vhdx *v, void *buf, size_t count,
            uint64_t offset, const char *what)
{
  int err;

  if (store_read (v->inner, buf, count, offset, &err) == 0)
    return 0;
  errno = err;
  log_error ("%s: reading %s at %llu: %m", v->name, what,
             (unsigned long long) offset);
  return -1;
}

static int
refuse (const struct image_vhdx *v, enum vhdx_status status)
{
  log_error ("%s: %s", v->name, vhdx_status_string (status));
  errno = status == VHDX_NO_MEMORY ? ENOMEM : EINVAL;
  return -1;
}

static int
no_memory (const struct image_vhdx *v)
{
  return refuse (v, VHDX_NO_MEMORY);
}

/* ------------------------------------------------------------------ */
/* The header, and the log */

/* With what was wrong with each of the two, if it was both. */
static int
refuse_headers (const struct image_vhdx *v, const struct vhdx_headers *h)
{
  log_error ("%s: %s: the first %s, the second %s", v->name,
             vhdx_status_string (VHDX_HEADERS_BAD),
             vhdx_status_string (h->status[0]),
             vhdx_status_string (h->status[1]));
  errno = EINVAL;
  return -1;
}

static int
choose_header (struct opening *op, const void *first, const void *second)
{
  struct image_vhdx *v = op->v;
  struct vhdx_headers h;
  enum vhdx_status status = vhdx_headers_parse (first, second, &h);

  if (status == VHDX_HEADERS_BAD)
    return refuse_headers (v, &h);
  v->current = h.current;
  v->header = h.header[h.current];
  status = vhdx_header_check (&v->header, store_size (v->inner));
  if (status != VHDX_OK) {
    log_error ("%s: %s (version %u, log: version %u, %u bytes at %llu)",
               v->name, vhdx_status_string (status), v->header.version,
               v->header.log_version, v->header.log_length,
               (unsigned long long) v->header.log_offset);
    errno = EINVAL;
    return -1;
  }
  if (h.ambiguous && !op->read_only) {
    log_error ("%s: has two headers with the number %llu that differ: it can "
               "only be read",
               v->name, (unsigned long long) v->header.sequence);
    errno = EINVAL;
    return -1;
  }
  if (h.ambiguous)
    log_debug ("%s: has two headers with the number %llu that differ: the "
               "first one is taken",
               v->name, (unsigned long long) v->header.sequence);
  return 0;
}

static int
read_headers (struct opening *op)
{
  const struct image_vhdx *v = op->v;
  CLEANUP_FREE uint8_t *buf = malloc (2 * VHDX_HEADER_SIZE);
  enum vhdx_status status;

  if (buf == NULL)
    return no_memory (v);
  if (store_size (v->inner) < VHDX_HEADER_AREA)
    return refuse (v, VHDX_TOO_SHORT);
  if (read_bytes (v, buf, IMAGE_PAGE, VHDX_IDENTIFIER_OFFSET,
                  "the identifier") == -1)
    return -1;
  status = vhdx_identifier_parse (buf);
  if (status != VHDX_OK)
    return refuse (v, status);
  if (read_bytes (v, buf, VHDX_HEADER_SIZE, VHDX_HEADER_OFFSET (0),
                  "a header") == -1 ||
      read_bytes (v, buf + VHDX_HEADER_SIZE, VHDX_HEADER_SIZE,
                  VHDX_HEADER_OFFSET (1), "a header") == -1)
    return -1;
  return choose_header (op, buf, buf + VHDX_HEADER_SIZE);
}

/* The file as if it had whole MiB. */
static int
round_up (struct opening *op)
{
  struct image_vhdx *v = op->v;
  const uint64_t size = ROUND_UP (store_size (v->inner), VHDX_MIB);
  struct store *overlay;
  int err;

  if (size == store_size (v->inner))
    return 0;
  if (!op->read_only) {
    if (store_resize (v->inner, size, &err) == 0 || err == EOPNOTSUPP)
      return 0;
    errno = err;
    log_error ("%s: making it %llu bytes long: %m", v->name,
               (unsigned long long) size);
    return -1;
  }
  overlay = store_overlay_create (v->inner);
  if (overlay == NULL)
    return no_memory (v);
  if (store_overlay_seal (overlay, size, &err) == -1) {
    store_overlay_dissolve (overlay);
    return no_memory (v);
  }
  v->inner = overlay;
  return 0;
}

static int
recover (struct opening *op)
{
  struct image_vhdx *v = op->v;

  if (!op->read_only && v->header.log_length == 0) {
    log_error ("%s: has no log: it can only be read", v->name);
    errno = EOPNOTSUPP;
    return -1;
  }
  if (!uuid_is_nil (&v->header.log_id) &&
      image_vhdx_replay (v, op->read_only) == -1)
    return -1;
  return round_up (op);
}

/* ------------------------------------------------------------------ */
/* Regions */

static int
refuse_region (const struct image_vhdx *v, enum vhdx_status status)
{
  const struct vhdx_region *bad = &v->regions.bad;
  char id[VHDX_GUID_STRLEN + 1];

  if (uuid_is_nil (&bad->id) && bad->offset == 0)
    return refuse (v, status);
  vhdx_guid_format (&bad->id, id);
  log_error ("%s: %s (region %s, %u bytes at %llu)", v->name,
             vhdx_status_string (status), id, bad->length,
             (unsigned long long) bad->offset);
  errno = EINVAL;
  return -1;
}

static int
read_regions (struct opening *op)
{
  struct image_vhdx *v = op->v;
  CLEANUP_FREE uint8_t *second = malloc (VHDX_REGION_SIZE);
  enum vhdx_status status;

  v->region_table = malloc (VHDX_REGION_SIZE);
  if (v->region_table == NULL || second == NULL)
    return no_memory (v);
  if (read_bytes (v, v->region_table, VHDX_REGION_SIZE, VHDX_REGION_OFFSET (0),
                  "a region table") == -1 ||
      read_bytes (v, second, VHDX_REGION_SIZE, VHDX_REGION_OFFSET (1),
                  "a region table") == -1)
    return -1;
  status = vhdx_region_choose (v->region_table, second, &op->copies);
  if (status != VHDX_OK) {
    log_error ("%s: %s: the first %s, the second %s", v->name,
               vhdx_status_string (status),
               vhdx_status_string (op->copies.status[0]),
               vhdx_status_string (op->copies.status[1]));
    errno = EINVAL;
    return -1;
  }
  if (op->copies.current == 1)
    memcpy (v->region_table, second, VHDX_REGION_SIZE);
  if (op->copies.differ)
    log_debug ("%s: its region tables differ: number %u is taken", v->name,
               op->copies.current + 1);
  status = vhdx_region_parse (v->region_table, &v->header,
                              store_size (v->inner), &v->regions);
  return status == VHDX_OK ? 0 : refuse_region (v, status);
}

/* There is no log now, and if this does not come to its end, the copy is
 * as bad as it was and the other one as good.
 */
static int
mend_regions (struct opening *op)
{
  struct image_vhdx *v = op->v;
  int err;

  if (!op->copies.differ)
    return 0;
  if (image_vhdx_renew (v, false, &err) == -1) {
    errno = err;
    return -1;
  }
  if (store_write (v->inner, v->region_table, VHDX_REGION_SIZE,
                   VHDX_REGION_OFFSET (1 - op->copies.current), 0,
                   &err) == -1 ||
      store_flush (v->inner, &err) == -1) {
    errno = err;
    log_error ("%s: replacing a bad region table: %m", v->name);
    return -1;
  }
  return 0;
}

/* ------------------------------------------------------------------ */
/* Metadata */

/* COUNT bytes at any OFFSET of the region, in memory of their own. */
static uint8_t *
read_item (const struct image_vhdx *v, uint32_t count, uint32_t offset)
{
  const uint64_t at = v->regions.metadata.offset + offset;
  const uint64_t start = ROUND_DOWN (at, IMAGE_PAGE);
  const uint64_t end = ROUND_UP (at + count, IMAGE_PAGE);
  uint8_t *buf = malloc (end - start);

  if (buf == NULL) {
    no_memory (v);
    return NULL;
  }
  if (read_bytes (v, buf, end - start, start, "a metadata item") == -1) {
    free (buf);
    return NULL;
  }
  memmove (buf, buf + (at - start), count);
  return buf;
}

static int
refuse_table (const struct image_vhdx *v, enum vhdx_status status)
{
  const struct vhdx_metadata_entry *bad = &v->metadata.bad;
  char id[VHDX_GUID_STRLEN + 1];

  if (uuid_is_nil (&bad->id))
    return refuse (v, status);
  vhdx_guid_format (&bad->id, id);
  log_error ("%s: %s (item %s, %u bytes at %u)", v->name,
             vhdx_status_string (status), id, bad->length, bad->offset);
  errno = EINVAL;
  return -1;
}

static int
read_table (struct image_vhdx *v)
{
  CLEANUP_FREE uint8_t *table = malloc (VHDX_METADATA_TABLE_SIZE);
  enum vhdx_status status;

  if (table == NULL)
    return no_memory (v);
  if (read_bytes (v, table, VHDX_METADATA_TABLE_SIZE,
                  v->regions.metadata.offset, "the metadata table") == -1)
    return -1;
  status =
    vhdx_metadata_parse (table, v->regions.metadata.length, &v->metadata);
  return status == VHDX_OK ? 0 : refuse_table (v, status);
}

static int
read_metadata (struct opening *op)
{
  struct image_vhdx *v = op->v;
  struct vhdx_metadata *m = &v->metadata;
  enum vhdx_status status;

  if (read_table (v) == -1)
    return -1;
  for (enum vhdx_item item = 0; item < VHDX_ITEM_PARENT_LOCATOR; item++) {
    CLEANUP_FREE uint8_t *value = NULL;

    if (!m->item[item].exists)
      continue;
    value = read_item (v, m->item[item].length, m->item[item].offset);
    if (value == NULL)
      return -1;
    status = vhdx_metadata_item (item, value, m);
    if (status != VHDX_OK)
      return refuse (v, status);
  }
  status = vhdx_metadata_check (m);
  if (status != VHDX_OK)
    return refuse (v, status);
  v->bat = vhdx_bat_of (m->size, m->block_size, m->sector_size, m->has_parent);
  status = vhdx_bat_check (&v->bat, v->regions.bat.length);
  if (status == VHDX_OK)
    return 0;
  log_error ("%s: %s: %u bytes for %llu in blocks of %u", v->name,
             vhdx_status_string (status), v->regions.bat.length,
             (unsigned long long) m->size, m->block_size);
  errno = EINVAL;
  return -1;
}

/* ------------------------------------------------------------------ */
/* The parent */

static int
add_path (struct image_parent *p, enum image_path_kind kind, const char *path)
{
  if (path == NULL)
    return 0;
  p->path[p->npaths].kind = kind;
  p->path[p->npaths].path = strdup (path);
  return p->path[p->npaths++].path != NULL ? 0 : -1;
}

void
image_vhdx_parent_free (struct image_parent *p)
{
  for (unsigned k = 0; k < p->npaths; k++)
    free (p->path[k].path);
  free (p->path);
  *p = (struct image_parent){ .exists = false };
}

int
image_vhdx_parent_of (const struct vhdx_locator *l, struct image_parent *p)
{
  *p = (struct image_parent){
    .exists = true,
    .id = l->linkage,
    .has_other_id = l->has_linkage2,
    .other_id = l->linkage2,
    .path = calloc (3, sizeof *p->path),
  };
  if (p->path == NULL || add_path (p, IMAGE_PATH_RELATIVE, l->relative) == -1 ||
      add_path (p, IMAGE_PATH_VOLUME, l->volume) == -1 ||
      add_path (p, IMAGE_PATH_ABSOLUTE, l->absolute) == -1)
    return -1;
  return 0;
}

static int
read_parent (struct opening *op)
{
  const struct image_vhdx *v = op->v;
  const struct vhdx_item_place *place =
    &v->metadata.item[VHDX_ITEM_PARENT_LOCATOR];
  CLEANUP_FREE uint8_t *item = NULL;
  struct vhdx_locator *l;
  enum vhdx_status status;
  int r;

  if (!v->metadata.has_parent)
    return 0;
  item = read_item (v, place->length, place->offset);
  if (item == NULL)
    return -1;
  status = vhdx_locator_parse (item, place->length, &l);
  if (status != VHDX_OK)
    return refuse (v, status);
  r = image_vhdx_parent_of (l, &op->parent) == 0 ? 0 : no_memory (v);
  vhdx_locator_free (l);
  return r;
}

/* ------------------------------------------------------------------ */
/* The image */

static struct image
make_template (const struct opening *op)
{
  struct image_vhdx *v = op->v;
  const struct vhdx_metadata *m = &v->metadata;

  return (struct image){
    .format = &image_vhdx_format_ops,
    .own = v,
    .info = { .format = "vhdx",
              .size = m->size,
              .sector_size = m->sector_size,
              .physical_sector_size =
                (uint32_t) max_u64 (m->sector_size, m->physical_sector_size),
              .block_size = m->block_size,
              .read_only = op->read_only,
              .keeps_blocks = m->keeps_blocks,
              .has_id = !uuid_is_nil (&m->id),
              .id = m->id,
              .own_link_id = v->header.data_write_id,
              .parent = op->parent },
    .name = v->name,
    .inner = v->inner,
    .size = m->size,
    .sector_shift = log2_of (m->sector_size),
    .block_shift = log2_of (m->block_size),
    .nblocks = v->bat.nblocks,
    .bat_offset = v->regions.bat.offset,
    .bat_nentries = v->regions.bat.length / sizeof (uint64_t),
    .bits_page_sectors = VHDX_BITS_PAGE_SECTORS,
    .bits_page_size = IMAGE_PAGE,
    .has_bits = m->has_parent,
  };
}

static int
examine (struct opening *op)
{
  if (read_headers (op) == -1 || recover (op) == -1 ||
      read_regions (op) == -1 || read_metadata (op) == -1)
    return -1;
  return read_parent (op);
}

static struct image *
make_image (struct opening *op)
{
  const struct image tmpl = make_template (op);
  const struct image_space_options space = { .unit = VHDX_MIB,
                                             .limit = VHDX_SPACE_LIMIT,
                                             .end = store_size (op->v->inner),
                                             .step = VHDX_SPACE_STEP };
  struct image *i = image_create (&tmpl, op->read_only ? NULL : &space);

  if (i == NULL)
    no_memory (op->v);
  return i;
}

/* The first change of a writable file that has just been understood.  A
 * table that takes long to read waits until something is written.
 */
static int
take_into_use (struct opening *op, struct image *i)
{
  int err;

  if (op->v->bat.nentries <= SOON_ENTRIES && image_take_space (i, &err) == -1) {
    errno = err;
    return -1;
  }
  return mend_regions (op);
}

static void
abandon (struct opening *op)
{
  const int saved = errno;

  image_vhdx_parent_free (&op->parent);
  if (op->v != NULL) {
    if (op->v->inner != op->inner) {
      /* Overlays over what was given; it may be more than one. */
      struct store *s = op->v->inner;

      while (s != op->inner)
        s = store_overlay_dissolve (s);
    }
    free (op->v->name);
  }
  image_vhdx_free (op->v);
  errno = saved;
}

struct image *
image_vhdx_open (struct store *inner, const struct image_open_options *o)
{
  struct opening op = { .inner = inner,
                        .read_only = o->read_only || inner->info.read_only };
  char *name = strdup (o->name);
  struct image *i = NULL;

  op.v = name != NULL ? create_own (inner, name) : NULL;
  if (op.v == NULL) {
    free (name);
    errno = ENOMEM;
    log_error ("%s: %m", o->name);
    return NULL;
  }
  if (examine (&op) == 0)
    i = make_image (&op);
  if (i == NULL) {
    abandon (&op);
    return NULL;
  }
  if (!op.read_only && take_into_use (&op, i) == -1) {
    const int saved = errno;

    image_abandon (i);
    errno = saved;
    return NULL;
  }
  return i;
}
