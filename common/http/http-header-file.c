/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See http-header-file.h.
 */

#include <config.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "http/http-header-file.h"

bool
http_header_line_valid (const char *line)
{
  const size_t n = strcspn (line, ":;");

  if (n == 0 || strcspn (line, " \t\r\n") < n || strpbrk (line, "\r\n") != NULL)
    return false;
  return line[n] == ':' || (line[n] == ';' && line[n + 1] == '\0');
}

/* Bytes of the memory of a text. */
#define ROOM (HTTP_HEADER_FILE_MAX + 1)

static void
wipe (char *text)
{
  if (text != NULL)
    explicit_bzero (text, ROOM);
  free (text);
}

/* The text of F, to be wiped; NULL with errno. */
static char *
read_all (FILE *f)
{
  char *text = calloc (1, ROOM);
  size_t n;

  if (text == NULL)
    return NULL;
  setvbuf (f, NULL, _IONBF, 0); /* which would not be wiped */
  n = fread (text, 1, ROOM, f);
  if (!ferror (f) && n < ROOM && strlen (text) == n)
    return text;
  if (!ferror (f))
    errno = EINVAL;
  wipe (text);
  return NULL;
}

static char *
read_file (const char *path)
{
  FILE *f = fopen (path, "re");
  char *text = f != NULL ? read_all (f) : NULL;
  const int saved = errno;

  if (f != NULL)
    fclose (f);
  errno = saved;
  return text;
}

/* Make the lines of TEXT strings, one behind the other, of *SIZE bytes.  True
 * if all are headers.
 */
static bool
split (char *text, size_t *size)
{
  char *out = text;

  for (const char *p = text; *p != '\0';) {
    const size_t all = strcspn (p, "\n");
    const size_t n = all > 0 && p[all - 1] == '\r' ? all - 1 : all;
    const char *next = p + all + (p[all] == '\n');

    if (n > 0) {
      memmove (out, p, n);
      out[n] = '\0'; /* at most where P's line ended */
      if (!http_header_line_valid (out))
        return false;
      out += n + 1;
    }
    p = next;
  }
  *size = out - text;
  return *size > 0;
}

int
http_header_file_read (struct http_header_file *f, bool *changed)
{
  char *text = read_file (f->path);
  size_t size;

  if (text != NULL && !split (text, &size)) {
    wipe (text);
    text = NULL;
    errno = EINVAL;
  }
  if (text == NULL) {
    log_error ("header=+%s: %s", f->path,
               errno == EINVAL ? "must have lines of the form NAME: VALUE" :
                                 strerror (errno));
    return -1;
  }
  *changed =
    f->text == NULL || size != f->size || memcmp (text, f->text, size) != 0;
  wipe (f->text);
  f->text = text;
  f->size = size;
  return 0;
}

const char *
http_header_file_next (const struct http_header_file *f, const char *line)
{
  line = line == NULL ? f->text : line + strlen (line) + 1;
  return line < f->text + f->size ? line : NULL;
}

void
http_header_file_fini (struct http_header_file *f)
{
  wipe (f->text);
  free (f->path);
}
