/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Where a file is: its URL taken apart.  Places are shared and never
 * changed.
 */

#ifndef DISKSTACK_HTTP_PLACE_H
#define DISKSTACK_HTTP_PLACE_H

#include <stdatomic.h>
#include <stdbool.h>

struct http_place {
  atomic_uint refs;
  char *url;             /* without user, password and fragment */
  char *origin;          /* "https://host:443" */
  char *name;            /* for people: without the query */
  char *user, *password; /* of the URL, decoded; or NULL */
  bool tls;
};

/* NULL after log_error with errno = EINVAL, if it is no URL of a file on an
 * HTTP server, or ENOMEM.
 */
extern struct http_place *http_place_create (const char *url);

extern struct http_place *http_place_ref (struct http_place *p);

/* NULL is ignored. */
extern void http_place_unref (struct http_place *p);

/* May what is for A be sent to B, too? */
extern bool http_place_same_server (const struct http_place *a,
                                    const struct http_place *b);

#endif /* DISKSTACK_HTTP_PLACE_H */
