/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Cutting the power under layer-sqlite.  A random work load runs over a
 * simulated medium; then for many moments, and for many subsets of what
 * had not been synced at that moment, the layer is opened, recovers, and
 * every sector is compared with what may be there: what the last flush
 * before the cut promised, or what some operation since then wrote; and
 * where that was a LAYER_DIRTY write, the cluster has its mark.  In
 * some loads a thread does checkpoints all the time.  At the end the
 * layer is closed: then everything must be there, whatever happens.
 *
 * CRASH_SEEDS is how many work loads to run, SEED the first, CRASH_EACH
 * how many subsets of each kind to try at each moment.
 */

#include <config.h>

#include <check.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "base/align.h"
#include "base/cleanup.h"
#include "layer/sqlite/sqlite-impl.h"
#include "sector-values.h"
#include "support/log-memory.h"
#include "support/main.h"
#include "support/rng.h"
#include "support/store-fault.h"
#include "support/store-sim.h"

#define DISK_CLUSTERS 96
#define MAX_OPS 400

enum kind {
  WRITE,
  FUA_WRITE,
  POPULATE,
  ZERO,
  FUA_ZERO,
  DISCARD,
  SET_CLEAN, /* of a whole cluster */
  FLUSH,
  CHECKPOINT
};

struct op {
  enum kind kind;
  bool dirty; /* LAYER_DIRTY */
  uint32_t value;
  uint64_t sector, nsectors;
  uint64_t begun, ended; /* positions of the medium */
};

struct load {
  uint32_t sector_size;
  uint64_t nsectors;
  struct rng rng;
  struct store *medium;
  struct layer *layer;
  struct op op[MAX_OPS];
  unsigned nops;
  _Atomic bool done;
  uint32_t *now; /* values */
  char *buf;
};

static const struct layer_below nothing = { .exists = false,
                                            .export_name = "" };

static struct layer_sqlite_options
options (const struct load *w)
{
  return (struct layer_sqlite_options){ .name = "crash.dbhd",
                                        .size = w->nsectors * w->sector_size,
                                        .sector_size = w->sector_size,
                                        .log_length = LOG_LENGTH_MIN };
}

/* The work load. */

static uint64_t
cluster_of (const struct load *w, uint64_t sector)
{
  return sector * w->sector_size / SDB_CLUSTER;
}

/* Does O cover all of cluster C? */
static bool
covers (const struct load *w, const struct op *o, uint64_t c)
{
  const uint64_t n = SDB_CLUSTER / w->sector_size;

  return o->sector <= c * n &&
         o->sector + o->nsectors >= min_u64 ((c + 1) * n, w->nsectors);
}

static bool
touches (const struct load *w, const struct op *o, uint64_t c)
{
  return o->nsectors > 0 && cluster_of (w, o->sector) <= c &&
         cluster_of (w, o->sector + o->nsectors - 1) >= c;
}

/* Does O remove the mark of cluster C? */
static bool
unmarks (const struct load *w, const struct op *o, uint64_t c)
{
  return (o->kind == SET_CLEAN || o->kind == DISCARD) && covers (w, o, c);
}

static void
apply_marks (const struct load *w, const struct op *o, bool *marked)
{
  for (uint64_t c = 0; c < DISK_CLUSTERS; c++) {
    if (o->dirty && touches (w, o, c))
      marked[c] = true;
    else if (unmarks (w, o, c))
      marked[c] = false;
  }
}

static void
apply (const struct op *o, uint32_t *v)
{
  if (o->kind == SET_CLEAN)
    return;
  for (uint64_t s = o->sector; s < o->sector + o->nsectors; s++) {
    if (o->kind == ZERO || o->kind == FUA_ZERO)
      v[s] = SECTOR_VALUE_ZERO;
    else if (o->kind == DISCARD)
      v[s] = SECTOR_VALUE_ABSENT;
    else if (o->kind != POPULATE || v[s] == SECTOR_VALUE_ABSENT)
      v[s] = o->value;
  }
}

static uint64_t
random_length (struct load *w)
{
  const uint64_t cluster = SDB_CLUSTER / w->sector_size;

  switch (rng_below (&w->rng, 8)) {
  case 0:
    return 1;
  case 1:
    return 1 + rng_below (&w->rng, cluster * 40);
  case 2:
    return cluster;
  case 3:
    return 1 + rng_below (&w->rng, cluster * 3);
  default:
    return 1 + rng_below (&w->rng, BLOCK / w->sector_size * 3);
  }
}

static void
choose (struct load *w, struct op *o, uint32_t value)
{
  static const enum kind kinds[] = {
    WRITE,     WRITE,    WRITE,    WRITE,      WRITE,     WRITE,     WRITE,
    FUA_WRITE, POPULATE, POPULATE, ZERO,       ZERO,      FUA_ZERO,  DISCARD,
    FLUSH,     FLUSH,    FLUSH,    CHECKPOINT, SET_CLEAN, SET_CLEAN, SET_CLEAN
  };

  o->kind = kinds[rng_below (&w->rng, ARRAY_SIZE (kinds))];
  o->value = value;
  if (o->kind == FLUSH || o->kind == CHECKPOINT)
    return;
  o->nsectors = min_u64 (random_length (w), w->nsectors);
  o->sector = rng_below (&w->rng, w->nsectors - o->nsectors + 1);
  if (rng_one_in (&w->rng, 3))
    o->sector = ROUND_DOWN (o->sector, SDB_CLUSTER / w->sector_size);
  o->dirty = (o->kind == WRITE || o->kind == FUA_WRITE || o->kind == ZERO ||
              o->kind == FUA_ZERO) &&
             rng_one_in (&w->rng, 2);
  if (o->kind == SET_CLEAN) {
    o->sector = ROUND_DOWN (o->sector, SDB_CLUSTER / w->sector_size);
    o->nsectors =
      min_u64 (SDB_CLUSTER / w->sector_size, w->nsectors - o->sector);
  }
}

static int
execute (struct load *w, const struct op *o)
{
  struct layer *l = w->layer;
  const unsigned dirty = o->dirty ? LAYER_DIRTY : 0;
  int err;

  for (uint64_t i = 0; i < o->nsectors; i++)
    sector_value_fill (w->buf + i * w->sector_size, w->sector_size,
                       o->sector + i, o->value);
  switch (o->kind) {
  case WRITE:
    return l->ops->write (l, w->buf, o->sector, o->nsectors, dirty, &err);
  case FUA_WRITE:
    return l->ops->write (l, w->buf, o->sector, o->nsectors, LAYER_FUA | dirty,
                          &err);
  case POPULATE:
    return l->ops->write (l, w->buf, o->sector, o->nsectors, LAYER_NO_OVERWRITE,
                          &err);
  case ZERO:
    return l->ops->zero (l, o->sector, o->nsectors, dirty, &err);
  case FUA_ZERO:
    return l->ops->zero (l, o->sector, o->nsectors, LAYER_FUA | dirty, &err);
  case DISCARD:
    return l->ops->discard (l, o->sector, o->nsectors, &err);
  case SET_CLEAN:
    return l->ops->set_clean (l, cluster_of (w, o->sector), &err);
  case FLUSH:
    return l->ops->flush (l, &err);
  default:
    return layer_sqlite_checkpoint (l, &err);
  }
}

static void *
checkpoints (void *opaque)
{
  struct load *w = opaque;
  int err;

  while (!w->done) {
    if (!to_sqlite (w->layer)->changed)
      sched_yield ();
    else if (layer_sqlite_checkpoint (w->layer, &err) == -1)
      abort ();
  }
  return NULL;
}

static void
run_load (struct load *w, unsigned nops, bool thread)
{
  const struct layer_sqlite_options o = options (w);
  pthread_t other;

  /* The medium does not tear what it calls a sector. */
  const struct store_sim_options medium = {
    .piece_size = w->sector_size,
    .info = { .fua = true, .trim = true, .zero = true },
    .trim_fill = 0xdb
  };

  w->medium = store_sim_create_with (&medium);
  ck_assert_int_eq (layer_sqlite_format (w->medium, &o, &nothing), 0);
  store_sim_settle (w->medium);
  /* A handle that the layer may close. */
  w->layer = layer_sqlite_open (store_fault_borrow (w->medium), &o, &nothing);
  ck_assert_ptr_nonnull (w->layer);
  if (!thread)
    sqlite_ckpt_stop (to_sqlite (w->layer));
  else
    ck_assert_int_eq (pthread_create (&other, NULL, checkpoints, w), 0);
  for (w->nops = 0; w->nops < nops; w->nops++) {
    struct op *p = &w->op[w->nops];

    memset (p, 0, sizeof *p);
    choose (w, p, SECTOR_VALUE_FIRST + w->nops);
    p->begun = store_sim_position (w->medium);
    ck_assert_int_eq (execute (w, p), 0);
    p->ended = store_sim_position (w->medium);
    apply (p, w->now);
  }
  w->done = true;
  if (thread)
    pthread_join (other, NULL);
  sqlite_ckpt_stop (to_sqlite (w->layer));
}

/* The legal states. */

/* What may be there: for each sector, the value that the last promise
 * left, and then those of the operations FROM .. TO-1.
 */
struct legal {
  const struct load *w;
  uint64_t position;
  bool in_flight; /* its last step had not returned */
  uint32_t *base;
  unsigned *origin; /* which operation left that */
  bool marked[DISK_CLUSTERS];
  unsigned from, to;
};

static uint32_t
value_of_op (const struct op *o)
{
  return o->kind == ZERO || o->kind == FUA_ZERO ? SECTOR_VALUE_ZERO :
         o->kind == DISCARD                     ? SECTOR_VALUE_ABSENT :
                                                  o->value;
}

/* What the operations before FROM left. */
static void
take_base (struct legal *g)
{
  const struct load *w = g->w;

  memset (g->base, 0, w->nsectors * sizeof *g->base);
  memset (g->marked, 0, sizeof g->marked);
  for (unsigned i = 0; i < g->from; i++) {
    const struct op *o = &w->op[i];

    apply (o, g->base);
    apply_marks (w, o, g->marked);
    for (uint64_t s = o->sector; s < o->sector + o->nsectors; s++) {
      if (g->base[s] == value_of_op (o))
        g->origin[s] = i;
    }
  }
}

static void
find_legal (struct legal *g, uint64_t position)
{
  g->position = position;
  g->from = g->to = 0;
  for (unsigned i = 0; i < g->w->nops; i++) {
    const struct op *o = &g->w->op[i];

    if ((o->kind == FLUSH || o->kind == FUA_WRITE || o->kind == FUA_ZERO) &&
        o->ended + g->in_flight <= position)
      g->from = i + 1;
    if (o->begun <= position)
      g->to = i + 1;
  }
  take_base (g);
}

static void
legal_init (struct legal *g, const struct load *w)
{
  memset (g, 0, sizeof *g);
  g->w = w;
  g->base = calloc (w->nsectors, sizeof *g->base);
  g->origin = calloc (w->nsectors, sizeof *g->origin);
}

static void
legal_fini (struct legal *g)
{
  free (g->base);
  free (g->origin);
}

static bool
is_legal (const struct legal *g, uint64_t sector, uint32_t value)
{
  if (g->base[sector] == value)
    return true;
  for (unsigned i = g->from; i < g->to; i++) {
    const struct op *o = &g->w->op[i];

    if (sector < o->sector || sector >= o->sector + o->nsectors)
      continue;
    if (value == value_of_op (o))
      return true;
  }
  return false;
}

/* If operation I left what is in cluster C, must C have its mark? */
static bool
needs_mark (const struct legal *g, unsigned i, uint64_t c)
{
  if (!g->w->op[i].dirty)
    return false;
  for (unsigned k = i + 1; k < g->to; k++) {
    if (unmarks (g->w, &g->w->op[k], c))
      return false;
  }
  return true;
}

/* SECTOR has VALUE.  Was that left by an operation of which the mark must
 * be there, whichever it was?
 */
static bool
must_be_marked (const struct legal *g, uint64_t sector, uint32_t value)
{
  const uint64_t c = cluster_of (g->w, sector);

  if (value == SECTOR_VALUE_ABSENT ||
      (g->base[sector] == value && !needs_mark (g, g->origin[sector], c)))
    return false;
  for (unsigned i = g->from; i < g->to; i++) {
    const struct op *o = &g->w->op[i];

    if (sector >= o->sector && sector < o->sector + o->nsectors &&
        o->kind != SET_CLEAN && value == value_of_op (o) &&
        !needs_mark (g, i, c))
      return false;
  }
  return true;
}

/* Was its mark promised, and not removed since? */
static bool
keeps_mark (const struct legal *g, uint64_t c)
{
  for (unsigned i = g->from; i < g->to; i++) {
    if (unmarks (g->w, &g->w->op[i], c))
      return false;
  }
  return g->marked[c];
}

/* Was its mark removed, durably, and not set since? */
static bool
must_be_unmarked (const struct legal *g, uint64_t c)
{
  for (unsigned i = g->from; i < g->to; i++) {
    if (g->w->op[i].dirty && touches (g->w, &g->w->op[i], c))
      return false;
  }
  return !g->marked[c];
}

static void
report (const struct legal *g, const char *what, uint64_t sector, int64_t value)
{
  fprintf (stderr,
           "power cut at %llu (%s): sector %llu has value %lld\n"
           "promised %u; operations %u to %u are open:\n",
           (unsigned long long) g->position, what, (unsigned long long) sector,
           (long long) value, g->base[sector], g->from, g->to);
  for (unsigned i = 0; i < g->to; i++) {
    const struct op *o = &g->w->op[i];

    if (o->kind == FLUSH || o->kind == CHECKPOINT ||
        (sector >= o->sector && sector < o->sector + o->nsectors))
      fprintf (stderr, "  %u: kind %d%s value %u [%llu, %llu) at %llu-%llu\n",
               i, o->kind, o->dirty ? " dirty" : "", o->value,
               (unsigned long long) o->sector,
               (unsigned long long) (o->sector + o->nsectors),
               (unsigned long long) o->begun, (unsigned long long) o->ended);
  }
}

static bool
is_marked (struct layer *l, uint64_t c)
{
  return l->ops->next_dirty (l, c, c + 1) == c;
}

static bool
check_marks (const struct legal *g, struct layer *l, const char *what)
{
  for (uint64_t c = 0; c < DISK_CLUSTERS; c++) {
    const bool is = is_marked (l, c);

    if (is ? must_be_unmarked (g, c) : keeps_mark (g, c)) {
      fprintf (stderr, "cluster %llu is %smarked\n", (unsigned long long) c,
               is ? "" : "not ");
      report (g, what, c * SDB_CLUSTER / g->w->sector_size, -2);
      return false;
    }
  }
  return true;
}

static bool
check_sectors (const struct legal *g, struct layer *l, const char *what)
{
  const struct load *w = g->w;
  CLEANUP_FREE char *buf = malloc (w->nsectors * w->sector_size);
  int err;

  for (uint64_t s = 0; s < w->nsectors; s++) {
    char *p = buf + s * w->sector_size;
    CLEANUP (marker_fini) struct marker m;
    int64_t value = SECTOR_VALUE_ABSENT;

    marker_init (&m, s, 1);
    if (l->ops->read (l, p, s, 1, &m, &err) == -1)
      return false;
    if (marker_full (&m))
      value = sector_value_of (p, w->sector_size, s);
    if (value == -1 || !is_legal (g, s, (uint32_t) value)) {
      report (g, what, s, value);
      return false;
    }
    if (must_be_marked (g, s, (uint32_t) value) &&
        !is_marked (l, cluster_of (w, s))) {
      fprintf (stderr, "the mark is missing\n");
      report (g, what, s, value);
      return false;
    }
  }
  return true;
}

static bool
check_image (void *opaque, struct store *image, const char *what)
{
  const struct legal *g = opaque;
  struct layer_sqlite_options o = options (g->w);
  struct layer_sqlite_report r;
  struct layer *l;
  bool ok;
  int err;

  o.read_only = true;
  log_memory_clear ();
  l = layer_sqlite_open (image, &o, &nothing);
  if (l == NULL) {
    log_memory_print ();
    fprintf (stderr, "power cut at %llu (%s): the layer does not open\n",
             (unsigned long long) g->position, what);
    abort ();
  }
  ok = check_sectors (g, l, what) && check_marks (g, l, what);
  if (layer_sqlite_inspect (l, &r, &err) == -1 || r.trouble != NULL) {
    fprintf (stderr, "power cut at %llu (%s): %s\n",
             (unsigned long long) g->position, what, r.trouble);
    ok = false;
  }
  free (r.trouble);
  if (!ok)
    abort ();
  /* The image belongs to the caller. */
  to_sqlite (l)->file = store_sim_create (0);
  layer_close (l);
  return true;
}

/* Every moment is too much; take up to MOMENTS, spread evenly with a
 * random start.
 */
static void
cut_everywhere (struct load *w, uint64_t seed)
{
  const uint64_t moments = crash_number ("CRASH_MOMENTS", 60);
  const uint64_t end = store_sim_position (w->medium);
  const uint64_t step = max_u64 (1, end / moments);
  struct legal g;
  const struct store_sim_plan plan = {
    .which = STORE_SIM_EVERYTHING | (seed % 2 ? STORE_SIM_IN_FLIGHT : 0),
    .max_each = crash_number ("CRASH_EACH", 3),
    .seed = seed,
  };

  legal_init (&g, w);
  g.in_flight = seed % 2;
  for (uint64_t p = rng_below (&w->rng, step) + 1; p <= end; p += step) {
    find_legal (&g, p);
    store_sim_crash_images (w->medium, p, &plan, check_image, &g);
  }
  legal_fini (&g);
}

static bool
pick_none (void *opaque, const struct store_sim_piece *p)
{
  return false;
}

/* The layer was closed: the file alone has all of it, with nothing to
 * recover.
 */
static void
check_closed (const struct load *w)
{
  struct legal g;
  struct store *copy = store_sim_crash (
    w->medium, store_sim_position (w->medium), false, pick_none, NULL);
  uint64_t run;
  char journal;
  int err;

  ck_assert_int_eq (store_read (copy, &journal, 1,
                                sdb_stream_offset (SDB_JOURNAL, 0, &run), &err),
                    0);
  ck_assert_int_eq (journal, 0);
  legal_init (&g, w);
  g.from = g.to = w->nops;
  take_base (&g);
  ck_assert_int_eq (memcmp (g.base, w->now, w->nsectors * sizeof *g.base), 0);
  check_image (&g, copy, "closed");
  legal_fini (&g);
  ck_assert (!log_memory_contains ("recovered"));
  store_close (copy);
}

static void
one_seed (uint64_t seed)
{
  struct load w = { .sector_size = seed % 3 == 2 ? 4096 : 512 };

  rng_init (&w.rng, seed);
  w.nsectors =
    (uint64_t) DISK_CLUSTERS * SDB_CLUSTER / w.sector_size - seed % 5;
  w.now = calloc (w.nsectors, sizeof *w.now);
  w.buf = malloc (w.nsectors * w.sector_size);
  run_load (&w, 40 + rng_below (&w.rng, 200), seed % 4 == 3);
  cut_everywhere (&w, seed);
  /* And the end that is not a crash. */
  layer_close (w.layer);
  check_closed (&w);
  store_close (w.medium);
  free (w.now);
  free (w.buf);
}

START_TEST (power_cuts)
{
  const uint64_t first = crash_number ("SEED", 1);
  const unsigned n = crash_number ("CRASH_SEEDS", 8);

  for (uint64_t seed = first; seed < first + n; seed++) {
    printf ("SEED=%llu\n", (unsigned long long) seed);
    fflush (stdout);
    one_seed (seed);
  }
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("crash-layer-sqlite");
  TCase *c = test_case (suite, "power cuts");

  tcase_set_timeout (c, 36000);
  tcase_add_test (c, power_cuts);
  return test_run (suite);
}
