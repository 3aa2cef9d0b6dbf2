/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What in the query of a URL says which file it is, and what only says who
 * may read it.  Pure.
 */

#ifndef DISKSTACK_HTTP_QUERY_H
#define DISKSTACK_HTTP_QUERY_H

#include <stdbool.h>
#include <stddef.h>

struct http_query {
  const char *rest;
  bool sig, signature; /* it has these parameters */
};

/* Look at QUERY, what is behind "?", which must live as long. */
extern struct http_query http_query_begin (const char *query);

/* The next parameter that says which file it is: *N bytes, as they are, at
 * the pointer that is returned; NULL if there is none.  All do but tokens,
 * what signs (a SAS of Azure, pre-signed URLs of AWS, CloudFront and Google),
 * and what only belongs to a signature, if there is one.
 */
extern const char *http_query_next (struct http_query *q, size_t *n);

#endif /* DISKSTACK_HTTP_QUERY_H */
