/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The layer-ram filter: one RAM layer over the disk below.
 */

#include <config.h>

#include <string.h>

#include "base/log.h"
#include "glue/glue-filter.h"
#include "layer/layer-ram.h"

struct config {
  bool seen_size, seen_sector_size, seen_max, seen_read_cache,
    seen_write_through;
  uint64_t size, sector_size, max;
  bool read_cache, write_through;
};

static int
ram_config (void *config, const char *key, const char *value)
{
  struct config *c = config;

  if (strcmp (key, "layer-ram-size") == 0)
    return glue_filter_size (key, value, &c->seen_size, &c->size);
  if (strcmp (key, "layer-ram-sector-size") == 0)
    return glue_filter_sector_size (key, value, LAYER_SECTOR_SIZE_MAX,
                                    &c->seen_sector_size, &c->sector_size);
  if (strcmp (key, "layer-ram-max") == 0)
    return glue_filter_size (key, value, &c->seen_max, &c->max);
  if (strcmp (key, "layer-ram-read-cache") == 0)
    return glue_filter_bool (key, value, &c->seen_read_cache, &c->read_cache);
  if (strcmp (key, "layer-ram-write-through") == 0)
    return glue_filter_bool (key, value, &c->seen_write_through,
                             &c->write_through);
  return 0;
}

static bool
ram_below_read_only (const void *config, bool read_only)
{
  const struct config *c = config;

  return read_only || !c->write_through;
}

static struct layered *
ram_build (void *config, const struct layer_below *below,
           const struct layered_bottom *bottom, bool read_only)
{
  const struct config *c = config;
  const struct layer_ram_options options = {
    .size = c->size,
    .sector_size = (uint32_t) c->sector_size,
    .max = c->max,
  };

  return glue_filter_stack ("layer-ram", layer_ram_create (&options, below),
                            c->read_cache, c->write_through, bottom, read_only);
}

static struct glue_filter filter = {
  .config_size = sizeof (struct config),
  .config = ram_config,
  .below_read_only = ram_below_read_only,
  .build = ram_build,
  GLUE_FILTER_STATE_INIT,
};

#define HELP                                                                \
  "layer-ram-max=<SIZE>            Use at most this much memory.\n"         \
  "layer-ram-read-cache=<BOOL>     Keep what is read from below.\n"         \
  "layer-ram-sector-size=<SIZE>    Sector size (default: as below).\n"      \
  "layer-ram-size=<SIZE>           Size of the disk (default: as below).\n" \
  "layer-ram-write-through=<BOOL>  Also write to the disk below.\n"

GLUE_FILTER (filter, "layer-ram", "diskstack RAM layer",
             "Keep changes to the disk below in memory.", HELP)
