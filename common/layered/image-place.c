/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See image-place.h.
 */

#include <config.h>

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "image/image-options.h"
#include "image/vhd1/image-vhd1.h"
#include "image/vhdx/image-vhdx.h"
#include "layer/layer-geometry.h"
#include "layer/layer-image.h"
#include "layered/image-place.h"
#include "layered/new-file.h"

/* A VHD must name its parent. */
#define NO_PARENT "disk-below"

/* ------------------------------------------------------------------ */
/* Opening */

/* The chain of the file alone. */
static struct image_chain *
open_alone (const struct image_place *p)
{
  const struct host_file_options ho = { .path = p->path, .fd = -1 };
  const struct image_chain_options co = { .format = p->format, .alone = true };
  struct host_file *f = host_file_open (&ho);
  struct image_chain *c;

  if (f == NULL)
    return NULL;
  c = image_chain_open (f, &co);
  host_file_unref (f);
  return c;
}

/* A layer of the file of C. */
static struct layer *
open_image (struct image_chain *c, bool read_only)
{
  const struct store_file_options so = { .read_only = read_only };
  struct host_file *f = image_chain_file (c, 0);
  struct image *i;
  struct layer *l;

  if (!read_only && !host_file_is_writable (f)) {
    log_error ("%s: no permission to write; serve the disk read-only",
               host_file_path (f));
    errno = EACCES;
    return NULL;
  }
  i = image_chain_image (c, &so);
  if (i == NULL)
    return NULL;
  l = layer_image_create (i);
  if (l == NULL)
    image_close (i);
  return l;
}

int
image_place_ready (struct image_place *p)
{
  struct layer *l;

  if (access (p->path, F_OK) == -1 && errno == ENOENT)
    return new_file_check_folder (p->path);
  p->early = open_alone (p);
  if (p->early == NULL)
    return -1;
  l = open_image (p->early, true);
  if (l == NULL)
    return -1;
  p->size = l->info.nsectors * l->info.sector_size;
  p->sector_size = l->info.sector_size;
  layer_close (l);
  return host_file_lock (image_chain_file (p->early, 0), false);
}

/* ------------------------------------------------------------------ */
/* Making */

struct recipe {
  enum image_format_id format;
  struct image_create_options create;
};

static int
fill (struct store *file, void *opaque)
{
  const struct recipe *r = opaque;

  return r->format == IMAGE_FORMAT_VHDX ? image_vhdx_format (file, &r->create) :
                                          image_vhd1_format (file, &r->create);
}

/* Sectors that the format can have. */
static int
check_sector_size (const struct image_place *p, uint32_t sector_size)
{
  if (sector_size == 512 ||
      (sector_size == 4096 && p->format == IMAGE_FORMAT_VHDX))
    return 0;
  log_error ("%s: the disk below has sectors of %u bytes, which a %s cannot "
             "have",
             p->path, sector_size,
             p->format == IMAGE_FORMAT_VHDX ? "VHDX" : "VHD");
  errno = EINVAL;
  return -1;
}

static int
create (const struct image_place *p, const struct image_place_options *o,
        const struct layer_below *below)
{
  struct image_create_parent parent = {
    .link_id = below->id,
    .has_id = below->has_id,
    .id = below->id,
    .relative = p->format == IMAGE_FORMAT_VHD1 ? NO_PARENT : NULL,
  };
  struct layer_info info;
  struct recipe r = { .format = p->format };

  if (layer_geometry (p->path, o->size, o->sector_size, below, &info) == -1 ||
      check_sector_size (p, info.sector_size) == -1)
    return -1;
  if (!below->has_id && uuid_random (&parent.link_id) == -1) {
    log_error ("%s: getrandom: %m", p->path);
    return -1;
  }
  r.create = (struct image_create_options){
    .name = p->path,
    .type = IMAGE_DIFFERENCING,
    .size = info.nsectors * info.sector_size,
    .block_size = o->block_size,
    .sector_size = info.sector_size,
    .parent = &parent,
  };
  return new_file_make (p->path, fill, &r);
}

/* ------------------------------------------------------------------ */
/* Layers */

/* As with other layers: a mismatch is refused, or only reported. */
static int
check_id (const struct image_place *p, const struct layer *l,
          const struct layer_below *below, bool force)
{
  char was[UUID_STRLEN + 1], is[UUID_STRLEN + 1];

  if (!l->info.has_id || !below->has_id || uuid_equal (&l->info.id, &below->id))
    return 0;
  uuid_format (&l->info.id, was);
  uuid_format (&below->id, is);
  log_error ("%s: the layer was made for another disk: its id was %s, now it "
             "is %s%s",
             p->path, was, is,
             force ? " (going on, as it is forced)" :
                     "; if you are sure, force it");
  errno = EINVAL;
  return force ? 0 : -1;
}

struct layer *
image_place_open (const struct image_place *p,
                  const struct image_place_options *o,
                  const struct layer_below *below)
{
  struct image_chain *c = p->early;
  struct layer *l;

  if (c == NULL && !o->read_only && access (p->path, F_OK) == -1 &&
      errno == ENOENT && create (p, o, below) == -1) {
    errno = EIO;
    return NULL;
  }
  c = c != NULL ? image_chain_ref (c) : open_alone (p);
  if (c == NULL)
    return NULL;
  l = open_image (c, o->read_only);
  image_chain_unref (c);
  if (l != NULL && check_id (p, l, below, o->force) == -1) {
    layer_close (l);
    errno = EINVAL;
    return NULL;
  }
  return l;
}

struct host_file *
image_place_file (const struct image_place *p)
{
  return p->early != NULL ? image_chain_file (p->early, 0) : NULL;
}

void
image_place_fini (struct image_place *p)
{
  image_chain_unref (p->early);
  free (p->path);
  p->early = NULL;
  p->path = NULL;
}
