/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See disk-walk.h.  The threads take pieces from one cursor, which asks
 * the disk for extents, a stretch at a time; so the pieces begin in the
 * order of the disk.  A gap between data that is small is no gap: reading
 * it costs less than another request.
 */

#include <config.h>

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/align.h"
#include "base/cleanup.h"
#include "disk-walk.h"

#define STRETCH (UINT64_C (1) << 30) /* that extents are asked for at once */
#define GAP (UINT64_C (64) << 10)
#define BUFFER_ALIGN 4096
#define THREADS_MAX 8

struct cursor {
  const struct disk_walk *w;
  pthread_mutex_t lock; /* of all below */
  uint64_t next;        /* where the next piece begins */
  struct extent_list extents;
  size_t at; /* the extent that NEXT is in */
  bool stopped;
  int result, err;
  struct disk_walk_failure failure;
};

/* What a run is, merged from extents. */
struct run {
  bool data;
  uint64_t end;
};

/* ------------------------------------------------------------------ */
/* The cursor; its lock is held */

static int
stop (struct cursor *c, int result)
{
  if (!c->stopped)
    c->result = result;
  c->stopped = true;
  return -1;
}

static void
fail (struct cursor *c, const char *step, uint64_t offset, uint64_t count,
      int err)
{
  if (c->stopped)
    return;
  c->failure = (struct disk_walk_failure){ step, offset, count };
  c->err = err;
  stop (c, -1);
}

/* Make the extents reach beyond NEXT. */
static int
refill (struct cursor *c)
{
  const uint64_t count = min_u64 (STRETCH, c->w->end - c->next);
  int err;

  if (c->at < c->extents.len)
    return 0;
  extent_list_fini (&c->extents);
  extent_list_init (&c->extents, c->next, c->next + count, false);
  c->at = 0;
  if (store_extents (c->w->disk, count, c->next, 0, &c->extents, &err) == 0)
    return 0;
  fail (c, "looking for data", c->next, count, err);
  return -1;
}

static uint64_t
extent_end (const struct extent *e)
{
  return e->offset + e->count;
}

static bool
is_data (const struct extent *e)
{
  return !(e->type & EXTENT_ZERO);
}

/* The run that NEXT is in, so far as the extents tell. */
static struct run
find_run (const struct cursor *c)
{
  const struct extent *v = c->extents.v;
  size_t i = c->at;
  struct run r = { is_data (&v[i]), extent_end (&v[i]) };

  while (++i < c->extents.len) {
    const bool gap =
      !is_data (&v[i]) && v[i].count < GAP && i + 1 < c->extents.len;

    if (is_data (&v[i]) != r.data && !(r.data && gap))
      break;
    if (is_data (&v[i]) || !r.data)
      r.end = extent_end (&v[i]);
  }
  return r;
}

static void
advance (struct cursor *c, uint64_t to)
{
  c->next = to;
  while (c->at < c->extents.len && extent_end (&c->extents.v[c->at]) <= to)
    c->at++;
}

/* Take the next piece.  0, or -1 if there is none. */
static int
take (struct cursor *c, struct disk_piece *p)
{
  const struct disk_walk *w = c->w;
  struct run r;

  LOCK_SCOPE (&c->lock);
  do {
    if (c->stopped || c->next == w->end)
      return -1;
    if (w->progress != NULL && !w->progress (w->opaque, c->next))
      return stop (c, 0);
    if (refill (c) == -1)
      return -1;
    r = find_run (c);
    p->data = r.data;
    p->offset = c->next;
    if (r.data)
      r.end = min_u64 (r.end, ROUND_DOWN (c->next, DISK_PIECE) + DISK_PIECE);
    p->count = r.end - c->next;
    advance (c, r.end);
  } while (!p->data && !w->zeroes);
  return 0;
}

/* ------------------------------------------------------------------ */
/* The threads */

static void *
run_thread (void *arg)
{
  struct cursor *c = arg;
  CLEANUP_FREE char *buf = aligned_alloc (BUFFER_ALIGN, 2 * DISK_PIECE);
  struct disk_piece p = { .buf = buf, .other = buf + DISK_PIECE };
  int err = ENOMEM;

  p.step = "getting memory";
  while ((buf == NULL || take (c, &p) == 0)) {
    if (buf != NULL && c->w->piece (c->w->opaque, &p, &err) == 0)
      continue;
    LOCK_SCOPE (&c->lock);
    fail (c, p.step, p.offset, p.count, err);
    break;
  }
  return NULL;
}

static unsigned
count_threads (const struct disk_walk *w)
{
  const long n = sysconf (_SC_NPROCESSORS_ONLN);
  const uint64_t pieces = DIV_ROUND_UP (w->end - w->start, DISK_PIECE);

  /* More than processors, as they wait for the medium, too. */
  return (unsigned) min_u64 (
    min_u64 (2 * (n > 0 ? (uint64_t) n : 1), THREADS_MAX), pieces);
}

int
disk_walk (const struct disk_walk *w, struct disk_walk_failure *f, int *err)
{
  const unsigned n = count_threads (w);
  struct cursor c = { .w = w, .result = 1, .next = w->start };
  pthread_t thread[THREADS_MAX];
  unsigned started = 1;

  pthread_mutex_init (&c.lock, NULL);
  extent_list_init (&c.extents, 0, 0, false);
  while (started < n &&
         pthread_create (&thread[started], NULL, run_thread, &c) == 0)
    started++;
  run_thread (&c); /* this one is the first */
  while (started > 1)
    pthread_join (thread[--started], NULL);
  extent_list_fini (&c.extents);
  pthread_mutex_destroy (&c.lock);
  *f = c.failure;
  *err = c.err;
  return c.result;
}
