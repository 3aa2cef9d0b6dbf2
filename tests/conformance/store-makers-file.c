/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The store over a host file, for the suite.
 */

#include <config.h>

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "conformance/store-suite.h"
#include "store/store-file.h"
#include "support/alloc-fault.h"
#include "support/loop-device.h"
#include "uring/uring.h"

static struct store *
make (struct store_env *env, const struct store_spec *o,
      enum store_file_cache cache, const struct file_engine *engine)
{
  const bool direct = cache == STORE_FILE_CACHE_DIRECT;
  const struct store_file_options options = { .read_only = o->read_only,
                                              .cache = cache,
                                              .engine = engine,
                                              .sector_size = o->sector_size };
  char path[4096];
  const struct host_file_options ho = { .path = path,
                                        .fd = -1,
                                        .direct = direct };
  struct host_file *f;
  struct store *s;

  snprintf (path, sizeof path, "%s/disk", make_dir (env));
  f = host_file_create (&ho, o->size);
  if (f == NULL)
    return NULL;
  s = store_file_create (f, &options);
  host_file_unref (f);
  return s;
}

struct store *
make_file (struct store_env *env, const struct store_spec *o)
{
  return make (env, o, STORE_FILE_CACHE_DEFAULT, NULL);
}

struct store *
make_file_none (struct store_env *env, const struct store_spec *o)
{
  return make (env, o, STORE_FILE_CACHE_NONE, NULL);
}

/* Not every file system can. */
static struct store *
make_direct (struct store_env *env, const struct store_spec *o,
             const struct file_engine *engine)
{
  char path[4096];
  int fd;

  snprintf (path, sizeof path, "%s/probe", make_dir (env));
  fd = open (path, O_RDWR | O_CREAT | O_DIRECT | O_CLOEXEC, 0600);
  if (fd == -1) {
    printf ("no O_DIRECT in %s: skipped\n", env->dir);
    return NULL;
  }
  close (fd);
  return make (env, o, STORE_FILE_CACHE_DIRECT, engine);
}

struct store *
make_file_direct (struct store_env *env, const struct store_spec *o)
{
  return make_direct (env, o, NULL);
}

/* Every request by the engine, if there is one. */
struct store *
make_file_uring (struct store_env *env, const struct store_spec *o)
{
  const bool was = alloc_fault_suspend (true);
  const struct file_engine *engine = uring_engine ();

  alloc_fault_suspend (was);
  return make_direct (env, o, engine);
}

/* A loop device over a file, without the page cache, as the blockdevice
 * plugin has it.
 */
struct store *
make_device (struct store_env *env, const struct store_spec *o)
{
  const struct store_file_options options = { .read_only = o->read_only,
                                              .cache = STORE_FILE_CACHE_DIRECT,
                                              .sector_size = o->sector_size };
  char path[LOOP_DEVICE_PATH];
  const struct host_file_options ho = { .path = path,
                                        .fd = -1,
                                        .direct = true };
  int fd = loop_device_create (make_dir (env), o->size, o->sector_size, path);
  struct host_file *f;
  struct store *s;

  if (fd == -1) {
    printf ("no loop device: %s: skipped\n", strerror (errno));
    return NULL;
  }
  f = host_file_open (&ho);
  close (fd); /* F keeps it */
  if (f == NULL)
    return NULL;
  s = store_file_create (f, &options);
  host_file_unref (f);
  return s;
}
