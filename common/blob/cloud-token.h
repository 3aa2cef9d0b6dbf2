/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A bearer token that is renewed: from a file that somebody else writes,
 * or from the identity of a machine of Azure, which is asked some minutes
 * before the token ends, while requests go on with the old one.
 */

#ifndef DISKSTACK_CLOUD_TOKEN_H
#define DISKSTACK_CLOUD_TOKEN_H

#include "base/buffer.h"
#include "http/http-client.h"

struct cloud_token;

/* The first token is there when these return.  NULL after log_error with
 * errno.
 */
extern struct cloud_token *cloud_token_from_file (const char *path);

/* ENDPOINT may be NULL; CLIENT_ID "system" is the machine's only one. */
extern struct cloud_token *cloud_token_from_identity (const char *endpoint,
                                                      const char *client_id);

/* Wipes; NULL is ignored. */
extern void cloud_token_free (struct cloud_token *t);

/* Append the lines (cloud-request.h) that authorise a request; *NUMBER
 * tells which token it was.  Begins to renew it, if that is due; never
 * waits for that.  0, or -1 with *err.  LINES is secret.
 */
extern int cloud_token_lines (struct cloud_token *t, struct buffer *lines,
                              uint64_t *number, int *err);

/* The token NUMBER was refused: what is to be done? */
extern enum http_advice cloud_token_refused (struct cloud_token *t,
                                             uint64_t number);

#endif /* DISKSTACK_CLOUD_TOKEN_H */
