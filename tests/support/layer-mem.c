/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See layer-mem.h.
 */

#include <config.h>

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/align.h"
#include "base/cleanup.h"
#include "support/layer-mem.h"
#include "support/must.h"

struct layer_mem {
  struct layer layer;
  pthread_mutex_t lock;
  uint8_t *state; /* enum layer_state of each sector */
  char *bytes;
  bool *marked; /* of each cluster; NULL unless info.keeps_dirty */
};

static struct layer_mem *
to_mem (struct layer *l)
{
  return container_of (l, struct layer_mem, layer);
}

static char *
at (struct layer_mem *m, uint64_t sector)
{
  return m->bytes + sector * m->layer.info.sector_size;
}

static void
mem_close (struct layer *l)
{
  struct layer_mem *m = to_mem (l);

  pthread_mutex_destroy (&m->lock);
  free (m->marked);
  free (m->bytes);
  free (m->state);
  free (m);
}

static int
mem_read (struct layer *l, void *buf, uint64_t sector, uint32_t nsectors,
          struct marker *marker, int *err)
{
  struct layer_mem *m = to_mem (l);
  char *dst = buf;

  LOCK_SCOPE (&m->lock);
  for (uint32_t i = 0; i < nsectors; i++, dst += l->info.sector_size) {
    if (m->state[sector + i] == LAYER_ABSENT)
      continue;
    if (m->state[sector + i] == LAYER_DATA)
      memcpy (dst, at (m, sector + i), l->info.sector_size);
    else
      memset (dst, 0, l->info.sector_size);
    marker_set (marker, sector + i, 1);
  }
  return 0;
}

static uint64_t
cluster_of (const struct layer *l, uint64_t sector)
{
  return sector * l->info.sector_size / LAYER_CLUSTER;
}

static void
mark (struct layer_mem *m, uint64_t sector, uint64_t nsectors, unsigned flags)
{
  const struct layer *l = &m->layer;

  if (!(flags & LAYER_DIRTY))
    return;
  for (uint64_t c = cluster_of (l, sector);
       c <= cluster_of (l, sector + nsectors - 1); c++)
    m->marked[c] = true;
}

/* Those of clusters that are within the range go. */
static void
unmark (struct layer_mem *m, uint64_t sector, uint64_t nsectors)
{
  const uint64_t n = LAYER_CLUSTER / m->layer.info.sector_size;
  const uint64_t end = sector + nsectors;

  for (uint64_t s = ROUND_UP (sector, n); m->marked != NULL && s < end;
       s += n) {
    if (min_u64 (s + n, m->layer.info.nsectors) <= end)
      m->marked[cluster_of (&m->layer, s)] = false;
  }
}

static int
check_change (const struct layer *l, int *err)
{
  if (!l->info.read_only)
    return 0;
  *err = EPERM;
  return -1;
}

static int
mem_write (struct layer *l, const void *buf, uint64_t sector, uint32_t nsectors,
           unsigned flags, int *err)
{
  struct layer_mem *m = to_mem (l);
  const char *src = buf;

  if (check_change (l, err) == -1)
    return -1;
  LOCK_SCOPE (&m->lock);
  mark (m, sector, nsectors, flags);
  for (uint32_t i = 0; i < nsectors; i++, src += l->info.sector_size) {
    if ((flags & LAYER_NO_OVERWRITE) && m->state[sector + i] != LAYER_ABSENT)
      continue;
    memcpy (at (m, sector + i), src, l->info.sector_size);
    m->state[sector + i] = LAYER_DATA;
  }
  return 0;
}

static int
set_state (struct layer *l, uint64_t sector, uint64_t nsectors,
           enum layer_state state, unsigned flags, int *err)
{
  struct layer_mem *m = to_mem (l);

  if (check_change (l, err) == -1)
    return -1;
  LOCK_SCOPE (&m->lock);
  memset (m->state + sector, state, nsectors);
  mark (m, sector, nsectors, flags);
  if (state == LAYER_ABSENT)
    unmark (m, sector, nsectors);
  return 0;
}

static int
mem_zero (struct layer *l, uint64_t sector, uint64_t nsectors, unsigned flags,
          int *err)
{
  return set_state (l, sector, nsectors, LAYER_ZERO, flags, err);
}

static int
mem_discard (struct layer *l, uint64_t sector, uint64_t nsectors, int *err)
{
  return set_state (l, sector, nsectors, LAYER_ABSENT, 0, err);
}

static int
mem_flush (struct layer *l, int *err)
{
  return 0;
}

static enum layer_state
mem_state (struct layer *l, uint64_t sector, uint64_t limit, uint64_t *end)
{
  struct layer_mem *m = to_mem (l);

  LOCK_SCOPE (&m->lock);
  for (*end = sector + 1; *end < limit; (*end)++) {
    if (m->state[*end] != m->state[sector])
      break;
  }
  return m->state[sector];
}

/* What is present; slow. */
static uint64_t
mem_used (struct layer *l)
{
  struct layer_mem *m = to_mem (l);
  uint64_t n = 0;

  LOCK_SCOPE (&m->lock);
  for (uint64_t s = 0; s < l->info.nsectors; s++)
    n += m->state[s] != LAYER_ABSENT;
  return n * l->info.sector_size;
}

static int
set_mark (struct layer *l, uint64_t cluster, bool marked, int *err)
{
  struct layer_mem *m = to_mem (l);

  if (check_change (l, err) == -1)
    return -1;
  LOCK_SCOPE (&m->lock);
  m->marked[cluster] = marked;
  return 0;
}

static int
mem_set_dirty (struct layer *l, uint64_t cluster, int *err)
{
  return set_mark (l, cluster, true, err);
}

static int
mem_set_clean (struct layer *l, uint64_t cluster, int *err)
{
  return set_mark (l, cluster, false, err);
}

static uint64_t
mem_next_dirty (struct layer *l, uint64_t cluster, uint64_t limit)
{
  struct layer_mem *m = to_mem (l);

  LOCK_SCOPE (&m->lock);
  while (cluster < limit && !m->marked[cluster])
    cluster++;
  return cluster;
}

static const struct layer_ops mem_ops = {
  .name = "mem",
  .close = mem_close,
  .read = mem_read,
  .write = mem_write,
  .zero = mem_zero,
  .discard = mem_discard,
  .flush = mem_flush,
  .state = mem_state,
  .used = mem_used,
};

static const struct layer_ops mem_ops_dirty = {
  .name = "mem",
  .close = mem_close,
  .read = mem_read,
  .write = mem_write,
  .zero = mem_zero,
  .discard = mem_discard,
  .flush = mem_flush,
  .state = mem_state,
  .used = mem_used,
  .set_dirty = mem_set_dirty,
  .set_clean = mem_set_clean,
  .next_dirty = mem_next_dirty,
};

struct layer *
layer_mem_create (const struct layer_info *info)
{
  struct layer_mem *m = must_calloc (1, sizeof *m);

  m->layer.ops = info->keeps_dirty ? &mem_ops_dirty : &mem_ops;
  m->layer.info = *info;
  pthread_mutex_init (&m->lock, NULL);
  m->state = must_calloc (info->nsectors, 1);
  m->bytes = must_calloc (info->nsectors, info->sector_size);
  if (info->keeps_dirty)
    m->marked = must_calloc (cluster_of (&m->layer, info->nsectors - 1) + 1,
                             sizeof *m->marked);
  return &m->layer;
}
