/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See json-writer.h.
 */

#include <config.h>

#include <inttypes.h>
#include <stddef.h>

#include "base/json-writer.h"
#include "base/utf8.h"

static void
put_string (struct buffer *b, const char *p)
{
  size_t n;

  buffer_putc (b, '"');
  for (; *p != '\0'; p += n) {
    const unsigned char c = (unsigned char) *p;

    n = utf8_length (p);
    if (n == 0) { /* stray byte */
      buffer_puts (b, UTF8_REPLACEMENT);
      n = 1;
    }
    else if (c < 0x20 || c == 0x7f)
      buffer_printf (b, "\\u%04x", c);
    else {
      if (c == '"' || c == '\\')
        buffer_putc (b, '\\');
      buffer_add (b, p, n);
    }
  }
  buffer_putc (b, '"');
}

static void
new_line (struct json_writer *w)
{
  buffer_printf (w->out, "\n%*s", (int) (2 * w->depth), "");
}

/* What stands before a value. */
static void
begin_value (struct json_writer *w, const char *name)
{
  if (w->has_items)
    buffer_putc (w->out, ',');
  if (w->inline_depth != 0) {
    if (w->has_items)
      buffer_putc (w->out, ' ');
  }
  else if (w->depth > 0)
    new_line (w);
  w->has_items = true;
  if (name == NULL)
    return;
  put_string (w->out, name);
  buffer_puts (w->out, ": ");
}

static void
begin_bracket (struct json_writer *w, const char *name, char c)
{
  begin_value (w, name);
  buffer_putc (w->out, c);
  w->depth++;
  w->has_items = false;
}

static void
end_bracket (struct json_writer *w, char c)
{
  w->depth--;
  if (w->has_items && w->inline_depth == 0)
    new_line (w);
  buffer_putc (w->out, c);
  w->has_items = true; /* this one, in what it is part of */
}

void
json_begin_object (struct json_writer *w, const char *name)
{
  begin_bracket (w, name, '{');
}

void
json_end_object (struct json_writer *w)
{
  end_bracket (w, '}');
}

void
json_begin_array (struct json_writer *w, const char *name)
{
  begin_bracket (w, name, '[');
}

void
json_end_array (struct json_writer *w)
{
  end_bracket (w, ']');
}

void
json_begin_row (struct json_writer *w, const char *name)
{
  begin_bracket (w, name, '[');
  if (w->inline_depth == 0)
    w->inline_depth = w->depth;
}

void
json_end_row (struct json_writer *w)
{
  const bool outermost = w->inline_depth == w->depth;

  end_bracket (w, ']');
  if (outermost)
    w->inline_depth = 0;
}

void
json_string (struct json_writer *w, const char *name, const char *value)
{
  begin_value (w, name);
  put_string (w->out, value);
}

void
json_number (struct json_writer *w, const char *name, uint64_t value)
{
  begin_value (w, name);
  buffer_printf (w->out, "%" PRIu64, value);
}

void
json_decimal (struct json_writer *w, const char *name, uint64_t value,
              unsigned digits)
{
  uint64_t scale = 1;

  for (unsigned i = 0; i < digits; i++)
    scale *= 10;
  begin_value (w, name);
  buffer_printf (w->out, "%" PRIu64, value / scale);
  if (digits > 0)
    buffer_printf (w->out, ".%0*" PRIu64, (int) digits, value % scale);
}

void
json_bool (struct json_writer *w, const char *name, bool value)
{
  begin_value (w, name);
  buffer_puts (w->out, value ? "true" : "false");
}

void
json_null (struct json_writer *w, const char *name)
{
  begin_value (w, name);
  buffer_puts (w->out, "null");
}

void
json_finish (struct json_writer *w)
{
  buffer_putc (w->out, '\n');
}
