/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See http-name.h.
 */

#include <config.h>

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "http/http-name.h"

static bool
is_plain (unsigned char c)
{
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
         (c >= '0' && c <= '9') || strchr ("-._~/", c) != NULL;
}

static bool
is_bad_part (const char *part, size_t n)
{
  return n == 0 || (n == 1 && part[0] == '.') ||
         (n == 2 && part[0] == '.' && part[1] == '.');
}

static bool
is_good (const char *name)
{
  for (const char *p = name;; p++) {
    const size_t n = strcspn (p, "/");

    if (is_bad_part (p, n))
      return false;
    p += n;
    if (*p == '\0')
      break;
  }
  for (const char *p = name; *p != '\0'; p++) {
    if ((unsigned char) *p < ' ' || *p == 0x7f || *p == '\\')
      return false;
  }
  return true;
}

char *
http_name_below (const char *base, const char *name)
{
  static const char hex[] = "0123456789ABCDEF";
  const size_t n = strcspn (base, "?#");
  struct buffer b = { .data = NULL };

  if (!is_good (name)) {
    errno = EINVAL;
    return NULL;
  }
  buffer_add (&b, base, n);
  if (n == 0 || base[n - 1] != '/')
    buffer_putc (&b, '/');
  for (const char *p = name; *p != '\0'; p++) {
    const unsigned char c = *p;
    const char encoded[] = { '%', hex[c >> 4], hex[c & 15] };

    if (is_plain (c))
      buffer_putc (&b, *p);
    else
      buffer_add (&b, encoded, sizeof encoded);
  }
  buffer_add (&b, base + n, strcspn (base + n, "#"));
  if (!buffer_failed (&b))
    return b.data;
  buffer_fini (&b);
  errno = ENOMEM;
  return NULL;
}
