/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See http-answer.h.
 */

#include <config.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/align.h"
#include "http/http-answer.h"
#include "http/http-header.h"

/* ------------------------------------------------------------------ */
/* Collecting */

/* "HTTP/1.1 206 Partial Content", "HTTP/2 206" */
static bool
status_line (const char *line, size_t n, int *status)
{
  const char *space = memchr (line, ' ', n);

  if (n < 5 || memcmp (line, "HTTP/", 5) != 0)
    return false;
  *status = 0;
  for (size_t i = 1; i <= 3; i++) {
    if (space == NULL || space + i >= line + n || space[i] < '0' ||
        space[i] > '9')
      return true;
    *status = *status * 10 + (space[i] - '0');
  }
  return true;
}

/* Without control characters, if it fits, or nothing. */
static void
copy (char *to, size_t size, const struct http_field *f)
{
  for (size_t i = 0; i < f->value_length; i++) {
    const unsigned char c = f->value[i];

    if (c < ' ' || c == 0x7f)
      return;
  }
  if (f->value_length < size)
    snprintf (to, size, "%.*s", (int) f->value_length, f->value);
}

/* What goes into messages: a word of letters and digits, or nothing, as it may
 * be anything, of control characters or secrets.
 */
static void
copy_word (char *to, size_t size, const struct http_field *f)
{
  for (size_t i = 0; i < f->value_length; i++) {
    const char c = f->value[i], l = c | 0x20;

    if (!(l >= 'a' && l <= 'z') && !(c >= '0' && c <= '9') && c != '-')
      return;
  }
  copy (to, size, f);
}

static void
take_range (struct http_answer *a, const struct http_field *f)
{
  struct http_content_range r;

  if (a->has_range || a->has_total ||
      http_content_range_parse (f->value, f->value_length, &r) !=
        HTTP_HEADER_OK) {
    a->bad_range = true;
    return;
  }
  a->has_range = r.has_range;
  a->first = r.first;
  a->last = r.last;
  a->has_total = r.has_total;
  a->total = r.total;
}

static void
take_etag (struct http_answer *a, const struct http_field *f)
{
  bool strong;

  copy (a->validators.etag, sizeof a->validators.etag, f);
  a->validators.strong =
    a->validators.etag[0] != '\0' &&
    http_etag_parse (f->value, f->value_length, &strong) == HTTP_HEADER_OK &&
    strong;
}

static bool
value_is (const struct http_field *f, const char *word)
{
  const struct http_field as_name = { .name = f->value,
                                      .name_length = f->value_length };

  return http_field_is (&as_name, word);
}

void
http_answer_line (struct http_answer *a, const char *line, size_t n,
                  int64_t now)
{
  struct http_field f;
  int status;

  if (status_line (line, n, &status)) {
    *a = (struct http_answer){ .status = status };
    return;
  }
  if (http_field_parse (line, n, &f) != HTTP_HEADER_OK)
    return;
  if (http_field_is (&f, "content-range"))
    take_range (a, &f);
  else if (http_field_is (&f, "content-length"))
    a->has_length =
      !a->other_framing &&
      http_number_parse (f.value, f.value_length, &a->length) == HTTP_HEADER_OK;
  else if (http_field_is (&f, "transfer-encoding")) {
    a->other_framing = true; /* which counts, and not a length */
    a->has_length = false;
  }
  else if (http_field_is (&f, "content-encoding"))
    a->encoded |= f.value_length > 0 && !value_is (&f, "identity");
  else if (http_field_is (&f, "etag"))
    take_etag (a, &f);
  else if (http_field_is (&f, "last-modified"))
    copy (a->validators.last_modified, sizeof a->validators.last_modified, &f);
  else if (a->status >= 400 && http_field_is (&f, "date"))
    a->has_date =
      http_date_parse (f.value, f.value_length, &a->date) == HTTP_HEADER_OK;
  else if (http_field_is (&f, "x-ms-blob-type"))
    a->page_blob = value_is (&f, "PageBlob");
  else if (http_field_is (&f, "x-ms-error-code"))
    copy_word (a->code, sizeof a->code, &f);
  else if (http_field_is (&f, "x-amz-bucket-region"))
    copy_word (a->region, sizeof a->region, &f);
  else if (http_field_is (&f, "retry-after"))
    a->has_retry_after =
      http_retry_after_parse (f.value, f.value_length, now, &a->retry_after) ==
      HTTP_HEADER_OK;
}

/* ------------------------------------------------------------------ */
/* Judging */

/* A file with another ETag or another date is another file.  A server that
 * has told a strong ETag, or a date, must go on doing so, as the next version
 * may be of the same second.  That ETags are equal is enough only if they are
 * strong: weak ones may be those of other bytes.
 */
static bool
is_changed (const struct http_validators *now,
            const struct http_validators *then)
{
  if (then->strong)
    return strcmp (now->etag, then->etag) != 0;
  if (then->last_modified[0] != '\0' &&
      strcmp (now->last_modified, then->last_modified) != 0)
    return true;
  if (then->last_modified[0] != '\0' && now->etag[0] == '\0')
    return false;
  return then->etag[0] != '\0' && strcmp (now->etag, then->etag) != 0;
}

static bool
is_unversioned (const struct http_validators *v)
{
  return !v->strong && v->last_modified[0] == '\0';
}

static enum http_verdict
judge_part (const struct http_answer *a, const struct http_question *q)
{
  uint64_t count;

  if (a->encoded)
    return HTTP_ENCODED;
  if (a->bad_range || !a->has_range)
    return HTTP_NO_RANGE_TOLD;
  /* The size is all that there is to compare then. */
  if (!a->has_total && (!q->pinned || is_unversioned (q->validators)))
    return HTTP_NO_SIZE;
  if (q->pinned && ((a->has_total && a->total != q->size) ||
                    is_changed (&a->validators, q->validators)))
    return HTTP_CHANGED;
  count = min_u64 (q->count, a->has_total ? a->total - a->first : q->count);
  if (a->first != q->offset || a->last > a->first + count - 1)
    return HTTP_OTHER_RANGE;
  if (a->last < a->first + count - 1)
    return HTTP_OTHER_LENGTH;
  return a->has_length && a->length != count ? HTTP_OTHER_LENGTH : HTTP_GOOD;
}

/* A document about the file, or of its own. */
static enum http_verdict
judge_document (const struct http_answer *a, const struct http_question *q)
{
  if (a->encoded)
    return HTTP_ENCODED;
  if (q->pinned && is_changed (&a->validators, q->validators))
    return HTTP_CHANGED;
  return a->has_length && a->length > q->count ? HTTP_OTHER_LENGTH : HTTP_GOOD;
}

/* Good only if everything was asked for. */
static enum http_verdict
judge_whole (const struct http_answer *a, const struct http_question *q)
{
  if (!q->pinned)
    return a->has_length && a->length == 0 ? HTTP_EMPTY : HTTP_NO_RANGES;
  if (a->encoded)
    return HTTP_ENCODED;
  if (is_changed (&a->validators, q->validators) ||
      (a->has_length && a->length != q->size))
    return HTTP_CHANGED;
  return q->offset == 0 && q->count == q->size ? HTTP_GOOD : HTTP_NO_RANGES;
}

static enum http_verdict
judge_outside (const struct http_answer *a, const struct http_question *q)
{
  if (!q->pinned && !a->bad_range && a->has_total && a->total == 0)
    return HTTP_EMPTY;
  if (q->pinned && !a->bad_range && a->has_total && a->total != q->size)
    return HTTP_CHANGED;
  return HTTP_OUTSIDE;
}

enum http_verdict
http_answer_judge (const struct http_answer *a, const struct http_question *q)
{
  switch (a->status) {
  case 206:
    return q->whole ? HTTP_UNEXPECTED : judge_part (a, q);
  case 200:
    return q->whole ? judge_document (a, q) : judge_whole (a, q);
  case 301:
  case 302:
  case 303:
  case 307:
  case 308:
    return HTTP_REDIRECT;
  case 400:
    return HTTP_BAD_REQUEST;
  case 401:
    return HTTP_UNAUTHORIZED;
  case 403:
    return HTTP_FORBIDDEN;
  case 404:
    return HTTP_NOT_FOUND;
  case 407:
    return HTTP_PROXY_AUTH;
  case 410:
    return HTTP_GONE;
  case 412:
    return HTTP_CHANGED;
  case 416:
    return judge_outside (a, q);
  case 402:
    return HTTP_PAYMENT;
  case 405:
    return HTTP_METHOD;
  case 406:
    return HTTP_NOT_ACCEPTABLE;
  case 409:
    return HTTP_CONFLICT;
  case 418:
    return HTTP_TEAPOT;
  case 421:
    return HTTP_MISDIRECTED;
  case 451:
    return HTTP_LEGAL;
  case 408:
  case 429:
    return HTTP_TOO_MANY;
  case 500 ... 599:
    return HTTP_SERVER_ERROR;
  }
  return HTTP_UNEXPECTED;
}

/* ------------------------------------------------------------------ */
/* What verdicts mean */

static const struct meaning {
  const char *text;
  int error; /* if it is the first answer */
  bool passing;
} meanings[] = {
  [HTTP_GOOD] = { "is as asked", 0 },
  [HTTP_EMPTY] = { "the file is empty", 0 },
  [HTTP_REDIRECT] = { "the server sends elsewhere", EIO },
  [HTTP_NO_RANGES] = { "the server does not send parts of files (byte ranges), "
                       "which a disk needs",
                       EINVAL },
  [HTTP_NO_RANGE_TOLD] = { "the server sends a part of the file and does not "
                           "say which one (no good Content-Range)",
                           EIO },
  [HTTP_OTHER_RANGE] = { "the server sends another part of the file", EIO },
  [HTTP_NO_SIZE] = { "the server does not say how large the file is", EIO },
  [HTTP_OTHER_LENGTH] = { "the server sends more or less than was asked for",
                          EIO, true },
  [HTTP_ENCODED] = { "the file is stored compressed (Content-Encoding), so "
                     "that parts of it cannot be read",
                     EINVAL },
  [HTTP_CHANGED] = { "the file was changed on the server while it is in use",
                     ESTALE },
  [HTTP_BAD_REQUEST] = { "the server does not understand the request", EINVAL },
  [HTTP_UNAUTHORIZED] = { "the server wants a password, or another one",
                          EPERM },
  [HTTP_FORBIDDEN] = { "the server does not permit it: the credentials are "
                       "missing, wrong or expired",
                       EPERM },
  [HTTP_NOT_FOUND] = { "there is no such file on the server", ENOENT },
  [HTTP_GONE] = { "the file is gone from the server for good", ENOENT },
  [HTTP_PROXY_AUTH] = { "the proxy wants a password, or another one", EPERM },
  [HTTP_OUTSIDE] = { "the server says that the range is outside of the file",
                     EIO },
  [HTTP_TOO_MANY] = { "the server is asked too much", EIO, true },
  [HTTP_SERVER_ERROR] = { "the server failed", EIO, true },
  [HTTP_PAYMENT] = { "the server wants to be paid", EPERM },
  [HTTP_METHOD] = { "the server does not permit reading (GET) there", EINVAL },
  [HTTP_NOT_ACCEPTABLE] = { "the server does not have the file uncompressed",
                            EINVAL },
  [HTTP_CONFLICT] = { "the file is in a state in which it cannot be read",
                      EIO },
  [HTTP_TEAPOT] = { "the server refuses, as some do to programs, or to too "
                    "many requests",
                    EPERM },
  [HTTP_MISDIRECTED] = { "this is not the server of that name", EIO },
  [HTTP_LEGAL] = { "the server may not send the file, for legal reasons",
                   EPERM },
  [HTTP_UNEXPECTED] = { "the answer makes no sense here", EIO },
};

bool
http_verdict_is_passing (enum http_verdict v)
{
  return meanings[v].passing;
}

const char *
http_verdict_string (enum http_verdict v)
{
  return meanings[v].text;
}

int
http_verdict_errno (enum http_verdict v)
{
  return meanings[v].error;
}
