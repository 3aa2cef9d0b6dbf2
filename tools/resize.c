/* SPDX-License-Identifier: BSD-3-Clause
 *
 * diskstack resize: make a disk larger, or cut off what is nothing but
 * zeroes.
 */

#include <config.h>

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/align.h"
#include "base/bytes.h"
#include "base/checked.h"
#include "base/log.h"
#include "base/parse.h"
#include "command.h"
#include "disk-walk.h"
#include "disk.h"
#include "interrupt.h"
#include "options.h"
#include "store/store-file.h"
#include "store/store-vhd1.h"
#include "tool-log.h"

struct resize {
  struct disk_search search;
  const char *spec, *size_text;
  bool shrink, quiet;
  struct disk disk;
  uint64_t old_size, size; /* bytes */
};

/* ------------------------------------------------------------------ */
/* The sizes */

static int
find_old_size (struct resize *z)
{
  struct store *s = disk_store (&z->disk, true);

  if (s == NULL)
    return -1;
  z->old_size = store_size (s);
  store_close (s);
  return 0;
}

static int
find_size (struct resize *z)
{
  const bool more = z->size_text[0] == '+';

  if (option_any_size ("resize: size", z->size_text + more, &z->size) == -1)
    return -1;
  if (more &&
      (!checked_add (z->size, z->old_size, &z->size) || z->size > INT64_MAX)) {
    log_error ("resize: %s: too large", z->size_text);
    return -1;
  }
  if (z->size >= z->old_size || z->shrink)
    return 0;
  log_error ("resize: %s has %" PRIu64 " bytes: --shrink is needed to make it "
             "smaller",
             z->spec, z->old_size);
  return -1;
}

/* ------------------------------------------------------------------ */
/* What would be lost */

static int
check_piece (void *opaque, struct disk_piece *p, int *err)
{
  struct store *disk = opaque;

  p->step = "reading";
  if (store_read (disk, p->buf, p->count, p->offset, err) == -1)
    return -1;
  if (bytes_are_zero (p->buf, p->count))
    return 0;
  p->step = "there is data beyond the new size";
  *err = EBUSY;
  return -1;
}

static int
check_tail (struct resize *z)
{
  struct store *s = disk_store (&z->disk, true);
  const struct disk_walk w = {
    .disk = s,
    .start = z->size,
    .end = z->old_size,
    .piece = check_piece,
    .opaque = s,
  };
  struct disk_walk_failure f;
  int r, err;

  if (s == NULL)
    return -1;
  r = disk_walk (&w, &f, &err);
  store_close (s);
  if (r == 1)
    return 0;
  errno = err;
  if (err == EBUSY)
    log_error ("resize: %s: there is data beyond the new size: offset=%" PRIu64
               " count=%" PRIu64,
               z->spec, f.offset, f.count);
  else
    log_error ("resize: %s: %s: offset=%" PRIu64 " count=%" PRIu64 ": %m",
               z->spec, f.step, f.offset, f.count);
  return -1;
}

/* ------------------------------------------------------------------ */
/* Doing it */

static int
log_failure (const struct resize *z, int err)
{
  errno = err;
  if (err == EOPNOTSUPP)
    log_error ("resize: %s: the file cannot hold a disk of %" PRIu64 " bytes",
               z->spec, z->size);
  else
    log_error ("resize: %s: to %" PRIu64 " bytes: %m", z->spec, z->size);
  return -1;
}

static int
resize_flat (struct resize *z)
{
  const struct store_file_options o = { .read_only = false };
  struct store *s = store_file_create (z->disk.file, &o);
  int r, err = 0;

  if (s == NULL)
    return -1;
  if (z->disk.format == DISK_VHD1)
    r = store_vhd1_resize (s, z->size, z->spec, host_file_append, z->disk.file);
  else {
    r = store_resize (s, z->size, &err);
    if (r == 0)
      r = store_flush (s, &err);
  }
  store_close (s);
  return r == -1 && err != 0 ? log_failure (z, err) : r;
}

/* Zeroes that are stored hinder no more when they are gone. */
static int
drop_tail (struct resize *z, struct image *i, int *err)
{
  const uint64_t sector = image_info (i)->sector_size;
  const uint64_t start = ROUND_UP (z->size, sector);

  if (start >= image_size (i))
    return 0;
  return image_info (i)->parent.exists ?
           image_discard (i, image_size (i) - start, start, err) :
           image_zero (i, image_size (i) - start, start, 0, err);
}

static int
resize_image (struct resize *z)
{
  struct image *i = disk_image (&z->disk, false);
  unsigned errors;
  int r, err;

  if (i == NULL)
    return -1;
  r = drop_tail (z, i, &err);
  if (r == 0)
    r = image_resize (i, z->size, &err);
  if (r == -1)
    log_failure (z, err);
  errors = tool_log_count ();
  image_close (i);
  return tool_log_count () == errors ? r : -1;
}

static int
change (struct resize *z)
{
  const int flat = disk_is_flat (&z->disk);

  if (z->size == z->old_size)
    return 0;
  if (z->size < z->old_size && check_tail (z) == -1)
    return -1;
  if (flat == -1)
    return -1;
  return flat ? resize_flat (z) : resize_image (z);
}

static int
resize (struct resize *z)
{
  const struct disk_options o = { .search = &z->search };
  char from[32], to[32];
  int r = -1;

  if (disk_open (&z->disk, z->spec, &o) == -1)
    return COMMAND_FAILED;
  /* For all of the time: what was looked at stays so. */
  if (host_file_lock (z->disk.file, true) == 0) {
    if (find_old_size (z) == 0 && find_size (z) == 0)
      r = change (z);
    host_file_unlock (z->disk.file, true);
  }
  disk_close (&z->disk);
  format_size (z->old_size, from, sizeof from);
  format_size (z->size, to, sizeof to);
  if (r == 0 && !z->quiet)
    printf ("%s: from %" PRIu64 " bytes (%s) to %" PRIu64 " (%s)\n", z->spec,
            z->old_size, from, z->size, to);
  return r == 0 ? COMMAND_OK : COMMAND_FAILED;
}

/* ------------------------------------------------------------------ */
/* The command line */

static void
print_usage (FILE *f)
{
  fprintf (f, "usage: diskstack resize [--shrink] [--quiet]\n"
              "                        [--parent-map=FROM=TO]\n"
              "                        [--parent-search=DIRECTORY]\n"
              "                        FILE SIZE|+SIZE\n");
}

int
command_resize (int argc, char *argv[])
{
  static const struct option options[] = {
    { "shrink", no_argument, NULL, 's' },
    { "quiet", no_argument, NULL, 'q' },
    { "help", no_argument, NULL, 'h' },
    OPTIONS_SEARCH,
    { NULL },
  };
  struct resize z = { .quiet = false };
  int o, status = -1;

  while (status == -1 &&
         (o = getopt_long (argc, argv, "qh", options, NULL)) != -1) {
    if (o == 'h' || o == '?') {
      print_usage (o == 'h' ? stdout : stderr);
      status = o == 'h' ? COMMAND_OK : COMMAND_FAILED;
    }
    else if (o == 's')
      z.shrink = true;
    else if (o == 'q')
      z.quiet = true;
    else if (option_search (&z.search, o, optarg) == -1)
      status = COMMAND_FAILED;
  }
  if (status == -1 && argc - optind != 2) {
    print_usage (stderr);
    status = COMMAND_FAILED;
  }
  if (status == -1) {
    z.spec = argv[optind];
    z.size_text = argv[optind + 1];
    status = resize (&z);
  }
  disk_search_fini (&z.search);
  return options_finish (status);
}
