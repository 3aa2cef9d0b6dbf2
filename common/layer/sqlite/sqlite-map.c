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
  l->dirty = presence_create (l->nclusters);
  if (l->shard != NULL) {
    for (unsigned i = 0; i < NSHARDS; i++) {
      l->shard[i] = (struct shard){ .dirty = NULL };
      pthread_rwlock_init (&l->shard[i].lock, NULL);
    }
  }
  if (l->page == NULL || l->shard == NULL || l->index_dirty == NULL ||
      l->with_blocks == NULL || l->dirty == NULL ||
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

static void
free_page (struct map_page *p)
{
  for (unsigned i = 0; p != NULL && i < PAGE_LEAVES; i++)
    free (atomic_load (&p->leaf[i]));
  free (p);
}

void
sqlite_map_fini (struct sqlite_layer *l)
{
  for (unsigned i = 0; l->shard != NULL && i < NSHARDS; i++)
    free_shard (&l->shard[i]);
  free (l->shard);
  for (uint64_t i = 0; l->page != NULL && i < l->npages; i++)
    free_page (atomic_load (&l->page[i]));
  free (l->page);
  presence_free (l->index_dirty);
  presence_free (l->with_blocks);
  presence_free (l->dirty);
  layer_bits_fini (&l->placed);
}

static struct map_page *
ensure_page (struct sqlite_layer *l, uint64_t cluster)
{
  _Atomic (struct map_page *) *slot = &l->page[cluster / PAGE_CLUSTERS];
  struct map_page *is = atomic_load_explicit (slot, memory_order_acquire), *p;

  if (is != NULL)
    return is;
  p = calloc (1, sizeof *p);
  if (p == NULL || atomic_compare_exchange_strong (slot, &is, p)) {
    atomic_fetch_add (&l->npages_made, p != NULL);
    return p;
  }
  free (p);
  return is;
}

static struct map_leaf *
ensure_leaf (struct sqlite_layer *l, struct map_page *page, uint64_t cluster)
{
  _Atomic (struct map_leaf *) *slot =
    &page->leaf[cluster / LEAF_CLUSTERS % PAGE_LEAVES];
  struct map_leaf *is = NULL, *leaf = calloc (1, sizeof *leaf);

  if (leaf == NULL || atomic_compare_exchange_strong (slot, &is, leaf)) {
    atomic_fetch_add (&l->nleaves, leaf != NULL);
    return leaf;
  }
  free (leaf);
  return is;
}

int
sqlite_map_ensure (struct sqlite_layer *l, uint64_t cluster, int *err)
{
  struct map_page *page;

  if (leaf_load (l, cluster) != NULL)
    return 0;
  page = ensure_page (l, cluster);
  if (page != NULL && ensure_leaf (l, page, cluster) != NULL)
    return 0;
  *err = ENOMEM;
  return -1;
}

size_t
sqlite_map_memory (const struct sqlite_layer *l)
{
  return l->npages * sizeof *l->page +
         atomic_load (&l->npages_made) * sizeof (struct map_page) +
         atomic_load (&l->nleaves) * sizeof (struct map_leaf);
}

uint64_t
sqlite_map_next (struct sqlite_layer *l, uint64_t cluster)
{
  while (cluster < l->nclusters && leaf_load (l, cluster) == NULL) {
    const uint64_t n = atomic_load (&l->page[cluster / PAGE_CLUSTERS]) == NULL ?
                         PAGE_CLUSTERS :
                         LEAF_CLUSTERS;

    cluster = ROUND_DOWN (cluster, n) + n;
  }
  return cluster;
}

static _Atomic uint64_t *
entry_of (struct sqlite_layer *l, uint64_t cluster)
{
  return &leaf_load (l, cluster)->entry[cluster % LEAF_CLUSTERS];
}

/* Will a checkpoint need a new place for the blocks of CLUSTER? */
static bool
is_homeless (const struct sqlite_layer *l, uint64_t cluster, uint64_t entry)
{
  return (entry & ENTRY_BLOCKS) &&
         (entry_place (entry) == 0 ||
          (!(entry & ENTRY_MARKED) && sqlite_is_marked (l, cluster)));
}

static void
change_entry (struct sqlite_layer *l, uint64_t cluster, uint64_t to)
{
  _Atomic uint64_t *e = entry_of (l, cluster);
  const bool was = atomic_load (e) & ENTRY_HOMELESS;
  const bool is = is_homeless (l, cluster, to);

  atomic_store (e, (to & ~ENTRY_HOMELESS) | (is ? ENTRY_HOMELESS : 0));
  if (is != was)
    atomic_fetch_add (&l->nhomeless, is ? 1 : UINT64_MAX);
}

void
sqlite_map_recount (struct sqlite_layer *l, uint64_t cluster)
{
  change_entry (l, cluster, entry_load (l, cluster));
}

/* Whatever will be written down of a place that is new has the mark that
 * the cluster has now.
 */
void
sqlite_map_set_place (struct sqlite_layer *l, uint64_t cluster, uint64_t place)
{
  uint64_t entry = entry_load (l, cluster) & ~(ENTRY_PLACE | ENTRY_MARKED);

  if (place != 0 && sqlite_is_marked (l, cluster))
    entry |= ENTRY_MARKED;
  change_entry (l, cluster, (entry | place) + ENTRY_GENERATION);
}

void
sqlite_map_set_marked (struct sqlite_layer *l, uint64_t cluster, bool marked)
{
  const uint64_t old = entry_load (l, cluster);

  if (leaf_load (l, cluster) != NULL)
    change_entry (l, cluster,
                  marked ? old | ENTRY_MARKED : old & ~ENTRY_MARKED);
}

int
sqlite_map_set_blocks (struct sqlite_layer *l, uint64_t cluster, bool has,
                       int *err)
{
  const uint64_t old = entry_load (l, cluster);

  if ((has ? presence_set : presence_clear) (l->with_blocks, cluster, 1) ==
      -1) {
    *err = ENOMEM;
    return -1;
  }
  change_entry (l, cluster, has ? old | ENTRY_BLOCKS : old & ~ENTRY_BLOCKS);
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

  if (c->blocks != NULL || c->map_dirty || c->queued || c->mark_batch != 0)
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
  *run =
    (struct sdb_run){ .nclusters = 1, .dirty = sqlite_is_marked (l, cluster) };
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

static int
apply_marks (struct sqlite_layer *l, uint64_t cluster,
             const struct sdb_run *run, int *err)
{
  int r = 0;

  if (run->dirty) {
    atomic_store (&l->marks, true);
    r = presence_set (l->dirty, cluster, run->nclusters);
  }
  else if (atomic_load (&l->marks) &&
           presence_any (l->dirty, cluster, run->nclusters))
    r = presence_clear (l->dirty, cluster, run->nclusters);
  if (r == -1)
    *err = ENOMEM;
  return r;
}

int
sqlite_map_apply_bits (struct sqlite_layer *l, uint64_t cluster,
                       const struct sdb_run *run, int *err)
{
  const uint64_t sector = cluster << l->cluster_shift;
  const uint64_t n = min_u64 (run->nclusters << l->cluster_shift,
                              l->layer.info.nsectors - sector);

  if (apply_marks (l, cluster, run, err) == -1)
    return -1;
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

/* Entries of [FIRST, END), which are in one leaf: the places from PLACE
 * on, or none, with FLAGS.
 */
static void
apply_leaf (struct map_leaf *leaf, uint64_t first, uint64_t end, uint64_t place,
            uint64_t flags)
{
  for (uint64_t c = first; c < end; c++) {
    _Atomic uint64_t *e = &leaf->entry[c % LEAF_CLUSTERS];
    const uint64_t old = atomic_load_explicit (e, memory_order_relaxed);

    atomic_store_explicit (e,
                           (old & ~(ENTRY_PLACE | ENTRY_MARKED)) | flags |
                             (place == 0 ? 0 : place + (c - first)),
                           memory_order_relaxed);
  }
}

int
sqlite_map_apply_places (struct sqlite_layer *l, uint64_t cluster,
                         const struct sdb_run *run, int *err)
{
  const uint64_t end = cluster + run->nclusters;
  uint64_t c = cluster, next;

  for (; c < end; c = next) {
    /* What was never there has nothing to forget. */
    if (run->place == 0 && (c = sqlite_map_next (l, c)) >= end)
      break;
    if (sqlite_map_ensure (l, c, err) == -1)
      return -1;
    next = min_u64 (ROUND_DOWN (c, LEAF_CLUSTERS) + LEAF_CLUSTERS, end);
    apply_leaf (leaf_load (l, c), c, next,
                run->place == 0 ? 0 : run->place + (c - cluster),
                run->place != 0 && run->dirty ? ENTRY_MARKED : 0);
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
