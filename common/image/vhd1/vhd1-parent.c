/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What a differencing VHD says of its parent, in the order in which it is
 * to be looked for.  A path that is damaged is none; the others count.
 */

#include <config.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/align.h"
#include "base/checked.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "image/vhd1/vhd1-impl.h"
#include "vhd/vhd-locator.h"

static const enum vhd_platform order[] = {
  VHD_PLATFORM_W2RU, VHD_PLATFORM_WI2R, VHD_PLATFORM_W2KU,
  VHD_PLATFORM_WI2K, VHD_PLATFORM_MACX,
};

/* UTF-8 has at most three bytes for two of UTF-16 and two for one. */
#define PATH_MAX_BYTES (2 * VHD_LOCATOR_MAX + 1)

struct reader {
  struct store *inner;
  const char *name;
  struct image_parent *parent;
  char *path; /* PATH_MAX_BYTES */
};

static bool
begins_with (const char *text, const char *with)
{
  return strncmp (text, with, strlen (with)) == 0;
}

/* Xen writes relative paths where absolute ones belong. */
static enum image_path_kind
kind_of (enum vhd_platform platform, const char *path)
{
  if (platform == VHD_PLATFORM_MACX)
    return IMAGE_PATH_URL;
  if (begins_with (path, "\\\\?\\Volume{"))
    return IMAGE_PATH_VOLUME;
  if (path[0] == '\\' || path[0] == '/' || (path[0] != '\0' && path[1] == ':'))
    return IMAGE_PATH_ABSOLUTE;
  return IMAGE_PATH_RELATIVE;
}

/* Unless it is there already.  The array has room. */
static int
add_path (struct image_parent *p, enum image_path_kind kind, const char *path,
          int *err)
{
  for (unsigned i = 0; i < p->npaths; i++) {
    if (p->path[i].kind == kind && strcmp (p->path[i].path, path) == 0)
      return 0;
  }
  p->path[p->npaths].kind = kind;
  p->path[p->npaths].path = strdup (path);
  if (p->path[p->npaths].path == NULL) {
    *err = ENOMEM;
    return -1;
  }
  p->npaths++;
  return 0;
}

/* The content of L is in the file. */
static int
read_locator (struct reader *r, const struct vhd_locator *l, int *err)
{
  const enum vhd_platform platform = vhd_locator_platform (l);
  const uint64_t start = ROUND_DOWN (l->offset, VHD_SECTOR_SIZE);
  const uint64_t end = min_u64 (
    ROUND_UP (l->offset + l->length, VHD_SECTOR_SIZE), store_size (r->inner));
  CLEANUP_FREE uint8_t *content = NULL;
  enum vhd_status status;

  if (l->length > VHD_LOCATOR_MAX ||
      !range_inside (l->offset, l->length, store_size (r->inner))) {
    log_debug ("%s: a parent locator of %u bytes %s", r->name, l->length,
               l->length > VHD_LOCATOR_MAX ? "is too long" :
                                             "is not in the file");
    return 0;
  }
  content = malloc (end - start + 1);
  if (content == NULL) {
    *err = ENOMEM;
    return -1;
  }
  if (end > start &&
      store_read (r->inner, content, end - start, start, err) == -1)
    return -1;
  status = vhd_locator_decode (platform, content + (l->offset - start),
                               l->length, r->path, PATH_MAX_BYTES);
  if (status == VHD_OK)
    return add_path (r->parent, kind_of (platform, r->path), r->path, err);
  log_debug ("%s: the parent locator %s %s", r->name,
             vhd_platform_code (platform), vhd_status_string (status));
  return 0;
}

static int
read_name (struct reader *r, const struct vhd_header *h, int *err)
{
  const enum vhd_status status =
    vhd_parent_name_decode (h, r->path, PATH_MAX_BYTES);

  if (status == VHD_OK)
    return add_path (r->parent, IMAGE_PATH_NAME, r->path, err);
  log_debug ("%s: the parent name %s", r->name, vhd_status_string (status));
  return 0;
}

static int
read_all (struct reader *r, const struct vhd_header *h, int *err)
{
  for (unsigned k = 0; k < ARRAY_SIZE (order); k++) {
    for (unsigned i = 0; i < VHD_LOCATORS; i++) {
      const struct vhd_locator *l = &h->locator[i];

      if (vhd_locator_platform (l) == order[k] &&
          read_locator (r, l, err) == -1)
        return -1;
    }
  }
  return read_name (r, h, err);
}

int
vhd1_parent_read (struct store *inner, const char *name, const struct vhd1 *v,
                  struct image_parent *p, int *err)
{
  CLEANUP_FREE char *path = malloc (PATH_MAX_BYTES);
  struct reader r = { .inner = inner, .name = name, .parent = p, .path = path };

  *p = (struct image_parent){
    .exists = true,
    .id = v->header.parent_id,
    .timestamp = v->header.parent_timestamp,
    .path = calloc (VHD_LOCATORS + 1, sizeof *p->path),
  };
  *err = ENOMEM;
  if (path != NULL && p->path != NULL && read_all (&r, &v->header, err) == 0)
    return 0;
  errno = *err;
  log_error ("%s: reading the parent locators: %m", name);
  vhd1_parent_free (p);
  return -1;
}

void
vhd1_parent_free (struct image_parent *p)
{
  for (unsigned i = 0; i < p->npaths; i++)
    free (p->path[i].path);
  free (p->path);
  *p = (struct image_parent){ .exists = false };
}
