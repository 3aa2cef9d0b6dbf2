/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Why Azure or S3 refused: from the status of an answer, from its body
 * ("Status and error codes" of the Blob service, "Error responses" of S3)
 * or, where there is no body, from the header x-ms-error-code.
 */

#ifndef DISKSTACK_CLOUD_ERROR_H
#define DISKSTACK_CLOUD_ERROR_H

#include <stddef.h>

#include "base/buffer.h"
#include "cloud/cloud-status.h"

/* Bytes of a body that are read; what a caller keeps of it. */
#define CLOUD_ERROR_MAX 16384

enum cloud_error_kind {
  CLOUD_ERROR_OTHER,   /* the request is wrong, or the server */
  CLOUD_ERROR_DENIED,  /* credentials: they will not become better */
  CLOUD_ERROR_RENEW,   /* credentials that were good once */
  CLOUD_ERROR_CLOCK,   /* ours and the server's differ too much */
  CLOUD_ERROR_MISSING, /* no such blob, container, bucket, version */
  CLOUD_ERROR_CHANGED, /* not the one any more that was asked for */
  CLOUD_ERROR_BUSY,    /* to be asked again, later */
};

/* Starts as zeroes; each may be empty. */
struct cloud_error {
  char code[64];       /* letters, digits, "." and "-" */
  char message[256];   /* one line, without secrets */
  char request_id[64]; /* as code; so are the next */
  char region[64];     /* where it is, if it is not here */
  char endpoint[256];
};

/* Read a body, or its first CLOUD_ERROR_MAX bytes.  If it is not CLOUD_OK,
 * E has what was found before.
 */
extern enum cloud_status cloud_error_read (const void *body, size_t n,
                                           struct cloud_error *e);

/* CODE is of a header: it counts where the body had none. */
extern void cloud_error_add_code (struct cloud_error *e, const char *code);

/* The same of a region. */
extern void cloud_error_add_region (struct cloud_error *e, const char *region);

/* What kind of refusal it is, of an answer of that HTTP status. */
extern enum cloud_error_kind cloud_error_kind (const struct cloud_error *e,
                                               unsigned http_status);

/* EPERM or EIO, which NBD knows. */
extern int cloud_error_errno (const struct cloud_error *e,
                              unsigned http_status);

/* Append a message such as "403 AuthenticationFailed: the key or the SAS is
 * wrong (request 1234)"; where nothing is known of the code, with what the
 * server says.
 */
extern void cloud_error_format (const struct cloud_error *e,
                                unsigned http_status, struct buffer *out);

#endif /* DISKSTACK_CLOUD_ERROR_H */
