/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See new-file.h.
 */

#include <config.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "layered/new-file.h"
#include "store/store-file.h"

int
new_file_check_folder (const char *path)
{
  CLEANUP_FREE char *folder = strdup (path);
  char *slash = folder != NULL ? strrchr (folder, '/') : NULL;

  if (slash == NULL) {
    log_error ("out of memory");
    return -1;
  }
  slash[slash == folder] = '\0';
  if (access (folder, X_OK) == -1) {
    log_error ("%s: the folder of the layer: %m", folder);
    return -1;
  }
  return 0;
}

static int
make_temporary (const char *temp, new_file_fill fill, void *opaque)
{
  const struct host_file_options ho = { .path = temp, .fd = -1 };
  const struct store_file_options so = { .read_only = false };
  struct host_file *f = host_file_create (&ho, 0);
  struct store *file;
  int r = -1;

  if (f == NULL)
    return -1;
  file = store_file_create (f, &so);
  if (file != NULL)
    r = fill (file, opaque);
  store_close (file);
  host_file_unref (f);
  return r;
}

int
new_file_make (const char *path, new_file_fill fill, void *opaque)
{
  CLEANUP_FREE char *temp = NULL;
  struct uuid random;
  char text[UUID_STRLEN + 1];
  int r = -1;

  if (uuid_random (&random) == -1) {
    log_error ("%s: getrandom: %m", path);
    return -1;
  }
  uuid_format (&random, text);
  if (asprintf (&temp, "%s.%s.tmp", path, text) == -1) {
    temp = NULL;
    log_error ("%s: out of memory", path);
    return -1;
  }
  if (make_temporary (temp, fill, opaque) == 0) {
    /* Somebody else may have been faster: then theirs it is. */
    r = link (temp, path) == 0 || errno == EEXIST ? 0 : -1;
    if (r == -1)
      log_error ("%s: link: %m", path);
    else
      r = host_file_sync_name (path);
  }
  unlink (temp);
  return r;
}
