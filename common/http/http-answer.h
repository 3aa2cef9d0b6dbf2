/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Is an answer what was asked for?  Pure: the header of a response is
 * collected line by line, then judged against the request, before a byte
 * of its body is looked at.  Only what is certainly the right part of the
 * right file is taken.
 */

#ifndef DISKSTACK_HTTP_ANSWER_H
#define DISKSTACK_HTTP_ANSWER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes of an ETag or a date that are kept; longer ones are taken for
 * none.
 */
#define HTTP_VALIDATOR_MAX 256

/* What tells a file from its next version; "" where there is none. */
struct http_validators {
  char etag[HTTP_VALIDATOR_MAX];
  bool strong; /* the ETag is */
  char last_modified[HTTP_VALIDATOR_MAX];
};

/* What was asked. */
struct http_question {
  bool whole;             /* all there is, at most COUNT bytes; no range */
  uint64_t offset, count; /* count > 0 */
  bool pinned;            /* the following are known */
  uint64_t size;          /* of the file */
  const struct http_validators *validators;
};

/* A header so far; begins as zeroes. */
struct http_answer {
  int status;
  bool has_range;
  bool bad_range; /* there was one, but nobody understands it */
  uint64_t first, last;
  bool has_total;
  uint64_t total;
  bool other_framing; /* chunks, which have no length in the header */
  bool has_length;
  uint64_t length;
  bool encoded; /* Content-Encoding other than identity */
  bool has_retry_after;
  uint64_t retry_after; /* seconds */
  bool has_date;        /* which is only looked for in refusals */
  int64_t date;         /* seconds since 1970, by the server's clock */
  bool page_blob;       /* x-ms-blob-type says so */
  char code[64];        /* of an error: x-ms-error-code; a word, or "" */
  char region[64];      /* the same of x-amz-bucket-region */
  struct http_validators validators;
};

enum http_verdict {
  HTTP_GOOD,
  HTTP_EMPTY,     /* good: the file has no bytes at all */
  HTTP_REDIRECT,  /* look elsewhere */
  HTTP_NO_RANGES, /* 200: everything, though a part was asked for */
  HTTP_NO_RANGE_TOLD,
  HTTP_OTHER_RANGE,
  HTTP_NO_SIZE,
  HTTP_OTHER_LENGTH,
  HTTP_ENCODED,
  HTTP_CHANGED,
  HTTP_BAD_REQUEST,
  HTTP_UNAUTHORIZED,
  HTTP_FORBIDDEN,
  HTTP_NOT_FOUND,
  HTTP_GONE,
  HTTP_PROXY_AUTH,
  HTTP_OUTSIDE,
  HTTP_TOO_MANY,
  HTTP_SERVER_ERROR,
  HTTP_PAYMENT,
  HTTP_METHOD,
  HTTP_NOT_ACCEPTABLE,
  HTTP_CONFLICT,
  HTTP_TEAPOT,
  HTTP_MISDIRECTED,
  HTTP_LEGAL,
  HTTP_UNEXPECTED,
};

/* Take one line of the header; the status line begins anew.  NOW is in
 * seconds since 1970, for Retry-After.
 */
extern void http_answer_line (struct http_answer *a, const char *line, size_t n,
                              int64_t now);

/* Judge a complete header. */
extern enum http_verdict http_answer_judge (const struct http_answer *a,
                                            const struct http_question *q);

/* May the same request succeed if it is only sent again? */
extern bool http_verdict_is_passing (enum http_verdict v);

/* What is wrong, for people, without the status. */
extern const char *http_verdict_string (enum http_verdict v);

/* The errno when such an answer is the first one. */
extern int http_verdict_errno (enum http_verdict v);

#endif /* DISKSTACK_HTTP_ANSWER_H */
