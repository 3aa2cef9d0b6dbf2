/* SPDX-License-Identifier: BSD-3-Clause
 *
 * URLs taken apart, escapes, and what of them may be printed.
 */

#include <config.h>

#include <check.h>
#include <string.h>

#include "base/align.h"
#include "cloud/cloud-url.h"
#include "support/main.h"

static struct buffer b;

static struct cloud_piece
piece (const char *text)
{
  return (struct cloud_piece){ text, strlen (text) };
}

static const char *
text_of (struct cloud_piece p)
{
  buffer_clear (&b);
  cloud_add_piece (&b, p);
  return buffer_text (&b);
}

START_TEST (parts)
{
  static const struct {
    const char *url, *host, *authority, *path, *query;
    unsigned port;
    bool https, address;
  } cases[] = {
    { "http://h/a//b/../c?x=1&y", "h", "h", "/a//b/../c", "x=1&y", 80 },
    { "HTTPS://Example.COM", "Example.COM", "Example.COM", "", "", 443, true },
    { "https://h:443/", "h", "h", "/", "", 443, true },
    { "http://h:80/", "h", "h", "/", "", 80 },
    { "https://h:80/", "h", "h:80", "/", "", 80, true },
    { "http://127.0.0.1:10000/a/b", "127.0.0.1", "127.0.0.1:10000", "/a/b", "",
      10000, false, true },
    { "http://[::1]:8080/a", "::1", "[::1]:8080", "/a", "", 8080, false, true },
    { "http://[fe80::1]/a", "fe80::1", "[fe80::1]", "/a", "", 80, false, true },
    { "http://h?x=/?@", "h", "h", "", "x=/?@", 80 },
    { "http://h/%E1%88%B4\xc3\xa4@", "h", "h", "/%E1%88%B4\xc3\xa4@", "", 80 },
    { "http://h/?", "h", "h", "/", "", 80 },
  };

  for (size_t i = 0; i < ARRAY_SIZE (cases); i++) {
    struct cloud_url u;

    ck_assert_int_eq (cloud_url_parse (cases[i].url, &u), CLOUD_OK);
    ck_assert_str_eq (text_of (u.host), cases[i].host);
    ck_assert_str_eq (text_of (u.authority), cases[i].authority);
    ck_assert_str_eq (text_of (u.path), cases[i].path);
    ck_assert_str_eq (text_of (u.query), cases[i].query);
    ck_assert_uint_eq (u.port, cases[i].port);
    ck_assert (u.https == cases[i].https);
    ck_assert (cloud_url_is_address (&u) == cases[i].address);
  }
  buffer_fini (&b);
}
END_TEST

START_TEST (refused)
{
  static const struct {
    const char *url;
    enum cloud_status status;
  } cases[] = {
    { "", CLOUD_URL_SCHEME },
    { "h/a", CLOUD_URL_SCHEME },
    { "ftp://h/a", CLOUD_URL_SCHEME },
    { "http:/h", CLOUD_URL_SCHEME },
    { "httpss://h", CLOUD_URL_SCHEME },
    { "http://", CLOUD_URL_HOST },
    { "http:///a", CLOUD_URL_HOST },
    { "http://:80/a", CLOUD_URL_HOST },
    { "http://h\\i/a", CLOUD_URL_HOST },
    { "http://[::1", CLOUD_URL_HOST },
    { "http://[]/", CLOUD_URL_HOST },
    { "http://[::1]x/", CLOUD_URL_HOST },
    { "http://[g::1]/", CLOUD_URL_HOST },
    { "http://h:/", CLOUD_URL_PORT },
    { "http://[::1]:/", CLOUD_URL_PORT },
    { "http://h:0/", CLOUD_URL_PORT },
    { "http://h:65536/", CLOUD_URL_PORT },
    { "http://h:99999999999999999999/", CLOUD_URL_PORT },
    { "http://h:-1/", CLOUD_URL_PORT },
    { "http://h:1:2/", CLOUD_URL_PORT },
    { "http://user@h/", CLOUD_URL_USER },
    { "http://user:secret@h/", CLOUD_URL_USER },
    { "http://h/a b", CLOUD_URL_CHARACTER },
    { "http://h/a\r\nHost: x", CLOUD_URL_CHARACTER },
    { "http://h/\x7f", CLOUD_URL_CHARACTER },
    { "http://h/a#b", CLOUD_URL_FRAGMENT },
    { "http://h/%", CLOUD_URL_ESCAPE },
    { "http://h/%4", CLOUD_URL_ESCAPE },
    { "http://h/%4g", CLOUD_URL_ESCAPE },
    { "http://h/%00", CLOUD_URL_ESCAPE },
  };
  static char long_one[CLOUD_URL_MAX + 2] = "http://h/";
  struct cloud_url u;

  for (size_t i = 0; i < ARRAY_SIZE (cases); i++) {
    const enum cloud_status status = cloud_url_parse (cases[i].url, &u);

    ck_assert_msg (status == cases[i].status, "%s: %s", cases[i].url,
                   cloud_status_string (status));
  }
  memset (long_one + strlen (long_one), 'a',
          sizeof long_one - 1 - strlen (long_one));
  ck_assert_int_eq (cloud_url_parse (long_one, &u), CLOUD_TOO_LONG);
  long_one[CLOUD_URL_MAX] = '\0';
  ck_assert_int_eq (cloud_url_parse (long_one, &u), CLOUD_OK);
}
END_TEST

START_TEST (queries)
{
  struct cloud_piece rest = piece ("&a=1&&b&=c&d==e&f=&"), name, value;
  struct buffer all = { NULL };

  while (cloud_query_next (&rest, &name, &value)) {
    cloud_add_piece (&all, name);
    buffer_putc (&all, ':');
    cloud_add_piece (&all, value);
    buffer_putc (&all, ' ');
  }
  ck_assert_str_eq (buffer_text (&all), "a:1 b: :c d:=e f: ");
  buffer_fini (&all);
}
END_TEST

START_TEST (escapes)
{
  cloud_add_decoded (&b, piece ("a%2Fb%2fc+d%e1%88%b4%2"));
  ck_assert_str_eq (buffer_text (&b), "a/b/c+d\xe1\x88\xb4%2");
  buffer_clear (&b);
  cloud_add_encoded (&b, piece ("aZ09-._~/ +=:'()\xe1\x88\xb4"), false);
  ck_assert_str_eq (buffer_text (&b),
                    "aZ09-._~%2F%20%2B%3D%3A%27%28%29%E1%88%B4");
  buffer_clear (&b);
  cloud_add_encoded (&b, piece ("/a/b"), true);
  ck_assert_str_eq (buffer_text (&b), "/a/b");
  buffer_fini (&b);
}
END_TEST

START_TEST (redacted_urls)
{
  static const struct {
    const char *url, *shown;
  } cases[] = {
    { "https://a.blob.core.windows.net/c/b", NULL },
    { "https://h/c/b?sv=2021&se=2030-01-01&sig=SECRET%3D",
      "https://h/c/b?sv=2021&se=2030-01-01&sig=***" },
    { "https://h/b?SIG=SECRET&snapshot=1", "https://h/b?SIG=***&snapshot=1" },
    { "https://h/b?token=SECRET&comp=pagelist",
      "https://h/b?token=***&comp=pagelist" },
    { "https://h/b?SECRET", "https://h/b?***" },
    { "https://u:SECRET@h:1/b?", "***" },
    { "https://u:SEC@RET@h", "***" },
    { "https://u:SEC/RET@h/b", "***" },
    { "https://u:SEC?RET@h/b", "***" },
    { "https://h/b?X-Amz-Credential=SECRET&X-Amz-Date=1&X-Amz-Signature="
      "SECRET&X-Amz-Security-Token=SECRET",
      "https://h/b?X-Amz-Credential=***&X-Amz-Date=1&X-Amz-Signature=***&"
      "X-Amz-Security-Token=***" },
    { "?sv=1&sig=SECRET", "?sv=1&sig=***" },
    { "u:SECRET@h", "***" },
    { "?sig=SEC@RET", "?sig=***" },
    { "http://h/p@q?token=SEC@RET", "http://h/p@q?token=***" },
    { "no URL", NULL },
    { "http://h/p@q", NULL },
    { "", NULL },
  };

  for (size_t i = 0; i < ARRAY_SIZE (cases); i++) {
    cloud_url_redact (&b, cases[i].url);
    ck_assert_str_eq (buffer_text (&b),
                      cases[i].shown ? cases[i].shown : cases[i].url);
    buffer_fini (&b);
  }
}
END_TEST

START_TEST (redacted_texts)
{
  static const struct {
    const char *text, *shown;
  } cases[] = {
    { "nothing to hide", NULL },
    { "a\nb\tc\x7f", "a b c " },
    { "GET /b?sp=r&sig=SECRET%3D&x=1", "GET /b?sp=r&sig=***&x=1" },
    { "SIG=SECRET", "SIG=***" },
    { "AccountName=a;AccountKey=SECRET==;x", "AccountName=a;AccountKey=***;x" },
    { "'Authorization: Bearer SECRET'", "'Authorization: Bearer ***'" },
    { "SharedKey a:SECRET= was", "SharedKey *** was" },
    { "Signature=SECRET", "Signature=***" },
    { "X-Amz-Signature=SECRET\"", "X-Amz-Signature=***\"" },
    { "sig=", "sig=***" },
    { "", NULL },
  };

  for (size_t i = 0; i < ARRAY_SIZE (cases); i++) {
    cloud_text_redact (&b, piece (cases[i].text));
    ck_assert_str_eq (buffer_text (&b),
                      cases[i].shown ? cases[i].shown : cases[i].text);
    buffer_fini (&b);
  }
}
END_TEST

START_TEST (every_status_has_words)
{
  for (unsigned i = 0; i <= CLOUD_RANGE_MARKER; i++)
    ck_assert_uint_gt (strlen (cloud_status_string (i)), 5);
}
END_TEST

int
main (void)
{
  const TTest *const tests[] = {
    parts,
    refused,
    queries,
    escapes,
    redacted_urls,
    redacted_texts,
    every_status_has_words,
  };

  return test_main ("cloud-url", tests, ARRAY_SIZE (tests));
}
