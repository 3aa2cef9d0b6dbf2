/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See buffer.h.
 */

#include <config.h>

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/align.h"
#include "base/buffer.h"

#define FIRST_SIZE 256

void
buffer_fini (struct buffer *b)
{
  free (b->data);
  *b = (struct buffer){ .max = b->max };
}

void
buffer_clear (struct buffer *b)
{
  b->len = 0;
  b->failed = false;
  if (b->data != NULL)
    b->data[0] = '\0';
}

bool
buffer_failed (const struct buffer *b)
{
  return b->failed;
}

const char *
buffer_text (const struct buffer *b)
{
  return b->data != NULL ? b->data : "";
}

/* Room for N bytes more, and the zero byte. */
static bool
reserve (struct buffer *b, size_t n)
{
  const size_t max = b->max != 0 ? b->max : SIZE_MAX / 4;
  size_t cap;
  char *data;

  if (b->failed || n > max || b->len > max - n) {
    b->failed = true;
    return false;
  }
  if (b->len + n < b->cap)
    return true;
  cap = max_u64 (FIRST_SIZE, max_u64 (2 * b->cap, b->len + n + 1));
  data = realloc (b->data, cap);
  if (data == NULL) {
    b->failed = true;
    return false;
  }
  b->data = data;
  b->cap = cap;
  return true;
}

void
buffer_add (struct buffer *b, const void *bytes, size_t n)
{
  if (!reserve (b, n))
    return;
  if (n > 0)
    memcpy (b->data + b->len, bytes, n);
  b->len += n;
  b->data[b->len] = '\0';
}

void
buffer_putc (struct buffer *b, char c)
{
  buffer_add (b, &c, 1);
}

void
buffer_puts (struct buffer *b, const char *text)
{
  buffer_add (b, text, strlen (text));
}

void
buffer_printf (struct buffer *b, const char *fs, ...)
{
  va_list args;
  int n;

  va_start (args, fs);
  n = vsnprintf (NULL, 0, fs, args);
  va_end (args);
  if (n < 0) {
    b->failed = true;
    return;
  }
  if (!reserve (b, (size_t) n))
    return;
  va_start (args, fs);
  vsnprintf (b->data + b->len, (size_t) n + 1, fs, args);
  va_end (args);
  b->len += (size_t) n;
}
