/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Which initiator a connection is.
 */

#ifndef DISKSTACK_PR_IDENTITY_H
#define DISKSTACK_PR_IDENTITY_H

#include "pr-config.h"

/* Can this nbdkit tell?  0, or -1 after log_error. */
extern int pr_identity_check (enum pr_identity identity);

/* In the thread of a connection to EXPORT_NAME: the export that is asked for
 * below, and in *CLIENT the initiator, both allocated; "" is one that cannot
 * be registered.  NULL after log_error: the client gets no disk.
 */
extern char *pr_identity_find (enum pr_identity identity,
                               const char *export_name, char **client);

#endif /* DISKSTACK_PR_IDENTITY_H */
