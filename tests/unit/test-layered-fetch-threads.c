/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Readers, writers, prefetch, evictions, failures below, and threads that
 * come and go, all at once, over two read caches that write through: a
 * read gets no sector older than it was when the read began.
 *
 * What loses sectors here does as docs/write-back.md wants it: under an
 * exclusive lock, and until the moment is advanced the clusters count as
 * lost later than any moment.
 */

#include <config.h>

#include <time.h>

#include "fetch-stack.h"
#include "support/threads.h"

enum {
  NSECTORS = 4096,
  STRIPE = 16, /* sectors that one writer writes */
  CLUSTER = LAYER_CLUSTER / SECTOR,
  MOST = 600,
  ENOUGH = 600,
};

#define LOSING UINT64_MAX

struct world {
  struct layered *ld;
  struct layer *layer[2];
  struct store *mem, *bottom;
  uint64_t seed;
  unsigned nwriters;
  atomic_uint working, reads, evictions;
  atomic_bool failing;
  /* Versions of each sector: written now, and written. */
  _Atomic uint64_t started[NSECTORS], completed[NSECTORS];
  pthread_mutex_t guard; /* of all clusters, and always exclusive */
  _Atomic uint64_t moment, stamp[NSECTORS / CLUSTER];
};

static struct world *world;

extern cache_moment __wrap_layered_cache_moment (const struct layered_cache *c);
extern bool __wrap_layered_cache_lost (const struct layered_cache *c,
                                       uint64_t sector, uint64_t nsectors,
                                       cache_moment moment);
extern void __wrap_layered_cache_populate (struct layered *ld, unsigned level,
                                           struct store *bottom,
                                           const void *buf, uint64_t sector,
                                           uint32_t nsectors,
                                           cache_moment moment);

cache_moment
__wrap_layered_cache_moment (const struct layered_cache *c)
{
  return world->moment;
}

bool
__wrap_layered_cache_lost (const struct layered_cache *c, uint64_t sector,
                           uint64_t nsectors, cache_moment moment)
{
  for (uint64_t i = sector / CLUSTER; i * CLUSTER < sector + nsectors; i++) {
    if (world->stamp[i] > moment)
      return true;
  }
  return false;
}

void
__wrap_layered_cache_populate (struct layered *ld, unsigned level,
                               struct store *bottom, const void *buf,
                               uint64_t sector, uint32_t nsectors,
                               cache_moment moment)
{
  struct layer *l = ld->member[level].layer;
  const uint64_t limit = sector + nsectors;
  const char *src = buf;
  uint64_t end;
  int err;

  LOCK_SCOPE (&world->guard);
  for (; sector < limit; sector = end) {
    end = min_u64 (ROUND_DOWN (sector, CLUSTER) + CLUSTER, limit);
    if (!__wrap_layered_cache_lost (NULL, sector, 1, moment))
      quick_assert (l->ops->write (l, src, sector, end - sector,
                                   LAYER_NO_OVERWRITE, &err) == 0);
    src += (end - sector) * SECTOR;
  }
}

static void
fill (char *buf, uint64_t sector, uint64_t version)
{
  const uint64_t word = sector << 32 | version;

  for (unsigned i = 0; i < SECTOR / sizeof word; i++)
    memcpy (buf + i * sizeof word, &word, sizeof word);
}

/* The sector is of one version from BEFORE on, or of several if it was
 * written while it was read.
 */
static void
check_sector (struct world *w, const char *buf, uint64_t sector,
              uint64_t before)
{
  const uint64_t now = w->started[sector];
  uint64_t word, first;

  memcpy (&first, buf, sizeof first);
  for (unsigned i = 0; i < SECTOR; i += sizeof word) {
    memcpy (&word, buf + i, sizeof word);
    quick_assert (word >> 32 == sector);
    quick_assert ((word & UINT32_MAX) >= before);
    quick_assert ((word & UINT32_MAX) <= now);
    quick_assert (word == first || now > before);
  }
}

static void
write_some (struct world *w, struct rng *rng, unsigned index)
{
  const uint64_t nstripes = NSECTORS / STRIPE / w->nwriters;
  const uint64_t s = (rng_below (rng, nstripes) * w->nwriters + index) * STRIPE;
  const unsigned n = 1 + rng_below (rng, STRIPE);
  char buf[STRIPE * SECTOR];
  int err;

  for (unsigned i = 0; i < n; i++)
    fill (buf + i * SECTOR, s + i, ++w->started[s + i]);
  pthread_mutex_lock (&w->guard);
  quick_assert (layered_write (w->ld, w->bottom, buf, s, n, 0, &err) == 0);
  pthread_mutex_unlock (&w->guard);
  for (unsigned i = 0; i < n; i++)
    w->completed[s + i]++;
}

static void
read_some (struct world *w, uint64_t sector, uint32_t n)
{
  static _Thread_local uint64_t before[MOST];
  static _Thread_local char buf[MOST * SECTOR];
  int err;

  for (uint32_t i = 0; i < n; i++)
    before[i] = w->completed[sector + i];
  if (layered_read (w->ld, w->bottom, buf, sector, n, &err) == -1) {
    quick_assert (err == ENXIO && w->failing);
    return;
  }
  for (uint32_t i = 0; i < n; i++)
    check_sector (w, buf + i * SECTOR, sector + i, before[i]);
}

static void
evict_some (struct world *w, struct rng *rng)
{
  const uint64_t n = 1 + rng_below (rng, 3);
  const uint64_t cluster = rng_below (rng, NSECTORS / CLUSTER - n);
  struct layer *l = w->layer[rng_below (rng, 2)];
  int err;

  LOCK_SCOPE (&w->guard);
  for (uint64_t i = cluster; i < cluster + n; i++)
    w->stamp[i] = LOSING;
  quick_assert (l->ops->discard (l, cluster * CLUSTER, n * CLUSTER, &err) == 0);
  w->moment++;
  for (uint64_t i = cluster; i < cluster + n; i++)
    w->stamp[i] = w->moment;
}

static void
scan (struct world *w, struct rng *rng)
{
  const uint32_t n = 1 + rng_below (rng, 200);

  for (uint64_t s = rng_below (rng, NSECTORS / 2); s + n < NSECTORS; s += n)
    read_some (w, s, n);
}

static void
start_and_stop (struct world *w, struct rng *rng)
{
  int err;

  quick_assert (layered_fetch_start (w->ld, &err) == 0);
  for (unsigned i = rng_below (rng, 30); i > 0; i--)
    read_some (w, rng_below (rng, NSECTORS), 1);
  layered_fetch_stop (w->ld);
}

/* Let others have the locks. */
static void
nap (void)
{
  const struct timespec ts = { .tv_nsec = 20 * 1000 };

  nanosleep (&ts, NULL);
}

/* Some reads are old when they come back. */
static int
delay_or_fail (void *opaque, const struct store_op *op, bool done)
{
  const struct timespec ts = { .tv_nsec = 200 * 1000 };
  struct world *w = opaque;

  if (done && op->kind == STORE_OP_READ && op->offset / SECTOR % 3 == 0)
    nanosleep (&ts, NULL);
  return w->failing && !done && op->kind == STORE_OP_READ &&
             (op->offset / SECTOR * 7 + op->count) % 11 == 0 ?
           ENXIO :
           0;
}

static void
client (void *opaque, unsigned index)
{
  struct world *w = opaque;
  struct rng rng;
  int err;

  rng_init (&rng, w->seed + index);
  if (index < w->nwriters) {
    while (w->reads < ENOUGH || w->evictions < ENOUGH) {
      write_some (w, &rng, index);
      nap ();
    }
    w->working--;
    return;
  }
  while (w->working > 0) {
    const uint64_t s = rng_below (&rng, NSECTORS);
    const uint32_t n = 1 + rng_below (&rng, min_u64 (MOST, NSECTORS - s));

    switch (index - w->nwriters) {
    case 0:
      evict_some (w, &rng);
      w->evictions++;
      nap ();
      break;
    case 1:
      start_and_stop (w, &rng);
      break;
    case 2:
      scan (w, &rng);
      break;
    case 3:
      if (layered_cache (w->ld, w->bottom, s, n, &err) == -1)
        quick_assert (err == ENXIO && w->failing);
      break;
    default:
      read_some (w, s, n);
      w->reads++;
      break;
    }
  }
}

static void
open_world (struct world *w)
{
  const struct store_mem_options o = store_mem_defaults (NSECTORS * SECTOR);
  const struct layer_info info = { .nsectors = NSECTORS,
                                   .sector_size = SECTOR,
                                   .physical_sector_size = SECTOR,
                                   .no_overwrite = true };
  const struct layer_ram_options ram = { .size = NSECTORS * SECTOR,
                                         .sector_size = SECTOR };
  const struct layer_below nothing = { .export_name = "" };
  struct layered_bottom lb = { .exists = true, .size = NSECTORS * SECTOR };
  struct layered_member m[2];
  enum layered_status status;
  unsigned which;
  char buf[SECTOR];
  int err;

  w->layer[0] = layer_mem_create (&info);
  w->layer[1] = layer_ram_create (&ram, &nothing);
  for (unsigned i = 0; i < 2; i++)
    m[i] = (struct layered_member){ .layer = w->layer[i],
                                    .read_cache = true,
                                    .write_through = true };
  w->mem = store_mem_create (&o);
  for (uint64_t s = 0; s < NSECTORS; s++) {
    fill (buf, s, 0);
    ck_assert_int_eq (store_write (w->mem, buf, SECTOR, s * SECTOR, 0, &err),
                      0);
  }
  w->bottom = store_fault_create (w->mem);
  store_fault_set_hook (w->bottom, delay_or_fail, w);
  lb.info = w->bottom->info;
  w->ld = layered_create (m, 2, &lb, 0, false, &status, &which);
  ck_assert_ptr_nonnull (w->ld);
  w->ld->own_bottom = w->bottom;
  w->ld->tuning.parallel = 3;
  w->ld->tuning.fetch = 8192;
  w->ld->tuning.readahead = 256 * 1024;
  pthread_mutex_init (&w->guard, NULL);
}

START_TEST (all_at_once)
{
  struct world *w = must_calloc (1, sizeof *w);

  world = w;
  w->seed = rng_seed ("layered-fetch-threads");
  w->nwriters = 2;
  w->working = w->nwriters;
  w->failing = _i;
  open_world (w);
  threads_run (w->nwriters + 7, client, w);
  w->failing = false;
  for (uint64_t s = 0; s < NSECTORS; s += 64)
    read_some (w, s, 64);
  w->ld->own_bottom = NULL;
  for (unsigned i = 0; i < 2; i++)
    ck_assert (TAILQ_EMPTY (&w->ld->fetch->table[i]));
  layered_close (w->ld);
  store_close (w->bottom);
  pthread_mutex_destroy (&w->guard);
  free (w);
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("layered-fetch-threads");
  TCase *c = test_case (suite, "layered-fetch-threads");

  tcase_add_loop_test (c, all_at_once, 0, 2);
  return test_run (suite);
}
