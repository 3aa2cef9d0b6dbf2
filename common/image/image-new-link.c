/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See image-new-link.h.
 */

#include <config.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/align.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "base/utf8.h"
#include "image/image-new-link.h"
#include "image/vhd1/image-vhd1.h"
#include "image/vhdx/image-vhdx.h"
#include "store/store-vhd1.h"
#include "vhd/vhd-footer.h"

/* ------------------------------------------------------------------ */
/* Names */

static bool
is_utf8 (const char *s)
{
  size_t n;

  while (*s != '\0') {
    n = utf8_length (s);
    if (n == 0)
      return false;
    s += n;
  }
  return true;
}

/* The absolute path of PATH, links in its folder followed, but not if it
 * is one itself: the name that it was given is meant.  NULL with errno.
 */
static char *
real_path (const char *path)
{
  const char *slash = strrchr (path, '/');
  const char *name = slash != NULL ? slash + 1 : path;
  CLEANUP_FREE char *folder = NULL, *real = NULL;
  char *r;

  folder =
    slash == NULL ? strdup (".") : strndup (path, max_u64 (1, slash - path));
  if (folder == NULL || (real = realpath (folder, NULL)) == NULL)
    return NULL;
  if (asprintf (&r, "%s/%s", strcmp (real, "/") == 0 ? "" : real, name) == -1) {
    errno = ENOMEM;
    return NULL;
  }
  return r;
}

/* The way from the folder of the file CHILD to the file PARENT, both as
 * real_path makes them: "../base/x".  NULL with errno = ENOMEM.
 */
static char *
relative_path (const char *child, const char *parent)
{
  size_t same = 0, ups = 0, i;
  char *r, *p;

  for (i = 0; child[i] == parent[i] && child[i] != '\0'; i++) {
    if (child[i] == '/')
      same = i + 1;
  }
  for (i = same; child[i] != '\0'; i++)
    ups += child[i] == '/';
  r = malloc (ups * 3 + strlen (parent + same) + 1);
  if (r == NULL)
    return NULL;
  for (p = r; ups > 0; ups--)
    p = stpcpy (p, "../");
  strcpy (p, parent + same);
  return r;
}

/* A child names its parent in Unicode, and with backslashes between
 * folders.
 */
static int
check_name (const char *path)
{
  if (is_utf8 (path) && strchr (path, '\\') == NULL)
    return 0;
  log_error ("%s: a child cannot name this parent: its path %s", path,
             is_utf8 (path) ? "has a backslash" : "is not UTF-8");
  errno = EINVAL;
  return -1;
}

static int
name_parent (struct image_new_link *p, const char *parent, const char *child)
{
  CLEANUP_FREE char *from = real_path (child);

  if (from == NULL) {
    log_error ("create: %s: %m", child);
    return -1;
  }
  p->absolute = real_path (parent);
  if (p->absolute == NULL ||
      (p->relative = relative_path (from, p->absolute)) == NULL) {
    log_error ("%s: %m", parent);
    return -1;
  }
  p->create.absolute = p->absolute;
  p->create.relative = p->relative;
  return check_name (p->absolute);
}

/* ------------------------------------------------------------------ */
/* The parent */

void
image_new_link_close (struct image_new_link *p)
{
  const int saved = errno;

  store_close (p->store);
  if (p->image != NULL)
    image_close (p->image);
  host_file_unref (p->file);
  free (p->relative);
  free (p->absolute);
  memset (p, 0, sizeof *p);
  errno = saved;
}

static uint32_t
changed (struct host_file *f)
{
  struct stat st;

  return fstat (host_file_fd (f), &st) == 0 ? vhd_timestamp (st.st_mtime) : 0;
}

/* A fixed VHD, with the footer F, in INNER, which it owns. */
static int
open_fixed (struct image_new_link *p, struct store *inner,
            const struct vhd_footer *f, const char *name)
{
  const struct store_vhd1_options o = { .name = name };

  if (uuid_is_nil (&f->id)) {
    log_error ("%s: has no unique id by which a child could name it", name);
    errno = EINVAL;
    return -1;
  }
  p->store = store_vhd1_create (inner, &o);
  if (p->store == NULL)
    return -1;
  p->create.link_id = f->id;
  p->size = store_size (p->store);
  p->sector_size = VHD_SECTOR_SIZE;
  return 0;
}

static int
open_image (struct image_new_link *p, enum image_format_id format,
            struct store *inner, const char *name)
{
  const struct image_open_options o = { .name = name, .read_only = true };
  const struct image_info *info;

  p->image = format == IMAGE_FORMAT_VHD1 ? image_vhd1_open (inner, &o) :
                                           image_vhdx_open (inner, &o);
  if (p->image == NULL)
    return -1;
  info = image_info (p->image);
  p->create.link_id = info->own_link_id;
  p->create.has_id = info->has_id;
  p->create.id = info->id;
  p->size = image_size (p->image);
  p->sector_size = info->sector_size;
  p->physical_sector_size = info->physical_sector_size;
  return 0;
}

/* What INNER is tells the format; it is the caller's if this fails. */
static int
open_format (struct image_new_link *p, enum image_format_id format,
             struct store *inner, const char *name)
{
  struct vhd_footer f;
  bool from_head;
  int err;

  if (format == IMAGE_FORMAT_VHD1 &&
      vhd1_find_footer (inner, &f, &from_head, &err) == VHD_OK &&
      f.type == VHD_TYPE_FIXED)
    return open_fixed (p, inner, &f, name);
  return open_image (p, format, inner, name);
}

static int
open_parent (struct image_new_link *p, enum image_format_id format,
             const char *child)
{
  const struct store_file_options how = { .read_only = true };
  const char *name = host_file_path (p->file);
  struct store *inner = store_file_create (p->file, &how);

  if (inner == NULL)
    return -1;
  p->create.timestamp = changed (p->file);
  if (open_format (p, format, inner, name) == -1) {
    store_close (inner);
    return -1;
  }
  return name_parent (p, name, child);
}

int
image_new_link_open (struct image_new_link *p, struct host_file *parent,
                     enum image_format_id format, const char *child)
{
  memset (p, 0, sizeof *p);
  p->file = host_file_ref (parent);
  if (open_parent (p, format, child) == 0)
    return 0;
  image_new_link_close (p);
  return -1;
}
