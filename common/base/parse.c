/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See parse.h.
 */

#include <config.h>

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/checked.h"
#include "base/parse.h"

static bool
suffix_scale (char c, uint64_t *scale)
{
  static const char powers[] = "kmgtpe";
  const char *p;

  if (c == 'b')
    *scale = 1;
  else if (c == 's')
    *scale = 512;
  else if ((p = strchr (powers, tolower ((unsigned char) c))) != NULL &&
           c != '\0')
    *scale = UINT64_C (1) << (10 * (p - powers + 1));
  else
    return false;
  return true;
}

bool
parse_size (const char *s, uint64_t *r)
{
  uint64_t v = 0, scale = 1;

  if (!isdigit ((unsigned char) *s))
    return false;
  for (; isdigit ((unsigned char) *s); s++) {
    if (!checked_mul (v, 10, &v) || !checked_add (v, *s - '0', &v))
      return false;
  }
  if (*s != '\0' && (!suffix_scale (*s, &scale) || s[1] != '\0'))
    return false;
  if (!checked_mul (v, scale, &v) || v > INT64_MAX)
    return false;
  *r = v;
  return true;
}

bool
parse_milliseconds (const char *s, uint32_t *r)
{
  uint64_t v = 0;

  if (!isdigit ((unsigned char) *s))
    return false;
  for (; isdigit ((unsigned char) *s) && v <= UINT32_MAX; s++)
    v = v * 10 + (uint64_t) (*s - '0');
  if (*s == '.' && !isdigit ((unsigned char) *++s))
    return false;
  for (unsigned unit = 1000; unit > 1; unit /= 10) {
    v *= 10;
    if (isdigit ((unsigned char) *s))
      v += (uint64_t) (*s++ - '0');
  }
  if (*s != '\0' || v > UINT32_MAX)
    return false;
  *r = (uint32_t) v;
  return true;
}

void
format_size (uint64_t bytes, char *out, size_t n)
{
  static const char *const unit[] = {
    "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"
  };
  double v = (double) bytes / 1024;
  unsigned i = 0;

  if (bytes < 1024) {
    snprintf (out, n, "%" PRIu64 " byte%s", bytes, bytes == 1 ? "" : "s");
    return;
  }
  while (v >= 1023.5 && i < 5) {
    v /= 1024;
    i++;
  }
  /* Three digits, but for what lies between 999 and the next unit. */
  snprintf (out, n, v < 99.95 ? "%.3g %s" : "%.0f %s", v, unit[i]);
}
