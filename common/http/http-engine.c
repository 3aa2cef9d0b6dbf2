/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What drives a client: ranges wait in one of three queues for one of
 * a bounded number of transfers.  libcurl never has more of them than
 * there may be connections, so the order is ours: what somebody waits for
 * goes before what is read ahead, which never takes them all, but has its
 * share, as it may be what somebody has come to wait for.
 *
 * One thread at a time drives.  If nobody does, who waits for something can
 * do it himself until he has that, which spares him two changes of threads;
 * what there is to do then, and at all other times, the client's own thread
 * does.
 */

#include <config.h>

#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "base/align.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "http/http-impl.h"

/* Milliseconds: between looks for transfers that are silent. */
#define LOOK_MOST 1000
/* So many that are wanted may pass what waits to be read ahead. */
#define PASS_MOST 3

int64_t
http_now (void)
{
  return (int64_t) (clock_coarse_ns () / CLOCK_MILLISECOND);
}

/* ------------------------------------------------------------------ */
/* Queues */

static void
enqueue (struct http_client *c, struct http_range *r)
{
  if (r->due > http_now ())
    STAILQ_INSERT_TAIL (&c->later, r, link);
  else if (r->ahead)
    STAILQ_INSERT_TAIL (&c->ahead, r, link);
  else
    STAILQ_INSERT_TAIL (&c->wanted, r, link);
}

/* Where R is to be asked for.  False after log_error if that cannot be. */
static bool
set_place (struct http_range *r)
{
  if (r->place == NULL)
    r->place = r->url != NULL ? http_place_create (r->url) :
                                http_place_ref (r->object->now);
  return r->place != NULL;
}

/* What others have begun meanwhile. */
static void
take_incoming (struct http_client *c)
{
  struct http_ranges in = STAILQ_HEAD_INITIALIZER (in);
  struct http_range *r;

  pthread_mutex_lock (&c->lock);
  STAILQ_CONCAT (&in, &c->incoming);
  c->asleep = false;
  pthread_mutex_unlock (&c->lock);
  while ((r = STAILQ_FIRST (&in)) != NULL) {
    STAILQ_REMOVE_HEAD (&in, link);
    if (set_place (r))
      enqueue (c, r);
    else
      http_range_done (r, EINVAL);
  }
}

/* Those whose time has come; tells how long until the next, at most MOST. */
static int64_t
take_later (struct http_client *c, int64_t most)
{
  struct http_ranges all = STAILQ_HEAD_INITIALIZER (all);
  const int64_t now = http_now ();
  struct http_range *r;

  STAILQ_CONCAT (&all, &c->later);
  while ((r = STAILQ_FIRST (&all)) != NULL) {
    STAILQ_REMOVE_HEAD (&all, link);
    if (r->due > now)
      most = min_u64 (most, r->due - now);
    enqueue (c, r);
  }
  return most;
}

/* ------------------------------------------------------------------ */
/* Transfers */

static void
free_transfer (struct http_client *c, struct http_transfer *t)
{
  TAILQ_REMOVE (&c->active, t, link);
  c->nactive--;
  c->nahead -= t->range->ahead;
  curl_multi_remove_handle (c->multi, t->easy);
  free (t->held);
  t->held = NULL;
  t->range = NULL;
  TAILQ_INSERT_HEAD (&c->spare, t, link);
}

/* The end of T with CODE. */
static void
end_transfer (struct http_client *c, struct http_transfer *t, CURLcode code)
{
  struct http_range *r = t->range;
  int err;
  const int is_again = http_judge_end (t, code, &err);

  free_transfer (c, t);
  if (is_again)
    enqueue (c, r);
  else
    http_range_done (r, err);
}

static struct http_transfer *
spare_transfer (struct http_client *c)
{
  struct http_transfer *t = TAILQ_FIRST (&c->spare);

  if (t != NULL)
    TAILQ_REMOVE (&c->spare, t, link);
  else
    t = http_transfer_create (c);
  return t;
}

static void
start (struct http_client *c, struct http_range *r)
{
  struct http_transfer *t = NULL;
  int err = ENOMEM;

  if (atomic_load (&r->object->changed)) { /* which has been said */
    http_range_done (r, EIO);
    return;
  }
  t = spare_transfer (c);
  if (t == NULL) {
    log_error ("%s: out of memory", http_object_name (r->object));
    http_range_done (r, err);
    return;
  }
  TAILQ_INSERT_TAIL (&c->active, t, link);
  c->nactive++;
  c->nahead += r->ahead;
  t->range = r;
  if (http_transfer_set_up (t, r, &err) == 0 &&
      curl_multi_add_handle (c->multi, t->easy) == CURLM_OK)
    return;
  log_error ("%s: the request cannot be made", http_object_name (r->object));
  free_transfer (c, t);
  http_range_done (r, err);
}

/* How many of them may be for what nobody waits for. */
static unsigned
most_ahead (const struct http_client *c)
{
  return c->o.connections > 4 ? c->o.connections - 2 : c->o.connections;
}

/* The queue with the next that may be started, or NULL. */
static struct http_ranges *
next_queue (struct http_client *c)
{
  const bool ahead = !STAILQ_EMPTY (&c->ahead) && c->nahead < most_ahead (c);

  if (c->nactive >= c->o.connections)
    return NULL;
  if (!STAILQ_EMPTY (&c->wanted) && !(ahead && c->passed >= PASS_MOST))
    return &c->wanted;
  return ahead ? &c->ahead : NULL;
}

/* Take the first of Q. */
static struct http_range *
take_next (struct http_client *c, struct http_ranges *q)
{
  struct http_range *r = STAILQ_FIRST (q);

  STAILQ_REMOVE_HEAD (q, link);
  c->passed = q == &c->wanted && !STAILQ_EMPTY (&c->ahead) ? c->passed + 1 : 0;
  return r;
}

/* Those that libcurl is done with. */
static bool
reap (struct http_client *c)
{
  CURLMsg *m;
  bool any = false;
  int left;

  while ((m = curl_multi_info_read (c->multi, &left)) != NULL) {
    struct http_transfer *t;

    if (m->msg != CURLMSG_DONE)
      continue;
    curl_easy_getinfo (m->easy_handle, CURLINFO_PRIVATE, (char **) &t);
    end_transfer (c, t, m->data.result);
    any = true;
  }
  return any;
}

/* Milliseconds. */
static int64_t
look_every (const struct http_client *c)
{
  return min_u64 (c->o.timeout / 4 + 1, LOOK_MOST);
}

/* Those that nothing came from for too long, or next to nothing. */
static void
end_stalled (struct http_client *c)
{
  const int64_t now = http_now ();
  struct http_transfer *t, *next;

  if (now - c->looked < look_every (c))
    return;
  c->looked = now;
  for (t = TAILQ_FIRST (&c->active); t != NULL; t = next) {
    next = TAILQ_NEXT (t, link);
    if (http_transfer_is_stalled (t))
      end_transfer (c, t, CURLE_OPERATION_TIMEDOUT);
  }
}

/* ------------------------------------------------------------------ */
/* Objects that are being closed, and the end */

static bool
is_to_end (const struct http_range *r, bool all)
{
  return all || r->object->closing;
}

/* Objects that are being closed begin nothing more. */
static int
end_error (const struct http_range *r)
{
  return r->object->closing ? ESHUTDOWN : EIO;
}

static void
end_queue (struct http_ranges *q, bool all)
{
  struct http_ranges old = STAILQ_HEAD_INITIALIZER (old);
  struct http_range *r;

  STAILQ_CONCAT (&old, q);
  while ((r = STAILQ_FIRST (&old)) != NULL) {
    STAILQ_REMOVE_HEAD (&old, link);
    if (is_to_end (r, all))
      http_range_done (r, end_error (r));
    else
      STAILQ_INSERT_TAIL (q, r, link);
  }
}

/* End everything, or what belongs to objects that are being closed. */
static void
end_ranges (struct http_client *c, bool all)
{
  struct http_transfer *t, *next;
  struct http_range *r;

  end_queue (&c->wanted, all);
  end_queue (&c->ahead, all);
  end_queue (&c->later, all);
  for (t = TAILQ_FIRST (&c->active); t != NULL; t = next) {
    next = TAILQ_NEXT (t, link);
    r = t->range;
    if (!is_to_end (r, all))
      continue;
    free_transfer (c, t);
    http_range_done (r, end_error (r));
  }
}

static void
look_for_closing (struct http_client *c)
{
  bool cancel, all;

  pthread_mutex_lock (&c->lock);
  cancel = c->cancel;
  all = c->ended;
  c->cancel = false;
  pthread_mutex_unlock (&c->lock);
  if (cancel || all)
    end_ranges (c, all);
}

/* ------------------------------------------------------------------ */

/* Start what may be, until libcurl has nothing more to tell. */
static void
work (struct http_client *c)
{
  struct http_ranges *q;
  int running;

  do {
    take_incoming (c);
    while ((q = next_queue (c)) != NULL)
      start (c, take_next (c, q));
    curl_multi_perform (c->multi, &running);
  } while (reap (c));
}

/* Has nobody begun anything meanwhile?  Who does so from now on wakes us. */
static bool
may_sleep (struct http_client *c)
{
  LOCK_SCOPE (&c->lock);
  c->asleep = STAILQ_EMPTY (&c->incoming) && !c->cancel && !c->stop;
  return c->asleep;
}

/* Until ENOUGH says so, which is asked after all has been done that can be;
 * then there may be more to do.
 */
static void
drive (struct http_client *c, bool (*enough) (void *), void *opaque)
{
  for (;;) {
    int64_t wait;

    take_incoming (c); /* of objects that are being closed, too */
    look_for_closing (c);
    work (c);
    end_stalled (c);
    wait = take_later (c, look_every (c));
    if (enough (opaque))
      return;
    if (next_queue (c) == NULL && may_sleep (c))
      curl_multi_poll (c->multi, NULL, 0, wait, NULL);
  }
}

/* With the lock, while nobody else drives. */
static bool
has_work (const struct http_client *c)
{
  return c->cancel || c->nactive > 0 || !STAILQ_EMPTY (&c->incoming) ||
         !STAILQ_EMPTY (&c->wanted) || !STAILQ_EMPTY (&c->ahead) ||
         !STAILQ_EMPTY (&c->later);
}

bool
http_client_drive (struct http_client *c, bool (*enough) (void *), void *opaque)
{
  bool is_free;

  if (!c->may_drive)
    return false;
  pthread_mutex_lock (&c->lock);
  is_free = !c->driven;
  c->driven = true;
  pthread_mutex_unlock (&c->lock);
  if (!is_free)
    return false;
  drive (c, enough, opaque);
  LOCK_SCOPE (&c->lock);
  c->driven = false;
  if (has_work (c))
    pthread_cond_signal (&c->work);
  return true;
}

static bool
is_idle (void *opaque)
{
  struct http_client *c = opaque;

  LOCK_SCOPE (&c->lock);
  return c->stop || !has_work (c);
}

void *
http_engine (void *client)
{
  struct http_client *c = client;

  pthread_mutex_lock (&c->lock);
  while (!c->stop) {
    if (c->driven || !has_work (c)) {
      pthread_cond_wait (&c->work, &c->lock);
      continue;
    }
    c->driven = true;
    pthread_mutex_unlock (&c->lock);
    drive (c, is_idle, c);
    pthread_mutex_lock (&c->lock);
    c->driven = false;
  }
  pthread_mutex_unlock (&c->lock);
  end_ranges (c, true);
  return NULL;
}
