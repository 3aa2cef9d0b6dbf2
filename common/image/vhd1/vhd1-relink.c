/* SPDX-License-Identifier: BSD-3-Clause
 *
 * How a differencing VHD names its parent, and giving it another one.
 *
 * The header is larger than a sector, so it is not changed in place.  A new
 * one, and all new locators, are written where nothing is; then the copies
 * of the footer, each a sector, are made to name it, one after the other.
 * That is the new parent, durable.  After that the same header is put where
 * the old one was, as other programs expect it right behind the first copy
 * of the footer, and the footers name that.  At any moment each copy of the
 * footer names a header that is whole, and the locators of that.
 */

#include <config.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/align.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "image/image-options.h"
#include "image/vhd1/vhd1-impl.h"

/* The locators that are written: those of both kinds of Windows' paths and
 * a URL.
 */
#define KINDS 3

struct content {
  enum vhd_platform platform;
  void *bytes;
  size_t count;
  uint64_t space; /* whole sectors, of a new place */
  uint64_t place;
};

struct relinking {
  struct image *i;
  struct vhd1 *v;
  struct content content[KINDS];
  unsigned n;
  struct vhd_header header;  /* what it is to be, at the old place */
  uint64_t temporary, count; /* the space for meanwhile; 0: there is none */
};

/* ------------------------------------------------------------------ */
/* The content of locators */

static int
failed_path (enum vhd_status status, const char *name, int *err)
{
  log_error ("%s: the path of the parent %s", name, vhd_status_string (status));
  *err = EINVAL;
  return -1;
}

static int
no_memory (const char *name, int *err)
{
  *err = errno = ENOMEM;
  log_error ("%s: %m", name);
  return -1;
}

/* PATH as PLATFORM has it; to be freed. */
static char *
make_text (enum vhd_platform platform, const char *path,
           enum vhd_status *status)
{
  const bool dotted =
    strncmp (path, "./", 2) == 0 || strncmp (path, "../", 3) == 0;
  const size_t n = 3 * strlen (path) + 16;
  char *text = malloc (n);

  *status = VHD_OK;
  if (text == NULL)
    return NULL;
  if (platform == VHD_PLATFORM_MACX) {
    *status = vhd_url_from_path (path, text, n);
    return text;
  }
  snprintf (text, n, "%s%s",
            platform == VHD_PLATFORM_W2RU && !dotted ? "./" : "", path);
  for (char *p = text; *p != '\0'; p++)
    *p = (char) (*p == '/' ? '\\' : *p);
  return text;
}

int
vhd1_locator_make (enum vhd_platform platform, const char *path,
                   const char *name, void **content, size_t *count, int *err)
{
  enum vhd_status status;
  CLEANUP_FREE char *text = make_text (platform, path, &status);
  const size_t n = text != NULL ? 2 * strlen (text) + 2 : 0;

  if (status != VHD_OK)
    return failed_path (status, name, err);
  *content = text != NULL ? malloc (n) : NULL;
  if (*content == NULL)
    return no_memory (name, err);
  status = vhd_locator_encode (platform, text, *content, n, count);
  if (status == VHD_OK)
    return 0;
  free (steal_ptr (content));
  return failed_path (status, name, err);
}

/* A backslash in a name cannot be said to it. */
bool
vhd1_is_for_windows (const char *path)
{
  return path != NULL && strchr (path, '\\') == NULL;
}

int
vhd1_parent_put (const struct image_create_parent *p, const char *name,
                 struct vhd_header *h, int *err)
{
  const char *path = p->relative != NULL ? p->relative : p->absolute;
  const char *slash = path != NULL ? strrchr (path, '/') : NULL;
  enum vhd_status status;

  h->parent_id = p->link_id;
  h->parent_timestamp = p->timestamp;
  if (path == NULL) {
    log_error ("%s: the parent has no path", name);
    *err = EINVAL;
    return -1;
  }
  status = vhd_parent_name_encode (h, slash != NULL ? slash + 1 : path);
  if (status == VHD_OK)
    return 0;
  log_error ("%s: the name of the parent %s", name, vhd_status_string (status));
  *err = EINVAL;
  return -1;
}

/* ------------------------------------------------------------------ */
/* What it is to be */

static int
add_content (struct relinking *r, enum vhd_platform platform, const char *path,
             int *err)
{
  struct content *c = &r->content[r->n];

  if (path == NULL)
    return 0;
  if (platform != VHD_PLATFORM_MACX && !vhd1_is_for_windows (path))
    return 0;
  if (vhd1_locator_make (platform, path, r->i->name, &c->bytes, &c->count,
                         err) == -1)
    return -1;
  c->platform = platform;
  c->space = ROUND_UP (c->count, VHD_SECTOR_SIZE);
  r->n++;
  return 0;
}

static int
make_contents (struct relinking *r, const struct image_create_parent *p,
               int *err)
{
  if (add_content (r, VHD_PLATFORM_W2KU, p->absolute, err) == -1 ||
      add_content (r, VHD_PLATFORM_W2RU, p->relative, err) == -1)
    return -1;
  return add_content (r, VHD_PLATFORM_MACX,
                      p->absolute != NULL ? p->absolute : p->relative, err);
}

static int
alloc (struct relinking *r, uint64_t count, uint64_t *place, int *err)
{
  bool zero;

  if (image_space_alloc (r->i->space, count, 0, VHD_SECTOR_SIZE, place, &zero,
                         err) == 0)
    return 0;
  errno = *err;
  log_error ("%s: space to name another parent: %m", r->i->name);
  return -1;
}

/* The slot of the old header for PLATFORM, if it has room for COUNT bytes
 * where it is.
 */
static struct vhd_locator
old_locator (const struct relinking *r, enum vhd_platform platform,
             uint64_t count)
{
  for (unsigned k = 0; k < VHD_LOCATORS; k++) {
    const struct vhd_locator *l = &r->v->header.locator[k];

    if (vhd_locator_platform (l) == platform &&
        IS_ALIGNED (l->offset, VHD_SECTOR_SIZE) &&
        ROUND_DOWN (vhd_locator_space (l), VHD_SECTOR_SIZE) >= count &&
        count + l->offset <= r->v->footer_at)
      return *l;
  }
  return (struct vhd_locator){ .length = 0 };
}

/* Where each locator will be for good.  What speaks of the old parent in
 * ways that we do not write is dropped.
 */
static int
place_locators (struct relinking *r, int *err)
{
  memset (r->header.locator, 0, sizeof r->header.locator);
  for (unsigned k = 0; k < r->n; k++) {
    struct content *c = &r->content[k];
    struct vhd_locator *l = &r->header.locator[k];

    *l = old_locator (r, c->platform, c->space);
    if (l->offset == 0) {
      if (alloc (r, c->space, &l->offset, err) == -1)
        return -1;
      c->place = l->offset; /* new */
      l->space = (uint32_t) c->space;
    }
    memcpy (l->platform, vhd_platform_code (c->platform), sizeof l->platform);
    l->length = (uint32_t) c->count;
    r->count += c->space;
  }
  return 0;
}

static int
prepare (struct relinking *r, const struct image_create_parent *p, int *err)
{
  r->header = r->v->header;
  r->count = VHD_HEADER_SIZE;
  if (p->relative == NULL && p->absolute == NULL) {
    r->header.parent_id = p->link_id;
    r->header.parent_timestamp = p->timestamp;
  }
  else if (vhd1_parent_put (p, r->i->name, &r->header, err) == -1 ||
           make_contents (r, p, err) == -1 || place_locators (r, err) == -1)
    return -1;
  return alloc (r, r->count, &r->temporary, err);
}

/* ------------------------------------------------------------------ */
/* Writing it */

/* Whole sectors, as the store may want. */
static int
write_content (struct relinking *r, const struct content *c, uint64_t place,
               int *err)
{
  CLEANUP_FREE uint8_t *bytes = calloc (1, c->space);

  if (bytes == NULL)
    return no_memory (r->i->name, err);
  memcpy (bytes, c->bytes, c->count);
  return image_inner_write (r->i, bytes, c->space, place, "a parent locator",
                            err);
}

/* The header H, with what it names, at PLACE, durable. */
static int
write_header (struct relinking *r, const struct vhd_header *h, uint64_t place,
              int *err)
{
  uint8_t bytes[VHD_HEADER_SIZE];

  for (unsigned k = 0; k < r->n; k++) {
    if (write_content (r, &r->content[k], h->locator[k].offset, err) == -1)
      return -1;
  }
  vhd_header_serialise (h, bytes);
  if (image_inner_write (r->i, bytes, sizeof bytes, place, "the header", err) ==
      -1)
    return -1;
  return store_flush (r->i->inner, err);
}

/* Make the footers name the header at PLACE.  The one at the end counts,
 * so it is the last.
 */
static int
switch_to (struct relinking *r, uint64_t place, int *err)
{
  r->v->footer.data_offset = place;
  if (vhd1_write_head (r->i, err) == -1)
    return -1;
  return vhd1_write_footer (r->i, r->v->footer_at, err);
}

/* In the temporary place, with locators behind it. */
static int
write_temporary (struct relinking *r, int *err)
{
  struct vhd_header h = r->header;
  uint64_t at = r->temporary + VHD_HEADER_SIZE;

  for (unsigned k = 0; k < r->n; k++) {
    h.locator[k].offset = at;
    h.locator[k].space = (uint32_t) r->content[k].space;
    at += r->content[k].space;
  }
  return write_header (r, &h, r->temporary, err);
}

/* From here on a failure leaves what nobody knows. */
static int
switch_over (struct relinking *r, int *err)
{
  const uint64_t place = r->v->footer.data_offset;

  if (switch_to (r, r->temporary, err) == 0 &&
      write_header (r, &r->header, place, err) == 0 &&
      switch_to (r, place, err) == 0)
    return 0;
  image_fail (r->i);
  return -1;
}

/* ------------------------------------------------------------------ */

/* Know what is in the file now. */
static int
adopt (struct relinking *r, int *err)
{
  struct vhd1 *v = r->v;
  struct image_parent parent;

  v->header = r->header;
  vhd_layout_make (&v->footer, &v->header, v->has_batmap ? &v->batmap : NULL,
                   &v->layout);
  v->layout_end = vhd_layout_end (&v->layout);
  if (vhd1_parent_read (r->i->inner, r->i->name, v, &parent, err) == -1) {
    image_fail (r->i);
    return -1;
  }
  vhd1_parent_free (&r->i->info.parent);
  r->i->info.parent = parent;
  return 0;
}

/* FREE_NEW: nothing names the new places of locators.  FREE_TEMPORARY: nor
 * what was for meanwhile.
 */
static void
finish (struct relinking *r, bool free_new, bool free_temporary)
{
  for (unsigned k = 0; k < r->n; k++) {
    const struct content *c = &r->content[k];

    if (c->place != 0 && free_new)
      image_space_release (r->i->space, c->place, c->space, false);
    free (c->bytes);
  }
  if (r->temporary != 0 && free_temporary)
    image_space_release (r->i->space, r->temporary, r->count, false);
}

int
vhd1_set_parent (struct image *i, const struct image_create_parent *p, int *err)
{
  struct relinking r = { .i = i, .v = to_vhd1 (i) };
  int result;

  if (prepare (&r, p, err) == -1 || write_temporary (&r, err) == -1) {
    finish (&r, true, true);
    return -1;
  }
  result = switch_over (&r, err);
  if (result == 0)
    result = adopt (&r, err);
  finish (&r, false, result == 0);
  return result;
}
