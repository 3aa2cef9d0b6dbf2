/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See report.h.
 */

#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/parse.h"
#include "base/utf8.h"
#include "report.h"

#define LABEL_WIDTH 21

/* ------------------------------------------------------------------ */
/* Characters */

static void
put_text (const char *p)
{
  size_t n;

  for (; *p != '\0'; p += n) {
    n = utf8_length (p);
    if (n == 0) { /* stray byte */
      fputs (UTF8_REPLACEMENT, stdout);
      n = 1;
    }
    else if ((unsigned char) *p < 0x20 || *p == 0x7f)
      printf ("\\x%02x", (unsigned char) *p);
    else
      fwrite (p, 1, n, stdout);
  }
}

/* ------------------------------------------------------------------ */
/* Layout */

static void
put_margin (const struct report *r)
{
  printf ("%*s", (int) (2 * r->depth), "");
}

static void
put_name (struct report *r, const char *name)
{
  put_margin (r);
  for (const char *p = name; *p != '\0'; p++)
    putchar (*p == '-' ? ' ' : *p);
  putchar (':');
}

/* The same for a field whose value follows. */
static void
put_label (struct report *r, const char *name)
{
  put_name (r, name);
  printf ("%*s", LABEL_WIDTH - (int) strlen (name) - 2 * (int) r->depth, "");
}

void
report_start (struct report *r, bool json)
{
  memset (r, 0, sizeof *r);
  r->json = json;
  r->writer.out = &r->buffer;
  if (json)
    json_begin_array (&r->writer, NULL);
}

void
report_begin (struct report *r)
{
  if (r->json)
    json_begin_object (&r->writer, NULL);
  else if (r->ndone > 0)
    putchar ('\n');
}

void
report_end (struct report *r)
{
  if (r->json)
    json_end_object (&r->writer);
  r->ndone++;
}

int
report_finish (struct report *r)
{
  int e = 0;

  if (r->json) {
    json_end_array (&r->writer);
    json_finish (&r->writer);
    if (buffer_failed (&r->buffer))
      e = ENOMEM;
    else
      fputs (buffer_text (&r->buffer), stdout);
  }
  buffer_fini (&r->buffer);
  errno = e;
  return e != 0 || fflush (stdout) == EOF || ferror (stdout) ? -1 : 0;
}

void
report_group (struct report *r, const char *name)
{
  if (r->json)
    json_begin_object (&r->writer, name);
  else {
    put_name (r, name);
    putchar ('\n');
  }
  r->depth++;
}

void
report_end_group (struct report *r)
{
  if (r->json)
    json_end_object (&r->writer);
  r->depth--;
}

void
report_list (struct report *r, const char *name)
{
  if (r->json)
    json_begin_array (&r->writer, name);
  else {
    put_name (r, name);
    putchar ('\n');
  }
  r->depth++;
}

void
report_end_list (struct report *r)
{
  if (r->json)
    json_end_array (&r->writer);
  r->depth--;
}

void
report_begin_object (struct report *r)
{
  if (r->json)
    json_begin_object (&r->writer, NULL);
}

void
report_end_object (struct report *r)
{
  if (r->json)
    json_end_object (&r->writer);
}

/* ------------------------------------------------------------------ */
/* Values */

void
report_item (struct report *r, const char *value)
{
  if (r->json) {
    json_string (&r->writer, NULL, value);
    return;
  }
  put_margin (r);
  put_text (value);
  putchar ('\n');
}

void
report_text (struct report *r, const char *name, const char *value)
{
  if (r->json) {
    json_string (&r->writer, name, value);
    return;
  }
  put_label (r, name);
  put_text (value);
  putchar ('\n');
}

void
report_number (struct report *r, const char *name, uint64_t value)
{
  if (r->json) {
    json_number (&r->writer, name, value);
    return;
  }
  put_label (r, name);
  printf ("%" PRIu64 "\n", value);
}

void
report_bytes (struct report *r, const char *name, uint64_t value)
{
  char human[32];

  if (r->json) {
    json_number (&r->writer, name, value);
    return;
  }
  put_label (r, name);
  printf ("%" PRIu64 " bytes", value);
  format_size (value, human, sizeof human);
  if (value >= 1024)
    printf (" (%s)", human);
  putchar ('\n');
}

void
report_bool (struct report *r, const char *name, bool value)
{
  if (r->json) {
    json_bool (&r->writer, name, value);
    return;
  }
  put_label (r, name);
  puts (value ? "yes" : "no");
}

void
report_uuid (struct report *r, const char *name, const struct uuid *value)
{
  char text[UUID_STRLEN + 1];

  uuid_format (value, text);
  report_text (r, name, text);
}

void
report_time (struct report *r, const char *name, int64_t seconds)
{
  const time_t t = (time_t) seconds;
  char text[64] = "unknown";
  struct tm tm;

  if (gmtime_r (&t, &tm) != NULL)
    strftime (text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &tm);
  report_text (r, name, text);
}
