/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See cloud-request.h.
 */

#include <config.h>

#include <stdbool.h>
#include <string.h>

#include "cloud/cloud-request.h"
#include "cloud/cloud-secret.h"

const char *
cloud_line_next (const char *line)
{
  return *line != '\0' ? line + strlen (line) + 1 : line;
}

enum cloud_status
cloud_line_add (struct buffer *lines, const char *name, const char *value)
{
  if (strpbrk (value, "\r\n") != NULL)
    return CLOUD_BAD_HEADER;
  cloud_secret_reserve (lines, strlen (name) + strlen (value) + 3);
  buffer_puts (lines, name);
  buffer_puts (lines, ": ");
  buffer_puts (lines, value);
  buffer_putc (lines, '\0');
  return buffer_failed (lines) ? CLOUD_NO_MEMORY : CLOUD_OK;
}

/* Escapes make three characters of one; names may be listed twice. */
size_t
cloud_request_size (const struct cloud_request *r)
{
  size_t n = 256 + strlen (r->method) + 3 * strlen (r->url);

  for (size_t i = 0; i < r->nheaders; i++)
    n += 2 * strlen (r->headers[i].name) + strlen (r->headers[i].value) + 4;
  return n;
}

void
cloud_add_lower (struct buffer *b, const char *text, size_t n)
{
  for (size_t i = 0; i < n; i++)
    buffer_putc (b,
                 text[i] >= 'A' && text[i] <= 'Z' ? text[i] | 0x20 : text[i]);
}

void
cloud_add_trimmed (struct buffer *b, const char *value)
{
  static const char blanks[] = " \t\r\n";
  const char *p = value + strspn (value, blanks);

  while (*p != '\0') {
    const size_t n = strcspn (p, blanks);

    buffer_add (b, p, n);
    p += n;
    p += strspn (p, blanks);
    if (*p != '\0')
      buffer_putc (b, ' ');
  }
}

static bool
begins_with (const char *name, const char *prefix)
{
  const size_t n = strlen (prefix);

  return strlen (name) >= n &&
         cloud_piece_is_nocase ((struct cloud_piece){ name, n }, prefix);
}

void
cloud_request_headers (const struct cloud_request *r, const char *prefix,
                       struct cloud_list *l)
{
  for (size_t i = 0; i < r->nheaders; i++) {
    const struct cloud_header *h = &r->headers[i];

    if (!begins_with (h->name, prefix))
      continue;
    cloud_list_name (l);
    cloud_add_lower (&l->text, h->name, strlen (h->name));
    cloud_list_value (l);
    cloud_add_trimmed (&l->text, h->value);
    cloud_list_end (l);
  }
}

void
cloud_request_header (const struct cloud_request *r, const char *name,
                      struct buffer *b)
{
  for (size_t i = 0; i < r->nheaders; i++) {
    const struct cloud_header *h = &r->headers[i];

    if (cloud_piece_is_nocase (
          (struct cloud_piece){ h->name, strlen (h->name) }, name)) {
      cloud_add_trimmed (b, h->value);
      return;
    }
  }
}
