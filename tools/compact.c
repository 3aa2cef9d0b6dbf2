/* SPDX-License-Identifier: BSD-3-Clause
 *
 * diskstack compact: what an image keeps without need is given back.
 * First blocks that have nothing but zeroes are freed, then blocks move
 * from the end of the file into its holes, then the file is cut.
 *
 * Nothing of this changes what the disk shows, so the image keeps the
 * identity by which children know it.
 */

#include <config.h>

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/align.h"
#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "base/parse.h"
#include "command.h"
#include "disk-walk.h"
#include "disk.h"
#include "interrupt.h"
#include "options.h"
#include "progress.h"
#include "tool-log.h"

/* So much decides about most blocks. */
#define LOOK 16384

struct compact {
  const char *spec;
  bool no_zeroes, quiet;
  struct disk disk;
  struct image *image;
  struct progress progress;
  char *buf;      /* DISK_PIECE */
  uint64_t freed; /* blocks */
};

/* ------------------------------------------------------------------ */
/* Blocks of zeroes */

/* Is all data of the block at OFFSET zero, and is there any?  1, 0 or -1. */
static int
look_at_block (struct compact *c, uint64_t offset, uint64_t count, int *err)
{
  const uint64_t end = offset + count;
  enum image_state state;
  uint64_t n, place, step = LOOK;
  bool any = false;

  for (; offset < end; offset += n) {
    struct image_visit v;
    int r;

    n = min_u64 (end - offset, step);
    step = DISK_PIECE;
    image_enter (c->image, &v);
    r = image_map (c->image, offset, &n, &state, &place, err);
    image_leave (c->image, &v);
    if (r == -1)
      return -1;
    if (state == IMAGE_ABSENT && image_info (c->image)->parent.exists)
      return 0; /* the parent's data is not zero, for all we know */
    if (state != IMAGE_DATA)
      continue;
    if (image_read (c->image, c->buf, n, offset, NULL, NULL, err) == -1)
      return -1;
    if (!bytes_are_zero (c->buf, n))
      return 0;
    any = true;
  }
  return any;
}

static int
free_block (struct compact *c, uint64_t offset, uint64_t count, int *err)
{
  const int zero = look_at_block (c, offset, count, err);

  if (zero != 1)
    return zero;
  if (image_zero (c->image, count, offset, 0, err) == -1)
    return -1;
  c->freed++;
  return 0;
}

static int
free_zeroes (struct compact *c)
{
  const uint64_t size = image_size (c->image);
  const uint64_t block = image_info (c->image)->block_size;
  int err = 0;

  progress_start (&c->progress, size, c->quiet);
  for (uint64_t offset = 0; offset < size; offset += block) {
    progress_update (&c->progress, offset);
    if (interrupt_came () ||
        free_block (c, offset, min_u64 (block, size - offset), &err) == -1)
      break;
  }
  progress_finish (&c->progress);
  if (err == 0 && !interrupt_came () && image_flush (c->image, &err) == 0)
    return 0;
  errno = err;
  log_error ("compact: %s: blocks of zeroes: %s", c->spec,
             err != 0 ? strerror (err) : "interrupted");
  return -1;
}

/* Can blocks be zero without being there? */
static bool
can_free (const struct image *i)
{
  const struct image_info *info = image_info (i);

  return !info->parent.exists || strcmp (info->format, "vhdx") == 0;
}

/* ------------------------------------------------------------------ */
/* Moving blocks */

static bool
on_progress (void *opaque, uint64_t done, uint64_t all)
{
  struct compact *c = opaque;

  c->progress.total = all;
  progress_update (&c->progress, done);
  return !interrupt_came ();
}

static int
move_blocks (struct compact *c)
{
  int r, err;

  progress_start (&c->progress, 0, c->quiet);
  r = image_compact (c->image, on_progress, c, &err);
  progress_finish (&c->progress);
  if (r == 0 && !interrupt_came ())
    return 0;
  errno = err;
  log_error ("compact: %s: moving blocks: %s; it is sound, and smaller by "
             "what was done",
             c->spec, r == -1 ? strerror (err) : "interrupted");
  return -1;
}

/* ------------------------------------------------------------------ */
/* The whole */

static void
measure (const struct compact *c, uint64_t *size, uint64_t *used)
{
  struct stat st;

  *size = *used = 0;
  if (fstat (host_file_fd (c->disk.file), &st) == 0) {
    *size = (uint64_t) st.st_size;
    *used = (uint64_t) st.st_blocks * 512;
  }
}

static int
work (struct compact *c)
{
  const struct image_info *info = image_info (c->image);
  int err;

  if (info->keeps_blocks) {
    log_error ("compact: %s: is a fixed image, which keeps all its blocks",
               c->spec);
    return -1;
  }
  if (image_set_link_id (c->image, &info->own_link_id, &err) == -1) {
    errno = err;
    log_error ("compact: %s: %m", c->spec);
    return -1;
  }
  if (!c->no_zeroes && can_free (c->image) && free_zeroes (c) == -1)
    return -1;
  return move_blocks (c);
}

static int
compact_image (struct compact *c)
{
  CLEANUP_FREE char *buf = malloc (DISK_PIECE);
  const int flat = disk_is_flat (&c->disk);
  unsigned errors;
  int r = -1;

  if (flat == -1)
    return -1;
  if (flat) {
    log_error ("compact: %s: stores the disk as it is: there is nothing to "
               "give back but by holes (see fallocate(1), --dig-holes)",
               c->spec);
    return -1;
  }
  c->buf = buf;
  c->image = disk_image (&c->disk, false);
  if (c->image == NULL)
    return -1;
  if (buf == NULL)
    log_error ("compact: %m");
  else
    r = work (c);
  errors = tool_log_count ();
  image_close (c->image);
  return tool_log_count () == errors ? r : -1;
}

static void
say_done (const struct compact *c, uint64_t size_before, uint64_t used_before)
{
  char before[32], after[32], used[32];
  uint64_t size_now, used_now;

  measure (c, &size_now, &used_now);
  format_size (size_before, before, sizeof before);
  format_size (size_now, after, sizeof after);
  format_size (used_before > used_now ? used_before - used_now : 0, used,
               sizeof used);
  printf (
    "%s: the file had %s and has %s now; %s of the medium gained, %" PRIu64
    " blocks of zeroes freed\n",
    c->spec, before, after, used, c->freed);
}

static int
compact (struct compact *c)
{
  const struct disk_options o = { .alone = true };
  uint64_t size, used;
  int r;

  if (disk_open (&c->disk, c->spec, &o) == -1)
    return COMMAND_FAILED;
  interrupt_catch ();
  measure (c, &size, &used);
  r = compact_image (c);
  if (r == 0 && !c->quiet)
    say_done (c, size, used);
  disk_close (&c->disk);
  return r == 0 ? COMMAND_OK : COMMAND_FAILED;
}

/* ------------------------------------------------------------------ */
/* The command line */

static void
print_usage (FILE *f)
{
  fprintf (f, "usage: diskstack compact [--no-zeroes] [--quiet] FILE\n");
}

int
command_compact (int argc, char *argv[])
{
  static const struct option options[] = {
    { "no-zeroes", no_argument, NULL, 'z' },
    { "quiet", no_argument, NULL, 'q' },
    { "help", no_argument, NULL, 'h' },
    { NULL },
  };
  struct compact c = { .quiet = false };
  int o, status = -1;

  while (status == -1 &&
         (o = getopt_long (argc, argv, "qh", options, NULL)) != -1) {
    if (o == 'z')
      c.no_zeroes = true;
    else if (o == 'q')
      c.quiet = true;
    else {
      print_usage (o == 'h' ? stdout : stderr);
      status = o == 'h' ? COMMAND_OK : COMMAND_FAILED;
    }
  }
  if (status == -1 && argc - optind != 1) {
    print_usage (stderr);
    status = COMMAND_FAILED;
  }
  if (status == -1) {
    c.spec = argv[optind];
    status = compact (&c);
  }
  return options_finish (status);
}
