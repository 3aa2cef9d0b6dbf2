/* SPDX-License-Identifier: BSD-3-Clause
 *
 * diskstack check: everything that is wrong with an image, and mending
 * what can be.
 */

#include <config.h>

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "command.h"
#include "disk.h"
#include "image/image-check.h"
#include "image/vhd1/vhd1-check.h"
#include "image/vhdx/vhdx-check.h"
#include "options.h"
#include "report.h"
#include "store/store-file.h"
#include "tool-log.h"

enum {
  CHECK_SOUND = COMMAND_OK,
  CHECK_FAILED = COMMAND_FAILED,
  CHECK_DAMAGED = COMMAND_TROUBLE,
  CHECK_HARMLESS = 3, /* something is wrong, but the disk is whole */
};

struct check {
  const char *spec;
  bool repair, json, quiet, repaired;
  struct disk_search search;
  struct host_file *file;
  enum disk_format format;
  struct report report;
  bool told; /* findings go to the report */
  struct image_check_result result;
};

/* ------------------------------------------------------------------ */
/* Findings */

static void
tell (struct check *c, const struct image_finding *f)
{
  struct report *r = &c->report;
  char line[1024], offset[40] = "";

  if (c->json) {
    report_begin_object (r);
    report_text (r, "severity", image_severity_name (f->severity));
    report_text (r, "rule", f->rule);
    if (f->has_offset)
      report_number (r, "offset", f->offset);
    report_text (r, "text", f->text);
    report_bool (r, "repairable", f->repairable);
    report_end_object (r);
    return;
  }
  if (f->has_offset)
    snprintf (offset, sizeof offset, " at %" PRIu64, f->offset);
  snprintf (line, sizeof line, "%s: %s%s: %s%s",
            image_severity_name (f->severity), f->rule, offset, f->text,
            f->repairable ? " (can be repaired)" : "");
  report_item (r, line);
}

static void
on_found (void *opaque, const struct image_finding *f)
{
  struct check *c = opaque;

  if (c->told)
    tell (c, f);
}

/* ------------------------------------------------------------------ */
/* Checking */

static struct store *
open_file (const struct check *c, bool read_only)
{
  const struct store_file_options o = { .read_only = read_only };

  return store_file_create (c->file, &o);
}

static int
check_file (struct check *c)
{
  const struct image_check ic = { .found = on_found, .opaque = c };
  struct store *s = open_file (c, true);
  int r, err;

  if (s == NULL)
    return -1;
  r = c->format == DISK_VHD1 ?
        vhd1_check (s, c->spec, VHD_SIZE_AUTO, &ic, &c->result, &err) :
        vhdx_check (s, c->spec, &ic, &c->result, &err);
  store_close (s);
  return r;
}

/* TEXT without the name of the file, which is said once. */
static const char *
without_name (const struct check *c, const char *text)
{
  const char *path = host_file_path (c->file);
  const size_t n = strlen (path);

  return strncmp (text, path, n) == 0 && strncmp (text + n, ": ", 2) == 0 ?
           text + n + 2 :
           text;
}

/* Are the parents there, and the right ones?  Only a file that can be
 * opened can be asked.
 */
static void
check_parents (struct check *c)
{
  const struct disk_options o = { .search = &c->search };
  struct image_finding f = { .severity = IMAGE_ERROR, .rule = "parent" };
  struct disk d;

  if (c->result.count[IMAGE_FATAL] > 0)
    return;
  tool_log_keep ();
  if (disk_open_file (&d, c->file, c->format, &o) == 0)
    disk_close (&d);
  else {
    for (size_t k = 0; tool_log_kept (k) != NULL; k++) {
      f.text = without_name (c, tool_log_kept (k));
      on_found (c, &f);
      c->result.count[IMAGE_ERROR]++;
    }
  }
  tool_log_print ();
}

static void
report_counts (struct check *c)
{
  const struct image_check_result *res = &c->result;
  struct report *r = &c->report;

  report_number (r, "errors",
                 res->count[IMAGE_ERROR] + res->count[IMAGE_FATAL]);
  report_number (r, "warnings", res->count[IMAGE_WARNING]);
  report_number (r, "repairable", res->repairable);
  if (c->repair)
    report_bool (r, "repaired", c->repaired);
  if (res->size == 0)
    return;
  report_bytes (r, "size", res->size);
  report_number (r, "blocks", res->nblocks);
  report_number (r, "allocated", res->allocated);
  report_bytes (r, "used", res->used);
  report_bytes (r, "leaked", res->leaked);
}

/* 0, or -1 if it could not be done. */
static int
check_and_tell (struct check *c)
{
  const bool told = !c->quiet;
  struct report *r = &c->report;
  int result;

  c->told = told;
  if (told) {
    report_begin (r);
    report_text (r, "file", host_file_path (c->file));
    report_text (r, "kind", disk_format_name (c->format));
    report_list (r, "findings");
  }
  result = check_file (c);
  if (result == 0)
    check_parents (c);
  if (told) {
    if (!c->json && c->result.count[IMAGE_NOTE] == 0 &&
        c->result.count[IMAGE_WARNING] == 0 &&
        c->result.count[IMAGE_ERROR] == 0 && c->result.count[IMAGE_FATAL] == 0)
      report_item (r, result == 0 ? "none" : "not checked to the end");
    report_end_list (r);
    if (result == 0)
      report_counts (c);
    report_end (r);
  }
  return result;
}

/* ------------------------------------------------------------------ */
/* Mending */

static int
repair_file (struct check *c)
{
  struct store *s;

  if (check_file (c) == -1)
    return -1;
  if (c->result.repairable == 0)
    return 0;
  s = open_file (c, false);
  if (s == NULL)
    return -1;
  if ((c->format == DISK_VHD1 ? vhd1_repair (s, c->spec, VHD_SIZE_AUTO) :
                                vhdx_repair (s, c->spec)) == -1)
    return -1;
  c->repaired = true;
  return 0;
}

/* ------------------------------------------------------------------ */
/* The whole */

static int
status_of (const struct image_check_result *r)
{
  if (r->count[IMAGE_ERROR] + r->count[IMAGE_FATAL] > 0)
    return CHECK_DAMAGED;
  return r->count[IMAGE_WARNING] > 0 ? CHECK_HARMLESS : CHECK_SOUND;
}

/* Under the lock. */
static int
work (struct check *c)
{
  /* What could not be mended is told by the check. */
  const int repaired = c->repair ? repair_file (c) : 0;
  int r;

  report_start (&c->report, c->json && !c->quiet);
  r = check_and_tell (c);
  if (report_finish (&c->report) == -1) {
    log_error ("standard output: %m");
    r = -1;
  }
  if (r == -1)
    return CHECK_FAILED;
  r = status_of (&c->result);
  return repaired == -1 && r == CHECK_SOUND ? CHECK_FAILED : r;
}

static int
check (struct check *c)
{
  int status = CHECK_FAILED;

  c->file = disk_open_any (c->spec, &c->format);
  if (c->file == NULL)
    return CHECK_FAILED;
  if (c->format == DISK_RAW)
    log_error ("check: %s is neither a VHD nor a VHDX", c->spec);
  else if (host_file_lock (c->file, c->repair) == 0) {
    status = work (c);
    host_file_unlock (c->file, c->repair);
  }
  host_file_unref (c->file);
  return status;
}

/* ------------------------------------------------------------------ */
/* The command line */

static void
print_usage (FILE *f)
{
  fprintf (f, "usage: diskstack check [--repair] [--json] [--quiet]\n"
              "                       [--parent-map=FROM=TO]\n"
              "                       [--parent-search=DIRECTORY] FILE\n");
}

int
command_check (int argc, char *argv[])
{
  static const struct option options[] = {
    { "repair", no_argument, NULL, 'r' },
    { "json", no_argument, NULL, 'j' },
    { "quiet", no_argument, NULL, 'q' },
    { "help", no_argument, NULL, 'h' },
    OPTIONS_SEARCH,
    { NULL },
  };
  struct check c = { .quiet = false };
  int o, status = -1;

  while (status == -1 &&
         (o = getopt_long (argc, argv, "rqh", options, NULL)) != -1) {
    if (o == 'h' || o == '?') {
      print_usage (o == 'h' ? stdout : stderr);
      status = o == 'h' ? COMMAND_OK : COMMAND_FAILED;
    }
    else if (o == 'r')
      c.repair = true;
    else if (o == 'j')
      c.json = true;
    else if (o == 'q')
      c.quiet = true;
    else if (option_search (&c.search, o, optarg) == -1)
      status = COMMAND_FAILED;
  }
  if (status == -1 && argc - optind != 1) {
    print_usage (stderr);
    status = COMMAND_FAILED;
  }
  if (status == -1) {
    c.spec = argv[optind];
    status = check (&c);
  }
  disk_search_fini (&c.search);
  return options_finish (status);
}
