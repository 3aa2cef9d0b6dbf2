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
#include "glue/glue-plugin.h"
#include "store/store-file.h"

#define THREAD_MODEL NBDKIT_THREAD_MODEL_PARALLEL

/* Parameters.  Each may be given once. */
enum param {
  P_FILE,
  P_FD,
  P_DIR,
  P_DIRFD,
  P_SIZE,
  P_CREATE,
  P_SECTOR_SIZE,
  P_CACHE,
  P_FADVISE,
  P_LOCK,
};

static const struct word {
  const char *word;
  int value;
} param_words[] = {
  { "file", P_FILE },
  { "fd", P_FD },
  { "dir", P_DIR },
  { "directory", P_DIR },
  { "dirfd", P_DIRFD },
  { "size", P_SIZE },
  { "create", P_CREATE },
  { "sector-size", P_SECTOR_SIZE },
  { "cache", P_CACHE },
  { "fadvise", P_FADVISE },
  { "lock", P_LOCK },
  { NULL, -1 },
}, sector_size_words[] = {
  { "512", 512 },
  { "4096", 4096 },
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

static unsigned given;    /* bits of enum param */
static char *path;        /* of file= or dir=, absolute */
static int given_fd = -1; /* of fd= or dirfd= */
static uint64_t create_size;
static bool no_lock;
static struct store_file_options options;

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
  struct store_file_options o = options;

  o.read_only = read_only || !host_file_is_writable (f);
  return store_file_create (f, &o);
}

static struct store *
open_store (const char *name, bool read_only)
{
  const struct host_file_options o = {
    .path = name,
    .dir_fd = directory,
    .direct = options.cache == STORE_FILE_CACHE_DIRECT,
    .no_lock = no_lock,
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

  directory = given_fd;
  if (path != NULL)
    directory = open (path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (directory == -1 || fstat (directory, &st) == -1) {
    nbdkit_error ("%s: %m", path ? path : "dirfd");
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
  char fd_name[32];
  const struct host_file_options o = {
    .path = path ? path : fd_name,
    .fd = given_fd,
    .direct = options.cache == STORE_FILE_CACHE_DIRECT,
    .no_lock = no_lock,
  };
  struct stat st;

  snprintf (fd_name, sizeof fd_name, "fd=%d", given_fd);
  if (path != NULL && stat (path, &st) == 0 && S_ISDIR (st.st_mode)) {
    nbdkit_error ("use dir= to serve the files in %s", path);
    return -1;
  }
  file = is_given (P_CREATE) ? host_file_create (&o, create_size) :
                               host_file_open (&o);
  if (file == NULL)
    return -1;
  if (glue_plugin_preopen (&exports, "") == -1) {
    if (is_given (P_CREATE))
      unlink (path);
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
  free (path);
}

/* ------------------------------------------------------------------ */
/* Configuration */

static int
find_word (const struct word *words, const char *word)
{
  while (words->word != NULL && strcmp (words->word, word) != 0)
    words++;
  return words->value;
}

static int
set_word (int *r, const struct word *words, const char *key, const char *value)
{
  *r = find_word (words, value);
  if (*r == -1) {
    nbdkit_error ("%s=%s: must be one of:%s%s%s%s%s%s", key, value, " ",
                  words[0].word, " ", words[1].word, words[2].word ? " " : "",
                  words[2].word ? words[2].word : "");
    return -1;
  }
  return 0;
}

static int
set_path (const char *value)
{
  path = nbdkit_absolute_path (value);
  return path != NULL ? 0 : -1;
}

static int
set_fd (const char *key, const char *value)
{
  if (nbdkit_parse_int (key, value, &given_fd) == -1)
    return -1;
  if (given_fd <= STDERR_FILENO) {
    nbdkit_error ("%s=%d: must be larger than %d: standard input, output and "
                  "error belong to nbdkit",
                  key, given_fd, STDERR_FILENO);
    return -1;
  }
  return 0;
}

static int
set_size (uint64_t *r, const char *key, const char *value)
{
  const int64_t size = nbdkit_parse_size (value);

  if (size == 0)
    nbdkit_error ("%s=0: must be larger", key);
  *r = (uint64_t) size;
  return size > 0 ? 0 : -1;
}

static int
set_lock (const char *value)
{
  const int lock = nbdkit_parse_bool (value);

  if (lock == -1)
    nbdkit_error ("lock=%s: must be true or false", value);
  no_lock = lock == 0;
  return lock == -1 ? -1 : 0;
}

static int
raw_config (const char *key, const char *value)
{
  const int param = find_word (param_words, key);
  int n = 0, r = 0;

  if (param == -1) {
    if (strcmp (key, "rdelay") == 0 || strcmp (key, "wdelay") == 0)
      nbdkit_error ("%s is a parameter of --filter=delay", key);
    else
      nbdkit_error ("unknown parameter '%s'", key);
    return -1;
  }
  if (is_given (param)) {
    nbdkit_error ("%s= may be given only once", key);
    return -1;
  }
  given |= 1u << param;
  switch ((enum param) param) {
  case P_FILE:
  case P_DIR:
    if (path != NULL)
      return 0; /* config_complete tells what is wrong */
    return set_path (value);
  case P_FD:
  case P_DIRFD:
    return set_fd (key, value);
  case P_SIZE:
    return set_size (&options.size, key, value);
  case P_CREATE:
    return set_size (&create_size, key, value);
  case P_SECTOR_SIZE:
    r = set_word (&n, sector_size_words, key, value);
    options.sector_size = n;
    return r;
  case P_CACHE:
    r = set_word (&n, cache_words, key, value);
    options.cache = n;
    return r;
  case P_FADVISE:
    return set_word (&options.fadvise, fadvise_words, key, value);
  case P_LOCK:
    return set_lock (value);
  }
  return -1;
}

static int
raw_config_complete (void)
{
  const int sources =
    is_given (P_FILE) + is_given (P_FD) + is_given (P_DIR) + is_given (P_DIRFD);

  if (sources == 0)
    nbdkit_error ("give the file or the block device to serve, or fd=, dir= "
                  "or dirfd=");
  else if (sources > 1)
    nbdkit_error ("only one of file=, fd=, dir= and dirfd= may be given");
  else if (is_given (P_CREATE) && !is_given (P_FILE))
    nbdkit_error ("create= can only be used with file=");
  else if (is_given (P_SIZE) && serves_directory ())
    nbdkit_error ("size= cannot be used with dir= or dirfd=");
  else if (is_given (P_SIZE) && is_given (P_CREATE))
    nbdkit_error ("size= and create= cannot be used together");
  else if (options.sector_size != 0 &&
           !IS_ALIGNED (create_size, options.sector_size))
    nbdkit_error ("create= is not a multiple of sector-size=%u",
                  options.sector_size);
  else
    return 0;
  return -1;
}

#define raw_config_help                                                      \
  "[file=]<FILENAME>     The file or block device to serve.\n"               \
  "fd=<FD>               Serve what is open on this file descriptor.\n"      \
  "dir=<DIRECTORY>       Serve the files in this directory by their name.\n" \
  "dirfd=<FD>            Serve those of the directory open on this one.\n"   \
  "size=<SIZE>           Serve only so much, from the start of the file.\n"  \
  "create=<SIZE>         Create the file, which must not exist.\n"           \
  "sector-size=512|4096  Have sectors of this size.\n"                       \
  "cache=<MODE>          Use of the page cache: default, none or direct.\n"  \
  "fadvise=<MODE>        Access is: normal, random or sequential.\n"         \
  "lock=false            Do not lock the file against other processes."

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
    nbdkit_error ("opendir: %s: %m", path ? path : "dirfd");
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
