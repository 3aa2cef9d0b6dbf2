/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See cloud-url.h.
 */

#include <config.h>

#include <string.h>

#include "base/align.h"
#include "cloud/cloud-url.h"

static int
hex_value (char c)
{
  if (c >= '0' && c <= '9')
    return c - '0';
  c |= 0x20;
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static char
lower (char c)
{
  return c >= 'A' && c <= 'Z' ? c | 0x20 : c;
}

bool
cloud_piece_is (struct cloud_piece piece, const char *text)
{
  return strlen (text) == piece.n && memcmp (piece.p, text, piece.n) == 0;
}

bool
cloud_piece_is_nocase (struct cloud_piece piece, const char *text)
{
  if (strlen (text) != piece.n)
    return false;
  for (size_t i = 0; i < piece.n; i++) {
    if (lower (piece.p[i]) != lower (text[i]))
      return false;
  }
  return true;
}

bool
cloud_piece_next (struct cloud_piece *rest, char c, struct cloud_piece *piece)
{
  const char *end;

  if (rest->n == 0)
    return false;
  end = memchr (rest->p, c, rest->n);
  piece->p = rest->p;
  piece->n = end != NULL ? (size_t) (end - rest->p) : rest->n;
  rest->p += piece->n;
  rest->n -= piece->n;
  if (end != NULL) {
    rest->p++;
    rest->n--;
  }
  return true;
}

bool
cloud_query_next (struct cloud_piece *rest, struct cloud_piece *name,
                  struct cloud_piece *value)
{
  struct cloud_piece one;

  while (cloud_piece_next (rest, '&', &one)) {
    if (one.n == 0)
      continue;
    *value = one;
    if (!cloud_piece_next (value, '=', name) || name->n == one.n)
      value->n = 0;
    return true;
  }
  return false;
}

/* Characters and escapes: nothing that could end a line of a request. */
static enum cloud_status
check_characters (const char *url)
{
  for (const char *p = url; *p != '\0'; p++) {
    if ((unsigned char) *p <= ' ' || *p == 0x7f)
      return CLOUD_URL_CHARACTER;
    if (*p == '#')
      return CLOUD_URL_FRAGMENT;
    if (*p == '%' && (hex_value (p[1]) < 0 || hex_value (p[2]) < 0 ||
                      (p[1] == '0' && p[2] == '0')))
      return CLOUD_URL_ESCAPE;
  }
  return CLOUD_OK;
}

static bool
valid_host (struct cloud_piece host, bool brackets)
{
  for (size_t i = 0; i < host.n; i++) {
    const char c = lower (host.p[i]);

    if (brackets ? hex_value (c) < 0 && c != ':' && c != '.' :
                   !((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
                     c == '-' || c == '.' || c == '_'))
      return false;
  }
  return host.n > 0;
}

static bool
parse_port (struct cloud_piece text, unsigned *port)
{
  *port = 0;
  for (size_t i = 0; i < text.n; i++) {
    if (text.p[i] < '0' || text.p[i] > '9' || *port > 65535)
      return false;
    *port = *port * 10 + (unsigned) (text.p[i] - '0');
  }
  return text.n > 0 && *port >= 1 && *port <= 65535;
}

/* HOST or HOST:PORT or [HOST]:PORT. */
static enum cloud_status
parse_authority (struct cloud_piece all, struct cloud_url *u)
{
  const unsigned usual = u->https ? 443 : 80;
  const bool brackets = all.n > 0 && all.p[0] == '[';
  struct cloud_piece rest = all, before;

  u->authority = all;
  u->port = usual;
  if (brackets) {
    rest.p++;
    rest.n--;
    if (memchr (rest.p, ']', rest.n) == NULL ||
        !cloud_piece_next (&rest, ']', &u->host))
      return CLOUD_URL_HOST;
    if (rest.n > 0 && (!cloud_piece_next (&rest, ':', &before) || before.n > 0))
      return CLOUD_URL_HOST;
  }
  else if (!cloud_piece_next (&rest, ':', &u->host))
    return CLOUD_URL_HOST;
  if (!valid_host (u->host, brackets))
    return CLOUD_URL_HOST;

  if (rest.n == 0)
    return all.p[all.n - 1] == ':' ? CLOUD_URL_PORT : CLOUD_OK;
  if (!parse_port (rest, &u->port))
    return CLOUD_URL_PORT;
  if (u->port == usual)
    u->authority.n = (size_t) (rest.p - 1 - all.p);
  return CLOUD_OK;
}

enum cloud_status
cloud_url_parse (const char *url, struct cloud_url *u)
{
  const size_t n = strnlen (url, CLOUD_URL_MAX + 1);
  const struct cloud_piece scheme = { url, strcspn (url, ":") };
  struct cloud_piece authority;
  enum cloud_status status;

  memset (u, 0, sizeof *u);
  if (n > CLOUD_URL_MAX)
    return CLOUD_TOO_LONG;
  u->https = cloud_piece_is_nocase (scheme, "https");
  if ((!u->https && !cloud_piece_is_nocase (scheme, "http")) ||
      strncmp (url + scheme.n, "://", 3) != 0)
    return CLOUD_URL_SCHEME;
  status = check_characters (url);
  if (status != CLOUD_OK)
    return status;

  authority.p = url + scheme.n + 3;
  authority.n = strcspn (authority.p, "/?");
  if (memchr (authority.p, '@', authority.n) != NULL)
    return CLOUD_URL_USER;
  u->path.p = authority.p + authority.n;
  u->path.n = strcspn (u->path.p, "?");
  u->query.p = u->path.p + u->path.n;
  if (*u->query.p == '?')
    u->query.p++;
  u->query.n = strlen (u->query.p);
  return parse_authority (authority, u);
}

bool
cloud_url_is_address (const struct cloud_url *u)
{
  bool digits_only = true;

  for (size_t i = 0; i < u->host.n; i++) {
    if (u->host.p[i] == ':')
      return true;
    if (u->host.p[i] != '.' && (u->host.p[i] < '0' || u->host.p[i] > '9'))
      digits_only = false;
  }
  return digits_only;
}

void
cloud_add_piece (struct buffer *b, struct cloud_piece piece)
{
  buffer_add (b, piece.p, piece.n);
}

void
cloud_add_decoded (struct buffer *b, struct cloud_piece piece)
{
  for (size_t i = 0; i < piece.n; i++) {
    const char *p = piece.p + i;

    if (*p == '%' && i + 2 < piece.n && hex_value (p[1]) >= 0 &&
        hex_value (p[2]) >= 0) {
      buffer_putc (b, (char) (hex_value (p[1]) << 4 | hex_value (p[2])));
      i += 2;
    }
    else
      buffer_putc (b, *p);
  }
}

void
cloud_add_encoded (struct buffer *b, struct cloud_piece piece, bool keep_slash)
{
  static const char digits[] = "0123456789ABCDEF";

  for (size_t i = 0; i < piece.n; i++) {
    const unsigned char c = (unsigned char) piece.p[i];
    const char l = lower ((char) c);

    if ((l >= 'a' && l <= 'z') || (c >= '0' && c <= '9') ||
        (c != '\0' && strchr ("-._~", c) != NULL) || (c == '/' && keep_slash))
      buffer_putc (b, (char) c);
    else {
      buffer_putc (b, '%');
      buffer_putc (b, digits[c >> 4]);
      buffer_putc (b, digits[c & 15]);
    }
  }
}
