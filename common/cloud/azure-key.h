/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Azure's Shared Key for the Blob service, version 2015-02-21 and later
 * ("Authorize with Shared Key" of the REST reference): the headers of a
 * request, a digest of which under the account's key authorises it.
 */

#ifndef DISKSTACK_AZURE_KEY_H
#define DISKSTACK_AZURE_KEY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "cloud/cloud-request.h"
#include "cloud/cloud-status.h"

/* The version of the service (x-ms-version) that requests ask for.  It
 * has page lists in parts, which 2020-10-02 brought.
 */
#define AZURE_VERSION "2021-12-02"

#define AZURE_ACCOUNT_MAX 63
#define AZURE_KEY_MAX 128

struct azure_key {
  char account[AZURE_ACCOUNT_MAX + 1];
  uint8_t bytes[AZURE_KEY_MAX];
  size_t n; /* of BYTES; those of real accounts have 64 */
};

/* Can there be a storage account of that name? */
extern bool azure_account_valid (const char *account);

/* An account's name and its key in base64, which may have white space
 * around it.  CLOUD_OK, CLOUD_BAD_ACCOUNT or CLOUD_BAD_KEY.  End it with
 * azure_key_wipe in any case.
 */
extern enum cloud_status
azure_key_parse (const char *account, const char *base64, struct azure_key *k);
extern void azure_key_wipe (struct azure_key *k);

/* Append what is signed of R: its method, eleven lines of headers, the
 * headers x-ms-*, then account, path and parameters.  All headers must be
 * in R, also x-ms-date and x-ms-version.
 */
extern enum cloud_status azure_string_to_sign (const char *account,
                                               const struct cloud_request *r,
                                               struct buffer *out);

/* Sign R, which has neither x-ms-date nor x-ms-version, at NOW.  Appends
 * these two and Authorization to LINES (see cloud-request.h).  NOW may
 * differ by 15 minutes from the server's clock; each attempt to send is
 * to be signed anew.
 */
extern enum cloud_status azure_key_sign (const struct azure_key *k,
                                         const struct cloud_request *r,
                                         int64_t now, struct buffer *lines);

#endif /* DISKSTACK_AZURE_KEY_H */
