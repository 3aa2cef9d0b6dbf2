/* SPDX-License-Identifier: BSD-3-Clause
 *
 * N threads that start together, and are waited for.
 */

#ifndef DISKSTACK_TEST_THREADS_H
#define DISKSTACK_TEST_THREADS_H

#include <pthread.h>
#include <stdlib.h>

#define THREADS_MAX 64

struct threads_one {
  pthread_t thread;
  pthread_barrier_t *start;
  void (*fn) (void *opaque, unsigned index);
  void *opaque;
  unsigned index;
};

static inline void *
threads_main (void *v)
{
  struct threads_one *one = v;

  pthread_barrier_wait (one->start);
  one->fn (one->opaque, one->index);
  return NULL;
}

/* Call FN (OPAQUE, I) for I = 0 .. N-1 in N threads at once. */
static inline void
threads_run (unsigned n, void (*fn) (void *opaque, unsigned index),
             void *opaque)
{
  struct threads_one one[THREADS_MAX];
  pthread_barrier_t start;

  if (n > THREADS_MAX || pthread_barrier_init (&start, NULL, n) != 0)
    abort ();
  for (unsigned i = 0; i < n; i++) {
    one[i] = (struct threads_one){
      .start = &start, .fn = fn, .opaque = opaque, .index = i
    };
    if (pthread_create (&one[i].thread, NULL, threads_main, &one[i]) != 0)
      abort ();
  }
  for (unsigned i = 0; i < n; i++)
    pthread_join (one[i].thread, NULL);
  pthread_barrier_destroy (&start);
}

#endif /* DISKSTACK_TEST_THREADS_H */
