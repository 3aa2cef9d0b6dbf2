/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See http-header.h.
 */

#include <config.h>

#include <string.h>

#include "http/http-header.h"

const char *
http_header_status_string (enum http_header_status s)
{
  switch (s) {
  case HTTP_HEADER_OK:
    return "well formed";
  case HTTP_HEADER_NO_FIELD:
    return "not a name, a colon and a value";
  case HTTP_HEADER_UNIT:
    return "not in bytes";
  case HTTP_HEADER_NUMBER:
    return "not a number of at most 63 bits where there must be one";
  case HTTP_HEADER_ORDER:
    return "the last byte is before the first";
  case HTTP_HEADER_TOTAL:
    return "the last byte is beyond the end";
  case HTTP_HEADER_QUOTES:
    return "not in quotes";
  case HTTP_HEADER_DATE:
    return "not a date";
  }
  return "unknown";
}

/* ------------------------------------------------------------------ */
/* Pieces.  A text is [p, end). */

struct text {
  const char *p, *end;
};

static struct text
text_of (const char *s, size_t n)
{
  return (struct text){ s, s + n };
}

static bool
is_blank (char c)
{
  return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static bool
is_digit (char c)
{
  return c >= '0' && c <= '9';
}

static char
lower (char c)
{
  return c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c;
}

static struct text
trim (struct text t)
{
  while (t.p < t.end && is_blank (*t.p))
    t.p++;
  while (t.p < t.end && is_blank (t.end[-1]))
    t.end--;
  return t;
}

static bool
same (const char *a, const char *b, size_t n)
{
  for (size_t i = 0; i < n; i++) {
    if (lower (a[i]) != lower (b[i]))
      return false;
  }
  return true;
}

/* Skip WORD, in upper or lower case. */
static bool
skip (struct text *t, const char *word)
{
  const size_t n = strlen (word);

  if ((size_t) (t->end - t->p) < n || !same (t->p, word, n))
    return false;
  t->p += n;
  return true;
}

/* As many digits as there are, at least one. */
static bool
number (struct text *t, uint64_t *r)
{
  const char *start = t->p;

  *r = 0;
  for (; t->p < t->end && is_digit (*t->p); t->p++) {
    if (*r > (INT64_MAX - (*t->p - '0')) / 10)
      return false;
    *r = *r * 10 + (*t->p - '0');
  }
  return t->p > start;
}

/* ------------------------------------------------------------------ */
/* Lines and numbers */

enum http_header_status
http_field_parse (const char *line, size_t n, struct http_field *f)
{
  const char *colon = memchr (line, ':', n);
  struct text value;

  if (colon == NULL || colon == line)
    return HTTP_HEADER_NO_FIELD;
  for (const char *p = line; p < colon; p++) {
    if (is_blank (*p))
      return HTTP_HEADER_NO_FIELD;
  }
  value = trim ((struct text){ colon + 1, line + n });
  *f = (struct http_field){ .name = line,
                            .name_length = colon - line,
                            .value = value.p,
                            .value_length = value.end - value.p };
  return HTTP_HEADER_OK;
}

bool
http_field_is (const struct http_field *f, const char *name)
{
  return f->name_length == strlen (name) &&
         same (f->name, name, f->name_length);
}

enum http_header_status
http_number_parse (const char *value, size_t n, uint64_t *r)
{
  struct text t = text_of (value, n);

  return number (&t, r) && t.p == t.end ? HTTP_HEADER_OK : HTTP_HEADER_NUMBER;
}

/* ------------------------------------------------------------------ */
/* Content-Range */

enum http_header_status
http_content_range_parse (const char *value, size_t n,
                          struct http_content_range *r)
{
  struct text t = text_of (value, n);

  *r = (struct http_content_range){ .has_range = false };
  if (!skip (&t, "bytes "))
    return HTTP_HEADER_UNIT;
  if (!skip (&t, "*")) {
    r->has_range = true;
    if (!number (&t, &r->first) || !skip (&t, "-") || !number (&t, &r->last))
      return HTTP_HEADER_NUMBER;
  }
  if (!skip (&t, "/"))
    return HTTP_HEADER_NUMBER;
  if (!skip (&t, "*")) {
    r->has_total = true;
    if (!number (&t, &r->total))
      return HTTP_HEADER_NUMBER;
  }
  if (t.p != t.end || (!r->has_range && !r->has_total))
    return HTTP_HEADER_NUMBER;
  if (r->has_range && r->last < r->first)
    return HTTP_HEADER_ORDER;
  if (r->has_range && r->has_total && r->last >= r->total)
    return HTTP_HEADER_TOTAL;
  return HTTP_HEADER_OK;
}

/* ------------------------------------------------------------------ */
/* ETag */

enum http_header_status
http_etag_parse (const char *value, size_t n, bool *strong)
{
  struct text t = text_of (value, n);

  *strong = !(n >= 2 && memcmp (value, "W/", 2) == 0);
  if (!*strong)
    t.p += 2;
  if (t.end - t.p < 2 || t.p[0] != '"' || t.end[-1] != '"')
    return HTTP_HEADER_QUOTES;
  for (const char *p = t.p + 1; p < t.end - 1; p++) {
    const unsigned char c = *p;

    if (c <= ' ' || c == '"' || c == 0x7f)
      return HTTP_HEADER_QUOTES;
  }
  return HTTP_HEADER_OK;
}

/* ------------------------------------------------------------------ */
/* Dates */

/* Exactly N digits. */
static bool
digits (struct text *t, unsigned n, int *r)
{
  *r = 0;
  for (unsigned i = 0; i < n; i++, t->p++) {
    if (t->p == t->end || !is_digit (*t->p))
      return false;
    *r = *r * 10 + (*t->p - '0');
  }
  return true;
}

static bool
one_of (struct text *t, const char *const *words, int n, int *r)
{
  for (*r = 0; *r < n; ++*r) {
    if (skip (t, words[*r]))
      return true;
  }
  return false;
}

/* Days from 1970-01-01 to that day of the Gregorian calendar. */
static int64_t
days_to (int year, int month, int day)
{
  /* Years begin in March, so that the leap day is the last one. */
  const int64_t y = month <= 2 ? year - 1 : year;
  const int64_t m = month <= 2 ? month + 9 : month - 3;

  return y * 365 + y / 4 - y / 100 + y / 400 + (m * 153 + 2) / 5 + day - 1 -
         719468;
}

/* "Sun, 06 Nov 1994 08:49:37 GMT" */
enum http_header_status
http_date_parse (const char *value, size_t n, int64_t *r)
{
  static const char *const names[] = { "Sun", "Mon", "Tue", "Wed",
                                       "Thu", "Fri", "Sat" };
  static const char *const months[] = { "Jan", "Feb", "Mar", "Apr",
                                        "May", "Jun", "Jul", "Aug",
                                        "Sep", "Oct", "Nov", "Dec" };
  struct text t = text_of (value, n);
  int name, day, month, year, hour, minute, second;

  if (!one_of (&t, names, 7, &name) || !skip (&t, ", ") ||
      !digits (&t, 2, &day) || !skip (&t, " ") ||
      !one_of (&t, months, 12, &month) || !skip (&t, " ") ||
      !digits (&t, 4, &year) || !skip (&t, " ") || !digits (&t, 2, &hour) ||
      !skip (&t, ":") || !digits (&t, 2, &minute) || !skip (&t, ":") ||
      !digits (&t, 2, &second) || !skip (&t, " GMT") || t.p != t.end)
    return HTTP_HEADER_DATE;
  if (day < 1 || day > 31 || hour > 23 || minute > 59 || second > 60)
    return HTTP_HEADER_DATE;
  *r =
    ((days_to (year, month + 1, day) * 24 + hour) * 60 + minute) * 60 + second;
  return HTTP_HEADER_OK;
}

enum http_header_status
http_retry_after_parse (const char *value, size_t n, int64_t now,
                        uint64_t *seconds)
{
  enum http_header_status status;
  int64_t when;

  if (n > 0 && is_digit (value[0]))
    return http_number_parse (value, n, seconds);
  status = http_date_parse (value, n, &when);
  if (status == HTTP_HEADER_OK)
    *seconds = when > now ? when - now : 0;
  return status;
}
