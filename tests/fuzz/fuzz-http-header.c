/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Any bytes as the header of an answer: only what is surely the part that
 * was asked for is good.
 */

#include <config.h>

#include <string.h>

#include "fuzz/fuzz.h"
#include "http/http-answer.h"
#include "http/http-header.h"

const char fuzz_name[] = "http-header";

static void
value (const char *data, size_t n)
{
  struct http_content_range r;
  uint64_t number;
  int64_t date;
  bool strong;

  if (http_content_range_parse (data, n, &r) == HTTP_HEADER_OK) {
    fuzz_assert (r.has_range || r.has_total);
    fuzz_assert (!r.has_range || r.first <= r.last);
    fuzz_assert (!r.has_range || !r.has_total || r.last < r.total);
    fuzz_assert (r.total <= INT64_MAX && r.last <= INT64_MAX);
  }
  if (http_number_parse (data, n, &number) == HTTP_HEADER_OK)
    fuzz_assert (number <= INT64_MAX);
  http_etag_parse (data, n, &strong);
  http_date_parse (data, n, &date);
  http_retry_after_parse (data, n, 1700000000, &number);
}

static void
judge (const struct http_answer *a, const struct http_question *q)
{
  const enum http_verdict v = http_answer_judge (a, q);

  fuzz_assert (*http_verdict_string (v) != '\0');
  if (v != HTTP_GOOD)
    return;
  fuzz_assert (!a->encoded);
  if (q->whole) {
    fuzz_assert (a->status == 200 && (!a->has_length || a->length <= q->count));
    return;
  }
  fuzz_assert (a->status == 206 || (q->offset == 0 && q->count == q->size));
  fuzz_assert (a->status == 200 ||
               (a->first == q->offset && a->last == q->offset + q->count - 1));
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  static const struct http_validators v = { .etag = "\"a\"", .strong = true };
  const struct http_question first = { .count = 1 };
  const struct http_question later = {
    .offset = 1000, .count = 100, .pinned = true, .size = 5000, .validators = &v
  };
  const struct http_question all = {
    .count = 5000, .pinned = true, .size = 5000, .validators = &v
  };
  const struct http_question document = { .whole = true, .count = 100 };
  const char *p = (const char *) data, *end = p + size;
  struct http_answer a = { .status = 0 };
  struct http_field f;

  value (p, size);
  while (p < end) {
    const char *line_end = memchr (p, '\n', end - p);
    const size_t n = line_end != NULL ? line_end + 1 - p : end - p;

    if (http_field_parse (p, n, &f) == HTTP_HEADER_OK) {
      fuzz_assert (f.value >= p && f.value + f.value_length <= p + n);
      value (f.value, f.value_length);
    }
    http_answer_line (&a, p, n, 1700000000);
    p += n;
  }
  judge (&a, &first);
  judge (&a, &later);
  judge (&a, &all);
  judge (&a, &document);
  return 0;
}
