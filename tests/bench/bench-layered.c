/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What the engine adds to a request of 4K that the top layer can answer:
 * a layer in memory alone, and through stacks over a disk in memory.
 *
 *     bench-layered [LIMIT]       a table of nanoseconds; fails if a stack
 *                                 adds more than LIMIT to a read or write
 *     bench-layered CASE OP N     N requests, to count instructions of
 *                                 (instructions.py)
 *
 * Requests go to random places of a disk that is all present in the top.
 */

#include <config.h>

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench-turns.h"
#include "layer/layer-ram.h"
#include "layered/store-layered.h"
#include "support/rng.h"
#include "support/store-mem.h"

enum { DISK = 64 << 20, BLOCK = 4096, SECTOR = 512, RUNS = 9, LAYERS = 3 };

struct subject {
  const char *name;
  unsigned nlayers; /* 0: the layer itself, without the engine */
  bool write_back;
  uint64_t max;
};

/* The bound is one that is never reached.  The bounded one also writes to
 * the disk below, which is in memory.
 */
static const struct subject subjects[] = {
  { "layer", 0, false, 0 },
  { "one", 1, false, 0 },
  { "three", LAYERS, false, 0 },
  { "bounded", 1, false, UINT64_C (1) << 30 },
  { "write-back", 1, true, UINT64_C (1) << 30 },
};
#define NSUBJECTS (sizeof subjects / sizeof subjects[0])

struct bench {
  const struct subject *subject;
  struct layer *layer; /* without the engine; otherwise NULL */
  struct store *store;
  struct rng rng;
  char buf[BLOCK];
};

static _Noreturn void
fail (const char *what)
{
  fprintf (stderr, "bench-layered: %s\n", what);
  exit (EXIT_FAILURE);
}

static struct layer *
make_layer (void)
{
  const struct layer_ram_options o = { .size = DISK, .sector_size = SECTOR };
  const struct layer_below nothing = { .exists = false, .export_name = "" };
  struct layer *l = layer_ram_create (&o, &nothing);

  if (l == NULL)
    fail ("no layer");
  return l;
}

static struct store *
make_stack (const struct subject *s)
{
  const struct store_mem_options o = store_mem_defaults (DISK);
  struct store *bottom = store_mem_create (&o);
  const struct layered_bottom lb = { .exists = true,
                                     .size = DISK,
                                     .info = bottom->info };
  struct layered_member m[LAYERS] = { 0 };
  enum layered_status status;
  unsigned which;
  struct layered *ld;
  struct store *store;

  for (unsigned i = 0; i < s->nlayers; i++) {
    m[i].layer = make_layer ();
    m[i].read_cache = true;
    m[i].write_back = s->write_back;
    /* Something must be both in a bounded layer and below. */
    m[i].write_through = s->max > 0 && !s->write_back;
    m[i].max = s->max;
  }
  ld = layered_create (m, s->nlayers, &lb, 0, false, &status, &which);
  if (ld == NULL)
    fail (layered_status_string (status));
  store = store_layered_create_owning (ld, bottom);
  if (store == NULL)
    fail ("no memory");
  return store;
}

/* One request, number N of them. */
static void
request (struct bench *b, bool write, uint64_t block)
{
  int err, r;

  if (b->layer == NULL)
    r = write ? store_write (b->store, b->buf, BLOCK, block * BLOCK, 0, &err) :
                store_read (b->store, b->buf, BLOCK, block * BLOCK, &err);
  else if (write)
    r = b->layer->ops->write (b->layer, b->buf, block * (BLOCK / SECTOR),
                              BLOCK / SECTOR, 0, &err);
  else {
    struct marker m;

    marker_init (&m, block * (BLOCK / SECTOR), BLOCK / SECTOR);
    r = b->layer->ops->read (b->layer, b->buf, m.sector, m.nsectors, &m, &err);
    if (!marker_full (&m))
      fail ("a miss");
    marker_fini (&m);
  }
  if (r == -1)
    fail (strerror (err));
}

static void
open_bench (struct bench *b, const struct subject *s)
{
  memset (b, 0, sizeof *b);
  b->subject = s;
  rng_init (&b->rng, 1);
  rng_fill (&b->rng, b->buf, sizeof b->buf);
  if (s->nlayers == 0)
    b->layer = make_layer ();
  else
    b->store = make_stack (s);
  for (uint64_t block = 0; block < DISK / BLOCK; block++)
    request (b, true, block);
}

static void
close_bench (struct bench *b)
{
  layer_close (b->layer);
  store_close (b->store);
}

static void
requests (struct bench *b, bool write, unsigned n)
{
  while (n-- > 0)
    request (b, write, rng_below (&b->rng, DISK / BLOCK));
}

/* Nanoseconds of the processor for a request. */
static double
measure (struct bench *b, bool write)
{
  enum { N = 50000 };
  const double start = bench_cpu_ns ();

  requests (b, write, N);
  return (bench_cpu_ns () - start) / N;
}

/* Subjects take turns; false if one adds more than LIMIT to the first. */
static bool
table (double limit)
{
  static struct bench b[NSUBJECTS];
  static double ns[NSUBJECTS][2][RUNS];
  double base[2];
  bool good = true;

  for (unsigned i = 0; i < NSUBJECTS; i++)
    open_bench (&b[i], &subjects[i]);
  for (unsigned run = 0; run < RUNS; run++) {
    for (unsigned i = 0; i < NSUBJECTS; i++) {
      for (unsigned write = 0; write < 2; write++)
        ns[i][write][run] = measure (&b[i], write);
    }
  }
  printf ("%-12s %10s %10s   ns for 4K, and more than the layer\n", "", "read",
          "write");
  for (unsigned i = 0; i < NSUBJECTS; i++) {
    const double read = bench_median (ns[i][0], RUNS),
                 write = bench_median (ns[i][1], RUNS);

    if (i == 0) {
      base[0] = read;
      base[1] = write;
    }
    printf ("%-12s %10.0f %10.0f   %+.0f %+.0f\n", subjects[i].name, read,
            write, read - base[0], write - base[1]);
    good = good && read - base[0] <= limit && write - base[1] <= limit;
    close_bench (&b[i]);
  }
  return good;
}

static void
only (const char *name, bool write, unsigned n)
{
  struct bench b;

  for (unsigned i = 0; i < NSUBJECTS; i++) {
    if (strcmp (subjects[i].name, name) != 0)
      continue;
    open_bench (&b, &subjects[i]);
    requests (&b, write, n);
    close_bench (&b);
    return;
  }
  fail ("no such case");
}

int
main (int argc, char *argv[])
{
  if (argc == 4) {
    only (argv[1], strcmp (argv[2], "write") == 0,
          (unsigned) strtoul (argv[3], NULL, 10));
    return EXIT_SUCCESS;
  }
  if (!table (argc > 1 ? strtod (argv[1], NULL) : 1e9)) {
    fprintf (stderr, "bench-layered: the engine adds more than %s ns\n",
             argv[1]);
    return EXIT_FAILURE;
  }
  return EXIT_SUCCESS;
}
