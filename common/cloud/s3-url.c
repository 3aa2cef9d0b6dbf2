/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See s3-url.h.
 */

#include <config.h>

#include <string.h>

#include "cloud/cloud-time.h"
#include "cloud/s3-url.h"

#define EXPIRES_MAX (7 * 86400)

static bool
begins_with (struct cloud_piece p, const char *text)
{
  const size_t n = strlen (text);

  return p.n >= n &&
         cloud_piece_is_nocase ((struct cloud_piece){ p.p, n }, text);
}

/* Is the host AWS's?  Takes its domain off. */
static bool
cut_domain (struct cloud_piece *host)
{
  static const char *const domains[] = { ".amazonaws.com",
                                         ".amazonaws.com.cn" };

  for (unsigned i = 0; i < 2; i++) {
    const size_t n = strlen (domains[i]);

    if (host->n > n &&
        cloud_piece_is_nocase ((struct cloud_piece){ host->p + host->n - n, n },
                               domains[i])) {
      host->n -= n;
      return true;
    }
  }
  return false;
}

/* The last label that is "s3" or "s3-...", where the service begins: what
 * is before it, the bucket, may have such labels too.
 */
static bool
find_service (struct cloud_piece host, struct cloud_piece *bucket,
              struct cloud_piece *service, struct cloud_piece *behind)
{
  struct cloud_piece rest = host, label;
  bool found = false;

  while (cloud_piece_next (&rest, '.', &label)) {
    if (!cloud_piece_is_nocase (label, "s3") && !begins_with (label, "s3-"))
      continue;
    found = true;
    *service = label;
    *behind = rest;
    *bucket = (struct cloud_piece){ host.p, (size_t) (label.p - host.p) };
    if (bucket->n > 0)
      bucket->n--; /* the dot */
  }
  return found;
}

/* "s3.REGION", "s3.dualstack.REGION", "s3-fips.REGION"; in the past
 * "s3-REGION", and "s3" alone for the first one.
 */
static struct cloud_piece
region_of (struct cloud_piece service, struct cloud_piece behind)
{
  static const struct cloud_piece first = { "us-east-1", 9 };
  struct cloud_piece label;

  while (cloud_piece_next (&behind, '.', &label)) {
    if (!cloud_piece_is_nocase (label, "dualstack"))
      return label;
  }
  if (service.n == 2)
    return first;
  if (begins_with (service, "s3-accelerate") ||
      begins_with (service, "s3-fips"))
    return (struct cloud_piece){ service.p, 0 };
  return (struct cloud_piece){ service.p + 3, service.n - 3 };
}

enum cloud_status
s3_url_parse (const char *url, struct s3_url *s)
{
  struct cloud_piece host, service, behind;
  enum cloud_status status;

  memset (s, 0, sizeof *s);
  status = cloud_url_parse (url, &s->url);
  if (status != CLOUD_OK)
    return status;
  host = s->url.host;
  s->region.p = host.p;
  if (cut_domain (&host) && find_service (host, &s->bucket, &service, &behind))
    s->region = region_of (service, behind);
  s->path_style = s->bucket.n == 0;

  s->key = s->url.path;
  if (s->key.n > 0) {
    s->key.p++;
    s->key.n--;
  }
  if (s->path_style &&
      (!cloud_piece_next (&s->key, '/', &s->bucket) || s->bucket.n == 0))
    return CLOUD_URL_NO_KEY;
  return s->key.n == 0 ? CLOUD_URL_NO_KEY : CLOUD_OK;
}

static void
add_encoded (struct buffer *out, const char *text, bool keep_slash)
{
  cloud_add_encoded (out, (struct cloud_piece){ text, strlen (text) },
                     keep_slash);
}

enum cloud_status
s3_url_make (const char *endpoint, const char *bucket, const char *key,
             const char *version_id, bool path_style, struct buffer *out)
{
  struct cloud_url u;
  const enum cloud_status status = cloud_url_parse (endpoint, &u);

  if (status != CLOUD_OK)
    return status;
  if (u.path.n > 1 || u.query.n > 0)
    return CLOUD_URL_NOT_HOST;
  if (*bucket == '\0' || *key == '\0')
    return CLOUD_URL_NO_KEY;
  if (cloud_url_is_address (&u) || (u.https && strchr (bucket, '.') != NULL))
    path_style = true;
  buffer_puts (out, u.https ? "https://" : "http://");
  if (!path_style) {
    add_encoded (out, bucket, false);
    buffer_putc (out, '.');
  }
  cloud_add_piece (out, u.authority);
  buffer_putc (out, '/');
  if (path_style) {
    add_encoded (out, bucket, false);
    buffer_putc (out, '/');
  }
  add_encoded (out, key, true);
  if (version_id != NULL) {
    buffer_puts (out, "?versionId=");
    add_encoded (out, version_id, false);
  }
  return buffer_failed (out) ? CLOUD_NO_MEMORY : CLOUD_OK;
}

void
s3_url_add_endpoint (struct buffer *out, const char *region)
{
  buffer_printf (out, "https://s3.%s.amazonaws.com%s", region,
                 strncmp (region, "cn-", 3) == 0 ? ".cn" : "");
}

static bool
read_seconds (struct cloud_piece p, int64_t *r)
{
  *r = 0;
  for (size_t i = 0; i < p.n; i++) {
    if (p.p[i] < '0' || p.p[i] > '9' || *r > EXPIRES_MAX)
      return false;
    *r = *r * 10 + (p.p[i] - '0');
  }
  return p.n > 0 && *r <= EXPIRES_MAX;
}

enum cloud_status
s3_url_check_presigned (const struct cloud_url *u, int64_t now, bool *presigned)
{
  struct cloud_piece rest = u->query, name, value;
  bool has_date = false, has_expires = false;
  int64_t date = 0, seconds = 0;

  *presigned = false;
  while (cloud_query_next (&rest, &name, &value)) {
    char text[CLOUD_TIME_SIZE] = "";

    if (cloud_piece_is (name, "X-Amz-Signature"))
      *presigned = true;
    else if (cloud_piece_is (name, "X-Amz-Expires"))
      has_expires = read_seconds (value, &seconds);
    else if (cloud_piece_is (name, "X-Amz-Date") && value.n < sizeof text) {
      memcpy (text, value.p, value.n);
      has_date = cloud_time_parse_aws (text, &date);
    }
  }
  if (!*presigned)
    return CLOUD_OK;
  if (!has_date || !has_expires)
    return CLOUD_URL_PRESIGNED;
  return now >= date + seconds ? CLOUD_URL_EXPIRED : CLOUD_OK;
}
