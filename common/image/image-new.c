/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See image-new.h.  The parent stays locked against writers until the file
 * is complete: what the child says of it is true then.
 */

#include <config.h>

#include <errno.h>
#include <unistd.h>

#include "base/log.h"
#include "image/image-new-link.h"
#include "image/image-new.h"
#include "image/vhd1/image-vhd1.h"
#include "image/vhdx/image-vhdx.h"

/* What the child has of its parent, unless it is told otherwise. */
static int
inherit (struct image_create_options *c, const struct image_new_link *p)
{
  const unsigned long long wanted = c->size, there = p->size;

  if (c->size == 0)
    c->size = p->size;
  if (c->sector_size == 0)
    c->sector_size = p->sector_size;
  if (c->physical_sector_size == 0)
    c->physical_sector_size = p->physical_sector_size;
  c->parent = &p->create;
  if (c->size < p->size)
    log_error ("%s: a disk of %llu bytes would be smaller than its parent, "
               "which has %llu",
               c->name, wanted, there);
  else if (c->sector_size != p->sector_size)
    log_error ("%s: cannot have sectors of %u bytes: its parent has sectors "
               "of %u",
               c->name, c->sector_size, p->sector_size);
  else
    return 0;
  errno = EINVAL;
  return -1;
}

static int
format_file (struct host_file *f, enum image_format_id format,
             const struct image_create_options *c)
{
  const struct store_file_options how = { .read_only = false };
  struct store *inner = store_file_create (f, &how);
  int r;

  if (inner == NULL)
    return -1;
  r = format == IMAGE_FORMAT_VHD1 ? image_vhd1_format (inner, c) :
                                    image_vhdx_format (inner, c);
  store_close (inner);
  return r;
}

/* The parent's part of C. */
static int
open_parent (struct image_new_link *p, const struct image_new_options *o)
{
  const struct host_file_options file = {
    .path = o->parent,
    .no_lock = o->file.no_lock,
  };
  struct host_file *f = host_file_open (&file);
  int r = -1;

  if (f != NULL)
    r = image_new_link_open (p, f, o->format, o->file.path);
  host_file_unref (f);
  return r;
}

int
image_new_over (struct host_file *f, const struct image_new_options *o)
{
  struct image_create_options c = o->create;
  struct image_new_link p;
  int r = -1;

  c.name = o->file.path;
  if (c.type != IMAGE_DIFFERENCING)
    return format_file (f, o->format, &c);
  if (open_parent (&p, o) == -1)
    return -1;
  if (inherit (&c, &p) == 0)
    r = format_file (f, o->format, &c);
  image_new_link_close (&p);
  return r;
}

struct host_file *
image_new (const struct image_new_options *o)
{
  struct host_file *f = host_file_create (&o->file, 0);
  int saved;

  if (f == NULL || image_new_over (f, o) == 0)
    return f;
  saved = errno;
  unlink (o->file.path);
  host_file_unref (f);
  errno = saved;
  return NULL;
}
