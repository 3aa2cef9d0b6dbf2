/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Answers of servers against what was asked: 100 bytes at 1000 of a file
 * of 5000.
 */

#include <config.h>

#include <check.h>
#include <stdio.h>
#include <string.h>

#include "base/align.h"
#include "http/http-answer.h"
#include "support/main.h"

#define PART "HTTP/1.1 206 Partial Content\r\n"
#define RANGE "Content-Range: bytes 1000-1099/5000\r\n"
#define ETAG "ETag: \"a\"\r\n"
#define DATE "Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
#define LATER "Last-Modified: Sun, 06 Nov 1994 08:49:38 GMT\r\n"
#define WEAK "ETag: W/\"a\"\r\n"

static const struct http_validators both = {
  .etag = "\"a\"", .strong = true,
  .last_modified = "Sun, 06 Nov 1994 08:49:37 GMT",
}, weak = {
  .etag = "W/\"a\"", .last_modified = "Sun, 06 Nov 1994 08:49:37 GMT",
}, weak_only = {
  .etag = "W/\"a\"",
}, date_only = {
  .last_modified = "Sun, 06 Nov 1994 08:49:37 GMT",
}, none = { .etag = "" };

/* The answer of a header with lines. */
static struct http_answer
answer (const char *header)
{
  struct http_answer a = { .status = 0 };

  while (*header != '\0') {
    size_t n = strcspn (header, "\n");

    n += header[n] == '\n';
    http_answer_line (&a, header, n, 784111770);
    header += n;
  }
  return a;
}

static void
judges (const char *header, const struct http_question *q,
        enum http_verdict verdict)
{
  const struct http_answer a = answer (header);

  ck_assert_msg (http_answer_judge (&a, q) == verdict, "%s: %s, not %s", header,
                 http_verdict_string (http_answer_judge (&a, q)),
                 http_verdict_string (verdict));
}

START_TEST (pinned)
{
  const struct http_question q = { .offset = 1000,
                                   .count = 100,
                                   .pinned = true,
                                   .size = 5000,
                                   .validators = &both };

  judges (PART RANGE ETAG, &q, HTTP_GOOD);
  judges ("HTTP/2 206\r\n" RANGE ETAG "Content-Length: 100\r\n", &q, HTTP_GOOD);
  judges (PART RANGE ETAG "Content-Encoding: identity\r\n", &q, HTTP_GOOD);
  judges (PART "Content-Range: bytes 1000-1099/*\r\n" ETAG, &q, HTTP_GOOD);
  judges (PART RANGE ETAG LATER, &q, HTTP_GOOD);
  judges (PART RANGE DATE, &q, HTTP_CHANGED);
  judges (PART RANGE, &q, HTTP_CHANGED);
  judges (PART RANGE "ETag: \"b\"\r\n" DATE, &q, HTTP_CHANGED);
  judges (PART RANGE "ETag: W/\"a\"\r\n", &q, HTTP_CHANGED);
  judges (PART "Content-Range: bytes 1000-1099/5001\r\n" ETAG, &q,
          HTTP_CHANGED);
  judges (PART ETAG, &q, HTTP_NO_RANGE_TOLD);
  judges (PART RANGE RANGE ETAG, &q, HTTP_NO_RANGE_TOLD);
  judges (PART "Content-Range: bytes */5000\r\n" ETAG, &q, HTTP_NO_RANGE_TOLD);
  judges (PART "Content-Range: bytes 1001-1100/5000\r\n" ETAG, &q,
          HTTP_OTHER_RANGE);
  judges (PART "Content-Range: bytes 1000-1098/5000\r\n" ETAG, &q,
          HTTP_OTHER_LENGTH);
  judges (PART "Content-Range: bytes 1000-1100/5000\r\n" ETAG, &q,
          HTTP_OTHER_RANGE);
  judges (PART RANGE ETAG "Content-Length: 99\r\n", &q, HTTP_OTHER_LENGTH);
  /* Chunks have no length, whatever the header says. */
  judges (PART RANGE ETAG
          "Content-Length: 99\r\nTransfer-Encoding: chunked\r\n",
          &q, HTTP_GOOD);
  ck_assert (
    !answer (PART "Transfer-Encoding: chunked\r\nContent-Length: 1\r\n")
       .has_length);
  judges (PART RANGE ETAG "Content-Encoding: gzip\r\n", &q, HTTP_ENCODED);
  judges ("HTTP/1.1 200 OK\r\n" ETAG, &q, HTTP_NO_RANGES);
  judges ("HTTP/1.1 200 OK\r\nETag: \"b\"\r\n", &q, HTTP_CHANGED);
  judges ("HTTP/1.1 416 No\r\n", &q, HTTP_OUTSIDE);
  judges ("HTTP/1.1 416 No\r\nContent-Range: bytes */10\r\n", &q, HTTP_CHANGED);
  judges ("HTTP/1.1 412 No\r\n", &q, HTTP_CHANGED);
  /* A line of status begins anew. */
  judges ("HTTP/1.1 100 Continue\r\n" RANGE PART ETAG, &q, HTTP_NO_RANGE_TOLD);
}
END_TEST

START_TEST (whole)
{
  struct http_question q = {
    .count = 5000, .pinned = true, .size = 5000, .validators = &both
  };

  judges ("HTTP/1.1 200 OK\r\n" ETAG "Content-Length: 5000\r\n", &q, HTTP_GOOD);
  judges ("HTTP/1.1 200 OK\r\n" ETAG "Content-Length: 4999\r\n", &q,
          HTTP_CHANGED);
  q.count = 4999;
  judges ("HTTP/1.1 200 OK\r\n" ETAG "Content-Length: 5000\r\n", &q,
          HTTP_NO_RANGES);
}
END_TEST

START_TEST (first_answer)
{
  const struct http_question q = { .count = 1 };

  judges (PART "Content-Range: bytes 0-0/5000\r\n", &q, HTTP_GOOD);
  judges (PART "Content-Range: bytes 0-0/*\r\n", &q, HTTP_NO_SIZE);
  judges ("HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n", &q, HTTP_NO_RANGES);
  judges ("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n", &q, HTTP_EMPTY);
  judges ("HTTP/1.1 416 No\r\nContent-Range: bytes */0\r\n", &q, HTTP_EMPTY);
  judges ("HTTP/1.1 416 No\r\nContent-Range: bytes */1\r\n", &q, HTTP_OUTSIDE);
}
END_TEST

START_TEST (validators)
{
  struct http_question q = { .offset = 1000,
                             .count = 100,
                             .pinned = true,
                             .size = 5000,
                             .validators = &date_only };

  judges (PART RANGE DATE, &q, HTTP_GOOD);
  judges (PART RANGE DATE ETAG, &q, HTTP_GOOD);
  judges (PART RANGE, &q, HTTP_CHANGED);
  judges (PART RANGE LATER, &q, HTTP_CHANGED);
  q.validators = &weak;
  judges (PART RANGE WEAK DATE, &q, HTTP_GOOD);
  judges (PART RANGE WEAK LATER, &q, HTTP_CHANGED);
  judges (PART RANGE WEAK, &q, HTTP_CHANGED);
  judges (PART RANGE DATE, &q, HTTP_GOOD);
  judges (PART RANGE ETAG DATE, &q, HTTP_CHANGED);
  q.validators = &weak_only;
  judges (PART RANGE WEAK LATER, &q, HTTP_GOOD);
  judges (PART RANGE "ETag: W/\"b\"\r\n", &q, HTTP_CHANGED);
  judges (PART RANGE, &q, HTTP_CHANGED);
  q.validators = &none;
  judges (PART RANGE, &q, HTTP_GOOD);
  judges (PART "Content-Range: bytes 1000-1099/5001\r\n", &q, HTTP_CHANGED);
  judges (PART "Content-Range: bytes 1000-1099/*\r\n", &q, HTTP_NO_SIZE);
}
END_TEST

/* Only what is a word gets into messages. */
START_TEST (words)
{
  static const struct {
    const char *value, *taken;
  } cases[] = {
    { "BlobNotFound", "BlobNotFound" },
    { "Md5Mismatch", "Md5Mismatch" },
    { "Bad\033[31m", "" },
    { "Bad\r", "Bad" }, /* is white space */
    { "sig=c2VjcmV0", "" },
    { "two words", "" },
    { "caf\303\251", "" },
    { "", "" },
  };
  char line[100];

  for (size_t i = 0; i < ARRAY_SIZE (cases); i++) {
    struct http_answer a;

    snprintf (line, sizeof line, "HTTP/1.1 404 x\r\nx-ms-error-code: %s\r\n",
              cases[i].value);
    a = answer (line);
    ck_assert_str_eq (a.code, cases[i].taken);
    snprintf (line, sizeof line,
              "HTTP/1.1 301 x\r\nx-amz-bucket-region: %s\r\n", cases[i].value);
    a = answer (line);
    ck_assert_str_eq (a.region, cases[i].taken);
  }
  /* Nor do control characters of others. */
  ck_assert_str_eq (answer (PART "ETag: \"\033\"\r\n").validators.etag, "");
  ck_assert_str_eq (
    answer (PART "Last-Modified: \033[1m\r\n").validators.last_modified, "");
}
END_TEST

START_TEST (statuses)
{
  static const struct {
    const char *line;
    enum http_verdict verdict;
    bool passing;
  } cases[] = {
    { "HTTP/1.1 301 x", HTTP_REDIRECT },
    { "HTTP/1.1 302 x", HTTP_REDIRECT },
    { "HTTP/1.1 308 x", HTTP_REDIRECT },
    { "HTTP/1.1 304 x", HTTP_UNEXPECTED },
    { "HTTP/1.1 400 x", HTTP_BAD_REQUEST },
    { "HTTP/1.1 401 x", HTTP_UNAUTHORIZED },
    { "HTTP/1.1 403 x", HTTP_FORBIDDEN },
    { "HTTP/1.1 404 x", HTTP_NOT_FOUND },
    { "HTTP/1.1 407 x", HTTP_PROXY_AUTH },
    { "HTTP/1.1 408 x", HTTP_TOO_MANY, true },
    { "HTTP/1.1 410 x", HTTP_GONE },
    { "HTTP/1.1 402 x", HTTP_PAYMENT },
    { "HTTP/1.1 405 x", HTTP_METHOD },
    { "HTTP/1.1 406 x", HTTP_NOT_ACCEPTABLE },
    { "HTTP/1.1 409 x", HTTP_CONFLICT },
    { "HTTP/1.1 418 x", HTTP_TEAPOT },
    { "HTTP/1.1 421 x", HTTP_MISDIRECTED },
    { "HTTP/1.1 451 x", HTTP_LEGAL },
    { "HTTP/1.1 499 x", HTTP_UNEXPECTED },
    { "HTTP/1.1 429 x", HTTP_TOO_MANY, true },
    { "HTTP/1.1 500 x", HTTP_SERVER_ERROR, true },
    { "HTTP/1.1 503 x", HTTP_SERVER_ERROR, true },
    { "HTTP/1.1 x", HTTP_UNEXPECTED },
    { "HTTP/1.1", HTTP_UNEXPECTED },
  };
  const struct http_question q = { .count = 1 };

  for (size_t i = 0; i < ARRAY_SIZE (cases); i++) {
    judges (cases[i].line, &q, cases[i].verdict);
    ck_assert_int_eq (http_verdict_is_passing (cases[i].verdict),
                      cases[i].passing);
    ck_assert_int_ne (http_verdict_errno (cases[i].verdict), 0);
  }
}
END_TEST

START_TEST (the_rest)
{
  struct http_answer a = answer ("HTTP/1.1 503 Busy\r\nRetry-After: 7\r\n"
                                 "x-ms-error-code: ServerBusy\r\n");

  ck_assert (a.has_retry_after);
  ck_assert_uint_eq (a.retry_after, 7);
  ck_assert_str_eq (a.code, "ServerBusy");
  a = answer ("HTTP/1.1 206 x\r\nETag: no-quotes\r\nRetry-After: soon\r\n");
  ck_assert (!a.has_retry_after && !a.validators.strong);
  ck_assert_str_eq (a.validators.etag, "no-quotes");
}
END_TEST

int
main (void)
{
  const TTest *const tests[] = { pinned, whole,    first_answer, validators,
                                 words,  statuses, the_rest };

  return test_main ("http-answer", tests, ARRAY_SIZE (tests));
}
