/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Cutting the power under a whole stack: a persistent layer that is
 * write-back or write-through, perhaps bounded and with a RAM layer
 * above it, over a disk.  The file of the layer and the disk are two
 * simulated media that lose their power at the same moment, each with a
 * random subset of what it had not synced.  Then the stack is built from
 * what is left; every sector must be what the last flush promised or
 * what some operation since then wrote; and it must still be that after
 * everything was moved down, and in the disk alone.
 *
 * CRASH_SEEDS is how many work loads to run, SEED the first,
 * CRASH_MOMENTS how many moments of each, CRASH_EACH how many subsets.
 */

#include <config.h>

#include <check.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/align.h"
#include "layer/layer-ram.h"
#include "layer/sqlite/sqlite-impl.h"
#include "layered/layered-cache-impl.h"
#include "layered/store-layered.h"
#include "sector-values.h"
#include "support/log-memory.h"
#include "support/main.h"
#include "support/must.h"
#include "support/rng.h"
#include "support/store-fault.h"
#include "support/store-sim.h"

enum { SECTOR = 512, CLUSTERS = 48, MAX_OPS = 200, MAX_MOMENTS = 100000 };

#define NSECTORS ((uint64_t) CLUSTERS * LAYER_CLUSTER / SECTOR)

enum kind { WRITE, FUA_WRITE, ZERO, READ, FLUSH, COMMIT, EVICT, CHECKPOINT };

struct op {
  enum kind kind;
  uint32_t value;
  uint64_t sector, nsectors;
  size_t begun, ended; /* moments */
};

/* Steps that the two media had done. */
struct moment {
  uint64_t file, disk;
};

struct load {
  struct rng rng;
  bool write_back, ram, bounded;
  struct store *file, *disk; /* media */
  struct store *file_way, *disk_way;
  struct layer *sqlite;
  struct layered *ld;
  struct store *s;
  struct op op[MAX_OPS];
  unsigned nops;
  struct moment *moment;
  size_t nmoments;
  char *buf;
};

/* Building the stack, over media or over what is left of them. */

static const struct layer_below below = { .exists = true,
                                          .size = NSECTORS * SECTOR,
                                          .sector_size = SECTOR,
                                          .export_name = "" };

static const struct layer_sqlite_options options = { .name = "crash.dbhd",
                                                     .log_length =
                                                       LOG_LENGTH_MIN };

static unsigned
make_members (const struct load *w, struct layer *sqlite,
              struct layered_member *m)
{
  const struct layer_ram_options ram = { .max = w->bounded ? 1 << 20 : 0 };
  unsigned n = 0;

  if (w->ram)
    m[n++] = (struct layered_member){ .layer = layer_ram_create (&ram, &below),
                                      .write_back = true,
                                      .read_cache = true,
                                      .max = ram.max };
  m[n++] = (struct layered_member){ .layer = sqlite,
                                    .write_back = w->write_back,
                                    .write_through = !w->write_back,
                                    .read_cache = true,
                                    .max = w->bounded ? 4 << 20 : 0 };
  return n;
}

static struct layered *
build (const struct load *w, struct store *file, struct store *disk,
       struct layer **sqlite)
{
  const struct layered_bottom lb = { .exists = true,
                                     .size = NSECTORS * SECTOR,
                                     .info = disk->info };
  struct layered_member m[2];
  enum layered_status status;
  struct layered *ld;
  unsigned which;

  *sqlite = layer_sqlite_open (file, &options, &below);
  if (*sqlite == NULL) {
    log_memory_print ();
    ck_abort_msg ("the layer does not open");
  }
  /* One thread, so that moments are in order. */
  sqlite_ckpt_stop (to_sqlite (*sqlite));
  ld = layered_create (m, make_members (w, *sqlite, m), &lb, 0, false, &status,
                       &which);
  ck_assert_msg (ld != NULL, "%s", layered_status_string (status));
  return ld;
}

/* The work load. */

static int
note_moment (void *opaque, const struct store_op *op, bool done)
{
  struct load *w = opaque;

  if (done && op->kind != STORE_OP_READ && w->nmoments < MAX_MOMENTS)
    w->moment[w->nmoments++] = (struct moment){ store_sim_position (w->file),
                                                store_sim_position (w->disk) };
  return 0;
}

static void
choose (struct load *w, struct op *o)
{
  static const enum kind kinds[] = { WRITE,      WRITE,    WRITE, WRITE, WRITE,
                                     WRITE,      WRITE,    ZERO,  ZERO,  READ,
                                     READ,       FLUSH,    FLUSH, EVICT, COMMIT,
                                     CHECKPOINT, FUA_WRITE };

  o->kind = kinds[rng_below (&w->rng, ARRAY_SIZE (kinds))];
  /* Long zeroes go past the layer. */
  o->nsectors =
    1 + rng_below (&w->rng, rng_one_in (&w->rng, o->kind == ZERO ? 2 : 8) ?
                              NSECTORS :
                              200);
  o->sector = rng_below (&w->rng, NSECTORS - o->nsectors + 1);
}

static int
execute (struct load *w, const struct op *o)
{
  const uint64_t offset = o->sector * SECTOR, count = o->nsectors * SECTOR;
  struct layered_cache *c = w->ld->cache[w->ld->nlayers - 1];
  int err;

  for (uint64_t i = 0; i < o->nsectors; i++)
    sector_value_fill (w->buf + i * SECTOR, SECTOR, o->sector + i, o->value);
  switch (o->kind) {
  case WRITE:
  case FUA_WRITE:
    return store_write (w->s, w->buf, count, offset,
                        o->kind == WRITE ? 0 : STORE_FUA, &err);
  case ZERO:
    return store_zero (w->s, count, offset, STORE_MAY_TRIM, &err);
  case READ:
    return store_read (w->s, w->buf, count, offset, &err);
  case FLUSH:
    return store_flush (w->s, &err);
  case COMMIT:
    return layered_commit (w->ld, w->disk_way, &err);
  case EVICT:
    if (c != NULL)
      cache_shrink (c, w->disk_way, count, rng_one_in (&w->rng, 2));
    return 0;
  default:
    return layer_sqlite_checkpoint (w->sqlite, &err);
  }
}

static void
run_load (struct load *w, unsigned nops)
{
  const struct store_sim_options medium = {
    .piece_size = SECTOR,
    .info = { .fua = true, .trim = true, .zero = true, .fast_zero = true },
    .trim_fill = 0xdb
  };
  struct store_sim_options disk = medium;

  disk.size = NSECTORS * SECTOR;
  w->file = store_sim_create_with (&medium);
  w->disk = store_sim_create_with (&disk);
  ck_assert_int_eq (layer_sqlite_format (w->file, &options, &below), 0);
  store_sim_settle (w->file);
  w->file_way = store_fault_borrow (w->file);
  w->disk_way = store_fault_borrow (w->disk);
  w->ld = build (w, w->file_way, w->disk_way, &w->sqlite);
  w->s = store_layered_create (w->ld, w->disk_way);
  store_fault_set_hook (w->file_way, note_moment, w);
  store_fault_set_hook (w->disk_way, note_moment, w);
  w->moment[w->nmoments++] = (struct moment){ 0, 0 };
  for (w->nops = 0; w->nops < nops; w->nops++) {
    struct op *o = &w->op[w->nops];

    choose (w, o);
    o->value = SECTOR_VALUE_FIRST + w->nops;
    o->begun = w->nmoments;
    ck_assert_int_eq (execute (w, o), 0);
    o->ended = w->nmoments;
  }
}

/* What may be there. */

struct legal {
  const struct load *w;
  size_t at; /* moment */
  uint32_t *base;
  unsigned from, to; /* operations that are open */
};

static void
apply (const struct op *o, uint32_t *v)
{
  if (o->kind > ZERO)
    return;
  for (uint64_t s = o->sector; s < o->sector + o->nsectors; s++)
    v[s] = o->kind == ZERO ? SECTOR_VALUE_ZERO : o->value;
}

/* FUA promises its own range only, so it is left open. */
static void
find_legal (struct legal *g, size_t at)
{
  const struct load *w = g->w;

  g->at = at;
  g->from = g->to = 0;
  for (unsigned i = 0; i < w->nops; i++) {
    if ((w->op[i].kind == FLUSH || w->op[i].kind == COMMIT) &&
        w->op[i].ended <= at)
      g->from = i + 1;
    if (w->op[i].begun <= at)
      g->to = i + 1;
  }
  for (uint64_t s = 0; s < NSECTORS; s++)
    g->base[s] = SECTOR_VALUE_ZERO;
  for (unsigned i = 0; i < g->from; i++)
    apply (&w->op[i], g->base);
}

static bool
is_legal (const struct legal *g, uint64_t sector, int64_t value)
{
  bool base = true, found = false;

  for (unsigned i = g->from; i < g->to; i++) {
    const struct op *o = &g->w->op[i];
    const uint32_t v = o->kind == ZERO ? SECTOR_VALUE_ZERO : o->value;

    if (o->kind > ZERO || sector < o->sector ||
        sector >= o->sector + o->nsectors)
      continue;
    /* Nothing older than a FUA write that had returned. */
    if (o->kind == FUA_WRITE && o->ended <= g->at)
      base = found = false;
    found = found || v == value;
  }
  return found || (base && g->base[sector] == value);
}

/* All that may have to do with sector S. */
static void __attribute__ ((noreturn))
complain (const struct legal *g, const char *what, uint64_t s, int64_t value,
          uint32_t before)
{
  for (unsigned i = 0; i < g->to; i++) {
    const struct op *o = &g->w->op[i];

    if (o->kind > READ || (s >= o->sector && s < o->sector + o->nsectors))
      fprintf (stderr,
               "%u: kind %d value %" PRIu32 " [%" PRIu64 ", %" PRIu64
               ") at moments %zu to %zu\n",
               i, o->kind, o->value, o->sector, o->sector + o->nsectors,
               o->begun, o->ended);
  }
  ck_abort_msg ("power cut at moment %zu, %s: sector %" PRIu64 " has %" PRId64
                ", promised %" PRIu32
                ", operations %u to %u are open, seen before %" PRIu32,
                g->at, what, s, value, g->base[s], g->from, g->to, before);
}

static void
check_disk (const struct legal *g, struct store *s, const char *what,
            uint32_t *seen)
{
  char *buf = must_malloc (NSECTORS * SECTOR);
  int err;

  ck_assert_int_eq (store_read (s, buf, NSECTORS * SECTOR, 0, &err), 0);
  for (uint64_t i = 0; i < NSECTORS; i++) {
    const int64_t v = sector_value_of (buf + i * SECTOR, SECTOR, i);

    if (v == -1 || !is_legal (g, i, v) || (seen[i] != 0 && seen[i] != v))
      complain (g, what, i, v, seen[i]);
    seen[i] = v;
  }
  free (buf);
}

/* Cutting. */

static bool
pick_some (void *opaque, const struct store_sim_piece *p)
{
  return rng_one_in (opaque, 2);
}

static bool
pick_all (void *opaque, const struct store_sim_piece *p)
{
  return true;
}

static bool
pick_none (void *opaque, const struct store_sim_piece *p)
{
  return false;
}

static struct store *
crash (struct load *w, struct store *medium, uint64_t position)
{
  static const store_sim_pick picks[] = { pick_some, pick_some, pick_all,
                                          pick_none };

  return store_sim_crash (medium, position, false,
                          picks[rng_below (&w->rng, ARRAY_SIZE (picks))],
                          &w->rng);
}

static void
cut (struct load *w, struct legal *g)
{
  const struct moment *m = &w->moment[g->at];
  struct store *file = crash (w, w->file, m->file);
  struct store *disk = crash (w, w->disk, m->disk), *way, *s;
  uint32_t *seen = calloc (NSECTORS, sizeof *seen);
  struct layer *sqlite;
  struct layered *ld;
  int err;

  log_memory_clear ();
  ld = build (w, file, disk, &sqlite);
  ck_assert_int_eq (layered_resume (ld, disk, &err), 0);
  way = store_fault_borrow (disk);
  s = store_layered_create (ld, way);
  check_disk (g, s, "as it is found", seen);
  ck_assert_int_eq (layered_commit (ld, way, &err), 0);
  check_disk (g, s, "after all was moved down", seen);
  check_disk (g, disk, "in the disk alone", seen);
  store_close (s);
  layered_close (ld);
  store_close (disk);
  free (seen);
}

static void
cut_everywhere (struct load *w)
{
  const uint64_t moments = crash_number ("CRASH_MOMENTS", 60);
  const unsigned each = crash_number ("CRASH_EACH", 2);
  const size_t step = max_u64 (1, w->nmoments / moments);
  struct legal g = { .w = w, .base = calloc (NSECTORS, sizeof *g.base) };

  for (size_t at = rng_below (&w->rng, step); at < w->nmoments; at += step) {
    find_legal (&g, at);
    for (unsigned i = 0; i < each; i++)
      cut (w, &g);
  }
  free (g.base);
}

static void
one_seed (uint64_t seed)
{
  struct load *w = calloc (1, sizeof *w);

  rng_init (&w->rng, seed);
  w->write_back = seed % 3 != 0;
  w->ram = seed % 4 == 1;
  /* Without a bound write-through keeps no marks. */
  w->bounded = !w->write_back || seed % 2 == 0;
  w->buf = must_malloc (NSECTORS * SECTOR);
  w->moment = calloc (MAX_MOMENTS, sizeof w->moment[0]);
  run_load (w, 30 + rng_below (&w->rng, MAX_OPS - 30));
  cut_everywhere (w);
  store_close (w->s);
  layered_close (w->ld);
  store_close (w->file);
  store_close (w->disk);
  free (w->moment);
  free (w->buf);
  free (w);
}

START_TEST (power_cuts)
{
  const uint64_t first = crash_number ("SEED", 1);
  const unsigned n = crash_number ("CRASH_SEEDS", 12);

  for (uint64_t seed = first; seed < first + n; seed++) {
    printf ("SEED=%" PRIu64 "\n", seed);
    fflush (stdout);
    one_seed (seed);
  }
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("crash-layered");
  TCase *c = test_case (suite, "power cuts");

  tcase_set_timeout (c, 36000);
  tcase_add_test (c, power_cuts);
  return test_run (suite);
}
