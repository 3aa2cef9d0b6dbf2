/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A whole layer file, of a server that died, damaged as the input says.
 * It is refused, or else it opens, can be read, checked, written and
 * closed, and opens again.
 *
 * The file is the same each time but for its random ids.  An input is a
 * byte of flags and then changes: four bytes of offset in units of four,
 * little-endian, modulo the size of the file; a byte that says how many
 * bytes follow; these.
 */

#include <config.h>

#include <string.h>

#include "base/align.h"
#include "fuzz/fuzz.h"
#include "layer/sqlite/sqlite-impl.h"
#include "support/log-memory.h"
#include "support/store-fault.h"
#include "support/store-sim.h"

const char fuzz_name[] = "layer-sqlite-open";

enum {
  READ_ONLY = 1,
  SEAL = 2, /* give the log's batches the checksums of what is in them */
};

/* Of the disk; reads stop here in one that says to be larger. */
#define DISK (UINT64_C (70) * SDB_CLUSTER)

static const struct layer_below nothing = { .exists = false,
                                            .export_name = "" };

/* The file, and its log, which is not at rest. */
static struct store *base;
static struct uuid log_id;
static uint64_t log_offset;

static struct layer_sqlite_options
options (bool read_only)
{
  return (struct layer_sqlite_options){ .name = "fuzz.dbhd",
                                        .read_only = read_only,
                                        .log_length = LOG_LENGTH_MIN };
}

static bool
pick_all (void *opaque, const struct store_sim_piece *p)
{
  return true;
}

static struct store *
copy_of (struct store *medium)
{
  return store_sim_crash (medium, store_sim_position (medium), false, pick_all,
                          NULL);
}

static void
must (int r)
{
  fuzz_assert (r == 0);
}

/* Some of everything: rows, places, batches with records of each kind. */
static void
use (struct layer *l)
{
  static char buf[4 * SDB_CLUSTER];
  int err;

  for (size_t i = 0; i < sizeof buf; i++)
    buf[i] = (char) (1 + i % 251);
  must (l->ops->write (l, buf, 0, 512, 0, &err));
  must (l->ops->write (l, buf, 1500, 100, LAYER_FUA | LAYER_DIRTY, &err));
  must (l->ops->write (l, buf, 3000, 3, 0, &err));
  must (l->ops->zero (l, 200, 30, 0, &err));
  must (layer_sqlite_checkpoint (l, &err));
  must (l->ops->write (l, buf, 3001, 9, LAYER_FUA, &err));
  must (l->ops->zero (l, 3000, 2, LAYER_DIRTY, &err));
  must (l->ops->write (l, buf, 5000, 200, 0, &err));
  must (l->ops->write (l, buf, 7, 1, 0, &err));
  must (l->ops->discard (l, 4096, 24 * 128, &err));
  must (l->ops->flush (l, &err));
  must (l->ops->write (l, buf, 8000, 1, LAYER_FUA, &err));
}

static void
make_base (void)
{
  struct layer_sqlite_options o = options (false);
  struct store *medium = store_sim_create (0);
  struct layer *l;

  o.size = DISK;
  o.sector_size = 512;
  must (layer_sqlite_format (medium, &o, &nothing));
  l = layer_sqlite_open (store_fault_borrow (medium), &o, &nothing);
  fuzz_assert (l != NULL);
  sqlite_ckpt_stop (to_sqlite (l));
  use (l);
  log_id = to_sqlite (l)->log.id;
  log_offset = to_sqlite (l)->log.offset;
  base = copy_of (medium);
  layer_close (l);
  store_close (medium);
}

static void
damage (struct store *file, const uint8_t *p, size_t size)
{
  const uint64_t end = store_size (file);
  int err;

  while (size > 5) {
    const uint64_t offset =
      4 * (p[0] | p[1] << 8 | (uint64_t) p[2] << 16 | (uint64_t) p[3] << 24) %
      end;
    const size_t n = min_u64 (min_u64 (p[4], size - 5), end - offset);

    must (store_write (file, p + 5, n, offset, 0, &err));
    p += 5 + n;
    size -= 5 + n;
  }
}

/* Otherwise what is in the log would never be looked at. */
static void
seal_batches (struct store *file)
{
  uint64_t sequence = 1, position = 0;
  uint8_t *p = malloc (LOG_LENGTH_MIN);
  struct sdb_batch b;
  int err;

  fuzz_assert (p != NULL);
  for (; position < LOG_LENGTH_MIN; position += b.length, sequence++) {
    const uint64_t left = LOG_LENGTH_MIN - position;

    must (store_read (file, p, left, log_offset + position, &err));
    if (sdb_batch_parse (p, left, &log_id, sequence, left, &b) != SDB_OK)
      break;
    sdb_batch_seal (p, &b);
    must (store_write (file, p, b.length, log_offset + position, 0, &err));
  }
  free (p);
}

static struct layer *
open_layer (struct store *medium, bool read_only)
{
  const struct layer_sqlite_options o = options (read_only);
  struct store *file = store_fault_borrow (medium);
  struct layer *l;

  log_memory_clear ();
  l = layer_sqlite_open (file, &o, &nothing);
  if (l == NULL) {
    fuzz_assert (log_memory_errors () > 0);
    store_close (file);
    return NULL;
  }
  sqlite_ckpt_stop (to_sqlite (l));
  return l;
}

/* Read, ask, check.  Whatever they say, they come back. */
static void
look (struct layer *l)
{
  const uint64_t limit = min_u64 (l->info.nsectors, DISK / 512);
  char *buf = malloc (256 * l->info.sector_size);
  struct layer_sqlite_report r;
  uint64_t end;
  int err;

  fuzz_assert (buf != NULL);
  for (uint64_t s = 0; s < limit; s += 256) {
    const uint32_t n = (uint32_t) min_u64 (256, limit - s);
    struct marker m;

    marker_init (&m, s, n);
    l->ops->read (l, buf, s, n, &m, &err);
    marker_fini (&m);
  }
  for (uint64_t s = 0; s < limit; s = end) {
    l->ops->state (l, s, limit, &end);
    fuzz_assert (end > s && end <= limit);
  }
  for (uint64_t c = 0; c < limit * 512 / SDB_CLUSTER; c++)
    fuzz_assert (l->ops->next_dirty (l, c, c + 1) - c <= 1);
  l->ops->used (l);
  if (layer_sqlite_inspect (l, &r, &err) == 0)
    free (r.trouble);
  free (buf);
}

static void
change (struct layer *l)
{
  const uint64_t limit = min_u64 (l->info.nsectors, DISK / 512);
  char *buf = calloc (limit, l->info.sector_size);
  int err;

  fuzz_assert (buf != NULL);
  l->ops->write (l, buf, limit / 2, 1, 0, &err);
  l->ops->write (l, buf, 0, (uint32_t) (limit / 3), LAYER_DIRTY, &err);
  l->ops->set_clean (l, 0, &err);
  l->ops->write (l, buf, limit / 4, (uint32_t) (limit / 4), LAYER_NO_OVERWRITE,
                 &err);
  l->ops->zero (l, 0, limit / 2, 0, &err);
  l->ops->flush (l, &err);
  free (buf);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  const uint8_t flags = size > 0 ? data[0] : 0;
  struct store *medium;
  struct layer *l;

  if (base == NULL)
    make_base ();
  medium = copy_of (base);
  if (size > 0)
    damage (medium, data + 1, size - 1);
  if (flags & SEAL)
    seal_batches (medium);
  l = open_layer (medium, flags & READ_ONLY);
  if (l != NULL) {
    look (l);
    if (!(flags & READ_ONLY))
      change (l);
    layer_close (l);
  }
  store_close (medium);
  return 0;
}
