/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A Unix socket for PERSISTENT RESERVE commands, as QEMU's helper has it
 * (pr-wire.h): for QEMU, and for `diskstack pr'.
 *
 * Which initiator a client is: at a socket that belongs to one, that one,
 * whoever connects.  At any other, the one that the client names, if it
 * does, and else "uid:" and the number of its user.  Who may connect is who
 * may write to the socket, which has mode 0600.
 *
 * The descriptors that QEMU sends with its commands are of no use here, and
 * never become ours.  Clients may be there as long as they like, up to
 * CONTROL_CLIENTS at once; but what they began to say, or do not read, has
 * its time.
 */

#ifndef DISKSTACK_PR_SOCKET_H
#define DISKSTACK_PR_SOCKET_H

#include "pr/pr-target.h"

struct pr_socket;

/* Make the socket PATH for commands to T, as control_bind (control.h): of
 * the initiator NAME, or of all if that is NULL.  NULL after log_error, with
 * errno.
 */
extern struct pr_socket *pr_socket_bind (const char *path, const char *name,
                                         struct pr_target *t);

/* Milliseconds for a request, and again for its answer, instead of 5000.
 * Before pr_socket_start.
 */
extern void pr_socket_set_timeout (struct pr_socket *s, unsigned milliseconds);

/* Answer, in the process that is to.  0, or -1 after log_error. */
extern int pr_socket_start (struct pr_socket *s);

/* Stop, whether started or not, and remove the socket, if it is still the
 * same one.  Waits for the commands that are running.  S may be NULL.
 */
extern void pr_socket_close (struct pr_socket *s);

#endif /* DISKSTACK_PR_SOCKET_H */
