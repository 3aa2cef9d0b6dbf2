/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See control-request.h.
 */

#include <config.h>

#include <stdbool.h>
#include <string.h>

#include "base/align.h"
#include "base/utf8.h"
#include "control/control-request.h"

const char *
control_status_string (enum control_status status)
{
  static const char *const strings[] = {
    [CONTROL_OK] = "is fine",
    [CONTROL_INCOMPLETE] = "does not end in a newline",
    [CONTROL_TOO_LONG] = "is longer than 1024 bytes",
    [CONTROL_NOT_TEXT] = "is not a line of UTF-8 text",
    [CONTROL_BAD_NAME] = "does not begin with a name of a-z, 0-9 and dashes",
    [CONTROL_MORE] = "is more than one line",
  };

  return strings[status];
}

static bool
is_text (const char *s)
{
  size_t n;

  for (; *s != '\0'; s += n) {
    n = utf8_length (s);
    if (n == 0 || (unsigned char) *s < 0x20 || *s == 0x7f)
      return false;
  }
  return true;
}

enum control_status
control_request_parse (const char *bytes, size_t n, struct control_request *r)
{
  const char *end = memchr (bytes, '\n', min_u64 (n, CONTROL_LINE_MAX));
  char line[CONTROL_LINE_MAX];
  size_t len, name;

  if (end == NULL)
    return n < CONTROL_LINE_MAX ? CONTROL_INCOMPLETE : CONTROL_TOO_LONG;
  len = (size_t) (end - bytes);
  memcpy (line, bytes, len);
  line[len] = '\0';
  if (strlen (line) != len || !is_text (line))
    return CONTROL_NOT_TEXT;
  name = strspn (line, "abcdefghijklmnopqrstuvwxyz0123456789-");
  if (name == 0 || name > CONTROL_NAME_MAX ||
      (line[name] != '\0' && line[name] != ' '))
    return CONTROL_BAD_NAME;
  if (len + 1 < n)
    return CONTROL_MORE;
  memset (r, 0, sizeof *r);
  memcpy (r->name, line, name);
  if (line[name] == ' ')
    memcpy (r->arguments, line + name + 1, len - name - 1);
  return CONTROL_OK;
}
