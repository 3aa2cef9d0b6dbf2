/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Parameters of the pr filter.
 */

#ifndef DISKSTACK_PR_CONFIG_H
#define DISKSTACK_PR_CONFIG_H

#include "pr/pr-disk.h"
#include "pr/pr-socket.h"

#define PR_SOCKETS_MAX 64

/* What tells initiators apart. */
enum pr_identity {
  PR_IDENTITY_EXPORT, /* what is behind the last @ of the export name */
  PR_IDENTITY_TLS,    /* the distinguished name in the client's certificate */
  PR_IDENTITY_PEER,   /* the user at a Unix socket, or the address */
};

struct pr_config_socket {
  const char *path;
  char *initiator; /* owned; NULL: clients say which they are */
  struct pr_socket *socket;
};

struct pr_config {
  bool has_identity;
  enum pr_identity identity;
  const char *file;
  unsigned nsockets;
  struct pr_config_socket socket[PR_SOCKETS_MAX];
  struct pr_disk *disk; /* from get_ready on */
};

/* As in struct glue_filter. */
extern int pr_config_set (void *config, const char *key, const char *value);

#endif /* DISKSTACK_PR_CONFIG_H */
