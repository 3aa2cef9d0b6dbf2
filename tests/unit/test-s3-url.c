/* SPDX-License-Identifier: BSD-3-Clause
 *
 * URLs of objects of S3, in both styles: read, made, and pre-signed.
 */

#include <config.h>

#include <check.h>
#include <string.h>

#include "base/align.h"
#include "cloud/s3-url.h"
#include "support/alloc-fault.h"
#include "support/main.h"

static struct buffer out;

static bool
is (struct cloud_piece p, const char *text)
{
  return cloud_piece_is (p, text);
}

START_TEST (styles)
{
  static const struct {
    const char *url, *bucket, *key, *region;
    bool path_style;
  } cases[] = {
    { "https://bkt.s3.eu-west-1.amazonaws.com/d/k", "bkt", "d/k", "eu-west-1",
      false },
    { "https://a.b.s3.eu-west-1.amazonaws.com/k", "a.b", "k", "eu-west-1",
      false },
    { "https://my.s3.bkt.s3.eu-west-1.amazonaws.com/k", "my.s3.bkt", "k",
      "eu-west-1", false },
    { "https://bkt.s3.amazonaws.com/k", "bkt", "k", "us-east-1", false },
    { "https://bkt.s3-eu-west-1.amazonaws.com/k", "bkt", "k", "eu-west-1",
      false },
    { "https://bkt.s3.dualstack.eu-west-1.amazonaws.com/k", "bkt", "k",
      "eu-west-1", false },
    { "https://bkt.s3-fips.us-gov-west-1.amazonaws.com/k", "bkt", "k",
      "us-gov-west-1", false },
    { "https://bkt.s3-accelerate.amazonaws.com/k", "bkt", "k", "", false },
    { "https://bkt.s3.cn-north-1.amazonaws.com.cn/k", "bkt", "k", "cn-north-1",
      false },
    { "https://s3.eu-west-1.amazonaws.com/bkt/d//k", "bkt", "d//k", "eu-west-1",
      true },
    { "https://s3.amazonaws.com/bkt/k", "bkt", "k", "us-east-1", true },
    { "http://127.0.0.1:9000/bkt/d/k%2B?versionId=1", "bkt", "d/k%2B", "",
      true },
    { "https://s3.example.com/bkt/k", "bkt", "k", "", true },
  };

  for (size_t i = 0; i < ARRAY_SIZE (cases); i++) {
    struct s3_url s;

    ck_assert_int_eq (s3_url_parse (cases[i].url, &s), CLOUD_OK);
    ck_assert_msg (is (s.bucket, cases[i].bucket) && is (s.key, cases[i].key) &&
                     is (s.region, cases[i].region) &&
                     s.path_style == cases[i].path_style,
                   "%s", cases[i].url);
  }
}
END_TEST

START_TEST (refused)
{
  static const char *const cases[] = {
    "https://bkt.s3.eu-west-1.amazonaws.com",
    "https://bkt.s3.eu-west-1.amazonaws.com/",
    "https://s3.eu-west-1.amazonaws.com/bkt",
    "https://s3.eu-west-1.amazonaws.com/bkt/",
    "https://s3.eu-west-1.amazonaws.com//k",
    "http://h",
  };
  struct s3_url s;

  for (size_t i = 0; i < ARRAY_SIZE (cases); i++)
    ck_assert_msg (s3_url_parse (cases[i], &s) == CLOUD_URL_NO_KEY, "%s",
                   cases[i]);
  ck_assert_int_eq (s3_url_parse ("s3://bkt/k", &s), CLOUD_URL_SCHEME);
}
END_TEST

static void
made_is (const char *endpoint, const char *bucket, bool path_style,
         const char *expected)
{
  ck_assert_int_eq (
    s3_url_make (endpoint, bucket, "d/k +", NULL, path_style, &out), CLOUD_OK);
  ck_assert_str_eq (buffer_text (&out), expected);
  buffer_fini (&out);
}

START_TEST (made)
{
  made_is ("https://s3.r.amazonaws.com", "bkt", false,
           "https://bkt.s3.r.amazonaws.com/d/k%20%2B");
  made_is ("https://s3.r.amazonaws.com/", "bkt", true,
           "https://s3.r.amazonaws.com/bkt/d/k%20%2B");
  made_is ("https://s3.r.amazonaws.com", "b.c", false,
           "https://s3.r.amazonaws.com/b.c/d/k%20%2B");
  made_is ("http://s3.local:9000", "b.c", false,
           "http://b.c.s3.local:9000/d/k%20%2B");
  made_is ("http://127.0.0.1:9000", "bkt", false,
           "http://127.0.0.1:9000/bkt/d/k%20%2B");

  ck_assert_int_eq (s3_url_make ("http://h", "bkt", "k", "v+1", true, &out),
                    CLOUD_OK);
  ck_assert_str_eq (buffer_text (&out), "http://h/bkt/k?versionId=v%2B1");
  buffer_fini (&out);
  ck_assert_int_eq (s3_url_make ("http://h/x", "b", "k", NULL, true, &out),
                    CLOUD_URL_NOT_HOST);
  ck_assert_int_eq (s3_url_make ("http://h?x", "b", "k", NULL, true, &out),
                    CLOUD_URL_NOT_HOST);
  ck_assert_int_eq (s3_url_make ("h", "b", "k", NULL, true, &out),
                    CLOUD_URL_SCHEME);
  ck_assert_int_eq (s3_url_make ("http://h", "", "k", NULL, true, &out),
                    CLOUD_URL_NO_KEY);
  ck_assert_int_eq (s3_url_make ("http://h", "b", "", NULL, true, &out),
                    CLOUD_URL_NO_KEY);
  s3_url_add_endpoint (&out, "eu-west-1");
  ck_assert_str_eq (buffer_text (&out), "https://s3.eu-west-1.amazonaws.com");
  buffer_clear (&out);
  s3_url_add_endpoint (&out, "cn-north-1");
  ck_assert_str_eq (buffer_text (&out),
                    "https://s3.cn-north-1.amazonaws.com.cn");
  buffer_fini (&out);
}
END_TEST

START_TEST (no_memory)
{
  enum cloud_status status;

  alloc_fault_from (1);
  status = s3_url_make ("http://h", "b", "k", NULL, true, &out);
  alloc_fault_stop ();
  ck_assert_int_eq (status, CLOUD_NO_MEMORY);
  buffer_fini (&out);
}
END_TEST

START_TEST (presigned)
{
  static const struct {
    const char *query;
    int64_t now;
    bool presigned;
    enum cloud_status status;
  } cases[] = {
    { "X-Amz-Date=20130524T000000Z&X-Amz-Expires=100&X-Amz-Signature=a",
      1369353699, true, CLOUD_OK },
    { "X-Amz-Date=20130524T000000Z&X-Amz-Expires=100&X-Amz-Signature=a",
      1369353700, true, CLOUD_URL_EXPIRED },
    { "X-Amz-Date=20130524T000000Z&X-Amz-Expires=100", INT64_MAX, false,
      CLOUD_OK },
    { "", 0, false, CLOUD_OK },
    { "X-Amz-Signature=a", 0, true, CLOUD_URL_PRESIGNED },
    { "X-Amz-Date=20130524T000000Z&X-Amz-Signature=a", 0, true,
      CLOUD_URL_PRESIGNED },
    { "X-Amz-Date=2013&X-Amz-Expires=1&X-Amz-Signature=a", 0, true,
      CLOUD_URL_PRESIGNED },
    { "X-Amz-Date=20130524T000000Z&X-Amz-Expires=&X-Amz-Signature=a", 0, true,
      CLOUD_URL_PRESIGNED },
    { "X-Amz-Date=20130524T000000Z&X-Amz-Expires=9999999999999999999999&"
      "X-Amz-Signature=a",
      0, true, CLOUD_URL_PRESIGNED },
    { "X-Amz-Date=20130524T000000Z&X-Amz-Expires=1x&X-Amz-Signature=a", 0, true,
      CLOUD_URL_PRESIGNED },
    { "X-Amz-Date=20130524T000000Z20130524T000000Z20130524T000000Z&"
      "X-Amz-Expires=1&X-Amz-Signature=a",
      0, true, CLOUD_URL_PRESIGNED },
  };

  for (size_t i = 0; i < ARRAY_SIZE (cases); i++) {
    struct cloud_url u = { .query = { cases[i].query,
                                      strlen (cases[i].query) } };
    bool is_presigned;

    ck_assert_msg (s3_url_check_presigned (&u, cases[i].now, &is_presigned) ==
                       cases[i].status &&
                     is_presigned == cases[i].presigned,
                   "%s", cases[i].query);
  }
}
END_TEST

int
main (void)
{
  const TTest *const tests[] = { styles, refused, made, no_memory, presigned };

  return test_main ("s3-url", tests, ARRAY_SIZE (tests));
}
