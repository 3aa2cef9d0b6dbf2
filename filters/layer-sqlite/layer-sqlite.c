/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The layer-sqlite filter: one persistent layer over the disk below.
 */

#include <config.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "glue/glue-filter.h"
#include "layered/sqlite-place.h"

struct config {
  const char *file, *cache_dir, *cache_key;
  char *image; /* what the plugin's own file= says, if that was seen */
  bool seen_size, seen_sector_size, seen_read_cache, seen_write_through,
    seen_force;
  uint64_t size, sector_size;
  bool read_cache, write_through, force;
  struct sqlite_place place;
};

static int
sqlite_config (void *config, const char *key, const char *value)
{
  struct config *c = config;

  if (strcmp (key, "layer-sqlite-file") == 0)
    return glue_filter_string (value, &c->file);
  if (strcmp (key, "layer-sqlite-cache-dir") == 0)
    return glue_filter_string (value, &c->cache_dir);
  if (strcmp (key, "layer-sqlite-cache-key") == 0)
    return glue_filter_string (value, &c->cache_key);
  if (strcmp (key, "layer-sqlite-size") == 0)
    return glue_filter_size (key, value, &c->seen_size, &c->size);
  if (strcmp (key, "layer-sqlite-sector-size") == 0)
    return glue_filter_sector_size (key, value, LAYER_SQLITE_SECTOR_SIZE_MAX,
                                    &c->seen_sector_size, &c->sector_size);
  if (strcmp (key, "layer-sqlite-read-cache") == 0)
    return glue_filter_bool (key, value, &c->seen_read_cache, &c->read_cache);
  if (strcmp (key, "layer-sqlite-write-through") == 0)
    return glue_filter_bool (key, value, &c->seen_write_through,
                             &c->write_through);
  if (strcmp (key, "layer-sqlite-force") == 0)
    return glue_filter_bool (key, value, &c->seen_force, &c->force);
  /* Not ours, but good to know. */
  if (strcmp (key, "file") == 0 && c->image == NULL) {
    c->image = nbdkit_absolute_path (value);
    if (c->image == NULL)
      return -1;
  }
  return 0;
}

/* layer-sqlite-file=, or beside the image. */
static int
choose_file (struct config *c)
{
  if (c->cache_key != NULL) {
    log_error ("layer-sqlite-cache-key= needs layer-sqlite-cache-dir=");
    return -1;
  }
  if (c->file != NULL) {
    c->place.path = nbdkit_absolute_path (c->file);
    return c->place.path ? 0 : -1;
  }
  if (c->image == NULL) {
    log_error ("layer-sqlite-file= is needed, as the plugin has no file= "
               "beside which the layer could be");
    return -1;
  }
  if (asprintf (&c->place.path, "%s" SQLITE_PLACE_SUFFIX, c->image) == -1) {
    c->place.path = NULL;
    log_error ("out of memory");
    return -1;
  }
  return 0;
}

static int
sqlite_config_complete (void *config)
{
  struct config *c = config;

  if (c->cache_dir == NULL)
    return choose_file (c);
  if (c->file != NULL) {
    log_error ("layer-sqlite-file= and layer-sqlite-cache-dir= exclude each "
               "other");
    return -1;
  }
  if (c->cache_key != NULL && c->cache_key[0] == '\0') {
    log_error ("layer-sqlite-cache-key= must not be empty");
    return -1;
  }
  if (!c->seen_read_cache)
    c->read_cache = true;
  c->place.is_directory = true;
  c->place.key = c->cache_key;
  c->place.key_option = "layer-sqlite-cache-key=";
  c->place.path = nbdkit_absolute_path (c->cache_dir);
  return c->place.path ? 0 : -1;
}

static int
sqlite_get_ready (void *config)
{
  struct config *c = config;

  return sqlite_place_ready (&c->place);
}

static bool
sqlite_below_read_only (const void *config, bool read_only)
{
  const struct config *c = config;

  return read_only || !c->write_through;
}

static struct layer *
open_layer (struct config *c, const struct layer_below *below, bool read_only)
{
  const struct layer_sqlite_options o = {
    .size = c->size,
    .sector_size = (uint32_t) c->sector_size,
    .force = c->force,
    /* A cache is filled whoever reads. */
    .read_only = read_only && !c->read_cache,
  };

  return sqlite_place_open (&c->place, &o, below);
}

static struct layered *
sqlite_build (void *config, const struct layer_below *below,
              const struct layered_bottom *bottom, bool read_only)
{
  struct config *c = config;
  struct layer *l;

  /* What is kept for everybody must not get one client's changes. */
  if (c->cache_dir != NULL && !c->write_through)
    read_only = true;
  l = open_layer (c, below, read_only);
  if (l == NULL && c->cache_dir != NULL && errno == EBUSY) {
    log_error ("layer-sqlite: another process has the cache; going on "
               "without");
    return glue_filter_bare_stack ("layer-sqlite", bottom, read_only);
  }
  return glue_filter_stack ("layer-sqlite", l, c->read_cache, c->write_through,
                            bottom, read_only);
}

static void
sqlite_free_config (void *config)
{
  struct config *c = config;

  sqlite_place_fini (&c->place);
  free (c->image);
}

static struct glue_filter filter = {
  .config_size = sizeof (struct config),
  .config = sqlite_config,
  .config_complete = sqlite_config_complete,
  .get_ready = sqlite_get_ready,
  .below_read_only = sqlite_below_read_only,
  .build = sqlite_build,
  .free_config = sqlite_free_config,
  GLUE_FILTER_STATE_INIT,
};

#define HELP                                                                   \
  "layer-sqlite-cache-dir=<DIR>       Cache what is read, in this "            \
  "directory.\n"                                                               \
  "layer-sqlite-cache-key=<KEY>       Name of the cache (default: disk id).\n" \
  "layer-sqlite-file=<FILE>           The layer (default: IMAGE.dbhd).\n"      \
  "layer-sqlite-force=<BOOL>          Accept another disk below.\n"            \
  "layer-sqlite-read-cache=<BOOL>     Keep what is read from below.\n"         \
  "layer-sqlite-sector-size=<SIZE>    Sector size (default: as below).\n"      \
  "layer-sqlite-size=<SIZE>           Size of the disk (default: as below).\n" \
  "layer-sqlite-write-through=<BOOL>  Also write to the disk below.\n"

GLUE_FILTER (filter, "layer-sqlite", "diskstack SQLite layer",
             "Keep changes to the disk below in a file.", HELP)
