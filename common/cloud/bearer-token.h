/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Bearer tokens (RFC 6750), as Azure takes them of who has no key: out of
 * a file, or from a machine's managed identity ("How to use managed
 * identities on an Azure VM to acquire an access token").
 */

#ifndef DISKSTACK_BEARER_TOKEN_H
#define DISKSTACK_BEARER_TOKEN_H

#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "cloud/cloud-status.h"

/* The longest, in bytes. */
#define BEARER_TOKEN_MAX 65536

/* Where a machine of Azure asks for a token of its identity. */
#define BEARER_IDENTITY_ENDPOINT \
  "http://169.254.169.254/metadata/identity/oauth2/token"

/* Append to TOKEN the one that is in the N bytes at TEXT, with nothing but
 * white space around it.  CLOUD_OK, _NO_MEMORY, _TOO_LONG, _TOKEN_EMPTY or
 * _TOKEN_CHARACTER.  TEXT and TOKEN are secret.
 */
extern enum cloud_status bearer_token_read (const char *text, size_t n,
                                            struct buffer *token);

/* Append the URL to ask the identity's endpoint with: a GET with the header
 * "Metadata: true" and by no proxy.  ENDPOINT: NULL is the usual one.
 * CLIENT_ID: of one of several identities, or NULL.
 */
extern enum cloud_status bearer_identity_url (const char *endpoint,
                                              const char *client_id,
                                              struct buffer *out);

/* Append to TOKEN the one in the answer, the N bytes at TEXT, that came at
 * NOW; *EXPIRES is the second from which on it is no good.  Otherwise
 * CLOUD_NO_MEMORY, _TOO_LONG or one of CLOUD_IDENTITY_*, and what the
 * endpoint says of an error is appended to MESSAGE.  TEXT and TOKEN are
 * secret.
 */
extern enum cloud_status bearer_identity_read (const char *text, size_t n,
                                               int64_t now,
                                               struct buffer *token,
                                               int64_t *expires,
                                               struct buffer *message);

/* Append the lines that authorise a request with TOKEN (see
 * cloud-request.h): x-ms-version and Authorization.  TOKEN NULL: only the
 * version, for SAS and public blobs.
 */
extern enum cloud_status bearer_token_lines (const char *token,
                                             struct buffer *lines);

#endif /* DISKSTACK_BEARER_TOKEN_H */
