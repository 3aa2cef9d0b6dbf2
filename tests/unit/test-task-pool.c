/* SPDX-License-Identifier: BSD-3-Clause
 *
 * task-pool: each part is done once, at the same time as the others where
 * there are threads, and by the caller where there are none.
 */

#include <config.h>

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <time.h>

#include "base/align.h"
#include "store/task-pool.h"
#include "support/alloc-fault.h"
#include "support/main.h"
#include "support/threads.h"

#define MOST 100

static bool no_threads;

extern int __real_pthread_create (pthread_t *t, const pthread_attr_t *a,
                                  void *(*fn) (void *), void *arg);
extern int __wrap_pthread_create (pthread_t *t, const pthread_attr_t *a,
                                  void *(*fn) (void *), void *arg);

int
__wrap_pthread_create (pthread_t *t, const pthread_attr_t *a,
                       void *(*fn) (void *), void *arg)
{
  return no_threads ? EAGAIN : __real_pthread_create (t, a, fn, arg);
}

struct counts {
  _Atomic unsigned done[MOST];
  pthread_t caller;
  _Atomic bool elsewhere;
};

static void
count (void *opaque, unsigned i)
{
  struct counts *c = opaque;

  c->done[i]++;
  if (!pthread_equal (pthread_self (), c->caller))
    c->elsewhere = true;
}

static void
run_counts (struct task_pool *p, unsigned n)
{
  struct counts c = { .caller = pthread_self () };

  task_pool_run (p, count, &c, n);
  for (unsigned i = 0; i < MOST; i++)
    quick_assert (c.done[i] == (i < n));
  quick_assert (!no_threads || !c.elsewhere);
}

START_TEST (once)
{
  struct task_pool *p = task_pool_create (4);

  for (unsigned n = 0; n <= MOST; n++)
    run_counts (p, n);
  task_pool_free (p);
  task_pool_free (NULL);
}
END_TEST

/* Parts that wait for each other get a thread each. */
static void
meet (void *opaque, unsigned i)
{
  pthread_barrier_wait (opaque);
}

START_TEST (together)
{
  struct task_pool *p = task_pool_create (7);
  pthread_barrier_t barrier;

  pthread_barrier_init (&barrier, NULL, 8);
  for (unsigned i = 0; i < 100; i++)
    task_pool_run (p, meet, &barrier, 8);
  pthread_barrier_destroy (&barrier);
  task_pool_free (p);
}
END_TEST

START_TEST (alone)
{
  struct task_pool *p = task_pool_create (4), *none = task_pool_create (0);

  no_threads = true;
  run_counts (p, MOST);
  no_threads = false;
  run_counts (p, MOST);
  run_counts (none, MOST);
  task_pool_free (none);
  task_pool_free (p);
}
END_TEST

/* Jobs of many threads, more than there are threads for. */
static void
many (void *opaque, unsigned index)
{
  for (unsigned i = 0; i < 500; i++)
    run_counts (opaque, 1 + (index + i) % 9);
}

START_TEST (crowd)
{
  struct task_pool *p = task_pool_create (3);

  threads_run (8, many, p);
  task_pool_free (p);
}
END_TEST

START_TEST (no_memory)
{
  struct task_pool *p;

  alloc_fault_nth (1);
  errno = 0;
  p = task_pool_create (4);
  ck_assert (alloc_fault_stop ());
  ck_assert_ptr_null (p);
  ck_assert_int_eq (errno, ENOMEM);
}
END_TEST

int
main (void)
{
  const TTest *const tests[] = { once, together, alone, crowd, no_memory };

  return test_main ("task-pool", tests, ARRAY_SIZE (tests));
}
