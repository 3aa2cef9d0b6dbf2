/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See glue-host-file.h.
 */

#include <config.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "glue/glue-host-file.h"
#include "glue/glue-params.h"
#include "glue/glue-plugin.h"
#include "uring/uring.h"

enum param {
  P_FILE,
  P_FD,
  P_CACHE,
  P_ENGINE,
  P_FADVISE,
  P_LOCK,
};

static const struct glue_word param_words[] = {
  { "file", P_FILE }, { "fd", P_FD },     { "cache", P_CACHE },
  { "engine", P_ENGINE }, { "fadvise", P_FADVISE }, { "lock", P_LOCK },
  { NULL, -1 },
}, engine_words[] = {
  { "auto", GLUE_ENGINE_AUTO },
  { "uring", GLUE_ENGINE_URING },
  { "threads", GLUE_ENGINE_THREADS },
  { NULL, -1 },
}, cache_words[] = {
  { "default", STORE_FILE_CACHE_DEFAULT },
  { "none", STORE_FILE_CACHE_NONE },
  { "direct", STORE_FILE_CACHE_DIRECT },
  { NULL, -1 },
}, fadvise_words[] = {
  { "normal", POSIX_FADV_NORMAL },
  { "random", POSIX_FADV_RANDOM },
  { "sequential", POSIX_FADV_SEQUENTIAL },
  { NULL, -1 },
};

int
glue_param_fd (const char *key, const char *value, int *r)
{
  if (nbdkit_parse_int (key, value, r) == -1)
    return -1;
  if (*r <= STDERR_FILENO) {
    nbdkit_error ("%s=%d: must be larger than %d: standard input, output and "
                  "error belong to nbdkit",
                  key, *r, STDERR_FILENO);
    return -1;
  }
  return 0;
}

static int
set_lock (struct glue_host_file *p, const char *value)
{
  const int lock = nbdkit_parse_bool (value);

  if (lock == -1)
    nbdkit_error ("lock=%s: must be true or false", value);
  p->no_lock = lock == 0;
  return lock == -1 ? -1 : 0;
}

static int
set (struct glue_host_file *p, enum param param, const char *key,
     const char *value)
{
  int cache = 0, engine = 0, r = -1;

  switch (param) {
  case P_FILE:
    p->path = nbdkit_absolute_path (value);
    return p->path != NULL ? 0 : -1;
  case P_FD:
    return glue_param_fd (key, value, &p->fd);
  case P_CACHE:
    r = glue_param_word (key, value, cache_words, &cache);
    p->options.cache = cache;
    return r;
  case P_ENGINE:
    r = glue_param_word (key, value, engine_words, &engine);
    p->engine = engine;
    return r;
  case P_FADVISE:
    return glue_param_word (key, value, fadvise_words, &p->options.fadvise);
  case P_LOCK:
    return set_lock (p, value);
  }
  return -1;
}

int
glue_host_file_config_use (struct glue_host_file *p, const char *key,
                           const char *value)
{
  const int param = glue_find_word (param_words, key);

  return param == P_FILE || param == P_FD ?
           0 :
           glue_host_file_config (p, key, value);
}

int
glue_host_file_config (struct glue_host_file *p, const char *key,
                       const char *value)
{
  const int param = glue_find_word (param_words, key);

  if (param == -1)
    return 0;
  if (glue_param_once (key, param, &p->given) == -1 ||
      set (p, param, key, value) == -1)
    return -1;
  return 1;
}

int
glue_host_file_config_complete (const struct glue_host_file *p)
{
  if (p->engine != GLUE_ENGINE_URING)
    return 0;
  if (p->options.cache != STORE_FILE_CACHE_DIRECT) {
    nbdkit_error ("engine=uring needs cache=direct: what is in the page cache "
                  "is copied, and nothing is waited for");
    return -1;
  }
  if (uring_engine () == NULL) {
    nbdkit_error ("engine=uring: io_uring cannot be used here: %m");
    return -1;
  }
  return 0;
}

/* ------------------------------------------------------------------ */

static struct host_file *
open_or_create (const struct glue_host_file *p, const uint64_t *size)
{
  char fd_name[32];
  const struct host_file_options o = {
    .path = p->path ? p->path : fd_name,
    .fd = p->fd,
    .direct = p->options.cache == STORE_FILE_CACHE_DIRECT,
    .no_lock = p->no_lock,
  };

  snprintf (fd_name, sizeof fd_name, "fd=%d", p->fd);
  return size != NULL ? host_file_create (&o, *size) : host_file_open (&o);
}

struct host_file *
glue_host_file_open (const struct glue_host_file *p)
{
  return open_or_create (p, NULL);
}

struct host_file *
glue_host_file_create (const struct glue_host_file *p, uint64_t size)
{
  return open_or_create (p, &size);
}

struct store_file_options
glue_host_file_use (const struct glue_host_file *p)
{
  struct store_file_options o = p->options;

  if (o.cache == STORE_FILE_CACHE_DIRECT && p->engine != GLUE_ENGINE_THREADS) {
    o.engine = uring_engine ();
    if (p->engine == GLUE_ENGINE_AUTO)
      o.engine_min = STORE_FILE_ENGINE_MIN;
    nbdkit_debug ("engine: %s", o.engine ? o.engine->name : "threads");
  }
  return o;
}

struct store_file_options
glue_host_file_options (const struct glue_host_file *p,
                        const struct host_file *f, bool read_only)
{
  struct store_file_options o = glue_host_file_use (p);

  o.read_only = read_only || !host_file_is_writable (f);
  return o;
}

void
glue_host_file_fini (struct glue_host_file *p)
{
  free (p->path);
  p->path = NULL;
}
