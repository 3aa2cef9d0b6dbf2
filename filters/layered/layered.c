/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The layered filter: any stack of layers over the disk below.
 */

#include <config.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/align.h"
#include "base/log.h"
#include "layered-config.h"
#include "glue/glue-filter.h"
#include "layer/layer-ram.h"
#include "layer/layer-store.h"

/* Configuration. */

static int
config (void *config, const char *key, const char *value)
{
  static const char prefix[] = "layered-";
  const size_t n = strlen (prefix);

  if (strncmp (key, prefix, n) != 0)
    return 0;
  return layered_config_set (config, key + n, value);
}

static int
config_complete (void *config)
{
  const struct layered_config *c = config;

  if (c->nlayers > 0)
    return 0;
  log_error (
    "layered-layer= is needed, once for each layer, the top one "
    "first: ram, or sqlite,file=PATH, or vhdx,file=PATH, or disk,PATH");
  return -1;
}

/* To explain is to end, as --dump-plugin does. */
static int
get_ready (void *config)
{
  struct layered_config *c = config;

  if (layered_config_ready (c) == -1)
    return -1;
  if (c->explain) {
    layered_config_explain (c, stdout);
    exit (EXIT_SUCCESS);
  }
  return layered_services_ready (c);
}

static bool
below_read_only (const void *config, bool read_only)
{
  const struct layered_config *c = config;

  return read_only || !layered_config_writes (c, c->nlayers);
}

/* Stacks. */

struct builder {
  struct layered_config *c;
  struct layer_below below; /* of the layer that is made next */
  /* The last N of each: a cache that is in use elsewhere is left out. */
  struct layered_member member[LAYERED_MAX];
  unsigned number[LAYERED_MAX]; /* in the configuration, from 0 */
  unsigned n;
};

static struct layer *
open_ram (const struct layered_config_layer *l, const struct layer_below *below)
{
  const struct layer_ram_options o = {
    .size = l->spec.size,
    .sector_size = l->spec.sector_size,
    /* What the engine keeps below max evicts when the layer is full. */
    .max = l->spec.max,
  };

  return layer_ram_create (&o, below);
}

static struct layer *
open_sqlite (const struct layered_config_layer *l,
             const struct layer_below *below, bool read_only)
{
  const struct layer_sqlite_options o = {
    .size = l->spec.size,
    .sector_size = l->spec.sector_size,
    .force = l->spec.force,
    .read_only = read_only,
    .max = l->spec.max,
  };

  return sqlite_place_open (&l->place, &o, below);
}

/* Two stacks would not see what the other one writes. */
static bool
is_taken (const struct layered_config_layer *l)
{
  if (l->is_written)
    log_error ("%s: is written by way of another export already",
               l->spec.store != NULL ? l->spec.store : layered_config_path (l));
  return l->is_written;
}

static struct layer *
open_image (const struct layered_config_layer *l,
            const struct layer_below *below, bool read_only)
{
  const struct image_place_options o = {
    .read_only = read_only,
    .force = l->spec.force,
    .size = l->spec.size,
    .sector_size = l->spec.sector_size,
    .block_size = l->spec.block_size,
  };

  return is_taken (l) ? NULL : image_place_open (&l->image, &o, below);
}

static struct layer *
open_disk (const struct layered_config_layer *l, bool read_only)
{
  const struct store_open_options o = {
    .read_only = read_only || !store_source_is_writable (l->source),
  };
  struct store *s;
  struct layer *r;

  if (is_taken (l))
    return NULL;
  s = store_source_store (l->source, &o);
  if (s == NULL)
    return NULL;
  r = layer_store_create (s, o.read_only);
  if (r == NULL) {
    log_error ("%s: %m", l->spec.store);
    store_close (s);
  }
  return r;
}

static struct layer *
open_layer (const struct layered_config_layer *l,
            const struct layer_below *below, bool read_only)
{
  switch (l->spec.kind) {
  case LAYER_KIND_RAM:
    return open_ram (l, below);
  case LAYER_KIND_SQLITE:
    return open_sqlite (l, below, read_only);
  case LAYER_KIND_VHD1:
  case LAYER_KIND_VHDX:
    return open_image (l, below, read_only);
  default:
    return open_disk (l, read_only);
  }
}

/* What the layer above L, which is of SPEC, has below it.  A size that L
 * only rounded up is passed on as it was.
 */
static void
set_below (struct layer_below *below, const struct layer_spec *spec,
           struct layer *l)
{
  const uint32_t sector_size = l->info.sector_size;
  const uint64_t size = l->info.nsectors * sector_size;

  if (spec->kind == LAYER_KIND_DISK)
    below->size = layer_store_size (l);
  else if (!below->exists || size < below->size ||
           size - below->size >= sector_size)
    below->size = size;
  below->exists = true;
  below->sector_size = sector_size;
  if (l->info.has_id) {
    below->has_id = true;
    below->id = l->info.id;
  }
}

static int
add_layer (struct builder *b, unsigned i, bool read_only)
{
  const struct layered_config_layer *l = &b->c->layer[i];
  struct layer *layer = open_layer (l, &b->below, read_only);

  if (layer == NULL && l->place.is_directory && errno == EBUSY) {
    layered_config_complain (b->c, i,
                             "is a cache that another process has; "
                             "going on without it");
    return 0;
  }
  if (layer == NULL) {
    layered_config_complain (b->c, i, "cannot be used: see above");
    return -1;
  }
  if (l->spec.read_only)
    layer->info.read_only = true;
  set_below (&b->below, &l->spec, layer);
  b->n++;
  b->member[LAYERED_MAX - b->n] = layered_config_member (b->c, i, layer);
  b->number[LAYERED_MAX - b->n] = i;
  return 0;
}

/* How each layer is opened: read-only if it is never written.  A cache
 * is filled whoever reads; but what is kept for everybody must not get
 * one client's changes.
 */
static int
choose_read_only (const struct layered_config *c, bool read_only, bool *ro)
{
  for (unsigned i = 0; i < c->nlayers; i++) {
    const struct layer_spec *spec = &c->layer[i].spec;

    if (spec->cache_dir != NULL && !spec->write_through && !read_only) {
      layered_config_complain (
        c, i,
        "is a cache for everybody, which must not get what clients "
        "write: put a layer over it, or add write-through, or serve "
        "the disk read-only");
      return -1;
    }
    ro[i] = spec->read_only || (read_only && !spec->read_cache);
    read_only = read_only || (!spec->write_through && !spec->write_back);
  }
  return 0;
}

static struct layered *
make_stack (struct builder *b, const struct layered_bottom *bottom,
            bool read_only)
{
  const unsigned first = LAYERED_MAX - b->n;
  enum layered_status status;
  unsigned which;
  struct layered *ld = layered_create (
    b->member + first, b->n, bottom, b->below.size, read_only, &status, &which);

  if (ld == NULL)
    layered_config_complain (
      b->c, which < b->n ? b->number[first + which] : b->c->nlayers,
      layered_status_string (status));
  return ld;
}

static struct layered *
build (void *config, const struct layer_below *below,
       const struct layered_bottom *bottom, bool read_only)
{
  struct layered_config *c = config;
  struct builder b = { .c = c, .below = *below };
  struct layered *ld = NULL;
  bool ro[LAYERED_MAX];
  unsigned i = c->nlayers;

  if (choose_read_only (c, read_only, ro) == -1)
    return NULL;
  while (i > 0 && add_layer (&b, i - 1, ro[i - 1]) == 0)
    i--;
  if (i == 0)
    ld = make_stack (&b, bottom, read_only);
  if (ld == NULL) {
    while (b.n > 0)
      layer_close (b.member[LAYERED_MAX - b.n--].layer);
    return NULL;
  }
  layered_tune (ld, &c->tuning);
  for (i = 0; i < c->nlayers; i++)
    c->layer[i].is_written |= !ro[i];
  return ld;
}

static void
free_config (void *config)
{
  layered_config_fini (config);
}

static struct glue_filter filter = {
  .config_size = sizeof (struct layered_config),
  .config = config,
  .config_complete = config_complete,
  .get_ready = get_ready,
  .below_read_only = below_read_only,
  .build = build,
  .moves_down = true,
  .start_services = layered_services_start,
  .stop_services = layered_services_stop,
  .after_fork = layered_services_after_fork,
  .cleanup = layered_services_cleanup,
  .free_config = free_config,
  GLUE_FILTER_STATE_INIT,
};

#define HELP                                                                 \
  "layered-age=<SECONDS>     Until what is written moves down.\n"            \
  "layered-explain=<BOOL>    Print what the layers come to, and end.\n"      \
  "layered-fetch=<SIZE>      Bytes of a request for a cache that misses.\n"  \
  "layered-hydrate=<BOOL>    Fill the read cache in the background.\n"       \
  "layered-hydrate-rate=<SIZE>  Bytes in a second for that.\n"               \
  "layered-layer=<SPEC>      (required) A layer, the top one first:\n"       \
  "                          ram, sqlite,file=PATH, sqlite,cache-dir=DIR,\n" \
  "                          vhdx,file=PATH, vhd1,file=PATH, disk,PATH,\n"   \
  "                          and options, each after a comma.\n"             \
  "layered-parallel=<N>      Requests at once to the disk below.\n"          \
  "layered-prefetch=<FILE>   Fetch what this trace says.\n"                  \
  "layered-readahead=<SIZE>  Most bytes to read ahead; 0: none.\n"           \
  "layered-record=<FILE>     Write a trace of what is read.\n"               \
  "layered-status=<SOCKET>   Tell diskstack status what goes on.\n"

GLUE_FILTER (filter, "layered", "diskstack layers",
             "Stack layers over the disk below.", HELP)
