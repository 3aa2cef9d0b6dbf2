/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A thread of a stack that works in the background until it is done or
 * told to stop, and can sleep without being late for that.
 */

#ifndef DISKSTACK_LAYERED_BACKGROUND_H
#define DISKSTACK_LAYERED_BACKGROUND_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

struct layered_background {
  pthread_t thread;
  pthread_mutex_t lock;
  pthread_cond_t wake;
  bool stop; /* with lock */
};

/* Run FN (OPAQUE) in a thread.  0, or -1 with *err. */
extern int layered_background_start (struct layered_background *b,
                                     void *(*fn) (void *opaque), void *opaque,
                                     int *err);

/* Tell the thread to stop, and wait until it has. */
extern void layered_background_stop (struct layered_background *b);

/* For the thread.  Sleep NS nanoseconds, or less if it is to stop; 0 does
 * not.  Returns whether to go on.
 */
extern bool layered_background_sleep (struct layered_background *b,
                                      uint64_t ns);

#endif /* DISKSTACK_LAYERED_BACKGROUND_H */
