/* SPDX-License-Identifier: BSD-3-Clause
 *
 * layer-sqlite as a cache with a bound: clusters come and go for ever, and
 * neither what the layer says that it uses nor the file gets beyond the
 * bound; and what a few clusters of a very large disk cost in memory.
 */

#include <config.h>

#include <check.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/align.h"
#include "base/cleanup.h"
#include "layer/sqlite/sqlite-impl.h"
#include "store/store-file.h"
#include "support/log-memory.h"
#include "support/main.h"
#include "support/rng.h"
#include "support/store-mem.h"

#define MIB (UINT64_C (1) << 20)
#define BOUND (32 * MIB)
#define SECTOR 512u
#define CLUSTER_SECTORS (SDB_CLUSTER / SECTOR)

static const struct layer_below nothing = { .exists = false,
                                            .export_name = "" };

static struct layer_sqlite_options
options (uint64_t size)
{
  return (struct layer_sqlite_options){
    .name = "bound.dbhd", .size = size, .sector_size = SECTOR, .max = BOUND
  };
}

/* A file that has no name any more. */
static struct store *
make_file (int *fd)
{
  char path[256];
  const char *tmp = getenv ("TMPDIR");
  const struct store_file_options so = { .read_only = false };
  struct host_file_options ho = { .path = path, .fd = -1 };
  struct host_file *f;
  struct store *s;

  snprintf (path, sizeof path, "%s/sqlite-bound-XXXXXX", tmp ? tmp : "/tmp");
  close (mkstemp (path));
  f = host_file_open (&ho);
  ck_assert_ptr_nonnull (f);
  s = store_file_create (f, &so);
  ck_assert_ptr_nonnull (s);
  *fd = dup (host_file_fd (f));
  host_file_unref (f);
  unlink (path);
  return s;
}

/* One without holes. */
static struct store *
make_device (void)
{
  struct store_mem_options o = store_mem_defaults (0);

  o.info.trim = false;
  return store_mem_create (&o);
}

static struct layer *
make_layer (struct store *file, uint64_t size)
{
  const struct layer_sqlite_options o = options (size);
  struct layer *l;

  ck_assert_int_eq (layer_sqlite_format (file, &o, &nothing), 0);
  l = layer_sqlite_open (file, &o, &nothing);
  if (l == NULL)
    log_memory_print ();
  ck_assert_ptr_nonnull (l);
  return l;
}

/* A cache that evicts what it was given first. */
struct cache {
  struct layer *l;
  struct store *file;
  int fd; /* or -1 */
  struct rng rng;
  uint64_t *fifo; /* clusters, each as often as it was written */
  size_t first, n;
  uint64_t most_used, most_blocks;
  char buf[PIECE_CLUSTERS * SDB_CLUSTER];
};

static void
note_use (struct cache *c)
{
  const uint64_t used = c->l->ops->used (c->l);
  struct stat st;

  c->most_used = max_u64 (c->most_used, used);
  if (c->fd == -1)
    return;
  ck_assert_int_eq (fstat (c->fd, &st), 0);
  c->most_blocks = max_u64 (c->most_blocks, (uint64_t) st.st_blocks * 512);
}

/* A quarter of the bound goes, when an eighth is left, for what
 * dirty clusters need to move.
 */
static void
make_room (struct cache *c)
{
  struct layer *l = c->l;
  int err;

  if (l->ops->used (l) < BOUND - BOUND / 8)
    return;
  for (unsigned i = 0; i < BOUND / 4 / SDB_CLUSTER && c->first < c->n; i++)
    ck_assert_int_eq (l->ops->discard (l, c->fifo[c->first++] * CLUSTER_SECTORS,
                                       CLUSTER_SECTORS, &err),
                      0);
  ck_assert_int_eq (l->ops->reclaim (l, &err), 0);
}

/* Now and then there is one that is written again. */
static void
write_one (struct cache *c, uint64_t nclusters)
{
  static const unsigned kinds[] = { 0, LAYER_NO_OVERWRITE, LAYER_DIRTY };
  const unsigned flags = kinds[rng_below (&c->rng, ARRAY_SIZE (kinds))];
  const bool again = c->n > c->first && rng_one_in (&c->rng, 4);
  /* The last of what was written may be near the end of the disk. */
  const uint64_t cluster =
    min_u64 (again ? c->fifo[c->first + rng_below (&c->rng, c->n - c->first)] :
                     rng_below (&c->rng, nclusters - PIECE_CLUSTERS),
             nclusters - PIECE_CLUSTERS);
  const uint64_t most = rng_one_in (&c->rng, 2) ? PIECE_CLUSTERS : 3;
  const uint32_t n =
    rng_one_in (&c->rng, 3) ?
      8 :
      (1 + (uint32_t) rng_below (&c->rng, most)) * CLUSTER_SECTORS;
  int err;

  ck_assert_int_eq (
    c->l->ops->write (c->l, c->buf, cluster * CLUSTER_SECTORS, n, flags, &err),
    0);
  for (uint32_t i = 0; i < DIV_ROUND_UP (n, CLUSTER_SECTORS); i++)
    c->fifo[c->n++] = cluster + i;
  if (rng_one_in (&c->rng, 50))
    ck_assert_int_eq (c->l->ops->flush (c->l, &err), 0);
}

static void
run_cache (struct cache *c, uint64_t size)
{
  const uint64_t total = 10 * BOUND / SDB_CLUSTER;

  c->l = make_layer (c->file, size);
  rng_init (&c->rng, rng_seed ("bound"));
  rng_fill (&c->rng, c->buf, sizeof c->buf);
  c->fifo = calloc (total + PIECE_CLUSTERS, sizeof *c->fifo);
  while (c->n < total) {
    make_room (c);
    note_use (c);
    write_one (c, size / SDB_CLUSTER);
    note_use (c);
  }
  printf ("used at most %.1f MiB, %.1f in blocks, file %.1f, bound %.1f\n",
          (double) c->most_used / MIB, (double) c->most_blocks / MIB,
          (double) store_size (c->file) / MIB, (double) BOUND / MIB);
  ck_assert_uint_le (c->most_used, BOUND);
  free (c->fifo);
}

START_TEST (evicts_for_ever)
{
  struct cache c = { .fd = -1 };

  c.file = make_file (&c.fd);
  run_cache (&c, UINT64_C (1) << 36);
  /* The file system's own. */
  ck_assert_uint_le (c.most_blocks, BOUND + MIB);
  layer_close (c.l);
  close (c.fd);
}
END_TEST

/* Where no holes can be made, places are used again. */
START_TEST (evicts_on_a_device)
{
  struct cache c = { .fd = -1 };

  c.file = make_device ();
  run_cache (&c, UINT64_C (1) << 30);
  ck_assert_uint_le (store_size (c.file), 2 * BOUND);
  layer_close (c.l);
}
END_TEST

/* Every other cluster is given up: the room in between is used, though not
 * in one piece, before the file grows.
 */
START_TEST (room_in_pieces)
{
  const uint64_t n = 1024;
  struct cache c = { .file = make_device () };
  struct layer *l = make_layer (c.file, UINT64_C (1) << 30);
  uint64_t end;
  int err;

  rng_init (&c.rng, 3);
  rng_fill (&c.rng, c.buf, sizeof c.buf);
  for (uint64_t i = 0; i < n; i += PIECE_CLUSTERS)
    ck_assert_int_eq (l->ops->write (l, c.buf, i * CLUSTER_SECTORS,
                                     PIECE_CLUSTERS * CLUSTER_SECTORS, 0, &err),
                      0);
  for (uint64_t i = 0; i < n; i += 2)
    ck_assert_int_eq (
      l->ops->discard (l, i * CLUSTER_SECTORS, CLUSTER_SECTORS, &err), 0);
  ck_assert_int_eq (l->ops->reclaim (l, &err), 0);
  end = to_sqlite (l)->space.end;
  for (uint64_t i = n; i < n + 6 * PIECE_CLUSTERS; i += PIECE_CLUSTERS)
    ck_assert_int_eq (l->ops->write (l, c.buf, i * CLUSTER_SECTORS,
                                     PIECE_CLUSTERS * CLUSTER_SECTORS, 0, &err),
                      0);
  ck_assert_uint_eq (to_sqlite (l)->space.end, end);
  layer_close (l);
}
END_TEST

/* What a checkpoint will need is used before it comes: for clusters that
 * are only in memory, and for those that it must move, as they have become
 * dirty.
 */
START_TEST (reserves)
{
  const uint64_t n = 100;
  struct cache c = { .file = make_device () };
  struct layer *l = make_layer (c.file, UINT64_C (1) << 30);
  uint64_t before;
  int err;

  sqlite_ckpt_stop (to_sqlite (l));
  rng_init (&c.rng, 4);
  rng_fill (&c.rng, c.buf, sizeof c.buf);
  for (unsigned flags = 0; flags <= LAYER_DIRTY; flags += LAYER_DIRTY) {
    ck_assert_int_eq (layer_sqlite_checkpoint (l, &err), 0);
    before = l->ops->used (l);
    for (uint64_t i = 0; i < n; i++)
      ck_assert_int_eq (
        l->ops->write (l, c.buf, i * CLUSTER_SECTORS + 5, 1, flags, &err), 0);
    ck_assert_uint_eq (l->ops->used (l), before + n * SDB_CLUSTER);
    before = to_sqlite (l)->nhomeless;
    ck_assert_uint_eq (before, n);
    before = l->ops->used (l);
    ck_assert_int_eq (layer_sqlite_checkpoint (l, &err), 0);
    ck_assert_uint_eq (to_sqlite (l)->nhomeless, 0);
    /* But for the database. */
    ck_assert_uint_ge (l->ops->used (l), before - MIB / 4);
    ck_assert_uint_le (l->ops->used (l), before + MIB / 4);
  }
  /* They moved; what they left is given up. */
  before = l->ops->used (l);
  ck_assert_int_eq (l->ops->reclaim (l, &err), 0);
  ck_assert_uint_le (l->ops->used (l), before - (n - 4) * SDB_CLUSTER);
  layer_close (l);
}
END_TEST

/* Memory. */

#define CACHED (UINT64_C (1) << 30)
#define HUGE_DISK (UINT64_C (64) << 40)

/* A layer that has clusters at random of the disk; made up. */
static void
make_scattered (struct store *file, uint64_t n)
{
  const struct layer_sqlite_options o = options (HUGE_DISK);
  const uint64_t npages = HUGE_DISK / SDB_CLUSTER / PAGE_CLUSTERS;
  uint64_t place = SDB_PLACE_FIRST;
  struct sqlite_db *db;
  struct rng rng;
  int err;

  rng_init (&rng, 5);
  ck_assert_int_eq (layer_sqlite_format (file, &o, &nothing), 0);
  db = sqlite_db_open (file, "bound.dbhd", false);
  ck_assert_ptr_nonnull (db);
  ck_assert_int_eq (sqlite_db_begin (db), 0);
  for (uint64_t i = 0; i < n; i++, place++) {
    const uint64_t page = i * (npages / n) + rng_below (&rng, npages / n);
    const uint64_t at = 1 + rng_below (&rng, PAGE_CLUSTERS - 2);
    struct sdb_run run[3] = {
      { .nclusters = at },
      { .kind = SDB_DATA, .dirty = true, .nclusters = 1 },
      { .nclusters = PAGE_CLUSTERS - at - 1 },
    };
    uint8_t row[3 * SDB_RUN_MAX];
    size_t len = 0;

    run[1].place = place = sdb_place_skip_stripe (place);
    for (unsigned k = 0; k < 3; k++)
      len += sdb_run_put (row + len, &run[k], CLUSTER_SECTORS);
    ck_assert_int_eq (sqlite_db_put_page (db, page, row, len), 0);
  }
  ck_assert_int_eq (sqlite_db_commit (db), 0);
  sqlite_db_close (db);
  ck_assert_int_eq (store_resize (file, sdb_place_offset (place), &err), 0);
}

static uint64_t
memory_of (struct layer *l)
{
  struct layer_sqlite_report r;
  int err;

  ck_assert_int_eq (layer_sqlite_inspect (l, &r, &err), 0);
  ck_assert_ptr_null (r.trouble);
  return r.memory;
}

/* Small writes to all of them, which is what costs the most. */
static void
touch_all (struct layer *l)
{
  const uint64_t limit = l->info.nsectors / CLUSTER_SECTORS;
  char buf[SECTOR];
  int err;

  memset (buf, 7, sizeof buf);
  for (uint64_t c = 0; (c = l->ops->next_dirty (l, c, limit)) < limit; c++)
    ck_assert_int_eq (
      l->ops->write (l, buf, c * CLUSTER_SECTORS + 9, 1, LAYER_DIRTY, &err), 0);
  ck_assert_int_eq (layer_sqlite_checkpoint (l, &err), 0);
  ck_assert_int_eq (l->ops->flush (l, &err), 0);
  ck_assert_int_eq (layer_sqlite_checkpoint (l, &err), 0);
}

START_TEST (memory_of_few_on_many)
{
  const uint64_t n = CACHED / SDB_CLUSTER;
  const struct layer_sqlite_options o = options (HUGE_DISK);
  int fd;
  struct store *file = make_file (&fd);
  struct layer *l;
  uint64_t opened, touched;

  make_scattered (file, n);
  l = layer_sqlite_open (file, &o, &nothing);
  ck_assert_ptr_nonnull (l);
  ck_assert_uint_eq (
    presence_count (to_sqlite (l)->dirty, 0, to_sqlite (l)->nclusters), n);
  opened = memory_of (l);
  touch_all (l);
  touched = memory_of (l);
  printf ("%.1f MiB when opened, %.1f MiB when all were written\n",
          (double) opened / MIB, (double) touched / MIB);
  ck_assert_uint_le (opened, 64 * MIB);
  ck_assert_uint_le (touched, 64 * MIB);
  layer_close (l);
  close (fd);
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("layer-sqlite-bound");
  TCase *c = test_case (suite, "bound");

  tcase_set_timeout (c, 300);
  tcase_add_test (c, evicts_for_ever);
  tcase_add_test (c, evicts_on_a_device);
  tcase_add_test (c, room_in_pieces);
  tcase_add_test (c, reserves);
  tcase_add_test (c, memory_of_few_on_many);
  return test_run (suite);
}
