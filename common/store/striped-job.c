/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Jobs of the striped store.  Members that answer from memory are asked
 * one after the other by the thread that wants to know: waking another
 * one takes longer than the answer.  What tells is whether the last parts
 * put their threads to sleep, which the kernel counts.
 */

#include <config.h>

#include <errno.h>
#include <sys/resource.h>

#include "base/log.h"
#include "store/store-striped-impl.h"

struct store *
striped_part_store (const struct striped_job *j, const struct striped_part *p)
{
  return j->s->member[p->member].store;
}

uint64_t
striped_part_offset (const struct striped_job *j, const struct striped_part *p)
{
  return j->s->data_offset + p->range.offset;
}

void
striped_job_cut (struct striped_job *j)
{
  const struct stripe_map *map = &j->s->map;
  const struct stripe_place first = stripe_map_find (map, j->offset);

  j->n = 0;
  if (j->count <= first.left) {
    j->part[j->n++] =
      (struct striped_part){ .member = first.member,
                             .range = { first.offset, j->count } };
    return;
  }
  for (unsigned i = 0; i < map->count; i++) {
    struct striped_part *p = &j->part[j->n];

    p->member = i;
    p->range = stripe_map_member (map, i, j->offset, j->count);
    if (p->range.count > 0)
      j->n++;
  }
}

void
striped_job_all (struct striped_job *j)
{
  j->n = j->s->map.count;
  for (unsigned i = 0; i < j->n; i++)
    j->part[i] = (struct striped_part){ .member = i };
}

/* ------------------------------------------------------------------ */
/* Doing them */

/* How often this thread has gone to sleep by itself. */
static long
sleeps (void)
{
  struct rusage u;

  return getrusage (RUSAGE_THREAD, &u) == 0 ? u.ru_nvcsw : 0;
}

/* A moving average; a lost update does not matter. */
static void
learn (struct striped *s, bool slept)
{
  const unsigned old = atomic_load_explicit (&s->sleepy, memory_order_relaxed);
  const unsigned new = old - old / 16 + (slept ? STRIPED_SLEEPY_ALL / 16 : 0);

  if (new != old)
    atomic_store_explicit (&s->sleepy, new, memory_order_relaxed);
}

static bool
is_sleepy (const struct striped *s)
{
  return atomic_load_explicit (&s->sleepy, memory_order_relaxed) >
         STRIPED_SLEEPY_ALL / 4;
}

static void
do_part (struct striped_job *j, struct striped_part *p)
{
  p->err = 0;
  if (j->fn (j, p, &p->err) == 0)
    p->err = 0;
}

/* One of several. */
static void
do_and_learn (void *opaque, unsigned i)
{
  struct striped_job *j = opaque;
  const long before = sleeps ();

  do_part (j, &j->part[i]);
  learn (j->s, sleeps () != before);
}

void
striped_job_do (struct striped_job *j)
{
  if (j->n == 1)
    do_part (j, &j->part[0]);
  else if (is_sleepy (j->s))
    task_pool_run (j->s->pool, do_and_learn, j, j->n);
  else {
    for (unsigned i = 0; i < j->n; i++)
      do_and_learn (j, i);
  }
}

/* ------------------------------------------------------------------ */
/* What came of them */

/* The range was inside the member when the disk was made of it. */
static bool
has_shrunk (const struct striped *s, unsigned member)
{
  return store_size (s->member[member].store) <
         s->data_offset + s->map.rows * s->map.chunk;
}

int
striped_job_result (struct striped_job *j, int *err)
{
  const struct striped_part *p = j->part;

  while (p < j->part + j->n && p->err == 0)
    p++;
  if (p == j->part + j->n)
    return 0;
  *err = p->err;
  if (has_shrunk (j->s, p->member)) {
    log_error ("striped: member %u (%s) has become smaller", p->member + 1,
               j->s->member[p->member].name);
    *err = EIO;
  }
  errno = *err;
  log_error ("striped: %s of %llu bytes at %llu: member %u (%s): %m", j->what,
             (unsigned long long) j->count, (unsigned long long) j->offset,
             p->member + 1, j->s->member[p->member].name);
  return -1;
}

int
striped_job_run (struct striped_job *j, int *err)
{
  striped_job_do (j);
  return striped_job_result (j, err);
}
