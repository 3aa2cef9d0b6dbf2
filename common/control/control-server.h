/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A server at a Unix socket whose clients have a thread each, at most
 * CONTROL_CLIENTS at once.  What is said to them is up to a function.
 */

#ifndef DISKSTACK_CONTROL_SERVER_H
#define DISKSTACK_CONTROL_SERVER_H

#define CONTROL_CLIENTS 16

struct control_server;

/* Serve the client FD, which does not block, and is closed afterwards.  Must
 * end soon when STOP becomes readable; control_wait and control_send do
 * their part.
 */
typedef void (*control_serve_fn) (void *opaque, int fd, int stop);

/* Make the socket PATH, as control_bind (control.h).  A client that comes
 * when there are CONTROL_CLIENTS gets the string BUSY, which is not copied,
 * and nothing else.  NULL after log_error, with errno.
 */
extern struct control_server *control_server_bind (const char *path,
                                                   control_serve_fn fn,
                                                   void *opaque,
                                                   const char *busy);

/* The absolute path. */
extern const char *control_server_path (const struct control_server *s);

/* Serve, in the process that is to: returns 0, or -1 with *err. */
extern int control_server_start (struct control_server *s, int *err);

/* Stop, whether started or not, and remove the socket, if it is still the
 * same one.  S may be NULL.
 */
extern void control_server_close (struct control_server *s);

#endif /* DISKSTACK_CONTROL_SERVER_H */
