/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What goes on in stacks, told through a control socket: "status" is
 * answered with JSON, which diskstack(1) describes; "commit [EXPORT]"
 * moves down what is dirty, and is answered when that is done.
 *
 * How it is wired, by a filter that has been given a path:
 *
 *   .get_ready:   c = control_bind (path);      the path and the user are
 *                                               still those of the user
 *   .after_fork:  s = layered_status_start (c);
 *                 control_start (c, &err);
 *   a new stack:  layered_status_add (s, ld, export_name, id);
 *   its end:      layered_status_remove (s, ld);
 *                 layered_stop (ld, &err); layered_close (ld);
 *   .cleanup:     layered_status_stop (s);
 *                 control_close (c);
 *
 * S may be NULL, for those without a path: adding and removing then do
 * nothing.
 */

#ifndef DISKSTACK_LAYERED_STATUS_H
#define DISKSTACK_LAYERED_STATUS_H

#include "base/uuid.h"
#include "control/control.h"
#include "layered/layered.h"

struct layered_status_disks;

/* Answer "status" and "commit" through C, which must stay until
 * layered_status_stop.  NULL with errno; EEXIST: somebody does already.
 */
extern struct layered_status_disks *layered_status_start (struct control *c);

/* No longer; waits for requests that run.  All stacks were removed. */
extern void layered_status_stop (struct layered_status_disks *s);

/* LD is told of from now on, as the disk of EXPORT_NAME (copied), with ID
 * unless that is NULL; and its requests are timed.  Returns 0, or -1 with
 * errno = ENOMEM.  Any thread.
 */
extern int layered_status_add (struct layered_status_disks *s,
                               struct layered *ld, const char *export_name,
                               const struct uuid *id);

/* No longer.  Waits for requests that look at it, or commit it; so remove
 * a stack before it is stopped.  Any thread.
 */
extern void layered_status_remove (struct layered_status_disks *s,
                                   struct layered *ld);

#endif /* DISKSTACK_LAYERED_STATUS_H */
