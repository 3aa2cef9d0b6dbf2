/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What servers say in header fields of HTTP (RFC 9110): pure functions
 * over values as they came, N bytes without the end of the line, which
 * nothing is known about.
 */

#ifndef DISKSTACK_HTTP_HEADER_H
#define DISKSTACK_HTTP_HEADER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum http_header_status {
  HTTP_HEADER_OK,
  HTTP_HEADER_NO_FIELD, /* a line without a name and a colon */
  HTTP_HEADER_UNIT,     /* Content-Range: not in bytes */
  HTTP_HEADER_NUMBER,   /* not a number, or too large a one */
  HTTP_HEADER_ORDER,    /* the last byte is before the first */
  HTTP_HEADER_TOTAL,    /* the last byte is beyond the end */
  HTTP_HEADER_QUOTES,   /* ETag: not in quotes, or more than that */
  HTTP_HEADER_DATE,     /* not a date of the one form that is in use */
};

/* What is wrong, for people. */
extern const char *http_header_status_string (enum http_header_status s);

/* One line, with or without its end, into name and value, which lie in
 * it; without white space around the value.
 */
struct http_field {
  const char *name, *value;
  size_t name_length, value_length;
};

extern enum http_header_status http_field_parse (const char *line, size_t n,
                                                 struct http_field *f);

/* Is that F's name, in upper or lower case? */
extern bool http_field_is (const struct http_field *f, const char *name);

/* Decimal digits and nothing else, at most INT64_MAX. */
extern enum http_header_status http_number_parse (const char *value, size_t n,
                                                  uint64_t *r);

/* Content-Range (14.4): "bytes 0-511/1024", "bytes 0-511/" and a star,
 * "bytes " and a star and "/1024".
 */
struct http_content_range {
  bool has_range;
  uint64_t first, last; /* both inside */
  bool has_total;
  uint64_t total;
};

extern enum http_header_status
http_content_range_parse (const char *value, size_t n,
                          struct http_content_range *r);

/* Is the ETag (8.8.3) well formed?  *STRONG: not a weak one. */
extern enum http_header_status http_etag_parse (const char *value, size_t n,
                                                bool *strong);

/* A date (5.6.7, IMF-fixdate only) in seconds since 1970. */
extern enum http_header_status http_date_parse (const char *value, size_t n,
                                                int64_t *r);

/* Retry-After (10.2.3) in seconds from NOW, which is a time since 1970; a
 * date that has passed is 0.
 */
extern enum http_header_status http_retry_after_parse (const char *value,
                                                       size_t n, int64_t now,
                                                       uint64_t *seconds);

#endif /* DISKSTACK_HTTP_HEADER_H */
