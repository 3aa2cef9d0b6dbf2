/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See task-pool.h.  A job is on the stack of the thread that runs it, and
 * in the queue as long as a part of it is left to be taken.
 */

#include <config.h>

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/queue.h>

#include "base/cleanup.h"
#include "store/task-pool.h"

struct job {
  TAILQ_ENTRY (job) link;
  void (*fn) (void *opaque, unsigned i);
  void *opaque;
  unsigned n;
  unsigned next;       /* the first part that nobody has taken */
  unsigned running;    /* parts that have been taken and are not done */
  pthread_cond_t done; /* running is 0 */
};

struct task_pool {
  pthread_mutex_t lock;
  pthread_cond_t work;
  TAILQ_HEAD (, job) queue;
  unsigned left; /* parts in the queue */
  unsigned idle; /* threads that wait for one */
  bool stopping;
  unsigned max, nthreads;
  pthread_t threads[];
};

struct task_pool *
task_pool_create (unsigned max)
{
  struct task_pool *p = calloc (1, sizeof *p + max * sizeof p->threads[0]);

  if (p == NULL)
    return NULL;
  pthread_mutex_init (&p->lock, NULL);
  pthread_cond_init (&p->work, NULL);
  TAILQ_INIT (&p->queue);
  p->max = max;
  return p;
}

/* Do one part of J, with the lock held except while it is done. */
static void
do_part_locked (struct task_pool *p, struct job *j)
{
  const unsigned i = j->next++;

  p->left--;
  j->running++;
  if (j->next == j->n)
    TAILQ_REMOVE (&p->queue, j, link);
  pthread_mutex_unlock (&p->lock);
  j->fn (j->opaque, i);
  pthread_mutex_lock (&p->lock);
  if (--j->running == 0 && j->next == j->n)
    pthread_cond_signal (&j->done);
}

static void *
work (void *v)
{
  struct task_pool *p = v;

  LOCK_SCOPE (&p->lock);
  for (;;) {
    struct job *j = TAILQ_FIRST (&p->queue);

    if (j != NULL)
      do_part_locked (p, j);
    else if (p->stopping)
      return NULL;
    else {
      p->idle++;
      pthread_cond_wait (&p->work, &p->lock);
      p->idle--;
    }
  }
}

/* One more, if it may be; without it jobs only take longer.  Signals are
 * for the threads that expect them.
 */
static void
add_thread_locked (struct task_pool *p)
{
  sigset_t all, before;

  if (p->nthreads == p->max)
    return;
  sigfillset (&all);
  pthread_sigmask (SIG_SETMASK, &all, &before);
  if (pthread_create (&p->threads[p->nthreads], NULL, work, p) == 0)
    p->nthreads++;
  pthread_sigmask (SIG_SETMASK, &before, NULL);
}

/* Have somebody look at each part but one, which is for the caller. */
static void
call_threads_locked (struct task_pool *p, unsigned n)
{
  for (unsigned i = 1; i < n; i++) {
    if (p->left - n + i > p->idle)
      add_thread_locked (p);
    else
      pthread_cond_signal (&p->work);
  }
}

void
task_pool_run (struct task_pool *p, void (*fn) (void *opaque, unsigned i),
               void *opaque, unsigned n)
{
  struct job j = { .fn = fn, .opaque = opaque, .n = n };

  if (n == 0)
    return;
  pthread_cond_init (&j.done, NULL);
  pthread_mutex_lock (&p->lock);
  TAILQ_INSERT_TAIL (&p->queue, &j, link);
  p->left += n;
  call_threads_locked (p, n);
  while (j.next < n)
    do_part_locked (p, &j);
  while (j.running > 0)
    pthread_cond_wait (&j.done, &p->lock);
  pthread_mutex_unlock (&p->lock);
  pthread_cond_destroy (&j.done);
}

void
task_pool_free (struct task_pool *p)
{
  if (p == NULL)
    return;
  pthread_mutex_lock (&p->lock);
  p->stopping = true;
  pthread_cond_broadcast (&p->work);
  pthread_mutex_unlock (&p->lock);
  for (unsigned i = 0; i < p->nthreads; i++)
    pthread_join (p->threads[i], NULL);
  pthread_cond_destroy (&p->work);
  pthread_mutex_destroy (&p->lock);
  free (p);
}
