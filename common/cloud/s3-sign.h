/* SPDX-License-Identifier: BSD-3-Clause
 *
 * AWS Signature Version 4 in the header Authorization, as S3 has it
 * ("Signature Calculations for the Authorization Header" of the S3 API
 * reference): the path is encoded once and not normalised.
 */

#ifndef DISKSTACK_S3_SIGN_H
#define DISKSTACK_S3_SIGN_H

#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "cloud/cloud-digest.h"
#include "cloud/cloud-request.h"
#include "cloud/cloud-status.h"

/* All the caller's, who wipes them.  See s3_key_check. */
struct s3_key {
  const char *access_key; /* its id, which is no secret */
  const char *secret;
  const char *token;   /* of temporary credentials; NULL: they are not */
  const char *region;  /* such as "us-east-1" */
  const char *service; /* "s3", but for access points of other kinds */
};

/* The key that s3_signing_key gave last: making it takes longer than all
 * the rest of a signature.  Starts as zeroes; it is for one s3_key and for
 * one thread at a time, and secret.
 */
struct s3_day {
  int64_t number; /* of the day since 1970; 0: none yet */
  uint8_t key[CLOUD_DIGEST_SIZE];
};

/* Can these be?  CLOUD_OK, CLOUD_BAD_ACCESS_KEY, CLOUD_BAD_KEY (an empty
 * secret), CLOUD_BAD_REGION (or service) or CLOUD_TOKEN_CHARACTER.
 */
extern enum cloud_status s3_key_check (const struct s3_key *k);

/* Append the "canonical request" of R; the names of all its headers, of
 * which host must be one, to NAMES.
 */
extern enum cloud_status s3_canonical_request (const struct cloud_request *r,
                                               struct buffer *names,
                                               struct buffer *out);

/* Append the "string to sign": of a canonical request, at NOW, for the
 * region and service of K.
 */
extern enum cloud_status s3_string_to_sign (const struct s3_key *k,
                                            const struct buffer *canonical,
                                            int64_t now, struct buffer *out);

/* The key with which K signs on the day of NOW. */
extern enum cloud_status s3_signing_key (const struct s3_key *k, int64_t now,
                                         uint8_t key[CLOUD_DIGEST_SIZE]);

/* Append the value of Authorization for R, which has all its headers,
 * also host and x-amz-date, to OUT.  DAY may be NULL.
 */
extern enum cloud_status s3_authorization (const struct s3_key *k,
                                           const struct cloud_request *r,
                                           int64_t now, struct s3_day *day,
                                           struct buffer *out);

/* Sign R, which has none of the following, at NOW: appends x-amz-date,
 * x-amz-content-sha256, perhaps x-amz-security-token, and Authorization to
 * LINES (see cloud-request.h).  The header Host, which is signed, must be
 * that of the URL, and not have the usual port.  NOW may differ by 15
 * minutes from the server's clock.  DAY may be NULL.
 */
extern enum cloud_status s3_sign (const struct s3_key *k,
                                  const struct cloud_request *r, int64_t now,
                                  struct s3_day *day, struct buffer *lines);

#endif /* DISKSTACK_S3_SIGN_H */
