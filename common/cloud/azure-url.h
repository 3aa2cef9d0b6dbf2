/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The URL of a blob of Azure, in its two styles,
 *
 *   https://ACCOUNT.blob.core.windows.net/CONTAINER/BLOB
 *   http://127.0.0.1:10000/ACCOUNT/CONTAINER/BLOB     (Azurite)
 *
 * or at a name of the user's own; with a snapshot or a version
 * ("Naming and referencing containers, blobs, and metadata"), and with a
 * SAS, which is kept apart because it is secret.
 */

#ifndef DISKSTACK_AZURE_URL_H
#define DISKSTACK_AZURE_URL_H

#include <stdbool.h>

#include "base/buffer.h"
#include "cloud/azure-key.h"
#include "cloud/cloud-status.h"

struct azure_url {
  bool https;
  bool path_style;
  char account[AZURE_ACCOUNT_MAX + 1]; /* "": the URL does not say */
  struct buffer base;                  /* up to the snapshot or version */
  struct buffer sas; /* all other parameters; empty: none; secret */
};

/* Read URL.  End A with azure_url_fini, which wipes, in any case. */
extern enum cloud_status azure_url_parse (const char *url, struct azure_url *a);
extern void azure_url_fini (struct azure_url *a);

/* Append the URL to send a request to.  MORE: further parameters such as
 * "comp=pagelist", or NULL.  SAS: one with or without "?", or NULL: that
 * of the URL, if any.  CLOUD_OK or CLOUD_NO_MEMORY.  OUT is secret.
 */
extern enum cloud_status azure_url_request (const struct azure_url *a,
                                            const char *more, const char *sas,
                                            struct buffer *out);

/* Append the URL of a blob: ENDPOINT (of a connection string: with the
 * account in it, perhaps with "/" at the end), and names that are escaped
 * here.  VERSION: NULL, or the value of the parameter "snapshot" or, with
 * IS_VERSION, "versionid".  CLOUD_OK or CLOUD_NO_MEMORY.
 */
extern enum cloud_status azure_url_make (const char *endpoint,
                                         const char *container,
                                         const char *blob, const char *version,
                                         bool is_version, struct buffer *out);

/* Append the parameters of Get Page Ranges: "comp=pagelist" and, if they
 * are not 0 and NULL, how many ranges at most (10000) and where to go on.
 */
extern void azure_url_add_pagelist (struct buffer *b, unsigned max,
                                    const char *marker);

#endif /* DISKSTACK_AZURE_URL_H */
