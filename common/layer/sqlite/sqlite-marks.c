/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Marks: the clusters of which what is below the layer is older, set by
 * LAYER_DIRTY.
 *
 * A mark is durable no later than the sectors that came with it.  What
 * goes through the log has its mark in the same batch or an earlier one.
 * What goes to a place is another matter: it may reach the medium at any
 * time, and if the map there says that the place has data, and says
 * nothing of a mark, a crash leaves the new content without it.  So a
 * place is written for a marked cluster only if its entry has
 * ENTRY_MARKED: whatever is durable, or is going to be, that refers to
 * the place, has the mark, too.  That is so
 *
 * - of a place that the cluster got while it was marked;
 * - once a batch with the mark was written, or a checkpoint committed it
 *   and no batch can undo that.
 *
 * A cluster whose place is not like that moves to another one first.
 */

#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "layer/sqlite/sqlite-impl.h"

_Static_assert(SDB_CLUSTER == LAYER_CLUSTER, "a mark is for one cluster");

int
sqlite_mark (struct sqlite_layer *l, uint64_t cluster, int *err)
{
  if (sqlite_is_marked (l, cluster))
    return 0;
  atomic_store (&l->marks, true);
  if (sqlite_map_changed (l, cluster, err) == -1)
    return -1;
  if (presence_set (l->dirty, cluster, 1) == -1) {
    *err = ENOMEM;
    return -1;
  }
  if (entry_place (entry_load (l, cluster)) != 0)
    sqlite_cluster_find (l, cluster)->mark_batch = MARK_NOT_LOGGED;
  sqlite_map_recount (l, cluster);
  return 0;
}

void
sqlite_unmark (struct sqlite_layer *l, uint64_t cluster)
{
  struct cluster *c = sqlite_cluster_find (l, cluster);

  presence_clear (l->dirty, cluster, 1);
  sqlite_map_set_marked (l, cluster, false);
  if (c != NULL)
    c->mark_batch = 0;
}

void
sqlite_mark_settle (struct sqlite_layer *l, struct cluster *c, bool committed)
{
  if (c->mark_batch == 0 ||
      (!committed && c->mark_batch > atomic_load (&l->log.done_good)))
    return;
  c->mark_batch = 0;
  if (entry_place (entry_load (l, c->number)) != 0)
    sqlite_map_set_marked (l, c->number, true);
}

bool
sqlite_place_lacks_mark (struct sqlite_layer *l, uint64_t cluster)
{
  struct cluster *c;

  if (entry_place (entry_load (l, cluster)) == 0)
    return false;
  c = sqlite_cluster_find (l, cluster);
  if (c != NULL)
    sqlite_mark_settle (l, c, false);
  return !(entry_load (l, cluster) & ENTRY_MARKED);
}

/* Read what is data of CLUSTER at PLACE; the rest of BUF is zeroes. */
static int
read_place (struct sqlite_layer *l, uint64_t cluster, uint64_t place, char *buf,
            int *err)
{
  const uint64_t base = cluster << l->cluster_shift;
  const uint64_t limit =
    min_u64 (base + l->cluster_sectors, l->layer.info.nsectors);
  uint64_t end;

  for (uint64_t s = base; s < limit; s = end) {
    const uint64_t at = (s - base) << l->sector_shift;

    if (layer_bits_state (&l->placed, s, limit, &end) != LAYER_DATA)
      continue;
    if (store_read (l->file, buf + at, (end - s) << l->sector_shift,
                    sdb_place_offset (place) + at, err) == -1)
      return -1;
  }
  return 0;
}

static int
copy_place (struct sqlite_layer *l, uint64_t cluster, uint64_t from,
            uint64_t to, int *err)
{
  CLEANUP_FREE char *buf = calloc (1, SDB_CLUSTER);
  int r;

  if (buf == NULL) {
    *err = ENOMEM;
    return -1;
  }
  r = read_place (l, cluster, from, buf, err);
  if (r == 0)
    r = store_write (l->file, buf, SDB_CLUSTER, sdb_place_offset (to), 0, err);
  atomic_store (&l->unsynced, true);
  if (r == -1) {
    errno = *err;
    log_error ("%s: move the cluster at file offset %" PRIu64 " to %" PRIu64
               ": %m",
               l->name, sdb_place_offset (from), sdb_place_offset (to));
  }
  return r;
}

int
sqlite_move_place (struct sqlite_layer *l, uint64_t cluster, int *err)
{
  const uint64_t from = entry_place (entry_load (l, cluster));
  uint64_t to;

  if (sqlite_map_changed (l, cluster, err) == -1 ||
      sqlite_space_alloc (l, 1, &to, err) == -1)
    return -1;
  if (copy_place (l, cluster, from, to, err) == -1) {
    sqlite_space_unalloc (l, to, 1);
    return -1;
  }
  sqlite_map_set_place (l, cluster, to);
  sqlite_space_free (l, from);
  return 0;
}

int
sqlite_set_dirty (struct layer *base, uint64_t cluster, int *err)
{
  struct sqlite_layer *l = to_sqlite (base);

  *err = atomic_load_explicit (&l->failed, memory_order_relaxed);
  if (*err != 0)
    return -1;
  WRLOCK_SCOPE (&shard_of (l, cluster)->lock);
  return sqlite_mark (l, cluster, err);
}

static int
unmark_held (struct sqlite_layer *l, uint64_t cluster, int *err)
{
  if (presence_reserve (l->dirty, cluster, 1) == -1) {
    *err = ENOMEM;
    return -1;
  }
  if (sqlite_map_changed (l, cluster, err) == -1)
    return -1;
  sqlite_unmark (l, cluster);
  return 0;
}

int
sqlite_set_clean (struct layer *base, uint64_t cluster, int *err)
{
  struct sqlite_layer *l = to_sqlite (base);
  struct presence_hold hold;
  int r;

  *err = atomic_load_explicit (&l->failed, memory_order_relaxed);
  if (*err != 0)
    return -1;
  WRLOCK_SCOPE (&shard_of (l, cluster)->lock);
  if (!sqlite_is_marked (l, cluster))
    return 0;
  presence_hold (l->dirty, &hold);
  r = unmark_held (l, cluster, err);
  presence_release (l->dirty, &hold);
  return r;
}

uint64_t
sqlite_next_dirty (struct layer *base, uint64_t cluster, uint64_t limit)
{
  return presence_find (to_sqlite (base)->dirty, cluster, limit, true);
}
