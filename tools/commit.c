/* SPDX-License-Identifier: BSD-3-Clause
 *
 * diskstack commit: move what a layer file or a differencing image holds
 * into the disk below it.
 */

#include <config.h>

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/parse.h"
#include "command.h"
#include "commit-impl.h"
#include "commit-online.h"
#include "interrupt.h"
#include "options.h"
#include "tool-log.h"

/* Is it one by its name, or by what is said of it? */
static bool
is_image (const struct commit *c)
{
  return c->disk_spec == NULL ||
         disk_format_of_spec (c->layer_path) != DISK_RAW;
}

/* ------------------------------------------------------------------ */
/* Doing it */

static void
format_amount (const struct layer_commit_size *size, char *out, size_t n)
{
  char data[32], zeroes[32];

  format_size (size->data, data, sizeof data);
  format_size (size->zeroes, zeroes, sizeof zeroes);
  snprintf (out, n, "%s of data and %s of zeroes", data, zeroes);
}

static bool
on_progress (void *opaque, const struct layer_commit_size *done)
{
  struct commit *c = opaque;

  progress_update (&c->progress, done->data + done->zeroes);
  return !interrupt_came ();
}

static void
log_failure (const struct commit *c, const struct layer_commit_failure *f,
             int err)
{
  errno = err;
  log_error ("commit: %s: %s: offset=%" PRIu64 " count=%" PRIu64 ": %m",
             c->disk_name, layer_commit_step_string (f->step), f->offset,
             f->count);
}

/* What is left when it was cut short. */
static void
log_rest (const struct commit *c, const struct layer_commit_size *done)
{
  char moved[128], all[128];

  if (c->keep) {
    log_error ("commit: the layer is as it was; do it again to copy all of "
               "it");
    return;
  }
  format_amount (done, moved, sizeof moved);
  format_amount (&c->all, all, sizeof all);
  log_error ("commit: %s of %s are moved, the rest is still in the layer; do "
             "it again to go on",
             moved, all);
}

static int
run (struct commit *c)
{
  const struct layer_commit_options o = {
    .piece = c->piece, .keep = c->keep, .progress = on_progress, .opaque = c
  };
  struct layer_commit_failure f;
  struct layer_commit_size done;
  char amount[128];
  int err, r;

  if (is_image (c) && commit_begin_image (c) == -1)
    return COMMAND_FAILED;
  progress_start (&c->progress, c->all.data + c->all.zeroes, c->quiet);
  r = layer_commit (c->layer, c->disk, &o, &done, &f, &err);
  progress_finish (&c->progress);
  if (r == -1)
    log_failure (c, &f, err);
  else if (r == 0 && done.data + done.zeroes < c->all.data + c->all.zeroes)
    log_error ("commit: interrupted");
  else
    r = 1;
  if (r != 1) {
    log_rest (c, &done);
    return COMMAND_FAILED;
  }
  if (is_image (c) && commit_end_image (c) == -1)
    return COMMAND_FAILED;
  format_amount (&done, amount, sizeof amount);
  if (!c->quiet)
    printf ("%s: %s %s to %s and verified\n", c->layer_path, amount,
            c->keep ? "copied" : "moved", c->disk_name);
  return COMMAND_OK;
}

static int
dry_run (struct commit *c)
{
  const uint64_t size = store_size (c->disk);
  char amount[128];

  format_amount (&c->all, amount, sizeof amount);
  printf ("%s: %s would be %s to %s\n", c->layer_path, amount,
          c->keep ? "copied" : "moved", c->disk_name);
  if (c->all.end <= size || c->all.end - size < c->layer->info.sector_size)
    return COMMAND_OK;
  log_error ("commit: %s: %s: it ends at %" PRIu64 ", the data at %" PRIu64,
             c->disk_name, layer_commit_step_string (LAYER_COMMIT_TOO_SHORT),
             size, c->all.end);
  return COMMAND_FAILED;
}

static int
open_both (struct commit *c)
{
  if (is_image (c))
    return commit_open_image (c);
#ifdef HAVE_SQLITE
  return commit_open_layer (c);
#else
  log_error ("commit: %s: this diskstack was built without layer files",
             c->layer_path);
  return -1;
#endif
}

static int
commit (struct commit *c)
{
  int status = COMMAND_FAILED;
  unsigned errors;

  interrupt_catch ();
  c->disk_name = c->disk_spec;
  if (open_both (c) == 0) {
    layer_commit_measure (c->layer, &c->all);
    status = c->dry_run ? dry_run (c) : run (c);
  }
  /* What closing has to say is all that is known of its failure. */
  errors = tool_log_count ();
  layer_close (c->layer);
  store_close (c->disk);
  if (tool_log_count () != errors)
    status = COMMAND_FAILED;
  commit_close_image (c);
  return status;
}

/* ------------------------------------------------------------------ */
/* The command line */

static void
print_usage (FILE *f)
{
  fprintf (f, "usage: diskstack commit [OPTIONS] CHILD\n"
              "       diskstack commit [OPTIONS] LAYER DISK\n"
              "       diskstack commit [--quiet] SOCKET [EXPORT]\n"
              "options: [--dry-run] [--force] [--keep] [--piece=SIZE] "
              "[--quiet]\n"
              "         [--parent-map=FROM=TO] "
              "[--parent-search=DIRECTORY]\n");
}

/* 0, or -1 after log_error. */
static int
set (struct commit *c, int o, const char *value)
{
  switch (o) {
  case 'n':
    c->dry_run = true;
    return 0;
  case 'f':
    c->force = true;
    return 0;
  case 'k':
    c->keep = true;
    return 0;
  case 'q':
    c->quiet = true;
    return 0;
  case 'p':
    return option_size ("commit: --piece", value, &c->piece);
  }
  return option_search (&c->search, o, value);
}

/* What to exit with. */
static int
operands (struct commit *c, int n, char *argv[])
{
  if (n >= 1 && n <= 2 && commit_is_online (argv[0]))
    return commit_online (argv[0], argv[1], c->quiet);
  if (n < 1 || n > 2) {
    print_usage (stderr);
    return COMMAND_FAILED;
  }
  c->layer_path = argv[0];
  c->disk_spec = argv[1];
  return commit (c);
}

int
command_commit (int argc, char *argv[])
{
  static const struct option options[] = {
    { "dry-run", no_argument, NULL, 'n' },
    { "force", no_argument, NULL, 'f' },
    { "keep", no_argument, NULL, 'k' },
    { "piece", required_argument, NULL, 'p' },
    { "quiet", no_argument, NULL, 'q' },
    { "help", no_argument, NULL, 'h' },
    OPTIONS_SEARCH,
    { NULL },
  };
  struct commit c = { .layer_path = NULL };
  int o, status = -1;

  while (status == -1 &&
         (o = getopt_long (argc, argv, "nfkp:qh", options, NULL)) != -1) {
    if (o == 'h' || o == '?') {
      print_usage (o == 'h' ? stdout : stderr);
      status = o == 'h' ? COMMAND_OK : COMMAND_FAILED;
    }
    else if (set (&c, o, optarg) == -1)
      status = COMMAND_FAILED;
  }
  if (status == -1)
    status = operands (&c, argc - optind, argv + optind);
  disk_search_fini (&c.search);
  return options_finish (status);
}
