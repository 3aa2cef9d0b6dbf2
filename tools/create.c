/* SPDX-License-Identifier: BSD-3-Clause
 *
 * diskstack create: new disks.
 */

#include <config.h>

#include <getopt.h>
#include <stdio.h>

#include "base/log.h"
#include "base/parse.h"
#include "command.h"
#include "disk-make.h"
#include "new-file.h"
#include "options.h"

struct create {
  struct disk_make make;
  const char *path;
  bool has_format, quiet;
};

/* ------------------------------------------------------------------ */
/* Doing it */

static int
create_file (const struct create *c)
{
  struct new_file f;
  int r = -1;

  if (new_file_create (&f, c->path) == -1)
    return -1;
  if (disk_make (&c->make, f.file) == 0)
    r = new_file_publish (&f);
  new_file_end (&f);
  return r;
}

static int
create (struct create *c)
{
  if (disk_make_check (&c->make, "create") == -1 || create_file (c) == -1)
    return COMMAND_FAILED;
  if (!c->quiet)
    printf ("%s: made\n", c->path);
  return COMMAND_OK;
}

/* ------------------------------------------------------------------ */
/* The command line */

static void
print_usage (FILE *f)
{
  fprintf (f, "usage: diskstack create [--format=raw|vhd1|vhdx]\n"
              "                        [--subformat=fixed|dynamic|"
              "differencing]\n"
              "                        [--parent=FILE] [--block-size=SIZE]\n"
              "                        [--sector-size=512|4096]\n"
              "                        [--physical-sector-size=512|4096]\n"
              "                        [--quiet] FILE [SIZE]\n");
}

/* 0, or -1 after log_error. */
static int
set (struct create *c, int o, const char *value)
{
  switch (o) {
  case 'f':
    c->has_format = true;
    return option_format ("create: --format", value, &c->make.format);
  case 's':
    c->make.has_type = true;
    return option_type ("create: --subformat", value, &c->make.type);
  case 'b':
    return option_size ("create: --block-size", value, &c->make.block_size);
  case 'S':
    return option_sector ("create: --sector-size", value, &c->make.sector_size);
  case 'P':
    return option_sector ("create: --physical-sector-size", value,
                          &c->make.physical_sector_size);
  case 'p':
    c->make.parent = value;
    return 0;
  case 'q':
    c->quiet = true;
    return 0;
  }
  return -1;
}

static int
positional (struct create *c, int n, char *argv[])
{
  c->path = argv[0];
  if (!c->has_format)
    c->make.format = disk_format_of_path (c->path);
  c->make.has_size = n == 2;
  return n == 1 ? 0 : option_any_size ("create: size", argv[1], &c->make.size);
}

int
command_create (int argc, char *argv[])
{
  static const struct option options[] = {
    { "format", required_argument, NULL, 'f' },
    { "subformat", required_argument, NULL, 's' },
    { "parent", required_argument, NULL, 'p' },
    { "block-size", required_argument, NULL, 'b' },
    { "sector-size", required_argument, NULL, 'S' },
    { "physical-sector-size", required_argument, NULL, 'P' },
    { "quiet", no_argument, NULL, 'q' },
    { "help", no_argument, NULL, 'h' },
    { NULL },
  };
  struct create c = { .quiet = false };
  int o, status = -1;

  while (status == -1 &&
         (o = getopt_long (argc, argv, "f:s:p:b:qh", options, NULL)) != -1) {
    if (o == 'h' || o == '?') {
      print_usage (o == 'h' ? stdout : stderr);
      status = o == 'h' ? COMMAND_OK : COMMAND_FAILED;
    }
    else if (set (&c, o, optarg) == -1)
      status = COMMAND_FAILED;
  }
  if (status == -1 && (argc - optind < 1 || argc - optind > 2)) {
    print_usage (stderr);
    status = COMMAND_FAILED;
  }
  if (status == -1 && positional (&c, argc - optind, argv + optind) == -1)
    status = COMMAND_FAILED;
  if (status == -1)
    status = create (&c);
  return options_finish (status);
}
