/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Reading, block by block: what is there is used, what is on its way is
 * waited for, what is missing is fetched, and how much of it.
 */

#include <config.h>

#include <errno.h>
#include <string.h>

#include "base/align.h"
#include "base/cleanup.h"
#include "blob/blob-impl.h"

#define AGAIN_MAX 16

/* What comes at once even over a connection that is new, or was idle: within
 * that it does not matter where in a block the answer begins.
 */
#define FIRST_ROUND (12u * 1024)
/* Of so many times that less than a block is fetched, it is all once: only
 * that tells if it is still worth it to fetch less.
 */
#define LESS_MOST 64
/* Of a block that more parts than so many are wanted of, one after the other,
 * all is fetched: it may be read again and again.
 */
#define PARTS_MOST 2

/* A range of which a reader has the first blocks in use. */
struct piece {
  uint64_t offset, end; /* what it wants */
  uint64_t reach;       /* so far it has it in blocks, or, if N is 0, it has
                         * to read past them; OFFSET: no slot is free */
  uint8_t *buf;
  bool direct; /* where a block is wanted as a whole, straight into that */
  unsigned n;
  struct blob_block *block[BLOB_PIECE_MAX];
};

/* In what units is fetched what is read here and there? */
static uint32_t
choose_unit (struct blob_store *b)
{
  const uint32_t unit = b->fetch_less ?
                          blob_unit (http_object_worth (b->object), b->fetch) :
                          b->fetch;

  return unit < b->fetch && b->nsmall++ % LESS_MOST == LESS_MOST - 1 ?
           b->fetch :
           unit;
}

/* How far K has, or can be given, what is wanted of it: [START, END).  0: it
 * cannot even have the first byte.
 */
static uint32_t
usable (struct blob_store *b, struct blob_block *k, uint32_t start,
        uint32_t end)
{
  if (k->from <= start && end <= k->to)
    return end;
  if (blob_extend (
        k, ROUND_DOWN (start, BLOB_PAGE),
        min_u64 (ROUND_UP (end, BLOB_PAGE), blob_block_size (b, k->index))))
    return end;
  return k->from <= start && start < k->to ? k->to : 0;
}

/* Fetch what is wanted of INDEX: [START, END).  BEFORE, or NULL, has another
 * part of it, and goes.  NULL: no slot is free.
 */
static struct blob_block *
fetch (struct blob_store *b, uint64_t index, struct blob_block *before,
       uint32_t start, uint32_t end)
{
  const uint32_t size = blob_block_size (b, index), unit = choose_unit (b);
  const unsigned parts = before != NULL ? before->parts : 0;
  /* Somebody may be going through it. */
  const bool goes_on =
    before != NULL && start <= before->to && end > before->to;
  const bool is_part = unit < b->fetch && parts < PARTS_MOST && !goes_on;
  struct blob_block *k;

  if (before != NULL)
    blob_drop (b, before);
  if (is_part) {
    start = ROUND_DOWN (start, unit);
    end = min_u64 (ROUND_UP (end, unit), size);
  }
  else {
    start =
      before == NULL && start > FIRST_ROUND ? ROUND_DOWN (start, BLOB_PAGE) : 0;
    end = size;
  }
  k = blob_fetch (b, index, start, end, blob_most_blocks (b), false);
  if (k != NULL && is_part)
    k->parts = parts + 1;
  return k;
}

/* Take into use at most N blocks of what P wants, from its beginning, those
 * that are there and those that have to be fetched.  Not all may be to be
 * had.
 */
static void
collect (struct blob_store *b, struct piece *p, unsigned n)
{
  p->reach = p->offset;
  for (p->n = 0; p->n < n; p->n++) {
    const uint64_t index = p->offset / b->fetch + p->n;
    const uint64_t base = index * b->fetch;
    const uint32_t start = p->n == 0 ? p->offset - base : 0;
    const uint32_t end = min_u64 (p->end - base, b->fetch);
    struct blob_block *k = blob_find (b, index);
    uint32_t reach = k != NULL ? usable (b, k, start, end) : 0;

    if (k == NULL || (reach < end && k->state == BLOB_WHOLE && k->users == 0)) {
      k = fetch (b, index, k, start, end);
      if (k == NULL)
        return;
      if (p->direct && start == 0 && end == blob_block_size (b, index))
        blob_lend (k, p->buf + (base - p->offset));
      reach = end;
    }
    else if (reach > 0) {
      k->users++;
      k->unread = false;
      blob_hurry (b, k);
    }
    else {
      if (p->n == 0)
        p->reach =
          min_u64 (p->end, base + (start < k->from ? k->from : b->fetch));
      return;
    }
    p->block[p->n] = k;
    p->reach = base + reach;
    if (reach < end) {
      p->n++;
      return;
    }
  }
}

/* The same; at least one block, for which it waits, unless it has to read
 * past it.
 */
static void
collect_some (struct blob_store *b, struct piece *p, unsigned n)
{
  collect (b, p, n);
  while (p->reach == p->offset) {
    blob_send (b, false); /* or nothing might ever be freed */
    b->want_slots++;
    pthread_cond_wait (&b->freed, &b->lock);
    b->want_slots--;
    collect (b, p, n);
  }
}

/* NEED bytes of a block. */
struct want {
  struct blob_store *b;
  struct blob_block *k;
  uint32_t need;
};

/* With the lock. */
static bool
is_over (const struct want *w)
{
  return w->k->have >= w->need || w->k->state != BLOB_COMING;
}

static bool
is_over_now (void *want)
{
  struct want *w = want;

  LOCK_SCOPE (&w->b->lock);
  return is_over (w);
}

/* Wait for W, and be who drives the client meanwhile, unless somebody is.  0
 * or an errno; with the lock.
 */
static int
wait_for (struct blob_store *b, struct want *w)
{
  while (!is_over (w)) {
    bool has_driven;

    pthread_mutex_unlock (&b->lock);
    has_driven = http_client_drive (b->client, is_over_now, w);
    pthread_mutex_lock (&b->lock);
    if (has_driven || is_over (w))
      continue;
    w->k->need = min_u64 (w->k->need, w->need);
    pthread_cond_wait (&w->k->more, &b->lock);
  }
  return w->k->have >= w->need ? 0 : w->k->err;
}

/* What is wanted of the Ith block of P. */
static struct want
want_of (struct blob_store *b, const struct piece *p, unsigned i)
{
  struct blob_block *k = p->block[i];

  return (struct want){ b, k,
                        min_u64 (p->reach - k->index * b->fetch, b->fetch) };
}

/* Need nobody wait for what P has? */
static bool
is_all_there (struct blob_store *b, const struct piece *p)
{
  for (unsigned i = 0; i < p->n; i++) {
    const struct want w = want_of (b, p, i);

    if (!is_over (&w))
      return false;
  }
  return true;
}

/* Wait for what P has.  The last comes first: by then the others will be
 * there.  0 or an errno; with the lock.
 */
static int
wait_for_all (struct blob_store *b, const struct piece *p)
{
  for (unsigned i = p->n; i-- > 0;) {
    struct want w = want_of (b, p, i);
    const int err = wait_for (b, &w);

    if (err != 0)
      return err;
  }
  return 0;
}

/* Did P lend K? */
static bool
has_lent (const struct piece *p, const struct blob_block *k)
{
  return k->lent && k->data >= p->buf &&
         k->data < p->buf + (p->reach - p->offset);
}

static void
put_all (struct blob_store *b, const struct piece *p)
{
  LOCK_SCOPE (&b->lock);
  for (unsigned i = 0; i < p->n; i++) {
    if (has_lent (p, p->block[i])) {
      struct want all = want_of (b, p, i);

      wait_for (b, &all); /* whether or not another one failed */
      blob_take_back (b, p->block[i]);
    }
    else
      blob_put (b, p->block[i]);
  }
}

/* Copy what P has, and did not get there at once. */
static void
copy_piece (struct blob_store *b, const struct piece *p)
{
  uint64_t offset = p->offset;
  uint8_t *buf = p->buf;

  for (unsigned i = 0; i < p->n; i++) {
    const uint32_t at = offset % b->fetch;
    const size_t part = min_u64 (p->reach - offset, b->fetch - at);

    if (!has_lent (p, p->block[i]))
      memcpy (buf, p->block[i]->data + at, part);
    buf += part;
    offset += part;
  }
}

/* Is a read of COUNT bytes to have them without a copy, and nothing read
 * ahead?  That is best for who reads much at once over a line where nothing is
 * gained by having it before it is wanted.
 */
static bool
is_direct (const struct blob_store *b, size_t count)
{
  return b->fetch_less && count >= b->fetch &&
         http_object_worth (b->object) < b->fetch;
}

/* Read a first part of the range; *DONE bytes of it.  0 or an errno. */
static int
read_piece (struct blob_store *b, uint8_t *buf, size_t count, uint64_t offset,
            size_t *done)
{
  struct piece p = { .offset = offset, .end = offset + count, .buf = buf };
  const uint64_t first = offset / b->fetch, last = (p.end - 1) / b->fetch;
  int err;

  pthread_mutex_lock (&b->lock);
  p.direct = is_direct (b, count);
  collect_some (b, &p, min_u64 (last - first + 1, b->max_piece));
  *done = p.reach - offset;
  if (p.n > 0)
    blob_readahead (b, offset, *done, !p.direct);
  blob_send (b, !is_all_there (b, &p));
  err = wait_for_all (b, &p);
  pthread_mutex_unlock (&b->lock);
  if (p.n == 0)
    http_object_read (b->object, buf, *done, offset, b->fetch, &err);
  else if (err == 0)
    copy_piece (b, &p);
  else
    *done = 0;
  put_all (b, &p);
  return err;
}

int
blob_read (struct blob_store *b, void *buf, size_t count, uint64_t offset,
           int *err)
{
  unsigned again = 0;

  while (count > 0) {
    size_t done;

    *err = read_piece (b, buf, count, offset, &done);
    /* What was only read ahead has been tried once: now it is wanted. */
    if (*err == EAGAIN && again++ == AGAIN_MAX)
      *err = EIO;
    if (*err != 0 && *err != EAGAIN)
      return -1;
    buf = (uint8_t *) buf + done;
    offset += done;
    count -= done;
  }
  return 0;
}
