/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Making metadata durable, in rounds: who asks is served by the first
 * round that starts afterwards, whoever leads it.  A round copies what is
 * dirty, has the data flushed, then the copies made durable.
 *
 * Space that changes of that round gave up is free when all have left who
 * were inside then.  Nobody waits for that: if they are still inside, a
 * later round looks again.
 */

#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <time.h>

#include "base/align.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "image/image-core.h"

/* Visitors are inside for microseconds mostly. */
#define LOOKS 64

/* Who has no space waits for them for so many milliseconds. */
#define PATIENCE 5000

static int64_t
now (void)
{
  return (int64_t) (clock_coarse_ns () / CLOCK_SECOND) + 1;
}

/* ------------------------------------------------------------------ */
/* Publishing */

void
image_publish_begin (struct image *i)
{
  pthread_rwlock_rdlock (&i->core->publish);
}

void
image_publish_end (struct image *i)
{
  pthread_rwlock_unlock (&i->core->publish);
}

void
image_mark (struct image *i, struct image_pages *ps, struct pages_page *p)
{
  struct image_core *c = i->core;

  if (atomic_load_explicit (&p->dirty, memory_order_acquire))
    return;
  /* Before the mark: who finds that set relies on it. */
  atomic_fetch_add (&c->unsettled, 1);
  if (!pages_mark (ps, p)) {
    atomic_fetch_sub (&c->unsettled, 1);
    return;
  }
  if (atomic_load_explicit (&c->dirty_since, memory_order_relaxed) == 0)
    atomic_store (&c->dirty_since, now ());
}

void
image_fail (struct image *i)
{
  if (!atomic_exchange (&i->core->failed, true))
    log_error ("%s: metadata could not be made durable: the image cannot be "
               "changed any more",
               i->name);
}

/* ------------------------------------------------------------------ */
/* Space that was given up */

static int
compare_pending (const void *a, const void *b)
{
  const struct image_pending *const *x = a, *const *y = b;

  return (*x)->start < (*y)->start ? -1 : (*x)->start > (*y)->start;
}

/* Give [START, START+COUNT) back to the host, if that is quick. */
static void
release_range (struct image *i, uint64_t start, uint64_t count)
{
  const struct store_info *info = &i->inner->info;
  const uint64_t size = store_size (i->inner);
  int err;
  bool zero = false;

  /* The last block of a file may be cut off. */
  if (start < size && count <= size - start && info->zero)
    zero = store_zero (i->inner, count, start, STORE_MAY_TRIM | STORE_FAST_ZERO,
                       &err) == 0;
  if (!zero && start < size && info->trim)
    store_trim (i->inner, min_u64 (count, size - start), start, 0, &err);
  image_space_release (i->space, start, count, zero);
}

static uint64_t
list_length (const struct image_pending *p)
{
  uint64_t n = 0;

  for (; p != NULL; p = p->next)
    n++;
  return n;
}

/* Nobody looks there any more.  Neighbours go together. */
static void
release_list (struct image *i, struct image_pending *list)
{
  const uint64_t n = list_length (list);
  CLEANUP_FREE struct image_pending **v = malloc (n * sizeof *v + 1);
  struct image_pending *p = list, *next;

  for (uint64_t k = 0; v != NULL && k < n; k++, p = p->next)
    v[k] = p;
  if (v != NULL)
    qsort (v, n, sizeof *v, compare_pending);
  for (uint64_t k = 0; v != NULL && k < n;) {
    const uint64_t start = v[k]->start;
    uint64_t count = 0;

    while (k < n && v[k]->start == start + count)
      count += v[k++]->count;
    release_range (i, start, count);
  }
  for (p = list; p != NULL; p = next) {
    next = p->next;
    if (v == NULL)
      release_range (i, p->start, p->count);
    free (p);
  }
  atomic_fetch_sub (&i->core->nfrees, n);
}

static bool
drained (struct image *i)
{
  for (unsigned k = 0; k < LOOKS; k++)
    if (presence_writers_left (&i->core->visitors))
      return true;
  return false;
}

static void
finish_draining (struct image *i)
{
  struct image_core *c = i->core;

  if (c->draining != NULL && drained (i)) {
    release_list (i, c->draining);
    c->draining = NULL;
  }
}

/* LIST was given up by changes that are durable now. */
static void
settle_frees (struct image *i, struct image_pending *list)
{
  struct image_core *c = i->core;

  while (list != NULL) {
    struct image_pending *p = list;

    list = p->next;
    if (p->bits)
      atomic_fetch_sub (&c->pending_bits[p->lock], 1);
    p->next = c->committed;
    c->committed = p;
  }
  finish_draining (i);
  if (c->draining == NULL && c->committed != NULL &&
      presence_writers_mark (&c->visitors)) {
    c->draining = c->committed;
    c->committed = NULL;
    finish_draining (i);
  }
}

/* ------------------------------------------------------------------ */
/* A round */

struct batch {
  struct image_page *pages;
  unsigned npages;
  uint64_t nmarks; /* that were taken */
  uint8_t *data;
  struct image_pending *pending;
};

static int
ascending (const void *a, const void *b)
{
  const struct image_page *x = a, *y = b;

  return x->offset < y->offset ? -1 : x->offset > y->offset;
}

static int
descending (const void *a, const void *b)
{
  return ascending (b, a);
}

static void
copy_page (struct batch *b, const struct pages_page *p, uint64_t offset,
           uint32_t count)
{
  uint8_t *to = b->data + (uint64_t) b->npages * IMAGE_PAGE;

  memcpy (to, p->data, count);
  b->pages[b->npages++] =
    (struct image_page){ .offset = offset, .count = count, .data = to };
}

/* Copy the bitmaps that are dirty. */
static int
take_bits (struct image *i, struct batch *b, int *err)
{
  struct pages_page *p = pages_take_dirty (&i->core->bits);
  uint64_t place;

  for (; p != NULL; p = p->next_dirty) {
    if (i->format->bits_place (i, p->number, &place, err) == -1)
      return -1;
    /* 0: the block is gone. */
    if (place != 0)
      copy_page (b, p, place, i->bits_page_size);
  }
  return 0;
}

/* Copy what is dirty.  Nobody publishes. */
static int
take_batch (struct image *i, struct batch *b, int *err)
{
  struct image_core *c = i->core;
  const uint64_t n =
    atomic_load (&c->bat.ndirty) + atomic_load (&c->bits.ndirty);
  struct pages_page *p;
  unsigned nbits;

  b->pages = malloc (n * sizeof *b->pages + 1);
  b->data = malloc (n * IMAGE_PAGE + 1);
  if (b->pages == NULL || b->data == NULL) {
    *err = ENOMEM;
    return -1;
  }
  b->nmarks = n;
  if (take_bits (i, b, err) == -1) {
    image_fail (i);
    return -1;
  }
  nbits = b->npages;
  for (p = pages_take_dirty (&c->bat); p != NULL; p = p->next_dirty)
    copy_page (b, p, i->bat_offset + p->number * IMAGE_PAGE,
               image_bat_page_count (i, p->number));
  qsort (b->pages, nbits, sizeof *b->pages, ascending);
  qsort (b->pages + nbits, b->npages - nbits, sizeof *b->pages, descending);
  atomic_store (&c->dirty_since, 0);

  pthread_mutex_lock (&c->pending_lock);
  b->pending = c->pending;
  c->pending = NULL;
  atomic_store (&c->npending, 0);
  pthread_mutex_unlock (&c->pending_lock);
  return 0;
}

static void
free_pending (struct image_pending *p)
{
  while (p != NULL) {
    struct image_pending *next = p->next;

    free (p);
    p = next;
  }
}

/* One at a time.  Returns 0 or -1. */
static int
commit_batch (struct image *i, struct batch *b, int *err)
{
  int r;

  pthread_rwlock_wrlock (&i->core->publish);
  r = take_batch (i, b, err);
  pthread_rwlock_unlock (&i->core->publish);
  if (r == -1)
    return -1;
  r = store_flush (i->inner, err);
  if (r == 0 && b->npages > 0)
    r = i->format->commit (i, b->pages, b->npages, err);
  if (r == -1) {
    image_fail (i);
    free_pending (b->pending);
    return -1;
  }
  atomic_fetch_sub (&i->core->unsettled, b->nmarks);
  settle_frees (i, b->pending);
  return 0;
}

static int
commit_once (struct image *i, int *err)
{
  struct batch b = { .npages = 0 };
  int r;

  if (atomic_load (&i->core->failed)) {
    *err = EIO;
    return -1;
  }
  r = commit_batch (i, &b, err);
  free (b.pages);
  free (b.data);
  return r;
}

/* Lead the next round.  Called and returns with the lock held. */
static void
lead (struct image *i)
{
  struct image_core *c = i->core;
  const uint64_t round = ++c->started;
  int e = 0;

  pthread_mutex_unlock (&c->commit_lock);
  if (commit_once (i, &e) == 0)
    e = 0;
  pthread_mutex_lock (&c->commit_lock);
  c->finished = round;
  c->round_error = e;
  pthread_cond_broadcast (&c->round_finished);
}

int
image_flush (struct image *i, int *err)
{
  struct image_core *c = i->core;

  if (i->info.read_only)
    return 0;
  LOCK_SCOPE (&c->commit_lock);
  const uint64_t wanted = c->started + 1;

  while (c->finished < wanted) {
    if (c->started != c->finished)
      pthread_cond_wait (&c->round_finished, &c->commit_lock);
    else
      lead (i);
  }
  if (c->round_error != 0) {
    *err = c->round_error;
    return -1;
  }
  return 0;
}

int
image_reclaim (struct image *i, int *err)
{
  struct timespec ts = { .tv_nsec = 1000 * 1000 };
  const uint64_t before = atomic_load (&i->core->nfrees);

  for (unsigned k = 0; k < PATIENCE; k++) {
    if (atomic_load (&i->core->nfrees) == 0)
      return 0;
    if (image_flush (i, err) == -1)
      return -1;
    if (atomic_load (&i->core->nfrees) < before)
      return 0;
    /* Somebody is reading there. */
    nanosleep (&ts, NULL);
  }
  *err = ENOSPC;
  return -1;
}

/* ------------------------------------------------------------------ */
/* Around changes */

/* The change lock is held.  What was claimed in part cannot be again. */
static int
take_space (struct image *i, int *err)
{
  struct image_core *c = i->core;

  if (c->claimed)
    return 0;
  if (atomic_load (&c->failed)) {
    *err = EIO;
    return -1;
  }
  if (i->format->claim (i, err) == -1)
    return -1;
  c->claimed = true;
  return 0;
}

int
image_take_space (struct image *i, int *err)
{
  LOCK_SCOPE (&i->core->change_lock);

  return take_space (i, err);
}

static int
first_change (struct image *i, int *err)
{
  struct image_core *c = i->core;

  LOCK_SCOPE (&c->change_lock);
  if (atomic_load (&c->changed))
    return 0;
  if (take_space (i, err) == -1) {
    image_fail (i);
    *err = EIO;
    return -1;
  }
  if (i->format->first_change != NULL && i->format->first_change (i, err) == -1)
    return -1;
  atomic_store_explicit (&c->changed, true, memory_order_release);
  return 0;
}

int
image_begin_change (struct image *i, int *err)
{
  if (i->info.read_only) {
    *err = EPERM;
    return -1;
  }
  if (atomic_load_explicit (&i->core->failed, memory_order_relaxed)) {
    *err = EIO;
    return -1;
  }
  if (__builtin_expect (
        atomic_load_explicit (&i->core->changed, memory_order_acquire), 1))
    return 0;
  return first_change (i, err);
}

/* Is it time, in units of what is allowed? */
static uint64_t
pressure (struct image *i)
{
  struct image_core *c = i->core;
  const int64_t since =
    atomic_load_explicit (&c->dirty_since, memory_order_relaxed);

  if (since == 0)
    return 0;
  return atomic_load (&c->unsettled) / AUTO_COMMIT_PAGES +
         atomic_load (&c->npending) / AUTO_COMMIT_FREES +
         (now () - since > AUTO_COMMIT_SECONDS);
}

void
image_end_change (struct image *i)
{
  struct image_core *c = i->core;
  const uint64_t p = pressure (i);
  int err;

  if (p == 0 || atomic_load (&c->failed))
    return;
  if (p >= AUTO_COMMIT_PATIENCE) {
    image_flush (i, &err);
    return;
  }
  /* One is enough. */
  LOCK_SCOPE (&c->commit_lock);
  if (c->started == c->finished)
    lead (i);
}

int
image_finish (struct image *i, unsigned flags, int r, int *err)
{
  image_end_change (i);
  if (r == 0 && (flags & IMAGE_FUA))
    return image_flush (i, err);
  return r;
}
