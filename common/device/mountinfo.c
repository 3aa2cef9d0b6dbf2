/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See mountinfo.h.
 */

#include <config.h>

#include <limits.h>
#include <stdbool.h>
#include <string.h>

#include "base/align.h"
#include "device/mountinfo.h"

#define SEPARATORS " \t\n"

static bool
is_octal (char c)
{
  return c >= '0' && c <= '7';
}

/* The byte that P begins with, and how many bytes of P it is. */
static char
unescape (const char *p, size_t *used)
{
  *used = 1;
  if (p[0] != '\\' || !is_octal (p[1]) || !is_octal (p[2]) || !is_octal (p[3]))
    return *p;
  *used = 4;
  return (char) (((p[1] - '0') << 6) | ((p[2] - '0') << 3) | (p[3] - '0'));
}

size_t
mountinfo_field (const char *line, char *out, size_t size)
{
  const char *end = line + strcspn (line, SEPARATORS);
  size_t n = 0, used;

  for (const char *p = line; p < end; p += used) {
    if (n + 1 >= size)
      return size;
    out[n++] = unescape (p, &used);
  }
  if (size > 0)
    out[n] = '\0';
  return size == 0 ? 0 : n;
}

/* The field after the one at P; NULL if there is none. */
static const char *
next_field (const char *p)
{
  p += strcspn (p, SEPARATORS);
  p += strspn (p, SEPARATORS);
  return *p != '\0' ? p : NULL;
}

static const char *
read_number (const char *p, unsigned *r)
{
  unsigned n = 0;

  if (*p < '0' || *p > '9')
    return NULL;
  for (; *p >= '0' && *p <= '9'; p++) {
    n = 10 * n + (unsigned) (*p - '0');
    if (n > INT_MAX / 16)
      return NULL;
  }
  *r = n;
  return p;
}

enum mountinfo_status
mountinfo_parse (const char *line, struct mountinfo *m)
{
  const char *fields[5] = { line };
  const char *p;

  for (size_t i = 1; i < ARRAY_SIZE (fields); i++) {
    fields[i] = next_field (fields[i - 1]);
    if (fields[i] == NULL)
      return MOUNTINFO_TOO_SHORT;
  }
  p = read_number (fields[2], &m->major);
  if (p == NULL || *p != ':')
    return MOUNTINFO_NO_NUMBER;
  p = read_number (p + 1, &m->minor);
  if (p == NULL || strchr (SEPARATORS, *p) == NULL)
    return MOUNTINFO_NO_NUMBER;
  return mountinfo_field (fields[4], m->place, sizeof m->place) <
             sizeof m->place ?
           MOUNTINFO_OK :
           MOUNTINFO_TOO_LONG;
}

const char *
mountinfo_status_string (enum mountinfo_status status)
{
  static const char *const strings[] = {
    [MOUNTINFO_OK] = "no error",
    [MOUNTINFO_TOO_SHORT] = "there are too few fields",
    [MOUNTINFO_NO_NUMBER] = "the number of the device is none",
    [MOUNTINFO_TOO_LONG] = "the path is too long",
  };

  return status < ARRAY_SIZE (strings) ? strings[status] : NULL;
}
