/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The parameters of plugins that read from URLs: those of glue-http.h and of
 * glue-cloud.h; and the client that they make.
 */

#ifndef DISKSTACK_GLUE_URL_H
#define DISKSTACK_GLUE_URL_H

#include <pthread.h>

#include "glue/glue-cloud.h"
#include "glue/glue-http.h"
#include "glue/glue-watch.h"
#include "open/open-url.h"

/* Starts as zeroes. */
struct glue_url {
  bool given; /* any of them */
  struct glue_http http;
  struct glue_cloud cloud;
  struct open_client client;
  pthread_mutex_t lock; /* for making it; all zeroes */
  bool forked;
  struct glue_watch watch; /* of the client, after the fork */
};

/* Beside GLUE_CLOUD_PLACE_HELP, if there are such. */
#define GLUE_URL_HELP GLUE_CLOUD_ACCESS_HELP GLUE_HTTP_HELP

/* For .config.  Returns 1 if the key is one of these, of the places of
 * glue-cloud.h only with PLACES; 0 if not, -1 after nbdkit_error.
 */
extern int glue_url_config (struct glue_url *g, const char *key,
                            const char *value, bool places);

/* For .config_complete.  0 or -1 after nbdkit_error. */
extern int glue_url_config_complete (struct glue_url *g);

/* Make the client, if it is not there, for any thread; not before a fork, unless it is
 * closed.  0 or -1 after nbdkit_error.
 */
extern int glue_url_ensure (struct glue_url *g);

/* Close it, after all that was opened with it. */
extern void glue_url_close (struct glue_url *g);

/* For the end of .get_ready: the same, as threads do not survive the fork, and
 * whatever is opened from now on is opened after that.
 */
extern void glue_url_before_fork (struct glue_url *g);

/* For .unload; the same. */
extern void glue_url_fini (struct glue_url *g);

#endif /* DISKSTACK_GLUE_URL_H */
