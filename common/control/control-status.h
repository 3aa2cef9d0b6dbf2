/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A control socket that has nothing but a status for `diskstack status': that
 * of a plugin with the parameter status=.
 */

#ifndef DISKSTACK_CONTROL_STATUS_H
#define DISKSTACK_CONTROL_STATUS_H

#include "base/buffer.h"

struct control_status;

/* Make the socket PATH, as control_bind.  NULL after log_error. */
extern struct control_status *control_status_bind (const char *path);

/* Answer, once the process is the one that serves, with what REPORT puts
 * into OUT: JSON, as diskstack(1) describes it.  REPORT may run in several
 * threads at once.  Nothing is done if S is NULL.  0, or -1 after log_error.
 */
extern int control_status_start (struct control_status *s,
                                 void (*report) (void *opaque,
                                                 struct buffer *out),
                                 void *opaque);

/* Nobody asks any more.  S may be NULL. */
extern void control_status_close (struct control_status *s);

#endif /* DISKSTACK_CONTROL_STATUS_H */
