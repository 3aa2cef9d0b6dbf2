/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See http-query.h.
 */

#include <config.h>

#include <string.h>
#include <strings.h>

#include "http/http-query.h"

/* Without case; "x-amz-*" is all that begin so. */
static const char *const secret[] = {
  "access_token", "sig", "signature", "token", "x-amz-*", "x-goog-*", NULL,
};

/* Beside "sig": a SAS ("Create a service SAS", "... account SAS", "... user
 * delegation SAS").
 */
static const char *const with_sig[] = {
  "rscc", "rscd", "rsce", "rscl", "rsct",  "saoid", "scid",  "sdd",   "se",
  "ses",  "si",   "sip",  "ske",  "skoid", "sks",   "skt",   "sktid", "skv",
  "sp",   "spr",  "sr",   "srt",  "ss",    "st",    "suoid", "sv",    NULL,
};

/* Beside "signature": older AWS, Google, and CloudFront. */
static const char *const with_signature[] = {
  "awsaccesskeyid", "expires", "googleaccessid", "key-pair-id", "policy", NULL,
};

static bool
is_named (const char *p, size_t n, const char *name)
{
  const size_t length = strlen (name);

  if (name[length - 1] == '*')
    return n >= length - 1 && strncasecmp (p, name, length - 1) == 0;
  return n == length && strncasecmp (p, name, n) == 0;
}

static bool
is_among (const char *p, size_t n, const char *const *names)
{
  for (; *names != NULL; names++) {
    if (is_named (p, n, *names))
      return true;
  }
  return false;
}

/* The next parameter that is not empty, of any kind. */
static const char *
next (const char **rest, size_t *n)
{
  const char *p = *rest + strspn (*rest, "&");

  *n = strcspn (p, "&");
  *rest = p + *n;
  return *n > 0 ? p : NULL;
}

struct http_query
http_query_begin (const char *query)
{
  struct http_query q = { .rest = query };
  const char *p;
  size_t n;

  while ((p = next (&query, &n)) != NULL) {
    n = strcspn (p, "=&");
    q.sig |= is_named (p, n, "sig");
    q.signature |= is_named (p, n, "signature");
  }
  return q;
}

const char *
http_query_next (struct http_query *q, size_t *n)
{
  const char *p;

  while ((p = next (&q->rest, n)) != NULL) {
    const size_t name = strcspn (p, "=&");

    if (!is_among (p, name, secret) &&
        !(q->sig && is_among (p, name, with_sig)) &&
        !(q->signature && is_among (p, name, with_signature)))
      return p;
  }
  return NULL;
}
