/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See azure-key.h.
 */

#include <config.h>

#include <string.h>

#include "base/align.h"
#include "base/base64.h"
#include "cloud/azure-key.h"
#include "cloud/cloud-digest.h"
#include "cloud/cloud-secret.h"
#include "cloud/cloud-time.h"

/* In this order.  A Content-Length of zero would count as none, but there
 * is none in a GET; Date is empty when there is x-ms-date.
 */
static const char *const standard_headers[] = {
  "Content-Encoding",
  "Content-Language",
  "Content-Length",
  "Content-MD5",
  "Content-Type",
  "Date",
  "If-Modified-Since",
  "If-Match",
  "If-None-Match",
  "If-Unmodified-Since",
  "Range",
};

bool
azure_account_valid (const char *account)
{
  const size_t n = strnlen (account, AZURE_ACCOUNT_MAX + 1);

  return n >= 3 && n <= AZURE_ACCOUNT_MAX &&
         strspn (account, "abcdefghijklmnopqrstuvwxyz0123456789-") == n;
}

enum cloud_status
azure_key_parse (const char *account, const char *base64, struct azure_key *k)
{
  static const char blanks[] = " \t\r\n";
  const char *p = base64 + strspn (base64, blanks);
  size_t n = strlen (p);

  memset (k, 0, sizeof *k);
  while (n > 0 && strchr (blanks, p[n - 1]) != NULL)
    n--;
  if (!azure_account_valid (account))
    return CLOUD_BAD_ACCOUNT;
  strcpy (k->account, account);
  if (!base64_decode (p, n, k->bytes, sizeof k->bytes, &k->n) || k->n == 0)
    return CLOUD_BAD_KEY;
  return CLOUD_OK;
}

void
azure_key_wipe (struct azure_key *k)
{
  explicit_bzero (k, sizeof *k);
}

/* Lines "name:value" of the headers x-ms-*. */
static enum cloud_status
add_headers (const struct cloud_request *r, struct buffer *out)
{
  struct cloud_list l = { .n = 0 };
  enum cloud_status status;

  cloud_request_headers (r, "x-ms-", &l);
  status = cloud_list_status (&l);
  if (status == CLOUD_OK) {
    cloud_list_sort (&l, false);
    for (size_t i = 0; i < l.n; i++) {
      buffer_puts (out, cloud_list_name_of (&l, i));
      buffer_putc (out, ':');
      buffer_puts (out, cloud_list_value_of (&l, i));
      buffer_putc (out, '\n');
    }
  }
  cloud_list_fini (&l);
  return status;
}

/* Lines "name:value" of the parameters, each begun by its line end; the
 * values of one name joined by commas.
 */
static enum cloud_status
add_parameters (struct cloud_piece query, struct buffer *out)
{
  struct cloud_list l = { .n = 0 };
  struct cloud_piece name, value;
  enum cloud_status status;

  while (cloud_query_next (&query, &name, &value)) {
    size_t start;

    cloud_list_name (&l);
    start = l.text.len;
    cloud_add_decoded (&l.text, name);
    for (size_t i = start; i < l.text.len; i++) {
      if (l.text.data[i] >= 'A' && l.text.data[i] <= 'Z')
        l.text.data[i] |= 0x20;
    }
    cloud_list_value (&l);
    cloud_add_decoded (&l.text, value);
    cloud_list_end (&l);
  }
  status = cloud_list_status (&l);
  if (status == CLOUD_OK) {
    cloud_list_sort (&l, true);
    for (size_t i = 0; i < l.n; i++) {
      if (cloud_list_repeats (&l, i))
        buffer_putc (out, ',');
      else {
        buffer_putc (out, '\n');
        buffer_puts (out, cloud_list_name_of (&l, i));
        buffer_putc (out, ':');
      }
      buffer_puts (out, cloud_list_value_of (&l, i));
    }
  }
  cloud_list_fini (&l);
  return status;
}

enum cloud_status
azure_string_to_sign (const char *account, const struct cloud_request *r,
                      struct buffer *out)
{
  struct cloud_url u;
  enum cloud_status status;

  status = cloud_url_parse (r->url, &u);
  if (status != CLOUD_OK)
    return status;
  buffer_puts (out, r->method);
  buffer_putc (out, '\n');
  for (size_t i = 0; i < ARRAY_SIZE (standard_headers); i++) {
    cloud_request_header (r, standard_headers[i], out);
    buffer_putc (out, '\n');
  }
  status = add_headers (r, out);
  if (status != CLOUD_OK)
    return status;
  buffer_putc (out, '/');
  buffer_puts (out, account);
  if (u.path.n == 0)
    buffer_putc (out, '/');
  cloud_add_piece (out, u.path);
  status = add_parameters (u.query, out);
  if (status == CLOUD_OK && buffer_failed (out))
    status = CLOUD_NO_MEMORY;
  return status;
}

/* The value of the header Authorization. */
static enum cloud_status
add_authorization (const struct azure_key *k, const struct cloud_request *r,
                   struct buffer *lines)
{
  struct buffer text = { NULL };
  uint8_t digest[CLOUD_DIGEST_SIZE];
  char signature[BASE64_SIZE (CLOUD_DIGEST_SIZE)];
  enum cloud_status status;

  status = azure_string_to_sign (k->account, r, &text);
  if (status == CLOUD_OK)
    status = cloud_hmac_sha256 (k->bytes, k->n, text.data, text.len, digest);
  if (status == CLOUD_OK) {
    base64_encode (digest, sizeof digest, signature);
    buffer_clear (&text);
    buffer_printf (&text, "SharedKey %s:%s", k->account, signature);
    status = buffer_failed (&text) ?
               CLOUD_NO_MEMORY :
               cloud_line_add (lines, "Authorization", buffer_text (&text));
  }
  buffer_fini (&text);
  return status;
}

enum cloud_status
azure_key_sign (const struct azure_key *k, const struct cloud_request *r,
                int64_t now, struct buffer *lines)
{
  struct cloud_header all[CLOUD_LIST_MAX];
  struct cloud_request complete = *r;
  char date[CLOUD_TIME_SIZE];
  const struct cloud_header more[] = { { "x-ms-date", date },
                                       { "x-ms-version", AZURE_VERSION } };
  enum cloud_status status;

  if (r->nheaders > ARRAY_SIZE (all) - ARRAY_SIZE (more))
    return CLOUD_TOO_LONG;
  cloud_time_http (now, date);
  complete.headers = all;
  complete.nheaders = 0;
  for (size_t i = 0; i < ARRAY_SIZE (more); i++) {
    all[complete.nheaders++] = more[i];
    status = cloud_line_add (lines, more[i].name, more[i].value);
    if (status != CLOUD_OK)
      return status;
  }
  for (size_t i = 0; i < r->nheaders; i++)
    all[complete.nheaders++] = r->headers[i];
  return add_authorization (k, &complete, lines);
}
