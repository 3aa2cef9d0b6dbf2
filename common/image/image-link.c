/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See image-link.h.
 */

#include <config.h>

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "base/log.h"
#include "image/image-link.h"
#include "image/vhd1/image-vhd1.h"
#include "image/vhdx/image-vhdx.h"
#include "store/store-align.h"
#include "store/store-vhd1.h"
#include "vhd/vhd-footer.h"
#include "vhdx/vhdx-guid.h"

/* What an image takes for its file: any 512 bytes. */
#define UNIT 512u

static struct store *
open_inner (struct host_file *f, const struct store_file_options *o)
{
  return store_file_create (f, o);
}

/* The same for an image, which needs more than O_DIRECT gives. */
static struct store *
open_any_sector (struct host_file *f, const struct store_file_options *o)
{
  struct store *inner = open_inner (f, o), *s = inner;

  if (inner == NULL || inner->info.align <= UNIT)
    return inner;
  s = store_align_create (inner, NULL);
  if (s == NULL) {
    log_error ("%s: %m", host_file_path (f));
    store_close (inner);
    errno = ENOMEM;
  }
  return s;
}

/* Is it a fixed VHD in INNER?  1, 0 if it is another one or something
 * that is broken, or -1 after log_error with errno.
 */
static int
is_fixed (struct store *inner, const char *name)
{
  struct vhd_footer f;
  bool from_head;
  int err;

  switch (vhd1_find_footer (inner, &f, &from_head, &err)) {
  case -1:
    errno = err;
    log_error ("%s: reading the VHD footer: %m", name);
    return -1;
  case VHD_OK:
    return f.type == VHD_TYPE_FIXED;
  default:
    return 0;
  }
}

/* A fixed VHD in INNER, which is the caller's if it fails. */
static int
open_fixed (struct store *inner, enum vhd_size_rule rule, struct image_link *l)
{
  const struct store_vhd1_options vo = { .name = l->name, .size_rule = rule };

  l->fixed = store_vhd1_create (inner, &vo);
  if (l->fixed == NULL)
    return -1;
  l->id = l->fixed->info.id;
  l->sector_size = l->fixed->info.sector_size;
  return 0;
}

/* The same in F. */
static int
open_fixed_file (struct host_file *f, enum vhd_size_rule rule,
                 const struct store_file_options *o, struct image_link *l)
{
  struct store *inner = open_inner (f, o);
  int saved;

  if (inner == NULL)
    return -1;
  if (open_fixed (inner, rule, l) == 0)
    return 0;
  saved = errno;
  store_close (inner);
  errno = saved;
  return -1;
}

/* In INNER, which is the caller's if it fails. */
static int
open_image (struct store *inner, enum image_format_id format,
            enum vhd_size_rule rule, struct image_link *l)
{
  const struct image_open_options io = { .name = l->name,
                                         .read_only = inner->info.read_only,
                                         .size_rule = rule };

  l->image = format == IMAGE_FORMAT_VHDX ? image_vhdx_open (inner, &io) :
                                           image_vhd1_open (inner, &io);
  if (l->image == NULL) {
    if (errno == ENOMEM) /* is not said everywhere */
      log_error ("%s: %m", l->name);
    return -1;
  }
  l->id = image_info (l->image)->own_link_id;
  l->sector_size = image_info (l->image)->sector_size;
  return 0;
}

int
image_link_open (struct host_file *f, enum image_format_id format,
                 enum vhd_size_rule rule, const struct store_file_options *o,
                 struct image_link *l)
{
  struct store *inner;
  struct stat st;
  int r = 0, saved;

  *l = (struct image_link){ .name = host_file_path (f) };
  if (fstat (host_file_fd (f), &st) == 0)
    l->changed = st.st_mtime;
  inner = open_any_sector (f, o);
  if (inner == NULL)
    return -1;
  if (format == IMAGE_FORMAT_VHD1)
    r = is_fixed (inner, l->name);
  if (r == 0 && open_image (inner, format, rule, l) == 0)
    return 0;
  saved = errno;
  store_close (inner);
  errno = saved;
  return r == 1 ? open_fixed_file (f, rule, o, l) : -1;
}

int
image_link_open_store (struct store *inner, const char *name,
                       enum image_format_id format, enum vhd_size_rule rule,
                       struct image_link *l)
{
  int r = 0, saved;

  *l = (struct image_link){ .name = name };
  if (format == IMAGE_FORMAT_VHD1)
    r = is_fixed (inner, name);
  if (r == 1)
    r = open_fixed (inner, rule, l);
  else if (r == 0)
    r = open_image (inner, format, rule, l);
  if (r == 0)
    return 0;
  saved = errno;
  store_close (inner);
  errno = saved;
  return -1;
}

void
image_link_close (struct image_link *l)
{
  const int saved = errno;

  if (l->image != NULL)
    image_close (l->image);
  store_close (l->fixed);
  l->image = NULL;
  l->fixed = NULL;
  errno = saved;
}

/* ------------------------------------------------------------------ */
/* Identity */

static bool
is_vhdx (const struct image_link *l)
{
  return l->image != NULL &&
         strcmp (image_info (l->image)->format, "vhdx") == 0;
}

/* As people see it elsewhere. */
static void
format_id (const struct uuid *id, bool vhdx, char out[VHDX_GUID_STRLEN + 1])
{
  if (vhdx)
    vhdx_guid_format (id, out);
  else
    uuid_format (id, out);
}

static void
complain (const struct image_link *child, const struct image_link *parent)
{
  char expected[VHDX_GUID_STRLEN + 1], found[VHDX_GUID_STRLEN + 1];
  const bool vhdx = is_vhdx (child);

  format_id (&image_info (child->image)->parent.id, vhdx, expected);
  format_id (&parent->id, vhdx, found);
  log_error ("%s: is not the parent that %s was made over, or was changed "
             "since: its identity is %s, not %s; parent= names another one",
             parent->name, child->name, found, expected);
}

/* A VHD may say when its parent was last changed; programs that copy
 * files, or write something else, make it wrong.
 */
static void
mention_time (const struct image_link *child, const struct image_link *parent)
{
  const uint32_t expected = image_info (child->image)->parent.timestamp;

  if (!is_vhdx (child) && expected != 0 &&
      parent->changed != (int64_t) expected + VHD_EPOCH)
    log_debug ("%s: was changed at another time than %s says", parent->name,
               child->name);
}

int
image_link_check (const struct image_link *child,
                  const struct image_link *parent)
{
  const struct image_info *i = image_info (child->image);
  const struct image_parent *p = &i->parent;

  if (!uuid_equal (&p->id, &parent->id) &&
      !(p->has_other_id && uuid_equal (&p->other_id, &parent->id))) {
    complain (child, parent);
    errno = EINVAL;
    return -1;
  }
  if (i->sector_size != parent->sector_size) {
    log_error ("%s: has sectors of %u bytes, and its parent %s of %u",
               child->name, i->sector_size, parent->name, parent->sector_size);
    errno = EINVAL;
    return -1;
  }
  mention_time (child, parent);
  return 0;
}
