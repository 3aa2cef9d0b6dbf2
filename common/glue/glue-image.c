/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See glue-image.h.
 */

#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/align.h"
#include "base/cleanup.h"
#include "glue/glue-image-url.h"
#include "glue/glue-image.h"
#include "glue/glue-params.h"
#include "glue/glue-plugin.h"
#include "image/image-new.h"
#include "image/store-image.h"
#include "store/store-vhd1.h"

enum param {
  P_CREATE,
  P_SUBFORMAT,
  P_BLOCK_SIZE,
  P_PARENT,
  P_PARENT_SEARCH,
  P_PARENT_MAP,
  P_SIZE,
};

#define MORE_THAN_ONCE (1u << P_PARENT_SEARCH | 1u << P_PARENT_MAP)

static const struct glue_word param_words[] = {
  { "create", P_CREATE },
  { "subformat", P_SUBFORMAT },
  { "block-size", P_BLOCK_SIZE },
  { "parent", P_PARENT },
  { "parent-search", P_PARENT_SEARCH },
  { "parent-map", P_PARENT_MAP },
  { "size", P_SIZE },
  { NULL, -1 },
}, type_words[] = {
  { "fixed", IMAGE_FIXED },
  { "dynamic", IMAGE_DYNAMIC },
  { "differencing", IMAGE_DIFFERENCING },
  { NULL, -1 },
};

static bool
is_given (const struct glue_image *g, enum param p)
{
  return g->given & (1u << p);
}

/* ------------------------------------------------------------------ */
/* Configuration */

/* S, which may be NULL, is L's from now on. */
static int
add_string (struct glue_strings *l, char *s)
{
  char **list = s != NULL ? realloc (l->list, (l->n + 1) * sizeof *list) : NULL;

  if (list == NULL) {
    nbdkit_error ("%m");
    free (s);
    return -1;
  }
  l->list = list;
  l->list[l->n++] = s;
  return 0;
}

static int
set_type (struct glue_image *g, const char *key, const char *value)
{
  int type = 0;
  const int r = glue_param_word (key, value, type_words, &type);

  g->create.type = type;
  return r;
}

/* 0 is the size of the parent. */
static int
set_create (struct glue_image *g, const char *value)
{
  const int64_t size = nbdkit_parse_size (value);

  g->create.size = (uint64_t) size;
  return size == -1 ? -1 : 0;
}

static int
set_block_size (struct glue_image *g, const char *key, const char *value)
{
  const uint64_t min = g->format->min_block, max = g->format->max_block;
  uint64_t size;

  if (glue_param_size (key, value, &size) == -1)
    return -1;
  if (!is_power_of_2 (size) || size < min || size > max) {
    nbdkit_error ("%s=%s: must be a power of two from %" PRIu64 " to %" PRIu64
                  " bytes",
                  key, value, min, max);
    return -1;
  }
  g->create.block_size = size;
  return 0;
}

static int
add_search (struct glue_image *g, const char *value)
{
  char *dir = nbdkit_absolute_path (value);

  return dir == NULL ? -1 : add_string (&g->search, dir);
}

/* "C:\vm=/srv/vm" */
static int
add_map (struct glue_image *g, const char *key, const char *value)
{
  const char *equals = strchr (value, '=');
  char *to;

  if (equals == NULL || equals == value || equals[1] == '\0') {
    nbdkit_error ("%s=%s: must be how paths of parents begin, an equals sign, "
                  "and the folder here, as in %s=C:\\vm=/srv/vm",
                  key, value, key);
    return -1;
  }
  to = nbdkit_absolute_path (equals + 1);
  if (to == NULL || add_string (&g->map_to, to) == -1)
    return -1;
  return add_string (&g->map_from, strndup (value, equals - value));
}

static int
set (struct glue_image *g, enum param param, const char *key, const char *value)
{
  switch (param) {
  case P_CREATE:
    return set_create (g, value);
  case P_SUBFORMAT:
    return set_type (g, key, value);
  case P_BLOCK_SIZE:
    return set_block_size (g, key, value);
  case P_PARENT:
    g->parent = nbdkit_absolute_path (value);
    return g->parent != NULL ? 0 : -1;
  case P_PARENT_SEARCH:
    return add_search (g, value);
  case P_PARENT_MAP:
    return add_map (g, key, value);
  case P_SIZE:
    return glue_param_size (key, value, &g->size);
  }
  return -1;
}

int
glue_image_config (struct glue_image *g, const char *key, const char *value)
{
  const int param = glue_find_word (param_words, key);
  int r = glue_image_url_config (g, key, value);

  if (r == 0)
    r = glue_host_file_config (&g->host, key, value);
  if (r != 0 || param == -1)
    return r;
  if (!(MORE_THAN_ONCE & (1u << param)) &&
      glue_param_once (key, param, &g->given) == -1)
    return -1;
  r = set (g, param, key, value);
  return r == 0 ? 1 : -1;
}

/* ------------------------------------------------------------------ */
/* Do the parameters go together? */

bool
glue_image_is_new (const struct glue_image *g)
{
  return is_given (g, P_CREATE) ||
         (is_given (g, P_SUBFORMAT) && g->create.type == IMAGE_DIFFERENCING);
}

int
glue_image_only_new (const struct glue_image *g, const char *key,
                     bool was_given)
{
  if (!was_given || glue_image_is_new (g))
    return 0;
  nbdkit_error ("%s= is for a new %s: give create= too", key, g->format->noun);
  return -1;
}

static int
check_new_size (const struct glue_image *g)
{
  if (g->create.size == 0 && g->create.type != IMAGE_DIFFERENCING)
    nbdkit_error ("create=0: must be larger, unless parent= is given, too");
  else if (g->create.size > g->format->max_size)
    nbdkit_error ("create= must be at most %" PRIu64
                  " bytes (%s), the largest disk that a %s may hold",
                  g->format->max_size, g->format->max_size_words,
                  g->format->noun);
  else
    return 0;
  return -1;
}

/* The type is known. */
static int
check_new (const struct glue_image *g)
{
  const bool differencing = g->create.type == IMAGE_DIFFERENCING;

  if (g->host.path == NULL)
    nbdkit_error ("create= can only be used with file=");
  else if (is_given (g, P_SIZE))
    nbdkit_error ("size= and create= cannot be used together");
  else if (differencing && g->parent == NULL)
    nbdkit_error ("subformat=differencing needs parent=");
  else if (!differencing && g->parent != NULL)
    nbdkit_error ("subformat=%s and parent= cannot be used together: only a "
                  "differencing %s has a parent",
                  type_words[g->create.type].word, g->format->noun);
  else
    return check_new_size (g);
  return -1;
}

static int
check_existing (const struct glue_image *g)
{
  if (glue_image_only_new (g, "subformat", is_given (g, P_SUBFORMAT)) == -1 ||
      glue_image_only_new (g, "block-size", is_given (g, P_BLOCK_SIZE)) == -1)
    return -1;
  if (g->size > g->format->max_size) {
    nbdkit_error ("size= must be at most %" PRIu64
                  " bytes (%s), the largest disk that a %s may hold",
                  g->format->max_size, g->format->max_size_words,
                  g->format->noun);
    return -1;
  }
  return 0;
}

int
glue_image_config_complete (struct glue_image *g)
{
  if (g->url != NULL)
    return glue_image_url_check (g);
  if (g->access.given) {
    nbdkit_error ("cainfo=, user= and all that is for servers can only be used "
                  "with a URL");
    return -1;
  }
  if (g->host.path == NULL && g->host.fd == -1) {
    nbdkit_error ("give the %s to serve, or fd=", g->format->noun);
    return -1;
  }
  if (g->host.path != NULL && g->host.fd != -1) {
    nbdkit_error ("only one of file= and fd= may be given");
    return -1;
  }
  if (glue_host_file_config_complete (&g->host) == -1)
    return -1;
  if (!glue_image_is_new (g))
    return check_existing (g);
  if (!is_given (g, P_SUBFORMAT))
    g->create.type =
      g->parent != NULL ? IMAGE_DIFFERENCING : g->format->default_type;
  return check_new (g);
}

/* ------------------------------------------------------------------ */
/* The file */

static struct host_file *
create (const struct glue_image *g)
{
  const struct image_new_options o = {
    .format = g->format->id,
    .file = {
      .path = g->host.path,
      .direct = g->host.options.cache == STORE_FILE_CACHE_DIRECT,
      .no_lock = g->host.no_lock,
    },
    .parent = g->parent,
    .create = g->create,
  };

  return image_new (&o);
}

static struct image_chain *
open_chain (const struct glue_image *g)
{
  const struct image_chain_options o = {
    .format = g->format->id,
    .no_lock = g->host.no_lock,
    .direct = g->host.options.cache == STORE_FILE_CACHE_DIRECT,
    .size_rule = g->size_rule,
    .parent = g->parent,
    .search = (const char *const *) g->search.list,
    .nsearch = g->search.n,
    .map_from = (const char *const *) g->map_from.list,
    .map_to = (const char *const *) g->map_to.list,
    .nmap = g->map_from.n,
  };

  return image_chain_open (g->file, &o);
}

struct store *
glue_image_store (struct glue_image *g, bool read_only)
{
  struct store_file_options o;

  if (g->url != NULL)
    return glue_image_url_store (g);
  o = glue_host_file_options (&g->host, g->file, read_only);
  return image_chain_store (g->chain, &o);
}

/* A fixed VHD is no image, and its footer has to move. */
static int
resize_fixed (struct glue_image *g)
{
  const struct store_file_options o = { .read_only = false };
  struct store *inner = store_file_create (g->file, &o);
  int r;

  if (inner == NULL)
    return -1;
  r = store_vhd1_resize (inner, g->size, host_file_path (g->file),
                         host_file_append, g->file);
  store_close (inner);
  return r;
}

static int
resize_image (struct glue_image *g)
{
  struct store *s = glue_image_store (g, false);
  int r, err;

  if (s == NULL)
    return -1;
  r = store_resize (s, g->size, &err);
  if (r == -1) {
    errno = err;
    nbdkit_error ("size=%" PRIu64 ": %s cannot be made larger: %m", g->size,
                  host_file_path (g->file));
  }
  store_close (s);
  return r;
}

/* Make the disk as large as size= says, if it is smaller. */
static int
grow (struct glue_image *g)
{
  struct store *s = glue_image_store (g, true);
  const char *name = host_file_path (g->file);
  uint32_t sector_size;
  bool fixed;
  uint64_t now;

  if (s == NULL)
    return -1;
  now = store_size (s);
  sector_size = s->info.sector_size;
  fixed = store_image_get (s) == NULL;
  store_close (s);
  if (now >= g->size)
    return 0;
  if (IS_ALIGNED (g->size, sector_size) && host_file_is_writable (g->file))
    return fixed ? resize_fixed (g) : resize_image (g);
  if (host_file_is_writable (g->file))
    nbdkit_error ("size=%" PRIu64 ": %s has sectors of %u bytes, and must "
                  "have whole ones",
                  g->size, name, sector_size);
  else
    nbdkit_error ("size=%" PRIu64 ": the disk in %s has %" PRIu64
                  " bytes and cannot be made larger, as the file cannot be "
                  "written",
                  g->size, name, now);
  return -1;
}

/* With the file open: all the rest. */
static int
open_rest (struct glue_image *g, struct glue_exports *e)
{
  g->chain = open_chain (g);
  if (g->chain == NULL)
    return -1;
  if (g->parent != NULL && image_chain_length (g->chain) == 1) {
    nbdkit_error ("parent=%s: %s is not a differencing %s and has no parent",
                  g->parent, host_file_path (g->file), g->format->noun);
    return -1;
  }
  if (g->size != 0 && grow (g) == -1)
    return -1;
  return glue_plugin_preopen (e, "");
}

int
glue_image_get_ready (struct glue_image *g, struct glue_exports *e)
{
  const bool is_new = glue_image_is_new (g);

  if (g->url != NULL)
    return glue_image_url_get_ready (g);
  g->file = is_new ? create (g) : glue_host_file_open (&g->host);
  if (g->file == NULL)
    return -1;
  if (open_rest (g, e) == 0)
    return 0;
  if (is_new)
    unlink (g->host.path);
  return -1;
}

static void
free_strings (struct glue_strings *l)
{
  while (l->n > 0)
    free (l->list[--l->n]);
  free (l->list);
  l->list = NULL;
}

void
glue_image_fini (struct glue_image *g)
{
  image_chain_unref (g->chain);
  host_file_unref (g->file);
  free_strings (&g->search);
  free_strings (&g->map_from);
  free_strings (&g->map_to);
  free (g->parent);
  glue_host_file_fini (&g->host);
  glue_image_url_fini (g);
}
