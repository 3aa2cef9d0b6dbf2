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
  &info_striped,
  &info_vhdx,
  &info_vhd1,
};

static const struct info_kind *
find_kind (const struct info_source *s)
{
  for (size_t i = 0; i < ARRAY_SIZE (kinds); i++) {
    if (kinds[i]->probe (s))
      return kinds[i];
  }
  return NULL;
}

/* What every file has. */
static void
report_file (struct report *r, const struct info_source *s,
             const struct info_kind *kind)
{
  struct stat st;

  report_text (r, "file", s->name);
  report_text (r, "kind", kind->name);
  report_bytes (r, "file-size", s->size);
  if (s->file != NULL && !host_file_is_block_device (s->file) &&
      fstat (host_file_fd (s->file), &st) == 0)
    report_bytes (r, "file-allocated", (uint64_t) st.st_blocks * 512);
}

size_t
info_report_trouble (struct report *r, const char *path)
{
  const char *text;
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

/* The plugin for what is of no kind. */
static const char *
plugin_for (const struct info_source *s)
{
  if (s->file == NULL)
    return "blob";
  return host_file_is_block_device (s->file) ? "blockdevice" : "raw";
}

/* 0, or -1 after log_error: it is of no kind that is known, or locked. */
static int
find_and_lock (struct info_source *s, const struct info_kind **kind)
{
  *kind = find_kind (s);
  if (*kind == NULL) {
    log_error (
      "%s: neither a VHD nor a VHDX%s; if it is a raw image, serve it with "
      "nbdkit-%s-plugin(1)",
      s->name, s->file != NULL ? " nor a layer file" : "", plugin_for (s));
    return -1;
  }
  return s->file != NULL ? host_file_lock (s->file, false) : 0;
}

static int
info_file (const char *path, struct report *r)
{
  struct info_source s;
  const struct info_kind *kind;
  size_t trouble;

  if (info_open (&s, path) == -1)
    return COMMAND_FAILED;
  if (find_and_lock (&s, &kind) == -1) {
    info_close (&s);
    return COMMAND_FAILED;
  }
  tool_log_keep ();
  report_begin (r);
  report_file (r, &s, kind);
  kind->report (&s, r);
  trouble = info_report_trouble (r, s.name);
  report_end (r);
  tool_log_print ();
  if (s.file != NULL)
    host_file_unlock (s.file, false);
  info_close (&s);
  return trouble > 0 ? COMMAND_TROUBLE : COMMAND_OK;
}

/* Of "nvme:ADDRESS"; else NULL. */
static const char *
controller_of (const char *arg)
{
  return strncmp (arg, "nvme:", 5) == 0 ? arg + 5 : NULL;
}

static void
print_usage (FILE *f)
{
  fprintf (f, "usage: diskstack info [--json] FILE|URL|nvme:ADDRESS...\n");
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
    const char *address = controller_of (argv[i]);
    const int one =
      address != NULL ? info_nvme (address, &r) : info_file (argv[i], &r);

    if (one == COMMAND_FAILED || status == COMMAND_OK)
      status = one;
  }
  if (report_finish (&r) == -1) {
    log_error ("standard output: %m");
    return COMMAND_FAILED;
  }
  return status;
}
