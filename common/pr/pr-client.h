/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The client's side of a socket for PERSISTENT RESERVE commands, ours
 * (pr-socket.h) or another helper's of QEMU's protocol.
 */

#ifndef DISKSTACK_PR_CLIENT_H
#define DISKSTACK_PR_CLIENT_H

#include "pr/pr-target.h"

struct pr_client;

/* Connect to the socket PATH, as the initiator INITIATOR, or, if that is
 * NULL, as the one that the socket makes of us.  Each step has MILLISECONDS.
 * NULL after log_error.
 */
extern struct pr_client *pr_client_connect (const char *path,
                                            const char *initiator,
                                            unsigned milliseconds);

/* Send the command CDB with LIST_SIZE bytes of parameter list, and wait for
 * the answer, whose data goes into DATA, of SIZE bytes.  0, or -1 after
 * log_error: then close C.
 */
extern int pr_client_ask (struct pr_client *c, const uint8_t cdb[PR_CDB_SIZE],
                          const uint8_t *list, size_t list_size, uint8_t *data,
                          size_t size, struct pr_answer *a);

/* C may be NULL. */
extern void pr_client_close (struct pr_client *c);

#endif /* DISKSTACK_PR_CLIENT_H */
