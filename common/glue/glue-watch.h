/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Ending while a server does not answer.  nbdkit that is told to end (by
 * SIGTERM, say) waits for the requests of its clients, and calls nothing of a
 * plugin's before; a silent server could hold it up for many timeouts.  So a
 * thread looks for it now and then, while there is something on its way.
 */

#ifndef DISKSTACK_GLUE_WATCH_H
#define DISKSTACK_GLUE_WATCH_H

#include <pthread.h>
#include <stdbool.h>

#include "http/http-client.h"

/* Starts as zeroes. */
struct glue_watch {
  pthread_mutex_t lock;
  pthread_cond_t wake;
  pthread_t thread;
  bool started, stop;
  struct http_client *client;
};

/* Watch for C, which is referenced, after the fork.  0, or -1 after
 * nbdkit_error.
 */
extern int glue_watch_start (struct glue_watch *w, struct http_client *c);

/* Does nothing if it was not started. */
extern void glue_watch_stop (struct glue_watch *w);

#endif /* DISKSTACK_GLUE_WATCH_H */
