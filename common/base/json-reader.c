/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See json-reader.h.  The text is copied, and strings are decoded in the
 * copy: no escape is shorter than what it stands for.  So is the zero
 * byte behind each, in the place of the quote at its end.
 */

#include <config.h>

#include <stdlib.h>
#include <string.h>

#include "base/align.h"
#include "base/checked.h"
#include "base/json-reader.h"
#include "base/utf8.h"

struct reader {
  struct json_document *d;
  char *p; /* ends with a zero byte */
  enum json_status status;
};

const char *
json_status_string (enum json_status status)
{
  static const char *const strings[] = {
    [JSON_OK] = "is fine",
    [JSON_SYNTAX] = "is not JSON",
    [JSON_BAD_STRING] = "has a string that is not valid",
    [JSON_TOO_DEEP] = "is nested too deeply",
    [JSON_TOO_LARGE] = "has too many values",
    [JSON_MORE] = "has something behind its end",
    [JSON_NO_MEMORY] = "does not fit in memory",
  };

  return strings[status];
}

static bool
fail (struct reader *r, enum json_status status)
{
  r->status = status;
  return false;
}

static void
skip_space (struct reader *r)
{
  r->p += strspn (r->p, " \t\n\r");
}

/* Skip space, and then C if it comes. */
static bool
take (struct reader *r, char c)
{
  skip_space (r);
  if (*r->p != c)
    return false;
  r->p++;
  return true;
}

static bool
expect (struct reader *r, char c)
{
  return take (r, c) || fail (r, JSON_SYNTAX);
}

/* ------------------------------------------------------------------ */
/* Strings */

/* Four hexadecimal digits at P, or -1. */
static int32_t
hex4 (const char *p)
{
  int32_t v = 0;

  for (unsigned i = 0; i < 4; i++) {
    static const char digits[] = "0123456789abcdefABCDEF";
    const char *d = p[i] != '\0' ? strchr (digits, p[i]) : NULL;

    if (d == NULL)
      return -1;
    v = v * 16 + (int32_t) (d - digits < 16 ? d - digits : d - digits - 6);
  }
  return v;
}

static char *
put_utf8 (char *out, int32_t c)
{
  if (c < 0x80)
    *out++ = (char) c;
  else if (c < 0x800) {
    *out++ = (char) (0xc0 | c >> 6);
    *out++ = (char) (0x80 | (c & 0x3f));
  }
  else if (c < 0x10000) {
    *out++ = (char) (0xe0 | c >> 12);
    *out++ = (char) (0x80 | (c >> 6 & 0x3f));
    *out++ = (char) (0x80 | (c & 0x3f));
  }
  else {
    *out++ = (char) (0xf0 | c >> 18);
    *out++ = (char) (0x80 | (c >> 12 & 0x3f));
    *out++ = (char) (0x80 | (c >> 6 & 0x3f));
    *out++ = (char) (0x80 | (c & 0x3f));
  }
  return out;
}

/* The character of \uXXXX, behind whose u is R, perhaps of two such; or
 * -1.
 */
static int32_t
unicode_escape (struct reader *r)
{
  int32_t c = hex4 (r->p), low;

  if (c <= 0 || (c >= 0xdc00 && c < 0xe000))
    return -1;
  r->p += 4;
  if (c < 0xd800 || c >= 0xe000)
    return c;
  if (r->p[0] != '\\' || r->p[1] != 'u')
    return -1;
  low = hex4 (r->p + 2);
  if (low < 0xdc00 || low >= 0xe000)
    return -1;
  r->p += 6;
  return 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
}

static bool
read_escape (struct reader *r, char **out)
{
  static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
  const char *found = *r->p != '\0' ? strchr (from, *r->p) : NULL;
  int32_t c;

  if (found != NULL) {
    *(*out)++ = to[found - from];
    r->p++;
    return true;
  }
  if (*r->p != 'u')
    return fail (r, JSON_BAD_STRING);
  r->p++;
  c = unicode_escape (r);
  if (c == -1)
    return fail (r, JSON_BAD_STRING);
  *out = put_utf8 (*out, c);
  return true;
}

static bool
read_string (struct reader *r, const char **text)
{
  char *out;
  size_t n;

  if (!expect (r, '"'))
    return false;
  *text = out = r->p;
  while (*r->p != '"') {
    if ((unsigned char) *r->p < 0x20) /* also at the end */
      return fail (r, *r->p == '\0' ? JSON_SYNTAX : JSON_BAD_STRING);
    if (*r->p == '\\') {
      r->p++;
      if (!read_escape (r, &out))
        return false;
      continue;
    }
    n = utf8_length (r->p);
    if (n == 0)
      return fail (r, JSON_BAD_STRING);
    memmove (out, r->p, n);
    out += n;
    r->p += n;
  }
  r->p++;
  *out = '\0';
  return true;
}

/* ------------------------------------------------------------------ */
/* Values */

static size_t
skip_digits (struct reader *r)
{
  const size_t n = strspn (r->p, "0123456789");

  r->p += n;
  return n;
}

static bool
read_number (struct reader *r)
{
  if (*r->p == '-')
    r->p++;
  if (*r->p == '0')
    r->p++;
  else if (skip_digits (r) == 0)
    return fail (r, JSON_SYNTAX);
  if (*r->p == '.') {
    r->p++;
    if (skip_digits (r) == 0)
      return fail (r, JSON_SYNTAX);
  }
  if (*r->p == 'e' || *r->p == 'E') {
    r->p++;
    if (*r->p == '+' || *r->p == '-')
      r->p++;
    if (skip_digits (r) == 0)
      return fail (r, JSON_SYNTAX);
  }
  return true;
}

static bool
read_word (struct reader *r, const char *word)
{
  if (strncmp (r->p, word, strlen (word)) != 0)
    return fail (r, JSON_SYNTAX);
  r->p += strlen (word);
  return true;
}

/* A new value, and its place in *AT. */
static bool
add_value (struct reader *r, const char *name, size_t *at)
{
  struct json_document *d = r->d;

  if (d->n == d->cap) {
    const size_t cap = d->cap == 0 ? 64 : 2 * d->cap;
    struct json_value *value;

    if (d->n == JSON_VALUES_MAX)
      return fail (r, JSON_TOO_LARGE);
    value = realloc (d->value, cap * sizeof *value);
    if (value == NULL)
      return fail (r, JSON_NO_MEMORY);
    d->value = value;
    d->cap = cap;
  }
  *at = d->n++;
  d->value[*at] = (struct json_value){ .name = name };
  return true;
}

static bool read_value (struct reader *r, const char *name, unsigned depth,
                        size_t *at);

/* What is in the array or object AT, up to its end. */
static bool
read_members (struct reader *r, size_t at, unsigned depth)
{
  const bool object = r->d->value[at].type == JSON_OBJECT;
  const char end = object ? '}' : ']', *name = NULL;
  size_t before = 0, member;

  if (depth == JSON_DEPTH_MAX)
    return fail (r, JSON_TOO_DEEP);
  if (take (r, end))
    return true;
  do {
    if (object && (!read_string (r, &name) || !expect (r, ':')))
      return false;
    if (!read_value (r, name, depth + 1, &member))
      return false;
    if (before == 0)
      r->d->value[at].first = member;
    else
      r->d->value[before].next = member;
    before = member;
  } while (take (r, ','));
  return expect (r, end);
}

static bool
read_value (struct reader *r, const char *name, unsigned depth, size_t *at)
{
  struct json_value *v;

  if (!add_value (r, name, at))
    return false;
  v = &r->d->value[*at];
  skip_space (r);
  switch (*r->p) {
  case '"':
    v->type = JSON_STRING;
    return read_string (r, &v->text);
  case '[':
  case '{':
    v->type = *r->p++ == '[' ? JSON_ARRAY : JSON_OBJECT;
    return read_members (r, *at, depth);
  case 'n':
    v->type = JSON_NULL;
    return read_word (r, "null");
  case 't':
    v->type = JSON_TRUE;
    return read_word (r, "true");
  case 'f':
    v->type = JSON_FALSE;
    return read_word (r, "false");
  default:
    v->type = JSON_NUMBER;
    v->text = r->p;
    return read_number (r);
  }
}

enum json_status
json_parse (struct json_document *d, const char *bytes, size_t n, size_t *where)
{
  struct reader r = { .d = d };
  size_t root;

  memset (d, 0, sizeof *d);
  *where = 0;
  d->text = malloc (n + 1);
  if (d->text == NULL)
    return JSON_NO_MEMORY;
  if (n > 0)
    memcpy (d->text, bytes, n);
  d->text[n] = '\0';
  r.p = d->text;
  if (read_value (&r, NULL, 0, &root)) {
    skip_space (&r);
    if (r.p != d->text + n) /* perhaps a zero byte */
      r.status = JSON_MORE;
  }
  *where = (size_t) (r.p - d->text);
  if (r.status != JSON_OK)
    json_fini (d);
  return r.status;
}

void
json_fini (struct json_document *d)
{
  free (d->text);
  free (d->value);
  memset (d, 0, sizeof *d);
}

/* ------------------------------------------------------------------ */
/* Access */

const struct json_value *
json_root (const struct json_document *d)
{
  return &d->value[0];
}

const struct json_value *
json_first (const struct json_document *d, const struct json_value *v)
{
  return v == NULL || v->first == 0 ? NULL : &d->value[v->first];
}

const struct json_value *
json_next (const struct json_document *d, const struct json_value *v)
{
  return v == NULL || v->next == 0 ? NULL : &d->value[v->next];
}

const struct json_value *
json_get (const struct json_document *d, const struct json_value *v,
          const char *name)
{
  if (v == NULL || v->type != JSON_OBJECT)
    return NULL;
  for (v = json_first (d, v); v != NULL; v = json_next (d, v)) {
    if (strcmp (v->name, name) == 0)
      return v;
  }
  return NULL;
}

bool
json_read_number (const struct json_value *v, uint64_t *r)
{
  const char *p;
  uint64_t n = 0;

  if (v == NULL || v->type != JSON_NUMBER || *v->text == '-')
    return false;
  for (p = v->text; *p >= '0' && *p <= '9'; p++) {
    if (!checked_mul (n, 10, &n) || !checked_add (n, (uint64_t) (*p - '0'), &n))
      return false;
  }
  if (*p == '.' || *p == 'e' || *p == 'E')
    return false;
  *r = n;
  return true;
}

const char *
json_read_string (const struct json_value *v)
{
  return v == NULL || v->type != JSON_STRING ? NULL : v->text;
}

bool
json_is_true (const struct json_value *v)
{
  return v != NULL && v->type == JSON_TRUE;
}
