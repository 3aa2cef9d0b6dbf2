/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The life of a flight: layered-fetch.h has what it is and why it may be
 * shared.
 *
 * A flight that failed leaves the table before anybody hears of it, so
 * that who comes later tries anew.  One that has its data tells who waits
 * at once, and leaves the table when the data is in the layer.  One whose
 * data is in a reader's own memory leaves first, gets a copy if anybody
 * joined it, and then tells: when it is done nobody looks at that memory.
 */

#include <config.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "layered/layered-fetch.h"

struct flight *
flight_create_locked (struct layered_fetch *f, unsigned level, uint64_t start,
                      uint64_t end, cache_moment moment)
{
  struct flight *fl = calloc (1, sizeof *fl);

  if (fl == NULL)
    return NULL;
  pthread_cond_init (&fl->done, NULL);
  fl->level = level;
  fl->start = start;
  fl->end = end;
  fl->moment = moment;
  fl->state = FLIGHT_QUEUED;
  fl->refs = 1;
  fl->linked = true;
  /* The newest first: it is the one that most can use. */
  TAILQ_INSERT_HEAD (&f->table[level], fl, link);
  return fl;
}

static void
unlink_locked (struct layered_fetch *f, struct flight *fl)
{
  if (fl->linked)
    TAILQ_REMOVE (&f->table[fl->level], fl, link);
  fl->linked = false;
}

void
flight_put_locked (struct layered_fetch *f, struct flight *fl)
{
  if (--fl->refs > 0)
    return;
  unlink_locked (f, fl);
  pthread_cond_destroy (&fl->done);
  free (fl->own);
  free (fl);
}

void
flight_enqueue_locked (struct layered_fetch *f, struct flight *fl,
                       struct flight_queue *q)
{
  fl->refs++;
  fl->queue = q;
  TAILQ_INSERT_TAIL (q, fl, place);
  pthread_cond_signal (&f->work);
}

void
flight_dequeue_locked (struct layered_fetch *f, struct flight *fl)
{
  if (fl->queue == NULL)
    return;
  TAILQ_REMOVE (fl->queue, fl, place);
  fl->queue = NULL;
  flight_put_locked (f, fl);
}

bool
flight_claim_locked (struct layered_fetch *f, struct flight *fl)
{
  if (fl->state != FLIGHT_QUEUED)
    return false;
  fl->state = FLIGHT_RUNNING;
  flight_dequeue_locked (f, fl);
  return true;
}

void
flight_wait_locked (struct layered_fetch *f, struct flight *fl)
{
  while (fl->state != FLIGHT_DONE)
    pthread_cond_wait (&fl->done, &f->lock);
}

static void
tell_locked (struct flight *fl)
{
  fl->state = FLIGHT_DONE;
  pthread_cond_broadcast (&fl->done);
}

/* The read below.  False with error or unread set. */
static bool
read_below (struct layered *ld, struct store *bottom, struct flight *fl)
{
  const uint32_t n = fl->end - fl->start;
  int err = 0;

  if (!fl->direct)
    fl->data = fl->own = malloc ((size_t) n << ld->sector_shift);
  if (fl->data == NULL) {
    fl->unread = true;
    return false;
  }
  if (layered_read_from (ld, bottom, fl->level + 1, fl->data, fl->start, n,
                         &err) == 0)
    return true;
  fl->error = err;
  return false;
}

static void
store_data (struct layered *ld, struct store *bottom, const struct flight *fl,
            const char *data)
{
  const _Atomic uint64_t *failures = &ld->counters[fl->level].populate_failures;
  const uint64_t before = count_get (failures);

  layered_cache_populate (ld, fl->level, bottom, data, fl->start,
                          fl->end - fl->start, fl->moment);
  /* Somebody else's failure will do as well. */
  atomic_store_explicit (&ld->fetch->full[fl->level],
                         count_get (failures) != before, memory_order_relaxed);
}

/* Nobody joins any more; those who did get their data from a copy. */
static void
leave_direct (struct layered *ld, struct flight *fl)
{
  const size_t count = (fl->end - fl->start) << ld->sector_shift;
  struct layered_fetch *f = ld->fetch;
  bool copy;

  pthread_mutex_lock (&f->lock);
  unlink_locked (f, fl);
  copy = fl->joined > 0;
  pthread_mutex_unlock (&f->lock);

  if (copy)
    fl->own = malloc (count);
  if (fl->own != NULL)
    memcpy (fl->own, fl->data, count);
  fl->unread = copy && fl->own == NULL;
  fl->data = fl->own;
  LOCK_SCOPE (&f->lock);
  tell_locked (fl);
}

static void
fail (struct layered *ld, struct flight *fl)
{
  if (fl->ahead) {
    errno = fl->error;
    log_debug ("readahead: %s: offset=%llu count=%llu: %m",
               ld->member[fl->level].layer->ops->name,
               (unsigned long long) fl->start << ld->sector_shift,
               (unsigned long long) (fl->end - fl->start) << ld->sector_shift);
    layered_readahead_failed (ld, fl);
  }
  LOCK_SCOPE (&ld->fetch->lock);
  unlink_locked (ld->fetch, fl);
  tell_locked (fl);
}

void
flight_run (struct layered *ld, struct store *bottom, struct flight *fl)
{
  struct layered_fetch *f = ld->fetch;

  if (!read_below (ld, bottom, fl)) {
    fail (ld, fl);
    return;
  }
  if (fl->ahead)
    count_add (&ld->fetch_counters.readahead, (fl->end - fl->start)
                                                << ld->sector_shift);
  if (fl->direct) {
    store_data (ld, bottom, fl, fl->data);
    leave_direct (ld, fl);
    return;
  }
  pthread_mutex_lock (&f->lock);
  tell_locked (fl);
  pthread_mutex_unlock (&f->lock);
  store_data (ld, bottom, fl, fl->data);
  LOCK_SCOPE (&f->lock);
  unlink_locked (f, fl);
}
