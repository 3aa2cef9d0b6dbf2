/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See uuid.h.  RFC 9562 gives the text form and version 4.
 */

#include <config.h>

#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <sys/random.h>

#include "base/uuid.h"

static bool
dash_before (unsigned i)
{
  return i == 4 || i == 6 || i == 8 || i == 10;
}

void
uuid_format (const struct uuid *u, char out[UUID_STRLEN + 1])
{
  static const char digits[] = "0123456789abcdef";

  for (unsigned i = 0; i < 16; i++) {
    if (dash_before (i))
      *out++ = '-';
    *out++ = digits[u->b[i] >> 4];
    *out++ = digits[u->b[i] & 15];
  }
  *out = '\0';
}

static int
hex_value (char c)
{
  if (c >= '0' && c <= '9')
    return c - '0';
  c = (char) tolower ((unsigned char) c);
  if (c >= 'a' && c <= 'f')
    return c - 'a' + 10;
  return -1;
}

bool
uuid_parse (const char *s, struct uuid *u)
{
  const bool dashes = strlen (s) == UUID_STRLEN;

  for (unsigned i = 0; i < 16; i++) {
    int hi, lo;

    if (dashes && dash_before (i) && *s++ != '-')
      return false;
    hi = hex_value (s[0]);
    lo = hi < 0 ? -1 : hex_value (s[1]);
    if (lo < 0)
      return false;
    u->b[i] = (uint8_t) (hi << 4 | lo);
    s += 2;
  }
  return *s == '\0';
}

int
uuid_random (struct uuid *u)
{
  ssize_t r = getrandom (u->b, sizeof u->b, 0);

  if (r != (ssize_t) sizeof u->b) {
    if (r >= 0)
      errno = EIO;
    return -1;
  }
  u->b[6] = (uint8_t) ((u->b[6] & 0x0f) | 0x40);
  u->b[8] = (uint8_t) ((u->b[8] & 0x3f) | 0x80);
  return 0;
}

bool
uuid_is_nil (const struct uuid *u)
{
  static const struct uuid nil;

  return uuid_equal (u, &nil);
}

bool
uuid_equal (const struct uuid *a, const struct uuid *b)
{
  return memcmp (a->b, b->b, sizeof a->b) == 0;
}
