/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A service of Azure or S3, from inside.  All but the last group is
 * constant; that belongs to the thread that drives the client.
 */

#ifndef DISKSTACK_CLOUD_IMPL_H
#define DISKSTACK_CLOUD_IMPL_H

#include <stdint.h>

#include "blob/cloud-service.h"
#include "blob/cloud-token.h"
#include "cloud/azure-key.h"
#include "cloud/s3-sign.h"

enum cloud_kind {
  CLOUD_KIND_AZURE_PUBLIC, /* also with a SAS */
  CLOUD_KIND_AZURE_KEY,
  CLOUD_KIND_AZURE_TOKEN,
  CLOUD_KIND_S3_PUBLIC,
  CLOUD_KIND_S3_KEY,
};

struct cloud_service {
  enum cloud_kind kind;
  char *account; /* NULL: each URL says it */
  struct azure_key azure_key;
  char *sas;
  struct cloud_token *token;

  char *access_key, *secret_key, *session_token, *region;
  struct s3_key s3_key; /* of these */
  bool path_style;

  char *endpoint, *container, *name; /* where, or NULL */

  int64_t ahead;   /* seconds, of the server's clock */
  uint64_t number; /* how often that was set */
  struct s3_day s3_day;
};

/* cloud-sign.c.  Its opaque is a cloud_service. */
extern const struct http_service cloud_service_signing;

#endif /* DISKSTACK_CLOUD_IMPL_H */
