/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The part of cloud-url.h that prints.
 */

#include <config.h>

#include <string.h>

#include "base/align.h"
#include "cloud/cloud-url.h"

#define HIDDEN "***"

/* Parameters of which the value is no secret, nor a part of one. */
static const char *const shown[] = {
  "comp",       "marker",
  "maxresults", "restype",
  "se",         "si",
  "snapshot",   "sp",
  "spr",        "sr",
  "srt",        "ss",
  "st",         "sv",
  "versionid",  "X-Amz-Expires",
  "X-Amz-Date", "X-Amz-Algorithm",
};

/* What stands before a secret in texts. */
static const char *const secret[] = {
  "sig=",
  "signature=",
  "accountkey=",
  "x-amz-credential=",
  "x-amz-security-token=",
  "access_token=",
  "sharedkey ",
  "bearer ",
};

static bool
is_shown (struct cloud_piece name)
{
  for (size_t i = 0; i < ARRAY_SIZE (shown); i++) {
    if (cloud_piece_is_nocase (name, shown[i]))
      return true;
  }
  return false;
}

static void
redact_query (struct buffer *b, struct cloud_piece query)
{
  struct cloud_piece name, value;
  char separator = '?';

  while (cloud_query_next (&query, &name, &value)) {
    buffer_putc (b, separator);
    separator = '&';
    /* Without "=" it may be a token that is all value. */
    if (is_shown (name)) {
      cloud_add_piece (b, name);
      buffer_putc (b, '=');
      cloud_add_piece (b, value);
    }
    else if (value.p > name.p + name.n) {
      cloud_add_piece (b, name);
      buffer_puts (b, "=" HIDDEN);
    }
    else
      buffer_puts (b, HIDDEN);
  }
}

/* Of what is no URL but has a "@" in it, nobody knows where a password
 * ends.
 */
static bool
may_have_user (const char *url)
{
  struct cloud_url u;

  return *url != '?' && strchr (url, '@') != NULL &&
         cloud_url_parse (url, &u) != CLOUD_OK;
}

void
cloud_url_redact (struct buffer *b, const char *url)
{
  const size_t n = strcspn (url, "?");

  if (may_have_user (url)) {
    buffer_puts (b, HIDDEN);
    return;
  }
  buffer_add (b, url, n);
  if (url[n] == '?')
    redact_query (b, (struct cloud_piece){ url + n + 1, strlen (url + n + 1) });
}

/* The length of a word of "secret" at the beginning of TEXT, or 0. */
static size_t
secret_at (struct cloud_piece text)
{
  for (size_t i = 0; i < ARRAY_SIZE (secret); i++) {
    const size_t n = strlen (secret[i]);

    if (n <= text.n &&
        cloud_piece_is_nocase ((struct cloud_piece){ text.p, n }, secret[i]))
      return n;
  }
  return 0;
}

static bool
ends_secret (char c)
{
  return (unsigned char) c <= ' ' || strchr ("&;,\"'<>()[]", c) != NULL;
}

void
cloud_text_redact (struct buffer *b, struct cloud_piece text)
{
  while (text.n > 0) {
    size_t n = secret_at (text);

    if (n > 0) {
      buffer_add (b, text.p, n);
      buffer_puts (b, HIDDEN);
      while (n < text.n && !ends_secret (text.p[n]))
        n++;
    }
    else {
      n = 1;
      buffer_putc (
        b, (unsigned char) *text.p < ' ' || *text.p == 0x7f ? ' ' : *text.p);
    }
    text.p += n;
    text.n -= n;
  }
}
