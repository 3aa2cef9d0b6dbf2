/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Writing.  Three ways, from fast to general:
 *
 * - all sectors are data already, have places and no blocks: write them
 *   there, the shards shared;
 * - a small write: into blocks, the shard exclusive;
 * - everything else: what lies in blocks goes there, the rest to places,
 *   which are found if need be, the shards exclusive.
 */

#include <config.h>

#include <errno.h>
#include <inttypes.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "layer/sqlite/sqlite-impl.h"

/* A piece of a request: at most PIECE_CLUSTERS clusters. */
struct piece {
  struct sqlite_layer *l;
  const char *src;
  uint64_t sector, end;
  uint64_t first, last; /* clusters, inclusive */
  bool dirty;           /* LAYER_DIRTY */
};

static const char *
at (const struct piece *p, uint64_t sector)
{
  return p->src + ((sector - p->sector) << p->l->sector_shift);
}

/* The part [*LO, *HI) of the piece that is in CLUSTER, relative to it. */
static void
part_of (const struct piece *p, uint64_t cluster, unsigned *lo, unsigned *hi)
{
  const uint64_t base = cluster << p->l->cluster_shift;

  *lo = max_u64 (p->sector, base) - base;
  *hi = min_u64 (p->end, base + p->l->cluster_sectors) - base;
}

static int
write_at (const struct piece *p, uint64_t offset, uint64_t sector, uint64_t end,
          int *err)
{
  struct sqlite_layer *l = p->l;
  const uint64_t count = (end - sector) << l->sector_shift;
  const int r = store_write (l->file, at (p, sector), count, offset, 0, err);

  /* One that failed may have written something, too. */
  atomic_store (&l->unsynced, true);
  if (r == 0)
    return 0;
  errno = *err;
  log_error ("%s: write %" PRIu64 " bytes of disk offset %" PRIu64
             " at file offset %" PRIu64 ": %m",
             l->name, count, sector << l->sector_shift, offset);
  return -1;
}

/* The piece as runs that lie adjacent in memory and in the file. */
struct run_writer {
  const struct piece *p;
  uint64_t offset; /* of SECTOR, in the file */
  uint64_t sector, end;
};

static int
run_flush (struct run_writer *w, int *err)
{
  const uint64_t sector = w->sector;

  w->sector = w->end;
  return sector == w->end ? 0 : write_at (w->p, w->offset, sector, w->end, err);
}

static int
run_add (struct run_writer *w, uint64_t place, uint64_t sector, uint64_t end,
         int *err)
{
  const struct sqlite_layer *l = w->p->l;
  const uint64_t offset =
    sdb_place_offset (place) +
    ((sector & (l->cluster_sectors - 1)) << l->sector_shift);

  if (w->end == sector && w->sector < w->end &&
      w->offset + ((w->end - w->sector) << l->sector_shift) == offset) {
    w->end = end;
    return 0;
  }
  if (run_flush (w, err) == -1)
    return -1;
  w->offset = offset;
  w->sector = sector;
  w->end = end;
  return 0;
}

/* Can the fast way be taken?  With the locks shared the answer stays. */
static bool
can_overwrite (const struct piece *p)
{
  if (!layer_bits_all_data (&p->l->placed, p->sector, p->end - p->sector))
    return false;
  for (uint64_t c = p->first; c <= p->last; c++) {
    const uint64_t entry = entry_load (p->l, c);

    if ((entry & ENTRY_BLOCKS) || (p->dirty && !(entry & ENTRY_MARKED)))
      return false;
  }
  return true;
}

static int
overwrite (const struct piece *p, int *err)
{
  struct run_writer w = { .p = p };

  for (uint64_t c = p->first; c <= p->last; c++) {
    const uint64_t base = c << p->l->cluster_shift;
    unsigned lo, hi;

    part_of (p, c, &lo, &hi);
    if (run_add (&w, entry_place (entry_load (p->l, c)), base + lo, base + hi,
                 err) == -1)
      return -1;
  }
  return run_flush (&w, err);
}

/* Into blocks.  1 if all of it fitted, 0 if the arena is full: then what
 * is in blocks already is as it should be, and the general way will find
 * it there.
 */
static int
write_blocks (const struct piece *p, int *err)
{
  struct sqlite_layer *l = p->l;

  for (uint64_t n = p->first; n <= p->last; n++) {
    struct cluster *c = sqlite_cluster_get (l, n, err);
    const uint64_t base = n << l->cluster_shift;
    unsigned lo, hi;
    int r;

    if (c == NULL)
      return -1;
    part_of (p, n, &lo, &hi);
    r = sqlite_blocks_put (l, c, lo, hi, at (p, base + lo), err);
    sqlite_cluster_drop_if_idle (l, c);
    if (r == -1)
      return 0;
  }
  return 1;
}

/* Is all of CLUSTER written, with nothing of it in blocks? */
static bool
replaces (const struct piece *p, uint64_t cluster)
{
  const uint64_t base = cluster << p->l->cluster_shift;
  unsigned lo, hi;

  part_of (p, cluster, &lo, &hi);
  return lo == 0 &&
         base + hi ==
           min_u64 (base + p->l->cluster_sectors, p->l->layer.info.nsectors) &&
         !(entry_load (p->l, cluster) & ENTRY_BLOCKS);
}

/* The places that the clusters of the piece have and that may be written,
 * or 0.  A marked cluster moves if it must, or, if all of it is written,
 * gets a new place.
 */
static int
get_places (const struct piece *p, uint64_t *place, int *err)
{
  struct sqlite_layer *l = p->l;

  for (uint64_t n = p->first; n <= p->last; n++) {
    const bool lacks = p->dirty && sqlite_place_lacks_mark (l, n);

    if (lacks && !replaces (p, n) && sqlite_move_place (l, n, err) == -1)
      return -1;
    place[n - p->first] =
      lacks && replaces (p, n) ? 0 : entry_place (entry_load (l, n));
  }
  return 0;
}

/* Places for the clusters of the piece that lack one, adjacent where
 * possible.  FRESH gets a bit for each that was found.
 */
static int
find_places (const struct piece *p, uint64_t *place, uint32_t *fresh, int *err)
{
  struct sqlite_layer *l = p->l;
  const unsigned n = (unsigned) (p->last - p->first + 1);

  if (get_places (p, place, err) == -1)
    return -1;
  for (unsigned i = 0; i < n;) {
    uint64_t run = 0;

    if (place[i] != 0) {
      i++;
      continue;
    }
    while (i + run < n && place[i + run] == 0)
      run++;
    if (sqlite_space_alloc_some (l, &run, &place[i], err) == -1)
      return -1;
    for (unsigned k = 0; k < run; k++) {
      place[i + k] = place[i] + k;
      *fresh |= UINT32_C (1) << (i + k);
    }
    i += (unsigned) run;
  }
  return 0;
}

static void
give_back_places (const struct piece *p, const uint64_t *place, uint32_t fresh)
{
  for (; fresh != 0; fresh &= fresh - 1)
    sqlite_space_unalloc (p->l, place[__builtin_ctz (fresh)], 1);
}

/* See to it that publish cannot fail.  The log and the index are told
 * already: with the shards locked they cannot look yet.
 */
static int
prepare (const struct piece *p, uint64_t n, uint64_t place, int *err)
{
  struct sqlite_layer *l = p->l;
  const struct cluster *c = sqlite_cluster_find (l, n);
  const uint64_t base = n << l->cluster_shift;
  bool changes = entry_place (entry_load (l, n)) != place;
  unsigned lo, hi, end;

  part_of (p, n, &lo, &hi);
  for (; lo < hi; lo = end) {
    bool in;

    end = sqlite_blocks_run (l, c, lo, hi, false, &in);
    if (in || layer_bits_all_data (&l->placed, base + lo, end - lo))
      continue;
    changes = true;
    if (layer_bits_reserve (&l->placed, LAYER_DATA, base + lo, end - lo, err) ==
        -1)
      return -1;
  }
  return changes ? sqlite_map_changed (l, n, err) : 0;
}

/* Write the sectors of one cluster that do not lie in blocks, through W,
 * and the others into their blocks.
 */
static int
write_cluster (struct run_writer *w, uint64_t n, uint64_t place, int *err)
{
  const struct piece *p = w->p;
  struct sqlite_layer *l = p->l;
  struct cluster *c = sqlite_cluster_find (l, n);
  const uint64_t base = n << l->cluster_shift;
  unsigned lo, hi, end;

  part_of (p, n, &lo, &hi);
  for (; lo < hi; lo = end) {
    bool in;

    end = sqlite_blocks_run (l, c, lo, hi, false, &in);
    if ((in ? sqlite_blocks_put (l, c, lo, end, at (p, base + lo), err) :
              run_add (w, place, base + lo, base + end, err)) == -1)
      return -1;
  }
  return 0;
}

/* What was written to the place of cluster N is data now. */
static void
publish (const struct piece *p, uint64_t n, uint64_t place)
{
  struct sqlite_layer *l = p->l;
  const struct cluster *c = sqlite_cluster_find (l, n);
  const uint64_t base = n << l->cluster_shift;
  const uint64_t old = entry_place (entry_load (l, n));
  unsigned lo, hi, end;
  int err;

  if (old != place) {
    sqlite_map_set_place (l, n, place);
    if (old != 0)
      sqlite_space_free (l, old);
  }
  part_of (p, n, &lo, &hi);
  for (; lo < hi; lo = end) {
    bool in;

    end = sqlite_blocks_run (l, c, lo, hi, false, &in);
    if (!in)
      layer_bits_set_data (&l->placed, base + lo, end - lo, &err);
  }
}

/* The general way, within a hold from preparing to publishing. */
static int
write_places_held (const struct piece *p, int *err)
{
  struct run_writer w = { .p = p };
  uint64_t place[PIECE_CLUSTERS];
  uint32_t fresh = 0;

  if (find_places (p, place, &fresh, err) == -1)
    goto failed;
  for (uint64_t n = p->first; n <= p->last; n++) {
    if (prepare (p, n, place[n - p->first], err) == -1)
      goto failed;
  }
  for (uint64_t n = p->first; n <= p->last; n++) {
    if (write_cluster (&w, n, place[n - p->first], err) == -1)
      goto failed;
  }
  if (run_flush (&w, err) == -1)
    goto failed;
  for (uint64_t n = p->first; n <= p->last; n++)
    publish (p, n, place[n - p->first]);
  return 0;

failed:
  give_back_places (p, place, fresh);
  return -1;
}

/* Marks come first: what fails then leaves one too many. */
static int
mark (const struct piece *p, int *err)
{
  for (uint64_t c = p->first; p->dirty && c <= p->last; c++) {
    if (sqlite_mark (p->l, c, err) == -1)
      return -1;
  }
  return 0;
}

static int
write_places (const struct piece *p, int *err)
{
  struct layer_bits_hold hold;
  int r;

  layer_bits_hold (&p->l->placed, &hold);
  r = write_places_held (p, err);
  layer_bits_release (&p->l->placed, &hold);
  return r;
}

static int
write_general (const struct piece *p, bool small, int *err)
{
  int r;

  sqlite_lock_shards (p->l, p->first, p->last, true);
  r = mark (p, err);
  if (r == 0 && small)
    r = write_blocks (p, err);
  if (r == 0)
    r = write_places (p, err) == -1 ? -1 : 1;
  sqlite_unlock_shards (p->l, p->first, p->last);
  return r == -1 ? -1 : 0;
}

static int
write_piece (const struct piece *p, int *err)
{
  const uint64_t count = (p->end - p->sector) << p->l->sector_shift;
  const bool small = count < SMALL_WRITE && sqlite_blocks_room (p->l, count);
  bool done = false;
  int r = 0;

  if (!small && can_overwrite (p)) {
    sqlite_lock_shards (p->l, p->first, p->last, false);
    done = can_overwrite (p);
    if (done)
      r = overwrite (p, err);
    sqlite_unlock_shards (p->l, p->first, p->last);
  }
  return done ? r : write_general (p, small, err);
}

/* Only the absent sectors of the piece, with its shards locked. */
static int
write_absent_locked (const struct piece *p, bool small, int *err)
{
  struct sqlite_layer *l = p->l;
  uint64_t sector = p->sector, end;

  for (; sector < p->end; sector = end) {
    const uint64_t cluster_end = ((sector >> l->cluster_shift) + 1)
                                 << l->cluster_shift;
    struct piece run = *p;
    int r = 0;

    if (sqlite_state_locked (l, sector, min_u64 (p->end, cluster_end), &end) !=
        LAYER_ABSENT)
      continue;
    /* What is absent in whole clusters goes in one piece. */
    while (end < p->end && IS_ALIGNED (end, l->cluster_sectors)) {
      uint64_t next;

      if (sqlite_state_locked (l, end,
                               min_u64 (p->end, end + l->cluster_sectors),
                               &next) != LAYER_ABSENT)
        break;
      end = next;
    }
    run.src = at (p, sector);
    run.sector = sector;
    run.end = end;
    run.first = sector >> l->cluster_shift;
    run.last = (end - 1) >> l->cluster_shift;
    if (small)
      r = write_blocks (&run, err);
    if (r == 0)
      r = write_places (&run, err);
    if (r == -1)
      return -1;
  }
  return 0;
}

static int
write_absent (const struct piece *p, int *err)
{
  const uint64_t count = (p->end - p->sector) << p->l->sector_shift;
  const bool small = count < SMALL_WRITE && sqlite_blocks_room (p->l, count);
  int r;

  sqlite_lock_shards (p->l, p->first, p->last, true);
  r = mark (p, err) == -1 ? -1 : write_absent_locked (p, small, err);
  sqlite_unlock_shards (p->l, p->first, p->last);
  return r;
}

int
sqlite_write (struct layer *base, const void *buf, uint64_t sector,
              uint32_t nsectors, unsigned flags, int *err)
{
  struct sqlite_layer *l = to_sqlite (base);
  const uint64_t limit = sector + nsectors;
  const char *src = buf;

  *err = atomic_load_explicit (&l->failed, memory_order_relaxed);
  if (*err != 0)
    return -1;
  while (sector < limit) {
    const uint64_t first = sector >> l->cluster_shift;
    const uint64_t end =
      min_u64 ((first + PIECE_CLUSTERS) << l->cluster_shift, limit);
    const struct piece p = { .l = l,
                             .src = src,
                             .sector = sector,
                             .end = end,
                             .first = first,
                             .last = (end - 1) >> l->cluster_shift,
                             .dirty = flags & LAYER_DIRTY };

    if ((flags & LAYER_NO_OVERWRITE ? write_absent : write_piece) (&p, err) ==
        -1)
      return -1;
    src += (end - sector) << l->sector_shift;
    sector = end;
  }
  return flags & LAYER_FUA ? sqlite_log_flush (l, err) : 0;
}
