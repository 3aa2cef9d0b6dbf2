/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Times as text and back, compared with the C library's.
 */

#include <config.h>

#include <check.h>
#include <string.h>
#include <time.h>

#include "base/align.h"
#include "cloud/cloud-time.h"
#include "support/main.h"
#include "support/rng.h"

#define LAST INT64_C (253402300799)

static void
same_as_libc (int64_t t)
{
  const time_t unix_time = t;
  char ours[CLOUD_TIME_SIZE], theirs[64];
  struct tm tm;
  int64_t back;

  gmtime_r (&unix_time, &tm);
  cloud_time_http (t, ours);
  strftime (theirs, sizeof theirs, "%a, %d %b %Y %H:%M:%S GMT", &tm);
  ck_assert_str_eq (ours, theirs);

  cloud_time_aws (t, ours);
  strftime (theirs, sizeof theirs, "%Y%m%dT%H%M%SZ", &tm);
  ck_assert_str_eq (ours, theirs);
  ck_assert (cloud_time_parse_aws (ours, &back));
  ck_assert_int_eq (back, t);

  cloud_time_iso (t, ours);
  strftime (theirs, sizeof theirs, "%Y-%m-%dT%H:%M:%SZ", &tm);
  ck_assert_str_eq (ours, theirs);
  ck_assert (cloud_time_parse_iso (ours, &back));
  ck_assert_int_eq (back, t);
}

START_TEST (like_the_c_library)
{
  struct rng rng;

  rng_init (&rng, rng_seed ("cloud-time"));
  for (int64_t day = 0; day < 366 * 131; day++)
    same_as_libc (day * 86400 + 86399);
  for (unsigned i = 0; i < 2000; i++)
    same_as_libc ((int64_t) rng_below (&rng, LAST + 1));
  same_as_libc (0);
  same_as_libc (LAST);
}
END_TEST

START_TEST (outside)
{
  char out[CLOUD_TIME_SIZE];

  cloud_time_iso (-1, out);
  ck_assert_str_eq (out, "1970-01-01T00:00:00Z");
  cloud_time_http (INT64_MAX, out);
  ck_assert_str_eq (out, "Fri, 31 Dec 9999 23:59:59 GMT");
}
END_TEST

START_TEST (forms)
{
  static const struct {
    const char *text;
    int64_t time;
  } cases[] = {
    { "2013-05-24", 1369353600 },
    { "2013-05-24T01:02Z", 1369357320 },
    { "2013-05-24T01:02:03Z", 1369357323 },
    { "2013-05-24T01:02:03.9999999Z", 1369357323 },
    { "2024-02-29", 1709164800 },
  };
  int64_t t;

  for (size_t i = 0; i < ARRAY_SIZE (cases); i++) {
    ck_assert_msg (cloud_time_parse_iso (cases[i].text, &t), "%s",
                   cases[i].text);
    ck_assert_int_eq (t, cases[i].time);
  }
}
END_TEST

START_TEST (refused)
{
  static const char *const iso[] = {
    "",
    "2013",
    "2013-5-24",
    "2013-05-24T",
    "2013-05-24Z",
    "2013-05-24T01:02",
    "2013-05-24 01:02Z",
    "2013-05-24T01:02:03.Z",
    "2013-05-24T01:02:03+00:00",
    "2013-05-24T01:02:03Zx",
    "2013-05-24T24:00Z",
    "2013-05-24T00:60Z",
    "2013-05-24T00:00:60Z",
    "2013-00-24",
    "2013-13-24",
    "2013-05-00",
    "2013-05-32",
    "2013-02-29",
    "2100-02-29",
    "1969-12-31",
    "+013-05-24",
  };
  static const char *const aws[] = {
    "",
    "20130524",
    "20130524T000000",
    "20130524T0000Z",
    "20130524T000000Zx",
    "20130532T000000Z",
    "2013-05-24T00:00:00Z",
  };
  int64_t t;

  for (size_t i = 0; i < ARRAY_SIZE (iso); i++)
    ck_assert_msg (!cloud_time_parse_iso (iso[i], &t), "%s", iso[i]);
  for (size_t i = 0; i < ARRAY_SIZE (aws); i++)
    ck_assert_msg (!cloud_time_parse_aws (aws[i], &t), "%s", aws[i]);
}
END_TEST

int
main (void)
{
  const TTest *const tests[] = { like_the_c_library, outside, forms, refused };

  return test_main ("cloud-time", tests, ARRAY_SIZE (tests));
}
