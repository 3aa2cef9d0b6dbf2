/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See glue-watch.h.
 */

#include <config.h>

#include <errno.h>
#include <string.h>
#include <time.h>

#define NBDKIT_API_VERSION 2
#include <nbdkit-plugin.h>

#include "base/cleanup.h"
#include "glue/glue-watch.h"

/* Milliseconds between two looks; what is answered within that is not ended. */
#define LOOK 500

/* Sleeping ends with an error, and at once, if nbdkit is to end; it says so. */
static bool
is_ending (void)
{
  return nbdkit_nanosleep (0, 1) == -1;
}

/* Wait for the next look.  False if the watch is to stop; with the lock. */
static bool
next_look (struct glue_watch *w)
{
  struct timespec until;
  int r = 0;

  clock_gettime (CLOCK_REALTIME, &until);
  until.tv_nsec += LOOK * 1000000l;
  until.tv_sec += until.tv_nsec / 1000000000;
  until.tv_nsec %= 1000000000;
  while (!w->stop && r != ETIMEDOUT)
    r = pthread_cond_timedwait (&w->wake, &w->lock, &until);
  return !w->stop;
}

static void *
watch (void *opaque)
{
  struct glue_watch *w = opaque;
  bool ending = false;

  LOCK_SCOPE (&w->lock);
  while (next_look (w)) {
    if (!http_client_is_busy (w->client))
      continue;
    if (ending) {
      nbdkit_error ("what the server has not answered yet is given up");
      http_client_end (w->client);
      break;
    }
    ending = is_ending ();
  }
  return NULL;
}

static void
end (struct glue_watch *w)
{
  http_client_close (w->client);
  pthread_cond_destroy (&w->wake);
  pthread_mutex_destroy (&w->lock);
}

int
glue_watch_start (struct glue_watch *w, struct http_client *c)
{
  int r;

  pthread_mutex_init (&w->lock, NULL);
  pthread_cond_init (&w->wake, NULL);
  w->client = http_client_ref (c);
  w->stop = false;
  r = pthread_create (&w->thread, NULL, watch, w);
  w->started = r == 0;
  if (r == 0)
    return 0;
  nbdkit_error ("no thread can be started: %s", strerror (r));
  end (w);
  return -1;
}

void
glue_watch_stop (struct glue_watch *w)
{
  if (!w->started)
    return;
  pthread_mutex_lock (&w->lock);
  w->stop = true;
  pthread_cond_signal (&w->wake);
  pthread_mutex_unlock (&w->lock);
  pthread_join (w->thread, NULL);
  w->started = false;
  end (w);
}
