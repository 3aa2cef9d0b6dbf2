/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A connection string, as Azure's portal gives it ("Configure Azure
 * Storage connection strings"): an account, its key or a SAS, and where
 * its blobs are.
 */

#ifndef DISKSTACK_AZURE_CONNECTION_H
#define DISKSTACK_AZURE_CONNECTION_H

#include "cloud/cloud-status.h"

/* The longest that is read, in bytes. */
#define AZURE_CONNECTION_MAX 16384

struct azure_connection {
  char *endpoint; /* a URL that containers can be appended to */
  char *account;  /* NULL: it is not told */
  char *key;      /* base64, secret; NULL: none */
  char *sas;      /* secret; NULL: none */
};

/* Read TEXT, which may have white space around it.  What of it concerns
 * other services than blobs is left alone.  End C with
 * azure_connection_fini, which wipes, in any case.
 */
extern enum cloud_status azure_connection_parse (const char *text,
                                                 struct azure_connection *c);
extern void azure_connection_fini (struct azure_connection *c);

#endif /* DISKSTACK_AZURE_CONNECTION_H */
