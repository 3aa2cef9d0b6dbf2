/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See fake-engine.h.
 */

#include <config.h>

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "support/fake-engine.h"

#define MAX_JOBS 64

struct fake_engine_plan fake_engine_plan;

struct channel {
  int fd;
  unsigned depth, n;
  struct file_job jobs[MAX_JOBS];
};

static void *
fake_open (int fd, unsigned depth, char *buf, size_t size)
{
  struct channel *c;

  if (fake_engine_plan.open_error != 0) {
    errno = fake_engine_plan.open_error;
    return NULL;
  }
  c = calloc (1, sizeof *c);
  if (c == NULL || depth > MAX_JOBS)
    abort ();
  c->fd = fd;
  c->depth = depth;
  fake_engine_plan.opened++;
  return c;
}

static void
fake_close (void *channel)
{
  fake_engine_plan.closed++;
  free (channel);
}

static void
fake_start (void *channel, const struct file_job *job)
{
  struct channel *c = channel;

  if (c->n == c->depth)
    abort ();
  c->jobs[c->n++] = *job;
  if (c->n > fake_engine_plan.most)
    fake_engine_plan.most = c->n;
}

static ssize_t
do_job (const struct channel *c, const struct file_job *j)
{
  const struct fake_engine_plan *p = &fake_engine_plan;
  size_t count = j->count;
  ssize_t r;

  if (p->jobs == p->odd_job) {
    if (p->odd_error != 0)
      return -p->odd_error;
    count = p->odd_count;
  }
  r = j->write ? pwrite (c->fd, j->buf, count, (off_t) j->offset) :
                 pread (c->fd, j->buf, count, (off_t) j->offset);
  return r == -1 ? -errno : r;
}

/* The last comes first, then the first, and so on. */
static int
fake_wait (void *channel, unsigned *tag, ssize_t *result)
{
  struct fake_engine_plan *p = &fake_engine_plan;
  struct channel *c = channel;
  unsigned i = p->jobs % 2 == 0 ? c->n - 1 : 0;

  if (p->break_error != 0 && p->jobs == p->break_at) {
    errno = p->break_error;
    p->break_error = 0;
    c->n = 0;
    return -1;
  }
  p->jobs++;
  *tag = c->jobs[i].tag;
  *result = do_job (c, &c->jobs[i]);
  for (c->n--; i < c->n; i++)
    c->jobs[i] = c->jobs[i + 1];
  return 0;
}

const struct file_engine fake_engine = {
  .name = "fake",
  .open = fake_open,
  .close = fake_close,
  .start = fake_start,
  .wait = fake_wait,
};
