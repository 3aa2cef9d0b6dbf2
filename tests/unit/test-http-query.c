/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Which parameters of a query say which file it is.
 */

#include <config.h>

#include <check.h>
#include <string.h>

#include "base/align.h"
#include "http/http-query.h"
#include "support/main.h"

START_TEST (parameters)
{
  static const struct {
    const char *query, *left; /* of which each ends with "|" */
  } cases[] = {
    { "", "" },
    { "&&", "" },
    { "f=one", "f=one|" },
    { "f=one&f=two&&g", "f=one|f=two|g|" },
    { "f=one&sig=x&", "f=one|" },
    { "token=x&Access_Token=y&tokens=z", "tokens=z|" },
    /* A SAS. */
    { "sv=2020-02-10&st=a&se=b&sr=b&sp=r&sig=c%3D&snapshot=d", "snapshot=d|" },
    { "SP=r&SR=c&f=x&SIG=y", "f=x|" },
    { "sp=r&sr=c&sig_=x", "sp=r|sr=c|sig_=x|" },
    /* Of AWS, CloudFront, Google. */
    { "versionId=v&X-Amz-Date=a&x-amz-signature=b&X-Amz-", "versionId=v|" },
    { "AWSAccessKeyId=a&Expires=1&Signature=b&f=x", "f=x|" },
    { "Policy=a&Signature=b&Key-Pair-Id=c", "" },
    { "X-Goog-Signature=a&generation=7", "generation=7|" },
    { "expires=1&policy=2", "expires=1|policy=2|" },
    { "x-amz=1", "x-amz=1|" },
  };

  for (size_t i = 0; i < ARRAY_SIZE (cases); i++) {
    struct http_query q = http_query_begin (cases[i].query);
    char left[256] = "";
    const char *p;
    size_t n;

    while ((p = http_query_next (&q, &n)) != NULL) {
      strncat (left, p, n);
      strcat (left, "|");
    }
    ck_assert_str_eq (left, cases[i].left);
  }
}
END_TEST

int
main (void)
{
  const TTest *const tests[] = { parameters };

  return test_main ("http-query", tests, ARRAY_SIZE (tests));
}
