/* SPDX-License-Identifier: BSD-3-Clause
 *
 * diskstack info: what files are, and what is wrong with them.
 */

#include <config.h>

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/align.h"
#include "base/log.h"
#include "command.h"
#include "info.h"
#include "report.h"
#include "tool-log.h"

/* In the order in which they are tried: what is told by the start of a
 * file goes before what is told by its end.
 */
static const struct info_kind *const kinds[] = {
#ifdef HAVE_SQLITE
  &info_layer,
#endif
  &info_vhdx,
  &info_vhd1,
};

static const struct info_kind *
find_kind (struct host_file *f)
{
  for (size_t i = 0; i < ARRAY_SIZE (kinds); i++) {
    if (kinds[i]->probe (f))
      return kinds[i];
  }
  return NULL;
}

/* What every file has. */
static void
report_file (struct report *r, struct host_file *f,
             const struct info_kind *kind)
{
  struct stat st;

  report_text (r, "file", host_file_path (f));
  report_text (r, "kind", kind->name);
  report_bytes (r, "file-size", (uint64_t) host_file_size (f));
  if (!host_file_is_block_device (f) && fstat (host_file_fd (f), &st) == 0)
    report_bytes (r, "file-allocated", (uint64_t) st.st_blocks * 512);
}

/* The reasons that were logged.  They all name the file, which the
 * reader of the report knows.
 */
static size_t
report_trouble (struct report *r, struct host_file *f)
{
  const char *path = host_file_path (f), *text;
  size_t n = 0;

  report_list (r, "trouble");
  for (; (text = tool_log_kept (n)) != NULL; n++) {
    if (strncmp (text, path, strlen (path)) == 0 &&
        strncmp (text + strlen (path), ": ", 2) == 0)
      text += strlen (path) + 2;
    report_item (r, text);
  }
  if (n == 0 && !r->json)
    report_item (r, "none found");
  report_end_list (r);
  return n;
}

static int
info_file (const char *path, struct report *r)
{
  const struct host_file_options o = { .path = path };
  struct host_file *f = host_file_open (&o);
  const struct info_kind *kind;
  size_t trouble;

  if (f == NULL)
    return COMMAND_FAILED;
  kind = find_kind (f);
  if (kind == NULL) {
    log_error (
      "%s: neither a VHD nor a VHDX nor a layer file; if it is a raw image, "
      "serve it with nbdkit-raw-plugin(1)",
      path);
    host_file_unref (f);
    return COMMAND_FAILED;
  }
  if (host_file_lock (f, false) == -1) {
    host_file_unref (f);
    return COMMAND_FAILED;
  }
  tool_log_keep ();
  report_begin (r);
  report_file (r, f, kind);
  kind->report (f, r);
  trouble = report_trouble (r, f);
  report_end (r);
  tool_log_print ();
  host_file_unlock (f, false);
  host_file_unref (f);
  return trouble > 0 ? COMMAND_TROUBLE : COMMAND_OK;
}

static void
print_usage (FILE *f)
{
  fprintf (f, "usage: diskstack info [--json] FILE...\n");
}

int
command_info (int argc, char *argv[])
{
  static const struct option options[] = {
    { "json", no_argument, NULL, 'j' },
    { "help", no_argument, NULL, 'h' },
    { NULL },
  };
  struct report r;
  bool json = false;
  int c, status = COMMAND_OK;

  while ((c = getopt_long (argc, argv, "h", options, NULL)) != -1) {
    switch (c) {
    case 'j':
      json = true;
      break;
    case 'h':
      print_usage (stdout);
      return COMMAND_OK;
    default:
      print_usage (stderr);
      return COMMAND_FAILED;
    }
  }
  if (optind == argc) {
    print_usage (stderr);
    return COMMAND_FAILED;
  }
  report_start (&r, json);
  for (int i = optind; i < argc; i++) {
    const int one = info_file (argv[i], &r);

    if (one == COMMAND_FAILED || status == COMMAND_OK)
      status = one;
  }
  if (report_finish (&r) == -1) {
    log_error ("standard output: %m");
    return COMMAND_FAILED;
  }
  return status;
}
