/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Threads that do parts of a job beside the thread whose job it is.  That
 * one takes parts too, so a job gets done even if there is no thread for
 * it; and what it has taken on it does not wait for.
 *
 * Threads are made when they are needed, never before the first job: a
 * pool can be created before a process forks.
 */

#ifndef DISKSTACK_TASK_POOL_H
#define DISKSTACK_TASK_POOL_H

struct task_pool;

/* A pool of at most MAX threads.  NULL with errno = ENOMEM. */
extern struct task_pool *task_pool_create (unsigned max);

/* When no job runs.  NULL is ignored. */
extern void task_pool_free (struct task_pool *p);

/* Call FN (OPAQUE, I) for I = 0 .. N-1, at the same time as far as there
 * are threads, and return when all calls have.  FN must not run jobs of
 * the same pool.  Any number of threads may do this at once.
 */
extern void task_pool_run (struct task_pool *p,
                           void (*fn) (void *opaque, unsigned i), void *opaque,
                           unsigned n);

#endif /* DISKSTACK_TASK_POOL_H */
