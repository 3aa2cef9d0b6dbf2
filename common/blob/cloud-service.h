/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Azure Blob and S3 for common/http: where a blob is, with which
 * credentials, how each request for it is signed, what a refusal means.
 * The rules are common/cloud's (docs/cloud.md); here are the clocks, the
 * tokens that end, and the memory of what a server has said.
 */

#ifndef DISKSTACK_CLOUD_SERVICE_H
#define DISKSTACK_CLOUD_SERVICE_H

#include <stdbool.h>

#include "http/http-client.h"

struct cloud_service;

/* What was said of it; each may be NULL, and need live only while the
 * service is being made.  At most one group, of credentials at most one
 * kind.
 */
struct cloud_options {
  /* Azure */
  const char *connection_string; /* secret */
  const char *account;           /* if the URL does not say */
  const char *account_key;       /* base64, secret */
  const char *sas;               /* secret */
  const char *token_file;        /* absolute: it is read again and again */
  const char *identity;          /* "system", or a client id */
  const char *identity_endpoint; /* instead of the machine's own */
  const char *container, *blob;

  /* S3 */
  const char *access_key;
  const char *secret_key, *session_token; /* secret */
  const char *region, *endpoint_url;
  const char *bucket, *key;
  bool path_style;
};

/* Is anything said at all? */
extern bool cloud_options_given (const struct cloud_options *o);

/* Check O, and fetch the first token, if there is to be one, which waits.
 * NULL after log_error with errno: EINVAL, EPERM, EIO, EOPNOTSUPP (this
 * build has no part for it).
 */
extern struct cloud_service *
cloud_service_create (const struct cloud_options *o);

/* All clients that it serves must have been closed.  Wipes; NULL is
 * ignored.
 */
extern void cloud_service_close (struct cloud_service *s);

/* Let clients that are made with O be served by S.  A service is for one
 * client.
 */
extern void cloud_service_attach (struct cloud_service *s,
                                  struct http_client_options *o);

/* Does O say in what blobs are, so that no URL is needed? */
extern bool cloud_options_have_place (const struct cloud_options *o);

/* The URL to open, secret, to be wiped and freed: of URL, or, NULL, of the
 * blob or object; its name is NAME where O said none.  NULL after
 * log_error with errno.
 */
extern char *cloud_service_url (const struct cloud_service *s, const char *url,
                                const char *name);

/* For each name; 0, or -1 to end. */
typedef int (*cloud_service_add) (void *opaque, const char *name);

/* Ask, through CLIENT, which S serves, for the names in the container or
 * bucket, at most 10000.  Waits.  0, or -1 after log_error.
 */
extern int cloud_service_names (const struct cloud_service *s,
                                struct http_client *client,
                                cloud_service_add add, void *opaque);

/* For clients without credentials, and for those whose URLs have them:
 * explains refusals.  It wants no opaque.
 */
extern const struct http_service cloud_service_plain;

#endif /* DISKSTACK_CLOUD_SERVICE_H */
