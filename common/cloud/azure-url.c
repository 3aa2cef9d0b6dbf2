/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See azure-url.h.
 */

#include <config.h>

#include <string.h>

#include "cloud/azure-url.h"
#include "cloud/cloud-secret.h"
#include "cloud/cloud-url.h"

#define SECONDARY "-secondary"

/* Is the host ACCOUNT.blob.*, or ACCOUNT.zNN.blob.* of a DNS zone? */
static bool
is_service_host (struct cloud_piece host)
{
  struct cloud_piece label;

  for (unsigned i = 0; i < 3 && cloud_piece_next (&host, '.', &label); i++) {
    if (i > 0 && cloud_piece_is_nocase (label, "blob"))
      return true;
  }
  return false;
}

/* The secondary location has a name of its own, and the same account. */
static void
set_account (struct azure_url *a, struct cloud_piece name)
{
  const size_t n = strlen (SECONDARY);

  if (name.n > n && memcmp (name.p + name.n - n, SECONDARY, n) == 0)
    name.n -= n;
  if (name.n <= AZURE_ACCOUNT_MAX)
    memcpy (a->account, name.p, name.n);
}

/* Which style it is, whose account, and that the path names a blob. */
static enum cloud_status
read_names (const struct cloud_url *u, struct azure_url *a)
{
  struct cloud_piece host = u->host, path = u->path, name;
  unsigned names = 0;

  a->path_style =
    cloud_url_is_address (u) || memchr (host.p, '.', host.n) == NULL;
  if (!a->path_style && is_service_host (host) &&
      cloud_piece_next (&host, '.', &name))
    set_account (a, name);
  while (cloud_piece_next (&path, '/', &name)) {
    if (name.n == 0)
      continue;
    if (names++ == 0 && a->path_style)
      set_account (a, name);
  }
  return names < (a->path_style ? 2 : 1) ? CLOUD_URL_NO_BLOB : CLOUD_OK;
}

/* A snapshot or version belongs to the name; all the rest is credentials,
 * or something that nobody is to see either.
 */
static enum cloud_status
read_query (struct cloud_piece query, struct azure_url *a)
{
  struct cloud_piece name, value;
  bool chosen = false;

  cloud_secret_reserve (&a->sas, query.n);
  while (cloud_query_next (&query, &name, &value)) {
    const bool chooses = cloud_piece_is_nocase (name, "snapshot") ||
                         cloud_piece_is_nocase (name, "versionid");
    struct buffer *b = chooses ? &a->base : &a->sas;

    if (cloud_piece_is_nocase (name, "comp") ||
        cloud_piece_is_nocase (name, "restype"))
      return CLOUD_URL_NOT_DATA;
    if (chooses && (chosen || value.n == 0))
      return CLOUD_URL_VERSIONS;
    chosen = chosen || chooses;
    if (chooses)
      buffer_putc (b, '?');
    else if (b->len > 0)
      buffer_putc (b, '&');
    cloud_add_piece (b, name);
    if (value.p != name.p + name.n) {
      buffer_putc (b, '=');
      cloud_add_piece (b, value);
    }
  }
  return CLOUD_OK;
}

enum cloud_status
azure_url_parse (const char *url, struct azure_url *a)
{
  struct cloud_url u;
  enum cloud_status status;

  memset (a, 0, sizeof *a);
  status = cloud_url_parse (url, &u);
  if (status != CLOUD_OK)
    return status;
  a->https = u.https;
  status = read_names (&u, a);
  if (status != CLOUD_OK)
    return status;
  buffer_puts (&a->base, u.https ? "https://" : "http://");
  cloud_add_piece (&a->base, u.authority);
  cloud_add_piece (&a->base, u.path);
  status = read_query (u.query, a);
  if (status == CLOUD_OK &&
      (buffer_failed (&a->base) || buffer_failed (&a->sas)))
    status = CLOUD_NO_MEMORY;
  return status;
}

void
azure_url_fini (struct azure_url *a)
{
  buffer_fini (&a->base);
  cloud_secret_fini (&a->sas);
}

enum cloud_status
azure_url_request (const struct azure_url *a, const char *more, const char *sas,
                   struct buffer *out)
{
  const char *parts[] = { more, sas != NULL ? sas : buffer_text (&a->sas) };
  bool first = strchr (buffer_text (&a->base), '?') == NULL;

  if (sas != NULL && *sas == '?')
    parts[1]++;
  cloud_secret_reserve (out, a->base.len + strlen (parts[1]) +
                               (more != NULL ? strlen (more) : 0) + 2);
  buffer_add (out, a->base.data, a->base.len);
  for (unsigned i = 0; i < 2; i++) {
    if (parts[i] == NULL || *parts[i] == '\0')
      continue;
    buffer_putc (out, first ? '?' : '&');
    buffer_puts (out, parts[i]);
    first = false;
  }
  return buffer_failed (out) ? CLOUD_NO_MEMORY : CLOUD_OK;
}

static void
add_encoded (struct buffer *out, const char *text, bool keep_slash)
{
  cloud_add_encoded (out, (struct cloud_piece){ text, strlen (text) },
                     keep_slash);
}

enum cloud_status
azure_url_make (const char *endpoint, const char *container, const char *blob,
                const char *version, bool is_version, struct buffer *out)
{
  size_t n = strlen (endpoint);

  while (n > 0 && endpoint[n - 1] == '/')
    n--;
  buffer_add (out, endpoint, n);
  buffer_putc (out, '/');
  /* "$" is not unreserved, and usual in "$root". */
  if (strcmp (container, "$root") == 0)
    buffer_puts (out, container);
  else
    add_encoded (out, container, false);
  buffer_putc (out, '/');
  add_encoded (out, blob, true);
  if (version != NULL) {
    buffer_puts (out, is_version ? "?versionid=" : "?snapshot=");
    add_encoded (out, version, false);
  }
  return buffer_failed (out) ? CLOUD_NO_MEMORY : CLOUD_OK;
}

void
azure_url_add_pagelist (struct buffer *b, unsigned max, const char *marker)
{
  buffer_puts (b, "comp=pagelist");
  if (max > 0)
    buffer_printf (b, "&maxresults=%u", max);
  if (marker != NULL) {
    buffer_puts (b, "&marker=");
    add_encoded (b, marker, false);
  }
}
