/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See sqlite-place.h.
 */

#include <config.h>

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "layered/new-file.h"
#include "layered/sqlite-place.h"

int
sqlite_place_ready (struct sqlite_place *p)
{
  const struct host_file_options ho = { .path = p->path, .fd = -1 };
  struct stat st;

  if (stat (p->path, &st) == -1) {
    if (!p->is_directory && errno == ENOENT)
      return new_file_check_folder (p->path);
    log_error ("%s: %m", p->path);
    return -1;
  }
  if (p->is_directory) {
    if (S_ISDIR (st.st_mode))
      return 0;
    log_error ("%s: not a directory", p->path);
    return -1;
  }
  p->early = host_file_open (&ho);
  if (p->early == NULL)
    return -1;
  return sqlite_file_check (p->early) == -1 ||
             host_file_lock (p->early, false) == -1 ?
           -1 :
           0;
}

/* The cache's file: the key with everything but letters, digits and a
 * few signs written as %XX, so that no key leads out of the directory.
 */
static char *
cache_path (const struct sqlite_place *place, const struct layer_below *below)
{
  static const char hex[] = "0123456789abcdef";
  char id[UUID_STRLEN + 1];
  const char *key = place->key;
  CLEANUP_FREE char *safe = NULL;
  char *path, *p;

  if (key == NULL && !below->has_id) {
    log_error ("%s is needed, as the disk has no id of its own",
               place->key_option);
    errno = EINVAL;
    return NULL;
  }
  if (key == NULL) {
    uuid_format (&below->id, id);
    key = id;
  }
  p = safe = malloc (3 * strlen (key) + 1);
  if (safe == NULL)
    goto no_memory;
  for (; *key != '\0'; key++) {
    const unsigned char ch = (unsigned char) *key;

    if (isalnum (ch) || ch == '-' || ch == '_' || (ch == '.' && p > safe))
      *p++ = (char) ch;
    else {
      *p++ = '%';
      *p++ = hex[ch >> 4];
      *p++ = hex[ch & 15];
    }
  }
  *p = '\0';
  if (asprintf (&path, "%s/%s" SQLITE_PLACE_SUFFIX, place->path, safe) != -1)
    return path;

no_memory:
  log_error ("out of memory");
  errno = ENOMEM;
  return NULL;
}

struct layer *
sqlite_place_open (const struct sqlite_place *p,
                   const struct layer_sqlite_options *o,
                   const struct layer_below *below)
{
  CLEANUP_FREE char *path = NULL;

  if (p->is_directory) {
    path = cache_path (p, below);
    return path ? sqlite_file_open (path, o, below) : NULL;
  }
  if (p->early != NULL)
    return sqlite_file_open_host (p->early, o, below);
  return sqlite_file_open (p->path, o, below);
}

void
sqlite_place_fini (struct sqlite_place *p)
{
  host_file_unref (p->early);
  free (p->path);
  p->early = NULL;
  p->path = NULL;
}
