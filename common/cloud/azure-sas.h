/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A shared access signature ("Create a service SAS", "... account SAS" and
 * "... user delegation SAS" of the REST reference): parameters of a query
 * of which the last signs the others.  What is read here is what says why
 * a server would refuse it.
 */

#ifndef DISKSTACK_AZURE_SAS_H
#define DISKSTACK_AZURE_SAS_H

#include <stdbool.h>
#include <stdint.h>

#include "cloud/cloud-status.h"

struct azure_sas {
  bool has_start, has_expiry; /* a stored policy may have them instead */
  int64_t start, expiry;      /* seconds since 1970 */
  bool has_permissions;       /* the same */
  bool may_read;              /* among these */
  bool for_blobs;
  bool https_only;
};

/* Read TOKEN, which may begin with "?".  Parameters that are not known are
 * left alone.
 */
extern enum cloud_status azure_sas_parse (const char *token,
                                          struct azure_sas *s);

/* May a blob be read with it at NOW?  CLOUD_OK, or one of CLOUD_SAS_EXPIRED,
 * _NOT_YET, _NO_READ, _NOT_BLOB and, without HTTPS, _HTTPS.
 */
extern enum cloud_status azure_sas_check (const struct azure_sas *s, bool https,
                                          int64_t now);

#endif /* DISKSTACK_AZURE_SAS_H */
