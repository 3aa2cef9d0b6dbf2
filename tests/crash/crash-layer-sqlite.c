/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Cutting the power under layer-sqlite.  A random work load runs over a
 * simulated medium; then for many moments, and for many subsets of what
 * had not been synced at that moment, the layer is opened, recovers, and
 * every sector is compared with what may be there: what the last flush
 * before the cut promised, or what some operation since then wrote.
 *
 * CRASH_SEEDS is how many work loads to run, SEED the first, CRASH_EACH
 * how many subsets of each kind to try at each moment.
 */

#include <config.h>

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "base/align.h"
#include "base/cleanup.h"
#include "layer/sqlite/sqlite-impl.h"
#include "support/log-memory.h"
#include "support/main.h"
#include "support/rng.h"
#include "support/store-sim.h"

#define DISK_CLUSTERS 96
#define MAX_OPS 400

/* Values of a sector: absent, zero, or the number of the operation that
 * wrote it.
 */
#define V_ABSENT 0
#define V_ZERO 1
#define V_FIRST 2

enum kind { WRITE, FUA_WRITE, POPULATE, ZERO, DISCARD, FLUSH, CHECKPOINT };

struct op {
  enum kind kind;
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

/* The content of a sector that has VALUE: every eight bytes say so. */
static void
fill_sector (char *p, uint32_t sector_size, uint64_t sector, uint32_t value)
{
  uint32_t word[2] = { value, (uint32_t) sector };

  if (value <= V_ZERO)
    word[0] = word[1] = 0;
  for (uint32_t i = 0; i < sector_size; i += sizeof word)
    memcpy (p + i, word, sizeof word);
}

/* The value of the sector at P, or -1 if it is not one. */
static int64_t
value_of (const char *p, uint32_t sector_size, uint64_t sector)
{
  char want[4096];
  uint32_t value;

  memcpy (&value, p, sizeof value);
  fill_sector (want, sector_size, sector, value);
  if (memcmp (p, want, sector_size) != 0)
    return -1;
  return value == 0 ? V_ZERO : value;
}

/* The work load. */

static void
apply (const struct op *o, uint32_t *v)
{
  for (uint64_t s = o->sector; s < o->sector + o->nsectors; s++) {
    if (o->kind == ZERO)
      v[s] = V_ZERO;
    else if (o->kind == DISCARD)
      v[s] = V_ABSENT;
    else if (o->kind != POPULATE || v[s] == V_ABSENT)
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
  static const enum kind kinds[] = { WRITE,    WRITE, WRITE, WRITE,
                                     WRITE,    WRITE, WRITE, FUA_WRITE,
                                     POPULATE, ZERO,  ZERO,  DISCARD,
                                     FLUSH,    FLUSH, FLUSH, CHECKPOINT };

  o->kind = kinds[rng_below (&w->rng, ARRAY_SIZE (kinds))];
  o->value = value;
  if (o->kind == FLUSH || o->kind == CHECKPOINT)
    return;
  o->nsectors = min_u64 (random_length (w), w->nsectors);
  o->sector = rng_below (&w->rng, w->nsectors - o->nsectors + 1);
  if (rng_one_in (&w->rng, 3))
    o->sector = ROUND_DOWN (o->sector, SDB_CLUSTER / w->sector_size);
}

static int
execute (struct load *w, const struct op *o)
{
  struct layer *l = w->layer;
  int err;

  for (uint64_t i = 0; i < o->nsectors; i++)
    fill_sector (w->buf + i * w->sector_size, w->sector_size, o->sector + i,
                 o->value);
  switch (o->kind) {
  case WRITE:
    return l->ops->write (l, w->buf, o->sector, o->nsectors, 0, &err);
  case FUA_WRITE:
    return l->ops->write (l, w->buf, o->sector, o->nsectors, LAYER_FUA, &err);
  case POPULATE:
    return l->ops->write (l, w->buf, o->sector, o->nsectors, LAYER_NO_OVERWRITE,
                          &err);
  case ZERO:
    return l->ops->zero (l, o->sector, o->nsectors, 0, &err);
  case DISCARD:
    return l->ops->discard (l, o->sector, o->nsectors, &err);
  case FLUSH:
    return l->ops->flush (l, &err);
  default:
    return layer_sqlite_checkpoint (l, &err);
  }
}

static void
run_load (struct load *w, unsigned nops, bool thread)
{
  const struct layer_sqlite_options o = options (w);

  /* The medium does not tear what it calls a sector. */
  const struct store_sim_options medium = {
    .piece_size = w->sector_size,
    .info = { .fua = true, .trim = true, .zero = true },
    .trim_fill = 0xdb
  };

  w->medium = store_sim_create_with (&medium);
  ck_assert_int_eq (layer_sqlite_format (w->medium, &o, &nothing), 0);
  store_sim_settle (w->medium);
  w->layer = layer_sqlite_open (w->medium, &o, &nothing);
  ck_assert_ptr_nonnull (w->layer);
  if (!thread)
    sqlite_ckpt_stop (to_sqlite (w->layer));
  for (w->nops = 0; w->nops < nops; w->nops++) {
    struct op *p = &w->op[w->nops];

    memset (p, 0, sizeof *p);
    choose (w, p, V_FIRST + w->nops);
    p->begun = store_sim_position (w->medium);
    ck_assert_int_eq (execute (w, p), 0);
    p->ended = store_sim_position (w->medium);
    apply (p, w->now);
  }
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
  unsigned from, to;
};

static void
find_legal (struct legal *g, const struct load *w, uint64_t position)
{
  g->w = w;
  g->position = position;
  g->from = g->to = 0;
  for (unsigned i = 0; i < w->nops; i++) {
    const struct op *o = &w->op[i];

    if ((o->kind == FLUSH || o->kind == FUA_WRITE) &&
        o->ended + g->in_flight <= position)
      g->from = i + 1;
    if (o->begun <= position)
      g->to = i + 1;
  }
  memset (g->base, 0, w->nsectors * sizeof *g->base);
  for (unsigned i = 0; i < g->from; i++)
    apply (&w->op[i], g->base);
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
    if (value == (o->kind == ZERO    ? V_ZERO :
                  o->kind == DISCARD ? V_ABSENT :
                                       o->value))
      return true;
  }
  return false;
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
      fprintf (stderr, "  %u: kind %d value %u [%llu, %llu) at %llu-%llu\n", i,
               o->kind, o->value, (unsigned long long) o->sector,
               (unsigned long long) (o->sector + o->nsectors),
               (unsigned long long) o->begun, (unsigned long long) o->ended);
  }
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
    int64_t value = V_ABSENT;

    marker_init (&m, s, 1);
    if (l->ops->read (l, p, s, 1, &m, &err) == -1)
      return false;
    if (marker_full (&m))
      value = value_of (p, w->sector_size, s);
    if (value == -1 || !is_legal (g, s, (uint32_t) value)) {
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
  ok = check_sectors (g, l, what);
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

static unsigned
number (const char *name, unsigned def)
{
  const char *s = getenv (name);

  return s && *s ? (unsigned) strtoul (s, NULL, 0) : def;
}

/* Every moment is too much; take up to MOMENTS, spread evenly with a
 * random start.
 */
static void
cut_everywhere (struct load *w, uint64_t seed)
{
  const uint64_t moments = number ("CRASH_MOMENTS", 60);
  const uint64_t end = store_sim_position (w->medium);
  const uint64_t step = max_u64 (1, end / moments);
  struct legal g = { .base = calloc (w->nsectors, sizeof *g.base),
                     .in_flight = seed % 2 };
  const struct store_sim_plan plan = {
    .which = STORE_SIM_EVERYTHING | (seed % 2 ? STORE_SIM_IN_FLIGHT : 0),
    .max_each = number ("CRASH_EACH", 3),
    .seed = seed,
  };

  for (uint64_t p = rng_below (&w->rng, step) + 1; p <= end; p += step) {
    find_legal (&g, w, p);
    store_sim_crash_images (w->medium, p, &plan, check_image, &g);
  }
  free (g.base);
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
  free (w.now);
  free (w.buf);
}

START_TEST (power_cuts)
{
  const uint64_t first = number ("SEED", 1);
  const unsigned n = number ("CRASH_SEEDS", 12);

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
