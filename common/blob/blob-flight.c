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
/* What comes, in the client's thread */

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
    if (k->have < blob_block_size (b, k->index)) {
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
  land (b, f->first, r->ahead && err != ESHUTDOWN ? EAGAIN : err);
  if (err != ESHUTDOWN)
    blob_send (b);
}

/* ------------------------------------------------------------------ */
/* What is sent */

static struct blob_flights *
queue_of (struct blob_store *b, const struct blob_flight *f)
{
  return f->range.ahead ? &b->ahead : &b->wanted;
}

/* The next that may be sent, or NULL. */
static struct blob_flight *
next_flight (struct blob_store *b)
{
  const unsigned most_ahead =
    b->connections > 4 ? b->connections - 2 : b->connections;

  if (b->nsent >= b->connections)
    return NULL;
  if (!TAILQ_EMPTY (&b->wanted))
    return TAILQ_FIRST (&b->wanted);
  return b->nsent_ahead < most_ahead ? TAILQ_FIRST (&b->ahead) : NULL;
}

void
blob_send (struct blob_store *b)
{
  struct blob_flight *f;

  while ((f = next_flight (b)) != NULL) {
    struct http_range *r = &f->range;
    TAILQ_REMOVE (queue_of (b, f), f, link);
    f->sent = true;
    b->nsent++;
    b->nsent_ahead += r->ahead;
    r->offset = f->first->index * b->fetch + f->first->from;
    r->count = f->last->index * b->fetch + blob_block_size (b, f->last->index) -
               r->offset;
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
static void
begin (struct blob_store *b, struct blob_block *k, bool ahead)
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
  TAILQ_INSERT_TAIL (queue_of (b, f), f, link);
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

/* Add K to what is before it or after it, if that has not been sent. */
static bool
join (struct blob_store *b, struct blob_block *k, unsigned most, bool ahead)
{
  struct blob_flight *f = NULL;

  if (k->index > 0)
    f = open_flight (b, k->index - 1, most, ahead);
  if (f != NULL) {
    f->last->next = k;
    f->last = k;
  }
  else {
    f = open_flight (b, k->index + 1, most, ahead);
    if (f == NULL)
      return false;
    f->first->from = f->first->have = 0;
    k->next = f->first;
    f->first = f->now = k;
  }
  f->nblocks++;
  k->flight = f;
  return true;
}

bool
blob_extend (struct blob_block *k, uint32_t from)
{
  if (k->flight == NULL || k->flight->sent)
    return false;
  k->from = k->have = from;
  return true;
}

struct blob_block *
blob_fetch (struct blob_store *b, uint64_t index, uint32_t from, unsigned most,
            bool ahead)
{
  struct blob_block *k = blob_get_slot (b, index);

  if (k == NULL)
    return NULL;
  if (!join (b, k, most, ahead)) {
    begin (b, k, ahead);
    blob_extend (k, from);
  }
  if (ahead)
    k->users = 0;
  return k;
}

static bool
is_hole (struct blob_store *b, uint64_t index)
{
  uint64_t n = blob_block_size (b, index);

  return b->map != NULL && blob_map_is_hole (b->map, index * b->fetch, &n) &&
         n == blob_block_size (b, index);
}

uint64_t
blob_fetch_ahead (struct blob_store *b, uint64_t start, uint64_t end,
                  unsigned most)
{
  uint64_t index = start / b->fetch;
  const uint64_t last = DIV_ROUND_UP (end, b->fetch);

  while (index < last && (blob_find (b, index) != NULL || is_hole (b, index) ||
                          blob_fetch (b, index, 0, most, true) != NULL))
    index++;
  return index * b->fetch;
}
