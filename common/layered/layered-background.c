/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See layered-background.h.
 */

#include <config.h>

#include <errno.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "layered/layered-background.h"

static int
init_condition (pthread_cond_t *c)
{
  pthread_condattr_t attr;
  int r = pthread_condattr_init (&attr);

  if (r != 0)
    return r;
  r = pthread_condattr_setclock (&attr, CLOCK_MONOTONIC);
  if (r == 0)
    r = pthread_cond_init (c, &attr);
  pthread_condattr_destroy (&attr);
  return r;
}

int
layered_background_start (struct layered_background *b,
                          void *(*fn) (void *opaque), void *opaque, int *err)
{
  b->stop = false;
  *err = init_condition (&b->wake);
  if (*err != 0)
    return -1;
  pthread_mutex_init (&b->lock, NULL);
  *err = pthread_create (&b->thread, NULL, fn, opaque);
  if (*err == 0)
    return 0;
  pthread_cond_destroy (&b->wake);
  pthread_mutex_destroy (&b->lock);
  return -1;
}

void
layered_background_stop (struct layered_background *b)
{
  pthread_mutex_lock (&b->lock);
  b->stop = true;
  pthread_cond_signal (&b->wake);
  pthread_mutex_unlock (&b->lock);
  pthread_join (b->thread, NULL);
  pthread_cond_destroy (&b->wake);
  pthread_mutex_destroy (&b->lock);
}

bool
layered_background_sleep (struct layered_background *b, uint64_t ns)
{
  const uint64_t until = ns > 0 ? clock_ns () + ns : 0;
  const struct timespec ts = { .tv_sec = (time_t) (until / CLOCK_SECOND),
                               .tv_nsec = (long) (until % CLOCK_SECOND) };
  LOCK_SCOPE (&b->lock);

  while (!b->stop && ns > 0) {
    if (pthread_cond_timedwait (&b->wake, &b->lock, &ts) == ETIMEDOUT)
      break;
  }
  return !b->stop;
}
