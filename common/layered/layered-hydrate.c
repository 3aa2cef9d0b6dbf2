/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See layered-hydrate.h.
 *
 * The thread goes over the disk from its start to its end, again and
 * again until nothing is lacking.  What lacks is what the cache and all
 * below it have not; layers above do not count, as what they have may go
 * with them.
 */

#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "layered/layered-background.h"
#include "layered/layered-hydrate.h"
#include "layered/layered-impl.h"

#define REQUEST (UINT64_C (1) << 20)

/* While clients are busy. */
#define SHARE 8 /* of what could be done, one part is */
#define POLL (20 * CLOCK_MILLISECOND)
#define PAUSE_MAX (5 * CLOCK_SECOND)

/* After failures. */
#define RETRY_MIN (100 * CLOCK_MILLISECOND)
#define RETRY_MAX (60 * CLOCK_SECOND)

struct layered_hydrate {
  struct layered *ld;
  unsigned level;
  uint64_t nsectors;         /* what the bottom has of the disk */
  uint64_t bytes_per_second; /* 0: any number */
  struct layered_background background;

  /* Of the thread. */
  uint64_t free_at;  /* when the bandwidth that was used is paid for */
  uint64_t pause_to; /* when to go on though clients are busy */
  uint64_t retry;    /* the next pause after a failure; 0: none failed */
  bool logged;
  uint64_t rate_since, rate_bytes;
};

/* ------------------------------------------------------------------ */
/* What lacks */

/* Does SECTOR have to come from the bottom?  In *END where that may
 * differ, at most LIMIT.
 */
static bool
lacks (const struct layered_hydrate *h, uint64_t sector, uint64_t limit,
       uint64_t *end)
{
  for (unsigned i = h->level; i < h->ld->nlayers; i++) {
    struct layer *l = h->ld->member[i].layer;

    if (l->ops->state (l, sector, limit, end) != LAYER_ABSENT)
      return false;
    limit = *end;
  }
  return true;
}

static uint64_t
count_lacking (const struct layered_hydrate *h)
{
  uint64_t n = 0, end;

  for (uint64_t s = 0; s < h->nsectors; s = end) {
    if (lacks (h, s, h->nsectors, &end))
      n += end - s;
  }
  return n;
}

static uint64_t
to_bytes (const struct layered_hydrate *h, uint64_t nsectors)
{
  return nsectors << h->ld->sector_shift;
}

/* ------------------------------------------------------------------ */
/* When to go on */

/* Until the bandwidth is paid for and nobody is disturbed.  False: stop.
 */
static bool
wait_turn (struct layered_hydrate *h)
{
  while (layered_background_sleep (&h->background, 0)) {
    const uint64_t now = clock_ns ();
    uint64_t until = h->free_at;

    if (atomic_load (&h->ld->prefetch.active))
      until = UINT64_MAX;
    else if (layered_clients_busy (&h->ld->clients))
      until = max_u64 (until, h->pause_to);
    if (until <= now)
      return true;
    /* How busy clients are is looked at again, soon. */
    if (!layered_background_sleep (&h->background, min_u64 (until - now, POLL)))
      break;
  }
  return false;
}

/* A request of COUNT bytes was made that began at BEGAN. */
static void
pay (struct layered_hydrate *h, uint64_t count, uint64_t began)
{
  const uint64_t now = clock_ns ();
  const uint64_t took = now - began;
  const bool busy = layered_clients_busy (&h->ld->clients);

  h->pause_to = now + min_u64 (took * (SHARE - 1), PAUSE_MAX);
  if (h->bytes_per_second != 0) {
    const double seconds =
      (double) count * (busy ? SHARE : 1) / (double) h->bytes_per_second;

    /* What was not used is not saved up. */
    h->free_at = max_u64 (h->free_at, began) +
                 (uint64_t) (seconds * (double) CLOCK_SECOND);
  }
}

/* ------------------------------------------------------------------ */
/* Doing it */

static void
note_rate (struct layered_hydrate *h, uint64_t count)
{
  const uint64_t now = clock_ns ();

  h->rate_bytes += count;
  if (now - h->rate_since < CLOCK_SECOND)
    return;
  atomic_store (&h->ld->hydration.rate,
                (uint64_t) ((double) h->rate_bytes * (double) CLOCK_SECOND /
                            (double) (now - h->rate_since)));
  h->rate_since = now;
  h->rate_bytes = 0;
}

/* ERR is 0 if it could be read but not kept.  False: stop. */
static bool
note_failure (struct layered_hydrate *h, uint64_t sector, uint64_t nsectors,
              int err)
{
  if (!h->logged) {
    errno = err;
    log_error ("hydrate: offset=%" PRIu64 " count=%" PRIu64
               ": cannot be %s: %s (tried again from time to time; said once)",
               to_bytes (h, sector), to_bytes (h, nsectors),
               err ? "read" : "kept",
               err ? strerror (err) : "the cache did not take it");
    h->logged = true;
  }
  h->retry = h->retry == 0 ? RETRY_MIN : min_u64 (2 * h->retry, RETRY_MAX);
  return layered_background_sleep (&h->background, h->retry);
}

/* Sectors of the range that are still lacking. */
static uint64_t
still_lacking (const struct layered_hydrate *h, uint64_t sector, uint64_t limit)
{
  uint64_t n = 0, end;

  for (; sector < limit; sector = end) {
    if (lacks (h, sector, limit, &end))
      n += end - sector;
  }
  return n;
}

/* False: stop. */
static bool
fetch (struct layered_hydrate *h, uint64_t sector, uint64_t nsectors)
{
  struct layered *ld = h->ld;
  uint64_t began, left;
  int err = 0;

  if (!wait_turn (h))
    return false;
  began = clock_ns ();
  layered_cache_from (ld, ld->own_bottom, h->level, sector, sector + nsectors,
                      &err);
  left = still_lacking (h, sector, sector + nsectors);
  count_add (&ld->hydration.done, to_bytes (h, nsectors - left));
  note_rate (h, to_bytes (h, nsectors - left));
  pay (h, to_bytes (h, nsectors), began);
  if (err != 0 || left > 0)
    return note_failure (h, sector, nsectors, err);
  h->retry = 0;
  return true;
}

/* Once over the disk.  False: stop. */
static bool
pass (struct layered_hydrate *h)
{
  const uint64_t step = REQUEST >> h->ld->sector_shift;
  uint64_t end;

  for (uint64_t s = 0; s < h->nsectors; s = end) {
    const bool fetching = lacks (h, s, h->nsectors, &end);

    if (!fetching) {
      if (!layered_background_sleep (&h->background, 0))
        return false;
      continue;
    }
    /* Requests are aligned to their size. */
    end = min_u64 (end, ROUND_DOWN (s, step) + step);
    if (!fetch (h, s, end - s))
      return false;
  }
  return true;
}

static bool
flush_caches (struct layered_hydrate *h)
{
  int err;

  for (unsigned i = h->level; i < h->ld->nlayers; i++) {
    struct layer *l = h->ld->member[i].layer;

    if (h->ld->member[i].read_cache && l->ops->flush (l, &err) == -1) {
      errno = err;
      log_error ("hydrate: %s: flush: %m", l->ops->name);
      return false;
    }
  }
  return true;
}

/* The cache evicted something: it is too small after all, as what it needs
 * for itself counts, too.  To go on would never end.
 */
static bool
is_too_small (const struct layered_hydrate *h, uint64_t evicted)
{
  const struct layered *ld = h->ld;

  if (count_get (&ld->counters[h->level].evicted) == evicted)
    return false;
  log_error ("hydrate: %s: the cache gives up what it got, its bound is too "
             "small (hydration ends)",
             ld->member[h->level].layer->ops->name);
  return true;
}

/* Until nothing is lacking; true if so. */
static bool
hydrate (struct layered_hydrate *h)
{
  const uint64_t evicted = count_get (&h->ld->counters[h->level].evicted);
  struct layered_progress *p = &h->ld->hydration;
  uint64_t lacking;

  while ((lacking = count_lacking (h)) > 0) {
    atomic_store (&p->done, to_bytes (h, h->nsectors - lacking));
    if (is_too_small (h, evicted) || !pass (h))
      return false;
  }
  atomic_store (&p->done, to_bytes (h, h->nsectors));
  return flush_caches (h);
}

static void *
run (void *opaque)
{
  struct layered_hydrate *h = opaque;
  struct layered_progress *p = &h->ld->hydration;

  h->rate_since = clock_ns ();
  if (hydrate (h)) {
    log_debug ("hydrate: the cache has all of the %" PRIu64
               " bytes; the disk below is not needed any more",
               to_bytes (h, h->nsectors));
    atomic_store (&p->finished, true);
  }
  atomic_store (&p->rate, 0);
  atomic_store (&p->active, false);
  atomic_store (&h->ld->clients.watched, false);
  return NULL;
}

/* ------------------------------------------------------------------ */
/* Start and stop */

static bool
is_cache (const struct layered_member *m)
{
  return m->read_cache && !m->layer->info.read_only;
}

/* The topmost cache that can hold it all. */
static int
choose_level (const struct layered *ld, unsigned *level, int *err)
{
  const uint64_t size = ld->visible[ld->nlayers] << ld->sector_shift;

  *err = EOPNOTSUPP;
  for (*level = 0; *level < ld->nlayers; ++*level) {
    const struct layered_member *m = &ld->member[*level];

    if (is_cache (m) && (m->max == 0 || m->max >= size))
      return 0;
    if (is_cache (m))
      *err = ENOSPC;
  }
  return -1;
}

int
layered_hydrate_start (struct layered *ld, uint64_t bytes_per_second, int *err)
{
  struct layered_progress *p = &ld->hydration;
  struct layered_hydrate *h;
  unsigned level;

  if (ld->own_bottom == NULL || ld->hydrate != NULL) {
    *err = EINVAL;
    return -1;
  }
  if (choose_level (ld, &level, err) == -1)
    return -1;
  h = calloc (1, sizeof *h);
  if (h == NULL) {
    *err = ENOMEM;
    return -1;
  }
  h->ld = ld;
  h->level = level;
  h->nsectors = ld->visible[ld->nlayers];
  h->bytes_per_second = bytes_per_second;
  atomic_store (&p->done, 0);
  atomic_store (&p->total, to_bytes (h, h->nsectors));
  atomic_store (&p->finished, false);
  atomic_store (&p->active, true);
  atomic_store (&ld->clients.watched, true);
  if (layered_background_start (&h->background, run, h, err) == -1) {
    atomic_store (&p->active, false);
    atomic_store (&ld->clients.watched, false);
    free (h);
    return -1;
  }
  ld->hydrate = h;
  return 0;
}

void
layered_hydrate_stop (struct layered *ld)
{
  struct layered_hydrate *h = ld->hydrate;

  if (h == NULL)
    return;
  layered_background_stop (&h->background);
  free (h);
  ld->hydrate = NULL;
}
