/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See s3-sign.h.
 */

#include <config.h>

#include <string.h>

#include "base/align.h"
#include "cloud/cloud-secret.h"
#include "cloud/cloud-time.h"
#include "cloud/s3-sign.h"

#define ALGORITHM "AWS4-HMAC-SHA256"

/* The SHA-256 of nothing: of the body of a GET. */
#define EMPTY_SHA256 \
  "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

/* Printable, without what separates the parts of a scope or a header. */
static bool
is_word (const char *text)
{
  for (const char *p = text; *p != '\0'; p++) {
    if (*p <= ' ' || *p > '~' || strchr ("/,=", *p) != NULL)
      return false;
  }
  return *text != '\0';
}

enum cloud_status
s3_key_check (const struct s3_key *k)
{
  if (!is_word (k->access_key))
    return CLOUD_BAD_ACCESS_KEY;
  if (k->secret[0] == '\0')
    return CLOUD_BAD_KEY;
  if (!is_word (k->region) || !is_word (k->service))
    return CLOUD_BAD_REGION;
  for (const char *p = k->token; p != NULL && *p != '\0'; p++) {
    if (*p <= ' ' || *p > '~')
      return CLOUD_TOKEN_CHARACTER;
  }
  return CLOUD_OK;
}

/* PIECE with exactly those escapes that the signature wants. */
static void
add_canonical (struct buffer *out, struct cloud_piece piece, bool keep_slash)
{
  struct buffer decoded = { NULL };

  cloud_add_decoded (&decoded, piece);
  if (buffer_failed (&decoded))
    out->failed = true;
  else
    cloud_add_encoded (
      out, (struct cloud_piece){ buffer_text (&decoded), decoded.len },
      keep_slash);
  buffer_fini (&decoded);
}

static enum cloud_status
add_parameters (struct cloud_piece query, struct buffer *out)
{
  struct cloud_list l = { .n = 0 };
  struct cloud_piece name, value;
  enum cloud_status status;

  while (cloud_query_next (&query, &name, &value)) {
    cloud_list_name (&l);
    add_canonical (&l.text, name, false);
    cloud_list_value (&l);
    add_canonical (&l.text, value, false);
    cloud_list_end (&l);
  }
  status = cloud_list_status (&l);
  if (status == CLOUD_OK) {
    cloud_list_sort (&l, true);
    for (size_t i = 0; i < l.n; i++) {
      if (i > 0)
        buffer_putc (out, '&');
      buffer_puts (out, cloud_list_name_of (&l, i));
      buffer_putc (out, '=');
      buffer_puts (out, cloud_list_value_of (&l, i));
    }
  }
  cloud_list_fini (&l);
  return status;
}

/* Lines "name:value", the values of one name joined by commas; and all
 * names, with ";" between.
 */
static enum cloud_status
add_headers (const struct cloud_request *r, struct buffer *names,
             struct buffer *out)
{
  struct cloud_list l = { .n = 0 };
  enum cloud_status status;

  cloud_secret_reserve (&l.text, cloud_request_size (r));
  cloud_request_headers (r, "", &l);
  status = cloud_list_status (&l);
  if (status == CLOUD_OK) {
    cloud_list_sort (&l, false);
    for (size_t i = 0; i < l.n; i++) {
      if (cloud_list_repeats (&l, i))
        buffer_putc (out, ',');
      else {
        buffer_puts (out, i > 0 ? "\n" : "");
        buffer_puts (out, cloud_list_name_of (&l, i));
        buffer_putc (out, ':');
        buffer_puts (names, i > 0 ? ";" : "");
        buffer_puts (names, cloud_list_name_of (&l, i));
      }
      buffer_puts (out, cloud_list_value_of (&l, i));
    }
  }
  cloud_list_fini (&l);
  return status;
}

enum cloud_status
s3_canonical_request (const struct cloud_request *r, struct buffer *names,
                      struct buffer *out)
{
  struct cloud_url u;
  enum cloud_status status;
  size_t body;

  status = cloud_url_parse (r->url, &u);
  if (status != CLOUD_OK)
    return status;
  buffer_puts (out, r->method);
  buffer_puts (out, u.path.n == 0 ? "\n/" : "\n");
  add_canonical (out, u.path, true);
  buffer_putc (out, '\n');
  status = add_parameters (u.query, out);
  if (status != CLOUD_OK)
    return status;
  buffer_putc (out, '\n');
  status = add_headers (r, names, out);
  if (status != CLOUD_OK)
    return status;
  buffer_puts (out, "\n\n");
  buffer_puts (out, buffer_text (names));
  buffer_putc (out, '\n');
  body = out->len;
  cloud_request_header (r, "x-amz-content-sha256", out);
  if (out->len == body)
    buffer_puts (out, EMPTY_SHA256);
  return buffer_failed (out) || buffer_failed (names) ? CLOUD_NO_MEMORY :
                                                        CLOUD_OK;
}

/* "DATE/REGION/SERVICE/aws4_request". */
static void
add_scope (const struct s3_key *k, int64_t now, struct buffer *out)
{
  char time[CLOUD_TIME_SIZE];

  cloud_time_aws (now, time);
  buffer_printf (out, "%.8s/%s/%s/aws4_request", time, k->region, k->service);
}

enum cloud_status
s3_string_to_sign (const struct s3_key *k, const struct buffer *canonical,
                   int64_t now, struct buffer *out)
{
  uint8_t digest[CLOUD_DIGEST_SIZE];
  char hex[CLOUD_HEX_SIZE], time[CLOUD_TIME_SIZE];
  enum cloud_status status;

  status = cloud_sha256 (buffer_text (canonical), canonical->len, digest);
  if (status != CLOUD_OK)
    return status;
  cloud_digest_hex (digest, hex);
  cloud_time_aws (now, time);
  buffer_printf (out, ALGORITHM "\n%s\n", time);
  add_scope (k, now, out);
  buffer_printf (out, "\n%s", hex);
  return buffer_failed (out) ? CLOUD_NO_MEMORY : CLOUD_OK;
}

enum cloud_status
s3_signing_key (const struct s3_key *k, int64_t now,
                uint8_t key[CLOUD_DIGEST_SIZE])
{
  char time[CLOUD_TIME_SIZE];
  const char *const parts[] = { k->region, k->service, "aws4_request" };
  struct buffer first = { NULL };
  enum cloud_status status = CLOUD_NO_MEMORY;

  cloud_time_aws (now, time);
  cloud_secret_reserve (&first, 4 + strlen (k->secret));
  buffer_puts (&first, "AWS4");
  buffer_puts (&first, k->secret);
  if (!buffer_failed (&first))
    status = cloud_hmac_sha256 (first.data, first.len, time, 8, key);
  cloud_secret_fini (&first);
  for (size_t i = 0; status == CLOUD_OK && i < ARRAY_SIZE (parts); i++)
    status = cloud_hmac_sha256 (key, CLOUD_DIGEST_SIZE, parts[i],
                                strlen (parts[i]), key);
  return status;
}

/* The same, from DAY if it is of that day, else into it. */
static enum cloud_status
day_key (const struct s3_key *k, int64_t now, struct s3_day *day,
         uint8_t key[CLOUD_DIGEST_SIZE])
{
  const int64_t number = now / 86400;
  enum cloud_status status = CLOUD_OK;

  if (day != NULL && number > 0 && day->number == number)
    memcpy (key, day->key, CLOUD_DIGEST_SIZE);
  else {
    status = s3_signing_key (k, now, key);
    if (status == CLOUD_OK && day != NULL) {
      day->number = number;
      memcpy (day->key, key, CLOUD_DIGEST_SIZE);
    }
  }
  return status;
}

/* The signature of TEXT in hexadecimal. */
static enum cloud_status
sign_text (const struct s3_key *k, int64_t now, struct s3_day *day,
           const struct buffer *text, char hex[CLOUD_HEX_SIZE])
{
  uint8_t key[CLOUD_DIGEST_SIZE];
  enum cloud_status status;

  status = day_key (k, now, day, key);
  if (status == CLOUD_OK)
    status = cloud_hmac_sha256 (key, sizeof key, text->data, text->len, key);
  if (status == CLOUD_OK)
    cloud_digest_hex (key, hex);
  explicit_bzero (key, sizeof key);
  return status;
}

enum cloud_status
s3_authorization (const struct s3_key *k, const struct cloud_request *r,
                  int64_t now, struct s3_day *day, struct buffer *out)
{
  struct buffer names = { NULL }, canonical = { NULL }, text = { NULL };
  char hex[CLOUD_HEX_SIZE];
  enum cloud_status status;

  cloud_secret_reserve (&canonical, cloud_request_size (r));
  status = s3_key_check (k);
  if (status == CLOUD_OK)
    status = s3_canonical_request (r, &names, &canonical);
  if (status == CLOUD_OK)
    status = s3_string_to_sign (k, &canonical, now, &text);
  if (status == CLOUD_OK)
    status = sign_text (k, now, day, &text, hex);
  if (status == CLOUD_OK) {
    buffer_printf (out, ALGORITHM " Credential=%s/", k->access_key);
    add_scope (k, now, out);
    buffer_printf (out, ", SignedHeaders=%s, Signature=%s",
                   buffer_text (&names), hex);
    status = buffer_failed (out) ? CLOUD_NO_MEMORY : CLOUD_OK;
  }
  buffer_fini (&names);
  cloud_secret_fini (&canonical);
  buffer_fini (&text);
  return status;
}

/* Add to ALL, which has N, the headers that signing brings; all but HOST
 * are to be sent, too.
 */
static enum cloud_status
add_own_headers (const struct s3_key *k, const char *host, const char *time,
                 struct cloud_header *all, size_t *n, struct buffer *lines)
{
  const struct cloud_header own[] = {
    { "x-amz-date", time },
    { "x-amz-content-sha256", EMPTY_SHA256 },
    { "x-amz-security-token", k->token },
  };

  all[(*n)++] = (struct cloud_header){ "host", host };
  for (size_t i = 0; i < ARRAY_SIZE (own); i++) {
    enum cloud_status status;

    if (own[i].value == NULL)
      continue;
    all[(*n)++] = own[i];
    status = cloud_line_add (lines, own[i].name, own[i].value);
    if (status != CLOUD_OK)
      return status;
  }
  return CLOUD_OK;
}

enum cloud_status
s3_sign (const struct s3_key *k, const struct cloud_request *r, int64_t now,
         struct s3_day *day, struct buffer *lines)
{
  struct cloud_header all[CLOUD_LIST_MAX];
  struct cloud_request complete = *r;
  struct buffer host = { NULL }, value = { NULL };
  char time[CLOUD_TIME_SIZE];
  struct cloud_url u;
  enum cloud_status status;

  if (r->nheaders > ARRAY_SIZE (all) - 4)
    return CLOUD_TOO_LONG;
  status = cloud_url_parse (r->url, &u);
  if (status != CLOUD_OK)
    return status;
  cloud_add_piece (&host, u.authority);
  cloud_time_aws (now, time);
  complete.headers = all;
  complete.nheaders = 0;
  for (size_t i = 0; i < r->nheaders; i++)
    all[complete.nheaders++] = r->headers[i];
  status = buffer_failed (&host) ?
             CLOUD_NO_MEMORY :
             add_own_headers (k, buffer_text (&host), time, all,
                              &complete.nheaders, lines);
  if (status == CLOUD_OK)
    status = s3_authorization (k, &complete, now, day, &value);
  if (status == CLOUD_OK)
    status = cloud_line_add (lines, "Authorization", buffer_text (&value));
  buffer_fini (&host);
  buffer_fini (&value);
  return status;
}
