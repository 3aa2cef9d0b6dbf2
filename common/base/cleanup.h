/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Scope-bound clean-up: memory, file descriptors and locks that are
 * released wherever the scope is left.
 */

#ifndef DISKSTACK_CLEANUP_H
#define DISKSTACK_CLEANUP_H

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#define CLEANUP(fn) __attribute__ ((cleanup (fn)))

static inline void
cleanup_free (void *pp)
{
  free (*(void **) pp);
}

/* free() the pointer at the end of its scope. */
#define CLEANUP_FREE CLEANUP (cleanup_free)

static inline void
cleanup_close (int *fd)
{
  int saved = errno;

  if (*fd >= 0)
    close (*fd);
  errno = saved;
}

/* close() the descriptor at the end of its scope, unless it is -1. */
#define CLEANUP_CLOSE CLEANUP (cleanup_close)

/* Take the pointer or descriptor out of the care of its scope. */
static inline void *
steal_ptr (void *pp)
{
  void **p = pp, *r = *p;

  *p = NULL;
  return r;
}

static inline int
steal_fd (int *fd)
{
  int r = *fd;

  *fd = -1;
  return r;
}

static inline void
cleanup_mutex_unlock (pthread_mutex_t **m)
{
  pthread_mutex_unlock (*m);
}

static inline void
cleanup_rwlock_unlock (pthread_rwlock_t **l)
{
  pthread_rwlock_unlock (*l);
}

#define CLEANUP_NAME_2(a, b) a##b
#define CLEANUP_NAME_1(a, b) CLEANUP_NAME_2 (a, b)

/* Hold the lock from here to the end of the scope. */
#define LOCK_SCOPE(mutex)                                            \
  CLEANUP (cleanup_mutex_unlock)                                     \
  pthread_mutex_t *CLEANUP_NAME_1 (lock_scope_, __LINE__) = (mutex); \
  pthread_mutex_lock (CLEANUP_NAME_1 (lock_scope_, __LINE__))

#define RDLOCK_SCOPE(rwlock)                                           \
  CLEANUP (cleanup_rwlock_unlock)                                      \
  pthread_rwlock_t *CLEANUP_NAME_1 (lock_scope_, __LINE__) = (rwlock); \
  pthread_rwlock_rdlock (CLEANUP_NAME_1 (lock_scope_, __LINE__))

#define WRLOCK_SCOPE(rwlock)                                           \
  CLEANUP (cleanup_rwlock_unlock)                                      \
  pthread_rwlock_t *CLEANUP_NAME_1 (lock_scope_, __LINE__) = (rwlock); \
  pthread_rwlock_wrlock (CLEANUP_NAME_1 (lock_scope_, __LINE__))

#endif /* DISKSTACK_CLEANUP_H */
