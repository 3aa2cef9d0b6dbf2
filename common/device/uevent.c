/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See uevent.h.
 */

#include <config.h>

#include <stdlib.h>
#include <string.h>

#include "base/align.h"
#include "device/uevent.h"

/* Numbers of devices have 12 and 20 bits. */
#define MAX_NUMBER (1u << 20)

static bool
read_number (const char *value, unsigned *r)
{
  unsigned n = 0;

  if (*value == '\0')
    return false;
  for (; *value != '\0'; value++) {
    if (*value < '0' || *value > '9')
      return false;
    n = 10 * n + (unsigned) (*value - '0');
    if (n >= MAX_NUMBER)
      return false;
  }
  *r = n;
  return true;
}

static enum uevent_status
read_line (const char *line, struct uevent *u, bool *has_major)
{
  const char *equals = strchr (line, '=');
  const size_t n = equals == NULL ? 0 : (size_t) (equals - line);

  if (equals == NULL)
    return UEVENT_NO_VALUE;
  if (n == 9 && memcmp (line, "SUBSYSTEM", n) == 0)
    u->block = strcmp (equals + 1, "block") == 0;
  else if (n == 5 && memcmp (line, "MAJOR", n) == 0) {
    if (!read_number (equals + 1, &u->major))
      return UEVENT_NO_NUMBER;
    *has_major = true;
  }
  else if (n == 5 && memcmp (line, "MINOR", n) == 0) {
    if (!read_number (equals + 1, &u->minor))
      return UEVENT_NO_NUMBER;
    u->has_number = true;
  }
  return UEVENT_OK;
}

enum uevent_status
uevent_parse (const char *buf, size_t n, struct uevent *u)
{
  const char *end = buf + n, *line = buf, *at;
  enum uevent_status status = UEVENT_OK;
  bool has_major = false;

  *u = (struct uevent){ 0 };
  if (n == 0 || end[-1] != '\0')
    return UEVENT_NO_END;
  at = strchr (line, '@');
  if (at == NULL)
    return UEVENT_NO_ACTION;
  u->removed = at - line == 6 && memcmp (line, "remove", 6) == 0;
  for (line += strlen (line) + 1; status == UEVENT_OK && line < end;
       line += strlen (line) + 1)
    status = read_line (line, u, &has_major);
  u->has_number = u->has_number && has_major;
  return status;
}

const char *
uevent_status_string (enum uevent_status status)
{
  static const char *const strings[] = {
    [UEVENT_OK] = "no error",
    [UEVENT_NO_END] = "it has no end",
    [UEVENT_NO_ACTION] = "it does not say what happened",
    [UEVENT_NO_VALUE] = "a line has no value",
    [UEVENT_NO_NUMBER] = "the number of the device is none",
  };

  return status < ARRAY_SIZE (strings) ? strings[status] : NULL;
}
