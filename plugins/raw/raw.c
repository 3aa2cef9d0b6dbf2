/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The raw plugin: a file, a block device, or a directory of them.  Here
 * are its parameters and what they open; the rest is in store-file and
 * glue-plugin.
 */

#include <config.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/align.h"
#include "base/cleanup.h"
#include "glue/glue-host-file.h"
#include "glue/glue-params.h"
#include "glue/glue-plugin.h"
#include "store/store-file.h"

#define THREAD_MODEL NBDKIT_THREAD_MODEL_PARALLEL

/* Parameters, beside those of glue-host-file.h.  Each may be given once. */
enum param {
  P_DIR,
  P_DIRFD,
  P_SIZE,
  P_CREATE,
  P_SECTOR_SIZE,
};

static const struct glue_word param_words[] = {
  { "dir", P_DIR },
  { "directory", P_DIR },
  { "dirfd", P_DIRFD },
  { "size", P_SIZE },
  { "create", P_CREATE },
  { "sector-size", P_SECTOR_SIZE },
  { NULL, -1 },
}, sector_size_words[] = {
  { "512", 512 },
  { "4096", 4096 },
  { NULL, -1 },
};

static struct glue_host_file host = GLUE_HOST_FILE_INIT;
static unsigned given;  /* bits of enum param */
static char *dir_path;  /* of dir=, absolute */
static int dir_fd = -1; /* of dirfd= */
static uint64_t create_size;

static bool
is_given (enum param p)
{
  return given & (1u << p);
}

static bool
serves_directory (void)
{
  return is_given (P_DIR) || is_given (P_DIRFD);
}

/* ------------------------------------------------------------------ */
/* What is served */

static struct store *open_store (const char *name, bool read_only);
static struct glue_exports exports = GLUE_EXPORTS_INIT (open_store);
static struct host_file *file; /* unless a directory is served */
static int directory = -1;     /* if one is; a descriptor */

static struct store *
open_file (struct host_file *f, bool read_only)
{
  const struct store_file_options o =
    glue_host_file_options (&host, f, read_only);

  return store_file_create (f, &o);
}

static struct store *
open_store (const char *name, bool read_only)
{
  const struct host_file_options o = {
    .path = name,
    .dir_fd = directory,
    .direct = host.options.cache == STORE_FILE_CACHE_DIRECT,
    .no_lock = host.no_lock,
  };
  struct host_file *f;
  struct store *s;

  if (!serves_directory ())
    return open_file (file, read_only);
  f = host_file_open (&o);
  if (f == NULL)
    return NULL;
  s = open_file (f, read_only);
  host_file_unref (f);
  return s;
}

static int
get_ready_directory (void)
{
  struct stat st;

  directory = dir_fd;
  if (dir_path != NULL)
    directory = open (dir_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (directory == -1 || fstat (directory, &st) == -1) {
    nbdkit_error ("%s: %m", dir_path ? dir_path : "dirfd");
    return -1;
  }
  if (!S_ISDIR (st.st_mode)) {
    nbdkit_error ("dirfd=%d is not a directory", directory);
    return -1;
  }
  exports.close_idle = true;
  return 0;
}

static int
get_ready_file (void)
{
  struct stat st;

  if (host.path != NULL && stat (host.path, &st) == 0 && S_ISDIR (st.st_mode)) {
    nbdkit_error ("use dir= to serve the files in %s", host.path);
    return -1;
  }
  file = is_given (P_CREATE) ? glue_host_file_create (&host, create_size) :
                               glue_host_file_open (&host);
  if (file == NULL)
    return -1;
  if (glue_plugin_preopen (&exports, "") == -1) {
    if (is_given (P_CREATE))
      unlink (host.path);
    return -1;
  }
  return 0;
}

/* Still in the user's directory, as the user and with the terminal. */
static int
raw_get_ready (void)
{
  return serves_directory () ? get_ready_directory () : get_ready_file ();
}

static void
raw_unload (void)
{
  glue_plugin_unload (&exports);
  host_file_unref (file);
  cleanup_close (&directory);
  glue_host_file_fini (&host);
  free (dir_path);
}

/* ------------------------------------------------------------------ */
/* Configuration */

static int
set (enum param param, const char *key, const char *value)
{
  int n = 0, r = -1;

  switch (param) {
  case P_DIR:
    dir_path = nbdkit_absolute_path (value);
    return dir_path != NULL ? 0 : -1;
  case P_DIRFD:
    return glue_param_fd (key, value, &dir_fd);
  case P_SIZE:
    return glue_param_size (key, value, &host.options.size);
  case P_CREATE:
    return glue_param_size (key, value, &create_size);
  case P_SECTOR_SIZE:
    r = glue_param_word (key, value, sector_size_words, &n);
    host.options.sector_size = n;
    return r;
  }
  return -1;
}

static int
raw_config (const char *key, const char *value)
{
  const int param = glue_find_word (param_words, key);
  const int r = glue_host_file_config (&host, key, value);

  if (r != 0)
    return r == 1 ? 0 : -1;
  if (param == -1) {
    if (strcmp (key, "rdelay") == 0 || strcmp (key, "wdelay") == 0)
      nbdkit_error ("%s is a parameter of --filter=delay", key);
    else
      nbdkit_error ("unknown parameter '%s'", key);
    return -1;
  }
  if (glue_param_once (key, param, &given) == -1)
    return -1;
  return set (param, key, value);
}

static int
raw_config_complete (void)
{
  const int sources = (host.path != NULL) + (host.fd != -1) + is_given (P_DIR) +
                      is_given (P_DIRFD);

  if (sources == 0)
    nbdkit_error ("give the file or the block device to serve, or fd=, dir= "
                  "or dirfd=");
  else if (sources > 1)
    nbdkit_error ("only one of file=, fd=, dir= and dirfd= may be given");
  else if (is_given (P_CREATE) && host.path == NULL)
    nbdkit_error ("create= can only be used with file=");
  else if (is_given (P_SIZE) && serves_directory ())
    nbdkit_error ("size= cannot be used with dir= or dirfd=");
  else if (is_given (P_SIZE) && is_given (P_CREATE))
    nbdkit_error ("size= and create= cannot be used together");
  else if (host.options.sector_size != 0 &&
           !IS_ALIGNED (create_size, host.options.sector_size))
    nbdkit_error ("create= is not a multiple of sector-size=%u",
                  host.options.sector_size);
  else
    return glue_host_file_config_complete (&host);
  return -1;
}

/* clang-format off */
#define raw_config_help                                                      \
  "[file=]<FILENAME>     The file or block device to serve.\n"               \
  "fd=<FD>               Serve what is open on this file descriptor.\n"      \
  "dir=<DIRECTORY>       Serve the files in this directory by their name.\n" \
  "dirfd=<FD>            Serve those of the directory open on this one.\n"   \
  "size=<SIZE>           Serve only so much, from the start of the file.\n"  \
  "create=<SIZE>         Create the file, which must not exist.\n"           \
  "sector-size=512|4096  Have sectors of this size.\n"                       \
  GLUE_HOST_FILE_HELP
/* clang-format on */

static void
raw_dump_plugin (void)
{
  printf ("raw_cache_direct=yes\n");
  printf ("raw_fua_dsync=yes\n");
  printf ("raw_ofd_locks=yes\n");
  printf ("raw_falloc_fl_punch_hole=yes\n");
  printf ("raw_falloc_fl_zero_range=yes\n");
  printf ("raw_blkdiscard=yes\n");
  printf ("raw_blkzeroout=yes\n");
  printf ("raw_extents=yes\n");
}

/* ------------------------------------------------------------------ */
/* Exports */

/* Symbolic links are not followed when they are opened. */
static bool
is_served (int dir, const struct dirent *d)
{
  struct stat st;

  if (d->d_type == DT_REG || d->d_type == DT_BLK)
    return true;
  return d->d_type == DT_UNKNOWN &&
         fstatat (dir, d->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
         (S_ISREG (st.st_mode) || S_ISBLK (st.st_mode));
}

static int
list_directory (DIR *dir, struct nbdkit_exports *list)
{
  struct dirent *d;

  while (errno = 0, (d = readdir (dir)) != NULL) {
    if (is_served (dirfd (dir), d) &&
        nbdkit_add_export (list, d->d_name, NULL) == -1)
      return -1;
  }
  if (errno != 0) {
    nbdkit_error ("readdir: %m");
    return -1;
  }
  return 0;
}

static int
raw_list_exports (int readonly, int is_tls, struct nbdkit_exports *list)
{
  DIR *dir;
  int copy, r;

  if (!serves_directory ())
    return nbdkit_add_export (list, "", NULL);
  /* With a position of its own. */
  copy = openat (directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (copy == -1 || (dir = fdopendir (copy)) == NULL) {
    nbdkit_error ("opendir: %s: %m", dir_path ? dir_path : "dirfd");
    cleanup_close (&copy);
    return -1;
  }
  r = list_directory (dir, list);
  closedir (dir);
  return r;
}

static void *
raw_open (int readonly)
{
  const char *name = "";

  if (serves_directory ()) {
    name = nbdkit_export_name ();
    if (name == NULL)
      return NULL;
  }
  return glue_plugin_open (&exports, name, readonly);
}

static struct nbdkit_plugin plugin = {
  .name = "raw",
  .longname = "diskstack raw plugin",
  .version = PACKAGE_VERSION,
  .description = "Serve files and block devices.",
  .unload = raw_unload,
  .config = raw_config,
  .config_complete = raw_config_complete,
  .config_help = raw_config_help,
  .magic_config_key = "file",
  .dump_plugin = raw_dump_plugin,
  .get_ready = raw_get_ready,
  .list_exports = raw_list_exports,
  .open = raw_open,
  GLUE_PLUGIN_OPS,
};

NBDKIT_REGISTER_PLUGIN (plugin)
