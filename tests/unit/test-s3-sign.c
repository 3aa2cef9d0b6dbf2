/* SPDX-License-Identifier: BSD-3-Clause
 *
 * AWS Signature Version 4, over what AWS published of requests without a
 * body: the examples of the S3 API reference, and those of its test suite
 * whose path is not normalised, as S3's never is.
 */

#include <config.h>

#include <check.h>
#include <string.h>

#include "base/align.h"
#include "cloud/s3-sign.h"
#include "support/alloc-fault.h"
#include "support/main.h"

#define EMPTY "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

static const struct s3_key example = {
  .access_key = "AKIAIOSFODNN7EXAMPLE",
  .secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
  .region = "us-east-1",
  .service = "s3",
};
#define EXAMPLE_TIME 1369353600 /* 2013-05-24 */
#define EXAMPLE_HOST "https://examplebucket.s3.amazonaws.com"
#define EXAMPLE_SCOPE \
  "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/"

static struct buffer lines;

static const char *
line (unsigned n)
{
  const char *l = buffer_text (&lines);

  while (n-- > 0)
    l = cloud_line_next (l);
  return l;
}

/* All lines, and nothing of them left. */
static void
sign (const struct s3_key *k, const struct cloud_request *r, int64_t now)
{
  buffer_fini (&lines);
  ck_assert_int_eq (s3_sign (k, r, now, NULL, &lines), CLOUD_OK);
}

START_TEST (api_reference)
{
  static const struct cloud_header range = { "Range", "bytes=0-9" };
  static const struct {
    const char *url;
    size_t nheaders;
    const char *authorization;
  } cases[] = {
    { EXAMPLE_HOST "/test.txt", 1,
      "aws4_request, SignedHeaders=host;range;x-amz-content-sha256;x-amz-date"
      ", Signature="
      "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41" },
    { EXAMPLE_HOST "/?lifecycle", 0,
      "aws4_request, SignedHeaders=host;x-amz-content-sha256;x-amz-date"
      ", Signature="
      "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543" },
    { EXAMPLE_HOST "?max-keys=2&prefix=J", 0,
      "aws4_request, SignedHeaders=host;x-amz-content-sha256;x-amz-date"
      ", Signature="
      "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7" },
  };

  for (size_t i = 0; i < ARRAY_SIZE (cases); i++) {
    const struct cloud_request r = { .method = "GET",
                                     .url = cases[i].url,
                                     .headers = &range,
                                     .nheaders = cases[i].nheaders };
    const char *scope = "Authorization: " EXAMPLE_SCOPE;

    sign (&example, &r, EXAMPLE_TIME);
    ck_assert_str_eq (line (0), "x-amz-date: 20130524T000000Z");
    ck_assert_str_eq (line (1), "x-amz-content-sha256: " EMPTY);
    ck_assert_mem_eq (line (2), scope, strlen (scope));
    ck_assert_str_eq (line (2) + strlen (scope), cases[i].authorization);
    ck_assert_str_eq (line (3), "");
    ck_assert_str_eq (line (4), "");
  }
  buffer_fini (&lines);
}
END_TEST

/* The steps of the first example, as the reference shows them. */
START_TEST (steps)
{
  static const struct cloud_header headers[] = {
    { "x-amz-date", "20130524T000000Z" },
    { "Host", "examplebucket.s3.amazonaws.com" },
    { "Range", " bytes=0-9 " },
    { "x-amz-content-sha256", EMPTY },
  };
  const struct cloud_request r = { .method = "GET",
                                   .url = EXAMPLE_HOST "/test.txt",
                                   .headers = headers,
                                   .nheaders = ARRAY_SIZE (headers) };
  struct buffer names = { NULL }, canonical = { NULL }, text = { NULL };
  uint8_t key[CLOUD_DIGEST_SIZE];
  char hex[CLOUD_HEX_SIZE];

  ck_assert_int_eq (s3_canonical_request (&r, &names, &canonical), CLOUD_OK);
  ck_assert_str_eq (buffer_text (&canonical),
                    "GET\n/test.txt\n\nhost:examplebucket.s3.amazonaws.com\n"
                    "range:bytes=0-9\nx-amz-content-sha256:" EMPTY "\n"
                    "x-amz-date:20130524T000000Z\n\n"
                    "host;range;x-amz-content-sha256;x-amz-date\n" EMPTY);
  ck_assert_str_eq (buffer_text (&names),
                    "host;range;x-amz-content-sha256;x-amz-date");
  ck_assert_int_eq (
    s3_string_to_sign (&example, &canonical, EXAMPLE_TIME, &text), CLOUD_OK);
  ck_assert_str_eq (
    buffer_text (&text),
    "AWS4-HMAC-SHA256\n20130524T000000Z\n20130524/us-east-1/s3/aws4_request\n"
    "7344ae5b7ee6c3e7e6b0fe0640412a37625d1fbfff95c48bbb2dc43964946972");
  ck_assert_int_eq (s3_signing_key (&example, EXAMPLE_TIME, key), CLOUD_OK);
  cloud_digest_hex (key, hex);
  ck_assert_str_eq (
    hex, "dbb893acc010964918f1fd433add87c70e8b0db6be30c1fbeafefa5ec6ba8378");
  buffer_fini (&names);
  buffer_fini (&canonical);
  buffer_fini (&text);
}
END_TEST

#define UNRESERVED \
  "-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

/* Names as in the suite. */
START_TEST (test_suite)
{
  static const struct s3_key key = {
    .access_key = "AKIDEXAMPLE",
    .secret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
    .region = "us-east-1",
    .service = "service",
  };
  static const struct {
    const char *name, *target;
    struct cloud_header more[4];
    const char *signed_headers, *signature;
  } cases[] = {
    { "get-vanilla",
      "/",
      { { NULL } },
      "host;x-amz-date",
      "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31" },
    { "get-vanilla-with-session-token",
      "/",
      { { "X-Amz-Security-Token", "6e86291e8372ff2a2260956d9b8aae1d763fbf315"
                                  "fa00fa31553b73ebf194267" } },
      "host;x-amz-date;x-amz-security-token",
      "07ec1639c89043aa0e3e2de82b96708f198cceab042d4a97044c66dd9f74e7f8" },
    { "get-header-key-duplicate",
      "/",
      { { "My-Header1", "value2" },
        { "My-Header1", "value2" },
        { "My-Header1", "value1" } },
      "host;my-header1;x-amz-date",
      "c9d5ea9f3f72853aea855b47ea873832890dbdd183b4468f858259531a5138ea" },
    { "get-header-value-multiline",
      "/",
      { { "My-Header1", "value1\n  value2\n     value3" } },
      "host;my-header1;x-amz-date",
      "cfd34249e4b1c8d6b91ef74165d41a32e5fab3306300901bb65a51a73575eefd" },
    { "get-header-value-order",
      "/",
      { { "My-Header1", "value4" },
        { "My-Header1", "value1" },
        { "My-Header1", "value3" },
        { "My-Header1", "value2" } },
      "host;my-header1;x-amz-date",
      "08c7e5a9acfcfeb3ab6b2185e75ce8b1deb5e634ec47601a50643f830c755c01" },
    { "get-header-value-trim",
      "/",
      { { "My-Header1", " value1" }, { "My-Header2", " \"a   b   c\"" } },
      "host;my-header1;my-header2;x-amz-date",
      "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736" },
    { "get-relative-unnormalized",
      "/example/..",
      { { NULL } },
      "host;x-amz-date",
      "eca7ead57bb5aa5c8e28007acd4ff04e1ff9a0ff3b237ec1554a184887ff9282" },
    { "get-relative-relative-unnormalized",
      "/example1/example2/../..",
      { { NULL } },
      "host;x-amz-date",
      "dc33e0856fd4baca4d7aa2146c38958283844764f38c74252a333df5e613003b" },
    { "get-slash-dot-slash-unnormalized",
      "/./",
      { { NULL } },
      "host;x-amz-date",
      "68714168e6557f8f2de0ef956fc24dc2593a4bd2961f8df51898d8a134695145" },
    { "get-slash-pointless-dot-unnormalized",
      "/./example",
      { { NULL } },
      "host;x-amz-date",
      "beb03f223f7deae4146464f06e29eebbee9c8afbe15c290cf07aa8b119e14cff" },
    { "get-slash-unnormalized",
      "//",
      { { NULL } },
      "host;x-amz-date",
      "c88bcd3d312d75078c0cd961d6deae3f4c754924b01669efcfcb439fd5e5b76e" },
    { "get-slashes-unnormalized",
      "//example//",
      { { NULL } },
      "host;x-amz-date",
      "87cca117541a147f6df867677d98a7d80dff226d2bfca9e4ffa899665623c7e5" },
    { "get-space-unnormalized",
      "/example%20space/",
      { { NULL } },
      "host;x-amz-date",
      "652487583200325589f1fba4c7e578f72c47cb61beeca81406b39ddec1366741" },
    { "get-unreserved",
      "/" UNRESERVED,
      { { NULL } },
      "host;x-amz-date",
      "07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f" },
    { "get-utf8",
      "/\xe1\x88\xb4",
      { { NULL } },
      "host;x-amz-date",
      "8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85" },
    { "get-vanilla-empty-query-key",
      "/?Param1=value1",
      { { NULL } },
      "host;x-amz-date",
      "a67d582fa61cc504c4bae71f336f98b97f1ea3c7a6bfe1b6e45aec72011b9aeb" },
    { "get-vanilla-query-order-encoded",
      "/?Param-3=Value3&Param=Value2&%E1%88%B4=Value1",
      { { NULL } },
      "host;x-amz-date",
      "371d3713e185cc334048618a97f809c9ffe339c62934c032af5a0e595648fcac" },
    { "get-vanilla-query-order-key-case",
      "/?Param2=value2&Param1=value1",
      { { NULL } },
      "host;x-amz-date",
      "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500" },
    { "get-vanilla-query-unreserved",
      "/?" UNRESERVED "=" UNRESERVED,
      { { NULL } },
      "host;x-amz-date",
      "9c3e54bfcdf0b19771a7f523ee5669cdf59bc7cc0884027167c21bb143a40197" },
    { "get-vanilla-utf8-query",
      "/?\xe1\x88\xb4=bar",
      { { NULL } },
      "host;x-amz-date",
      "2cdec8eed098649ff3a119c94853b13c643bcf08f8b0a1d91e12c9027818dd04" },
  };

  for (size_t i = 0; i < ARRAY_SIZE (cases); i++) {
    struct cloud_header headers[6] = {
      { "Host", "example.amazonaws.com" },
      { "X-Amz-Date", "20150830T123600Z" },
    };
    struct cloud_request r = { .method = "GET",
                               .headers = headers,
                               .nheaders = 2 };
    struct buffer url = { NULL }, out = { NULL }, expected = { NULL };

    for (size_t h = 0; h < 4 && cases[i].more[h].name != NULL; h++)
      headers[r.nheaders++] = cases[i].more[h];
    buffer_printf (&url, "https://example.amazonaws.com%s", cases[i].target);
    r.url = buffer_text (&url);
    ck_assert_int_eq (s3_authorization (&key, &r, 1440938160, NULL, &out),
                      CLOUD_OK);
    buffer_printf (&expected,
                   "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/"
                   "us-east-1/service/aws4_request, SignedHeaders=%s, "
                   "Signature=%s",
                   cases[i].signed_headers, cases[i].signature);
    ck_assert_msg (strcmp (buffer_text (&out), buffer_text (&expected)) == 0,
                   "%s: %s", cases[i].name, buffer_text (&out));
    buffer_fini (&url);
    buffer_fini (&out);
    buffer_fini (&expected);
  }
}
END_TEST

/* The key of a day is kept for that day. */
START_TEST (days)
{
  const struct cloud_request r = { .method = "GET",
                                   .url = EXAMPLE_HOST "/test.txt" };
  static const int64_t times[] = {
    EXAMPLE_TIME, EXAMPLE_TIME + 86399, EXAMPLE_TIME + 86400, EXAMPLE_TIME, 5,
    EXAMPLE_TIME
  };
  struct s3_day day = { 0 };

  for (size_t i = 0; i < ARRAY_SIZE (times); i++) {
    struct buffer kept = { NULL };

    sign (&example, &r, times[i]);
    ck_assert_int_eq (s3_sign (&example, &r, times[i], &day, &kept), CLOUD_OK);
    ck_assert_uint_eq (kept.len, lines.len);
    ck_assert_mem_eq (kept.data, lines.data, kept.len);
    ck_assert_int_eq (day.number, times[i] / 86400);
    buffer_fini (&kept);
  }
  /* It is that one which signs. */
  day.key[0] ^= 1;
  ck_assert_int_eq (s3_sign (&example, &r, EXAMPLE_TIME, &day, &lines),
                    CLOUD_OK);
  ck_assert_str_ne (line (2), line (5));
  buffer_fini (&lines);
}
END_TEST

static void
canonical_is (const char *url, const char *path, const char *query)
{
  const struct cloud_request r = { .method = "HEAD", .url = url };
  struct buffer names = { NULL }, out = { NULL }, expected = { NULL };

  ck_assert_int_eq (s3_canonical_request (&r, &names, &out), CLOUD_OK);
  buffer_printf (&expected, "HEAD\n%s\n%s\n\n\n\n" EMPTY, path, query);
  ck_assert_str_eq (buffer_text (&out), buffer_text (&expected));
  buffer_fini (&names);
  buffer_fini (&out);
  buffer_fini (&expected);
}

/* However the URL writes a character, the server signs one form of it. */
START_TEST (escapes)
{
  canonical_is ("http://h/b/a+b=c:d'e(f)~g", "/b/a%2Bb%3Dc%3Ad%27e%28f%29~g",
                "");
  canonical_is ("http://h/b/a%2bb%7Eg%2Fh", "/b/a%2Bb~g/h", "");
  canonical_is ("http://h", "/", "");
  canonical_is ("http://h/k?versionId=a%2fb+c&a&%61=2&a=", "/k",
                "a=&a=&a=2&versionId=a%2Fb%2Bc");
}
END_TEST

START_TEST (temporary_credentials)
{
  struct s3_key key = example;
  const struct cloud_request r = { .method = "HEAD",
                                   .url = "https://h:444/b/k" };

  key.token = "TOKEN/+=";
  sign (&key, &r, EXAMPLE_TIME);
  ck_assert_str_eq (line (2), "x-amz-security-token: TOKEN/+=");
  ck_assert_ptr_nonnull (
    strstr (line (3), "SignedHeaders=host;x-amz-content-sha256;x-amz-date;"
                      "x-amz-security-token, "));
  ck_assert_str_eq (line (4), "");
  buffer_fini (&lines);
}
END_TEST

START_TEST (refused)
{
  const struct cloud_request r = { .method = "GET", .url = "http://h/b/k" };
  struct cloud_request bad = { .method = "GET", .url = "http://h/%" };
  struct cloud_header many[CLOUD_LIST_MAX];
  static const struct {
    struct s3_key key;
    enum cloud_status status;
  } cases[] = {
    { { "", "s", NULL, "r", "s3" }, CLOUD_BAD_ACCESS_KEY },
    { { "a/b", "s", NULL, "r", "s3" }, CLOUD_BAD_ACCESS_KEY },
    { { "a\n", "s", NULL, "r", "s3" }, CLOUD_BAD_ACCESS_KEY },
    { { "a\xc3\xa4", "s", NULL, "r", "s3" }, CLOUD_BAD_ACCESS_KEY },
    { { "a", "", NULL, "r", "s3" }, CLOUD_BAD_KEY },
    { { "a", "s", NULL, "", "s3" }, CLOUD_BAD_REGION },
    { { "a", "s", NULL, "r 1", "s3" }, CLOUD_BAD_REGION },
    { { "a", "s", NULL, "r", "" }, CLOUD_BAD_REGION },
    { { "a", "s", "t t", "r", "s3" }, CLOUD_TOKEN_CHARACTER },
    { { "a", "s", "t\r\n", "r", "s3" }, CLOUD_BAD_HEADER },
  };

  for (size_t i = 0; i < ARRAY_SIZE (cases); i++) {
    ck_assert_int_eq (s3_sign (&cases[i].key, &r, 0, NULL, &lines),
                      cases[i].status);
    buffer_fini (&lines);
  }
  ck_assert_int_eq (s3_sign (&example, &bad, 0, NULL, &lines),
                    CLOUD_URL_ESCAPE);
  bad.url = r.url;
  bad.headers = many;
  for (size_t i = 0; i < ARRAY_SIZE (many); i++)
    many[i] = (struct cloud_header){ "a", "b" };
  bad.nheaders = CLOUD_LIST_MAX - 3;
  ck_assert_int_eq (s3_sign (&example, &bad, 0, NULL, &lines), CLOUD_TOO_LONG);
  bad.nheaders = CLOUD_LIST_MAX - 4;
  ck_assert_int_eq (s3_sign (&example, &bad, 0, NULL, &lines), CLOUD_OK);
  buffer_fini (&lines);
}
END_TEST

START_TEST (too_many_parameters)
{
  struct buffer url = { NULL };
  struct cloud_request r = { .method = "GET" };

  buffer_puts (&url, "http://h/b/k?");
  for (unsigned i = 0; i < CLOUD_LIST_MAX + 1; i++)
    buffer_puts (&url, "a&");
  r.url = buffer_text (&url);
  ck_assert_int_eq (s3_sign (&example, &r, 0, NULL, &lines), CLOUD_TOO_LONG);
  buffer_fini (&lines);
  url.data[url.len - 2] = '\0';
  ck_assert_int_eq (s3_sign (&example, &r, 0, NULL, &lines), CLOUD_OK);
  buffer_fini (&lines);
  buffer_fini (&url);
}
END_TEST

START_TEST (no_memory)
{
  static const struct cloud_header range = { "Range", "bytes=0-9" };
  struct s3_key key = example;
  const struct cloud_request r = { .method = "GET",
                                   .url = "http://h/b/k?a=b&c=d",
                                   .headers = &range,
                                   .nheaders = 1 };
  bool failed = true;

  key.token = "token";
  for (unsigned nth = 1; failed; nth++) {
    enum cloud_status status;

    alloc_fault_nth (nth);
    status = s3_sign (&key, &r, EXAMPLE_TIME, NULL, &lines);
    failed = alloc_fault_stop ();
    ck_assert_int_eq (status, failed ? CLOUD_NO_MEMORY : CLOUD_OK);
    ck_assert (failed || nth > 10);
    buffer_fini (&lines);
  }
}
END_TEST

int
main (void)
{
  const TTest *const tests[] = {
    api_reference, steps,     test_suite,
    days,          escapes,   temporary_credentials,
    refused,       no_memory, too_many_parameters,
  };

  return test_main ("s3-sign", tests, ARRAY_SIZE (tests));
}
