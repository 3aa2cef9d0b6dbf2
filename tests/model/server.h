/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A real nbdkit, started, ended and killed.  It ends with the program.
 */

#ifndef DISKSTACK_MODEL_SERVER_H
#define DISKSTACK_MODEL_SERVER_H

#include <stdbool.h>
#include <sys/types.h>

struct server {
  char dir[512]; /* where its socket and its messages go */
  char socket[640];
  pid_t pid;
};

/* Does nbdkit take these arguments, that is, are the modules there? */
extern bool server_is_possible (char *const *args);

/* Start nbdkit with ARGS (NULL at the end), and wait until it listens.
 * It has FD, if that is not -1, as descriptor 9.  Ends the program,
 * showing the server's messages, if that fails.
 */
extern void server_start (struct server *s, char *const *args, int fd);

/* SIGTERM, when no client is connected; it must end well. */
extern void server_stop (struct server *s);
extern void server_kill (struct server *s);

/* Its messages, on stderr. */
extern void server_show_log (const struct server *s);

#endif /* DISKSTACK_MODEL_SERVER_H */
