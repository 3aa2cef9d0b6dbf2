/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Another parent for a differencing VHDX: another parent locator, which is
 * an item of the metadata, and maybe at another place in the region.  The
 * item and its entry in the table change by one entry of the log, so there
 * is the old one or the new one.
 */

#include <config.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/align.h"
#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "image/vhdx/vhdx-impl.h"
#include "vhdx/vhdx-guid.h"
#include "vhdx/vhdx-locator.h"
#include "vhdx/vhdx-metadata.h"

/* An item is never larger, and starts in the middle of a page. */
#define PAGES_MAX (VHDX_METADATA_ITEM_MAX / IMAGE_PAGE + 2)

struct relinking {
  struct image *i;
  struct image_vhdx *v;
  const struct image_create_parent *parent;
  uint8_t *table; /* of the metadata */
  unsigned index; /* of the locator in it */
  struct vhdx_metadata_entry entry;
  struct vhdx_locator *old;
  struct vhdx_locator_pair *pairs;
  unsigned npairs;
  char linkage[VHDX_GUID_STRLEN + 1], linkage2[VHDX_GUID_STRLEN + 1];
  char *relative;
  uint8_t *item;
  size_t length;
  uint32_t offset; /* of the new item, in the region */
  struct image_page *pages;
  unsigned npages;
};

/* All that follow return 0, or -1 with *err after log_error. */

static int
failed (const struct relinking *r, const char *what, int *err)
{
  errno = *err;
  log_error ("%s: naming another parent: %s: %m", r->i->name, what);
  return -1;
}

static int
failed_status (const struct relinking *r, enum vhdx_status status, int *err)
{
  log_error ("%s: naming another parent: %s", r->i->name,
             vhdx_status_string (status));
  *err = status == VHDX_NO_MEMORY ? ENOMEM : EINVAL;
  return -1;
}

/* ------------------------------------------------------------------ */
/* What there is */

static uint64_t
region (const struct relinking *r)
{
  return r->v->regions.metadata.offset;
}

static int
read_part (struct relinking *r, uint8_t **p, uint32_t offset, uint32_t count,
           int *err)
{
  const uint64_t start = ROUND_DOWN (region (r) + offset, IMAGE_PAGE);
  const uint64_t end = ROUND_UP (region (r) + offset + count, IMAGE_PAGE);

  *p = malloc (end - start);
  if (*p == NULL) {
    *err = ENOMEM;
    return failed (r, "memory", err);
  }
  if (image_inner_read (r->i, *p, end - start, start, "metadata", err) == -1)
    return -1;
  memmove (*p, *p + (region (r) + offset - start), count);
  return 0;
}

static int
find_entry (struct relinking *r, int *err)
{
  if (read_part (r, &r->table, 0, VHDX_METADATA_TABLE_SIZE, err) == -1)
    return -1;
  for (r->index = 0; r->index < r->v->metadata.count; r->index++) {
    r->entry = vhdx_metadata_get (r->table, r->index);
    if (uuid_equal (&r->entry.id, &vhdx_guid_parent_locator) &&
        !(r->entry.flags & VHDX_META_USER))
      return 0;
  }
  return failed_status (r, VHDX_NO_LOCATOR, err);
}

static int
read_old (struct relinking *r, int *err)
{
  CLEANUP_FREE uint8_t *item = NULL;
  enum vhdx_status status;

  if (find_entry (r, err) == -1 ||
      read_part (r, &item, r->entry.offset, r->entry.length, err) == -1)
    return -1;
  status = vhdx_locator_parse (item, r->entry.length, &r->old);
  return status == VHDX_OK ? 0 : failed_status (r, status, err);
}

/* ------------------------------------------------------------------ */
/* What there is to be */

static void
add_pair (struct relinking *r, const char *key, const char *value)
{
  if (value != NULL)
    r->pairs[r->npairs++] = (struct vhdx_locator_pair){ key, value };
}

static bool
has_paths (const struct relinking *r)
{
  return r->parent->relative != NULL || r->parent->absolute != NULL;
}

/* Is it one that speaks of the old parent? */
static bool
is_old (const struct relinking *r, const char *key)
{
  static const char *const ids[] = { VHDX_KEY_LINKAGE, VHDX_KEY_LINKAGE2 };
  static const char *const paths[] = { VHDX_KEY_RELATIVE, VHDX_KEY_VOLUME,
                                       VHDX_KEY_ABSOLUTE };

  for (size_t k = 0; k < ARRAY_SIZE (ids); k++) {
    if (strcmp (key, ids[k]) == 0)
      return true;
  }
  for (size_t k = 0; has_paths (r) && k < ARRAY_SIZE (paths); k++) {
    if (strcmp (key, paths[k]) == 0)
      return true;
  }
  return false;
}

static int
make_pairs (struct relinking *r, int *err)
{
  const struct image_create_parent *p = r->parent;
  const struct uuid nil = { { 0 } };

  r->pairs = calloc (r->old->count + 4, sizeof *r->pairs);
  if (p->relative != NULL)
    r->relative = image_vhdx_windows_relative (p->relative);
  if (r->pairs == NULL || (p->relative != NULL && r->relative == NULL)) {
    *err = ENOMEM;
    return failed (r, "memory", err);
  }
  vhdx_guid_format (&p->link_id, r->linkage);
  vhdx_guid_format (p->has_other_id ? &p->other_id : &nil, r->linkage2);
  add_pair (r, VHDX_KEY_LINKAGE, r->linkage);
  add_pair (r, VHDX_KEY_LINKAGE2, r->linkage2);
  add_pair (r, VHDX_KEY_RELATIVE, r->relative);
  add_pair (r, VHDX_KEY_ABSOLUTE, p->absolute);
  for (unsigned k = 0; k < r->old->count; k++) {
    if (!is_old (r, r->old->pair[k].key))
      add_pair (r, r->old->pair[k].key, r->old->pair[k].value);
  }
  return 0;
}

static int
make_item (struct relinking *r, int *err)
{
  enum vhdx_status status;

  r->item = malloc (VHDX_METADATA_ITEM_MAX);
  if (r->item == NULL) {
    *err = ENOMEM;
    return failed (r, "memory", err);
  }
  status = vhdx_locator_serialise (r->pairs, r->npairs, r->item,
                                   VHDX_METADATA_ITEM_MAX, &r->length);
  return status == VHDX_OK ? 0 : failed_status (r, status, err);
}

/* Where it is if it fits there, otherwise behind all items. */
static int
find_place (struct relinking *r, int *err)
{
  const uint64_t end = r->v->regions.metadata.length;
  uint64_t next = end, last = VHDX_METADATA_TABLE_SIZE;

  for (unsigned k = 0; k < r->v->metadata.count; k++) {
    const struct vhdx_metadata_entry e = vhdx_metadata_get (r->table, k);

    if (k == r->index || e.length == 0)
      continue;
    if (e.offset >= r->entry.offset)
      next = min_u64 (next, e.offset);
    last = max_u64 (last, (uint64_t) e.offset + e.length);
  }
  r->offset = r->entry.offset;
  if (r->length <= next - r->offset)
    return 0;
  last = ROUND_UP (last, 8);
  if (last + r->length <= end) {
    r->offset = (uint32_t) last;
    return 0;
  }
  *err = ENOSPC;
  return failed (r, "the metadata region is full", err);
}

/* ------------------------------------------------------------------ */
/* The entry of the log */

/* Have COUNT bytes at OFFSET of the region changed to those at P. */
static int
change (struct relinking *r, uint64_t offset, const uint8_t *p, uint64_t count,
        int *err)
{
  const uint64_t start = region (r) + offset, end = start + count;

  for (uint64_t at = ROUND_DOWN (start, IMAGE_PAGE); at < end;
       at += IMAGE_PAGE) {
    const uint64_t from = max_u64 (at, start);
    const uint64_t to = min_u64 (at + IMAGE_PAGE, end);
    uint8_t *page = malloc (IMAGE_PAGE);

    if (page == NULL) {
      *err = ENOMEM;
      return failed (r, "memory", err);
    }
    r->pages[r->npages++] =
      (struct image_page){ .offset = at, .count = IMAGE_PAGE, .data = page };
    if (image_inner_read (r->i, page, IMAGE_PAGE, at, "metadata", err) == -1)
      return -1;
    memcpy (page + (from - at), p + (from - start), to - from);
  }
  return 0;
}

/* The table and items share no page: a table is 64 KiB. */
static int
make_pages (struct relinking *r, int *err)
{
  const struct {
    le32 offset, length;
  } place = { le32_put (r->offset), le32_put ((uint32_t) r->length) };
  const uint64_t entry =
    sizeof (struct vhdx_metadata_head_disk) +
    r->index * (uint64_t) sizeof (struct vhdx_metadata_entry_disk) +
    offsetof (struct vhdx_metadata_entry_disk, offset);

  r->pages = calloc (PAGES_MAX + 1, sizeof *r->pages);
  if (r->pages == NULL) {
    *err = ENOMEM;
    return failed (r, "memory", err);
  }
  if (change (r, entry, (const uint8_t *) &place, sizeof place, err) == -1 ||
      change (r, r->offset, r->item, r->length, err) == -1)
    return -1;
  if (r->npages <= vhdx_journal_batch (r->v->header.log_length))
    return 0;
  *err = ENOSPC;
  return failed (r, "the log is too short", err);
}

/* From here on there is no way back. */
static int
commit (struct relinking *r, int *err)
{
  struct image_vhdx *v = r->v;

  if (image_vhdx_begin (v, err) == 0 && store_flush (r->i->inner, err) == 0 &&
      vhdx_journal_write (&v->journal, r->pages, r->npages, err) == 0)
    return 0;
  image_fail (r->i);
  return -1;
}

/* ------------------------------------------------------------------ */

/* What image_info says of the new parent, made before it is one. */
static int
make_parent (struct relinking *r, struct image_parent *p, int *err)
{
  struct vhdx_locator *l;
  enum vhdx_status status = vhdx_locator_parse (r->item, r->length, &l);

  if (status == VHDX_OK) {
    if (image_vhdx_parent_of (l, p) == -1)
      status = VHDX_NO_MEMORY;
    vhdx_locator_free (l);
  }
  return status == VHDX_OK ? 0 : failed_status (r, status, err);
}

static void
adopt (struct relinking *r, struct image_parent *p)
{
  struct vhdx_item_place *place =
    &r->v->metadata.item[VHDX_ITEM_PARENT_LOCATOR];
  const struct image_parent old = r->i->info.parent;

  place->offset = r->offset;
  place->length = (uint32_t) r->length;
  r->i->info.parent = *p;
  *p = old;
}

static void
finish (struct relinking *r)
{
  vhdx_locator_free (r->old);
  for (unsigned k = 0; k < r->npages; k++)
    free (r->pages[k].data);
  free (r->pages);
  free (r->pairs);
  free (r->relative);
  free (r->item);
  free (r->table);
}

int
image_vhdx_set_parent (struct image *i, const struct image_create_parent *p,
                       int *err)
{
  struct relinking r = { .i = i, .v = to_vhdx (i), .parent = p };
  struct image_parent parent = { .exists = false };
  int result = -1;

  if (read_old (&r, err) == 0 && make_pairs (&r, err) == 0 &&
      make_item (&r, err) == 0 && find_place (&r, err) == 0 &&
      make_pages (&r, err) == 0 && make_parent (&r, &parent, err) == 0)
    result = commit (&r, err);
  if (result == 0)
    adopt (&r, &parent);
  image_vhdx_parent_free (&parent);
  finish (&r);
  return result;
}

int
image_vhdx_set_link_id (struct image *i, const struct uuid *id, int *err)
{
  struct image_vhdx *v = to_vhdx (i);

  if (image_vhdx_renew_as (v, id, err) == -1)
    return -1;
  i->info.own_link_id = *id;
  return 0;
}
