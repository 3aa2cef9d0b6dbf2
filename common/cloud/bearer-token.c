/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See bearer-token.h.
 */

#include <config.h>

#include <stdbool.h>
#include <string.h>

#include "base/json-reader.h"
#include "cloud/azure-key.h"
#include "cloud/bearer-token.h"
#include "cloud/cloud-request.h"
#include "cloud/cloud-secret.h"
#include "cloud/cloud-url.h"

/* A year: what says more is not seconds. */
#define LIFETIME_MAX (366 * 86400)

static bool
is_blank (char c)
{
  return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* "b64token" of RFC 6750, 2.1. */
static bool
is_token_character (char c)
{
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
         (c >= '0' && c <= '9') || (c != '\0' && strchr ("-._~+/=", c) != NULL);
}

enum cloud_status
bearer_token_read (const char *text, size_t n, struct buffer *token)
{
  while (n > 0 && is_blank (text[0]))
    text++, n--;
  while (n > 0 && is_blank (text[n - 1]))
    n--;
  if (n == 0)
    return CLOUD_TOKEN_EMPTY;
  if (n > BEARER_TOKEN_MAX)
    return CLOUD_TOO_LONG;
  for (size_t i = 0; i < n; i++) {
    if (!is_token_character (text[i]))
      return CLOUD_TOKEN_CHARACTER;
  }
  cloud_secret_reserve (token, n);
  buffer_add (token, text, n);
  return buffer_failed (token) ? CLOUD_NO_MEMORY : CLOUD_OK;
}

enum cloud_status
bearer_identity_url (const char *endpoint, const char *client_id,
                     struct buffer *out)
{
  if (endpoint == NULL)
    endpoint = BEARER_IDENTITY_ENDPOINT;
  buffer_puts (out, endpoint);
  buffer_putc (out, strchr (endpoint, '?') == NULL ? '?' : '&');
  buffer_puts (out, "api-version=2018-02-01&resource="
                    "https%3A%2F%2Fstorage.azure.com%2F");
  if (client_id != NULL) {
    buffer_puts (out, "&client_id=");
    cloud_add_encoded (
      out, (struct cloud_piece){ client_id, strlen (client_id) }, false);
  }
  return buffer_failed (out) ? CLOUD_NO_MEMORY : CLOUD_OK;
}

/* Numbers are strings there, in some versions. */
static bool
read_number (const struct json_value *v, uint64_t *r)
{
  const char *p = json_read_string (v);

  if (p == NULL)
    return json_read_number (v, r);
  *r = 0;
  for (unsigned i = 0; p[i] != '\0'; i++) {
    if (p[i] < '0' || p[i] > '9' || i == 18)
      return false;
    *r = *r * 10 + (uint64_t) (p[i] - '0');
  }
  return *p != '\0';
}

/* From "expires_on", or else from "expires_in". */
static bool
read_expiry (const struct json_document *d, int64_t now, int64_t *expires)
{
  const struct json_value *root = json_root (d);
  uint64_t n;

  if (read_number (json_get (d, root, "expires_on"), &n) && n <= INT64_MAX) {
    *expires = (int64_t) n;
    return true;
  }
  if (!read_number (json_get (d, root, "expires_in"), &n) || n > LIFETIME_MAX)
    return false;
  *expires = now + (int64_t) n;
  return true;
}

static void
add_error (const struct json_document *d, struct buffer *message)
{
  static const char *const members[] = { "error", "error_description" };

  for (unsigned i = 0; i < 2; i++) {
    const char *text =
      json_read_string (json_get (d, json_root (d), members[i]));

    if (text == NULL)
      continue;
    if (message->len > 0)
      buffer_puts (message, ": ");
    cloud_text_redact (message, (struct cloud_piece){ text, strlen (text) });
  }
}

static enum cloud_status
read_answer (const struct json_document *d, int64_t now, struct buffer *token,
             int64_t *expires, struct buffer *message)
{
  const struct json_value *root = json_root (d);
  const char *text = json_read_string (json_get (d, root, "access_token"));
  const char *type = json_read_string (json_get (d, root, "token_type"));

  if (text == NULL && json_get (d, root, "error") != NULL) {
    add_error (d, message);
    return CLOUD_IDENTITY_ERROR;
  }
  if (text == NULL || !read_expiry (d, now, expires))
    return CLOUD_IDENTITY_JSON;
  if (type != NULL && !cloud_piece_is_nocase (
                        (struct cloud_piece){ type, strlen (type) }, "Bearer"))
    return CLOUD_IDENTITY_TYPE;
  if (*expires <= now)
    return CLOUD_IDENTITY_EXPIRED;
  return bearer_token_read (text, strlen (text), token);
}

enum cloud_status
bearer_identity_read (const char *text, size_t n, int64_t now,
                      struct buffer *token, int64_t *expires,
                      struct buffer *message)
{
  struct json_document d;
  enum cloud_status status;
  size_t where;

  if (n > 2 * BEARER_TOKEN_MAX)
    return CLOUD_TOO_LONG;
  switch (json_parse (&d, text, n, &where)) {
  case JSON_OK:
    break;
  case JSON_NO_MEMORY:
    return CLOUD_NO_MEMORY;
  default:
    return CLOUD_IDENTITY_JSON;
  }
  status = read_answer (&d, now, token, expires, message);
  explicit_bzero (d.text, n); /* decoded in place, so no longer */
  json_fini (&d);
  return status;
}

enum cloud_status
bearer_token_lines (const char *token, struct buffer *lines)
{
  struct buffer value = { NULL };
  enum cloud_status status;

  status = cloud_line_add (lines, "x-ms-version", AZURE_VERSION);
  if (status != CLOUD_OK || token == NULL)
    return status;
  cloud_secret_reserve (&value, strlen ("Bearer ") + strlen (token));
  buffer_puts (&value, "Bearer ");
  buffer_puts (&value, token);
  status = buffer_failed (&value) ?
             CLOUD_NO_MEMORY :
             cloud_line_add (lines, "Authorization", buffer_text (&value));
  cloud_secret_fini (&value);
  return status;
}
