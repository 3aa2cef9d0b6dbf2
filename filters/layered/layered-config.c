/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Parameters of the layered filter.
 */

#include <config.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <nbdkit-filter.h>

#include "base/align.h"
#include "base/log.h"
#include "base/parse.h"
#include "layered-config.h"

/* The most that one request to what is below may be. */
#define FETCH_MAX (UINT64_C (32) << 20)
#define READAHEAD_MAX (UINT64_C (1) << 30)
#define PARALLEL_MAX 256

bool
layered_config_writes (const struct layered_config *c, unsigned i)
{
  for (unsigned j = 0; j < i; j++) {
    if (!c->layer[j].spec.write_through && !c->layer[j].spec.write_back)
      return false;
  }
  return true;
}

uint64_t
layered_config_own_max (const struct layer_spec *spec)
{
  const bool is_elsewhere =
    spec->read_cache || spec->write_through || spec->write_back;

  return spec->kind == LAYER_KIND_RAM && !is_elsewhere ? spec->max : 0;
}

struct layered_member
layered_config_member (const struct layered_config *c, unsigned i,
                       struct layer *layer)
{
  const struct layer_spec *spec = &c->layer[i].spec;

  return (struct layered_member){
    .layer = layer,
    .read_cache = spec->read_cache,
    .write_through = spec->write_through,
    .write_back = spec->write_back,
    .max = layered_config_own_max (spec) != 0 ? 0 : spec->max,
  };
}

bool
layered_config_is_image (const struct layered_config_layer *l)
{
  return l->spec.kind == LAYER_KIND_VHD1 || l->spec.kind == LAYER_KIND_VHDX;
}

const char *
layered_config_path (const struct layered_config_layer *l)
{
  return layered_config_is_image (l) ? l->image.path : l->place.path;
}

struct host_file *
layered_config_file (const struct layered_config_layer *l)
{
  if (l->source != NULL)
    return store_source_file (l->source);
  return layered_config_is_image (l) ? image_place_file (&l->image) :
                                       l->place.early;
}

void
layered_config_complain (const struct layered_config *c, unsigned i,
                         const char *sentence)
{
  if (i >= c->nlayers)
    log_error ("the disk below %s", sentence);
  else
    log_error ("layer %u (%s) %s", i + 1,
               layer_kind_name (c->layer[i].spec.kind), sentence);
}

/* Layers. */

static int
complain_of_spec (unsigned number, const struct layer_spec_place *place,
                  enum layer_spec_status status)
{
  const char *sentence = layer_spec_status_string (status);

  if (*place->kind == '\0')
    log_error ("layer %u: layered-layer= %s", number, sentence);
  else if (status == LAYER_SPEC_UNKNOWN_KIND)
    log_error ("layer %u: \"%s\" %s", number, place->kind, sentence);
  else if (*place->option == '\0')
    log_error ("layer %u (%s) %s", number, place->kind, sentence);
  else
    log_error ("layer %u (%s): %s %s", number, place->kind, place->option,
               sentence);
  return -1;
}

/* While the current directory is still the user's. */
static int
set_disk (struct layer_spec *spec)
{
  char *store;

  if (strstr (spec->store, "://") != NULL) {
    log_error ("%.*s...: a URL cannot be a layer; it can be what is below all "
               "layers, with nbdkit-blob-plugin(1)",
               (int) strcspn (spec->store, ":"), spec->store);
    return -1;
  }
  store = store_open_absolute (spec->store);
  if (store == NULL) {
    log_error ("%s: %m", spec->store);
    return -1;
  }
  free (spec->store);
  spec->store = store;
  return 0;
}

static int
set_sqlite (struct layered_config_layer *l, unsigned number)
{
  const struct layer_spec *spec = &l->spec;

  if (asprintf (&l->key_option, "layer %u (sqlite): key=", number) == -1) {
    l->key_option = NULL;
    log_error ("out of memory");
    return -1;
  }
  l->place.key_option = l->key_option;
  l->place.is_directory = spec->cache_dir != NULL;
  l->place.key = spec->key;
  l->place.path =
    nbdkit_absolute_path (spec->cache_dir ? spec->cache_dir : spec->file);
  return l->place.path != NULL ? 0 : -1;
}

static int
set_image (struct layered_config_layer *l)
{
  l->image.format =
    l->spec.kind == LAYER_KIND_VHDX ? IMAGE_FORMAT_VHDX : IMAGE_FORMAT_VHD1;
  l->image.path = nbdkit_absolute_path (l->spec.file);
  return l->image.path != NULL ? 0 : -1;
}

static int
set_place (struct layered_config_layer *l, unsigned number)
{
  switch (l->spec.kind) {
  case LAYER_KIND_DISK:
    return set_disk (&l->spec);
  case LAYER_KIND_SQLITE:
    return set_sqlite (l, number);
  case LAYER_KIND_VHD1:
  case LAYER_KIND_VHDX:
    return set_image (l);
  default:
    return 0;
  }
}

static int
add_layer (struct layered_config *c, const char *value)
{
  struct layered_config_layer *l = &c->layer[c->nlayers];
  const unsigned number = c->nlayers + 1;
  enum layer_spec_status status;
  struct layer_spec_place place;

  if (c->nlayers == LAYERED_MAX) {
    log_error ("layer %u %s", number, layered_status_string (LAYERED_TOO_MANY));
    return -1;
  }
  status = layer_spec_parse (value, &l->spec, &place);
  if (status != LAYER_SPEC_OK)
    return complain_of_spec (number, &place, status);
  c->nlayers = number;
  return set_place (l, number);
}

/* Everything else. */

static int
set_fetch (struct layered_config *c, const char *value)
{
  uint64_t n;

  if (!parse_size (value, &n) || n < 4096 || n > FETCH_MAX ||
      !is_power_of_2 (n)) {
    log_error ("layered-fetch=%s: must be a power of two from 4K to 32M",
               value);
    return -1;
  }
  c->tuning.fetch = (uint32_t) n;
  return 0;
}

static int
set_readahead (struct layered_config *c, const char *value)
{
  uint64_t n;

  if (!parse_size (value, &n) || n > READAHEAD_MAX) {
    log_error ("layered-readahead=%s: must be a size up to 1G, or 0 for none",
               value);
    return -1;
  }
  c->tuning.readahead = n != 0 ? (uint32_t) n : UINT32_MAX;
  return 0;
}

static int
set_parallel (struct layered_config *c, const char *value)
{
  uint64_t n;

  if (!parse_size (value, &n) || n < 1 || n > PARALLEL_MAX) {
    log_error ("layered-parallel=%s: must be a number from 1 to %d", value,
               PARALLEL_MAX);
    return -1;
  }
  c->tuning.parallel = (unsigned) n;
  return 0;
}

static int
set_age (struct layered_config *c, const char *value)
{
  uint32_t ms;

  if (!parse_milliseconds (value, &ms) || ms == 0) {
    log_error ("layered-age=%s: must be seconds, more than 0, such as 30 or "
               "0.5",
               value);
    return -1;
  }
  c->tuning.age = ms;
  return 0;
}

static int
set_bool (const char *key, const char *value, bool *r)
{
  const int v = nbdkit_parse_bool (value);

  if (v == -1) {
    log_error ("layered-%s=%s: must be true or false", key, value);
    return -1;
  }
  *r = v;
  return 0;
}

static int
set_path (const char *value, char **r)
{
  *r = nbdkit_absolute_path (value);
  return *r != NULL ? 0 : -1;
}

static int
set_rate (const char *key, const char *value, uint64_t *r)
{
  if (!parse_size (value, r) || *r == 0) {
    log_error ("layered-%s=%s: must be a size larger than 0", key, value);
    return -1;
  }
  return 0;
}

/* Without the filter's name. */
static const char *const keys[] = {
  "layer",  "age",     "explain",      "fetch",  "parallel", "readahead",
  "status", "hydrate", "hydrate-rate", "record", "prefetch",
};

enum {
  KEY_LAYER,
  KEY_AGE,
  KEY_EXPLAIN,
  KEY_FETCH,
  KEY_PARALLEL,
  KEY_READAHEAD,
  KEY_STATUS,
  KEY_HYDRATE,
  KEY_HYDRATE_RATE,
  KEY_RECORD,
  KEY_PREFETCH,
  NKEYS
};

_Static_assert(ARRAY_SIZE (keys) == NKEYS, "one name for each");

static int
set (struct layered_config *c, unsigned key, const char *value)
{
  switch (key) {
  case KEY_LAYER:
    return add_layer (c, value);
  case KEY_AGE:
    return set_age (c, value);
  case KEY_EXPLAIN:
    return set_bool (keys[key], value, &c->explain);
  case KEY_FETCH:
    return set_fetch (c, value);
  case KEY_PARALLEL:
    return set_parallel (c, value);
  case KEY_READAHEAD:
    return set_readahead (c, value);
  case KEY_STATUS:
    return set_path (value, &c->status_path);
  case KEY_HYDRATE:
    return set_bool (keys[key], value, &c->hydrate);
  case KEY_HYDRATE_RATE:
    return set_rate (keys[key], value, &c->hydrate_rate);
  case KEY_RECORD:
    return set_path (value, &c->record_path);
  default:
    return set_path (value, &c->prefetch_path);
  }
}

int
layered_config_set (struct layered_config *c, const char *key,
                    const char *value)
{
  unsigned k = 0;

  while (k < NKEYS && strcmp (key, keys[k]) != 0)
    k++;
  if (k == NKEYS)
    return 0;
  if (k != KEY_LAYER && (c->given & 1u << k)) {
    log_error ("layered-%s= is given twice", key);
    return -1;
  }
  c->given |= 1u << k;
  return set (c, k, value) == 0 ? 1 : -1;
}

void
layered_config_fini (struct layered_config *c)
{
  for (unsigned i = 0; i < c->nlayers; i++) {
    struct layered_config_layer *l = &c->layer[i];

    store_close (l->early);
    store_source_unref (l->source);
    sqlite_place_fini (&l->place);
    image_place_fini (&l->image);
    free (l->key_option);
    layer_spec_fini (&l->spec);
  }
  free (c->status_path);
  free (c->record_path);
  free (c->prefetch_path);
}
