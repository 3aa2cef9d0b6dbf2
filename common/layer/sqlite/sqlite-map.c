/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Clusters, their entries, and the shards that lock them.
 */

#include <config.h>

#include <errno.h>
#include <stdlib.h>

#include "layer/sqlite/sqlite-impl.h"

int
sqlite_map_init (struct sqlite_layer *l)
{
  l->page = calloc (l->npages, sizeof *l->page);
  l->shard = aligned_alloc (64, NSHARDS * sizeof *l->shard);
  l->index_dirty = presence_create (l->npages);
  l->with_blocks = presence_create (l->nclusters);
  if (l->shard != NULL) {
    for (unsigned i = 0; i < NSHARDS; i++) {
      l->shard[i] = (struct shard){ .dirty = NULL };
      pthread_rwlock_init (&l->shard[i].lock, NULL);
    }
  }
  if (l->page == NULL || l->shard == NULL || l->index_dirty == NULL ||
      l->with_blocks == NULL ||
      layer_bits_init (&l->placed, l->layer.info.nsectors) == -1) {
    errno = ENOMEM;
    return -1;
  }
  return 0;
}

static void
free_shard (struct shard *s)
{
  for (unsigned b = 0; b < SHARD_BUCKETS; b++) {
    while (s->bucket[b] != NULL) {
      struct cluster *c = s->bucket[b];

      s->bucket[b] = c->next;
      free (c->blocks);
      free (c);
    }
  }
  pthread_rwlock_destroy (&s->lock);
}

void
sqlite_map_fini (struct sqlite_layer *l)
{
  for (unsigned i = 0; l->shard != NULL && i < NSHARDS; i++)
    free_shard (&l->shard[i]);
  free (l->shard);
  for (uint64_t i = 0; l->page != NULL && i < l->npages; i++)
    free (atomic_load (&l->page[i]));
  free (l->page);
  presence_free (l->index_dirty);
  presence_free (l->with_blocks);
  layer_bits_fini (&l->placed);
}

int
sqlite_map_ensure (struct sqlite_layer *l, uint64_t cluster, int *err)
{
  _Atomic (struct map_page *) *slot = &l->page[cluster / PAGE_CLUSTERS];
  struct map_page *expected = NULL, *p;

  if (atomic_load_explicit (slot, memory_order_acquire) != NULL)
    return 0;
  p = calloc (1, sizeof *p);
  if (p == NULL) {
    *err = ENOMEM;
    return -1;
  }
  if (!atomic_compare_exchange_strong (slot, &expected, p))
    free (p);
  return 0;
}

static _Atomic uint64_t *
entry_of (struct sqlite_layer *l, uint64_t cluster)
{
  return &atomic_load (&l->page[cluster / PAGE_CLUSTERS])
            ->entry[cluster % PAGE_CLUSTERS];
}

void
sqlite_map_set_place (struct sqlite_layer *l, uint64_t cluster, uint64_t place)
{
  _Atomic uint64_t *e = entry_of (l, cluster);
  const uint64_t old = atomic_load (e);

  atomic_store (e, ((old & ~ENTRY_PLACE) | place) + ENTRY_GENERATION);
}

int
sqlite_map_set_blocks (struct sqlite_layer *l, uint64_t cluster, bool has,
                       int *err)
{
  _Atomic uint64_t *e = entry_of (l, cluster);
  const uint64_t old = atomic_load (e);

  if ((has ? presence_set : presence_clear) (l->with_blocks, cluster, 1) ==
      -1) {
    *err = ENOMEM;
    return -1;
  }
  atomic_store (e, has ? old | ENTRY_BLOCKS : old & ~ENTRY_BLOCKS);
  return 0;
}

enum layer_state
sqlite_state_locked (struct sqlite_layer *l, uint64_t sector, uint64_t limit,
                     uint64_t *end)
{
  const uint64_t cluster = sector >> l->cluster_shift;
  const uint64_t base = cluster << l->cluster_shift;
  const struct cluster *c = sqlite_cluster_find (l, cluster);
  bool in;

  limit =
    base + sqlite_blocks_run (l, c, sector - base, limit - base, true, &in);
  if (!in)
    return layer_bits_state (&l->placed, sector, limit, end);
  *end = limit;
  return LAYER_DATA;
}

static struct cluster **
bucket_of (struct sqlite_layer *l, uint64_t cluster)
{
  return &shard_of (l, cluster)->bucket[cluster / NSHARDS % SHARD_BUCKETS];
}

struct cluster *
sqlite_cluster_find (struct sqlite_layer *l, uint64_t cluster)
{
  struct cluster *c = *bucket_of (l, cluster);

  while (c != NULL && c->number != cluster)
    c = c->next;
  return c;
}

struct cluster *
sqlite_cluster_get (struct sqlite_layer *l, uint64_t cluster, int *err)
{
  struct cluster *c = sqlite_cluster_find (l, cluster);
  struct cluster **bucket = bucket_of (l, cluster);

  if (c != NULL)
    return c;
  c = sqlite_map_ensure (l, cluster, err) == -1 ? NULL : calloc (1, sizeof *c);
  if (c == NULL) {
    *err = ENOMEM;
    return NULL;
  }
  c->number = cluster;
  c->next = *bucket;
  *bucket = c;
  atomic_fetch_add (&l->nclusters_in_memory, 1);
  return c;
}

void
sqlite_cluster_drop_if_idle (struct sqlite_layer *l, struct cluster *c)
{
  struct cluster **p = bucket_of (l, c->number);

  if (c->blocks != NULL || c->map_dirty || c->queued)
    return;
  while (*p != c)
    p = &(*p)->next;
  *p = c->next;
  free (c);
  atomic_fetch_sub (&l->nclusters_in_memory, 1);
}

void
sqlite_cluster_queue (struct sqlite_layer *l, struct cluster *c)
{
  struct shard *s = shard_of (l, c->number);

  if (c->queued)
    return;
  c->queued = true;
  c->dirty_next = s->dirty;
  s->dirty = c;
  atomic_fetch_or (&l->dirty_shards[c->number % NSHARDS / 64],
                   UINT64_C (1) << (c->number % 64));
}

int
sqlite_map_changed (struct sqlite_layer *l, uint64_t cluster, int *err)
{
  struct cluster *c = sqlite_cluster_get (l, cluster, err);

  if (c == NULL)
    return -1;
  if (presence_set (l->index_dirty, cluster / PAGE_CLUSTERS, 1) == -1) {
    *err = ENOMEM;
    return -1;
  }
  sqlite_ckpt_note_change (l);
  c->map_dirty = true;
  c->described = false;
  sqlite_cluster_queue (l, c);
  return 0;
}

static void
lock_range (struct sqlite_layer *l, uint64_t first, uint64_t last,
            bool exclusive)
{
  for (uint64_t i = first; i <= last; i++) {
    if (exclusive)
      pthread_rwlock_wrlock (&l->shard[i].lock);
    else
      pthread_rwlock_rdlock (&l->shard[i].lock);
  }
}

/* Adjacent clusters are in adjacent shards, which may wrap around. */
void
sqlite_lock_shards (struct sqlite_layer *l, uint64_t first, uint64_t last,
                    bool exclusive)
{
  const uint64_t lo = first % NSHARDS, hi = last % NSHARDS;

  if (lo <= hi)
    lock_range (l, lo, hi, exclusive);
  else {
    lock_range (l, 0, hi, exclusive);
    lock_range (l, lo, NSHARDS - 1, exclusive);
  }
}

void
sqlite_unlock_shards (struct sqlite_layer *l, uint64_t first, uint64_t last)
{
  for (uint64_t c = first; c <= last; c++)
    pthread_rwlock_unlock (&shard_of (l, c)->lock);
}

static void
get_words (struct sqlite_layer *l, const struct presence *p, uint64_t cluster,
           uint64_t *out)
{
  const uint64_t sector = cluster << l->cluster_shift;

  /* With large sectors several clusters share a word. */
  if (l->cluster_sectors >= 64) {
    presence_get_words (p, sector, out, l->cluster_sectors / 64);
    return;
  }
  presence_get_words (p, ROUND_DOWN (sector, 64), out, 1);
  out[0] =
    (out[0] >> (sector % 64)) & ((UINT64_C (1) << l->cluster_sectors) - 1);
}

static bool
all_sectors (struct sqlite_layer *l, const struct presence *p, uint64_t cluster,
             bool value)
{
  const uint64_t sector = cluster << l->cluster_shift;
  const uint64_t n =
    min_u64 (l->cluster_sectors, l->layer.info.nsectors - sector);

  return value ? presence_all (p, sector, n) : !presence_any (p, sector, n);
}

void
sqlite_map_describe (struct sqlite_layer *l, uint64_t cluster,
                     struct sdb_run *run)
{
  *run = (struct sdb_run){ .nclusters = 1 };
  if (all_sectors (l, l->placed.present, cluster, false)) {
    run->kind = SDB_ABSENT;
    return;
  }
  run->place = entry_place (entry_load (l, cluster));
  if (all_sectors (l, l->placed.present, cluster, true)) {
    if (all_sectors (l, l->placed.zero, cluster, true)) {
      run->kind = SDB_ZERO;
      run->place = 0;
      return;
    }
    if (all_sectors (l, l->placed.zero, cluster, false)) {
      run->kind = SDB_DATA;
      return;
    }
  }
  run->kind = SDB_MIXED;
  get_words (l, l->placed.present, cluster, run->present);
  get_words (l, l->placed.zero, cluster, run->zero);
  for (unsigned i = 0; i < SDB_BIT_WORDS; i++)
    run->zero[i] &= run->present[i];
}

static int
apply_mixed (struct sqlite_layer *l, uint64_t cluster,
             const struct sdb_run *run, int *err)
{
  const uint64_t sector = cluster << l->cluster_shift;
  const unsigned shift = sector % 64;
  uint64_t present[SDB_BIT_WORDS], zero[SDB_BIT_WORDS];

  /* With large sectors several clusters share a word. */
  for (unsigned i = 0; i < SDB_BIT_WORDS; i++) {
    present[i] = run->present[i] << shift;
    zero[i] = run->zero[i] << shift;
  }
  return layer_bits_set_words (&l->placed, sector - shift, present, zero,
                               DIV_ROUND_UP (l->cluster_sectors, 64), err);
}

int
sqlite_map_apply_bits (struct sqlite_layer *l, uint64_t cluster,
                       const struct sdb_run *run, int *err)
{
  const uint64_t sector = cluster << l->cluster_shift;
  const uint64_t n = min_u64 (run->nclusters << l->cluster_shift,
                              l->layer.info.nsectors - sector);

  switch (run->kind) {
  case SDB_ZERO:
    return layer_bits_set_zero (&l->placed, sector, n, err);
  case SDB_DATA:
    return layer_bits_set_data (&l->placed, sector, n, err);
  default:
    break;
  }
  if (presence_any (l->placed.present, sector, n) &&
      layer_bits_set_absent (&l->placed, sector, n, err) == -1)
    return -1;
  return run->kind == SDB_MIXED ? apply_mixed (l, cluster, run, err) : 0;
}

int
sqlite_map_apply_places (struct sqlite_layer *l, uint64_t cluster,
                         const struct sdb_run *run, int *err)
{
  for (uint64_t i = 0; i < run->nclusters; i++) {
    const uint64_t c = cluster + i;
    _Atomic uint64_t *e;

    /* Skip whole pages that have nothing to forget. */
    if (run->place == 0 && atomic_load (&l->page[c / PAGE_CLUSTERS]) == NULL) {
      i += PAGE_CLUSTERS - 1 - c % PAGE_CLUSTERS;
      continue;
    }
    if (sqlite_map_ensure (l, c, err) == -1)
      return -1;
    e = entry_of (l, c);
    atomic_store_explicit (
      e,
      (atomic_load_explicit (e, memory_order_relaxed) & ~ENTRY_PLACE) |
        (run->place == 0 ? 0 : run->place + i),
      memory_order_relaxed);
  }
  return 0;
}

int
sqlite_map_apply (struct sqlite_layer *l, uint64_t cluster,
                  const struct sdb_run *run, int *err)
{
  return sqlite_map_apply_bits (l, cluster, run, err) == -1 ||
             sqlite_map_apply_places (l, cluster, run, err) == -1 ?
           -1 :
           0;
}
