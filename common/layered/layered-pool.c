/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The threads that run flights, by the stack's own way down, and the
 * object that holds all that is fetched.
 */

#include <config.h>

#include <errno.h>
#include <signal.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "layered/layered-fetch.h"

struct layered_fetch *
layered_fetch_create (struct layered *ld)
{
  struct layered_fetch *f = calloc (1, sizeof *f);

  if (f == NULL)
    return NULL;
  pthread_mutex_init (&f->lock, NULL);
  pthread_cond_init (&f->work, NULL);
  for (unsigned i = 0; i < LAYERED_MAX; i++)
    TAILQ_INIT (&f->table[i]);
  TAILQ_INIT (&f->urgent);
  TAILQ_INIT (&f->ahead);
  while (f->level < ld->nlayers && !is_filled (ld, f->level))
    f->level++;
  layered_readahead_reset_locked (f);
  return f;
}

void
layered_fetch_free (struct layered_fetch *f)
{
  if (f == NULL)
    return;
  pthread_cond_destroy (&f->work);
  pthread_mutex_destroy (&f->lock);
  free (f);
}

static struct flight *
next_locked (struct layered_fetch *f)
{
  struct flight *fl = TAILQ_FIRST (&f->urgent);

  if (fl == NULL)
    fl = TAILQ_FIRST (&f->ahead);
  if (fl == NULL)
    return NULL;
  fl->refs++;
  flight_claim_locked (f, fl);
  return fl;
}

static void *
work (void *v)
{
  struct layered *ld = v;
  struct layered_fetch *f = ld->fetch;

  LOCK_SCOPE (&f->lock);
  while (!f->stopping) {
    struct flight *fl = next_locked (f);

    if (fl == NULL) {
      pthread_cond_wait (&f->work, &f->lock);
      continue;
    }
    pthread_mutex_unlock (&f->lock);
    flight_run (ld, ld->own_bottom, fl);
    pthread_mutex_lock (&f->lock);
    flight_put_locked (f, fl);
  }
  return NULL;
}

/* Those who made a flight run it themselves then; what nobody wants is
 * forgotten.
 */
static void
empty_locked (struct layered_fetch *f, struct flight_queue *q)
{
  while (!TAILQ_EMPTY (q))
    flight_dequeue_locked (f, TAILQ_FIRST (q));
}

static void
join_threads (struct layered_fetch *f, unsigned n)
{
  pthread_mutex_lock (&f->lock);
  f->stopping = true;
  f->nthreads = 0;
  layered_readahead_reset_locked (f);
  empty_locked (f, &f->urgent);
  empty_locked (f, &f->ahead);
  pthread_cond_broadcast (&f->work);
  pthread_mutex_unlock (&f->lock);
  for (unsigned i = 0; i < n; i++)
    pthread_join (f->threads[i], NULL);
  free (f->threads);
  f->threads = NULL;
}

/* Signals are for the threads that expect them. */
static int
make_threads (struct layered *ld, unsigned n, unsigned *made)
{
  struct layered_fetch *f = ld->fetch;
  sigset_t all, before;
  int error = 0;

  sigfillset (&all);
  pthread_sigmask (SIG_SETMASK, &all, &before);
  for (*made = 0; *made < n && error == 0; *made += error == 0)
    error = pthread_create (&f->threads[*made], NULL, work, ld);
  pthread_sigmask (SIG_SETMASK, &before, NULL);
  return error;
}

int
layered_fetch_start (struct layered *ld, int *err)
{
  struct layered_fetch *f = ld->fetch;
  const unsigned n = fetch_parallel (ld);
  unsigned made;

  if (f == NULL)
    return 0;
  f->threads = calloc (n, sizeof *f->threads);
  if (f->threads == NULL) {
    *err = ENOMEM;
    return -1;
  }
  f->stopping = false;
  *err = make_threads (ld, n, &made);
  if (*err != 0) {
    join_threads (f, made);
    return -1;
  }
  LOCK_SCOPE (&f->lock);
  f->nthreads = n;
  return 0;
}

void
layered_fetch_stop (struct layered *ld)
{
  struct layered_fetch *f = ld->fetch;

  if (f != NULL && f->threads != NULL)
    join_threads (f, f->nthreads);
}
