/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Reading.  Most reads take no lock: look at the bits and the entries,
 * read the places, look at the entries again.  If one changed meanwhile,
 * or the cluster has blocks, it is read again with the shard's lock.
 */

#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "layer/sqlite/sqlite-impl.h"

/* One request on its way. */
struct reading {
  struct sqlite_layer *l;
  char *buf;
  uint64_t sector; /* that BUF is for */
  struct marker *m;
};

static char *
at (const struct reading *r, uint64_t sector)
{
  return r->buf + ((sector - r->sector) << r->l->sector_shift);
}

/* Read [SECTOR, END), adjacent in the file from the place of the cluster
 * of SECTOR on.
 */
static int
read_place (const struct reading *r, uint64_t place, uint64_t sector,
            uint64_t end, int *err)
{
  struct sqlite_layer *l = r->l;
  const uint64_t in_cluster = sector & (l->cluster_sectors - 1);
  const uint64_t offset =
    sdb_place_offset (place) + (in_cluster << l->sector_shift);
  const uint64_t count = (end - sector) << l->sector_shift;

  if (store_read (l->file, at (r, sector), count, offset, err) == 0)
    return 0;
  errno = *err;
  log_error ("%s: read %" PRIu64 " bytes of disk offset %" PRIu64
             " at file offset %" PRIu64 ": %m",
             l->name, count, sector << l->sector_shift, offset);
  *err = EIO;
  return -1;
}

/* Read [SECTOR, LIMIT), within one cluster, whatever is there; with its
 * lock.
 */
static int
read_locked (const struct reading *r, uint64_t sector, uint64_t limit, int *err)
{
  struct sqlite_layer *l = r->l;
  const uint64_t cluster = sector >> l->cluster_shift;
  const uint64_t base = cluster << l->cluster_shift;
  const struct cluster *c = sqlite_cluster_find (l, cluster);
  const uint64_t place = entry_place (entry_load (l, cluster));
  uint64_t end;

  for (; sector < limit; sector = end) {
    enum layer_state state;
    bool in;

    end =
      base + sqlite_blocks_run (l, c, sector - base, limit - base, true, &in);
    if (in)
      sqlite_blocks_get (l, c, sector - base, end - base, at (r, sector));
    else {
      state = layer_bits_state (&l->placed, sector, end, &end);
      if (state == LAYER_ABSENT)
        continue;
      if (state == LAYER_ZERO)
        memset (at (r, sector), 0, (end - sector) << l->sector_shift);
      else if (read_place (r, place, sector, end, err) == -1)
        return -1;
    }
    marker_set (r->m, sector, end - sector);
  }
  return 0;
}

static int
read_cluster (const struct reading *r, uint64_t sector, uint64_t limit,
              int *err)
{
  RDLOCK_SCOPE (&shard_of (r->l, sector >> r->l->cluster_shift)->lock);

  return read_locked (r, sector, limit, err);
}

/* How far the data sectors [SECTOR, LIMIT) lie adjacent in the file and
 * without blocks; the entries on the way go into ENTRY.  SECTOR itself
 * if its own cluster has blocks.
 */
static uint64_t
adjacent (struct sqlite_layer *l, uint64_t sector, uint64_t limit,
          uint64_t *entry)
{
  const uint64_t first = sector >> l->cluster_shift;
  uint64_t end = sector;

  for (unsigned i = 0; end < limit && i < PIECE_CLUSTERS; i++) {
    entry[i] = entry_load (l, first + i);
    if ((entry[i] & ENTRY_BLOCKS) || entry_place (entry[i]) == 0 ||
        (i > 0 && entry_place (entry[i]) != entry_place (entry[0]) + i))
      break;
    end = min_u64 ((first + i + 1) << l->cluster_shift, limit);
  }
  return end;
}

/* Have the entries of the clusters of [SECTOR, END) changed? */
static bool
unchanged (struct sqlite_layer *l, uint64_t sector, uint64_t end,
           const uint64_t *entry)
{
  const uint64_t first = sector >> l->cluster_shift;
  const uint64_t last = (end - 1) >> l->cluster_shift;

  atomic_thread_fence (memory_order_acquire);
  for (uint64_t c = first; c <= last; c++) {
    if (entry_load (l, c) != entry[c - first])
      return false;
  }
  return true;
}

/* The end of the cluster of SECTOR, at most LIMIT. */
static uint64_t
cluster_end (const struct sqlite_layer *l, uint64_t sector, uint64_t limit)
{
  return min_u64 (((sector >> l->cluster_shift) + 1) << l->cluster_shift,
                  limit);
}

/* Read the start of [SECTOR, LIMIT), data when we looked; *END is how
 * far we got.
 */
static int
read_data (const struct reading *r, uint64_t sector, uint64_t limit,
           uint64_t *end, int *err)
{
  struct sqlite_layer *l = r->l;
  uint64_t entry[PIECE_CLUSTERS];

  /* The state was looked at before the entries.  Is it that of what is at
   * these places, or was the cluster given up in between?
   */
  *end = adjacent (l, sector, limit, entry);
  if (*end > sector &&
      layer_bits_all_data (&l->placed, sector, *end - sector)) {
    if (read_place (r, entry_place (entry[0]), sector, *end, err) == -1)
      return -1;
    if (unchanged (l, sector, *end, entry)) {
      marker_set (r->m, sector, *end - sector);
      return 0;
    }
  }
  *end = cluster_end (l, sector, limit);
  return read_cluster (r, sector, *end, err);
}

int
sqlite_read (struct layer *base, void *buf, uint64_t sector, uint32_t nsectors,
             struct marker *m, int *err)
{
  struct sqlite_layer *l = to_sqlite (base);
  const struct reading r = { .l = l, .buf = buf, .sector = sector, .m = m };
  const uint64_t limit = sector + nsectors;
  uint64_t end;

  for (; sector < limit; sector = end) {
    const uint64_t clean = sqlite_find_blocks (l, sector, limit);

    if (clean == sector) {
      end = cluster_end (l, sector, limit);
      if (read_cluster (&r, sector, end, err) == -1)
        return -1;
      continue;
    }
    switch (layer_bits_state (&l->placed, sector, clean, &end)) {
    case LAYER_ABSENT:
      break;
    case LAYER_ZERO:
      memset (at (&r, sector), 0, (end - sector) << l->sector_shift);
      marker_set (m, sector, end - sector);
      break;
    case LAYER_DATA:
      if (read_data (&r, sector, end, &end, err) == -1)
        return -1;
      break;
    }
  }
  return 0;
}
