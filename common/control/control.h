/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A Unix socket through which a running server is asked, and told, what
 * is not for its clients: `diskstack status' and the like.
 *
 * A client connects, sends one line (control-request.h), and reads the
 * answer until the connection is closed.  An answer that begins with
 * "error: " is a line that says what was wrong.  All others are as the
 * handler of the request makes them; by convention they are text and end
 * in a newline, so that one that was cut off can be told.
 *
 * Who may connect is who may write to the socket, which has mode 0600.
 *
 * A client that is slow, silent or gone has its own thread, at most
 * CONTROL_CLIENTS at once, and is dropped when it takes too long.  It
 * keeps neither others nor control_close waiting.
 */

#ifndef DISKSTACK_CONTROL_H
#define DISKSTACK_CONTROL_H

#include "base/buffer.h"
#include "control/control-server.h"

struct control;

#define CONTROL_HANDLERS 16

/* Answer a request with what is put into OUT, and return 0; or -1 with
 * the reason in OUT, without a newline.  May run in several threads at
 * once.  Must come to an end by itself: control_remove and control_close
 * wait for it.
 */
typedef int (*control_fn) (void *opaque, const char *arguments,
                           struct buffer *out);

/* Make the socket PATH, which from now on is known by its absolute path:
 * before the server changes its directory or its user.  A socket there
 * that nobody serves any more is replaced.  Clients may connect from now
 * on, and wait.  NULL after log_error, with errno.
 */
extern struct control *control_bind (const char *path);

/* The absolute path. */
extern const char *control_path (const struct control *c);

/* Clients have this many milliseconds to ask, and again to read the
 * answer, instead of 5000.  Before control_start.
 */
extern void control_set_timeout (struct control *c, unsigned milliseconds);

/* Requests NAME (which is not copied) are answered by FN from now on.
 * Returns 0, or -1 with errno: EEXIST, or ENOSPC if there are
 * CONTROL_HANDLERS of them.  Any thread, before control_start or after.
 */
extern int control_add (struct control *c, const char *name, control_fn fn,
                        void *opaque);

/* No longer.  When it returns, the handler does not run.  Not from within
 * a handler.  Nothing happens if there is no such handler.
 */
extern void control_remove (struct control *c, const char *name);

/* Start to answer, by threads: once the process is the one that serves,
 * as threads do not survive a fork.  Returns 0, or -1 with *err.
 */
extern int control_start (struct control *c, int *err);

/* Stop, whether started or not, and remove the socket, if it is still
 * the same one.  C may be NULL.
 */
extern void control_close (struct control *c);

#endif /* DISKSTACK_CONTROL_H */
