/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Unix sockets in the file system: how a server gets one, and a client
 * reaches it.
 */

#ifndef DISKSTACK_CONTROL_SOCKET_H
#define DISKSTACK_CONTROL_SOCKET_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buffer.h"

/* A socket that listens, and which file it is. */
struct control_socket {
  int fd;
  char *path; /* absolute */
  dev_t device;
  ino_t inode;
};

/* 0, or -1 after log_error, with errno. */
extern int control_socket_bind (struct control_socket *s, const char *path);

/* Close it; and remove the file unless there is another one by now. */
extern void control_socket_close (struct control_socket *s);

/* Wait until FD is ready for EVENTS (of poll), at most until DEADLINE
 * (control_now), and not longer than until STOP, another descriptor or
 * -1, is readable.  Returns 1 if it is ready, or -1 with errno, which is
 * ETIMEDOUT or, for STOP, ECANCELED.
 */
extern int control_wait (int fd, short events, uint64_t deadline, int stop);

/* Now, in milliseconds of a clock that never goes back. */
extern uint64_t control_now (void);

/* Never, as a deadline. */
#define CONTROL_FOREVER UINT64_MAX

/* Send all N bytes to FD, which does not block.  As control_wait. */
extern int control_send (int fd, const void *bytes, size_t n, uint64_t deadline,
                         int stop);

/* A socket, which does not block, that is connected to PATH; or -1 after
 * log_error, with errno.
 */
extern int control_connect (const char *path, uint64_t deadline);

/* Ask the server at PATH for REQUEST, a line without its newline, and
 * append its answer to OUT.  It has MILLISECONDS for all of that, 0: any
 * time.  Returns 0, or -1 after log_error, with errno: EPROTO if the
 * server said no, EPIPE if it ended before its answer did.
 */
extern int control_ask (const char *path, const char *request,
                        unsigned milliseconds, struct buffer *out);

#endif /* DISKSTACK_CONTROL_SOCKET_H */
