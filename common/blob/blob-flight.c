/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Requests for blocks.  As many are with the client as there may be
 * connections; the others wait here, where they can still grow, and where
 * one that is only read ahead is moved up when somebody comes to want it.
 */

#include <config.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/align.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "blob/blob-impl.h"

/* ------------------------------------------------------------------ */
/* What comes, by who drives the client */

/* The block of F that the byte START is in, counted from the first one's
 * beginning.
 */
static struct blob_block *
block_at (struct blob_flight *f, uint64_t start)
{
  const uint64_t index = f->first->index + start / f->blob->fetch;

  if (f->now->index > index)
    f->now = f->first;
  while (f->now->index < index)
    f->now = f->now->next;
  return f->now;
}

/* K has its bytes up to HAVE.  Who waits is woken when that is enough, and
 * without the lock, which is the first thing that he will want.
 */
static void
arrived (struct blob_store *b, struct blob_block *k, uint32_t have)
{
  bool enough;

  pthread_mutex_lock (&b->lock);
  k->have = have;
  enough = have >= k->need;
  if (enough)
    k->need = UINT32_MAX;
  pthread_mutex_unlock (&b->lock);
  if (enough)
    pthread_cond_broadcast (&k->more);
}

/* Take over what is new of N bytes at START, as above: what came before
 * may be in use already.  Only this thread changes HAVE.
 */
static void
take (struct blob_flight *f, uint64_t start, const uint8_t *data, size_t n)
{
  struct blob_store *b = f->blob;

  while (n > 0) {
    struct blob_block *k = block_at (f, start);
    const uint32_t at = start % b->fetch;
    const uint32_t part = min_u64 (n, b->fetch - at);
    const uint32_t known = k->have > at ? min_u64 (k->have - at, part) : 0;

    if (known < part) {
      memcpy (k->data + at + known, data + known, part - known);
      arrived (b, k, at + part);
    }
    data += part;
    start += part;
    n -= part;
  }
}

static void
on_body (struct http_range *r, const void *data, size_t n)
{
  struct blob_flight *f = container_of (r, struct blob_flight, range);

  take (f, f->first->from + r->received, data, n);
}

/* The end of all blocks from K on.  Afterwards the flight is no more. */
static void
land (struct blob_store *b, struct blob_block *k, int err)
{
  struct blob_block *next;

  for (; k != NULL; k = next) {
    next = k->next;
    if (k->state == BLOB_GONE) {
      blob_gone (b, k);
      continue;
    }
    if (k->have < k->to) {
      blob_fail (b, k, err);
      continue;
    }
    k->state = BLOB_WHOLE;
    k->flight = NULL;
    if (k->users == 0 && b->want_slots > 0)
      pthread_cond_broadcast (&b->freed);
  }
}

static void
on_done (struct http_range *r, int err)
{
  struct blob_flight *f = container_of (r, struct blob_flight, range);
  struct blob_store *b = f->blob;

  LOCK_SCOPE (&b->lock);
  b->nsent--;
  b->nsent_ahead -= r->ahead;
  b->under_way -= r->count;
  land (b, f->first, r->ahead && err != ESHUTDOWN ? EAGAIN : err);
  if (err != ESHUTDOWN)
    blob_send (b, true); /* who drives calls this */
}

/* ------------------------------------------------------------------ */
/* What is sent */

static struct blob_flights *
queue_of (struct blob_store *b, const struct blob_flight *f)
{
  return f->range.ahead ? &b->ahead : &b->wanted;
}

static uint64_t
count_of (const struct blob_store *b, const struct blob_flight *f)
{
  return (f->last->index - f->first->index) * b->fetch + f->last->to -
         f->first->from;
}

/* Is there room for F beside what is under way?  There is for a little. */
static bool
has_room (const struct blob_store *b, const struct blob_flight *f)
{
  const uint64_t n = count_of (b, f);

  return b->nsent == 0 || n <= b->fetch ||
         b->under_way + n <= blob_under_way (http_object_worth (b->object));
}

/* The next that may be sent, or NULL. */
static struct blob_flight *
next_flight (struct blob_store *b)
{
  const unsigned most_ahead =
    b->connections > 4 ? b->connections - 2 : b->connections;
  struct blob_flight *f = TAILQ_FIRST (&b->wanted);

  if (b->nsent >= b->connections)
    return NULL;
  if (f == NULL && b->nsent_ahead < most_ahead)
    f = TAILQ_FIRST (&b->ahead);
  return f != NULL && has_room (b, f) ? f : NULL;
}

unsigned
blob_most_blocks (const struct blob_store *b)
{
  const uint64_t n = blob_under_way (http_object_worth (b->object));

  return max_u64 (min_u64 (b->max_blocks, n / 2 / b->fetch), 1);
}

void
blob_send (struct blob_store *b, bool drives)
{
  struct blob_flight *f;

  while ((f = next_flight (b)) != NULL) {
    struct http_range *r = &f->range;
    TAILQ_REMOVE (queue_of (b, f), f, link);
    f->sent = true;
    b->nsent++;
    b->nsent_ahead += r->ahead;
    r->offset = f->first->index * b->fetch + f->first->from;
    r->count = count_of (b, f);
    b->under_way += r->count;
    if (drives)
      http_range_queue (r);
    else
      http_range_begin (r);
  }
}

void
blob_hurry (struct blob_store *b, struct blob_block *k)
{
  struct blob_flight *f = k->flight;

  if (f == NULL || f->sent || !f->range.ahead)
    return;
  TAILQ_REMOVE (&b->ahead, f, link);
  f->range.ahead = false;
  TAILQ_INSERT_TAIL (&b->wanted, f, link);
}

/* ------------------------------------------------------------------ */
/* Making them */

/* A new flight of K. */
static struct blob_flight *
make (struct blob_store *b, struct blob_block *k, bool ahead)
{
  struct blob_flight *f = &k->own;

  *f = (struct blob_flight){
    .blob = b,
    .range = { .object = b->object,
               .ahead = ahead,
               .body = on_body,
               .done = on_done },
    .nblocks = 1,
    .first = k,
    .last = k,
    .now = k,
  };
  k->flight = f;
  return f;
}

/* The flight of INDEX, if another block can be added to it. */
static struct blob_flight *
open_flight (struct blob_store *b, uint64_t index, unsigned most, bool ahead)
{
  struct blob_block *k = blob_find (b, index);
  struct blob_flight *f = k != NULL ? k->flight : NULL;

  return f != NULL && !f->sent && f->range.ahead == ahead && f->nblocks < most ?
           f :
           NULL;
}

/* May K be in one flight with NEXT, though both then come whole? */
static bool
is_near (const struct blob_store *b, const struct blob_block *k,
         const struct blob_block *next)
{
  const uint64_t between = (uint64_t) b->fetch - k->to + next->from;

  return !b->fetch_less || between <= http_object_worth (b->object);
}

/* Add all of G, which comes after F, to that. */
static void
unite (struct blob_store *b, struct blob_flight *f, struct blob_flight *g)
{
  f->last->to = b->fetch;
  g->first->from = g->first->have = 0;
  for (struct blob_block *k = g->first; k != NULL; k = k->next)
    k->flight = f;
  f->last->next = g->first;
  f->last = g->last;
  f->nblocks += g->nblocks;
}

/* Queue F; if what is before it or after it has not been sent, together with
 * that.
 */
static void
enqueue (struct blob_store *b, struct blob_flight *f, unsigned most)
{
  const bool ahead = f->range.ahead;
  const uint64_t index = f->first->index;
  struct blob_flight *before =
    index > 0 ? open_flight (b, index - 1, most, ahead) : NULL;
  struct blob_flight *after = open_flight (b, index + 1, most, ahead);
  bool is_in = before != NULL && is_near (b, before->last, f->first);

  if (is_in) {
    unite (b, before, f);
    f = before;
  }
  if (after != NULL && f->nblocks + after->nblocks <= most &&
      is_near (b, f->last, after->first)) {
    if (!is_in)
      TAILQ_INSERT_BEFORE (after, f, link);
    is_in = true;
    TAILQ_REMOVE (queue_of (b, after), after, link);
    unite (b, f, after);
  }
  if (!is_in)
    TAILQ_INSERT_TAIL (queue_of (b, f), f, link);
}

bool
blob_extend (struct blob_block *k, uint32_t from, uint32_t to)
{
  if (k->flight == NULL || k->flight->sent)
    return false;
  k->from = k->have = min_u64 (k->from, from);
  k->to = max_u64 (k->to, to);
  return true;
}

struct blob_block *
blob_fetch (struct blob_store *b, uint64_t index, uint32_t from, uint32_t to,
            unsigned most, bool ahead)
{
  struct blob_block *k = blob_get_slot (b, index);

  if (k == NULL)
    return NULL;
  k->from = k->have = from;
  k->to = to;
  enqueue (b, make (b, k, ahead), most);
  if (ahead) {
    k->users = 0;
    k->unread = true;
  }
  return k;
}

static bool
is_hole (struct blob_store *b, uint64_t index)
{
  uint64_t n = blob_block_size (b, index);

  return b->map != NULL && blob_map_is_hole (b->map, index * b->fetch, &n) &&
         n == blob_block_size (b, index);
}

/* Is INDEX there, or coming?  What is only a part of it, and not in use, is
 * forgotten.
 */
static bool
is_there (struct blob_store *b, uint64_t index)
{
  struct blob_block *k = blob_find (b, index);

  if (k != NULL && k->state == BLOB_WHOLE && k->users == 0 &&
      (k->from > 0 || k->to < blob_block_size (b, index))) {
    blob_drop (b, k);
    return false;
  }
  return k != NULL;
}

uint64_t
blob_fetch_ahead (struct blob_store *b, uint64_t start, uint64_t end,
                  unsigned most)
{
  uint64_t index = start / b->fetch;
  const uint64_t last = DIV_ROUND_UP (end, b->fetch);

  while (index < last && (is_there (b, index) || is_hole (b, index) ||
                          blob_fetch (b, index, 0, blob_block_size (b, index),
                                      most, true) != NULL))
    index++;
  return index * b->fetch;
}
