/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Before the server listens: open and lock what the layers name, bottom
 * first, then have the engine check its rules over layers that stand in
 * for those that can only be made over a disk.
 */

#include <config.h>

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "base/align.h"
#include "base/log.h"
#include "layered-config.h"
#include "layer/layer-ram.h"
#include "layer/layer-store.h"

/* Bytes of what stands in for a layer of any size. */
#define STAND_IN (1 << 20)

/* Files. */

static int
open_disk (struct layered_config *c, unsigned i)
{
  const struct store_open_options o = { .read_only = true };
  struct layered_config_layer *l = &c->layer[i];

  l->source = store_source_open (l->spec.store, &o);
  if (l->source == NULL)
    return -1;
  l->early = store_source_store (l->source, &o);
  if (l->early == NULL)
    return -1;
  if (store_size (l->early) == 0) {
    log_error ("%s: the disk has no sectors", l->spec.store);
    return -1;
  }
  l->size = store_size (l->early);
  l->sector_size = max_u64 (l->early->info.sector_size, l->early->info.align);
  return 0;
}

/* Of a file that is not there: is it one that will be made? */
static int
check_made (const struct layered_config *c, unsigned i)
{
  const struct layered_config_layer *l = &c->layer[i];

  if (!l->spec.read_only &&
      (l->spec.read_cache || layered_config_writes (c, i)))
    return 0;
  log_error ("%s: there is no such file, and a layer that is only read is "
             "not made",
             layered_config_path (l));
  return -1;
}

static int
open_sqlite (struct layered_config *c, unsigned i)
{
  struct layered_config_layer *l = &c->layer[i];

  if (sqlite_place_ready (&l->place) == -1)
    return -1;
  return l->place.early != NULL || l->place.is_directory ? 0 :
                                                           check_made (c, i);
}

static int
open_image (struct layered_config *c, unsigned i)
{
  struct layered_config_layer *l = &c->layer[i];

  if (image_place_ready (&l->image) == -1)
    return -1;
  l->size = l->image.size;
  l->sector_size = l->image.sector_size;
  return l->image.early != NULL ? 0 : check_made (c, i);
}

/* Do two layers, of files that need not exist yet, share one? */
static bool
same_file (const struct layered_config_layer *a,
           const struct layered_config_layer *b)
{
  struct host_file *const f = layered_config_file (a);
  struct host_file *const g = layered_config_file (b);
  struct stat st, tt;

  if (a->spec.kind == LAYER_KIND_RAM || b->spec.kind == LAYER_KIND_RAM ||
      a->place.is_directory || b->place.is_directory)
    return false;
  if (f != NULL && g != NULL)
    return fstat (host_file_fd (f), &st) == 0 &&
           fstat (host_file_fd (g), &tt) == 0 && st.st_dev == tt.st_dev &&
           st.st_ino == tt.st_ino;
  return f == NULL && g == NULL &&
         strcmp (layered_config_path (a), layered_config_path (b)) == 0;
}

static int
check_same_files (const struct layered_config *c)
{
  for (unsigned i = 0; i < c->nlayers; i++) {
    for (unsigned j = i + 1; j < c->nlayers; j++) {
      if (same_file (&c->layer[i], &c->layer[j])) {
        log_error ("layer %u (%s) has the same file as layer %u (%s); give "
                   "each its own",
                   j + 1, layer_kind_name (c->layer[j].spec.kind), i + 1,
                   layer_kind_name (c->layer[i].spec.kind));
        return -1;
      }
    }
  }
  return 0;
}

/* What is known of sizes without a disk below, bottom first: a layer
 * that says nothing has those of the one below it.
 */
static void
set_sizes (struct layered_config *c, unsigned i)
{
  struct layered_config_layer *l = &c->layer[i];
  const struct layered_config_layer *below =
    i + 1 < c->nlayers ? &c->layer[i + 1] : NULL;

  if (layered_config_file (l) != NULL)
    return;
  l->size = l->spec.size != 0 ? l->spec.size : below ? below->size : 0;
  l->sector_size = l->spec.sector_size != 0 ? l->spec.sector_size :
                   below                    ? below->sector_size :
                                              0;
}

/* Rules. */

/* A layer with the abilities of layer I. */
static struct layer *
stand_in (const struct layered_config_layer *l, uint32_t sector_size)
{
  const struct store_open_options so = { .read_only = true };
  const struct layer_ram_options ro = {
    .size = STAND_IN,
    .sector_size = l->sector_size != 0 ? l->sector_size : sector_size,
  };
  const struct layer_below nothing = { .exists = false };
  struct store *s;
  struct layer *r;

  if (l->spec.kind != LAYER_KIND_DISK)
    return layer_ram_create (&ro, &nothing);
  s = store_source_store (l->source, &so);
  if (s == NULL)
    return NULL;
  r = layer_store_create (s, true);
  if (r == NULL) {
    log_error ("%s: %s", l->spec.store,
               errno == EINVAL ? "its sectors are longer than 64K" :
                                 "out of memory");
    store_close (s);
  }
  return r;
}

/* The sector size of layers that do not say: that of the lowest which
 * does.
 */
static uint32_t
common_sector_size (const struct layered_config *c)
{
  for (unsigned i = c->nlayers; i-- > 0;) {
    if (c->layer[i].sector_size != 0)
      return c->layer[i].sector_size;
  }
  return 512;
}

/* Over a disk below that is all right, as if served read-only: whether
 * it will be is not known yet.
 */
static int
check_rules (struct layered_config *c)
{
  const uint32_t sector_size = common_sector_size (c);
  const struct layered_bottom bottom = {
    .exists = true,
    .size = STAND_IN,
    .info = { .sector_size = 512, .align = 1 },
  };
  struct layered_member m[LAYERED_MAX];
  enum layered_status status;
  struct layered *ld = NULL;
  unsigned n, which;

  for (n = 0; n < c->nlayers; n++) {
    m[n] = layered_config_member (c, n, stand_in (&c->layer[n], sector_size));
    if (m[n].layer == NULL)
      break;
  }
  if (n == c->nlayers) {
    ld = layered_create (m, n, &bottom, 0, true, &status, &which);
    if (ld == NULL)
      layered_config_complain (c, which, layered_status_string (status));
  }
  if (ld != NULL) {
    layered_close (ld);
    return 0;
  }
  while (n-- > 0)
    layer_close (m[n].layer);
  return -1;
}

static int
open_layer (struct layered_config *c, unsigned i)
{
  switch (c->layer[i].spec.kind) {
  case LAYER_KIND_DISK:
    return open_disk (c, i);
  case LAYER_KIND_SQLITE:
    return open_sqlite (c, i);
  case LAYER_KIND_VHD1:
  case LAYER_KIND_VHDX:
    return open_image (c, i);
  default:
    return 0;
  }
}

int
layered_config_ready (struct layered_config *c)
{
  for (unsigned i = c->nlayers; i-- > 0;) {
    if (open_layer (c, i) == -1) {
      layered_config_complain (c, i, "cannot be used: see above");
      return -1;
    }
    set_sizes (c, i);
  }
  return check_same_files (c) == -1 || check_rules (c) == -1 ? -1 : 0;
}
