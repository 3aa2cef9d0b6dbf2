/* SPDX-License-Identifier: BSD-3-Clause
 *
 * diskstack convert: any disk into a new file.  The file has its name only
 * when all is in it, durable and, if that was asked for, compared.
 */

#include <config.h>

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/align.h"
#include "base/log.h"
#include "base/parse.h"
#include "command.h"
#include "disk-copy.h"
#include "disk-make.h"
#include "interrupt.h"
#include "new-file.h"
#include "options.h"
#include "progress.h"
#include "tool-log.h"

struct convert {
  struct disk_make make;
  struct disk_search search;
  const char *source, *target;
  bool has_format, quiet, verify;
  struct store *from;
  struct new_file file;
  struct progress progress;
};

/* ------------------------------------------------------------------ */
/* Copying */

static bool
on_progress (void *opaque, uint64_t done)
{
  struct convert *c = opaque;

  progress_update (&c->progress, done);
  return !interrupt_came ();
}

/* R is what a walk returned. */
static int
end_of_walk (struct convert *c, int r, const struct disk_walk_failure *f,
             int err)
{
  progress_finish (&c->progress);
  if (r == 0)
    log_error ("convert: interrupted; %s was not made", c->target);
  if (r != -1)
    return r == 1 ? 0 : -1;
  errno = err;
  log_error ("convert: %s to %s: %s: offset=%" PRIu64 " count=%" PRIu64 ": %m",
             c->source, c->target, f->step, f->offset, f->count);
  return -1;
}

static int
walk (struct convert *c, struct store *to,
      int (*fn) (const struct disk_copy *c, struct disk_walk_failure *f,
                 int *err))
{
  const struct disk_copy copy = {
    .from = c->from, .to = to, .progress = on_progress, .opaque = c
  };
  struct disk_walk_failure f;
  int r, err;

  progress_start (&c->progress, store_size (c->from), c->quiet);
  r = fn (&copy, &f, &err);
  return end_of_walk (c, r, &f, err);
}

/* The new file as a disk. */
static struct store *
open_target (struct convert *c, bool read_only)
{
  const struct disk_options o = { .alone = false };
  struct store *s = NULL;
  struct disk d;

  if (disk_open_file (&d, c->file.file, c->make.format, &o) == 0) {
    s = disk_store (&d, read_only);
    disk_close (&d);
  }
  return s;
}

static int
fill (struct convert *c)
{
  struct store *to = open_target (c, false);
  unsigned errors;
  int r;

  if (to == NULL)
    return -1;
  r = walk (c, to, disk_copy);
  /* What closing has to say is all that is known of its failure. */
  errors = tool_log_count ();
  store_close (to);
  return r == 0 && tool_log_count () == errors ? 0 : -1;
}

static int
verify (struct convert *c)
{
  struct store *to = open_target (c, true);
  int r;

  if (to == NULL)
    return -1;
  store_uncache (to, store_size (to), 0);
  if (!c->quiet)
    fprintf (stderr, "comparing\n");
  r = walk (c, to, disk_compare);
  store_close (to);
  return r;
}

static int
make (struct convert *c)
{
  int r = -1;

  if (new_file_create (&c->file, c->target) == -1)
    return -1;
  if (disk_make (&c->make, c->file.file) == 0 && fill (c) == 0 &&
      (!c->verify || verify (c) == 0))
    r = new_file_publish (&c->file);
  return r;
}

/* ------------------------------------------------------------------ */
/* The whole */

/* What the target has from the source.  Its sectors, as what is on the
 * disk counts in them; and its size, which must be whole sectors.
 */
static void
follow_source (struct convert *c)
{
  const uint64_t size = store_size (c->from);
  const uint32_t sector = c->from->info.sector_size == 4096 ? 4096 : 512;

  if (c->make.format == DISK_VHDX)
    c->make.sector_size = sector;
  c->make.has_size = true;
  c->make.size = c->make.format == DISK_RAW  ? size :
                 c->make.format == DISK_VHD1 ? ROUND_UP (size, 512) :
                                               ROUND_UP (size, sector);
}

static void
say_done (const struct convert *c)
{
  char size[32], used[32];
  struct stat st;

  if (c->quiet || fstat (host_file_fd (c->file.file), &st) == -1)
    return;
  format_size (c->make.size, size, sizeof size);
  format_size ((uint64_t) st.st_blocks * 512, used, sizeof used);
  printf ("%s: %s of %s made, %s on the medium%s\n", c->target,
          disk_format_name (c->make.format), size, used,
          c->verify ? ", and verified" : "");
}

static int
convert (struct convert *c)
{
  const struct disk_options o = { .search = &c->search, .url = true };
  struct disk source;
  int r = -1;

  if (disk_open (&source, c->source, &o) == -1)
    return COMMAND_FAILED;
  c->from = disk_store (&source, true);
  disk_close (&source);
  if (c->from == NULL)
    return COMMAND_FAILED;
  interrupt_catch ();
  follow_source (c);
  if (disk_make_check (&c->make, "convert") == 0)
    r = make (c);
  if (r == 0)
    say_done (c);
  new_file_end (&c->file);
  store_close (c->from);
  return r == 0 ? COMMAND_OK : COMMAND_FAILED;
}

/* ------------------------------------------------------------------ */
/* The command line */

static void
print_usage (FILE *f)
{
  fprintf (f, "usage: diskstack convert [--to-format=raw|vhd1|vhdx]\n"
              "                         [--subformat=fixed|dynamic]\n"
              "                         [--block-size=SIZE] [--verify] "
              "[--quiet]\n"
              "                         [--parent-map=FROM=TO]\n"
              "                         [--parent-search=DIRECTORY]\n"
              "                         SOURCE TARGET\n");
}

/* 0, or -1 after log_error. */
static int
set (struct convert *c, int o, const char *value)
{
  switch (o) {
  case 't':
    c->has_format = true;
    return option_format ("convert: --to-format", value, &c->make.format);
  case 's':
    c->make.has_type = true;
    return option_type ("convert: --subformat", value, &c->make.type);
  case 'b':
    return option_size ("convert: --block-size", value, &c->make.block_size);
  case 'V':
    c->verify = true;
    return 0;
  case 'q':
    c->quiet = true;
    return 0;
  }
  return option_search (&c->search, o, value);
}

static int
check (struct convert *c)
{
  if (!c->has_format)
    c->make.format = disk_format_of_path (c->target);
  if (!c->make.has_type || c->make.type != IMAGE_DIFFERENCING)
    return -1;
  log_error ("convert: the result stands alone: --subformat is fixed or "
             "dynamic; diskstack create makes a child");
  return COMMAND_FAILED;
}

int
command_convert (int argc, char *argv[])
{
  static const struct option options[] = {
    { "to-format", required_argument, NULL, 't' },
    { "subformat", required_argument, NULL, 's' },
    { "block-size", required_argument, NULL, 'b' },
    { "verify", no_argument, NULL, 'V' },
    { "quiet", no_argument, NULL, 'q' },
    { "help", no_argument, NULL, 'h' },
    OPTIONS_SEARCH,
    { NULL },
  };
  struct convert c = { .quiet = false };
  int o, status = -1;

  while (status == -1 &&
         (o = getopt_long (argc, argv, "t:s:b:qh", options, NULL)) != -1) {
    if (o == 'h' || o == '?') {
      print_usage (o == 'h' ? stdout : stderr);
      status = o == 'h' ? COMMAND_OK : COMMAND_FAILED;
    }
    else if (set (&c, o, optarg) == -1)
      status = COMMAND_FAILED;
  }
  if (status == -1 && argc - optind != 2) {
    print_usage (stderr);
    status = COMMAND_FAILED;
  }
  if (status == -1) {
    c.source = argv[optind];
    c.target = argv[optind + 1];
    status = check (&c);
  }
  if (status == -1)
    status = convert (&c);
  disk_search_fini (&c.search);
  return options_finish (status);
}
