/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The parameters of plugins that read from Azure Blob and S3; those of S3
 * have the names that nbdkit-S3-plugin(1) has for them.
 */

#ifndef DISKSTACK_GLUE_CLOUD_H
#define DISKSTACK_GLUE_CLOUD_H

#include "blob/cloud-service.h"

#define GLUE_CLOUD_KEYS 17

/* Starts as zeroes. */
struct glue_cloud {
  unsigned given; /* which ones */
  struct cloud_options o;
  char *copy[GLUE_CLOUD_KEYS]; /* strings that are owned */
  unsigned ncopies;
};

/* clang-format off */
#define GLUE_CLOUD_ACCESS_HELP                                                 \
  "account=<ACCOUNT>     The storage account of Azure.\n"                      \
  "account-key=<KEY>     Its key; -, +FILE and -FD read it.\n"                 \
  "sas=<SAS>             A shared access signature; -, +FILE and -FD read it.\n"\
  "connection-string=<S> An account, where it is, and its key or a SAS; -,\n"  \
  "                      +FILE and -FD read it.\n"                             \
  "token-file=<FILENAME> Where the bearer token for Azure always is.\n"        \
  "identity=system|<ID>  Use the identity of this machine of Azure.\n"         \
  "identity-endpoint=<URL>\n"                                                  \
  "                      Ask for its tokens there.\n"                          \
  "access-key=<ID>       The access key of S3.\n"                              \
  "secret-key=<SECRET>   Its secret; -, +FILE and -FD read it.\n"              \
  "session-token=<TOKEN> Of temporary keys; -, +FILE and -FD read it.\n"       \
  "region=<REGION>       The region of S3 (default us-east-1).\n"

#define GLUE_CLOUD_PLACE_HELP                                                  \
  "container=<CONTAINER> The container, without url=.\n"                       \
  "blob=<BLOB>           The blob in it; otherwise the export name.\n"         \
  "endpoint-url=<URL>    A server of S3 that is not Amazon's.\n"               \
  "bucket=<BUCKET>       The bucket, without url=.\n"                          \
  "key=<KEY>             The object in it; otherwise the export name.\n"       \
  "path-style=true       Name the bucket in the path, not in the host.\n"
/* clang-format on */

/* For .config.  Returns 1 if the key is one of these, with PLACES also one
 * that says where something is; 0 if not, -1 after nbdkit_error.
 */
extern int glue_cloud_config (struct glue_cloud *g, const char *key,
                              const char *value, bool places);

extern void glue_cloud_fini (struct glue_cloud *g);

#endif /* DISKSTACK_GLUE_CLOUD_H */
