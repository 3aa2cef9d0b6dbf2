/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See layer-commit.h.
 *
 * Each step goes over the piece anew by asking the layer for its states:
 * nobody else changes them.  Invariant: nothing is discarded before a
 * flush of the disk that began when all of the piece was written, and
 * before all of it was compared after that flush.
 */

#include <config.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/align.h"
#include "base/cleanup.h"
#include "layered/layer-commit.h"

#define PIECE (UINT64_C (64) << 20)
#define PIECE_MAX (UINT64_C (1) << 40)
#define REQUEST (UINT64_C (4) << 20) /* most bytes of data at once */
/* Zeroes cost so much less than data, as most disks have ways to zero. */
#define ZEROES_PER_DATA 16
#define BUFFER_ALIGN 4096 /* what direct I/O may want */

struct commit {
  struct layer *l;
  struct store *disk;
  const struct layer_commit_options *o;
  struct layer_commit_failure *f;
  int *err;
  char *from, *back; /* REQUEST each */
};

/* What is done with one run of a piece, in bytes; COUNT is at most
 * REQUEST for data.
 */
typedef int (*run_fn) (struct commit *c, bool data, uint64_t offset,
                       uint64_t count);

const char *
layer_commit_step_string (enum layer_commit_step step)
{
  static const char *const strings[] = {
    [LAYER_COMMIT_TOO_SHORT] = "does not fit: the layer has data beyond the "
                               "end of the disk",
    [LAYER_COMMIT_READ] = "cannot read the layer",
    [LAYER_COMMIT_WRITE] = "cannot write to the disk",
    [LAYER_COMMIT_FLUSH] = "cannot flush the disk",
    [LAYER_COMMIT_READ_BACK] = "cannot read back from the disk",
    [LAYER_COMMIT_COMPARE] = "reads something else from the disk than it "
                             "wrote",
    [LAYER_COMMIT_DISCARD] = "cannot remove from the layer what the disk has "
                             "now",
  };

  return strings[step];
}

static int
failed (struct commit *c, enum layer_commit_step step, uint64_t offset,
        uint64_t count)
{
  *c->f = (struct layer_commit_failure){ step, offset, count };
  return -1;
}

static unsigned
sector_shift (const struct layer *l)
{
  return log2_of (l->info.sector_size);
}

/* ------------------------------------------------------------------ */
/* Measuring */

static void
add_run (struct layer_commit_size *size, enum layer_state state,
         uint64_t offset, uint64_t count)
{
  if (state == LAYER_ZERO)
    size->zeroes += count;
  else if (state == LAYER_DATA) {
    size->data += count;
    size->end = offset + count;
  }
}

void
layer_commit_measure (struct layer *l, struct layer_commit_size *size)
{
  const unsigned shift = sector_shift (l);
  uint64_t end;

  memset (size, 0, sizeof *size);
  for (uint64_t s = 0; s < l->info.nsectors; s = end) {
    const enum layer_state state = l->ops->state (l, s, l->info.nsectors, &end);

    add_run (size, state, s << shift, (end - s) << shift);
  }
}

static uint64_t
piece_bytes (const struct layer_commit_options *o)
{
  if (o->piece == 0)
    return PIECE;
  return max_u64 (LAYER_CLUSTER, min_u64 (o->piece, PIECE_MAX));
}

/* The end of the piece that begins at START (sectors): where it has
 * enough, rounded up to a whole cluster.  *SIZE is what is in it.
 */
static uint64_t
find_piece (const struct commit *c, uint64_t start,
            struct layer_commit_size *size)
{
  const uint64_t piece = piece_bytes (c->o);
  const uint64_t nsectors = c->l->info.nsectors;
  const unsigned shift = sector_shift (c->l);
  const uint64_t cluster = LAYER_CLUSTER >> shift;
  uint64_t s = start, end;

  memset (size, 0, sizeof *size);
  while (s < nsectors) {
    const uint64_t cost = size->data + size->zeroes / ZEROES_PER_DATA;
    const uint64_t left = cost < piece ? piece - cost : 0;
    const enum layer_state state = c->l->ops->state (c->l, s, nsectors, &end);
    uint64_t take = left >> shift;

    if (state == LAYER_ZERO)
      take *= ZEROES_PER_DATA;
    if (state != LAYER_ABSENT || take == 0)
      end = min_u64 (end, ROUND_UP (s + take, cluster));
    if (end == s)
      break;
    add_run (size, state, s << shift, (end - s) << shift);
    s = end;
  }
  return s;
}

/* ------------------------------------------------------------------ */
/* The steps */

/* Call FN for each run of [SECTOR, LIMIT) that is present.  Zeroes beyond
 * the end of the disk are what is there anyway.
 */
static int
each_run (struct commit *c, uint64_t sector, uint64_t limit, run_fn fn)
{
  const unsigned shift = sector_shift (c->l);
  const uint64_t size = store_size (c->disk);
  uint64_t end;

  for (; sector < limit; sector = end) {
    const enum layer_state state = c->l->ops->state (c->l, sector, limit, &end);
    const uint64_t offset = sector << shift;

    if (state == LAYER_ABSENT || offset >= size)
      continue;
    if (state == LAYER_DATA)
      end = min_u64 (end, sector + (REQUEST >> shift));
    if (fn (c, state == LAYER_DATA, offset,
            min_u64 ((end - sector) << shift, size - offset)) == -1)
      return -1;
  }
  return 0;
}

/* Data into c->from, to whole sectors. */
static int
read_layer (struct commit *c, uint64_t offset, uint64_t count)
{
  const unsigned shift = sector_shift (c->l);
  const uint64_t sector = offset >> shift;
  const uint32_t n = DIV_ROUND_UP (count, (uint64_t) c->l->info.sector_size);
  CLEANUP (marker_fini) struct marker m;

  marker_init (&m, sector, n);
  if (c->l->ops->read (c->l, c->from, sector, n, &m, c->err) == -1)
    return failed (c, LAYER_COMMIT_READ, offset, count);
  if (m.failed || !marker_full (&m)) {
    *c->err = m.failed ? ENOMEM : EIO;
    return failed (c, LAYER_COMMIT_READ, offset, count);
  }
  return 0;
}

static int
write_run (struct commit *c, bool data, uint64_t offset, uint64_t count)
{
  int r;

  if (!data)
    r = store_zero (c->disk, count, offset, STORE_MAY_TRIM, c->err);
  else if (read_layer (c, offset, count) == -1)
    return -1;
  else
    r = store_write (c->disk, c->from, count, offset, 0, c->err);
  return r == -1 ? failed (c, LAYER_COMMIT_WRITE, offset, count) : 0;
}

static int
differs (struct commit *c, uint64_t offset, uint64_t count)
{
  uint64_t first = 0, last = count;

  while (c->from[first] == c->back[first])
    first++;
  while (c->from[last - 1] == c->back[last - 1])
    last--;
  *c->err = EIO;
  return failed (c, LAYER_COMMIT_COMPARE, offset + first, last - first);
}

static int
compare (struct commit *c, uint64_t offset, uint64_t count)
{
  if (store_read (c->disk, c->back, count, offset, c->err) == -1)
    return failed (c, LAYER_COMMIT_READ_BACK, offset, count);
  return memcmp (c->from, c->back, count) == 0 ? 0 : differs (c, offset, count);
}

/* What must be zero and is not a hole anyway. */
static int
compare_zeroes (struct commit *c, uint64_t offset, uint64_t count)
{
  const uint64_t end = offset + count;

  memset (c->from, 0, min_u64 (count, REQUEST));
  for (; offset < end; offset += REQUEST) {
    if (compare (c, offset, min_u64 (REQUEST, end - offset)) == -1)
      return -1;
  }
  return 0;
}

static int
verify_zeroes (struct commit *c, uint64_t offset, uint64_t count)
{
  const uint64_t end = offset + count;
  struct extent_list e;
  int r = 0;

  if (!c->disk->info.extents)
    return compare_zeroes (c, offset, count);
  while (r == 0 && offset < end) {
    extent_list_init (&e, offset, end, false);
    r = store_extents (c->disk, end - offset, offset, 0, &e, c->err);
    if (r == -1)
      failed (c, LAYER_COMMIT_READ_BACK, offset, count);
    for (size_t i = 0; r == 0 && i < e.len; i++) {
      if (!(e.v[i].type & EXTENT_ZERO))
        r = compare_zeroes (c, e.v[i].offset, e.v[i].count);
      offset += e.v[i].count;
    }
    extent_list_fini (&e);
  }
  return r;
}

static int
verify_run (struct commit *c, bool data, uint64_t offset, uint64_t count)
{
  if (!data)
    return verify_zeroes (c, offset, count);
  if (read_layer (c, offset, count) == -1)
    return -1;
  return compare (c, offset, count);
}

static int
forget (struct commit *c, uint64_t sector, uint64_t end)
{
  struct layer *l = c->l;

  if (l->ops->discard (l, sector, end - sector, c->err) == -1 ||
      l->ops->flush (l, c->err) == -1)
    return failed (c, LAYER_COMMIT_DISCARD, sector << sector_shift (l),
                   (end - sector) << sector_shift (l));
  return 0;
}

static int
move_piece (struct commit *c, uint64_t sector, uint64_t end)
{
  const unsigned shift = sector_shift (c->l);
  const uint64_t offset = sector << shift, count = (end - sector) << shift;
  const uint64_t size = store_size (c->disk);

  if (each_run (c, sector, end, write_run) == -1)
    return -1;
  if (store_flush (c->disk, c->err) == -1)
    return failed (c, LAYER_COMMIT_FLUSH, offset, count);
  if (offset < size)
    store_uncache (c->disk, min_u64 (count, size - offset), offset);
  if (each_run (c, sector, end, verify_run) == -1)
    return -1;
  return c->o->keep ? 0 : forget (c, sector, end);
}

/* ------------------------------------------------------------------ */
/* The whole */

/* Does the disk reach as far as the layer's data?  It may end inside of
 * the last sector, if what follows there is zero.
 */
static int
check_end (struct commit *c)
{
  const uint64_t size = store_size (c->disk);
  const uint32_t sector_size = c->l->info.sector_size;
  const uint64_t sector = ROUND_DOWN (size, (uint64_t) sector_size);
  struct layer_commit_size all;
  bool fits;

  layer_commit_measure (c->l, &all);
  fits = all.end <= size;
  if (!fits && size % sector_size != 0 && all.end == sector + sector_size) {
    if (read_layer (c, sector, sector_size) == -1)
      return -1;
    fits = true;
    for (uint64_t i = size - sector; i < sector_size; i++)
      fits = fits && c->from[i] == 0;
  }
  if (fits)
    return 0;
  *c->err = ENOSPC;
  return failed (c, LAYER_COMMIT_TOO_SHORT, size, all.end - size);
}

static int
move (struct commit *c, struct layer_commit_size *done)
{
  const uint64_t nsectors = c->l->info.nsectors;
  struct layer_commit_size piece;
  uint64_t end;

  for (uint64_t s = 0; s < nsectors; s = end) {
    end = find_piece (c, s, &piece);
    if (piece.data == 0 && piece.zeroes == 0)
      continue;
    if (move_piece (c, s, end) == -1)
      return -1;
    done->data += piece.data;
    done->zeroes += piece.zeroes;
    done->end = end << sector_shift (c->l);
    if (c->o->progress != NULL && !c->o->progress (c->o->opaque, done))
      return 0;
  }
  return 1;
}

/* Of nothing the layer has, the disk has something older any more: where
 * the layer remembers that of a cluster, it need not.
 */
static int
mark_clean (struct commit *c)
{
  struct layer *l = c->l;
  const uint64_t size = l->info.nsectors << sector_shift (l);
  const uint64_t limit = DIV_ROUND_UP (size, LAYER_CLUSTER);
  uint64_t cluster = 0;
  bool any = false;

  if (l->ops->set_clean == NULL)
    return 0;
  for (; cluster < limit; cluster++) {
    cluster = l->ops->next_dirty (l, cluster, limit);
    if (cluster == limit)
      break;
    any = true;
    if (l->ops->set_clean (l, cluster, c->err) == -1)
      return failed (c, LAYER_COMMIT_DISCARD, cluster * LAYER_CLUSTER,
                     LAYER_CLUSTER);
  }
  if (any && l->ops->flush (l, c->err) == -1)
    return failed (c, LAYER_COMMIT_DISCARD, 0, size);
  return 0;
}

int
layer_commit (struct layer *l, struct store *disk,
              const struct layer_commit_options *o,
              struct layer_commit_size *done, struct layer_commit_failure *f,
              int *err)
{
  struct commit c = { .l = l, .disk = disk, .o = o, .f = f, .err = err };
  int r;
  CLEANUP_FREE char *from = aligned_alloc (BUFFER_ALIGN, REQUEST);
  CLEANUP_FREE char *back = aligned_alloc (BUFFER_ALIGN, REQUEST);

  memset (done, 0, sizeof *done);
  if (from == NULL || back == NULL) {
    *err = ENOMEM;
    return failed (&c, LAYER_COMMIT_READ, 0, 0);
  }
  c.from = from;
  c.back = back;
  if (check_end (&c) == -1)
    return -1;
  r = move (&c, done);
  return r == 1 && mark_clean (&c) == -1 ? -1 : r;
}
