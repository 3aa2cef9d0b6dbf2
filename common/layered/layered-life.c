/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A stack with a way down of its own: its thread, which cleans by age and
 * pressure and evicts ahead of need, from layered_start to layered_stop.
 */

#include <config.h>

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "base/cleanup.h"
#include "layered/layered-cache-impl.h"
#include "layered/layered-hydrate.h"
#include "layered/layered-prefetch.h"

#define DEFAULT_FETCH 65536u
#define DEFAULT_READAHEAD (UINT32_C (8) << 20)
#define DEFAULT_PARALLEL 8
#define DEFAULT_AGE 5000 /* milliseconds */

/* Longest pause after failures, in ages or seconds. */
#define PAUSE_MAX 32

struct layered_threads {
  struct layered *ld;
  pthread_t thread;
  pthread_mutex_t lock;
  pthread_cond_t wake;
  bool stop, woken;
};

void
layered_tune (struct layered *ld, const struct layered_tuning *t)
{
  const uint32_t fetch = t->fetch != 0 ? t->fetch : DEFAULT_FETCH;

  ld->tuning.fetch = max_u64 (fetch, UINT64_C (1) << ld->sector_shift);
  ld->tuning.readahead = t->readahead != 0 ? t->readahead : DEFAULT_READAHEAD;
  ld->tuning.parallel = t->parallel != 0 ? t->parallel : DEFAULT_PARALLEL;
  ld->tuning.age = t->age != 0 ? t->age : DEFAULT_AGE;
}

void
layered_wake (struct layered *ld)
{
  struct layered_threads *t = ld->threads;

  if (t == NULL)
    return;
  LOCK_SCOPE (&t->lock);
  t->woken = true;
  pthread_cond_signal (&t->wake);
}

/* The thread. */

static struct timespec
in_milliseconds (unsigned ms)
{
  struct timespec t;

  clock_gettime (CLOCK_MONOTONIC, &t);
  t.tv_sec += ms / 1000;
  t.tv_nsec += (long) (ms % 1000) * 1000000;
  if (t.tv_nsec >= 1000000000) {
    t.tv_sec++;
    t.tv_nsec -= 1000000000;
  }
  return t;
}

static bool
is_past (const struct timespec *t)
{
  struct timespec now;

  clock_gettime (CLOCK_MONOTONIC, &now);
  return now.tv_sec > t->tv_sec ||
         (now.tv_sec == t->tv_sec && now.tv_nsec >= t->tv_nsec);
}

/* Wait for work, until DUE; false if it is time to stop. */
static bool
wait_for_work (struct layered_threads *t, const struct timespec *due)
{
  LOCK_SCOPE (&t->lock);
  while (!t->stop && !t->woken) {
    if (pthread_cond_timedwait (&t->wake, &t->lock, due) == ETIMEDOUT)
      break;
  }
  t->woken = false;
  return !t->stop;
}

/* Everything that is dirty now has been so for an age at most. */
static int
clean_by_age (struct layered *ld)
{
  int r = 0, err;

  for (unsigned i = 0; i < ld->nlayers; i++) {
    struct layered_cache *c = ld->cache[i];

    if (c == NULL || !c->write_back)
      continue;
    if (cache_clean (c, ld->own_bottom, 0, c->nclusters, &err) == -1)
      r = -1;
    if (atomic_load (&c->nunstable) > 0 &&
        cache_flush_below (c, ld->own_bottom, &err) == -1)
      r = -1;
  }
  return r;
}

static void
work_ahead (struct layered *ld, uint64_t *cursor)
{
  for (unsigned i = 0; i < ld->nlayers; i++) {
    if (ld->cache[i] != NULL && cache_wants_work (ld->cache[i]))
      cache_work (ld->cache[i], ld->own_bottom, &cursor[i]);
  }
}

static void *
background (void *arg)
{
  struct layered_threads *t = arg;
  struct layered *ld = t->ld;
  struct timespec due = in_milliseconds (ld->tuning.age);
  uint64_t cursor[LAYERED_MAX] = { 0 };
  unsigned pause = 1;

  while (wait_for_work (t, &due)) {
    work_ahead (ld, cursor);
    if (is_past (&due)) {
      /* Of what fails, try again less and less often. */
      pause = clean_by_age (ld) == 0 ? 1 : min_u64 (pause * 2, PAUSE_MAX);
      due = in_milliseconds (ld->tuning.age * pause);
    }
  }
  return NULL;
}

static bool
needs_thread (const struct layered *ld)
{
  for (unsigned i = 0; i < ld->nlayers; i++) {
    if (ld->cache[i] != NULL)
      return true;
  }
  return false;
}

static int
start_thread (struct layered *ld, int *err)
{
  struct layered_threads *t = calloc (1, sizeof *t);
  pthread_condattr_t attr;

  if (t == NULL) {
    *err = ENOMEM;
    return -1;
  }
  t->ld = ld;
  pthread_mutex_init (&t->lock, NULL);
  pthread_condattr_init (&attr);
  pthread_condattr_setclock (&attr, CLOCK_MONOTONIC);
  pthread_cond_init (&t->wake, &attr);
  pthread_condattr_destroy (&attr);
  ld->threads = t;
  *err = pthread_create (&t->thread, NULL, background, t);
  if (*err == 0)
    return 0;
  ld->threads = NULL;
  pthread_cond_destroy (&t->wake);
  pthread_mutex_destroy (&t->lock);
  free (t);
  return -1;
}

static void
stop_thread (struct layered *ld)
{
  struct layered_threads *t = ld->threads;

  if (t == NULL)
    return;
  pthread_mutex_lock (&t->lock);
  t->stop = true;
  pthread_cond_signal (&t->wake);
  pthread_mutex_unlock (&t->lock);
  pthread_join (t->thread, NULL);
  ld->threads = NULL;
  pthread_cond_destroy (&t->wake);
  pthread_mutex_destroy (&t->lock);
  free (t);
}

int
layered_start (struct layered *ld, struct store *bottom, int *err)
{
  ld->own_bottom = bottom;
  if (layered_fetch_start (ld, err) == -1) {
    ld->own_bottom = NULL;
    return -1;
  }
  if (needs_thread (ld) && start_thread (ld, err) == -1) {
    layered_fetch_stop (ld);
    ld->own_bottom = NULL;
    return -1;
  }
  ld->started = true;
  return 0;
}

int
layered_stop (struct layered *ld, int *err)
{
  int r;

  if (!ld->started)
    return 0;
  layered_prefetch_stop (ld);
  layered_hydrate_stop (ld);
  layered_fetch_stop (ld);
  stop_thread (ld);
  r = layered_commit (ld, ld->own_bottom, err);
  store_close (ld->own_bottom);
  ld->own_bottom = NULL;
  ld->started = false;
  return r;
}

/* And a durable layer must not have it again after a crash: what it gave
 * up, or is clean, is so on its medium too.
 */
static int
move_down (struct layered_cache *c, struct store *bottom, int *err)
{
  if (cache_clean (c, bottom, 0, c->nclusters, err) == -1 ||
      cache_flush_below (c, bottom, err) == -1)
    return -1;
  return c->durable ? c->layer->ops->flush (c->layer, err) : 0;
}

/* What is write-back is moved down in its own time. */
int
layered_resume (struct layered *ld, struct store *bottom, int *err)
{
  for (unsigned i = 0; i < ld->nlayers && !ld->read_only; i++) {
    struct layered_cache *c = ld->cache[i];

    if (c != NULL && ld->member[i].write_through && layered_dirty (ld, i) > 0 &&
        move_down (c, bottom, err) == -1)
      return -1;
  }
  return 0;
}

/* From the top: what one layer gives up may have to go through the next. */
int
layered_commit (struct layered *ld, struct store *bottom, int *err)
{
  int r = 0, e;

  if (bottom == NULL)
    bottom = ld->own_bottom;
  for (unsigned i = 0; i < ld->nlayers; i++) {
    struct layered_cache *c = ld->cache[i];

    if (c != NULL && c->write_back && move_down (c, bottom, &e) == -1 &&
        r == 0) {
      *err = e;
      r = -1;
    }
  }
  /* What went through is to be durable as well. */
  if (r == 0 && !ld->read_only)
    r = layered_flush (ld, bottom, err);
  return r;
}
