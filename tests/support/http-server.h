/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A server of one file in memory, on the loopback: HTTP/1.1 with ranges
 * and ETags, a thread for each connection, and any fault on demand.
 */

#ifndef DISKSTACK_TEST_HTTP_SERVER_H
#define DISKSTACK_TEST_HTTP_SERVER_H

#include <stddef.h>
#include <stdint.h>

struct http_server;

enum http_fault {
  HTTP_FAULT_NONE,
  HTTP_FAULT_CLOSE,       /* no answer */
  HTTP_FAULT_CUT,         /* half of the body, then the end */
  HTTP_FAULT_STALL,       /* half of the body, then nothing */
  HTTP_FAULT_TRICKLE,     /* a byte of the body every 20 ms */
  HTTP_FAULT_DRAWL,       /* the same of lines of a header without end */
  HTTP_FAULT_SHORT,       /* says that it sends less, and does */
  HTTP_FAULT_LONG,        /* without a length, more than asked for */
  HTTP_FAULT_CLAIMS,      /* the right range, without a length, and all of it */
  HTTP_FAULT_WHOLE,       /* 200, and all of it */
  HTTP_FAULT_OTHER_RANGE, /* what comes 512 bytes later, as it says */
  HTTP_FAULT_NO_RANGE,    /* 206 without Content-Range */
  HTTP_FAULT_OTHER_TOTAL,
  HTTP_FAULT_OTHER_ETAG,
  HTTP_FAULT_ENCODED,
  HTTP_FAULT_REDIRECT, /* to http_server_redirect's */
  HTTP_FAULT_STATUS,   /* and more: 503 is HTTP_FAULT_STATUS + 503 */
};

/* A request, for who chooses. */
struct http_server_request {
  unsigned number; /* 0 is the first */
  const char *path;
  const char *header; /* all of it */
  uint64_t first, last;
};

/* What to do; many threads. */
typedef int (*http_server_choose) (void *opaque,
                                   const struct http_server_request *r);

/* Serve the SIZE bytes of DATA, which stay the caller's. */
extern struct http_server *http_server_start (const void *data, size_t size);
extern void http_server_stop (struct http_server *s);

extern void http_server_set (struct http_server *s, http_server_choose choose,
                             void *opaque);

/* The ETag from now on, with its quotes; "" is none.  An If-Match of
 * another one gets 412.
 */
extern void http_server_etag (struct http_server *s, const char *etag);

/* The date of the last change from now on; "", as at first, is none. */
extern void http_server_date (struct http_server *s, const char *date);

/* What statuses 429 and 503 say in Retry-After, in seconds; 0, as at first, is
 * nothing.
 */
extern void http_server_retry_after (struct http_server *s, unsigned seconds);

/* Where redirects lead. */
extern void http_server_redirect (struct http_server *s, const char *url);

/* "http://127.0.0.1:PORT/file" */
extern const char *http_server_url (const struct http_server *s);

/* How many requests there were, and how many connections. */
extern unsigned http_server_requests (const struct http_server *s);
extern unsigned http_server_connections (const struct http_server *s);

#endif /* DISKSTACK_TEST_HTTP_SERVER_H */
